//! Packs the SDKs of this version into the binary, as sources: a project gets them by `rusm build`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let root = package.ancestors().nth(2).unwrap_or(&package).to_path_buf();
    let mut files = Vec::new();
    for room in [
        "wit",
        "wire/src",
        "codegen/src",
        "rusm-rs/src",
        "rusm-rs-macros/src",
        "rusm-ts/src",
        "rusm-ts/tools",
    ] {
        collect(&root.join(room), &mut files)?;
    }
    for file in [
        "wire/Cargo.toml",
        "codegen/Cargo.toml",
        "rusm-rs/Cargo.toml",
        "rusm-rs-macros/Cargo.toml",
        "rusm-ts/tsconfig.base.json",
        "rusm-ts/README.md",
    ] {
        files.push(root.join(file));
    }
    files.sort();
    let mut out = String::from("&[\n");
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.strip_prefix(&root).unwrap_or(file);
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "    ({:?}, include_bytes!({:?})),",
            name.display().to_string(),
            file.display().to_string()
        );
    }
    let manifest = sdk_workspace(&fs::read_to_string(root.join("Cargo.toml"))?);
    println!("cargo::rerun-if-changed={}", root.join("Cargo.toml").display());
    let _ = writeln!(out, "    (\"Cargo.toml\", {manifest:?}.as_bytes()),");
    let package = fs::read_to_string(root.join("rusm-ts/package.json"))?;
    println!("cargo::rerun-if-changed={}", root.join("rusm-ts/package.json").display());
    let _ = writeln!(out, "    (\"rusm-ts/package.json\", {:?}.as_bytes()),", sdk_package(&package)?);
    let target = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(target.join("sdk.rs"), out + "]\n")
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The workspace of this repository with the crates of the Rust SDK alone.
fn sdk_workspace(manifest: &str) -> String {
    let (before, rest) = manifest.split_once("members = [").unwrap_or((manifest, ""));
    let (_, after) = rest.split_once(']').unwrap_or(("", rest));
    format!("{before}members = [\"codegen\", \"rusm-rs\", \"rusm-rs-macros\", \"wire\"]{after}")
}

/// The TypeScript SDK's package without what only its own tests need: users would get that installed, too.
fn sdk_package(package: &str) -> io::Result<String> {
    let mut package: serde_json::Value = serde_json::from_str(package)?;
    if let Some(fields) = package.as_object_mut() {
        for own in ["devDependencies", "scripts", "prettier"] {
            fields.remove(own);
        }
    }
    Ok(serde_json::to_string_pretty(&package)?)
}
