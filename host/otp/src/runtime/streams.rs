use super::Runtime;
use crate::account::{Kept, Overdrawn};
use crate::stream::{Party, StreamError};
use crate::{Message, Pid};

/// An end of a stream, as a process owns it.
#[derive(Debug)]
pub(crate) struct End {
    runtime: Runtime,
    pid: Pid,
    handle: u64,
}

impl End {
    pub(crate) fn of(runtime: &Runtime, pid: Pid, handle: u64) -> Self {
        Self { runtime: runtime.clone(), pid, handle }
    }
}

impl Party for End {
    fn pid(&self) -> Pid {
        self.pid
    }

    fn demand(&self) {
        self.runtime.notify(self.pid, Message::Demand { handle: self.handle });
    }

    fn ended(&self, reason: StreamError) {
        self.runtime.notify(self.pid, Message::StreamEnd { handle: self.handle, reason });
    }

    fn keep(&self, bytes: usize) -> Result<Box<dyn Kept>, Overdrawn> {
        Ok(Box::new(self.runtime.keep(self.pid, bytes)?))
    }

    fn keep_for_others(&self, bytes: usize) -> Result<Box<dyn Kept>, Overdrawn> {
        Ok(Box::new(self.runtime.keep_for_others(self.pid, bytes)?))
    }
}
