use bytes::Bytes;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmList, WasmStr};

use super::interface;
use crate::process::Guest;

type Store<'a> = StoreContextMut<'a, Guest>;

pub(super) fn add(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut text = linker.instance(interface!("text"))?;
    text.func_wrap("encode", |store: Store<'_>, (text,): (WasmStr,)| {
        Ok((Bytes::copy_from_slice(text.to_str(&store)?.as_bytes()),))
    })?;
    text.func_wrap("decode", |store: Store<'_>, (bytes,): (WasmList<u8>,)| {
        Ok((std::str::from_utf8(bytes.as_le_slice(&store)).ok().map(str::to_owned),))
    })
}
