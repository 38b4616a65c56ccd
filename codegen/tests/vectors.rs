//! The test vectors: the arbiter of the wire between both SDKs and the host's own tools.
//!
//! `values.txt` and `malformed.txt` are written by hand; `bytes.txt`, the values' bytes, by this test when `RUSM_BLESS`
//! is set. The SDKs are held against the same files by `host/rusm/tests/vectors.rs`, in their guests.
#![cfg(feature = "host")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rusm_codegen::value::{TextCall, parse_call, print_value};
use rusm_codegen::{Contract, Wit};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).expect("a file of the test vectors")
}

fn contract() -> Contract {
    let wit = Wit::parse("vectors.wit", &read("vectors.wit")).expect("the vectors' WIT");
    wit.contract("test:vectors/vectors").expect("a contract")
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).expect("hex");
        u8::from_str_radix(text, 16).expect("hex")
    };
    digits.chunks(2).map(pair).collect()
}

#[test]
fn every_value_has_its_bytes_and_prints_as_it_was_written() {
    let contract = contract();
    let contracts = std::slice::from_ref(&contract);
    let mut written = String::from("# Written by the test `vectors` from values.txt. Do not edit.\n");
    let text = read("values.txt");
    let mut count = 0;
    for line in lines(&text) {
        let (function, value) = line.split_once(' ').expect("a function and a value");
        let call = |text: String| parse_call(contracts, &text).expect(line);
        let TextCall { function, body, .. } = call(format!("{function}({value})"));
        let ty = &function.params[0].ty;
        let printed = print_value(&contract, ty, &body).expect(line);
        // WAVE spells some values in more ways than one; what it prints is the same value.
        assert_eq!(call(format!("{}({printed})", function.name)).body, body, "{line} printed as {printed}");
        writeln!(written, "{} {}", function.name, hex(&body)).expect("a string takes it");
        for end in 0..body.len() {
            let error = print_value(&contract, ty, &body[..end]).expect_err(line);
            assert_eq!(error.name(), "truncated", "{line} cut at {end}");
        }
        count += 1;
    }
    assert!(count >= 150, "{count} values");
    if std::env::var_os("RUSM_BLESS").is_some() {
        std::fs::write(folder().join("bytes.txt"), &written).expect("the file can be written");
    }
    assert_eq!(read("bytes.txt"), written, "run with RUSM_BLESS=1 to write the bytes anew");
}

#[test]
fn malformed_bytes_have_their_kind_of_error() {
    let contract = contract();
    let text = read("malformed.txt");
    let mut count = 0;
    for line in lines(&text) {
        let parts: Vec<&str> = line.split(' ').collect();
        let function = contract.function_named(parts[0]).expect(line);
        let error = print_value(&contract, &function.params[0].ty, &unhex(parts[1])).expect_err(line);
        assert_eq!(error.name(), parts[2], "{line}");
        count += 1;
    }
    assert!(count >= 60, "{count} malformed inputs");
}

/// Both emitters' output for the vectors' contract is kept, so that a change of it is seen; `RUSM_BLESS` writes it anew.
#[test]
fn the_generated_modules_are_those_on_file() {
    let contract = contract();
    let rust = rusm_codegen::rust::source(&contract, &rusm_codegen::rust::Options::default());
    let typescript = rusm_codegen::typescript::module(&contract, &[]);
    for (name, text) in [("vectors.rs.txt", rust), ("vectors.ts.txt", typescript)] {
        let path = folder().join(name);
        if std::env::var_os("RUSM_BLESS").is_some() {
            std::fs::write(&path, &text).expect("the file can be written");
        }
        let on_file = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            on_file == text,
            "{name} is out of date: run the tests with RUSM_BLESS=1, and look at the difference"
        );
    }
}
