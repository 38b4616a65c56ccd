use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use parking_lot::Mutex;
use rusm_otp::{Context, ExitReason};
use tokio::sync::oneshot;

use crate::capacity::{Counted, Place};
use crate::code::Code;
use crate::crash::exit_reason;
use crate::guest::{Guest, Host, Turns};
use crate::spawn::Command;
use crate::{Component, Lane, Profile};

mod async_lane;
mod bounded;
mod serve;
mod sync_lane;
mod throttled;

pub(crate) use bounded::bounded_store;
use throttled::Throttled;

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

/// Tells the parent of a process how its start went; once.
#[derive(Clone)]
pub(crate) struct Started(Arc<Mutex<Option<StartSender>>>);

pub(crate) type StartSender = oneshot::Sender<Result<(), Refusal>>;

impl Started {
    pub(crate) fn new(sender: StartSender) -> Self {
        Self(Arc::new(Mutex::new(Some(sender))))
    }

    fn tell(&self, outcome: Result<(), Refusal>) {
        if let Some(sender) = self.0.lock().take() {
            // The parent may be gone: then a link tells the process.
            let _ = sender.send(outcome);
        }
    }
}

/// What a process is made of.
pub(crate) struct Birth {
    pub(crate) host: Arc<dyn Host>,
    /// Of the engine.
    pub(crate) ticks: Arc<AtomicU64>,
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

/// The whole life of a process.
pub(crate) async fn run(birth: Birth, context: Context) -> ExitReason {
    let Birth { host, ticks, component, code, profile, init, command, started, place, counted } = birth;
    // Given back last of all, after the store.
    let _held = (place, counted);
    let lane = component.lane;
    let guest = Guest::new(host, component, profile, context, command);
    let mut store = bounded_store(&code, guest);
    let share = store.data().profile.limits.cpu;
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
    let reason = match ended {
        Ok(reason) => reason,
        Err(error) => {
            if let Some(full) = lacks_room(store.data(), &error) {
                started.tell(Err(Refusal::Capacity(full.clone())));
                // It never was a process: nothing broke.
                return ExitReason::Custom(full.into());
            }
            exit_reason(store.data_mut(), &error)
        }
    };
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

/// Why there was no room for an instance, if that is what the error means.
fn lacks_room(guest: &Guest, error: &wasmtime::Error) -> Option<String> {
    let pool = || Some(format!("{:#}", error.downcast_ref::<wasmtime::PoolConcurrencyLimitError>()?));
    guest.limiter.lacks_room().map(str::to_owned).or_else(pool)
}
