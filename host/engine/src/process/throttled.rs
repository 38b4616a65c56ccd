use std::pin::Pin;
use std::task::{Context as Task, Poll, ready};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep};

/// Runs a future for its share of one core: it rests for the other share of each time that it has run.
///
/// What counts is how long it keeps a worker, with those whom it calls in its own turn.
pub(super) struct Throttled<F> {
    inner: F,
    /// Per cent, from 1 to 99.
    share: u32,
    /// The rest that is to be taken.
    owed: Duration,
    rest: Option<Pin<Box<Sleep>>>,
}

impl<F: Future + Unpin> Throttled<F> {
    pub(super) fn new(inner: F, share: u32) -> Self {
        Self { inner, share: share.clamp(1, 99), owed: Duration::ZERO, rest: None }
    }
}

impl<F: Future + Unpin> Future for Throttled<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<F::Output> {
        if let Some(rest) = &mut self.rest {
            ready!(rest.as_mut().poll(task));
            self.rest = None;
        }
        let begun = Instant::now();
        let polled = Pin::new(&mut self.inner).poll(task);
        let ran = begun.elapsed();
        let share = self.share;
        self.owed += ran * (100 - share) / share;
        if self.owed >= LEAST_REST && polled.is_pending() {
            let owed = std::mem::take(&mut self.owed);
            self.rest = Some(Box::pin(sleep(owed)));
        }
        polled
    }
}

/// Shorter rests are put together: no timer is more precise.
const LEAST_REST: Duration = Duration::from_millis(1);
