//! Time.

use std::time::Duration;

use crate::bindings::timers;

/// A timer of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timer {
    reference: u64,
}

/// Sends an [`Event::Timer`](crate::Event::Timer) with these bytes to this process after a while.
pub fn send_after(after: Duration, body: &[u8]) -> Timer {
    let ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
    Timer { reference: timers::send_after(ms, body) }
}

/// How long the node has been up: a clock that never goes back.
pub fn now() -> Duration {
    Duration::from_nanos(timers::now())
}

impl Timer {
    /// What its event carries.
    pub fn reference(self) -> u64 {
        self.reference
    }

    /// Stops it, and answers how much was left; none if it has fired.
    pub fn cancel(self) -> Option<Duration> {
        timers::cancel(self.reference).map(Duration::from_millis)
    }
}

/// As the host takes times.
pub(crate) fn milliseconds(time: Duration) -> u32 {
    // A deadline of zero means none to some imports: the shortest one is a millisecond.
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX).max(1)
}
