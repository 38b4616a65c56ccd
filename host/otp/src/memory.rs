//! What all processes of a node take, in bytes, and the bounds of it.

use std::fmt;
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
struct Resident {
    most: usize,
    measure: Box<Measure>,
    /// What was measured last, and how much was granted then.
    seen: AtomicUsize,
    granted: AtomicUsize,
}

/// Bytes that are resident now; none if that cannot be told.
type Measure = dyn Fn() -> Option<usize> + Send + Sync;

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

    /// Bounds what may be resident, as this measures it for the whole program: from now on, and once only. What cannot be measured is
    /// taken to be what it was, and what was granted since.
    pub fn limit_resident(&self, most: usize, measure: impl Fn() -> Option<usize> + Send + Sync + 'static) {
        let [seen, granted] = [0; 2].map(AtomicUsize::new);
        let resident = Resident { most, measure: Box::new(measure), seen, granted };
        if self.resident.set(resident).is_ok() {
            self.look();
        }
    }

    /// Measures again what is resident, which is not told of pages that guests touch.
    pub fn look(&self) {
        if let Some(resident) = self.resident.get() {
            resident.look(self.granted());
        }
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
        let fits = || {
            let since = granted.saturating_sub(resident.granted.load(Ordering::Relaxed));
            resident.seen.load(Ordering::Relaxed).saturating_add(since) <= resident.most
        };
        fits() || resident.look(granted.saturating_sub(bytes)) && fits()
    }
}

impl Resident {
    /// Measures it, if it can be measured, when so much is granted.
    #[cold]
    fn look(&self, granted: usize) -> bool {
        let Some(seen) = (self.measure)() else { return false };
        self.seen.store(seen, Ordering::Relaxed);
        self.granted.store(granted, Ordering::Relaxed);
        true
    }
}

impl fmt::Debug for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resident").field("most", &self.most).field("seen", &self.seen).finish_non_exhaustive()
    }
}
