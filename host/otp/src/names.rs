use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::quality::RandomState;

use crate::Pid;
use crate::sync::RwLock;

/// Why a name was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// It belongs to this living process.
    #[error("the name belongs to {0}")]
    Taken(Pid),
    /// The process has a name already.
    #[error("the process is registered under another name")]
    AlreadyNamed,
    /// The process is gone.
    #[error("there is no such process")]
    NoProc,
}

/// The names of a node's processes, in shards so that lookups from many workers do not meet.
#[derive(Debug)]
pub(crate) struct Names {
    hasher: RandomState,
    shards: [Shard; SHARDS],
}

/// On a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(RwLock<HashMap<Arc<str>, Pid, RandomState>>);

impl Names {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::default(), shards: std::array::from_fn(|_| Shard::default()) }
    }

    /// The holder, if the name is taken.
    pub(crate) fn insert(&self, name: &Arc<str>, pid: Pid) -> Result<(), Pid> {
        match self.shard(name).write().entry(name.clone()) {
            std::collections::hash_map::Entry::Occupied(entry) => Err(*entry.get()),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(pid);
                Ok(())
            }
        }
    }

    /// Frees the name if this process has it.
    pub(crate) fn remove(&self, name: &str, pid: Pid) -> bool {
        let mut shard = self.shard(name).write();
        shard.get(name) == Some(&pid) && shard.remove(name).is_some()
    }

    pub(crate) fn find(&self, name: &str) -> Option<Pid> {
        self.shard(name).read().get(name).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.0.read().len()).sum()
    }

    fn shard(&self, name: &str) -> &RwLock<HashMap<Arc<str>, Pid, RandomState>> {
        &self.shards[self.hasher.hash_one(name) as usize % SHARDS].0
    }
}

/// Some times the workers of a large machine.
const SHARDS: usize = 16;
