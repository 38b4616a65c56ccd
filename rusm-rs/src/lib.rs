//! Write RUSM services and processes in Rust.
//!
//! A *service* is a type with the attribute [`service`] that implements the trait generated from its WIT contract; the
//! host calls its methods one message at a time. A *raw process* is a function with the attribute [`main`] that runs its
//! own loop with [`process::receive`]. Either one calls services through generated clients: the attribute brings the
//! client of its own contract, [`contract!`] those of others.
//!
//! ```ignore
//! // wit/counter.wit: package demo:counter@1.0.0; interface counter { init: func(start: u32); next: func() -> u32; }
//! #[rusm_rs::service("demo:counter/counter")]
//! struct Counter(u32);
//!
//! impl counter::Service for Counter {
//!     fn init(start: u32) -> Self {
//!         Counter(start)
//!     }
//!
//!     fn next(&mut self) -> u32 {
//!         self.0 += 1;
//!         self.0
//!     }
//! }
//! ```
//!
//! A client: `let counter = counter::Client::spawn("counter", 7)?; counter.next()?`. Several calls at once:
//! `let (a, b) = (one.call_start().next(), two.call_start().next()); (a.wait()?, b.wait()?)`.
//!
//! Names of the contract become `snake_case`, types and cases `CamelCase`, words of the language raw identifiers. Functions
//! called as a method that clients or services have anyway (`spawn`, `spawn-with`, `child`, `named`, `from-pid`, `pid`,
//! `with-deadline`, `monitor`, `call-start`, `info`, `terminate`, `into`, `try-into`) get a `_`, types called `client`,
//! `service`, `starter` or `self` the word `Type`.

// The macros name this crate from inside of it, too.
extern crate self as rusm_rs;

#[doc(hidden)]
pub mod bindings;
mod body;
mod call;
mod callback;
mod client;
pub mod groups;
pub mod log;
pub mod names;
pub mod process;
mod serve;
mod stream;
pub mod supervisor;
pub mod timers;

#[doc(hidden)]
pub mod __rt;

pub use bindings::types::{
    Crash, Delivery, Down, Event, Exit, ExitReason, Filter, GroupChange, Mail, Pid, Request, Target, Timer,
};
pub use call::{CallError, Never, Pending, SendError, SpawnError};
pub use callback::{Callback, ClientOf, Reference};
pub use client::{Monitor, Spawn};
pub use rusm_rs_macros::{contract, main, service};
pub use serve::Reply;
pub use stream::{
    ByteReader, ByteSink, ByteStream, ByteWriter, Chunks, Duplex, PushError, ReadChunks, Sink, Stream,
    StreamError, StreamReader, StreamWriter, read_chunks,
};
