//! What stands for tokio's workers: shuttle's tasks.

use std::time::Duration;

use shuttle::rand::Rng as _;

pub(crate) use shuttle::future::yield_now;

/// Two are enough to steal from each other.
pub(crate) fn count() -> usize {
    shuttle::rand::thread_rng().gen_range(1..=2)
}

/// The model is over when all of them are.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    std::mem::forget(shuttle::future::spawn(task));
}

/// Now and then there is none.
pub(crate) fn has_budget_remaining() -> bool {
    shuttle::rand::thread_rng().gen_ratio(7, 8)
}

/// A clock that stands: how long a turn takes shall not change what the models do.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Instant;

impl Instant {
    pub(crate) fn now() -> Self {
        Self
    }

    pub(crate) fn elapsed(self) -> Duration {
        Duration::ZERO
    }
}

impl std::ops::Sub for Instant {
    type Output = Duration;

    fn sub(self, _: Self) -> Duration {
        Duration::ZERO
    }
}
