use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::Pid;
use crate::sharded::Sharded;

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

/// The names of a node's processes.
#[derive(Debug, Default)]
pub(crate) struct Names(Sharded<Arc<str>, Pid>);

impl Names {
    /// The holder, if the name is taken.
    pub(crate) fn insert(&self, name: &Arc<str>, pid: Pid) -> Result<(), Pid> {
        match self.0.shard(name).write().entry(name.clone()) {
            Entry::Occupied(entry) => Err(*entry.get()),
            Entry::Vacant(entry) => {
                entry.insert(pid);
                Ok(())
            }
        }
    }

    /// Frees the name if this process has it.
    pub(crate) fn remove(&self, name: &str, pid: Pid) -> bool {
        let mut shard = self.0.shard(name).write();
        shard.get(name) == Some(&pid) && shard.remove(name).is_some()
    }

    pub(crate) fn find(&self, name: &str) -> Option<Pid> {
        self.0.shard(name).read().get(name).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.shards().map(|shard| shard.read().len()).sum()
    }
}
