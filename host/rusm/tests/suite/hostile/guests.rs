//! Programs in Rust and TypeScript that have the whole actor world at hand.

use rusm_otp::ExitReason;

use crate::support::TestNode;

/// What a hostile service answers to one attack: its text, or how it ended.
async fn attack(node: &TestNode, guest: &str, how: &str) -> Result<String, String> {
    // What the attack before has left in the guest's own mailbox would refuse this one.
    node.wait_until(|node| {
        let runtime = node.node().engine().runtime();
        let info = runtime.whereis(guest).and_then(|pid| runtime.info(pid));
        info.is_none_or(|info| info.mailbox == 0)
    })
    .await;
    let answer = node.call(guest, &format!("attack(\"{how}\")")).await;
    assert_eq!(node.call("probe-rust", "count()").await, Ok("3".into()), "{guest} {how}: the bystander");
    answer.map(|text| text.trim_matches('"').to_owned())
}

/// One that crashed is started again by its supervisor.
async fn crashes(node: &TestNode, guest: &str, how: &str, why: &str) {
    let error = attack(node, guest, how).await.expect_err("it does not live through that");
    assert!(error.contains(why), "{guest} {how}: {error}");
    node.wait_until(|node| node.node().engine().runtime().whereis(guest).is_some()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rust_guests_cannot_harm_others() {
    let node = TestNode::boot().await;
    let guest = "hostile-rust";
    for (how, answer) in [
        // Pids and references that it made up: nobody is there, nothing happens.
        ("forge-pids", "noproc, gone, 0 alive"),
        ("forge-references", "0 replies, 0 timers, 0 monitors"),
        ("forge-streams", "bad handles"),
        ("kill-strangers", "denied"),
        ("kill-supervisor", "denied"),
        ("squat-names", "denied"),
        ("long-name", "a name has 1 to 255 bytes"),
        ("join-groups", "denied"),
        ("read-environment", "denied"),
        ("wider-child", "is wider than the profile"),
        ("flood-log", "done"),
        ("flood-itself", "overloaded"),
        ("short-calls", "overloaded"),
        ("fork-bomb", "may have 5 living children"),
        ("calls", "overloaded"),
        ("streams", "overloaded"),
        ("own-call", "cycle"),
        ("large-random", "65536"),
    ] {
        let seen = attack(&node, guest, how).await.unwrap_or_else(|error| panic!("{how}: {error}"));
        assert!(seen.contains(answer), "{how}: {seen}");
    }
    for (how, why) in [
        ("abort", "unreachable"),
        ("panic", "told to"),
        ("panic-in-drop", "told to"),
        ("out-of-memory", "its memory is limited to 16.0 MiB"),
        ("huge-list", "out of bounds"),
        ("bad-utf8", "utf-8"),
        ("recursion", "its stack is full, by a recursion without end"),
        ("forged-report", "a made up text"),
        ("exit-with-crash", "somebody else's crash"),
        ("timers", "its timers are limited to 1000 at a time"),
        ("short-lie", "a short body of 200 bytes"),
    ] {
        crashes(&node, guest, how, why).await;
    }
    node.stop_at_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typescript_guests_cannot_harm_others() {
    let node = TestNode::boot().await;
    let guest = "hostile-ts";
    for (how, answer) in [
        ("flood-log", "done"),
        ("change-prototypes", "changed"),
        ("forge-pids", "0 alive"),
        ("fork-bomb", "may have 5 living children"),
    ] {
        let seen = attack(&node, guest, how).await.unwrap_or_else(|error| panic!("{how}: {error}"));
        assert!(seen.contains(answer), "{how}: {seen}");
    }
    for (how, why) in [
        ("throw", "thrown on purpose"),
        ("throw-nothing", "undefined"),
        ("throw-in-a-timer", "from a timer"),
        ("reject", "rejected on purpose"),
        ("memory", "memory"),
        ("recursion", "call stack exhausted"),
        ("never", "promise that nothing will resolve"),
        ("timers", "its timers are limited to 1000 at a time"),
    ] {
        crashes(&node, guest, how, why).await;
    }
    node.stop_at_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_points_into_the_source() {
    let node = TestNode::boot().await;
    for (guest, place) in
        [("hostile-rust", "hostile-rust/src/lib.rs:"), ("hostile-ts", "hostile-ts/main.ts:")]
    {
        let pid = node.node().engine().runtime().whereis(guest).expect("it runs");
        let key = node.key(guest, "attack");
        let how = if guest == "hostile-rust" { "panic" } else { "throw" };
        let body = [&[how.len() as u8], how.as_bytes()].concat();
        let error = node.raw_call(pid, key, body).await.expect_err("it crashes");
        let rusm_otp::CallError::Exited(ExitReason::Crash(crash)) = &error else { panic!("{error}") };
        assert!(crash.backtrace.contains(place), "{}", crash.backtrace);
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_takes_too_much_time_ends_its_process() {
    let node = TestNode::boot().await;
    for guest in ["hurried-rust", "hurried-ts"] {
        let error = attack(&node, guest, "spin").await.expect_err("it does not end by itself");
        assert!(error.contains("its processor time for one message is spent: 50ms"), "{guest}: {error}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_of_all_processes_of_a_component_hold() {
    use rusm_engine::{Spawn, SpawnError};
    let node = TestNode::boot().await;
    let engine = node.node().engine();
    // One of them runs in the tree.
    let second = engine.spawn(Spawn::new("hurried-rust")).await.expect("there may be two").pid;
    let third = engine.spawn(Spawn::new("hurried-rust")).await.expect_err("there may not be three");
    let SpawnError::Capacity(why) = &third else { panic!("{third}") };
    assert!(why.contains("`hurried-rust` may have 2 processes"), "{why}");
    engine.runtime().kill(second);
    let living =
        |node: &TestNode| node.node().engine().component("hurried-rust").expect("it is loaded").living();
    node.wait_until(|node| living(node) == 1).await;
    engine.spawn(Spawn::new("hurried-rust")).await.expect("there is room again");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spinners_of_both_languages_leave_others_their_turn() {
    let node = TestNode::boot().await;
    let runtime = node.node().engine().runtime().clone();
    for guest in ["hostile-rust", "hostile-ts"] {
        let spinner = runtime.whereis(guest).expect("it runs");
        node.cast(guest, guest, "spin()").await;
        for _ in 0..50 {
            assert_eq!(node.call("probe-rust", "count()").await, Ok("3".into()));
            assert_eq!(node.call("probe-ts", "count()").await, Ok("3".into()));
        }
        assert!(runtime.is_alive(spinner), "it still spins");
    }
    node.stop_at_once();
}
