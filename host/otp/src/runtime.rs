use std::any::Any;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::body::Body;
use crate::call::{CallError, PendingCall, ReplyTo};
use crate::names::Names;
use crate::process::State;
use crate::stream::StreamEnd;
use crate::table::{References, Table};
use crate::timers::Timers;
use crate::{
    AlreadyRegistered, Context, Crash, ExitReason, Message, Pid, ProcessInfo, Reference, RegisterError,
    Request, SendError, SpawnOptions, Spawned, Target,
};

/// One node: its processes, their names and timers. Clones are the same node.
#[derive(Debug, Clone)]
pub struct Runtime {
    node: Arc<Node>,
}

#[derive(Debug)]
pub(crate) struct Node {
    id: u64,
    started: Instant,
    pub(crate) table: Table,
    names: Names,
    pub(crate) references: References,
    pub(crate) timers: Timers,
    workers: Handle,
}

impl Runtime {
    /// A node without processes, whose processes will run on the current tokio runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new() -> Self {
        let id = random_node_id();
        let node = Arc::new_cyclic(|node| Node {
            id,
            started: Instant::now(),
            table: Table::new(id),
            names: Names::new(),
            references: References::new(),
            timers: Timers::start(node.clone()),
            workers: Handle::current(),
        });
        Self { node }
    }

    pub(crate) fn from_node(node: Arc<Node>) -> Self {
        Self { node }
    }

    /// The node's id, random per boot.
    pub fn node_id(&self) -> u64 {
        self.node.id
    }

    /// The tokio runtime that the processes run on.
    pub fn workers(&self) -> &Handle {
        &self.node.workers
    }

    /// How long the node has been up.
    pub fn uptime(&self) -> Duration {
        self.node.started.elapsed()
    }

    /// A number that no other monitor, timer or call of this node has.
    pub fn new_reference(&self) -> Reference {
        self.node.references.next()
    }

    /// Starts a process. Its name, link and monitor are in place before its first step; its value is its exit reason.
    ///
    /// # Errors
    /// [`AlreadyRegistered`] if the name belongs to a living process.
    ///
    /// # Panics
    /// If 16 million processes live at once.
    pub fn spawn<F, Run>(&self, options: SpawnOptions, body: F) -> Result<Spawned, AlreadyRegistered>
    where
        F: FnOnce(Context) -> Run + Send + 'static,
        Run: Future<Output = ExitReason> + Send + 'static,
    {
        let monitor = options.monitor.then(|| self.new_reference());
        let nests = !options.own_turns;
        let pid = self.prepare(options, monitor)?;
        let context = Context::new(self.clone(), pid);
        let body = Body::new(self.clone(), pid, nests, async move { body(context).await });
        self.node.workers.spawn(poll_fn(move |task| body.poll(task)));
        Ok(Spawned { pid, monitor })
    }

    fn prepare(&self, options: SpawnOptions, monitor: Option<Reference>) -> Result<Pid, AlreadyRegistered> {
        let (pid, slot) = self.node.table.allocate().expect("16 million processes at most");
        if let Some(name) = &options.name
            && let Err(holder) = self.node.names.insert(name, pid)
        {
            self.node.table.release(pid);
            return Err(AlreadyRegistered(holder));
        }
        let mut state = slot.lock_any();
        state.live = true;
        state.label = options.label;
        state.name = options.name;
        state.parent = options.parent;
        state.bound = options.mailbox;
        state.hears_shutdown = options.hears_shutdown;
        drop(state);
        if let Some(parent) = options.parent {
            if options.link {
                self.link(parent, pid);
            }
            if let Some(monitor) = monitor {
                self.watch(parent, pid, monitor);
            }
        }
        Ok(pid)
    }

    /// Everything that ends with a process, after its body is gone.
    pub(crate) fn finish(&self, pid: Pid, reason: &ExitReason) {
        let Some(mut guard) = self.node.table.lock(pid) else { return };
        let generation = guard.generation;
        let mut state = std::mem::replace(&mut *guard, State { generation, ..State::default() });
        drop(guard);
        if let Some(name) = &state.name {
            self.node.names.remove(name, pid);
        }
        for (_, reply_to) in state.open_calls.drain(..) {
            reply_to.answer(Err(CallError::Exited(reason.clone())));
        }
        for message in state.mailbox.drain(..) {
            if let Message::Call(mut request) = message {
                refuse(&mut request, CallError::Exited(reason.clone()));
                if let Some(end) = request.stream {
                    end.exited(reason);
                }
            }
        }
        for (_, end) in state.streams.drain() {
            end.exited(reason);
        }
        for other in state.links {
            self.exit_signal(pid, other, reason, true);
        }
        for (monitor, watcher) in state.watchers {
            self.down(watcher, monitor, pid, reason);
        }
        for (monitor, other) in state.watching {
            if let Some(mut state) = self.node.table.lock(other) {
                state.watchers.retain(|(reference, _)| *reference != monitor);
            }
        }
        if state.has_timers {
            self.node.timers.cancel_all(pid);
        }
        self.node.table.release(pid);
    }

    /// The process a target means now.
    pub fn resolve(&self, target: &Target) -> Option<Pid> {
        match target {
            Target::Process(pid) => Some(*pid),
            Target::Name(name) => self.node.names.find(name),
        }
    }

    /// Sends bytes; to nobody, if nobody is there.
    ///
    /// # Errors
    /// [`SendError`] if the mailbox is full or the node out of reach.
    pub fn send(&self, sender: Pid, target: &Target, body: Bytes) -> Result<(), SendError> {
        self.deliver_bounded(target, || Message::Mail { sender, body })
    }

    /// Sends a value as it is, to a process of this node; to nobody, if nobody is there.
    ///
    /// # Errors
    /// [`SendError`] if the mailbox is full or the process on another node.
    pub fn send_term(&self, sender: Pid, target: &Target, value: impl Any + Send) -> Result<(), SendError> {
        self.deliver_bounded(target, || Message::Term { sender, value: Box::new(value) })
    }

    /// Calls a function that nobody waits for; of nobody, if nobody is there.
    ///
    /// # Errors
    /// [`SendError`] if the mailbox is full or the node out of reach.
    pub fn cast(&self, sender: Pid, target: &Target, key: u32, body: Bytes) -> Result<(), SendError> {
        self.deliver_bounded(target, || Message::Cast { sender, key, body })
    }

    fn deliver_bounded(&self, target: &Target, message: impl FnOnce() -> Message) -> Result<(), SendError> {
        let Some(pid) = self.resolve(target) else { return Ok(()) };
        if pid.node != self.node.id {
            return Err(SendError::NoConnection);
        }
        let waker = match self.node.table.lock(pid) {
            None => return Ok(()),
            Some(state) if state.is_full() => return Err(SendError::Overloaded),
            Some(mut state) => state.deliver(message()),
        };
        wake(waker);
        Ok(())
    }

    /// Sends a call. Await what comes back for the reply, or drop it to give the call up.
    ///
    /// # Errors
    /// [`CallError`] if the call cannot even be sent.
    pub fn call(
        &self,
        sender: Pid,
        target: &Target,
        key: u32,
        body: Bytes,
        stream: Option<StreamEnd>,
        deadline: Option<Instant>,
    ) -> Result<PendingCall, CallError> {
        self.send_call(target, deadline, |reference, reply_to| {
            let reply_to = Some(reply_to);
            Request { sender, reference, key, body, term: None, stream, deadline, reply_to }
        })
    }

    /// Sends a call whose request is a value of Rust.
    pub(crate) fn call_term(
        &self,
        sender: Pid,
        target: &Target,
        term: Box<dyn Any + Send>,
        deadline: Option<Instant>,
    ) -> Result<PendingCall, CallError> {
        self.send_call(target, deadline, |reference, reply_to| {
            let (term, reply_to) = (Some(term), Some(reply_to));
            Request { sender, reference, key: 0, body: Bytes::new(), term, stream: None, deadline, reply_to }
        })
    }

    fn send_call(
        &self,
        target: &Target,
        deadline: Option<Instant>,
        request: impl FnOnce(Reference, ReplyTo) -> Request,
    ) -> Result<PendingCall, CallError> {
        let callee = self.resolve(target).ok_or(CallError::NoProc)?;
        if callee.node != self.node.id {
            return Err(CallError::NoConnection);
        }
        let reference = self.new_reference();
        let mut state = self.node.table.lock(callee).ok_or(CallError::NoProc)?;
        if state.is_full() {
            return Err(CallError::Overloaded);
        }
        let (reply_to, pending) = PendingCall::new(callee, reference, deadline);
        let waker = state.deliver(Message::Call(request(reference, reply_to)));
        drop(state);
        wake(waker);
        Ok(pending)
    }

    /// Answers a call that `callee` received. False if it was answered before, or nobody waits.
    pub fn reply(&self, callee: Pid, reference: Reference, reply: Result<Bytes, CallError>) -> bool {
        let open = self.node.table.lock(callee).and_then(|mut state| {
            let place = state.open_calls.iter().position(|(open, _)| *open == reference)?;
            Some(state.open_calls.swap_remove(place).1)
        });
        open.is_some_and(|reply_to| reply_to.answer(reply))
    }

    /// Links two processes: when one ends abnormally, so does the other, unless it traps exits.
    pub fn link(&self, pid: Pid, other: Pid) {
        if pid == other {
            return;
        }
        match self.node.table.lock(pid) {
            Some(mut state) if !state.links.contains(&other) => state.links.push(other),
            _ => return,
        }
        let linked = self.node.table.lock(other).map(|mut state| {
            if !state.links.contains(&pid) {
                state.links.push(pid);
            }
        });
        if linked.is_none() {
            self.exit_signal(other, pid, &self.absence(other), true);
        }
    }

    /// Ends a link: no later end of `other` reaches `pid`.
    pub fn unlink(&self, pid: Pid, other: Pid) {
        if let Some(mut state) = self.node.table.lock(pid) {
            state.unlink(other);
        }
        if let Some(mut state) = self.node.table.lock(other) {
            state.unlink(pid);
        }
    }

    /// Lets `pid` watch a process: one [`Message::Down`] arrives when it ends, at once if it is not there.
    pub fn monitor(&self, pid: Pid, other: &Target) -> Reference {
        let monitor = self.new_reference();
        match self.resolve(other) {
            Some(other) => self.watch(pid, other, monitor),
            None => {
                let nobody = Pid { node: self.node.id, id: 0 };
                self.watch(pid, nobody, monitor);
            }
        }
        monitor
    }

    fn watch(&self, pid: Pid, other: Pid, monitor: Reference) {
        if let Some(mut state) = self.node.table.lock(pid) {
            state.watching.push((monitor, other));
        }
        let watched = self.node.table.lock(other).map(|mut state| state.watchers.push((monitor, pid)));
        if watched.is_none() {
            self.down(pid, monitor, other, &self.absence(other));
        }
    }

    /// Ends a monitor and takes back its message, if there is one. False if there was no such monitor.
    pub fn demonitor(&self, pid: Pid, monitor: Reference) -> bool {
        let Some(mut state) = self.node.table.lock(pid) else { return false };
        let stale = |message: &Message| matches!(message, Message::Down { monitor: reference, .. } if *reference == monitor);
        let Some(other) = state.stop_watching(monitor) else {
            let before = state.mailbox.len();
            state.mailbox.retain(|message| !stale(message));
            return state.mailbox.len() < before;
        };
        drop(state);
        if let Some(mut state) = self.node.table.lock(other) {
            state.watchers.retain(|(reference, _)| *reference != monitor);
        }
        true
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
        self.doom(pid, ExitReason::Killed);
    }

    /// Ends a process with a reason, whether it traps exits or not: for its own exit, and for its host.
    pub fn doom(&self, pid: Pid, reason: ExitReason) {
        let Some(mut state) = self.node.table.lock(pid) else { return };
        let waker = state.doom(reason);
        drop(state);
        self.mark_doomed(pid);
        wake(waker);
    }

    fn mark_doomed(&self, pid: Pid) {
        if let Some(slot) = self.node.table.slot(pid.slot()) {
            // The flag may reach a successor in the slot, which then looks and finds nothing.
            slot.doomed.store(true, Ordering::Release);
        }
    }

    fn exit_signal(&self, sender: Pid, receiver: Pid, reason: &ExitReason, by_link: bool) {
        let Some(mut state) = self.node.table.lock(receiver) else { return };
        if by_link && !state.unlink(sender) {
            return;
        }
        let asked = matches!(reason, ExitReason::Shutdown | ExitReason::ShutdownWith(_));
        let waker = if state.trap_exit || state.hears_shutdown && asked {
            state.deliver(Message::Exit { pid: sender, reason: reason.clone() })
        } else if *reason == ExitReason::Normal && (by_link || sender != receiver) {
            None
        } else {
            let waker = state.doom(reason.clone());
            drop(state);
            self.mark_doomed(receiver);
            waker
        };
        wake(waker);
    }

    fn down(&self, watcher: Pid, monitor: Reference, pid: Pid, reason: &ExitReason) {
        let waker = self.node.table.lock(watcher).and_then(|mut state| {
            state.stop_watching(monitor)?;
            state.deliver(Message::Down { monitor, pid, reason: reason.clone() })
        });
        wake(waker);
    }

    fn absence(&self, pid: Pid) -> ExitReason {
        if pid.node == self.node.id { ExitReason::NoProc } else { ExitReason::NoConnection }
    }

    /// Whether exits of linked processes shall reach a process as messages; answers what it was.
    pub fn trap_exit(&self, pid: Pid, on: bool) -> bool {
        self.node.table.lock(pid).is_some_and(|mut state| std::mem::replace(&mut state.trap_exit, on))
    }

    /// Whether the process is there.
    pub fn is_alive(&self, pid: Pid) -> bool {
        self.node.table.lock(pid).is_some_and(|state| state.exit.is_none())
    }

    /// What is known of a living process.
    pub fn info(&self, pid: Pid) -> Option<ProcessInfo> {
        self.node.table.lock(pid).map(|state| state.info(pid))
    }

    /// Who spawned a living process.
    pub fn parent(&self, pid: Pid) -> Option<Pid> {
        self.node.table.lock(pid).and_then(|state| state.parent)
    }

    /// Every living process.
    pub fn processes(&self) -> Vec<ProcessInfo> {
        let info = |(index, slot): (u32, &crate::table::Slot)| {
            let state = slot.lock_any();
            let pid = Pid::new(self.node.id, index, state.generation);
            state.live.then(|| state.info(pid))
        };
        self.node.table.slots().filter_map(info).collect()
    }

    /// Registers a process under a name, which is freed when the process ends.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn register(&self, pid: Pid, name: &str) -> Result<(), RegisterError> {
        let name: Arc<str> = name.into();
        let mut state = self.node.table.lock(pid).ok_or(RegisterError::NoProc)?;
        if state.name.is_some() {
            return Err(RegisterError::AlreadyNamed);
        }
        // Under the process's lock, so that its end cannot miss the name.
        self.node.names.insert(&name, pid).map_err(RegisterError::Taken)?;
        state.name = Some(name);
        Ok(())
    }

    /// Frees a name, if it is this process's.
    pub fn unregister(&self, pid: Pid, name: &str) -> bool {
        if let Some(mut state) = self.node.table.lock(pid) {
            state.name.take_if(|own| &**own == name);
        }
        self.node.names.remove(name, pid)
    }

    /// The process that has this name now.
    pub fn whereis(&self, name: &str) -> Option<Pid> {
        self.node.names.find(name)
    }

    /// Sends [`Message::Timer`] to a process after a while; the timer goes with the process.
    pub fn send_after(&self, pid: Pid, after: Duration, body: Bytes) -> Reference {
        let timer = self.new_reference();
        match self.node.table.lock(pid) {
            Some(mut state) => state.has_timers = true,
            None => return timer,
        }
        self.node.timers.insert(pid, timer, Instant::now() + after, Some(body));
        timer
    }

    /// Stops a timer; how much was left, if it had not fired.
    pub fn cancel_timer(&self, timer: Reference) -> Option<Duration> {
        let due = self.node.timers.cancel(timer)?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    /// The exit that somebody has sent a process and that it must take, if there is one.
    pub(crate) fn take_exit(&self, pid: Pid) -> Option<ExitReason> {
        let slot = self.node.table.slot(pid.slot())?;
        if !slot.doomed.swap(false, Ordering::Acquire) {
            return None;
        }
        slot.lock(pid).and_then(|mut state| state.exit.take())
    }

    /// A panic of a process's body, as its exit reason.
    pub(crate) fn panicked(&self, pid: Pid, panic: &(dyn Any + Send)) -> ExitReason {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let component = self.info(pid).map(|info| info.label).unwrap_or_default();
        ExitReason::Crash(Arc::new(Crash {
            text: text.unwrap_or_else(|| "a panic without a text".into()),
            backtrace: String::new(),
            component,
            pid,
            function: String::new(),
        }))
    }

    pub(crate) fn set_alarm(&self, pid: Pid, due: Instant) {
        self.node.timers.insert(pid, self.new_reference(), due, None);
    }

    /// Lets whoever waits for a call look at the clock; those who wait on set the next alarm.
    pub(crate) fn ring_alarm(&self, pid: Pid) {
        let Some(mut state) = self.node.table.lock(pid) else { return };
        state.alarm = None;
        let waiting: Vec<Waker> = state.waiting_calls.values().cloned().collect();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Puts a system message into a mailbox: no bound holds for it.
    pub(crate) fn notify(&self, pid: Pid, message: Message) {
        let waker = self.node.table.lock(pid).and_then(|mut state| state.deliver(message));
        wake(waker);
    }

    pub(crate) fn state(&self, pid: Pid) -> Option<parking_lot::MutexGuard<'_, State>> {
        self.node.table.lock(pid)
    }
}

impl Default for Runtime {
    fn default() -> Self {
        Self::new()
    }
}

/// Answers a call that its callee will never see.
pub(crate) fn refuse(request: &mut Request, error: CallError) {
    if let Some(reply_to) = request.reply_to.take() {
        reply_to.answer(Err(error));
    }
}

pub(crate) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// 53 random bits, from the seed that the standard library takes from the system for its hash maps.
fn random_node_id() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id()) >> 11
}
