use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::coop::consume_budget;

use crate::process::Callback;
use crate::system;
use crate::typed::{self, Client, Protocol, Ready, Received, drop_at_end, initialised, parent_of};
use crate::{
    CallError, CallFrom, ChildSpec, Context, ExitReason, Message, Pid, Runtime, SendError, ServerError,
    SpawnOptions, Target,
};

mod timeouts;

use timeouts::{Fired, Settings, Timeout, Timeouts};

/// A process that handles each event by the state that it is in: Erlang's `gen_statem`, with
/// `handle_event_function`.
///
/// The value itself is what Erlang calls the data; the state is what decides when postponed events
/// are tried again and when a state timeout ends. Where Erlang differs, beside what is said of
/// [`GenServer`](crate::GenServer): an [`enter`](Self::enter) cannot repeat itself or add events;
/// the first state is entered from none, and not from itself; [`Transition::internal`] adds an
/// event of its own kind only; timeouts carry nothing.
///
/// ```
/// use std::time::Duration;
///
/// use rusm_otp::{
///     CallFrom, Context, Event, ExitReason, Runtime, SpawnOptions, StateMachine, Transition, start_state_machine,
/// };
///
/// /// A door that opens by its code, and closes by itself.
/// struct Door {
///     code: u32,
/// }
///
/// #[derive(Clone, PartialEq)]
/// enum Is {
///     Locked,
///     Open,
/// }
///
/// impl StateMachine for Door {
///     type Args = u32;
///     type State = Is;
///     type Call = ();
///     type Reply = &'static str;
///     type Cast = u32;
///
///     async fn init(code: u32, _: &Context) -> Result<(Self, Is, Transition<Self>), ExitReason> {
///         Ok((Door { code }, Is::Locked, Transition::keep()))
///     }
///
///     async fn handle_event(&mut self, is: &Is, event: Event<Self>, _: &Context) -> Transition<Self> {
///         match (is, event) {
///             (Is::Locked, Event::Cast(code)) if code == self.code => {
///                 Transition::next(Is::Open).state_timeout(Duration::from_secs(10))
///             }
///             (Is::Open, Event::StateTimeout) => Transition::next(Is::Locked),
///             // A caller that wants to go in waits until it is open.
///             (Is::Locked, call @ Event::Call(..)) => Transition::keep().postpone(call),
///             (Is::Open, Event::Call((), from)) => {
///                 from.reply("come in");
///                 Transition::keep()
///             }
///             _ => Transition::keep(),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let runtime = Runtime::new();
/// let door = start_state_machine::<Door>(&runtime, SpawnOptions::new("door"), 1234).await.unwrap();
/// let (done, heard) = tokio::sync::oneshot::channel();
/// runtime.spawn(SpawnOptions::new("visitor"), move |context| async move {
///     door.cast(&context, 1234).unwrap();
///     done.send(door.call(&context, (), Duration::from_secs(5)).await).ok();
///     ExitReason::Normal
/// }).unwrap();
/// assert_eq!(heard.await.unwrap(), Ok("come in"));
/// # }
/// ```
pub trait StateMachine: Sized + Send + 'static {
    /// What it is started with.
    type Args: Send + 'static;
    /// What it is in.
    type State: Clone + PartialEq + Send + Sync + 'static;
    /// What it can be asked.
    type Call: Send + 'static;
    /// What it answers.
    type Reply: Send + 'static;
    /// What it can be told, by others and by itself.
    type Cast: Send + 'static;

    /// Makes the machine, its first state and what is to be done there, which may be
    /// [`Transition::keep`]. The starter waits for it; an error ends the process, and is the
    /// starter's error.
    fn init(
        args: Self::Args,
        context: &Context,
    ) -> impl Future<Output = Result<(Self, Self::State, Transition<Self>), ExitReason>> + Send;

    /// Handles an event.
    fn handle_event(
        &mut self,
        state: &Self::State,
        event: Event<Self>,
        context: &Context,
    ) -> impl Future<Output = Transition<Self>> + Send;

    /// Comes into a state, before any event is handled there: from none at the start, from the same
    /// one after [`Transition::repeat`]. Does nothing, if it is not overwritten.
    fn enter(
        &mut self,
        old: Option<&Self::State>,
        state: &Self::State,
        context: &Context,
    ) -> impl Future<Output = Entry> + Send {
        let _ = (old, state, context);
        std::future::ready(Entry::keep())
    }

    /// Its data and its state as a text, for [`status`](crate::status); the name of its type, if it is not overwritten.
    fn format_status(&self, state: &Self::State) -> String {
        let _ = state;
        std::any::type_name::<Self>().to_owned()
    }

    /// The machine is about to end in good order: by a transition or an entry that stops it, by
    /// [`StateMachineRef::stop`], or by its parent's exit if it traps exits.
    fn terminate(
        &mut self,
        reason: &ExitReason,
        state: &Self::State,
        context: &Context,
    ) -> impl Future<Output = ()> + Send {
        let _ = (reason, state, context);
        std::future::ready(())
    }
}

/// What a state machine handles.
pub enum Event<M: StateMachine> {
    /// A call. It is answered with [`CallFrom::reply`], now or in a later event.
    Call(M::Call, CallFrom<M::Reply>),
    /// Somebody tells it something.
    Cast(M::Cast),
    /// Everything else: mail, ends of other processes, timers of its own.
    Info(Message),
    /// What it told itself by [`Transition::internal`].
    Internal(M::Cast),
    /// It was in its state for so long.
    StateTimeout,
    /// No event came for so long.
    EventTimeout,
    /// The time of this name is up.
    Timeout(Arc<str>),
}

/// What a state machine does when it has handled an event.
#[must_use = "a transition does nothing until the machine has it"]
pub struct Transition<M: StateMachine> {
    to: To<M::State>,
    postponed: Option<Event<M>>,
    internal: Vec<Event<M>>,
    timeouts: Settings,
}

enum To<S> {
    Keep,
    Next(S),
    Repeat,
    Stop(ExitReason),
}

/// What a state machine does when it has come into a state.
#[must_use = "an entry does nothing until the machine has it"]
#[derive(Debug, Default)]
pub struct Entry {
    stop: Option<ExitReason>,
    timeouts: Settings,
}

impl<M: StateMachine> Transition<M> {
    /// Stays in its state.
    pub fn keep() -> Self {
        Self::to(To::Keep)
    }

    /// Goes to a state. If it is another one, its state timeout ends, and what was postponed is
    /// handled again; the same one is as [`keep`](Self::keep).
    pub fn next(state: M::State) -> Self {
        Self::to(To::Next(state))
    }

    /// Stays in its state, but enters it again.
    pub fn repeat() -> Self {
        Self::to(To::Repeat)
    }

    /// Ends. Nothing else that the transition says is done; calls that are not answered have the
    /// reason as their answer.
    pub fn stop(reason: ExitReason) -> Self {
        Self::to(To::Stop(reason))
    }

    fn to(to: To<M::State>) -> Self {
        Self { to, postponed: None, internal: Vec::new(), timeouts: Settings::default() }
    }

    /// Gives back the event, to be handled again in the next other state: before anything that
    /// comes later, in the order in which postponed events came.
    pub fn postpone(mut self, event: Event<M>) -> Self {
        self.postponed = Some(event);
        self
    }

    /// Adds an event that is handled before all others; several ones in their order.
    pub fn internal(mut self, event: M::Cast) -> Self {
        self.internal.push(Event::Internal(event));
        self
    }

    /// Lets [`Event::StateTimeout`] come after a while in the state that it goes to; none cancels
    /// it. A state timeout that runs is replaced. One without a time comes after the events that
    /// are there, before anything from outside.
    pub fn state_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.timeouts.add(Timeout::State, time.into());
        self
    }

    /// Lets [`Event::EventTimeout`] come if no event does for a while; one that is there already is
    /// an event.
    pub fn event_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.timeouts.add(Timeout::Event, time.into());
        self
    }

    /// Lets [`Event::Timeout`] come after a while, whatever happens until then; none cancels it.
    /// One of the same name that runs is replaced.
    pub fn timeout(mut self, name: impl Into<Arc<str>>, time: impl Into<Option<Duration>>) -> Self {
        self.timeouts.add(Timeout::Named(name.into()), time.into());
        self
    }
}

impl Entry {
    /// Stays.
    pub fn keep() -> Self {
        Self::default()
    }

    /// Ends, as [`Transition::stop`].
    pub fn stop(reason: ExitReason) -> Self {
        Self { stop: Some(reason), ..Self::default() }
    }

    /// As [`Transition::state_timeout`], for the state that was entered. It holds against the
    /// transition's own.
    pub fn state_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.timeouts.add(Timeout::State, time.into());
        self
    }

    /// As [`Transition::event_timeout`].
    pub fn event_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.timeouts.add(Timeout::Event, time.into());
        self
    }

    /// As [`Transition::timeout`].
    pub fn timeout(mut self, name: impl Into<Arc<str>>, time: impl Into<Option<Duration>>) -> Self {
        self.timeouts.add(Timeout::Named(name.into()), time.into());
        self
    }
}

impl<M: StateMachine> From<Timeout> for Event<M> {
    fn from(timeout: Timeout) -> Self {
        match timeout {
            Timeout::State => Self::StateTimeout,
            Timeout::Event => Self::EventTimeout,
            Timeout::Named(name) => Self::Timeout(name),
        }
    }
}

impl<M: StateMachine> fmt::Debug for Event<M> {
    /// Without what it carries, which may have no such form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(_, from) => f.debug_tuple("Call").field(from).finish(),
            Self::Cast(_) => f.write_str("Cast"),
            Self::Info(message) => f.debug_tuple("Info").field(message).finish(),
            Self::Internal(_) => f.write_str("Internal"),
            Self::StateTimeout => f.write_str("StateTimeout"),
            Self::EventTimeout => f.write_str("EventTimeout"),
            Self::Timeout(name) => f.debug_tuple("Timeout").field(name).finish(),
        }
    }
}

struct Machine<M>(PhantomData<fn() -> M>);

impl<M: StateMachine> Protocol for Machine<M> {
    type Call = M::Call;
    type Reply = M::Reply;
    type Cast = M::Cast;
}

/// A state machine, as its callers know it.
pub struct StateMachineRef<M> {
    client: Client<Machine<M>>,
}

impl<M: StateMachine> StateMachineRef<M> {
    /// The machine that is this process, or has this name at each call. Nothing checks that it is
    /// of this kind: one that is not answers `unknown function`.
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
        call: M::Call,
        limit: Duration,
    ) -> Result<M::Reply, CallError> {
        self.client.call(context, call, limit).await
    }

    /// Tells it something; nobody waits.
    ///
    /// # Errors
    /// [`SendError`] if its mailbox is full.
    pub fn cast(&self, context: &Context, cast: M::Cast) -> Result<(), SendError> {
        self.client.cast(context, cast)
    }

    /// Ends it by [`StateMachine::terminate`], after what was sent to it before, and waits until it
    /// is gone.
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

impl<M> Clone for StateMachineRef<M> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone() }
    }
}

impl<M> fmt::Debug for StateMachineRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateMachineRef").field(&self.client.target).finish()
    }
}

/// Starts a state machine and waits until its `init` is done.
///
/// # Errors
/// [`ServerError`].
pub async fn start_state_machine<M: StateMachine>(
    runtime: &Runtime,
    options: SpawnOptions,
    args: M::Args,
) -> Result<StateMachineRef<M>, ServerError> {
    let pid = typed::start(runtime, options, |context, ready| run::<M>(args, context, ready)).await?;
    Ok(StateMachineRef::new(pid))
}

impl ChildSpec {
    /// A permanent child that is a state machine, registered under its id.
    pub fn state_machine<M: StateMachine<Args: Clone + Sync>>(
        id: impl Into<Arc<str>>,
        args: M::Args,
    ) -> Self {
        Self::registered(id.into(), move |context, ready| run::<M>(args.clone(), context, ready))
    }
}

async fn run<M: StateMachine>(args: M::Args, context: Context, ready: Ready) -> ExitReason {
    let (machine, state, first) = match initialised(M::init(args, &context), &context, ready).await {
        Ok(started) => started,
        Err(reason) => return reason,
    };
    let parent = parent_of(&context);
    let (queue, postponed, timeouts) = (VecDeque::new(), Vec::new(), Timeouts::default());
    let mut running =
        Running { machine, state, queue, postponed, timeouts, parent, suspended: false, context };
    let reason = match running.start(first).await {
        Ok(()) => running.handle_events().await,
        Err(reason) => reason,
    };
    running.context.enter(Callback::Terminate);
    running.machine.terminate(&reason, &running.state, &running.context).await;
    drop_at_end(running);
    reason
}

struct Running<M: StateMachine> {
    machine: M,
    state: M::State,
    /// To be handled before anything from the mailbox: internal events, and those that were
    /// postponed in another state.
    queue: VecDeque<Event<M>>,
    /// In the order in which they were postponed.
    postponed: Vec<Event<M>>,
    timeouts: Timeouts,
    parent: Pid,
    suspended: bool,
    context: Context,
}

impl<M: StateMachine> Running<M> {
    /// The first state is entered whatever the transition says.
    async fn start(&mut self, mut first: Transition<M>) -> Result<(), ExitReason> {
        match std::mem::replace(&mut first.to, To::Keep) {
            To::Keep | To::Repeat => {}
            To::Next(state) => self.state = state,
            To::Stop(reason) => return Err(reason),
        }
        self.enter(None, &mut first.timeouts).await?;
        self.go_on(first);
        Ok(())
    }

    /// Until there is a reason to end.
    async fn handle_events(&mut self) -> ExitReason {
        loop {
            let event = match self.next_event().await {
                Ok(event) => event,
                Err(reason) => return reason,
            };
            self.context.enter(Callback::Event);
            let transition = self.machine.handle_event(&self.state, event, &self.context).await;
            if let Err(reason) = self.make(transition).await {
                return reason;
            }
        }
    }

    async fn next_event(&mut self) -> Result<Event<M>, ExitReason> {
        if let Some(event) = self.queue.pop_front() {
            // One that keeps itself busy can still be ended.
            consume_budget().await;
            return Ok(event);
        }
        if let Some(timeout) = self.timeouts.take_due() {
            consume_budget().await;
            return Ok(timeout.into());
        }
        loop {
            self.context.enter(Callback::None);
            let message = system::receive(&self.context, self.parent, self.suspended, None).await;
            let state = || self.machine.format_status(&self.state);
            let message =
                message.and_then(|message| system::obey(&self.context, message, &mut self.suspended, state));
            let Some(message) = message else { continue };
            match Received::<Machine<M>>::new(message, self.parent, &self.context) {
                Received::Call(call, from) => return Ok(Event::Call(call, from)),
                Received::Cast(cast) => return Ok(Event::Cast(cast)),
                Received::Stop(reason) => return Err(reason),
                Received::Refused => {}
                Received::Other(Message::Timer { timer, body }) => match self.timeouts.fired(timer) {
                    Fired::Timeout(timeout) => return Ok(timeout.into()),
                    Fired::Foreign => return Ok(Event::Info(Message::Timer { timer, body })),
                    Fired::Stale => {}
                },
                Received::Other(message) => return Ok(Event::Info(message)),
            }
        }
    }

    async fn make(&mut self, mut transition: Transition<M>) -> Result<(), ExitReason> {
        // First of all: if the machine ends, its callers hear of that.
        self.postponed.extend(transition.postponed.take());
        let old = match std::mem::replace(&mut transition.to, To::Keep) {
            To::Stop(reason) => return Err(reason),
            To::Next(next) if next != self.state => Some(std::mem::replace(&mut self.state, next)),
            To::Repeat => {
                let state = self.state.clone();
                self.enter(Some(&state), &mut transition.timeouts).await?;
                None
            }
            To::Keep | To::Next(_) => None,
        };
        self.timeouts.cancel(&Timeout::Event, &self.context);
        if let Some(old) = old {
            self.enter(Some(&old), &mut transition.timeouts).await?;
            self.timeouts.cancel(&Timeout::State, &self.context);
            self.retry_postponed();
        }
        self.go_on(transition);
        Ok(())
    }

    async fn enter(&mut self, old: Option<&M::State>, timeouts: &mut Settings) -> Result<(), ExitReason> {
        self.context.enter(Callback::Enter);
        let entry = self.machine.enter(old, &self.state, &self.context).await;
        timeouts.append(entry.timeouts);
        entry.stop.map_or(Ok(()), Err)
    }

    fn retry_postponed(&mut self) {
        for event in self.postponed.drain(..).rev() {
            self.queue.push_front(event);
        }
    }

    fn go_on(&mut self, transition: Transition<M>) {
        for event in transition.internal.into_iter().rev() {
            self.queue.push_front(event);
        }
        self.timeouts.apply(transition.timeouts, &self.context);
    }
}
