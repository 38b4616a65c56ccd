//! What values of one type become in another, both ways, for arguments and replies.

use rusm_codegen::Contract;
use rusm_codegen::resolve::{Resolution, Transcoder};
use rusm_codegen::value::{parse_value, print_value};

use crate::{contract, plan, refusals};

/// Values of the one side, and what they are on the other: a value, or an error in which `{reader}` is who reads.
type Arrivals = &'static [(&'static str, Result<&'static str, &'static str>)];

/// Two definitions of the type `t`, and what becomes of values on the way from the one to the other and back.
struct Row {
    old: &'static str,
    new: &'static str,
    forth: Arrivals,
    back: Arrivals,
}

#[test]
fn values_become_what_the_rules_say() {
    for row in ROWS {
        let (old, new) = (typed("1.0.0", row.old), typed("1.1.0", row.new));
        let resolved = |caller, service| Resolution::new(caller, service).expect(row.old);
        let (upgraded, downgraded) = (resolved(&old, &new), resolved(&new, &old));
        let (upgraded, downgraded) = (plan(&upgraded, &old, "f"), plan(&downgraded, &new, "f"));
        let reply = |plan: &rusm_codegen::resolve::Plan| plan.reply.clone().expect("a reply");
        check(&upgraded.arguments, "the service", "v", [&old, &new], row.forth);
        check(&reply(upgraded), "the caller", "result", [&new, &old], row.back);
        check(&downgraded.arguments, "the service", "v", [&new, &old], row.back);
        check(&reply(downgraded), "the caller", "result", [&old, &new], row.forth);
    }
}

#[test]
fn what_cannot_be_resolved_is_refused_in_both_directions() {
    for (old, new, path, what) in REFUSALS {
        let (old, new) = (typed("1.0.0", old), typed("1.1.0", new));
        let expected = |one: &str, other: &str| {
            let what = what.replace("{old}", one).replace("{new}", other);
            [format!("c.f: v{path}: {what}"), format!("c.f: result{path}: {what}")]
        };
        assert_eq!(refusals(&old, &new), expected("the caller", "the service"));
        let swapped = refusals(&new, &old);
        assert!(swapped.iter().any(|text| text.starts_with(&format!("c.f: v{path}: "))), "{swapped:?}");
    }
}

fn typed(version: &str, definition: &str) -> Contract {
    contract(version, &format!("{definition} f: func(v: t) -> t;"))
}

fn check(transcoder: &Transcoder, reader: &str, root: &str, sides: [&Contract; 2], arrivals: Arrivals) {
    let [from, to] = sides.map(|side| (side, &side.functions[0].params[0].ty));
    for (value, arrives) in arrivals {
        let bytes = parse_value(from.0, from.1, value).expect(value);
        match (transcoder.transcode(&bytes), arrives) {
            (Ok(got), Ok(expected)) => {
                let bytes = parse_value(to.0, to.1, expected).expect(expected);
                assert_eq!(got, bytes, "{value} is {:?}", print_value(to.0, to.1, &got));
            }
            (Err(error), Err(expected)) => {
                let expected = expected.replace("{reader}", reader);
                assert_eq!(error.to_string(), format!("{root}{expected}"), "{value}");
            }
            (got, expected) => panic!("{value} is {got:?} and not {expected:?}"),
        }
    }
}

const ROWS: &[Row] = &[
    // Fields.
    Row {
        old: "record t { a: u8, z: string }",
        new: "type words = list<string>; flags marks { x, y } record t { n: option<u8>, a: u8, w: words, m: marks, z: string, o: option<t-o> } enum t-o { p }",
        forth: &[("{a: 1, z: \"s\"}", Ok("{n: none, a: 1, w: [], m: {}, z: \"s\", o: none}"))],
        back: &[("{n: some(3), a: 1, w: [\"q\"], m: {y}, z: \"s\", o: some(p)}", Ok("{a: 1, z: \"s\"}"))],
    },
    Row {
        old: "record t { a: option<u8>, b: u8 }",
        new: "record t { b: u8, c: list<u8> }",
        forth: &[("{a: some(1), b: 2}", Ok("{b: 2, c: []}"))],
        back: &[("{b: 2, c: [7, 7]}", Ok("{a: none, b: 2}"))],
    },
    Row {
        old: "record t { a: u8, b: string, c: list<u16> }",
        new: "record t { c: list<u16>, a: u8, d: option<u8>, b: string }",
        forth: &[("{a: 1, b: \"x\", c: [300, 1]}", Ok("{c: [300, 1], a: 1, d: none, b: \"x\"}"))],
        back: &[("{c: [], a: 1, d: some(2), b: \"x\"}", Ok("{a: 1, b: \"x\", c: []}"))],
    },
    Row {
        old: "record i { x: u8, y: u8 } record t { a: i, b: list<i> }",
        new: "record j { y: u8, x: u8 } record t { b: list<j>, a: j }",
        forth: &[(
            "{a: {x: 1, y: 2}, b: [{x: 3, y: 4}, {x: 5, y: 6}]}",
            Ok("{b: [{x: 3, y: 4}, {x: 5, y: 6}], a: {x: 1, y: 2}}"),
        )],
        back: &[("{b: [{y: 3, x: 4}], a: {y: 1, x: 2}}", Ok("{a: {x: 2, y: 1}, b: [{x: 4, y: 3}]}"))],
    },
    // Cases and flags.
    Row {
        old: "enum t { red, blue }",
        new: "enum t { green, blue, red }",
        forth: &[("red", Ok("red")), ("blue", Ok("blue"))],
        back: &[("red", Ok("red")), ("green", Err(": {reader} has no case `green`"))],
    },
    Row {
        old: "variant t { a(u8), b }",
        new: "variant t { b, c(string), a(u16) }",
        forth: &[("a(255)", Ok("a(255)")), ("b", Ok("b"))],
        back: &[
            ("a(255)", Ok("a(255)")),
            ("c(\"x\")", Err(": {reader} has no case `c`")),
            ("a(256)", Err(".a: {reader} has `u8` there, which cannot hold 256")),
        ],
    },
    Row {
        old: "flags t { a, b, c }",
        new: "flags t { z0, z1, z2, z3, z4, z5, z6, c, b, a }",
        forth: &[("{a, c}", Ok("{a, c}")), ("{}", Ok("{}")), ("{b}", Ok("{b}"))],
        back: &[("{a, b}", Ok("{a, b}")), ("{a, z4}", Err(": {reader} has no flag `z4`"))],
    },
    // Numbers.
    Row {
        old: "type t = tuple<u8, u16, u32, s8, s16, s32>;",
        new: "type t = tuple<u16, u32, u64, s16, s32, s64>;",
        forth: &[
            (
                "(255, 65535, 4294967295, -128, -32768, -2147483648)",
                Ok("(255, 65535, 4294967295, -128, -32768, -2147483648)"),
            ),
            ("(0, 0, 0, 127, 32767, 2147483647)", Ok("(0, 0, 0, 127, 32767, 2147483647)")),
        ],
        back: &[
            (
                "(255, 65535, 4294967295, -128, -32768, -2147483648)",
                Ok("(255, 65535, 4294967295, -128, -32768, -2147483648)"),
            ),
            ("(256, 0, 0, 0, 0, 0)", Err(".0: {reader} has `u8` there, which cannot hold 256")),
            ("(0, 65536, 0, 0, 0, 0)", Err(".1: {reader} has `u16` there, which cannot hold 65536")),
            (
                "(0, 0, 4294967296, 0, 0, 0)",
                Err(".2: {reader} has `u32` there, which cannot hold 4294967296"),
            ),
            ("(0, 0, 0, -129, 0, 0)", Err(".3: {reader} has `s8` there, which cannot hold -129")),
            ("(0, 0, 0, 0, 32768, 0)", Err(".4: {reader} has `s16` there, which cannot hold 32768")),
            (
                "(0, 0, 0, 0, 0, 2147483648)",
                Err(".5: {reader} has `s32` there, which cannot hold 2147483648"),
            ),
        ],
    },
    Row {
        old: "type t = tuple<u8, u8, u16, u32>;",
        new: "type t = tuple<u64, s16, s32, s64>;",
        forth: &[("(200, 200, 65535, 4294967295)", Ok("(200, 200, 65535, 4294967295)"))],
        back: &[
            ("(200, 200, 65535, 4294967295)", Ok("(200, 200, 65535, 4294967295)")),
            (
                "(18446744073709551615, 0, 0, 0)",
                Err(".0: {reader} has `u8` there, which cannot hold 18446744073709551615"),
            ),
            ("(0, -1, 0, 0)", Err(".1: {reader} has `u8` there, which cannot hold -1")),
            (
                "(0, 0, 0, -9223372036854775808)",
                Err(".3: {reader} has `u32` there, which cannot hold -9223372036854775808"),
            ),
        ],
    },
    Row {
        old: "type t = list<f32>;",
        new: "type t = list<f64>;",
        forth: &[(
            "[0.5, inf, -inf, nan, -0.0, 3.4028235e38]",
            Ok("[0.5, inf, -inf, nan, -0.0, 3.4028234663852886e38]"),
        )],
        back: &[
            ("[0.5, inf, nan, 0.1, 1e-60]", Ok("[0.5, inf, nan, 0.1, 0.0]")),
            ("[0.5, -1e39]", Err("[1]: {reader} has `f32` there, which cannot hold -1e39")),
        ],
    },
    // All of them within others; named types under other names.
    Row {
        old: "enum e { a } record r { n: u8, e: e } type t = option<result<list<tuple<r, string>>, e>>;",
        new: "enum k { b, a } record s { e: k, n: u16, x: list<u8> } type q = list<tuple<s, string>>; type t = option<result<q, k>>;",
        forth: &[
            ("none", Ok("none")),
            ("some(err(a))", Ok("some(err(a))")),
            ("some(ok([({n: 200, e: a}, \"x\")]))", Ok("some(ok([({e: a, n: 200, x: []}, \"x\")]))")),
        ],
        back: &[
            ("some(err(b))", Err(".err: {reader} has no case `b`")),
            (
                "some(ok([({e: a, n: 7, x: [1]}, \"x\"), ({e: b, n: 7, x: []}, \"\")]))",
                Err(".ok[1].0.e: {reader} has no case `b`"),
            ),
        ],
    },
    // What is next to a change stays as it is.
    Row {
        old: "record t { p: pid, c: char, b: bool, l: list<u8>, r: result, s: s8, big: u64, n: u8 }",
        new: "record t { p: pid, c: char, b: bool, l: list<u8>, r: result, s: s8, big: u64, n: u32 }",
        forth: &[(
            "{p: {node: 1, id: 99999999}, c: 'ß', b: true, l: [1, 2], r: err, s: -3, big: 18446744073709551615, n: 255}",
            Ok(
                "{p: {node: 1, id: 99999999}, c: 'ß', b: true, l: [1, 2], r: err, s: -3, big: 18446744073709551615, n: 255}",
            ),
        )],
        back: &[],
    },
];

/// Two definitions, the way to what is refused, and what is said of it.
const REFUSALS: &[(&str, &str, &str, &str)] = &[
    ("record t { a: u8 }", "record t { a: u8, b: u8 }", ".b", "only {new} has this field, `u8`"),
    ("record t { a: u8, b: string }", "record t { a: u8 }", ".b", "only {old} has this field, `string`"),
    ("record t { a: u8 }", "record t { a: option<u8> }", ".a", "{old} has `u8`, {new} `option<u8>`"),
    ("type t = u32;", "type t = s32;", "", "{old} has `u32`, {new} `s32`"),
    ("type t = s32;", "type t = u64;", "", "{old} has `s32`, {new} `u64`"),
    ("type t = u32;", "type t = f64;", "", "{old} has `u32`, {new} `f64`"),
    ("type t = char;", "type t = string;", "", "{old} has `char`, {new} `string`"),
    ("type t = bool;", "type t = u8;", "", "{old} has `bool`, {new} `u8`"),
    ("type t = list<u8>;", "type t = string;", "", "{old} has `list<u8>`, {new} `string`"),
    ("type t = list<option<u8>>;", "type t = list<option<bool>>;", "[]", "{old} has `u8`, {new} `bool`"),
    (
        "type t = tuple<u8, u8>;",
        "type t = tuple<u8, u8, option<u8>>;",
        "",
        "{old} has `tuple<u8, u8>`, {new} `tuple<u8, u8, option<u8>>`",
    ),
    ("type t = tuple<u8, u8>;", "type t = tuple<u8, string>;", ".1", "{old} has `u8`, {new} `string`"),
    ("enum t { a }", "variant t { a }", "", "{old} has the enum `t`, {new} the variant `t`"),
    ("enum t { a }", "enum t { b }", "", "there is no case that both sides have"),
    ("variant t { a, b }", "variant t { a, b(option<u8>) }", ".b", "{old} has no value, {new} `option<u8>`"),
    ("variant t { a(u8), b }", "variant t { a(string), b }", ".a", "{old} has `u8`, {new} `string`"),
    ("flags t { a }", "record t { a: bool }", "", "{old} has the flags `t`, {new} the record `t`"),
    ("type t = result<u8, string>;", "type t = result<u8>;", ".err", "{old} has `string`, {new} no value"),
    ("type t = result<u8>;", "type t = u8;", "", "{old} has `result<u8>`, {new} `u8`"),
    (
        "type t = l-ref;",
        "type t = m-ref;",
        "",
        "{old} has a service of `a:b/l@1.0.0`, {new} a service of `a:b/m@1.1.0`",
    ),
    ("type t = pid;", "type t = u64;", "", "{old} has `pid`, {new} `u64`"),
];
