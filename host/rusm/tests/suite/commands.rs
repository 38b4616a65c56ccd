//! Programs of `wasi:cli` as processes, with what they are granted.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use bytes::Bytes;
use rusm_engine::{Kind, Lane, Spawn, Written};
use rusm_otp::{Context, ExitReason, Message, SpawnOptions};

use crate::support::{TestNode, folder};

/// Runs a program to its end: how it ended, and what it wrote.
async fn run(node: &TestNode, component: &str, arguments: &[&str], stdin: &str) -> (ExitReason, Written) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let engine = node.node().engine().clone();
    let arguments = arguments.iter().map(ToString::to_string).collect();
    let spawn = Spawn::new(component).command(arguments, Bytes::copy_from_slice(stdin.as_bytes()));
    let watch = move |context: Context| async move {
        let spawned = engine.spawn(spawn.parent(context.pid(), false, true)).await.expect("it starts");
        let Message::Down { reason, .. } = context.receive().await else { panic!("another message") };
        let written = engine.output(spawned.pid).unwrap_or_default();
        sender.send((reason, written)).expect("the test waits");
        ExitReason::Normal
    };
    node.node().engine().runtime().spawn(SpawnOptions::new("test"), watch).expect("it has no name");
    receiver.await.expect("it ended")
}

/// What a program wrote to standard output, if all went well.
async fn output(node: &TestNode, component: &str, arguments: &[&str]) -> String {
    let (reason, written) = run(node, component, arguments, "").await;
    assert_eq!(reason, ExitReason::Normal, "{arguments:?}: {}", String::from_utf8_lossy(&written.stderr));
    String::from_utf8(written.stdout).expect("text").trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_has_so_many_files_open_and_no_more() {
    let node = TestNode::boot().await;
    for component in ["command-rust", "command-core"] {
        assert_eq!(output(&node, component, &["open", "/out", "100"]).await, "100 open", "{component}");
        let (reason, written) = run(&node, component, &["open", "/out", "5000"], "").await;
        match &reason {
            ExitReason::Crash(crash) => {
                let text = "the limit `files` of its capabilities, here 256";
                assert!(crash.text.contains(text), "{component}: {}", crash.text);
            }
            // Preview 1's adapter has fewer descriptors, and an error for the next one.
            _ => assert!(
                component == "command-core" && written.stdout.starts_with(b"1"),
                "{reason:?} {written:?}"
            ),
        }
        let left: Vec<_> = std::fs::read_dir(folder().join("out")).expect("a folder").flatten().collect();
        let left = left.iter().filter(|file| file.file_name().to_string_lossy().starts_with("open-"));
        let made = left.map(|file| std::fs::remove_file(file.path()).expect("it was made")).count();
        assert!(made < 600, "{component}: {made} files");
    }
    // A stream of WASI 0.3 has its file open when the descriptor is gone.
    let opens = async |times| run(&node, "command-p3", &["open", "hello.txt", times], "").await;
    let (reason, written) = opens("100").await;
    assert_eq!((reason, &*written.stdout), (ExitReason::Normal, &b"hello"[..]));
    let (reason, _) = opens("5000").await;
    assert!(reason.to_string().contains("the limit `files` of its capabilities, here 256"), "{reason}");
    let open = std::fs::read_dir("/proc/self/fd").expect("Linux").count();
    assert!(open < 200, "{open} descriptors of those that ended");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_has_arguments_environment_input_and_an_exit_code() {
    let node = TestNode::boot().await;
    let component = node.node().engine().component("command-rust").expect("it is loaded");
    assert_eq!((component.kind(), component.lane()), (Kind::Command, Lane::Sync));
    assert_eq!(output(&node, "command-rust", &[]).await, "command-rust has no arguments");
    assert_eq!(output(&node, "command-rust", &["env", "GREETING"]).await, "Some(\"hi\")");
    assert_eq!(output(&node, "command-rust", &["env", "HOME"]).await, "None");
    assert!(output(&node, "command-rust", &["env", "PATH"]).await.starts_with("Some("));
    assert_eq!(output(&node, "command-rust", &["sleep", "5"]).await, "true");
    let (_, written) = run(&node, "command-rust", &["stdin"], "a line\n").await;
    assert_eq!(written.stdout, b"\"a line\\n\"\n");

    // WASI 0.2 tells success and failure apart, not the code.
    let (reason, written) = run(&node, "command-rust", &["exit", "3"], "").await;
    assert_eq!(reason, ExitReason::Custom("exit code 1".into()));
    assert_eq!(written.stderr, b"about to exit\n");
    let (reason, written) = run(&node, "command-rust", &["panic", "oh no"], "").await;
    let ExitReason::Crash(crash) = &reason else { panic!("{reason}") };
    assert!(
        crash.backtrace.contains("command_rust::main")
            && crash.backtrace.contains("command-rust/src/main.rs:"),
        "{reason}"
    );
    assert!(String::from_utf8_lossy(&written.stderr).contains("oh no"));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_module_is_a_program_too_with_its_whole_exit_code() {
    let node = TestNode::boot().await;
    let component = node.node().engine().component("command-core").expect("it is loaded");
    assert_eq!((component.kind(), component.lane()), (Kind::Command, Lane::Sync));
    let run_core = async |arguments: &[&str]| output(&node, "command-core", arguments).await;
    assert_eq!(run_core(&[]).await, "command-core has no arguments");
    assert_eq!(run_core(&["env", "GREETING"]).await, "Some(\"hi\")");
    assert_eq!(run_core(&["env", "HOME"]).await, "None");
    assert_eq!(run_core(&["sleep", "5"]).await, "true");
    assert_eq!(run_core(&["read", "/data/hello.txt"]).await, "Ok(\"hello from a file\\n\")");
    assert_eq!(run_core(&["write", "/out/by-core.txt", "yes"]).await, "Ok(())");
    assert!(run_core(&["read", "/etc/passwd"]).await.starts_with("Err("));
    let (reason, written) = run(&node, "command-core", &["exit", "3"], "").await;
    assert_eq!(reason, ExitReason::Custom("exit code 3".into()));
    assert_eq!(written.stderr, b"about to exit\n");
    let (reason, _) = run(&node, "command-core", &["exit", "0"], "").await;
    assert_eq!(reason, ExitReason::Normal);
    let (reason, _) = run(&node, "command-core", &["panic", "oh no"], "").await;
    let ExitReason::Crash(crash) = &reason else { panic!("{reason}") };
    assert!(crash.backtrace.contains("command-rust/src/main.rs:"), "{reason}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_module_is_a_process_without_any_sdk() {
    let node = TestNode::boot().await;
    let key = format!("{:08x}", node.key("probe-rust", "sum"));
    let seen = output(&node, "core-rust", &["all", &key]).await;
    let expected = [
        "self true, to myself",
        "nothing true",
        "register true",
        "whereis true",
        "whereis None",
        "child true, and back",
        "down true",
        "traps before false",
        "exit true",
        "stream Ok([22])",
    ];
    assert_eq!(seen.lines().collect::<Vec<_>>(), expected);
    for forged in ["body", "name", "result", "unaligned"] {
        let (reason, _) = run(&node, "core-rust", &["forged", forged], "").await;
        let ExitReason::Crash(crash) = &reason else { panic!("{forged}: {reason}") };
        assert!(crash.text.contains("bounds") || crash.text.contains("align"), "{forged}: {reason}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_sees_the_folders_that_it_was_granted() {
    let node = TestNode::boot().await;
    let rich = async |arguments: &[&str]| output(&node, "command-rust", arguments).await;
    assert_eq!(rich(&["read", "/data/hello.txt"]).await, "Ok(\"hello from a file\\n\")");
    assert_eq!(rich(&["list", "/contracts"]).await, "true");
    assert!(rich(&["write", "/data/hello.txt", "changed"]).await.starts_with("Err("), "it may only read");
    assert_eq!(rich(&["write", "/out/written.txt", "yes"]).await, "Ok(())");
    assert_eq!(rich(&["read", "/out/written.txt"]).await, "Ok(\"yes\")");
    for outside in ["/data/../rusm.toml", "/etc/passwd", "rusm.toml", "/out/../../rusm.toml"] {
        assert!(rich(&["read", outside]).await.starts_with("Err("), "{outside}");
    }
    assert!(output(&node, "command-poor", &["read", "/data/hello.txt"]).await.starts_with("Err("));
    assert_eq!(output(&node, "command-poor", &["environment"]).await, "[]");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_reaches_the_network_that_it_was_granted() {
    let node = TestNode::boot().await;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody comes");
        let mut hello = [0; 6];
        stream.read_exact(&mut hello).expect("it says hello");
        stream.write_all(b"welcome").expect("it hears");
    });
    assert_eq!(output(&node, "command-rust", &["connect", &address]).await, "Ok(\"welcome\")");
    server.join().expect("it was served");
    assert_eq!(output(&node, "command-rust", &["listen", "127.0.0.1:0"]).await, "Ok(())");
    assert_eq!(output(&node, "command-rust", &["udp", "127.0.0.1:9"]).await, "Ok(2)");
    // Another address than the granted one.
    assert!(output(&node, "command-rust", &["connect", "127.0.0.2:9"]).await.contains("PermissionDenied"));
    for what in ["connect", "listen", "udp"] {
        let denied = output(&node, "command-poor", &[what, "127.0.0.1:9"]).await;
        assert!(denied.contains("PermissionDenied"), "{what}: {denied}");
    }
    let denials = node.node().engine().component("command-poor").expect("it is loaded").denials();
    let kinds: Vec<_> = denials.iter().map(|(operation, kind, _)| (*operation, *kind)).collect();
    assert!(kinds.contains(&("tcp-connect", "connect")), "{kinds:?}");
    assert!(kinds.iter().any(|(_, kind)| *kind == "listen"), "{kinds:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seed_makes_clocks_and_randomness_repeatable() {
    let node = TestNode::boot().await;
    let first = output(&node, "command-poor", &["seeded"]).await;
    assert!(first.starts_with("946684800s"), "{first}");
    assert_eq!(output(&node, "command-poor", &["seeded"]).await, first);
    assert_ne!(output(&node, "command-rust", &["seeded"]).await, first);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_output_is_cut_and_counted() {
    let node = TestNode::boot().await;
    let (reason, written) = run(&node, "command-rust", &["flood", "5000"], "").await;
    assert_eq!(reason, ExitReason::Normal);
    assert!(written.dropped > 100_000, "{}", written.dropped);
    assert!(written.stdout.len() <= 64 << 10);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_of_wasi_0_3_runs_in_the_async_lane() {
    let node = TestNode::boot().await;
    let component = node.node().engine().component("command-p3").expect("it is loaded");
    assert_eq!((component.kind(), component.lane()), (Kind::Command, Lane::Async));
    assert_eq!(output(&node, "command-p3", &["one", "two"]).await, "one\ntwo");
    let (reason, written) = run(&node, "command-p3", &["fail"], "").await;
    assert_eq!(reason, ExitReason::Custom("exit code 1".into()));
    assert_eq!(written.stdout, b"fail\n");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_run_programs_and_hear_how_they_ended() {
    let node = TestNode::boot().await;
    for keeper in ["keeper-rust", "keeper-ts"] {
        let execute = async |text: &str| node.call(keeper, &format!("execute({text})")).await;
        assert_eq!(execute("\"command-rust\", [\"exit\", \"0\"]").await, Ok("\"normal\"".into()));
        assert_eq!(
            execute("\"command-rust\", [\"exit\", \"7\"]").await,
            Ok("\"custom: exit code 1\"".into())
        );
        let denied = execute("\"raw-rust\", []").await.expect("a text");
        assert!(denied.contains("the grant `spawn:raw-rust` is missing"), "{denied}");
    }
    node.stop().await;
}
