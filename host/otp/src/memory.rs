//! What all processes of a node take, in bytes, and the bound of it.

use std::sync::atomic::Ordering;

use crate::sync::AtomicUsize;

/// The memory of a node's guests, and what the runtime keeps for processes that have bounds, together.
#[derive(Debug)]
pub struct Memory {
    most: AtomicUsize,
    guests: AtomicUsize,
    kept: AtomicUsize,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self { most: AtomicUsize::new(usize::MAX), guests: AtomicUsize::new(0), kept: AtomicUsize::new(0) }
    }

    /// How much it may be; unbounded at first.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// Bounds it from now on. What is there stays.
    pub fn limit(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// What guests have taken.
    pub fn guests(&self) -> usize {
        self.guests.load(Ordering::Relaxed)
    }

    /// What the runtime keeps for processes that have bounds: mail, links, monitors, timers and what was charged. Within a page a
    /// process.
    pub fn kept(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }

    /// Takes so much for a guest; false if that is too much.
    pub fn take(&self, bytes: usize) -> bool {
        let most = self.most().saturating_sub(self.kept());
        let more = |guests: usize| guests.checked_add(bytes).filter(|sum| *sum <= most);
        self.guests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// A guest gives so much back.
    pub fn give_back(&self, bytes: usize) {
        self.guests.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether so much more may be kept.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.guests().saturating_add(self.kept()).saturating_add(bytes) <= self.most()
    }

    /// So much is kept for a process, after so much before.
    pub(crate) fn keep(&self, before: usize, now: usize) {
        if now >= before {
            self.kept.fetch_add(now - before, Ordering::Relaxed);
        } else {
            self.kept.fetch_sub(before - now, Ordering::Relaxed);
        }
    }
}
