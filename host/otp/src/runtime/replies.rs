use super::Runtime;
use crate::call::{CallError, ReplyTo};
use crate::table::Slot;
use crate::{Context, Payload, Pid, Reference, Request, shortened};

impl Runtime {
    /// Answers a call that `callee` received. False if it was answered before, or nobody waits.
    pub fn reply(&self, callee: Pid, reference: Reference, reply: Result<Payload, CallError>) -> bool {
        let slot = self.node.table.slot(callee);
        slot.is_some_and(|slot| self.reply_at(slot, callee, reference, reply))
    }

    /// Bytes that are kept for a process as long as they are held.
    fn keep_body(&self, pid: Pid, body: Payload) -> Result<Payload, CallError> {
        if body.heap() == 0 {
            return Ok(body);
        }
        match self.keep(pid, body.heap()) {
            Ok(kept) => Ok(body.with(kept)),
            Err(_) => Err(CallError::Overloaded),
        }
    }

    /// The same, with the callee's slot.
    pub(crate) fn reply_at(
        &self,
        slot: &Slot,
        callee: Pid,
        reference: Reference,
        reply: Result<Payload, CallError>,
    ) -> bool {
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
        if waits { self.send(reply) } else { self.answer_in_advance(runtime, reply) }
    }

    /// The reply is kept for its caller until that takes it, or gives the call up.
    #[cold]
    fn answer_in_advance(self, runtime: &Runtime, reply: Result<Payload, CallError>) -> bool {
        let reply = match reply {
            Ok(body) => runtime.keep_body(self.caller, body),
            Err(error) => Err(brief(error)),
        };
        self.send(reply)
    }
}

impl Context {
    /// A reply that this process does not take yet: it is kept for it until it does.
    ///
    /// # Errors
    /// [`CallError::Overloaded`] if too much is kept for it already.
    pub fn keep_body(&self, body: Payload) -> Result<Payload, CallError> {
        self.runtime().keep_body(self.pid(), body)
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

/// An error whose text is no longer than what a call under way is charged for.
fn brief(error: CallError) -> CallError {
    let short = |text| shortened(text, LONGEST_TEXT);
    match error {
        CallError::UnknownFunction(text) => CallError::UnknownFunction(short(text)),
        CallError::Malformed(text) => CallError::Malformed(short(text)),
        CallError::Denied(text) => CallError::Denied(short(text)),
        other => other,
    }
}

/// Bytes.
const LONGEST_TEXT: usize = 256;
