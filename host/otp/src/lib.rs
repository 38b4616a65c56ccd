//! Erlang/OTP in Rust: processes with mailboxes, links and monitors, and what is built of them.
//!
//! A [`Runtime`] is one node. It spawns processes, each a future with a [`Context`]; everybody else knows a process by
//! its [`Pid`] or its name. Nothing here knows WebAssembly, and nothing opens a socket.
//!
//! The one exception is the feature `net`, off by default: a TCP driver, whose listeners run a process for each connection
//! and stand in supervision trees, and whose connections end with the processes that hold them. `listen` has an example.
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
//!
//! # What there is
//!
//! - Processes: [`Runtime::spawn`] with [`SpawnOptions`] (name, parent, link, monitor, label, bounds); exits with
//!   [reasons](ExitReason), links, monitors, aliases.
//! - The mailbox: [`Context::receive`], by predicate, within a time, since a [`Mark`]. Up to 23 bytes lie in a message itself,
//!   more are shared ([`Payload`]); values of Rust travel as they are ([`Message::Term`]).
//! - Behaviours: [`GenServer`], [`StateMachine`], [`Task`], [`Agent`]; [`suspend`], [`resume`] and [`status`].
//! - Supervision: [`Supervisor`] and [`ChildSpec`], trees of them, and [`Application`].
//! - Names and groups: [`Runtime::register`], [`Registry`] with unique or duplicate keys, [`Via`], [`Runtime::join`] and
//!   [`Runtime::broadcast`].
//! - Timers: [`Runtime::send_after`], [`Runtime::send_interval`], [`Runtime::cancel_timer`].
//! - Byte streams between processes with back-pressure: [`stream()`].
//! - What goes on: [`Runtime::info`], [`Runtime::processes`], [`Runtime::tree`], [`Runtime::counters`],
//!   [`Runtime::latencies`]. All of it is on at all times.
//! - The end: [`Runtime::shutdown`] stops everything in good order and names who did not.
//!
//! # How processes run
//!
//! Processes share the workers of the tokio runtime that is current when the node is made. A process runs until it waits;
//! one that takes or sends many messages lets others run in between, one that computes does not: `spawn_blocking` of tokio is
//! for that. One that blocks its thread, by `block_in_place`, keeps the process that it has woken last from running; it must not wait
//! there for another process. A process that calls an idle server usually finds the reply there when the call is sent, because the server
//! has run within its turn. A panic ends its process alone, as [`ExitReason::Crash`].
//!
//! # Bad input
//!
//! | what | answer |
//! |---|---|
//! | a message to a pid that is gone, or whose place has a new process | it is gone, as in Erlang; a call gets [`CallError::NoProc`] |
//! | a message or call to a pid of another node | [`SendError::NoConnection`], [`CallError::NoConnection`] |
//! | a full mailbox | [`SendError::Overloaded`] and [`CallError::Overloaded`], or by [`Overflow`] the message is dropped and counted |
//! | a name that is taken, a second name | [`RegisterError`], [`AlreadyRegistered`] |
//! | a link to oneself | nothing |
//! | a link to nobody | the exit `noproc`, as a signal |
//! | a call to oneself, or one that comes back over others | [`CallError::Cycle`] at once, with the names |
//! | a call whose caller has given up | it is not begun |
//! | a child that does not start | [`StartError`]; within a time, if [`ChildSpec::start_timeout`] says so |
//! | a child that crashes whenever it starts | the supervisor gives up by its intensity, or as [`Excess`] and [`Backoff`] say |
//! | a child that ignores `shutdown` | it is killed when its [`Shutdown`] is over |
//! | a process that never waits | it keeps its worker; [`ShutdownReport::stuck`] names it in the end |
//!
//! # Where it differs from Erlang
//!
//! Erlang is the oracle of the tests: more than 250 scenarios run on a real `erl` and here, and both have to see the same.
//! These differences are by design; the first five are scenarios, which say what either does.
//!
//! - A name is given back by its holder alone, because a guest must not take another one's.
//! - A crash of a server does not run its `terminate`: its state is what broke.
//! - A call whose caller has given up is not begun, nor is a request to stop: nobody would hear of it.
//! - A call that a server drops without a reply is answered `cancelled`; in Erlang its caller waits.
//! - A server that calls itself is told so and goes on; Erlang crashes it.
//! - A link to a process that is gone is an exit signal also for one that does not trap exits; Erlang raises an error there.
//! - A mailbox may have a bound. The runtime's own messages are taken all the same.
//! - To skip what waits in a long mailbox, a process says so by a [`Mark`]; Erlang's compiler finds the place.
//! - There is no process dictionary, no `ignore` from an `init`, no hibernation, and no change of code.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod account;
mod agent;
mod application;
mod body;
mod call;
mod context;
mod counters;
mod gen_server;
mod groups;
mod hash;
mod latency;
mod memory;
mod message;
mod names;
#[cfg(feature = "net")]
mod net;
mod owner;
mod payload;
mod pid;
mod process;
mod reason;
mod registry;
mod runtime;
mod scheduler;
mod sharded;
mod small_map;
mod stand_in;
mod state_machine;
mod stream;
mod supervisor;
mod sync;
mod system;
mod table;
mod task;
mod threads;
mod timers;
mod typed;
mod unguessable;
mod workers;

pub use account::Overdrawn;
pub use agent::Agent;
pub use application::{Application, RunningApplication, ShutdownReport};
pub use call::{CallError, PendingCall};
pub use context::{Context, Mark};
pub use counters::NodeCounters;
pub use gen_server::{GenServer, Next, ServerRef, multi_call, start_server};
pub use groups::GroupChange;
pub use hash::IdHasher;
pub use latency::{Latency, Quantiles};
pub use memory::Memory;
pub use message::{Alias, Filter, Message, Request, SendError, Target};
pub use names::{NameError, RegisterError, check_name};
#[cfg(feature = "net")]
pub use net::{
    CloseError, ConnectError, Connection, ConnectionError, ConnectionReader, ConnectionWriter, ListenError,
    ListenOptions, ListenerInfo, Listening, MOST_EXACT, ReadExactError, connect, listen,
};
pub use payload::Payload;
pub use pid::{Pid, Reference};
pub use process::{AlreadyRegistered, Overflow, ProcessInfo, SpawnOptions, Spawned, Status};
pub use reason::{Crash, ExitReason, shortened};
pub use registry::{Keys, NameRegistry, Registry, Via};
pub use runtime::{Charge, Runtime, TreeEntry};
pub use stand_in::{StandIn, first_message};
pub use state_machine::{Entry, Event, StateMachine, StateMachineRef, Transition, start_state_machine};
pub use stream::{
    STREAM_WINDOW, StreamEnd, StreamError, StreamReader, StreamWriter, TryWrite, stream, streams_both_ways,
};
pub use supervisor::{
    AutoShutdown, Backoff, ChildCounts, ChildError, ChildInfo, ChildKind, ChildSpec, ChildState, Excess,
    Parent, Restart, Shutdown, StartCause, StartError, Strategy, Supervision, Supervisor,
};
pub use system::{ServerStatus, resume, status, suspend};
pub use task::{Task, TaskError, TaskOptions, TaskStream, map_concurrently};
pub use typed::{CallFrom, ServerError};
