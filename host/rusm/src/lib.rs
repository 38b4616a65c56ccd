//! A RUSM project, from its manifest to a running node.
//!
//! [`Manifest`] is `rusm.toml`, read and checked; [`Project`] the folder around it, which [`Project::build`] turns into
//! components; [`Node`] runs their supervision tree. The binary `rusm` is the command line over all of it.

mod build;
mod check;
pub mod cli;
mod control;
mod descriptors;
mod generate;
mod manifest;
mod node;
mod project;
mod scaffold;
mod sdk;

pub use build::{BuildError, Built};
pub use check::{Against, CheckError, Finding, Level, Report};
pub use control::{CallOutput, CallRequest, Claim, ControlError, Info, Socket, Watch, call, info};
pub use manifest::{ChildDecl, ComponentDecl, JavaScript, Manifest, ManifestError, SupervisorDecl, What};
pub use node::{BootError, Node};
pub use project::{LeftOut, Project, ProjectError};
pub use scaffold::{Language, scaffold};
