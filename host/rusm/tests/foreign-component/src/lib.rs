//! A service by other hands: `cargo component` and the published WIT, and nothing of RUSM's SDK.

use std::cell::Cell;

#[allow(warnings)]
mod bindings;

use bindings::exports::rusm::actor::server::{Event, ExitReason, Guest, Outcome, Request};
use bindings::rusm::actor::process;
use bindings::rusm::actor::types::Target;

struct Foreign;

thread_local! {
    static COUNT: Cell<u8> = const { Cell::new(0) };
}

impl Guest for Foreign {
    fn init(_key: u32, body: Vec<u8>) -> Outcome {
        match body.as_slice() {
            [] => Outcome::Reply(Vec::new()),
            [start] => {
                COUNT.set(*start);
                Outcome::Reply(Vec::new())
            }
            _ => Outcome::Refused(b"too many".to_vec()),
        }
    }

    fn handle(key: u32, request: Request, body: Vec<u8>, _stream: Option<u64>) -> Outcome {
        COUNT.set(COUNT.get() + 1);
        match key {
            1 => Outcome::Reply(body),
            2 => Outcome::Reply(vec![COUNT.get()]),
            3 => {
                process::reply(request.reference, b"later");
                Outcome::Later
            }
            4 => panic!("told to"),
            _ => Outcome::UnknownFunction,
        }
    }

    fn info(event: Event) {
        if let Event::Mail(mail) = event {
            let _ = process::send(&Target::Process(mail.sender), &mail.body);
        }
    }

    fn terminate(_reason: ExitReason) {}
}

bindings::export!(Foreign with_types_in bindings);
