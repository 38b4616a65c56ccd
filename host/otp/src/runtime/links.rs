use super::{Runtime, wake};
use crate::unguessable::next_reference;
use crate::{ExitReason, Message, Pid, Reference, Target};

impl Runtime {
    /// Links two processes: when one ends abnormally, so does the other, unless it traps exits. If one of them is gone, the
    /// other one hears that there is no such process.
    pub fn link(&self, pid: Pid, other: Pid) {
        if pid == other {
            return;
        }
        let Some(slot) = self.node.table.slot(pid) else { return };
        let mut exiting = None;
        let new = slot.lock(pid).map(|mut state| {
            let new = state.links.insert(other, ());
            exiting = self.bounded(&mut state, slot, pid);
            new
        });
        wake(exiting);
        if new == Some(false) {
            return;
        }
        let linked = self.node.table.lock(other).map(|mut state| state.links.insert(pid, ()));
        if linked.is_none() {
            self.exit_signal(other, pid, &self.absence(other), true);
            return;
        }
        // An end of the process, or of the link, that came between the two has not found the second one.
        match self.node.table.lock(pid).map(|state| state.links.get(other).is_some()) {
            Some(true) => {}
            Some(false) => {
                if let Some(mut state) = self.node.table.lock(other) {
                    state.links.remove(pid);
                }
            }
            None => self.exit_signal(pid, other, &self.absence(pid), true),
        }
    }

    /// Makes the parent's ends of the link and the monitor of a process that has its own and does not run yet.
    pub(super) fn adopt(&self, parent: Pid, child: Pid, link: bool, monitor: Option<Reference>) {
        let Some(mut state) = self.node.table.lock(parent) else {
            if link {
                self.exit_signal(parent, child, &self.absence(parent), true);
            }
            return;
        };
        if link {
            state.links.insert(child, ());
        }
        if let Some(monitor) = monitor {
            state.watching.insert(monitor, child);
        }
    }

    /// Ends a link: no later end of `other` reaches `pid`.
    pub fn unlink(&self, pid: Pid, other: Pid) {
        for (own, far) in [(pid, other), (other, pid)] {
            if let Some(mut state) = self.node.table.lock(own) {
                state.links.remove(far);
            }
        }
    }

    /// Lets `pid` watch a process: one [`Message::Down`] arrives when it ends, at once if it is not there.
    pub fn monitor(&self, pid: Pid, other: &Target) -> Reference {
        let monitor = next_reference();
        let nobody = Pid { node: self.node.id, id: 0 };
        self.watch(pid, self.resolve(other).unwrap_or(nobody), monitor);
        monitor
    }

    fn watch(&self, pid: Pid, other: Pid, monitor: Reference) {
        let Some(slot) = self.node.table.slot(pid) else { return };
        let Some(mut state) = slot.lock(pid) else { return };
        state.watching.insert(monitor, other);
        let exiting = self.bounded(&mut state, slot, pid);
        drop(state);
        wake(exiting);
        let watched = self.node.table.lock(other).map(|mut state| state.watchers.insert(monitor, pid));
        if watched.is_none() {
            self.down(pid, monitor, other, &self.absence(other));
            return;
        }
        // As with a link.
        let still = self.node.table.lock(pid).is_some_and(|state| state.watching.get(monitor).is_some());
        if !still && let Some(mut state) = self.node.table.lock(other) {
            state.watchers.remove(monitor);
        }
    }

    /// Ends a monitor and takes back its message, if there is one. False if there was no such monitor.
    pub fn demonitor(&self, pid: Pid, monitor: Reference) -> bool {
        let watched = self.node.table.lock(pid).and_then(|mut state| state.watching.remove(monitor));
        if let Some(other) = watched {
            if let Some(mut state) = self.node.table.lock(other) {
                state.watchers.remove(monitor);
            }
            return true;
        }
        self.take_back(
            pid,
            |message| matches!(message, Message::Down { monitor: reference, .. } if *reference == monitor),
        )
    }

    /// Takes messages back that a process has not received yet. False if there were none.
    pub(crate) fn take_back(&self, pid: Pid, is_stale: impl Fn(&Message) -> bool) -> bool {
        let Some(slot) = self.node.table.slot(pid) else { return false };
        let Some(mut private) = slot.private(pid) else { return false };
        slot.lock(pid).is_some_and(|mut state| state.take_back(&slot.inbox, &mut private, is_stale))
    }

    /// Sends an exit to a process, as Erlang's `exit/2`: one that traps exits gets it as a message, another ends
    /// unless the reason is `normal`. To itself, `normal` ends it too. [`ExitReason::Killed`] is not trapped.
    pub fn exit(&self, sender: Pid, other: Pid, reason: ExitReason) {
        if reason == ExitReason::Killed {
            self.kill(other);
        } else {
            self.exit_signal(sender, other, &reason, false);
        }
    }

    /// Ends a process that cannot trap it.
    pub fn kill(&self, pid: Pid) {
        self.terminate(pid, ExitReason::Killed);
    }

    /// Ends a process with a reason, whether it traps exits or not: for its own exit, and for its host.
    pub fn terminate(&self, pid: Pid, reason: ExitReason) {
        let body = self.node.table.lock(pid).and_then(|mut state| state.terminate(reason));
        wake(body);
    }

    pub(super) fn exit_signal(&self, sender: Pid, receiver: Pid, reason: &ExitReason, by_link: bool) {
        let Some(mut state) = self.node.table.lock(receiver) else { return };
        if by_link && state.links.remove(sender).is_none() {
            return;
        }
        let asked = matches!(reason, ExitReason::Shutdown | ExitReason::ShutdownWith(_));
        let body = if state.trap_exit || state.hears_shutdown && asked {
            state.ending |= state.parent == Some(sender);
            let woken = state.deliver(Message::Exit { pid: sender, reason: reason.clone() });
            self.bounded_at(&mut state, receiver).or(woken)
        } else if *reason == ExitReason::Normal && (by_link || sender != receiver) {
            None
        } else {
            state.terminate(reason.clone())
        };
        drop(state);
        wake(body);
    }

    pub(super) fn down(&self, watcher: Pid, monitor: Reference, pid: Pid, reason: &ExitReason) {
        let body = self.node.table.lock(watcher).and_then(|mut state| {
            state.watching.remove(monitor)?;
            let woken = state.deliver(Message::Down { monitor, pid, reason: reason.clone() });
            self.bounded_at(&mut state, watcher).or(woken)
        });
        wake(body);
    }

    fn absence(&self, pid: Pid) -> ExitReason {
        if pid.node == self.node.id { ExitReason::NoProc } else { ExitReason::NoConnection }
    }

    /// Whether exits of linked processes shall reach a process as messages; answers what it was.
    pub fn trap_exit(&self, pid: Pid, on: bool) -> bool {
        self.node.table.lock(pid).is_some_and(|mut state| std::mem::replace(&mut state.trap_exit, on))
    }
}
