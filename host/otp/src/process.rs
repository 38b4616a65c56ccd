use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::task::Waker;

use tokio::time::Instant;

use crate::call::ReplyTo;
use crate::stream::StreamEnd;
use crate::{ExitReason, Message, Pid, Reference};

/// How a process starts.
#[derive(Debug, Clone, Default)]
pub struct SpawnOptions {
    pub(crate) label: Option<Arc<str>>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) parent: Option<Pid>,
    pub(crate) link: bool,
    pub(crate) monitor: bool,
    pub(crate) mailbox: Option<usize>,
    pub(crate) hears_shutdown: bool,
    pub(crate) own_turns: bool,
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
    /// Messages that wait.
    pub mailbox: usize,
    /// Processes it is linked to.
    pub links: usize,
    /// Monitors that watch it.
    pub monitors: usize,
    /// Whether exits reach it as messages.
    pub trap_exit: bool,
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

    /// Keeps a body out of the turns of its callers: for bodies that cannot be polled while another one is.
    pub fn own_turns(mut self, own: bool) -> Self {
        self.own_turns = own;
        self
    }

    /// How many messages of other processes may wait before senders are refused; unbounded by default.
    pub fn mailbox(mut self, bound: usize) -> Self {
        self.mailbox = Some(bound);
        self
    }
}

/// All that the runtime keeps of a process, behind its slot's lock. No two of these locks are ever held together.
///
/// Invariants: while `live`, each link is known at both ends or being made or ended by one of them, which then tells
/// the other; an exit or down is taken only if its link or monitor is still known here.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// How many processes this slot has had.
    pub(crate) generation: u32,
    /// Between spawn and end.
    pub(crate) live: bool,
    /// Wakes the process's task.
    pub(crate) waker: Option<Waker>,
    /// The process waits for mail: a message has to wake it.
    pub(crate) waiting: bool,
    /// It has to end, with this.
    pub(crate) exit: Option<ExitReason>,
    pub(crate) trap_exit: bool,
    /// A `shutdown` is delivered even if other exits are not trapped.
    pub(crate) hears_shutdown: bool,
    pub(crate) mailbox: VecDeque<Message>,
    /// The most messages of other processes that may wait.
    pub(crate) bound: Option<usize>,
    pub(crate) links: Vec<Pid>,
    /// Who monitors this process.
    pub(crate) watchers: Vec<(Reference, Pid)>,
    /// Whom this process monitors.
    pub(crate) watching: Vec<(Reference, Pid)>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) label: Option<Arc<str>>,
    pub(crate) parent: Option<Pid>,
    /// Calls that it has received and not yet answered.
    pub(crate) open_calls: Vec<(Reference, ReplyTo)>,
    /// It has set timers, which go with it.
    pub(crate) has_timers: bool,
    /// Who is to look at the clock when the alarm rings: calls that it waits for.
    pub(crate) waiting_calls: HashMap<Reference, Waker, BuildHasherDefault<HandleHasher>>,
    /// When the alarm rings; a later one of an earlier call may ring, too.
    pub(crate) alarm: Option<Instant>,
    /// Its ends of streams.
    pub(crate) streams: HashMap<u64, StreamEnd, BuildHasherDefault<HandleHasher>>,
    pub(crate) next_handle: u64,
}

impl State {
    /// Puts a message into the mailbox; the waker, if the process has to be woken.
    pub(crate) fn deliver(&mut self, message: Message) -> Option<Waker> {
        self.mailbox.push_back(message);
        if std::mem::take(&mut self.waiting) { self.waker.clone() } else { None }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bound.is_some_and(|bound| self.mailbox.len() >= bound)
    }

    /// Ends the process with this reason as soon as it can be; the waker, if it has to be woken.
    pub(crate) fn doom(&mut self, reason: ExitReason) -> Option<Waker> {
        if self.exit.is_some() {
            return None;
        }
        self.exit = Some(reason);
        self.waker.clone()
    }

    pub(crate) fn unlink(&mut self, other: Pid) -> bool {
        let place = self.links.iter().position(|pid| *pid == other);
        place.map(|place| self.links.swap_remove(place)).is_some()
    }

    pub(crate) fn stop_watching(&mut self, monitor: Reference) -> Option<Pid> {
        let place = self.watching.iter().position(|(reference, _)| *reference == monitor)?;
        Some(self.watching.swap_remove(place).1)
    }

    pub(crate) fn info(&self, pid: Pid) -> ProcessInfo {
        ProcessInfo {
            pid,
            label: self.label.clone().unwrap_or_default(),
            name: self.name.clone(),
            mailbox: self.mailbox.len(),
            links: self.links.len(),
            monitors: self.watchers.len(),
            trap_exit: self.trap_exit,
        }
    }
}

/// Handles are small numbers of this process's own: nobody can choose them to collide.
#[derive(Debug, Default)]
pub(crate) struct HandleHasher(u64);

impl std::hash::Hasher for HandleHasher {
    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}
