//! How a receive looks through a mailbox.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::Context;
use crate::Message;
use crate::call::OpenCalls;
use crate::process::{Letter, Private, State, counted};
use crate::scheduler::may_take;
use crate::sync::MutexGuard;
use crate::table::Slot;

impl Context {
    /// Looks through what waits, after what the search has seen already.
    pub(super) fn search<'a>(
        &self,
        slot: &'a Slot,
        private: &mut Private,
        search: &mut Search,
        admits: &mut impl FnMut(&Message) -> bool,
        yields: bool,
    ) -> Found<'a> {
        let Private { inbox, removals, open_calls, stamp, .. } = private;
        let mut taken = Taken { removals, open_calls };
        search.begin(*taken.removals);
        if self.system_first
            && let Some(mut state) = slot.lock(self.pid)
            && let Some(rare) = &mut state.rare
            && let Some(found) = search.pick(0, &mut rare.system, &mut taken, admits, yields, false)
        {
            return found;
        }
        loop {
            if let Some(found) = search.pick(1, inbox, &mut taken, admits, yields, self.bounded) {
                return found;
            }
            let Some(mut state) = slot.lock(self.pid) else { return Found::Gone };
            if state.stamp.is_some() && stamp.is_none() {
                *stamp = state.stamp.take();
            }
            if state.incoming.is_empty() {
                return Found::Nothing(state);
            }
            if inbox.is_empty() {
                std::mem::swap(inbox, &mut state.incoming);
                // What a flood has left is given back.
                if state.incoming.capacity() > ROOMY {
                    state.incoming = VecDeque::new();
                }
            } else {
                inbox.append(&mut state.incoming);
            }
            slot.left.store(counted(inbox.len()), Ordering::Relaxed);
            if self.bounded {
                slot.inbox.came(inbox.len(), state.forget_incoming());
            }
        }
    }
}

/// A queue with room for more messages is not kept when it is empty.
pub(super) const ROOMY: usize = 1024;

/// How far a receive has looked: nothing before these places is admitted.
#[derive(Default)]
pub(super) struct Search {
    pub(super) since: u64,
    /// In what comes from the runtime first, and in the inbox.
    seen: [usize; 2],
    removals: u64,
    /// The number of the message that was taken last.
    pub(super) taken: u64,
    /// What was taken out of the inbox, by [`Message::cost`].
    pub(super) cost: usize,
    /// Calls that nobody waits for any more.
    pub(super) expired: Vec<Message>,
}

/// What a private half notes of a message that is taken.
struct Taken<'a> {
    removals: &'a mut u64,
    open_calls: &'a mut OpenCalls,
}

/// What a search comes to.
pub(super) enum Found<'a> {
    Message(Message),
    /// There is one, but it is others' turn.
    Enough,
    Nothing(MutexGuard<'a, State>),
    /// The process has ended.
    Gone,
}

impl Search {
    /// A search among what has come since.
    pub(super) fn since(since: u64) -> Self {
        Self { since, ..Self::default() }
    }

    fn begin(&mut self, removals: u64) {
        if self.removals != removals {
            self.removals = removals;
            self.seen = [0; 2];
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
        counts: bool,
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
            if which == 1 && counts {
                self.cost += message.cost();
            }
            *taken.removals += 1;
            self.removals = *taken.removals;
            if let Message::Call(request) = &mut message {
                if request.is_over() {
                    self.expired.push(message);
                    continue;
                }
                if let Some(reply_to) = request.reply_to.take() {
                    taken.open_calls.insert(reply_to);
                }
            }
            return Some(Found::Message(message));
        }
        None
    }
}
