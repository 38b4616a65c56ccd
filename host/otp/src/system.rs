use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::timers::deadline;
use crate::{CallError, Context, Message, Payload, Pid, Target};

/// What a server or a state machine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerStatus {
    /// Whether it was suspended.
    pub suspended: bool,
    /// Its state, as its `format_status` tells it.
    pub state: String,
}

/// Lets a server or a state machine handle nothing more until [`resume`]: what is sent meanwhile waits. Its parent can
/// still end it. Erlang's `sys:suspend`.
///
/// # Errors
/// [`CallError`]; `unknown function` if the process is neither.
pub async fn suspend(context: &Context, target: &Target, limit: Duration) -> Result<(), CallError> {
    ask(context, target, What::Suspend, limit).await.map(drop)
}

/// Lets it go on.
///
/// # Errors
/// [`CallError`].
pub async fn resume(context: &Context, target: &Target, limit: Duration) -> Result<(), CallError> {
    ask(context, target, What::Resume, limit).await.map(drop)
}

/// What it says of itself: Erlang's `sys:get_status`.
///
/// # Errors
/// [`CallError`].
pub async fn status(context: &Context, target: &Target, limit: Duration) -> Result<ServerStatus, CallError> {
    ask(context, target, What::Status, limit).await
}

#[derive(Clone, Copy)]
enum What {
    Suspend,
    Resume,
    Status,
}

/// What travels.
struct SystemCall(What, Arc<Mutex<Option<ServerStatus>>>);

async fn ask(
    context: &Context,
    target: &Target,
    what: What,
    limit: Duration,
) -> Result<ServerStatus, CallError> {
    let answer = Arc::default();
    let term = Box::new(SystemCall(what, Arc::clone(&answer)));
    let pending = context.runtime().call_term(context.pid(), target, term, Some(deadline(limit)))?;
    context.answer(pending).await?;
    answer.lock().take().ok_or(CallError::Cancelled)
}

/// The next message for a server, which may be suspended; none once the time is up.
pub(crate) async fn receive(
    context: &Context,
    parent: Pid,
    suspended: bool,
    limit: Option<Duration>,
) -> Option<Message> {
    let is_for_suspended = |message: &Message| match message {
        Message::Call(request) => request.term.as_ref().is_some_and(|term| term.is::<SystemCall>()),
        Message::Exit { pid, .. } => *pid == parent,
        _ => false,
    };
    match limit {
        _ if suspended => Some(context.receive_matching(is_for_suspended).await),
        Some(limit) => context.receive_within(limit, |_| true).await,
        None => Some(context.receive().await),
    }
}

/// Does what a system message says; any other message comes back.
pub(crate) fn obey(
    context: &Context,
    message: Message,
    suspended: &mut bool,
    state: impl FnOnce() -> String,
) -> Option<Message> {
    let mut request = match message {
        Message::Call(request) => request,
        message => return Some(message),
    };
    let call = match request.term.take() {
        Some(term) if term.is::<SystemCall>() => term.downcast::<SystemCall>(),
        term => {
            request.term = term;
            return Some(Message::Call(request));
        }
    };
    let Ok(call) = call else { return None };
    let SystemCall(what, answer) = *call;
    match what {
        What::Suspend => *suspended = true,
        What::Resume => *suspended = false,
        What::Status => {}
    }
    *answer.lock() = Some(ServerStatus { suspended: *suspended, state: state() });
    context.reply(request.reference, Ok(Payload::new()));
    None
}
