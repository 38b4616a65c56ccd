//! What reaches a guest besides calls, in both languages: ends of other processes, mail, timers, and what it does with
//! names, grants and streams that it pushes into.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusm::CallRequest;
use rusm_engine::Spawn;
use rusm_otp::{Context, ExitReason, Message, Pid, SpawnOptions};

use crate::support::{TestNode, folder};

const WITNESSES: [&str; 2] = ["witness-rust", "witness-ts"];

/// A pid as WAVE text.
fn text(pid: Pid) -> String {
    format!("{{node: {}, id: {}}}", pid.node, pid.id)
}

impl TestNode {
    async fn start_probe(&self, witness: &str, link: bool, monitor: bool) -> Pid {
        let pid = self.call(witness, &format!("start(\"probe-rust\", {link}, {monitor})")).await;
        self.pid_of(&pid.expect("the probe starts"))
    }

    fn pid_of(&self, text: &str) -> Pid {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
        let mut number = || numbers.next().and_then(|digits| digits.parse().ok()).expect("a number");
        Pid { node: number(), id: number() }
    }

    async fn relate(&self, witness: &str, how: &str, other: Pid) -> String {
        let answer = self.call(witness, &format!("relate({how:?}, {})", text(other))).await;
        answer.expect("it answers").trim_matches('"').to_owned()
    }

    /// Crashes a process with a text.
    async fn crash(&self, pid: Pid, with: &'static str) {
        let key = self.key("probe-rust", "crash");
        let mut body = vec![with.len() as u8];
        body.extend_from_slice(with.as_bytes());
        self.raw_call(pid, key, body).await.expect_err("it crashes");
    }

    /// The events of a witness, as soon as there are so many.
    async fn events(&self, witness: &str, count: usize) -> Vec<String> {
        let waiting = async {
            loop {
                let events = self.call(witness, "events()").await.expect("it answers");
                // Without the place in the source where it crashed.
                let event = |line: &str| line.split(" at probe-rust").next().unwrap_or(line).to_owned();
                let events: Vec<String> = events.trim_matches('"').split("\\n").map(event).collect();
                if events.len() >= count && !events[0].is_empty() {
                    return events;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("the events come")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_receives_leaves_its_requests_to_stop_to_its_loop() {
    let node = TestNode::boot().await;
    for witness in WITNESSES {
        let pid = node.node().engine().spawn(Spawn::new(witness)).await.expect("it starts").pid;
        let (sender, ended) = tokio::sync::oneshot::channel();
        let watch = move |context: Context| async move {
            context.runtime().monitor(context.pid(), &pid.into());
            tokio::time::sleep(Duration::from_millis(50)).await;
            context.runtime().exit(context.pid(), pid, ExitReason::Shutdown);
            let Message::Down { reason, .. } = context.receive().await else { panic!("another message") };
            sender.send(reason).expect("the test waits");
            ExitReason::Normal
        };
        let runtime = node.node().engine().runtime();
        runtime.spawn(SpawnOptions::new("test"), watch).expect("it has no name");
        let mut body = b"\x04take".to_vec();
        body.extend([0, 0]);
        let taken = node.raw_call(pid, node.key(witness, "relate"), body).await;
        assert_eq!(taken.as_deref(), Ok(&b"\x07nothing"[..]), "{witness}");
        assert_eq!(ended.await.expect("it ends"), ExitReason::Shutdown, "{witness}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_tells_a_guest_how_a_process_ended() {
    let node = TestNode::boot().await;
    for witness in WITNESSES {
        let spawned = node.start_probe(witness, false, true).await;
        node.crash(spawned, "seen by spawn").await;
        node.events(witness, 1).await;
        let watched = node.start_probe(witness, false, false).await;
        node.relate(witness, "monitor", watched).await;
        assert_eq!(node.relate(witness, "info", watched).await, "probe-rust - 0 1");
        node.node().engine().runtime().kill(watched);
        node.events(witness, 2).await;
        let gone = node.start_probe(witness, false, false).await;
        node.relate(witness, "monitor", gone).await;
        assert_eq!(node.relate(witness, "demonitor", gone).await, "true");
        node.crash(gone, "not seen").await;
        assert_eq!(node.relate(witness, "alive", gone).await, "false");
        assert_eq!(node.relate(witness, "info", gone).await, "gone");
        node.relate(witness, "monitor", gone).await;
        assert_eq!(
            node.events(witness, 3).await,
            // The monitor that came with the spawn is the client's own.
            ["down false crash in probe.crash: seen by spawn", "down true killed", "down true noproc"],
            "{witness}"
        );
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_ends_a_guest_unless_it_traps_exits() {
    let node = TestNode::boot().await;
    for (restarts, witness) in WITNESSES.into_iter().enumerate() {
        let apart = node.start_probe(witness, true, false).await;
        node.relate(witness, "unlink", apart).await;
        node.crash(apart, "nobody minds").await;

        assert_eq!(node.relate(witness, "trap", apart).await, "false");
        let trapped = node.start_probe(witness, true, false).await;
        node.crash(trapped, "trapped").await;
        assert_eq!(node.events(witness, 1).await, ["exit crash in probe.crash: trapped"], "{witness}");
        assert_eq!(node.relate(witness, "untrap", apart).await, "true");

        let linked = node.start_probe(witness, false, false).await;
        node.relate(witness, "link", linked).await;
        node.crash(linked, "along the link").await;
        node.wait_until(|node| node.node().root().restarts() == restarts as u64 + 1).await;
        assert_eq!(node.call(witness, "events()").await, Ok("\"\"".into()), "{witness} is a new one");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_and_timers_reach_a_guest_between_its_calls() {
    let node = TestNode::boot().await;
    for witness in WITNESSES {
        let nobody = Pid { node: node.node().engine().runtime().node_id(), id: 0 };
        node.node().engine().runtime().send(nobody, &witness.into(), "hällo".into()).expect("it is taken");
        assert_eq!(node.call(witness, "timers(1)").await, Ok("\"true None\"".into()), "{witness}");
        assert_eq!(node.events(witness, 2).await, ["mail hällo", "timer rings"], "{witness}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_takes_a_name_once_and_gives_it_back() {
    let node = TestNode::boot().await;
    for witness in WITNESSES {
        let observed = node.call(witness, &format!("names({witness:?}, \"alias\")")).await;
        // A process that has a name gets no second one, as in Erlang.
        assert_eq!(observed, Ok("\"false false true true false true\"".into()), "{witness}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_exits_tells_its_own_reason() {
    let node = TestNode::boot().await;
    for (restarts, witness) in WITNESSES.into_iter().enumerate() {
        let pid = node.node().engine().runtime().whereis(witness).expect("it runs");
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let watch = move |context: Context| async move {
            context.runtime().monitor(context.pid(), &pid.into());
            let Message::Down { reason, .. } = context.receive().await else { panic!("another message") };
            sender.send(reason).expect("the test waits");
            ExitReason::Normal
        };
        node.node().engine().runtime().spawn(SpawnOptions::new("test"), watch).expect("it has no name");
        node.cast(witness, witness, "leave([1, 2, 3])").await;
        assert_eq!(receiver.await, Ok(ExitReason::Custom(vec![1, 2, 3].into())), "{witness}");
        node.wait_until(|node| node.node().root().restarts() == restarts as u64 + 1).await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_can_give_a_child_less_and_never_more() {
    let node = TestNode::boot().await;
    for witness in WITNESSES {
        let observed = node.call(witness, "narrowed()").await.expect("it answers");
        assert!(observed.contains("the grant `env:PATH` is missing"), "{witness}: {observed}");
        let wider = "`env:HOME` is wider than the profile of component `limits-rust`";
        assert!(observed.contains(wider), "{witness}: {observed}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pushed_into_a_sink_reaches_its_followers() {
    let mut node = TestNode::boot().await;
    node.listen();
    for witness in WITNESSES {
        for why in ["none", "some(\"enough\")"] {
            let follow = async {
                let request =
                    CallRequest { name: witness.into(), text: "follow()".into(), deadline_ms: 60_000 };
                let mut lines = Vec::new();
                let done = rusm::call(folder(), request, &b""[..], |line| {
                    lines.push(line.to_string());
                    Ok(())
                });
                let done = done.await.map_err(|error| error.to_string());
                (lines, done)
            };
            let publish = async {
                while node.call(witness, "publish(\"a\")").await != Ok("1".into()) {}
                assert_eq!(node.call(witness, "publish(\"b\")").await, Ok("1".into()));
                node.cast(witness, witness, &format!("dismiss({why})")).await;
            };
            let ((lines, done), ()) = tokio::join!(follow, publish);
            assert_eq!(lines, ["\"a\"", "\"b\""], "{witness}");
            match why {
                "none" => assert_eq!(done, Ok(()), "{witness}"),
                _ => assert!(done.as_ref().is_err_and(|text| text.contains("enough")), "{witness}: {done:?}"),
            }
        }
        assert_eq!(node.call(witness, "publish(\"nobody\")").await, Ok("0".into()), "{witness}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_gave_up_before_its_answer_says_why() {
    let mut node = TestNode::boot().await;
    node.listen();
    for witness in WITNESSES {
        let text = "give-up(\"not today\")".into();
        let request = CallRequest { name: witness.into(), text, deadline_ms: 60_000 };
        let mut lines = Vec::new();
        let done = rusm::call(folder(), request, &b""[..], |line| {
            lines.push(line.to_string());
            Ok(())
        });
        let done = done.await.map_err(|error| error.to_string());
        assert_eq!(lines, ["\"first\""], "{witness}");
        assert!(done.as_ref().is_err_and(|text| text.contains("not today")), "{witness}: {done:?}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_leaves_is_noticed() {
    let mut node = TestNode::boot().await;
    node.listen();
    for witness in WITNESSES {
        let left = Arc::new(AtomicBool::new(false));
        let follow = async {
            let request = CallRequest { name: witness.into(), text: "follow()".into(), deadline_ms: 60_000 };
            let stop = |_: rusm::CallOutput<'_>| Err(std::io::Error::other("seen enough"));
            rusm::call(folder(), request, &b""[..], stop).await.expect_err("it leaves");
            left.store(true, Ordering::Relaxed);
        };
        let publish = async {
            while node.call(witness, "publish(\"a\")").await != Ok("1".into()) {}
            while node.call(witness, "publish(\"b\")").await != Ok("0".into()) {}
        };
        let both = async { tokio::join!(follow, publish) };
        tokio::time::timeout(Duration::from_secs(60), both).await.expect("its end is noticed");
        assert!(left.load(Ordering::Relaxed));
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_raw_process_takes_its_messages_by_itself() {
    for raw in ["raw-rust", "raw-ts", "raw-core"] {
        let node = TestNode::boot().await;
        talk_to(&node, raw).await;
        node.wait_until(|node| node.node().root().restarts() == 1).await;
        node.stop().await;
    }
    let node = TestNode::boot_with_starlingmonkey().await;
    talk_to(&node, "raw-starling").await;
    node.stop().await;
}

async fn talk_to(node: &TestNode, name: &'static str) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let talk = move |context: Context| async move {
        let raw = name.into();
        let send =
            |body: &'static str| context.runtime().send(context.pid(), &raw, body.into()).expect("sent");
        for body in ["wait", "between", "look", "hello"] {
            send(body);
        }
        let mut answers = Vec::new();
        for _ in 0..3 {
            let Message::Mail { body, .. } = context.receive().await else { panic!("another message") };
            answers.push(String::from_utf8_lossy(&body).into_owned());
        }
        let called = context.call(&raw, 7, "by call", Duration::from_secs(60)).await;
        context.runtime().monitor(context.pid(), &raw);
        send("fail");
        let Message::Down { reason, .. } = context.receive().await else { panic!("another message") };
        sender.send((answers, called, reason)).expect("the test waits");
        ExitReason::Normal
    };
    node.node().engine().runtime().spawn(SpawnOptions::new("test"), talk).expect("it has no name");
    let (answers, called, reason) = receiver.await.expect("they talked");
    // `look` finds `hello` before it says that there is nothing.
    assert_eq!(answers, ["rings", "between", "false"]);
    assert_eq!(called, Ok("by call".into()));
    assert!(matches!(&reason, ExitReason::Crash(crash) if crash.text.contains("told to fail")), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_that_call_each_other_in_a_circle_are_told_by_name() {
    let node = TestNode::boot().await;
    let [rust, ts] = WITNESSES;
    for (first, rest) in [
        (rust, vec![rust]),
        (ts, vec![ts]),
        (rust, vec![ts, rust]),
        (ts, vec![rust, ts]),
        (rust, vec![ts, ts]),
    ] {
        let last = rest[rest.len() - 1];
        let names: Vec<String> = rest.iter().map(|name| format!("{name:?}")).collect();
        let answer = node.call(first, &format!("round([{}])", names.join(", "))).await;
        // The one whose call closes the circle is told, and answers that.
        let closes = if rest.len() > 1 { rest[rest.len() - 2] } else { first };
        let chain = if closes == last {
            format!("{last} -> {last}")
        } else {
            format!("{closes} -> {last} -> {closes}")
        };
        let text = format!("\"cycle: a call that comes back to its caller: {chain}\"");
        assert_eq!(answer, Ok(text), "{first} {rest:?}");
        assert_eq!(node.call(first, "round([])").await, Ok("\"the end\"".into()));
    }
    node.stop().await;
}
