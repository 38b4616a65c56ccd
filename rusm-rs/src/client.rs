use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use rusm_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::bindings::callbacks::Happening;
use crate::bindings::options::{SpawnOptions, Started};
use crate::bindings::types::{self, Pid, StreamDirection, Target};
use crate::bindings::wait::ShortAnswer;
use crate::bindings::{names, process, wait};
use crate::body::{Body, short};
use crate::call::{CallError, Pending, SendError, SpawnError};
use crate::callback::{self, Carried};
use crate::stream::{Duplex, Feed, Inlet, Pump, Reading, Writing};
use crate::timers::milliseconds;

/// How a service is started; see [`Spawn::new`].
#[derive(Debug, Clone)]
#[must_use = "hand it to a client's `spawn_with`"]
pub struct Spawn {
    pub(crate) component: String,
    pub(crate) options: SpawnOptions,
}

/// A monitor of a process: one [`Event::Down`](crate::Event) with its reference arrives when the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Monitor {
    reference: u64,
}

/// What is the same in the clients of all contracts.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Client {
    target: Target,
    deadline_ms: u32,
    monitor: Option<Monitor>,
}

impl Spawn {
    /// Starts this component of the manifest: neither linked nor monitored nor named, with all grants of the
    /// component, and five seconds for its constructor.
    pub fn new(component: impl Into<String>) -> Self {
        let options = SpawnOptions {
            init: None,
            body: Vec::new(),
            contract: None,
            link: false,
            monitor: false,
            name: None,
            capabilities: None,
            arguments: Vec::new(),
            deadline_ms: DEADLINE_MS,
        };
        Self { component: component.into(), options }
    }

    /// Links it to this process.
    pub fn link(mut self) -> Self {
        self.options.link = true;
        self
    }

    /// Monitors it; the client's `monitor` answers with this monitor.
    pub fn monitor(mut self) -> Self {
        self.options.monitor = true;
        self
    }

    /// Registers it under a name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// Leaves it only these of its component's grants, written as in the manifest: `spawn:counter`, `env:HOME`.
    pub fn capabilities<G: Into<String>>(mut self, grants: impl IntoIterator<Item = G>) -> Self {
        self.options.capabilities = Some(grants.into_iter().map(Into::into).collect());
        self
    }

    /// The command line of a `wasi:cli` program, without its name.
    pub fn arguments<A: Into<String>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.options.arguments = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// How long its constructor may take.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline_ms = milliseconds(deadline);
        self
    }
}

impl Spawn {
    /// With the constructor of a contract, and its arguments.
    pub(crate) fn typed(mut self, contract: &str, key: Option<u32>, body: Vec<u8>) -> Self {
        self.options.init = key;
        self.options.body = body;
        self.options.contract = Some(contract.to_owned());
        self
    }
}

impl Monitor {
    pub(crate) fn of(target: &Target) -> Result<Self, SendError> {
        Ok(Self { reference: process::monitor(target)? })
    }

    pub(crate) fn new(reference: u64) -> Self {
        Self { reference }
    }

    /// What the [`Event::Down`](crate::Event) will carry.
    pub fn reference(self) -> u64 {
        self.reference
    }

    /// Ends the monitor, and takes back its message if it has arrived.
    pub fn demonitor(self) -> bool {
        process::demonitor(self.reference)
    }
}

/// Two clients are the same if they lead to the same process, or to whoever has the same name.
impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        match (&self.target, &other.target) {
            (Target::Process(own), Target::Process(other)) => own == other,
            (Target::Name(own), Target::Name(other)) => own == other,
            _ => false,
        }
    }
}

impl Eq for Client {}

impl Hash for Client {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.target {
            Target::Process(pid) => pid.hash(state),
            Target::Name(name) => name.hash(state),
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Process(pid) => pid.fmt(f),
            Target::Name(name) => name.fmt(f),
        }
    }
}

/// A reference on the wire: the process that it leads to now. If nobody has its name, it leads to nobody.
impl Encode for Client {
    fn encode(&self, writer: &mut Writer) {
        let pid = self.pid().unwrap_or(NOBODY);
        callback::written(pid);
        pid.encode(writer);
    }
}

impl Decode for Client {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Pid::decode(reader).map(Self::from_pid)
    }
}

/// Of no process.
pub(crate) const NOBODY: Pid = Pid { node: 0, id: 0 };

/// Whether two contracts are one.
pub const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut place = 0;
    while place < one.len() && place < other.len() && one[place] == other[place] {
        place += 1;
    }
    place == one.len() && place == other.len()
}

impl Client {
    pub fn this() -> Self {
        Self::from_pid(crate::process::pid())
    }

    pub fn spawn<E: Decode>(
        spawn: Spawn,
        contract: &str,
        key: Option<u32>,
        body: Vec<u8>,
    ) -> Result<Self, SpawnError<E>> {
        Carried::none().map_err(SpawnError::BadArg)?;
        let spawn = spawn.typed(contract, key, body);
        let spawned = wait::spawn(&spawn.component, &spawn.options)?;
        let monitor = spawned.monitor.map(|reference| Monitor { reference });
        Ok(Self { target: Target::Process(spawned.pid), deadline_ms: DEADLINE_MS, monitor })
    }

    pub fn named(name: &str, contract: &str) -> Result<Self, CallError> {
        let target = Target::Name(name.to_owned());
        wait::connect(&target, contract)?;
        Ok(Self { target, deadline_ms: DEADLINE_MS, monitor: None })
    }

    pub fn from_pid(pid: Pid) -> Self {
        Self { target: Target::Process(pid), deadline_ms: DEADLINE_MS, monitor: None }
    }

    pub fn pid(&self) -> Option<Pid> {
        match &self.target {
            Target::Process(pid) => Some(*pid),
            Target::Name(name) => names::whereis(name),
        }
    }

    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self { deadline_ms: milliseconds(deadline), ..self.clone() }
    }

    pub fn monitor(&self) -> Result<Monitor, SendError> {
        self.monitor.map_or_else(|| Monitor::of(&self.target), Ok)
    }

    pub fn call(&self, key: u32, body: Writer) -> Result<Body, types::CallError> {
        if callback::any() {
            return self.call_and_answer(key, body);
        }
        let Some(short) = short(&body) else {
            return wait::call(&self.target, key, body.as_bytes(), self.deadline_ms).map(Body::from);
        };
        match wait::call_short(&self.target, key, short, self.deadline_ms) {
            ShortAnswer::Short(reply) => Ok(reply.into()),
            ShortAnswer::Long(reply) => Ok(reply.into()),
            ShortAnswer::Later(call) => wait::call_wait(call).map(Body::Long),
            ShortAnswer::Error(error) => Err(error),
        }
    }

    /// As [`call`](Self::call), and answers for callbacks meanwhile.
    #[cold]
    fn call_and_answer(&self, key: u32, body: Writer) -> Result<Body, types::CallError> {
        let carried = Carried::take()?;
        let started = wait::call_start(&self.target, key, body.as_bytes(), None, self.deadline_ms)?;
        let _carried = carried.by(started.call);
        callback::call_wait(started.call).map(Body::Long)
    }

    pub fn cast(&self, key: u32, body: Writer) -> Result<(), SendError> {
        Carried::none().map_err(SendError::BadArg)?;
        Ok(process::cast(&self.target, key, body.as_bytes())?)
    }

    pub fn call_start<R>(
        &self,
        key: u32,
        body: Writer,
        decode: fn(Result<Body, types::CallError>) -> R,
    ) -> Pending<R> {
        let started = self.start(key, &body, None);
        Pending::new(started.map(|(started, carried)| (started.call, carried)), decode)
    }

    fn start(
        &self,
        key: u32,
        body: &Writer,
        direction: Option<StreamDirection>,
    ) -> Result<(Started, Carried), types::CallError> {
        let carried = Carried::take()?;
        let started = wait::call_start(&self.target, key, body.as_bytes(), direction, self.deadline_ms)?;
        Ok((started, carried.by(started.call)))
    }

    pub fn stream_out<R: Reading, H, E>(
        &self,
        key: u32,
        body: Writer,
        accepted: impl FnOnce(Result<Body, types::CallError>) -> Result<H, CallError<E>>,
    ) -> Result<(H, R), CallError<E>> {
        let (started, carried) = self.start(key, &body, Some(StreamDirection::ToCaller))?;
        // Made first, so that a refusal closes the handle.
        let inlet = Inlet::new(started.handle).carrying(carried);
        let head = accepted(callback::call_wait(started.call).map(Body::from))?;
        Ok((head, R::of(inlet)))
    }

    pub fn stream_out_start<R: Reading + 'static, H: 'static, E: 'static, A: 'static>(
        &self,
        key: u32,
        body: Writer,
        accepted: fn(Result<Body, types::CallError>) -> Result<H, CallError<E>>,
        opened: fn((H, R)) -> A,
    ) -> Pending<Result<A, CallError<E>>> {
        let started = self.start(key, &body, Some(StreamDirection::ToCaller));
        let (started, inlet) = opening(started, |started| started.handle);
        Pending::with(started, move |reply| Ok(opened((accepted(reply)?, R::of(inlet)))))
    }

    pub fn stream_in<W: Writing, R>(
        &self,
        key: u32,
        body: Writer,
        decode: fn(Result<Body, types::CallError>) -> R,
    ) -> (W, Pending<R>) {
        let started = self.start(key, &body, Some(StreamDirection::ToCallee));
        let handle = started.as_ref().ok().and_then(|(started, _)| started.handle);
        (
            W::of(handle, self.deadline_ms),
            Pending::new(started.map(|(started, carried)| (started.call, carried)), decode),
        )
    }

    pub fn duplex<'a, R: Reading, H, E>(
        &self,
        key: u32,
        body: Writer,
        source: Box<dyn Pump + 'a>,
        accepted: impl FnOnce(Result<Body, types::CallError>) -> Result<H, CallError<E>>,
    ) -> Result<(H, Duplex<'a, R>), CallError<E>> {
        let (started, carried) = self.start(key, &body, Some(StreamDirection::Both))?;
        let handle = started.handle.unwrap_or_default();
        let mut feed = Feed::new(handle, source);
        let inlet = Inlet::new(wait::stream_other(handle)).carrying(carried);
        // The callee may want to read before it answers.
        while let Some(handle) = feed.handle() {
            match callback::wait_any(&[started.call], &[handle], None) {
                Some(Happening::Ready(_)) => feed.write(),
                _ => break,
            }
        }
        let head = accepted(callback::call_wait(started.call).map(Body::from))?;
        Ok((head, Duplex::new(R::of(inlet), feed)))
    }

    pub fn duplex_start<W: Writing, R: Reading + 'static, H: 'static, E: 'static, A: 'static>(
        &self,
        key: u32,
        body: Writer,
        accepted: fn(Result<Body, types::CallError>) -> Result<H, CallError<E>>,
        opened: fn((H, R)) -> A,
    ) -> (W, Pending<Result<A, CallError<E>>>) {
        let started = self.start(key, &body, Some(StreamDirection::Both));
        let handle = started.as_ref().ok().and_then(|(started, _)| started.handle);
        let (started, inlet) = opening(started, |_| handle.and_then(wait::stream_other));
        let pending = Pending::with(started, move |reply| Ok(opened((accepted(reply)?, R::of(inlet)))));
        (W::of(handle, self.deadline_ms), pending)
    }
}

type Begun = Result<(Started, Carried), types::CallError>;

/// A call that was begun, and what reads its stream when it is accepted: what the call carries is the stream's then.
fn opening(
    begun: Begun,
    handle: impl FnOnce(&Started) -> Option<u64>,
) -> (Result<(u64, Carried), types::CallError>, Inlet) {
    match begun {
        Ok((started, carried)) => {
            let inlet = Inlet::new(handle(&started)).carrying(carried);
            (Ok((started.call, Carried::default())), inlet)
        }
        Err(error) => (Err(error), Inlet::new(None)),
    }
}

/// What a stream is without the nothing that comes before it.
#[doc(hidden)]
pub fn without_head<R>((_, reader): ((), R)) -> R {
    reader
}

/// A stream with the value that comes before it.
#[doc(hidden)]
pub fn with_head<H, R>(opened: (H, R)) -> (H, R) {
    opened
}

/// As long as Erlang's.
const DEADLINE_MS: u32 = 5_000;
