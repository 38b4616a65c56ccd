//! The host's side of the actor world. What never waits is registered once for both lanes; what waits, once in each way,
//! over the same operations.

use wasmtime::component::Linker;

use crate::process::Guest;
use crate::{Lane, core_module};

mod groups;
mod logging;
mod names;
mod operations;
mod process;
mod supervision;
mod text;
mod timers;
mod wait;
mod wait_async;

pub(crate) use wait_async::Unanswered;

/// Registers every import of a lane.
pub(crate) fn add(linker: &mut Linker<Guest>, lane: Lane) -> wasmtime::Result<()> {
    process::add(linker)?;
    names::add(linker)?;
    timers::add(linker)?;
    groups::add(linker)?;
    logging::add(linker)?;
    supervision::add(linker)?;
    text::add(linker)?;
    wait::add(linker)?;
    core_module::add(linker)?;
    match lane {
        Lane::Sync => Ok(()),
        Lane::Async => {
            supervision::add_async(linker)?;
            wait_async::add(linker)
        }
    }
}

/// Random bytes that one call gives, as the Web's `getRandomValues`.
pub(crate) const MOST_RANDOM: u32 = 65_536;

/// The version of the actor world that the host speaks.
macro_rules! interface {
    ($name:literal) => {
        concat!("rusm:actor/", $name, "@0.1.0")
    };
}

use interface;
