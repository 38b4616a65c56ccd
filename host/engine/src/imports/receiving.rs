//! Messages that a guest takes by itself.

use rusm_otp::{Context, Message};
use tokio::time::Instant;

use super::arguments::milliseconds;
use crate::Kind;
use crate::guest::{self, Guest, Stops, within};
use crate::types::{Event, Filter};

/// Waits for a message. So many ends of streams may be open.
pub(super) async fn receive(taker: Taker, filter: Filter, timeout_ms: Option<u64>) -> Option<Event> {
    let Taker { context, streams, .. } = &taker;
    let filter = rusm_otp::Filter::from(filter);
    let until = timeout_ms.map(|ms| Instant::now() + milliseconds(ms));
    loop {
        let stops = taker.stops();
        let admits = |message: &Message| filter.admits(message) && !is_stop(stops.as_ref(), message);
        let message = match until {
            None => context.receive_matching(admits).await,
            Some(until) => {
                context.receive_within(until.saturating_duration_since(Instant::now()), admits).await?
            }
        };
        if let Some(event) = event(context, *streams, message) {
            return Some(event);
        }
    }
}

/// A message that is there, without a wait.
pub(super) fn receive_now(guest: &Guest, filter: Filter) -> Option<Event> {
    let Guest { context, component, profile, .. } = guest;
    let filter = rusm_otp::Filter::from(filter);
    let stops = (component.kind == Kind::Service).then(|| Stops::of(context));
    loop {
        let admits = |message: &Message| filter.admits(message) && !is_stop(stops.as_ref(), message);
        let message = context.try_receive_matching(admits)?;
        if let Some(event) = event(context, profile.limits.handles, message) {
            return Some(event);
        }
    }
}

/// Who takes messages by itself, and how many streams it may have.
pub(super) struct Taker {
    context: Context,
    streams: usize,
    is_service: bool,
}

impl Taker {
    pub(super) fn of(guest: &Guest) -> Self {
        let is_service = guest.component.kind == Kind::Service;
        Self { context: guest.context.clone(), streams: guest.profile.limits.handles, is_service }
    }

    /// A service's requests to stop are for its loop, which the host has: a handler that receives does not see them.
    fn stops(&self) -> Option<Stops> {
        self.is_service.then(|| Stops::of(&self.context))
    }
}

fn is_stop(stops: Option<&Stops>, message: &Message) -> bool {
    match (stops, message) {
        (Some(stops), Message::Exit { pid, reason }) => stops.has(*pid, reason),
        _ => false,
    }
}

/// A message as a guest sees it, unless it is answered here.
fn event(context: &Context, streams: usize, message: Message) -> Option<Event> {
    let message = match message {
        Message::Call(request) => Message::Call(within(request, context, streams)?),
        other => other,
    };
    guest::event(context, message)
}
