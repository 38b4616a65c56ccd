//! References that this process answers for itself while a call that carries them is under way.

use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;

use crate::bindings::callbacks::{self, CallEvent, CallbackAnswer, CallbackRequest, Happening, MessageBody};
use crate::bindings::outcomes::Outcome;
use crate::bindings::types::{CallError, Pid, RequestKind};
use crate::bindings::wait;
use crate::body::short;
use crate::client::NOBODY;
use crate::serve::{Answer, Incoming};

/// A reference that this process answers for itself: made by `callback` of a contract's module, and given to a call as the
/// client of a service would be. It answers calls and casts for as long as that call takes; who calls it later gets
/// [`NoProc`](crate::CallError::NoProc). It answers one message at a time, may call others meanwhile, and waits while this process does
/// not wait for a call or a stream.
#[must_use = "give it to a call"]
pub struct Callback<C, H> {
    client: fn(Pid) -> C,
    handler: H,
}

/// What stands for a service where a call takes a reference: a client, or a [`Callback`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a client of the contract that is wanted here nor a callback of it"
)]
pub trait Reference<C>: Sized {
    /// Makes the call.
    #[doc(hidden)]
    fn refer<R>(self, call: impl FnOnce(&C) -> R) -> R;
}

/// What stands for a service where nothing waits for an answer: a client of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no client of the contract that is wanted here",
    note = "a callback goes with a call that is waited for at once; `with` gives its client for others"
)]
pub trait ClientOf<C> {
    #[doc(hidden)]
    fn client(&self) -> &C;
}

impl<C, T: Borrow<C>> ClientOf<C> for T {
    fn client(&self) -> &C {
        self.borrow()
    }
}

impl<C> Reference<C> for C {
    fn refer<R>(self, call: impl FnOnce(&C) -> R) -> R {
        call(&self)
    }
}

impl<C> Reference<C> for &C {
    fn refer<R>(self, call: impl FnOnce(&C) -> R) -> R {
        call(self)
    }
}

impl<C, H: FnMut(u32, &mut Incoming) -> Answer> Reference<C> for Callback<C, H> {
    fn refer<R>(self, call: impl FnOnce(&C) -> R) -> R {
        self.with(call)
    }
}

impl<C, H: FnMut(u32, &mut Incoming) -> Answer> Callback<C, H> {
    #[doc(hidden)]
    pub fn new(client: fn(Pid) -> C, handler: H) -> Self {
        Self { client, handler }
    }

    /// Runs something with the reference, for calls that do not take a callback as it is: those that have it within a record or a
    /// list, those that are begun and waited for later, and those that stream out. One call within may carry it, and has to have
    /// ended before this returns.
    pub fn with<R>(mut self, run: impl FnOnce(&C) -> R) -> R {
        let scope = Scope::begin(&mut self.handler);
        run(&(self.client)(scope.pid))
    }
}

impl<C, H> fmt::Debug for Callback<C, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").finish_non_exhaustive()
    }
}

type Handler = dyn FnMut(u32, &mut Incoming) -> Answer;

/// A callback that this process answers for.
struct Open {
    pid: Pid,
    /// What answers, while it does not.
    handler: Option<*mut Handler>,
    given: Given,
}

/// Whether a callback was given away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Given {
    NotYet,
    /// Its arguments are being written.
    WithTheNextCall,
    WithACall,
    /// With one that has ended.
    Over,
}

thread_local! {
    static OPEN: RefCell<Vec<Open>> = const { RefCell::new(Vec::new()) };
    /// How many there are: calls without callbacks look no further.
    static COUNT: Cell<usize> = const { Cell::new(0) };
    /// Why the arguments that are being written cannot be sent.
    static REFUSED: RefCell<Option<CallError>> = const { RefCell::new(None) };
}

/// As long as it lives, a handler answers for a callback.
struct Scope<'a> {
    pid: Pid,
    handler: PhantomData<&'a mut ()>,
}

impl<'a> Scope<'a> {
    fn begin<H: FnMut(u32, &mut Incoming) -> Answer + 'a>(handler: &'a mut H) -> Self {
        // A process that may have no more of them hears so from the call.
        let pid = callbacks::open().unwrap_or(NOBODY);
        let handler: *mut (dyn FnMut(u32, &mut Incoming) -> Answer + 'a) = handler;
        // SAFETY: the types differ in the handler's lifetime alone. The pointer is used by `serve` while the entry is in `OPEN`, which
        // it leaves when this scope is dropped; a scope does not leave the function that borrows the handler, so it is dropped before
        // the handler is.
        let handler = unsafe {
            std::mem::transmute::<*mut (dyn FnMut(u32, &mut Incoming) -> Answer + 'a), *mut Handler>(handler)
        };
        OPEN.with_borrow_mut(|open| open.push(Open { pid, handler: Some(handler), given: Given::NotYet }));
        COUNT.set(COUNT.get() + 1);
        Self { pid, handler: PhantomData }
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        let last = OPEN.with_borrow_mut(Vec::pop);
        COUNT.set(COUNT.get() - 1);
        if last.is_some_and(|open| open.given != Given::Over) {
            callbacks::close(self.pid.id);
        }
    }
}

/// Callbacks that a call carries; with it they end.
#[derive(Debug, Default)]
pub(crate) struct Carried(Vec<u64>);

impl Carried {
    /// Those in the arguments that were just written.
    ///
    /// # Errors
    /// What the call comes to instead: one of them could not be opened, or its call has ended.
    #[inline]
    pub(crate) fn take() -> Result<Self, CallError> {
        if any() { Self::look() } else { Ok(Self::default()) }
    }

    #[cold]
    fn look() -> Result<Self, CallError> {
        let mut carried = Self::default();
        OPEN.with_borrow_mut(|all| {
            for open in all.iter_mut().filter(|open| open.given == Given::WithTheNextCall) {
                open.given = Given::WithACall;
                carried.0.push(open.pid.id);
            }
        });
        match REFUSED.take() {
            Some(error) => Err(error),
            None => Ok(carried),
        }
    }

    /// Says of what nobody waits for that it carries none.
    ///
    /// # Errors
    /// A text for whoever gives it away so.
    #[inline]
    pub(crate) fn none() -> Result<(), String> {
        let carried =
            Self::take().map_err(|error| crate::CallError::<crate::Never>::from(error).to_string())?;
        if carried.0.is_empty() { Ok(()) } else { Err(MISPLACED.into()) }
    }

    /// Those in an item of a stream: they answer as long as their scope lasts.
    #[inline]
    pub(crate) fn stay() {
        if any() {
            // Its drop would end them.
            let _ = Self::take().map(|mut carried| carried.0.clear());
        }
    }

    /// The call that carries them.
    pub(crate) fn by(self, call: u64) -> Self {
        for id in &self.0 {
            callbacks::carry(*id, call);
        }
        self
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        for id in self.0.drain(..) {
            callbacks::close(id);
            OPEN.with_borrow_mut(|all| {
                for open in all.iter_mut().filter(|open| open.pid.id == id) {
                    open.given = Given::Over;
                }
            });
        }
    }
}

/// Whether this process answers for any.
#[inline]
pub(crate) fn any() -> bool {
    COUNT.get() > 0
}

/// A reference is being written among some arguments.
#[inline]
pub(crate) fn written(pid: Pid) {
    if any() {
        note_written(pid);
    }
}

#[cold]
fn note_written(pid: Pid) {
    let refused = OPEN.with_borrow_mut(|all| match all.iter_mut().find(|open| open.pid == pid) {
        Some(_) if pid == NOBODY => Some(CallError::Overloaded),
        Some(open @ Open { given: Given::NotYet, .. }) => {
            open.given = Given::WithTheNextCall;
            None
        }
        Some(open) if open.given != Given::WithTheNextCall => Some(CallError::Malformed(ONE_CALL.into())),
        _ => None,
    });
    if refused.is_some() {
        REFUSED.set(refused);
    }
}

/// Waits for the reply of a call, and answers for callbacks meanwhile.
pub(crate) fn call_wait(call: u64) -> Result<Vec<u8>, CallError> {
    let mut answer = None;
    loop {
        let idle = Idle::look();
        if idle.ids().is_empty() && answer.is_none() {
            return wait::call_wait(call);
        }
        match callbacks::call_wait(call, idle.ids(), answer.take().as_ref(), None) {
            Some(CallEvent::Reply(reply)) => return reply,
            Some(CallEvent::Request(request)) => answer = serve(request),
            None => {}
        }
    }
}

/// Waits for the first of these calls and streams, at most so long, and answers for callbacks meanwhile.
pub(crate) fn wait_any(calls: &[u64], streams: &[u64], timeout_ms: Option<u64>) -> Option<Happening> {
    loop {
        match callbacks::wait_any(calls, streams, Idle::look().ids(), timeout_ms) {
            Some(Happening::Request(request)) => serve_and_reply(request),
            other => return other,
        }
    }
}

/// Waits until a stream is ready, at most so long, and answers for callbacks meanwhile; how long the stream may still be waited
/// for then.
pub(crate) fn stream_wait(handle: u64, deadline_ms: u32) -> u32 {
    if Idle::look().ids().is_empty() {
        return deadline_ms;
    }
    wait_any(&[], &[handle], (deadline_ms > 0).then_some(deadline_ms.into()));
    deadline_ms.min(1)
}

/// Those that do not handle a message now: nearly always a few.
enum Idle {
    Few([u64; 4], usize),
    Many(Vec<u64>),
}

impl Idle {
    fn look() -> Self {
        let mut idle = Self::Few([0; 4], 0);
        if !any() {
            return idle;
        }
        let is_idle =
            |open: &&Open| open.handler.is_some() && open.given != Given::Over && open.pid != NOBODY;
        OPEN.with_borrow(|all| {
            for open in all.iter().filter(is_idle) {
                idle.push(open.pid.id);
            }
        });
        idle
    }

    fn push(&mut self, id: u64) {
        match self {
            Self::Few(ids, count) if *count < ids.len() => {
                ids[*count] = id;
                *count += 1;
            }
            Self::Few(ids, _) => *self = Self::Many(ids.iter().copied().chain([id]).collect()),
            Self::Many(ids) => ids.push(id),
        }
    }

    fn ids(&self) -> &[u64] {
        match self {
            Self::Few(ids, count) => &ids[..*count],
            Self::Many(ids) => ids,
        }
    }
}

fn serve_and_reply(request: CallbackRequest) {
    if let Some(answer) = serve(request) {
        callbacks::reply(&answer);
    }
}

/// Handles a message; the answer, if it is still to be given.
fn serve(request: CallbackRequest) -> Option<CallbackAnswer> {
    let CallbackRequest { callback, request, key, body, handle } = request;
    let take = |all: &mut Vec<Open>| all.iter_mut().find(|open| open.pid.id == callback)?.handler.take();
    let handler = OPEN.with_borrow_mut(take)?;
    let mut incoming = Incoming::to_callback(request, body, handle);
    // SAFETY: it is that of a scope which lives, and nobody else has it: it was taken out of the entry.
    let answer = unsafe { (*handler)(key, &mut incoming) };
    OPEN.with_borrow_mut(|all| {
        for open in all.iter_mut().filter(|open| open.pid.id == callback) {
            open.handler = Some(handler);
        }
    });
    let answer = match answer {
        _ if request.kind == RequestKind::Cast => return None,
        Answer::Reply(reply) => Ok(match short(&reply) {
            Some(reply) => MessageBody::Short(reply),
            None => MessageBody::Long(reply.into_bytes()),
        }),
        Answer::Other(Outcome::Malformed(text)) => Err(CallError::Malformed(text)),
        Answer::Other(_) => Err(CallError::UnknownFunction("the callback has no such function".into())),
    };
    let answer = CallbackAnswer { callback, request: request.reference, answer };
    if !incoming.has_stream() {
        return Some(answer);
    }
    callbacks::reply(&answer);
    incoming.finish();
    None
}

const ONE_CALL: &str =
    "a callback is for one call, and this one was given to a call already: make another one";

const MISPLACED: &str = "a callback answers while its call is waited for: it goes neither with a cast, a message or a constructor's arguments, \
                         nor with an answer";
