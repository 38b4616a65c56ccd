use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::timers::FAR;
use crate::{Context, Reference};

/// Which timeout: a machine has at most one of each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Timeout {
    State,
    Event,
    Named(Arc<str>),
}

/// Timeouts to be set, or cancelled where there is no time; the last one of a kind holds.
#[derive(Debug, Default)]
pub(crate) struct Settings(Vec<(Timeout, Option<Duration>)>);

/// The timeouts that are set.
///
/// Invariants: a timeout is in `running` or in `due` or in neither; `fires` has the timers in
/// `running`, and those that were cancelled after they had fired, whose messages are still to come.
#[derive(Debug, Default)]
pub(crate) struct Timeouts {
    running: HashMap<Timeout, Reference>,
    fires: HashMap<Reference, Option<Timeout>>,
    /// Those without a time, in the order in which they were set.
    due: VecDeque<Timeout>,
}

/// Whose timer it is that fired.
pub(crate) enum Fired {
    Timeout(Timeout),
    /// It was cancelled meanwhile.
    Stale,
    /// The machine's own, of [`Runtime::send_after`](crate::Runtime::send_after).
    Foreign,
}

impl Settings {
    pub(crate) fn add(&mut self, timeout: Timeout, time: Option<Duration>) {
        self.0.push((timeout, time));
    }

    pub(crate) fn append(&mut self, mut later: Self) {
        self.0.append(&mut later.0);
    }
}

impl Timeouts {
    pub(crate) fn apply(&mut self, settings: Settings, context: &Context) {
        let mut all = settings.0.into_iter();
        while let Some((timeout, time)) = all.next() {
            if all.as_slice().iter().any(|(later, _)| *later == timeout) {
                continue;
            }
            self.cancel(&timeout, context);
            match time {
                None => {}
                Some(Duration::ZERO) => self.due.push_back(timeout),
                Some(time) => {
                    let timer = context.runtime().send_after(context.pid(), time.min(FAR), Bytes::new());
                    self.running.insert(timeout.clone(), timer);
                    self.fires.insert(timer, Some(timeout));
                }
            }
        }
    }

    pub(crate) fn cancel(&mut self, timeout: &Timeout, context: &Context) {
        self.due.retain(|due| due != timeout);
        let Some(timer) = self.running.remove(timeout) else { return };
        match context.runtime().cancel_timer(context.pid(), timer) {
            Some(_) => self.fires.remove(&timer),
            None => self.fires.insert(timer, None),
        };
    }

    /// One that is due at once.
    pub(crate) fn take_due(&mut self) -> Option<Timeout> {
        self.due.pop_front()
    }

    pub(crate) fn fired(&mut self, timer: Reference) -> Fired {
        match self.fires.remove(&timer) {
            None => Fired::Foreign,
            Some(None) => Fired::Stale,
            Some(Some(timeout)) => {
                self.running.remove(&timeout);
                Fired::Timeout(timeout)
            }
        }
    }
}
