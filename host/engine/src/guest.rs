//! What a process's store holds, and what its host functions need of the engine.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rusm_otp::{Charge, Context, IdHasher, Payload, PendingCall, Reference, StandIn};
use tokio::sync::oneshot;

use crate::capacity::Count;
use crate::limiter::Limiter;
use crate::output::Output;
use crate::spawn::Command;
use crate::types::CallError;
use crate::{Component, Grant, Profile};

mod event;
mod host;
mod opened;
mod stops;
mod turn;

pub(crate) use event::event;
pub(crate) use host::Host;
pub(crate) use opened::Opened;
pub(crate) use stops::{Stops, takes_streams, within};
pub(crate) use turn::{Turns, fresh_turn, noting, turn_began, waited};

/// What a process's store holds: everything that host functions need.
pub(crate) struct Guest {
    pub(crate) context: Context,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) component: Arc<Component>,
    pub(crate) profile: Arc<Profile>,
    pub(crate) wasi: Opened,
    /// What it writes and logs.
    pub(crate) output: Option<Arc<Output>>,
    /// Living processes that it has spawned.
    pub(crate) children: Count,
    /// Components that it has loaded, and may spawn.
    pub(crate) loaded: Arc<Mutex<HashSet<Arc<str>>>>,
    /// Calls that were started and not waited for.
    pub(crate) calls: HashMap<Reference, StartedCall, BuildHasherDefault<IdHasher>>,
    /// Callbacks that are open, by the ids of their pids.
    pub(crate) callbacks: HashMap<u64, Arc<StandIn>, BuildHasherDefault<IdHasher>>,
    /// A stream that was ready, and how many messages to callbacks are taken before it is used.
    pub(crate) ready: Option<(u64, usize)>,
    /// The last `call-process` of the async lane, until the guest asks what it came to.
    pub(crate) unanswered: Option<Unanswered>,
    /// Exports of the guest that wait to be woken by another one.
    pub(crate) parked: HashMap<u64, (oneshot::Sender<()>, Charge)>,
    /// Components that it loads now: one more owner for each.
    pub(crate) loading: Arc<()>,
    /// Answers that it got without a wait, since it last had to wait.
    pub(crate) answers_now: u32,
    /// What the guest told of a crash that is about to come: text and backtrace.
    pub(crate) reported_crash: Option<(String, String)>,
    /// The function that is being handled.
    pub(crate) function: Option<u32>,
    /// Ticks that the message which is being handled has taken.
    pub(crate) ticks: u64,
    /// What its random bytes come from, if they are a function of a seed.
    pub(crate) seeded: Option<Box<StdRng>>,
    /// Up to which tick of the engine they are counted.
    pub(crate) counted: u64,
    pub(crate) limiter: Limiter,
}

pub(crate) struct StartedCall {
    pub(crate) pending: PendingCall,
    /// Of its function.
    pub(crate) key: u32,
    /// The deadline that begins when the caller waits, for a call that it feeds with a stream first.
    pub(crate) limit: Option<Duration>,
    /// A message for a callback came while it was waited for.
    pub(crate) again: bool,
    /// Its reply, and how many messages to callbacks came before it and are taken first.
    pub(crate) reply: Option<(Result<Payload, rusm_otp::CallError>, usize)>,
    /// For the caller, until it waits.
    pub(crate) _kept: Charge,
}

impl Guest {
    pub(crate) fn new(
        host: Arc<dyn Host>,
        component: Arc<Component>,
        profile: Arc<Profile>,
        context: Context,
        command: Option<Box<Command>>,
    ) -> Self {
        let limiter = Limiter::new(
            profile.limits.memory,
            component.memory.clone(),
            profile.limits.total_memory,
            context.clone(),
        );
        Self {
            context,
            component,
            profile,
            limiter,
            wasi: Opened::new(command),
            output: None,
            children: Count::default(),
            loaded: Arc::default(),
            calls: HashMap::default(),
            callbacks: HashMap::default(),
            ready: None,
            unanswered: None,
            parked: HashMap::new(),
            loading: Arc::default(),
            answers_now: 0,
            reported_crash: None,
            function: None,
            ticks: 0,
            seeded: None,
            counted: 0,
            host,
        }
    }

    /// Checks that the process may do something.
    ///
    /// # Errors
    /// The text for the guest: who, what, and the grant that is missing.
    pub(crate) fn require(&self, operation: &'static str, grant: Grant) -> Result<(), String> {
        if self.profile.allows(&grant) {
            return Ok(());
        }
        Err(self.component.deny(self.context.pid(), operation, grant))
    }

    /// Where its output goes.
    pub(crate) fn output(&mut self) -> Arc<Output> {
        let make = || {
            let (name, pid) = (self.component.name.clone(), self.context.pid());
            let output = Arc::new(Output::new(name, pid, self.profile.limits.output));
            self.host.keep_output(pid, output.clone());
            output
        };
        self.output.get_or_insert_with(make).clone()
    }

    /// A message begins.
    pub(crate) fn enter(&mut self, function: Option<u32>) {
        self.function = function;
        self.ticks = 0;
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(output) = &self.output {
            output.end();
            self.host.process_ended(self.context.pid());
        }
    }
}

/// What a call came to, if not to a reply at once.
pub(crate) enum Unanswered {
    Failed(CallError),
    Pending {
        pending: PendingCall,
        /// Of its function.
        key: u32,
        /// Whether the guest may go on as soon as the reply is there.
        at_once: bool,
    },
}
