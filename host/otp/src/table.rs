use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::pid::{LAST_GENERATION, SLOT_BITS};
use crate::process::State;
use crate::{Pid, Reference};

/// The processes of a node, in an array that grows in chunks and never moves: a lookup is an index and a compare.
///
/// Invariants: a slot is in `free` or belongs to one living process; its generation grows by one with each process, so
/// a pid is of one process for ever; a slot whose generations are spent is in neither.
#[derive(Debug)]
pub(crate) struct Table {
    /// The node's id: a pid of another node is nobody here.
    node: u64,
    chunks: Box<[OnceLock<Box<[Slot]>>]>,
    /// Slots that were used and are free again.
    free: Mutex<Vec<u32>>,
    /// The first slot that was never used.
    fresh: AtomicU32,
}

/// One place for a process.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// Set when the process has to look at `State::exit` before it goes on.
    pub(crate) doomed: AtomicBool,
    state: Mutex<State>,
}

impl Table {
    pub(crate) fn new(node: u64) -> Self {
        let chunks = (0..SLOTS / CHUNK).map(|_| OnceLock::new()).collect();
        Self { node, chunks, free: Mutex::default(), fresh: AtomicU32::new(0) }
    }

    /// A place for a new process, with its number; none if all are taken.
    pub(crate) fn allocate(&self) -> Option<(Pid, &Slot)> {
        let reused = self.free.lock().pop();
        let index = match reused {
            Some(index) => index,
            None => {
                let grow = |fresh: u32| (fresh < SLOTS).then_some(fresh + 1);
                self.fresh.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow).ok()?
            }
        };
        let slot = self.slot(index)?;
        slot.doomed.store(false, Ordering::Relaxed);
        let mut state = slot.state.lock();
        state.generation += 1;
        Some((Pid::new(self.node, index, state.generation), slot))
    }

    /// Gives the place of an ended process back.
    pub(crate) fn release(&self, pid: Pid) {
        if pid.generation() < LAST_GENERATION {
            self.free.lock().push(pid.slot());
        }
    }

    /// The state of a living process.
    #[inline]
    pub(crate) fn lock(&self, pid: Pid) -> Option<MutexGuard<'_, State>> {
        if pid.node != self.node {
            return None;
        }
        self.slot(pid.slot())?.lock(pid)
    }

    pub(crate) fn slot(&self, index: u32) -> Option<&Slot> {
        let chunk = self.chunks.get((index / CHUNK) as usize)?;
        let slots = if index < self.fresh.load(Ordering::Relaxed) {
            chunk.get_or_init(|| (0..CHUNK).map(|_| Slot::default()).collect())
        } else {
            chunk.get()?
        };
        slots.get((index % CHUNK) as usize)
    }

    /// Every slot that was ever used.
    pub(crate) fn slots(&self) -> impl Iterator<Item = (u32, &Slot)> {
        (0..self.fresh.load(Ordering::Relaxed)).filter_map(|index| Some((index, self.slot(index)?)))
    }
}

impl Slot {
    /// The state, if the slot is this process's and it lives.
    #[inline]
    pub(crate) fn lock(&self, pid: Pid) -> Option<MutexGuard<'_, State>> {
        let state = self.state.lock();
        (state.live && state.generation == pid.generation()).then_some(state)
    }

    /// The state, whoever it is of.
    pub(crate) fn lock_any(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// Numbers for monitors, timers and calls.
#[derive(Debug)]
pub(crate) struct References(std::sync::atomic::AtomicU64);

impl References {
    pub(crate) fn new() -> Self {
        Self(std::sync::atomic::AtomicU64::new(1))
    }

    /// A billion a second would take 100 days to reach 2^53.
    pub(crate) fn next(&self) -> Reference {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

const SLOTS: u32 = 1 << SLOT_BITS;

/// Large enough that the array of chunks is small, small enough that a node of few processes is.
const CHUNK: u32 = 1024;
