//! Whose turn it is, and since when. A turn ends with a real wait, and only with one: calls of the host that answer at once, however
//! many and however long, belong to the turn of the process that makes them.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as Task, Poll};

use wasmtime::AsContextMut;

thread_local! {
    /// The tick of the engine at which the process that runs on this thread began its turn.
    static BEGAN: Cell<u64> = const { Cell::new(0) };
}

/// Notes the beginning of each turn of a process.
pub(crate) struct Turns<F> {
    inner: F,
    ticks: Arc<AtomicU64>,
}

impl<F: Future + Unpin> Turns<F> {
    pub(crate) fn new(inner: F, ticks: Arc<AtomicU64>) -> Self {
        Self { inner, ticks }
    }
}

impl<F: Future + Unpin> Future for Turns<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<F::Output> {
        // A callee may have its turn within its caller's.
        let around = BEGAN.replace(self.ticks.load(Ordering::Relaxed));
        let polled = Pin::new(&mut self.inner).poll(task);
        BEGAN.set(around);
        polled
    }
}

/// The tick at which the turn that runs on this thread began.
pub(crate) fn turn_began() -> u64 {
    BEGAN.get()
}

/// Waits for something on behalf of a guest, which gets a whole turn if that was a real wait.
pub(crate) async fn waited<T>(store: &mut impl AsContextMut, wait: impl Future<Output = T>) -> T {
    let (value, waits) = noting(wait).await;
    if waits {
        fresh_turn(store);
    }
    value
}

/// A future's value, and whether it was there only after a wait.
pub(crate) async fn noting<T>(wait: impl Future<Output = T>) -> (T, bool) {
    let mut wait = pin!(wait);
    let mut waits = false;
    let value = poll_fn(|task| {
        let polled = wait.as_mut().poll(task);
        waits |= polled.is_pending();
        polled
    });
    (value.await, waits)
}

/// A guest that comes out of a wait gets a whole turn: it may have slept past many ticks.
pub(crate) fn fresh_turn(store: &mut impl AsContextMut) {
    store.as_context_mut().set_epoch_deadline(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_ready_at_once_is_no_wait() {
        assert_eq!(noting(async { 1 }).await, (1, false));
        let later = async {
            tokio::task::yield_now().await;
            2
        };
        assert_eq!(noting(later).await, (2, true));
    }

    #[tokio::test]
    async fn a_turn_within_another_one_has_its_own_beginning() {
        let ticks = Arc::new(AtomicU64::new(5));
        let inner = ticks.clone();
        let nested = async move {
            let outer = turn_began();
            inner.store(9, Ordering::Relaxed);
            let within = Turns::new(pin!(async { turn_began() }), inner.clone()).await;
            (outer, within, turn_began())
        };
        assert_eq!(Turns::new(pin!(nested), ticks).await, (5, 9, 5));
    }
}
