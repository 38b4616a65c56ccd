use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use tokio::time::Instant;

use super::{ChildCounts, ChildInfo, ChildKind, ChildSpec, ChildState};
use crate::Pid;
use crate::hash::IdHasher;

/// A child's place in the order of starts; a later one is greater.
pub(super) type Place = u64;

/// A supervisor's children in the order in which they were added.
///
/// Invariants: `by_pid` has exactly the running children; `by_id` has all of them, unless children have no names.
#[derive(Debug, Default)]
pub(super) struct Children {
    all: BTreeMap<Place, Child>,
    by_pid: HashMap<Pid, Place, BuildHasherDefault<IdHasher>>,
    by_id: HashMap<Arc<str>, Place>,
    named: bool,
    /// Whether anybody wants to know how long a child has run.
    timed: bool,
    next: Place,
}

#[derive(Debug)]
pub(super) struct Child {
    pub(super) spec: ChildSpec,
    pub(super) state: ChildState,
    /// When it was started last, or added, if nobody wants to know the former.
    pub(super) since: Instant,
    /// Restarts in a row.
    pub(super) restarts: u32,
}

impl Children {
    pub(super) fn new(named: bool, timed: bool) -> Self {
        Self { named, timed, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Adds a child that does not run yet.
    pub(super) fn add(&mut self, spec: ChildSpec) -> Place {
        let place = self.next;
        self.next += 1;
        if self.named {
            self.by_id.insert(spec.id.clone(), place);
        }
        let child = Child { spec, state: ChildState::Stopped, since: Instant::now(), restarts: 0 };
        self.all.insert(place, child);
        place
    }

    pub(super) fn get(&self, place: Place) -> Option<&Child> {
        self.all.get(&place)
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut Child> {
        self.all.get_mut(&place)
    }

    pub(super) fn named(&self, id: &str) -> Option<(Place, &Child)> {
        let place = *self.by_id.get(id)?;
        Some((place, self.all.get(&place)?))
    }

    pub(super) fn place_of(&self, pid: Pid) -> Option<Place> {
        self.by_pid.get(&pid).copied()
    }

    pub(super) fn pid(&self, place: Place) -> Option<Pid> {
        match self.all.get(&place)?.state {
            ChildState::Running(pid) => Some(pid),
            _ => None,
        }
    }

    /// What a child does from now on.
    pub(super) fn set(&mut self, place: Place, state: ChildState) {
        let Some(child) = self.all.get_mut(&place) else { return };
        if let ChildState::Running(pid) = child.state {
            self.by_pid.remove(&pid);
        }
        child.state = state;
        if let ChildState::Running(pid) = state {
            if self.timed {
                child.since = Instant::now();
            }
            self.by_pid.insert(pid, place);
        }
    }

    pub(super) fn remove(&mut self, place: Place) {
        self.set(place, ChildState::Stopped);
        if let Some(child) = self.all.remove(&place)
            && self.named
        {
            self.by_id.remove(&child.spec.id);
        }
    }

    /// The places from this one on, in order.
    pub(super) fn places_from(&self, first: Place) -> Vec<Place> {
        self.all.range(first..).map(|(place, _)| *place).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Child> {
        self.all.values()
    }

    pub(super) fn infos(&self) -> Vec<ChildInfo> {
        let info = |child: &Child| ChildInfo {
            id: child.spec.id.clone(),
            state: child.state,
            kind: child.spec.kind,
        };
        self.all.values().rev().map(info).collect()
    }

    pub(super) fn counts(&self) -> ChildCounts {
        let supervisors = self.all.values().filter(|child| child.spec.kind == ChildKind::Supervisor).count();
        ChildCounts {
            specs: self.all.len(),
            active: self.by_pid.len(),
            supervisors,
            workers: self.all.len() - supervisors,
        }
    }
}
