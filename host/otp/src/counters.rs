use std::sync::atomic::{AtomicU64, Ordering};

use crate::threads::{SHARDS, shard};

/// What has happened on a node since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeCounters {
    /// Processes started.
    pub spawned: u64,
    /// Processes that ended.
    pub ended: u64,
    /// Those of them that broke.
    pub crashed: u64,
    /// Processes that live now.
    pub alive: u64,
    /// Messages that processes were given.
    pub messages: u64,
    /// Timers that are set now.
    pub timers: u64,
    /// Names that are held now.
    pub names: u64,
}

/// What is counted as it happens, apart for threads that would else meet at every count.
#[derive(Debug, Default)]
pub(crate) struct Counters([Counts; SHARDS]);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Counts {
    ended: AtomicU64,
    crashed: AtomicU64,
    messages: AtomicU64,
}

impl Counters {
    /// A process is gone that was given so many messages.
    pub(crate) fn ended(&self, messages: u64, crashed: bool) {
        let counts = &self.0[shard()];
        counts.ended.fetch_add(1, Ordering::Relaxed);
        counts.messages.fetch_add(messages, Ordering::Relaxed);
        if crashed {
            counts.crashed.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn read(&self) -> NodeCounters {
        let sum = |count: fn(&Counts) -> &AtomicU64| {
            self.0.iter().map(|counts| count(counts).load(Ordering::Relaxed)).sum()
        };
        NodeCounters {
            ended: sum(|counts| &counts.ended),
            crashed: sum(|counts| &counts.crashed),
            messages: sum(|counts| &counts.messages),
            ..NodeCounters::default()
        }
    }
}
