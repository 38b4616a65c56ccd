//! Runs WebAssembly components as processes of [`rusm_otp`].
//!
//! An [`Engine`] loads components, each under a [`Profile`] of capabilities and limits, and spawns processes of them: one
//! sandboxed instance a process. Guests that wait by blocking run in the *sync lane*, guests that await (TypeScript, WASI
//! 0.3) in the *async lane*; one implementation of the actor world serves both. This is the only crate that knows
//! wasmtime.
//!
//! ```
//! use rusm_engine::{Engine, EngineConfig, Kind, Profile, Spawn};
//! use rusm_otp::Runtime;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A raw process that does nothing; `rusm build` makes components of Rust and TypeScript.
//! let component = wat::parse_str(
//!     r#"(component
//!         (core module $m (func (export "run")))
//!         (core instance $i (instantiate $m))
//!         (func (export "run") (canon lift (core func $i "run"))))"#,
//! )?;
//! let config = EngineConfig { sync_processes: 10, async_processes: 10, ..EngineConfig::default() };
//! let engine = Engine::new(Runtime::new(), config)?;
//! let loaded = engine.load("nothing", component, Profile::default()).await?;
//! assert_eq!(loaded.kind(), Kind::Raw);
//! let spawned = engine.spawn(Spawn::new("nothing")).await?;
//! println!("it was {}", spawned.pid);
//! assert_eq!(engine.snapshot().node.spawned, 1);
//! # Ok(())
//! # }
//! ```

mod cache;
mod capabilities;
mod capacity;
mod code;
mod component;
mod config;
mod core_module;
mod crash;
mod engine;
mod error;
mod examine;
mod figures;
mod guest;
mod imports;
mod lane;
mod limiter;
mod load;
mod loaded;
mod machine;
mod output;
mod pressure;
mod process;
mod snapshot;
mod source_map;
mod spawn;
mod stacks;
mod start;
mod types;
mod wasi;

pub use capabilities::{Denied, Endpoint, Folder, Grant, GrantError, Limits, Profile};
pub use component::{Component, Kind, Lane};
pub use config::EngineConfig;
pub use engine::Engine;
pub use error::{EngineError, LoadError};
pub use figures::Quantiles;
pub use imports::grants_of_import;
pub use output::Written;
pub use snapshot::{ComponentFigures, NodeFigures, Pool, ProcessFigures, Snapshot};
pub use spawn::{Spawn, SpawnError};
