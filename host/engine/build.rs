//! Finds the exact version of wasmtime in the lock file, for the names of compiled components.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let lock = package.ancestors().map(|folder| folder.join("Cargo.lock")).find(|lock| lock.is_file());
    let version = lock.as_deref().and_then(version_in).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=RUSM_WASMTIME_VERSION={version}");
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(lock) = lock {
        println!("cargo::rerun-if-changed={}", lock.display());
    }
}

fn version_in(lock: &Path) -> Option<String> {
    let text = fs::read_to_string(lock).ok()?;
    let entry = text.split("name = \"wasmtime\"\nversion = \"").nth(1)?;
    Some(entry.split('"').next()?.to_owned())
}
