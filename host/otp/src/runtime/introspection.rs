use std::collections::HashMap;
use std::sync::atomic::Ordering;

use super::Runtime;
use crate::process::{Callback, Private, State};
use crate::table::Slot;
use crate::{Latency, NodeCounters, Pid, ProcessInfo};

/// A process in the tree of who has started whom. Chains of processes may be very long, so the tree is a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// The process.
    pub process: ProcessInfo,
    /// How many living processes it is below: 0 for one whose parent is gone, or that has none.
    pub depth: usize,
}

impl Runtime {
    /// Whether the process is there.
    pub fn is_alive(&self, pid: Pid) -> bool {
        self.node.table.lock(pid).is_some_and(|state| state.exit.is_none())
    }

    /// What is known of a living process.
    pub fn info(&self, pid: Pid) -> Option<ProcessInfo> {
        let slot = self.node.table.slot(pid)?;
        let private = slot.private(pid)?;
        let state = slot.lock(pid)?;
        Some(self.known(slot, pid, &private, &state))
    }

    /// Who spawned a living process.
    pub fn parent(&self, pid: Pid) -> Option<Pid> {
        self.node.table.lock(pid).and_then(|state| state.parent)
    }

    /// The process that people write so: `<12.3>` as [`Pid`] is shown, or its id as a number. It may have ended.
    pub fn pid_of_text(&self, text: &str) -> Option<Pid> {
        Pid::id_of_text(text).map(|id| Pid { node: self.node.id, id })
    }

    /// Whether a living process is the host's own: neither a guest nor a supervisor. None if it is gone.
    pub fn is_of_host(&self, pid: Pid) -> Option<bool> {
        self.node.table.lock(pid).map(|state| !state.guest)
    }

    /// Every living process. Each is looked at by itself, so one that ends meanwhile may be missing from another's links.
    pub fn processes(&self) -> Vec<ProcessInfo> {
        self.node.table.slots().filter_map(|slot| self.info_of(slot)).collect()
    }

    fn info_of(&self, slot: &Slot) -> Option<ProcessInfo> {
        let private = slot.private_any();
        let state = slot.lock_any();
        let pid = Pid { node: self.node.id, id: slot.holder() };
        state.live.then(|| self.known(slot, pid, &private, &state))
    }

    fn known(&self, slot: &Slot, pid: Pid, private: &Private, state: &State) -> ProcessInfo {
        let mut info = state.info(pid, private, self.callee(slot), callback(slot));
        info.memory += size_of::<Slot>();
        info
    }

    /// Every living process after the one that has started it, the oldest first: the supervision trees, and processes that stand
    /// alone.
    pub fn tree(&self) -> Vec<TreeEntry> {
        let slots = self.node.table.slots();
        let mut processes: Vec<_> =
            slots.filter_map(|slot| Some((slot.generation(), self.info_of(slot)?))).collect();
        processes.sort_by_key(|(generation, _)| *generation);
        let processes: Vec<_> = processes.into_iter().map(|(_, process)| process).collect();
        let known: HashMap<Pid, Option<Pid>> =
            processes.iter().map(|process| (process.pid, process.parent)).collect();
        let mut below: HashMap<Option<Pid>, Vec<ProcessInfo>> = HashMap::new();
        for process in processes {
            let parent = process.parent.filter(|parent| known.contains_key(parent));
            below.entry(parent).or_default().push(process);
        }
        let mut tree = Vec::new();
        let mut next: Vec<_> = level(None, 0, &mut below).collect();
        while let Some(entry) = next.pop() {
            next.extend(level(Some(entry.process.pid), entry.depth + 1, &mut below));
            tree.push(entry);
        }
        tree
    }

    /// What has happened on this node so far.
    pub fn counters(&self) -> NodeCounters {
        let mut counters = self.node.counters.read();
        for slot in self.node.table.slots() {
            let state = slot.lock_any();
            counters.alive += u64::from(state.live);
            counters.messages += state.arrived;
        }
        counters.spawned = counters.ended + counters.alive;
        counters.timers = self.node.timers.len() as u64;
        counters.names = self.node.names.len() as u64;
        counters
    }

    /// How long messages have waited and taken, for each label of processes.
    pub fn latencies(&self) -> Vec<Latency> {
        self.node.latencies.read()
    }

    /// What a server is in.
    pub(crate) fn callback(&self, pid: Pid) -> Option<Callback> {
        self.node.table.slot(pid).map(callback)
    }

    fn callee(&self, slot: &Slot) -> Option<Pid> {
        slot.waits_for().map(|(_, id)| Pid { node: self.node.id, id })
    }
}

fn callback(slot: &Slot) -> Callback {
    Callback::from_code(slot.callback.load(Ordering::Relaxed))
}

/// The children of one, the youngest first.
fn level(
    parent: Option<Pid>,
    depth: usize,
    below: &mut HashMap<Option<Pid>, Vec<ProcessInfo>>,
) -> impl Iterator<Item = TreeEntry> + use<> {
    let children = below.remove(&parent).unwrap_or_default();
    children.into_iter().rev().map(move |process| TreeEntry { process, depth })
}
