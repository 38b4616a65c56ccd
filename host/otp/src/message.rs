use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use crate::account::LETTER;
use crate::call::ReplyTo;
use crate::registry::Via;
use crate::stream::{StreamEnd, StreamError};
use crate::{ExitReason, GroupChange, Payload, Pid, Reference};

/// What a process can find in its mailbox. The runtime makes every one: sender, kind and reference cannot be forged.
#[derive(Debug)]
pub enum Message {
    /// Bytes from another process.
    Mail {
        /// The process that sent them.
        sender: Pid,
        /// As they were sent.
        body: Payload,
    },
    /// A value of Rust from another process of this node.
    Term {
        /// The process that sent it.
        sender: Pid,
        /// As it was sent.
        value: Box<dyn Any + Send>,
    },
    /// A call, which waits for [`Context::reply`](crate::Context::reply).
    Call(Box<Request>),
    /// A call that nobody waits for.
    Cast {
        /// The process that sent it.
        sender: Pid,
        /// The function meant.
        key: u32,
        /// Its arguments.
        body: Payload,
    },
    /// A monitored process ended.
    Down {
        /// The monitor.
        monitor: Reference,
        /// The process.
        pid: Pid,
        /// Why.
        reason: ExitReason,
    },
    /// A linked process ended, and this one traps exits.
    Exit {
        /// The process.
        pid: Pid,
        /// Why.
        reason: ExitReason,
    },
    /// A timer fired.
    Timer {
        /// The timer.
        timer: Reference,
        /// What was given to it.
        body: Bytes,
    },
    /// A monitored process group has changed.
    Group {
        /// The monitor.
        monitor: Reference,
        /// The group.
        group: Arc<str>,
        /// Who has joined or left it.
        pid: Pid,
        /// Which of the two.
        change: GroupChange,
    },
    /// There is room again in a stream that this process writes to, or something to read in one that it reads.
    Demand {
        /// Its end of the stream.
        handle: u64,
    },
    /// The reader of a stream that this process writes to is gone.
    StreamEnd {
        /// Its end of the stream.
        handle: u64,
        /// Why.
        reason: StreamError,
    },
}

/// A call on its way to, or in the hands of, the process that will answer it.
#[derive(Debug)]
pub struct Request {
    /// The process that waits.
    pub sender: Pid,
    /// Identifies the call towards `reply`.
    pub reference: Reference,
    /// The function meant.
    pub key: u32,
    /// Its arguments.
    pub body: Payload,
    /// A request as a value of Rust, between native processes of one node.
    pub(crate) term: Option<Box<dyn Any + Send>>,
    /// The callee's end of the call's stream.
    pub stream: Option<StreamEnd>,
    /// When the caller gives up; none where it decides later.
    pub deadline: Option<Instant>,
    /// The caller's end. The runtime keeps it from the moment of receipt, so that a callee's end answers the call.
    pub(crate) reply_to: Option<ReplyTo>,
}

impl Request {
    /// Whether nobody would take the reply: then the call is not begun.
    pub(crate) fn is_over(&self) -> bool {
        let abandoned = self.reply_to.as_ref().is_none_or(ReplyTo::is_abandoned);
        abandoned || self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }
}

impl Message {
    /// Bytes of memory that it takes besides its place in the mailbox, where there are bounds on their number; with its place
    /// for one from the runtime, which no such bound holds for.
    pub(crate) fn cost(&self) -> usize {
        match self {
            Self::Mail { body, .. } | Self::Cast { body, .. } => body.heap(),
            Self::Call(request) => request.body.heap(),
            Self::Term { .. } => 0,
            Self::Timer { body, .. } => LETTER + body.len(),
            Self::StreamEnd { reason: StreamError::Aborted(why), .. } => LETTER + why.len(),
            Self::Down { .. } | Self::Exit { .. } | Self::Group { .. } => LETTER,
            Self::Demand { .. } | Self::StreamEnd { .. } => LETTER,
        }
    }

    /// The bytes that another process has sent.
    pub(crate) fn body_mut(&mut self) -> Option<&mut Payload> {
        match self {
            Self::Mail { body, .. } | Self::Cast { body, .. } => Some(body),
            Self::Call(request) => Some(&mut request.body),
            _ => None,
        }
    }

    /// Whether it comes from the runtime rather than from another process: never dropped by a bound.
    pub fn is_system(&self) -> bool {
        !matches!(self, Self::Mail { .. } | Self::Term { .. } | Self::Call(_) | Self::Cast { .. })
    }
}

/// Which messages a selective receive takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// The oldest.
    Any,
    /// The oldest plain one.
    Mail,
    /// The oldest call or cast.
    Delivery,
    /// The end of one monitored process.
    Down(Reference),
    /// The oldest from the runtime.
    System,
}

impl Filter {
    /// Whether a message is one of these.
    pub fn admits(self, message: &Message) -> bool {
        match self {
            Self::Any => true,
            Self::Mail => matches!(message, Message::Mail { .. }),
            Self::Delivery => matches!(message, Message::Call(_) | Message::Cast { .. }),
            Self::Down(wanted) => matches!(message, Message::Down { monitor, .. } if *monitor == wanted),
            Self::System => message.is_system(),
        }
    }
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To this process.
    Process(Pid),
    /// To the process registered under this name when it is sent.
    Name(String),
    /// To a process as long as it has not taken the alias back.
    Alias(Alias),
    /// To the process that a registry of the application's own has under a name.
    Via(Via),
}

/// A further name of a process, made by [`Runtime::alias`](crate::Runtime::alias).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alias {
    pub(crate) pid: Pid,
    pub(crate) reference: Reference,
}

impl From<Pid> for Target {
    fn from(pid: Pid) -> Self {
        Self::Process(pid)
    }
}

impl From<Alias> for Target {
    fn from(alias: Alias) -> Self {
        Self::Alias(alias)
    }
}

impl From<Via> for Target {
    fn from(via: Via) -> Self {
        Self::Via(via)
    }
}

impl From<&str> for Target {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

/// Why a message was not taken. That nobody is there is no error: the message is gone, as in Erlang.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The mailbox is full.
    #[error("the mailbox is full")]
    Overloaded,
    /// The process is on a node that cannot be reached.
    #[error("the node cannot be reached")]
    NoConnection,
}
