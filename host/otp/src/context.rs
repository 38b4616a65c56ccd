use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::body::{may_take_message, run_woken};
use crate::call::{CallError, PendingCall};
use crate::stream::StreamEnd;
use crate::{ExitReason, Filter, Message, Pid, Reference, Request, Runtime, Target};

/// A process's own view of the node: what only it may do.
#[derive(Debug, Clone)]
pub struct Context {
    runtime: Runtime,
    pid: Pid,
}

impl Context {
    pub(crate) fn new(runtime: Runtime, pid: Pid) -> Self {
        Self { runtime, pid }
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The node it runs on.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// What it runs.
    pub fn label(&self) -> Arc<str> {
        self.runtime.state(self.pid).and_then(|state| state.label.clone()).unwrap_or_default()
    }

    /// The next message. Cancellation-safe: a message is taken only by a receive that returns it.
    pub async fn receive(&self) -> Message {
        self.receive_matching(|message| Filter::Any.admits(message)).await
    }

    /// The first message that the predicate admits; the others stay, in their order.
    pub async fn receive_matching(&self, admits: impl FnMut(&Message) -> bool) -> Message {
        self.take(admits, true).await
    }

    /// Takes a message; a process that `yields` lets others run when it has taken many on one turn.
    async fn take(&self, mut admits: impl FnMut(&Message) -> bool, yields: bool) -> Message {
        // Nothing before this place is admitted: only this process takes messages out, and it waits here.
        let mut seen = 0;
        poll_fn(|task| {
            let Some(mut state) = self.runtime.state(self.pid) else { return Poll::Pending };
            seen = seen.min(state.mailbox.len());
            if yields && seen < state.mailbox.len() && !may_take_message() {
                drop(state);
                task.waker().wake_by_ref();
                return Poll::Pending;
            }
            while let Some(message) = state.mailbox.get(seen) {
                if !admits(message) {
                    seen += 1;
                    continue;
                }
                let Some(mut message) = state.mailbox.remove(seen) else { break };
                if let Message::Call(request) = &mut message {
                    let Some(reply_to) = request.reply_to.take() else { continue };
                    if is_over(request, &reply_to) {
                        reply_to.answer(Err(CallError::Timeout));
                        if let Some(end) = request.stream.take() {
                            end.abort("the call was not begun");
                        }
                        continue;
                    }
                    state.open_calls.push((request.reference, reply_to));
                }
                state.waiting = false;
                return Poll::Ready(message);
            }
            state.waiting = true;
            Poll::Pending
        })
        .await
    }

    /// As [`receive_matching`](Self::receive_matching), but none once the time is up. A time of zero only looks.
    pub async fn receive_within(
        &self,
        limit: Duration,
        admits: impl FnMut(&Message) -> bool,
    ) -> Option<Message> {
        // One that only looks would find its time up when it comes back.
        let yields = !limit.is_zero();
        timeout_at(Instant::now() + limit, self.take(admits, yields)).await.ok()
    }

    /// Calls a process and waits for its reply, at most so long.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call(
        &self,
        target: &Target,
        key: u32,
        body: Bytes,
        limit: Duration,
    ) -> Result<Bytes, CallError> {
        let deadline = Some(Instant::now() + limit);
        let pending = self.runtime.call(self.pid, target, key, body, None, deadline)?;
        self.answer(pending).await
    }

    /// The reply of a call that was just sent: at once if it can be, or when it comes.
    pub(crate) async fn answer(&self, mut pending: PendingCall) -> Result<Bytes, CallError> {
        match self.try_wait(&mut pending) {
            Some(reply) => reply,
            None => self.wait(pending).await,
        }
    }

    /// The reply of a call that was just sent, if the callee gives it at once. A callee that was idle handles the call
    /// within this process's turn; the same callee may do so in this way once a turn at most while others wait for it.
    pub fn try_wait(&self, pending: &mut PendingCall) -> Option<Result<Bytes, CallError>> {
        run_woken();
        pending.try_reply()
    }

    /// Waits for the reply of a call, until its deadline.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn wait(&self, pending: PendingCall) -> Result<Bytes, CallError> {
        let Some(deadline) = pending.deadline else { return pending.await };
        let mut wait = Wait { context: self, pending, registered: false };
        poll_fn(|task| {
            if let Poll::Ready(reply) = Pin::new(&mut wait.pending).poll(task) {
                return Poll::Ready(reply);
            }
            if deadline <= Instant::now() {
                return Poll::Ready(Err(CallError::Timeout));
            }
            wait.register(deadline, task.waker());
            Poll::Pending
        })
        .await
    }

    /// Answers a call that this process received. False if it was answered before, or nobody waits.
    pub fn reply(&self, reference: Reference, reply: Result<Bytes, CallError>) -> bool {
        self.runtime.reply(self.pid, reference, reply)
    }

    /// The processes that it is linked to.
    pub fn links(&self) -> Vec<Pid> {
        self.runtime.state(self.pid).map(|state| state.links.clone()).unwrap_or_default()
    }

    /// Waits.
    pub async fn sleep(&self, time: Duration) {
        sleep_until(Instant::now() + time).await;
    }

    /// Ends this process at its next wait.
    pub fn exit(&self, reason: ExitReason) {
        self.runtime.doom(self.pid, reason);
    }

    /// Makes this process the owner of an end of a stream, under a handle. If the process ends, the other end hears it.
    pub fn own_stream(&self, end: StreamEnd) -> u64 {
        let Some(mut state) = self.runtime.state(self.pid) else { return 0 };
        state.next_handle += 1;
        let handle = state.next_handle;
        if let StreamEnd::Writer(writer) = &end {
            writer.notify(self.runtime.clone(), self.pid, handle);
        }
        state.streams.insert(handle, end);
        handle
    }

    /// One of this process's ends of streams.
    pub fn stream(&self, handle: u64) -> Option<StreamEnd> {
        self.runtime.state(self.pid)?.streams.get(&handle).cloned()
    }

    /// Gives up an end; the caller closes or aborts it.
    pub fn take_stream(&self, handle: u64) -> Option<StreamEnd> {
        self.runtime.state(self.pid)?.streams.remove(&handle)
    }
}

/// A call that is waited for.
///
/// Most replies come in microseconds and deadlines are seconds away, so a process has one alarm and not a timer a call:
/// when it rings, whoever waits looks at the clock.
struct Wait<'a> {
    context: &'a Context,
    pending: PendingCall,
    registered: bool,
}

impl Wait<'_> {
    fn register(&mut self, deadline: Instant, waker: &Waker) {
        let Some(mut state) = self.context.runtime.state(self.context.pid) else { return };
        state.waiting_calls.insert(self.pending.reference, waker.clone());
        self.registered = true;
        let early_enough = state.alarm.is_some_and(|alarm| alarm <= deadline);
        if !early_enough {
            state.alarm = Some(deadline);
            drop(state);
            self.context.runtime.set_alarm(self.context.pid, deadline);
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if self.registered
            && let Some(mut state) = self.context.runtime.state(self.context.pid)
        {
            state.waiting_calls.remove(&self.pending.reference);
        }
    }
}

/// Whether nobody would take the reply: then the call is not begun.
fn is_over(request: &Request, reply_to: &crate::call::ReplyTo) -> bool {
    reply_to.is_abandoned() || request.deadline.is_some_and(|deadline| deadline <= Instant::now())
}
