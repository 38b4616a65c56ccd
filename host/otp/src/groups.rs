use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use crate::account::GROUP;
use crate::hash::IdHasher;
use crate::owner::Owner;
use crate::sharded::Sharded;
use crate::sync::Mutex;
use crate::unguessable::next_reference;
use crate::{Message, Payload, Pid, Reference, Runtime};

/// How a group has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupChange {
    /// A process has joined it.
    Joined,
    /// A process has left it, or has ended.
    Left,
}

/// A node's process groups: Erlang's `pg`. A process may join a group several times, and leaves it as often.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    by_name: Sharded<Arc<str>, Group>,
    by_process: Mutex<HashMap<Pid, Part>>,
}

/// Invariants: both maps have the same places; a group without members and monitors is forgotten.
#[derive(Debug, Default)]
struct Group {
    /// In the order in which they joined.
    members: BTreeMap<u64, Pid>,
    places: HashMap<Pid, Vec<u64>, BuildHasherDefault<IdHasher>>,
    next: u64,
    /// The members' list as it was given out last; none once it has changed.
    list: Option<Arc<[Pid]>>,
    /// In the order in which they were made.
    monitors: BTreeMap<u64, (Reference, Pid)>,
}

/// What a process has to do with groups. Nothing in it is searched: a process may be in very many.
#[derive(Debug, Default)]
struct Part {
    /// How often it is a member of each.
    member_of: HashMap<Arc<str>, usize>,
    /// The groups that it monitors, and the monitor's place there.
    monitors: HashMap<Reference, (Arc<str>, u64), BuildHasherDefault<IdHasher>>,
}

impl Runtime {
    /// Lets a living process join a group, which is there as long as it has members. False if the process is gone.
    pub fn join(&self, group: &str, pid: Pid) -> bool {
        let name: Arc<str> = group.into();
        let groups = &self.node().groups;
        let told = {
            let mut shard = groups.by_name.shard(group).write();
            let group = shard.entry(name.clone()).or_default();
            group.add(pid);
            group.watchers()
        };
        if !groups.take_part(self, pid, |part| *part.member_of.entry(name.clone()).or_default() += 1) {
            groups.remove(group, pid);
            return false;
        }
        tell(self, told, &name, pid, GroupChange::Joined);
        true
    }

    /// Lets a process leave a group. False if it was no member.
    pub fn leave(&self, group: &str, pid: Pid) -> bool {
        let groups = &self.node().groups;
        let Some(told) = groups.remove(group, pid) else { return false };
        groups.withdraw(self, pid, |part| {
            let Some(times) = part.member_of.get_mut(group) else { return false };
            *times -= 1;
            if *times == 0 {
                part.member_of.remove(group);
            }
            true
        });
        tell(self, told, &group.into(), pid, GroupChange::Left);
        true
    }

    /// A group's members in the order in which they joined.
    pub fn members(&self, group: &str) -> Arc<[Pid]> {
        let shard = self.node().groups.by_name.shard(group);
        if let Some(list) = shard.read().get(group).and_then(|group| group.list.clone()) {
            return list;
        }
        let mut shard = shard.write();
        let Some(group) = shard.get_mut(group) else { return Arc::default() };
        let Group { list, members, .. } = group;
        list.get_or_insert_with(|| members.values().copied().collect()).clone()
    }

    /// The groups that have members.
    pub fn groups(&self) -> Vec<Arc<str>> {
        let shards = self.node().groups.by_name.shards().map(|shard| {
            let shard = shard.read();
            let named = shard.iter().filter(|(_, group)| !group.members.is_empty());
            named.map(|(name, _)| name.clone()).collect::<Vec<_>>()
        });
        shards.flatten().collect()
    }

    /// Sends the same bytes to each member; how many have taken them. The bytes are not copied.
    pub fn broadcast(&self, sender: Pid, group: &str, body: &Payload) -> usize {
        self.send_to_all(sender, &self.members(group), body)
    }

    /// Lets `pid` hear of a group's changes as [`Message::Group`], and answers who is a member now.
    pub fn monitor_group(&self, pid: Pid, group: &str) -> (Reference, Vec<Pid>) {
        let monitor = next_reference();
        let name: Arc<str> = group.into();
        let groups = &self.node().groups;
        let (place, members) = {
            let mut shard = groups.by_name.shard(group).write();
            let group = shard.entry(name.clone()).or_default();
            let place = group.next_place();
            group.monitors.insert(place, (monitor, pid));
            (place, group.members.values().copied().collect())
        };
        let note = |part: &mut Part| drop(part.monitors.insert(monitor, (name, place)));
        if !groups.take_part(self, pid, note) {
            groups.stop_monitor(group, place);
        }
        (monitor, members)
    }

    /// Ends a monitor of a group and takes back what it has told and nobody has received. False if there was no such
    /// monitor.
    pub fn demonitor_group(&self, pid: Pid, monitor: Reference) -> bool {
        let groups = &self.node().groups;
        let mut known = None;
        groups.withdraw(self, pid, |part| {
            known = part.monitors.remove(&monitor);
            known.is_some()
        });
        let Some((name, place)) = known else { return false };
        groups.stop_monitor(&name, place);
        let is_stale =
            |message: &Message| matches!(message, Message::Group { monitor: of, .. } if *of == monitor);
        self.take_back(pid, is_stale);
        true
    }
}

impl Groups {
    /// Removes a member; whom to tell, if it was one.
    fn remove(&self, name: &str, pid: Pid) -> Option<Vec<(Reference, Pid)>> {
        let mut shard = self.by_name.shard(name).write();
        let group = shard.get_mut(name)?;
        let told = group.remove(pid).then(|| group.watchers());
        if group.is_over() {
            shard.remove(name);
        }
        told
    }

    fn stop_monitor(&self, name: &str, place: u64) {
        let mut shard = self.by_name.shard(name).write();
        let Some(group) = shard.get_mut(name) else { return };
        group.monitors.remove(&place);
        if group.is_over() {
            shard.remove(name);
        }
    }

    /// Notes what a process has to do with groups; false if it has ended, and then nothing is noted.
    fn take_part(self: &Arc<Self>, runtime: &Runtime, pid: Pid, note: impl FnOnce(&mut Part)) -> bool {
        let mut by_process = self.by_process.lock();
        let first = !by_process.contains_key(&pid);
        note(by_process.entry(pid).or_default());
        // Under the lock: an end that comes now waits, and finds it all.
        let alive = (!first || runtime.tell_end(pid, self.clone())) && runtime.charge_or_end(pid, GROUP);
        if !alive && first {
            by_process.remove(&pid);
        }
        alive
    }

    /// Takes one thing back that a process had to do with groups, if it is there.
    fn withdraw(self: &Arc<Self>, runtime: &Runtime, pid: Pid, take: impl FnOnce(&mut Part) -> bool) {
        let mut by_process = self.by_process.lock();
        let Some(part) = by_process.get_mut(&pid) else { return };
        if take(part) {
            runtime.discharge(pid, GROUP);
        }
        if part.member_of.is_empty() && part.monitors.is_empty() {
            by_process.remove(&pid);
            let own: Arc<dyn Owner> = self.clone();
            runtime.forget_owner(pid, &own);
        }
    }
}

impl Owner for Groups {
    fn ended(&self, runtime: &Runtime, pid: Pid) {
        let part = self.by_process.lock().remove(&pid).unwrap_or_default();
        for (group, place) in part.monitors.into_values() {
            self.stop_monitor(&group, place);
        }
        for (group, times) in part.member_of {
            for _ in 0..times {
                if let Some(told) = self.remove(&group, pid) {
                    tell(runtime, told, &group, pid, GroupChange::Left);
                }
            }
        }
    }
}

impl Group {
    fn add(&mut self, pid: Pid) {
        self.list = None;
        let place = self.next_place();
        self.members.insert(place, pid);
        self.places.entry(pid).or_default().push(place);
    }

    fn next_place(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Whom to tell of a change.
    fn watchers(&self) -> Vec<(Reference, Pid)> {
        self.monitors.values().copied().collect()
    }

    /// One of its places; false if it has none.
    fn remove(&mut self, pid: Pid) -> bool {
        let Entry::Occupied(mut places) = self.places.entry(pid) else { return false };
        if let Some(place) = places.get_mut().pop() {
            self.members.remove(&place);
        }
        if places.get().is_empty() {
            places.remove();
        }
        self.list = None;
        true
    }

    fn is_over(&self) -> bool {
        self.members.is_empty() && self.monitors.is_empty()
    }
}

fn tell(runtime: &Runtime, told: Vec<(Reference, Pid)>, group: &Arc<str>, pid: Pid, change: GroupChange) {
    for (monitor, watcher) in told {
        runtime.notify(watcher, Message::Group { monitor, group: group.clone(), pid, change });
    }
}
