//! The process itself and its relations to others.

use std::fmt;
use std::time::Duration;

use rusm_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::bindings::{process, types, wait};
use crate::call::{CallError, SendError};
use crate::client::Monitor;
use crate::{Event, ExitReason, Filter, Pid, Target};

pub use crate::bindings::options::LoadError;
pub use crate::bindings::types::ProcessInfo;

/// This process. Erlang calls it `self`.
pub fn pid() -> Pid {
    process::self_()
}

/// Sends bytes. A process that is gone takes them silently.
///
/// # Errors
/// [`SendError`].
pub fn send(to: impl Into<Target>, body: &[u8]) -> Result<(), SendError> {
    Ok(process::send(&to.into(), body)?)
}

/// Answers a call that a raw process received. False if the caller no longer waits.
pub fn reply(reference: u64, body: &[u8]) -> bool {
    process::reply(reference, body)
}

/// Waits for the next message.
pub fn receive() -> Event {
    loop {
        if let Some(event) = wait::receive_now(Filter::Any) {
            return event;
        }
        if let Some(event) = wait::receive(Filter::Any, None) {
            return event;
        }
    }
}

/// The first message that the filter admits; none when the time is up. A time of zero only looks.
pub fn receive_matching(filter: Filter, limit: Duration) -> Option<Event> {
    wait::receive(filter, Some(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)))
}

/// Links this process and another: when one ends abnormally, so does the other, unless it traps exits.
///
/// # Errors
/// [`SendError::Denied`] without the grant `link` for the other's name or component, or if it is the host's. The family needs
/// no grant: who spawned this process, those that it spawned, and the other children of its supervisor, save the root.
pub fn link(other: Pid) -> Result<(), SendError> {
    Ok(process::link(other)?)
}

/// Ends a link.
pub fn unlink(other: Pid) {
    process::unlink(other);
}

/// Watches a process: one [`Event::Down`] arrives when it ends.
///
/// # Errors
/// [`SendError::Denied`] for a name without the grant `lookup`.
pub fn monitor(other: impl Into<Target>) -> Result<Monitor, SendError> {
    Monitor::of(&other.into())
}

/// Ends this process.
pub fn exit(reason: &ExitReason) -> ! {
    process::exit(reason);
    unreachable!("the host does not return from exit")
}

/// Sends an exit to a process, as if a linked one had ended.
///
/// # Errors
/// [`SendError::Denied`] without the grant `control`.
pub fn exit_process(other: Pid, reason: &ExitReason) -> Result<(), SendError> {
    Ok(process::exit_process(other, reason)?)
}

/// Ends a process that cannot trap it.
///
/// # Errors
/// [`SendError::Denied`] without the grant `control`.
pub fn kill(other: Pid) -> Result<(), SendError> {
    Ok(process::kill(other)?)
}

/// From now on exits of linked processes arrive as messages, or end this process (the default). Answers what was before.
pub fn trap_exit(on: bool) -> bool {
    process::trap_exit(on)
}

/// Whether the process is there.
pub fn alive(other: Pid) -> bool {
    process::alive(other)
}

/// What is known of a process; none once it is gone. One outside of the family is as one that is gone, unless the grant `control`,
/// or `lookup` for its name, is there.
pub fn info(other: Pid) -> Option<ProcessInfo> {
    process::info(other)
}

/// An environment variable that the component was granted.
///
/// # Errors
/// [`SendError::Denied`] without the grant `env:NAME`.
pub fn env(name: &str) -> Result<Option<String>, SendError> {
    Ok(process::env(name)?)
}

/// Waits.
pub fn sleep(time: Duration) {
    wait::sleep(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
}

/// Starts a process of a component whose constructor takes nothing, or of a program of `wasi:cli`; generated clients have
/// `spawn` for the others.
///
/// # Errors
/// [`SpawnError`](crate::SpawnError).
pub fn spawn(spawn: crate::Spawn) -> Result<(Pid, Option<Monitor>), crate::SpawnError> {
    let spawned = wait::spawn(&spawn.component, &spawn.options)?;
    Ok((spawned.pid, spawned.monitor.map(Monitor::new)))
}

/// Loads a component from its bytes, with these of this process's grants, written as in the manifest; the name by which it can be
/// spawned.
///
/// # Errors
/// [`LoadError`]; without the grant `load`, [`LoadError::Denied`].
pub fn load(component: &[u8], capabilities: &[&str]) -> Result<String, LoadError> {
    let capabilities: Vec<String> = capabilities.iter().map(ToString::to_string).collect();
    wait::load(component, &capabilities)
}

/// Calls a function by its key, with arguments on the wire: what clients are made of.
///
/// # Errors
/// [`CallError`].
pub fn call(to: impl Into<Target>, key: u32, body: &[u8], deadline: Duration) -> Result<Vec<u8>, CallError> {
    Ok(wait::call(&to.into(), key, body, crate::timers::milliseconds(deadline))?)
}

impl From<Pid> for Target {
    fn from(pid: Pid) -> Self {
        Self::Process(pid)
    }
}

impl From<&str> for Target {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl Encode for Pid {
    fn encode(&self, writer: &mut Writer) {
        writer.varint(self.node);
        writer.varint(self.id);
    }
}

impl Decode for Pid {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { node: reader.varint(64)?, id: reader.varint(64)? })
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The host alone can tell the shorter form that `rusm ps` shows; `rusm info` takes either.
        write!(f, "<{}>", self.id)
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::ShutdownWith(payload) => write!(f, "shutdown: {}", String::from_utf8_lossy(payload)),
            Self::Killed => f.write_str("killed"),
            Self::Noproc => f.write_str("noproc"),
            Self::Noconnection => f.write_str("noconnection"),
            Self::Crash(crash) => write!(f, "crash: {crash}"),
            Self::Custom(payload) => write!(f, "custom: {}", String::from_utf8_lossy(payload)),
        }
    }
}

impl fmt::Display for types::Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.component, self.process)?;
        if !self.function.is_empty() {
            write!(f, " in {}", self.function)?;
        }
        write!(f, ": {}", self.text)
    }
}
