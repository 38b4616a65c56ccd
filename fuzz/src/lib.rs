//! What is fuzzed: each function takes any bytes, and panics if the host does what it must not. `cargo fuzz` runs them over
//! inputs of libFuzzer's, the tests over what was kept and over a fixed number of mutations.

use std::path::PathBuf;

mod load;
mod node;
mod raw_abi;
mod wire;

pub use load::load;
pub use raw_abi::raw_abi;
pub use wire::wire;

/// The inputs that are kept for a target.
///
/// # Panics
/// If the folder cannot be read.
pub fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).expect("a file of the corpus"))).collect()
}
