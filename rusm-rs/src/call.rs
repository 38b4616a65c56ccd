use std::fmt;

use rusm_wire::{Decode, decode};

use crate::ExitReason;
use crate::bindings::{types, wait};
use crate::body::Body;
use crate::callback::{self, Carried};

/// The error of what cannot fail in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Never {}

/// Why a call gave no value: the contract's own error, or one of the ways in which calls fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError<E = Never> {
    /// The service answered with the error of its contract.
    Refused(E),
    /// Nobody is there, by that pid or name.
    NoProc,
    /// The process ended before it answered.
    Exited(ExitReason),
    /// The deadline passed.
    Timeout,
    /// The service has no such function.
    UnknownFunction(String),
    /// The arguments or the reply could not be decoded.
    Malformed(String),
    /// The mailbox is full; or this process has too many calls under way, or too much kept for it (`host-memory`) to keep the reply
    /// as well until it waits for it.
    Overloaded,
    /// A capability is missing; the text says which, and where to add it.
    Denied(String),
    /// The node cannot be reached.
    NoConnection,
    /// The call was given up.
    Cancelled,
    /// The callee waits for this process, itself or through others: the names in the order of the calls, from this process
    /// back to itself. The call was not begun.
    Cycle(Vec<String>),
}

/// Why a message that nobody answers was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// The mailbox is full.
    Overloaded,
    /// A capability is missing; the text says which, and where to add it.
    Denied(String),
    /// The node cannot be reached.
    NoConnection,
    /// That is no name for a group: why.
    BadArg(String),
}

/// Why no process was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpawnError<E = Never> {
    /// The constructor refused, with the error of its contract.
    Refused(E),
    /// No component of that name is declared.
    UnknownComponent(String),
    /// The component lacks functions of this contract.
    Contract(String),
    /// The constructor could not decode its arguments, or its refusal could not be.
    Malformed(String),
    /// The process ended inside its constructor.
    Exited(ExitReason),
    /// The constructor was not done within the deadline.
    Timeout,
    /// The name belongs to this living process.
    AlreadyRegistered(crate::Pid),
    /// A capability is missing; the text says which, and where to add it.
    Denied(String),
    /// The node cannot hold one more process now.
    Capacity(String),
    /// That is no name for a process: why.
    BadArg(String),
}

/// A call that was begun. Dropping it gives the call up.
#[must_use = "dropping it gives the call up; wait for it"]
pub struct Pending<R> {
    call: Result<u64, Option<types::CallError>>,
    /// They end with it.
    _carried: Carried,
    decode: Made<R>,
}

/// What makes the answer of a reply.
enum Made<R> {
    Of(fn(Result<Body, types::CallError>) -> R),
    /// With a stream, which is closed with this.
    With(Box<dyn FnOnce(Result<Body, types::CallError>) -> R>),
    Taken,
}

impl<R> Pending<R> {
    pub(crate) fn new(
        started: Result<(u64, Carried), types::CallError>,
        decode: fn(Result<Body, types::CallError>) -> R,
    ) -> Self {
        Self::made(started, Made::Of(decode))
    }

    /// With something of its own that makes the answer.
    pub(crate) fn with(
        started: Result<(u64, Carried), types::CallError>,
        make: impl FnOnce(Result<Body, types::CallError>) -> R + 'static,
    ) -> Self {
        Self::made(started, Made::With(Box::new(make)))
    }

    fn made(started: Result<(u64, Carried), types::CallError>, decode: Made<R>) -> Self {
        match started {
            Ok((call, carried)) => Self { call: Ok(call), _carried: carried, decode },
            Err(error) => Self { call: Err(Some(error)), _carried: Carried::default(), decode },
        }
    }

    /// Waits for the answer.
    pub fn wait(mut self) -> R {
        let call = std::mem::replace(&mut self.call, Err(None));
        let reply = match call {
            Ok(call) => callback::call_wait(call).map(Body::from),
            Err(error) => Err(error.unwrap_or(types::CallError::Cancelled)),
        };
        match std::mem::replace(&mut self.decode, Made::Taken) {
            Made::Of(decode) => decode(reply),
            Made::With(make) => make(reply),
            Made::Taken => unreachable!("it is taken by value, here alone"),
        }
    }
}

impl<R> Drop for Pending<R> {
    fn drop(&mut self) {
        if let Ok(call) = self.call {
            wait::call_cancel(call);
        }
    }
}

impl<R> fmt::Debug for Pending<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("call", &self.call).finish_non_exhaustive()
    }
}

/// The reply of a call that has no error of its own.
#[doc(hidden)]
pub fn plain<T: Decode>(reply: Result<Body, types::CallError>) -> Result<T, CallError> {
    decode(&reply?).map_err(|error| CallError::Malformed(format!("the reply: {error}")))
}

/// The reply of a call whose contract has an error.
#[doc(hidden)]
pub fn fallible<T: Decode, E: Decode>(reply: Result<Body, types::CallError>) -> Result<T, CallError<E>> {
    match decode::<Result<T, E>>(&reply?) {
        Ok(result) => result.map_err(CallError::Refused),
        Err(error) => Err(CallError::Malformed(format!("the reply: {error}"))),
    }
}

impl<E> From<types::CallError> for CallError<E> {
    fn from(error: types::CallError) -> Self {
        match error {
            types::CallError::Noproc => Self::NoProc,
            types::CallError::Exited(reason) => Self::Exited(reason),
            types::CallError::Timeout => Self::Timeout,
            types::CallError::UnknownFunction(name) => Self::UnknownFunction(name),
            types::CallError::Malformed(text) => Self::Malformed(text),
            types::CallError::Overloaded => Self::Overloaded,
            types::CallError::Denied(grant) => Self::Denied(grant),
            types::CallError::Noconnection => Self::NoConnection,
            types::CallError::Cancelled => Self::Cancelled,
            types::CallError::Cycle(names) => Self::Cycle(names),
        }
    }
}

impl From<types::SendError> for SendError {
    fn from(error: types::SendError) -> Self {
        match error {
            types::SendError::Overloaded => Self::Overloaded,
            types::SendError::Denied(grant) => Self::Denied(grant),
            types::SendError::Noconnection => Self::NoConnection,
            types::SendError::Badarg(why) => Self::BadArg(why),
        }
    }
}

impl<E: Decode> From<types::SpawnError> for SpawnError<E> {
    fn from(error: types::SpawnError) -> Self {
        match error {
            types::SpawnError::Refused(body) => match decode(&body) {
                Ok(error) => Self::Refused(error),
                Err(error) => Self::Malformed(format!("the refusal: {error}")),
            },
            types::SpawnError::UnknownComponent(text) => Self::UnknownComponent(text),
            types::SpawnError::Contract(text) => Self::Contract(text),
            types::SpawnError::Malformed(text) => Self::Malformed(text),
            types::SpawnError::Exited(reason) => Self::Exited(reason),
            types::SpawnError::Timeout => Self::Timeout,
            types::SpawnError::AlreadyRegistered(pid) => Self::AlreadyRegistered(pid),
            types::SpawnError::Denied(grant) => Self::Denied(grant),
            types::SpawnError::Capacity(text) => Self::Capacity(text),
            types::SpawnError::Badarg(why) => Self::BadArg(why),
        }
    }
}

impl Decode for Never {
    fn decode(_: &mut rusm_wire::Reader<'_>) -> Result<Self, rusm_wire::DecodeError> {
        Err(rusm_wire::DecodeError::Tag)
    }
}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "refused: {error}"),
            Self::NoProc => f.write_str("noproc: there is no such process"),
            Self::Exited(reason) => write!(f, "the process ended before it answered: {reason}"),
            Self::Timeout => f.write_str("timeout: no reply within the deadline"),
            Self::UnknownFunction(name) => write!(f, "unknown function: {name}"),
            Self::Malformed(text) => write!(f, "malformed: {text}"),
            Self::Overloaded => {
                f.write_str("overloaded: the mailbox is full, or the caller has too much under way")
            }
            Self::Denied(grant) => write!(f, "denied: {grant}"),
            Self::NoConnection => f.write_str("noconnection: the node cannot be reached"),
            Self::Cancelled => f.write_str("cancelled: the call was given up"),
            Self::Cycle(names) => {
                write!(f, "cycle: a call that comes back to its caller: {}", names.join(" -> "))
            }
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overloaded => f.write_str("overloaded: the mailbox is full"),
            Self::Denied(grant) => write!(f, "denied: {grant}"),
            Self::NoConnection => f.write_str("noconnection: the node cannot be reached"),
            Self::BadArg(why) => write!(f, "badarg: {why}"),
        }
    }
}

impl<E: fmt::Display> fmt::Display for SpawnError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "refused: {error}"),
            Self::UnknownComponent(text) => write!(f, "unknown component: {text}"),
            Self::Contract(text) => write!(f, "another contract: {text}"),
            Self::Malformed(text) => write!(f, "malformed: {text}"),
            Self::Exited(reason) => write!(f, "the process ended in its constructor: {reason}"),
            Self::Timeout => f.write_str("timeout: the constructor was not done within the deadline"),
            Self::AlreadyRegistered(pid) => write!(f, "the name belongs to {pid}"),
            Self::Denied(grant) => write!(f, "denied: {grant}"),
            Self::Capacity(text) => write!(f, "no room for one more process: {text}"),
            Self::BadArg(why) => write!(f, "badarg: {why}"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for CallError<E> {}
impl<E: fmt::Debug + fmt::Display> std::error::Error for SpawnError<E> {}
impl std::error::Error for SendError {}
