//! `rusm ps`, `rusm top` and `rusm info`: the figures of a running node as text.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use bytesize::ByteSize;
use clap::ValueEnum;
use rusm_engine::{ComponentFigures, NodeFigures, Pool, ProcessFigures, Quantiles, Snapshot};

use super::escape::shown;

use crate::control::Info;

/// By what `rusm top` sorts, largest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Sort {
    /// The share of a core that it has taken since the last look.
    Cpu,
    /// Its memory.
    Memory,
    /// Messages that wait for it.
    Mailbox,
    /// Messages that it was given since the last look.
    Messages,
    /// Its name.
    Name,
}

/// The processes below the ones that have started them.
pub(super) fn ps(snapshot: &Snapshot) -> String {
    let known: HashMap<_, _> = snapshot.processes.iter().map(|process| (process.id, process)).collect();
    let mut below: HashMap<Option<(u64, u64)>, Vec<&ProcessFigures>> = HashMap::new();
    for process in &snapshot.processes {
        let parent = process.parent.filter(|parent| known.contains_key(parent));
        below.entry(parent).or_default().push(process);
    }
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    // A path through the tree instead of a call for each level: a chain of processes may be long.
    let mut open: Vec<(usize, &ProcessFigures)> =
        below.remove(&None).unwrap_or_default().into_iter().rev().map(|process| (0, process)).collect();
    while let Some((depth, process)) = open.pop() {
        rows.push(row(depth, process));
        let children = below.remove(&Some(process.id)).unwrap_or_default();
        open.extend(children.into_iter().rev().map(|child| (depth + 1, child)));
    }
    table(&rows) + "\n" + &summary(&snapshot.node)
}

const HEAD: [&str; 8] = ["NAME", "PID", "COMPONENT", "STATUS", "WAIT", "MESSAGES", "CPU", "MEMORY"];

fn row(depth: usize, process: &ProcessFigures) -> Vec<String> {
    vec![
        format!("{}{}", "  ".repeat(depth.min(20)), process.name.as_deref().unwrap_or("-")),
        process.pid.clone(),
        process.component.clone(),
        process.status.clone(),
        process.mailbox.to_string(),
        process.messages.to_string(),
        time(process.cpu),
        memory(process),
    ]
}

fn memory(process: &ProcessFigures) -> String {
    let limit = process.memory_limit.map(|limit| format!(" of {}", bytes(limit))).unwrap_or_default();
    bytes(process.memory) + &limit
}

/// The busiest processes since the look before.
pub(super) fn top(snapshot: &Snapshot, before: Option<&Snapshot>, sort: Sort, most: usize) -> String {
    let passed =
        before.map_or(Duration::ZERO, |before| snapshot.node.uptime.saturating_sub(before.node.uptime));
    let old: HashMap<_, _> = before
        .into_iter()
        .flat_map(|before| &before.processes)
        .map(|process| (process.id, process))
        .collect();
    let mut busy: Vec<_> = snapshot
        .processes
        .iter()
        .map(|process| {
            let old = old.get(&process.id);
            let cpu = process.cpu.saturating_sub(old.map_or(Duration::ZERO, |old| old.cpu));
            let messages = process.messages - old.map_or(0, |old| old.messages);
            (process, per_cent(cpu, passed), messages)
        })
        .collect();
    busy.sort_by(|(one, one_cpu, one_messages), (other, other_cpu, other_messages)| match sort {
        Sort::Cpu => other_cpu.total_cmp(one_cpu),
        Sort::Memory => other.memory.cmp(&one.memory),
        Sort::Mailbox => other.mailbox.cmp(&one.mailbox),
        Sort::Messages => other_messages.cmp(one_messages),
        Sort::Name => (one.name.is_none(), &one.name).cmp(&(other.name.is_none(), &other.name)),
    });
    let mut rows = vec![
        ["NAME", "PID", "COMPONENT", "CPU %", "MSG/S", "WAIT", "MEMORY", "STATUS"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (process, cpu, messages) in busy.into_iter().take(most) {
        let rate = if passed.is_zero() { 0.0 } else { messages as f64 / passed.as_secs_f64() };
        rows.push(vec![
            process.name.clone().unwrap_or_else(|| "-".into()),
            process.pid.clone(),
            process.component.clone(),
            format!("{cpu:.1}"),
            format!("{rate:.0}"),
            process.mailbox.to_string(),
            memory(process),
            process.status.clone(),
        ]);
    }
    summary(&snapshot.node) + "\n" + &table(&rows)
}

fn per_cent(cpu: Duration, passed: Duration) -> f64 {
    if passed.is_zero() { 0.0 } else { 100.0 * cpu.as_secs_f64() / passed.as_secs_f64() }
}

/// Everything about one process.
pub(super) fn info(info: &Info) -> String {
    let process = &info.process;
    let mut lines = vec![
        ("process", format!("{} {}", process.pid, process.name.as_deref().unwrap_or("without a name"))),
        ("component", process.component.clone()),
        ("status", process.status.clone()),
        ("mailbox", format!("{} waiting, {} in all", process.mailbox, process.messages)),
        ("cpu", time(process.cpu)),
        ("memory", memory(process)),
        ("links", if process.links.is_empty() { "none".into() } else { process.links.join(" ") }),
        ("monitors", format!("{}, monitored by {}", process.monitors, process.monitored_by)),
        ("traps exits", if process.trap_exit { "yes" } else { "no" }.into()),
    ];
    if let Some(component) = &info.component {
        lines.extend(of_component(component));
    }
    let mut text = String::new();
    for (name, value) in lines {
        let _ = writeln!(text, "{name:<14}{value}");
    }
    for (name, written) in info.written.iter().flat_map(|(out, err)| [("stdout", out), ("stderr", err)]) {
        if !written.is_empty() {
            let lines: Vec<&str> = written.lines().collect();
            let last = lines[lines.len().saturating_sub(10)..].join("\n  ");
            let _ = writeln!(text, "the end of its {name}:\n  {last}");
        }
    }
    text.trim_end().to_owned()
}

fn of_component(component: &ComponentFigures) -> Vec<(&'static str, String)> {
    let ComponentFigures { kind, lane, instances, spawned, cache: (hits, compiled), .. } = component;
    let mut lines = vec![("kind", format!("{kind}, {lane} lane"))];
    lines.extend(component.contracts.iter().map(|contract| ("contract", contract.clone())));
    lines.extend([
        (
            "instances",
            format!("{instances} of {spawned} started, {} in all", bytes(component.memory as usize)),
        ),
        ("spawn", quantiles(&component.spawn_time)),
        (
            "code",
            format!("ready in {}; {hits} from the cache, {compiled} compiled", time(component.compile_time)),
        ),
        ("waiting", quantiles(&component.waiting)),
    ]);
    for (function, took) in &component.functions {
        lines.push(("handling", format!("{} {function}", quantiles(took))));
    }
    lines.push(("crashes", component.crashes.to_string()));
    if let Some(crash) = &component.last_crash {
        lines.push(("last crash", crash.lines().next().unwrap_or_default().to_owned()));
    }
    for (operation, kind, count) in &component.denials {
        lines.push(("denied", format!("{operation}, for want of `{kind}`: {count} times")));
    }
    lines
}

fn summary(node: &NodeFigures) -> String {
    let pool = |pool: &Pool| {
        let overflow =
            if pool.overflow == 0 { String::new() } else { format!(" + {} beyond", pool.overflow) };
        format!("{}/{}{overflow}", pool.taken, pool.total)
    };
    format!(
        "up {}, {} processes ({} started, {} crashed), {} messages, {} timers; pools: sync {}, async {}; guests {}, \
         kept for them {}; epoch lag {}",
        time(node.uptime),
        node.alive,
        node.spawned,
        node.crashed,
        node.messages,
        node.timers,
        pool(&node.sync_pool),
        pool(&node.async_pool),
        bytes(node.guest_memory as usize),
        bytes(node.host_memory as usize),
        time(node.epoch_lag),
    )
}

fn quantiles(of: &Quantiles) -> String {
    if of.count == 0 {
        return "not measured yet".into();
    }
    let Quantiles { count, p50, p99, max } = of;
    format!("p50 {}, p99 {}, most {} ({count} measured)", time(*p50), time(*p99), time(*max))
}

fn time(of: Duration) -> String {
    let seconds = of.as_secs_f64();
    match of.as_nanos() {
        0 => "0".into(),
        1..1_000 => format!("{} ns", of.as_nanos()),
        1_000..1_000_000 => format!("{:.1} us", seconds * 1e6),
        1_000_000..1_000_000_000 => format!("{:.1} ms", seconds * 1e3),
        _ if seconds < 120.0 => format!("{seconds:.1} s"),
        _ => humantime::format_duration(Duration::from_secs(of.as_secs())).to_string(),
    }
}

fn bytes(of: usize) -> String {
    ByteSize(of as u64).to_string()
}

/// Columns as wide as they have to be.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    // A cell is of one line, whatever a guest has called itself.
    let whole = |cell: &String| shown(cell).replace('\n', "\\n");
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(whole).collect()).collect();
    let rows = &rows;
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "b"], ["long", "c"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "a     b\nlong  c");
    }

    #[test]
    fn times_and_sizes_are_in_the_unit_that_fits() {
        assert_eq!(time(Duration::from_nanos(999)), "999 ns");
        assert_eq!(time(Duration::from_micros(1500)), "1.5 ms");
        assert_eq!(time(Duration::from_secs(90)), "90.0 s");
        assert_eq!(time(Duration::from_secs(3_600)), "1h");
        assert_eq!((bytes(1 << 10), bytes(3 << 19)), ("1.0 KiB".into(), "1.5 MiB".into()));
    }
}
