use rusm_otp::{CallError, Context, ExitReason, Request};

/// A call that the process may take; one with a stream too many is answered.
pub(crate) fn within(mut request: Box<Request>, context: &Context, streams: usize) -> Option<Box<Request>> {
    if request.stream.is_none() || context.streams() < streams {
        return Some(request);
    }
    if let Some(end) = request.stream.take() {
        end.abort("the callee has too many streams open");
    }
    context.reply(request.reference, Err(CallError::Overloaded));
    None
}

/// Which exits end a service in good order: its parent's requests to stop, and anybody's if it does not trap exits.
pub(crate) struct Stops {
    traps: bool,
    parent: Option<rusm_otp::Pid>,
}

impl Stops {
    pub(crate) fn of(context: &Context) -> Self {
        let info = context.runtime().info(context.pid());
        Self {
            traps: info.is_some_and(|info| info.trap_exit),
            parent: context.runtime().parent(context.pid()),
        }
    }

    pub(crate) fn has(&self, pid: rusm_otp::Pid, reason: &ExitReason) -> bool {
        let asked = matches!(reason, ExitReason::Shutdown | ExitReason::ShutdownWith(_));
        asked && (!self.traps || self.parent == Some(pid))
    }
}
