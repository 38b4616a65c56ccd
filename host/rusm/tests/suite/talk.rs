//! Streams each way in one call, values before streams, and bytes.

use crate::support::TestNode;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_go_both_ways_in_both_languages() {
    let node = TestNode::boot().await;
    for (one, other) in [
        ("talk-rust", "talk-rust-2"),
        ("talk-rust", "talk-ts"),
        ("talk-ts", "talk-rust"),
        ("talk-ts", "talk-ts-2"),
    ] {
        try_all(&node, one, other).await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_do_so_in_starlingmonkey_too() {
    let node = TestNode::boot_with_starlingmonkey().await;
    try_all(&node, "talk-starling", "talk-rust").await;
    try_all(&node, "talk-rust", "talk-starling").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_go_through_in_constant_memory() {
    let node = TestNode::boot().await;
    // Each of them may have less memory than goes through.
    for (one, other) in [("talk-rust", "talk-ts"), ("talk-ts", "talk-rust"), ("talk-rust", "talk-rust-2")] {
        let sent = node.call(one, &format!("send-through({other:?}, 128)")).await.expect("it goes through");
        assert!(sent.starts_with("(134217728, "), "{one} -> {other}: {sent}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_fails_is_told_to_both_sides() {
    let node = TestNode::boot().await;
    for other in ["talk-rust-2", "talk-ts-2"] {
        let rust =
            ["Err(Source(\"no more paper\"))", "the bytes to be sent: no more paper", "Ok((100003, 100294))"];
        assert_eq!(node.call("talk-rust", &format!("fail({other:?})")).await, Ok(format!("{rust:?}")));
        let no_bytes = "expected a Uint8Array of a stream's bytes; found number";
        let ts = ["no more paper", "no more paper", no_bytes].map(|text| text.replace('\'', "\\'"));
        let ts = format!("[\"{}\", \"{}\", \"{}\"]", ts[0], ts[1], ts[2]);
        assert_eq!(node.call("talk-ts", &format!("fail({other:?})")).await, Ok(ts));
    }
    node.stop().await;
}

async fn try_all(node: &TestNode, one: &str, other: &str) {
    let expected = [
        "A B C",
        "20000",
        "2000000",
        "t: x y z",
        "refused: no title",
        "3 [0, 1, 2]",
        "[0, 1]",
        "0 2 [0, 1]",
        "true",
        "(1000000, 127493856)",
        "[0, 1, 2, 3] 300",
        "refused: nothing to fill",
        "true",
        "0 1",
        "0 1 2",
        "20000, the end",
        "0 1",
        "the process at the other end ended",
    ];
    let observed = node.call(one, &format!("try-all({other:?})")).await;
    assert_eq!(observed, Ok(format!("{expected:?}")), "{one} -> {other}");
    // It has crashed in the end.
    if other == "talk-starling" {
        return;
    }
    node.wait_until(|node| node.node().engine().runtime().whereis(other).is_some()).await;
    let turns = node.call(one, &format!("converse({other:?})")).await;
    let ended = if one != "talk-rust" { "no longer" } else { "aborted by the other end: no longer" };
    assert_eq!(turns, Ok(format!("{:?}", ["ONE", "TWO", "THREE", "true", ended])), "{one} -> {other}");
}
