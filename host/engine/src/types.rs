//! The types of `wit/`, as they cross the sandbox. What each means stands there.

use std::sync::Arc;

use bytes::Bytes;
use rusm_otp::Payload;
use wasmtime::component::{ComponentType, Lift, Lower, WasmList, WasmStr};

mod supervision;

pub(crate) use supervision::*;

#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug, PartialEq, Eq)]
#[component(record)]
pub(crate) struct Pid {
    pub(crate) node: u64,
    pub(crate) id: u64,
}
pub(crate) type Reference = u64;
pub(crate) type StreamHandle = u64;

/// Lifted only: its string is a view of the guest's memory.
#[derive(ComponentType, Lift)]
#[component(variant)]
pub(crate) enum Target {
    #[component(name = "process")]
    Process(Pid),
    #[component(name = "name")]
    Name(WasmStr),
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct Crash {
    pub(crate) text: String,
    pub(crate) backtrace: String,
    pub(crate) component: String,
    pub(crate) process: Pid,
    pub(crate) function: String,
}

#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(variant)]
pub(crate) enum ExitReason {
    #[component(name = "normal")]
    Normal,
    #[component(name = "shutdown")]
    Shutdown,
    #[component(name = "shutdown-with")]
    ShutdownWith(Bytes),
    #[component(name = "killed")]
    Killed,
    #[component(name = "noproc")]
    Noproc,
    #[component(name = "noconnection")]
    Noconnection,
    #[component(name = "crash")]
    Crash(Crash),
    #[component(name = "custom")]
    Custom(Bytes),
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(variant)]
pub(crate) enum CallError {
    #[component(name = "noproc")]
    Noproc,
    #[component(name = "exited")]
    Exited(ExitReason),
    #[component(name = "timeout")]
    Timeout,
    #[component(name = "unknown-function")]
    UnknownFunction(String),
    #[component(name = "malformed")]
    Malformed(String),
    #[component(name = "overloaded")]
    Overloaded,
    #[component(name = "denied")]
    Denied(String),
    #[component(name = "noconnection")]
    Noconnection,
    #[component(name = "cancelled")]
    Cancelled,
    #[component(name = "cycle")]
    Cycle(Vec<String>),
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(variant)]
pub(crate) enum SendError {
    #[component(name = "overloaded")]
    Overloaded,
    #[component(name = "denied")]
    Denied(String),
    #[component(name = "noconnection")]
    Noconnection,
    #[component(name = "badarg")]
    Badarg(String),
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(variant)]
pub(crate) enum SpawnError {
    #[component(name = "unknown-component")]
    UnknownComponent(String),
    #[component(name = "contract")]
    Contract(String),
    #[component(name = "refused")]
    Refused(Bytes),
    #[component(name = "malformed")]
    Malformed(String),
    #[component(name = "exited")]
    Exited(ExitReason),
    #[component(name = "timeout")]
    Timeout,
    #[component(name = "already-registered")]
    AlreadyRegistered(Pid),
    #[component(name = "denied")]
    Denied(String),
    #[component(name = "capacity")]
    Capacity(String),
    #[component(name = "badarg")]
    Badarg(String),
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(variant)]
pub(crate) enum StreamError {
    #[component(name = "closed")]
    Closed,
    #[component(name = "aborted")]
    Aborted(String),
    #[component(name = "exited")]
    Exited(ExitReason),
    #[component(name = "timeout")]
    Timeout,
    #[component(name = "bad-handle")]
    BadHandle,
}
#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug, PartialEq, Eq)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum StreamDirection {
    #[component(name = "to-callee")]
    ToCallee,
    #[component(name = "to-caller")]
    ToCaller,
    #[component(name = "both")]
    Both,
}
#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug, PartialEq, Eq)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum RequestKind {
    #[component(name = "call")]
    Call,
    #[component(name = "cast")]
    Cast,
}
#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug, PartialEq, Eq)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "guests make them")]
pub(crate) enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}
#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug)]
#[component(record)]
pub(crate) struct Request {
    pub(crate) sender: Pid,
    pub(crate) reference: Reference,
    pub(crate) kind: RequestKind,
}

impl Request {
    pub(crate) fn call(sender: rusm_otp::Pid, reference: Reference) -> Self {
        Self { sender: sender.into(), reference, kind: RequestKind::Call }
    }

    /// Nobody waits for an answer: it has no reference.
    pub(crate) fn cast(sender: rusm_otp::Pid) -> Self {
        Self { sender: sender.into(), reference: 0, kind: RequestKind::Cast }
    }
}

#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct Mail {
    pub(crate) sender: Pid,
    pub(crate) body: Bytes,
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct Delivery {
    pub(crate) request: Request,
    pub(crate) key: u32,
    pub(crate) body: Bytes,
    pub(crate) handle: Option<StreamHandle>,
}
/// Arguments or a reply.
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(variant)]
pub(crate) enum MessageBody {
    #[component(name = "short")]
    Short(ShortBody),
    #[component(name = "long")]
    Long(Bytes),
}
/// A message for a callback.
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct CallbackRequest {
    pub(crate) callback: u64,
    pub(crate) request: Request,
    pub(crate) key: u32,
    pub(crate) body: MessageBody,
    pub(crate) handle: Option<StreamHandle>,
}
/// The answer to a call that came to a callback.
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct CallbackAnswer {
    pub(crate) callback: u64,
    pub(crate) request: Reference,
    pub(crate) answer: Result<MessageBody, CallError>,
}
/// What came first: the reply of a call, or a message for a callback.
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(variant)]
pub(crate) enum CallEvent {
    #[component(name = "reply")]
    Reply(Result<Bytes, CallError>),
    #[component(name = "request")]
    Request(CallbackRequest),
}
/// What was waited for.
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(variant)]
pub(crate) enum Happening {
    #[component(name = "call")]
    Call(Reference),
    #[component(name = "ready")]
    Ready(StreamHandle),
    #[component(name = "request")]
    Request(CallbackRequest),
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct Down {
    pub(crate) monitor: Reference,
    pub(crate) pid: Pid,
    pub(crate) reason: ExitReason,
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct Exit {
    pub(crate) pid: Pid,
    pub(crate) reason: ExitReason,
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct Timer {
    pub(crate) timer: Reference,
    pub(crate) body: Bytes,
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct StreamEnd {
    pub(crate) handle: StreamHandle,
    pub(crate) reason: StreamError,
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct GroupChange {
    pub(crate) monitor: Reference,
    pub(crate) group: String,
    pub(crate) pid: Pid,
    pub(crate) joined: bool,
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(variant)]
pub(crate) enum Event {
    #[component(name = "mail")]
    Mail(Mail),
    #[component(name = "delivery")]
    Delivery(Delivery),
    #[component(name = "down")]
    Down(Down),
    #[component(name = "exit")]
    Exit(Exit),
    #[component(name = "timer")]
    Timer(Timer),
    #[component(name = "demand")]
    Demand(StreamHandle),
    #[component(name = "stream-end")]
    StreamEnd(StreamEnd),
    #[component(name = "group-change")]
    GroupChange(GroupChange),
}
#[derive(ComponentType, Lift, Clone, Debug)]
#[component(variant)]
pub(crate) enum Filter {
    #[component(name = "any")]
    Any,
    #[component(name = "mail")]
    Mail,
    #[component(name = "delivery")]
    Delivery,
    #[component(name = "down")]
    Down(Reference),
    #[component(name = "system")]
    System,
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct ProcessInfo {
    pub(crate) component: String,
    pub(crate) name: Option<String>,
    pub(crate) mailbox: u32,
    pub(crate) links: u32,
    pub(crate) monitors: u32,
    #[component(name = "trap-exit")]
    pub(crate) trap_exit: bool,
}
/// Lifted only: its lists and strings are views of the guest's memory.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct SpawnOptions {
    pub(crate) init: Option<u32>,
    pub(crate) body: WasmList<u8>,
    pub(crate) contract: Option<WasmStr>,
    pub(crate) link: bool,
    pub(crate) monitor: bool,
    pub(crate) name: Option<WasmStr>,
    pub(crate) capabilities: Option<WasmList<WasmStr>>,
    pub(crate) arguments: WasmList<WasmStr>,
    #[component(name = "deadline-ms")]
    pub(crate) deadline_ms: u32,
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(variant)]
pub(crate) enum LoadError {
    #[component(name = "invalid")]
    Invalid(String),
    #[component(name = "denied")]
    Denied(String),
    #[component(name = "capacity")]
    Capacity(String),
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct Spawned {
    pub(crate) pid: Pid,
    pub(crate) monitor: Option<Reference>,
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct Started {
    pub(crate) call: Reference,
    pub(crate) handle: Option<StreamHandle>,
}
/// Up to 16 bytes that take no memory on their way.
#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug)]
#[component(record)]
pub(crate) struct ShortBody {
    pub(crate) length: u8,
    pub(crate) low: u64,
    pub(crate) high: u64,
}

impl ShortBody {
    /// None of a longer one.
    pub(crate) fn of(body: &Payload) -> Option<Self> {
        let all = u128::from_le_bytes(body.short()?);
        Some(Self { length: body.len() as u8, low: all as u64, high: (all >> 64) as u64 })
    }

    /// # Errors
    /// A guest has made up its length.
    pub(crate) fn payload(self) -> wasmtime::Result<Payload> {
        let all = u128::from(self.high) << 64 | u128::from(self.low);
        let body = Payload::from_short(all.to_le_bytes(), self.length);
        body.ok_or_else(|| {
            wasmtime::Error::msg(format!("a short body of {} bytes: it has up to 16", self.length))
        })
    }
}

impl From<Payload> for MessageBody {
    fn from(body: Payload) -> Self {
        ShortBody::of(&body).map_or_else(|| Self::Long(body.into()), Self::Short)
    }
}

impl MessageBody {
    /// # Errors
    /// As [`ShortBody::payload`].
    pub(crate) fn payload(self) -> wasmtime::Result<Payload> {
        match self {
            Self::Short(body) => body.payload(),
            Self::Long(body) => Ok(body.into()),
        }
    }
}

/// What a short call is answered with.
#[derive(ComponentType, Lower, Clone, Debug)]
#[component(variant)]
pub(crate) enum ShortAnswer {
    #[component(name = "short")]
    Short(ShortBody),
    #[component(name = "long")]
    Long(Bytes),
    #[component(name = "later")]
    Later(Reference),
    #[component(name = "error")]
    Error(Box<CallError>),
}

/// How an export answers a short message.
#[derive(ComponentType, Lift, Clone, Copy, Debug)]
#[component(variant)]
pub(crate) enum ShortOutcome {
    #[component(name = "reply")]
    Reply(ShortBody),
    #[component(name = "later")]
    Later,
    #[component(name = "other")]
    Other,
}

#[derive(ComponentType, Lift, Clone, Debug)]
#[component(variant)]
pub(crate) enum Outcome {
    #[component(name = "reply")]
    Reply(Bytes),
    #[component(name = "later")]
    Later,
    #[component(name = "unknown-function")]
    UnknownFunction,
    #[component(name = "malformed")]
    Malformed(String),
    #[component(name = "refused")]
    Refused(Bytes),
}

#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(variant)]
pub(crate) enum RegisterError {
    #[component(name = "taken")]
    Taken(Pid),
    #[component(name = "badarg")]
    Badarg(String),
    #[component(name = "denied")]
    Denied(String),
}

impl From<rusm_otp::Pid> for Pid {
    fn from(pid: rusm_otp::Pid) -> Self {
        Self { node: pid.node, id: pid.id }
    }
}

impl From<Pid> for rusm_otp::Pid {
    fn from(pid: Pid) -> Self {
        Self { node: pid.node, id: pid.id }
    }
}

impl From<rusm_otp::ExitReason> for ExitReason {
    fn from(reason: rusm_otp::ExitReason) -> Self {
        match reason {
            rusm_otp::ExitReason::Normal => Self::Normal,
            rusm_otp::ExitReason::Shutdown => Self::Shutdown,
            rusm_otp::ExitReason::ShutdownWith(payload) => Self::ShutdownWith(payload),
            rusm_otp::ExitReason::Killed => Self::Killed,
            rusm_otp::ExitReason::NoProc => Self::Noproc,
            rusm_otp::ExitReason::NoConnection => Self::Noconnection,
            rusm_otp::ExitReason::Crash(crash) => Self::Crash(Crash {
                text: crash.text.clone(),
                backtrace: crash.backtrace.clone(),
                component: crash.component.to_string(),
                process: crash.pid.into(),
                function: crash.function.clone(),
            }),
            rusm_otp::ExitReason::Custom(payload) => Self::Custom(payload),
        }
    }
}

impl From<ExitReason> for rusm_otp::ExitReason {
    fn from(reason: ExitReason) -> Self {
        match reason {
            ExitReason::Normal => Self::Normal,
            ExitReason::Shutdown => Self::Shutdown,
            ExitReason::ShutdownWith(payload) => Self::ShutdownWith(payload),
            ExitReason::Killed => Self::Killed,
            ExitReason::Noproc => Self::NoProc,
            ExitReason::Noconnection => Self::NoConnection,
            ExitReason::Crash(crash) => Self::Crash(Arc::new(rusm_otp::Crash {
                text: crash.text,
                backtrace: crash.backtrace,
                component: crash.component.into(),
                pid: crash.process.into(),
                function: crash.function,
            })),
            ExitReason::Custom(payload) => Self::Custom(payload),
        }
    }
}

impl From<rusm_otp::CallError> for CallError {
    fn from(error: rusm_otp::CallError) -> Self {
        match error {
            rusm_otp::CallError::NoProc => Self::Noproc,
            rusm_otp::CallError::Exited(reason) => Self::Exited(reason.into()),
            rusm_otp::CallError::Timeout => Self::Timeout,
            rusm_otp::CallError::UnknownFunction(name) => Self::UnknownFunction(name),
            rusm_otp::CallError::Malformed(text) => Self::Malformed(text),
            rusm_otp::CallError::Overloaded => Self::Overloaded,
            rusm_otp::CallError::Denied(grant) => Self::Denied(grant),
            rusm_otp::CallError::NoConnection => Self::Noconnection,
            rusm_otp::CallError::Cancelled => Self::Cancelled,
            rusm_otp::CallError::Cycle(names) => Self::Cycle(names),
        }
    }
}

impl From<CallError> for rusm_otp::CallError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Noproc => Self::NoProc,
            CallError::Exited(reason) => Self::Exited(reason.into()),
            CallError::Timeout => Self::Timeout,
            CallError::UnknownFunction(name) => Self::UnknownFunction(name),
            CallError::Malformed(text) => Self::Malformed(text),
            CallError::Overloaded => Self::Overloaded,
            CallError::Denied(grant) => Self::Denied(grant),
            CallError::Noconnection => Self::NoConnection,
            CallError::Cancelled => Self::Cancelled,
            CallError::Cycle(names) => Self::Cycle(names),
        }
    }
}

impl From<rusm_otp::SendError> for SendError {
    fn from(error: rusm_otp::SendError) -> Self {
        match error {
            rusm_otp::SendError::Overloaded => Self::Overloaded,
            rusm_otp::SendError::NoConnection => Self::Noconnection,
        }
    }
}

impl From<rusm_otp::StreamError> for StreamError {
    fn from(error: rusm_otp::StreamError) -> Self {
        match error {
            rusm_otp::StreamError::Closed => Self::Closed,
            rusm_otp::StreamError::Aborted(why) => Self::Aborted(why),
            rusm_otp::StreamError::Exited(reason) => Self::Exited(reason.into()),
        }
    }
}

impl From<rusm_otp::ProcessInfo> for ProcessInfo {
    fn from(info: rusm_otp::ProcessInfo) -> Self {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            component: info.label.to_string(),
            name: info.name.map(|name| name.to_string()),
            mailbox: count(info.mailbox),
            links: count(info.links.len()),
            monitors: count(info.monitored_by.len()),
            trap_exit: info.trap_exit,
        }
    }
}

impl From<Filter> for rusm_otp::Filter {
    fn from(filter: Filter) -> Self {
        match filter {
            Filter::Any => Self::Any,
            Filter::Mail => Self::Mail,
            Filter::Delivery => Self::Delivery,
            Filter::Down(monitor) => Self::Down(monitor),
            Filter::System => Self::System,
        }
    }
}
