//! What the runtime keeps for a process, in bytes, and the bounds of it.
//!
//! Three things are counted. What waits in the mailbox: the bodies of messages, and whole messages from the runtime. Links and
//! monitors, by their number: each has an entry at both ends, and room for the message that will take its place. And what is
//! kept elsewhere: timers with their bodies, places in groups and monitors of groups, what the host adds by
//! [`Runtime::charge`](crate::Runtime::charge). A sender hears that a mailbox is full; a process whose other things are too many ends, with a reason
//! that says so. All of it together counts for the [node](crate::Memory).

use std::fmt;

use crate::Pid;

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
    /// Who pays for what others have sent it, if not the process itself.
    pub(crate) payer: Option<Pid>,
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
            payer: None,
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

/// Something that is kept for a process, and given back when this is dropped.
pub(crate) trait Kept: fmt::Debug + Send + Sync {
    /// In bytes.
    fn bytes(&self) -> usize;

    /// So much more.
    fn grow(&mut self, bytes: usize) -> Result<(), Overdrawn>;
}

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
