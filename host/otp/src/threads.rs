//! Places that threads have apart, so that they seldom meet.

use std::sync::atomic::Ordering;

use crate::sync::Count;

/// Which of some places a thread uses, so that threads seldom meet.
pub(crate) fn shard() -> usize {
    static THREADS: Count = Count::new(0);
    thread_local! {
        static OWN: usize = THREADS.fetch_add(1, Ordering::Relaxed) as usize % SHARDS;
    }
    OWN.with(|own| *own)
}

/// Some times the workers of a usual machine.
pub(crate) const SHARDS: usize = 16;
