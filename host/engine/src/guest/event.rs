use rusm_otp::{Context, GroupChange, Message};

use crate::types::{self, Event};

/// A message as a guest sees it.
pub(crate) fn event(context: &Context, message: Message) -> Option<Event> {
    Some(match message {
        Message::Mail { sender, body } => {
            Event::Mail(types::Mail { sender: sender.into(), body: body.into() })
        }
        Message::Call(request) => {
            let origin = types::Request::call(request.sender, request.reference);
            let handle = request.stream.map(|end| context.own_stream(end));
            Event::Delivery(types::Delivery {
                request: origin,
                key: request.key,
                body: request.body.into(),
                handle,
            })
        }
        Message::Cast { sender, key, body } => {
            let request = types::Request::cast(sender);
            Event::Delivery(types::Delivery { request, key, body: body.into(), handle: None })
        }
        Message::Down { monitor, pid, reason } => {
            Event::Down(types::Down { monitor, pid: pid.into(), reason: reason.into() })
        }
        Message::Exit { pid, reason } => Event::Exit(types::Exit { pid: pid.into(), reason: reason.into() }),
        Message::Timer { timer, body } => Event::Timer(types::Timer { timer, body }),
        Message::Group { monitor, group, pid, change } => {
            let joined = change == GroupChange::Joined;
            let (group, pid) = (group.to_string(), pid.into());
            Event::GroupChange(types::GroupChange { monitor, group, pid, joined })
        }
        // Values of Rust are for native processes.
        Message::Term { .. } => return None,
        Message::Demand { handle } => Event::Demand(handle),
        Message::StreamEnd { handle, reason } => {
            Event::StreamEnd(types::StreamEnd { handle, reason: reason.into() })
        }
    })
}
