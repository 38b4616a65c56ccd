//! The crate's own sources on shuttle's locks, atomics and threads: each model runs under many random schedules, and
//! fails with the one that breaks it. Shuttle knows no weak memory: what orders loads and stores is left to the reader.

mod bodies;
mod mailboxes;
mod scheduling;
mod signals;
mod support;
mod sync;
mod tables;
mod workers;

use otp::*;
use shuttle::scheduler::{PctScheduler, RandomScheduler};

/// The crate as `src/lib.rs` has it, but for its `sync` and `workers`.
#[allow(
    clippy::all,
    dead_code,
    unused_imports,
    reason = "it is linted as a crate; the models use a part of it"
)]
#[path = "../../src"]
mod otp {
    pub(crate) mod account;
    pub(crate) mod agent;
    pub(crate) mod application;
    pub(crate) mod body;
    pub(crate) mod call;
    pub(crate) mod context;
    pub(crate) mod counters;
    pub(crate) mod gen_server;
    pub(crate) mod groups;
    pub(crate) mod hash;
    pub(crate) mod latency;
    pub(crate) mod memory;
    pub(crate) mod message;
    pub(crate) mod names;
    pub(crate) mod owner;
    pub(crate) mod payload;
    pub(crate) mod pid;
    pub(crate) mod process;
    pub(crate) mod reason;
    pub(crate) mod registry;
    pub(crate) mod runtime;
    pub(crate) mod scheduler;
    pub(crate) mod sharded;
    pub(crate) mod small_map;
    pub(crate) mod state_machine;
    pub(crate) mod stream;
    pub(crate) mod supervisor;
    pub(crate) mod system;
    pub(crate) mod table;
    pub(crate) mod task;
    pub(crate) mod threads;
    pub(crate) mod timers;
    pub(crate) mod typed;
    pub(crate) mod unguessable;

    pub use account::Overdrawn;
    pub use agent::Agent;
    pub use application::{Application, RunningApplication, ShutdownReport};
    pub use call::{CallError, PendingCall};
    pub use context::{Context, Mark};
    pub use counters::NodeCounters;
    pub use gen_server::{GenServer, Next, ServerRef, multi_call, start_server};
    pub use groups::GroupChange;
    pub use latency::{Latency, Quantiles};
    pub use memory::Memory;
    pub use message::{Alias, Filter, Message, Request, SendError, Target};
    pub use names::{NameError, RegisterError, check_name};
    pub use payload::Payload;
    pub use pid::{Pid, Reference};
    pub use process::{AlreadyRegistered, Overflow, ProcessInfo, SpawnOptions, Spawned, Status};
    pub use reason::{Crash, ExitReason, shortened};
    pub use registry::{Keys, NameRegistry, Registry, Via};
    pub use runtime::{Charge, Runtime, TreeEntry};
    pub use state_machine::{Entry, Event, StateMachine, StateMachineRef, Transition, start_state_machine};
    pub use stream::{STREAM_WINDOW, StreamEnd, StreamError, StreamReader, StreamWriter, TryWrite, stream};
    pub use supervisor::{
        AutoShutdown, Backoff, ChildCounts, ChildError, ChildInfo, ChildKind, ChildSpec, ChildState, Excess,
        Parent, Restart, Shutdown, StartCause, StartError, Strategy, Supervision, Supervisor,
    };
    pub use system::{ServerStatus, resume, status, suspend};
    pub use task::{Task, TaskError, TaskOptions, TaskStream, map_concurrently};
    pub use typed::{CallFrom, ServerError};
}

/// Tries a model under so many schedules, half of them with priorities; `RUSM_MODEL_FACTOR` makes it more.
fn check(schedules: usize, model: impl Fn() + Send + Sync + 'static) {
    let model = move || {
        // It is never driven: there is only its clock, and the task of the timers, which the models fire themselves.
        let tokio = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let tokio = tokio.expect("a runtime");
        let _entered = tokio.enter();
        model();
    };
    let mut config = shuttle::Config::new();
    config.stack_size = STACK;
    config.silence_warnings = true;
    let deeper = std::env::var("RUSM_MODEL_FACTOR").map_or(1, |factor| factor.parse().expect("a number"));
    let half = schedules * deeper / 2;
    let model = std::sync::Arc::new(model);
    let again = model.clone();
    shuttle::Runner::new(RandomScheduler::new(half), config.clone()).run(move || model());
    shuttle::Runner::new(PctScheduler::new(SWITCHES, half), config).run(move || again());
}

/// How many switches at the wrong moment it takes to break something.
const SWITCHES: usize = 4;

/// Unoptimised code takes more than shuttle thinks.
const STACK: usize = 512 * 1024;
