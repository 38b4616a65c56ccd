//! Runs WebAssembly components as processes of [`rusm_otp`].
//!
//! An [`Engine`] loads components, each under a [`Profile`] of capabilities and limits, and spawns processes of them: one
//! sandboxed instance a process. Guests that wait by blocking run in the *sync lane*, guests that await (TypeScript, WASI
//! 0.3) in the *async lane*; one implementation of the actor world serves both. This is the only crate that knows
//! wasmtime.

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
