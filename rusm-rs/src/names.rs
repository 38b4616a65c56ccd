//! Names of processes, on this node.

use crate::Pid;
use crate::bindings::names;

pub use crate::bindings::names::RegisterError;

/// Registers this process under a name, which is freed when it ends.
///
/// # Errors
/// [`RegisterError`].
pub fn register(name: &str) -> Result<(), RegisterError> {
    names::register(name)
}

/// Frees the name, if it is this process's.
pub fn unregister(name: &str) -> bool {
    names::unregister(name)
}

/// The process that has this name now.
pub fn whereis(name: &str) -> Option<Pid> {
    names::whereis(name)
}
