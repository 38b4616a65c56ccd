use std::sync::Arc;

use super::{Runtime, wake};
use crate::Pid;
use crate::account::{Kept, Overdrawn};
use crate::body::Body;
use crate::process::State;
use crate::table::Slot;

/// Bytes that are kept for a process as long as this lives: they are given back with it.
#[derive(Debug)]
#[must_use = "dropping it gives the bytes back"]
pub struct Charge {
    runtime: Runtime,
    pid: Pid,
    bytes: usize,
}

impl Kept for Charge {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn grow(&mut self, bytes: usize) -> Result<(), Overdrawn> {
        self.runtime.charge(self.pid, bytes)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.runtime.discharge(self.pid, self.bytes);
    }
}

impl Runtime {
    /// Ends a process for which more is kept than may be; the body, which has to be woken.
    pub(crate) fn bounded(&self, state: &mut State, slot: &Slot, pid: Pid) -> Option<Arc<Body>> {
        // Nearly always there are no bounds, or the process is far below them.
        state.account.as_ref()?;
        let inbox = slot.inbox.bytes();
        state.tell(&self.node().memory, inbox);
        if state.is_overdrawn(inbox) { state.overdraw(pid) } else { None }
    }

    /// The same, after something was put into its mailbox.
    pub(crate) fn bounded_at(&self, state: &mut State, pid: Pid) -> Option<Arc<Body>> {
        if state.account.is_some() { self.bounded(state, self.node().table.slot(pid)?, pid) } else { None }
    }

    /// Notes that so many bytes more are kept for a process, until they are [given back](Self::discharge) or it ends.
    ///
    /// # Errors
    /// [`Overdrawn`] if that is too much; nothing is noted then.
    pub fn charge(&self, pid: Pid, bytes: usize) -> Result<(), Overdrawn> {
        let Some(slot) = self.node().table.slot(pid) else { return Ok(()) };
        let inbox = slot.inbox.bytes();
        let Some(mut state) = slot.lock(pid) else { return Ok(()) };
        let Some(most) = state.account.as_ref().map(|account| account.most) else { return Ok(()) };
        let memory = &self.node().memory;
        let refused = if !memory.has_room(bytes) {
            Overdrawn::Node { most: memory.most() }
        } else if state.is_overdrawn_with(memory, bytes, inbox) {
            state.take_off(memory, bytes, inbox);
            Overdrawn::Process { most }
        } else {
            return Ok(());
        };
        Err(refused)
    }

    /// The same, given back when what this answers with is dropped.
    ///
    /// # Errors
    /// As [`charge`](Self::charge).
    pub fn keep(&self, pid: Pid, bytes: usize) -> Result<Charge, Overdrawn> {
        self.charge(pid, bytes)?;
        Ok(Charge { runtime: self.clone(), pid, bytes })
    }

    /// The same for what others have made it keep, which may take half of its bound: the rest is for its own.
    ///
    /// # Errors
    /// As [`charge`](Self::charge).
    pub(crate) fn keep_for_others(&self, pid: Pid, bytes: usize) -> Result<Charge, Overdrawn> {
        let most = self.state(pid).and_then(|state| {
            let account = state.account.as_ref()?;
            (account.charged.saturating_add(bytes) > account.most / 2).then_some(account.most)
        });
        match most {
            Some(most) => Err(Overdrawn::Process { most }),
            None => self.keep(pid, bytes),
        }
    }

    /// The same for what nobody can be refused: the process ends instead. False then.
    pub(crate) fn charge_or_end(&self, pid: Pid, bytes: usize) -> bool {
        match self.charge(pid, bytes) {
            Ok(()) => true,
            Err(Overdrawn::Process { .. }) => {
                let body = self.state(pid).and_then(|mut state| state.overdraw(pid));
                wake(body);
                false
            }
            Err(full @ Overdrawn::Node { .. }) => {
                self.crash(pid, full.to_string());
                false
            }
        }
    }

    /// Ends a process for what it holds elsewhere, with a text that names the limit: as soon as it can be, as by a kill.
    pub fn crash(&self, pid: Pid, text: String) {
        let body = self.state(pid).and_then(|mut state| state.crash(pid, text));
        wake(body);
    }

    /// Notes that so many bytes are no longer kept for a process.
    pub fn discharge(&self, pid: Pid, bytes: usize) {
        let Some(slot) = self.node().table.slot(pid) else { return };
        if let Some(mut state) = slot.lock(pid) {
            state.take_off(&self.node().memory, bytes, slot.inbox.bytes());
        }
    }
}
