//! Runs WebAssembly components as processes of [`rusm_otp`].
//!
//! An [`Engine`] loads components, each under a [`Profile`] of capabilities and limits, and spawns processes of them: one
//! sandboxed instance a process. Guests that wait by blocking run in the *sync lane*, guests that await (TypeScript, WASI
//! 0.3) in the *async lane*; one implementation of the actor world serves both. This is the only crate that knows
//! wasmtime.

mod cache;
mod capabilities;
mod capacity;
mod component;
mod config;
mod core_module;
mod crash;
mod engine;
mod figures;
mod imports;
mod lane;
mod limiter;
mod loaded;
mod machine;
mod output;
mod process;
mod source_map;
mod spawn;
mod stacks;
mod types;
mod wasi;

pub use capabilities::{Denied, Endpoint, Folder, Grant, GrantError, Limits, Profile};
pub use component::{Component, Kind, Lane, LoadError};
pub use config::EngineConfig;
pub use engine::{Engine, EngineError};
pub use figures::{ComponentFigures, NodeFigures, Pool, ProcessFigures, Quantiles, Snapshot};
pub use imports::grants_of_import;
pub use output::Written;
pub use spawn::{Spawn, SpawnError};
