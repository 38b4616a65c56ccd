use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::supervisor::Supervision;
use crate::timers::deadline;
use crate::{ExitReason, Message, Pid, ProcessInfo, Runtime, SpawnOptions, StartError, Supervisor};

/// A named supervision tree, which is started and stopped as a whole.
///
/// ```
/// use std::time::Duration;
///
/// use rusm_otp::{Application, ChildSpec, ExitReason, Runtime, Supervisor};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let runtime = Runtime::new();
/// let worker = ChildSpec::process("worker", |context| async move {
///     context.receive().await;
///     ExitReason::Normal
/// });
/// let shop = Application::new("shop", Supervisor::new("root").child(worker));
/// shop.start(&runtime).await.unwrap();
/// let report = runtime.shutdown(Duration::from_secs(5)).await;
/// assert!(report.killed.is_empty());
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Application {
    name: Arc<str>,
    supervisor: Supervisor,
}

/// An application that runs. It goes on when this is dropped.
#[derive(Debug, Clone)]
pub struct RunningApplication {
    /// Its name.
    pub name: Arc<str>,
    /// Its supervisor.
    pub supervision: Supervision,
    runtime: Runtime,
}

/// How processes were stopped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShutdownReport {
    /// How many ended by themselves, or were stopped by their supervisor.
    pub stopped: usize,
    /// Those that were still there at the deadline, and were killed.
    pub killed: Vec<ProcessInfo>,
    /// Those of them that did not end even then: they run without a wait.
    pub stuck: Vec<Pid>,
}

impl Application {
    /// An application whose processes are all below this supervisor.
    pub fn new(name: impl Into<Arc<str>>, supervisor: Supervisor) -> Self {
        Self { name: name.into(), supervisor }
    }

    /// Starts the tree. [`Runtime::shutdown`] stops the application that was started last first.
    ///
    /// # Errors
    /// [`StartError`] of the child that did not start; nothing runs then.
    pub async fn start(self, runtime: &Runtime) -> Result<RunningApplication, StartError> {
        let supervision = self.supervisor.start(runtime, None).await?;
        let running = RunningApplication { name: self.name, supervision, runtime: runtime.clone() };
        let mut all = runtime.node().applications.lock();
        all.retain(|(_, pid)| runtime.is_alive(*pid));
        all.push((running.name.clone(), running.supervision.pid));
        drop(all);
        Ok(running)
    }
}

impl RunningApplication {
    /// Stops the tree, each supervisor its children in reverse order, and kills what is left after so long.
    pub async fn stop(&self, limit: Duration) -> ShutdownReport {
        let tree = self.runtime.below(self.supervision.pid);
        self.runtime.stop_processes(vec![self.supervision.pid], tree, deadline(limit)).await
    }
}

impl Runtime {
    /// The applications that run, in the order in which they were started.
    pub fn applications(&self) -> Vec<Arc<str>> {
        let all = self.node().applications.lock();
        all.iter().filter(|(_, pid)| self.is_alive(*pid)).map(|(name, _)| name.clone()).collect()
    }

    /// Stops everything in good order: the applications, the one that was started last first, then processes outside
    /// of them; and kills what is left after so long. Once the applications are gone, a process that is spawned ends with
    /// `shutdown` before its first step, so that processes which start each other cannot keep the node from stopping. The
    /// node can be used again afterwards.
    pub async fn shutdown(&self, limit: Duration) -> ShutdownReport {
        let deadline = deadline(limit);
        let mut report = ShutdownReport::default();
        let applications = std::mem::take(&mut *self.node().applications.lock());
        for (_, pid) in applications.into_iter().rev() {
            report.add(self.stop_processes(vec![pid], self.below(pid), deadline).await);
        }
        let _closed = Closed::new(self);
        let mut stuck = HashSet::new();
        loop {
            let mut left = self.tree();
            left.retain(|entry| !stuck.contains(&entry.process.pid));
            if left.is_empty() {
                return report;
            }
            let roots = left.iter().filter(|entry| entry.depth == 0).map(|entry| entry.process.pid).collect();
            let left = left.iter().map(|entry| entry.process.pid).collect();
            let stopped = self.stop_processes(roots, left, deadline).await;
            stuck.extend(stopped.stuck.iter().copied());
            report.add(stopped);
        }
    }

    /// Whether the node lets nobody start any more, because it stops.
    pub fn is_closed(&self) -> bool {
        self.node().closed.load(Ordering::Relaxed)
    }

    /// A process and all that it, and those below it, have started.
    fn below(&self, root: Pid) -> Vec<Pid> {
        let mut tree = self.tree().into_iter().skip_while(|entry| entry.process.pid != root);
        let Some(first) = tree.next() else { return vec![root] };
        let below = tree.take_while(|entry| entry.depth > first.depth).map(|entry| entry.process.pid);
        std::iter::once(root).chain(below).collect()
    }

    /// Asks the roots to stop, waits for all of them and of those below, and kills those that are left at the deadline.
    async fn stop_processes(&self, roots: Vec<Pid>, all: Vec<Pid>, deadline: Instant) -> ShutdownReport {
        let (done, report) = oneshot::channel();
        let stopper = move |context: crate::Context| async move {
            let _ = done.send(stop(&context, &roots, all, deadline).await);
            ExitReason::Normal
        };
        let Ok(stopper) = self.spawn(SpawnOptions::new("shutdown").even_if_closed(), stopper) else {
            return ShutdownReport::default();
        };
        let report = report.await.unwrap_or_default();
        while self.is_alive(stopper.pid) {
            tokio::task::yield_now().await;
        }
        report
    }
}

/// While it lives, the node lets nobody start.
struct Closed<'a>(&'a Runtime);

impl<'a> Closed<'a> {
    fn new(runtime: &'a Runtime) -> Self {
        runtime.node().closed.store(true, Ordering::SeqCst);
        Self(runtime)
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.node().closed.store(false, Ordering::SeqCst);
    }
}

impl ShutdownReport {
    fn add(&mut self, other: Self) {
        self.stopped += other.stopped;
        self.killed.extend(other.killed);
        self.stuck.extend(other.stuck);
    }
}

async fn stop(context: &crate::Context, roots: &[Pid], all: Vec<Pid>, deadline: Instant) -> ShutdownReport {
    let (runtime, own) = (context.runtime(), context.pid());
    let mut left: HashSet<Pid> = all.into_iter().filter(|pid| *pid != own).collect();
    for pid in &left {
        runtime.monitor(own, &(*pid).into());
    }
    let before = left.len();
    ask(runtime, roots);
    await_ends(context, &mut left, deadline, |left| roots.iter().all(|root| !left.contains(root))).await;
    // Those that nobody supervises are asked when their tree is gone.
    ask(runtime, &left.iter().copied().collect::<Vec<_>>());
    await_ends(context, &mut left, deadline, HashSet::is_empty).await;
    let killed: Vec<ProcessInfo> = left.iter().filter_map(|pid| runtime.info(*pid)).collect();
    let stopped = before - left.len();
    for pid in &left {
        runtime.kill(*pid);
    }
    await_ends(context, &mut left, Instant::now() + LAST_WAIT, HashSet::is_empty).await;
    ShutdownReport { stopped, killed, stuck: left.into_iter().collect() }
}

/// As their parents would.
fn ask(runtime: &Runtime, all: &[Pid]) {
    for pid in all {
        let parent = runtime.parent(*pid).unwrap_or(*pid);
        runtime.exit(parent, *pid, ExitReason::Shutdown);
    }
}

async fn await_ends(
    context: &crate::Context,
    left: &mut HashSet<Pid>,
    deadline: Instant,
    done: impl Fn(&HashSet<Pid>) -> bool,
) {
    while !done(left) {
        let time = deadline.saturating_duration_since(Instant::now());
        let down = context.receive_within(time, |message| matches!(message, Message::Down { .. })).await;
        let Some(Message::Down { pid, .. }) = down else { break };
        left.remove(&pid);
    }
}

/// How long a process that was killed may take to end: one that never waits does not.
const LAST_WAIT: Duration = Duration::from_secs(1);
