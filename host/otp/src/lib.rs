//! Erlang/OTP's processes in Rust: mailboxes, links, monitors, exit reasons, names, timers, streams, servers, state
//! machines, tasks, agents and supervisors.
//!
//! A [`Runtime`] is one node. It spawns processes, each a future with a [`Context`]; everybody else knows a process by
//! its [`Pid`] or its name. Nothing here knows WebAssembly or sockets.
//!
//! ```
//! use rusm_otp::{ExitReason, Message, Runtime, SpawnOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let runtime = Runtime::new();
//! let (done, result) = tokio::sync::oneshot::channel();
//! let echo = runtime.spawn(SpawnOptions::new("echo"), |context| async move {
//!     while let Message::Mail { sender, body } = context.receive().await {
//!         context.runtime().send(context.pid(), &sender.into(), body).ok();
//!     }
//!     ExitReason::Normal
//! });
//! let echo = echo.unwrap().pid;
//! runtime.spawn(SpawnOptions::new("client"), move |context| async move {
//!     context.runtime().send(context.pid(), &echo.into(), "hello".into()).ok();
//!     if let Message::Mail { body, .. } = context.receive().await {
//!         done.send(body).ok();
//!     }
//!     ExitReason::Normal
//! }).unwrap();
//! assert_eq!(result.await.unwrap(), "hello");
//! # }
//! ```

mod agent;
mod application;
mod body;
mod call;
mod context;
mod counters;
mod gen_server;
mod groups;
mod latency;
mod message;
mod names;
mod payload;
mod pid;
mod process;
mod reason;
mod registry;
mod runtime;
mod scheduler;
mod small_map;
mod state_machine;
mod stream;
mod supervisor;
mod sync;
mod system;
mod table;
mod task;
mod timers;
mod typed;
mod workers;

pub use agent::Agent;
pub use application::{Application, RunningApplication, ShutdownReport};
pub use call::{CallError, PendingCall};
pub use context::{Context, Mark};
pub use counters::NodeCounters;
pub use gen_server::{GenServer, Next, ServerRef, multi_call, start_server};
pub use groups::GroupChange;
pub use latency::{Latency, Quantiles};
pub use message::{Alias, Filter, Message, Request, SendError, Target};
pub use names::RegisterError;
pub use payload::Payload;
pub use pid::{Pid, Reference};
pub use process::{AlreadyRegistered, Overflow, ProcessInfo, SpawnOptions, Spawned, Status};
pub use reason::{Crash, ExitReason};
pub use registry::{Keys, NameRegistry, Registry, Via};
pub use runtime::{ProcessTree, Runtime};
pub use state_machine::{Entry, Event, StateMachine, StateMachineRef, Transition, start_state_machine};
pub use stream::{STREAM_WINDOW, StreamEnd, StreamError, StreamReader, StreamWriter, TryWrite, stream};
pub use supervisor::{
    AutoShutdown, Backoff, ChildCounts, ChildError, ChildInfo, ChildKind, ChildSpec, ChildState, Excess,
    Parent, Restart, Shutdown, StartError, Strategy, Supervision, Supervisor,
};
pub use system::{ServerStatus, resume, status, suspend};
pub use task::{Task, TaskError, TaskOptions, TaskStream, map_concurrently};
pub use typed::{CallFrom, ServerError};
