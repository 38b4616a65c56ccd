//! One-for-one supervision: restart types, intensity, order, shutdown.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{idle, on_virtual_time, run};
use rusm_otp::{
    AlreadyRegistered, Backoff, ChildError, ChildSpec, ChildState, Context, Excess, ExitReason, Message,
    Parent, Pid, Restart, Runtime, Shutdown, SpawnOptions, StartCause, StartError, Strategy, Supervisor,
};

type Log = Arc<Mutex<Vec<String>>>;

/// A child under a name that notes its starts and, if it hears of it, its end.
fn child(name: &'static str, log: &Log) -> ChildSpec {
    let log = log.clone();
    ChildSpec::new(name, move |parent: Parent| {
        let log = log.clone();
        log.lock().expect("a lock").push(format!("start {name}"));
        async move {
            let options =
                SpawnOptions::new(name).name(name).parent(parent.pid).link(true).hears_shutdown(true);
            let body = move |context: Context| async move {
                loop {
                    if let Message::Exit { reason, .. } = context.receive().await {
                        log.lock().expect("a lock").push(format!("stop {name}"));
                        return reason;
                    }
                }
            };
            let spawned = parent.runtime.spawn(options, body);
            spawned.map(|spawned| spawned.pid).map_err(Into::into)
        }
    })
}

fn entries(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().expect("a lock"))
}

async fn another(runtime: &Runtime, name: &str, than: Pid) -> Pid {
    loop {
        match runtime.whereis(name) {
            Some(pid) if pid != than => return pid,
            _ => tokio::task::yield_now().await,
        }
    }
}

#[test]
fn children_start_in_order_and_stop_in_reverse() {
    on_virtual_time(async {
        let (runtime, log) = (Runtime::new(), Log::default());
        let tree =
            Supervisor::new("tree").child(child("a", &log)).child(child("b", &log)).child(child("c", &log));
        let tree = tree.start(&runtime, None).await.expect("it starts");
        assert_eq!(entries(&log), ["start a", "start b", "start c"]);
        runtime.exit(tree.pid, tree.pid, ExitReason::Shutdown);
        while runtime.is_alive(tree.pid) {
            tokio::task::yield_now().await;
        }
        assert_eq!(entries(&log), ["stop c", "stop b", "stop a"]);
    });
}

#[test]
fn only_the_child_that_ended_is_restarted() {
    on_virtual_time(async {
        let (runtime, log) = (Runtime::new(), Log::default());
        let tree = Supervisor::new("tree").child(child("a", &log)).child(child("b", &log));
        let tree = tree.start(&runtime, None).await.expect("it starts");
        let (a, b) = (runtime.whereis("a").expect("a"), runtime.whereis("b").expect("b"));
        runtime.kill(a);
        another(&runtime, "a", a).await;
        assert_eq!(runtime.whereis("b"), Some(b));
        assert_eq!(tree.restarts(), 1);
    });
}

#[test]
fn restart_types_say_which_ends_are_followed_by_a_start() {
    let orderly = ExitReason::Shutdown;
    let broken = ExitReason::Custom("broken".into());
    let cases = [
        (Restart::Permanent, orderly.clone(), true),
        (Restart::Permanent, broken.clone(), true),
        (Restart::Transient, orderly.clone(), false),
        (Restart::Transient, broken.clone(), true),
        (Restart::Temporary, orderly, false),
        (Restart::Temporary, broken, false),
    ];
    for (restart, reason, again) in cases {
        on_virtual_time(async {
            let (runtime, log) = (Runtime::new(), Log::default());
            let tree = Supervisor::new("tree").child(child("a", &log).restart(restart));
            let tree = tree.start(&runtime, None).await.expect("it starts");
            let a = runtime.whereis("a").expect("a");
            runtime.terminate(a, reason.clone());
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert_eq!(runtime.whereis("a").is_some(), again, "{restart:?} after {reason}");
            assert_eq!(tree.restarts(), u64::from(again));
            assert!(runtime.is_alive(tree.pid));
        });
    }
}

#[test]
fn too_many_restarts_end_the_supervisor_and_its_children() {
    on_virtual_time(async {
        let (runtime, log) = (Runtime::new(), Log::default());
        let tree = Supervisor::new("tree").child(child("a", &log)).child(child("b", &log));
        let tree = tree.intensity(2, Duration::from_secs(5)).start(&runtime, None).await.expect("it starts");
        for _ in 0..3 {
            let a = runtime.whereis("a").expect("a");
            runtime.kill(a);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!runtime.is_alive(tree.pid));
        assert_eq!(runtime.whereis("b"), None);
        assert!(entries(&log).contains(&"stop b".to_owned()));
    });
}

#[test]
fn restarts_that_are_far_apart_are_forgiven() {
    on_virtual_time(async {
        let (runtime, log) = (Runtime::new(), Log::default());
        let tree = Supervisor::new("tree").child(child("a", &log));
        let tree = tree.intensity(1, Duration::from_secs(5)).start(&runtime, None).await.expect("it starts");
        for _ in 0..4 {
            runtime.kill(runtime.whereis("a").expect("a"));
            tokio::time::sleep(Duration::from_secs(6)).await;
        }
        assert!(runtime.is_alive(tree.pid));
        assert_eq!(tree.restarts(), 4);
    });
}

#[test]
fn a_child_that_does_not_start_stops_those_before_it() {
    on_virtual_time(async {
        let (runtime, log) = (Runtime::new(), Log::default());
        let refuses = ChildSpec::new("refuses", |_| async { Err("no".into()) });
        let tree = Supervisor::new("tree").child(child("a", &log)).child(refuses).child(child("c", &log));
        let error = tree.start(&runtime, None).await.expect_err("it does not start");
        assert_eq!(error.to_string(), "child `refuses` did not start: no");
        assert_eq!(entries(&log), ["start a", "stop a"]);
        assert_eq!(runtime.whereis("a"), None);
    });
}

#[test]
fn a_child_that_ignores_shutdown_is_killed_when_its_time_is_up() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let stubborn = ChildSpec::new("stubborn", |parent: Parent| async move {
            let options = SpawnOptions::new("stubborn").name("stubborn").parent(parent.pid).link(true);
            let pid = parent.runtime.spawn(options, idle)?.pid;
            parent.runtime.trap_exit(pid, true);
            Ok(pid)
        });
        let stubborn = stubborn.shutdown(Shutdown::Timeout(Duration::from_secs(3)));
        let tree = Supervisor::new("tree").child(stubborn).start(&runtime, None).await.expect("it starts");
        let start = tokio::time::Instant::now();
        runtime.exit(tree.pid, tree.pid, ExitReason::Shutdown);
        let runtime_of_watcher = runtime.clone();
        run(&runtime, move |context| async move {
            runtime_of_watcher.monitor(context.pid(), &tree.pid.into());
            context.receive().await;
        })
        .await;
        assert_eq!(start.elapsed().as_secs(), 3);
        assert_eq!(runtime.whereis("stubborn"), None);
    });
}

#[test]
fn a_supervisor_below_another_is_restarted_with_its_children() {
    on_virtual_time(async {
        let (runtime, log) = (Runtime::new(), Log::default());
        let inner = Supervisor::new("inner").child(child("leaf", &log)).intensity(0, Duration::from_secs(5));
        let below = ChildSpec::new("inner", move |parent: Parent| {
            let inner = inner.clone();
            async move {
                let started = inner.start(&parent.runtime, Some(parent.pid)).await;
                started.map(|running| running.pid).map_err(Into::into)
            }
        });
        let tree = Supervisor::new("tree").child(below.shutdown(Shutdown::Infinity));
        let tree = tree.start(&runtime, None).await.expect("it starts");
        let leaf = runtime.whereis("leaf").expect("the leaf");
        runtime.kill(leaf);
        another(&runtime, "leaf", leaf).await;
        assert_eq!(tree.restarts(), 1, "the inner one gave up and was started again");
    });
}

#[test]
fn a_child_that_is_not_ready_in_time_is_killed() {
    on_virtual_time(async {
        let (runtime, log) = (Runtime::new(), Log::default());
        let slow = ChildSpec::new("slow", |parent: Parent| async move {
            let options = SpawnOptions::new("slow").name("slow").parent(parent.pid).link(true);
            parent.runtime.spawn(options, idle)?;
            std::future::pending().await
        });
        let slow = slow.start_timeout(Duration::from_millis(50));
        let tree = Supervisor::new("tree").child(child("a", &log)).child(slow);
        let error = tree.start(&runtime, None).await.expect_err("it is never ready").to_string();
        assert_eq!(error, "child `slow` did not start: it was not ready within 50ms");
        while runtime.whereis("slow").is_some() {
            tokio::task::yield_now().await;
        }
        assert_eq!(entries(&log), ["start a", "stop a"]);
    });
}

#[test]
fn a_backoff_spreads_restarts_and_is_forgotten() {
    on_virtual_time(async {
        let (runtime, log) = (Runtime::new(), Log::default());
        let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(100)).jitter(0.0);
        let tree = Supervisor::new("tree").child(child("a", &log)).intensity(100, Duration::from_secs(1));
        let tree = tree.backoff(backoff).start(&runtime, None).await.expect("it starts");
        let mut waits = Vec::new();
        for _ in 0..6 {
            let since = tokio::time::Instant::now();
            runtime.kill(runtime.whereis("a").expect("it runs"));
            while runtime.whereis("a").is_none() || tree.restarts() == waits.len() as u64 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            waits.push(since.elapsed().as_millis());
        }
        // Each within the millisecond in which it was looked for.
        let expected = [10, 20, 40, 80, 100, 100];
        assert!(
            waits.iter().zip(expected).all(|(wait, least)| (least..=least + 2).contains(wait)),
            "{waits:?}"
        );

        tokio::time::sleep(Duration::from_millis(200)).await;
        let (since, before) = (tokio::time::Instant::now(), tree.restarts());
        runtime.kill(runtime.whereis("a").expect("it runs"));
        while tree.restarts() == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(since.elapsed() < Duration::from_millis(15), "it had recovered");
    });
}

#[test]
fn a_child_that_waits_for_its_restart_can_be_stopped() {
    on_virtual_time(async {
        let (runtime, log) = (Runtime::new(), Log::default());
        let backoff = Backoff::new(Duration::from_secs(60), Duration::from_secs(60));
        let tree = Supervisor::new("tree").child(child("a", &log)).backoff(backoff);
        let tree = tree.start(&runtime, None).await.expect("it starts");
        runtime.kill(runtime.whereis("a").expect("it runs"));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(tree.which_children().await.expect("it runs")[0].state, ChildState::Restarting);
        assert!(matches!(tree.restart_child("a").await, Err(ChildError::Restarting)));
        tree.terminate_child("a").await.expect("it is stopped");
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_eq!(entries(&log), ["start a"]);
        tree.restart_child("a").await.expect("it starts");
        assert_eq!(entries(&log), ["start a"]);
    });
}

#[test]
fn a_child_in_quarantine_leaves_the_others_alone() {
    on_virtual_time(async {
        let (runtime, log) = (Runtime::new(), Log::default());
        let tree = Supervisor::new("tree").child(child("a", &log)).child(child("b", &log));
        let tree = tree.intensity(2, Duration::from_secs(5)).excess(Excess::Quarantine);
        let tree = tree.start(&runtime, None).await.expect("it starts");
        for _ in 0..3 {
            runtime.kill(runtime.whereis("a").expect("it runs"));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let states: Vec<_> =
            tree.which_children().await.expect("it runs").iter().map(|child| child.state).collect();
        let b = runtime.whereis("b").expect("it runs");
        assert_eq!(states, [ChildState::Running(b), ChildState::Quarantined]);
        assert_eq!(tree.restarts(), 2);
        let back = tree.restart_child("a").await.expect("it starts");
        assert_eq!(runtime.whereis("a"), Some(back));
    });
}

#[test]
fn a_supervisor_may_have_a_most_of_children() {
    on_virtual_time(async {
        let (runtime, log) = (Runtime::new(), Log::default());
        let tree = Supervisor::new("tree").strategy(Strategy::Dynamic).most_children(1);
        let tree = tree.start(&runtime, None).await.expect("it starts");
        let first = tree.start_child(child("a", &log)).await.expect("there is room");
        assert!(matches!(tree.start_child(child("b", &log)).await, Err(ChildError::TooMany)));
        tree.terminate(first).await.expect("it runs");
        tree.start_child(child("b", &log)).await.expect("there is room again");
        tree.stop().await;
        assert!(matches!(tree.count_children().await, Err(ChildError::NoProc)));
        assert_eq!(entries(&log), ["start a", "stop a", "start b", "stop b"]);
    });
}

#[test]
fn dynamic_children_stop_together() {
    on_virtual_time(async {
        let (runtime, log) = (Runtime::new(), Log::default());
        let tree = Supervisor::new("tree").strategy(Strategy::Dynamic);
        let tree = tree.start(&runtime, None).await.expect("it starts");
        for _ in 0..100 {
            // It takes its second to stop.
            let slow = ChildSpec::process("slow", |context: Context| async move {
                context.runtime().trap_exit(context.pid(), true);
                context.receive().await;
                context.sleep(Duration::from_secs(1)).await;
                ExitReason::Normal
            });
            tree.start_child(slow).await.expect("it starts");
        }
        let since = tokio::time::Instant::now();
        tree.stop().await;
        assert!(since.elapsed() < Duration::from_millis(1500), "{:?}", since.elapsed());
        assert!(entries(&log).is_empty());
    });
}

/// A child that traps exits and ends by none.
fn stubborn(name: &'static str, pids: &Arc<Mutex<Vec<Pid>>>) -> ChildSpec {
    let pids = pids.clone();
    ChildSpec::new(name, move |parent: Parent| {
        let options = SpawnOptions::new(name).name(name).parent(parent.pid).link(true).trap_exit(true);
        let deaf = |context: Context| async move {
            loop {
                context.receive().await;
            }
        };
        let pids = pids.clone();
        async move {
            parent.runtime.name_settled(name, Duration::from_secs(60)).await;
            let spawned = parent.runtime.spawn(options, deaf)?;
            pids.lock().expect("a lock").push(spawned.pid);
            Ok(spawned.pid)
        }
    })
}

#[test]
fn a_supervisor_that_is_killed_takes_its_children_with_it() {
    on_virtual_time(async {
        for shutdown in [Shutdown::Infinity, Shutdown::BrutalKill, Shutdown::Timeout(Duration::from_secs(20))]
        {
            let runtime = Runtime::new();
            let pids = Arc::default();
            let low = Supervisor::new("low").child(stubborn("deaf", &pids).shutdown(shutdown));
            let root = Supervisor::new("root").child(ChildSpec::supervisor(low));
            let root = root.start(&runtime, None).await.expect("it starts");
            let low = root.which_children().await.expect("it runs")[0].state;
            let ChildState::Running(low) = low else { panic!("{low:?}") };
            runtime.kill(low);
            // The one in its place has the same name, and waits for it.
            while pids.lock().expect("a lock").len() < 2 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let [first, second] = pids.lock().expect("a lock")[..] else { panic!("two were started") };
            assert_eq!((runtime.is_alive(first), runtime.is_alive(second)), (false, true), "{shutdown:?}");
            assert_eq!(root.restarts(), 1, "it was started again once");
        }
    });
}

#[test]
fn a_supervisor_that_is_killed_while_it_stops_a_child_takes_it_with_it() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let pids = Arc::default();
        let low = Supervisor::new("low").child(stubborn("deaf", &pids).shutdown(Shutdown::Infinity));
        let low = ChildSpec::supervisor(low).shutdown(Shutdown::Timeout(Duration::from_millis(500)));
        let root =
            Supervisor::new("root").strategy(Strategy::OneForAll).child(low).child(child_named("first"));
        let root = root.start(&runtime, None).await.expect("it starts");
        let first = runtime.whereis("first").expect("it runs");
        runtime.terminate(first, ExitReason::Custom("crash".into()));
        while runtime.whereis("first").is_none_or(|pid| pid == first) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let [deaf, again] = pids.lock().expect("a lock")[..] else { panic!("two were started") };
        assert_eq!((runtime.is_alive(deaf), runtime.is_alive(again)), (false, true));
        assert_eq!(root.restarts(), 1, "no start has failed");
    });
}

fn child_named(name: &'static str) -> ChildSpec {
    ChildSpec::new(name, move |parent: Parent| {
        let options = SpawnOptions::new(name).name(name).parent(parent.pid).link(true);
        let spawned = parent.runtime.spawn(options, idle);
        std::future::ready(spawned.map(|spawned| spawned.pid).map_err(Into::into))
    })
}

#[test]
fn very_many_dynamic_children_stop_in_any_order() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let supervisor = Supervisor::new("many").strategy(Strategy::Dynamic);
        let supervisor = supervisor.start(&runtime, None).await.expect("it starts");
        for _ in 0..100_000 {
            let child = ChildSpec::process("child", idle).restart(Restart::Temporary);
            supervisor.start_child(child).await.expect("it starts");
        }
        supervisor.stop().await;
        assert_eq!(runtime.counters().alive, 0);
    });
}

#[test]
fn why_a_child_did_not_start_keeps_its_type() {
    on_virtual_time(async {
        #[derive(Debug, thiserror::Error)]
        #[error("the shelf is empty")]
        struct Empty(#[source] std::num::ParseIntError);

        let runtime = Runtime::new();
        let refuses = |_| async { Err(Empty("x".parse::<u32>().expect_err("no number")).into()) };
        let cause = async |child: ChildSpec| {
            let below = ChildSpec::supervisor(Supervisor::new("below").child(child));
            let error = Supervisor::new("tree").child(below).start(&runtime, None).await;
            let StartCause::Failed(error) = error.expect_err("it does not start").cause else {
                panic!("the supervisor below fails")
            };
            error.downcast_ref::<StartError>().expect("as all supervisors do").clone()
        };
        let refused = cause(ChildSpec::new("shop", refuses)).await;
        assert_eq!(refused.to_string(), "child `shop` did not start: the shelf is empty");
        let source = std::error::Error::source(&refused).expect("the cause's own").to_string();
        assert_eq!(source, "invalid digit found in string");
        assert!(matches!(&refused.cause, StartCause::Failed(error) if error.is::<Empty>()));
        let late = ChildSpec::new("late", |_| std::future::pending()).start_timeout(Duration::from_millis(5));
        assert!(matches!(cause(late).await.cause, StartCause::Timeout(limit) if limit.as_millis() == 5));
        let permanent = ChildSpec::process("odd", idle).significant(true);
        assert!(matches!(cause(permanent).await.cause, StartCause::Invalid(_)));
        let taken = |parent: Parent| async move {
            let options = || SpawnOptions::new("twice").name("twice").parent(parent.pid).link(true);
            parent.runtime.spawn(options(), idle)?;
            Ok(parent.runtime.spawn(options(), idle)?.pid)
        };
        let taken = cause(ChildSpec::new("twice", taken)).await.cause;
        assert!(matches!(taken, StartCause::Failed(error) if error.is::<AlreadyRegistered>()));
    });
}
