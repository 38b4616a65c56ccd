//! What processes, and those who wait for them, leave behind.

use std::future::{Future, pending};
use std::sync::Arc;
use std::task::{Context as Task, Wake, Waker};
use std::time::Duration;

use rusm_otp::{Context, ExitReason, Message, Runtime, SpawnOptions};

use crate::support::{idle, on_virtual_time, run};

#[test]
fn a_process_inherits_no_measurement_of_the_one_before_it() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let first = |context: Context| async move {
            // The 64th message is measured, from its receipt to the next one.
            for _ in 0..64 {
                context.receive().await;
            }
            ExitReason::Normal
        };
        let pid = runtime.spawn(SpawnOptions::new("first").mailbox(100), first).expect("no name").pid;
        for _ in 0..64 {
            runtime.send(pid, &pid.into(), "x".into()).expect("there is room");
        }
        until_gone(&runtime, pid).await;
        let second = |context: Context| async move {
            context.receive().await;
            ExitReason::Normal
        };
        let options = SpawnOptions::new("second").mailbox(100);
        let pid = runtime.spawn(options, second).expect("no name").pid;
        runtime.send(pid, &pid.into(), "x".into()).expect("there is room");
        until_gone(&runtime, pid).await;
        let labels: Vec<_> = runtime.latencies().into_iter().map(|latency| latency.label).collect();
        assert_eq!(labels, ["first".into()]);
    });
}

#[test]
fn a_message_that_panics_when_it_is_dropped_harms_nobody_else() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("it is dropped");
        }
    }
    on_virtual_time(async {
        let runtime = Runtime::new();
        let pid = runtime.spawn(SpawnOptions::new("victim").name("victim"), idle).expect("a new name").pid;
        for _ in 0..2 {
            runtime.send_term(pid, &pid.into(), Bomb).expect("there is room");
        }
        let reason = run(&runtime, move |context| async move {
            context.runtime().monitor(context.pid(), &pid.into());
            context.runtime().kill(pid);
            context.receive_within(Duration::from_secs(1), |_| true).await
        });
        assert!(matches!(reason.await, Some(Message::Down { reason: ExitReason::Killed, .. })));
    });
}

#[test]
fn a_receive_that_was_given_up_keeps_no_waker() {
    struct Counted;
    impl Wake for Counted {
        fn wake(self: Arc<Self>) {}
    }
    on_virtual_time(async {
        let runtime = Runtime::new();
        let kept = run(&runtime, |context| async move {
            let counted = Arc::new(Counted);
            for _ in 0..10 {
                let waker = Waker::from(counted.clone());
                let mut receive = Box::pin(context.receive());
                for _ in 0..10 {
                    assert!(receive.as_mut().poll(&mut Task::from_waker(&waker)).is_pending());
                }
            }
            Arc::strong_count(&counted) - 1
        });
        assert_eq!(kept.await, 0);
    });
}

#[test]
fn of_two_receives_of_one_task_the_other_one_still_hears() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let heard = run(&runtime, |context| async move {
            let task = context.clone();
            let (given_up, heard) = tokio::sync::oneshot::channel();
            // Both have the task's waker.
            let receiving = tokio::spawn(async move {
                let other = async {
                    tokio::select! {
                        _ = task.receive_matching(|_| false) => {}
                        () = tokio::time::sleep(Duration::from_millis(1)) => {}
                    }
                    given_up.send(()).expect("somebody waits");
                    pending::<()>().await;
                };
                tokio::select! {
                    message = task.receive() => message,
                    () = other => unreachable!("it waits"),
                }
            });
            heard.await.expect("it is given up");
            let own = context.pid();
            context.runtime().send(own, &own.into(), "x".into()).expect("there is room");
            tokio::time::timeout(Duration::from_secs(1), receiving).await.is_ok()
        });
        assert!(heard.await);
    });
}

async fn until_gone(runtime: &Runtime, pid: rusm_otp::Pid) {
    while runtime.info(pid).is_some() {
        tokio::task::yield_now().await;
    }
}
