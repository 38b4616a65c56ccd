//! What RUSM needs on a machine: found, described, repaired.
//!
//! [`Need`] lists everything; [`Need::state`] looks without changing anything, [`Need::fix`] installs what is missing and
//! is free when nothing is. `rusm doctor` and `cargo xtask` are both thin shells over this crate, which therefore stays
//! without the engine and without an async runtime.
//!
//! ```no_run
//! use rusm_setup::{Home, Need, State, Terminal};
//!
//! let home = Home::from_env()?;
//! for need in Need::ALL {
//!     if let State::Missing { .. } = need.state(&home) {
//!         need.fix(&home, &mut Terminal::new())?;
//!     }
//! }
//! # Ok::<(), rusm_setup::SetupError>(())
//! ```

mod debian;
mod erlang;
mod error;
mod guest;
mod home;
mod need;
mod node;
mod state;
mod step;

pub use error::SetupError;
pub use guest::{GuestTarget, GuestToolchain};
pub use home::Home;
pub use need::Need;
pub use node::{install_packages, packages_are_installed};
pub use state::State;
pub use step::{Progress, Quiet, Step, Terminal};
