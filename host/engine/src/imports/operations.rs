//! What the waiting imports do, apart from how each lane waits.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusm_otp::{
    Charge, Context, Message, Overdrawn, Payload, PendingCall, Reference, STREAM_WINDOW, StreamEnd,
    StreamReader, StreamWriter, stream,
};
use tokio::time::{Instant, timeout};
use wasmtime::StoreContextMut;
use wasmtime::component::{WasmList, WasmStr};

use crate::loaded::NotLoaded;
use crate::process::{self, Guest, StartedCall, Stops};
use crate::types::{
    CallError, Event, Filter, LoadError, SpawnError, SpawnOptions, Spawned, Started, StreamDirection,
    StreamError, Target,
};
use crate::{Component, Grant, Kind, Profile, Spawn};

type Store<'a> = StoreContextMut<'a, Guest>;

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

/// A text of a guest's that the host keeps and shows, with its end left out if it is very long.
pub(super) fn shortened(mut text: String) -> String {
    if text.len() > LONGEST_TEXT {
        let end = (0..=LONGEST_TEXT).rfind(|place| text.is_char_boundary(*place)).unwrap_or(0);
        text.truncate(end);
        text.push_str(" …");
        text.shrink_to_fit();
    }
    text
}

/// Smaller bodies are copied in less time than a look takes.
const LARGE: usize = 64 << 10;

/// More than people read of one crash.
const LONGEST_TEXT: usize = 64 << 10;

/// Whoever has a pid may use it; a name is looked up under a grant.
pub(super) fn may_reach(
    guest: &Guest,
    operation: &'static str,
    target: &rusm_otp::Target,
) -> Result<(), String> {
    let rusm_otp::Target::Name(name) = target else { return Ok(()) };
    guest.require(operation, Grant::Lookup(name.clone()))
}

/// A process may end itself and those that it spawned; others under a grant, and those of the host never.
pub(super) fn may_control(
    guest: &Guest,
    operation: &'static str,
    other: rusm_otp::Pid,
) -> Result<(), String> {
    let own = guest.context.pid();
    let runtime = guest.context.runtime();
    if other == own || runtime.parent(other) == Some(own) {
        return Ok(());
    }
    guest.require(operation, Grant::Control)?;
    match runtime.is_of_host(other) {
        Some(true) => Err(of_host(guest, operation, other)),
        Some(false) | None => Ok(()),
    }
}

/// A process may link to its family, and to others under a grant for the name or the component; to those of the host never.
/// Whoever is gone harms nobody.
pub(super) fn may_link(guest: &Guest, operation: &'static str, other: rusm_otp::Pid) -> Result<(), String> {
    let Some(info) = guest.context.runtime().info(other) else { return Ok(()) };
    if guest.context.runtime().is_of_host(other) == Some(true) {
        return Err(of_host(guest, operation, other));
    }
    let grants: Vec<_> =
        info.name.iter().chain([&info.label]).map(|name| Grant::Link(name.to_string())).collect();
    if is_family(guest, other) || grants.iter().any(|grant| guest.profile.allows(grant)) {
        return Ok(());
    }
    let narrowest = grants.into_iter().next().unwrap_or(Grant::Control);
    Err(guest.component.deny_about(guest.context.pid(), operation, narrowest, other))
}

/// What is known of a process, if it is one's business: the family's is, and under a grant that of others.
pub(super) fn known(
    guest: &Guest,
    operation: &'static str,
    other: rusm_otp::Pid,
) -> Option<rusm_otp::ProcessInfo> {
    let info = guest.context.runtime().info(other)?;
    if is_family(guest, other) || guest.profile.allows(&Grant::Control) {
        return Some(info);
    }
    let grant = info.name.as_ref().map_or(Grant::Control, |name| Grant::Lookup(name.to_string()));
    // The denial is in the log.
    guest.require(operation, grant).is_ok().then_some(info)
}

/// Itself, who spawned it, whom it spawned and what these did, and the other children of its supervisor. That all services of
/// an application stand below one root makes no family of them.
fn is_family(guest: &Guest, other: rusm_otp::Pid) -> bool {
    let (runtime, own) = (guest.context.runtime(), guest.context.pid());
    let parent = runtime.parent(own);
    let below = |pid| std::iter::successors(Some(pid), |above| runtime.parent(*above)).take(DEEPEST);
    let is_group = |parent| runtime.supervision(parent).is_some() && runtime.parent(parent).is_some();
    below(other).any(|above| above == own)
        || parent == Some(other)
        || parent.is_some_and(|parent| runtime.parent(other) == Some(parent) && is_group(parent))
}

fn of_host(guest: &Guest, operation: &'static str, other: rusm_otp::Pid) -> String {
    let (component, own) = (&guest.component.name, guest.context.pid());
    format!(
        "`{operation}` by {component} {own}: {other} is a process of the host, which no guest may link to or end"
    )
}

/// Everything about a spawn that is read from the guest; the rest needs no store.
pub(super) fn prepare_spawn(
    store: &mut Store<'_>,
    component: &WasmStr,
    options: &SpawnOptions,
) -> wasmtime::Result<impl Future<Output = Result<Spawned, SpawnError>> + Send + use<>> {
    let (link, monitor) = (options.link, options.monitor);
    let spawn = read_spawn(store, component, options)?;
    let guest = store.data();
    let engine = guest.engine.clone();
    let parent = guest.context.pid();
    Ok(async move {
        let spawned = engine.spawn(spawn?.parent(parent, link, monitor)).await.map_err(SpawnError::from)?;
        Ok(Spawned { pid: spawned.pid.into(), monitor: spawned.monitor })
    })
}

/// Loads a component from bytes, under a profile that can only be narrower than the guest's own.
pub(super) fn prepare_load(
    store: &mut Store<'_>,
    component: &WasmList<u8>,
    capabilities: &WasmList<WasmStr>,
) -> wasmtime::Result<impl Future<Output = Result<String, LoadError>> + Send + use<>> {
    let guest = store.data();
    let granted = guest.require("load", Grant::Load).map_err(LoadError::Denied);
    let granted = granted.and_then(|()| {
        // A component may be larger than all else that is kept, if it is loaded alone.
        let alone = Arc::strong_count(&guest.loading) == 1;
        match keep(guest, component.as_le_slice(&*store).len()) {
            Err(full @ Overdrawn::Node { .. }) => Err(LoadError::Capacity(full.to_string())),
            Err(full) if !alone => Err(LoadError::Capacity(full.to_string())),
            kept => Ok((kept.ok(), guest.loading.clone())),
        }
    });
    // What is not granted is not copied either.
    let bytes = if granted.is_ok() { component.as_le_slice(&*store).to_vec() } else { Vec::new() };
    let grants = strings(store, capabilities)?;
    let guest = store.data();
    let (engine, loaded) = (guest.engine.clone(), guest.loaded.clone());
    let profile = granted.and_then(|kept| {
        let narrowed = narrowed(&guest.profile, &grants, || "the loading process".into());
        Ok((narrowed.map_err(LoadError::Denied)?, kept))
    });
    Ok(async move {
        let (profile, _kept) = profile?;
        let name = engine.load_bytes(bytes, profile).await.map_err(|error| match error {
            NotLoaded::Invalid(why) => LoadError::Invalid(why),
            NotLoaded::Capacity(why) => LoadError::Capacity(why),
        })?;
        loaded.lock().insert(name.clone());
        Ok(name.to_string())
    })
}

/// A spawn as a guest describes it, if it may.
pub(super) fn read_spawn(
    store: &mut Store<'_>,
    component: &WasmStr,
    options: &SpawnOptions,
) -> wasmtime::Result<Result<Spawn, SpawnError>> {
    let component = component.to_str(&*store)?.into_owned();
    let body = Bytes::copy_from_slice(options.body.as_le_slice(&*store));
    let text = |value: &Option<WasmStr>| {
        value.as_ref().map(|value| Ok::<_, wasmtime::Error>(value.to_str(&*store)?.into_owned())).transpose()
    };
    let (contract, name) = (text(&options.contract)?, text(&options.name)?);
    let grants = options.capabilities.as_ref().map(|grants| strings(store, grants)).transpose()?;
    let arguments = strings(store, &options.arguments)?;
    let texts = [Some(&component), contract.as_ref(), name.as_ref()].into_iter().flatten();
    let texts = texts.chain(&arguments).chain(grants.iter().flatten()).map(|text| TEXT + text.len());
    let kept = keep(store.data(), SPAWN + body.len() + texts.sum::<usize>());
    let spawn = admit(store.data(), component, contract, name, grants);
    let deadline = limit(options.deadline_ms);
    Ok(spawn.and_then(|spawn| {
        let kept = kept.map_err(|full| SpawnError::Capacity(full.to_string()))?;
        let spawn = spawn.init(options.init, body).deadline(deadline).kept(kept);
        Ok(if arguments.is_empty() { spawn } else { spawn.command(arguments, Bytes::new()) })
    }))
}

/// A spawn that is under way or is a child's for as long as its supervisor knows it: its place, and that of each of its texts.
const SPAWN: usize = 1024;
const TEXT: usize = 32;

/// A profile with only these grants, written as in the manifest.
fn narrowed(profile: &Profile, grants: &[String], whose: impl Fn() -> String) -> Result<Profile, String> {
    let parsed = grants.iter().map(|text| text.parse::<Grant>()).collect::<Result<Vec<_>, _>>();
    let parsed = parsed.map_err(|error| error.to_string())?;
    profile.narrow(parsed).map_err(|grant| format!("`{grant}` is wider than the profile of {}", whose()))
}

fn admit(
    guest: &Guest,
    component: String,
    contract: Option<String>,
    name: Option<String>,
    grants: Option<Vec<String>>,
) -> Result<Spawn, SpawnError> {
    let mut wanted: Vec<Grant> = name.iter().map(|name| Grant::Register(name.clone())).collect();
    if !guest.loaded.lock().contains(component.as_str()) {
        wanted.insert(0, Grant::Spawn(component.clone()));
    }
    for grant in wanted {
        guest.require("spawn", grant).map_err(SpawnError::Denied)?;
    }
    let contract = contract.map(|id| used_contract(guest, &id)).transpose().map_err(SpawnError::Contract)?;
    let profile = match grants {
        None => None,
        Some(grants) => {
            let child = guest.engine.component(&component);
            let child = child.map(|child| child.profile().clone()).unwrap_or_default();
            let profile = narrowed(&child, &grants, || format!("component `{component}`"));
            Some(profile.map_err(SpawnError::Denied)?)
        }
    };
    let children = (guest.children.clone(), guest.profile.limits.processes);
    Ok(Spawn::new(component).contract(contract).name(name).profile(profile).counted(children.0, children.1))
}

fn used_contract(guest: &Guest, id: &str) -> Result<rusm_codegen::Contract, String> {
    let contracts = guest.component.contracts();
    let known = contracts.uses.iter().chain(&contracts.implements).find(|contract| contract.is_called(id));
    known
        .cloned()
        .ok_or_else(|| format!("component `{}` does not carry the contract `{id}`", guest.component.name))
}

fn strings(store: &mut Store<'_>, list: &WasmList<WasmStr>) -> wasmtime::Result<Vec<String>> {
    let views = list.iter(&mut *store)?.collect::<wasmtime::Result<Vec<_>>>()?;
    views.iter().map(|view| Ok(view.to_str(&*store)?.into_owned())).collect()
}

/// Whether a process is there and has all of a contract.
pub(super) fn connect(
    guest: &Guest,
    to: &rusm_otp::Target,
    contract: &str,
) -> Result<crate::types::Pid, CallError> {
    may_reach(guest, "connect", to).map_err(CallError::Denied)?;
    let runtime = guest.context.runtime();
    let pid = runtime.resolve(to).ok_or(CallError::Noproc)?;
    let info = runtime.info(pid).ok_or(CallError::Noproc)?;
    let wanted = used_contract(guest, contract).map_err(CallError::UnknownFunction)?;
    let component = guest.engine.component(&info.label);
    if let Some(difference) = component.and_then(|component| component.difference(&wanted)) {
        return Err(CallError::UnknownFunction(difference));
    }
    Ok(pid.into())
}

/// Sends a call that the guest waits for next. Its deadline begins [with the wait](due): most replies are there at once, and two
/// looks at the clock take a twentieth of the call.
pub(super) fn begin_call(
    guest: &Guest,
    to: &rusm_otp::Target,
    key: u32,
    body: Payload,
) -> Result<PendingCall, rusm_otp::CallError> {
    may_reach(guest, "call", to).map_err(rusm_otp::CallError::Denied)?;
    guest.context.begin_call(to, key, body, None)
}

/// The call, with a deadline from now on. A call whose caller gives up is not begun.
pub(super) fn due(mut pending: PendingCall, deadline_ms: u32) -> PendingCall {
    pending.deadline = Some(Instant::now() + limit(deadline_ms));
    pending
}

/// A callee knows a missing function by its key; its caller's contract has the name.
pub(super) fn explain(caller: &Component, key: u32, error: rusm_otp::CallError) -> CallError {
    match error {
        rusm_otp::CallError::UnknownFunction(text) => {
            let name = caller.called.get(&key);
            CallError::UnknownFunction(name.map_or(text.clone(), |name| format!("{name}: {text}")))
        }
        other => other.into(),
    }
}

/// Sends a call with the stream it wants, and keeps it until it is waited for.
pub(super) fn start_call(
    guest: &mut Guest,
    to: &rusm_otp::Target,
    key: u32,
    body: Payload,
    direction: Option<StreamDirection>,
    deadline_ms: u32,
) -> Result<Started, CallError> {
    may_reach(guest, "call-start", to).map_err(CallError::Denied)?;
    let streams = if direction.is_some() { guest.context.streams() } else { 0 };
    if guest.calls.len() + streams >= guest.profile.limits.handles {
        return Err(CallError::Overloaded);
    }
    let (own, theirs) = match direction {
        None => (None, None),
        Some(direction) => {
            let (writer, reader) = stream(STREAM_WINDOW);
            let (writer, reader) = (StreamEnd::Writer(writer), StreamEnd::Reader(reader));
            match direction {
                StreamDirection::ToCallee => (Some(writer), Some(reader)),
                StreamDirection::ToCaller => (Some(reader), Some(writer)),
            }
        }
    };
    let kept = keep(guest, CALL).map_err(|_| CallError::Overloaded)?;
    let limit = limit(deadline_ms);
    // A caller that feeds the call first takes as long as the feeding takes; each write has its own deadline.
    let (deadline, limit) = match direction {
        Some(StreamDirection::ToCallee) => (None, Some(limit)),
        _ => (Some(Instant::now() + limit), None),
    };
    let context = &guest.context;
    let called = context.runtime().call(context.pid(), to, key, body, theirs, deadline);
    let pending = called?;
    let handle = own.map(|end| context.own_stream(end));
    let call = pending.reference;
    guest.calls.insert(call, StartedCall { pending, key, limit, _kept: kept });
    Ok(Started { call, handle })
}

/// Keeps something for a guest as long as what this answers with lives.
pub(super) fn keep(guest: &Guest, bytes: usize) -> Result<Charge, Overdrawn> {
    guest.context.runtime().keep(guest.context.pid(), bytes)
}

/// A call that was started and not waited for: its place, its channel and what the callee keeps of it besides its body.
pub(super) const CALL: usize = 512;

/// Takes a started call, to be waited for, and the key of its function.
pub(super) fn take_call(guest: &mut Guest, call: Reference) -> Result<(PendingCall, u32), CallError> {
    let StartedCall { mut pending, key, limit, .. } =
        guest.calls.remove(&call).ok_or(CallError::Cancelled)?;
    if let Some(limit) = limit {
        pending.deadline = Some(Instant::now() + limit);
    }
    Ok((pending, key))
}

/// Waits for a message. So many ends of streams may be open.
pub(super) async fn receive(taker: Taker, filter: Filter, timeout_ms: Option<u64>) -> Option<Event> {
    let Taker { context, streams, .. } = &taker;
    let filter = rusm_otp::Filter::from(filter);
    let until = timeout_ms.map(|ms| Instant::now() + milliseconds(ms));
    loop {
        let stops = taker.stops();
        let admits = |message: &Message| filter.admits(message) && !is_stop(stops.as_ref(), message);
        let message = match until {
            None => context.receive_matching(admits).await,
            Some(until) => {
                context.receive_within(until.saturating_duration_since(Instant::now()), admits).await?
            }
        };
        if let Some(event) = event(context, *streams, message) {
            return Some(event);
        }
    }
}

/// A message that is there, without a wait.
pub(super) fn receive_now(guest: &Guest, filter: Filter) -> Option<Event> {
    let Guest { context, component, profile, .. } = guest;
    let filter = rusm_otp::Filter::from(filter);
    let stops = (component.kind == Kind::Service).then(|| Stops::of(context));
    loop {
        let admits = |message: &Message| filter.admits(message) && !is_stop(stops.as_ref(), message);
        let message = context.try_receive_matching(admits)?;
        if let Some(event) = event(context, profile.limits.handles, message) {
            return Some(event);
        }
    }
}

/// Who takes messages by itself, and how many streams it may have.
pub(super) struct Taker {
    context: Context,
    streams: usize,
    is_service: bool,
}

impl Taker {
    pub(super) fn of(guest: &Guest) -> Self {
        let is_service = guest.component.kind == Kind::Service;
        Self { context: guest.context.clone(), streams: guest.profile.limits.handles, is_service }
    }

    /// A service's requests to stop are for its loop, which the host has: a handler that receives does not see them.
    fn stops(&self) -> Option<Stops> {
        self.is_service.then(|| Stops::of(&self.context))
    }
}

fn is_stop(stops: Option<&Stops>, message: &Message) -> bool {
    match (stops, message) {
        (Some(stops), Message::Exit { pid, reason }) => stops.has(*pid, reason),
        _ => false,
    }
}

/// A message as a guest sees it, unless it is answered here.
fn event(context: &Context, streams: usize, message: Message) -> Option<Event> {
    let message = match message {
        Message::Call(request) => Message::Call(process::within(request, context, streams)?),
        other => other,
    };
    process::event(context, message)
}

/// The end that writes, if it is one.
pub(super) fn writer(end: Option<StreamEnd>) -> Result<StreamWriter, StreamError> {
    match end {
        Some(StreamEnd::Writer(writer)) => Ok(writer),
        _ => Err(StreamError::BadHandle),
    }
}

/// Whether a chunk can be written, or may wait until it can: a deadline of 0 does not wait, and the writer hears of room.
pub(super) fn may_write(writer: &StreamWriter, deadline_ms: u32) -> Result<(), StreamError> {
    if writer.has_room()? || deadline_ms > 0 {
        return Ok(());
    }
    writer.demand();
    Err(StreamError::Timeout)
}

/// Waits until there is room for a chunk, at most so long.
pub(super) async fn room(writer: &StreamWriter, deadline_ms: u32) -> Result<(), StreamError> {
    may_write(writer, deadline_ms)?;
    match timeout(limit(deadline_ms), writer.room()).await {
        Ok(room) => room.map_err(StreamError::from),
        Err(_) => Err(StreamError::Timeout),
    }
}

/// Writes a chunk as soon as there is room, waiting for it at most so long.
pub(super) async fn write(writer: StreamWriter, chunk: Bytes, deadline_ms: u32) -> Result<(), StreamError> {
    match timeout(limit(deadline_ms), writer.write(chunk)).await {
        Ok(written) => written.map_err(StreamError::from),
        Err(_) => Err(StreamError::Timeout),
    }
}

/// The next chunk, waiting at most so long; a deadline of 0 waits for as long as it takes.
pub(super) async fn read(end: Option<StreamEnd>, deadline_ms: u32) -> Result<Option<Bytes>, StreamError> {
    let Some(StreamEnd::Reader(reader)) = end else { return Err(StreamError::BadHandle) };
    let read = |reader: StreamReader| async move { reader.read().await.map_err(StreamError::from) };
    if deadline_ms == 0 {
        return read(reader).await;
    }
    timeout(limit(deadline_ms), read(reader)).await.unwrap_or(Err(StreamError::Timeout))
}

pub(super) fn demand(guest: &Guest, handle: u64) {
    if let Some(StreamEnd::Writer(writer)) = guest.context.stream(handle) {
        writer.demand();
    }
}

pub(super) fn close(guest: &Guest, handle: u64) {
    if let Some(end) = guest.context.take_stream(handle) {
        end.close();
    }
}

pub(super) fn abort(guest: &Guest, handle: u64, why: String) {
    if let Some(end) = guest.context.take_stream(handle) {
        end.abort(why);
    }
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
fn limit(ms: u32) -> Duration {
    Duration::from_millis(u64::from(if ms == 0 { DEFAULT_MS } else { ms }))
}

impl From<crate::SpawnError> for SpawnError {
    fn from(error: crate::SpawnError) -> Self {
        let text = error.to_string();
        match error {
            crate::SpawnError::UnknownComponent { .. } => Self::UnknownComponent(text),
            crate::SpawnError::Contract(text) => Self::Contract(text),
            crate::SpawnError::Refused(error) => Self::Refused(error),
            crate::SpawnError::Malformed(text) => Self::Malformed(text),
            crate::SpawnError::Exited(reason) => Self::Exited(reason.into()),
            crate::SpawnError::Timeout(_) => Self::Timeout,
            crate::SpawnError::AlreadyRegistered(holder) => Self::AlreadyRegistered(holder.into()),
            crate::SpawnError::Capacity(text) => Self::Capacity(text),
            crate::SpawnError::Name(_) => Self::Badarg(text),
        }
    }
}

/// A tree of supervisors is rarely deeper than five.
pub(super) const DEEPEST: usize = 64;

/// As Erlang's.
const DEFAULT_MS: u32 = 5_000;

/// A hundred years: more would overflow the clock's arithmetic.
const LONGEST_MS: u64 = 100 * 365 * 24 * 3_600_000;
