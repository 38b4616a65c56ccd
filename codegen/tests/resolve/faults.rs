//! Input that nobody should have written.

use rusm_codegen::resolve::{Fault, Resolution, Transcoder, differences};

use crate::{contract, plan};

/// From the one to the other body of `f`.
fn arguments(old: &str, new: &str) -> Transcoder {
    let [old, new] = [("1.0.0", old), ("1.1.0", new)].map(|(version, body)| contract(version, body));
    let resolution = Resolution::new(&old, &new).expect("it resolves");
    plan(&resolution, &old, "f").arguments.clone()
}

#[test]
fn malformed_bytes_are_an_error_with_their_place() {
    let transcoder = arguments(
        "enum e { a, b } flags g { x } record r { l: list<u16>, e: e, s: string, c: char, o: option<bool>, g: g, d: u8 } f: func(r: r);",
        "enum e { a, b } flags g { x } record r { l: list<u16>, e: e, s: string, c: char, o: option<bool>, g: g, d: u16 } f: func(r: r);",
    );
    let whole = [1, 0xff, 0xff, 3, 1, 1, b's', 1, b'c', 1, 1, 1, 9];
    assert_eq!(transcoder.transcode(&whole).as_deref(), Ok(&whole[..]));
    for end in 0..whole.len() {
        let error = transcoder.transcode(&whole[..end]).expect_err("it is cut");
        assert!(error.to_string().ends_with("malformed: truncated"), "{end}: {error}");
    }
    for (place, byte, text) in [
        (0, 0xff, "r.l: malformed: truncated"),
        (3, 4, "r.l[0]: malformed: varint"),
        (4, 2, "r.e: malformed: tag"),
        (6, 0xff, "r.s: malformed: utf8"),
        (7, 0, "r.c: malformed: char"),
        (9, 2, "r.o: malformed: tag"),
        (10, 2, "r.o: malformed: tag"),
        (11, 2, "r.g: malformed: flags"),
    ] {
        let mut bytes = whole;
        bytes[place] = byte;
        assert_eq!(transcoder.transcode(&bytes).expect_err(text).to_string(), text);
    }
    let longer = [&whole[..], &[0]].concat();
    assert_eq!(transcoder.transcode(&longer).expect_err("it is longer").to_string(), "malformed: trailing");
}

#[test]
fn what_comes_out_is_spelt_as_the_wire_spells_it() {
    let body = |ty: &str| {
        format!(
            "record r {{ a: list<u16>, f: f32, g: f64, s: string, p: pid, e: result, c: char, n: {ty} }} f: func(r: r);"
        )
    };
    let transcoder = arguments(&body("u8"), &body("s16"));
    let padded = [
        &[0x81, 0x80, 0, 0x85, 0x80, 0][..],
        &[1, 0, 0xc0, 0xff],
        &[1, 0, 0, 0, 0, 0, 0xf8, 0xff],
        &[0x82, 0, b'o', b'k', 0x81, 0, 0x80, 0, 0x81, 0x80, 0, 0x81, 0, b'c'],
        &[200],
    ];
    let written = [
        &[1, 5][..],
        &[0, 0, 0xc0, 0x7f],
        &[0, 0, 0, 0, 0, 0, 0xf8, 0x7f],
        &[2, b'o', b'k', 1, 0, 1, 1, b'c'],
        &[0x90, 3],
    ];
    assert_eq!(transcoder.transcode(&padded.concat()), Ok(written.concat()));
    // Past its type's longest form a number is none.
    let long = [1, 0x85, 0x80, 0x80, 0];
    assert_eq!(transcoder.transcode(&long).expect_err("too long").to_string(), "r.a[0]: malformed: varint");
}

#[test]
fn what_is_dropped_is_checked_and_leaves_nothing() {
    let transcoder = arguments(
        "record r { a: u8, l: list<list<u16>>, b: u8 } f: func(r: r);",
        "record r { b: u8, a: u8 } f: func(r: r);",
    );
    assert_eq!(transcoder.transcode(&[1, 2, 1, 0x85, 0x80, 0, 0, 2]), Ok(vec![2, 1]));
    let error = transcoder.transcode(&[1, 2, 1, 0x85, 0x80, 4, 0, 2]).expect_err("no number");
    assert_eq!(error.to_string(), "r.l[0][0]: malformed: varint");
}

#[test]
fn a_message_that_grows_too_much_is_an_error() {
    let many: String = (0..100).map(|at| format!(", o{at}: option<u8>")).collect();
    let transcoder = arguments(
        "record r { a: bool } f: func(l: list<r>);",
        &format!("record r {{ a: bool{many} }} f: func(l: list<r>);"),
    );
    let list = |length: usize| {
        let mut bytes = vec![length as u8 & 0x7f | 0x80, (length >> 7) as u8];
        bytes.resize(2 + length, 1);
        bytes
    };
    // 101 bytes each, and 64 KiB in any case.
    assert_eq!(transcoder.transcode(&list(648)).map(|out| out.len()), Ok(2 + 648 * 101));
    for length in [649, 10_000] {
        let error = transcoder.transcode(&list(length)).expect_err("it is too long");
        let limit = (64 * (length + 2)).max(64 << 10);
        assert!(matches!(error.fault, Fault::TooLong { limit: told, .. } if told == limit), "{error}");
    }
}

#[test]
fn types_may_be_nested_as_deep_as_contracts_have_them() {
    let nested = |of: &str| {
        let mut text = format!("record t0 {{ a: {of}, b: u8 }} ");
        for at in 1..199 {
            let (first, last) = if of == "u8" { ("a", "b") } else { ("b", "a") };
            let below = |name: &str| if name == "a" { format!("t{}", at - 1) } else { "u8".into() };
            text += &format!("record t{at} {{ {first}: {}, {last}: {} }} ", below(first), below(last));
        }
        format!("{text} f: func(t: t198);")
    };
    let transcoder = arguments(&nested("u8"), &nested("u16"));
    let mut bytes = vec![200];
    bytes.extend(1..200);
    let mut expected: Vec<u8> = (2..200).rev().collect();
    expected.extend([0xc8, 1, 1]);
    assert_eq!(transcoder.transcode(&bytes), Ok(expected));
}

#[test]
fn what_is_told_of_differences_has_an_end() {
    // Each record twice in the next, and long names: one type that differs is in two thousand places.
    let name = format!("n{}", "a".repeat(300));
    let body = |ty: &str| {
        let mut text = format!("record t0 {{ {name}: {ty} }} ");
        for at in 1..=11 {
            text += &format!("record t{at} {{ l{name}: t{0}, r{name}: t{0} }} ", at - 1);
        }
        format!("{text} f: func(t: t11);")
    };
    let told = |ty: &str| {
        let [old, new] = [("1.0.0", "u8"), ("1.1.0", ty)].map(|(version, ty)| contract(version, &body(ty)));
        (differences(&old, &new), Resolution::new(&old, &new).err().map_or(0, |refused| refused.len()))
    };
    let (resolved, refused) = told("u16");
    assert_eq!((resolved.len(), refused), (1000, 0));
    assert!(
        resolved.iter().all(|one| one.path.len() < 2100 && one.path.ends_with('…')),
        "{}",
        resolved[0].path
    );
    let (breaking, refused) = told("string");
    assert_eq!((breaking.len(), refused), (1000, 1000));
}
