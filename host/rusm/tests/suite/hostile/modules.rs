//! Programs in WebAssembly text.

use super::{Fate, Program, raw, run_all};

fn program(name: &'static str, module: &str, fate: Fate) -> Program {
    Program { name, bytes: raw(module), fate }
}

/// A module whose `run` is this.
fn body(name: &'static str, body: &str, fate: Fate) -> Program {
    program(name, &format!("(memory 1) (func (export \"run\") {body})"), fate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_trap_ends_that_process_alone() {
    let table = "(table 4 funcref) (type $t (func)) (type $u (func (param i64))) (func $f (param i64)) \
                 (elem (i32.const 1) $f)";
    let indirect =
        |place: u32| format!("{table} (func (export \"run\") (call_indirect (type $t) (i32.const {place})))");
    run_all(vec![
        body("unreachable", "unreachable", Fate::Crashes("unreachable")),
        body("divides-by-zero", "(drop (i32.div_u (i32.const 1) (i32.const 0)))", Fate::Crashes("divide by zero")),
        body(
            "overflows",
            "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
            Fate::Crashes("integer overflow"),
        ),
        body(
            "converts-nan",
            "(drop (i32.trunc_f64_s (f64.const nan)))",
            Fate::Crashes("invalid conversion to integer"),
        ),
        body("reads-past-its-memory", "(drop (i32.load (i32.const 65536)))", Fate::Crashes("out of bounds memory access")),
        body("reads-far-past", "(drop (i64.load offset=0xfffffff8 (i32.const -1)))", Fate::Crashes("out of bounds")),
        body("writes-past-its-memory", "(i32.store (i32.const -4) (i32.const 7))", Fate::Crashes("out of bounds")),
        body(
            "fills-past-its-memory",
            "(memory.fill (i32.const 1) (i32.const 7) (i32.const -1))",
            Fate::Crashes("out of bounds"),
        ),
        body(
            "copies-past-its-memory",
            "(memory.copy (i32.const 0) (i32.const 65000) (i32.const 65000))",
            Fate::Crashes("out of bounds"),
        ),
        program("calls-nothing", &indirect(0), Fate::Crashes("uninitialized element")),
        program("calls-past-its-table", &indirect(4), Fate::Crashes("undefined element")),
        program("calls-another-type", &indirect(1), Fate::Crashes("indirect call type mismatch")),
        program(
            "recurses-for-ever",
            "(func $f (export \"run\") (call $f))",
            Fate::Crashes("call stack exhausted"),
        ),
        program(
            "recurses-with-large-frames",
            "(func $f (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64) (i64.add (call $f (local.get 0) \
             (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6) (local.get 7)) \
             (local.get 3))) (func (export \"run\") (drop (call $f (i64.const 1) (i64.const 1) (i64.const 1) \
             (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1))))",
            Fate::Crashes("call stack exhausted"),
        ),
        program(
            "reads-past-its-table",
            "(table 1 funcref) (func (export \"run\") (drop (table.get 0 (i32.const 1))))",
            Fate::Crashes("out of bounds table access"),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_too_much_gets_no_more() {
    let huge_elements = "(table 30000 funcref) (func (export \"run\"))";
    run_all(vec![
        // It is told that there is no more, and ends in good order.
        body("grows-for-ever", "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))", Fate::Ends),
        body(
            "grows-by-4-gib",
            "(if (i32.ne (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable))",
            Fate::Ends,
        ),
        body(
            "grows-past-its-limit",
            "(drop (memory.grow (i32.const 200))) (i32.store (i32.const 0x800000) (i32.const 1))",
            Fate::Crashes("its memory is limited to 8.0 MiB"),
        ),
        program(
            "grows-its-table-for-ever",
            "(table 1 funcref) (func (export \"run\") (loop $l (br_if $l (i32.ne (table.grow 0 (ref.null func) \
             (i32.const 100)) (i32.const -1)))))",
            Fate::Ends,
        ),
        program("claims-4-gib", "(memory 65536) (func (export \"run\"))", Fate::Refused("memory")),
        program("claims-more-than-its-limit", "(memory 200) (func (export \"run\"))", Fate::NeverStarts("memory")),
        program("claims-a-huge-table", huge_elements, Fate::Refused("table")),
        program(
            "has-five-memories",
            "(memory 1) (memory 1) (memory 1) (memory 1) (memory 1) (func (export \"run\"))",
            Fate::Refused("memories"),
        ),
        Program { name: "has-forty-modules", bytes: many_modules(40), fate: Fate::Refused("41 core module instances") },
        program(
            "has-data-past-its-memory",
            "(memory 1) (data (i32.const 65530) \"more than fits\") (func (export \"run\"))",
            Fate::NeverStarts("out of bounds memory access"),
        ),
        program(
            "has-elements-past-its-table",
            "(table 1 funcref) (func $f) (elem (i32.const 1) $f) (func (export \"run\"))",
            Fate::NeverStarts("out of bounds table access"),
        ),
        program("has-fifty-thousand-locals", &many_locals(), Fate::Refused("too many locals")),
        program("is-nested-deep", &deep_blocks(), Fate::Ends),
        program("branches-everywhere", &many_branches(), Fate::Ends),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_ends_yields_and_is_killed() {
    run_all(vec![
        body("spins", "(loop $l (br $l))", Fate::Spins),
        body("spins-in-a-call", "(loop $l (drop (memory.size)) (br $l))", Fate::Spins),
        program(
            "spins-by-calls",
            "(func $f) (func (export \"run\") (loop $l (call $f) (br $l)))",
            Fate::Spins,
        ),
        program(
            "spins-indirectly",
            "(table 1 funcref) (type $t (func)) (func $f) (elem (i32.const 0) $f) (func (export \"run\") \
             (loop $l (call_indirect (type $t) (i32.const 0)) (br $l)))",
            Fate::Spins,
        ),
        body(
            "fills-for-ever",
            "(loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br $l))",
            Fate::Spins,
        ),
        program(
            "spins-at-its-start",
            "(func $f (loop $l (br $l))) (start $f) (func (export \"run\"))",
            Fate::NeverStarts("timeout"),
        ),
        program(
            "traps-at-its-start",
            "(func $f unreachable) (start $f) (func (export \"run\"))",
            Fate::NeverStarts("unreachable"),
        ),
        program(
            "recurses-at-its-start",
            "(func $f (call $f)) (start $f) (func (export \"run\"))",
            Fate::NeverStarts("call stack exhausted"),
        ),
    ])
    .await;
}

fn many_modules(count: usize) -> Vec<u8> {
    let instances = "(core instance (instantiate $m))".repeat(count);
    let text = format!(
        "(component (core module $m (func (export \"run\"))) (core instance $i (instantiate $m)) {instances} \
         (func (export \"run\") (canon lift (core func $i \"run\"))))"
    );
    wat::parse_str(text).expect("a component")
}

fn many_locals() -> String {
    format!("(func (export \"run\") {})", "(local i64)".repeat(60_000))
}

fn deep_blocks() -> String {
    format!("(func (export \"run\") {} {})", "(block ".repeat(1_000), ")".repeat(1_000))
}

fn many_branches() -> String {
    let labels = "0 ".repeat(20_000);
    format!("(func (export \"run\") (block (br_table {labels} 0 (i32.const 7))))")
}
