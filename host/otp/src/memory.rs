//! What all processes of a node take, in bytes, and the bounds of it.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use crate::sync::AtomicUsize;

/// The memory of a node's guests, and what the runtime keeps for processes that have bounds, together.
///
/// It has two bounds. One holds for what was granted, used or not, and is exact. The other holds for what is resident: for what was
/// measured last, and all that was granted since; when that is too much, it is measured again.
#[derive(Debug)]
pub struct Memory {
    /// What may be granted.
    most: AtomicUsize,
    guests: AtomicUsize,
    kept: AtomicUsize,
    resident: OnceLock<Resident>,
}

/// A bound of what is resident.
#[derive(Debug)]
struct Resident {
    most: usize,
    measure: fn() -> usize,
    /// What was measured last, and how much was granted then.
    seen: AtomicUsize,
    granted: AtomicUsize,
}

impl Memory {
    pub(crate) fn new() -> Self {
        let [guests, kept] = [0; 2].map(AtomicUsize::new);
        Self { most: AtomicUsize::new(usize::MAX), guests, kept, resident: OnceLock::new() }
    }

    /// How much it may be, by the smaller of its bounds; unbounded at first.
    pub fn most(&self) -> usize {
        let resident = self.resident.get().map_or(usize::MAX, |resident| resident.most);
        self.most.load(Ordering::Relaxed).min(resident)
    }

    /// Bounds what may be granted, from now on. What is there stays.
    pub fn limit(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Bounds what may be resident, as this measures it for the whole program: from now on, and once only.
    pub fn limit_resident(&self, most: usize, measure: fn() -> usize) {
        let resident = Resident { most, measure, seen: AtomicUsize::new(0), granted: AtomicUsize::new(0) };
        if self.resident.set(resident).is_ok() {
            self.look();
        }
    }

    /// Measures again what is resident, which is not told of pages that guests touch; zero without a bound of it.
    pub fn look(&self) -> usize {
        self.resident.get().map_or(0, |resident| resident.look(self.granted()))
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
        let most = self.most.load(Ordering::Relaxed).saturating_sub(self.kept());
        let more = |guests: usize| guests.checked_add(bytes).filter(|sum| *sum <= most);
        if self.guests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            return false;
        }
        let fits = self.fits_resident(self.granted(), bytes);
        if !fits {
            self.give_back(bytes);
        }
        fits
    }

    /// A guest gives so much back.
    pub fn give_back(&self, bytes: usize) {
        self.guests.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether so much more may be granted or kept.
    pub fn has_room(&self, bytes: usize) -> bool {
        let granted = self.granted().saturating_add(bytes);
        granted <= self.most.load(Ordering::Relaxed) && self.fits_resident(granted, bytes)
    }

    /// So much is kept for a process, after so much before.
    pub(crate) fn keep(&self, before: usize, now: usize) {
        if now >= before {
            self.kept.fetch_add(now - before, Ordering::Relaxed);
        } else {
            self.kept.fetch_sub(before - now, Ordering::Relaxed);
        }
    }

    fn granted(&self) -> usize {
        self.guests().saturating_add(self.kept())
    }

    /// Whether what is resident leaves room for the last bytes of what is granted.
    fn fits_resident(&self, granted: usize, bytes: usize) -> bool {
        let Some(resident) = self.resident.get() else { return true };
        let since = granted.saturating_sub(resident.granted.load(Ordering::Relaxed));
        let fits = |seen: usize, more: usize| seen.saturating_add(more) <= resident.most;
        fits(resident.seen.load(Ordering::Relaxed), since)
            || fits(resident.look(granted.saturating_sub(bytes)), bytes)
    }
}

impl Resident {
    #[cold]
    fn look(&self, granted: usize) -> usize {
        let seen = (self.measure)();
        self.seen.store(seen, Ordering::Relaxed);
        self.granted.store(granted, Ordering::Relaxed);
        seen
    }
}
