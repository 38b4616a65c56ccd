use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::gen_server::serve;
use crate::{
    CallError, CallFrom, ChildSpec, Context, ExitReason, GenServer, Next, Runtime, SendError, ServerError,
    ServerRef, SpawnOptions, Target, start_server,
};

/// A process that keeps a value, which others look at and change: Elixir's `Agent`.
///
/// What it is given runs in its own process, one after the other. If that panics, the agent
/// crashes, and its callers hear of it.
///
/// ```
/// use std::time::Duration;
///
/// use rusm_otp::{Agent, ExitReason, Runtime, SpawnOptions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let runtime = Runtime::new();
/// let names = Agent::start(&runtime, SpawnOptions::new("names"), Vec::new).await.unwrap();
/// let (done, heard) = tokio::sync::oneshot::channel();
/// runtime.spawn(SpawnOptions::new("client"), move |context| async move {
///     let limit = Duration::from_secs(5);
///     names.update(&context, |names| names.push("Joe"), limit).await.unwrap();
///     names.cast(&context, |names| names.push("Mike")).unwrap();
///     done.send(names.get(&context, |names| names.join(" and "), limit).await).ok();
///     ExitReason::Normal
/// }).unwrap();
/// assert_eq!(heard.await.unwrap().unwrap(), "Joe and Mike");
/// # }
/// ```
pub struct Agent<S> {
    server: ServerRef<Keeper<S>>,
}

// None of these is an `async fn`: from such a one the compiler does not learn that its future is
// `Send` where the value has a `&'static str` in it.
impl<S: Send + 'static> Agent<S> {
    /// Starts one, with the value that `init` makes there.
    ///
    /// # Errors
    /// [`ServerError`]; `init` if it panics.
    pub fn start(
        runtime: &Runtime,
        options: SpawnOptions,
        init: impl FnOnce() -> S + Send + 'static,
    ) -> impl Future<Output = Result<Self, ServerError>> + Send {
        let started = start_server::<Keeper<S>>(runtime, options, Box::new(init));
        async { started.await.map(|server| Self { server }) }
    }

    /// The agent that is this process, or has this name at each call. One that keeps another kind
    /// of value answers `unknown function`.
    pub fn new(target: impl Into<Target>) -> Self {
        Self { server: ServerRef::new(target) }
    }

    /// Where its messages go.
    pub fn target(&self) -> &Target {
        self.server.target()
    }

    /// Looks at the value.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn get<T: Send + 'static>(
        &self,
        context: &Context,
        look: impl FnOnce(&S) -> T + Send + 'static,
        limit: Duration,
    ) -> impl Future<Output = Result<T, CallError>> + Send {
        self.get_and_update(context, |value| look(value), limit)
    }

    /// Changes the value, and waits until that is done.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn update(
        &self,
        context: &Context,
        change: impl FnOnce(&mut S) + Send + 'static,
        limit: Duration,
    ) -> impl Future<Output = Result<(), CallError>> + Send {
        self.get_and_update(context, change, limit)
    }

    /// Changes the value, and says what came of it.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn get_and_update<T: Send + 'static>(
        &self,
        context: &Context,
        change: impl FnOnce(&mut S) -> T + Send + 'static,
        limit: Duration,
    ) -> impl Future<Output = Result<T, CallError>> + Send {
        let ask: Ask<S> = Box::new(|value| Box::new(change(value)));
        let answer = self.server.call(context, ask, limit);
        async {
            let answer = answer.await?.downcast();
            answer.map(|answer| *answer).map_err(|_| CallError::Malformed("another type".into()))
        }
    }

    /// Changes the value; nobody waits.
    ///
    /// # Errors
    /// [`SendError`] if its mailbox is full.
    pub fn cast(
        &self,
        context: &Context,
        change: impl FnOnce(&mut S) + Send + 'static,
    ) -> Result<(), SendError> {
        self.server.cast(context, Box::new(change))
    }

    /// Ends it, after what was asked of it before, and waits until it is gone.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn stop(
        &self,
        context: &Context,
        limit: Duration,
    ) -> impl Future<Output = Result<(), CallError>> + Send {
        self.server.stop(context, ExitReason::Normal, limit)
    }
}

impl<S> Clone for Agent<S> {
    fn clone(&self) -> Self {
        Self { server: self.server.clone() }
    }
}

impl<S> fmt::Debug for Agent<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("server", &self.server).finish()
    }
}

impl ChildSpec {
    /// A permanent child that is an agent, registered under its id; each start makes its value
    /// anew.
    pub fn agent<S: Send + 'static>(
        id: impl Into<Arc<str>>,
        init: impl Fn() -> S + Send + Sync + 'static,
    ) -> Self {
        let init = Arc::new(init);
        Self::registered(id.into(), move |context, ready| {
            let init = init.clone();
            serve::<Keeper<S>>(Box::new(move || init()), context, ready)
        })
    }
}

/// The server behind an agent.
struct Keeper<S>(S);

type Init<S> = Box<dyn FnOnce() -> S + Send>;
type Ask<S> = Box<dyn FnOnce(&mut S) -> Answer + Send>;
type Answer = Box<dyn Any + Send>;
type Change<S> = Box<dyn FnOnce(&mut S) + Send>;

impl<S: Send + 'static> GenServer for Keeper<S> {
    type Args = Init<S>;
    type Call = Ask<S>;
    type Reply = Answer;
    type Cast = Change<S>;

    async fn init(init: Init<S>, _: &Context) -> Result<(Self, Next), ExitReason> {
        Ok((Self(init()), Next::Wait))
    }

    async fn handle_call(&mut self, ask: Ask<S>, from: CallFrom<Answer>, _: &Context) -> Next {
        from.reply(ask(&mut self.0));
        Next::Wait
    }

    async fn handle_cast(&mut self, change: Change<S>, _: &Context) -> Next {
        change(&mut self.0);
        Next::Wait
    }
}
