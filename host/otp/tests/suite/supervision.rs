//! Random supervisors under random scripts, beside a sequential model of what Erlang's supervisor does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use rusm_otp::{
    AutoShutdown, ChildError, ChildSpec, ChildState, Context, ExitReason, Message, Parent, Pid, Restart,
    Runtime, SpawnOptions, Strategy as Strategies, Supervision, Supervisor,
};
use tokio::time::Instant;

use crate::support::on_virtual_time;

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_supervisor_does_what_its_model_does(spec in spec(), script in script()) {
        on_virtual_time(async move {
            let world = World::start(&spec).await;
            let mut model = Model::start(&spec);
            world.compare(&model, "the start").await;
            for step in script {
                let told = (world.do_step(&step).await, model.do_step(&step, world.started.elapsed()));
                assert_eq!(told.0, told.1, "the answer to {step:?}");
                world.compare(&model, &format!("{step:?}")).await;
            }
            world.runtime.exit(world.tree.pid, world.tree.pid, ExitReason::Shutdown);
            model.end();
            world.compare(&model, "the end").await;
        });
    }
}

/// A supervisor as it is declared.
#[derive(Debug, Clone)]
struct Spec {
    strategy: Strategies,
    auto_shutdown: AutoShutdown,
    most_restarts: usize,
    period: Duration,
    /// Their names are the first ones of [`NAMES`].
    children: Vec<Kind>,
}

#[derive(Debug, Clone, Copy)]
struct Kind {
    restart: Restart,
    /// Only where it is allowed.
    significant: bool,
}

#[derive(Debug, Clone)]
enum Step {
    /// Of several at once.
    End(Vec<(&'static str, ExitReason)>),
    Terminate(&'static str),
    Restart(&'static str),
    Delete(&'static str),
    Start(&'static str, Kind),
    Advance(Duration),
}

/// What a command was answered with: no answer for those that have none.
#[derive(Debug, PartialEq)]
enum Answer {
    Nothing,
    Done,
    NotFound,
    Running,
    AlreadyPresent,
    /// The child cannot be one of this supervisor.
    Refused,
    NoProc,
}

/// What has happened, in its order.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    Started(&'static str),
    /// It was asked to, and did not end by itself.
    Stopped(&'static str),
}

/// A supervisor in the mind.
struct Model {
    spec: Spec,
    children: Vec<ModelChild>,
    restarted_at: Vec<Duration>,
    restarts: u64,
    events: Vec<Event>,
    ended: bool,
}

struct ModelChild {
    name: &'static str,
    kind: Kind,
    /// As far as the supervisor knows.
    runs: bool,
    /// It has ended, and the supervisor has not heard of it yet.
    dead: bool,
}

impl Model {
    fn start(spec: &Spec) -> Self {
        let child = |(name, kind): (&&'static str, &Kind)| {
            let significant = kind.significant && spec.auto_shutdown != AutoShutdown::Never;
            ModelChild { name, kind: Kind { significant, ..*kind }, runs: false, dead: false }
        };
        let children = NAMES.iter().zip(&spec.children).map(child).collect();
        let (restarted_at, events) = (Vec::new(), Vec::new());
        let mut model =
            Self { spec: spec.clone(), children, restarted_at, restarts: 0, events, ended: false };
        model.start_from(0);
        model
    }

    fn do_step(&mut self, step: &Step, now: Duration) -> Answer {
        let name = match step {
            Step::Advance(_) => return Answer::Nothing,
            Step::End(ends) => {
                self.end_children(ends, now);
                return Answer::Nothing;
            }
            _ if self.ended => return Answer::NoProc,
            Step::Terminate(name) | Step::Restart(name) | Step::Delete(name) | Step::Start(name, _) => *name,
        };
        let place = self.children.iter().position(|child| child.name == name);
        let runs = place.is_some_and(|place| self.children[place].runs);
        match (step, place) {
            (Step::Start(_, kind), _)
                if kind.significant && self.spec.auto_shutdown == AutoShutdown::Never =>
            {
                Answer::Refused
            }
            (Step::Start(_, kind), None) => {
                self.children.push(ModelChild { name, kind: *kind, runs: false, dead: false });
                self.start_child(self.children.len() - 1);
                Answer::Done
            }
            (Step::Start(..), Some(_)) if runs => Answer::Running,
            (Step::Start(..), Some(_)) => Answer::AlreadyPresent,
            (_, None) => Answer::NotFound,
            (Step::Terminate(_), Some(place)) => {
                self.stop_from(place, place + 1);
                Answer::Done
            }
            (_, Some(_)) if runs => Answer::Running,
            (Step::Restart(_), Some(place)) => {
                self.start_child(place);
                Answer::Done
            }
            (_, Some(place)) => {
                self.children.remove(place);
                Answer::Done
            }
        }
    }

    fn end_children(&mut self, ends: &[(&'static str, ExitReason)], now: Duration) {
        let mut unheard = Vec::new();
        for (name, reason) in ends {
            if let Some(child) = self.children.iter_mut().find(|child| child.name == *name && child.runs)
                && !std::mem::replace(&mut child.dead, true)
            {
                unheard.push((*name, reason));
            }
        }
        for (name, reason) in unheard {
            // Unless it was started again meanwhile, because of another one.
            let place = self.children.iter().position(|child| child.name == name && child.dead);
            if let Some(place) = place.filter(|_| !self.ended) {
                self.child_ended(place, reason, now);
            }
        }
    }

    fn child_ended(&mut self, place: usize, reason: &ExitReason, now: Duration) {
        let Kind { restart, significant } = self.children[place].kind;
        (self.children[place].runs, self.children[place].dead) = (false, false);
        let orderly = matches!(reason, ExitReason::Normal | ExitReason::Shutdown);
        if restart == Restart::Permanent || restart == Restart::Transient && !orderly {
            return self.restart(place, now);
        }
        if restart == Restart::Temporary {
            self.children.remove(place);
        }
        let others = self.children.iter().any(|child| child.runs && child.kind.significant);
        let ends = match self.spec.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => significant,
            AutoShutdown::AllSignificant => significant && !others,
        };
        if ends {
            self.end();
        }
    }

    fn restart(&mut self, place: usize, now: Duration) {
        self.restarted_at.push(now);
        let recent = self.restarted_at.iter().filter(|at| now - **at <= self.spec.period).count();
        if recent > self.spec.most_restarts {
            return self.end();
        }
        self.restarts += 1;
        match self.spec.strategy {
            Strategies::OneForAll => {
                self.stop_from(0, self.children.len());
                self.start_from(0);
            }
            Strategies::RestForOne => {
                self.stop_from(place, self.children.len());
                self.start_from(place);
            }
            _ => self.start_child(place),
        }
    }

    fn start_from(&mut self, first: usize) {
        (first..self.children.len()).for_each(|place| self.start_child(place));
    }

    fn start_child(&mut self, place: usize) {
        self.children[place].runs = true;
        self.events.push(Event::Started(self.children[place].name));
    }

    /// Stops some children, the last one first; a temporary one that was stopped is forgotten.
    fn stop_from(&mut self, first: usize, end: usize) {
        for place in (first..end).rev() {
            let child = &mut self.children[place];
            if std::mem::take(&mut child.runs) && !std::mem::take(&mut child.dead) {
                self.events.push(Event::Stopped(child.name));
            }
            if child.kind.restart == Restart::Temporary {
                self.children.remove(place);
            }
        }
    }

    fn end(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            self.stop_from(0, self.children.len());
        }
    }
}

/// A supervisor at work.
struct World {
    runtime: Runtime,
    tree: Supervision,
    started: Instant,
    events: Arc<Mutex<Vec<Event>>>,
    /// With what the supervisor has ended.
    end: Arc<Mutex<Option<ExitReason>>>,
}

impl World {
    async fn start(spec: &Spec) -> Self {
        let (runtime, events) = (Runtime::new(), Arc::default());
        let mut tree = Supervisor::new("tree")
            .strategy(spec.strategy)
            .auto_shutdown(spec.auto_shutdown)
            .intensity(spec.most_restarts, spec.period);
        for (name, kind) in NAMES.iter().zip(&spec.children) {
            let significant = kind.significant && spec.auto_shutdown != AutoShutdown::Never;
            tree = tree.child(child(name, Kind { significant, ..*kind }, &events));
        }
        let tree = tree.start(&runtime, None).await.expect("it is well declared");
        let end = Arc::new(Mutex::new(None));
        let (told, pid) = (end.clone(), tree.pid);
        let watcher = move |context: Context| async move {
            context.runtime().monitor(context.pid(), &pid.into());
            if let Message::Down { reason, .. } = context.receive().await {
                *told.lock().expect("a lock") = Some(reason);
            }
            ExitReason::Normal
        };
        runtime.spawn(SpawnOptions::new("watcher"), watcher).expect("no name");
        Self { runtime, tree, started: Instant::now(), events, end }
    }

    async fn do_step(&self, step: &Step) -> Answer {
        let done = match step {
            Step::End(ends) => {
                let running = self.running().await;
                for (name, reason) in ends {
                    if let Some(pid) = running.get(name) {
                        self.runtime.terminate(*pid, reason.clone());
                    }
                }
                return Answer::Nothing;
            }
            Step::Advance(time) => {
                tokio::time::sleep(*time).await;
                return Answer::Nothing;
            }
            Step::Terminate(name) => self.tree.terminate_child(name).await,
            Step::Restart(name) => self.tree.restart_child(name).await.map(drop),
            Step::Delete(name) => self.tree.delete_child(name).await,
            Step::Start(name, kind) => {
                self.tree.start_child(child(name, *kind, &self.events)).await.map(drop)
            }
        };
        match done {
            Ok(()) => Answer::Done,
            Err(ChildError::NotFound) => Answer::NotFound,
            Err(ChildError::Running(_)) => Answer::Running,
            Err(ChildError::AlreadyPresent) => Answer::AlreadyPresent,
            Err(ChildError::Start(_)) => Answer::Refused,
            Err(ChildError::NoProc) => Answer::NoProc,
            Err(other) => panic!("{step:?}: {other}"),
        }
    }

    async fn running(&self) -> HashMap<&'static str, Pid> {
        let children = self.tree.which_children().await.unwrap_or_default();
        let pid = |name: &'static str| {
            let child = children.iter().find(|child| &*child.id == name)?;
            match child.state {
                ChildState::Running(pid) => Some((name, pid)),
                _ => None,
            }
        };
        NAMES.into_iter().filter_map(pid).collect()
    }

    /// Once nothing happens any more, both have come to the same.
    async fn compare(&self, model: &Model, after: &str) {
        // The clock goes on when all others wait.
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(*self.events.lock().expect("a lock"), model.events, "after {after}");
        let end = self.end.lock().expect("a lock").clone();
        assert_eq!(end, model.ended.then_some(ExitReason::Shutdown), "after {after}");
        assert_eq!(self.runtime.is_alive(self.tree.pid), !model.ended, "after {after}");
        assert_eq!(self.tree.restarts(), model.restarts, "after {after}");
        if model.ended {
            assert!(self.runtime.processes().is_empty(), "after {after}");
            return;
        }
        let children = self.tree.which_children().await.expect("it lives");
        let states: Vec<(String, bool)> = children
            .iter()
            .rev()
            .map(|child| (child.id.to_string(), matches!(child.state, ChildState::Running(_))))
            .collect();
        let expected: Vec<(String, bool)> =
            model.children.iter().map(|child| (child.name.to_owned(), child.runs)).collect();
        assert_eq!(states, expected, "after {after}");
    }
}

/// A child that notes its starts, and its end if it is asked for.
fn child(name: &'static str, kind: Kind, events: &Arc<Mutex<Vec<Event>>>) -> ChildSpec {
    let events = events.clone();
    let spec = ChildSpec::new(name, move |parent: Parent| {
        let events = events.clone();
        events.lock().expect("a lock").push(Event::Started(name));
        let body = move |context: Context| async move {
            context.receive_matching(|message| matches!(message, Message::Exit { .. })).await;
            events.lock().expect("a lock").push(Event::Stopped(name));
            ExitReason::Shutdown
        };
        // Its name shows that the one before it is gone.
        let options = SpawnOptions::new(name).name(name).parent(parent.pid).link(true).hears_shutdown(true);
        let spawned = parent.runtime.spawn(options, body);
        std::future::ready(spawned.map(|spawned| spawned.pid).map_err(Into::into))
    });
    spec.restart(kind.restart).significant(kind.significant)
}

fn spec() -> impl Strategy<Value = Spec> {
    let strategy =
        prop_oneof![Just(Strategies::OneForOne), Just(Strategies::OneForAll), Just(Strategies::RestForOne)];
    let auto_shutdown = prop_oneof![
        Just(AutoShutdown::Never),
        Just(AutoShutdown::AnySignificant),
        Just(AutoShutdown::AllSignificant)
    ];
    let children = proptest::collection::vec(kind(), 1..=6);
    (strategy, auto_shutdown, 0..6_usize, 1..5000_u64, children).prop_map(
        |(strategy, auto_shutdown, most_restarts, period, children)| {
            let period = Duration::from_millis(period);
            Spec { strategy, auto_shutdown, most_restarts, period, children }
        },
    )
}

fn kind() -> impl Strategy<Value = Kind> {
    let restart = prop_oneof![Just(Restart::Permanent), Just(Restart::Transient), Just(Restart::Temporary)];
    (restart, any::<bool>()).prop_map(|(restart, significant)| Kind {
        restart,
        significant: significant && restart != Restart::Permanent,
    })
}

fn script() -> impl Strategy<Value = Vec<Step>> {
    let reason = prop_oneof![
        Just(ExitReason::Normal),
        Just(ExitReason::Shutdown),
        Just(ExitReason::Killed),
        Just(ExitReason::Custom("crash".into()))
    ];
    let step = prop_oneof![
        4 => proptest::collection::vec((name(), reason), 1..4).prop_map(Step::End),
        1 => name().prop_map(Step::Terminate),
        1 => name().prop_map(Step::Restart),
        1 => name().prop_map(Step::Delete),
        1 => (name(), kind()).prop_map(|(name, kind)| Step::Start(name, kind)),
        2 => (0..6000_u64).prop_map(|time| Step::Advance(Duration::from_millis(time))),
    ];
    proptest::collection::vec(step, 0..40)
}

fn name() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&NAMES[..])
}

const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
