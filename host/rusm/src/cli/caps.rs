//! `rusm caps`: what a component asks for by its imports, beside what it is given.

use std::collections::BTreeMap;

use rusm_engine::{Component, Grant, Limits};

use super::figures::table;

/// The table for one component.
pub(super) fn caps(component: &Component) -> String {
    let profile = component.profile();
    let mut asked: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (interface, function) in component.imports() {
        for kind in wants(&interface, &function) {
            let (_, interface) = interface.split_once('/').unwrap_or(("", &interface));
            let interface = interface.split('@').next().unwrap_or(interface);
            asked.entry(kind).or_default().push(format!("{interface}.{function}"));
        }
    }
    let mut rows = vec![["GRANT", "ASKED FOR BY", "GIVEN"].map(str::to_owned).to_vec()];
    for kind in Grant::kinds() {
        let given: Vec<String> = profile
            .grants
            .iter()
            .filter(|grant| grant.kind() == kind)
            .map(|grant| grant.scope().unwrap_or_else(|| "yes".into()))
            .collect();
        let by = asked.get(kind).map(|by| shortened(by)).unwrap_or_default();
        if !by.is_empty() || !given.is_empty() {
            let given = if given.is_empty() { "-".to_owned() } else { given.join(", ") };
            rows.push(vec![kind.to_owned(), if by.is_empty() { "-".into() } else { by }, given]);
        }
    }
    table(&rows) + "\n\n" + &limits(&profile.limits)
}

fn shortened(by: &[String]) -> String {
    match by {
        [first, second, _, ..] => format!("{first}, {second} and {} more", by.len() - 2),
        few => few.join(", "),
    }
}

/// The kinds of grants without which an import does nothing, or less.
fn wants(interface: &str, function: &str) -> Vec<&'static str> {
    let (package, name) = interface.split_once('/').unwrap_or(("", interface));
    let name = name.split('@').next().unwrap_or(name);
    match (package, name, function) {
        ("rusm:actor", "names", "register") => vec!["register"],
        ("rusm:actor", "names", "whereis") => vec!["lookup"],
        ("rusm:actor", "process", "send" | "cast" | "monitor") => vec!["lookup"],
        ("rusm:actor", "process", "exit-process" | "kill") => vec!["control"],
        ("rusm:actor", "process", "env") | ("wasi:cli", "environment", "get-environment") => vec!["env"],
        ("rusm:actor", "groups", "demonitor") => vec![],
        ("rusm:actor", "groups", _) => vec!["group"],
        ("rusm:actor", "supervisors" | "supervisors-async", "start" | "start-under" | "start-child") => {
            vec!["spawn"]
        }
        ("rusm:actor", "wait" | "wait-async", "spawn") => vec!["spawn", "register"],
        ("rusm:actor", "wait" | "wait-async", "call" | "call-start" | "connect") => vec!["lookup"],
        ("wasi:filesystem", "preopens", _) => vec!["read", "write"],
        ("wasi:sockets", _, _) if function.contains("connect") || function.contains("send") => {
            vec!["connect"]
        }
        ("wasi:sockets", _, _) if function.contains("listen") || function.contains("bind") => vec!["listen"],
        ("wasi:sockets", "ip-name-lookup", _) => vec!["connect"],
        _ => vec![],
    }
}

fn limits(limits: &Limits) -> String {
    let none = || "no limit".to_owned();
    let mut rows = vec![["LIMIT", "VALUE"].map(str::to_owned).to_vec()];
    let mut row = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
    let mib = |bytes: usize| format!("{:.1} MiB", bytes as f64 / 1_048_576.0);
    row("memory", mib(limits.memory));
    row("total-memory", limits.total_memory.map_or_else(none, mib));
    row("cpu", limits.cpu.map_or_else(none, |share| format!("{share} % of a core")));
    row("message-cpu", limits.message_cpu.map_or_else(none, |time| format!("{time:?}")));
    row("mailbox", limits.mailbox.map_or_else(none, |most| most.to_string()));
    row("processes", limits.processes.map_or_else(none, |most| most.to_string()));
    row("instances", limits.instances.map_or_else(none, |most| most.to_string()));
    row("handles", limits.handles.to_string());
    row("timers", limits.timers.to_string());
    row("output", format!("{} a second", mib(limits.output)));
    row("host-call", mib(limits.host_call));
    row("clocks, random", limits.seed.map_or_else(|| "real".into(), |seed| format!("seeded by {seed}")));
    table(&rows)
}
