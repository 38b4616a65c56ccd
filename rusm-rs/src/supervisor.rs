//! Supervisors that this process starts and steers: Erlang's semantics, with children of any language.
//!
//! ```ignore
//! let tree = Supervisor::new("shop")
//!     .strategy(Strategy::RestForOne)
//!     .intensity(3, Duration::from_secs(5))
//!     .child(cart::Client::child(Spawn::new("cart").name("cart"), "ann"))
//!     .child(ChildSpec::new(Spawn::new("audit")).restart(Restart::Transient))
//!     .start()?;
//! tree.count_children()?.active;
//! ```

use std::fmt;
use std::time::Duration;

use crate::bindings::{supervision, supervisors};
use crate::callback::Carried;
use crate::timers::milliseconds;
use crate::{Pid, Spawn};

pub use crate::bindings::supervision::{
    AutoShutdown, ChildCounts, ChildInfo, ChildState, Excess, Restart, Strategy,
};

/// Why a supervisor did not do as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildError {
    /// It is gone, or no supervisor.
    NoProc,
    /// It has no such child.
    NotFound,
    /// The child runs, as this process.
    Running(Pid),
    /// The child is between two attempts to start it.
    Restarting,
    /// There is such a child, which does not run.
    AlreadyPresent,
    /// It has as many children as it may.
    TooMany,
    /// Its children have no names, or are known by names alone.
    WrongStrategy,
    /// A child did not start: which, and why.
    Start(String),
    /// A capability is missing; the text says which, and where to add it.
    Denied(String),
}

/// A supervisor to be started.
#[derive(Debug, Clone)]
#[must_use = "it runs after `start`"]
pub struct Supervisor {
    options: supervision::SupervisorOptions,
    children: Vec<supervision::ChildSpec>,
}

/// A child of a supervisor: how it is started each time, and how the supervisor treats it.
#[derive(Debug, Clone)]
#[must_use = "hand it to a supervisor"]
pub struct ChildSpec(supervision::ChildSpec);

/// A supervisor that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Supervision {
    pid: Pid,
}

impl Supervisor {
    /// One-for-one, one restart in five seconds, no children yet, as in Erlang. The name is for listings.
    pub fn new(name: impl Into<String>) -> Self {
        let options = supervision::SupervisorOptions {
            name: name.into(),
            strategy: Strategy::OneForOne,
            intensity: 1,
            period_ms: 5_000,
            auto_shutdown: AutoShutdown::Never,
            excess: Excess::GiveUp,
            backoff: None,
            most_children: None,
        };
        Self { options, children: Vec::new() }
    }

    /// Which children are started again when one has to be.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.options.strategy = strategy;
        self
    }

    /// So many restarts it stands within the period.
    pub fn intensity(mut self, most_restarts: u32, period: Duration) -> Self {
        (self.options.intensity, self.options.period_ms) = (most_restarts, milliseconds(period));
        self
    }

    /// Whether it ends with its significant children.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.options.auto_shutdown = auto_shutdown;
        self
    }

    /// What becomes of it when there are more restarts.
    pub fn excess(mut self, excess: Excess) -> Self {
        self.options.excess = excess;
        self
    }

    /// A child that keeps crashing waits before it is started again: twice as long each time.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        let (first_ms, longest_ms) = (milliseconds(first), milliseconds(longest));
        self.options.backoff = Some(supervision::Backoff { first_ms, longest_ms });
        self
    }

    /// So many children at most.
    pub fn most_children(mut self, most: u32) -> Self {
        self.options.most_children = Some(most);
        self
    }

    /// A child, which starts after those before it.
    pub fn child(mut self, child: ChildSpec) -> Self {
        self.children.push(child.0);
        self
    }

    /// Starts it and its children, linked to this process.
    ///
    /// # Errors
    /// [`ChildError`] of the first child that did not start; the ones before it are stopped.
    pub fn start(&self) -> Result<Supervision, ChildError> {
        let pid = supervisors::start(&self.options, &self.children)?;
        Ok(Supervision { pid })
    }

    /// Starts it as a permanent child of another one, which starts it again when it gives up.
    ///
    /// # Errors
    /// [`ChildError`].
    pub fn start_under(&self, above: Supervision) -> Result<Supervision, ChildError> {
        let treatment = supervision::ChildOptions {
            id: self.options.name.clone(),
            restart: Restart::Permanent,
            shutdown: supervision::Shutdown::Infinity,
            significant: false,
        };
        let pid = supervisors::start_under(above.pid, &treatment, &self.options, &self.children)?;
        Ok(Supervision { pid })
    }
}

impl ChildSpec {
    /// A permanent child of a component whose constructor takes nothing; generated clients have `child` for the others. It is
    /// named after the process or else the component, and has five seconds to stop.
    pub fn new(spawn: Spawn) -> Self {
        let id = spawn.options.name.clone().unwrap_or_else(|| spawn.component.clone());
        Self(supervision::ChildSpec {
            options: supervision::ChildOptions {
                id,
                restart: Restart::Permanent,
                shutdown: supervision::Shutdown::Timeout(5_000),
                significant: false,
            },
            component: spawn.component,
            start: spawn.options,
        })
    }

    #[doc(hidden)]
    pub fn typed(spawn: Spawn, contract: &str, key: Option<u32>, body: Vec<u8>) -> Self {
        Carried::none().unwrap_or_else(|why| panic!("{why}"));
        Self::new(spawn.typed(contract, key, body))
    }

    /// Another name among the children.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.0.options.id = id.into();
        self
    }

    /// When it is started again.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.0.options.restart = restart;
        self
    }

    /// It is asked to stop, and killed after so long; at once without a time.
    pub fn shutdown(mut self, limit: Option<Duration>) -> Self {
        self.0.options.shutdown = match limit {
            Some(limit) => supervision::Shutdown::Timeout(milliseconds(limit)),
            None => supervision::Shutdown::BrutalKill,
        };
        self
    }

    /// Its end may end the supervisor.
    pub fn significant(mut self) -> Self {
        self.0.options.significant = true;
        self
    }
}

impl Supervision {
    /// The supervisor that runs as this process.
    pub fn of(pid: Pid) -> Self {
        Self { pid }
    }

    /// Its process.
    pub fn pid(self) -> Pid {
        self.pid
    }

    /// Adds a child and starts it.
    ///
    /// # Errors
    /// [`ChildError`]; so of all others.
    pub fn start_child(self, child: &ChildSpec) -> Result<Pid, ChildError> {
        Ok(supervisors::start_child(self.pid, &child.0)?)
    }

    /// Stops a child, which stays known unless it is temporary.
    ///
    /// # Errors
    /// [`ChildError`].
    pub fn terminate_child(self, id: &str) -> Result<(), ChildError> {
        Ok(supervisors::terminate_child(self.pid, id)?)
    }

    /// Stops a child of the strategy [`Strategy::Dynamic`].
    ///
    /// # Errors
    /// [`ChildError`].
    pub fn terminate(self, child: Pid) -> Result<(), ChildError> {
        Ok(supervisors::terminate(self.pid, child)?)
    }

    /// Starts a child that does not run.
    ///
    /// # Errors
    /// [`ChildError`].
    pub fn restart_child(self, id: &str) -> Result<Pid, ChildError> {
        Ok(supervisors::restart_child(self.pid, id)?)
    }

    /// Forgets a child that does not run.
    ///
    /// # Errors
    /// [`ChildError`].
    pub fn delete_child(self, id: &str) -> Result<(), ChildError> {
        Ok(supervisors::delete_child(self.pid, id)?)
    }

    /// All children, the one that was added last first.
    ///
    /// # Errors
    /// [`ChildError`].
    pub fn which_children(self) -> Result<Vec<ChildInfo>, ChildError> {
        Ok(supervisors::which_children(self.pid)?)
    }

    /// How many there are.
    ///
    /// # Errors
    /// [`ChildError`].
    pub fn count_children(self) -> Result<ChildCounts, ChildError> {
        Ok(supervisors::count_children(self.pid)?)
    }

    /// Stops it and everything below it.
    ///
    /// # Errors
    /// [`ChildError`].
    pub fn stop(self) -> Result<(), ChildError> {
        Ok(supervisors::stop(self.pid)?)
    }
}

impl From<supervision::ChildError> for ChildError {
    fn from(error: supervision::ChildError) -> Self {
        match error {
            supervision::ChildError::Noproc => Self::NoProc,
            supervision::ChildError::NotFound => Self::NotFound,
            supervision::ChildError::Running(pid) => Self::Running(pid),
            supervision::ChildError::Restarting => Self::Restarting,
            supervision::ChildError::AlreadyPresent => Self::AlreadyPresent,
            supervision::ChildError::TooMany => Self::TooMany,
            supervision::ChildError::WrongStrategy => Self::WrongStrategy,
            supervision::ChildError::Start(why) => Self::Start(why),
            supervision::ChildError::Denied(grant) => Self::Denied(grant),
        }
    }
}

impl std::error::Error for ChildError {}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProc => f.write_str("noproc: the supervisor is gone"),
            Self::NotFound => f.write_str("not found: there is no such child"),
            Self::Running(pid) => write!(f, "running: the child runs as {pid}"),
            Self::Restarting => f.write_str("restarting: the child is being restarted"),
            Self::AlreadyPresent => f.write_str("already present: there is such a child, which does not run"),
            Self::TooMany => f.write_str("too many: the supervisor has as many children as it may"),
            Self::WrongStrategy => f.write_str("the children of this strategy are not addressed so"),
            Self::Start(why) => f.write_str(why),
            Self::Denied(grant) => write!(f, "denied: {grant}"),
        }
    }
}
