use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use rusm_otp::{CallError, Context, ExitReason, Message, PendingCall, Reference, Request};
use tokio::sync::oneshot;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, TypedFunc};
use wasmtime::{AsContextMut, Store};

use crate::capacity::Place;
use crate::component::{Code, Exports};
use crate::crash::exit_reason;
use crate::limits::Limits;
use crate::types::{self, Event, Outcome, RequestKind};
use crate::wasi::LazyWasi;
use crate::{Component, Engine, Lane, Profile};

mod async_lane;
mod sync_lane;

/// What a process's store holds: everything that host functions need.
pub(crate) struct Guest {
    pub(crate) context: Context,
    pub(crate) engine: Engine,
    pub(crate) component: Arc<Component>,
    pub(crate) profile: Arc<Profile>,
    pub(crate) wasi: LazyWasi,
    /// Calls that were started and not waited for.
    pub(crate) calls: HashMap<Reference, StartedCall>,
    /// Exports of the guest that wait to be woken by another one.
    pub(crate) parked: HashMap<u64, oneshot::Sender<()>>,
    /// Answers that it got without a wait, since it last had to wait.
    pub(crate) answers_now: u32,
    /// What the guest told of a crash that is about to come: text and backtrace.
    pub(crate) reported_crash: Option<(String, String)>,
    /// The function that is being handled.
    pub(crate) function: Option<u32>,
    limits: Limits,
}

pub(crate) struct StartedCall {
    pub(crate) pending: PendingCall,
    /// The deadline that begins when the caller waits, for a call that it feeds with a stream first.
    pub(crate) limit: Option<Duration>,
}

/// What a constructor is called with.
pub(crate) struct Init {
    pub(crate) key: u32,
    pub(crate) body: Bytes,
}

/// Why a process did not start.
pub(crate) enum Refusal {
    Refused(Bytes),
    Malformed(String),
    Exited(ExitReason),
    Capacity(String),
}

/// Tells whoever spawned a process how its start went; once.
#[derive(Clone)]
pub(crate) struct Started(Arc<Mutex<Option<StartSender>>>);

pub(crate) type StartSender = oneshot::Sender<Result<(), Refusal>>;

impl Started {
    pub(crate) fn new(sender: StartSender) -> Self {
        Self(Arc::new(Mutex::new(Some(sender))))
    }

    fn tell(&self, outcome: Result<(), Refusal>) {
        if let Some(sender) = self.0.lock().take() {
            // Whoever spawned it may be gone: then a link tells the process.
            let _ = sender.send(outcome);
        }
    }
}

/// What a process is made of.
pub(crate) struct Birth {
    pub(crate) engine: Engine,
    pub(crate) component: Arc<Component>,
    pub(crate) code: Arc<Code>,
    pub(crate) profile: Arc<Profile>,
    pub(crate) init: Init,
    pub(crate) started: Started,
    /// Given back when the process has ended.
    pub(crate) place: Place,
}

/// The whole life of a process.
pub(crate) async fn run(birth: Birth, context: Context) -> ExitReason {
    let Birth { engine, component, code, profile, init, started, place: _place } = birth;
    let lane = component.lane;
    let guest = Guest {
        context,
        component,
        limits: Limits::new(profile.memory),
        profile,
        wasi: LazyWasi::default(),
        calls: HashMap::new(),
        parked: HashMap::new(),
        answers_now: 0,
        reported_crash: None,
        function: None,
        engine,
    };
    let mut store = Store::new(&code.engine, guest);
    store.limiter(|guest| &mut guest.limits);
    // A new store's deadline has passed already: without this, each one would yield at its first step.
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    let ended = match lane {
        Lane::Sync => sync_lane::run(&mut store, &code, init, &started).await,
        Lane::Async => async_lane::run(&mut store, &code, init, &started).await,
    };
    let reason = ended.unwrap_or_else(|error| {
        if error.downcast_ref::<wasmtime::PoolConcurrencyLimitError>().is_some() {
            started.tell(Err(Refusal::Capacity(format!("{error:#}"))));
        }
        exit_reason(store.data_mut(), &error)
    });
    if let ExitReason::Crash(crash) = &reason {
        tracing::error!(
            component = %crash.component,
            pid = %crash.pid,
            function = %crash.function,
            backtrace = %crash.backtrace,
            "crash: {}", crash.text
        );
    }
    started.tell(Err(Refusal::Exited(reason.clone())));
    reason
}

/// The exports of a service, found in one instance.
#[derive(Clone, Copy)]
pub(crate) struct Server {
    init: TypedFunc<(u32, Bytes), (Outcome,)>,
    handle: TypedFunc<HandleParams, (Outcome,)>,
    info: TypedFunc<(Event,), ()>,
    terminate: TypedFunc<(types::ExitReason,), ()>,
}

type HandleParams = (u32, types::Request, Bytes, Option<u64>);

impl Server {
    fn find(store: &mut Store<Guest>, instance: &Instance, code: &Code) -> wasmtime::Result<Self> {
        let Exports::Service { init, handle, info, terminate } = code.exports else {
            return Err(wasmtime::Error::msg("a raw process has no service's exports"));
        };
        let checked = code.checked.load(Ordering::Acquire);
        let server = Self {
            init: function(store, instance, init, checked)?,
            handle: function(store, instance, handle, checked)?,
            info: function(store, instance, info, checked)?,
            terminate: function(store, instance, terminate, checked)?,
        };
        code.checked.store(true, Ordering::Release);
        Ok(server)
    }
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
trait Service {
    async fn init(&mut self, key: u32, body: Bytes) -> wasmtime::Result<Outcome>;
    async fn handle(&mut self, params: HandleParams) -> wasmtime::Result<Outcome>;
    async fn info(&mut self, event: Event) -> wasmtime::Result<()>;
    async fn terminate(&mut self, reason: types::ExitReason) -> wasmtime::Result<()>;

    /// Notes which function the guest is in, for crashes.
    fn enter(&mut self, function: Option<u32>);
}

/// The loop of a service, the same in both lanes: a message, a call of an export, what becomes of it.
async fn serve<S: Service>(
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
    loop {
        match context.receive().await {
            Message::Call(request) => answer(service, context, component, *request).await?,
            Message::Cast { sender, key, body } => {
                service.enter(Some(key));
                let request = types::Request { sender: sender.into(), reference: 0, kind: RequestKind::Cast };
                let outcome = service.handle((key, request, body, None)).await?;
                log_cast(context, component, key, &outcome);
            }
            Message::Exit { pid, reason } if is_stop(context, pid, &reason) => {
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
    }
}

async fn answer<S: Service>(
    service: &mut S,
    context: &Context,
    component: &Component,
    request: Request,
) -> wasmtime::Result<()> {
    let Request { sender, reference, key, body, stream, .. } = request;
    service.enter(Some(key));
    let handle = stream.map(|end| context.own_stream(end));
    let request = types::Request { sender: sender.into(), reference, kind: RequestKind::Call };
    let outcome = service.handle((key, request, body, handle)).await?;
    let reply = match outcome {
        Outcome::Reply(body) => Ok(body),
        Outcome::Later => return Ok(()),
        Outcome::UnknownFunction => {
            Err(CallError::UnknownFunction(format!("`{}` has no function {key:#010x}", component.name)))
        }
        Outcome::Malformed(text) => {
            Err(CallError::Malformed(format!("{}: {text}", component.function_name(key))))
        }
        Outcome::Refused(_) => Err(CallError::Malformed("only a constructor refuses".into())),
    };
    if reply.is_err()
        && let Some(end) = handle.and_then(|handle| context.take_stream(handle))
    {
        end.abort("the call was not taken");
    }
    context.reply(reference, reply);
    Ok(())
}

/// Whether an exit ends the service in good order: its parent's, or a request to stop that it does not trap.
fn is_stop(context: &Context, pid: rusm_otp::Pid, reason: &ExitReason) -> bool {
    let info = context.runtime().info(context.pid());
    let traps = info.is_some_and(|info| info.trap_exit);
    let asked = matches!(reason, ExitReason::Shutdown | ExitReason::ShutdownWith(_));
    asked && (!traps || context.runtime().parent(context.pid()) == Some(pid))
}

fn log_cast(context: &Context, component: &Component, key: u32, outcome: &Outcome) {
    let what = match outcome {
        Outcome::UnknownFunction => "a cast of an unknown function".to_owned(),
        Outcome::Malformed(text) => format!("a malformed cast: {text}"),
        _ => return,
    };
    let function = component.function_name(key);
    tracing::warn!(component = %component.name, pid = %context.pid(), %function, "{what}");
}

/// A message as a guest sees it.
pub(crate) fn event(context: &Context, message: Message) -> Option<Event> {
    Some(match message {
        Message::Mail { sender, body } => {
            Event::Mail(types::Mail { sender: sender.into(), body: body.into() })
        }
        Message::Call(request) => {
            let origin = types::Request {
                sender: request.sender.into(),
                reference: request.reference,
                kind: RequestKind::Call,
            };
            let handle = request.stream.map(|end| context.own_stream(end));
            Event::Delivery(types::Delivery { request: origin, key: request.key, body: request.body, handle })
        }
        Message::Cast { sender, key, body } => {
            let request = types::Request { sender: sender.into(), reference: 0, kind: RequestKind::Cast };
            Event::Delivery(types::Delivery { request, key, body, handle: None })
        }
        Message::Down { monitor, pid, reason } => {
            Event::Down(types::Down { monitor, pid: pid.into(), reason: reason.into() })
        }
        Message::Exit { pid, reason } => Event::Exit(types::Exit { pid: pid.into(), reason: reason.into() }),
        Message::Timer { timer, body } => Event::Timer(types::Timer { timer, body }),
        // Values of Rust and groups are for native processes.
        Message::Term { .. } | Message::Group { .. } => return None,
        Message::Demand { handle } => Event::Demand(handle),
        Message::StreamEnd { handle, reason } => {
            Event::StreamEnd(types::StreamEnd { handle, reason: reason.into() })
        }
    })
}

/// A guest that comes out of a wait gets a whole turn.
pub(crate) fn fresh_turn(store: &mut impl AsContextMut) {
    store.as_context_mut().set_epoch_deadline(1);
}
