//! Files that are no components, or that lie.

use rusm_codegen::section;

use super::{Fate, Program, raw, run_all};

fn whole() -> Vec<u8> {
    raw("(memory 1) (func (export \"run\"))")
}

fn with_contracts(records: &[u8]) -> Vec<u8> {
    let mut component = whole();
    section::append(&mut component, records);
    component
}

fn text(name: &'static str, text: &str, fate: Fate) -> Program {
    Program { name, bytes: wat::parse_str(text).unwrap_or_else(|error| panic!("{name}: {error}")), fate }
}

fn bytes(name: &'static str, bytes: Vec<u8>, fate: Fate) -> Program {
    Program { name, bytes, fate }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_lie_are_refused_with_a_reason() {
    let huge_length = [0xff, 0xff, 0xff, 0xff, 0, 1, b'x'];
    let long_id = [3, 0, 0, 0, 0, 200, b'x'];
    let no_role = [3, 0, 0, 0, 9, 1, b'x'];
    let no_wit = [9, 0, 0, 0, 0, 1, b'x', b'n', b'o', b' ', b'w', b'i', b't'];
    let no_text = [4, 0, 0, 0, 0, 1, 0xff, 0xff];
    let half = whole()[..whole().len() / 2].to_vec();
    run_all(vec![
        bytes("empty", Vec::new(), Fate::Refused("not a WebAssembly component")),
        bytes("no-wasm", b"#!/bin/sh\nrm -rf /\n".to_vec(), Fate::Refused("not a WebAssembly component")),
        bytes("half-a-component", half, Fate::Refused("not a WebAssembly component")),
        text("a-core-module", "(module (func (export \"walk\")))", Fate::Refused("it exports nothing")),
        text("exports-nothing", "(component)", Fate::Refused("it exports nothing")),
        text(
            "exports-something-else",
            "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m)) \
             (func (export \"walk\") (canon lift (core func $i \"f\"))))",
            Fate::Refused("it exports walk"),
        ),
        text(
            "run-is-a-module",
            "(component (core module $m (func (export \"f\"))) (export \"run\" (core module $m)))",
            Fate::Refused("no function without arguments"),
        ),
        text(
            "run-wants-arguments",
            "(component (core module $m (func (export \"f\") (param i32))) (core instance $i (instantiate $m)) \
             (func (export \"run\") (param \"n\" u32) (canon lift (core func $i \"f\"))))",
            Fate::Refused("no function without arguments"),
        ),
        text(
            "run-answers",
            "(component (core module $m (func (export \"f\") (result i32) (i32.const 1))) \
             (core instance $i (instantiate $m)) (func (export \"run\") (result u32) (canon lift (core func $i \"f\"))))",
            Fate::Refused("no function without arguments"),
        ),
        text(
            "a-service-without-functions",
            "(component (instance $s) (export \"rusm:actor/server@0.1.0\" (instance $s)))",
            Fate::Refused("has no `init`"),
        ),
        text(
            "imports-what-is-not-there",
            "(component (import \"evil:host/root\" (instance (export \"shell\" (func)))) \
             (core module $m (func (export \"f\"))) (core instance $i (instantiate $m)) \
             (func (export \"run\") (canon lift (core func $i \"f\"))))",
            Fate::Refused("evil:host/root"),
        ),
        text(
            "imports-with-another-type",
            "(component (import \"rusm:actor/process@0.1.0\" (instance (export \"takes-several\" (func (param \"n\" string))))) \
             (core module $m (func (export \"f\"))) (core instance $i (instantiate $m)) \
             (func (export \"run\") (canon lift (core func $i \"f\"))))",
            Fate::Refused("takes-several"),
        ),
        bytes("section-with-a-huge-length", with_contracts(&huge_length), Fate::Refused("damaged")),
        bytes("section-with-a-long-id", with_contracts(&long_id), Fate::Refused("damaged")),
        bytes("section-with-an-unknown-role", with_contracts(&no_role), Fate::Refused("damaged")),
        bytes("section-without-wit", with_contracts(&no_wit), Fate::Refused("cannot be read")),
        bytes("section-without-text", with_contracts(&no_text), Fate::Refused("damaged")),
        bytes("section-that-ends-early", with_contracts(&[1, 0]), Fate::Refused("damaged")),
    ])
    .await;
}

/// A core module by its text.
fn module(name: &'static str, text: &str, fate: Fate) -> Program {
    let bytes = wat::parse_str(format!("(module {text})")).unwrap_or_else(|error| panic!("{name}: {error}"));
    Program { name, bytes, fate }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_modules_do_no_more_than_components() {
    let own = |function: &str, ty: &str| {
        format!(
            "(import \"rusm:actor/process@0.1.0\" \"{function}\" (func $f {ty})) (memory (export \"memory\") 1)"
        )
    };
    let room = own("self", "(param i32)");
    let no_room = "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable)";
    let send = own("send", "(param i32 i64 i64 i32 i32 i32)") + no_room;
    let random = own("random-bytes", "(param i32 i32)");
    let realloc = |body: &str| {
        format!(
            "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) {body}) \
             (func (export \"run\") (call $f (i32.const 100) (i32.const 0)))"
        )
    };
    run_all(vec![
        module("module-without-anything", "", Fate::Refused("neither a service nor a raw process")),
        module("module-whose-run-takes-something", "(func (export \"run\") (param i32))", Fate::Refused("run")),
        module(
            "module-of-a-strange-host",
            "(import \"evil\" \"shell\" (func)) (func (export \"_start\"))",
            Fate::Refused("evil"),
        ),
        module(
            "module-of-a-strange-interface",
            "(import \"rusm:actor/root@0.1.0\" \"shell\" (func)) (func (export \"run\"))",
            Fate::Refused("rusm:actor/root"),
        ),
        module(
            "module-of-a-strange-function",
            &format!("{} (func (export \"run\"))", own("shell", "")),
            Fate::Refused("shell"),
        ),
        module(
            "module-of-another-type",
            &format!("{} (func (export \"run\"))", own("self", "(param i64)")),
            Fate::Refused("type mismatch for function `self`"),
        ),
        module(
            "module-without-room-for-lists",
            &format!("{random} (func (export \"run\"))"),
            Fate::Refused("cabi_realloc"),
        ),
        module(
            "module-with-a-result-past-its-memory",
            &format!("{room} (func (export \"run\") (call $f (i32.const 65528)))"),
            Fate::Crashes("bounds"),
        ),
        module(
            "module-with-a-list-past-its-memory",
            &format!(
                "{send} (func (export \"run\") (call $f (i32.const 0) (i64.const 1) (i64.const 1) (i32.const 8) \
                 (i32.const -1) (i32.const 16)))"
            ),
            Fate::Crashes("bounds"),
        ),
        module(
            "module-with-an-unknown-case",
            &format!(
                "{send} (func (export \"run\") (call $f (i32.const 9) (i64.const 1) (i64.const 1) (i32.const 8) \
                 (i32.const 8) (i32.const 16)))"
            ),
            Fate::Crashes("discriminant"),
        ),
        module(
            "module-that-gives-room-past-its-memory",
            &format!("{random} {}", realloc("(i32.const -8)")),
            Fate::Crashes("beyond end of memory"),
        ),
        module(
            "module-that-traps-when-asked-for-room",
            &format!("{random} {}", realloc("unreachable")),
            Fate::Crashes("unreachable"),
        ),
        module(
            "module-that-calls-the-host-when-asked-for-room",
            &format!("{random} {}", realloc("(call $f (i32.const 8) (i32.const 0)) (i32.const 8)")),
            Fate::Crashes("cannot leave component instance"),
        ),
        module(
            "module-that-asks-the-host-for-ever",
            &format!("{room} (func (export \"run\") (loop $l (call $f (i32.const 0)) (br $l)))"),
            Fate::Spins,
        ),
        module(
            "module-that-sends-for-ever",
            &format!(
                "{send} (func (export \"run\") (loop $l (call $f (i32.const 0) (i64.const 1) (i64.const 1) \
                 (i32.const 8) (i32.const 8) (i32.const 16)) (br $l)))"
            ),
            Fate::Spins,
        ),
        module(
            "module-that-spins-before-it-begins",
            "(func $f (loop $l (br $l))) (start $f) (func (export \"run\"))",
            Fate::NeverStarts("timeout"),
        ),
    ])
    .await;
}

/// Whatever a file is, loading it answers: it never ends the node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_with_any_bit_flipped_or_cut_anywhere_harms_nobody() {
    let node = crate::support::TestNode::boot().await;
    let module = "(module (import \"rusm:actor/process@0.1.0\" \"self\" (func (param i32))) \
                  (memory (export \"memory\") 1) (func (export \"run\") (call 0 (i32.const 0))))";
    for whole in [with_contracts(&[]), wat::parse_str(module).expect("a module")] {
        flip_and_cut(&node, &whole).await;
    }
    assert_eq!(node.call("probe-rust", "count()").await, Ok("3".into()));
    node.stop().await;
}

async fn flip_and_cut(node: &crate::support::TestNode, whole: &[u8]) {
    let mut loaded = 0;
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let profile = rusm_engine::Profile::default();
        loaded += usize::from(node.node().engine().load("flipped", flipped, profile).await.is_ok());
    }
    for length in 0..whole.len() {
        let cut = whole[..length].to_vec();
        let profile = rusm_engine::Profile::default();
        loaded += usize::from(node.node().engine().load("cut", cut, profile).await.is_ok());
    }
    assert!(loaded < whole.len() * 9, "some are refused");
}
