use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use rusm_otp::{CallError, Context, ExitReason, Message, Payload, Request};
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, TypedFunc};

use super::{Init, Refusal, Started};
use crate::Component;
use crate::code::{Code, Exports};
use crate::crash::exit_of_code;
use crate::guest::{Guest, Stops, event, noting, within};
use crate::types::{self, Event, Outcome, ShortBody, ShortOutcome, StreamHandle};

/// The exports of a service, found in one instance.
#[derive(Clone, Copy)]
pub(crate) struct Server {
    pub(super) init: TypedFunc<(u32, Bytes), (Outcome,)>,
    pub(super) handle: TypedFunc<HandleParams, (Outcome,)>,
    pub(super) info: TypedFunc<(Event,), ()>,
    pub(super) terminate: TypedFunc<(types::ExitReason,), ()>,
    pub(super) short: Option<Shortcut<ShortParams, ShortOutcome>>,
    pub(super) plain: Option<Shortcut<PlainParams, Option<Bytes>>>,
}

/// Exports that handle messages at less cost.
pub(crate) struct Shortcut<P, A> {
    pub(super) handle: TypedFunc<P, (A,)>,
    /// What `handle` left there.
    pub(super) outcome: TypedFunc<(), (Outcome,)>,
}

pub(super) type HandleParams = (u32, types::Request, Bytes, Option<u64>);
pub(super) type ShortParams = (u32, types::Request, ShortBody, Option<u64>);
/// Key, reference, arguments and stream; 0 for none.
pub(super) type PlainParams = (u32, u64, Bytes, u64);

impl Server {
    pub(super) fn find(store: &mut Store<Guest>, instance: &Instance, code: &Code) -> wasmtime::Result<Self> {
        let Exports::Service { init, handle, info, terminate, short, plain } = code.exports else {
            return Err(wasmtime::Error::msg("it has no service's exports"));
        };
        let checked = code.checked.load(Ordering::Acquire);
        let server = Self {
            init: function(store, instance, init, checked)?,
            handle: function(store, instance, handle, checked)?,
            info: function(store, instance, info, checked)?,
            terminate: function(store, instance, terminate, checked)?,
            short: Shortcut::find(store, instance, short, checked)?,
            plain: Shortcut::find(store, instance, plain, checked)?,
        };
        code.checked.store(true, Ordering::Release);
        Ok(server)
    }
}

impl<P, A> Shortcut<P, A>
where
    P: ComponentNamedList + Lower,
    A: Lift,
{
    fn find(
        store: &mut Store<Guest>,
        instance: &Instance,
        exports: Option<[ComponentExportIndex; 2]>,
        checked: bool,
    ) -> wasmtime::Result<Option<Self>> {
        let Some([handle, outcome]) = exports else { return Ok(None) };
        Ok(Some(Self {
            handle: function(store, instance, handle, checked)?,
            outcome: function(store, instance, outcome, checked)?,
        }))
    }
}

impl<P, A> Clone for Shortcut<P, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, A> Copy for Shortcut<P, A> {}

/// The one export of a raw process or a command.
pub(super) fn once_checked<P, R>(
    store: &mut Store<Guest>,
    instance: &Instance,
    export: ComponentExportIndex,
    code: &Code,
) -> wasmtime::Result<TypedFunc<P, R>>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    let found = function(store, instance, export, code.checked.load(Ordering::Acquire))?;
    code.checked.store(true, Ordering::Release);
    Ok(found)
}

/// An export as a typed function. Its type is checked in the first instance of a component; all others are the same.
fn function<P, R>(
    store: &mut Store<Guest>,
    instance: &Instance,
    export: ComponentExportIndex,
    checked: bool,
) -> wasmtime::Result<TypedFunc<P, R>>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    if !checked {
        return instance.get_typed_func(store, export);
    }
    let function = instance.get_func(store, export);
    let function = function.ok_or_else(|| wasmtime::Error::msg("an export is not a function"))?;
    // SAFETY: the same export of an earlier instance of this component had this type.
    Ok(unsafe { TypedFunc::new_unchecked(function) })
}

/// How a lane calls the exports of a service. The error of each is the end of the process.
pub(super) trait Service {
    async fn init(&mut self, key: u32, body: Bytes) -> wasmtime::Result<Outcome>;
    async fn handle(&mut self, incoming: &mut Incoming) -> wasmtime::Result<Handled>;
    async fn info(&mut self, event: Event) -> wasmtime::Result<()>;
    async fn terminate(&mut self, reason: types::ExitReason) -> wasmtime::Result<()>;

    /// It has waited for a message.
    fn fresh_turn(&mut self);

    /// Notes which function the guest is in, for crashes.
    fn enter(&mut self, function: Option<u32>);
}

/// A call or a cast on its way into a guest.
pub(super) struct Incoming {
    pub(super) key: u32,
    pub(super) request: types::Request,
    pub(super) body: Payload,
    pub(super) handle: Option<StreamHandle>,
}

/// What became of one.
pub(super) enum Handled {
    Reply(Payload),
    Later,
    Other(Outcome),
}

impl Incoming {
    /// The parameters of the export that takes it; once.
    pub(super) fn params(&mut self) -> HandleParams {
        (self.key, self.request, std::mem::take(&mut self.body).into(), self.handle)
    }

    /// The same in plain values; a cast has no reference.
    pub(super) fn plain_params(&mut self) -> PlainParams {
        let body = std::mem::take(&mut self.body).into();
        (self.key, self.request.reference, body, self.handle.unwrap_or(0))
    }
}

impl From<Outcome> for Handled {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Reply(body) => Self::Reply(body.into()),
            Outcome::Later => Self::Later,
            other => Self::Other(other),
        }
    }
}

pub(super) type CommandResult = (Result<(), ()>,);

/// A command's `main` that failed is one that ended with code 1.
pub(super) fn exit_of_command((result,): CommandResult) -> ExitReason {
    exit_of_code(if result.is_ok() { 0 } else { 1 })
}

/// The loop of a service, the same in both lanes: a message, a call of an export, what becomes of it.
pub(super) async fn serve<S: Service>(
    service: &mut S,
    context: &Context,
    component: &Component,
    init: Init,
    started: &Started,
) -> wasmtime::Result<ExitReason> {
    // A constructor may say otherwise.
    context.serves();
    service.enter(Some(init.key));
    let refusal = match service.init(init.key, init.body).await? {
        Outcome::Reply(_) | Outcome::Later => None,
        Outcome::Refused(error) => Some(Refusal::Refused(error)),
        Outcome::Malformed(text) => Some(Refusal::Malformed(text)),
        Outcome::UnknownFunction => {
            let text = format!("`{}` has no constructor with the key {:#010x}", component.name, init.key);
            Some(Refusal::Malformed(text))
        }
    };
    if let Some(refusal) = refusal {
        started.tell(Err(refusal));
        return Ok(ExitReason::Normal);
    }
    started.tell(Ok(()));
    let mut handled: u32 = 0;
    loop {
        // Pinned here, it is not moved.
        let receiving = pin!(context.receive());
        let (message, waits) = noting(receiving).await;
        if waits {
            service.fresh_turn();
        }
        handled = handled.wrapping_add(1);
        let measured = match &message {
            _ if handled % MEASURED != 1 || !component.figures.on => None,
            Message::Call(request) => Some((request.key, Instant::now())),
            Message::Cast { key, .. } => Some((*key, Instant::now())),
            _ => None,
        };
        match message {
            Message::Call(request) => answer(service, context, component, request).await?,
            Message::Cast { sender, key, body } => {
                service.enter(Some(key));
                let request = types::Request::cast(sender);
                let mut incoming = Incoming { key, request, body, handle: None };
                let answer = service.handle(&mut incoming).await?;
                log_cast(context, component, key, &answer);
            }
            Message::Exit { pid, reason } if Stops::of(context).has(pid, &reason) => {
                service.enter(None);
                service.terminate(reason.clone().into()).await?;
                return Ok(reason);
            }
            other => {
                service.enter(None);
                if let Some(event) = event(context, other) {
                    service.info(event).await?;
                }
            }
        }
        if let Some((key, begun)) = measured {
            component.figures.handled(key, begun.elapsed());
        }
    }
}

async fn answer<S: Service>(
    service: &mut S,
    context: &Context,
    component: &Component,
    request: Box<Request>,
) -> wasmtime::Result<()> {
    let most = component.profile.limits.handles;
    let Some(mut request) = within(request, context, most) else { return Ok(()) };
    let (key, reference) = (request.key, request.reference);
    if let Some(misfit) = component.misfit(key, request.stream.as_ref()) {
        if let Some(end) = request.stream.take() {
            end.abort("the call was not taken");
        }
        context.reply(reference, Err(CallError::Malformed(misfit)));
        return Ok(());
    }
    service.enter(Some(key));
    let handle = request.stream.take().map(|end| context.own_stream(end));
    let mut incoming = Incoming {
        key,
        request: types::Request::call(request.sender, reference),
        body: std::mem::take(&mut request.body),
        handle,
    };
    drop(request);
    let reply = match service.handle(&mut incoming).await? {
        Handled::Reply(body) => Ok(body),
        Handled::Later => return Ok(()),
        Handled::Other(outcome) => Err(refusal(component, key, outcome)),
    };
    if reply.is_err()
        && let Some(handle) = handle
    {
        let both = context.other_stream(handle).into_iter().chain([handle]);
        both.filter_map(|handle| context.take_stream(handle))
            .for_each(|end| end.abort("the call was not taken"));
    }
    context.reply(reference, reply);
    Ok(())
}

/// Why a service has not taken a call.
#[cold]
fn refusal(component: &Component, key: u32, outcome: Outcome) -> CallError {
    match outcome {
        Outcome::UnknownFunction => {
            CallError::UnknownFunction(format!("`{}` has no function {key:#010x}", component.name))
        }
        Outcome::Malformed(text) => CallError::Malformed(format!("{}: {text}", component.function_name(key))),
        _ => CallError::Malformed("only a constructor refuses".into()),
    }
}

fn log_cast(context: &Context, component: &Component, key: u32, answer: &Handled) {
    let what = match answer {
        Handled::Other(Outcome::UnknownFunction) => "a cast of an unknown function".to_owned(),
        Handled::Other(Outcome::Malformed(text)) => format!("a malformed cast: {text}"),
        _ => return,
    };
    let function = component.function_name(key);
    tracing::warn!(component = %component.name, pid = %context.pid(), %function, "{what}");
}

/// Two looks at the clock take a twentieth of the shortest message.
const MEASURED: u32 = 64;
