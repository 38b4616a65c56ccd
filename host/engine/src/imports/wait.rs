use bytes::Bytes;
use rusm_otp::{Payload, PendingCall, StreamEnd, TryWrite};
use wasmtime::StoreContextMut;
use wasmtime::component::{WasmList, WasmStr};

use super::receiving::Taker;
use super::table::{Imports, wait as import};
use super::{arguments, calls, receiving, spawning, streams};
use crate::guest::{Guest, StartedCall, waited};
use crate::types::{
    CallError, Event, Filter, Reference, ShortAnswer, ShortBody, SpawnOptions, StreamDirection, StreamError,
    Target,
};

type Store<'a> = StoreContextMut<'a, Guest>;

/// The waits of the sync lane: the host suspends the guest's fiber.
pub(super) fn add(imports: &mut Imports<'_>) -> wasmtime::Result<()> {
    imports.func_wrap_async(
        &import::SPAWN,
        |mut store: Store<'_>, (component, options): (WasmStr, SpawnOptions)| {
            Box::new(async move {
                let spawning = spawning::prepare_spawn(&mut store, &component, &options)?;
                Ok((waited(&mut store, spawning).await,))
            })
        },
    )?;
    imports.func_wrap_async(
        &import::LOAD,
        |mut store: Store<'_>, (component, capabilities): (WasmList<u8>, WasmList<WasmStr>)| {
            Box::new(async move {
                let loading = spawning::prepare_load(&mut store, &component, &capabilities)?;
                Ok((waited(&mut store, loading).await,))
            })
        },
    )?;
    imports.func_wrap(&import::CONNECT, |store: Store<'_>, (to, contract): (Target, WasmStr)| {
        let to = arguments::target(&store, &to)?;
        let contract = contract.to_str(&store)?;
        Ok((calls::connect(store.data(), &to, &contract),))
    })?;
    imports.func_wrap_async(
        &import::CALL,
        |mut store: Store<'_>, (to, key, body, deadline): (Target, u32, WasmList<u8>, u32)| {
            Box::new(async move {
                let to = arguments::target(&store, &to)?;
                let body = match arguments::body(&store, &to, &body) {
                    Ok(body) => body,
                    Err(full) => return Ok((Err(full),)),
                };
                Ok((call(&mut store, &to, key, body, deadline).await,))
            })
        },
    )?;
    // Without a fiber's future: most replies are there at once.
    imports.func_wrap(
        &import::CALL_SHORT,
        |mut store: Store<'_>, (to, key, body, deadline): (Target, u32, ShortBody, u32)| {
            let to = arguments::target(&store, &to)?;
            Ok((call_short(&mut store, &to, key, body.payload()?, deadline),))
        },
    )?;
    imports.func_wrap(&import::CALL_START, call_start)?;
    imports.func_wrap_async(&import::CALL_WAIT, |mut store: Store<'_>, (call,): (Reference,)| {
        Box::new(async move {
            match calls::take_call(store.data_mut(), call) {
                Ok(StartedCall { reply: Some((reply, _)), key, .. }) => {
                    Ok((calls::told(&store.data().component, key, reply),))
                }
                Ok(started) => Ok((wait_for(&mut store, started.pending, started.key).await,)),
                Err(error) => Ok((Err(error),)),
            }
        })
    })?;
    imports.func_wrap(&import::CALL_CANCEL, call_cancel)?;
    imports.func_wrap_async(
        &import::RECEIVE,
        |mut store: Store<'_>, (filter, limit): (Filter, Option<u64>)| {
            Box::new(async move {
                let receiving = receiving::receive(Taker::of(store.data()), filter, limit);
                let event: Option<Event> = waited(&mut store, receiving).await;
                Ok((event,))
            })
        },
    )?;
    imports.func_wrap(&import::RECEIVE_NOW, |store: Store<'_>, (filter,): (Filter,)| {
        Ok((receiving::receive_now(store.data(), filter),))
    })?;
    imports.func_wrap_async(&import::SLEEP, |mut store: Store<'_>, (ms,): (u64,)| {
        Box::new(async move {
            waited(&mut store, arguments::sleep(ms)).await;
            Ok(())
        })
    })?;
    imports.func_wrap_async(
        &import::STREAM_WRITE,
        |mut store: Store<'_>, (handle, chunk, deadline): (u64, WasmList<u8>, u32)| {
            Box::new(async move {
                let end = store.data().context.stream(handle);
                Ok((write(&mut store, end, &chunk, deadline).await,))
            })
        },
    )?;
    imports.func_wrap_async(
        &import::STREAM_READ,
        |mut store: Store<'_>, (handle, deadline): (u64, u32)| {
            Box::new(async move {
                let end = store.data().context.stream(handle);
                let read: Result<Option<Bytes>, StreamError> =
                    waited(&mut store, streams::read(end, deadline)).await;
                Ok((read,))
            })
        },
    )?;
    imports.func_wrap(&import::STREAM_DEMAND, stream_demand)?;
    imports.func_wrap(&import::STREAM_OTHER, stream_other)?;
    imports.func_wrap(&import::STREAM_CLOSE, stream_close)?;
    imports.func_wrap(&import::STREAM_ABORT, stream_abort)
}

/// A call from its sending to its reply.
async fn call(
    store: &mut Store<'_>,
    to: &rusm_otp::Target,
    key: u32,
    body: Payload,
    deadline: u32,
) -> Result<Bytes, CallError> {
    let begun = calls::begin_call(store.data(), to, key, body);
    let mut pending = begun.map_err(|error| explain(store, key, error))?;
    match store.data().context.try_wait(&mut pending) {
        Some(reply) => calls::told(&store.data().component, key, reply),
        None => wait_for(store, calls::due(pending, deadline), key).await,
    }
}

async fn wait_for(store: &mut Store<'_>, pending: PendingCall, key: u32) -> Result<Bytes, CallError> {
    let context = store.data().context.clone();
    let reply = waited(store, context.wait(pending)).await;
    calls::told(&store.data().component, key, reply)
}

/// Writes a chunk, which is copied once there is room for it.
async fn write(
    store: &mut Store<'_>,
    end: Option<StreamEnd>,
    chunk: &WasmList<u8>,
    deadline: u32,
) -> Result<(), StreamError> {
    let writer = streams::writer(end)?;
    loop {
        let room = streams::room(&writer, deadline);
        waited(store, room).await?;
        let chunk = Bytes::copy_from_slice(chunk.as_le_slice(&*store));
        match writer.try_write(chunk) {
            TryWrite::Taken => return Ok(()),
            TryWrite::Ended(error) => return Err(error.into()),
            // Its other owner was faster.
            TryWrite::Full(_) => {}
        }
    }
}

#[cold]
fn explain(store: &Store<'_>, key: u32, error: rusm_otp::CallError) -> CallError {
    calls::explain(&store.data().component, key, error)
}

/// The reply, or what to wait for. The guest's turn goes on.
fn call_short(
    store: &mut Store<'_>,
    to: &rusm_otp::Target,
    key: u32,
    body: Payload,
    deadline: u32,
) -> ShortAnswer {
    let replied = match calls::begin_call(store.data(), to, key, body) {
        Err(error) => Err(error),
        Ok(mut pending) => match store.data().context.try_wait(&mut pending) {
            Some(reply) => reply,
            None => return keep(store.data_mut(), pending, key, deadline),
        },
    };
    match replied {
        Ok(reply) => match ShortBody::of(&reply) {
            Some(short) => ShortAnswer::Short(short),
            None => ShortAnswer::Long(reply.into()),
        },
        Err(error) => ShortAnswer::Error(Box::new(explain(store, key, error))),
    }
}

/// Keeps a call that has no reply yet until it is waited for. It is given up with its pending reply.
fn keep(guest: &mut Guest, pending: PendingCall, key: u32, deadline: u32) -> ShortAnswer {
    let call = pending.reference;
    let pending = calls::due(pending, deadline);
    let room = guest.calls.len() < guest.profile.limits.handles;
    match arguments::keep(guest, calls::CALL) {
        Ok(kept) if room => {
            guest.calls.insert(
                call,
                StartedCall { pending, key, limit: None, again: false, reply: None, _kept: kept },
            );
            ShortAnswer::Later(call)
        }
        _ => ShortAnswer::Error(Box::new(CallError::Overloaded)),
    }
}

type StartParams = (Target, u32, WasmList<u8>, Option<StreamDirection>, u32);

pub(super) fn call_start(
    mut store: Store<'_>,
    (to, key, body, direction, deadline): StartParams,
) -> wasmtime::Result<(Result<crate::types::Started, CallError>,)> {
    let to = arguments::target(&store, &to)?;
    let body = arguments::body(&store, &to, &body);
    let started = |body| calls::start_call(store.data_mut(), &to, key, body, direction, deadline);
    Ok((body.and_then(started),))
}

pub(super) fn call_cancel(mut store: Store<'_>, (call,): (Reference,)) -> wasmtime::Result<(bool,)> {
    Ok((store.data_mut().calls.remove(&call).is_some(),))
}

pub(super) fn stream_demand(store: Store<'_>, (handle,): (u64,)) -> wasmtime::Result<()> {
    streams::demand(store.data(), handle);
    Ok(())
}

pub(super) fn stream_other(store: Store<'_>, (handle,): (u64,)) -> wasmtime::Result<(Option<u64>,)> {
    Ok((store.data().context.other_stream(handle),))
}

pub(super) fn stream_close(store: Store<'_>, (handle,): (u64,)) -> wasmtime::Result<()> {
    streams::close(store.data(), handle);
    Ok(())
}

pub(super) fn stream_abort(store: Store<'_>, (handle, why): (u64, WasmStr)) -> wasmtime::Result<()> {
    let why = why.to_str(&store)?.into_owned();
    streams::abort(store.data(), handle, why);
    Ok(())
}
