use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::body::Body;
use crate::call::CallError;
use crate::counters::Counters;
use crate::groups::Groups;
use crate::latency::Latencies;
use crate::memory::Memory;
use crate::names::Names;
use crate::owner::Owner;
use crate::process::{Callback, Private, State};
use crate::scheduler::Scheduler;
use crate::sharded::Sharded;
use crate::sync::{AtomicBool, Mutex, MutexGuard};
use crate::table::Table;
use crate::timers::{Timers, deadline};
use crate::unguessable::next_reference;
use crate::{
    AlreadyRegistered, Context, Crash, ExitReason, Message, Pid, Reference, RegisterError, SpawnOptions,
    Spawned, Target, check_name,
};

mod charges;
mod introspection;
mod links;
mod replies;
mod send;
mod streams;
pub(crate) mod timers;

pub use charges::Charge;
pub use introspection::TreeEntry;
pub(crate) use streams::End;

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
    pub(crate) names: Names,
    pub(crate) timers: Timers,
    pub(crate) groups: Arc<Groups>,
    /// How often each supervisor has started children again.
    pub(crate) supervisors: Sharded<Pid, Arc<AtomicU64>>,
    pub(crate) counters: Counters,
    pub(crate) latencies: Latencies,
    pub(crate) memory: Memory,
    /// The applications that were started, in their order, and their supervisors.
    pub(crate) applications: Mutex<Vec<(Arc<str>, Pid)>>,
    /// The node stops: a process that is spawned ends at once.
    pub(crate) closed: AtomicBool,
    scheduler: Arc<Scheduler>,
    workers: Handle,
}

impl Runtime {
    /// A node without processes, whose processes will run on the current tokio runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new() -> Self {
        let id = random_node_id();
        let scheduler = Scheduler::new();
        let node = Arc::new_cyclic(|node| {
            scheduler.start(node);
            let timers = Timers::default();
            tokio::spawn(timers::drive(node.clone(), timers.changed().clone()));
            Node {
                id,
                started: Instant::now(),
                table: Table::new(id),
                names: Names::default(),
                timers,
                groups: Arc::default(),
                supervisors: Sharded::default(),
                counters: Counters::default(),
                latencies: Latencies::default(),
                memory: Memory::new(),
                applications: Mutex::default(),
                closed: AtomicBool::new(false),
                scheduler,
                workers: Handle::current(),
            }
        });
        Self { node }
    }

    pub(crate) fn from_node(node: Arc<Node>) -> Self {
        Self { node }
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    pub(crate) fn state(&self, pid: Pid) -> Option<MutexGuard<'_, State>> {
        self.node.table.lock(pid)
    }

    pub(crate) fn scheduler(&self) -> &Arc<Scheduler> {
        &self.node.scheduler
    }

    /// The node's id, random per boot.
    pub fn node_id(&self) -> u64 {
        self.node.id
    }

    /// The tokio runtime that the processes run on.
    pub fn workers(&self) -> &Handle {
        &self.node.workers
    }

    /// What its processes take, and the bound of it.
    pub fn memory(&self) -> &Memory {
        &self.node.memory
    }

    /// How long the node has been up.
    pub fn uptime(&self) -> Duration {
        self.node.started.elapsed()
    }

    /// A number that no other monitor, timer or call has.
    pub fn new_reference(&self) -> Reference {
        next_reference()
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
        let node = &*self.node;
        let (pid, mut state) = node.table.allocate().expect("16 million processes at most");
        if let Some(name) = &options.name
            && let Err(holder) = node.names.insert(name, pid)
        {
            drop(state);
            node.table.release(pid);
            return Err(AlreadyRegistered(holder));
        }
        let context = Context::new(self.clone(), pid, options.system_first, options.account.is_some());
        let body = Body::new(self.clone(), pid, !options.own_turns, async move { body(context).await });
        state.live = true;
        state.body = Some(body.clone());
        state.label = options.label;
        state.name = options.name;
        state.parent = options.parent;
        state.account = options.account.map(Box::new);
        state.overflow = options.overflow;
        state.system_first = options.system_first;
        state.trap_exit = options.trap_exit;
        state.hears_shutdown = options.hears_shutdown;
        state.guest = options.guest;
        if node.closed.load(Ordering::Relaxed) && !options.even_if_closed {
            state.terminate(ExitReason::Shutdown);
        }
        let link = options.parent.filter(|_| options.link);
        let monitor = options.monitor.then(next_reference);
        let watcher = monitor.zip(options.parent);
        link.map(|parent| state.links.insert(parent, ()));
        watcher.map(|(monitor, parent)| state.watchers.insert(monitor, parent));
        drop(state);
        if let Some(parent) = link.or(watcher.map(|(_, parent)| parent)) {
            self.adopt(parent, pid, link.is_some(), monitor);
        }
        node.scheduler.admit(body);
        Ok(Spawned { pid, monitor })
    }

    /// Everything that ends with a process, after its body is gone.
    pub(crate) fn finish(&self, pid: Pid, reason: &ExitReason) {
        self.finish_with(pid, reason, &CallError::Exited(reason.clone()));
    }

    /// The same, with what its callers hear.
    pub(crate) fn finish_with(&self, pid: Pid, reason: &ExitReason, callers: &CallError) {
        let Some(slot) = self.node.table.slot(pid) else { return };
        let Some(mut guard) = slot.lock(pid) else { return };
        // Before anybody can see that it is gone: then its name is free.
        if let Some(name) = &guard.name {
            self.node.names.remove(name, pid);
        }
        let mut state = std::mem::take(&mut *guard);
        drop(guard);
        if let Some(account) = &state.account {
            self.node.memory.keep(account.told, 0);
        }
        self.node.counters.ended(state.arrived, matches!(reason, ExitReason::Crash(_)));
        self.clear(slot.take_private(), reason, callers);
        self.refuse_calls(state.incoming.drain(..).map(|letter| letter.message), reason, callers);
        state.links.for_each(|other, ()| self.exit_signal(pid, other, reason, true));
        state.watchers.for_each(|monitor, watcher| self.down(watcher, monitor, pid, reason));
        state.watching.for_each(|monitor, other| {
            if let Some(mut state) = self.node.table.lock(other) {
                state.watchers.remove(monitor);
            }
        });
        if state.has_timers {
            self.node.timers.cancel_all(pid);
        }
        for owner in state.rare.map(|rare| rare.owners).unwrap_or_default() {
            owner.ended(self, pid);
        }
        self.node.table.release(pid);
    }

    /// What was still in a process's private half: calls and streams, whose other ends learn the reason.
    fn clear(&self, private: Option<Private>, reason: &ExitReason, callers: &CallError) {
        let Some(mut private) = private else { return };
        for reply_to in private.open_calls.take() {
            reply_to.answer(self, Err(callers.clone()));
        }
        self.refuse_calls(private.inbox.drain(..).map(|letter| letter.message), reason, callers);
        for (_, owned) in private.holdings.take().map(|holdings| holdings.streams).unwrap_or_default() {
            owned.end.exited(reason);
        }
    }

    /// Answers calls whose callee will never see them, and drops all other messages.
    fn refuse_calls(
        &self,
        messages: impl Iterator<Item = Message>,
        reason: &ExitReason,
        callers: &CallError,
    ) {
        for message in messages {
            // A value may panic when it is dropped: that ends neither the runner nor what is left to do.
            let refused = catch_unwind(AssertUnwindSafe(|| self.refuse_call(message, reason, callers)));
            if refused.is_err() {
                tracing::error!("a message of a process that has ended panicked when it was dropped");
            }
        }
    }

    fn refuse_call(&self, message: Message, reason: &ExitReason, callers: &CallError) {
        if let Message::Call(mut request) = message {
            request.refuse(self, callers.clone());
            if let Some(end) = request.stream.take() {
                end.exited(reason);
            }
        }
    }

    /// The process a target means now.
    pub fn resolve(&self, target: &Target) -> Option<Pid> {
        match target {
            Target::Process(pid) => Some(*pid),
            Target::Name(name) => self.node.names.find(name),
            Target::Alias(alias) => Some(alias.pid),
            Target::Via(via) => via.whereis(),
        }
    }

    /// Registers a process under a name, which is freed when the process ends.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn register(&self, pid: Pid, name: &str) -> Result<(), RegisterError> {
        check_name(name)?;
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

    /// Waits as long as a name belongs to a process that has been told to end, and at most so long: a supervisor that starts a process
    /// in the place of one that was killed need not fail by its name.
    pub async fn name_settled(&self, name: &str, limit: Duration) {
        let limit = deadline(limit);
        while let Some(holder) = self.whereis(name)
            && self.node.table.lock(holder).is_some_and(|state| state.is_ending())
        {
            let (sender, ended) = oneshot::channel();
            let told = self.tell_end(holder, Arc::new(Ended(Mutex::new(Some(sender)))));
            if told && timeout_at(limit, ended).await.is_err() {
                return;
            }
        }
    }

    /// The same for the name of a process that is about to start.
    pub(crate) async fn its_name_settled(&self, options: &SpawnOptions) {
        if let Some(name) = &options.name {
            self.name_settled(name, NAME_SETTLES_WITHIN).await;
        }
    }

    /// Lets something know when a process ends; false if it has.
    pub(crate) fn tell_end(&self, pid: Pid, owner: Arc<dyn Owner>) -> bool {
        let told = self.node.table.lock(pid).map(|mut state| state.rare_mut().owners.push(owner));
        told.is_some()
    }

    /// No longer lets it know.
    pub(crate) fn forget_owner(&self, pid: Pid, owner: &Arc<dyn Owner>) {
        if let Some(mut state) = self.node.table.lock(pid) {
            let owners = &mut state.rare_mut().owners;
            if let Some(place) = owners.iter().position(|other| Arc::ptr_eq(other, owner)) {
                owners.swap_remove(place);
            }
        }
    }

    /// The exit that somebody has sent a process and that it must take, if there is one.
    pub(crate) fn take_exit(&self, pid: Pid) -> Option<ExitReason> {
        self.node.table.lock(pid).and_then(|state| state.exit.as_deref().cloned())
    }

    /// A panic of a process's body, as its exit reason.
    pub(crate) fn panicked(&self, pid: Pid, panic: &(dyn Any + Send)) -> ExitReason {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        ExitReason::Crash(Arc::new(Crash {
            text: text.unwrap_or_else(|| "a panic without a text".into()),
            backtrace: String::new(),
            component: self.label(pid),
            pid,
            function: self.callback(pid).and_then(Callback::name).unwrap_or_default().to_owned(),
        }))
    }

    pub(crate) fn label(&self, pid: Pid) -> Arc<str> {
        self.node.table.lock(pid).and_then(|state| state.label.clone()).unwrap_or_default()
    }
}

impl Node {
    /// The workers are gone: nobody will run the processes any more.
    pub(crate) fn abandon(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for slot in self.table.slots() {
            let body = slot.lock_any().body.take();
            if let Some(body) = body {
                body.abandon();
            }
        }
    }
}

/// As a child has to stop by default.
const NAME_SETTLES_WITHIN: Duration = Duration::from_secs(5);

/// Somebody waits for the end of a process.
#[derive(Debug)]
struct Ended(Mutex<Option<oneshot::Sender<()>>>);

impl Owner for Ended {
    fn ended(&self, _: &Runtime, _: Pid) {
        if let Some(sender) = self.0.lock().take() {
            // The waiter may have given up.
            let _ = sender.send(());
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.scheduler.close();
    }
}

impl Default for Runtime {
    fn default() -> Self {
        Self::new()
    }
}

pub(crate) fn wake(body: Option<Arc<Body>>) {
    if let Some(body) = body {
        std::task::Wake::wake(body);
    }
}

/// 53 random bits, from the seed that the standard library takes from the system for its hash maps.
fn random_node_id() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id()) >> 11
}
