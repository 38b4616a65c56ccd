use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::{AlreadyRegistered, Charge, Context, ExitReason, Pid, Runtime, SpawnOptions};

mod backoff;
mod children;
mod error;
mod intensity;
mod running;

pub use backoff::Backoff;
pub use error::{ChildError, StartCause, StartError};

use running::{Command, Running};

/// Which children a supervisor starts again when one of them has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// That one.
    #[default]
    OneForOne,
    /// All of them: the others are stopped first, the last one first.
    OneForAll,
    /// That one, and those that were started after it.
    RestForOne,
    /// That one, among children that come and go: they have no order, are known by their pids, and stop together. Erlang
    /// calls it `simple_one_for_one`.
    Dynamic,
}

/// When a child that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// Unless it ended in good order: `normal` or `shutdown`.
    Transient,
    /// Never; once it has ended, the supervisor forgets it.
    Temporary,
}

/// How a supervisor stops a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Killed at once.
    BrutalKill,
    /// Asked by `shutdown`, killed if it has not ended after so long.
    Timeout(Duration),
    /// Asked by `shutdown`, and waited for: for children that are supervisors.
    Infinity,
}

impl Default for Shutdown {
    /// Five seconds, as in Erlang.
    fn default() -> Self {
        Self::Timeout(Duration::from_secs(5))
    }
}

/// Whether a supervisor ends by itself when its significant children have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AutoShutdown {
    /// It does not.
    #[default]
    Never,
    /// With the first significant child that ends by itself.
    AnySignificant,
    /// With the last one.
    AllSignificant,
}

/// What becomes of a supervisor whose children restart too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Excess {
    /// It stops its children and ends with `shutdown`: its own supervisor decides. So does Erlang.
    #[default]
    GiveUp,
    /// The child that crashed last stays down until [`Supervision::restart_child`]; the others go on.
    Quarantine,
}

/// What a child is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChildKind {
    /// Anything else.
    #[default]
    Worker,
    /// A supervisor.
    Supervisor,
}

/// Where a child is started: it must be spawned with this parent, linked.
#[derive(Debug, Clone)]
pub struct Parent {
    /// The node.
    pub runtime: Runtime,
    /// The supervisor.
    pub pid: Pid,
}

type Starting = Pin<Box<dyn Future<Output = Result<Pid, StartCause>> + Send>>;

/// One child of a supervisor.
#[derive(Clone)]
pub struct ChildSpec {
    id: Arc<str>,
    start: Arc<dyn Fn(Parent) -> Starting + Send + Sync>,
    restart: Restart,
    shutdown: Option<Shutdown>,
    kind: ChildKind,
    significant: bool,
    start_timeout: Option<Duration>,
}

/// A supervisor to be started, with its children in their order.
#[derive(Debug, Clone)]
pub struct Supervisor {
    name: Arc<str>,
    children: Vec<ChildSpec>,
    strategy: Strategy,
    most_restarts: usize,
    period: Duration,
    auto_shutdown: AutoShutdown,
    excess: Excess,
    backoff: Option<Backoff>,
    most_children: Option<usize>,
    kept: Option<Arc<Charge>>,
}

/// A supervisor that runs.
#[derive(Debug, Clone)]
pub struct Supervision {
    /// Its process.
    pub pid: Pid,
    runtime: Runtime,
    restarts: Arc<AtomicU64>,
}

/// A child as its supervisor sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildInfo {
    /// Its name; the strategy [`Strategy::Dynamic`] does not use it.
    pub id: Arc<str>,
    /// What it does now.
    pub state: ChildState,
    /// What it is.
    pub kind: ChildKind,
}

/// What a child does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildState {
    /// It runs.
    Running(Pid),
    /// It is between two attempts to start it.
    Restarting,
    /// It has ended, or was stopped.
    Stopped,
    /// It crashed too often: see [`Excess::Quarantine`].
    Quarantined,
}

/// How many children a supervisor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChildCounts {
    /// Known, running or not.
    pub specs: usize,
    /// Running.
    pub active: usize,
    /// Known ones that are supervisors.
    pub supervisors: usize,
    /// Known ones that are not.
    pub workers: usize,
}

impl ChildSpec {
    /// A permanent child; `start` answers with its pid once it is ready, or with an error, which becomes
    /// [`StartCause::Failed`].
    pub fn new<F, Fut>(id: impl Into<Arc<str>>, start: F) -> Self
    where
        F: Fn(Parent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Pid, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let start = move |parent| {
            let starting = start(parent);
            let starting = async move { starting.await.map_err(|error| StartCause::Failed(error.into())) };
            Box::pin(starting) as Starting
        };
        Self {
            id: id.into(),
            start: Arc::new(start),
            restart: Restart::default(),
            shutdown: None,
            kind: ChildKind::default(),
            significant: false,
            start_timeout: None,
        }
    }

    /// A permanent child that is a plain process, ready as soon as it is spawned.
    pub fn process<F, Run>(id: impl Into<Arc<str>>, body: F) -> Self
    where
        F: Fn(Context) -> Run + Clone + Send + Sync + 'static,
        Run: Future<Output = ExitReason> + Send + 'static,
    {
        let id = id.into();
        let label = id.clone();
        Self::new(id, move |parent: Parent| {
            let options = SpawnOptions::new(label.clone()).parent(parent.pid).link(true);
            let spawned = parent.runtime.spawn(options, body.clone());
            std::future::ready(spawned.map(|spawned| spawned.pid).map_err(Into::into))
        })
    }

    /// A permanent child that is a supervisor, which gets all the time it needs to stop.
    pub fn supervisor(supervisor: Supervisor) -> Self {
        let id = supervisor.name.clone();
        let start = move |parent: Parent| {
            let supervisor = supervisor.clone();
            async move { Ok(supervisor.start(&parent.runtime, Some(parent.pid)).await?.pid) }
        };
        let kind = ChildKind::Supervisor;
        Self { kind, ..Self::new(id, start) }
    }

    /// When it is started again.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// How it is stopped; within five seconds by default, a supervisor with all the time it needs.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = Some(shutdown);
        self
    }

    /// What it is.
    pub fn kind(mut self, kind: ChildKind) -> Self {
        self.kind = kind;
        self
    }

    /// Whether its end may end the supervisor: see [`AutoShutdown`]. Only a child that may end for good can be.
    pub fn significant(mut self, significant: bool) -> Self {
        self.significant = significant;
        self
    }

    /// How long its start may take, after which it is killed; without a limit by default, as in Erlang.
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = Some(limit);
        self
    }

    fn mistake(&self, why: &'static str) -> StartError {
        StartError { child: self.id.to_string(), cause: StartCause::Invalid(why) }
    }

    fn stops_by(&self) -> Shutdown {
        self.shutdown.unwrap_or(match self.kind {
            ChildKind::Worker => Shutdown::default(),
            ChildKind::Supervisor => Shutdown::Infinity,
        })
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("restart", &self.restart)
            .field("shutdown", &self.shutdown)
            .field("kind", &self.kind)
            .field("significant", &self.significant)
            .finish_non_exhaustive()
    }
}

impl Supervisor {
    /// A one-for-one supervisor without children that gives up after more than one restart in five seconds, as in Erlang.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            children: Vec::new(),
            strategy: Strategy::default(),
            most_restarts: 1,
            period: Duration::from_secs(5),
            auto_shutdown: AutoShutdown::default(),
            excess: Excess::default(),
            backoff: None,
            most_children: None,
            kept: None,
        }
    }

    /// Adds a child, to be started after those before it.
    pub fn child(mut self, child: ChildSpec) -> Self {
        self.children.push(child);
        self
    }

    /// Which children it starts again.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Gives up when there are more restarts than this within the period.
    pub fn intensity(mut self, most_restarts: usize, period: Duration) -> Self {
        (self.most_restarts, self.period) = (most_restarts, period);
        self
    }

    /// Whether it ends with its significant children.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// What it does instead of giving up.
    pub fn excess(mut self, excess: Excess) -> Self {
        self.excess = excess;
        self
    }

    /// Waits before each restart of a child that keeps crashing; at once by default, as in Erlang.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = Some(backoff);
        self
    }

    /// The most children that it may have at once; no limit by default.
    pub fn most_children(mut self, most: usize) -> Self {
        self.most_children = Some(most);
        self
    }

    /// What is kept for the process that has it started, for as long as it runs or may be started again.
    pub fn kept(mut self, kept: Charge) -> Self {
        self.kept = Some(Arc::new(kept));
        self
    }

    /// What is wrong with it as it is declared.
    fn mistake(&self) -> Option<StartError> {
        let mut known = HashSet::new();
        self.children.iter().find_map(|child| match known.insert(&child.id) {
            false if self.strategy != Strategy::Dynamic => {
                Some(child.mistake("another child has the same name"))
            }
            _ => self.mistake_of(child),
        })
    }

    /// What is wrong with a child of this supervisor.
    fn mistake_of(&self, child: &ChildSpec) -> Option<StartError> {
        if child.significant && child.restart == Restart::Permanent {
            return Some(child.mistake("a permanent child never ends for good, so it cannot be significant"));
        }
        if child.significant && self.auto_shutdown == AutoShutdown::Never {
            return Some(child.mistake("it is significant, but the supervisor's auto_shutdown is never"));
        }
        None
    }

    /// Starts the supervisor and its children, linked to `parent` if there is one.
    ///
    /// # Errors
    /// [`StartError`] of the first child that did not start; the ones before it are stopped, last first.
    pub async fn start(self, runtime: &Runtime, parent: Option<Pid>) -> Result<Supervision, StartError> {
        if let Some(mistake) = self.mistake() {
            return Err(mistake);
        }
        let (started, result) = oneshot::channel();
        let restarts = Arc::new(AtomicU64::new(0));
        let mut options = SpawnOptions::new(self.name.clone()).guest(true);
        if let Some(parent) = parent {
            options = options.parent(parent).link(true);
        }
        let counter = restarts.clone();
        let body = move |context: Context| async move {
            context.runtime().trap_exit(context.pid(), true);
            let _known = Known::new(&context, counter.clone());
            let mut running = Running::new(self, context, counter, parent);
            match running.start_all().await {
                Ok(()) => {
                    // Its starter may have ended meanwhile: then the link says so.
                    let _ = started.send(Ok(()));
                    running.watch().await
                }
                Err(error) => {
                    running.stop_all().await;
                    let _ = started.send(Err(error));
                    ExitReason::Shutdown
                }
            }
        };
        let itself = |cause| StartError { child: "the supervisor itself".into(), cause };
        let taken = |holder: AlreadyRegistered| itself(StartCause::Failed(Arc::new(holder)));
        let spawned = runtime.spawn(options, body).map_err(taken)?;
        let outcome = result.await.unwrap_or_else(|_| Err(itself(StartCause::Killed)));
        outcome.map(|()| Supervision { pid: spawned.pid, runtime: runtime.clone(), restarts })
    }
}

/// A supervisor's entry among those of the node, until it has ended.
struct Known(Runtime, Pid);

impl Known {
    fn new(context: &Context, restarts: Arc<AtomicU64>) -> Self {
        let (runtime, pid) = (context.runtime().clone(), context.pid());
        runtime.node().supervisors.shard(&pid).write().insert(pid, restarts);
        Self(runtime, pid)
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        self.0.node().supervisors.shard(&self.1).write().remove(&self.1);
    }
}

impl Runtime {
    /// The supervisor that runs as this process; none if it is no supervisor, or gone.
    pub fn supervision(&self, pid: Pid) -> Option<Supervision> {
        let restarts = self.node().supervisors.shard(&pid).read().get(&pid)?.clone();
        Some(Supervision { pid, runtime: self.clone(), restarts })
    }
}

impl Supervision {
    /// How many times it has started children again so far.
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Adds a child and starts it.
    ///
    /// # Errors
    /// [`ChildError`]; a child that did not start is not added.
    pub async fn start_child(&self, child: ChildSpec) -> Result<Pid, ChildError> {
        self.ask(|answer| Command::StartChild(child, answer)).await?
    }

    /// Stops a child, which stays known unless it is temporary.
    ///
    /// # Errors
    /// [`ChildError`].
    pub async fn terminate_child(&self, id: &str) -> Result<(), ChildError> {
        self.ask(|answer| Command::TerminateChild(id.into(), answer)).await?
    }

    /// Stops a child of the strategy [`Strategy::Dynamic`], which is forgotten.
    ///
    /// # Errors
    /// [`ChildError`].
    pub async fn terminate(&self, child: Pid) -> Result<(), ChildError> {
        self.ask(|answer| Command::Terminate(child, answer)).await?
    }

    /// Starts a child that does not run.
    ///
    /// # Errors
    /// [`ChildError`].
    pub async fn restart_child(&self, id: &str) -> Result<Pid, ChildError> {
        self.ask(|answer| Command::RestartChild(id.into(), answer)).await?
    }

    /// Forgets a child that does not run.
    ///
    /// # Errors
    /// [`ChildError`].
    pub async fn delete_child(&self, id: &str) -> Result<(), ChildError> {
        self.ask(|answer| Command::DeleteChild(id.into(), answer)).await?
    }

    /// All children, the one that was added last first, as Erlang lists them.
    ///
    /// # Errors
    /// [`ChildError::NoProc`].
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>, ChildError> {
        self.ask(Command::WhichChildren).await
    }

    /// How many there are.
    ///
    /// # Errors
    /// [`ChildError::NoProc`].
    pub async fn count_children(&self) -> Result<ChildCounts, ChildError> {
        self.ask(Command::CountChildren).await
    }

    /// Stops it and everything below it, and waits until it is gone.
    pub async fn stop(&self) {
        let (stopped, result) = oneshot::channel::<()>();
        self.command(Command::Stop(stopped));
        // The command is not answered but goes with the process, just before the process is gone.
        let _ = result.await;
        while self.runtime.is_alive(self.pid) {
            tokio::task::yield_now().await;
        }
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, ChildError> {
        let (answer, result) = oneshot::channel();
        self.command(command(answer));
        result.await.map_err(|_| ChildError::NoProc)
    }

    /// A command to a supervisor that is gone is dropped, and so is its answer.
    fn command(&self, command: Command) {
        let nobody = Pid { node: self.pid.node, id: 0 };
        // A supervisor's mailbox has no bound.
        let _ = self.runtime.send_term(nobody, &self.pid.into(), command);
    }
}
