//! What one process must not do to others: spin, eat memory, overflow, and what it was not granted.

use std::time::{Duration, Instant};

use rusm_engine::{Spawn, SpawnError};
use rusm_otp::{CallError, Context, ExitReason, SpawnOptions, StreamEnd};

use crate::support::TestNode;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spinning_guest_yields_and_can_be_killed() {
    let node = TestNode::boot().await;
    let spinner = node.node().engine().runtime().whereis("one").expect("it runs");
    // One for each worker.
    node.cast("one", "limits-rust", "spin()").await;
    node.cast("other", "limits-rust", "spin()").await;
    for _ in 0..100 {
        assert_eq!(node.call("probe-rust", "count()").await, Ok("3".into()));
    }
    assert!(node.node().engine().runtime().is_alive(spinner), "it still spins");
    node.node().engine().runtime().kill(spinner);
    // Another process has its name.
    let one = |node: &TestNode| node.node().engine().runtime().whereis("one");
    node.wait_until(|node| one(node).is_some_and(|pid| pid != spinner)).await;
    assert_eq!(node.node().root().restarts(), 1);
    node.stop_at_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_constructor_that_spins_is_given_up_and_keeps_nobody_waiting() {
    let node = TestNode::boot().await;
    let engine = node.node().engine();
    for component in ["probe-rust", "probe-ts", "probe-core"] {
        let key = node.key(component, "init");
        // The text `spin`, and the number 1.
        let spawn = Spawn::new(component).init(Some(key), b"\x04spin\x01".as_slice().into());
        let deadline = Duration::from_millis(300);
        let spinners = (0..2).map(|_| engine.spawn(spawn.clone().deadline(deadline)));
        let answered = async {
            for _ in 0..50 {
                assert_eq!(node.call("probe-rust", "count()").await, Ok("3".into()));
            }
        };
        let (ends, ()) = tokio::join!(futures::future::join_all(spinners), answered);
        for end in ends {
            assert_eq!(end.map(|spawned| spawned.pid), Err(SpawnError::Timeout(deadline)));
        }
        let living = || engine.component(component).map(|component| component.living());
        node.wait_until(|_| living() == Some(1)).await;
    }
    node.stop().await;
}

/// How many calls a new process of a component answers while it is called for so long, one call after the other.
async fn answered(node: &TestNode, component: &str, time: Duration) -> u32 {
    let engine = node.node().engine();
    let key = node.key(component, "init");
    let spawn = Spawn::new(component).init(Some(key), b"\x00\x00".as_slice().into());
    let pid = engine.spawn(spawn).await.expect("it starts").pid;
    let count = node.key(component, "count");
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let calls = move |context: Context| async move {
        let begun = Instant::now();
        let mut answered = 0;
        while begun.elapsed() < time {
            let reply = context.call(&pid.into(), count, Vec::new(), Duration::from_secs(60)).await;
            reply.expect("it answers");
            answered += 1;
        }
        sender.send(answered).expect("it is waited for");
        ExitReason::Normal
    };
    engine.runtime().spawn(SpawnOptions::new("test"), calls).expect("it has no name");
    let answered = receiver.await.expect("a number");
    engine.runtime().kill(pid);
    node.wait_until(|node| !node.node().engine().runtime().is_alive(pid)).await;
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_of_a_core_holds_for_short_messages_too() {
    let node = TestNode::boot().await;
    for (slow, fast) in [("slow-rust", "probe-rust"), ("slow-ts", "probe-ts")] {
        let time = Duration::from_millis(500);
        let (slow, fast) = (answered(&node, slow, time).await, answered(&node, fast, time).await);
        // A tenth of a core, beside a whole one.
        assert!(slow * 3 < fast, "{slow} calls beside {fast}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_is_not_given_more_streams_than_it_may_have() {
    let node = TestNode::boot().await;
    let runtime = node.node().engine().runtime();
    // It keeps every stream that it is given.
    let keeper = runtime.whereis("raw-rust").expect("it runs");
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let calls = move |context: Context| async move {
        let mut replies = Vec::new();
        for _ in 0..12 {
            let (writer, reader) = rusm_otp::stream(1024);
            let end = Some(StreamEnd::Reader(reader));
            let call = context.runtime().call(context.pid(), &keeper.into(), 1, "hi", end, None);
            replies.push((context.wait(call.expect("it is taken")).await, writer));
        }
        sender.send(replies.into_iter().map(|(reply, _)| reply).collect::<Vec<_>>()).expect("it waits");
        ExitReason::Normal
    };
    runtime.spawn(SpawnOptions::new("test"), calls).expect("it has no name");
    let replies = receiver.await.expect("the calls are answered");
    assert!(replies[..10].iter().all(|reply| *reply == Ok("hi".into())), "{replies:?}");
    assert!(replies[10..].iter().all(|reply| *reply == Err(CallError::Overloaded)), "{replies:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_past_the_grant_is_a_crash_of_that_process_alone() {
    let node = TestNode::boot().await;
    assert_eq!(node.call_as("one", "limits-rust", "take(4)").await, Ok("4".into()));
    let error =
        node.call_as("one", "limits-rust", "take(16)").await.expect_err("there is no more than 8 MiB");
    assert!(error.contains("limits-rust") && error.contains("limits.take"), "{error}");
    assert_eq!(node.call_as("other", "limits-rust", "alive()").await, Ok("true".into()));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_overflow_is_a_crash_with_the_functions_name() {
    let node = TestNode::boot().await;
    assert_eq!(node.call_as("one", "limits-rust", "dive(100)").await, Ok("100".into()));
    let error =
        node.call_as("one", "limits-rust", "dive(100000000)").await.expect_err("there is no such stack");
    assert!(error.contains("dive_deeper"), "{error}");
    assert_eq!(node.call_as("other", "limits-rust", "alive()").await, Ok("true".into()));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_mailbox_refuses_calls_and_keeps_what_it_has() {
    let node = TestNode::boot().await;
    node.cast("one", "limits-rust", "spin()").await;
    // The first one is being handled as soon as the mailbox is empty again.
    let info = |node: &TestNode| {
        let runtime = node.node().engine().runtime();
        runtime.whereis("one").and_then(|pid| runtime.info(pid)).expect("it runs")
    };
    node.wait_until(|node| info(node).mailbox == 0).await;
    for _ in 0..8 {
        node.cast("one", "limits-rust", "spin()").await;
    }
    let refused = node.call_as("one", "limits-rust", "alive()").await;
    assert_eq!(refused, Err("overloaded: the mailbox is full, or the caller has too much under way".into()));
    assert_eq!(info(&node).mailbox, 8);
    node.stop_at_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_granted_is_denied_by_name() {
    let node = TestNode::boot().await;
    let ask = async |text: &str| node.call_as("one", "limits-rust", text).await;
    assert!(ask("env(\"PATH\")").await.is_ok_and(|value| value.starts_with("some(")));
    let denied = ask("env(\"HOME\")").await.expect_err("it was not granted");
    assert!(denied.contains("`env:HOME` is missing"), "{denied}");
    let denied = ask("register(\"boss\")").await.expect_err("it was not granted");
    assert!(
        denied.contains("add \\\"boss\\\" to `register` of [components.limits-rust.capabilities]"),
        "{denied}"
    );
    let victim = node.node().engine().runtime().whereis("other").expect("it runs");
    let denied = ask(&format!("kill({{node: {}, id: {}}})", victim.node, victim.id))
        .await
        .expect_err("it was not granted");
    assert!(denied.contains("`control = true`"), "{denied}");
    assert!(node.node().engine().runtime().is_alive(victim));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_is_asked_to_stop_stops_in_time() {
    let node = TestNode::boot().await;
    let stopped = tokio::time::timeout(Duration::from_secs(30), node.stop()).await;
    assert!(stopped.is_ok(), "an idle tree stops at once");
}
