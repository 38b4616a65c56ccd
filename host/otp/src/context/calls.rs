use std::future::{Future as _, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Context;
use crate::call::{CallError, PendingCall};
use crate::scheduler::run_woken;
use crate::table::Slot;
use crate::timers::deadline;
use crate::{Payload, Pid, Reference, Target};

impl Context {
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
            self.waits_for(callee, self.runtime.new_reference())?;
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
        let waiting = match self.waits_for(pending.callee, pending.reference) {
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
    pub async fn wait(&self, mut pending: PendingCall) -> Result<Payload, CallError> {
        self.wait_for(&mut pending).await
    }

    /// The same for a call that is waited for again if something else comes first. Cancellation-safe.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn wait_for(&self, pending: &mut PendingCall) -> Result<Payload, CallError> {
        let _waiting = self.waits_for(pending.callee, pending.reference)?;
        let Some(deadline) = pending.deadline else { return pending.await };
        let mut wait = Wait { context: self, pending, registered: false };
        poll_fn(|task| {
            if let Poll::Ready(reply) = Pin::new(&mut *wait.pending).poll(task) {
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

    /// Waits until one of these calls has its reply, or something else is there: the place of the call and the reply, or that. Of
    /// several it is the first call, and calls come before the other. Cancellation-safe; a call whose reply was given is not waited for again.
    pub async fn wait_for_first<T>(
        &self,
        calls: &mut [&mut PendingCall],
        mut other: impl FnMut(&mut Task<'_>) -> Poll<T>,
    ) -> Result<(usize, Result<Payload, CallError>), T> {
        // Of several that are waited for, any lets this process go on: there is no circle.
        let _waiting = match calls {
            [only] => match self.waits_for(only.callee, only.reference) {
                Ok(waiting) => waiting,
                Err(cycle) => return Ok((0, Err(cycle))),
            },
            _ => Waiting(None),
        };
        let due = calls.iter().enumerate().filter_map(|(place, call)| Some((call.deadline?, place))).min();
        let late = async {
            match due {
                Some((due, place)) => {
                    sleep_until(due).await;
                    place
                }
                None => pending().await,
            }
        };
        let mut late = pin!(late);
        poll_fn(|task| {
            for (place, call) in calls.iter_mut().enumerate() {
                if let Poll::Ready(reply) = Pin::new(&mut **call).poll(task) {
                    return Poll::Ready(Ok((place, reply)));
                }
            }
            if let Poll::Ready(other) = other(task) {
                return Poll::Ready(Err(other));
            }
            late.as_mut().poll(task).map(|place| Ok((place, Err(CallError::Timeout))))
        })
        .await
    }

    /// Notes whom this process waits for, unless that one waits for this process.
    fn waits_for(&self, callee: Pid, call: Reference) -> Result<Waiting<'_>, CallError> {
        let own = self.slot().filter(|slot| slot.is_of(self.pid));
        let Some(slot) = own.filter(|slot| !slot.receiving.load(Ordering::Relaxed)) else {
            return Ok(Waiting(None));
        };
        // Before the look at the others: of two that begin to wait for each other, one sees it at least.
        slot.wait_for(call, callee);
        let waiting = Waiting(Some(slot));
        match self.runtime.cycle(self.pid, callee, call) {
            Some(chain) => Err(CallError::Cycle(chain)),
            None => Ok(waiting),
        }
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
/// when it rings, its waits look at the clock.
struct Wait<'a> {
    context: &'a Context,
    pending: &'a mut PendingCall,
    registered: bool,
}

impl Wait<'_> {
    fn register(&mut self, deadline: Instant, waker: &Waker) {
        let Some((_, mut private)) = self.context.private() else { return };
        let holdings = private.holdings_mut();
        holdings.waiting_calls.insert(self.pending.reference, waker.clone());
        self.registered = true;
        let early_enough = holdings.alarm.is_some_and(|alarm| alarm <= deadline);
        if !early_enough {
            holdings.alarm = Some(deadline);
            drop(private);
            self.context.runtime.set_alarm(self.context.pid, deadline);
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if self.registered
            && let Some((_, mut private)) = self.context.private()
        {
            private.holdings_mut().waiting_calls.remove(&self.pending.reference);
        }
    }
}
