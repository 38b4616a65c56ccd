use wasmtime_wasi::I32Exit;

use super::table::{Imports, program as import};

/// What the components of programs of preview 1 import beside the actor world.
pub(super) fn add(imports: &mut Imports<'_>) -> wasmtime::Result<()> {
    // The adapter tells only success and failure apart.
    imports.func_wrap(&import::EXIT, |_, (code,): (u32,)| -> wasmtime::Result<()> {
        Err(wasmtime::Error::new(I32Exit(code.cast_signed())))
    })
}
