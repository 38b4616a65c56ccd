use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rusm_otp::{Charge, Context, PendingCall, Reference};
use tokio::sync::oneshot;
use wasmtime::UpdateDeadline;

use super::Command;
use super::turn::turn_began;
use crate::capacity::Count;
use crate::crash::{GuestExit, crash};
use crate::imports::Unanswered;
use crate::limiter::Limiter;
use crate::output::Output;
use crate::wasi::LazyWasi;
use crate::{Component, Engine, Grant, Profile};

/// What a process's store holds: everything that host functions need.
pub(crate) struct Guest {
    pub(crate) context: Context,
    pub(crate) engine: Engine,
    pub(crate) component: Arc<Component>,
    pub(crate) profile: Arc<Profile>,
    pub(crate) wasi: LazyWasi,
    /// What it writes and logs.
    pub(crate) output: Option<Arc<Output>>,
    /// Living processes that it has spawned.
    pub(crate) children: Count,
    /// Components that it has loaded, and may spawn.
    pub(crate) loaded: Arc<Mutex<HashSet<Arc<str>>>>,
    /// Calls that were started and not waited for.
    pub(crate) calls: HashMap<Reference, StartedCall>,
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
    /// For the caller, until it waits.
    pub(crate) _kept: Charge,
}

impl Guest {
    pub(crate) fn new(
        engine: Engine,
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
            wasi: LazyWasi::new(command),
            output: None,
            children: Count::default(),
            loaded: Arc::default(),
            calls: HashMap::new(),
            unanswered: None,
            parked: HashMap::new(),
            loading: Arc::default(),
            answers_now: 0,
            reported_crash: None,
            function: None,
            ticks: 0,
            seeded: None,
            counted: 0,
            engine,
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
            self.engine.keep_output(pid, output.clone());
            output
        };
        self.output.get_or_insert_with(make).clone()
    }

    /// A message begins.
    pub(super) fn enter(&mut self, function: Option<u32>) {
        self.function = function;
        self.ticks = 0;
    }

    /// A tick is over while the guest, or the host for it, has run: others get their turn, and one that takes more than it may
    /// is ended. A call of the host may have taken several ticks.
    pub(super) fn tick_over(&mut self) -> wasmtime::Result<UpdateDeadline> {
        let now = self.engine.ticks().load(Ordering::Relaxed);
        self.ticks += now.saturating_sub(self.counted.max(turn_began()));
        self.counted = now;
        let tick = self.engine.config().tick;
        let spent = tick.saturating_mul(u32::try_from(self.ticks).unwrap_or(u32::MAX));
        let limits = &self.profile.limits;
        if let Some(most) = limits.message_cpu.filter(|most| spent > *most) {
            let text = format!("its processor time for one message is spent: {most:?}");
            return Err(wasmtime::Error::new(GuestExit(crash(self, text, String::new()))));
        }
        Ok(UpdateDeadline::Yield(1))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(output) = &self.output {
            output.end();
            self.engine.process_ended(self.context.pid());
        }
    }
}
