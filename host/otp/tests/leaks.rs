//! A million processes come and go, with all that a process can have, and leave nothing behind.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use rusm_otp::{
    CallError, Context, ExitReason, Keys, Message, PendingCall, Pid, Registry, Runtime, SpawnOptions,
    StreamEnd, TryWrite, stream,
};

#[test]
fn a_million_processes_leave_nothing_behind() {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    tokio.expect("a runtime").block_on(async {
        let runtime = Runtime::new();
        let registry = Registry::new(&runtime, Keys::Duplicate);
        let options = SpawnOptions::new("hub").trap_exit(true);
        let hub = runtime.spawn(options, hear).expect("no name").pid;
        // Written, so that it is in memory from the start.
        let mut ids = vec![1; WAVES * WAVE];
        let mut first = 0;
        for (number, ids) in ids.chunks_mut(WAVE).enumerate() {
            wave(&runtime, &registry, hub, ids).await;
            if number == 0 {
                first = resident_kib();
            }
        }
        let last = resident_kib();
        println!("{} processes: {first} KiB after the first wave, {last} KiB in the end", ids.len());
        assert!(last < first + MOST_GROWTH_KIB, "{first} KiB have become {last} KiB");

        let counters = runtime.counters();
        assert_eq!((counters.spawned, counters.alive, counters.crashed), (ids.len() as u64 + 1, 1, 0));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), WAVES * WAVE, "pids were used again");
        assert!(ids.binary_search(&hub.id).is_err(), "the hub's pid was used again");
    });
}

/// Starts a wave of processes of all kinds, ends them, and waits until nothing is left of them.
async fn wave(runtime: &Runtime, registry: &Registry<usize, ()>, hub: Pid, ids: &mut [u64]) {
    let mut calls = Vec::new();
    let mut waiting = Vec::new();
    for (number, id) in ids.iter_mut().enumerate() {
        let pid = start(runtime, hub, number);
        *id = pid.id;
        match number % KINDS {
            5 => {
                assert!(runtime.join(GROUPS[number % GROUPS.len()], pid));
                registry.register(pid, number % 100, ()).expect("it waits");
                waiting.push(pid);
            }
            6 => {
                let alias = runtime.reply_alias(pid);
                runtime.alias(pid);
                runtime.send(hub, &alias.into(), "end".into()).expect("its mailbox has no bound");
            }
            8 => calls.push(call(runtime, hub, pid)),
            9 => {
                runtime.monitor_group(pid, GROUPS[0]);
                waiting.push(pid);
            }
            _ => {}
        }
    }
    waiting.into_iter().for_each(|pid| runtime.kill(pid));
    for call in calls {
        assert_eq!(call.await, Err(CallError::Exited(ExitReason::Normal)));
    }
    until_nothing_is_left(runtime, registry, hub).await;
}

/// A process that ends by itself, by a message or when it is killed.
fn start(runtime: &Runtime, hub: Pid, number: usize) -> Pid {
    let options = SpawnOptions::new("leaf").parent(hub);
    let spawned = match number % KINDS {
        0 => runtime.spawn(options, |_| async { ExitReason::Normal }),
        1 => runtime.spawn(options.link(true), |_| async { ExitReason::Shutdown }),
        2 => runtime.spawn(options.monitor(true), |_| async { ExitReason::Normal }),
        3 => runtime.spawn(options, move |context| async move {
            context.runtime().send_after(context.pid(), FAR, Bytes::new());
            context.runtime().send_interval(context.pid(), FAR, Bytes::new());
            context.runtime().monitor(context.pid(), &hub.into());
            ExitReason::Normal
        }),
        4 => runtime.spawn(options.name(format!("leaf {number}")), |_| async { ExitReason::Normal }),
        7 => runtime.spawn(options, |context| async move {
            let (writer, reader) = stream(10);
            assert_eq!(writer.try_write("some".into()), TryWrite::Taken);
            context.own_stream(StreamEnd::Writer(writer));
            context.own_stream(StreamEnd::Reader(reader));
            ExitReason::Normal
        }),
        // One that is called ends while the call is open.
        _ => runtime.spawn(options, |context| async move {
            context.receive().await;
            ExitReason::Normal
        }),
    };
    spawned.expect("the name is free").pid
}

fn call(runtime: &Runtime, caller: Pid, callee: Pid) -> PendingCall {
    runtime.call(caller, &callee.into(), 1, Bytes::new(), None, None).expect("it waits for a message")
}

async fn hear(context: Context) -> ExitReason {
    loop {
        match context.receive().await {
            Message::Exit { .. } | Message::Down { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn until_nothing_is_left(runtime: &Runtime, registry: &Registry<usize, ()>, hub: Pid) {
    let since = Instant::now();
    loop {
        let counters = runtime.counters();
        let hub = runtime.info(hub).expect("the hub lives");
        let links = hub.links.len() + hub.monitors.len() + hub.monitored_by.len();
        let groups = (runtime.groups().len(), registry.count());
        let left = (counters.alive - 1, counters.timers, counters.names, groups, links, hub.mailbox);
        if left == (0, 0, 0, (0, 0), 0, 0) {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "processes, timers, names, groups, links, mail: {left:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// What the process holds of the machine's memory.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is there");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Together a million processes.
const WAVES: usize = 200;
const WAVE: usize = 5000;

const KINDS: usize = 10;

const GROUPS: [&str; 3] = ["one", "two", "three"];

/// Sixteen bytes for each process that was there. Some growth is no leak: what a wave needs differs by how many of its
/// processes live at once.
const MOST_GROWTH_KIB: u64 = 16 * 1024;

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// No timer fires within the test.
const FAR: Duration = Duration::from_secs(24 * 3600);
