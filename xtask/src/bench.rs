use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use rusm_setup::{GUEST_TARGET, GuestToolchain, Home, Need};
use serde::{Deserialize, Serialize};

use crate::tools::{command, root, setup};

#[derive(clap::Args)]
pub struct Options {
    /// Which groups to measure; all, if none is named. There is one so far: `call`.
    groups: Vec<String>,
    /// Also write the rows to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// One measure, ours beside the peers'.
#[derive(Serialize)]
struct Row {
    measure: &'static str,
    unit: &'static str,
    better: &'static str,
    ours: Option<f64>,
    peers: BTreeMap<&'static str, f64>,
    /// Ours divided by the figure of the peer that the reach names, or of the first peer.
    ratio: Option<f64>,
    reach: Option<String>,
    met: Option<bool>,
}

/// What a measure is, and what it has to reach.
struct Measure {
    name: &'static str,
    unit: &'static str,
    better: &'static str,
    reach: Reach,
}

enum Reach {
    None,
    /// So many times the peer's figure, at most (lower is better) or at least (higher is better).
    Times(f64, &'static str),
    Value(f64),
}

/// What a benchmark program prints, a line each.
#[derive(Deserialize)]
struct Figure {
    measure: String,
    value: f64,
}

const CALL: [Measure; 9] = [
    Measure { name: "call-rust-rust", unit: "ns", better: "lower", reach: Reach::Times(0.45, RUSM) },
    Measure { name: "call-ts-rust", unit: "ns", better: "lower", reach: Reach::Value(15_000.0) },
    Measure { name: "call-rust-ts", unit: "ns", better: "lower", reach: Reach::None },
    Measure { name: "call-ts-ts", unit: "ns", better: "lower", reach: Reach::None },
    Measure { name: "send-rust", unit: "ns", better: "lower", reach: Reach::None },
    Measure { name: "spawn-rust", unit: "1/s", better: "higher", reach: Reach::Times(4.0, RUSM) },
    Measure { name: "spawn-ts", unit: "1/s", better: "higher", reach: Reach::Value(15_000.0) },
    Measure { name: "idle-rust", unit: "KiB", better: "lower", reach: Reach::None },
    Measure { name: "idle-ts", unit: "KiB", better: "lower", reach: Reach::None },
];

pub fn run(options: &Options) -> anyhow::Result<()> {
    if let Some(unknown) = options.groups.iter().find(|group| *group != "call") {
        bail!("there is no group `{unknown}`; the groups are: call");
    }
    setup(&[Need::Rust, Need::GuestToolchain, Need::Node])?;
    let busy = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let busy = busy.split(' ').next().unwrap_or("?").to_owned();
    let mut peers = BTreeMap::new();
    peer(&mut peers, BEAM, beam);
    peer(&mut peers, RUSM, rusm_07);
    eprintln!("… RUSM (its release build takes some minutes the first time)");
    let ours =
        figures(command("cargo", &["run", "--release", "--quiet"]).current_dir(root().join("bench/ours")))?;
    let rows: Vec<Row> = CALL.iter().map(|measure| row(measure, &ours, &peers)).collect();
    print(&rows);
    println!("load average before the run: {busy} (0 is an idle machine)");
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_string_pretty(&rows)? + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

type Figures = BTreeMap<String, f64>;

fn peer(
    peers: &mut BTreeMap<&'static str, Figures>,
    name: &'static str,
    measure: fn() -> anyhow::Result<Figures>,
) {
    eprintln!("… {name}");
    match measure() {
        Ok(figures) => drop(peers.insert(name, figures)),
        Err(error) => eprintln!("{name} cannot be had: {error:#}"),
    }
}

fn beam() -> anyhow::Result<Figures> {
    setup(&[Need::Erlang])?;
    figures(&mut command("escript", &["bench/beam/call.escript"]))
}

/// The earlier RUSM, from its crates.
fn rusm_07() -> anyhow::Result<Figures> {
    let home = Home::from_env()?;
    let toolchain = GuestToolchain::find(&home).context("no toolchain for guests")?;
    let folder = root().join("bench/rusm-0.7");
    let mut guest = toolchain.cargo();
    let what = ["build", "--release", "--quiet", "--lib", "--examples", "--target", GUEST_TARGET];
    guest.args(what).current_dir(folder.join("guest"));
    let status = guest.stdin(Stdio::null()).status()?;
    anyhow::ensure!(status.success(), "its guest does not build");
    let guests = folder.join("guest/target").join(GUEST_TARGET).join("release");
    let mut host = command("cargo", &["run", "--release", "--quiet", "--"]);
    figures(host.arg(guests).current_dir(folder.join("host")))
}

fn figures(command: &mut Command) -> anyhow::Result<Figures> {
    let line = format!("{command:?}");
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start {line}"))?;
    anyhow::ensure!(output.status.success(), "{line} failed: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let figures = text.lines().filter_map(|line| serde_json::from_str::<Figure>(line).ok());
    Ok(figures.map(|figure| (figure.measure, figure.value)).collect())
}

fn row(measure: &Measure, ours: &Figures, all: &BTreeMap<&'static str, Figures>) -> Row {
    let own = ours.get(measure.name).copied();
    let peers: BTreeMap<&'static str, f64> =
        all.iter().filter_map(|(peer, figures)| Some((*peer, *figures.get(measure.name)?))).collect();
    let against = match measure.reach {
        Reach::Times(_, peer) => peers.get(peer),
        _ => peers.values().next(),
    };
    let ratio = own.zip(against).map(|(own, peer)| own / peer);
    let sign = if measure.better == "lower" { "<=" } else { ">=" };
    let holds =
        |figure: f64, reach: f64| if measure.better == "lower" { figure <= reach } else { figure >= reach };
    let (reach, met) = match measure.reach {
        Reach::None => (None, None),
        Reach::Times(times, peer) => {
            (Some(format!("{sign} {times}x {peer}")), ratio.map(|ratio| holds(ratio, times)))
        }
        Reach::Value(value) => (Some(format!("{sign} {value}")), own.map(|own| holds(own, value))),
    };
    Row {
        measure: measure.name,
        unit: measure.unit,
        better: measure.better,
        ours: own,
        peers,
        ratio,
        reach,
        met,
    }
}

fn print(rows: &[Row]) {
    let number = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.0}"));
    println!(
        "{:<16}{:>6}{:>10}{:>10}{:>10}{:>8}  {:<20}met",
        "measure", "unit", "RUSM", BEAM, RUSM, "ratio", "reach"
    );
    for row in rows {
        let peer = |name| number(row.peers.get(name).copied());
        let ratio = row.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let met = match row.met {
            None => "-",
            Some(true) => "yes",
            Some(false) => "NO",
        };
        println!(
            "{:<16}{:>6}{:>10}{:>10}{:>10}{ratio:>8}  {:<20}{met}",
            row.measure,
            row.unit,
            number(row.ours),
            peer(BEAM),
            peer(RUSM),
            row.reach.as_deref().unwrap_or("-")
        );
    }
}

const BEAM: &str = "BEAM";
const RUSM: &str = "RUSM 0.7";
