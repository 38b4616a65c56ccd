use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use rusm_otp::{Context, ExitReason};
use tokio::sync::oneshot;
use wasmtime::Store;

use crate::capacity::{Counted, Place};
use crate::component::Code;
use crate::crash::exit_reason;
use crate::{Component, Engine, Lane, Profile};

mod async_lane;
mod event;
mod guest;
mod serve;
mod sync_lane;
mod throttled;
mod turn;

pub(crate) use event::event;
pub(crate) use guest::{Guest, StartedCall};
pub(crate) use serve::{Stops, exit_of_code, within};
use throttled::Throttled;
use turn::Turns;
pub(crate) use turn::waited;

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
    /// Of a command.
    pub(crate) command: Option<Box<Command>>,
    pub(crate) started: Started,
    /// Given back when the process has ended.
    pub(crate) place: Place,
    /// One of its component, and of the process that spawned it.
    pub(crate) counted: (Counted, Option<Counted>),
}

/// What a program of `wasi:cli` is started with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Command {
    pub(crate) arguments: Vec<String>,
    pub(crate) stdin: Bytes,
}

/// What wasmtime keeps for a handle of a guest: one of its own resources takes less, an end of a future or a stream more.
const HANDLE: usize = 512;

/// A store whose guest can take no more of the host than its profile allows.
pub(crate) fn bounded_store(code: &Code, guest: Guest) -> Store<Guest> {
    let limits = &guest.profile.limits;
    let (host_call, handles) = (limits.host_call, limits.handles.min(limits.host_memory / HANDLE));
    let mut store = Store::new(&code.engine, guest);
    store.limiter(|guest| &mut guest.limiter);
    store.set_hostcall_fuel(host_call);
    store.set_max_component_handles(handles);
    // A new store's deadline has passed already: without this, each one would yield at its first step.
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| store.data_mut().tick_over());
    store
}

/// The whole life of a process.
pub(crate) async fn run(birth: Birth, context: Context) -> ExitReason {
    let Birth { engine, component, code, profile, init, command, started, place, counted } = birth;
    // Given back last of all, after the store.
    let _held = (place, counted);
    let lane = component.lane;
    let guest = Guest::new(engine, component, profile, context, command);
    let mut store = bounded_store(&code, guest);
    let share = store.data().profile.limits.cpu;
    let ticks = store.data().engine.ticks().clone();
    let body = async {
        match lane {
            Lane::Sync => sync_lane::run(&mut store, &code, init, &started).await,
            Lane::Async => async_lane::run(&mut store, &code, init, &started).await,
        }
    };
    let ended = match share {
        Some(share @ ..100) => Throttled::new(Turns::new(pin!(body), ticks), share).await,
        _ => Turns::new(pin!(body), ticks).await,
    };
    let reason = ended.unwrap_or_else(|error| {
        if error.downcast_ref::<wasmtime::PoolConcurrencyLimitError>().is_some() {
            started.tell(Err(Refusal::Capacity(format!("{error:#}"))));
        }
        exit_reason(store.data_mut(), &error)
    });
    if let ExitReason::Crash(crash) = &reason {
        store.data().component.figures.crashed(crash);
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
