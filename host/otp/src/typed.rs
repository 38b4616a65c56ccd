use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::process::Callback;
use crate::scheduler::is_running;
use crate::timers::deadline;
use crate::{
    AlreadyRegistered, CallError, Context, ExitReason, Message, Payload, PendingCall, Pid, Reference,
    Request, Runtime, SendError, SpawnOptions, Target,
};

/// What one kind of process takes from others, as values of Rust.
pub(crate) trait Protocol: 'static {
    type Call: Send + 'static;
    type Reply: Send + 'static;
    type Cast: Send + 'static;
}

/// A process of one kind, as its callers know it.
pub(crate) struct Client<P> {
    pub(crate) target: Target,
    protocol: PhantomData<fn() -> P>,
}

/// A call under way, and where its reply will be.
pub(crate) struct Sent<R> {
    pending: PendingCall,
    slot: Slot<R>,
}

type Slot<R> = Arc<Mutex<Option<R>>>;

/// What travels in a call, in a cast, and in the request to stop.
struct TypedCall<P: Protocol>(P::Call, Slot<P::Reply>);
struct TypedCast<P: Protocol>(P::Cast);
struct Stop(ExitReason);

impl<P> Client<P> {
    pub(crate) fn new(target: Target) -> Self {
        Self { target, protocol: PhantomData }
    }
}

impl<P: Protocol> Client<P> {
    pub(crate) async fn call(
        &self,
        context: &Context,
        call: P::Call,
        limit: Duration,
    ) -> Result<P::Reply, CallError> {
        let Sent { pending, slot } = self.send(context, call, deadline(limit))?;
        let answer = context.answer(pending).await;
        taken(answer, &slot)
    }

    pub(crate) fn send(
        &self,
        context: &Context,
        call: P::Call,
        deadline: Instant,
    ) -> Result<Sent<P::Reply>, CallError> {
        let slot = Slot::default();
        let term = Box::new(TypedCall::<P>(call, slot.clone()));
        let pending = context.runtime().call_term(context.pid(), &self.target, term, Some(deadline))?;
        Ok(Sent { pending, slot })
    }

    pub(crate) fn cast(&self, context: &Context, cast: P::Cast) -> Result<(), SendError> {
        context.runtime().send_term(context.pid(), &self.target, TypedCast::<P>(cast))
    }

    pub(crate) async fn stop(
        &self,
        context: &Context,
        reason: ExitReason,
        limit: Duration,
    ) -> Result<(), CallError> {
        let (term, deadline) = (Box::new(Stop(reason.clone())), Some(deadline(limit)));
        let pending = context.runtime().call_term(context.pid(), &self.target, term, deadline)?;
        // Nobody answers it: the end of the process does.
        match context.answer(pending).await {
            Err(CallError::Exited(own)) if own == reason => Ok(()),
            answer => answer.map(drop),
        }
    }
}

impl<P> Clone for Client<P> {
    fn clone(&self) -> Self {
        Self::new(self.target.clone())
    }
}

impl<R> Sent<R> {
    pub(crate) async fn wait(self, context: &Context) -> Result<R, CallError> {
        taken(context.wait(self.pending).await, &self.slot)
    }
}

fn taken<R>(answer: Result<Payload, CallError>, slot: &Mutex<Option<R>>) -> Result<R, CallError> {
    answer?;
    slot.lock().take().ok_or(CallError::Cancelled)
}

/// A message, as a process of one kind sees it.
pub(crate) enum Received<P: Protocol> {
    Call(P::Call, CallFrom<P::Reply>),
    Cast(P::Cast),
    /// Somebody wants it to end, or its parent has.
    Stop(ExitReason),
    Other(Message),
    /// A call of another kind, which is answered.
    Refused,
}

impl<P: Protocol> Received<P> {
    pub(crate) fn new(message: Message, parent: Pid, context: &Context) -> Self {
        match message {
            Message::Call(request) => Self::of_call(request, context),
            Message::Term { sender, value } => match value.downcast::<TypedCast<P>>() {
                Ok(cast) => Self::Cast(cast.0),
                Err(value) => Self::Other(Message::Term { sender, value }),
            },
            Message::Exit { pid, reason } if pid == parent => Self::Stop(reason),
            message => Self::Other(message),
        }
    }

    fn of_call(mut request: Box<Request>, context: &Context) -> Self {
        let term = request.term.take().unwrap_or_else(|| Box::new(()));
        let term = match term.downcast::<TypedCall<P>>() {
            Ok(call) => {
                let TypedCall(call, slot) = *call;
                return Self::Call(call, CallFrom::new(&request, slot, context));
            }
            Err(term) => term,
        };
        if let Ok(stop) = term.downcast::<Stop>() {
            return Self::Stop(stop.0);
        }
        let text = format!("{} does not take such calls", context.label());
        context.reply(request.reference, Err(CallError::UnknownFunction(text)));
        Self::Refused
    }
}

/// The caller that waits for a reply. Dropped by its server without one, it answers `cancelled`; if
/// the server ends first, that is the answer.
pub struct CallFrom<R> {
    runtime: Runtime,
    server: Pid,
    /// The process that called.
    pub caller: Pid,
    reference: Reference,
    slot: Slot<R>,
    answered: bool,
}

impl<R> CallFrom<R> {
    fn new(request: &Request, slot: Slot<R>, context: &Context) -> Self {
        Self {
            runtime: context.runtime().clone(),
            server: context.pid(),
            caller: request.sender,
            reference: request.reference,
            slot,
            answered: false,
        }
    }

    /// Answers. False if nobody waits any more.
    pub fn reply(mut self, reply: R) -> bool {
        *self.slot.lock() = Some(reply);
        self.answered = true;
        self.runtime.reply(self.server, self.reference, Ok(Payload::new()))
    }
}

impl<R> Drop for CallFrom<R> {
    fn drop(&mut self) {
        // A server that ends drops what it has not answered, and its end is the answer.
        if !self.answered && is_running(self.server) && !ENDING.get() {
            self.runtime.reply(self.server, self.reference, Err(CallError::Cancelled));
        }
    }
}

impl<R> fmt::Debug for CallFrom<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallFrom").field("caller", &self.caller).finish_non_exhaustive()
    }
}

thread_local! {
    /// What is dropped now belongs to a process that has run to its end.
    static ENDING: Cell<bool> = const { Cell::new(false) };
}

/// Drops all that a process still has when it has run to its end: its callers hear of the end.
pub(crate) fn drop_at_end(remains: impl Sized) {
    let outer = ENDING.replace(true);
    drop(remains);
    ENDING.set(outer);
}

/// Why a server or a state machine did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// Its `init` refused, or it crashed there.
    #[error("it did not start: {0}")]
    Init(ExitReason),
    /// The name that it should have is taken.
    #[error(transparent)]
    AlreadyRegistered(#[from] AlreadyRegistered),
}

/// Tells the starter how `init` went.
pub(crate) type Ready = oneshot::Sender<Result<(), ExitReason>>;

/// Spawns a process and waits until its `init` is done.
pub(crate) async fn start<F, Run>(
    runtime: &Runtime,
    options: SpawnOptions,
    body: F,
) -> Result<Pid, ServerError>
where
    F: FnOnce(Context, Ready) -> Run + Send + 'static,
    Run: Future<Output = ExitReason> + Send + 'static,
{
    let (ready, is_ready) = oneshot::channel();
    runtime.its_name_settled(&options).await;
    let spawned = runtime.spawn(options, move |context| body(context, ready))?;
    // It was ended from outside before it was ready.
    let outcome = is_ready.await.unwrap_or(Err(ExitReason::Killed));
    outcome.map(|()| spawned.pid).map_err(ServerError::Init)
}

/// Runs an `init` and tells the starter.
pub(crate) async fn initialised<T>(
    init: impl Future<Output = Result<T, ExitReason>>,
    context: &Context,
    ready: Ready,
) -> Result<T, ExitReason> {
    context.enter(Callback::Init);
    let outcome = match unwound(init).await {
        Ok(outcome) => outcome,
        Err(panic) => Err(context.runtime().panicked(context.pid(), panic.as_ref())),
    };
    if outcome.is_err() {
        // The starter may use the name at once when it hears of the failure.
        let name = context.runtime().info(context.pid()).and_then(|info| info.name);
        name.map(|name| context.runtime().unregister(context.pid(), &name));
    }
    context.serves();
    // Its starter may have ended: then its link tells the process.
    let _ = ready.send(outcome.as_ref().map(|_| ()).map_err(Clone::clone));
    outcome
}

/// A future's value, or what it panicked with.
async fn unwound<T>(future: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(|task| {
        let poll = AssertUnwindSafe(|| future.as_mut().poll(task));
        match std::panic::catch_unwind(poll) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

/// Whose exit ends a process: its parent's, or its own where it has none, as in Erlang.
pub(crate) fn parent_of(context: &Context) -> Pid {
    context.runtime().parent(context.pid()).unwrap_or(context.pid())
}
