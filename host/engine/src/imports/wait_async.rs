use std::future::Future;

use bytes::Bytes;
use futures::FutureExt as _;
use rusm_otp::PendingCall;
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, FutureReader, Lift, Lower, WasmList, WasmStr};

use super::receiving::Taker;
use super::table::{Imports, wait_async as import};
use super::wait::{call_cancel, call_start, stream_abort, stream_close, stream_demand, stream_other};
use super::{arguments, calls, receiving, spawning, streams};
use crate::guest::{Guest, Unanswered};
use crate::types::{CallError, ExitReason, Filter, LoadError, Reference, SpawnError, SpawnOptions, Target};

type Store<'a> = StoreContextMut<'a, Guest>;

/// The waits of the async lane: each answers with a future. What starts something starts it here and not in the future,
/// which runs only once the guest reads it.
pub(super) fn add(imports: &mut Imports<'_>) -> wasmtime::Result<()> {
    imports.func_wrap(
        &import::SPAWN,
        |mut store: Store<'_>, (component, options): (WasmStr, SpawnOptions)| {
            let spawning = spawning::prepare_spawn(&mut store, &component, &options)?;
            begun(store, spawning, || Err(SpawnError::Exited(ExitReason::Killed)))
        },
    )?;
    imports.func_wrap(
        &import::LOAD,
        |mut store: Store<'_>, (component, capabilities): (WasmList<u8>, WasmList<WasmStr>)| {
            let loading = spawning::prepare_load(&mut store, &component, &capabilities)?;
            begun(store, loading, || Err(LoadError::Capacity("the node stops".into())))
        },
    )?;
    imports.func_wrap(&import::CONNECT, |store: Store<'_>, (to, contract): (Target, WasmStr)| {
        let to = arguments::target(&store, &to)?;
        let contract = contract.to_str(&store)?;
        let connected = calls::connect(store.data(), &to, &contract);
        future(store, async move { connected })
    })?;
    imports.func_wrap(
        &import::CALL,
        |mut store: Store<'_>, (to, key, body, deadline): (Target, u32, WasmList<u8>, u32)| {
            let to = arguments::target(&store, &to)?;
            let begun = begin(&store, &to, key, &body);
            let tried = attempt(&mut store, begun, Some(deadline));
            answer(store, tried)
        },
    )?;
    imports.func_wrap(
        &import::CALL_PROCESS,
        |mut store: Store<'_>, (node, id, key, body, deadline): (u64, u64, u32, WasmList<u8>, u32)| {
            let to = rusm_otp::Target::Process(rusm_otp::Pid { node, id });
            let begun = begin(&store, &to, key, &body);
            let tried = attempt(&mut store, begun, Some(deadline));
            Ok((tried.map_err(|unanswered| store.data_mut().unanswered = Some(unanswered)).ok(),))
        },
    )?;
    imports.func_wrap(&import::CALL_ANSWER_OF_PROCESS, |mut store: Store<'_>, (): ()| {
        let unanswered = store.data_mut().unanswered.take();
        answer(store, Err(unanswered.unwrap_or(Unanswered::Failed(CallError::Cancelled))))
    })?;
    imports.func_wrap(&import::CALL_START, call_start)?;
    imports.func_wrap(&import::CALL_WAIT, |mut store: Store<'_>, (call,): (Reference,)| {
        let begun = calls::take_call(store.data_mut(), call).map(|started| (started.pending, started.key));
        let tried = attempt(&mut store, begun, None);
        answer(store, tried)
    })?;
    imports.func_wrap(&import::CALL_CANCEL, call_cancel)?;
    imports.func_wrap(&import::RECEIVE, |store: Store<'_>, (filter, limit): (Filter, Option<u64>)| {
        let taker = Taker::of(store.data());
        future(store, receiving::receive(taker, filter, limit))
    })?;
    imports.func_wrap(&import::SLEEP, |store: Store<'_>, (ms,): (u64,)| {
        let sleep = arguments::sleep(ms);
        future(store, async move {
            sleep.await;
            true
        })
    })?;
    imports.func_wrap(&import::PARK, |mut store: Store<'_>, (parking,): (u64,)| {
        let (sender, receiver) = oneshot::channel();
        let guest = store.data_mut();
        let kept = arguments::keep(guest, PARKED)?;
        guest.parked.insert(parking, (sender, kept));
        future(store, async move { receiver.await.is_ok() })
    })?;
    imports.func_wrap(&import::UNPARK, |mut store: Store<'_>, (parking,): (u64,)| {
        let parked = store.data_mut().parked.remove(&parking);
        Ok((parked.is_some_and(|(sender, _)| sender.send(()).is_ok()),))
    })?;
    imports.func_wrap(
        &import::STREAM_WRITE,
        |store: Store<'_>, (handle, chunk, deadline): (u64, WasmList<u8>, u32)| {
            let writer = streams::writer(store.data().context.stream(handle));
            let writer = writer.and_then(|writer| streams::may_write(&writer, deadline).map(|()| writer));
            // What is refused is not copied, and what waits for room is kept for the guest.
            let chunk = chunk.as_le_slice(&store);
            let waits = writer.as_ref().is_ok_and(|writer| !writer.has_room().unwrap_or(true));
            let kept = if waits { Some(arguments::keep(store.data(), chunk.len())?) } else { None };
            let write = writer.map(|writer| streams::write(writer, Bytes::copy_from_slice(chunk), deadline));
            at_once(store, async move {
                let _kept = kept;
                write?.await
            })
        },
    )?;
    imports.func_wrap(&import::STREAM_READ, |store: Store<'_>, (handle, deadline): (u64, u32)| {
        let end = store.data().context.stream(handle);
        at_once(store, streams::read(end, deadline))
    })?;
    imports.func_wrap(&import::STREAM_DEMAND, stream_demand)?;
    imports.func_wrap(&import::STREAM_OTHER, stream_other)?;
    imports.func_wrap(&import::STREAM_CLOSE, stream_close)?;
    imports.func_wrap(&import::STREAM_ABORT, stream_abort)
}

/// An answer with what is there, or with a future.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum Answer<V> {
    #[component(name = "now")]
    Now(V),
    #[component(name = "later")]
    Later(FutureReader<V>),
}

/// Sends a call, unless its callee has no room for it.
fn begin(
    store: &Store<'_>,
    to: &rusm_otp::Target,
    key: u32,
    body: &WasmList<u8>,
) -> Result<(PendingCall, u32), CallError> {
    let body = arguments::body(store, to, body)?;
    Ok((calls::begin_call(store.data(), to, key, body)?, key))
}

/// The reply of a call, if it is there at once; else its deadline begins, unless it has.
fn attempt(
    store: &mut Store<'_>,
    begun: Result<(PendingCall, u32), CallError>,
    deadline: Option<u32>,
) -> Result<Bytes, Unanswered> {
    let (mut pending, key) = begun.map_err(Unanswered::Failed)?;
    let at_once = may_answer_now(store);
    let Guest { context, component, .. } = store.data();
    match at_once.then(|| context.try_wait(&mut pending)).flatten() {
        Some(reply) => calls::told(component, key, reply).map_err(Unanswered::Failed),
        None => {
            let pending = match deadline {
                Some(deadline) => calls::due(pending, deadline),
                None => pending,
            };
            Err(Unanswered::Pending { pending, key, at_once })
        }
    }
}

/// The reply of a call, now or later.
fn answer(
    store: Store<'_>,
    tried: Result<Bytes, Unanswered>,
) -> wasmtime::Result<(Answer<Result<Bytes, CallError>>,)> {
    match tried {
        Ok(reply) => Ok((Answer::Now(Ok(reply)),)),
        Err(Unanswered::Failed(error)) => Ok((Answer::Now(Err(error)),)),
        Err(Unanswered::Pending { pending, key, at_once }) => {
            let (context, component) = (store.data().context.clone(), store.data().component.clone());
            let reply = async move {
                let reply = context.wait(pending).await;
                calls::told(&component, key, reply)
            };
            if at_once { later(store, reply) } else { after_others(store, reply) }
        }
    }
}

/// Begins what may be done at once.
fn at_once<T, F>(store: Store<'_>, value: F) -> wasmtime::Result<(Answer<T>,)>
where
    T: Lower + Lift + Send + Sync + 'static,
    F: Future<Output = T> + Send + 'static,
{
    Ok((match now_or_later(store, value)? {
        Ok(value) => Answer::Now(value),
        Err(later) => Answer::Later(later),
    },))
}

/// What may be done at once, or a future of it.
pub(super) fn now_or_later<T, F>(
    mut store: Store<'_>,
    value: F,
) -> wasmtime::Result<Result<T, FutureReader<T>>>
where
    T: Lower + Lift + Send + Sync + 'static,
    F: Future<Output = T> + Send + 'static,
{
    if !may_answer_now(&mut store) {
        return Ok(Err(future(store, yielding(value))?.0));
    }
    let mut value = Box::pin(value);
    match value.as_mut().now_or_never() {
        Some(value) => Ok(Ok(value)),
        None => Ok(Err(future(store, value)?.0)),
    }
}

/// Whether the guest may go on without a wait. Now and then it has to wait: only then does anything else of it go on,
/// such as its timers.
fn may_answer_now(store: &mut Store<'_>) -> bool {
    let answers = &mut store.data_mut().answers_now;
    *answers = (*answers + 1) % MOST_ANSWERS_NOW;
    *answers != 0
}

fn after_others<T, F>(store: Store<'_>, value: F) -> wasmtime::Result<(Answer<T>,)>
where
    T: Lower + Lift + Send + Sync + 'static,
    F: Future<Output = T> + Send + 'static,
{
    later(store, yielding(value))
}

/// After others have had their turn.
async fn yielding<T>(value: impl Future<Output = T>) -> T {
    tokio::task::yield_now().await;
    value.await
}

fn later<T, F>(store: Store<'_>, value: F) -> wasmtime::Result<(Answer<T>,)>
where
    T: Lower + Lift + Send + Sync + 'static,
    F: Future<Output = T> + Send + 'static,
{
    future(store, value).map(|(reader,)| (Answer::Later(reader),))
}

/// A future of what begins now, and not when it is read; or of this, should the node stop meanwhile.
pub(super) fn begun<T, F>(
    store: Store<'_>,
    work: F,
    lost: impl FnOnce() -> T + Send + 'static,
) -> wasmtime::Result<(FutureReader<T>,)>
where
    T: Lower + Lift + Send + Sync + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let running = store.data().context.runtime().workers().spawn(work);
    future(store, async move { running.await.unwrap_or_else(|_| lost()) })
}

fn future<T, F>(store: Store<'_>, value: F) -> wasmtime::Result<(FutureReader<T>,)>
where
    T: Lower + Lift + Send + Sync + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let kept = arguments::keep(store.data(), FUTURE)?;
    let value = async move {
        let value = value.await;
        drop(kept);
        Ok::<T, wasmtime::Error>(value)
    };
    Ok((FutureReader::new(store, value)?,))
}

/// A future that nobody has read yet, with what it waits for and its places in the engine's tables.
const FUTURE: usize = 1536;

/// An export that waits to be woken: its channel, and its place.
const PARKED: usize = 320;

/// How many answers in a row a guest gets without a wait.
const MOST_ANSWERS_NOW: u32 = 64;
