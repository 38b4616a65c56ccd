use bytes::Bytes;
use wasmtime::StoreContextMut;
use wasmtime::component::{WasmList, WasmStr};

use super::table::{Imports, text as import};
use crate::guest::Guest;

type Store<'a> = StoreContextMut<'a, Guest>;

pub(super) fn add(imports: &mut Imports<'_>) -> wasmtime::Result<()> {
    imports.func_wrap(&import::ENCODE, |store: Store<'_>, (text,): (WasmStr,)| {
        Ok((Bytes::copy_from_slice(text.to_str(&store)?.as_bytes()),))
    })?;
    imports.func_wrap(&import::DECODE, |store: Store<'_>, (bytes,): (WasmList<u8>,)| {
        Ok((std::str::from_utf8(bytes.as_le_slice(&store)).ok().map(str::to_owned),))
    })
}
