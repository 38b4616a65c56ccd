use rusm_otp::{CallError, Context, ExitReason, Request};

/// A call that the process may take; one with streams too many is answered.
pub(crate) fn within(mut request: Box<Request>, context: &Context, most: usize) -> Option<Box<Request>> {
    if takes_streams(&mut request, context, most) {
        return Some(request);
    }
    context.reply(request.reference, Err(CallError::Overloaded));
    None
}

/// Whether the process may have so many streams; else those of the call end here.
pub(crate) fn takes_streams(request: &mut Request, context: &Context, most: usize) -> bool {
    let too_many = request.stream.take_if(|end| context.streams() + end.count() > most);
    too_many.as_ref().inspect(|end| end.abort("the callee has too many streams open"));
    too_many.is_none()
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
