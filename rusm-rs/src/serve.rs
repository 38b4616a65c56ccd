use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use rusm_wire::{DecodeError, Encode, Writer, encode};

use crate::ExitReason;
use crate::bindings::outcomes::Outcome;
use crate::bindings::server_short::ShortOutcome;
use crate::bindings::types::{self, Event, Request};
use crate::bindings::{process, wait};
use crate::body::{Body, short};
use crate::stream::{self, Inlet, Out, Reading, Source, Watched};

/// An answer that is given later: keep it, and [`send`](Reply::send) when the time has come. Dropped without that, the
/// caller gets `cancelled`.
#[must_use = "the caller waits for it"]
pub struct Reply<R> {
    reference: Option<u64>,
    answer: PhantomData<fn(R)>,
}

impl<R: Encode> Reply<R> {
    /// Answers; false if the caller no longer waits.
    pub fn send(mut self, answer: R) -> bool {
        self.reference.take().is_some_and(|reference| process::reply(reference, &encode(&answer)))
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        if let Some(reference) = self.reference {
            process::reply_error(reference, &types::CallError::Cancelled);
        }
    }
}

impl<R> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("reference", &self.reference).finish()
    }
}

/// What became of a call or a cast. A short reply takes no memory on its way.
#[doc(hidden)]
#[derive(Debug)]
pub enum Answer {
    Reply(Writer),
    Other(Outcome),
}

impl Answer {
    pub fn reply<T: Encode>(value: &T) -> Self {
        Self::Reply(Writer::of(value))
    }

    /// Of what returns nothing.
    pub fn done() -> Self {
        Self::Reply(Writer::new())
    }
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        Self::Other(outcome)
    }
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Reply(reply) => Self::Reply(reply.into_bytes()),
            Answer::Other(outcome) => outcome,
        }
    }
}

/// What the attribute makes of a service.
#[doc(hidden)]
pub trait Dispatch: Sized + 'static {
    fn init(key: u32, body: &[u8]) -> Result<Self, Outcome>;
    fn handle(&mut self, key: u32, call: &mut Incoming) -> Answer;
    fn info(&mut self, event: Event);
    fn terminate(&mut self, reason: ExitReason);
}

/// The one service of a component.
#[doc(hidden)]
#[derive(Debug)]
pub struct State<S> {
    service: RefCell<Option<S>>,
    /// What is no short outcome, until the host takes it.
    outcome: RefCell<Option<Outcome>>,
}

impl<S: Dispatch> State<S> {
    #[expect(clippy::new_without_default, reason = "only generated code makes one")]
    pub const fn new() -> Self {
        Self { service: RefCell::new(None), outcome: RefCell::new(None) }
    }

    pub fn init(&self, key: u32, body: &[u8]) -> Outcome {
        report_panics();
        match S::init(key, body) {
            Ok(service) => {
                self.service.replace(Some(service));
                Outcome::Reply(Vec::new())
            }
            Err(outcome) => outcome,
        }
    }

    pub fn handle(&self, key: u32, mut call: Incoming) -> Answer {
        match &mut *self.service.borrow_mut() {
            Some(service) => service.handle(key, &mut call),
            None => Outcome::Malformed("the service was not started".into()).into(),
        }
    }

    pub fn handle_short(&self, key: u32, call: Incoming) -> ShortOutcome {
        let other = match self.handle(key, call) {
            Answer::Other(Outcome::Later) => return ShortOutcome::Later,
            Answer::Other(other) => other,
            Answer::Reply(reply) => match short(&reply) {
                Some(reply) => return ShortOutcome::Reply(reply),
                None => Outcome::Reply(reply.into_bytes()),
            },
        };
        self.outcome.replace(Some(other));
        ShortOutcome::Other
    }

    pub fn take_outcome(&self) -> Outcome {
        self.outcome.take().unwrap_or(Outcome::UnknownFunction)
    }

    pub fn info(&self, event: Event) {
        if stream::handle_event(&event) {
            return;
        }
        if let Some(service) = &mut *self.service.borrow_mut() {
            service.info(event);
        }
    }

    pub fn terminate(&self, reason: ExitReason) {
        if let Some(service) = &mut *self.service.borrow_mut() {
            service.terminate(reason);
        }
    }
}

/// A call or cast, as dispatch sees it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Incoming {
    request: Request,
    body: Body,
    stream: Option<u64>,
    /// Nobody hears of room in its stream between messages.
    to_callback: bool,
    /// The stream that is written after the answer then.
    out: Option<u64>,
    /// The stream in, of a call with one each way.
    input: Option<Rc<Watched>>,
}

impl Incoming {
    pub fn new(request: Request, body: impl Into<Body>, stream: Option<u64>) -> Self {
        Self { request, body: body.into(), stream, to_callback: false, out: None, input: None }
    }

    pub(crate) fn to_callback(request: Request, body: impl Into<Body>, stream: Option<u64>) -> Self {
        Self { to_callback: true, ..Self::new(request, body, stream) }
    }

    /// Whether there is something to [finish](Self::finish).
    pub(crate) fn has_stream(&self) -> bool {
        self.out.is_some() || self.stream.is_some()
    }

    /// It is answered.
    pub(crate) fn finish(self) {
        if let Some(handle) = self.out {
            stream::write_all(handle);
        } else if let Some(handle) = self.stream {
            wait::stream_close(handle);
        }
    }

    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// What reads the call's stream.
    pub fn reader<R: Reading>(&mut self) -> R {
        R::of(Inlet::new(self.stream.take()))
    }

    /// The same of a call with a stream each way: the other one is written.
    pub fn reader_of_two<R: Reading>(&mut self) -> R {
        let handle = self.stream.take();
        self.stream = handle.and_then(wait::stream_other);
        let (inlet, input) = Inlet::new(handle).watched();
        self.input = Some(input);
        R::of(inlet)
    }

    pub fn later<R>(&self) -> Reply<R> {
        Reply { reference: Some(self.request.reference), answer: PhantomData }
    }

    pub fn stream<H: Encode, S: Source>(&mut self, (head, stream): (H, S)) -> Answer {
        match self.begin(stream) {
            Ok(()) => Answer::reply(&head),
            Err(malformed) => malformed.into(),
        }
    }

    pub fn stream_or_refuse<H: Encode, S: Source, E: Encode>(&mut self, answer: Result<(H, S), E>) -> Answer {
        match answer {
            Ok((head, stream)) => match self.begin(stream) {
                Ok(()) => Answer::reply(&Ok::<H, E>(head)),
                Err(malformed) => malformed.into(),
            },
            Err(error) => {
                if let Some(handle) = self.stream.take() {
                    wait::stream_close(handle);
                }
                Answer::reply(&Err::<H, E>(error))
            }
        }
    }

    fn begin<S: Source>(&mut self, stream: S) -> Result<(), Outcome> {
        let Some(handle) = self.stream.take() else {
            return Err(Outcome::Malformed("the call came without a stream".into()));
        };
        let pulled = stream.begin(Out { handle, input: self.input.take() });
        if self.to_callback {
            self.out = Some(handle);
        } else if pulled {
            wait::stream_demand(handle);
        }
        Ok(())
    }
}

/// The answer of a function that streams out, with nothing before the stream.
#[doc(hidden)]
pub fn headless<S: Source>(stream: S) -> ((), S) {
    ((), stream)
}

/// The same with a value before it.
#[doc(hidden)]
pub fn headed<H: Encode, S: Source>(answer: (H, S)) -> (H, S) {
    answer
}

/// The outcome of arguments that could not be read.
#[doc(hidden)]
pub fn malformed(what: &str, error: DecodeError) -> Outcome {
    Outcome::Malformed(format!("{what}: {error}"))
}

/// From now on a panic tells the host its text before it traps.
#[doc(hidden)]
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.payload_as_str().unwrap_or("a panic without a text");
        let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
        process::report_crash(&format!("{text}{place}"), "");
    }));
}

/// Runs a raw process.
#[doc(hidden)]
pub fn run<R: Ending>(main: fn() -> R) {
    report_panics();
    main().end();
}

/// What a raw process may return.
#[doc(hidden)]
pub trait Ending {
    fn end(self);
}

impl Ending for () {
    fn end(self) {}
}

impl<E: fmt::Display> Ending for Result<(), E> {
    fn end(self) {
        if let Err(error) = self {
            panic!("{error}");
        }
    }
}
