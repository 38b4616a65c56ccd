//! References that a guest answers for itself while a call that carries them is under way.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::Poll;

use futures::future::{Either, select};
use rusm_otp::{Message, Payload, StandIn, first_message};
use smallvec::SmallVec;
use tokio::time::timeout;
use wasmtime::component::{ComponentType, FutureReader, Lower, WasmList};

use super::arguments::{Store, milliseconds};
use super::table::{Import, Imports, callbacks as import, callbacks_async as import_async};
use super::wait_any::{Sources, wait_any};
use super::{calls, wait_async};
use crate::guest::{Guest, takes_streams, waited};
use crate::types::{
    CallError, CallEvent, CallbackAnswer, CallbackRequest, Delivery, Pid, Reference, Request, StreamHandle,
};

pub(super) fn add(imports: &mut Imports<'_>) -> wasmtime::Result<()> {
    add_common(imports, [&import::OPEN, &import::CARRY, &import::CLOSE])?;
    imports.func_wrap_async(
        &import::CALL_WAIT,
        |mut store: Store<'_>,
         (call, callbacks, answer, limit): (
            Reference,
            WasmList<u64>,
            Option<CallbackAnswer>,
            Option<u64>,
        )| {
            Box::new(async move {
                if let Some(answer) = answer {
                    reply(store.data(), answer)?;
                }
                let open = Open::of(&store, &callbacks);
                Ok((call_wait(&mut store, call, &open, limit).await,))
            })
        },
    )?;
    imports.func_wrap_async(
        &import::WAIT_ANY,
        |mut store: Store<'_>,
         (calls, streams, callbacks, limit): (
            WasmList<u64>,
            WasmList<u64>,
            WasmList<u64>,
            Option<u64>,
        )| {
            Box::new(async move {
                let open = Open::of(&store, &callbacks);
                let sources = Sources::take(&mut store, &calls, &streams);
                Ok((wait_any(&mut store, sources, &open, limit).await,))
            })
        },
    )?;
    imports.func_wrap(&import::REPLY, |store: Store<'_>, (answer,): (CallbackAnswer,)| {
        Ok((reply(store.data(), answer)?,))
    })
}

pub(super) fn add_async(imports: &mut Imports<'_>) -> wasmtime::Result<()> {
    add_common(imports, [&import_async::OPEN, &import_async::CARRY, &import_async::CLOSE])?;
    imports.func_wrap(
        &import_async::REPLY,
        |store: Store<'_>, (callback, request, answer): (u64, Reference, Result<WasmList<u8>, CallError>)| {
            let Some(stand_in) = store.data().callbacks.get(&callback) else { return Ok((false,)) };
            let answer = match answer {
                Ok(body) => Ok(Payload::from(body.as_le_slice(&store))),
                Err(error) => Err(error.into()),
            };
            Ok((stand_in.reply(request, answer),))
        },
    )?;
    imports.func_wrap(&import_async::NEXT, |store: Store<'_>, (callback,): (u64,)| {
        let guest = store.data();
        let Some(stand_in) = guest.callbacks.get(&callback).cloned() else {
            return Ok((NextAnswer::Now(None),));
        };
        let (context, most) = (guest.context.clone(), guest.profile.limits.handles);
        let next = async move {
            while let Some(message) = stand_in.receive().await {
                if let Some((request, key, body, handle)) = taken(&context, most, &stand_in, message) {
                    return Some(Delivery { request, key, body: body.into(), handle });
                }
            }
            None
        };
        Ok((match wait_async::now_or_later(store, next)? {
            Ok(delivery) => NextAnswer::Now(delivery),
            Err(later) => NextAnswer::Later(later),
        },))
    })?;
    imports.func_wrap(&import_async::FINISH, |store: Store<'_>, (callback,): (u64,)| {
        let stand_in = store.data().callbacks.get(&callback);
        stand_in.inspect(|stand_in| stand_in.finish());
        Ok((stand_in.is_some(),))
    })
}

/// A message that was there, or a future of one.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum NextAnswer {
    #[component(name = "now")]
    Now(Option<Delivery>),
    #[component(name = "later")]
    Later(FutureReader<Option<Delivery>>),
}

fn add_common(
    imports: &mut Imports<'_>,
    [to_open, to_carry, to_close]: [&'static Import; 3],
) -> wasmtime::Result<()> {
    imports.func_wrap(to_open, |mut store: Store<'_>, (): ()| Ok((open(store.data_mut()),)))?;
    imports.func_wrap(to_carry, |store: Store<'_>, (callback, call): (u64, Reference)| {
        let stand_in = store.data().callbacks.get(&callback);
        stand_in.inspect(|stand_in| stand_in.is_for(call));
        Ok((stand_in.is_some(),))
    })?;
    imports.func_wrap(to_close, |mut store: Store<'_>, (callback,): (u64,)| {
        let stand_in = store.data_mut().callbacks.remove(&callback);
        // A message that is waited for may keep it.
        stand_in.as_ref().inspect(|stand_in| stand_in.end());
        Ok((stand_in.is_some(),))
    })
}

/// Answers a call that came to one.
fn reply(
    guest: &Guest,
    CallbackAnswer { callback, request, answer }: CallbackAnswer,
) -> wasmtime::Result<bool> {
    let answer = match answer {
        Ok(body) => Ok(body.payload()?),
        Err(error) => Err(error.into()),
    };
    let stand_in = guest.callbacks.get(&callback);
    Ok(stand_in.is_some_and(|stand_in| stand_in.reply(request, answer)))
}

/// Opens one, of as many as there may be with calls and streams.
fn open(guest: &mut Guest) -> Result<Pid, CallError> {
    static LABEL: LazyLock<Arc<str>> = LazyLock::new(|| "callback".into());
    let held = guest.calls.len() + guest.callbacks.len() + guest.context.streams();
    if held >= guest.profile.limits.handles {
        return Err(CallError::Overloaded);
    }
    let stand_in = guest.context.stand_in(LABEL.clone()).map_err(|_| CallError::Overloaded)?;
    let pid = stand_in.pid();
    guest.callbacks.insert(pid.id, Arc::new(stand_in));
    Ok(pid.into())
}

/// Those of a guest's list that are open.
pub(super) struct Open(SmallVec<[Arc<StandIn>; 2]>);

impl Open {
    fn of(store: &Store<'_>, callbacks: &WasmList<u64>) -> Self {
        let known = &store.data().callbacks;
        let given = callbacks.as_le_slice(store);
        // Each once, and no more than there are.
        let mut open = SmallVec::<[Arc<StandIn>; 2]>::new();
        for id in given.iter().take(known.len()) {
            let stand_in =
                known.get(&u64::from_le(*id)).filter(|one| !open.iter().any(|other| Arc::ptr_eq(one, other)));
            open.extend(stand_in.cloned());
        }
        Self(open)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many messages wait for all of them.
    pub(super) fn waiting(&self) -> usize {
        self.0.iter().map(|one| one.waiting()).sum()
    }

    /// The next message that waits, if any does.
    pub(super) async fn next_that_waits(
        &self,
        context: &rusm_otp::Context,
        most: usize,
    ) -> Option<CallbackRequest> {
        let mut next = pin!(self.next(context, most));
        // One that lets others run first has messages left.
        let taken = poll_fn(|task| match next.as_mut().poll(task) {
            Poll::Ready(request) => Poll::Ready(Some(request)),
            Poll::Pending if self.waiting() == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        taken.await
    }

    /// The next message for one of them, as the guest sees it.
    pub(super) async fn next(&self, context: &rusm_otp::Context, most: usize) -> CallbackRequest {
        loop {
            let (place, message) = first_message(&self.0).await;
            let stand_in = &self.0[place];
            if let Some((request, key, body, handle)) = taken(context, most, stand_in, message) {
                let (callback, body) = (stand_in.pid().id, body.into());
                return CallbackRequest { callback, request, key, body, handle };
            }
        }
    }
}

/// Waits for a reply, and for messages to callbacks, at most so long.
async fn call_wait(
    store: &mut Store<'_>,
    call: Reference,
    open: &Open,
    limit_ms: Option<u64>,
) -> Option<CallEvent> {
    let mut started = match calls::take_call(store.data_mut(), call) {
        Ok(started) => started,
        Err(error) => return Some(CallEvent::Reply(Err(error))),
    };
    let context = store.data().context.clone();
    let most = store.data().profile.limits.handles;
    // It is kept until the guest has taken what came before it.
    let before = |reply: Result<Payload, rusm_otp::CallError>| {
        let waiting = open.waiting();
        (if waiting > 0 { reply.and_then(|body| context.keep_body(body)) } else { reply }, waiting)
    };
    // Whoever has just been given an answer runs next, in a turn of its own: what it calls meanwhile is answered within that.
    if started.reply.is_none() && !started.again {
        started.reply = context.try_wait(&mut started.pending).map(before);
    }
    let request = loop {
        match &mut started.reply {
            Some((_, 0)) => break None,
            Some((_, left)) => {
                *left -= 1;
                break waited(store, open.next_that_waits(&context, most)).await;
            }
            None => {
                let pending = &mut started.pending;
                let either = async {
                    match select(pin!(open.next(&context, most)), pin!(context.wait_for(pending))).await {
                        Either::Left((request, _)) => Ok(request),
                        Either::Right((reply, _)) => Err(reply),
                    }
                };
                let either = async {
                    match limit_ms {
                        None => Some(either.await),
                        Some(ms) => timeout(milliseconds(ms), either).await.ok(),
                    }
                };
                match waited(store, either).await {
                    Some(Ok(request)) => break Some(request),
                    Some(Err(reply)) => started.reply = Some(before(reply)),
                    None => {
                        store.data_mut().calls.insert(call, started);
                        return None;
                    }
                }
            }
        }
    };
    match request {
        Some(request) => {
            started.again = true;
            store.data_mut().calls.insert(call, started);
            Some(CallEvent::Request(request))
        }
        None => {
            let reply = started.reply.take().map_or(Err(rusm_otp::CallError::Cancelled), |(reply, _)| reply);
            Some(CallEvent::Reply(calls::told(&store.data().component, started.key, reply)))
        }
    }
}

/// A message for a callback, with this process's end of its stream; none of a call with a stream too many, which is answered.
fn taken(
    context: &rusm_otp::Context,
    most_streams: usize,
    stand_in: &StandIn,
    message: Message,
) -> Option<(Request, u32, Payload, Option<StreamHandle>)> {
    match message {
        Message::Call(mut request) => {
            if !takes_streams(&mut request, context, most_streams) {
                stand_in.reply(request.reference, Err(rusm_otp::CallError::Overloaded));
                return None;
            }
            let handle = request.stream.take().map(|end| context.own_stream(end));
            let origin = Request::call(request.sender, request.reference);
            Some((origin, request.key, std::mem::take(&mut request.body), handle))
        }
        Message::Cast { sender, key, body } => Some((Request::cast(sender), key, body, None)),
        _ => None,
    }
}
