//! Guests that others have built from the published WIT, without the SDK.

use std::path::Path;
use std::process::Command;

use rusm_engine::{Kind, Lane, Profile, Spawn, SpawnError};
use rusm_otp::{CallError, Context, ExitReason, Message, Pid, SpawnOptions};
use rusm_setup::{Home, Terminal};

use crate::support::TestNode;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_of_plain_wit_bindgen_is_a_service() {
    let node = TestNode::boot().await;
    for name in ["foreign-rust", "foreign-core"] {
        node.node().engine().spawn(Spawn::new(name).name(Some("first".into()))).await.expect("it starts");
        behaves(&node, name, "foreign-rust/src/lib.rs:").await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs cargo-component, which takes minutes: cargo install cargo-component --version 0.21.1 --locked"]
async fn a_service_of_cargo_component_is_a_service() {
    let node = TestNode::boot().await;
    let name = "foreign-component";
    node.node()
        .engine()
        .load(name, built_by_cargo_component(), Profile::default())
        .await
        .expect("it is loaded");
    node.node().engine().spawn(Spawn::new(name).name(Some("first".into()))).await.expect("it starts");
    // It keeps no names of its own functions.
    behaves(&node, name, "server@0.1.0#handle").await;
    node.stop().await;
}

/// What a service in Rust does, whose first process is named; a crash tells this place.
async fn behaves(node: &TestNode, name: &str, place: &str) {
    let engine = node.node().engine();
    let component = engine.component(name).expect("it is loaded");
    assert_eq!((component.kind(), component.lane()), (Kind::Service, Lane::Sync));
    assert_eq!(node.raw_call("first", 1, b"echo".to_vec()).await, Ok(b"echo".to_vec()));
    assert_eq!(node.raw_call("first", 2, Vec::new()).await, Ok(vec![2]));
    assert_eq!(node.raw_call("first", 3, Vec::new()).await, Ok(b"later".to_vec()));
    let unknown = node.raw_call("first", 9, Vec::new()).await;
    assert!(matches!(&unknown, Err(CallError::UnknownFunction(_))), "{unknown:?}");
    let crash = node.raw_call("first", 4, Vec::new()).await;
    let Err(CallError::Exited(ExitReason::Crash(crash))) = &crash else { panic!("{crash:?}") };
    assert!(crash.backtrace.contains(place), "{}", crash.backtrace);

    let refused = engine.spawn(Spawn::new(name).init(None, b"ab".as_slice().into())).await;
    let refused = refused.map(|spawned| spawned.pid);
    assert_eq!(refused, Err(SpawnError::Refused(b"too many".as_slice().into())));
    let started = engine.spawn(Spawn::new(name).init(None, b"\x07".as_slice().into())).await;
    let pid = started.expect("it starts").pid;
    assert_eq!(node.raw_call(pid, 2, Vec::new()).await, Ok(vec![8]));
    assert_eq!(mail_back(node, pid).await, "mail");
    engine.runtime().kill(pid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_of_jco_componentize_is_a_service() {
    let node = TestNode::boot().await;
    behaves_in_javascript(&node, "foreign-js", componentized(), Lane::Sync).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_of_componentize_qjs_is_a_service_of_the_async_lane() {
    let node = TestNode::boot().await;
    behaves_in_javascript(&node, "foreign-async", made_by_componentize_qjs(), Lane::Async).await;
    node.stop().await;
}

/// What a service in JavaScript does.
async fn behaves_in_javascript(node: &TestNode, name: &str, bytes: Vec<u8>, lane: Lane) {
    let engine = node.node().engine();
    let profile = Profile {
        limits: rusm_engine::Limits { memory: 128 << 20, ..Default::default() },
        ..Profile::default()
    };
    let component = engine.load(name, bytes, profile).await.expect("it is loaded");
    assert_eq!((component.kind(), component.lane()), (Kind::Service, lane));
    let start = |body: &'static [u8]| engine.spawn(Spawn::new(name).init(None, body.into()));
    let refused = start(b"ab").await.map(|spawned| spawned.pid);
    assert_eq!(refused, Err(SpawnError::Refused(b"too many".as_slice().into())));
    let pid = start(b"\x07").await.expect("it starts").pid;
    assert_eq!(node.raw_call(pid, 1, b"echo".to_vec()).await, Ok(b"echo".to_vec()));
    assert_eq!(node.raw_call(pid, 2, Vec::new()).await, Ok(vec![8]));
    assert_eq!(node.raw_call(pid, 3, Vec::new()).await, Ok(b"later".to_vec()));
    let unknown = node.raw_call(pid, 9, Vec::new()).await;
    assert!(matches!(&unknown, Err(CallError::UnknownFunction(_))), "{unknown:?}");
    assert_eq!(mail_back(node, pid).await, "mail");
    let crash = node.raw_call(pid, 4, Vec::new()).await;
    assert!(matches!(&crash, Err(CallError::Exited(ExitReason::Crash(_)))), "{crash:?}");
}

/// What a process sends back when it gets mail.
async fn mail_back(node: &TestNode, pid: Pid) -> String {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let mail = move |context: Context| async move {
        context.runtime().send(context.pid(), &pid.into(), b"mail".as_slice().into()).expect("it lives");
        let Message::Mail { body, .. } = context.receive().await else { panic!("another message") };
        sender.send(String::from_utf8_lossy(&body).into_owned()).expect("it is waited for");
        ExitReason::Normal
    };
    node.node().engine().runtime().spawn(SpawnOptions::new("test"), mail).expect("it has no name");
    receiver.await.expect("it answers")
}

/// The component that `jco componentize` makes of a module of JavaScript and the published WIT.
fn componentized() -> Vec<u8> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign-js"));
    let home = Home::from_env().expect("a home");
    rusm_setup::install_packages(&home, folder, &mut Terminal::new()).expect("npm packages");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign-js.wasm");
    let mut jco = Command::new("node_modules/.bin/jco");
    // A node has no `wasi:http` of its own.
    jco.args(["componentize", "service.js", "--disable", "http", "--disable", "fetch-event"]);
    jco.args(["--wit", "../../../../wit", "--world-name", "service", "-o"]);
    let made = jco.arg(&target).current_dir(folder).output().expect("it starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::read(target).expect("it is there")
}

/// The component that componentize-qjs makes of a module of JavaScript and the published WIT, in the project whose packages have it.
fn made_by_componentize_qjs() -> Vec<u8> {
    let tests = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign-async.wasm");
    let script = r#"
        import { readFileSync, writeFileSync } from "node:fs";
        import { componentize } from "componentize-qjs";
        const [source, witPath, target] = process.argv.slice(1);
        const jsSource = readFileSync(source, "utf8");
        writeFileSync(target, (await componentize({ witPath, world: "service-async", jsSource })).component);
    "#;
    let mut node = Command::new("node");
    node.args(["--input-type=module", "--eval", script]);
    node.args([tests.join("foreign-js/service.js"), tests.join("../../../wit"), target.clone()]);
    let made = node.current_dir(tests.join("project")).output().expect("it starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::read(target).expect("it is there")
}

/// The component that `cargo component` makes of Rust and the published WIT.
fn built_by_cargo_component() -> Vec<u8> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign-component"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign-component");
    let mut build = Command::new("cargo");
    build.args(["component", "build", "--release", "--target", "wasm32-wasip1", "--target-dir"]);
    let made = build.arg(&target).current_dir(folder).output().expect("it starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::read(target.join("wasm32-wasip1/release/foreign_component.wasm")).expect("it is there")
}
