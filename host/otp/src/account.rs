//! What the runtime keeps for a process, in bytes, and the bounds of it.
//!
//! Three things are counted. What waits in the mailbox: the bodies of messages, and whole messages from the runtime. Links and
//! monitors, by their number: each has an entry at both ends, and room for the message that will take its place. And what is
//! kept elsewhere: timers with their bodies, places in groups and monitors of groups, what the host adds by
//! [`Runtime::charge`]. A sender hears that a mailbox is full; a process whose other things are too many ends, with a reason
//! that says so. All of it together counts for the [node](Memory).

use std::sync::Arc;

use crate::body::Body;
use crate::memory::Memory;
use crate::process::State;
use crate::runtime::wake;
use crate::table::Slot;
use crate::{Crash, ExitReason, Pid, Runtime};

/// How much the runtime may keep for a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    /// The most messages of others that may wait.
    pub(crate) most_messages: u32,
    /// Bytes of what others have sent that may wait. One message may be larger, if it waits alone.
    pub(crate) most_mail: usize,
    /// Bytes of everything else.
    pub(crate) most: usize,
    /// What lies in `State::incoming`.
    pub(crate) incoming: usize,
    /// What is kept outside of mailbox, links and monitors.
    pub(crate) charged: usize,
    /// How much of all of it the node has been told of.
    pub(crate) told: usize,
}

impl Default for Account {
    /// Without bounds, as the host's own processes are.
    fn default() -> Self {
        Self {
            most_messages: u32::MAX,
            most_mail: usize::MAX,
            most: usize::MAX,
            incoming: 0,
            charged: 0,
            told: 0,
        }
    }
}

/// More would be kept for a process than may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Overdrawn {
    /// It has a bound of its own.
    #[error("the host keeps more for the process than its `host-memory` of {most} bytes")]
    Process {
        /// How much that is, in bytes.
        most: usize,
    },
    /// The node has one for all processes.
    #[error("the node is full: processes and what it keeps for them take its `memory` of {most} bytes")]
    Node {
        /// How much that is, in bytes.
        most: usize,
    },
}

/// Bytes that are kept for a process as long as this lives: they are given back with it.
#[derive(Debug)]
#[must_use = "dropping it gives the bytes back"]
pub struct Charge {
    runtime: Runtime,
    pid: Pid,
    bytes: usize,
}

impl Charge {
    /// So much more.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Overdrawn> {
        self.runtime.charge(self.pid, bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.runtime.discharge(self.pid, self.bytes);
    }
}

impl State {
    /// Whether what is kept for it, or what the runtime has put into its mailbox, is too much.
    pub(crate) fn is_overdrawn(&self, inbox: usize) -> bool {
        let Some(account) = &self.account else { return false };
        let kept = account.charged + self.links.len() * LINK + self.watching.len() * MONITOR;
        let waiting = (account.incoming + inbox).saturating_sub(account.most_mail);
        kept.saturating_add(waiting) > account.most
    }

    /// Notes so many bytes more, and whether that is too much.
    pub(crate) fn is_overdrawn_with(&mut self, memory: &Memory, bytes: usize, inbox: usize) -> bool {
        if let Some(account) = &mut self.account {
            account.charged += bytes;
        }
        self.tell(memory, inbox);
        self.is_overdrawn(inbox)
    }

    /// Lets the node know how much is kept for the process, if that has changed much.
    pub(crate) fn tell(&mut self, memory: &Memory, inbox: usize) {
        let entries = self.links.len() * LINK + self.watching.len() * MONITOR;
        let Some(account) = &mut self.account else { return };
        let kept = account.charged + account.incoming + inbox + entries;
        if kept.abs_diff(account.told) >= GRAIN {
            memory.keep(account.told, kept);
            account.told = kept;
            self.has_told = kept > GRAIN;
        }
    }

    /// What has come is in the inbox now: how many bytes it takes.
    pub(crate) fn forget_incoming(&mut self) -> usize {
        self.account.as_mut().map_or(0, |account| std::mem::take(&mut account.incoming))
    }

    fn take_off(&mut self, memory: &Memory, bytes: usize, inbox: usize) {
        if let Some(account) = &mut self.account {
            account.charged = account.charged.saturating_sub(bytes);
        }
        self.tell(memory, inbox);
    }

    /// Ends it because it is.
    #[cold]
    pub(crate) fn overdraw(&mut self, pid: Pid) -> Option<Arc<Body>> {
        let most = self.account.as_ref()?.most;
        let text = format!(
            "{}: links, monitors, timers, places in groups and their messages that wait; the limit `host-memory` of its \
             capabilities sets how much that may be",
            Overdrawn::Process { most }
        );
        self.crash(pid, text)
    }

    fn crash(&mut self, pid: Pid, text: String) -> Option<Arc<Body>> {
        let component = self.label.clone().unwrap_or_default();
        let crash = Crash { text, backtrace: String::new(), component, pid, function: String::new() };
        self.terminate(ExitReason::Crash(Arc::new(crash)))
    }
}

impl Runtime {
    /// Ends a process for which more is kept than may be; the body, which has to be woken.
    pub(crate) fn bounded(&self, state: &mut State, slot: &Slot, pid: Pid) -> Option<Arc<Body>> {
        // Nearly always there are no bounds, or the process is far below them.
        state.account.as_ref()?;
        let inbox = slot.inbox_bytes();
        state.tell(&self.node().memory, inbox);
        if state.is_overdrawn(inbox) { state.overdraw(pid) } else { None }
    }

    /// The same, after something was put into its mailbox.
    pub(crate) fn bounded_at(&self, state: &mut State, pid: Pid) -> Option<Arc<Body>> {
        if state.account.is_some() { self.bounded(state, self.node().table.slot(pid)?, pid) } else { None }
    }

    /// Notes that so many bytes more are kept for a process, until they are [given back](Self::discharge) or it ends.
    ///
    /// # Errors
    /// [`Overdrawn`] if that is too much; nothing is noted then.
    pub fn charge(&self, pid: Pid, bytes: usize) -> Result<(), Overdrawn> {
        let Some(slot) = self.node().table.slot(pid) else { return Ok(()) };
        let inbox = slot.inbox_bytes();
        let Some(mut state) = slot.lock(pid) else { return Ok(()) };
        let Some(most) = state.account.as_ref().map(|account| account.most) else { return Ok(()) };
        let memory = &self.node().memory;
        let refused = if !memory.has_room(bytes) {
            Overdrawn::Node { most: memory.most() }
        } else if state.is_overdrawn_with(memory, bytes, inbox) {
            state.take_off(memory, bytes, inbox);
            Overdrawn::Process { most }
        } else {
            return Ok(());
        };
        Err(refused)
    }

    /// The same, given back when what this answers with is dropped.
    ///
    /// # Errors
    /// As [`charge`](Self::charge).
    pub fn keep(&self, pid: Pid, bytes: usize) -> Result<Charge, Overdrawn> {
        self.charge(pid, bytes)?;
        Ok(Charge { runtime: self.clone(), pid, bytes })
    }

    /// The same for what others have made it keep, which may take half of its bound: the rest is for its own.
    ///
    /// # Errors
    /// As [`charge`](Self::charge).
    pub(crate) fn keep_for_others(&self, pid: Pid, bytes: usize) -> Result<Charge, Overdrawn> {
        let most = self.state(pid).and_then(|state| {
            let account = state.account.as_ref()?;
            (account.charged.saturating_add(bytes) > account.most / 2).then_some(account.most)
        });
        match most {
            Some(most) => Err(Overdrawn::Process { most }),
            None => self.keep(pid, bytes),
        }
    }

    /// The same for what nobody can be refused: the process ends instead. False then.
    pub(crate) fn charge_or_end(&self, pid: Pid, bytes: usize) -> bool {
        match self.charge(pid, bytes) {
            Ok(()) => true,
            Err(Overdrawn::Process { .. }) => {
                let body = self.state(pid).and_then(|mut state| state.overdraw(pid));
                wake(body);
                false
            }
            Err(full @ Overdrawn::Node { .. }) => {
                self.crash(pid, full.to_string());
                false
            }
        }
    }

    /// Ends a process for what it holds elsewhere, with a text that names the limit: as soon as it can be, as by a kill.
    pub fn crash(&self, pid: Pid, text: String) {
        let body = self.state(pid).and_then(|mut state| state.crash(pid, text));
        wake(body);
    }

    /// Notes that so many bytes are no longer kept for a process.
    pub fn discharge(&self, pid: Pid, bytes: usize) {
        let Some(slot) = self.node().table.slot(pid) else { return };
        if let Some(mut state) = slot.lock(pid) {
            state.take_off(&self.node().memory, bytes, slot.inbox_bytes());
        }
    }
}

/// A process tells the node of changes of so many bytes: of smaller ones, the node's count would cost more than they do.
const GRAIN: usize = 4096;

/// A message's place in a mailbox: a queue has up to twice the places that it needs.
pub(crate) const LETTER: usize = 144;

/// An entry in the links of both processes, and the message of the end.
pub(crate) const LINK: usize = 100 + LETTER;

/// An entry of who monitors and one of who is monitored, and the message of the end.
pub(crate) const MONITOR: usize = 120 + LETTER;

/// A timer's place in three maps, without its body, and the message that it will be.
pub(crate) const TIMER: usize = 240 + LETTER;

/// A place in a group, or a monitor of one, with its share of the group's maps; without the group's name.
pub(crate) const GROUP: usize = 320;
