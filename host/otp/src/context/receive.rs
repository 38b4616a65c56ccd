use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{self, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Context;
use super::search::{Found, ROOMY, Search};
use crate::call::CallError;
use crate::latency::Spent;
use crate::process::{Letter, Private, Stamp, State, counted};
use crate::scheduler::may_take;
use crate::table::Slot;
use crate::timers::deadline;
use crate::unguessable::next_reference;
use crate::{ExitReason, Message, Reference, Runtime};

/// A moment in a process's mailbox: what has come before it need not be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

impl Context {
    /// The next message. Cancellation-safe: a message is taken only by a receive that returns it.
    pub async fn receive(&self) -> Message {
        self.take(Mark(0), |_| true, Patience::Waits).await
    }

    /// The first message that the predicate admits; the others stay, in their order. The predicate only looks at the
    /// message: the mailbox is locked meanwhile.
    pub async fn receive_matching(&self, admits: impl FnMut(&Message) -> bool) -> Message {
        self.take(Mark(0), admits, Patience::Waits).await
    }

    /// As [`receive_matching`](Self::receive_matching), but none once the time is up. A time of zero only looks.
    pub async fn receive_within(
        &self,
        limit: Duration,
        admits: impl FnMut(&Message) -> bool,
    ) -> Option<Message> {
        // One that only looks would find its time up when it comes back.
        let patience = if limit.is_zero() { Patience::Looks } else { Patience::Waits };
        timeout_at(deadline(limit), self.take(Mark(0), admits, patience)).await.ok()
    }

    /// The first message that the predicate admits, if it is there, and if this process has not taken so many on its turn
    /// that it is others'.
    pub fn try_receive_matching(&self, admits: impl FnMut(&Message) -> bool) -> Option<Message> {
        let taken = pin!(self.take(Mark(0), admits, Patience::Tries));
        match taken.poll(&mut task::Context::from_waker(Waker::noop())) {
            Poll::Ready(message) => Some(message),
            Poll::Pending => None,
        }
    }

    /// This moment. Made before a request is sent, it lets [`receive_since`](Self::receive_since) find the answer without a
    /// look at what waits already.
    pub fn mark(&self) -> Mark {
        Mark(self.runtime.state(self.pid).map_or(0, |state| state.arrived))
    }

    /// As [`receive_matching`](Self::receive_matching), among what has come since: it takes as long with ten thousand older
    /// messages as with none.
    pub async fn receive_since(&self, mark: Mark, admits: impl FnMut(&Message) -> bool) -> Message {
        self.take(mark, admits, Patience::Waits).await
    }

    async fn take(
        &self,
        since: Mark,
        mut admits: impl FnMut(&Message) -> bool,
        patience: Patience,
    ) -> Message {
        let yields = patience != Patience::Looks;
        let mut search = Search::since(since.0);
        let _receiving = self.slot().filter(|slot| slot.is_of(self.pid)).map(Receiving::begin);
        let mut receiver = Receiver { context: self, number: 0, waits: patience != Patience::Tries };
        poll_fn(|task| {
            let Some(slot) = self.slot().filter(|slot| slot.is_of(self.pid)) else { return Poll::Pending };
            if let Some(outcome) =
                self.take_only(slot, &mut search, &mut admits, yields, task.waker(), &mut receiver)
            {
                return outcome;
            }
            let Some(mut private) = slot.private(self.pid) else { return Poll::Pending };
            if let Some(since) = private.handling.take() {
                self.runtime.node().latencies.record(&self.label(), Spent::Handling, since.elapsed());
            }
            let outcome = match self.search(slot, &mut private, &mut search, &mut admits, yields) {
                Found::Message(message) => {
                    if let Some(stamp) = private.stamp.take_if(|stamp| stamp.number <= search.taken) {
                        self.measure(&mut private, stamp, search.taken);
                    }
                    Poll::Ready(message)
                }
                Found::Enough => {
                    task.waker().wake_by_ref();
                    Poll::Pending
                }
                Found::Nothing(mut state) => {
                    self.settle(&mut state, slot);
                    receiver.wait(&mut state, task.waker());
                    Poll::Pending
                }
                Found::Gone => Poll::Pending,
            };
            let left = private.inbox.len() + usize::from(private.handling.is_some());
            slot.left.store(counted(left), Ordering::Relaxed);
            if self.bounded {
                slot.inbox.left(private.inbox.len(), std::mem::take(&mut search.cost));
            }
            if private.inbox.is_empty() && private.inbox.capacity() > ROOMY {
                private.inbox = VecDeque::new();
            }
            drop(private);
            search.expired.drain(..).for_each(|message| expire(&self.runtime, message));
            outcome
        })
        .await
    }

    /// The short way for a mailbox with one message, or none: most are so. None if it does not lead to the end.
    fn take_only(
        &self,
        slot: &Slot,
        search: &mut Search,
        admits: &mut impl FnMut(&Message) -> bool,
        yields: bool,
        waker: &Waker,
        receiver: &mut Receiver<'_>,
    ) -> Option<Poll<Message>> {
        if slot.left.load(Ordering::Relaxed) > 0 {
            return None;
        }
        let mut state = slot.lock(self.pid)?;
        // Another task that receives for this process may have moved what has come since the first look.
        let moved = slot.left.load(Ordering::Relaxed) > 0;
        if moved || self.system_first || state.stamp.is_some() {
            return None;
        }
        let Some(Letter { message, .. }) = state.incoming.front() else {
            self.settle(&mut state, slot);
            receiver.wait(&mut state, waker);
            return Some(Poll::Pending);
        };
        let alone = state.incoming.len() == 1;
        // One that nobody waits for is answered on the long way.
        let over = matches!(message, Message::Call(request) if request.is_over());
        if !alone || over || search.since > 0 || !admits(message) || yields && !may_take() {
            return None;
        }
        let Letter { mut message, .. } = state.incoming.pop_front()?;
        if self.bounded && message.cost() > 0 {
            state.forget_incoming();
        }
        drop(state);
        if let Message::Call(request) = &mut message
            && let Some(reply_to) = request.reply_to.take()
        {
            match slot.private(self.pid) {
                Some(mut private) => private.open_calls.insert(reply_to),
                // It has just ended while another task received for it.
                None => {
                    reply_to.answer(&self.runtime, Err(CallError::NoProc));
                    if let Some(end) = request.stream.take() {
                        end.exited(&ExitReason::NoProc);
                    }
                    return Some(Poll::Pending);
                }
            }
        }
        Some(Poll::Ready(message))
    }

    /// The mailbox is empty: what the node has counted for it is less now.
    fn settle(&self, state: &mut State, slot: &Slot) {
        if state.has_told {
            state.tell(&self.runtime.node().memory, slot.inbox.bytes());
        }
    }

    /// Notes how long the message that is taken now has waited; how long it takes is noted when the next one is received.
    fn measure(&self, private: &mut Private, stamp: Stamp, taken: u64) {
        if stamp.number < taken {
            // It was left behind, or has expired.
            return;
        }
        let now = Instant::now();
        private.handling = Some(now);
        let label = self.label();
        self.runtime.node().latencies.record(&label, Spent::Waiting, now - stamp.came);
    }
}

/// One receive.
struct Receiver<'a> {
    context: &'a Context,
    /// Under which it has left a waker; 0 as long as it has not had to.
    number: Reference,
    waits: bool,
}

impl Receiver<'_> {
    /// Notes that the process waits for mail, and whom to wake.
    fn wait(&mut self, state: &mut State, waker: &Waker) {
        if !self.waits {
            return;
        }
        state.waiting = true;
        if state.body.as_ref().is_some_and(|body| body.is_woken_by(waker)) {
            return;
        }
        if self.number == 0 {
            self.number = next_reference();
        }
        let receivers = &mut state.rare_mut().receivers;
        match receivers.iter_mut().find(|(number, _)| *number == self.number) {
            Some((_, known)) => known.clone_from(waker),
            None => receivers.push((self.number, waker.clone())),
        }
    }
}

impl Drop for Receiver<'_> {
    /// Nobody is left to be woken.
    fn drop(&mut self) {
        if self.number == 0 {
            return;
        }
        let Some(mut state) = self.context.runtime.state(self.context.pid) else { return };
        let left = state.rare.as_mut().and_then(|rare| {
            let place = rare.receivers.iter().position(|(number, _)| *number == self.number)?;
            Some(rare.receivers.swap_remove(place))
        });
        // Before the waker: whatever goes with it may need the lock.
        drop(state);
        drop(left);
    }
}

/// What a receive does if there is no message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// It waits, and lets others run when it has taken many on one turn.
    Waits,
    /// It is given up soon: it does not let others run.
    Looks,
    /// It is given up at once, and takes no more than one that waits.
    Tries,
}

/// Answers a call that is not begun, when the mailbox is no longer locked: it may wake others.
fn expire(runtime: &Runtime, message: Message) {
    if let Message::Call(mut request) = message {
        request.refuse(runtime, CallError::Timeout);
        if let Some(end) = request.stream {
            end.abort("the call was not begun");
        }
    }
}

/// While it lives, a process takes messages: it does not keep others waiting, whatever calls it has under way.
struct Receiving<'a>(&'a Slot);

impl<'a> Receiving<'a> {
    fn begin(slot: &'a Slot) -> Self {
        slot.receiving.store(true, Ordering::Relaxed);
        slot.calling.store(0, Ordering::Release);
        Self(slot)
    }
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        self.0.receiving.store(false, Ordering::Relaxed);
    }
}
