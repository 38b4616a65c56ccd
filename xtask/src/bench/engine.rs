use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rusm_setup::{GuestTarget, GuestToolchain, Home, Need};

use super::{BARE, BEAM, Group, LUNATIC, Measure, Peer, RUSM, Reach, Samples, add, samples};
use crate::tools::{command, execute, root, setup};

/// Guests: their processes, calls, messages and streams.
pub const GROUP: Group = Group {
    name: "engine",
    measures: &[
        Measure { name: "spawn-rust", unit: "1/s", higher: true, reach: Reach::Peer(5.0, RUSM) },
        // The same engine without processes: nothing can be faster.
        Measure { name: "spawn-rust-bare", unit: "1/s", higher: true, reach: Reach::Peer(0.85, BARE) },
        Measure { name: "spawn-core", unit: "1/s", higher: true, reach: Reach::Peer(5.0, RUSM) },
        Measure { name: "spawn-core-lunatic", unit: "1/s", higher: true, reach: Reach::Peer(8.0, LUNATIC) },
        Measure { name: "spawn-ts", unit: "1/s", higher: true, reach: Reach::Value(20_000.0) },
        Measure { name: "call-rust-rust", unit: "ns", higher: false, reach: Reach::Peer(0.65, BEAM) },
        Measure { name: "call-rust-0.7", unit: "ns", higher: false, reach: Reach::Peer(0.16, RUSM) },
        Measure { name: "call-lunatic", unit: "ns", higher: false, reach: Reach::Peer(0.3, LUNATIC) },
        Measure { name: "figures", unit: "%", higher: false, reach: Reach::Value(3.0) },
        Measure { name: "call-8-1", unit: "ns", higher: false, reach: Reach::Peer(1.0, BEAM) },
        Measure { name: "callback", unit: "ns", higher: false, reach: Reach::None },
        Measure { name: "callback-by-call", unit: "", higher: false, reach: Reach::Value(1.5) },
        Measure { name: "chain-4", unit: "ns", higher: false, reach: Reach::Peer(1.0, BEAM) },
        Measure { name: "call-ts-rust", unit: "ns", higher: false, reach: Reach::Value(8_000.0) },
        Measure { name: "call-rust-ts", unit: "ns", higher: false, reach: Reach::None },
        Measure { name: "call-ts-ts", unit: "ns", higher: false, reach: Reach::Value(12_000.0) },
        Measure { name: "send-rust", unit: "ns", higher: false, reach: Reach::Peer(0.5, RUSM) },
        Measure { name: "send-service", unit: "ns", higher: false, reach: Reach::None },
        Measure { name: "send-rust-64k", unit: "ns", higher: false, reach: Reach::None },
        Measure { name: "copy-64k-twice", unit: "ns", higher: false, reach: Reach::None },
        Measure { name: "stream", unit: "MB/s", higher: true, reach: Reach::Value(3_000.0) },
        Measure { name: "stream-bytes", unit: "MB/s", higher: true, reach: Reach::Value(3_000.0) },
        Measure { name: "echo-bytes", unit: "MB/s", higher: true, reach: Reach::Value(2_000.0) },
        Measure { name: "idle-rust", unit: "KiB", higher: false, reach: Reach::Value(24.0) },
        Measure { name: "idle-rust-own", unit: "KiB", higher: false, reach: Reach::None },
        Measure { name: "idle-ts", unit: "KiB", higher: false, reach: Reach::Value(300.0) },
        Measure { name: "idle-ts-own", unit: "KiB", higher: false, reach: Reach::None },
        Measure { name: "live", unit: "", higher: true, reach: Reach::Value(30_000.0) },
        Measure { name: "live-100k", unit: "", higher: true, reach: Reach::Value(100_000.0) },
        // Five ticks of the epoch, and three.
        Measure { name: "spin-p99", unit: "us", higher: false, reach: Reach::Value(5_000.0) },
        Measure { name: "kill-spinner", unit: "us", higher: false, reach: Reach::Value(3_000.0) },
        Measure { name: "spin-host-p99", unit: "us", higher: false, reach: Reach::Value(5_000.0) },
        Measure { name: "kill-host-spinner", unit: "us", higher: false, reach: Reach::Value(3_000.0) },
        Measure { name: "cold-start", unit: "ms", higher: false, reach: Reach::Value(100.0) },
        Measure { name: "restart", unit: "us", higher: false, reach: Reach::Value(50.0) },
    ],
    ours,
    peers: &[
        Peer { name: BEAM, measure: beam },
        Peer { name: RUSM, measure: rusm_07 },
        Peer { name: LUNATIC, measure: lunatic },
        Peer { name: BARE, measure: bare },
    ],
};

fn ours(checkout: &Path) -> anyhow::Result<Samples> {
    setup(&[Need::Rust, Need::GuestToolchain, Need::Node])?;
    let mut samples = program(checkout, "bench-ours", &[])?;
    // In processes of their own: what starts cold, what leaves much behind, and what is compared with such a one.
    for alone in ["cold-start", "cold-start", "cold-start", "spawn-rust", "spawn-core", "live", "live-100k"] {
        add(&mut samples, program(checkout, "bench-ours", &[alone])?);
    }
    // One figure of ours beside several peers.
    for (own, again) in [
        ("spawn-rust", "spawn-rust-bare"),
        ("spawn-core", "spawn-core-lunatic"),
        ("call-rust-rust", "call-rust-0.7"),
        ("call-rust-rust", "call-lunatic"),
    ] {
        if let Some(values) = samples.get(own).cloned() {
            samples.insert(again.into(), values);
        }
    }
    Ok(samples)
}

/// The same component in wasmtime alone.
fn bare() -> anyhow::Result<Samples> {
    setup(&[Need::Rust, Need::GuestToolchain, Need::Node])?;
    program(&root(), "bench-ours", &["build"])?;
    program(&root(), "bench-bare", &[])
}

fn program(checkout: &Path, package: &str, arguments: &[&str]) -> anyhow::Result<Samples> {
    let mut run = command("cargo", &["run", "--release", "--quiet", "-p", package, "--"]);
    samples(run.args(arguments).current_dir(checkout.join("bench")))
}

fn beam() -> anyhow::Result<Samples> {
    setup(&[Need::Erlang])?;
    samples(&mut command("escript", &["bench/beam/engine.escript"]))
}

/// The earlier RUSM, from its crates.
fn rusm_07() -> anyhow::Result<Samples> {
    setup(&[Need::Rust, Need::GuestToolchain, Need::Node])?;
    let folder = root().join("bench/rusm-0.7");
    let guests = guests("bench/rusm-0.7/guest", GuestTarget::Component, &["--lib", "--examples"])?;
    // A program of preview 1, the same that ours runs.
    program(&root(), "bench-ours", &["build"])?;
    let module = root().join("bench/guests/.rusm/build/program-rust.wasm");
    let mut host = command("cargo", &["run", "--release", "--quiet", "--"]);
    let mut samples = samples(host.args([guests, module]).current_dir(folder.join("host")))?;
    if let Some(call) = samples.remove("call-rust-rust") {
        samples.insert("call-rust-0.7".into(), call);
    }
    Ok(samples)
}

/// Lunatic, whose runtime is installed below `bench/target`, with a guest of its own.
fn lunatic() -> anyhow::Result<Samples> {
    setup(&[Need::Rust, Need::GuestToolchain])?;
    let folder = root().join("bench/target/lunatic");
    let runtime = folder.join("bin/lunatic");
    if !runtime.is_file() {
        let version = ["install", "lunatic-runtime", "--version", LUNATIC_RUNTIME, "--quiet"];
        execute(command("cargo", &version).arg("--root").arg(&folder))?;
    }
    let guest = guests("bench/lunatic", GuestTarget::Module, &[])?.join("bench-lunatic.wasm");
    let mut samples = samples(command(&runtime.to_string_lossy(), &["run"]).arg(guest))?;
    for (peers, own) in [("spawn-core", "spawn-core-lunatic"), ("call-rust-rust", "call-lunatic")] {
        if let Some(values) = samples.remove(peers) {
            samples.insert(own.into(), values);
        }
    }
    Ok(samples)
}

/// Builds a peer's guests: the folder in which they are.
fn guests(folder: &str, target: GuestTarget, what: &[&str]) -> anyhow::Result<PathBuf> {
    let home = Home::from_env()?;
    let toolchain = GuestToolchain::find(&home).context("no toolchain for guests")?;
    let folder = root().join(folder);
    let mut guest = toolchain.cargo();
    guest.args(["build", "--release", "--quiet", "--target", target.triple()]).args(what);
    let status = guest.current_dir(&folder).stdin(std::process::Stdio::null()).status()?;
    anyhow::ensure!(status.success(), "its guest does not build");
    Ok(folder.join("target").join(target.triple()).join("release"))
}

/// The last one that was published, in 2023.
const LUNATIC_RUNTIME: &str = "0.13.2";
