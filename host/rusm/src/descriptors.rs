//! The node's file descriptors: guests have files and sockets, and the node has to be asked and stopped beside them.

use std::fs::File;
use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Takes as many as the system allows this process: shells give it few, for programs that cannot take more.
pub(crate) fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::debug!(%error, "the limit of file descriptors stays as it is");
    }
}

/// Whether an error says that none are left.
pub(crate) fn are_spent(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// Some that are kept open for callers.
#[derive(Default)]
pub(crate) struct Spare(Vec<File>);

impl Spare {
    /// Opens them again, as far as there are any.
    pub(crate) fn refill(&mut self) {
        while self.0.len() < CALLERS {
            let Ok(file) = File::open("/dev/null") else { return };
            self.0.push(file);
        }
    }

    /// Closes one of them; false if there was none.
    pub(crate) fn give(&mut self) -> bool {
        self.0.pop().is_some()
    }
}

/// As many callers at once are answered when guests hold all other descriptors.
const CALLERS: usize = 16;
