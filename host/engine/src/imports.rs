//! The host's side of the actor world. What never waits is registered once for both lanes; what waits, once in each way,
//! over the same operations.

use wasmtime::component::Linker;

use crate::Lane;
use crate::guest::Guest;

mod arguments;
mod callbacks;
mod calls;
mod groups;
mod logging;
mod names;
mod process;
mod program;
mod receiving;
mod rights;
mod spawning;
mod streams;
mod supervision;
mod table;
mod text;
mod timers;
mod url;
mod wait;
mod wait_any;
mod wait_async;

use table::Imports;

pub use table::grants_of_import;

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
    callbacks::add(imports)?;
    program::add(imports)?;
    if lane == Lane::Async {
        supervision::add_async(imports)?;
        wait_async::add(imports)?;
        callbacks::add_async(imports)?;
    }
    Ok(imports.taken())
}
