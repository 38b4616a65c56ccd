use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::children::{Child, Children, Place};
use super::intensity::Intensity;
use super::{
    AutoShutdown, ChildCounts, ChildError, ChildInfo, ChildKind, ChildSpec, ChildState, Excess, Parent,
    Restart, Shutdown, StartCause, StartError, Strategy, Supervisor,
};
use crate::timers::deadline;
use crate::{Context, ExitReason, Message, Pid, Reference, Runtime, SpawnOptions};

/// What a supervisor can be asked. The caller waits for the answer, or learns from its absence that it has ended.
#[derive(Debug)]
pub(super) enum Command {
    StartChild(ChildSpec, Answer<Result<Pid, ChildError>>),
    TerminateChild(Arc<str>, Answer<Result<(), ChildError>>),
    Terminate(Pid, Answer<Result<(), ChildError>>),
    RestartChild(Arc<str>, Answer<Result<Pid, ChildError>>),
    DeleteChild(Arc<str>, Answer<Result<(), ChildError>>),
    WhichChildren(Answer<Vec<ChildInfo>>),
    CountChildren(Answer<ChildCounts>),
    Stop(oneshot::Sender<()>),
    /// To itself: a start that failed is tried again, after whatever else waits.
    TryAgain(Place),
    /// To itself: the time that a child had to wait is over.
    AfterBackoff(Place),
}

type Answer<T> = oneshot::Sender<T>;

/// A supervisor at work.
pub(super) struct Running {
    name: Arc<str>,
    context: Context,
    parent: Option<Pid>,
    spec: Supervisor,
    children: Children,
    intensity: Intensity,
    restarts: Arc<AtomicU64>,
    /// The caller that asked it to stop, and learns of its end.
    stopping: Option<Answer<()>>,
    /// Children that were asked to stop and have not ended yet, by the monitors of them.
    ending: HashMap<Reference, Stop>,
}

impl Running {
    pub(super) fn new(
        mut spec: Supervisor,
        context: Context,
        restarts: Arc<AtomicU64>,
        parent: Option<Pid>,
    ) -> Self {
        let mut children = Children::new(spec.strategy != Strategy::Dynamic, spec.backoff.is_some());
        for child in std::mem::take(&mut spec.children) {
            children.add(child);
        }
        let intensity = Intensity::new(spec.most_restarts, spec.period);
        let (name, stopping, ending) = (spec.name.clone(), None, HashMap::new());
        Self { name, context, parent, spec, children, intensity, restarts, stopping, ending }
    }

    pub(super) async fn start_all(&mut self) -> Result<(), StartError> {
        for place in self.children.places_from(0) {
            self.start(place).await?;
        }
        Ok(())
    }

    /// Starts a child, which is running afterwards, or as it was before.
    async fn start(&mut self, place: Place) -> Result<Pid, StartError> {
        let Some(child) = self.children.get(place) else {
            return Err(StartError { child: String::new(), cause: StartCause::Killed });
        };
        let (id, limit) = (child.spec.id.clone(), child.spec.start_timeout);
        let parent = Parent { runtime: self.context.runtime().clone(), pid: self.context.pid() };
        let starting = (child.spec.start)(parent);
        let started = match limit {
            None => starting.await,
            Some(limit) => timeout(limit, starting).await.unwrap_or_else(|_| {
                self.kill_strangers();
                Err(StartCause::Timeout(limit))
            }),
        };
        match started {
            Ok(pid) => {
                self.children.set(place, ChildState::Running(pid));
                Ok(pid)
            }
            Err(cause) => Err(StartError { child: id.to_string(), cause }),
        }
    }

    /// A start that was given up has left a linked process that is no child.
    fn kill_strangers(&self) {
        for pid in self.context.links() {
            if Some(pid) != self.parent && self.children.place_of(pid).is_none() {
                self.context.runtime().unlink(self.context.pid(), pid);
                self.context.runtime().kill(pid);
            }
        }
    }

    pub(super) async fn watch(&mut self) -> ExitReason {
        loop {
            let ended = match self.context.receive().await {
                Message::Exit { pid, reason } => match self.children.place_of(pid) {
                    Some(place) => self.child_ended(place, &reason).await,
                    None if Some(pid) == self.parent || pid == self.context.pid() => Err(reason),
                    // Of a child that ended while it started, or of a stranger.
                    None => Ok(()),
                },
                Message::Term { value, .. } => match value.downcast::<Command>() {
                    Ok(command) => self.obey(*command).await,
                    Err(_) => Ok(()),
                },
                _ => Ok(()),
            };
            if let Err(reason) = ended {
                self.stop_all().await;
                return reason;
            }
        }
    }

    async fn obey(&mut self, command: Command) -> Result<(), ExitReason> {
        // The caller may have ended: then nobody wants to know.
        match command {
            Command::StartChild(spec, answer) => drop(answer.send(self.start_child(spec).await)),
            Command::TerminateChild(id, answer) => drop(answer.send(self.terminate_child(&id).await)),
            Command::Terminate(pid, answer) => drop(answer.send(self.terminate(pid).await)),
            Command::RestartChild(id, answer) => drop(answer.send(self.restart_child(&id).await)),
            Command::DeleteChild(id, answer) => drop(answer.send(self.delete_child(&id))),
            Command::WhichChildren(answer) => drop(answer.send(self.children.infos())),
            Command::CountChildren(answer) => drop(answer.send(self.children.counts())),
            Command::Stop(stopped) => {
                // Kept to the end: its absence is the answer.
                self.stopping = Some(stopped);
                return Err(ExitReason::Shutdown);
            }
            Command::TryAgain(place) if self.is_restarting(place) => return self.restart(place).await,
            Command::AfterBackoff(place) if self.is_restarting(place) => {
                return self.restart_now(place).await;
            }
            Command::TryAgain(_) | Command::AfterBackoff(_) => {}
        }
        Ok(())
    }

    /// It may have been started or stopped meanwhile.
    fn is_restarting(&self, place: Place) -> bool {
        self.children.get(place).is_some_and(|child| child.state == ChildState::Restarting)
    }

    async fn start_child(&mut self, spec: ChildSpec) -> Result<Pid, ChildError> {
        if let Some(mistake) = self.spec.mistake_of(&spec) {
            return Err(mistake.into());
        }
        if self.spec.strategy != Strategy::Dynamic
            && let Some((_, known)) = self.children.named(&spec.id)
        {
            return Err(match known.state {
                ChildState::Running(pid) => ChildError::Running(pid),
                _ => ChildError::AlreadyPresent,
            });
        }
        if self.spec.most_children.is_some_and(|most| self.children.len() >= most) {
            return Err(ChildError::TooMany);
        }
        let place = self.children.add(spec);
        let started = self.start(place).await;
        if started.is_err() {
            self.children.remove(place);
        }
        Ok(started?)
    }

    async fn terminate_child(&mut self, id: &str) -> Result<(), ChildError> {
        let place = self.place(id)?;
        self.stop_and_forget_temporary(place).await;
        Ok(())
    }

    async fn terminate(&mut self, pid: Pid) -> Result<(), ChildError> {
        if self.spec.strategy != Strategy::Dynamic {
            return Err(ChildError::Strategy);
        }
        let Some(place) = self.children.place_of(pid) else {
            // As in Erlang, one that is gone has been terminated.
            let alive = self.context.runtime().is_alive(pid);
            return if alive { Err(ChildError::NotFound) } else { Ok(()) };
        };
        self.stop(place).await;
        self.children.remove(place);
        Ok(())
    }

    async fn restart_child(&mut self, id: &str) -> Result<Pid, ChildError> {
        let place = self.idle_place(id)?;
        Ok(self.start(place).await?)
    }

    fn delete_child(&mut self, id: &str) -> Result<(), ChildError> {
        let place = self.idle_place(id)?;
        self.children.remove(place);
        Ok(())
    }

    fn place(&self, id: &str) -> Result<Place, ChildError> {
        if self.spec.strategy == Strategy::Dynamic {
            return Err(ChildError::Strategy);
        }
        self.children.named(id).map(|(place, _)| place).ok_or(ChildError::NotFound)
    }

    /// The place of a child that neither runs nor is about to.
    fn idle_place(&self, id: &str) -> Result<Place, ChildError> {
        let place = self.place(id)?;
        match self.children.get(place).map(|child| child.state) {
            Some(ChildState::Running(pid)) => Err(ChildError::Running(pid)),
            Some(ChildState::Restarting) => Err(ChildError::Restarting),
            _ => Ok(place),
        }
    }

    async fn child_ended(&mut self, place: Place, reason: &ExitReason) -> Result<(), ExitReason> {
        let Some(child) = self.children.get(place) else { return Ok(()) };
        let again = match child.spec.restart {
            Restart::Permanent => true,
            Restart::Transient => !reason.is_orderly(),
            Restart::Temporary => false,
        };
        let id = child.spec.id.clone();
        if again {
            tracing::warn!(supervisor = %self.name, child = %id, %reason, "child restarts");
            self.children.set(place, ChildState::Restarting);
            return self.restart(place).await;
        }
        tracing::debug!(supervisor = %self.name, child = %id, %reason, "child ended");
        let significant = child.spec.significant;
        self.forget_if_over(place);
        let others = || self.children.iter().any(is_significant_and_runs);
        let ends = match self.spec.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => significant,
            AutoShutdown::AllSignificant => significant && !others(),
        };
        if ends { Err(ExitReason::Shutdown) } else { Ok(()) }
    }

    /// A child that has ended stays known, unless it never starts again.
    fn forget_if_over(&mut self, place: Place) {
        self.children.set(place, ChildState::Stopped);
        let over = |child: &Child| {
            child.spec.restart == Restart::Temporary || self.spec.strategy == Strategy::Dynamic
        };
        if self.children.get(place).is_some_and(over) {
            self.children.remove(place);
        }
    }

    /// Starts a child again that has ended, and the siblings that the strategy says.
    async fn restart(&mut self, place: Place) -> Result<(), ExitReason> {
        if !self.intensity.admits(Instant::now()) {
            let id = self.children.get(place).map(|child| child.spec.id.clone()).unwrap_or_default();
            return match self.spec.excess {
                Excess::GiveUp => {
                    tracing::error!(supervisor = %self.name, child = %id, "too many restarts: giving up");
                    self.forget_if_over(place);
                    Err(ExitReason::Shutdown)
                }
                Excess::Quarantine => {
                    tracing::error!(supervisor = %self.name, child = %id, "too many restarts: it stays down");
                    self.children.set(place, ChildState::Quarantined);
                    Ok(())
                }
            };
        }
        if let Some(wait) = self.wait(place) {
            self.restart_later(place, wait);
            return Ok(());
        }
        self.restart_now(place).await
    }

    async fn restart_now(&mut self, place: Place) -> Result<(), ExitReason> {
        self.restarts.fetch_add(1, Ordering::Relaxed);
        let from = match self.spec.strategy {
            Strategy::OneForOne | Strategy::Dynamic => {
                self.start_again(place).await;
                return Ok(());
            }
            Strategy::OneForAll => 0,
            Strategy::RestForOne => place,
        };
        for place in self.children.places_from(from).into_iter().rev() {
            self.stop_and_forget_temporary(place).await;
        }
        for place in self.children.places_from(from) {
            if !self.start_again(place).await {
                break;
            }
        }
        Ok(())
    }

    /// False if it did not start: then it is tried again, after whatever else waits.
    async fn start_again(&mut self, place: Place) -> bool {
        let Err(error) = self.start(place).await else { return true };
        tracing::warn!(supervisor = %self.name, %error, "child did not restart");
        self.children.set(place, ChildState::Restarting);
        let own = self.context.pid();
        // Its own mailbox has no bound.
        let _ = self.context.runtime().send_term(own, &own.into(), Command::TryAgain(place));
        false
    }

    /// How long a child that keeps crashing has to wait.
    fn wait(&mut self, place: Place) -> Option<Duration> {
        let backoff = self.spec.backoff?;
        let child = self.children.get_mut(place)?;
        if backoff.has_recovered(child.since.elapsed()) {
            child.restarts = 0;
        }
        let wait = backoff.wait(child.restarts, random());
        child.restarts += 1;
        Some(wait)
    }

    fn restart_later(&self, place: Place, wait: Duration) {
        let own = self.context.pid();
        self.context.runtime().send_term_after(own, wait, Command::AfterBackoff(place));
    }

    /// Stops the children: the last one first, or all at once where they have no order.
    pub(super) async fn stop_all(&mut self) {
        let places = self.children.places_from(0);
        if self.spec.strategy == Strategy::Dynamic {
            self.stop_together(&places).await;
        } else {
            for place in places.into_iter().rev() {
                self.stop(place).await;
            }
        }
    }

    async fn stop(&mut self, place: Place) {
        self.stop_together(&[place]).await;
    }

    /// A temporary child that was stopped never comes back.
    async fn stop_and_forget_temporary(&mut self, place: Place) {
        self.stop(place).await;
        if self.children.get(place).is_some_and(|child| child.spec.restart == Restart::Temporary) {
            self.children.remove(place);
        }
    }

    async fn stop_together(&mut self, places: &[Place]) {
        let mark = self.context.mark();
        let mut limits = Vec::new();
        for place in places {
            if let Some(pid) = self.children.pid(*place)
                && let Some(child) = self.children.get(*place)
            {
                let (monitor, stop) = self.ask_to_stop(pid, child.spec.stops_by());
                limits.extend(stop.limit.map(|limit| (limit, monitor)));
                self.ending.insert(monitor, stop);
            }
            self.children.set(*place, ChildState::Stopped);
        }
        // The first limit last.
        limits.sort_unstable_by_key(|(limit, _)| std::cmp::Reverse(*limit));
        let mut ended = HashSet::new();
        while !self.ending.is_empty() {
            let is_down = |message: &Message| matches!(message, Message::Down { monitor, .. } if self.ending.contains_key(monitor));
            let down = self.context.receive_since(mark, is_down);
            let down = match limits.last() {
                Some((limit, _)) => timeout_at(*limit, down).await.ok(),
                None => Some(down.await),
            };
            match down {
                Some(Message::Down { monitor, pid, .. }) => {
                    self.ending.remove(&monitor);
                    ended.insert(pid);
                }
                _ => {
                    let late = limits.pop().and_then(|(_, monitor)| self.ending.get(&monitor));
                    if let Some(stop) = late {
                        self.context.runtime().kill(stop.pid);
                    }
                }
            }
        }
        // Some may have ended by themselves before they were asked.
        let is_exit = |message: &Message| matches!(message, Message::Exit { pid, .. } if ended.contains(pid));
        self.context.runtime().take_back(self.context.pid(), is_exit);
    }

    /// A child that is asked to stop is no longer linked: only the monitor tells of its end.
    fn ask_to_stop(&self, pid: Pid, how: Shutdown) -> (Reference, Stop) {
        let (runtime, own) = (self.context.runtime(), self.context.pid());
        let monitor = runtime.monitor(own, &pid.into());
        match how {
            Shutdown::BrutalKill => {
                runtime.unlink(own, pid);
                runtime.kill(pid);
            }
            Shutdown::Timeout(_) | Shutdown::Infinity => {
                runtime.exit(own, pid, ExitReason::Shutdown);
                runtime.unlink(own, pid);
            }
        }
        let limit = match how {
            Shutdown::Timeout(limit) => Some(deadline(limit)),
            _ => None,
        };
        (monitor, Stop { pid, limit })
    }
}

impl Drop for Running {
    /// A supervisor that was killed, or has crashed, stops nobody in good order. Its links end its children; those that trap
    /// exits hear of it, and have the time that they would have had to stop. A child that it was just stopping is no longer
    /// linked: its time is over.
    fn drop(&mut self) {
        let (runtime, own) = (self.context.runtime(), self.context.pid());
        self.ending.values().for_each(|stop| runtime.kill(stop.pid));
        let mut left: Vec<_> = self.children.iter().filter_map(|child| last_moment(runtime, child)).collect();
        // One that was about to start is linked, and no child yet.
        for pid in self.context.links() {
            if runtime.parent(pid) == Some(own) && self.children.place_of(pid).is_none() {
                runtime.kill(pid);
            }
        }
        if left.is_empty() {
            return;
        }
        if runtime.is_closed() {
            return left.into_iter().for_each(|(_, pid)| runtime.kill(pid));
        }
        left.sort_unstable_by_key(|(limit, _)| *limit);
        let ends_them = async move |context: Context| {
            for (limit, pid) in left {
                sleep_until(limit).await;
                context.runtime().kill(pid);
            }
            ExitReason::Normal
        };
        // It has no name that could be taken.
        let _ = runtime.spawn(SpawnOptions::new("end of a supervisor"), ends_them);
    }
}

/// When a child that hears of its supervisor's end has to have ended; none for one that ends by its link.
fn last_moment(runtime: &Runtime, child: &Child) -> Option<(Instant, Pid)> {
    let ChildState::Running(pid) = child.state else { return None };
    let traps = runtime.state(pid).is_some_and(|state| state.trap_exit);
    let limit = match child.spec.stops_by() {
        Shutdown::BrutalKill => Duration::ZERO,
        Shutdown::Timeout(limit) => limit,
        // Supervisors stop what is below them, and take the time that this takes.
        Shutdown::Infinity if child.spec.kind == ChildKind::Supervisor => return None,
        Shutdown::Infinity => WITHOUT_SUPERVISOR,
    };
    traps.then(|| (deadline(limit), pid))
}

/// How long a child that may take all the time it needs gets to end once nobody waits for it any more: the usual time.
const WITHOUT_SUPERVISOR: Duration = Duration::from_secs(5);

/// A child on its way out.
struct Stop {
    pid: Pid,
    /// When it is killed.
    limit: Option<Instant>,
}

fn is_significant_and_runs(child: &Child) -> bool {
    child.spec.significant && matches!(child.state, ChildState::Running(_) | ChildState::Restarting)
}

/// From 0 to 1; good enough to spread restarts.
fn random() -> f64 {
    use std::hash::{BuildHasher as _, RandomState};
    (RandomState::new().hash_one(0) >> 11) as f64 / (1_u64 << 53) as f64
}
