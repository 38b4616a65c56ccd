use crate::{Pid, Runtime};

/// Something outside of a process that keeps a thing for it, such as a place in a group.
pub(crate) trait Owner: std::fmt::Debug + Send + Sync {
    /// The process is gone.
    fn ended(&self, runtime: &Runtime, pid: Pid);
}
