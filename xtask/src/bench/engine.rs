use anyhow::Context as _;
use rusm_setup::{GUEST_TARGET, GuestToolchain, Home, Need};

use super::{BARE, BEAM, Figures, Group, Measure, Peer, RUSM, Reach, figures};
use crate::tools::{command, root, setup};

/// Guests: their processes, calls, messages and streams.
pub const GROUP: Group = Group {
    name: "engine",
    measures: &[
        Measure { name: "spawn-rust", unit: "1/s", higher: true, reach: Reach::Peer(5.0, RUSM) },
        // The same engine without processes: nothing can be faster.
        Measure { name: "spawn-rust-bare", unit: "1/s", higher: true, reach: Reach::Peer(0.85, BARE) },
        Measure { name: "spawn-ts", unit: "1/s", higher: true, reach: Reach::Value(20_000.0) },
        Measure { name: "call-rust-rust", unit: "ns", higher: false, reach: Reach::Peer(0.65, BEAM) },
        Measure { name: "call-rust-0.7", unit: "ns", higher: false, reach: Reach::Peer(0.16, RUSM) },
        Measure { name: "call-8-1", unit: "ns", higher: false, reach: Reach::Peer(1.0, BEAM) },
        Measure { name: "chain-4", unit: "ns", higher: false, reach: Reach::Peer(1.0, BEAM) },
        Measure { name: "call-ts-rust", unit: "ns", higher: false, reach: Reach::Value(8_000.0) },
        Measure { name: "call-rust-ts", unit: "ns", higher: false, reach: Reach::None },
        Measure { name: "call-ts-ts", unit: "ns", higher: false, reach: Reach::Value(12_000.0) },
        Measure { name: "send-rust", unit: "ns", higher: false, reach: Reach::Peer(0.5, RUSM) },
        Measure { name: "send-rust-64k", unit: "ns", higher: false, reach: Reach::None },
        Measure { name: "copy-64k-twice", unit: "ns", higher: false, reach: Reach::None },
        Measure { name: "stream", unit: "MB/s", higher: true, reach: Reach::Value(3_000.0) },
        Measure { name: "idle-rust", unit: "KiB", higher: false, reach: Reach::Value(24.0) },
        Measure { name: "idle-ts", unit: "KiB", higher: false, reach: Reach::Value(300.0) },
        Measure { name: "live", unit: "", higher: true, reach: Reach::Value(30_000.0) },
        // Five ticks of the epoch, and three.
        Measure { name: "spin-p99", unit: "us", higher: false, reach: Reach::Value(5_000.0) },
        Measure { name: "kill-spinner", unit: "us", higher: false, reach: Reach::Value(3_000.0) },
        Measure { name: "cold-start", unit: "ms", higher: false, reach: Reach::Value(100.0) },
        Measure { name: "restart", unit: "us", higher: false, reach: Reach::Value(50.0) },
    ],
    runs: 1,
    ours,
    peers: &[
        Peer { name: BEAM, measure: beam },
        Peer { name: RUSM, measure: rusm_07 },
        Peer { name: BARE, measure: bare },
    ],
};

fn ours() -> anyhow::Result<Figures> {
    setup(&[Need::Rust, Need::GuestToolchain, Need::Node])?;
    let mut figures = program("bench-ours", &[])?;
    // In processes of their own: what starts cold, what leaves much behind, and what is compared with such a one.
    for alone in ["cold-start", "spawn-rust", "live"] {
        figures.extend(program("bench-ours", &[alone])?);
    }
    // One figure of ours beside two peers.
    for (own, again) in [("spawn-rust", "spawn-rust-bare"), ("call-rust-rust", "call-rust-0.7")] {
        if let Some(value) = figures.get(own).copied() {
            figures.insert(again.into(), value);
        }
    }
    Ok(figures)
}

/// The same component in wasmtime alone.
fn bare() -> anyhow::Result<Figures> {
    setup(&[Need::Rust, Need::GuestToolchain, Need::Node])?;
    program("bench-ours", &["build"])?;
    program("bench-bare", &[])
}

fn program(package: &str, arguments: &[&str]) -> anyhow::Result<Figures> {
    let mut run = command("cargo", &["run", "--release", "--quiet", "-p", package, "--"]);
    figures(run.args(arguments).current_dir(root().join("bench")))
}

fn beam() -> anyhow::Result<Figures> {
    setup(&[Need::Erlang])?;
    figures(&mut command("escript", &["bench/beam/engine.escript"]))
}

/// The earlier RUSM, from its crates.
fn rusm_07() -> anyhow::Result<Figures> {
    setup(&[Need::Rust, Need::GuestToolchain])?;
    let home = Home::from_env()?;
    let toolchain = GuestToolchain::find(&home).context("no toolchain for guests")?;
    let folder = root().join("bench/rusm-0.7");
    let mut guest = toolchain.cargo();
    let what = ["build", "--release", "--quiet", "--lib", "--examples", "--target", GUEST_TARGET];
    guest.args(what).current_dir(folder.join("guest"));
    let status = guest.stdin(std::process::Stdio::null()).status()?;
    anyhow::ensure!(status.success(), "its guest does not build");
    let guests = folder.join("guest/target").join(GUEST_TARGET).join("release");
    let mut host = command("cargo", &["run", "--release", "--quiet", "--"]);
    let mut figures = figures(host.arg(guests).current_dir(folder.join("host")))?;
    if let Some(call) = figures.remove("call-rust-rust") {
        figures.insert("call-rust-0.7".into(), call);
    }
    Ok(figures)
}
