use std::any::Any;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::{Node, Runtime, wake};
use crate::timers::{Due, Timer, deadline};
use crate::unguessable::next_reference;
use crate::{Message, Pid, Reference};

impl Runtime {
    /// Sends [`Message::Timer`] to a process after a while; the timer goes with the process.
    pub fn send_after(&self, pid: Pid, after: Duration, body: Bytes) -> Reference {
        self.start_timer(pid, after, Due::Message { body, every: None })
    }

    /// Sends [`Message::Timer`] to a process again and again, the first time after `every`, until the timer is cancelled or
    /// the process ends; at most once a millisecond. It does not drift: a process that is late gets the messages that were
    /// due meanwhile.
    pub fn send_interval(&self, pid: Pid, every: Duration, body: Bytes) -> Reference {
        let every = every.max(Duration::from_millis(1));
        self.start_timer(pid, every, Due::Message { body, every: Some(every) })
    }

    /// Sends a value after a while, as from the process itself.
    pub(crate) fn send_term_after<T: Any + Send>(&self, pid: Pid, after: Duration, value: T) -> Reference {
        self.start_timer(pid, after, Due::Term(Box::new(value)))
    }

    fn start_timer(&self, pid: Pid, after: Duration, due: Due) -> Reference {
        let timer = next_reference();
        let Some(slot) = self.node.table.slot(pid) else { return timer };
        let Some(mut state) = slot.lock(pid) else { return timer };
        // Under the lock, so that the process's end finds the timer.
        state.has_timers = true;
        let overdrawn = state.is_overdrawn_with(&self.node.memory, due.cost(), slot.inbox.bytes());
        self.node.timers.insert(pid, timer, deadline(after), due);
        let exiting = overdrawn.then(|| state.overdraw(pid)).flatten();
        drop(state);
        wake(exiting);
        timer
    }

    /// Stops a timer that was set for this process; how much was left, if it had not fired. Another process's timer is as one
    /// that never was.
    pub fn cancel_timer(&self, pid: Pid, timer: Reference) -> Option<Duration> {
        let (time, due) = self.node.timers.cancel(pid, timer)?;
        self.discharge(pid, due.cost());
        Some(time.saturating_duration_since(Instant::now()))
    }

    /// How many timers of a process are set.
    pub fn timers(&self, pid: Pid) -> usize {
        self.node.timers.of(pid)
    }

    pub(crate) fn set_alarm(&self, pid: Pid, due: Instant) {
        if let Some(mut state) = self.node.table.lock(pid) {
            state.has_timers = true;
            self.node.timers.insert(pid, next_reference(), due, Due::Alarm);
        }
    }

    /// Lets the waiters for calls look at the clock; those who wait on set the next alarm.
    pub(crate) fn ring_alarm(&self, pid: Pid) {
        let Some(slot) = self.node.table.slot(pid) else { return };
        let Some(mut private) = slot.private(pid) else { return };
        let holdings = private.holdings_mut();
        holdings.alarm = None;
        let waiting: Vec<_> = holdings.waiting_calls.values().cloned().collect();
        drop(private);
        waiting.into_iter().for_each(std::task::Waker::wake);
    }
}

/// Does what is due.
pub(crate) fn fire(runtime: &Runtime, now: Instant) {
    for Timer { reference: timer, pid, due } in runtime.node().timers.take_due(now) {
        match due {
            Due::Message { ref body, every } => {
                let message = Message::Timer { timer, body: body.clone() };
                if every.is_none() {
                    runtime.discharge(pid, due.cost());
                }
                runtime.notify(pid, message);
            }
            Due::Term(value) => runtime.notify(pid, Message::Term { sender: pid, value }),
            Due::Alarm => runtime.ring_alarm(pid),
        }
    }
}

/// Fires timers until the node is gone.
pub(super) async fn drive(node: Weak<Node>, changed: Arc<Notify>) {
    // The node is not yet there when its timers start; the first timer or its end is what wakes the driver.
    changed.notified().await;
    while let Some(node) = node.upgrade() {
        let runtime = Runtime::from_node(node);
        fire(&runtime, Instant::now());
        let next = runtime.node().timers.next();
        drop(runtime);
        match next {
            Some(due) => {
                tokio::select! {
                    () = sleep_until(due) => {}
                    () = changed.notified() => {}
                }
            }
            None => changed.notified().await,
        }
    }
}
