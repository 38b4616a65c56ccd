use std::path::Path;

use rusm_setup::Need;

use super::{BEAM, Group, Measure, Peer, RUSM, Reach, Samples, samples};
use crate::tools::{command, root, setup};

/// Native processes.
pub const GROUP: Group = Group {
    name: "otp",
    measures: &[
        Measure { name: "spawn", unit: "1/s", higher: true, reach: Reach::Best(1.5) },
        Measure { name: "ping-pong", unit: "ns", higher: false, reach: Reach::Best(0.7) },
        Measure { name: "send-1-1", unit: "ns", higher: false, reach: Reach::Best(0.8) },
        Measure { name: "send-8-1", unit: "ns", higher: false, reach: Reach::Best(0.8) },
        Measure { name: "call", unit: "ns", higher: false, reach: Reach::Peer(0.5, BEAM) },
        Measure { name: "idle", unit: "B", higher: false, reach: Reach::Value(1_000.0) },
        Measure { name: "restart", unit: "1/s", higher: true, reach: Reach::Best(2.0) },
        Measure { name: "selective", unit: "ns", higher: false, reach: Reach::Peer(1.0, BEAM) },
        Measure { name: "broadcast", unit: "1/s", higher: true, reach: Reach::Best(3.0) },
        Measure { name: "lookup", unit: "1/s", higher: true, reach: Reach::Best(1.0) },
        Measure { name: "event-in-flood", unit: "ns", higher: false, reach: Reach::None },
    ],
    ours,
    peers: &[
        Peer { name: BEAM, measure: beam },
        Peer { name: RUSM, measure: || peer("peer-rusm-otp") },
        Peer { name: "hydra", measure: || peer("peer-hydra") },
        Peer { name: "ractor", measure: || peer("peer-ractor") },
    ],
};

fn ours(checkout: &Path) -> anyhow::Result<Samples> {
    setup(&[Need::Rust])?;
    samples(
        command("cargo", &["run", "--release", "--quiet", "-p", "bench-otp"])
            .current_dir(checkout.join("bench")),
    )
}

fn beam() -> anyhow::Result<Samples> {
    setup(&[Need::Erlang])?;
    samples(&mut command("escript", &["bench/beam/otp.escript"]))
}

fn peer(package: &str) -> anyhow::Result<Samples> {
    setup(&[Need::Rust])?;
    let what = ["run", "--release", "--quiet", "--bin", package];
    samples(command("cargo", &what).current_dir(root().join("bench/peers")))
}
