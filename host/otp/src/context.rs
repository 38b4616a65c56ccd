use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{self, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use crate::call::{CallError, PendingCall, ReplyTo};
use crate::latency::Spent;
use crate::process::{Callback, Desk, Letter, Stamp, State};
use crate::scheduler::{may_send, may_take, run_woken};
use crate::stream::StreamEnd;
use crate::sync::MutexGuard;
use crate::table::{Slot, next_reference};
use crate::timers::deadline;
use crate::{ExitReason, Message, Payload, Pid, Reference, Runtime, SendError, Target};

/// A process's own view of the node: what only it may do.
#[derive(Debug, Clone)]
pub struct Context {
    runtime: Runtime,
    pid: Pid,
    system_first: bool,
}

/// A moment in a process's mailbox: what has come before it need not be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

impl Context {
    pub(crate) fn new(runtime: Runtime, pid: Pid, system_first: bool) -> Self {
        Self { runtime, pid, system_first }
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
        self.runtime.label(self.pid)
    }

    /// Sends bytes as this process; to nobody, if nobody is there. Now and then it lets others run, so that whoever gets many
    /// messages keeps up: [`Runtime::send`] does not.
    ///
    /// # Errors
    /// [`SendError`] if the mailbox is full or the node out of reach.
    pub async fn send(&self, target: &Target, body: impl Into<Payload>) -> Result<(), SendError> {
        let sent = self.runtime.send(self.pid, target, body.into());
        if !may_send() {
            self.yield_now().await;
        }
        sent
    }

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
        let mut search = Search { since: since.0, ..Search::default() };
        let _receiving = self.slot().filter(|slot| slot.is_of(self.pid)).map(Receiving::begin);
        let mut receiver = Receiver { context: self, number: 0, waits: patience != Patience::Tries };
        poll_fn(|task| {
            let Some(slot) = self.slot().filter(|slot| slot.is_of(self.pid)) else { return Poll::Pending };
            if let Some(outcome) =
                self.take_only(slot, &mut search, &mut admits, yields, task.waker(), &mut receiver)
            {
                return outcome;
            }
            let Some(mut desk) = slot.desk(self.pid) else { return Poll::Pending };
            if let Some(since) = desk.handling.take() {
                self.runtime.node().latencies.record(&self.label(), Spent::Handling, since.elapsed());
            }
            let outcome = match self.search(slot, &mut desk, &mut search, &mut admits, yields) {
                Found::Message(message) => {
                    if let Some(stamp) = desk.stamp.take_if(|stamp| stamp.number <= search.taken) {
                        self.measure(&mut desk, stamp, search.taken);
                    }
                    Poll::Ready(message)
                }
                Found::Enough => {
                    task.waker().wake_by_ref();
                    Poll::Pending
                }
                Found::Nothing(mut state) => {
                    receiver.wait(&mut state, task.waker());
                    Poll::Pending
                }
                Found::Gone => Poll::Pending,
            };
            let left = desk.inbox.len() + usize::from(desk.handling.is_some());
            slot.left.store(left, Ordering::Relaxed);
            drop(desk);
            search.expired.drain(..).for_each(expire);
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
        if moved || state.system_first || state.bounded || state.stamp.is_some() {
            return None;
        }
        let Some(Letter { message, .. }) = state.incoming.front() else {
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
        drop(state);
        if let Message::Call(request) = &mut message
            && let Some(reply_to) = request.reply_to.take()
        {
            match slot.desk(self.pid) {
                Some(mut desk) => desk.open_calls.push((request.reference, reply_to)),
                // It has just ended while another task received for it.
                None => {
                    reply_to.answer(Err(CallError::NoProc));
                    return Some(Poll::Pending);
                }
            }
        }
        Some(Poll::Ready(message))
    }

    /// Notes how long the message that is taken now has waited; how long it takes is noted when the next one is received.
    fn measure(&self, desk: &mut Desk, stamp: Stamp, taken: u64) {
        if stamp.number < taken {
            // It was left behind, or has expired.
            return;
        }
        let now = Instant::now();
        desk.handling = Some(now);
        let label = self.label();
        self.runtime.node().latencies.record(&label, Spent::Waiting, now - stamp.came);
    }

    fn search<'a>(
        &self,
        slot: &'a Slot,
        desk: &mut Desk,
        search: &mut Search,
        admits: &mut impl FnMut(&Message) -> bool,
        yields: bool,
    ) -> Found<'a> {
        let Desk { inbox, removals, open_calls, stamp, .. } = desk;
        let mut taken = Taken { removals, open_calls };
        search.begin(*taken.removals);
        if self.system_first
            && let Some(mut state) = slot.lock(self.pid)
            && let Some(rare) = &mut state.rare
            && let Some(found) = search.pick(0, &mut rare.system, &mut taken, admits, yields)
        {
            return found;
        }
        loop {
            if let Some(found) = search.pick(1, inbox, &mut taken, admits, yields) {
                return found;
            }
            let Some(mut state) = slot.lock(self.pid) else { return Found::Gone };
            if state.stamp.is_some() && stamp.is_none() {
                *stamp = state.stamp.take();
            }
            if state.bounded {
                let found = search.pick(2, &mut state.incoming, &mut taken, admits, yields);
                return found.unwrap_or(Found::Nothing(state));
            }
            if state.incoming.is_empty() {
                return Found::Nothing(state);
            }
            if inbox.is_empty() {
                std::mem::swap(inbox, &mut state.incoming);
            } else {
                inbox.append(&mut state.incoming);
            }
            slot.left.store(inbox.len(), Ordering::Relaxed);
        }
    }

    /// Calls a process and waits for its reply, at most so long.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call(
        &self,
        target: &Target,
        key: u32,
        body: impl Into<Payload>,
        limit: Duration,
    ) -> Result<Payload, CallError> {
        let pending = self.begin_call(target, key, body, Some(deadline(limit)))?;
        self.answer(pending).await
    }

    /// Sends a call that this process waits for next: with [`try_wait`](Self::try_wait), and [`wait`](Self::wait) if that
    /// has no reply.
    ///
    /// # Errors
    /// [`CallError`] if the call cannot even be sent. A full mailbox that only this process could empty is a circle.
    pub fn begin_call(
        &self,
        target: &Target,
        key: u32,
        body: impl Into<Payload>,
        deadline: Option<Instant>,
    ) -> Result<PendingCall, CallError> {
        let sent = self.runtime.call(self.pid, target, key, body, None, deadline);
        if matches!(sent, Err(CallError::Overloaded))
            && let Some(callee) = self.runtime.resolve(target)
        {
            self.waits_for(callee)?;
        }
        sent
    }

    /// The reply of a call that was just sent: at once if it can be, or when it comes.
    pub(crate) async fn answer(&self, mut pending: PendingCall) -> Result<Payload, CallError> {
        match self.try_wait(&mut pending) {
            Some(reply) => reply,
            None => self.wait(pending).await,
        }
    }

    /// The reply of a call that was just sent, if the callee gives it at once. A callee that was idle handles the call
    /// within this process's turn; the same callee may do so in this way once a turn at most while others wait for it.
    pub fn try_wait(&self, pending: &mut PendingCall) -> Option<Result<Payload, CallError>> {
        let waiting = match self.waits_for(pending.callee) {
            Ok(waiting) => waiting,
            Err(cycle) => return Some(Err(cycle)),
        };
        run_woken();
        drop(waiting);
        pending.try_reply()
    }

    /// Waits for the reply of a call, until its deadline.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn wait(&self, pending: PendingCall) -> Result<Payload, CallError> {
        let _waiting = self.waits_for(pending.callee)?;
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
    pub fn reply(&self, reference: Reference, reply: Result<Payload, CallError>) -> bool {
        self.runtime.reply(self.pid, reference, reply)
    }

    /// Says that this process handles one message after the other: while it waits for the reply of a call, it takes no
    /// other. Then a call that comes back to it, over one process or several, is answered with [`CallError::Cycle`] instead
    /// of waiting for its deadline. Servers and state machines do this by themselves.
    pub fn serves(&self) {
        self.set_serves(true);
    }

    /// Takes back what [`serves`](Self::serves) says.
    pub fn takes_several(&self) {
        self.set_serves(false);
    }

    fn set_serves(&self, serves: bool) {
        if let Some(mut state) = self.runtime.state(self.pid) {
            state.serves = serves;
        }
    }

    /// Notes which callback this process is in.
    pub(crate) fn enter(&self, callback: Callback) {
        if let Some(slot) = self.slot() {
            slot.callback.store(callback as u8, Ordering::Relaxed);
        }
    }

    /// Notes whom this process waits for, unless that one waits for this process.
    fn waits_for(&self, callee: Pid) -> Result<Waiting<'_>, CallError> {
        let own = self.slot().filter(|slot| slot.is_of(self.pid));
        let Some(slot) = own.filter(|slot| !slot.receiving.load(Ordering::Relaxed)) else {
            return Ok(Waiting(None));
        };
        // Before the look at the others: of two that begin to wait for each other, one sees it at least.
        slot.calling.store(callee.id, Ordering::SeqCst);
        let waiting = Waiting(Some(slot));
        match self.runtime.cycle(self.pid, callee) {
            Some(chain) => Err(CallError::Cycle(chain)),
            None => Ok(waiting),
        }
    }

    /// The processes that it is linked to.
    pub fn links(&self) -> Vec<Pid> {
        self.runtime.state(self.pid).map(|state| state.links.keys()).unwrap_or_default()
    }

    /// Waits.
    pub async fn sleep(&self, time: Duration) {
        sleep_until(deadline(time)).await;
    }

    /// Lets others run.
    pub async fn yield_now(&self) {
        let mut yielded = false;
        poll_fn(|task| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            task.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Ends this process at its next wait.
    pub fn exit(&self, reason: ExitReason) {
        self.runtime.doom(self.pid, reason);
    }

    /// Makes this process the owner of an end of a stream, under a handle, until [`take_stream`](Self::take_stream). If the
    /// process ends, the other end hears it.
    pub fn own_stream(&self, end: StreamEnd) -> u64 {
        let Some((_, mut desk)) = self.desk() else { return 0 };
        let affairs = desk.affairs_mut();
        affairs.next_handle += 1;
        let handle = affairs.next_handle;
        affairs.streams.insert(handle, end.clone());
        drop(desk);
        if let StreamEnd::Writer(writer) = &end {
            writer.notify(self.runtime.clone(), self.pid, handle);
        }
        handle
    }

    /// How many ends of streams it owns.
    pub fn streams(&self) -> usize {
        self.desk().and_then(|(_, desk)| Some(desk.affairs.as_ref()?.streams.len())).unwrap_or(0)
    }

    /// One of this process's ends of streams.
    pub fn stream(&self, handle: u64) -> Option<StreamEnd> {
        self.desk()?.1.affairs.as_ref()?.streams.get(&handle).cloned()
    }

    /// Gives up an end; the caller closes or aborts it.
    pub fn take_stream(&self, handle: u64) -> Option<StreamEnd> {
        self.desk()?.1.affairs.as_mut()?.streams.remove(&handle)
    }

    /// Takes back what [`own_turns`](crate::SpawnOptions::own_turns) says: from now on this process may run within a caller's
    /// turn.
    pub fn share_turns(&self) {
        if let Some(body) = self.runtime.state(self.pid).and_then(|state| state.body.clone()) {
            body.share_turns();
        }
    }

    /// Says how many bytes of its own the process has, which [`ProcessInfo::memory`](crate::ProcessInfo) includes.
    pub fn account_memory(&self, bytes: usize) {
        let state = self.runtime.node().table.lock(self.pid);
        if let Some(body) = state.as_ref().and_then(|state| state.body.as_ref()) {
            body.tell_memory(bytes);
        }
    }

    fn slot(&self) -> Option<&Slot> {
        self.runtime.node().table.slot(self.pid)
    }

    /// None once the process has ended.
    fn desk(&self) -> Option<(&Slot, MutexGuard<'_, Desk>)> {
        let slot = self.slot()?;
        Some((slot, slot.desk(self.pid)?))
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

/// How far a receive has looked: nothing before these places is admitted.
#[derive(Default)]
struct Search {
    since: u64,
    /// In what comes from the runtime, in the inbox, and in what has come after it.
    seen: [usize; 3],
    removals: u64,
    /// The number of the message that was taken last.
    taken: u64,
    /// Calls that nobody waits for any more.
    expired: Vec<Message>,
}

/// What a desk notes of a message that is taken.
struct Taken<'a> {
    removals: &'a mut u64,
    open_calls: &'a mut Vec<(Reference, ReplyTo)>,
}

enum Found<'a> {
    Message(Message),
    /// There is one, but it is others' turn.
    Enough,
    Nothing(MutexGuard<'a, State>),
    /// The process has ended.
    Gone,
}

impl Search {
    fn begin(&mut self, removals: u64) {
        if self.removals != removals {
            self.removals = removals;
            self.seen = [0; 3];
        }
    }

    #[inline]
    fn pick<'a>(
        &mut self,
        which: usize,
        queue: &mut VecDeque<Letter>,
        taken: &mut Taken<'_>,
        admits: &mut impl FnMut(&Message) -> bool,
        yields: bool,
    ) -> Option<Found<'a>> {
        let seen = &mut self.seen[which];
        if *seen == 0 && self.since > 0 {
            *seen = queue.partition_point(|letter| letter.number < self.since);
        }
        while let Some(letter) = queue.get(*seen) {
            if !admits(&letter.message) {
                *seen += 1;
                continue;
            }
            if yields && !may_take() {
                return Some(Found::Enough);
            }
            let letter = if *seen == 0 { queue.pop_front() } else { queue.remove(*seen) };
            let Some(Letter { number, mut message }) = letter else { break };
            self.taken = number;
            *taken.removals += 1;
            self.removals = *taken.removals;
            if let Message::Call(request) = &mut message {
                if request.is_over() {
                    self.expired.push(message);
                    continue;
                }
                taken.open_calls.extend(request.reply_to.take().map(|to: ReplyTo| (request.reference, to)));
            }
            return Some(Found::Message(message));
        }
        None
    }
}

/// Answers a call that is not begun, when the mailbox is no longer locked: it may wake others.
fn expire(message: Message) {
    if let Message::Call(mut request) = message {
        request.refuse(CallError::Timeout);
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

/// While it lives, a process is known to wait for another one.
struct Waiting<'a>(Option<&'a Slot>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.0 {
            slot.calling.store(0, Ordering::Release);
        }
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
        let Some((_, mut desk)) = self.context.desk() else { return };
        let affairs = desk.affairs_mut();
        affairs.waiting_calls.insert(self.pending.reference, waker.clone());
        self.registered = true;
        let early_enough = affairs.alarm.is_some_and(|alarm| alarm <= deadline);
        if !early_enough {
            affairs.alarm = Some(deadline);
            drop(desk);
            self.context.runtime.set_alarm(self.context.pid, deadline);
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if self.registered
            && let Some((_, mut desk)) = self.context.desk()
        {
            desk.affairs_mut().waiting_calls.remove(&self.pending.reference);
        }
    }
}
