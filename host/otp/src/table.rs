use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use crate::process::{Inbox, Private, State};
use crate::sync::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Mutex, MutexGuard};
use crate::threads::{SHARDS, shard};
use crate::unguessable::{KEYS, LAST_GENERATION, Places, SLOT_BITS, tag};
use crate::{Pid, Reference};

/// The processes of a node, in an array that grows in chunks and never moves: a lookup is an index and a compare.
///
/// Invariants: a slot is free, in one shard's list or in `shared`, or belongs to one living process; its generation
/// grows with each process, so a pid is of one process for ever; a slot whose generations are spent is never used again.
#[derive(Debug)]
pub(crate) struct Table {
    /// The node's id: a pid of another node is nobody here.
    node: u64,
    /// Where in an id its slot is.
    places: Places,
    chunks: Box<[OnceLock<Box<[Slot]>>]>,
    /// Free slots, for the threads of a shard.
    shards: Box<[Shard]>,
    /// Free slots that a shard had too many of.
    shared: Mutex<Vec<u32>>,
    /// The first slot that no shard has had.
    fresh: AtomicU32,
}

/// On a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(Mutex<Vec<u32>>);

/// One place for a process.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Slot {
    /// What other processes see and change.
    state: Mutex<State>,
    /// What only the process itself uses; locked before the state where both are.
    private: Mutex<Private>,
    /// Above 0 while there is something in the private half that a receive has to look at.
    pub(crate) left: AtomicU32,
    /// What lies in the inbox of the private half.
    pub(crate) inbox: Inbox,
    /// Whose private half it is: the id of its pid, 0 for nobody's.
    holder: AtomicU64,
    /// The code of the callback that the process is in.
    pub(crate) callback: AtomicU8,
    /// The process takes messages now, whatever else it waits for.
    pub(crate) receiving: AtomicBool,
    /// The how many-th process of the slot this is; changed when the slot is taken.
    generation: AtomicU32,
    /// The call that the process waits for, from before it looks whether anybody waits for it; 0 for none.
    pub(crate) calling: AtomicU64,
    /// The last of them that was answered: the callee notes it before the reply can be seen, and an answered call keeps
    /// nobody.
    answered: AtomicU64,
    /// Whom that call is to: the id of its pid. Written before `calling`.
    pub(crate) callee: AtomicU64,
}

impl Table {
    pub(crate) fn new(node: u64) -> Self {
        let chunks = (0..SLOTS / CHUNK).map(|_| OnceLock::new()).collect();
        let shards = (0..SHARDS).map(|_| Shard::default()).collect();
        Self { node, places: KEYS.places, chunks, shards, shared: Mutex::default(), fresh: AtomicU32::new(0) }
    }

    /// A place for a new process, locked and with its number; none if all are taken.
    pub(crate) fn allocate(&self) -> Option<(Pid, MutexGuard<'_, State>)> {
        loop {
            let index = self.free_index()?;
            let chunk = self.chunks.get((index / CHUNK) as usize)?;
            let slots = chunk.get_or_init(|| (0..CHUNK).map(|_| Slot::default()).collect());
            let slot = slots.get((index % CHUNK) as usize)?;
            let Some(id) = slot.next_id(index) else { continue };
            let mut state = slot.state.lock();
            state.tag = tag(id) as u32;
            slot.holder.store(id, Ordering::Release);
            return Some((Pid { node: self.node, id }, state));
        }
    }

    fn free_index(&self) -> Option<u32> {
        let mut own = self.shards[shard()].0.lock();
        if let Some(index) = own.pop() {
            return Some(index);
        }
        let mut shared = self.shared.lock();
        let rest = shared.len().saturating_sub(BATCH as usize);
        own.extend(shared.drain(rest..));
        drop(shared);
        if own.is_empty() {
            let grow = |fresh: u32| (fresh < SLOTS).then_some(fresh + BATCH);
            let first = self.fresh.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow).ok()?;
            own.extend((first..first + BATCH).rev());
        }
        own.pop()
    }

    /// Gives the place of an ended process back.
    pub(crate) fn release(&self, pid: Pid) {
        let mut own = self.shards[shard()].0.lock();
        own.push(self.places.slot(pid.id));
        if own.len() >= 4 * BATCH as usize {
            let rest = own.len() - 2 * BATCH as usize;
            self.shared.lock().extend(own.drain(rest..));
        }
    }

    /// The state of a living process.
    #[inline]
    pub(crate) fn lock(&self, pid: Pid) -> Option<MutexGuard<'_, State>> {
        self.slot(pid)?.lock(pid)
    }

    /// The place of a process, which may be another's by now.
    #[inline]
    pub(crate) fn slot(&self, pid: Pid) -> Option<&Slot> {
        if pid.node != self.node {
            return None;
        }
        self.slot_at(self.place(pid))
    }

    /// Where the slot of a process of this node is.
    #[inline]
    pub(crate) fn place(&self, pid: Pid) -> u32 {
        self.places.slot(pid.id)
    }

    /// The slot at a place.
    #[inline]
    pub(crate) fn slot_at(&self, place: u32) -> Option<&Slot> {
        self.chunks.get((place / CHUNK) as usize)?.get()?.get((place % CHUNK) as usize)
    }

    /// Every slot that was ever used.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.chunks.iter().filter_map(OnceLock::get).flatten()
    }
}

impl Slot {
    /// The state, if the slot is this process's and it lives.
    #[inline]
    pub(crate) fn lock(&self, pid: Pid) -> Option<MutexGuard<'_, State>> {
        let state = self.lock_any();
        // Whatever has this slot and this tag has this id.
        (state.live && u64::from(state.tag) == tag(pid.id)).then_some(state)
    }

    /// A process's private half, unless it has ended.
    #[inline]
    pub(crate) fn private(&self, pid: Pid) -> Option<MutexGuard<'_, Private>> {
        let private = self.private.lock();
        self.is_of(pid).then_some(private)
    }

    /// The private half, whosever it is.
    pub(crate) fn private_any(&self) -> MutexGuard<'_, Private> {
        self.private.lock()
    }

    /// The id of its next process; none if it has had as many as it may.
    fn next_id(&self, index: u32) -> Option<u64> {
        let next = self.generation.load(Ordering::Relaxed) + 1;
        let ids = (next..=LAST_GENERATION).map(|generation| (generation, KEYS.id(index, generation)));
        let (generation, id) = ids.into_iter().find(|(_, id)| id.is_some())?;
        self.generation.store(generation, Ordering::Relaxed);
        id
    }

    /// Whose it is, if anybody's.
    pub(crate) fn holder(&self) -> u64 {
        self.holder.load(Ordering::Acquire)
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Relaxed)
    }

    pub(crate) fn is_of(&self, pid: Pid) -> bool {
        self.holder.load(Ordering::Acquire) == pid.id
    }

    /// The private half of a process that has just ended; none if nothing was ever put there.
    pub(crate) fn take_private(&self) -> Option<Private> {
        self.holder.store(0, Ordering::Release);
        self.calling.store(0, Ordering::Relaxed);
        self.receiving.store(false, Ordering::Relaxed);
        self.left.store(0, Ordering::Relaxed);
        self.inbox.clear();
        self.callback.store(0, Ordering::Relaxed);
        let mut private = self.private.lock();
        private.used().then(|| std::mem::take(&mut *private))
    }

    /// Notes the call that the process waits for now.
    pub(crate) fn wait_for(&self, call: Reference, callee: Pid) {
        self.callee.store(callee.id, Ordering::Release);
        self.calling.store(call, Ordering::SeqCst);
    }

    /// This call is answered. Whether the process waits for it now.
    pub(crate) fn wait_over(&self, call: Reference) -> bool {
        // One that was given up must not hide the answer of the one that is waited for now.
        let waits = self.calling.load(Ordering::Relaxed) == call;
        if waits {
            self.answered.store(call, Ordering::Release);
        }
        waits
    }

    /// The call that the process waits for, and the id of whom it calls.
    pub(crate) fn waits_for(&self) -> Option<(Reference, u64)> {
        let call = self.calling.load(Ordering::SeqCst);
        let callee = self.callee.load(Ordering::Acquire);
        // A reference is of one call for ever: if it is still there, the callee is that call's.
        (call != 0 && self.still_waits_for(call)).then_some((call, callee))
    }

    /// Whether the process waits for this very call.
    pub(crate) fn still_waits_for(&self, call: Reference) -> bool {
        self.calling.load(Ordering::SeqCst) == call && self.answered.load(Ordering::Acquire) != call
    }

    /// The state, of whichever process.
    #[inline]
    pub(crate) fn lock_any(&self) -> MutexGuard<'_, State> {
        self.state.try_lock().unwrap_or_else(|| self.lock_soon())
    }

    /// It is held for some tens of nanoseconds: looking again is better than letting the system run somebody else.
    #[cold]
    fn lock_soon(&self) -> MutexGuard<'_, State> {
        for _ in 0..LOOKS {
            // Its holder is likely to want it again at once, and has it in its cache.
            for _ in 0..PAUSES {
                std::hint::spin_loop();
            }
            if !self.state.is_locked()
                && let Some(state) = self.state.try_lock()
            {
                return state;
            }
        }
        self.state.lock()
    }
}

const SLOTS: u32 = 1 << SLOT_BITS;

/// Large enough that the array of chunks is small, small enough that a node of few processes is.
const CHUNK: u32 = 1024;

/// How often a lock that is held is looked at, and how long it is left alone in between: one to two microseconds each time,
/// in which its holder sends some ten messages.
const LOOKS: u32 = 6;
const PAUSES: u32 = 40;

/// How many slots move between a shard and the others at a time.
const BATCH: u32 = 64;
