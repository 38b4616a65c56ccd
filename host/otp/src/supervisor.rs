use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::{Context, ExitReason, Message, Pid, Runtime, SpawnOptions};

mod intensity;

use intensity::Intensity;

/// When a child that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// Unless it ended in good order: `normal` or `shutdown`.
    Transient,
    /// Never.
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

/// Where a child is started: it must be spawned with this parent, linked.
#[derive(Debug, Clone)]
pub struct Parent {
    /// The node.
    pub runtime: Runtime,
    /// The supervisor.
    pub pid: Pid,
}

/// Why a child, or a whole tree, did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("child `{child}` did not start: {reason}")]
pub struct StartError {
    /// The child.
    pub child: String,
    /// Why.
    pub reason: String,
}

type Starting = Pin<Box<dyn Future<Output = Result<Pid, String>> + Send>>;

/// One child of a supervisor.
#[derive(Clone)]
pub struct ChildSpec {
    id: String,
    start: Arc<dyn Fn(Parent) -> Starting + Send + Sync>,
    restart: Restart,
    shutdown: Shutdown,
}

/// A supervisor to be started: one-for-one, in the order of its children.
#[derive(Debug, Clone)]
pub struct Supervisor {
    name: Arc<str>,
    children: Vec<ChildSpec>,
    most_restarts: usize,
    period: Duration,
}

/// A supervisor that runs.
#[derive(Debug, Clone)]
pub struct Supervision {
    /// Its process.
    pub pid: Pid,
    restarts: Arc<AtomicU64>,
}

impl ChildSpec {
    /// A permanent child; `start` answers with its pid once it is ready.
    pub fn new<F, Fut>(id: impl Into<String>, start: F) -> Self
    where
        F: Fn(Parent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Pid, String>> + Send + 'static,
    {
        let start = Arc::new(move |parent| Box::pin(start(parent)) as Starting);
        Self { id: id.into(), start, restart: Restart::default(), shutdown: Shutdown::default() }
    }

    /// When it is started again.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// How it is stopped.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("restart", &self.restart)
            .field("shutdown", &self.shutdown)
            .finish_non_exhaustive()
    }
}

impl Supervisor {
    /// A supervisor without children that gives up after more than one restart in five seconds, as in Erlang.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), children: Vec::new(), most_restarts: 1, period: Duration::from_secs(5) }
    }

    /// Adds a child, to be started after those before it.
    pub fn child(mut self, child: ChildSpec) -> Self {
        self.children.push(child);
        self
    }

    /// Gives up when there are more restarts than this within the period.
    pub fn intensity(mut self, most_restarts: usize, period: Duration) -> Self {
        (self.most_restarts, self.period) = (most_restarts, period);
        self
    }

    /// Starts the supervisor and its children, linked to `parent` if there is one.
    ///
    /// # Errors
    /// [`StartError`] of the first child that did not start; the ones before it are stopped, last first.
    pub async fn start(self, runtime: &Runtime, parent: Option<Pid>) -> Result<Supervision, StartError> {
        let (started, result) = oneshot::channel();
        let restarts = Arc::new(AtomicU64::new(0));
        let mut options = SpawnOptions::new(self.name.clone());
        if let Some(parent) = parent {
            options = options.parent(parent).link(true);
        }
        let counter = restarts.clone();
        let body = move |context: Context| async move {
            context.runtime().trap_exit(context.pid(), true);
            let mut running = Running::new(self, context, counter, parent);
            match running.start_all().await {
                Ok(()) => {
                    // Whoever started it may have ended meanwhile: then the link says so.
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
        let nameless = |reason: String| StartError { child: "the supervisor itself".into(), reason };
        let spawned = runtime.spawn(options, body).map_err(|error| nameless(error.to_string()))?;
        let outcome = result.await.unwrap_or_else(|_| Err(nameless("it was killed".into())));
        outcome.map(|()| Supervision { pid: spawned.pid, restarts })
    }
}

impl Supervision {
    /// How many children it has started again so far.
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }
}

/// A supervisor at work.
///
/// Invariant: `places` maps the pid of each running child to its place in `children`.
struct Running {
    name: Arc<str>,
    context: Context,
    parent: Option<Pid>,
    children: Vec<Child>,
    places: HashMap<Pid, usize>,
    intensity: Intensity,
    restarts: Arc<AtomicU64>,
}

struct Child {
    spec: ChildSpec,
    pid: Option<Pid>,
}

impl Running {
    fn new(spec: Supervisor, context: Context, restarts: Arc<AtomicU64>, parent: Option<Pid>) -> Self {
        let children = spec.children.into_iter().map(|spec| Child { spec, pid: None }).collect();
        let intensity = Intensity::new(spec.most_restarts, spec.period);
        Self { name: spec.name, context, parent, children, places: HashMap::new(), intensity, restarts }
    }

    async fn start_all(&mut self) -> Result<(), StartError> {
        for place in 0..self.children.len() {
            self.start(place).await.map_err(|reason| {
                let child = self.children[place].spec.id.clone();
                StartError { child, reason }
            })?;
        }
        Ok(())
    }

    async fn start(&mut self, place: usize) -> Result<(), String> {
        let parent = Parent { runtime: self.context.runtime().clone(), pid: self.context.pid() };
        let pid = (self.children[place].spec.start)(parent).await?;
        self.children[place].pid = Some(pid);
        self.places.insert(pid, place);
        Ok(())
    }

    async fn watch(&mut self) -> ExitReason {
        loop {
            let Message::Exit { pid, reason } = self.context.receive().await else { continue };
            if let Some(place) = self.places.remove(&pid) {
                self.children[place].pid = None;
                if let Err(reason) = self.child_ended(place, reason).await {
                    self.stop_all().await;
                    return reason;
                }
            } else if self.is_a_stop(pid, &reason) {
                self.stop_all().await;
                return reason;
            }
        }
    }

    /// Whether an exit that is not a child's ends the supervisor: its parent's, and a request to stop by anybody. A
    /// child that ended while it started is linked too, but its start has reported it.
    fn is_a_stop(&self, pid: Pid, reason: &ExitReason) -> bool {
        Some(pid) == self.parent
            || pid == self.context.pid()
            || matches!(reason, ExitReason::Shutdown | ExitReason::ShutdownWith(_))
    }

    async fn child_ended(&mut self, place: usize, mut reason: ExitReason) -> Result<(), ExitReason> {
        loop {
            let spec = &self.children[place].spec;
            let id = spec.id.clone();
            let again = match spec.restart {
                Restart::Permanent => true,
                Restart::Transient => !reason.is_orderly(),
                Restart::Temporary => false,
            };
            if !again {
                tracing::debug!(supervisor = %self.name, child = %id, %reason, "child ended");
                return Ok(());
            }
            if !self.intensity.admits(Instant::now()) {
                tracing::error!(supervisor = %self.name, child = %id, %reason, "too many restarts: giving up");
                return Err(ExitReason::Shutdown);
            }
            self.restarts.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(supervisor = %self.name, child = %id, %reason, "child restarts");
            match self.start(place).await {
                Ok(()) => return Ok(()),
                // Such a start counts as a restart too, so that it ends.
                Err(text) => {
                    tracing::warn!(supervisor = %self.name, child = %id, error = %text, "child did not restart");
                    reason = ExitReason::Custom(text.into());
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Stops the children, the last one first.
    async fn stop_all(&mut self) {
        for place in (0..self.children.len()).rev() {
            if let Some(pid) = self.children[place].pid.take() {
                self.places.remove(&pid);
                self.stop(pid, self.children[place].spec.shutdown).await;
            }
        }
    }

    async fn stop(&self, pid: Pid, shutdown: Shutdown) {
        let runtime = self.context.runtime();
        let monitor = runtime.monitor(self.context.pid(), &pid.into());
        let is_down =
            |message: &Message| matches!(message, Message::Down { monitor: of, .. } if *of == monitor);
        match shutdown {
            Shutdown::BrutalKill => runtime.kill(pid),
            Shutdown::Timeout(_) | Shutdown::Infinity => {
                runtime.exit(self.context.pid(), pid, ExitReason::Shutdown);
            }
        }
        if let Shutdown::Timeout(limit) = shutdown {
            if self.context.receive_within(limit, is_down).await.is_some() {
                return;
            }
            runtime.kill(pid);
        }
        self.context.receive_matching(is_down).await;
    }
}
