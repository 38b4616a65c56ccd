use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::coop::consume_budget;

use crate::process::Callback;
use crate::system;
use crate::timers::deadline;
use crate::typed::{self, Client, Protocol, Ready, Received, drop_at_end, initialised, parent_of};
use crate::{
    CallError, CallFrom, ChildSpec, Context, ExitReason, Message, Parent, Runtime, SendError, ServerError,
    SpawnOptions, Target,
};

/// A process that answers calls, one after the other: Erlang's `gen_server`.
///
/// Where Erlang differs: it runs [`terminate`](Self::terminate) after a crash, too, with the state
/// before the message; it begins calls, and requests to stop, whose callers have given up; the
/// caller of a call that is dropped without a reply waits there, and is told `cancelled` here; a
/// server that calls itself crashes there, and is told [`CallError::Cycle`] here. A reply is sent when
/// [`CallFrom::reply`] is called, before `terminate`; Erlang's `{stop, Reason, Reply, State}` sends
/// it afterwards.
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

    /// Makes the state. The starter waits for it; an error ends the process, and is the starter's error.
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

    /// Its state as a text, for [`status`](crate::status); the name of its type, if it is not overwritten.
    fn format_status(&self) -> String {
        std::any::type_name::<Self>().to_owned()
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

struct Server<S>(PhantomData<fn() -> S>);

impl<S: GenServer> Protocol for Server<S> {
    type Call = S::Call;
    type Reply = S::Reply;
    type Cast = S::Cast;
}

/// A server, as its callers know it.
pub struct ServerRef<S> {
    client: Client<Server<S>>,
}

impl<S: GenServer> ServerRef<S> {
    /// The server that is this process, or has this name at each call. Nothing checks that it is of this kind: one that
    /// is not answers `unknown function`.
    pub fn new(target: impl Into<Target>) -> Self {
        Self { client: Client::new(target.into()) }
    }

    /// Where its messages go.
    pub fn target(&self) -> &Target {
        &self.client.target
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
        self.client.call(context, call, limit).await
    }

    /// Tells it something; nobody waits.
    ///
    /// # Errors
    /// [`SendError`] if its mailbox is full.
    pub fn cast(&self, context: &Context, cast: S::Cast) -> Result<(), SendError> {
        self.client.cast(context, cast)
    }

    /// Ends it by [`GenServer::terminate`], after what was sent to it before, and waits until it is gone.
    ///
    /// # Errors
    /// [`CallError`]; `exited` if it ended for another reason.
    pub async fn stop(
        &self,
        context: &Context,
        reason: ExitReason,
        limit: Duration,
    ) -> Result<(), CallError> {
        self.client.stop(context, reason, limit).await
    }
}

impl<S> Clone for ServerRef<S> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone() }
    }
}

impl<S> fmt::Debug for ServerRef<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServerRef").field(&self.client.target).finish()
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
    let pid = typed::start(runtime, options, |context, ready| serve::<S>(args, context, ready)).await?;
    Ok(ServerRef::new(pid))
}

impl ChildSpec {
    /// A permanent child that is a server, registered under its id.
    pub fn server<S: GenServer<Args: Clone + Sync>>(id: impl Into<Arc<str>>, args: S::Args) -> Self {
        Self::registered(id.into(), move |context, ready| serve::<S>(args.clone(), context, ready))
    }

    /// A child that says when it is ready, registered under its id.
    pub(crate) fn registered<F, Run>(id: Arc<str>, body: F) -> Self
    where
        F: Fn(Context, Ready) -> Run + Clone + Send + Sync + 'static,
        Run: Future<Output = ExitReason> + Send + 'static,
    {
        let name = id.clone();
        Self::new(id, move |parent: Parent| {
            let options = SpawnOptions::new(name.clone()).name(name.clone()).parent(parent.pid).link(true);
            let body = body.clone();
            async move { Ok(typed::start(&parent.runtime, options, body).await?) }
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
    let deadline = deadline(limit);
    let send = |server: &ServerRef<S>| server.client.send(context, call.clone(), deadline);
    let sent: Vec<_> = servers.iter().map(send).collect();
    let mut replies = Vec::new();
    for sent in sent {
        replies.push(match sent {
            Ok(sent) => sent.wait(context).await,
            Err(error) => Err(error),
        });
    }
    replies
}

/// The body of a server's process.
pub(crate) async fn serve<S: GenServer>(args: S::Args, context: Context, ready: Ready) -> ExitReason {
    let (mut server, mut next) = match initialised(S::init(args, &context), &context, ready).await {
        Ok(started) => started,
        Err(reason) => return reason,
    };
    let parent = parent_of(&context);
    let mut suspended = false;
    loop {
        context.enter(Callback::None);
        let message = match next {
            Next::Wait => system::receive(&context, parent, suspended, None).await,
            Next::Timeout(limit) => system::receive(&context, parent, suspended, Some(limit)).await,
            Next::Continue => {
                // One that goes on for ever can still be ended.
                consume_budget().await;
                context.enter(Callback::Continue);
                next = server.handle_continue(&context).await;
                continue;
            }
            Next::Stop(reason) => {
                context.enter(Callback::Terminate);
                server.terminate(&reason, &context).await;
                drop_at_end(server);
                return reason;
            }
        };
        let message = match message {
            None => {
                context.enter(Callback::Timeout);
                next = server.handle_timeout(&context).await;
                continue;
            }
            Some(message) => system::obey(&context, message, &mut suspended, || server.format_status()),
        };
        let Some(message) = message else { continue };
        next = match Received::<Server<S>>::new(message, parent, &context) {
            Received::Call(call, from) => {
                context.enter(Callback::Call);
                server.handle_call(call, from, &context).await
            }
            Received::Cast(cast) => {
                context.enter(Callback::Cast);
                server.handle_cast(cast, &context).await
            }
            Received::Other(message) => {
                context.enter(Callback::Info);
                server.handle_info(message, &context).await
            }
            Received::Stop(reason) => Next::Stop(reason),
            Received::Refused => Next::Wait,
        };
    }
}
