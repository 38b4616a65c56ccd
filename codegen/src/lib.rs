//! Contracts: a WIT interface read as calls, casts and streams, and everything that is made of it.
//!
//! [`Wit::load`] reads a project's `wit/` folder, [`Wit::contract`] one interface of it as a [`Contract`]. From there,
//! [`rust::module`] and [`typescript::module`] generate what users program against, and [`section`] stores the contract
//! in a component and reads it back. With the feature `host`, `value` turns wire bytes into WAVE text and back, and `resolve` those of one
//! version of a contract into those of another.

mod canonical;
mod contract;
mod load;
mod names;
mod nearest;
mod printer;
#[cfg(feature = "host")]
pub mod resolve;
pub mod rust;
pub mod section;
pub mod typescript;
#[cfg(feature = "host")]
pub mod value;

pub use contract::{
    Case, Contract, Field, Function, Gated, Param, Reference, Shape, StreamParam, Streams, Type, TypeDef,
    TypeKind,
};
pub use load::{ContractError, ContractId, Place, Wit};
pub use nearest::nearest;
#[cfg(feature = "host")]
pub use printer::print_all;

/// The WIT package `rusm:actor`, file by file: name and text.
pub const ACTOR_WIT: [(&str, &str); 7] = [
    ("types.wit", include_str!("../../wit/types.wit")),
    ("process.wit", include_str!("../../wit/process.wit")),
    ("groups.wit", include_str!("../../wit/groups.wit")),
    ("supervision.wit", include_str!("../../wit/supervision.wit")),
    ("wait.wit", include_str!("../../wit/wait.wit")),
    ("callbacks.wit", include_str!("../../wit/callbacks.wit")),
    ("worlds.wit", include_str!("../../wit/worlds.wit")),
];

/// One of the worlds of [`ACTOR_WIT`], resolved.
///
/// # Panics
/// If it has no world of that name.
pub fn actor_world(name: &str) -> (wit_parser::Resolve, wit_parser::WorldId) {
    resolve_world(&ACTOR_WIT, name).unwrap_or_else(|error| panic!("the actor world `{name}`: {error}"))
}

/// A world of a package that stands in these files: name and text.
///
/// # Errors
/// What is wrong with the text, or that there is no such world.
pub fn resolve_world(
    files: &[(&str, &str)],
    name: &str,
) -> Result<(wit_parser::Resolve, wit_parser::WorldId), Box<dyn std::error::Error>> {
    let mut resolve = wit_parser::Resolve::default();
    let mut sources = wit_parser::SourceMap::new();
    for (file, text) in files {
        sources.push_str(file, *text);
    }
    let package = resolve.push_group(sources.parse().map_err(|(_, error)| error)?)?;
    let world = resolve.select_world(&[package], Some(name))?;
    Ok((resolve, world))
}
