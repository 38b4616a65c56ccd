//! Every kind of message between services of both languages, each way round: what one side sees must not depend on the
//! language of the other.

use std::time::Duration;

use rusm::CallRequest;
use rusm_engine::Spawn;
use rusm_otp::{Context, ExitReason, Message, SpawnOptions, StreamEnd};

use crate::support::TestNode;

/// A scenario, and what every pair of languages observes. `PROBE` stands for the callee.
async fn every_pair_observes(scenario: &str, expected: &str) {
    let node = TestNode::boot().await;
    let mut differences = Vec::new();
    for driver in ["driver-rust", "driver-ts", "driver-core"] {
        for probe in ["probe-rust", "probe-ts", "probe-core"] {
            let text = format!("run({scenario:?}, {probe:?})");
            let observed = node.call(driver, &text).await;
            let expected = format!("{:?}", expected.replace("PROBE", probe));
            if observed != Ok(expected.clone()) {
                differences.push(format!("{driver} -> {probe}: {observed:?}, expected {expected}"));
            }
        }
    }
    node.stop().await;
    assert!(differences.is_empty(), "{scenario}:\n{}", differences.join("\n"));
}

macro_rules! scenarios {
    ($($name:ident: $scenario:literal => $expected:literal;)*) => {
        const SCENARIOS: &[(&str, &str)] = &[$(($scenario, $expected)),*];

        $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            every_pair_observes($scenario, $expected).await;
        }
        )*
    };
}

scenarios! {
    a_constructor_that_accepts_answers_spawn: "spawn" => "3";
    a_constructor_that_refuses_gives_its_typed_error: "spawn-refused" => "refused with 7";
    a_crash_in_a_constructor_answers_spawn: "spawn-crash" => "PROBE in probe.init: crashed in init";
    a_slow_constructor_is_given_up: "spawn-timeout" => "timeout";
    an_unknown_component_names_the_nearest:
        "spawn-unknown" => "there is no component `probe-rusty`; did you mean `probe-rust`?";
    a_component_of_another_contract_is_refused:
        "spawn-contract" => "component `driver-ts` does not have all of `test:probe/probe`";
    a_name_belongs_to_one_process: "spawn-name" => "true 5";
    a_call_gives_its_result: "call" => "7";
    a_typed_error_is_told_from_other_failures: "typed-error" => "out of stock: none; closed";
    a_cast_comes_before_a_later_call: "cast" => "0";
    a_stream_out_arrives_whole_and_in_order: "stream-out" => "4999950000";
    a_stream_out_can_be_refused: "stream-refused" => "no numbers";
    a_reader_may_close_a_stream_early: "stream-out-close" => "999 3";
    a_writer_may_abort_a_stream: "stream-out-abort" => "10 broken on purpose";
    a_stream_in_arrives_whole: "stream-in" => "4999950005";
    a_callee_may_stop_reading_early: "stream-in-close" => "4950";
    a_caller_may_abort_a_stream: "stream-in-abort" => "3 1";
    a_deadline_ends_a_call_and_not_the_service: "deadline" => "Err(Timeout) 3";
    a_crash_during_a_call_answers_it_with_text_and_backtrace:
        "crash" => "PROBE in probe.crash: on purpose with its function, true";
    a_body_of_a_mebibyte_goes_both_ways: "big" => "1048576 true";
    ten_thousand_calls_at_once_are_all_answered: "ten-thousand" => "30000";
    several_calls_wait_together_and_are_answered_later: "together" => "now now now";
    a_call_can_be_given_up: "cancel" => "3";
    a_pid_crosses_the_wire: "pid" => "true";
}

/// What the other engine does otherwise is in `rusm-ts/README.md`: a call that is waited for cannot be given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starlingmonkey_observes_the_same() {
    let node = TestNode::boot_with_starlingmonkey().await;
    let mut differences = Vec::new();
    for (driver, probe) in [
        ("driver-starling", "probe-rust"),
        ("driver-starling", "probe-ts"),
        ("driver-rust", "probe-starling"),
    ] {
        for (scenario, expected) in SCENARIOS.iter().filter(|(scenario, _)| *scenario != "cancel") {
            let observed = node.call(driver, &format!("run({scenario:?}, {probe:?})")).await;
            let expected = format!("{:?}", expected.replace("PROBE", probe));
            if observed != Ok(expected.clone()) {
                differences
                    .push(format!("{scenario}: {driver} -> {probe}: {observed:?}, expected {expected}"));
            }
        }
    }
    node.stop().await;
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_grant_is_named_with_its_place() {
    let node = TestNode::boot().await;
    for driver in ["driver-rust", "driver-ts"] {
        let observed = node.call(driver, "run(\"spawn-denied\", \"\")").await;
        let expected = format!(
            "the grant `spawn:other` is missing: add \\\"other\\\" to `spawn` of [components.{driver}.capabilities] in rusm.toml"
        );
        let observed = observed.expect("a text");
        assert!(observed.starts_with(&format!("\"`spawn` by {driver} <")), "{observed}");
        assert!(observed.ends_with(&format!("{expected}\"")), "{observed}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_function_and_a_malformed_body_leave_the_service_alive() {
    let node = TestNode::boot().await;
    for probe in ["probe-rust", "probe-ts"] {
        let unknown = node.raw_call(probe, 0xdead_beef, vec![]).await.unwrap_err().to_string();
        assert!(unknown.contains("0xdeadbeef"), "{unknown}");
        let add = node.key(probe, "add");
        for (body, kind) in [
            (vec![], "item: truncated"),
            (vec![1, 0xff, 1], "item: utf8"),
            (vec![0, 1, 9], "the arguments: trailing"),
        ] {
            let malformed = node.raw_call(probe, add, body).await.unwrap_err().to_string();
            assert_eq!(malformed, format!("malformed: probe.add: {kind}"));
        }
        assert_eq!(node.call(probe, "count()").await, Ok("3".into()));
    }
    // One that handles several at once, too.
    let malformed = node.raw_call("crowd-ts", node.key("crowd-ts", "gather"), vec![]).await.unwrap_err();
    assert_eq!(malformed.to_string(), "malformed: crowd.gather: number: truncated");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crashed_child_is_restarted_under_its_name() {
    let node = TestNode::boot().await;
    for (restarts, probe) in ["probe-rust", "probe-ts"].into_iter().enumerate() {
        let error = node.call(probe, "crash(\"first\")").await.unwrap_err();
        assert!(error.contains("first"), "{error}");
        node.wait_until(|node| node.node().root().restarts() == restarts as u64 + 1).await;
        assert_eq!(node.call(probe, "count()").await, Ok("3".into()));
    }
    // One that handles several at once, too.
    let malformed = node.raw_call("crowd-ts", node.key("crowd-ts", "gather"), vec![]).await.unwrap_err();
    assert_eq!(malformed.to_string(), "malformed: crowd.gather: number: truncated");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_calls_streams_and_shows_refusals() {
    let mut node = TestNode::boot().await;
    let call = async |text: &str, input: &'static [u8]| {
        let request = CallRequest { name: "probe-ts".into(), text: text.into(), deadline_ms: 5000 };
        let mut lines = Vec::new();
        let result = rusm::call(crate::support::folder(), request, input, |line| {
            lines.push(line.to_string());
            Ok(())
        });
        match result.await {
            Ok(()) => lines.join(" "),
            Err(error) => error.to_string(),
        }
    };
    node.listen();
    let socket = rusm::Socket::of(crate::support::folder()).expect("its place");
    let folder = socket.path().parent().expect("a folder").metadata().expect("it is there");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&folder.permissions()) & 0o777, 0o700);
    assert_eq!(call("numbers(4)", b"").await, "0 1 2 3");
    assert_eq!(call("sum(1, 10)", b"1\n2\n\n3\n").await, "7");
    assert_eq!(call("add({sku: \"none\", qty: 1})", b"").await, "refused: out-of-stock(\"none\")");
    assert!(call("sum(1, 10)", b"1\nx\n").await.starts_with("line 2 of the input: "));
    assert_eq!(call("clear()", b"").await, "");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promises_and_timers_go_on_between_messages() {
    let node = TestNode::boot().await;
    assert_eq!(node.call("promises-ts", "soon()").await, Ok("\"nothing began\"".into()));
    node.cast("promises-ts", "promises-ts", "begin(20)").await;
    assert_eq!(node.call("promises-ts", "soon()").await, Ok("\"now\"".into()));
    assert_eq!(node.call("promises-ts", "ticks()").await, Ok("3".into()));
    node.cast("promises-ts", "promises-ts", "throw-later(\"out of reach\")").await;
    node.wait_until(|node| node.node().root().restarts() == 1).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers_fire_between_calls_that_are_answered_at_once() {
    let node = TestNode::boot().await;
    let calls = node.call("promises-ts", "overtaken(\"probe-rust\", 20)").await;
    assert!(calls.as_ref().is_ok_and(|calls| calls.parse::<u32>().is_ok_and(|calls| calls > 0)), "{calls:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_apis_are_there_or_absent() {
    let node = TestNode::boot().await;
    let seen = node.call("promises-ts", "web()").await.expect("it answers");
    let mut expected: Vec<String> =
        ["\"fetch undefined\"", "\"URL function\"", "\"structuredClone function\""]
            .map(str::to_owned)
            .to_vec();
    expected.push("\"https://xn--b-zfa.example:8080/b?x=1&y=%C3%A9 false xn--b-zfa.example:8080\"".into());
    expected.extend(["\"56 true\"", "\"😀\u{fffd}\""].map(str::to_owned));
    expected.extend(["\"239,191,189\"", "\"true\"", "\"true\"", "\"true\""].map(str::to_owned));
    assert_eq!(seen, format!("[{}]", expected.join(", ")));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packages_from_npm_work_as_they_are() {
    let node = TestNode::boot().await;
    let spawned = node.node().engine().spawn(Spawn::new("packages-ts").name(Some("packages-ts".into())));
    spawned.await.expect("it starts");
    let seen = node.call("packages-ts", "run()").await.expect("it answers");
    let expected = [
        "zod true 3 email,site",
        "valibot true 2",
        "nanoid 21 true true",
        "uuid true 4f3f2898-69e3-5a0d-820a-c4e87987dbce",
        r#"immer [{"list":[1,2],"map":{"x":1}},{"list":[1,2,3],"map":{"x":2}}] true"#,
        "date-fns 2026-02-28",
        r#"lodash [[[1,2],[3]],{"1":[1.2,1.8],"2":[2.1]}]"#,
        "superjson 7 true https://a.example/b",
        "decimal 0.3 1.41421356237309504880",
        "ms 172800000 1m",
        "xstate red green",
        "debounce 1",
        "ajv true false must be integer",
    ];
    for line in expected {
        assert!(seen.contains(&format!("{line:?}").trim_matches('"').to_owned()), "{line} is not in {seen}");
    }
    // What has fired and what was cleared leaves nothing, in 16 MiB.
    let grown: i64 =
        node.call("packages-ts", "churn(5000)").await.expect("it answers").parse().expect("a number");
    assert!(grown < 20_000, "{grown} bytes more than before");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejection_that_nobody_handles_is_a_crash_or_a_line_of_the_log() {
    let node = TestNode::boot().await;
    let runtime = node.node().engine().runtime();
    let nobody = rusm_otp::Pid { node: runtime.node_id(), id: 0 };
    for (how, text) in [
        ("now", Some("Error: rejected now (a promise was rejected, and nobody handles that)")),
        ("late", Some("Error: rejected late (a promise was rejected, and nobody handles that)")),
        ("value", Some("thrown: 7 (a promise was rejected, and nobody handles that)")),
        ("many", Some("Error: rejected 0 (a promise was rejected, and nobody handles that)")),
        ("handled", None),
    ] {
        let pid = node.node().engine().spawn(Spawn::new("promises-ts")).await.expect("it starts").pid;
        let (sender, ended) = tokio::sync::oneshot::channel();
        let watch = move |context: Context| async move {
            context.runtime().monitor(context.pid(), &pid.into());
            let Message::Down { reason, .. } = context.receive().await else { panic!("another message") };
            sender.send(reason).expect("the test waits");
            ExitReason::Normal
        };
        runtime.spawn(SpawnOptions::new("test"), watch).expect("it has no name");
        let mut body = vec![how.len() as u8];
        body.extend(how.bytes());
        runtime.cast(nobody, &pid.into(), node.key("promises-ts", "reject"), body).expect("it is taken");
        let ended =
            tokio::time::timeout(Duration::from_secs(if text.is_some() { 60 } else { 1 }), ended).await;
        match (text, ended) {
            (Some(text), Ok(Ok(ExitReason::Crash(crash)))) => {
                // A place of many is for those that came first.
                assert_eq!(crash.text, text, "{how} {}", crash.backtrace);
                assert!(
                    how == "value" || crash.backtrace.contains("promises-ts/main.ts:"),
                    "{}",
                    crash.backtrace
                );
            }
            (None, Err(_)) => node.node().engine().runtime().kill(pid),
            (_, ended) => panic!("{how}: {ended:?}"),
        }
    }
    // This one has chosen the log.
    node.cast("crowd-ts", "crowd-ts", "reject()").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(node.call("crowd-ts", "gather(1)").await.as_deref(), Ok("1"));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recursion_without_end_is_an_error_that_can_be_caught() {
    let node = TestNode::boot().await;
    let mut seen = Vec::new();
    for kind in 0.. {
        let pid = node.node().engine().spawn(Spawn::new("promises-ts")).await.expect("it starts").pid;
        let reply = node.raw_call(pid, node.key("promises-ts", "dive"), vec![kind]).await;
        match reply.as_deref() {
            Ok([0]) => break,
            Ok(text) => seen.push(String::from_utf8_lossy(&text[2..]).into_owned()),
            Err(error) => panic!("kind {kind}: {error}"),
        }
    }
    assert_eq!(seen.len(), 17);
    let (plain, others) = seen.split_first().expect("the first kind");
    let levels =
        plain.strip_prefix("RangeError: Maximum call stack size exceeded ").expect("one of the stack");
    assert!(levels.parse::<u32>().expect("a number") > 3000, "{levels} levels");
    let ends = ["RangeError: Maximum call stack size exceeded", "SyntaxError: too many captures"];
    for said in others {
        assert!(ends.iter().any(|end| said.starts_with(end)), "{said}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_values_end_no_typescript_process() {
    let node = TestNode::boot().await;
    let seen = node.call("promises-ts", "odd()").await.expect("it answers");
    let undefined = ["\"undefined\""; 6].join(", ");
    let name = "\"TypeError: a name has no lone surrogates\"";
    assert_eq!(seen, format!("[\"5\", {undefined}, {name}, {name}]"));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_typescript_process_draws_numbers_of_its_own() {
    let node = TestNode::boot().await;
    let mut drawn = Vec::new();
    for _ in 0..2 {
        let pid = node.node().engine().spawn(Spawn::new("promises-ts")).await.expect("it starts").pid;
        let reply = node.raw_call(pid, node.key("promises-ts", "draw"), Vec::new()).await.expect("numbers");
        drawn.extend(reply[1..].chunks(8).map(|bytes| f64::from_le_bytes(bytes.try_into().expect("eight"))));
    }
    assert_eq!(drawn.len(), 6);
    assert!(drawn.iter().all(|number| (0.0..1.0).contains(number)), "{drawn:?}");
    let mut bits: Vec<_> = drawn.iter().map(|number| number.to_bits()).collect();
    bits.sort_unstable();
    bits.dedup();
    assert_eq!(bits.len(), 6, "{drawn:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_in_a_stream_is_told_and_ends_no_service() {
    let node = TestNode::boot().await;
    for probe in ["probe-ts", "probe-rust"] {
        let seen = node.call("promises-ts", &format!("pipes({probe:?})")).await.expect("it answers");
        let cancelled = "\"cancelled: cancelled: the call was given up\"";
        let broken = "\"aborted: aborted: broken on purpose\"";
        let expected = [
            &format!("{cancelled}, {cancelled}, {cancelled}, \"0\""),
            broken,
            "\"0,1,2\"",
            broken,
            "\"refused: no more\"",
            "\"EncodeError: expected u32, from 0 to 4294967295; found \\\"two\\\"\"",
            "\"6\"",
            cancelled,
            "\"4\"",
            "\"1\", \"timeout: timeout: no answer within the deadline\"",
            "\"1\", \"true\", \"1\", \"true\", \"true false false\"",
            "\"2\", \"true\"",
        ];
        assert_eq!(seen, format!("[{}]", expected.join(", ")), "{probe}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_typescript_service_may_handle_several_calls_at_once() {
    let node = TestNode::boot().await;
    // Five are inside; the sixth waits at the door until one has left.
    let calls = (0..6).map(|_| node.call("crowd-ts", "gather(5)"));
    let mut counts: Vec<_> = futures::future::join_all(calls).await.into_iter().flatten().collect();
    counts.sort();
    assert_eq!(counts, ["5", "5", "5", "5", "5", "6"]);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_brings_the_stream_that_its_function_has() {
    let node = TestNode::boot().await;
    let runtime = node.node().engine().runtime().clone();
    for probe in ["probe-rust", "probe-ts"] {
        let key = |function| node.key(probe, function);
        // To read, to write, and the arguments: zeros are as many as each function takes, or more.
        let [count, sum, numbers] = ["count", "sum", "numbers"].map(key);
        for (function, brings, said) in [
            (count, Some("reads"), "has no stream, and the call came with one"),
            (count, Some("writes"), "has no stream, and the call came with one"),
            (sum, None, "reads a stream, and the call came without one"),
            (sum, Some("writes"), "reads a stream, and the call came with one to write"),
            (numbers, None, "writes a stream, and the call came without one"),
            (numbers, Some("reads"), "writes a stream, and the call came with one to read"),
        ] {
            let (writer, reader) = rusm_otp::stream(1024);
            let end = brings.map(|how| match how {
                "reads" => StreamEnd::Reader(reader.clone()),
                _ => StreamEnd::Writer(writer.clone()),
            });
            let nobody = rusm_otp::Pid { node: runtime.node_id(), id: 0 };
            let call = runtime.call(nobody, &probe.into(), function, vec![0; 6], end, None);
            let error = call.expect("it is sent").await.expect_err("it is refused");
            assert!(error.to_string().contains(said), "{probe}: {error}");
            if brings == Some("reads") {
                assert!(writer.has_room().is_err(), "its other end has heard");
            }
        }
        assert!(node.call(probe, "count()").await.is_ok(), "{probe} lives");
    }
    node.stop().await;
}
