use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::Pid;

/// Why a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitReason {
    /// It was done; links do not pass it on.
    Normal,
    /// It was asked to stop.
    Shutdown,
    /// The same, with a payload for links and monitors.
    ShutdownWith(Bytes),
    /// It was killed, and could not trap that.
    Killed,
    /// There was no such process.
    NoProc,
    /// Its node cannot be reached.
    NoConnection,
    /// It broke.
    Crash(Arc<Crash>),
    /// A reason of the application's own.
    Custom(Bytes),
}

/// What a process that broke left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// The panic's, trap's or thrown error's text.
    pub text: String,
    /// A line a frame; empty where there is none.
    pub backtrace: String,
    /// What the process ran.
    pub component: Arc<str>,
    /// The process.
    pub pid: Pid,
    /// What it was handling; empty where that is not known.
    pub function: String,
}

impl ExitReason {
    /// Whether a supervisor sees it as an ordinary end: `normal` or a `shutdown`.
    pub fn is_orderly(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown | Self::ShutdownWith(_))
    }

    /// The reason's name, as it stands in contracts and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Shutdown | Self::ShutdownWith(_) => "shutdown",
            Self::Killed => "killed",
            Self::NoProc => "noproc",
            Self::NoConnection => "noconnection",
            Self::Crash(_) => "crash",
            Self::Custom(_) => "custom",
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash(crash) => write!(f, "crash: {crash}"),
            Self::Custom(bytes) => write!(f, "custom: {}", String::from_utf8_lossy(bytes)),
            Self::ShutdownWith(bytes) => write!(f, "shutdown: {}", String::from_utf8_lossy(bytes)),
            other => f.write_str(other.name()),
        }
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.component, self.pid)?;
        if !self.function.is_empty() {
            write!(f, " in {}", self.function)?;
        }
        write!(f, ": {}", self.text)?;
        if !self.backtrace.is_empty() {
            write!(f, "\n{}", self.backtrace.trim_end())?;
        }
        Ok(())
    }
}

/// A text without its end, if it has more than so many bytes: for texts that others choose and this node keeps.
pub fn shortened(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push_str(" …");
        text.shrink_to_fit();
    }
    text
}
