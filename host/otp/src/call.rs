use std::collections::HashMap;
use std::future::Future;
use std::hash::BuildHasherDefault;
use std::pin::{Pin, pin};
use std::task::{Context as Task, Poll};

use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::task::coop::unconstrained;
use tokio::time::Instant;

use crate::hash::IdHasher;
use crate::{ExitReason, Payload, Pid, Reference};

/// Why a call has no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nobody is there.
    #[error("noproc: there is no such process")]
    NoProc,
    /// The process ended before it answered.
    #[error("the process ended before it answered: {0}")]
    Exited(ExitReason),
    /// The deadline passed.
    #[error("timeout: no reply within the deadline")]
    Timeout,
    /// There is no such function.
    #[error("unknown function: {0}")]
    UnknownFunction(String),
    /// The arguments or the reply could not be decoded.
    #[error("malformed: {0}")]
    Malformed(String),
    /// The mailbox is full; or the caller has too many calls under way, or too much kept for it to keep this reply as well.
    #[error("overloaded: the mailbox is full, or the caller has too much under way")]
    Overloaded,
    /// A capability is missing.
    #[error("denied: {0}")]
    Denied(String),
    /// The node cannot be reached.
    #[error("noconnection: the node cannot be reached")]
    NoConnection,
    /// The caller and its callee, itself or through others, wait for each other: their names in the order of their calls, from the caller back
    /// to itself. The call is not begun.
    #[error("cycle: a call that comes back to its caller: {}", .0.join(" -> "))]
    Cycle(Vec<String>),
    /// The caller gave up first.
    #[error("cancelled: the call was given up")]
    Cancelled,
}

/// The answering side of a call.
#[derive(Debug)]
pub(crate) struct ReplyTo {
    pub(crate) caller: Pid,
    pub(crate) call: Reference,
    sender: oneshot::Sender<Result<Payload, CallError>>,
}

/// Calls that a process has received and not yet answered: a list while they are few.
#[derive(Debug)]
pub(crate) enum OpenCalls {
    Few(Vec<ReplyTo>),
    #[expect(clippy::box_collection, reason = "the few with many open calls pay, not every process")]
    Many(Box<HashMap<Reference, ReplyTo, BuildHasherDefault<IdHasher>>>),
}

/// A call that was sent. Dropping it gives the call up: if it has not begun, it will not.
#[derive(Debug)]
#[must_use = "dropping it cancels the call"]
pub struct PendingCall {
    /// The process that was called.
    pub callee: Pid,
    /// The call.
    pub reference: Reference,
    /// When to give up.
    pub deadline: Option<Instant>,
    receiver: oneshot::Receiver<Result<Payload, CallError>>,
}

impl OpenCalls {
    pub(crate) fn insert(&mut self, reply_to: ReplyTo) {
        match self {
            Self::Few(few) if few.len() < FEW => few.push(reply_to),
            Self::Few(few) => {
                let all = few.drain(..).chain([reply_to]);
                *self = Self::Many(Box::new(all.map(|reply_to| (reply_to.call, reply_to)).collect()));
            }
            Self::Many(many) => drop(many.insert(reply_to.call, reply_to)),
        }
    }

    pub(crate) fn remove(&mut self, call: Reference) -> Option<ReplyTo> {
        match self {
            Self::Few(few) => {
                let place = few.iter().position(|reply_to| reply_to.call == call)?;
                Some(few.swap_remove(place))
            }
            Self::Many(many) => {
                let removed = many.remove(&call);
                if many.is_empty() {
                    *self = Self::default();
                }
                removed
            }
        }
    }

    /// Takes all.
    pub(crate) fn take(&mut self) -> Vec<ReplyTo> {
        match std::mem::take(self) {
            Self::Few(few) => few,
            Self::Many(many) => many.into_values().collect(),
        }
    }

    /// Whether it holds anything, memory included.
    pub(crate) fn is_used(&self) -> bool {
        match self {
            Self::Few(few) => few.capacity() > 0,
            Self::Many(_) => true,
        }
    }
}

impl Default for OpenCalls {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

/// Searching so many is faster than hashing.
const FEW: usize = 32;

impl ReplyTo {
    /// Gives the caller its reply; false if nobody waits any more.
    #[inline]
    pub(crate) fn send(self, reply: Result<Payload, CallError>) -> bool {
        self.sender.send(reply).is_ok()
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.sender.is_closed()
    }
}

impl PendingCall {
    pub(crate) fn new(
        caller: Pid,
        callee: Pid,
        reference: Reference,
        deadline: Option<Instant>,
    ) -> (ReplyTo, Self) {
        let (sender, receiver) = oneshot::channel();
        let reply_to = ReplyTo { caller, call: reference, sender };
        (reply_to, Self { callee, reference, deadline, receiver })
    }

    /// The reply, if it is there.
    pub(crate) fn try_reply(&mut self) -> Option<Result<Payload, CallError>> {
        match self.receiver.try_recv() {
            Ok(reply) => Some(reply),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Closed) => Some(Err(CallError::Exited(ExitReason::Killed))),
        }
    }
}

impl Future for PendingCall {
    type Output = Result<Payload, CallError>;

    /// The reply. The deadline is the waiter's to watch: see [`Context::wait`](crate::Context::wait).
    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        // A sender that is gone without an answer means that the whole runtime is being dropped.
        // Many processes share one turn of the scheduler, whose budget is for what comes from outside.
        let receiver = pin!(unconstrained(&mut self.receiver));
        let reply = std::task::ready!(receiver.poll(task));
        Poll::Ready(reply.unwrap_or(Err(CallError::Exited(ExitReason::Killed))))
    }
}
