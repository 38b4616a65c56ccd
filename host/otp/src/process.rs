use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use crate::account::Account;
use crate::body::Body;
use crate::call::OpenCalls;
use crate::hash::IdHasher;
use crate::memory::Memory;
use crate::owner::Owner;
use crate::small_map::SmallMap;
use crate::stream::StreamEnd;
use crate::sync::{AtomicU32, AtomicUsize};
use crate::{ExitReason, Message, Pid, Reference};

mod bounds;
mod callback;

pub(crate) use callback::Callback;

/// How a process starts.
#[derive(Debug, Clone, Default)]
pub struct SpawnOptions {
    pub(crate) label: Option<Arc<str>>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) parent: Option<Pid>,
    pub(crate) link: bool,
    pub(crate) monitor: bool,
    pub(crate) trap_exit: bool,
    pub(crate) account: Option<Account>,
    pub(crate) overflow: Overflow,
    pub(crate) system_first: bool,
    pub(crate) hears_shutdown: bool,
    pub(crate) own_turns: bool,
    pub(crate) guest: bool,
    pub(crate) even_if_closed: bool,
}

/// What becomes of a message for a mailbox that is full. Calls are always refused, and what comes from the runtime is
/// always taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// Its sender gets [`SendError::Overloaded`](crate::SendError::Overloaded).
    #[default]
    Refuse,
    /// It is gone, and counted in [`ProcessInfo::dropped`].
    DropNewest,
}

/// A process that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spawned {
    /// The process.
    pub pid: Pid,
    /// The parent's monitor of it, if asked for.
    pub monitor: Option<Reference>,
}

/// The name that a new process should have belongs to a living one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name belongs to {0}")]
pub struct AlreadyRegistered(pub Pid);

/// What is known of a living process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessInfo {
    /// The process.
    pub pid: Pid,
    /// What it runs.
    pub label: Arc<str>,
    /// The name it is registered under.
    pub name: Option<Arc<str>>,
    /// Who spawned it.
    pub parent: Option<Pid>,
    /// What it does now.
    pub status: Status,
    /// The callback that a server or a state machine is in: `handle_call`, for example.
    pub function: Option<&'static str>,
    /// Messages that wait.
    pub mailbox: usize,
    /// Messages that a full mailbox has dropped.
    pub dropped: u64,
    /// Processes it is linked to.
    pub links: Vec<Pid>,
    /// Processes that it monitors.
    pub monitors: Vec<Pid>,
    /// Processes that monitor it.
    pub monitored_by: Vec<Pid>,
    /// Whether exits reach it as messages.
    pub trap_exit: bool,
    /// How many turns it has had: what Erlang counts as reductions, in larger steps.
    pub turns: u64,
    /// How long it has run, estimated from some of its turns.
    pub run_time: Duration,
    /// Messages that it was given.
    pub messages: u64,
    /// Bytes that the runtime keeps for it, an estimate, and those that it has told of by [`Context::account_memory`](crate::Context::account_memory).
    pub memory: usize,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It waits for a message.
    Waiting,
    /// It waits for the reply of this process.
    Calling(Pid),
    /// It has a turn, will have one, or waits for something else than a message.
    Running,
}

impl SpawnOptions {
    /// A process with nothing special; `label` says what it runs, for logs and crashes.
    pub fn new(label: impl Into<Arc<str>>) -> Self {
        Self { label: Some(label.into()), ..Self::default() }
    }

    /// Registers it under a name before its first step.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Who spawns it.
    pub fn parent(mut self, parent: Pid) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Links it to its parent before its first step.
    pub fn link(mut self, link: bool) -> Self {
        self.link = link;
        self
    }

    /// Lets its parent monitor it, from before its first step.
    pub fn monitor(mut self, monitor: bool) -> Self {
        self.monitor = monitor;
        self
    }

    /// A `shutdown` reaches it as [`Message::Exit`] even while it does not trap exits: for bodies that end themselves in
    /// good order.
    pub fn hears_shutdown(mut self, hears: bool) -> Self {
        self.hears_shutdown = hears;
        self
    }

    /// Runs even while the node stops.
    pub(crate) fn even_if_closed(mut self) -> Self {
        self.even_if_closed = true;
        self
    }

    /// Keeps a body out of the turns of its callers, until it [shares them](crate::Context::share_turns): for bodies that
    /// cannot begin while another one is polled.
    pub fn own_turns(mut self, own: bool) -> Self {
        self.own_turns = own;
        self
    }

    /// It runs code of the application in a sandbox. What other processes of native code are is the host's own business, which
    /// no guest may link to or end; supervisors are for everybody.
    pub fn guest(mut self, guest: bool) -> Self {
        self.guest = guest;
        self
    }

    /// Lets exits of linked processes reach it as messages, from before its first step.
    pub fn trap_exit(mut self, trap: bool) -> Self {
        self.trap_exit = trap;
        self
    }

    /// How many messages of other processes may wait before the next one is refused; unbounded by default.
    pub fn mailbox(mut self, bound: usize) -> Self {
        self.account.get_or_insert_default().most_messages = u32::try_from(bound).unwrap_or(u32::MAX);
        self
    }

    /// How many bytes of bodies of such messages may wait before the next one is refused; one that waits alone may have more.
    /// Unbounded by default.
    pub fn mailbox_bytes(mut self, bound: usize) -> Self {
        self.account.get_or_insert_default().most_mail = bound;
        self
    }

    /// How many bytes the runtime may keep for it besides: its links, monitors and timers, its places in groups, and messages from
    /// the runtime past the bound for others' bytes. When they are more, the process ends with a crash that says so. Unbounded by
    /// default.
    pub fn host_memory(mut self, bound: usize) -> Self {
        self.account.get_or_insert_default().most = bound;
        self
    }

    /// What becomes of a message for a full mailbox.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Lets it receive what comes from the runtime before all other messages that wait, so that a flood of them delays
    /// no end of a process and no timer. By default everything keeps the order in which it came.
    pub fn system_first(mut self, first: bool) -> Self {
        self.system_first = first;
        self
    }
}

/// What other processes see and change of a process, behind a lock of its slot. No two processes' locks are held together.
///
/// Invariants: while `live`, each link is known at both ends or being made or ended by one of them, which then tells
/// the other; an exit or down is taken only if its link or monitor is still known here.
///
/// In the order of the fields: up to `body` they are what a message needs, and lie in one cache line with the lock.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct State {
    /// What tells the process apart from others in its slot.
    pub(crate) tag: u32,
    /// Between spawn and end.
    pub(crate) live: bool,
    /// The process waits for mail: a message has to wake it.
    pub(crate) waiting: bool,
    /// So many more messages of others without bytes there is room for, at least: what [`State::has_room`] found when it looked,
    /// less what has come since. 0 where it has to look, [`UNBOUNDED`] where there are no bounds and nothing is counted.
    pub(crate) room: u16,
    /// How many messages have come so far.
    pub(crate) arrived: u64,
    /// What the process has not looked at yet.
    pub(crate) incoming: VecDeque<Letter>,
    /// What runs it.
    pub(crate) body: Option<Arc<Body>>,
    /// A message that is measured, and when it came.
    pub(crate) stamp: Option<Stamp>,
    /// What comes from the runtime goes to `Rare::system`.
    pub(crate) system_first: bool,
    pub(crate) trap_exit: bool,
    /// A `shutdown` is delivered even if other exits are not trapped.
    pub(crate) hears_shutdown: bool,
    /// It handles one message at a time: while it waits for a call, it takes nothing else.
    pub(crate) serves: bool,
    /// It belongs to the application, and not to its host.
    pub(crate) guest: bool,
    /// Its parent has told it to end, and it has heard so as a message.
    pub(crate) ending: bool,
    /// It has set timers, which go with it.
    pub(crate) has_timers: bool,
    pub(crate) overflow: Overflow,
    /// The node counts something for it.
    pub(crate) has_told: bool,
    /// What is counted where there are bounds.
    pub(crate) account: Option<Box<Account>>,
    /// It has to end, with this.
    pub(crate) exit: Option<Box<ExitReason>>,
    pub(crate) links: SmallMap<Pid, ()>,
    /// Who monitors this process.
    pub(crate) watchers: SmallMap<Reference, Pid>,
    /// Whom this process monitors.
    pub(crate) watching: SmallMap<Reference, Pid>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) label: Option<Arc<str>>,
    pub(crate) parent: Option<Pid>,
    pub(crate) rare: Option<Box<Rare>>,
}

/// A message, and how many came before it.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) number: u64,
    pub(crate) message: Message,
}

/// When a message came, by its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) number: u64,
    pub(crate) came: Instant,
}

/// What few processes have.
#[derive(Debug, Default)]
pub(crate) struct Rare {
    /// From the runtime, for a process that takes such messages first.
    pub(crate) system: VecDeque<Letter>,
    /// Receives under a waker that is not the process's own, each with a number of its own.
    pub(crate) receivers: Vec<(Reference, Waker)>,
    /// Under which names it can be reached until it takes them back; true for those that end with the first message.
    pub(crate) aliases: SmallMap<Reference, bool>,
    /// What has to know of its end, besides links and monitors.
    pub(crate) owners: Vec<Arc<dyn Owner>>,
    /// How many messages a full mailbox has dropped.
    pub(crate) dropped: u64,
}

/// What only a process itself uses, mostly: locked before its state where both are.
#[derive(Debug, Default)]
pub(crate) struct Private {
    /// What it has looked at and left, and what came with it.
    pub(crate) inbox: VecDeque<Letter>,
    /// The message that is measured, once it is here.
    pub(crate) stamp: Option<Stamp>,
    /// Since when the process handles the message that was measured last.
    pub(crate) handling: Option<Instant>,
    /// Grows whenever something is taken out of the middle.
    pub(crate) removals: u64,
    /// Calls that it has received and not yet answered.
    pub(crate) open_calls: OpenCalls,
    /// What a process that neither waits for calls nor has streams does without.
    pub(crate) holdings: Option<Box<Holdings>>,
}

/// Calls that a process waits for, and its streams.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    /// Who is to look at the clock when the alarm rings: calls that it waits for.
    pub(crate) waiting_calls: HashMap<Reference, Waker, BuildHasherDefault<IdHasher>>,
    /// When the alarm rings; a later one of an earlier call may ring, too.
    pub(crate) alarm: Option<Instant>,
    /// Its ends of streams.
    pub(crate) streams: HashMap<u64, OwnedEnd, BuildHasherDefault<IdHasher>>,
    pub(crate) next_handle: u64,
}

/// An end of a stream that a process owns.
#[derive(Debug)]
pub(crate) struct OwnedEnd {
    pub(crate) end: StreamEnd,
    /// If it is of the stream to the callee of a call with one each way: the handle of the one to the caller.
    pub(crate) other: Option<u64>,
}

/// How many messages lie in the inbox of a private half, and how many bytes they take: what [`Message::cost`] says. Only the holder of
/// the private half changes them.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    messages: AtomicU32,
    bytes: AtomicUsize,
}

impl Inbox {
    /// How many messages there are.
    pub(crate) fn messages(&self) -> usize {
        self.messages.load(Ordering::Relaxed) as usize
    }

    /// How many bytes they take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// So many messages are there now, with so many bytes more than before.
    pub(crate) fn came(&self, messages: usize, bytes: usize) {
        self.messages.store(counted(messages), Ordering::Relaxed);
        if bytes > 0 {
            self.bytes.store(self.bytes() + bytes, Ordering::Relaxed);
        }
    }

    /// So many messages are there now, with so many bytes less than before.
    pub(crate) fn left(&self, messages: usize, bytes: usize) {
        self.messages.store(counted(messages), Ordering::Relaxed);
        if bytes > 0 {
            self.bytes.store(self.bytes().saturating_sub(bytes), Ordering::Relaxed);
        }
    }

    /// The process has ended.
    pub(crate) fn clear(&self) {
        self.messages.store(0, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
    }
}

/// As a number of 32 bits, which is more than memory holds.
pub(crate) fn counted(messages: usize) -> u32 {
    u32::try_from(messages).unwrap_or(u32::MAX)
}

impl Private {
    pub(crate) fn holdings_mut(&mut self) -> &mut Holdings {
        self.holdings.get_or_insert_default()
    }

    /// Whether there is anything to clear.
    pub(crate) fn used(&self) -> bool {
        self.inbox.capacity() > 0
            || self.open_calls.is_used()
            || self.holdings.is_some()
            || self.stamp.is_some()
            || self.handling.is_some()
    }
}

impl State {
    /// Puts a message into the mailbox; the body, if it has to be woken.
    pub(crate) fn deliver(&mut self, message: Message) -> Option<Arc<Body>> {
        let letter = Letter { number: self.arrived, message };
        self.arrived += 1;
        if self.arrived.is_multiple_of(MEASURED) && self.stamp.is_none() {
            self.stamp = Some(Stamp { number: letter.number, came: Instant::now() });
        }
        if letter.message.is_system() && self.system_first {
            self.rare_mut().system.push_back(letter);
        } else {
            if self.room != UNBOUNDED {
                self.room = self.room.saturating_sub(1);
                // Most messages lie in their place whole.
                let cost = letter.message.cost();
                if cost > 0
                    && let Some(account) = &mut self.account
                {
                    account.incoming += cost;
                }
            }
            self.incoming.push_back(letter);
        }
        if !std::mem::take(&mut self.waiting) {
            return None;
        }
        if let Some(rare) = &mut self.rare {
            rare.receivers.drain(..).for_each(|(_, waker)| waker.wake());
        }
        self.body.clone()
    }

    /// How many messages wait, but for those that come first.
    pub(crate) fn messages(&self, inbox: &Inbox) -> usize {
        self.incoming.len() + inbox.messages()
    }

    /// Whether it is about to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending || self.exit.is_some()
    }

    /// Whether a message of others with so many bytes of its own may come.
    #[inline]
    pub(crate) fn has_room(&mut self, memory: &Memory, inbox: &Inbox, bytes: usize) -> bool {
        // Only the process itself makes more room, so what was found before holds.
        self.room == UNBOUNDED || self.room > 0 && bytes == 0 || self.look_for_room(memory, inbox, bytes)
    }

    /// Counts what waits, here and in the inbox.
    fn look_for_room(&mut self, memory: &Memory, inbox: &Inbox, bytes: usize) -> bool {
        self.tell(memory, inbox.bytes());
        let Some(account) = &self.account else {
            self.room = UNBOUNDED;
            return true;
        };
        let free = (account.most_messages as usize).saturating_sub(self.messages(inbox));
        self.room = u16::try_from(free).unwrap_or(UNBOUNDED).min(UNBOUNDED - 1);
        let waiting = account.incoming + inbox.bytes();
        let fits = waiting == 0 || waiting.saturating_add(bytes) <= account.most_mail;
        free > 0 && (bytes == 0 || fits && memory.has_room(bytes))
    }

    /// Who pays for a message of others that is not in its place whole, if not this process.
    #[inline]
    pub(crate) fn payer(&self, message: &Message) -> Option<Pid> {
        if self.room == UNBOUNDED || message.cost() == 0 {
            return None;
        }
        self.account.as_ref().and_then(|account| account.payer)
    }

    /// Ends the process with this reason as soon as it can be; the body, which has to be woken.
    pub(crate) fn terminate(&mut self, reason: ExitReason) -> Option<Arc<Body>> {
        if self.exit.is_some() {
            return None;
        }
        self.exit = Some(Box::new(reason));
        let body = self.body.clone()?;
        body.terminate();
        Some(body)
    }

    /// Takes messages back that the process has not received yet. False if there were none.
    pub(crate) fn take_back(
        &mut self,
        inbox: &Inbox,
        private: &mut Private,
        is_stale: impl Fn(&Message) -> bool,
    ) -> bool {
        let bounded = self.account.is_some();
        let mut queues = vec![&mut self.incoming, &mut private.inbox];
        queues.extend(self.rare.as_mut().map(|rare| &mut rare.system));
        let mut any = false;
        // What the runtime's messages take that come first is not counted.
        let mut gone = [0; 3];
        for (place, queue) in queues.into_iter().enumerate() {
            let before = queue.len();
            queue.retain(|letter| {
                let stale = is_stale(&letter.message);
                gone[place.min(2)] += if stale && bounded { letter.message.cost() } else { 0 };
                !stale
            });
            any |= queue.len() < before;
        }
        if let Some(account) = &mut self.account {
            account.incoming = account.incoming.saturating_sub(gone[0]);
        }
        inbox.left(private.inbox.len(), gone[1]);
        private.removals += u64::from(any);
        any
    }

    pub(crate) fn rare(&self) -> Option<&Rare> {
        self.rare.as_deref()
    }

    pub(crate) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// What is known of it; without its slot's share of the memory.
    pub(crate) fn info(
        &self,
        pid: Pid,
        private: &Private,
        calling: Option<Pid>,
        function: Callback,
    ) -> ProcessInfo {
        let waits = if self.waiting { Status::Waiting } else { Status::Running };
        // Who answers for it may be another one.
        let own = self.body.as_ref().filter(|body| body.pid == pid);
        let (turns, run_time) = own.map(|body| body.used()).unwrap_or_default();
        let system = self.rare().map_or(0, |rare| rare.system.len());
        let mailbox = self.incoming.len() + private.inbox.len() + system;
        let kept = self.incoming.capacity() + private.inbox.capacity();
        let body = own.map_or(0, |body| body.size());
        let entries = self.links.len() + self.watchers.len() + self.watching.len();
        ProcessInfo {
            pid,
            label: self.label.clone().unwrap_or_default(),
            name: self.name.clone(),
            parent: self.parent,
            status: calling.map_or(waits, Status::Calling),
            function: function.name(),
            mailbox,
            dropped: self.rare().map_or(0, |rare| rare.dropped),
            links: self.links.keys(),
            monitors: self.watching.values(),
            monitored_by: self.watchers.values(),
            trap_exit: self.trap_exit,
            turns,
            run_time,
            messages: self.arrived,
            memory: self.account.as_ref().map_or(0, |account| account.charged + account.incoming)
                + body
                + kept * size_of::<Letter>()
                + entries * size_of::<(Reference, Pid)>(),
        }
    }
}

/// [`State::room`] of a process without bounds.
const UNBOUNDED: u16 = u16::MAX;

/// Of a process's messages, one of so many is measured: two looks at the clock take as long as a message.
const MEASURED: u64 = 64;

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::{Letter, State};

    #[test]
    fn what_a_message_needs_lies_in_one_cache_line_with_the_lock() {
        // The lock comes first, and takes as much as the alignment of what it guards.
        let end = align_of::<State>() + offset_of!(State, body) + size_of::<usize>();
        assert!(end <= 64, "{end}");
        assert!(size_of::<Letter>() <= 72, "{}", size_of::<Letter>());
    }
}
