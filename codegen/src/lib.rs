//! Contracts: a WIT interface read as calls, casts and streams, and everything that is made of it.
//!
//! [`Wit::load`] reads a project's `wit/` folder, [`Wit::contract`] one interface of it as a [`Contract`]. From there,
//! [`rust::module`] and [`typescript::module`] generate what users program against, and [`section`] stores the contract
//! in a component and reads it back. With the feature `host`, `value` turns wire bytes into WAVE text and back.

mod canonical;
mod contract;
mod load;
mod nearest;
mod printer;
pub mod rust;
pub mod section;
pub mod typescript;
#[cfg(feature = "host")]
pub mod value;

pub use contract::{
    Case, Contract, Field, Function, Param, RESERVED_FUNCTIONS, Shape, Type, TypeDef, TypeKind,
};
pub use load::{ContractError, Wit};
pub use nearest::nearest;

/// The WIT package `rusm:actor`, file by file: name and text.
pub const ACTOR_WIT: [(&str, &str); 6] = [
    ("types.wit", include_str!("../../wit/types.wit")),
    ("process.wit", include_str!("../../wit/process.wit")),
    ("groups.wit", include_str!("../../wit/groups.wit")),
    ("supervision.wit", include_str!("../../wit/supervision.wit")),
    ("wait.wit", include_str!("../../wit/wait.wit")),
    ("worlds.wit", include_str!("../../wit/worlds.wit")),
];
