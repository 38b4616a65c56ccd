//! `rusm caps`: what a component asks for by its imports, beside what it is given.

use std::collections::BTreeMap;

use bytesize::ByteSize;
use rusm_engine::{Component, Grant, Limits, grants_of_import};

use super::figures::table;

/// The table for one component.
pub(super) fn caps(component: &Component) -> String {
    let profile = component.profile();
    let mut asked: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (interface, function) in component.imports() {
        for kind in grants_of_import(interface, function) {
            let (_, interface) = interface.split_once('/').unwrap_or(("", interface));
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

fn limits(limits: &Limits) -> String {
    let none = || "no limit".to_owned();
    let mut rows = vec![["LIMIT", "VALUE"].map(str::to_owned).to_vec()];
    let mut row = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
    let mib = |bytes: usize| ByteSize(bytes as u64).to_string();
    row("memory", mib(limits.memory));
    row("total-memory", limits.total_memory.map_or_else(none, mib));
    row("cpu", limits.cpu.map_or_else(none, |share| format!("{share} % of a core")));
    row("message-cpu", limits.message_cpu.map_or_else(none, |time| format!("{time:?}")));
    row("host-memory", mib(limits.host_memory));
    row("mailbox", limits.mailbox.to_string());
    row("mailbox-bytes", mib(limits.mailbox_bytes));
    row("processes", limits.processes.map_or_else(none, |most| most.to_string()));
    row("instances", limits.instances.map_or_else(none, |most| most.to_string()));
    row("handles", limits.handles.to_string());
    row("files", limits.files.to_string());
    row("timers", limits.timers.to_string());
    row("output", format!("{} a second", mib(limits.output)));
    row("host-call", mib(limits.host_call));
    row("clocks, random", limits.seed.map_or_else(|| "real".into(), |seed| format!("seeded by {seed}")));
    table(&rows)
}
