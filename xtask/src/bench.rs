use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::tools::root;

mod engine;
mod otp;

#[derive(clap::Args)]
pub struct Options {
    /// Which groups to measure: `engine`, `otp`; all, if none is named.
    groups: Vec<String>,
    /// A checkout of RUSM as it was before, measured in turns with this one.
    #[arg(long, value_name = "FOLDER")]
    before: Option<PathBuf>,
    /// How often each program runs, in turns.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Also write the rows to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures that are taken in one run, ours beside the peers'.
struct Group {
    name: &'static str,
    measures: &'static [Measure],
    /// Of the checkout in this folder.
    ours: fn(&Path) -> anyhow::Result<Samples>,
    peers: &'static [Peer],
}

struct Peer {
    name: &'static str,
    measure: fn() -> anyhow::Result<Samples>,
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
    ours: Option<Spread>,
    /// Of the checkout that `--before` names.
    before: Option<Spread>,
    /// The median divided by that of before.
    change: Option<f64>,
    peers: BTreeMap<&'static str, Spread>,
    /// Our median divided by that of the peer that the reach names, or of the best one.
    ratio: Option<f64>,
    reach: Option<String>,
    met: Option<bool>,
}

/// What several samples of one measure come to.
#[derive(Serialize, Clone, Copy)]
struct Spread {
    median: f64,
    lowest: f64,
    highest: f64,
    samples: usize,
}

/// What a benchmark program prints, a line each.
#[derive(Deserialize)]
struct Sample {
    measure: String,
    value: f64,
}

/// By measure, in the order in which they were taken.
type Samples = BTreeMap<String, Vec<f64>>;

const GROUPS: [Group; 2] = [engine::GROUP, otp::GROUP];

pub fn run(options: &Options) -> anyhow::Result<()> {
    let names = GROUPS.each_ref().map(|group| group.name);
    if let Some(unknown) = options.groups.iter().find(|group| !names.contains(&group.as_str())) {
        bail!("there is no group `{unknown}`; the groups are: {}", names.join(", "));
    }
    let mut rows = Vec::new();
    for group in &GROUPS {
        if options.groups.is_empty() || options.groups.iter().any(|name| name == group.name) {
            rows.extend(measure(group, options.before.as_deref(), options.runs)?);
        }
    }
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_string_pretty(&rows)? + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn measure(group: &Group, earlier: Option<&Path>, runs: u32) -> anyhow::Result<Vec<Row>> {
    let busy = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let busy = busy.split(' ').next().unwrap_or("?").to_owned();
    let (mut ours, mut before) = (Samples::new(), Samples::new());
    let mut peers: BTreeMap<&str, Samples> = BTreeMap::new();
    for run in 1..=runs {
        for peer in group.peers {
            eprintln!("… {} ({run}/{runs})", peer.name);
            match (peer.measure)() {
                Ok(samples) => add(peers.entry(peer.name).or_default(), samples),
                Err(error) => eprintln!("{} cannot be had: {error:#}", peer.name),
            }
        }
        if let Some(folder) = earlier {
            eprintln!("… RUSM in {} ({run}/{runs})", folder.display());
            add(&mut before, (group.ours)(folder)?);
        }
        eprintln!("… RUSM ({run}/{runs}; its release build takes some minutes the first time)");
        add(&mut ours, (group.ours)(&root())?);
    }
    let rows = group.measures.iter().map(|measure| row(group, measure, &ours, &before, &peers));
    let rows: Vec<Row> = rows.collect();
    print(group, &rows, earlier.is_some());
    println!("medians, and lowest to highest; load average before the run: {busy} (0 is an idle machine)");
    Ok(rows)
}

fn add(all: &mut Samples, more: Samples) {
    for (measure, values) in more {
        all.entry(measure).or_default().extend(values);
    }
}

fn samples(command: &mut Command) -> anyhow::Result<Samples> {
    let line = format!("{command:?}");
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start {line}"))?;
    anyhow::ensure!(output.status.success(), "{line} failed: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let mut samples = Samples::new();
    for sample in text.lines().filter_map(|line| serde_json::from_str::<Sample>(line).ok()) {
        samples.entry(sample.measure).or_default().push(sample.value);
    }
    Ok(samples)
}

impl Spread {
    fn of(samples: &Samples, measure: &str) -> Option<Self> {
        let mut values = samples.get(measure)?.clone();
        values.sort_by(f64::total_cmp);
        let (lowest, highest) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some(Self { median, lowest, highest, samples: values.len() })
    }
}

fn row(
    group: &Group,
    measure: &Measure,
    ours: &Samples,
    before: &Samples,
    all: &BTreeMap<&'static str, Samples>,
) -> Row {
    let (own, before) = (Spread::of(ours, measure.name), Spread::of(before, measure.name));
    let peers: BTreeMap<&'static str, Spread> =
        all.iter().filter_map(|(peer, samples)| Some((*peer, Spread::of(samples, measure.name)?))).collect();
    let median = own.map(|own| own.median);
    let medians = peers.values().map(|spread| spread.median);
    let best = if measure.higher { medians.reduce(f64::max) } else { medians.reduce(f64::min) };
    let against = match measure.reach {
        Reach::Peer(_, peer) => peers.get(peer).map(|spread| spread.median),
        _ => best,
    };
    let ratio = median.zip(against).map(|(own, peer)| own / peer);
    let sign = if measure.higher { ">=" } else { "<=" };
    let holds = |figure: f64, reach: f64| if measure.higher { figure >= reach } else { figure <= reach };
    let (reach, met) = match measure.reach {
        Reach::None => (None, None),
        Reach::Peer(times, peer) => {
            (Some(format!("{sign} {times}x {peer}")), ratio.map(|ratio| holds(ratio, times)))
        }
        Reach::Best(times) => (Some(format!("{sign} {times}x best")), ratio.map(|ratio| holds(ratio, times))),
        Reach::Value(value) => (Some(format!("{sign} {value}")), median.map(|own| holds(own, value))),
    };
    Row {
        group: group.name,
        measure: measure.name,
        unit: measure.unit,
        better: if measure.higher { "higher" } else { "lower" },
        ours: own,
        before,
        change: median.zip(before).map(|(own, before)| own / before.median),
        peers,
        ratio,
        reach,
        met,
    }
}

/// As a table in Markdown.
fn print(group: &Group, rows: &[Row], with_before: bool) {
    let number = |figure: Option<f64>| figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.2}"));
    let mut names = vec![group.name, "RUSM"];
    if with_before {
        names.extend(["before", "change"]);
    }
    names.extend(group.peers.iter().map(|peer| peer.name));
    names.extend(["ratio", "reach", "met"]);
    println!("| {} |\n|{}", names.join(" | "), "---|".repeat(names.len()));
    for row in rows {
        let mut cells = vec![format!("{}, {}", row.measure, row.unit), spoken(row.ours)];
        if with_before {
            cells.extend([spoken(row.before), number(row.change)]);
        }
        cells.extend(group.peers.iter().map(|peer| spoken(row.peers.get(peer.name).copied())));
        let met = match row.met {
            None => "–",
            Some(true) => "yes",
            Some(false) => "no",
        };
        cells.extend([number(row.ratio), row.reach.clone().unwrap_or_else(|| "–".into()), met.into()]);
        println!("| {} |", cells.join(" | "));
    }
}

fn spoken(spread: Option<Spread>) -> String {
    let Some(Spread { median, lowest, highest, samples }) = spread else { return "–".into() };
    if samples == 1 { format!("{median:.0}") } else { format!("{median:.0} ({lowest:.0} to {highest:.0})") }
}

const BEAM: &str = "BEAM";
const RUSM: &str = "RUSM 0.7";
const BARE: &str = "wasmtime";
const LUNATIC: &str = "Lunatic";

#[cfg(test)]
mod tests {
    use super::{Samples, Spread};

    #[test]
    fn a_spread_is_the_median_and_the_ends() {
        let samples = Samples::from([("odd".into(), vec![3.0, 1.0, 2.0]), ("even".into(), vec![4.0, 1.0])]);
        let of = |measure| {
            Spread::of(&samples, measure).map(|spread| (spread.median, spread.lowest, spread.highest))
        };
        assert_eq!(of("odd"), Some((2.0, 1.0, 3.0)));
        assert_eq!(of("even"), Some((2.5, 1.0, 4.0)));
        assert_eq!(of("none"), None);
    }
}
