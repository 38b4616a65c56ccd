use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::Pid;
use crate::body::Body;
use crate::runtime::Node;
use crate::sync::{AtomicBool, AtomicUsize, Mutex, fence, thread_local};
use crate::workers::{self, Instant, has_budget_remaining, yield_now};

/// Gives processes their turns: as many tasks of tokio as it has workers, each with a queue of its own.
///
/// A process has no task of its own. One that wakes another one, by a message or a reply, hands its turn over: when it
/// waits itself, its worker goes on with the other one at once. A second one that it wakes goes to its runner's queue,
/// from which runners without work take. So waking costs a push, and a worker that sleeps is woken for work that waits,
/// not for each message: that takes longer than the message.
#[derive(Debug)]
pub(crate) struct Scheduler {
    runners: Box<[Runner]>,
    /// From outside of the runners.
    injected: Mutex<VecDeque<Arc<Body>>>,
    /// Runners that found nothing to do.
    parked: Mutex<Vec<usize>>,
    parked_count: AtomicUsize,
    /// A runner was unparked and has not looked yet: new work need not unpark another one.
    searching: AtomicBool,
    closed: AtomicBool,
    decoy: Mutex<Option<Waker>>,
}

/// On a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Runner {
    queue: Mutex<VecDeque<Arc<Body>>>,
    waker: Mutex<Option<Waker>>,
    parked: AtomicBool,
}

/// What a thread is doing.
struct Thread {
    /// The runner that is on it.
    runner: RefCell<Option<(Arc<Scheduler>, usize)>>,
    /// The process whose turn it is.
    current: Cell<Option<Pid>>,
    /// The one that it has handed its turn to.
    next: RefCell<Option<Arc<Body>>>,
    /// How many messages the process may still take on this turn, and how many it may send.
    budget: Cell<(u32, u32)>,
    /// How many messages the process has sent since it handed its turn over.
    sent: Cell<u32>,
    /// When its runner has looked at the clock last: before the turn began.
    looked: Cell<Option<Instant>>,
    /// How many processes run within each other's turns.
    depth: Cell<u32>,
    /// Counts turns within turns: some of them are timed.
    nested: Cell<u32>,
}

thread_local! {
    static THREAD: Thread = const {
        Thread {
            runner: RefCell::new(None),
            current: Cell::new(None),
            next: RefCell::new(None),
            budget: Cell::new((0, 0)),
            sent: Cell::new(0),
            looked: Cell::new(None),
            depth: Cell::new(0),
            nested: Cell::new(0),
        }
    };
}

/// Why a runner has stopped.
enum Pause {
    /// There is nothing to run.
    Empty,
    /// tokio's other tasks get their turn, too.
    Spent,
}

impl Scheduler {
    /// For the workers of the current runtime.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            runners: (0..workers::count()).map(|_| Runner::default()).collect(),
            injected: Mutex::default(),
            parked: Mutex::default(),
            parked_count: AtomicUsize::new(0),
            searching: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            decoy: Mutex::default(),
        })
    }

    /// Starts the runners of a node.
    pub(crate) fn start(self: &Arc<Self>, node: &Weak<Node>) {
        for own in 0..self.runners.len() {
            let left = Left { node: node.clone(), scheduler: self.clone() };
            let scheduler = self.clone();
            workers::spawn(async move {
                let _left = left;
                while !scheduler.closed.load(Ordering::Acquire) {
                    match scheduler.run(own) {
                        Pause::Spent => yield_now().await,
                        Pause::Empty => scheduler.park(own).await,
                    }
                }
            });
        }
        let scheduler = self.clone();
        workers::spawn(poll_fn(move |task| {
            *scheduler.decoy.lock() = Some(task.waker().clone());
            if scheduler.closed.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        }));
    }

    /// Lets the runners end: there are no processes any more.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for runner in &self.runners {
            wake(&runner.waker);
        }
        wake(&self.decoy);
    }

    /// Takes a process that has to run, from its waker.
    pub(crate) fn place(body: Arc<Body>) {
        let place = |thread: &Thread, body: Arc<Body>| {
            let runner = thread.runner.borrow();
            let Some((scheduler, own)) = runner.as_ref().filter(|(own, _)| body.is_of(own)) else {
                return Some(body);
            };
            if thread.current.get().is_some() {
                let mut next = thread.next.borrow_mut();
                if next.is_none() {
                    *next = Some(body);
                    thread.sent.set(0);
                    return None;
                }
            }
            scheduler.queue(*own, body);
            None
        };
        let mut body = Some(body);
        // On a thread that is ending, it is as from outside.
        let _ = THREAD.try_with(|thread| body = body.take().and_then(|body| place(thread, body)));
        if let Some(body) = body {
            let runtime = body.runtime.clone();
            runtime.scheduler().inject(body);
        }
    }

    /// Takes a process that is to run for the first time: after those that wait.
    pub(crate) fn admit(&self, body: Arc<Body>) {
        THREAD.with(|thread| match &*thread.runner.borrow() {
            Some((scheduler, own)) if body.is_of(scheduler) => scheduler.queue(*own, body),
            _ => self.inject(body),
        });
    }

    fn inject(&self, body: Arc<Body>) {
        self.injected.lock().push_back(body);
        self.share();
    }

    fn queue(&self, own: usize, body: Arc<Body>) {
        self.runners[own].queue.lock().push_back(body);
        self.share();
    }

    /// Takes back a process that goes on; it alone is no reason to wake anybody.
    fn requeue(&self, own: usize, body: Arc<Body>) {
        let mut queue = self.runners[own].queue.lock();
        queue.push_back(body);
        let more = queue.len() > 1;
        drop(queue);
        if more {
            self.share();
        }
    }

    /// Wakes a runner for work that was queued, if one sleeps and none is coming anyway.
    fn share(&self) {
        // With the one in `park`: either that runner sees the work, or this one sees that it sleeps.
        fence(Ordering::SeqCst);
        if self.parked_count.load(Ordering::Relaxed) > 0 && !self.searching.swap(true, Ordering::AcqRel) {
            self.unpark();
        }
    }

    fn unpark(&self) {
        let mut parked = self.parked.lock();
        let Some(runner) = parked.pop() else {
            // Under the lock: work for whoever parks from now on wakes it again.
            self.searching.store(false, Ordering::Release);
            return;
        };
        self.parked_count.store(parked.len(), Ordering::Relaxed);
        drop(parked);
        self.runners[runner].parked.store(false, Ordering::Release);
        wake(&self.runners[runner].waker);
        // tokio keeps the task that a worker has woken last to that worker, which is busy here; the next wake moves it
        // to where others take it.
        wake(&self.decoy);
    }

    /// Runs processes until there is none to run, or the time is up.
    fn run(self: &Arc<Self>, own: usize) -> Pause {
        let on_thread = OnThread::enter(self, own);
        let mut clock = Clock::start();
        self.take_injected(own);
        loop {
            let body = THREAD.with(|thread| thread.next.take());
            let Some(body) = body.or_else(|| self.queued(own)) else { return Pause::Empty };
            let again = clock.time(&body, || body.turn(MESSAGES_PER_TURN));
            if again {
                self.requeue(own, body);
            }
            // tokio's resources are not ready any more on a turn whose budget is spent.
            if clock.spent || !has_budget_remaining() {
                drop(on_thread);
                return Pause::Spent;
            }
        }
    }

    fn queued(&self, own: usize) -> Option<Arc<Body>> {
        let body = self.runners[own].queue.lock().pop_front();
        body.or_else(|| self.find_work(own))
    }

    fn find_work(&self, own: usize) -> Option<Arc<Body>> {
        if !self.take_injected(own) && !self.steal(own) {
            return None;
        }
        let mut queue = self.runners[own].queue.lock();
        let body = queue.pop_front();
        let more = !queue.is_empty();
        drop(queue);
        if more {
            self.share();
        }
        body
    }

    /// Takes some of what came from outside; true if there was anything.
    fn take_injected(&self, own: usize) -> bool {
        let mut injected = self.injected.lock();
        if injected.is_empty() {
            return false;
        }
        let share = injected.len().div_ceil(self.runners.len()).min(BATCH);
        let mut queue = self.runners[own].queue.lock();
        queue.extend(injected.drain(..share));
        true
    }

    /// Takes half of what waits for another runner; true if there was anything.
    fn steal(&self, own: usize) -> bool {
        let others = self.runners.len();
        (1..others).map(|step| (own + step) % others).any(|other| {
            let mut queue = self.runners[other].queue.lock();
            let half = queue.len().div_ceil(2).min(BATCH);
            let stolen: VecDeque<_> = queue.drain(..half).collect();
            drop(queue);
            let any = !stolen.is_empty();
            self.runners[own].queue.lock().extend(stolen);
            any
        })
    }

    fn has_work(&self) -> bool {
        !self.injected.lock().is_empty() || self.runners.iter().any(|runner| !runner.queue.lock().is_empty())
    }

    /// Sleeps until there may be work.
    fn park(&self, own: usize) -> impl Future<Output = ()> {
        let mut entered = false;
        poll_fn(move |task| {
            let runner = &self.runners[own];
            {
                let mut waker = runner.waker.lock();
                if !waker.as_ref().is_some_and(|waker| waker.will_wake(task.waker())) {
                    *waker = Some(task.waker().clone());
                }
            }
            // After the waker is there: whoever closes before is seen, and whoever closes later wakes.
            if entered && !runner.parked.load(Ordering::Acquire) || self.closed.load(Ordering::Acquire) {
                self.searching.store(false, Ordering::SeqCst);
                return Poll::Ready(());
            }
            if !entered {
                entered = true;
                runner.parked.store(true, Ordering::Release);
                let mut parked = self.parked.lock();
                parked.push(own);
                self.parked_count.store(parked.len(), Ordering::Relaxed);
                drop(parked);
                fence(Ordering::SeqCst);
                if self.has_work() {
                    self.share();
                }
            }
            Poll::Pending
        })
    }
}

/// Times turns: each one while they are long, some of them while they are short, for a look at the clock takes a tenth of a
/// short turn.
struct Clock {
    started: Instant,
    /// When it was last looked at.
    last: Instant,
    /// How many turns go by until the next look.
    left: u32,
    every: u32,
    /// tokio's other tasks have waited long enough.
    spent: bool,
}

impl Clock {
    fn start() -> Self {
        let now = Instant::now();
        THREAD.with(|thread| thread.looked.set(Some(now)));
        Self { started: now, last: now, left: 0, every: 1, spent: false }
    }

    fn time(&mut self, body: &Body, turn: impl FnOnce() -> bool) -> bool {
        if self.left > 0 {
            self.left -= 1;
            return turn();
        }
        let before = if self.every == 1 { self.last } else { Instant::now() };
        let again = turn();
        let now = Instant::now();
        body.account(now - before, self.every);
        // The turns since the last look were short, too, if all of them together were.
        self.every = if now - self.last < SHORT { TIMED } else { 1 };
        self.left = self.every - 1;
        self.last = now;
        THREAD.with(|thread| thread.looked.set(Some(now)));
        self.spent = now - self.started > LONGEST;
        again
    }
}

/// A runner's time on a thread.
struct OnThread;

impl OnThread {
    fn enter(scheduler: &Arc<Scheduler>, own: usize) -> Self {
        THREAD.with(|thread| *thread.runner.borrow_mut() = Some((scheduler.clone(), own)));
        Self
    }
}

impl Drop for OnThread {
    /// Whoever has been handed the turn and did not get it waits with the others.
    fn drop(&mut self) {
        let (runner, next) = THREAD.with(|thread| (thread.runner.take(), thread.next.take()));
        if let Some((scheduler, own)) = runner
            && let Some(next) = next
        {
            scheduler.requeue(own, next);
        }
    }
}

/// What a runner leaves behind when its tokio runtime is shut down: processes that nobody will run.
struct Left {
    node: Weak<Node>,
    scheduler: Arc<Scheduler>,
}

impl Drop for Left {
    fn drop(&mut self) {
        if let Some(node) = self.node.upgrade() {
            node.abandon();
        }
        let injected = std::mem::take(&mut *self.scheduler.injected.lock());
        drop(injected);
        for runner in &self.scheduler.runners {
            let left = std::mem::take(&mut *runner.queue.lock());
            drop(left);
        }
    }
}

/// Runs a turn as a process's.
pub(crate) fn as_current<T>(pid: Pid, messages: u32, turn: impl FnOnce() -> T) -> T {
    THREAD.with(|thread| {
        let budget = (messages, MESSAGES_PER_TURN);
        let outer = (thread.current.replace(Some(pid)), thread.budget.replace(budget));
        let outcome = turn();
        thread.current.set(outer.0);
        thread.budget.set(outer.1);
        outcome
    })
}

/// Runs the process that the current one has just woken, within the current one's turn, if that is likely to be over at
/// once. Otherwise it gets its turn when the current process waits.
pub(crate) fn run_woken() {
    THREAD.with(|thread| {
        if thread.current.get().is_none() || thread.depth.get() >= MOST_DEPTH {
            return;
        }
        let body = thread.next.borrow_mut().take_if(|body| body.may_nest());
        let Some(body) = body else { return };
        let count = thread.nested.get().wrapping_add(1);
        thread.nested.set(count);
        let timed = (count % TIMED == 0).then(Instant::now);
        thread.depth.set(thread.depth.get() + 1);
        // One message: whoever else waits for it is served on its own turn.
        // What has woken it within its turn is mostly the end of what it began there: a turn without a message tells.
        let again = body.turn(1) && body.turn(0);
        thread.depth.set(thread.depth.get() - 1);
        if let Some(started) = timed {
            body.account(started.elapsed(), TIMED);
        }
        if again && let Some((scheduler, own)) = &*thread.runner.borrow() {
            scheduler.requeue(*own, body);
        }
    });
}

/// Notes that a message was sent. A process that keeps sending instead of waiting is not about to give its turn to the one
/// that it has handed it to: another worker may take that one.
pub(crate) fn note_sent() {
    let _ = THREAD.try_with(|thread| {
        let sent = thread.sent.get().wrapping_add(1);
        thread.sent.set(sent);
        if sent % SENT_AT_ONCE == 0
            && let Some((scheduler, own)) = &*thread.runner.borrow()
            && let Some(body) = thread.next.take()
        {
            scheduler.queue(*own, body);
        }
    });
}

/// Whether it is this process's turn on this thread, and it is not breaking down.
pub(crate) fn is_running(pid: Pid) -> bool {
    THREAD.with(|thread| thread.current.get()) == Some(pid) && !std::thread::panicking()
}

/// Takes a message off what the current process may receive on this turn. False if there is none left: then it yields.
pub(crate) fn may_take() -> bool {
    THREAD.with(|thread| {
        let (takes, sends) = thread.budget.get();
        if thread.current.get().is_none() {
            return true;
        }
        let takes = match takes {
            // Short messages are no reason to stop.
            0 if thread.depth.get() == 0 && thread.looked.get().is_some_and(|at| at.elapsed() < TURN) => {
                MESSAGES_PER_TURN
            }
            takes => takes,
        };
        thread.budget.set((takes.saturating_sub(1), sends));
        takes > 0
    })
}

/// Takes a message off what the current process may send on this turn. False if there is none left: then it yields.
pub(crate) fn may_send() -> bool {
    THREAD.with(|thread| {
        let (takes, sends) = thread.budget.get();
        thread.budget.set((takes, sends.saturating_sub(1)));
        sends > 0 || thread.current.get().is_none()
    })
}

fn wake(waker: &Mutex<Option<Waker>>) {
    let waker = waker.lock().clone();
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// How long turns may follow each other before tokio gets its own: as long as a guest may run without a break.
const LONGEST: Duration = Duration::from_millis(1);

/// How many messages a process may send on a turn, and take until somebody looks at the clock: one that is flooded, or
/// floods another one, lets others run.
const MESSAGES_PER_TURN: u32 = 64;

/// How long a process may go on taking messages when others wait.
const TURN: Duration = Duration::from_micros(50);

/// How deep turns may be within turns: each holds some of its caller's stack.
const MOST_DEPTH: u32 = 8;

/// How many messages a process may send on a turn before the one that it has handed its turn to is given to all workers.
const SENT_AT_ONCE: u32 = 16;

/// Of short turns, every so many are timed.
const TIMED: u32 = 8;

/// Turns up to the next look that took less than this in all are short.
const SHORT: Duration = Duration::from_micros(20);

/// How many processes move between queues at a time.
const BATCH: usize = 64;
