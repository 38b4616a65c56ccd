//! What generated code calls. Not for users: it changes with the generator.

pub use std::borrow::Borrow;
pub use std::clone::Clone;
pub use std::cmp::{Eq, Ord, PartialEq, PartialOrd};
pub use std::convert::AsRef;
pub use std::default::Default;
pub use std::error::Error;
pub use std::fmt::{Debug, Display, Formatter, Result as FmtResult};
pub use std::hash::Hash;
pub use std::io::Read;
pub use std::iter::IntoIterator;
pub use std::marker::Copy;
pub use std::option::Option;
pub use std::result::Result;
pub use std::string::String;
pub use std::time::Duration;
pub use std::vec::Vec;

pub use rusm_wire::{Decode, DecodeError, Encode, Reader, Writer, encode};
pub use wit_bindgen;

pub use crate::bindings;
pub use crate::bindings::outcomes::Outcome;
pub use crate::bindings::types::{Event, ExitReason, Pid, Request};
pub use crate::call::{CallError, Never, Pending, SendError, SpawnError, fallible, plain};
pub use crate::callback::{Callback, ClientOf, Reference};
pub use crate::client::{Client, Monitor, Spawn, is_same, with_head, without_head};
pub use crate::serve::{
    Answer, Dispatch, Incoming, Reply, State, headed, headless, malformed, report_panics, run,
};
pub use crate::stream::{
    ByteReader, ByteStream, ByteWriter, Duplex, Stream, StreamReader, StreamWriter, bytes, feed, feed_bytes,
    items,
};
pub use crate::supervisor::ChildSpec;

/// Exports a type that implements [`Dispatch`] as the component's service.
#[macro_export]
#[doc(hidden)]
macro_rules! __export_service {
    ($service:ty) => {
        #[doc(hidden)]
        const _: () = {
            struct Component;

            ::std::thread_local! {
                static STATE: $crate::__rt::State<$service> = $crate::__rt::State::new();
            }

            impl $crate::__rt::bindings::server::Guest for Component {
                fn init(key: u32, body: $crate::__rt::Vec<u8>) -> $crate::__rt::Outcome {
                    STATE.with(|state| state.init(key, &body))
                }

                fn handle(
                    key: u32,
                    request: $crate::__rt::Request,
                    body: $crate::__rt::Vec<u8>,
                    stream_end: $crate::__rt::Option<u64>,
                ) -> $crate::__rt::Outcome {
                    let call = $crate::__rt::Incoming::new(request, body, stream_end);
                    STATE.with(|state| state.handle(key, call)).into()
                }

                fn info(event: $crate::__rt::Event) {
                    STATE.with(|state| state.info(event));
                }

                fn terminate(reason: $crate::__rt::ExitReason) {
                    STATE.with(|state| state.terminate(reason));
                }
            }

            impl $crate::__rt::bindings::server_short::Guest for Component {
                fn handle_short(
                    key: u32,
                    request: $crate::__rt::Request,
                    body: $crate::__rt::bindings::types::ShortBody,
                    stream_end: $crate::__rt::Option<u64>,
                ) -> $crate::__rt::bindings::server_short::ShortOutcome {
                    let call = $crate::__rt::Incoming::new(request, body, stream_end);
                    STATE.with(|state| state.handle_short(key, call))
                }

                fn take_outcome() -> $crate::__rt::Outcome {
                    STATE.with(|state| state.take_outcome())
                }
            }

            $crate::__rt::bindings::service::export_service!(Component with_types_in $crate::__rt::bindings::service);
        };
    };
}

/// Exports a function as the component's raw process.
#[macro_export]
#[doc(hidden)]
macro_rules! __export_raw {
    ($main:path) => {
        #[doc(hidden)]
        const _: () = {
            struct Component;

            impl $crate::__rt::bindings::raw::Guest for Component {
                fn run() {
                    $crate::__rt::run($main);
                }
            }

    $crate::__rt::bindings::raw::export_raw!(Component with_types_in $crate::__rt::bindings::raw);
        };
    };
}
