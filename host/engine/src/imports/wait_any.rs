//! Waiting for what comes first: a reply, room in a stream or something in it, a message to a callback.

use std::pin::pin;
use std::task::{Context as Task, Poll};

use futures::FutureExt as _;
use futures::future::{Either, select};
use rusm_otp::{Context, PendingCall, StreamEnd};
use smallvec::SmallVec;
use tokio::time::timeout;
use wasmtime::component::WasmList;

use super::arguments::{Store, milliseconds};
use super::callbacks::Open;
use crate::guest::{StartedCall, waited};
use crate::types::{Happening, Reference, StreamHandle};

/// What a guest waits for, besides callbacks. Its calls are the wait's until it ends.
pub(super) struct Sources {
    calls: SmallVec<[(Reference, StartedCall); 1]>,
    streams: SmallVec<[(StreamHandle, StreamEnd); 2]>,
}

impl Sources {
    /// Of the guest's lists, what is its own: each once, so that there are no more than it has.
    pub(super) fn take(store: &mut Store<'_>, calls: &WasmList<u64>, streams: &WasmList<u64>) -> Self {
        let most = store.data().calls.len();
        let wanted: SmallVec<[u64; 4]> =
            calls.as_le_slice(&*store).iter().take(most).map(|call| u64::from_le(*call)).collect();
        let taken = wanted.into_iter().filter_map(|call| Some((call, store.data_mut().calls.remove(&call)?)));
        let calls = taken.collect();
        let context = &store.data().context;
        let mut ends = SmallVec::<[(StreamHandle, StreamEnd); 2]>::new();
        for handle in streams.as_le_slice(&*store).iter().take(context.streams()) {
            let handle = u64::from_le(*handle);
            if !ends.iter().any(|(known, _)| *known == handle) {
                ends.extend(context.stream(handle).map(|end| (handle, end)));
            }
        }
        Self { calls, streams: ends }
    }

    fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.streams.is_empty()
    }

    /// The first that is ready; the reply of a call is kept until the guest waits for it.
    async fn first(&mut self, context: &Context) -> Happening {
        let Self { calls, streams } = self;
        if let Some((call, _)) = calls.iter().find(|(_, started)| started.reply.is_some()) {
            return Happening::Call(*call);
        }
        let mut pending: SmallVec<[&mut PendingCall; 1]> =
            calls.iter_mut().map(|(_, started)| &mut started.pending).collect();
        let first = context.wait_for_first(&mut pending, |task| poll_streams(streams, task)).await;
        drop(pending);
        match first {
            Ok((place, reply)) => {
                let (call, started) = &mut calls[place];
                started.reply = Some((reply.and_then(|body| context.keep_body(body)), 0));
                Happening::Call(*call)
            }
            Err(handle) => Happening::Ready(handle),
        }
    }

    /// Whoever has just been called runs next, in a turn of its own.
    fn let_callee_run(&mut self, context: &Context) {
        if let [(_, started)] = self.calls.as_mut_slice()
            && started.reply.is_none()
            && !started.again
        {
            started.again = true;
            let reply = context.try_wait(&mut started.pending);
            started.reply = reply.map(|reply| (reply.and_then(|body| context.keep_body(body)), 0));
        }
    }
}

fn poll_streams(streams: &[(StreamHandle, StreamEnd)], task: &mut Task<'_>) -> Poll<StreamHandle> {
    for (handle, end) in streams {
        let ready = match end {
            StreamEnd::Writer(writer) => writer.poll_room(task).map(drop),
            StreamEnd::Reader(reader) => reader.poll_ready(task),
            StreamEnd::Both(_) => Poll::Pending,
        };
        if ready.is_ready() {
            return Poll::Ready(*handle);
        }
    }
    Poll::Pending
}

/// Waits for the first of these and of messages to callbacks, at most so long.
pub(super) async fn wait_any(
    store: &mut Store<'_>,
    mut sources: Sources,
    open: &Open,
    limit_ms: Option<u64>,
) -> Option<Happening> {
    if sources.is_empty() && open.is_empty() {
        return None;
    }
    let context = store.data().context.clone();
    sources.let_callee_run(&context);
    let happening = match sources.first(&context).now_or_never() {
        Some(ready) => Some(after_messages(store, &context, ready, open).await),
        None => wait(store, &context, &mut sources, open, limit_ms).await,
    };
    store.data_mut().calls.extend(sources.calls);
    happening
}

/// What waits comes first, but no more than waited when this was ready.
async fn after_messages(
    store: &mut Store<'_>,
    context: &Context,
    ready: Happening,
    open: &Open,
) -> Happening {
    let of = match &ready {
        Happening::Call(of) | Happening::Ready(of) => *of,
        Happening::Request(_) => return ready,
    };
    let before = store.data_mut().ready.take().filter(|(known, _)| *known == of);
    let left = before.map_or_else(|| open.waiting(), |(_, left)| left);
    if left == 0 {
        return ready;
    }
    store.data_mut().ready = Some((of, left - 1));
    let most = store.data().profile.limits.handles;
    let request = waited(store, open.next_that_waits(context, most)).await;
    request.map_or(ready, Happening::Request)
}

async fn wait(
    store: &mut Store<'_>,
    context: &Context,
    sources: &mut Sources,
    open: &Open,
    limit_ms: Option<u64>,
) -> Option<Happening> {
    let most = store.data().profile.limits.handles;
    // What has nothing to wait for waits for ever.
    let (request, ready) = (open.next(context, most), sources.first(context));
    let first = async {
        match select(pin!(request), pin!(ready)).await {
            Either::Left((request, _)) => Happening::Request(request),
            Either::Right((ready, _)) => {
                let waits = open.next_that_waits(context, most).await;
                waits.map_or(ready, Happening::Request)
            }
        }
    };
    match limit_ms {
        None => waited(store, async { Some(first.await) }).await,
        Some(ms) => waited(store, async { timeout(milliseconds(ms), first).await.ok() }).await,
    }
}
