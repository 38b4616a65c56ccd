use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

mod engine;
mod otp;

#[derive(clap::Args)]
pub struct Options {
    /// Which groups to measure: `engine`, `otp`; all, if none is named.
    groups: Vec<String>,
    /// Also write the rows to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures that are taken in one run, ours beside the peers'.
struct Group {
    name: &'static str,
    measures: &'static [Measure],
    /// How often each program runs, in turns; its best figures count.
    runs: u32,
    ours: fn() -> anyhow::Result<Figures>,
    peers: &'static [Peer],
}

struct Peer {
    name: &'static str,
    measure: fn() -> anyhow::Result<Figures>,
}

/// What a measure is, and what it has to reach.
struct Measure {
    name: &'static str,
    unit: &'static str,
    /// Whether a higher figure is the better one.
    higher: bool,
    reach: Reach,
}

enum Reach {
    None,
    /// So many times the peer's figure, at most (lower is better) or at least (higher is better).
    Peer(f64, &'static str),
    /// The same for the best of all peers.
    Best(f64),
    Value(f64),
}

/// One measure, ours beside the peers'.
#[derive(Serialize)]
struct Row {
    group: &'static str,
    measure: &'static str,
    unit: &'static str,
    better: &'static str,
    ours: Option<f64>,
    peers: BTreeMap<&'static str, f64>,
    /// Ours divided by the figure of the peer that the reach names, or of the best one.
    ratio: Option<f64>,
    reach: Option<String>,
    met: Option<bool>,
}

/// What a benchmark program prints, a line each.
#[derive(Deserialize)]
struct Figure {
    measure: String,
    value: f64,
}

type Figures = BTreeMap<String, f64>;

const GROUPS: [Group; 2] = [engine::GROUP, otp::GROUP];

pub fn run(options: &Options) -> anyhow::Result<()> {
    let names = GROUPS.each_ref().map(|group| group.name);
    if let Some(unknown) = options.groups.iter().find(|group| !names.contains(&group.as_str())) {
        bail!("there is no group `{unknown}`; the groups are: {}", names.join(", "));
    }
    let mut rows = Vec::new();
    for group in &GROUPS {
        if options.groups.is_empty() || options.groups.iter().any(|name| name == group.name) {
            rows.extend(measure(group)?);
        }
    }
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_string_pretty(&rows)? + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn measure(group: &Group) -> anyhow::Result<Vec<Row>> {
    let busy = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let busy = busy.split(' ').next().unwrap_or("?").to_owned();
    let mut ours = Figures::new();
    let mut peers = BTreeMap::new();
    for run in 1..=group.runs {
        for peer in group.peers {
            eprintln!("… {} ({run}/{})", peer.name, group.runs);
            match (peer.measure)() {
                Ok(figures) => keep_best(group, peers.entry(peer.name).or_default(), figures),
                Err(error) => eprintln!("{} cannot be had: {error:#}", peer.name),
            }
        }
        eprintln!("… RUSM ({run}/{}; its release build takes some minutes the first time)", group.runs);
        keep_best(group, &mut ours, (group.ours)()?);
    }
    let rows: Vec<Row> = group.measures.iter().map(|measure| row(group, measure, &ours, &peers)).collect();
    print(group, &rows);
    println!("load average before the run: {busy} (0 is an idle machine)");
    Ok(rows)
}

fn keep_best(group: &Group, best: &mut Figures, figures: Figures) {
    for (name, value) in figures {
        let higher = group.measures.iter().any(|measure| measure.name == name && measure.higher);
        let better = |old: f64| if higher { old.max(value) } else { old.min(value) };
        best.entry(name).and_modify(|old| *old = better(*old)).or_insert(value);
    }
}

fn figures(command: &mut Command) -> anyhow::Result<Figures> {
    let line = format!("{command:?}");
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start {line}"))?;
    anyhow::ensure!(output.status.success(), "{line} failed: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let figures = text.lines().filter_map(|line| serde_json::from_str::<Figure>(line).ok());
    Ok(figures.map(|figure| (figure.measure, figure.value)).collect())
}

fn row(group: &Group, measure: &Measure, ours: &Figures, all: &BTreeMap<&'static str, Figures>) -> Row {
    let own = ours.get(measure.name).copied();
    let peers: BTreeMap<&'static str, f64> =
        all.iter().filter_map(|(peer, figures)| Some((*peer, *figures.get(measure.name)?))).collect();
    let order = |one: &&f64, other: &&f64| one.total_cmp(other);
    let best = if measure.higher { peers.values().max_by(order) } else { peers.values().min_by(order) };
    let against = match measure.reach {
        Reach::Peer(_, peer) => peers.get(peer),
        _ => best,
    };
    let ratio = own.zip(against).map(|(own, peer)| own / peer);
    let sign = if measure.higher { ">=" } else { "<=" };
    let holds = |figure: f64, reach: f64| if measure.higher { figure >= reach } else { figure <= reach };
    let (reach, met) = match measure.reach {
        Reach::None => (None, None),
        Reach::Peer(times, peer) => {
            (Some(format!("{sign} {times}x {peer}")), ratio.map(|ratio| holds(ratio, times)))
        }
        Reach::Best(times) => (Some(format!("{sign} {times}x best")), ratio.map(|ratio| holds(ratio, times))),
        Reach::Value(value) => (Some(format!("{sign} {value}")), own.map(|own| holds(own, value))),
    };
    Row {
        group: group.name,
        measure: measure.name,
        unit: measure.unit,
        better: if measure.higher { "higher" } else { "lower" },
        ours: own,
        peers,
        ratio,
        reach,
        met,
    }
}

fn print(group: &Group, rows: &[Row]) {
    let number = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.0}"));
    print!("{:<16}{:>6}{:>11}", group.name, "unit", "RUSM");
    group.peers.iter().for_each(|peer| print!("{:>11}", peer.name));
    println!("{:>8}  {:<20}met", "ratio", "reach");
    for row in rows {
        let ratio = row.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let met = match row.met {
            None => "-",
            Some(true) => "yes",
            Some(false) => "NO",
        };
        print!("{:<16}{:>6}{:>11}", row.measure, row.unit, number(row.ours));
        group.peers.iter().for_each(|peer| print!("{:>11}", number(row.peers.get(peer.name).copied())));
        println!("{ratio:>8}  {:<20}{met}", row.reach.as_deref().unwrap_or("-"));
    }
}

const BEAM: &str = "BEAM";
const RUSM: &str = "RUSM 0.7";
const BARE: &str = "wasmtime";
const LUNATIC: &str = "Lunatic";
