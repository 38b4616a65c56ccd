use bytes::Bytes;
use rusm_otp::{ExitReason as Reason, Payload, shortened};
use wasmtime::StoreContextMut;
use wasmtime::component::{WasmList, WasmStr};

use super::arguments::{target, worth_copying};
use super::rights::{known, may_control, may_link, may_reach};
use super::table::{Imports, process as import};
use crate::Grant;
use crate::crash::GuestExit;
use crate::guest::Guest;
use crate::types::{CallError, ExitReason, Pid, ProcessInfo, Reference, SendError, Target};
use crate::wasi::{self, MOST_RANDOM};

type Store<'a> = StoreContextMut<'a, Guest>;

pub(super) fn add(imports: &mut Imports<'_>) -> wasmtime::Result<()> {
    imports
        .func_wrap(&import::SELF, |store: Store<'_>, (): ()| Ok((Pid::from(store.data().context.pid()),)))?;
    imports.func_wrap(&import::SEND, |store: Store<'_>, (to, body): (Target, WasmList<u8>)| {
        Ok((deliver(&store, "send", &to, &body, |guest, to, body| {
            guest.context.runtime().send(guest.context.pid(), to, body)
        })?,))
    })?;
    imports.func_wrap(&import::CAST, |store: Store<'_>, (to, key, body): (Target, u32, WasmList<u8>)| {
        Ok((deliver(&store, "cast", &to, &body, |guest, to, body| {
            guest.context.runtime().cast(guest.context.pid(), to, key, body)
        })?,))
    })?;
    imports.func_wrap(&import::REPLY, |store: Store<'_>, (request, body): (Reference, WasmList<u8>)| {
        let body = Payload::from(body.as_le_slice(&store));
        Ok((store.data().context.reply(request, Ok(body)),))
    })?;
    imports.func_wrap(
        &import::REPLY_ERROR,
        |store: Store<'_>, (request, error): (Reference, CallError)| {
            let guest = store.data();
            Ok((guest.context.reply(request, Err(own_error(guest, error.into()))),))
        },
    )?;
    imports.func_wrap(&import::LINK, |store: Store<'_>, (other,): (Pid,)| {
        Ok((link(store.data(), other.into()),))
    })?;
    imports.func_wrap(&import::UNLINK, |store: Store<'_>, (other,): (Pid,)| {
        unlink(store.data(), other.into());
        Ok(())
    })?;
    imports.func_wrap(&import::MONITOR, |store: Store<'_>, (other,): (Target,)| {
        let other = target(&store, &other)?;
        Ok((monitor(store.data(), &other),))
    })?;
    imports.func_wrap(&import::DEMONITOR, |store: Store<'_>, (monitor,): (Reference,)| {
        let context = &store.data().context;
        Ok((context.runtime().demonitor(context.pid(), monitor),))
    })?;
    imports.func_wrap(
        &import::EXIT,
        |store: Store<'_>, (reason,): (ExitReason,)| -> wasmtime::Result<()> {
            Err(wasmtime::Error::new(GuestExit(own_exit(store.data(), reason.into()))))
        },
    )?;
    imports.func_wrap(&import::EXIT_PROCESS, |store: Store<'_>, (other, reason): (Pid, ExitReason)| {
        Ok((end(store.data(), "exit-process", other.into(), reason.into()),))
    })?;
    imports.func_wrap(&import::KILL, |store: Store<'_>, (other,): (Pid,)| {
        Ok((end(store.data(), "kill", other.into(), Reason::Killed),))
    })?;
    imports.func_wrap(&import::TRAP_EXIT, |store: Store<'_>, (on,): (bool,)| {
        let context = &store.data().context;
        Ok((context.runtime().trap_exit(context.pid(), on),))
    })?;
    imports.func_wrap(&import::TAKES_SEVERAL, |store: Store<'_>, (): ()| {
        store.data().context.takes_several();
        Ok(())
    })?;
    imports.func_wrap(&import::ALIVE, |store: Store<'_>, (other,): (Pid,)| {
        Ok((store.data().context.runtime().is_alive(other.into()),))
    })?;
    imports.func_wrap(&import::INFO, |store: Store<'_>, (other,): (Pid,)| {
        Ok((known(store.data(), "info", other.into()).map(ProcessInfo::from),))
    })?;
    imports.func_wrap(
        &import::REPORT_CRASH,
        |mut store: Store<'_>, (text, backtrace): (String, String)| {
            store.data_mut().reported_crash =
                Some((shortened(text, LONGEST_TEXT), shortened(backtrace, LONGEST_TEXT)));
            Ok(())
        },
    )?;
    imports.func_wrap(&import::RANDOM_BYTES, |mut store: Store<'_>, (length,): (u32,)| {
        let mut bytes = vec![0; length.min(MOST_RANDOM) as usize];
        let guest = store.data_mut();
        match guest.profile.limits.seed {
            // A run that can be repeated.
            Some(seed) => wasi::fill_seeded(&mut guest.seeded, seed, &mut bytes),
            None => {
                getrandom::fill(&mut bytes).map_err(|error| wasmtime::Error::msg(error.to_string()))?;
            }
        }
        Ok((Bytes::from(bytes),))
    })?;
    imports.func_wrap(&import::ENV, |store: Store<'_>, (name,): (WasmStr,)| {
        let name = name.to_str(&store)?.into_owned();
        Ok((env(store.data(), name),))
    })
}

fn deliver(
    store: &Store<'_>,
    operation: &'static str,
    to: &Target,
    body: &WasmList<u8>,
    send: impl FnOnce(&Guest, &rusm_otp::Target, Payload) -> Result<(), rusm_otp::SendError>,
) -> wasmtime::Result<Result<(), SendError>> {
    let to = target(store, to)?;
    let guest = store.data();
    if let Err(missing) = may_reach(guest, operation, &to) {
        return Ok(Err(SendError::Denied(missing)));
    }
    let body = body.as_le_slice(store);
    if !worth_copying(guest, &to, body.len()) {
        return Ok(Err(SendError::Overloaded));
    }
    Ok(send(guest, &to, Payload::from(body)).map_err(SendError::from))
}

fn link(guest: &Guest, other: rusm_otp::Pid) -> Result<(), SendError> {
    may_link(guest, "link", other).map_err(SendError::Denied)?;
    guest.context.runtime().link(guest.context.pid(), other);
    Ok(())
}

fn unlink(guest: &Guest, other: rusm_otp::Pid) {
    let (runtime, own) = (guest.context.runtime(), guest.context.pid());
    if runtime.parent(own) != Some(other) || runtime.supervision(other).is_none() {
        runtime.unlink(own, other);
    }
}

fn monitor(guest: &Guest, other: &rusm_otp::Target) -> Result<Reference, SendError> {
    may_reach(guest, "monitor", other).map_err(SendError::Denied)?;
    Ok(guest.context.runtime().monitor(guest.context.pid(), other))
}

fn end(
    guest: &Guest,
    operation: &'static str,
    other: rusm_otp::Pid,
    reason: Reason,
) -> Result<(), SendError> {
    may_control(guest, operation, other).map_err(SendError::Denied)?;
    guest.context.runtime().exit(guest.context.pid(), other, own_exit(guest, reason));
    Ok(())
}

/// A guest may say what broke; where it broke is the host's to say.
fn own_exit(guest: &Guest, reason: Reason) -> Reason {
    match reason {
        Reason::Crash(crash) => crate::crash::crash(guest, crash.text.clone(), crash.backtrace.clone()),
        other => other,
    }
}

/// The same of the error that a guest gives its caller.
fn own_error(guest: &Guest, error: rusm_otp::CallError) -> rusm_otp::CallError {
    match error {
        rusm_otp::CallError::Exited(reason) => rusm_otp::CallError::Exited(own_exit(guest, reason)),
        other => other,
    }
}

fn env(guest: &Guest, name: String) -> Result<Option<String>, SendError> {
    guest.require("env", Grant::Env(name.clone())).map_err(SendError::Denied)?;
    Ok(wasi::variable(&guest.profile, &name))
}

/// More than people read of one crash.
const LONGEST_TEXT: usize = 64 << 10;
