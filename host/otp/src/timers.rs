use std::any::Any;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::account::TIMER;
use crate::hash::IdHasher;
use crate::sync::Mutex;
use crate::{Pid, Reference};

/// A node's timers, driven by one task.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: Mutex<Queue>,
    /// Tells the driver that the first timer is another one.
    changed: Arc<Notify>,
}

/// Invariant: all three hold the same timers.
#[derive(Debug, Default)]
struct Queue {
    by_time: BTreeMap<Place, Timer>,
    by_process: HashMap<Pid, BTreeSet<Reference>>,
    due: HashMap<Reference, Place, BuildHasherDefault<IdHasher>>,
    /// How many were set so far.
    set: u64,
}

/// When a timer is due, and how many were set before it: of those that are due together, the one that was set first is the
/// first.
type Place = (Instant, u64);

#[derive(Debug)]
pub(crate) struct Timer {
    pub(crate) reference: Reference,
    pub(crate) pid: Pid,
    pub(crate) due: Due,
}

/// What happens when a timer is due.
#[derive(Debug)]
pub(crate) enum Due {
    /// The process gets [`Message::Timer`](crate::Message::Timer), and again after each interval.
    Message { body: Bytes, every: Option<Duration> },
    /// The process gets a value, as from itself.
    Term(Box<dyn Any + Send>),
    /// Calls that the process waits for look at the clock.
    Alarm,
}

impl Due {
    /// What it takes, if the process has set it for itself.
    pub(crate) fn cost(&self) -> usize {
        match self {
            Self::Message { body, .. } => TIMER + body.len(),
            Self::Term(_) | Self::Alarm => 0,
        }
    }
}

impl Timers {
    /// What tells that the first timer is another one, or that the timers are gone.
    pub(crate) fn changed(&self) -> &Arc<Notify> {
        &self.changed
    }

    /// When the first one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.lock().first()
    }

    pub(crate) fn insert(&self, pid: Pid, timer: Reference, time: Instant, due: Due) {
        let mut queue = self.queue.lock();
        queue.insert(time, Timer { reference: timer, pid, due });
        if queue.first() == Some(time) {
            self.changed.notify_one();
        }
    }

    /// When it was due, if it is a process's own and had not fired. What the runtime has set for the process is not its own.
    pub(crate) fn cancel(&self, pid: Pid, timer: Reference) -> Option<(Instant, Due)> {
        // What it would have sent is dropped without the lock.
        let removed = self.queue.lock().cancel(pid, timer);
        removed.map(|(time, timer)| (time, timer.due))
    }

    /// Stops the timers of a process that ended.
    pub(crate) fn cancel_all(&self, pid: Pid) {
        let mut queue = self.queue.lock();
        let own = queue.by_process.remove(&pid).unwrap_or_default();
        let removed: Vec<_> = own.into_iter().map(|timer| queue.remove(timer)).collect();
        drop(queue);
        drop(removed);
    }

    /// How many of a process are set.
    pub(crate) fn of(&self, pid: Pid) -> usize {
        self.queue.lock().by_process.get(&pid).map_or(0, BTreeSet::len)
    }

    /// How many are set.
    pub(crate) fn len(&self) -> usize {
        self.queue.lock().due.len()
    }

    /// Takes those that are due, the earliest first.
    pub(crate) fn take_due(&self, now: Instant) -> Vec<Timer> {
        let mut queue = self.queue.lock();
        let later = queue.by_time.split_off(&(now, u64::MAX));
        let over = std::mem::replace(&mut queue.by_time, later);
        let mut taken = Vec::new();
        for ((time, _), timer) in over {
            let Timer { reference, pid, .. } = timer;
            queue.due.remove(&reference);
            queue.forget(pid, reference);
            if let Due::Message { body, every: Some(every) } = &timer.due {
                let due = Due::Message { body: body.clone(), every: Some(*every) };
                queue.insert(time + *every, Timer { reference, pid, due });
            }
            taken.push(timer);
        }
        taken
    }
}

impl Queue {
    fn first(&self) -> Option<Instant> {
        self.by_time.first_key_value().map(|((time, _), _)| *time)
    }

    fn insert(&mut self, time: Instant, timer: Timer) {
        let place = (time, self.set);
        self.set += 1;
        self.due.insert(timer.reference, place);
        self.by_process.entry(timer.pid).or_default().insert(timer.reference);
        self.by_time.insert(place, timer);
    }

    fn cancel(&mut self, pid: Pid, reference: Reference) -> Option<(Instant, Timer)> {
        let timer = self.by_time.get(self.due.get(&reference)?)?;
        let own = timer.pid == pid && matches!(timer.due, Due::Message { .. });
        own.then(|| self.remove(reference)).flatten()
    }

    fn remove(&mut self, reference: Reference) -> Option<(Instant, Timer)> {
        let place = self.due.remove(&reference)?;
        let timer = self.by_time.remove(&place)?;
        self.forget(timer.pid, reference);
        Some((place.0, timer))
    }

    fn forget(&mut self, pid: Pid, reference: Reference) {
        if let Entry::Occupied(mut own) = self.by_process.entry(pid) {
            own.get_mut().remove(&reference);
            if own.get().is_empty() {
                own.remove();
            }
        }
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        self.changed.notify_one();
    }
}

/// When a limit is over; a time that no clock reaches, if it is longer than one can tell.
pub(crate) fn deadline(limit: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(limit).unwrap_or(now + FAR)
}

/// 30 years.
pub(crate) const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_runtime_sets_for_a_process_is_not_the_processs_own() {
        let mut queue = Queue::default();
        let (pid, time) = (Pid { node: 1, id: 1 }, Instant::now());
        let message = Due::Message { body: Bytes::new(), every: None };
        for (reference, due) in [(1, Due::Alarm), (2, Due::Term(Box::new(()))), (3, message)] {
            queue.insert(time, Timer { reference, pid, due });
        }
        let cancelled = [1, 2, 3].map(|timer| queue.cancel(pid, timer).is_some());
        assert_eq!(cancelled, [false, false, true]);
    }
}
