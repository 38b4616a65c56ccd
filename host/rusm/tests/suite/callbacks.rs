//! Callbacks: references that a process answers for itself while the call that carries them lasts.

use rusm_otp::{Context, ExitReason, Message, SpawnOptions};
use tokio::sync::oneshot;

use crate::support::TestNode;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_answers_while_its_call_lasts_in_both_languages() {
    let node = TestNode::boot().await;
    for (one, other) in [
        ("callback-rust", "callback-rust-2"),
        ("callback-rust", "callback-ts"),
        ("callback-ts", "callback-rust"),
        ("callback-ts", "callback-ts-2"),
    ] {
        try_all(&node, one, other).await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_of_starlingmonkey_does_so_too() {
    let node = TestNode::boot_with_starlingmonkey().await;
    try_all(&node, "callback-starling", "callback-rust").await;
    try_all(&node, "callback-rust", "callback-starling").await;
    node.stop().await;
}

async fn try_all(node: &TestNode, one: &str, other: &str) {
    let consulted = "b, refused: there is none, line 0+line 1+line 2, 20000, 2, 499500, true";
    let expected = [
        "Ok(3) [0, 1, 2]",
        "refused: there is nothing to do",
        &format!("{consulted} [\"begun\"]"),
        consulted,
        "last [10, 21]",
        "a, b",
        "3 [0, 1, 2]",
        "true noproc: there is no such process",
        "malformed: a callback is for one call, and this one was given to a call already: make another one",
        &format!(
            "refused: cycle: a call that comes back to its caller: {one} -> {other} -> callback -> {one}"
        ),
        "(\"noproc: there is no such process\", Ok(2)) 2",
        "the process ended before it answered",
    ];
    // Of two that begin to wait for each other at once, either may see it.
    let told_by_other =
        format!("\"cycle: a call that comes back to its caller: {other} -> callback -> {one} -> {other}\"");
    let observed = node.call(one, &format!("try-all({other:?})")).await;
    let observed = observed.map(|text| text.replace(&told_by_other, &format!("{:?}", expected[9])));
    assert_eq!(observed, Ok(format!("{expected:?}")), "{one} -> {other}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_raw_process_has_callbacks_too() {
    let node = TestNode::boot().await;
    for raw in ["raw-rust", "raw-ts"] {
        let (sender, answer) = oneshot::channel();
        let ask = move |context: Context| async move {
            context.runtime().send(context.pid(), &raw.into(), "job".into()).expect("there is room");
            match context.receive().await {
                Message::Mail { body, .. } => sender.send(body).expect("it is waited for"),
                other => panic!("{other:?}"),
            }
            ExitReason::Normal
        };
        node.node().engine().runtime().spawn(SpawnOptions::new("asks"), ask).expect("no name");
        assert_eq!(answer.await.expect("it answers"), "Ok(3) [0, 1, 2]", "{raw}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_that_breaks_ends_its_process_in_rust_and_its_call_in_typescript() {
    let node = TestNode::boot().await;
    for other in ["callback-rust-2", "callback-ts-2"] {
        let broken = node.call("callback-rust", &format!("break({other:?})")).await.unwrap_err();
        assert!(broken.contains("crash: callback-rust") && broken.contains("the callback broke"), "{broken}");
        let thrown = node.call("callback-ts", &format!("break({other:?})")).await;
        assert_eq!(thrown, Ok("\"the callback broke\"".into()));
        // Neither has harmed the job.
        node.wait_until(|node| node.node().engine().runtime().whereis("callback-rust").is_some()).await;
        assert!(node.call("callback-ts", &format!("time({other:?}, 10)")).await.is_ok());
    }
    node.stop().await;
}
