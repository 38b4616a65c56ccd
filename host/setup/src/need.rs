use std::fmt;
use std::process::Command;

use crate::state::State;
use crate::{GuestToolchain, Home, Progress, SetupError, erlang, guest, node};

/// One thing that RUSM needs on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A host Rust toolchain, by rustup.
    Rust,
    /// A Rust toolchain that builds components.
    GuestToolchain,
    /// Node.js with npm, for TypeScript services.
    Node,
    /// Erlang, for RUSM's own tests and benchmarks only.
    Erlang,
}

impl Need {
    /// Every need, in the order in which they are met.
    pub const ALL: [Need; 4] = [Need::Rust, Need::GuestToolchain, Need::Node, Need::Erlang];

    /// Whether users of RUSM need it, not only those who work on RUSM itself.
    pub fn for_users(self) -> bool {
        self != Need::Erlang
    }

    /// Looks, without changing anything.
    pub fn state(self, home: &Home) -> State {
        match self {
            Need::Rust => rust_state(),
            Need::GuestToolchain => match GuestToolchain::find(home) {
                Some(toolchain) => State::Ready(toolchain.to_string()),
                None => State::Missing {
                    what: format!("no Rust toolchain has the targets {}", guest::triples(" and ")),
                    fix: format!("rustup target add {}", guest::triples(" ")),
                },
            },
            Need::Node => node::state(),
            Need::Erlang => erlang::state(),
        }
    }

    /// Installs it if it is missing.
    ///
    /// # Errors
    /// [`SetupError`], which says what was tried and what the user can do.
    pub fn fix(self, home: &Home, progress: &mut dyn Progress) -> Result<(), SetupError> {
        if matches!(self.state(home), State::Ready(_)) {
            return Ok(());
        }
        match self {
            Need::Rust => Err(SetupError::Absent {
                what: "no Rust toolchain was found".into(),
                advice: "install Rust from https://rustup.rs".into(),
            }),
            Need::GuestToolchain => guest::fix(home, progress),
            Need::Node => node::fix(home, progress),
            Need::Erlang => erlang::fix(home, progress),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Need::Rust => "Rust",
            Need::GuestToolchain => "Rust for guests",
            Need::Node => "Node.js and npm",
            Need::Erlang => "Erlang",
        })
    }
}

fn rust_state() -> State {
    let output =
        Command::new("rustc").arg("--version").output().ok().filter(|output| output.status.success());
    match output.and_then(|output| String::from_utf8(output.stdout).ok()) {
        Some(version) => State::Ready(version.trim().to_owned()),
        None => State::Missing {
            what: "no `rustc` on the PATH".into(),
            fix: "install Rust from https://rustup.rs".into(),
        },
    }
}
