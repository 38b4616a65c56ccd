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
        text("a-core-module", "(module (func (export \"run\")))", Fate::Refused("it exports nothing")),
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

/// Whatever a file is, loading it answers: it never ends the node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_with_any_bit_flipped_or_cut_anywhere_harms_nobody() {
    let node = crate::support::TestNode::boot().await;
    let whole = with_contracts(&[]);
    let mut loaded = 0;
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
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
    assert_eq!(node.call("probe-rust", "count()").await, Ok("3".into()));
    node.stop().await;
}
