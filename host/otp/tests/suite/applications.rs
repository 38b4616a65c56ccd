//! Applications, the end of a whole node, and what can be known of one that runs.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusm_otp::{
    Application, ChildSpec, Context, ExitReason, Message, Runtime, Shutdown, SpawnOptions, Status, Supervisor,
};
use tokio::time::Instant;

use crate::support::{idle, on_virtual_time, run};

type Log = Arc<Mutex<Vec<&'static str>>>;

/// A child that notes when it is asked to stop, and then does.
fn noting(name: &'static str, log: &Log) -> ChildSpec {
    let log = log.clone();
    ChildSpec::process(name, move |context: Context| {
        let log = log.clone();
        async move {
            context.runtime().trap_exit(context.pid(), true);
            let Message::Exit { reason, .. } = context.receive().await else { panic!("an exit") };
            log.lock().expect("a lock").push(name);
            reason
        }
    })
}

/// A child that does not stop when it is asked.
fn deaf(name: &'static str, shutdown: Shutdown) -> ChildSpec {
    let body = |context: Context| async move {
        context.runtime().trap_exit(context.pid(), true);
        pending().await
    };
    ChildSpec::process(name, body).shutdown(shutdown)
}

#[test]
fn a_node_stops_in_the_reverse_order_of_its_start() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let log = Log::default();
        let below = Supervisor::new("below").child(noting("three", &log)).child(noting("four", &log));
        let first = Supervisor::new("first").child(noting("one", &log)).child(noting("two", &log));
        let second =
            Supervisor::new("second").child(ChildSpec::supervisor(below)).child(noting("five", &log));
        Application::new("shop", first).start(&runtime).await.expect("it starts");
        Application::new("ledger", second).start(&runtime).await.expect("it starts");
        runtime.spawn(SpawnOptions::new("alone"), idle).expect("no name");
        assert_eq!(runtime.applications(), ["shop".into(), "ledger".into()]);
        let report = runtime.shutdown(Duration::from_secs(60)).await;
        assert_eq!(*log.lock().expect("a lock"), ["five", "four", "three", "two", "one"]);
        assert_eq!((report.stopped, report.killed.len(), report.stuck.len()), (9, 0, 0));
        assert_eq!(runtime.counters().alive, 0);
        assert!(runtime.applications().is_empty());
    });
}

#[test]
fn who_does_not_stop_in_time_is_killed_and_named() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let root = Supervisor::new("root").child(deaf("deaf", Shutdown::Infinity));
        Application::new("stubborn", root).start(&runtime).await.expect("it starts");
        let started = Instant::now();
        let report = runtime.shutdown(Duration::from_secs(3)).await;
        assert_eq!(started.elapsed(), Duration::from_secs(3));
        let mut killed: Vec<_> = report.killed.iter().map(|process| &*process.label).collect();
        killed.sort_unstable();
        assert_eq!(killed, ["deaf", "root"]);
        assert_eq!((report.stopped, report.stuck.len(), runtime.counters().alive), (0, 0, 0));
    });
}

#[test]
fn one_application_stops_and_the_other_goes_on() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let log = Log::default();
        let [one, two] = ["one", "two"].map(|name| Supervisor::new(name).child(noting(name, &log)));
        let one = Application::new("one", one).start(&runtime).await.expect("it starts");
        Application::new("two", two).start(&runtime).await.expect("it starts");
        let report = one.stop(Duration::from_secs(1)).await;
        assert_eq!((report.stopped, report.killed.len()), (2, 0));
        assert_eq!(runtime.applications(), ["two".into()]);
        assert_eq!(*log.lock().expect("a lock"), ["one"]);
    });
}

#[test]
fn the_tree_shows_who_has_started_whom() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let below = Supervisor::new("below").child(ChildSpec::process("leaf", idle));
        let root = Supervisor::new("root")
            .child(ChildSpec::process("first", idle))
            .child(ChildSpec::supervisor(below));
        root.start(&runtime, None).await.expect("it starts");
        let tree = runtime.tree();
        let seen: Vec<_> = tree.iter().map(|entry| (&*entry.process.label, entry.depth)).collect();
        assert_eq!(seen, [("root", 0), ("first", 1), ("below", 1), ("leaf", 2)]);
    });
}

#[test]
fn what_a_process_does_can_be_seen_from_outside() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let busy = runtime.spawn(SpawnOptions::new("busy").name("busy"), |context| async move {
            let Message::Call(request) = context.receive().await else { panic!("a call") };
            context.sleep(Duration::from_secs(1)).await;
            context.reply(request.reference, Ok("done".into()));
            context.receive().await;
            ExitReason::Normal
        });
        let busy = busy.expect("a free name").pid;
        let caller = runtime.spawn(
            SpawnOptions::new("caller").parent(busy).link(true).monitor(true),
            move |context| async move {
                let _ = context.call(&busy.into(), 0, "", Duration::from_secs(5)).await;
                pending().await
            },
        );
        let caller = caller.expect("no name").pid;
        tokio::time::sleep(Duration::from_millis(10)).await;
        let [seen_caller, seen] = [caller, busy].map(|pid| runtime.info(pid).expect("it lives"));
        assert_eq!((seen.status, seen_caller.status), (Status::Running, Status::Calling(busy)));
        assert_eq!((seen.name.as_deref(), &*seen.label), (Some("busy"), "busy"));
        assert_eq!(
            (&seen.links, &seen.monitors, &seen_caller.monitored_by),
            (&vec![caller], &vec![caller], &vec![busy])
        );
        assert_eq!(seen_caller.parent, Some(busy));
        assert!(seen.turns > 0 && seen.memory > 0);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(runtime.info(busy).expect("it lives").status, Status::Waiting);
    });
}

#[test]
fn counters_and_latencies_tell_what_has_happened() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        run(&runtime, |context| async move {
            for _ in 0..640 {
                let own = context.pid();
                context.runtime().send(own, &own.into(), "x".into()).expect("it is taken");
                context.sleep(Duration::from_millis(2)).await;
                context.receive().await;
            }
        })
        .await;
        runtime.spawn(SpawnOptions::new("broken"), |_| async { panic!("broken") }).expect("no name");
        while runtime.counters().alive > 0 {
            tokio::task::yield_now().await;
        }
        let counters = runtime.counters();
        assert_eq!((counters.spawned, counters.ended, counters.crashed), (2, 2, 1));
        assert_eq!((counters.messages, counters.timers, counters.names), (640, 0, 0));
        let latency = runtime.latencies().into_iter().find(|latency| &*latency.label == "test");
        let latency = latency.expect("its messages were measured");
        assert_eq!(latency.waiting.count, 10);
        assert!(latency.waiting.p50 >= Duration::from_millis(2), "{latency:?}");
        assert_eq!(latency.handling.count, 9, "the last one is handled to the end of the process");
    });
}

#[test]
fn who_was_started_by_the_tree_and_stands_alone_is_asked_after_it() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let log = Log::default();
        let own = log.clone();
        // It traps exits, and nobody is linked to it.
        let alone = move |context: Context| {
            let log = own.clone();
            async move {
                context.runtime().trap_exit(context.pid(), true);
                context.receive().await;
                log.lock().expect("a lock").push("alone");
                ExitReason::Shutdown
            }
        };
        let starter = ChildSpec::process("starter", move |context: Context| {
            let alone = alone.clone();
            async move {
                let options = SpawnOptions::new("alone").parent(context.pid());
                context.runtime().spawn(options, alone).expect("no name");
                pending().await
            }
        });
        let root = Supervisor::new("root").child(starter).child(noting("child", &log));
        Application::new("shop", root).start(&runtime).await.expect("it starts");
        tokio::time::sleep(Duration::from_millis(1)).await;
        let started = Instant::now();
        let report = runtime.shutdown(Duration::from_secs(60)).await;
        assert_eq!(*log.lock().expect("a lock"), ["child", "alone"]);
        assert_eq!((report.stopped, report.killed.len()), (4, 0));
        assert_eq!(started.elapsed(), Duration::ZERO);
    });
}

#[test]
fn processes_that_start_each_other_do_not_keep_a_node_from_stopping() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        fn next(runtime: &Runtime, deaf: bool) {
            let starts = move |context: Context| async move {
                context.runtime().trap_exit(context.pid(), deaf);
                context.sleep(Duration::from_millis(1)).await;
                next(context.runtime(), deaf);
                ExitReason::Normal
            };
            runtime.spawn(SpawnOptions::new("chain"), starts).expect("no name");
        }
        (0..50).for_each(|number| next(&runtime, number % 2 == 0));
        tokio::time::sleep(Duration::from_millis(10)).await;
        let started = Instant::now();
        let report = runtime.shutdown(Duration::from_secs(60)).await;
        assert!(started.elapsed() <= Duration::from_millis(2), "{:?}", started.elapsed());
        assert_eq!((runtime.counters().alive, report.killed.len(), report.stuck.len()), (0, 0, 0));
        assert!(!runtime.is_closed(), "it can be used again");
        assert!(run(&runtime, |context| async move { context.runtime().is_alive(context.pid()) }).await);
    });
}

#[test]
fn a_very_long_chain_of_processes_is_seen_and_stopped() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        const LENGTH: usize = 200_000;
        let mut parent = None;
        for _ in 0..LENGTH {
            let mut options = SpawnOptions::new("link of the chain");
            if let Some(parent) = parent {
                options = options.parent(parent);
            }
            parent = Some(runtime.spawn(options, idle).expect("no name").pid);
        }
        let deepest = runtime.tree().into_iter().map(|entry| entry.depth).max();
        assert_eq!(deepest, Some(LENGTH - 1));
        let report = runtime.shutdown(Duration::from_secs(60)).await;
        assert_eq!((report.stopped, runtime.counters().alive), (LENGTH, 0));
    });
}
