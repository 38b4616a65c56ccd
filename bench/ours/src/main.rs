//! RUSM's own figures of the group `engine`: a line of JSON each, `{ "measure", "value" }`, several for a measure that is
//! repeated. An argument names the one to measure.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rusm::{Built, Node, Project};
use rusm_codegen::value::{TextCall, parse_call, print_value};
use rusm_engine::{EngineConfig, Kind, Spawn};
use rusm_otp::{Context, ExitReason, Message, SpawnOptions};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let begun = Instant::now();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests");
    let project = Project::find(&folder)?;
    if std::env::args().any(|argument| argument == "cold-start") {
        return cold_start(&project, begun).await;
    }
    let built = project.build(&mut rusm_setup::Terminal::new())?;
    if std::env::args().any(|argument| argument == "build") {
        return Ok(());
    }
    let file = project.root().join("rusm.toml");
    let only = std::env::args().nth(1);
    let node = Node::boot(project.manifest(), &file, &built, EngineConfig::default()).await?;
    let wanted = |measure: &str| only.as_deref().is_none_or(|only| only == measure);
    // First of all: places that others have used before are resident already.
    if wanted("idle-rust") {
        idle(&node, "idle-rust", "idle-rust", 1000).await?;
    }
    if wanted("idle-ts") {
        idle(&node, "idle-ts", "echo-ts", 500).await?;
    }
    // Only by itself: what 30,000 processes leave behind would make the others slower.
    if only.as_deref() == Some("live") {
        row("live", live(&node, "echo-rust", 30_000).await?);
    }
    if only.as_deref() == Some("live-100k") {
        row("live-100k", live(&node, "echo-rust", 100_000).await?);
    }
    for (caller, callee, calls) in [
        ("caller-rust", "echo-rust", 200_000),
        ("caller-ts", "echo-rust", 20_000),
        ("caller-rust", "echo-ts", 20_000),
        ("caller-ts", "echo-ts", 20_000),
    ] {
        let name = format!("call-{}-{}", tail(caller), tail(callee));
        if wanted(&name) {
            rows(&name, || number(&node, caller, format!("call({callee:?}, {calls})"))).await?;
        }
    }
    if wanted("figures") {
        figures(&node, &project, &built).await?;
    }
    if wanted("send-rust") {
        let text = "send-raw(\"counter-rust\", 200000, 16)";
        rows("send-rust", || number(&node, "caller-rust", text.into())).await?;
    }
    if wanted("send-service") {
        let text = "send(\"echo-rust\", 200000, 16)";
        rows("send-service", || number(&node, "caller-rust", text.into())).await?;
    }
    if wanted("send-rust-64k") {
        let text = "send-raw(\"counter-rust\", 20000, 65536)";
        rows("send-rust-64k", || number(&node, "caller-rust", text.into())).await?;
        rows("copy-64k-twice", async || Ok(copy_twice())).await?;
    }
    if wanted("chain-4") {
        let text = "chain(\"echo-rust\", 50000)";
        rows("chain-4", || number(&node, "caller-rust", text.into())).await?;
    }
    if wanted("callback") {
        callbacks(&node).await?;
    }
    if wanted("call-8-1") {
        rows("call-8-1", || eight_callers(&node, 25_000)).await?;
    }
    if wanted("stream") {
        let text = "read(\"echo-rust\", 20000)";
        rows("stream", || number(&node, "caller-rust", text.into())).await?;
    }
    if wanted("stream-bytes") {
        let text = "read-bytes(\"echo-rust\", 20000)";
        rows("stream-bytes", || number(&node, "caller-rust", text.into())).await?;
    }
    if wanted("echo-bytes") {
        let text = "copy-bytes(\"echo-rust\", 16384)";
        rows("echo-bytes", || number(&node, "caller-rust", text.into())).await?;
        let text = "copy-bytes(\"echo-ts\", 4096)";
        rows("echo-bytes-ts", || number(&node, "caller-ts", text.into())).await?;
    }
    if wanted("restart") {
        rows("restart", || restarts(&node, 200)).await?;
    }
    for (spin, p99, kill) in
        [("spin()", "spin-p99", "kill-spinner"), ("spin-in-host()", "spin-host-p99", "kill-host-spinner")]
    {
        if wanted(p99) {
            rows(p99, || beside_spinners(&node, spin, 1_000)).await?;
        }
        if wanted(kill) {
            rows(kill, || kills(&node, spin, 50)).await?;
        }
    }
    // By itself, as the bare engine's.
    if only.as_deref() == Some("spawn-rust") {
        rows("spawn-rust", || spawn_run_exit(&node, "short-rust", 40_000)).await?;
    }
    if only.as_deref() == Some("spawn-core") {
        rows("spawn-core", || spawn_run_exit(&node, "program-rust", 40_000)).await?;
    }
    if wanted("spawn-ts") {
        rows("spawn-ts", || spawn_run_exit(&node, "echo-ts", 20_000)).await?;
    }
    Ok(())
}

/// Per cent that a call takes longer on a node that measures times than on one that does not, eight times in turns.
async fn figures(node: &Node, project: &Project, built: &[Built]) -> anyhow::Result<()> {
    let file = project.root().join("rusm.toml");
    let config =
        EngineConfig { figures: false, sync_processes: 100, async_processes: 10, ..EngineConfig::default() };
    let without = Node::boot(project.manifest(), &file, built, config).await?;
    let text = "call(\"echo-rust\", 100000)";
    for _ in 0..8 {
        let on = number(node, "caller-rust", text.into()).await?;
        let off = number(&without, "caller-rust", text.into()).await?;
        row("figures", (on / off - 1.0) * 100.0);
    }
    Ok(())
}

/// The round trip of a callback, and how much longer it takes than a call, four times in turns.
async fn callbacks(node: &Node) -> anyhow::Result<()> {
    for _ in 0..4 {
        let called = number(node, "caller-rust", "call(\"echo-rust\", 100000)".into()).await?;
        let called_back = number(node, "caller-rust", "callback(\"echo-rust\", 100000)".into()).await?;
        row("callback", called_back);
        row("callback-by-call", called_back / called);
    }
    Ok(())
}

fn row(measure: &str, value: f64) {
    println!("{}", serde_json::json!({ "measure": measure, "value": value }));
}

fn tail(name: &str) -> &str {
    name.rsplit('-').next().unwrap_or(name)
}

/// Three times.
async fn rows<F: Future<Output = anyhow::Result<f64>>>(
    measure: &str,
    mut run: impl FnMut() -> F,
) -> anyhow::Result<()> {
    for _ in 0..3 {
        row(measure, run().await?);
    }
    Ok(())
}

/// What a function of a named service answers, as a number.
async fn number(node: &Node, name: &'static str, text: String) -> anyhow::Result<f64> {
    let component = node.engine().component(name).context("a component")?;
    let TextCall { contract, function, body } = parse_call(&component.contracts().implements, &text)?;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let key = function.key;
    let call = move |context: Context| async move {
        // The benchmark waits for it below.
        let _ = sender.send(context.call(&name.into(), key, body, Duration::from_secs(120)).await);
        ExitReason::Normal
    };
    node.engine().runtime().spawn(SpawnOptions::new("bench"), call)?;
    let reply = receiver.await??;
    let printed = print_value(contract, &function.reply().context("a call")?, &reply)?;
    Ok(printed.parse()?)
}

/// Nanoseconds of a call, with eight processes that call one service at once.
async fn eight_callers(node: &Node, calls: u32) -> anyhow::Result<f64> {
    let engine = node.engine();
    let callee = engine.spawn(Spawn::new("echo-rust")).await?.pid;
    let component = engine.component("caller-rust").context("a component")?;
    let text = format!("call-pid({{node: {}, id: {}}}, {calls})", callee.node, callee.id);
    let TextCall { function, body, .. } = parse_call(&component.contracts().implements, &text)?;
    let (key, body) = (function.key, bytes::Bytes::from(body));
    let mut callers = Vec::new();
    for _ in 0..8 {
        callers.push(engine.spawn(Spawn::new("caller-rust")).await?.pid);
    }
    let start = Instant::now();
    let mut answers = Vec::new();
    for caller in &callers {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let (target, body) = ((*caller).into(), body.clone());
        let call = move |context: Context| async move {
            let _ = sender.send(context.call(&target, key, body, Duration::from_secs(120)).await);
            ExitReason::Normal
        };
        engine.runtime().spawn(SpawnOptions::new("bench"), call)?;
        answers.push(receiver);
    }
    for answer in answers {
        answer.await??;
    }
    let took = start.elapsed();
    callers.into_iter().chain([callee]).for_each(|pid| engine.runtime().kill(pid));
    // Each one warms up with a tenth more.
    Ok(took.as_nanos() as f64 / (8.0 * f64::from(calls) * 1.1))
}

/// Nanoseconds to copy 64 KiB twice, which is what a message costs at least.
fn copy_twice() -> f64 {
    let (source, mut between, mut target) = (vec![7_u8; 65_536], vec![0; 65_536], vec![0; 65_536]);
    let start = Instant::now();
    for _ in 0..20_000 {
        between.copy_from_slice(std::hint::black_box(&source));
        target.copy_from_slice(std::hint::black_box(&between));
        std::hint::black_box(&mut target);
    }
    start.elapsed().as_nanos() as f64 / 20_000.0
}

/// Microseconds from the crash of a service to the start of the next one by its supervisor: half of them take at most this.
async fn restarts(node: &Node, rounds: usize) -> anyhow::Result<f64> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let engine = node.engine().clone();
    let component = engine.component("echo-rust").context("a component")?;
    let TextCall { function, body, .. } = parse_call(&component.contracts().implements, "crash()")?;
    let (key, body) = (function.key, bytes::Bytes::from(body));
    let name = "restarted";
    let start = {
        let engine = engine.clone();
        move |parent: rusm_otp::Parent| {
            let spawn = Spawn::new("echo-rust").name(Some(name.into())).parent(parent.pid, true, false);
            let engine = engine.clone();
            async move { Ok(engine.spawn(spawn).await?.pid) }
        }
    };
    let supervisor = rusm_otp::Supervisor::new("bench").intensity(usize::MAX, Duration::from_secs(1));
    let supervisor =
        supervisor.child(rusm_otp::ChildSpec::new(name, start)).start(engine.runtime(), None).await?;
    let measure = move |context: Context| async move {
        let runtime = context.runtime().clone();
        let mut times = Vec::new();
        for _ in 0..rounds {
            let Some(before) = runtime.whereis(name) else { continue };
            runtime.monitor(context.pid(), &before.into());
            let begun = Instant::now();
            let _ = runtime.cast(context.pid(), &before.into(), key, body.clone());
            let Message::Down { .. } = context.receive().await else { break };
            while runtime.whereis(name).is_none_or(|now| now == before) {
                tokio::task::yield_now().await;
            }
            times.push(begun.elapsed());
        }
        let _ = sender.send(times);
        ExitReason::Normal
    };
    engine.runtime().spawn(SpawnOptions::new("bench"), measure)?;
    let mut times = receiver.await?;
    supervisor.stop().await;
    times.sort();
    Ok(times[times.len() / 2].as_nanos() as f64 / 1e3)
}

/// A service that spins, in one of its ways.
async fn spinner(node: &Node, spin: &str) -> anyhow::Result<rusm_otp::Pid> {
    let engine = node.engine();
    let spinner = engine.spawn(Spawn::new("echo-rust")).await?.pid;
    let component = engine.component("echo-rust").context("a component")?;
    let TextCall { function, body, .. } = parse_call(&component.contracts().implements, spin)?;
    let nobody = rusm_otp::Pid { node: engine.runtime().node_id(), id: 0 };
    engine.runtime().cast(nobody, &spinner.into(), function.key, body)?;
    Ok(spinner)
}

/// Microseconds from the time that a process is due to wake until it has called an ordinary service, with a spinner for each
/// worker: 99 % take at most this.
async fn beside_spinners(node: &Node, spin: &str, calls: usize) -> anyhow::Result<f64> {
    let engine = node.engine();
    let callee = engine.spawn(Spawn::new("echo-rust")).await?.pid;
    let component = engine.component("echo-rust").context("a component")?;
    let TextCall { function, body, .. } = parse_call(&component.contracts().implements, "echo(7)")?;
    let (key, body) = (function.key, bytes::Bytes::from(body));
    let spinners = [spinner(node, spin).await?, spinner(node, spin).await?];
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let caller = move |context: Context| async move {
        let mut times = Vec::new();
        for _ in 0..calls {
            let due = tokio::time::Instant::now() + Duration::from_millis(2);
            tokio::time::sleep_until(due).await;
            let _ = context.call(&callee.into(), key, body.clone(), Duration::from_secs(60)).await;
            times.push(due.elapsed());
        }
        let _ = sender.send(times);
        ExitReason::Normal
    };
    engine.runtime().spawn(SpawnOptions::new("bench"), caller)?;
    let mut times = receiver.await?;
    spinners.into_iter().chain([callee]).for_each(|pid| engine.runtime().kill(pid));
    times.sort();
    Ok(times[times.len() * 99 / 100].as_nanos() as f64 / 1e3)
}

/// Microseconds from the kill of a spinner to its end: none of so many takes longer.
async fn kills(node: &Node, spin: &str, rounds: usize) -> anyhow::Result<f64> {
    let mut longest = Duration::ZERO;
    for _ in 0..rounds {
        let spinner = spinner(node, spin).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let watch = move |context: Context| async move {
            context.runtime().monitor(context.pid(), &spinner.into());
            let begun = Instant::now();
            context.runtime().kill(spinner);
            let _ = context.receive().await;
            let _ = sender.send(begun.elapsed());
            ExitReason::Normal
        };
        node.engine().runtime().spawn(SpawnOptions::new("bench"), watch)?;
        longest = longest.max(receiver.await?);
    }
    Ok(longest.as_nanos() as f64 / 1e3)
}

/// Milliseconds from the start of this program to a node with ten components that were compiled before.
async fn cold_start(project: &Project, begun: Instant) -> anyhow::Result<()> {
    let mut manifest = project.manifest().clone();
    let names: Vec<String> = manifest.components.keys().cloned().collect();
    let mut built = Vec::new();
    for number in 0..10 {
        let of = &names[number % names.len()];
        let name = format!("{of}-{number}");
        manifest.components.insert(name.clone(), manifest.components[of].clone());
        built.push(rusm::Built { name, path: project.artifact(of) });
    }
    manifest.root.children.clear();
    let file = project.root().join("rusm.toml");
    let node = Node::boot(&manifest, &file, &built, EngineConfig::default()).await?;
    row("cold-start", begun.elapsed().as_secs_f64() * 1e3);
    drop(node);
    Ok(())
}

/// Processes a second, each spawned, run to the end of its constructor or main function, and gone; 64 at a time.
async fn spawn_run_exit(node: &Node, component: &'static str, processes: u32) -> anyhow::Result<f64> {
    // A service stays until it is ended; others end by themselves.
    let stays = node.engine().component(component).context(component)?.kind() == Kind::Service;
    let expected = if stays { ExitReason::Killed } else { ExitReason::Normal };
    let start = Instant::now();
    let mut lanes = Vec::new();
    for _ in 0..64 {
        let (engine, expected) = (node.engine().clone(), expected.clone());
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let lane = move |context: Context| async move {
            let mut done = 0;
            for _ in 0..processes / 64 {
                let spawn = Spawn::new(component).parent(context.pid(), false, true);
                let Ok(spawned) = engine.spawn(spawn).await else { break };
                if stays {
                    engine.runtime().kill(spawned.pid);
                }
                let Message::Down { reason, .. } = context.receive().await else { break };
                if reason != expected {
                    break;
                }
                done += 1;
            }
            let _ = sender.send(done);
            ExitReason::Normal
        };
        node.engine().runtime().spawn(SpawnOptions::new("lane"), lane)?;
        lanes.push(receiver);
    }
    let mut done = 0;
    for lane in lanes {
        done += lane.await?;
    }
    ensure!(done == processes / 64 * 64, "{done} of {processes} processes ran");
    Ok(f64::from(done) / start.elapsed().as_secs_f64())
}

/// Services that live at once: each is called when all are there, and only one that answers counts.
async fn live(node: &Node, component: &str, processes: u32) -> anyhow::Result<f64> {
    let before = resident()?;
    let start = Instant::now();
    let mut pids = Vec::new();
    for _ in 0..processes {
        match node.engine().spawn(Spawn::new(component)).await {
            Ok(spawned) => pids.push(spawned.pid),
            Err(error) => {
                eprintln!("live: {error}");
                break;
            }
        }
    }
    let (spawned, taken) = (start.elapsed(), resident()?.saturating_sub(before));
    let component = node.engine().component(component).context("a component")?;
    let TextCall { function, body, .. } = parse_call(&component.contracts().implements, "echo(7)")?;
    let (key, body, callees) = (function.key, bytes::Bytes::from(body), pids.clone());
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let caller = move |context: Context| async move {
        let mut answered = 0;
        for pid in callees {
            let reply = context.call(&pid.into(), key, body.clone(), Duration::from_secs(60)).await;
            answered += u32::from(reply.is_ok_and(|reply| reply == body));
        }
        let _ = sender.send(answered);
        ExitReason::Normal
    };
    let start = Instant::now();
    node.engine().runtime().spawn(SpawnOptions::new("bench"), caller)?;
    let answered = receiver.await?;
    let maps = std::fs::read_to_string("/proc/self/maps")?.lines().count();
    eprintln!(
        "live: {} spawned in {spawned:.2?}, {} KiB each, {maps} maps, all called in {:.2?}",
        pids.len(),
        taken / 1024 / pids.len().max(1),
        start.elapsed(),
    );
    for pid in pids {
        node.engine().runtime().kill(pid);
    }
    Ok(f64::from(answered))
}

/// KiB that one idle process takes: resident pages, each of which counts in whole for every process that has mapped it, and its
/// own, in which a page that several have is divided among them.
async fn idle(node: &Node, measure: &str, component: &str, processes: u32) -> anyhow::Result<()> {
    let before = (resident()?, own()?);
    let mut pids = Vec::new();
    for _ in 0..processes {
        pids.push(node.engine().spawn(Spawn::new(component)).await?.pid);
    }
    let taken = (resident()?.saturating_sub(before.0), own()?.saturating_sub(before.1));
    for pid in pids {
        node.engine().runtime().kill(pid);
    }
    let each = |bytes: usize| bytes as f64 / f64::from(processes) / 1024.0;
    row(measure, each(taken.0));
    row(&format!("{measure}-own"), each(taken.1));
    Ok(())
}

/// Bytes of memory of this program, with its part of what is shared: what the kernel calls the proportional set size.
fn own() -> anyhow::Result<usize> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line =
        rollup.lines().find_map(|line| line.strip_prefix("Pss:")).context("a proportional set size")?;
    let kib: usize = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}

fn resident() -> anyhow::Result<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: usize = statm.split(' ').nth(1).context("resident pages")?.parse()?;
    Ok(pages * 4096)
}
