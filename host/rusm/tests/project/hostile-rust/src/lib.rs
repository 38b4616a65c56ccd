use std::time::Duration;

use rusm_rs::bindings::types::{
    CallError, SendError as RawSendError, ShortBody, StreamDirection, StreamError,
};
use rusm_rs::bindings::wait::ShortAnswer;
use rusm_rs::bindings::{groups as raw_groups, process as raw_process, timers as raw_timers, wait};
use rusm_rs::supervisor::{ChildError, ChildSpec, Supervision, Supervisor};
use rusm_rs::{Crash, ExitReason, Pid, SendError, Spawn, groups, log, names, process, timers};

rusm_rs::contract!("test:probe/limits");

#[rusm_rs::service("test:probe/hostile")]
struct Hostile;

impl hostile::Service for Hostile {
    fn init() -> Self {
        Hostile
    }

    fn attack(&mut self, how: String) -> String {
        if let Some(pid) = how.strip_prefix("on-pid ") {
            return attack_process(pid_of(pid));
        }
        if let Some(pid) = how.strip_prefix("unlink ") {
            process::unlink(pid_of(pid));
            return "done".into();
        }
        if let Some(reference) = how.strip_prefix("on-reference ") {
            return attack_reference(reference.parse().expect("a number"));
        }
        if let Some(name) = how.strip_prefix("on-name ") {
            return attack_name(name);
        }
        match how.as_str() {
            "forge-pids" => forge_pids(),
            "forge-streams" => forge_streams(),
            "squat-names" => format!("{:?}", names::register("probe-rust")).to_lowercase(),
            "long-name" => format!("{:?}", names::register(&format!("hostile-{}", "x".repeat(300)))),
            "odd-names" => odd_names(),
            "join-groups" => denied(groups::join("all")),
            "read-environment" => denied(process::env("HOME").map(drop)),
            "wider-child" => {
                match limits::Client::spawn_with(Spawn::new("limits-rust").capabilities(["control"])) {
                    Err(error) => error.to_string(),
                    Ok(_) => "spawned".into(),
                }
            }
            "flood-log" => {
                for _ in 0..100_000 {
                    log::info("a line that nobody wants to read, again and again and again and again");
                }
                "done".into()
            }
            "flood-itself" => loop {
                if let Err(error) = process::send(process::pid(), b"more") {
                    return error.to_string();
                }
            },
            "fork-bomb" => loop {
                if let Err(error) = process::spawn(Spawn::new("limits-rust")) {
                    return error.to_string();
                }
            },
            "timers" => loop {
                timers::send_after(Duration::from_secs(3600), b"much later");
            },
            "short-lie" => {
                let target = rusm_rs::Target::Process(process::pid());
                let body = ShortBody { length: 200, low: 0, high: 0 };
                format!("{:?}", wait::call_short(&target, 7, body, 60_000))
            }
            "streams" => loop {
                let target = rusm_rs::Target::Process(process::pid());
                match wait::call_start(&target, 7, b"", Some(StreamDirection::ToCallee), 60_000) {
                    // The call is given up, its stream is not.
                    Ok(started) => wait::call_cancel(started.call),
                    Err(error) => return format!("{error:?}").to_lowercase(),
                };
            },
            "short-calls" => short_calls(),
            "calls" => loop {
                let target = rusm_rs::Target::Process(process::pid());
                if let Err(error) = wait::call_start(&target, 7, b"", None, 60_000) {
                    return format!("{error:?}").to_lowercase();
                }
            },
            "own-call" => {
                let own = hostile::Client::from_pid(process::pid());
                own.attack("nothing").map_or_else(|error| error.to_string(), |text| text)
            }
            "large-random" => raw_process::random_bytes(1 << 30).len().to_string(),
            "abort" => std::process::abort(),
            "panic" => panic!("told to"),
            "panic-in-drop" => drop(PanicsInDrop).into_text(),
            "out-of-memory" => {
                let mut all = Vec::new();
                loop {
                    all.push(std::hint::black_box(vec![1_u8; 1 << 20]));
                }
            }
            // SAFETY: none: this is an attack.
            "huge-list" => unsafe { raw::log(2, 0xffff_fff0, 0x7fff_ffff, 0, 0) }.into_text(),
            // SAFETY: none.
            "bad-utf8" => unsafe { raw::log(2, [0xff_u8, 0xfe].as_ptr() as u32, 2, 0, 0) }.into_text(),
            "recursion" => dive(1 << 40).to_string(),
            "forged-report" => {
                raw_process::report_crash("a made up text", "a made up backtrace");
                std::process::abort()
            }
            "exit-with-crash" => process::exit(&ExitReason::Crash(Crash {
                text: "somebody else's crash".into(),
                backtrace: String::new(),
                component: "probe-rust".into(),
                process: Pid { node: 1, id: 1 },
                function: "probe.count".into(),
            })),
            "spin" => loop {
                std::hint::black_box(0);
            },
            other => format!("there is no attack {other}"),
        }
    }

    fn spin(&mut self) {
        loop {
            std::hint::black_box(0);
        }
    }
}

mod raw {
    #[link(wasm_import_module = "rusm:actor/logging@0.1.0")]
    unsafe extern "C" {
        pub fn log(level: u32, text: u32, length: u32, fields: u32, count: u32);
    }
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("told to");
    }
}

trait IntoText {
    fn into_text(self) -> String;
}

impl IntoText for () {
    fn into_text(self) -> String {
        "done".into()
    }
}

fn denied(result: Result<(), SendError>) -> String {
    match result {
        Err(SendError::Denied(_)) => "denied".into(),
        other => format!("{other:?}"),
    }
}

/// Begins calls of a process that never answers, and waits for none.
fn short_calls() -> String {
    let busy = limits::Client::spawn("limits-rust").expect("a child");
    busy.spin().expect("it is taken");
    let pid = busy.pid().expect("it lives");
    let target = rusm_rs::Target::Process(pid);
    let nothing = ShortBody { length: 0, low: 0, high: 0 };
    let last = loop {
        match wait::call_short(&target, 7, nothing, 60_000) {
            ShortAnswer::Later(_) => {}
            last => break last,
        }
    };
    process::kill(pid).expect("its own child");
    format!("{last:?}").to_lowercase()
}

/// What a slot and its generation come to, what is near its own pid, and what is far from all.
fn made_up() -> impl Iterator<Item = Pid> {
    let own = process::pid();
    let computed = (1..50_u64).flat_map(|generation| (0..256).map(move |slot| generation << 24 | slot));
    let bits = (0..53).map(move |bit| own.id ^ 1 << bit);
    let near = (1..1_000).flat_map(move |by| [own.id.saturating_sub(by), own.id + by]);
    let ids = computed.chain(bits).chain(near).chain(1_u64 << 50..(1 << 50) + 1_000);
    ids.map(move |id| Pid { node: own.node, id })
}

fn forge_pids() -> String {
    let alive = made_up().filter(|pid| process::alive(*pid)).count();
    let pid = made_up().next().expect("one");
    let called = match hostile::Client::from_pid(pid).attack("nothing") {
        Err(rusm_rs::CallError::NoProc) => "noproc",
        _ => "something",
    };
    let info = if process::info(pid).is_none() { "gone" } else { "known" };
    format!("{called}, {info}, {alive} alive")
}

fn pid_of(text: &str) -> Pid {
    let mut numbers = text.split(' ').map(|number| number.parse().expect("a number"));
    let mut number = || numbers.next().expect("two numbers");
    Pid { node: number(), id: number() }
}

/// Everything that one process can do to another one whose pid it has; what was not refused.
fn attack_process(pid: Pid) -> String {
    let forged = Crash {
        text: "forged".into(),
        backtrace: String::new(),
        component: "hostile-rust".into(),
        process: pid,
        function: String::new(),
    };
    let supervisor = Supervision::of(pid);
    let child = ChildSpec::new(Spawn::new("limits-rust"));
    let refused =
        |result: Result<(), ChildError>| matches!(result, Err(ChildError::NoProc | ChildError::Denied(_)));
    process::unlink(pid);
    let tried = [
        ("link", denied(process::link(pid)) == "denied"),
        ("custom", denied(process::exit_process(pid, &ExitReason::Custom(b"forged".to_vec()))) == "denied"),
        ("shutdown", denied(process::exit_process(pid, &ExitReason::Shutdown)) == "denied"),
        ("crash", denied(process::exit_process(pid, &ExitReason::Crash(forged))) == "denied"),
        ("kill", denied(process::kill(pid)) == "denied"),
        ("info", process::info(pid).is_none()),
        ("start-child", refused(supervisor.start_child(&child).map(drop))),
        ("terminate-child", refused(supervisor.terminate_child("probe-rust"))),
        ("terminate", refused(supervisor.terminate(pid))),
        ("restart-child", refused(supervisor.restart_child("probe-rust").map(drop))),
        ("delete-child", refused(supervisor.delete_child("probe-rust"))),
        ("which-children", refused(supervisor.which_children().map(drop))),
        ("count-children", refused(supervisor.count_children().map(drop))),
        ("stop", refused(supervisor.stop())),
    ];
    left(&tried)
}

/// Everything that a reference or a handle is good for; what had an effect.
fn attack_reference(reference: u64) -> String {
    let forged = CallError::Malformed("forged".into());
    wait::stream_demand(reference);
    wait::stream_close(reference);
    wait::stream_abort(reference, "forged");
    let tried = [
        ("reply", !process::reply(reference, b"forged")),
        ("reply-error", !raw_process::reply_error(reference, &forged)),
        ("cancel", raw_timers::cancel(reference).is_none()),
        ("demonitor", !raw_process::demonitor(reference)),
        ("demonitor-group", !raw_groups::demonitor(reference)),
        ("call-wait", matches!(wait::call_wait(reference), Err(CallError::Cancelled))),
        ("call-cancel", !wait::call_cancel(reference)),
        ("stream-read", matches!(wait::stream_read(reference, 1), Err(StreamError::BadHandle))),
        ("stream-write", matches!(wait::stream_write(reference, b"x", 1), Err(StreamError::BadHandle))),
    ];
    left(&tried)
}

/// Everything that a name is good for; what was not refused.
fn attack_name(name: &str) -> String {
    let target = rusm_rs::Target::Name(name.to_owned());
    let call = |error| matches!(error, Err(CallError::Denied(_)));
    let nothing = ShortBody { length: 0, low: 0, high: 0 };
    let tried = [
        ("monitor", denied(process::monitor(name).map(drop)) == "denied"),
        ("send", denied(process::send(name, b"x")) == "denied"),
        ("cast", matches!(raw_process::cast(&target, 7, b"x"), Err(RawSendError::Denied(_)))),
        ("call", call(wait::call(&target, 7, b"", 1).map(drop))),
        ("call-start", call(wait::call_start(&target, 7, b"", None, 1).map(drop))),
        ("connect", call(wait::connect(&target, "test:probe/limits").map(drop))),
        ("whereis", names::whereis(name).is_none()),
        ("register", format!("{:?}", names::register(name)).contains("Denied")),
        ("unregister", !names::unregister(name)),
        ("join", denied(groups::join(name)) == "denied"),
        ("leave", denied(groups::leave(name).map(drop)) == "denied"),
        ("members", denied(groups::members(name).map(drop)) == "denied"),
        ("broadcast", denied(groups::broadcast(name, b"x").map(drop)) == "denied"),
        ("monitor-group", denied(groups::monitor(name).map(drop)) == "denied"),
        (
            "call-short",
            matches!(wait::call_short(&target, 7, nothing, 1), ShortAnswer::Error(CallError::Denied(_))),
        ),
    ];
    left(&tried)
}

/// Names that would write over the terminal of whoever lists them, or fill it, by each door; what was not refused.
fn odd_names() -> String {
    let long = format!("hostile-{}", "x".repeat(300));
    let odd = ["hostile-\u{1b}[2J", "hostile-\nx", "hostile-\u{202e}x", "hostile-\u{200b}", &long];
    let spawn = |name: &str| Spawn::new("limits-rust").name(name);
    let child = |name: &str| ChildSpec::new(Spawn::new("limits-rust")).id(name);
    let supervisor = |name: &str| Supervisor::new(name).start();
    let mut left = Vec::new();
    for name in odd {
        let tried = [
            ("register", matches!(names::register(name), Err(names::RegisterError::Badarg(_)))),
            ("spawn", matches!(process::spawn(spawn(name)), Err(rusm_rs::SpawnError::BadArg(_)))),
            ("supervisor", matches!(supervisor(name), Err(ChildError::Start(_)))),
            ("child", matches!(Supervisor::new("s").child(child(name)).start(), Err(ChildError::Start(_)))),
        ];
        left.extend(
            tried.into_iter().filter(|(_, refused)| !refused).map(|(door, _)| format!("{door} {name:?}")),
        );
    }
    if left.is_empty() { "nothing".into() } else { left.join(", ") }
}

fn left(tried: &[(&str, bool)]) -> String {
    let left: Vec<_> = tried.iter().filter(|(_, harmless)| !harmless).map(|(what, _)| *what).collect();
    if left.is_empty() { "nothing".into() } else { left.join(", ") }
}

fn forge_streams() -> String {
    let bad = (0..1_000).all(|handle| {
        wait::stream_demand(handle);
        wait::stream_close(handle);
        wait::stream_abort(handle, "forged");
        wait::stream_read(handle, 1).is_err() && wait::stream_write(handle, b"forged", 1).is_err()
    });
    if bad { "bad handles".into() } else { "a handle".into() }
}

#[inline(never)]
fn dive(depth: u64) -> u64 {
    let here = std::hint::black_box([depth; 16]);
    if depth == 0 { 0 } else { here[7] - here[8] + dive(depth - 1) + 1 }
}
