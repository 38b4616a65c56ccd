//! What becomes of functions, their parameters, replies and streams; and what differs.

use rusm_codegen::resolve::{Class, Plan, Resolution, Route, differences};
use rusm_codegen::value::{parse_arguments, print_next};
use rusm_codegen::{Contract, Wit};
use rusm_wire::Reader;

use crate::{contract, plan, refusals};

fn both(old: &str, new: &str) -> (Contract, Contract) {
    (contract("1.0.0", old), contract("1.1.0", new))
}

/// The arguments of `f` as text, as the service gets them.
fn arrived(caller: &Contract, service: &Contract, text: &str) -> String {
    let resolution = Resolution::new(caller, service).expect("it resolves");
    let bytes = parse_arguments(caller, &caller.functions[0], text).expect(text);
    let arguments = &plan(&resolution, caller, "f").arguments;
    let got = arguments.transcode(&bytes).expect(text);
    let mut reader = Reader::new(&got);
    let params = service.functions[0].params.iter();
    let printed: Vec<String> =
        params.map(|param| print_next(service, &param.ty, &mut reader).expect(text)).collect();
    reader.finish().expect("nothing follows");
    format!("({})", printed.join(", "))
}

#[test]
fn versions_that_are_alike_leave_all_as_it_is() {
    let body = "record r { a: u8 } init: func() -> result; f: func(r: r, p: pid) -> list<r>; g: func(s: stream<r>) -> stream<r>;";
    let renamed = "/// It says more.\nrecord q { a: u8 } type p = pid; g: func(%in: stream<q>) -> stream<q>; init: func() -> result;
        f: func(r: q, p: p) -> list<q>; more: func();";
    let (old, new) = both(body, renamed);
    let resolution = Resolution::new(&old, &new).expect("it resolves");
    assert!(resolution.is_same());
    assert!(old.all_functions().all(|own| matches!(resolution.route(own.key), Some(Route::Same))));
    assert!(resolution.route(new.function_named("more").expect("it is there").key).is_none());
}

#[test]
fn arguments_are_those_of_their_names() {
    for (old, new, sent, arrives, back) in [
        // Parameters of one type that have changed places have the same key.
        ("a: u8, b: u8", "b: u8, a: u8", "(1, 2)", "(2, 1)", "(1, 2)"),
        ("a: u8, b: string", "b: string, a: u16", "(1, \"x\")", "(\"x\", 1)", "(1, \"x\")"),
        ("a: u8", "a: u8, b: option<u8>, c: list<u8>", "(1)", "(1, none, [])", "(1)"),
        ("a: u8, b: u8", "b: u8, a: u8, c: option<u8>", "(1, 2)", "(2, 1, none)", "(1, 2)"),
        ("", "c: option<u8>", "()", "(none)", "()"),
        // One that was renamed.
        ("a: u8, x: string", "b: u16, x: string", "(1, \"x\")", "(1, \"x\")", "(1, \"x\")"),
        ("a: u8, b: string", "c: u16, d: string", "(1, \"x\")", "(1, \"x\")", "(1, \"x\")"),
        ("a: u8", "b: u16, c: option<u8>", "(1)", "(1, none)", "(1)"),
    ] {
        let (old, new) = both(&format!("f: func({old});"), &format!("f: func({new});"));
        assert_eq!(arrived(&old, &new, sent), arrives);
        assert_eq!(arrived(&new, &old, arrives), back);
    }
    let (old, new) = both("f: func(a: u8, b: u8);", "f: func(b: u8, a: u8);");
    assert_eq!(old.functions[0].key, new.functions[0].key);
    // A name alone is nothing on the wire.
    let (old, new) = both("f: func(a: u8);", "f: func(b: u8);");
    assert!(Resolution::new(&old, &new).expect("it resolves").is_same());
}

#[test]
fn parameters_that_could_be_others_are_refused() {
    for (old, new, path) in [
        ("a: u8", "a: u8, b: u8", "b"),
        ("a: u8", "b: option<u8>, a: u8", "b"),
        ("a: u8, b: u16", "c: u8, d: u16", "a"),
        ("a: u8, b: u8", "c: u8, b: u8, d: option<u8>, a: list<u8>", "a"),
        ("a: u8, b: string", "b: string, c: u8", "a"),
        ("x: u8, a: option<u8>", "x: u8, b: list<u8>", "a"),
        ("a: option<u8>", "b: option<u8>, c: option<u16>", "a"),
        ("a: u8, b: string", "a: string, b: u8", "a"),
    ] {
        let (old, new) = both(&format!("f: func({old});"), &format!("f: func({new});"));
        for texts in [refusals(&old, &new), refusals(&new, &old)] {
            assert!(
                texts.iter().any(|text| text.starts_with(&format!("c.f: {path}: "))),
                "{path}: {texts:?}"
            );
        }
    }
}

#[test]
fn functions_of_another_kind_are_refused() {
    for (old, new, texts) in [
        ("f: func() -> u8;", "f: func();", &["c.f: the caller has a call, the service a cast"][..]),
        (
            "f: func() -> u8;",
            "f: func() -> stream<u8>;",
            &["c.f: the caller has a call, the service a call that answers with a stream"],
        ),
        ("f: func() -> u8;", "f: func(s: stream<u8>) -> u8;", &["c.f: s: only the service has this stream"]),
        ("f: func(s: stream<u8>) -> u8;", "f: func() -> u8;", &["c.f: s: only the caller has this stream"]),
        (
            "f: func() -> stream<u8>;",
            "f: func() -> tuple<u8, stream<u8>>;",
            &["c.f: result: the caller has no value, the service `u8`"],
        ),
        (
            "f: func() -> stream<u8>;",
            "f: func() -> result<stream<bool>, u8>;",
            &[
                "c.f: result: the caller has no value, the service `result<_, u8>`",
                "c.f: stream[]: the caller has `u8`, the service `bool`",
            ],
        ),
        (
            "init: func(); f: func();",
            "init: func() -> result; f: func();",
            &["c.init: result: the caller has no value, the service `result`"],
        ),
        (
            "f: func(s: stream<u8>) -> u8;",
            "f: func(s: stream<string>) -> u8;",
            &["c.f: s[]: the caller has `u8`, the service `string`"],
        ),
        ("f: func(); g: func();", "f: func();", &["c.g: only the caller has this function"]),
    ] {
        let (old, new) = both(old, new);
        assert_eq!(refusals(&old, &new), texts);
    }
}

#[test]
fn a_function_that_came_later_is_an_error_when_it_is_called() {
    let caller = contract(
        "1.2.0",
        "f: func(); @since(version = 1.2.0) g: func(a: u8) -> u8; @since(version = 1.2.0) init: func();",
    );
    let service = contract("1.1.5", "f: func();");
    let resolution = Resolution::new(&caller, &service).expect("it resolves");
    let later = |name: &str| match resolution.route(caller.function_named(name).expect(name).key) {
        Some(Route::Later(later)) => later.to_string(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(later("g"), "`c.g` is of version 1.2.0, and the service has version 1.1.5");
    assert_eq!(later("init"), "`c.init` is of version 1.2.0, and the service has version 1.1.5");
    // A service of that version or a later one has it, or has taken it away.
    for version in ["1.2.0", "1.3.0"] {
        let texts = refusals(&caller, &contract(version, "f: func();"));
        assert_eq!(
            texts,
            ["c.init: only the caller has this function", "c.g: only the caller has this function"]
        );
    }
}

#[test]
fn streams_and_replies_go_their_own_ways() {
    let (old, new) = both(
        "record r { a: u8 } enum e { x } f: func(%in: stream<r>, n: u8) -> result<tuple<r, stream<e>>, e>;",
        "record r { b: list<u8>, a: u16 } enum e { y, x } f: func(n: u8, lines: stream<r>) -> result<tuple<r, stream<e>>, e>;",
    );
    let resolution = Resolution::new(&old, &new).expect("it resolves");
    let Plan { key, arguments, to_callee, reply, to_caller } = plan(&resolution, &old, "f");
    let (to_callee, to_caller) = (to_callee.as_ref().expect("one"), to_caller.as_ref().expect("one"));
    let reply = reply.as_ref().expect("a reply");
    assert_eq!(*key, new.functions[0].key);
    assert!(arguments.is_same() && !reply.is_same());
    assert_eq!(arguments.transcode(&[7]), Ok(vec![7]));
    assert_eq!(to_callee.transcode_items(&[1, 200, 3]), Ok(vec![0, 1, 0, 0xc8, 1, 0, 3]));
    assert_eq!(to_callee.transcode_items(&[]), Ok(vec![]));
    assert_eq!(to_caller.transcode_items(&[1, 1]), Ok(vec![0, 0]));
    assert_eq!(reply.transcode(&[0, 1, 9, 0xc8, 1]), Ok(vec![0, 200]));
    let error = |result: Result<Vec<u8>, rusm_codegen::resolve::TranscodeError>| {
        result.expect_err("an error").to_string()
    };
    assert_eq!(error(to_caller.transcode_items(&[1, 1, 0])), "stream[2]: the caller has no case `y`");
    assert_eq!(error(reply.transcode(&[1, 0])), "result.err: the caller has no case `y`");
    assert_eq!(error(reply.transcode(&[0, 0, 0x80])), "result.ok.a: malformed: truncated");
    assert_eq!(error(arguments.transcode(&[7, 7])), "malformed: trailing");
    let (old, new) = both("f: func(s: stream<u16>) -> u8;", "f: func(s: stream<u8>) -> u8;");
    let resolution = Resolution::new(&old, &new).expect("it resolves");
    let items = plan(&resolution, &old, "f").to_callee.clone().expect("one");
    assert_eq!(
        error(items.transcode_items(&[1, 0xac, 2])),
        "s[1]: the service has `u8` there, which cannot hold 300"
    );
}

#[test]
fn references_are_of_contracts_and_no_versions() {
    let (old, new) = both("f: func(a: l-ref, b: pid, c: m-ref);", "f: func(a: l-ref, b: m-ref, c: pid);");
    assert!(Resolution::new(&old, &new).expect("it resolves").is_same());
    assert!(differences(&old, &new).is_empty());
}

#[test]
fn only_versions_of_one_series_are_resolved() {
    let one = contract("1.0.0", "f: func();");
    let two = contract("2.0.0", "f: func();");
    assert_eq!(refusals(&one, &two), ["c: the caller has `a:b/c@1.0.0`, the service `a:b/c@2.0.0`"]);
    let wit = Wit::parse("d.wit", "package a:d@1.0.0; interface c { f: func(); }").expect("it parses");
    let other = wit.contract("a:d/c").expect("a contract");
    assert_eq!(refusals(&one, &other), ["c: the caller has `a:b/c@1.0.0`, the service `a:d/c@1.0.0`"]);
    assert_eq!(differences(&one, &two).len(), 1);
}

#[test]
fn all_differences_are_told_once_in_the_order_of_the_contract() {
    let (old, new) = both(
        "/// Of old.\nrecord item { sku: string, qty: u32 } enum colour { red }
        init: func(a: u8); add: func(item: item, many: list<item>) -> colour; gone: func(); kept: func(x: u8, s: stream<u8>) -> u8;
        swap: func(a: u8, b: u8);",
        "record item { qty: u64, sku: string, note: option<string> } enum colour { red, green }
        init: func(b: u8); add: func(item: item, many: list<item>) -> colour; kept: func(s: stream<u8>, x: u8) -> string;
        swap: func(b: u8, a: u8); @since(version = 1.1.0) later: func(); new: func();",
    );
    let told: Vec<String> = differences(&old, &new)
        .iter()
        .map(|one| format!("{:?} {}: {}", one.class, one.path, one.what))
        .collect();
    let expected = [
        "Compatible c.init: a: the old version has the name `a`, the new version `b`",
        "Resolved c.add: item.qty: the old version has `u32`, the new version `u64`",
        "Resolved c.add: item.note: only the new version has this field, `option<string>`",
        "Resolved c.add: item: the fields are in another order",
        "Resolved c.add: many[].qty: the old version has `u32`, the new version `u64`",
        "Resolved c.add: many[].note: only the new version has this field, `option<string>`",
        "Resolved c.add: many[]: the fields are in another order",
        "Resolved c.add: result.green: only the new version has this case",
        "Breaking c.gone: only the old version has this function",
        "Resolved c.kept: s: it stands at another place among the parameters",
        "Breaking c.kept: result: the old version has `u8`, the new version `string`",
        "Resolved c.swap: the parameters are in another order",
        "Compatible c.later: only the new version has this function, since 1.1.0",
        "Breaking c.new: only the new version has this function",
    ];
    assert_eq!(told, expected);
    let new = &differences(&old, &new)[13];
    assert_eq!(
        new.advice,
        "if it is new, mark it `@since(version = ..)` with a version later than that of the old version; if it was taken away, \
         bring it back, or give the package a new major version"
    );
    assert_eq!(new.class, Class::Breaking);
    // What is documentation or the name of a type is no difference.
    let (old, new) =
        both("/// Of old.\nrecord a { x: u8 } f: func(a: a);", "record b { /// It.\nx: u8 } f: func(a: b);");
    assert_eq!(differences(&old, &new), []);
}
