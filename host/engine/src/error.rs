//! Why components are not loaded, and engines not made.

use std::error::Error;
use std::fmt::Write as _;

use rusm_codegen::section::SectionError;

/// Why a component was not loaded.
///
/// ```
/// # use rusm_engine::{Engine, EngineConfig, Profile, Spawn, SpawnError, LoadError};
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let config = EngineConfig { sync_processes: 10, async_processes: 10, ..EngineConfig::default() };
/// # let engine = Engine::new(rusm_otp::Runtime::new(), config)?;
/// # let component = wat::parse_str(r#"(component (core module $m (func (export "run")))
/// #     (core instance $i (instantiate $m)) (func (export "run") (canon lift (core func $i "run"))))"#)?;
/// let error = engine.load("empty", wat::parse_str("(component)")?, Profile::default()).await.unwrap_err();
/// assert!(matches!(error, LoadError::NoProcess { .. }));
/// let mut greedy = Profile::default();
/// greedy.limits.memory = 1 << 40;
/// let error = engine.load("greedy", component, greedy).await.unwrap_err();
/// assert!(error.to_string().contains("bytes of memory; this node allows"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is no component, or its contracts cannot be read.
    #[error("component `{name}`: {source}")]
    Section {
        /// The component.
        name: String,
        /// Why.
        source: Box<SectionError>,
    },
    /// It is a component, but no process.
    #[error(
        "component `{name}` is neither a service nor a raw process nor a command: it exports {exports}; expected \
         `rusm:actor/server@0.1.0`, `rusm:actor/server-async@0.1.0`, `run`, or `wasi:cli/run` of 0.2 or 0.3"
    )]
    NoProcess {
        /// The component.
        name: String,
        /// What it exports.
        exports: String,
    },
    /// It does not compile, or wants what the host does not give.
    #[error("component `{name}` cannot be run: {}", chain(&**source))]
    Unfit {
        /// The component.
        name: String,
        /// Why.
        source: Cause,
    },
}

/// An error below one of this crate's, of whichever library.
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// What an error says, and each one below it.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[error("the engine cannot start: {}", chain(&**.0))]
pub struct EngineError(#[source] pub(crate) Cause);

/// Why a component was not loaded from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotLoaded {
    Invalid(String),
    Capacity(String),
}
