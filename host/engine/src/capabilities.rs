//! What the processes of a component may do. Everything is denied by default; a profile can be narrowed, never widened.

mod denied;
mod grant;
mod profile;

pub(crate) use denied::Denials;
pub use denied::Denied;
pub use grant::{Endpoint, Grant, GrantError};
pub use profile::{Folder, Limits, Profile};
