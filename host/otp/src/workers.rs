//! The threads on which processes run: tokio's. `tests/models` puts others in their place.

pub(crate) use std::time::Instant;

pub(crate) use tokio::task::coop::has_budget_remaining;
pub(crate) use tokio::task::yield_now;

use tokio::runtime::{Handle, RuntimeFlavor};

/// How many the current runtime has.
pub(crate) fn count() -> usize {
    let workers = Handle::current();
    match workers.runtime_flavor() {
        RuntimeFlavor::CurrentThread => 1,
        _ => workers.metrics().num_workers(),
    }
}

/// Runs a task on any of them.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}
