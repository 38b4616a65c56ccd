//! A short run of every target: what is kept, and mutations of it by a fixed seed.

use rand::rngs::StdRng;
use rand::{Rng, RngExt as _, SeedableRng as _};
use rusm_fuzz::corpus;

#[test]
fn loading() {
    run("load", rusm_fuzz::load, 10_000);
}

#[test]
fn decoding() {
    run("wire", rusm_fuzz::wire, 100_000);
}

#[test]
fn raw_arguments() {
    run("raw_abi", rusm_fuzz::raw_abi, 200);
}

fn run(target: &str, body: fn(&[u8]), mutations: usize) {
    let corpus = corpus(target);
    assert!(!corpus.is_empty(), "there is a corpus");
    for (file, input) in &corpus {
        println!("{}", file.display());
        body(input);
    }
    let mut random = StdRng::seed_from_u64(SEED);
    for number in 0..mutations {
        let mut input = corpus[random.random_range(0..corpus.len())].1.clone();
        for _ in 0..random.random_range(1..=4) {
            mutate(&mut input, &corpus[random.random_range(0..corpus.len())].1, &mut random);
        }
        if let Err(panic) = std::panic::catch_unwind(|| body(&input)) {
            let file = std::env::temp_dir().join(format!("rusm-fuzz-{target}-{number}"));
            std::fs::write(&file, &input).expect("the file can be written");
            println!("the input is in {}: keep it in fuzz/corpus/{target}", file.display());
            std::panic::resume_unwind(panic);
        }
    }
}

/// One change, of the kinds that libFuzzer makes.
fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut impl Rng) {
    if input.is_empty() {
        input.push(random.random());
        return;
    }
    let at = random.random_range(0..input.len());
    match random.random_range(0..6) {
        0 => input[at] ^= 1 << random.random_range(0..8),
        1 => input[at] = random.random(),
        2 => input.truncate(at),
        3 => input.insert(at, *EDGES.get(random.random_range(0..EDGES.len())).expect("within")),
        4 => {
            let end = random.random_range(at..=input.len().min(at + 16));
            input.drain(at..end);
        }
        _ => {
            let from = random.random_range(0..=other.len());
            let to = random.random_range(from..=other.len().min(from + 64));
            input.splice(at..at, other[from..to].iter().copied());
        }
    }
}

const SEED: u64 = 0x5255_534d;
const EDGES: [u8; 8] = [0, 1, 0x7f, 0x80, 0x81, 0xc0, 0xfe, 0xff];
