use std::path::PathBuf;

/// Why a need could not be met. Every message says what was tried and what the user can do.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A command could not be started at all.
    #[error("cannot start `{command}`: {source}\n  {advice}")]
    Start {
        /// The command line.
        command: String,
        /// What the system said.
        source: std::io::Error,
        /// What the user can do.
        advice: String,
    },
    /// A command ran and failed.
    #[error(
        "`{command}` failed ({outcome})\n{tail}\n  its whole output: {}\n  {advice}",
        log.display()
    )]
    Failed {
        /// The command line.
        command: String,
        /// The exit status, or the time limit that passed.
        outcome: String,
        /// The last lines that it printed.
        tail: String,
        /// Where all of it is.
        log: PathBuf,
        /// What the user can do.
        advice: String,
    },
    /// A file or folder could not be made or read.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something is missing that this crate cannot install.
    #[error("{what}\n  {advice}")]
    Absent {
        /// What is missing.
        what: String,
        /// What the user can do.
        advice: String,
    },
}

impl SetupError {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
