//! Processes without a body, which another one answers for.

use std::fmt;
use std::future::{Future as _, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use crate::account::{Account, LETTER};
use crate::call::CallError;
use crate::runtime::Charge;
use crate::sync::{AtomicBool, AtomicU32, AtomicU64};
use crate::table::Slot;
use crate::{Context, ExitReason, Message, Overdrawn, Payload, Pid, Reference};

/// A process of its own, with pid and mailbox, that the one which made it answers for: what a callback is. It runs nothing, so it
/// hears of nothing but calls and casts; all other messages are dropped. Its owner pays for what waits there, as far as half of its
/// [`host_memory`](crate::SpawnOptions::host_memory) allows. It is gone when this is dropped.
///
/// While its owner handles one of its messages, it is known to wait for it: a call that comes back over it to the owner is a
/// [circle](CallError::Cycle).
pub struct StandIn {
    context: Context,
    owner: Pid,
    /// The call of its owner that it is for; 0 for none yet.
    call: AtomicU64,
    /// How many more it receives, once it is finished.
    left: AtomicU32,
    ended: AtomicBool,
    _kept: Charge,
}

impl Context {
    /// A process that this one answers for. Its callers see the label where they wait for it in a circle.
    ///
    /// # Errors
    /// [`Overdrawn`] if the runtime keeps too much for this process already.
    ///
    /// # Panics
    /// If 16 million processes live at once.
    pub fn stand_in(&self, label: Arc<str>) -> Result<StandIn, Overdrawn> {
        let runtime = self.runtime();
        let kept = runtime.keep(self.pid(), COST)?;
        let body = runtime.state(self.pid()).and_then(|state| state.body.clone());
        let (pid, mut state) = runtime.node().table.allocate().expect("16 million processes at most");
        state.live = true;
        state.serves = true;
        // Who is woken by a message.
        state.body = body;
        state.label = Some(label);
        let account = Account { most_messages: MOST_MESSAGES, payer: Some(self.pid()), ..Account::default() };
        state.account = Some(Box::new(account));
        drop(state);
        let context = Context::new(runtime.clone(), pid, false, true);
        Ok(StandIn {
            context,
            owner: self.pid(),
            call: AtomicU64::new(0),
            left: AtomicU32::new(UNFINISHED),
            ended: AtomicBool::new(false),
            _kept: kept,
        })
    }
}

impl StandIn {
    /// The process.
    pub fn pid(&self) -> Pid {
        self.context.pid()
    }

    /// The call of its owner that carries it.
    pub fn is_for(&self, call: Reference) {
        self.call.store(call, Ordering::Relaxed);
        self.waits_for_owner();
    }

    /// The next call or cast; none once it is [finished](Self::finish) and what came before was received. Cancellation-safe. Never,
    /// once it has [ended](Self::end).
    pub async fn receive(&self) -> Option<Message> {
        loop {
            let mut receiving = pin!(self.context.receive());
            let received = poll_fn(|task| match receiving.as_mut().poll(task) {
                Poll::Ready(message) => Poll::Ready(Some(message)),
                // It may have let others run, with messages left.
                Poll::Pending if self.is_finished() && self.waiting() == 0 => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            let message = received.await?;
            let count = |left: u32| (left != UNFINISHED).then(|| left.saturating_sub(1));
            // Only its owner receives.
            let left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
            if left == Ok(0) {
                // It came later.
                self.refuse(message);
                return None;
            }
            if matches!(message, Message::Call(_) | Message::Cast { .. }) {
                self.waits_for_owner();
                return Some(message);
            }
        }
    }

    /// From now on nothing that comes is received, but what waits still is.
    pub fn finish(&self) {
        let Some(slot) = self.slot() else { return };
        let Some(mut state) = slot.lock(self.pid()) else { return };
        let waiting = state.messages(&slot.inbox);
        self.left.store(u32::try_from(waiting).unwrap_or(UNFINISHED - 1), Ordering::Relaxed);
        // Whoever waits for a message that will not come.
        let receivers = state.rare.as_mut().map(|rare| std::mem::take(&mut rare.receivers));
        drop(state);
        receivers.into_iter().flatten().for_each(|(_, waker)| waker.wake());
    }

    /// How many messages wait.
    pub fn waiting(&self) -> usize {
        let Some(slot) = self.slot() else { return 0 };
        slot.lock(self.pid()).map_or(0, |state| state.messages(&slot.inbox))
    }

    fn is_finished(&self) -> bool {
        self.left.load(Ordering::Relaxed) != UNFINISHED
    }

    fn refuse(&self, message: Message) {
        if let Message::Call(request) = message {
            request.stream.iter().for_each(|end| end.exited(&ExitReason::NoProc));
            self.reply(request.reference, Err(CallError::NoProc));
        }
    }

    fn slot(&self) -> Option<&Slot> {
        self.context.slot().filter(|slot| slot.is_of(self.pid()))
    }

    /// Answers a call that it received. False if it was answered before, or nobody waits.
    pub fn reply(&self, reference: Reference, reply: Result<Payload, CallError>) -> bool {
        self.context.reply(reference, reply)
    }

    /// It is gone from now on, as it is when the last owner of this is: whoever calls it, and whoever has not been answered, gets
    /// [`CallError::NoProc`].
    pub fn end(&self) {
        if !self.ended.swap(true, Ordering::AcqRel) {
            self.context.runtime().finish_with(self.pid(), &ExitReason::NoProc, &CallError::NoProc);
        }
    }

    /// Until it receives again.
    fn waits_for_owner(&self) {
        let call = self.call.load(Ordering::Relaxed);
        if call != 0
            && let Some(slot) = self.slot()
        {
            slot.wait_for(call, self.owner);
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandIn")
            .field("pid", &self.pid())
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

/// The next call or cast for any of these, and which it is for. Cancellation-safe. Never, if there are none, or all of them are
/// finished.
pub async fn first_message(stand_ins: &[Arc<StandIn>]) -> (usize, Message) {
    let receive = |place: usize, one: &Arc<StandIn>| {
        let one = one.clone();
        async move {
            match one.receive().await {
                Some(message) => (place, message),
                None => pending().await,
            }
        }
    };
    let first = match stand_ins {
        [one] => receive(0, one).await,
        _ => {
            let mut all: Vec<_> =
                stand_ins.iter().enumerate().map(|(place, one)| Box::pin(receive(place, one))).collect();
            let first = poll_fn(|task| {
                let ready = all.iter_mut().find_map(|one| match one.as_mut().poll(task) {
                    Poll::Ready(first) => Some(first),
                    Poll::Pending => None,
                });
                ready.map_or(Poll::Pending, Poll::Ready)
            });
            first.await
        }
    };
    // One message keeps their owner from all of them.
    stand_ins.iter().for_each(|one| one.waits_for_owner());
    first
}

/// [`StandIn::left`] of one that is not finished.
const UNFINISHED: u32 = u32::MAX;

/// How many messages may wait for one. More are rarely under way: who calls it waits for the answer.
const MOST_MESSAGES: u32 = 256;

/// Its slot's share, its names in the tables of who owns it, and its mailbox when it is full.
const COST: usize = 1024 + MOST_MESSAGES as usize * LETTER;
