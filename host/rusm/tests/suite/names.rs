//! Contracts of names that languages have other uses for, in both languages: what is generated compiles, and every value
//! comes back, from Rust over TypeScript and from TypeScript over Rust.

use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use rusm::{Node, Project};
use rusm_codegen::{Contract, Function, Shape, Type};
use rusm_engine::{EngineConfig, Spawn};
use rusm_setup::Terminal;

use crate::support::{self, TestNode};

mod contracts;
mod guests;
mod values;

/// Contracts in the tests; any number by hand, by the variables `RUSM_NAMES` and `RUSM_NAMES_SEED`.
const COUNT: usize = 200;
const SEED: u64 = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_name_is_a_name_in_both_languages() {
    let number = |name: &str, default| {
        std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
    };
    let (count, seed) = (number("RUSM_NAMES", COUNT as u64) as usize, number("RUSM_NAMES_SEED", SEED));
    // What the guests are made of.
    support::build();
    let mut rng = Rng::with_seed(seed);
    let text = contracts::text(&mut rng, count);
    let folder = support::folder().join(".rusm/names");
    let contracts = write(&folder, &text);
    assert!(contracts.len() >= count, "{} contracts", contracts.len());
    let project = Project::find(&folder).expect("the project of names");
    let built = project.build(&mut Terminal::new()).expect("every name compiles");
    let config = EngineConfig { sync_processes: 20, async_processes: 20, ..EngineConfig::default() };
    let manifest = folder.join("rusm.toml");
    let node = Node::boot(project.manifest(), &manifest, &built, config).await.expect("the node starts");
    for name in ["rust-echo", "ts-echo", "rust-relay", "ts-relay"] {
        let component = name.split('-').next().unwrap_or_default();
        let spawn = Spawn::new(component).name(Some(name.to_owned()));
        node.engine().spawn(spawn).await.expect(name);
    }
    let node = TestNode::of(node);
    let mut calls = 0;
    for contract in &contracts {
        for function in contract.functions.iter().filter(|function| echoes(function)) {
            for relay in ["rust-relay", "ts-relay"] {
                let body = values::arguments(&mut rng, contract, function);
                let what = || format!("{relay}: {} with {body:02x?}\n{}", function.name, contract.wit);
                let reply = node.raw_call(relay, function.key, body.clone()).await;
                assert_eq!(reply.as_ref(), Ok(&body), "seed {seed}: {}", what());
                calls += 1;
            }
        }
    }
    assert!(calls > count * 4, "{calls} calls");
    node.stop().await;
}

/// Whether a service can answer the function's arguments themselves.
fn echoes(function: &Function) -> bool {
    let (Shape::Call { result }, None) = (&function.shape, &function.stream) else { return false };
    let params: Vec<&Type> = function.params.iter().map(|param| &param.ty).collect();
    match (params.as_slice(), result) {
        ([only], result) => *only == result,
        (several, Type::Tuple(parts)) => !several.is_empty() && parts.iter().collect::<Vec<_>>() == several,
        _ => false,
    }
}

/// Writes a project of these contracts: a Rust and a TypeScript service that have all of them.
fn write(folder: &Path, wit: &str) -> Vec<Contract> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        // What is as it was is not built again.
        if fs::read_to_string(&path).is_ok_and(|own| own == text) {
            return;
        }
        fs::write(path, text).expect("a file can be written");
    };
    write("wit/all.wit", wit);
    write("rusm.toml", MANIFEST);
    write("rust/Cargo.toml", CARGO);
    let lock: PathBuf = support::folder().join("Cargo.lock");
    if !folder.join("rust/Cargo.lock").is_file() {
        fs::create_dir_all(folder.join("rust")).expect("a folder can be made");
        fs::copy(lock, folder.join("rust/Cargo.lock")).expect("the lock file");
    }
    fs::create_dir_all(folder.join("ts")).expect("a folder can be made");
    let project = Project::find(folder).expect("the project of names");
    let contracts = project.contracts().expect("contracts");
    for (name, text) in guests::rust(&contracts) {
        write(&format!("rust/src/{name}"), &text);
    }
    write("ts/main.ts", &guests::typescript(&contracts));
    contracts
}

const MANIFEST: &str = r#"[components.rust]
path = "rust"
capabilities = { lookup = ["*"] }

[components.ts]
path = "ts"
capabilities = { lookup = ["*"] }
"#;

/// Its dependencies are compiled once for this crate and for the guests of the other tests.
const CARGO: &str = r#"[package]
name = "names-rust"
version = "0.1.0"
edition = "2024"
publish = false

[lib]
crate-type = ["cdylib"]

[dependencies]
rusm-rs = { path = "../../sdk/rusm-rs" }

[workspace]

[profile.release]
opt-level = 0
debug = false
panic = "abort"
"#;
