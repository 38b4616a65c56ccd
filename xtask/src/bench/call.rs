use anyhow::Context as _;
use rusm_setup::{GUEST_TARGET, GuestToolchain, Home, Need};

use super::{BEAM, Figures, Group, Measure, Peer, RUSM, Reach, figures};
use crate::tools::{command, root, setup};

/// Guests and their calls.
pub const GROUP: Group = Group {
    name: "call",
    measures: &[
        Measure { name: "call-rust-rust", unit: "ns", higher: false, reach: Reach::Peer(0.45, RUSM) },
        Measure { name: "call-ts-rust", unit: "ns", higher: false, reach: Reach::Value(15_000.0) },
        Measure { name: "call-rust-ts", unit: "ns", higher: false, reach: Reach::None },
        Measure { name: "call-ts-ts", unit: "ns", higher: false, reach: Reach::None },
        Measure { name: "send-rust", unit: "ns", higher: false, reach: Reach::None },
        Measure { name: "spawn-rust", unit: "1/s", higher: true, reach: Reach::Peer(4.0, RUSM) },
        Measure { name: "spawn-ts", unit: "1/s", higher: true, reach: Reach::Value(15_000.0) },
        Measure { name: "idle-rust", unit: "KiB", higher: false, reach: Reach::None },
        Measure { name: "idle-ts", unit: "KiB", higher: false, reach: Reach::None },
    ],
    runs: 1,
    ours,
    peers: &[Peer { name: BEAM, measure: beam }, Peer { name: RUSM, measure: rusm_07 }],
};

fn ours() -> anyhow::Result<Figures> {
    setup(&[Need::Rust, Need::GuestToolchain, Need::Node])?;
    figures(
        command("cargo", &["run", "--release", "--quiet", "-p", "bench-ours"])
            .current_dir(root().join("bench")),
    )
}

fn beam() -> anyhow::Result<Figures> {
    setup(&[Need::Erlang])?;
    figures(&mut command("escript", &["bench/beam/call.escript"]))
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
    figures(host.arg(guests).current_dir(folder.join("host")))
}
