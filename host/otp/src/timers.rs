use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::runtime::{Node, Runtime};
use crate::{Message, Pid, Reference};

/// A node's timers, driven by one task.
#[derive(Debug)]
pub(crate) struct Timers {
    queue: Mutex<Queue>,
    /// Tells the driver that the first timer is another one.
    changed: Arc<Notify>,
}

/// Invariant: both maps hold the same timers.
#[derive(Debug, Default)]
struct Queue {
    by_time: BTreeMap<(Instant, Reference), Timer>,
    due: HashMap<Reference, Instant>,
}

#[derive(Debug)]
struct Timer {
    pid: Pid,
    /// The bytes of the message; none for the alarm of the process's calls.
    body: Option<Bytes>,
}

impl Timers {
    /// No timers yet; the driver ends with the node.
    pub(crate) fn start(node: Weak<Node>) -> Self {
        let changed = Arc::new(Notify::new());
        tokio::spawn(drive(node, changed.clone()));
        Self { queue: Mutex::default(), changed }
    }

    pub(crate) fn insert(&self, pid: Pid, timer: Reference, due: Instant, body: Option<Bytes>) {
        let mut queue = self.queue.lock();
        queue.by_time.insert((due, timer), Timer { pid, body });
        queue.due.insert(timer, due);
        if queue.first() == Some(due) {
            self.changed.notify_one();
        }
    }

    /// When it was due, if it had not fired.
    pub(crate) fn cancel(&self, timer: Reference) -> Option<Instant> {
        let mut queue = self.queue.lock();
        let due = queue.due.remove(&timer)?;
        queue.by_time.remove(&(due, timer));
        Some(due)
    }

    /// Stops the timers of a process that ended.
    pub(crate) fn cancel_all(&self, pid: Pid) {
        let mut queue = self.queue.lock();
        if queue.due.is_empty() {
            return;
        }
        let Queue { by_time, due } = &mut *queue;
        by_time.retain(|(_, timer), entry| {
            let keep = entry.pid != pid;
            if !keep {
                due.remove(timer);
            }
            keep
        });
    }

    fn take_due(&self, now: Instant) -> Vec<(Reference, Timer)> {
        let mut queue = self.queue.lock();
        let later = queue.by_time.split_off(&(now, Reference::MAX));
        let due = std::mem::replace(&mut queue.by_time, later);
        for (_, timer) in due.keys() {
            queue.due.remove(timer);
        }
        due.into_iter().map(|((_, reference), timer)| (reference, timer)).collect()
    }
}

impl Queue {
    fn first(&self) -> Option<Instant> {
        self.by_time.first_key_value().map(|((due, _), _)| *due)
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        self.changed.notify_one();
    }
}

async fn drive(node: Weak<Node>, changed: Arc<Notify>) {
    // The node is not yet there when its timers start; the first timer or its end is what wakes the driver.
    changed.notified().await;
    while let Some(node) = node.upgrade() {
        for (timer, Timer { pid, body }) in node.timers.take_due(Instant::now()) {
            let runtime = Runtime::from_node(node.clone());
            match body {
                Some(body) => runtime.notify(pid, Message::Timer { timer, body }),
                None => runtime.ring_alarm(pid),
            }
        }
        let next = node.timers.queue.lock().first();
        drop(node);
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
