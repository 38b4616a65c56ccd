//! What is kept for a process, held against its bounds.

use std::sync::Arc;

use super::State;
use crate::account::{LINK, MONITOR, Overdrawn};
use crate::body::Body;
use crate::memory::Memory;
use crate::{Crash, ExitReason, Pid};

impl State {
    /// Whether what is kept for it, or what the runtime has put into its mailbox, is too much.
    pub(crate) fn is_overdrawn(&self, inbox: usize) -> bool {
        let Some(account) = &self.account else { return false };
        let kept = account.charged + self.links.len() * LINK + self.watching.len() * MONITOR;
        let waiting = (account.incoming + inbox).saturating_sub(account.most_mail);
        kept.saturating_add(waiting) > account.most
    }

    /// Notes so many bytes more, and whether that is too much.
    pub(crate) fn is_overdrawn_with(&mut self, memory: &Memory, bytes: usize, inbox: usize) -> bool {
        if let Some(account) = &mut self.account {
            account.charged += bytes;
        }
        self.tell(memory, inbox);
        self.is_overdrawn(inbox)
    }

    /// Lets the node know how much is kept for the process, if that has changed much.
    pub(crate) fn tell(&mut self, memory: &Memory, inbox: usize) {
        let entries = self.links.len() * LINK + self.watching.len() * MONITOR;
        let Some(account) = &mut self.account else { return };
        let kept = account.charged + account.incoming + inbox + entries;
        if kept.abs_diff(account.told) >= GRAIN {
            memory.keep(account.told, kept);
            account.told = kept;
            self.has_told = kept > GRAIN;
        }
    }

    /// What has come is in the inbox now: how many bytes it takes.
    pub(crate) fn forget_incoming(&mut self) -> usize {
        self.account.as_mut().map_or(0, |account| std::mem::take(&mut account.incoming))
    }

    pub(crate) fn take_off(&mut self, memory: &Memory, bytes: usize, inbox: usize) {
        if let Some(account) = &mut self.account {
            account.charged = account.charged.saturating_sub(bytes);
        }
        self.tell(memory, inbox);
    }

    /// Ends it because it is.
    #[cold]
    pub(crate) fn overdraw(&mut self, pid: Pid) -> Option<Arc<Body>> {
        let most = self.account.as_ref()?.most;
        let text = format!(
            "{}: links, monitors, timers, places in groups and their messages that wait; the limit `host-memory` of its \
             capabilities sets how much that may be",
            Overdrawn::Process { most }
        );
        self.crash(pid, text)
    }

    pub(crate) fn crash(&mut self, pid: Pid, text: String) -> Option<Arc<Body>> {
        let component = self.label.clone().unwrap_or_default();
        let crash = Crash { text, backtrace: String::new(), component, pid, function: String::new() };
        self.terminate(ExitReason::Crash(Arc::new(crash)))
    }
}

/// A process tells the node of changes of so many bytes: of smaller ones, the node's count would cost more than they do.
const GRAIN: usize = 4096;
