use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::Pid;

/// Why a child, or a whole tree, did not start.
#[derive(Debug, Clone)]
pub struct StartError {
    /// The child.
    pub child: String,
    /// Why.
    pub cause: StartCause,
}

/// What kept a child from starting.
#[derive(Debug, Clone)]
pub enum StartCause {
    /// It cannot be as it is declared: why.
    Invalid(&'static str),
    /// It was not ready within its [`start_timeout`](crate::ChildSpec::start_timeout), and was killed.
    Timeout(Duration),
    /// It, or its supervisor, was ended from outside meanwhile.
    Killed,
    /// What its start has answered: a [`ServerError`](crate::ServerError) of a server, an
    /// [`AlreadyRegistered`](crate::AlreadyRegistered) of a process, the `StartError` of a supervisor below, or an error of
    /// the application's own.
    Failed(Arc<dyn Error + Send + Sync>),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "child `{}` did not start: {}", self.child, self.cause)
    }
}

impl fmt::Display for StartCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(why) => f.write_str(why),
            Self::Timeout(limit) => write!(f, "it was not ready within {limit:?}"),
            Self::Killed => f.write_str("it was killed"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl Error for StartError {
    /// What lies behind the cause, which is in the text already.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            StartCause::Failed(error) => error.source(),
            _ => None,
        }
    }
}

/// Why a supervisor did not do as it was told.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChildError {
    /// The supervisor is gone.
    #[error("noproc: the supervisor is gone")]
    NoProc,
    /// It has no such child.
    #[error("not_found: there is no such child")]
    NotFound,
    /// The child runs: it cannot be started, restarted or deleted.
    #[error("running: the child runs as {0}")]
    Running(Pid),
    /// The child is between two attempts to start it.
    #[error("restarting: the child is being restarted")]
    Restarting,
    /// A child of this name is there, and does not run: restart it instead.
    #[error("already_present: there is such a child, which does not run")]
    AlreadyPresent,
    /// The supervisor has as many children as it may.
    #[error("max_children: the supervisor has as many children as it may")]
    TooMany,
    /// The child did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The supervisor's children have no names, or are known by names alone.
    #[error("the children of this strategy are not addressed so")]
    Strategy,
}
