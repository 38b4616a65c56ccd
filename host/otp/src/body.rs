use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as Task, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::coop::has_budget_remaining;

use crate::runtime::Runtime;
use crate::{ExitReason, Pid};

/// What a process runs, behind a lock that is free while the process waits: whoever wakes it may run it.
///
/// A process that wakes another one, by a call or its reply, hands its turn over: when it waits itself, its worker goes on
/// with the other one at once. Through the scheduler, two processes that talk to each other would wake a second worker
/// every few messages, which costs more than the messages.
///
/// Invariant: while `woken` is set, a turn is sure to come: from the scheduler, from the worker that has the process next,
/// or from the one that is running it and looks again when it is done.
pub(crate) struct Body {
    runtime: Runtime,
    pid: Pid,
    running: Mutex<Running>,
    woken: AtomicBool,
    ended: AtomicBool,
    /// Its last turn was over at once, and so may the next one be: it may run within another process's turn.
    quick: AtomicBool,
    /// Whether it may ever.
    nests: bool,
    /// Wakes the task that the scheduler knows the process by.
    task: Mutex<Option<Waker>>,
}

struct Running {
    future: Option<Pin<Box<dyn Future<Output = ExitReason> + Send>>>,
    started: bool,
}

thread_local! {
    /// The process whose turn it is on this worker.
    static CURRENT: Cell<Option<Pid>> = const { Cell::new(None) };
    /// The one that it has handed its turn to.
    static NEXT: RefCell<Option<Arc<Body>>> = const { RefCell::new(None) };
    /// How many messages the process may still take on this turn.
    static BUDGET: Cell<u32> = const { Cell::new(0) };
    /// How many processes run within each other's turns.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

impl Body {
    pub(crate) fn new(
        runtime: Runtime,
        pid: Pid,
        nests: bool,
        future: impl Future<Output = ExitReason> + Send + 'static,
    ) -> Arc<Self> {
        let running = Mutex::new(Running { future: Some(Box::pin(future)), started: false });
        let (woken, ended, quick) = (AtomicBool::new(true), AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { runtime, pid, running, woken, ended, quick, nests, task: Mutex::default() })
    }

    /// A turn that the scheduler gave: this process's, and those of the ones that it hands over to.
    pub(crate) fn poll(self: &Arc<Self>, task: &mut Task<'_>) -> Poll<()> {
        {
            let mut known = self.task.lock();
            if !known.as_ref().is_some_and(|known| known.will_wake(task.waker())) {
                *known = Some(task.waker().clone());
            }
        }
        let started = Instant::now();
        // Whoever was woken goes before whoever goes on by itself.
        let mut waiting = VecDeque::new();
        let mut next = Some(self.clone());
        while let Some(body) = next.take().or_else(|| waiting.pop_front()) {
            let again = body.turn(MESSAGES_PER_TURN);
            next = NEXT.take();
            if again {
                waiting.push_back(body);
            }
            // tokio's resources are not ready any more on a turn whose budget is spent.
            let spent = started.elapsed() > LONGEST || !has_budget_remaining();
            if spent || waiting.len() > MOST_WAITING {
                break;
            }
        }
        for left in next.into_iter().chain(waiting) {
            left.schedule();
        }
        if self.ended.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// True if it was woken meanwhile: then the turn that it has to get is the caller's to give.
    fn turn(self: &Arc<Self>, messages: u32) -> bool {
        // Whoever runs it now looks at `woken` afterwards.
        let Some(mut running) = self.running.try_lock() else { return false };
        if running.future.is_none() {
            return false;
        }
        self.woken.store(false, Ordering::Release);
        let waker = Waker::from(self.clone());
        if !running.started {
            running.started = true;
            if let Some(mut state) = self.runtime.state(self.pid) {
                state.waker = Some(waker.clone());
            }
        }
        let outcome = match self.runtime.take_exit(self.pid) {
            Some(reason) => Poll::Ready(reason),
            None => {
                let started = Instant::now();
                let outer = (CURRENT.replace(Some(self.pid)), BUDGET.replace(messages));
                let mut task = Task::from_waker(&waker);
                let future = running.future.as_mut();
                let poll = || future.map_or(Poll::Pending, |future| future.as_mut().poll(&mut task));
                let outcome = std::panic::catch_unwind(AssertUnwindSafe(poll));
                CURRENT.set(outer.0);
                BUDGET.set(outer.1);
                self.quick.store(started.elapsed() < QUICK, Ordering::Relaxed);
                outcome.unwrap_or_else(|panic| Poll::Ready(self.runtime.panicked(self.pid, panic.as_ref())))
            }
        };
        match outcome {
            Poll::Ready(reason) => {
                // The body is gone before anybody hears of the end.
                running.future = None;
                drop(running);
                self.runtime.finish(self.pid, &reason);
                self.ended.store(true, Ordering::Release);
                self.schedule();
                false
            }
            Poll::Pending => {
                drop(running);
                self.woken.load(Ordering::Acquire)
            }
        }
    }

    fn schedule(&self) {
        if let Some(task) = &*self.task.lock() {
            task.wake_by_ref();
        }
    }
}

impl Wake for Body {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.woken.swap(true, Ordering::AcqRel) {
            return;
        }
        let current = CURRENT.get();
        if current == Some(self.pid) {
            // It yields: others get their turn before it goes on.
            return;
        }
        let handed_over = current.is_some()
            && NEXT.with_borrow_mut(|next| {
                let free = next.is_none();
                if free {
                    *next = Some(self.clone());
                }
                free
            });
        if !handed_over {
            self.schedule();
        }
    }
}

/// Runs the process that the current one has just woken, within the current one's turn, if that is likely to be over at
/// once. Otherwise it gets its turn when the current process waits.
pub(crate) fn run_woken() {
    if CURRENT.get().is_none() || DEPTH.get() >= MOST_DEPTH {
        return;
    }
    let fit = |body: &mut Arc<Body>| body.nests && body.quick.load(Ordering::Relaxed);
    let Some(body) = NEXT.with_borrow_mut(|next| next.take_if(fit)) else { return };
    DEPTH.set(DEPTH.get() + 1);
    // One message: whoever else waits for it is served on its own turn.
    if body.turn(1) {
        body.schedule();
    }
    DEPTH.set(DEPTH.get() - 1);
}

/// Whether it is this process's turn on this worker, and it is not breaking down.
pub(crate) fn is_running(pid: Pid) -> bool {
    CURRENT.get() == Some(pid) && !std::thread::panicking()
}

/// Takes a message off the current turn's budget. False if there is none left: then the process yields.
pub(crate) fn may_take_message() -> bool {
    let left = BUDGET.get().checked_sub(1);
    BUDGET.set(left.unwrap_or(0));
    left.is_some() || CURRENT.get().is_none()
}

/// How many processes one worker keeps to itself; the others' workers may take what is more.
const MOST_WAITING: usize = 4;

/// How long turns may follow each other before the scheduler gets its own: as long as a guest may run without a break.
const LONGEST: Duration = Duration::from_millis(1);

/// How many messages a process may take on a turn: one that is flooded lets others run.
const MESSAGES_PER_TURN: u32 = 64;

/// A turn so short that waking another worker for it would take longer.
const QUICK: Duration = Duration::from_micros(50);

/// How deep turns may be within turns: each holds some of its caller's stack.
const MOST_DEPTH: u32 = 8;
