//! Programs in Rust and TypeScript that have the whole actor world at hand.

use std::time::Duration;

use rusm_otp::{
    Context, ExitReason, Message, Payload, PendingCall, Pid, Reference, SpawnOptions, Supervision, Supervisor,
};

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
        // Pids that it computed, and handles that it made up: nobody is there, nothing happens.
        ("forge-pids", "noproc, gone, 0 alive"),
        ("forge-streams", "bad handles"),
        ("squat-names", "denied"),
        ("long-name", "a name has 1 to 255 bytes"),
        ("odd-names", "nothing"),
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

/// What others have, all of it real: the host tells a hostile guest of each.
struct Foreign {
    /// A service of the application, its supervisor, and a process of the host.
    processes: Vec<Pid>,
    supervisor: Supervision,
    /// The service's timer, its monitors of a process and of a group, the host's monitor, and its call that the service holds.
    references: Vec<Reference>,
    call: PendingCall,
}

impl Foreign {
    async fn of(node: &TestNode) -> Self {
        let runtime = node.node().engine().runtime();
        let victim = runtime.whereis("probe-rust").expect("it runs");
        let idle = |context: Context| async move {
            while !matches!(context.receive().await, Message::Mail { .. }) {}
            ExitReason::Normal
        };
        let host =
            runtime.spawn(SpawnOptions::new("of the host").name("host"), idle).expect("the name is free").pid;
        let key = node.key("probe-rust", "wait-for-release");
        let call = runtime.call(host, &victim.into(), key, Payload::new(), None, None).expect("it is taken");
        let hour = Duration::from_secs(3600);
        let references = vec![
            runtime.send_after(victim, hour, "rings".into()),
            runtime.send_interval(host, hour, "rings".into()),
            runtime.monitor(victim, &host.into()),
            runtime.monitor(host, &victim.into()),
            runtime.monitor_group(host, "group").0,
            call.reference,
        ];
        runtime.join("group", host);
        let supervisor = Supervisor::new("theirs").start(runtime, None).await.expect("it has no children");
        Self { processes: vec![victim, supervisor.pid, host], supervisor, references, call }
    }

    /// Everything is as it was, and does what it is for.
    async fn expect_unharmed(self, node: &TestNode) {
        let runtime = node.node().engine().runtime();
        let [victim, supervisor, host] = self.processes[..] else { panic!("three") };
        let links = |pid| runtime.info(pid).unwrap_or_else(|| panic!("{pid} was ended")).links;
        assert_eq!(links(victim), [node.node().root().pid]);
        assert!(links(supervisor).is_empty() && links(host).is_empty());
        self.supervisor.stop().await;
        let [timer, interval, watching, watched, group, _] = self.references[..] else { panic!("six") };
        assert!(
            runtime.cancel_timer(victim, timer).is_some() && runtime.cancel_timer(host, interval).is_some()
        );
        assert!(runtime.demonitor(victim, watching) && runtime.demonitor(host, watched));
        assert_eq!(runtime.members("group").as_ref(), [host]);
        assert!(runtime.demonitor_group(host, group));
        node.cast("probe-rust", "probe-rust", "release(\"let go\")").await;
        let reply = self.call.await.expect("it is answered by the service");
        assert_eq!(&*reply, b"\x06let go");
        assert_eq!(node.node().root().restarts(), 0);
        runtime.send(host, &host.into(), "end".into()).expect("its mailbox has no bound");
        node.wait_until(|node| node.node().engine().runtime().whereis("host").is_none()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_have_is_theirs_even_if_a_guest_knows_of_it() {
    let node = TestNode::boot().await;
    for guest in ["hostile-rust", "hostile-ts"] {
        let foreign = Foreign::of(&node).await;
        let on_pids = foreign.processes.iter().map(|pid| format!("on-pid {} {}", pid.node, pid.id));
        let on_references = foreign.references.iter().map(|reference| format!("on-reference {reference}"));
        // Who exists and who does not looks the same.
        let names = ["probe-rust", "host", "group", "nobody"].map(|name| format!("on-name {name}"));
        for how in on_pids.chain(on_references).chain(names) {
            assert_eq!(attack(&node, guest, &how).await.as_deref(), Ok("nothing"), "{guest} {how}");
        }
        foreign.expect_unharmed(&node).await;
    }
    node.stop_at_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_cannot_slip_away_from_its_supervisor() {
    let node = TestNode::boot().await;
    let root = node.node().root().pid;
    for (restarts, guest) in ["hostile-rust", "hostile-ts"].into_iter().enumerate() {
        let how = format!("unlink {} {}", root.node, root.id);
        assert_eq!(attack(&node, guest, &how).await.as_deref(), Ok("done"));
        let how = if guest == "hostile-rust" { "panic" } else { "throw" };
        attack(&node, guest, how).await.expect_err("it crashes");
        node.wait_until(|node| node.node().root().restarts() == restarts as u64 + 1).await;
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
        ("recursion", "RangeError: Maximum call stack size exceeded"),
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
