//! Calls: what both lanes do for them, apart from how each waits.

use bytes::Bytes;
use rusm_otp::{Payload, PendingCall, Reference, STREAM_WINDOW, StreamEnd, stream, streams_both_ways};
use tokio::time::Instant;

use super::arguments::{keep, limit};
use super::rights::may_reach;
use crate::Component;
use crate::guest::{Guest, StartedCall};
use crate::types::{CallError, Started, StreamDirection};

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
    let component = guest.host.component(&info.label);
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

/// A reply as the guest sees it.
pub(super) fn told(
    caller: &Component,
    key: u32,
    reply: Result<Payload, rusm_otp::CallError>,
) -> Result<Bytes, CallError> {
    reply.map(Bytes::from).map_err(|error| explain(caller, key, error))
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
    let (own, theirs) = direction.map(ends).unzip();
    let streams = own.as_ref().map_or(0, |own| guest.context.streams() + own.count() - 1);
    if guest.calls.len() + streams >= guest.profile.limits.handles {
        return Err(CallError::Overloaded);
    }
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
    guest.calls.insert(call, StartedCall { pending, key, limit, again: false, reply: None, _kept: kept });
    Ok(Started { call, handle })
}

/// The streams of a call: what its caller has of them, and what its callee gets.
fn ends(direction: StreamDirection) -> (StreamEnd, StreamEnd) {
    if direction == StreamDirection::Both {
        return streams_both_ways(STREAM_WINDOW);
    }
    let (writer, reader) = stream(STREAM_WINDOW);
    let (writer, reader) = (StreamEnd::Writer(writer), StreamEnd::Reader(reader));
    if direction == StreamDirection::ToCallee { (writer, reader) } else { (reader, writer) }
}

/// A call that was started and not waited for: its place, its channel and what the callee keeps of it besides its body.
pub(super) const CALL: usize = 512;

/// Takes a started call, to be waited for: its deadline has begun.
pub(super) fn take_call(guest: &mut Guest, call: Reference) -> Result<StartedCall, CallError> {
    let mut started = guest.calls.remove(&call).ok_or(CallError::Cancelled)?;
    if let Some(limit) = started.limit.take() {
        started.pending.deadline = Some(Instant::now() + limit);
    }
    Ok(started)
}

/// A contract that the guest's component carries.
pub(super) fn used_contract(guest: &Guest, id: &str) -> Result<rusm_codegen::Contract, String> {
    let contracts = guest.component.contracts();
    let known = contracts.uses.iter().chain(&contracts.implements).find(|contract| contract.is_called(id));
    known
        .cloned()
        .ok_or_else(|| format!("component `{}` does not carry the contract `{id}`", guest.component.name))
}
