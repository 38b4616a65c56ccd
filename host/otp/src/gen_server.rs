use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::scheduler::is_running;
use crate::{
    AlreadyRegistered, CallError, ChildSpec, Context, ExitReason, Message, Parent, PendingCall, Pid,
    Reference, Runtime, SendError, SpawnOptions, Target,
};

/// A process that answers calls, one after the other: Erlang's `gen_server`.
///
/// ```
/// use std::time::Duration;
///
/// use rusm_otp::{CallFrom, Context, ExitReason, GenServer, Next, Runtime, SpawnOptions, start_server};
///
/// struct Counter(u64);
///
/// impl GenServer for Counter {
///     type Args = u64;
///     type Call = ();
///     type Reply = u64;
///     type Cast = u64;
///
///     async fn init(first: u64, _: &Context) -> Result<(Self, Next), ExitReason> {
///         Ok((Counter(first), Next::Wait))
///     }
///
///     async fn handle_call(&mut self, (): (), from: CallFrom<u64>, _: &Context) -> Next {
///         from.reply(self.0);
///         Next::Wait
///     }
///
///     async fn handle_cast(&mut self, more: u64, _: &Context) -> Next {
///         self.0 += more;
///         Next::Wait
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let runtime = Runtime::new();
/// let counter = start_server::<Counter>(&runtime, SpawnOptions::new("counter"), 7).await.unwrap();
/// let (done, count) = tokio::sync::oneshot::channel();
/// runtime.spawn(SpawnOptions::new("client"), move |context| async move {
///     counter.cast(&context, 3).unwrap();
///     done.send(counter.call(&context, (), Duration::from_secs(5)).await).ok();
///     ExitReason::Normal
/// }).unwrap();
/// assert_eq!(count.await.unwrap(), Ok(10));
/// # }
/// ```
pub trait GenServer: Sized + Send + 'static {
    /// What it is started with.
    type Args: Send + 'static;
    /// What it can be asked.
    type Call: Send + 'static;
    /// What it answers.
    type Reply: Send + 'static;
    /// What it can be told.
    type Cast: Send + 'static;

    /// Makes the state. Whoever starts the server waits for it; an error ends the process, and is the starter's error.
    fn init(
        args: Self::Args,
        context: &Context,
    ) -> impl Future<Output = Result<(Self, Next), ExitReason>> + Send;

    /// Handles a call. It is answered with [`CallFrom::reply`], now or in a later message.
    fn handle_call(
        &mut self,
        call: Self::Call,
        from: CallFrom<Self::Reply>,
        context: &Context,
    ) -> impl Future<Output = Next> + Send;

    /// Handles a cast; ignores it, if it is not overwritten.
    fn handle_cast(&mut self, cast: Self::Cast, context: &Context) -> impl Future<Output = Next> + Send {
        let _ = (cast, context);
        std::future::ready(Next::Wait)
    }

    /// Handles everything else: mail, ends of other processes, timers. Ignores it, if it is not overwritten.
    fn handle_info(&mut self, message: Message, context: &Context) -> impl Future<Output = Next> + Send {
        let _ = (message, context);
        std::future::ready(Next::Wait)
    }

    /// No message came within the time of [`Next::Timeout`].
    fn handle_timeout(&mut self, context: &Context) -> impl Future<Output = Next> + Send {
        let _ = context;
        std::future::ready(Next::Wait)
    }

    /// Goes on before the next message, after [`Next::Continue`].
    fn handle_continue(&mut self, context: &Context) -> impl Future<Output = Next> + Send {
        let _ = context;
        std::future::ready(Next::Wait)
    }

    /// The server is about to end in good order: by [`Next::Stop`], or by its parent's exit if it traps exits.
    fn terminate(&mut self, reason: &ExitReason, context: &Context) -> impl Future<Output = ()> + Send {
        let _ = (reason, context);
        std::future::ready(())
    }
}

/// What a server does when it has handled a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Waits for the next message.
    Wait,
    /// Waits so long, then [`GenServer::handle_timeout`]. Any message ends the wait.
    Timeout(Duration),
    /// [`GenServer::handle_continue`] first.
    Continue,
    /// Ends.
    Stop(ExitReason),
}

/// Whoever waits for a call's reply. Dropped without one, it answers `cancelled`.
pub struct CallFrom<R> {
    runtime: Runtime,
    server: Pid,
    /// The process that called.
    pub caller: Pid,
    reference: Reference,
    slot: Arc<Mutex<Option<R>>>,
    answered: bool,
}

impl<R> CallFrom<R> {
    /// Answers. False if nobody waits any more.
    pub fn reply(mut self, reply: R) -> bool {
        *self.slot.lock() = Some(reply);
        self.answered = true;
        self.runtime.reply(self.server, self.reference, Ok(Bytes::new()))
    }
}

impl<R> Drop for CallFrom<R> {
    fn drop(&mut self) {
        // A server that ends drops what it has not answered, and its end is the answer.
        if !self.answered && is_running(self.server) {
            self.runtime.reply(self.server, self.reference, Err(CallError::Cancelled));
        }
    }
}

impl<R> fmt::Debug for CallFrom<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallFrom").field("caller", &self.caller).finish_non_exhaustive()
    }
}

/// What travels in a call, and in a cast.
struct TypedCall<S: GenServer>(S::Call, Arc<Mutex<Option<S::Reply>>>);
struct TypedCast<S: GenServer>(S::Cast);

/// A call under way, and where its reply will be.
struct Sent<S: GenServer> {
    pending: PendingCall,
    slot: Arc<Mutex<Option<S::Reply>>>,
}

fn taken<R>(answer: Result<Bytes, CallError>, slot: &Mutex<Option<R>>) -> Result<R, CallError> {
    answer?;
    slot.lock().take().ok_or(CallError::Cancelled)
}

/// Why a server did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// Its `init` refused, or it crashed there.
    #[error("it did not start: {0}")]
    Init(ExitReason),
    /// The name that it should have is taken.
    #[error(transparent)]
    AlreadyRegistered(#[from] AlreadyRegistered),
}

/// A server, for whoever calls it.
pub struct ServerRef<S> {
    target: Target,
    server: PhantomData<fn() -> S>,
}

impl<S: GenServer> ServerRef<S> {
    /// The server that is this process, or has this name at each call. Nothing checks that it is of this kind: one that
    /// is not answers `unknown function`.
    pub fn new(target: impl Into<Target>) -> Self {
        Self { target: target.into(), server: PhantomData }
    }

    /// Where its messages go.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Calls and waits for the reply, at most so long.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call(
        &self,
        context: &Context,
        call: S::Call,
        limit: Duration,
    ) -> Result<S::Reply, CallError> {
        let Sent { pending, slot } = self.send(context, call, Instant::now() + limit)?;
        let answer = context.answer(pending).await;
        taken(answer, &slot)
    }

    fn send(&self, context: &Context, call: S::Call, deadline: Instant) -> Result<Sent<S>, CallError> {
        let slot = Arc::new(Mutex::new(None));
        let term = Box::new(TypedCall::<S>(call, slot.clone()));
        let pending = context.runtime().call_term(context.pid(), &self.target, term, Some(deadline))?;
        Ok(Sent { pending, slot })
    }

    /// Tells it something; nobody waits.
    ///
    /// # Errors
    /// [`SendError`] if its mailbox is full.
    pub fn cast(&self, context: &Context, cast: S::Cast) -> Result<(), SendError> {
        context.runtime().send_term(context.pid(), &self.target, TypedCast::<S>(cast))
    }
}

impl<S> Clone for ServerRef<S> {
    fn clone(&self) -> Self {
        Self { target: self.target.clone(), server: PhantomData }
    }
}

impl<S> fmt::Debug for ServerRef<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServerRef").field(&self.target).finish()
    }
}

/// Starts a server and waits until its `init` is done.
///
/// # Errors
/// [`ServerError`].
pub async fn start_server<S: GenServer>(
    runtime: &Runtime,
    options: SpawnOptions,
    args: S::Args,
) -> Result<ServerRef<S>, ServerError> {
    let pid = start::<S>(runtime, options, args).await?;
    Ok(ServerRef::new(pid))
}

async fn start<S: GenServer>(
    runtime: &Runtime,
    options: SpawnOptions,
    args: S::Args,
) -> Result<Pid, ServerError> {
    let (ready, is_ready) = oneshot::channel();
    let spawned = runtime.spawn(options, move |context| serve::<S>(args, context, ready))?;
    // It was ended from outside before it was ready.
    let outcome = is_ready.await.unwrap_or(Err(ExitReason::Killed));
    outcome.map(|()| spawned.pid).map_err(ServerError::Init)
}

impl ChildSpec {
    /// A permanent child that is a server, registered under its id.
    pub fn server<S: GenServer<Args: Clone + Sync>>(id: impl Into<Arc<str>>, args: S::Args) -> Self {
        let id = id.into();
        let name = id.clone();
        Self::new(id, move |parent: Parent| {
            let options = SpawnOptions::new(name.clone()).name(name.clone()).parent(parent.pid).link(true);
            let args = args.clone();
            async move { start::<S>(&parent.runtime, options, args).await.map_err(|error| error.to_string()) }
        })
    }
}

/// Calls several servers at once with the same request. The replies come in the order of the servers.
pub async fn multi_call<S>(
    context: &Context,
    servers: &[ServerRef<S>],
    call: S::Call,
    limit: Duration,
) -> Vec<Result<S::Reply, CallError>>
where
    S: GenServer<Call: Clone>,
{
    let deadline = Instant::now() + limit;
    let sent: Vec<_> = servers.iter().map(|server| server.send(context, call.clone(), deadline)).collect();
    let mut replies = Vec::new();
    for sent in sent {
        replies.push(match sent {
            Ok(Sent { pending, slot }) => taken(context.wait(pending).await, &slot),
            Err(error) => Err(error),
        });
    }
    replies
}

async fn serve<S: GenServer>(
    args: S::Args,
    context: Context,
    ready: oneshot::Sender<Result<(), ExitReason>>,
) -> ExitReason {
    let started = match unwound(S::init(args, &context)).await {
        Ok(started) => started,
        Err(panic) => Err(context.runtime().panicked(context.pid(), panic.as_ref())),
    };
    // Whoever started it may have ended: then its link tells the server.
    let (mut server, mut next) = match started {
        Ok(started) => {
            let _ = ready.send(Ok(()));
            started
        }
        Err(reason) => {
            let _ = ready.send(Err(reason.clone()));
            return reason;
        }
    };
    // As in Erlang, one without a parent is its own.
    let parent = context.runtime().parent(context.pid()).unwrap_or(context.pid());
    loop {
        let message = match next {
            Next::Wait => Some(context.receive().await),
            Next::Timeout(limit) => context.receive_within(limit, |_| true).await,
            Next::Continue => {
                next = server.handle_continue(&context).await;
                continue;
            }
            Next::Stop(reason) => {
                server.terminate(&reason, &context).await;
                return reason;
            }
        };
        next = match message {
            None => server.handle_timeout(&context).await,
            Some(Message::Call(mut request)) => {
                let typed = match request.term.take() {
                    Some(term) => term.downcast::<TypedCall<S>>().ok(),
                    None => None,
                };
                match typed {
                    Some(call) => {
                        let TypedCall(call, slot) = *call;
                        let from = CallFrom {
                            runtime: context.runtime().clone(),
                            server: context.pid(),
                            caller: request.sender,
                            reference: request.reference,
                            slot,
                            answered: false,
                        };
                        server.handle_call(call, from, &context).await
                    }
                    None => {
                        let text = format!("{} does not take such calls", context.label());
                        context.reply(request.reference, Err(CallError::UnknownFunction(text)));
                        Next::Wait
                    }
                }
            }
            Some(Message::Term { sender, value }) => match value.downcast::<TypedCast<S>>() {
                Ok(cast) => server.handle_cast(cast.0, &context).await,
                Err(value) => server.handle_info(Message::Term { sender, value }, &context).await,
            },
            Some(Message::Exit { pid, reason }) if pid == parent => Next::Stop(reason),
            Some(message) => server.handle_info(message, &context).await,
        };
    }
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
