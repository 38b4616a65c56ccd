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
mod table;
mod text;
mod timers;
mod url;
mod wait;
mod wait_async;

pub use table::grants_of_import;
pub(crate) use table::{Imports, program};
pub(crate) use wait_async::Unanswered;

/// Registers every import of a lane.
pub(crate) fn add(linker: &mut Linker<Guest>, lane: Lane) -> wasmtime::Result<()> {
    register(linker, lane).map(drop)
}

/// The same, and which these are.
fn register(linker: &mut Linker<Guest>, lane: Lane) -> wasmtime::Result<Vec<&'static table::Import>> {
    let imports = &mut Imports::new(linker);
    process::add(imports)?;
    names::add(imports)?;
    timers::add(imports)?;
    groups::add(imports)?;
    logging::add(imports)?;
    supervision::add(imports)?;
    text::add(imports)?;
    url::add(imports)?;
    wait::add(imports)?;
    core_module::add(imports)?;
    if lane == Lane::Async {
        supervision::add_async(imports)?;
        wait_async::add(imports)?;
    }
    Ok(imports.taken())
}

/// Random bytes that one call gives, as the Web's `getRandomValues`.
pub(crate) const MOST_RANDOM: u32 = 65_536;
