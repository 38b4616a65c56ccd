//! What imports read of a guest's arguments, and keep for it.

use std::time::Duration;

use rusm_otp::{Charge, Overdrawn, Payload};
use wasmtime::StoreContextMut;
use wasmtime::component::{WasmList, WasmStr};

use crate::guest::Guest;
use crate::types::{CallError, Target};

/// Where a guest's memory is.
pub(super) type Store<'a> = StoreContextMut<'a, Guest>;

/// A target, read from the guest's memory.
pub(super) fn target(store: &Store<'_>, target: &Target) -> wasmtime::Result<rusm_otp::Target> {
    Ok(match target {
        Target::Process(pid) => rusm_otp::Target::Process((*pid).into()),
        Target::Name(name) => rusm_otp::Target::Name(name.to_str(store)?.into_owned()),
    })
}

/// Whether a large body is worth a copy: a mailbox that is full will not take it.
pub(super) fn worth_copying(guest: &Guest, to: &rusm_otp::Target, bytes: usize) -> bool {
    bytes < LARGE || guest.context.runtime().has_room(to, bytes)
}

/// The arguments of a call, copied unless its callee has no room for them.
pub(super) fn body(
    store: &Store<'_>,
    to: &rusm_otp::Target,
    body: &WasmList<u8>,
) -> Result<Payload, CallError> {
    let body = body.as_le_slice(store);
    if worth_copying(store.data(), to, body.len()) {
        Ok(Payload::from(body))
    } else {
        Err(CallError::Overloaded)
    }
}

/// Smaller bodies are copied in less time than a look takes.
const LARGE: usize = 64 << 10;

/// Texts, read from the guest's memory.
pub(super) fn strings(store: &mut Store<'_>, list: &WasmList<WasmStr>) -> wasmtime::Result<Vec<String>> {
    let views = list.iter(&mut *store)?.collect::<wasmtime::Result<Vec<_>>>()?;
    views.iter().map(|view| Ok(view.to_str(&*store)?.into_owned())).collect()
}

/// Keeps something for a guest as long as what this answers with lives.
pub(super) fn keep(guest: &Guest, bytes: usize) -> Result<Charge, Overdrawn> {
    guest.context.runtime().keep(guest.context.pid(), bytes)
}

/// The time begins now, not when it is waited for.
pub(super) fn sleep(ms: u64) -> tokio::time::Sleep {
    tokio::time::sleep(milliseconds(ms))
}

/// A time that a guest asks for.
pub(super) fn milliseconds(ms: u64) -> Duration {
    Duration::from_millis(ms.min(LONGEST_MS))
}

/// A deadline, 0 meaning the default.
pub(super) fn limit(ms: u32) -> Duration {
    Duration::from_millis(u64::from(if ms == 0 { DEFAULT_MS } else { ms }))
}

/// As Erlang's.
const DEFAULT_MS: u32 = 5_000;

/// A hundred years: more would overflow the clock's arithmetic.
const LONGEST_MS: u64 = 100 * 365 * 24 * 3_600_000;
