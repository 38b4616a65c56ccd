use std::any::Any;
use std::cell::UnsafeCell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context as Task, Poll, Wake, Waker};
use std::time::Duration;

use crate::runtime::Runtime;
use crate::scheduler::{Scheduler, as_current};
use crate::sync::{AtomicBool, AtomicU8, AtomicU64};
use crate::{ExitReason, Pid};

/// What a process runs.
///
/// Invariants: one that is [`QUEUED`] is in exactly one place of the scheduler, and the runner that takes it out runs it; so a
/// process is run by one worker at a time, and a waker that finds it running makes it run again. `future` is touched only
/// by the thread that has changed the phase to [`RUNNING`], or from [`IDLE`] or [`QUEUED`] to [`ENDED`].
pub(crate) struct Body {
    pub(crate) runtime: Runtime,
    pub(crate) pid: Pid,
    phase: AtomicU8,
    /// There is an exit to take.
    exiting: AtomicBool,
    /// Its last turn was over at once, and so may the next one be: it may run within another process's turn.
    quick: AtomicBool,
    /// Whether it may at all.
    nests: AtomicBool,
    turns: AtomicU64,
    run_nanos: AtomicU64,
    size: usize,
    /// Bytes of its own that it has told of.
    told: AtomicU64,
    future: UnsafeCell<Option<Pin<Box<dyn Future<Output = ExitReason> + Send>>>>,
}

// SAFETY: the future is `Send`, and by the invariant of the phases one thread at a time touches it.
unsafe impl Sync for Body {}

/// It waits: its waker has to give it to the scheduler.
const IDLE: u8 = 0;
/// It is to run.
const QUEUED: u8 = 1;
/// It runs.
const RUNNING: u8 = 2;
/// It runs, and has to run again.
const NOTIFIED: u8 = 3;
/// It will not run any more.
const ENDED: u8 = 4;

impl Body {
    /// A process that is to run for the first time.
    pub(crate) fn new<F>(runtime: Runtime, pid: Pid, nests: bool, future: F) -> Arc<Self>
    where
        F: Future<Output = ExitReason> + Send + 'static,
    {
        let size = size_of::<Self>() + size_of::<F>();
        Arc::new(Self {
            runtime,
            pid,
            phase: AtomicU8::new(QUEUED),
            exiting: AtomicBool::new(false),
            quick: AtomicBool::new(false),
            nests: AtomicBool::new(nests),
            turns: AtomicU64::new(0),
            run_nanos: AtomicU64::new(0),
            size,
            told: AtomicU64::new(0),
            future: UnsafeCell::new(Some(Box::pin(future))),
        })
    }

    /// One turn of a process that was taken out of the scheduler, of so many messages at most. True if it has to run again:
    /// then the caller gives it back.
    pub(crate) fn turn(self: &Arc<Self>, messages: u32) -> bool {
        if self.change(QUEUED, RUNNING).is_err() {
            return false;
        }
        self.turns.store(self.turns.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        let outcome = match self.exit() {
            Some(reason) => Poll::Ready(reason),
            None => as_current(self.pid, messages, || self.poll()),
        };
        if let Poll::Ready(reason) = outcome {
            self.end(reason);
            return false;
        }
        match self.change(RUNNING, IDLE) {
            Ok(_) => false,
            Err(NOTIFIED) if self.change(NOTIFIED, QUEUED).is_ok() => true,
            // It was given up meanwhile.
            Err(_) => {
                self.take_future();
                false
            }
        }
    }

    fn change(&self, from: u8, to: u8) -> Result<u8, u8> {
        self.phase.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
    }

    /// By a thread that may touch the future.
    fn take_future(&self) {
        // SAFETY: every caller is the one that the invariant names.
        let future = unsafe { &mut *self.future.get() }.take();
        drop(future);
    }

    fn exit(&self) -> Option<ExitReason> {
        self.exiting.load(Ordering::Acquire).then(|| self.runtime.take_exit(self.pid)).flatten()
    }

    fn poll(self: &Arc<Self>) -> Poll<ExitReason> {
        // SAFETY: the pointer is that of a living `Arc`, which outlives the waker; its count is left as it is, because the
        // waker is not dropped.
        let waker = ManuallyDrop::new(Waker::from(unsafe { Arc::from_raw(Arc::as_ptr(self)) }));
        let mut task = Task::from_waker(&waker);
        // SAFETY: this is a turn, which has changed the phase to RUNNING.
        let Some(future) = (unsafe { &mut *self.future.get() }) else { return Poll::Pending };
        let poll = || future.as_mut().poll(&mut task);
        catch_unwind(AssertUnwindSafe(poll)).unwrap_or_else(|panic| Poll::Ready(self.panicked(&*panic)))
    }

    fn panicked(&self, panic: &(dyn Any + Send)) -> ExitReason {
        self.runtime.panicked(self.pid, panic)
    }

    /// The body is gone before anybody hears of the end.
    fn end(&self, mut reason: ExitReason) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.take_future())) {
            reason = self.panicked(&*panic);
        }
        self.phase.store(ENDED, Ordering::Release);
        self.runtime.finish(self.pid, &reason);
    }

    /// Gives up the future of a process that will not run any more because its workers are gone.
    pub(crate) fn abandon(&self) {
        // One that runs sees it at the end of its turn.
        if matches!(self.phase.swap(ENDED, Ordering::AcqRel), IDLE | QUEUED) {
            self.take_future();
        }
    }

    /// There is an exit to take before it goes on.
    pub(crate) fn terminate(&self) {
        self.exiting.store(true, Ordering::Release);
    }

    /// Whether its next turn is likely to be over at once, and may be within another's.
    pub(crate) fn may_nest(&self) -> bool {
        self.nests.load(Ordering::Relaxed) && self.quick.load(Ordering::Relaxed)
    }

    /// From now on it may run within another process's turn.
    pub(crate) fn share_turns(&self) {
        self.nests.store(true, Ordering::Relaxed);
    }

    /// Notes how long a turn took, which stands for so many.
    pub(crate) fn account(&self, took: Duration, turns: u32) {
        self.quick.store(took < QUICK, Ordering::Relaxed);
        let nanos = took.as_nanos() as u64 * u64::from(turns);
        self.run_nanos.store(self.run_nanos.load(Ordering::Relaxed) + nanos, Ordering::Relaxed);
    }

    /// How many turns it has had, and how long they took together.
    pub(crate) fn used(&self) -> (u64, Duration) {
        let nanos = self.run_nanos.load(Ordering::Relaxed);
        (self.turns.load(Ordering::Relaxed), Duration::from_nanos(nanos))
    }

    /// Bytes that it takes, and those of its own that it has told of.
    pub(crate) fn size(&self) -> usize {
        self.size + self.told.load(Ordering::Relaxed) as usize
    }

    pub(crate) fn tell_memory(&self, bytes: usize) {
        self.told.store(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn is_of(&self, scheduler: &Arc<Scheduler>) -> bool {
        Arc::ptr_eq(self.runtime.scheduler(), scheduler)
    }

    /// Whether a waker wakes this very process, and nothing else.
    pub(crate) fn is_woken_by(self: &Arc<Self>, waker: &Waker) -> bool {
        waker.data() == Arc::as_ptr(self).cast()
    }

    /// True if the caller has to give it to the scheduler.
    fn notify(&self) -> bool {
        let next = |phase| match phase {
            IDLE => Some(QUEUED),
            RUNNING => Some(NOTIFIED),
            ENDED => None,
            // Written again, so that its next turn sees what was done before the wake.
            same => Some(same),
        };
        self.phase.fetch_update(Ordering::AcqRel, Ordering::Acquire, next) == Ok(IDLE)
    }
}

impl Wake for Body {
    fn wake(self: Arc<Self>) {
        if self.notify() {
            Scheduler::place(self);
        }
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.notify() {
            Scheduler::place(self.clone());
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// A turn so short that it is better had at once: waking another worker for it takes 20 us, and a guest that has to wait for it
/// in TypeScript 15 us more.
const QUICK: Duration = Duration::from_micros(100);
