use super::Runtime;
use crate::call::{CallError, ReplyTo};
use crate::{Payload, Pid, Reference, Request};

impl Runtime {
    /// Answers a call that `callee` received. False if it was answered before, or nobody waits.
    pub fn reply(&self, callee: Pid, reference: Reference, reply: Result<Payload, CallError>) -> bool {
        let Some(slot) = self.node.table.slot(callee) else { return false };
        let Some(mut private) = slot.private(callee) else { return false };
        let open = private.open_calls.remove(reference);
        drop(private);
        open.is_some_and(|reply_to| reply_to.answer(self, reply))
    }
}

impl ReplyTo {
    /// False if nobody waits any more.
    pub(crate) fn answer(self, runtime: &Runtime, reply: Result<Payload, CallError>) -> bool {
        // Before the reply: a process that sees it may call the caller, which does not wait any more.
        let slot = runtime.node().table.slot(self.caller);
        let waits = slot.is_none_or(|slot| slot.wait_over(self.call));
        let bytes = if waits { 0 } else { heap(&reply) };
        let reply = match bytes {
            0 => (reply, None),
            _ => match runtime.keep(self.caller, bytes) {
                Ok(kept) => (reply, Some(Box::new(kept) as _)),
                Err(_) => (Err(CallError::Overloaded), None),
            },
        };
        self.send(reply)
    }
}

impl Request {
    /// Answers a call that its callee will never see.
    pub(crate) fn refuse(&mut self, runtime: &Runtime, error: CallError) {
        if let Some(reply_to) = self.reply_to.take() {
            reply_to.answer(runtime, Err(error));
        }
    }
}

/// Bytes that a reply takes besides its place.
fn heap(reply: &Result<Payload, CallError>) -> usize {
    match reply {
        Ok(body) => body.heap(),
        Err(CallError::UnknownFunction(text) | CallError::Malformed(text) | CallError::Denied(text)) => {
            text.len()
        }
        Err(_) => 0,
    }
}
