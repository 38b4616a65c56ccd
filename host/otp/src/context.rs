use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep_until;

use crate::call::CallError;
use crate::process::{Callback, OwnedEnd, Private};
use crate::runtime::End;
use crate::scheduler::may_send;
use crate::stream::StreamEnd;
use crate::sync::MutexGuard;
use crate::table::Slot;
use crate::timers::deadline;
use crate::{ExitReason, Payload, Pid, Reference, Runtime, SendError, Target};

mod calls;
mod receive;
mod search;

pub use receive::Mark;

/// A process's own view of the node: what only it may do.
#[derive(Debug, Clone)]
pub struct Context {
    runtime: Runtime,
    pid: Pid,
    /// Where its slot is.
    place: u32,
    system_first: bool,
    /// What lies in its mailbox is counted.
    bounded: bool,
}

impl Context {
    pub(crate) fn new(runtime: Runtime, pid: Pid, system_first: bool, bounded: bool) -> Self {
        let place = runtime.node().table.place(pid);
        Self { runtime, pid, place, system_first, bounded }
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The node it runs on.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// What it runs.
    pub fn label(&self) -> Arc<str> {
        self.runtime.label(self.pid)
    }

    /// Sends bytes as this process; to nobody, if nobody is there. Now and then it lets others run, so that a process that gets many
    /// messages keeps up: [`Runtime::send`] does not.
    ///
    /// # Errors
    /// [`SendError`] if the mailbox is full or the node out of reach.
    pub async fn send(&self, target: &Target, body: impl Into<Payload>) -> Result<(), SendError> {
        let sent = self.runtime.send(self.pid, target, body.into());
        if !may_send() {
            self.yield_now().await;
        }
        sent
    }

    /// Answers a call that this process received. False if it was answered before, or nobody waits.
    pub fn reply(&self, reference: Reference, reply: Result<Payload, CallError>) -> bool {
        self.slot().is_some_and(|slot| self.runtime.reply_at(slot, self.pid, reference, reply))
    }

    /// Says that this process handles one message after the other: while it waits for the reply of a call, it takes no
    /// other. Then a call that comes back to it, over one process or several, is answered with [`CallError::Cycle`] instead
    /// of waiting for its deadline. Servers and state machines do this by themselves.
    pub fn serves(&self) {
        self.set_serves(true);
    }

    /// Takes back what [`serves`](Self::serves) says.
    pub fn takes_several(&self) {
        self.set_serves(false);
    }

    fn set_serves(&self, serves: bool) {
        if let Some(mut state) = self.runtime.state(self.pid) {
            state.serves = serves;
        }
    }

    /// Notes which callback this process is in.
    pub(crate) fn enter(&self, callback: Callback) {
        if let Some(slot) = self.slot() {
            slot.callback.store(callback as u8, Ordering::Relaxed);
        }
    }

    /// The processes that it is linked to.
    pub fn links(&self) -> Vec<Pid> {
        self.runtime.state(self.pid).map(|state| state.links.keys()).unwrap_or_default()
    }

    /// Waits.
    pub async fn sleep(&self, time: Duration) {
        sleep_until(deadline(time)).await;
    }

    /// Lets others run.
    pub async fn yield_now(&self) {
        let mut yielded = false;
        poll_fn(|task| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            task.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Ends this process at its next wait.
    pub fn exit(&self, reason: ExitReason) {
        self.runtime.terminate(self.pid, reason);
    }

    /// Makes this process the owner of what it has of a call's streams, under a handle, until [`take_stream`](Self::take_stream). If the
    /// process ends, the other ends hear it. Where a stream goes each way, the handle is of that to the callee, and the
    /// [other](Self::other_stream) one has its own.
    pub fn own_stream(&self, end: StreamEnd) -> u64 {
        match end {
            StreamEnd::Both(both) => {
                let [to_callee, to_caller] = *both;
                let other = self.own_end(to_caller, None);
                self.own_end(to_callee, Some(other))
            }
            one => self.own_end(one, None),
        }
    }

    fn own_end(&self, end: StreamEnd, other: Option<u64>) -> u64 {
        let Some((_, mut private)) = self.private() else { return 0 };
        let holdings = private.holdings_mut();
        holdings.next_handle += 1;
        let handle = holdings.next_handle;
        holdings.streams.insert(handle, OwnedEnd { end: end.clone(), other });
        drop(private);
        let party = || Arc::new(End::of(&self.runtime, self.pid, handle));
        match &end {
            StreamEnd::Writer(writer) => writer.belongs_to(party()),
            StreamEnd::Reader(reader) => reader.belongs_to(party()),
            StreamEnd::Both(_) => {}
        }
        handle
    }

    /// How many ends of streams it owns.
    pub fn streams(&self) -> usize {
        self.private().and_then(|(_, private)| Some(private.holdings.as_ref()?.streams.len())).unwrap_or(0)
    }

    /// One of this process's ends of streams.
    pub fn stream(&self, handle: u64) -> Option<StreamEnd> {
        Some(self.private()?.1.holdings.as_ref()?.streams.get(&handle)?.end.clone())
    }

    /// The handle of the stream to the caller, by that of the stream to the callee of the same call.
    pub fn other_stream(&self, handle: u64) -> Option<u64> {
        self.private()?.1.holdings.as_ref()?.streams.get(&handle)?.other
    }

    /// Gives up an end; the caller closes or aborts it.
    pub fn take_stream(&self, handle: u64) -> Option<StreamEnd> {
        Some(self.private()?.1.holdings.as_mut()?.streams.remove(&handle)?.end)
    }

    /// Takes back what [`own_turns`](crate::SpawnOptions::own_turns) says: from now on this process may run within a caller's
    /// turn.
    pub fn share_turns(&self) {
        if let Some(body) = self.runtime.state(self.pid).and_then(|state| state.body.clone()) {
            body.share_turns();
        }
    }

    /// Says how many bytes of its own the process has, which [`ProcessInfo::memory`](crate::ProcessInfo) includes.
    pub fn account_memory(&self, bytes: usize) {
        let state = self.runtime.node().table.lock(self.pid);
        if let Some(body) = state.as_ref().and_then(|state| state.body.as_ref()) {
            body.tell_memory(bytes);
        }
    }

    pub(crate) fn slot(&self) -> Option<&Slot> {
        self.runtime.node().table.slot_at(self.place)
    }

    /// None once the process has ended.
    fn private(&self) -> Option<(&Slot, MutexGuard<'_, Private>)> {
        let slot = self.slot()?;
        Some((slot, slot.private(self.pid)?))
    }
}
