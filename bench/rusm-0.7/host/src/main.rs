//! Peer benchmark host: rusm-otp / rusm-wasm / rusm-rs 0.7.0.
//! Usage: rusm07-host <release directory of the components> <core module>. One JSON object per line on stdout.
use rusm_otp::{ExitReason, ProcessHandle, Received, Runtime};
use rusm_wasm::{PreparedComponent, WasmRuntime};
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 3; // a line each
const CALLS: [u64; 2] = [2_000, 20_000]; // warm-up, timed
const MESSAGES: [u64; 2] = [2_000, 100_000]; // warm-up, timed
const SPAWNS: u64 = 20_000;
const IN_FLIGHT: usize = 64;
const IDLE: usize = 1_000;
const LIMIT: Duration = Duration::from_secs(120); // of the whole run

type Res<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn print(measure: &str, value: f64, unit: &str) {
    println!(r#"{{"measure": "{measure}", "value": {value:.1}, "unit": "{unit}"}}"#);
}

fn resident_kib() -> Res<f64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: f64 = statm.split(' ').nth(1).ok_or("statm")?.parse()?;
    Ok(pages * 4.0)
}

/// Resident memory once it has stood still for half a second (waits at most 10 s).
async fn settled_kib() -> Res<f64> {
    let (mut last, mut still) = (resident_kib()?, 0);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = resident_kib()?;
        still = if now == last { still + 1 } else { 0 };
        last = now;
        if still == 5 {
            break;
        }
    }
    Ok(last)
}

async fn idle(rt: &Runtime, wr: &WasmRuntime, idle: &PreparedComponent) -> Res<f64> {
    let first = wr.spawn_component(idle); // one-time costs are not the processes' own
    rt.send(first.pid(), vec![0]);
    first.join().await;
    let before = settled_kib().await?;
    let handles: Vec<_> = (0..IDLE).map(|_| wr.spawn_component(idle)).collect();
    let after = settled_kib().await?;
    if rt.process_count() != IDLE {
        return Err(format!("{} of {IDLE} idle processes live", rt.process_count()).into());
    }
    for handle in handles {
        rt.send(handle.pid(), vec![0]);
        handle.join().await;
    }
    Ok((after - before) / IDLE as f64)
}

/// What fails to start also ends, only faster: see one end normally.
/// (A process that ended before it was monitored reads NoProc: try again.)
async fn ends_normally(rt: &Runtime, spawn: impl Fn() -> ProcessHandle) -> Res<()> {
    for _ in 0..100 {
        let (tx, rx) = tokio::sync::oneshot::channel();
        let watcher = rt.spawn(move |mut ctx| async move {
            let _ = tx.send(ctx.recv().await);
        });
        rt.monitor(watcher.pid(), spawn().pid());
        match rx.await? {
            Received::Down { reason: ExitReason::Normal, .. } => return Ok(()),
            Received::Down { reason: ExitReason::NoProc, .. } => continue,
            other => return Err(format!("nop ended with {other:?}").into()),
        }
    }
    Err("nop was never seen to end".into())
}

/// `IN_FLIGHT` lanes that spawn a process and wait for its end; processes per second.
async fn spawns(spawn: impl Fn() -> ProcessHandle + Clone + Send + 'static, total: u64) -> Res<f64> {
    let taken = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let lanes: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let (spawn, taken) = (spawn.clone(), taken.clone());
            tokio::spawn(async move {
                while taken.fetch_add(1, Ordering::Relaxed) < total {
                    spawn().join().await;
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await?;
    }
    Ok(total as f64 / start.elapsed().as_secs_f64())
}

/// Runs `driver` against `peer`, both guests; nanoseconds per timed operation.
async fn pair(
    rt: &Runtime,
    wr: &WasmRuntime,
    [peer, driver]: [&PreparedComponent; 2],
    [warm_up, timed]: [u64; 2],
) -> Res<f64> {
    let (tx, rx) = tokio::sync::oneshot::channel();
    let sink = rt.spawn(move |mut ctx| async move {
        if let Received::Message(bytes) = ctx.recv().await {
            let _ = tx.send(bytes);
        }
    });
    let peer = wr.spawn_component(peer);
    let driver = wr.spawn_component(driver);
    let control = [peer.pid().raw(), sink.pid().raw(), warm_up, timed];
    rt.send(driver.pid(), control.iter().flat_map(|w| w.to_le_bytes()).collect());
    let nanos = u64::from_le_bytes(rx.await?.as_slice().try_into()?);
    driver.join().await;
    peer.kill();
    peer.join().await;
    Ok(nanos as f64 / timed as f64)
}

async fn bench(dir: String, module: String) -> Res<()> {
    let rt = Runtime::new();
    let wr = Arc::new(WasmRuntime::with_limits(rt.clone(), 4000, 16 << 20)?);
    let compile = |file: &str| wr.compile_component(std::fs::read(format!("{dir}/{file}.wasm"))?);
    let main = |file: &str| wr.prepare_component(&compile(file)?, "run");
    let talking = compile("rusm07_guest")?;
    let role = |name: &str| wr.prepare_component(&talking, name);

    // First, while no freed memory of another measure can be reused.
    let kib = idle(&rt, &wr, &main("examples/idle")?).await?;

    let (mut call, mut spawn, mut spawn_core, mut send) = (vec![], vec![], vec![], vec![]);
    let [service, caller] = [role("service")?, role("caller")?];
    for _ in 0..ROUNDS {
        call.push(pair(&rt, &wr, [&service, &caller], CALLS).await?);
    }
    let nop = main("examples/nop")?;
    let component = {
        let wr = wr.clone();
        move || wr.spawn_component(&nop)
    };
    ends_normally(&rt, &component).await?;
    spawns(component.clone(), SPAWNS / 10).await?; // warm-up
    for _ in 0..ROUNDS {
        spawn.push(spawns(component.clone(), SPAWNS).await?);
    }
    // A plain program of preview 1.
    let program = wr.prepare(&wr.compile(std::fs::read(module)?)?, "_start")?;
    let program = {
        let wr = wr.clone();
        move || wr.spawn(&program)
    };
    ends_normally(&rt, &program).await?;
    spawns(program.clone(), SPAWNS / 10).await?; // warm-up
    for _ in 0..ROUNDS {
        spawn_core.push(spawns(program.clone(), SPAWNS).await?);
    }
    let [counter, sender] = [role("counter")?, role("sender")?];
    for _ in 0..ROUNDS {
        send.push(pair(&rt, &wr, [&counter, &sender], MESSAGES).await?);
    }

    for (measure, rounds, unit) in [
        ("call-rust-rust", call, "ns"),
        ("spawn-rust", spawn, "processes/s"),
        ("spawn-core", spawn_core, "processes/s"),
        ("send-rust", send, "ns"),
    ] {
        rounds.into_iter().for_each(|value| print(measure, value, unit));
    }
    print("idle-rust", kib, "KiB");
    wr.shutdown();
    Ok(())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Res<()> {
    let usage = "usage: rusm07-host <release directory of the components> <core module>";
    let [dir, module] = [1, 2].map(|at| std::env::args().nth(at).ok_or(usage));
    std::thread::spawn(|| {
        std::thread::sleep(LIMIT);
        eprintln!("time limit");
        std::process::exit(2);
    });
    // On a worker: the main thread is not one.
    tokio::spawn(bench(dir?, module?)).await?
}
