//! Supervisors: strategies, restart types, intensity, commands, order.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusm_otp::{
    Application, AutoShutdown, ChildError, ChildKind, ChildSpec, ChildState, Context, ExitReason, Message,
    Parent, Restart, RunningApplication, Shutdown, SpawnOptions, StartError, Strategy, Supervision,
    Supervisor,
};
use tokio::sync::oneshot;

use super::{Scene, compare, reason_of, word};
use crate::support::on_virtual_time;

#[test]
fn supervisors_do_what_erlangs_do() {
    compare("supervisors", World::run);
}

/// What a scenario shares with its children.
struct World {
    scene: Scene,
    starts: Mutex<HashMap<String, u32>>,
    running: Mutex<HashMap<String, Supervision>>,
    applications: Mutex<HashMap<String, RunningApplication>>,
}

/// What a child does as soon as it is told.
struct Leave(ExitReason);

impl World {
    fn run(commands: &[String]) -> Vec<String> {
        let mut seen = Vec::new();
        on_virtual_time(async {
            let world = Arc::new(Self {
                scene: Scene::new(),
                starts: Mutex::default(),
                running: Mutex::default(),
                applications: Mutex::default(),
            });
            let mut declared: HashMap<String, Supervisor> = HashMap::new();
            let mut templates: HashMap<String, Vec<String>> = HashMap::new();
            for command in commands {
                let words: Vec<&str> = command.split(' ').collect();
                match words[..] {
                    ["supervisor", name, strategy, most, period, ref auto @ ..] => {
                        let period = Duration::from_secs(period.parse().expect("seconds"));
                        let supervisor = Supervisor::new(name)
                            .strategy(strategy_of(strategy))
                            .intensity(most.parse().expect("a number"), period)
                            .auto_shutdown(auto_of(auto));
                        declared.insert(name.to_owned(), supervisor);
                    }
                    ["child", supervisor, ref child @ ..] => {
                        let child: Vec<String> = child.iter().map(|word| (*word).to_owned()).collect();
                        let own = declared.remove(supervisor).expect("it was declared");
                        // A dynamic supervisor's one child is the template of those that it will have.
                        let own = match own {
                            own if is_dynamic(commands, supervisor) => {
                                templates.insert(supervisor.to_owned(), child);
                                own
                            }
                            own => own.child(world.spec(&child)),
                        };
                        declared.insert(supervisor.to_owned(), own);
                    }
                    ["below", supervisor, other, restart, ref rest @ ..] => {
                        let below = declared[other].clone();
                        let child = world.below(other, below).restart(restart_of(restart));
                        let child = child.significant(rest.contains(&"significant"));
                        let own = declared.remove(supervisor).expect("it was declared").child(child);
                        declared.insert(supervisor.to_owned(), own);
                    }
                    ["start", supervisor] => {
                        world.scene.see(format!("> start {supervisor}"));
                        world.start(supervisor, declared[supervisor].clone()).await;
                        world.settle().await;
                    }
                    ["start_application", name] => {
                        world.scene.see(format!("> {command}"));
                        world.start_application(name, declared[name].clone()).await;
                        world.settle().await;
                    }
                    _ => {
                        world.scene.see(format!("> {command}"));
                        world.act(&words, &templates).await;
                        world.settle().await;
                    }
                }
            }
            seen = world.scene.take_seen();
        });
        seen
    }

    /// On virtual time nothing is left to do when time passes.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    fn supervision(&self, name: &str) -> Supervision {
        self.running.lock().expect("a lock")[name].clone()
    }

    async fn start(self: &Arc<Self>, name: &str, supervisor: Supervisor) {
        match supervisor.start(&self.scene.runtime, None).await {
            Ok(running) => {
                self.note(name, &running);
                let (world, name) = (self.clone(), name.to_owned());
                self.scene.watch(running.pid, move |reason| {
                    world.scene.see(format!("down {name} {reason}"));
                });
                self.scene.see("ok".into());
            }
            Err(error) => self.scene.see(format!("error {}", failure(&error))),
        }
    }

    async fn start_application(&self, name: &str, supervisor: Supervisor) {
        let started = Application::new(name, supervisor).start(&self.scene.runtime).await;
        self.scene.see(if started.is_ok() { "ok" } else { "error" }.into());
        if let Ok(application) = started {
            self.note(name, &application.supervision);
            self.applications.lock().expect("a lock").insert(name.to_owned(), application);
        }
    }

    fn note(&self, name: &str, running: &Supervision) {
        self.scene.name(name, running.pid);
        self.running.lock().expect("a lock").insert(name.to_owned(), running.clone());
    }

    async fn act(self: &Arc<Self>, words: &[&str], templates: &HashMap<String, Vec<String>>) {
        let nobody = self.scene.nobody();
        match *words {
            ["exit", name, reason] => {
                let sent = self.scene.runtime.send_term(
                    nobody,
                    &self.scene.pid(name).into(),
                    Leave(reason_of(reason)),
                );
                sent.expect("it is taken");
            }
            ["kill", name] => self.scene.runtime.kill(self.scene.pid(name)),
            ["signal", name, reason] => {
                self.scene.runtime.exit(nobody, self.scene.pid(name), reason_of(reason));
            }
            ["stop_application", name] => {
                let application = self.applications.lock().expect("a lock")[name].clone();
                let report = application.stop(Duration::from_secs(60)).await;
                assert_eq!((report.killed.len(), report.stuck.len()), (0, 0));
            }
            ["applications"] => {
                let mut names = self.scene.runtime.applications();
                names.sort();
                self.scene.see(names.iter().fold("applications".to_owned(), |line, name| line + " " + name));
            }
            ["stop", name] => self.supervision(name).stop().await,
            ["wait", ms] => tokio::time::sleep(Duration::from_millis(ms.parse().expect("a time"))).await,
            ["start_child", name, ref child @ ..] => {
                let child: Vec<String> = child.iter().map(|word| (*word).to_owned()).collect();
                let started = self.supervision(name).start_child(self.spec(&child)).await;
                self.answer(started.map(drop));
            }
            ["start_dynamic", name, child] => {
                let mut template = templates[name].clone();
                template[0] = child.to_owned();
                let started = self.supervision(name).start_child(self.spec(&template)).await;
                self.answer(started.map(drop));
            }
            ["terminate_child", name, id] => self.answer(self.supervision(name).terminate_child(id).await),
            ["terminate", name, child] => {
                self.answer(self.supervision(name).terminate(self.scene.pid(child)).await);
            }
            ["restart_child", name, id] => {
                self.answer(self.supervision(name).restart_child(id).await.map(drop));
            }
            ["delete_child", name, id] => self.answer(self.supervision(name).delete_child(id).await),
            ["which_children", name] => {
                let mut line = "children".to_owned();
                for child in self.supervision(name).which_children().await.expect("it runs") {
                    let state = match child.state {
                        ChildState::Running(_) => "running",
                        ChildState::Restarting => "restarting",
                        ChildState::Stopped | ChildState::Quarantined => "undefined",
                    };
                    let kind = match child.kind {
                        ChildKind::Worker => "worker",
                        ChildKind::Supervisor => "supervisor",
                    };
                    let _ = write!(line, " {}:{state}:{kind}", child.id);
                }
                self.scene.see(line);
            }
            ["count_children", name] => {
                let counts = self.supervision(name).count_children().await.expect("it runs");
                // Erlang counts the one template of a dynamic supervisor.
                let specs = if templates.contains_key(name) { 1 } else { counts.specs };
                let (active, supervisors, workers) = (counts.active, counts.supervisors, counts.workers);
                self.scene.see(format!(
                    "specs {specs} active {active} supervisors {supervisors} workers {workers}"
                ));
            }
            _ => panic!("no such command: {words:?}"),
        }
    }

    fn answer(&self, outcome: Result<(), ChildError>) {
        self.scene.see(match outcome {
            Ok(()) => "ok".into(),
            Err(ChildError::Start(error)) => format!("error {}", error.cause),
            Err(ChildError::Strategy) => "error simple_one_for_one".into(),
            Err(error) => {
                let text = error.to_string();
                format!("error {}", text.split(':').next().unwrap_or_default())
            }
        });
    }

    fn spec(self: &Arc<Self>, words: &[String]) -> ChildSpec {
        let name = words[0].clone();
        let number =
            |prefix: &str| words.iter().find_map(|word| word.strip_prefix(prefix)?.parse::<u32>().ok());
        let (from, on) = (number("fails_from:"), number("fails_on:"));
        let has = |wanted: &str| words.iter().any(|word| word == wanted);
        let deaf = has("deaf");
        let world = self.clone();
        let start = move |parent: Parent| {
            let (world, name) = (world.clone(), name.clone());
            async move {
                let starts = {
                    let mut starts = world.starts.lock().expect("a lock");
                    let starts = starts.entry(name.clone()).or_default();
                    *starts += 1;
                    *starts
                };
                if from.is_some_and(|from| starts >= from) || on == Some(starts) {
                    world.scene.see(format!("fails {name}"));
                    return Err("no".into());
                }
                let (ready, is_ready) = oneshot::channel();
                let options = SpawnOptions::new(name.as_str()).parent(parent.pid).link(true);
                let body = move |context: Context| world.child(name, deaf, ready, context);
                let spawned = parent.runtime.spawn(options, body)?;
                is_ready.await.map_err(|_| "it was killed")?;
                Ok(spawned.pid)
            }
        };
        let limit = words.iter().find_map(|word| word.parse().ok()).map(Duration::from_millis);
        let shutdown = match limit {
            _ if has("brutal_kill") => Shutdown::BrutalKill,
            _ if has("infinity") => Shutdown::Infinity,
            Some(limit) => Shutdown::Timeout(limit),
            None => Shutdown::default(),
        };
        ChildSpec::new(words[0].as_str(), start)
            .restart(restart_of(&words[1]))
            .shutdown(shutdown)
            .significant(has("significant"))
    }

    async fn child(
        self: Arc<Self>,
        name: String,
        deaf: bool,
        ready: oneshot::Sender<()>,
        context: Context,
    ) -> ExitReason {
        context.runtime().trap_exit(context.pid(), true);
        self.scene.name(&name, context.pid());
        self.scene.see(format!("start {name}"));
        let _ = ready.send(());
        loop {
            match context.receive().await {
                Message::Term { value, .. } => {
                    let Leave(reason) = *value.downcast().expect("it is told to leave");
                    return reason;
                }
                Message::Exit { reason, .. } if !deaf => {
                    self.scene.see(format!("stop {name} {}", word(&reason)));
                    return reason;
                }
                _ => {}
            }
        }
    }

    fn below(self: &Arc<Self>, name: &str, supervisor: Supervisor) -> ChildSpec {
        let (world, own) = (self.clone(), name.to_owned());
        let start = move |parent: Parent| {
            let (world, own, supervisor) = (world.clone(), own.clone(), supervisor.clone());
            let starting: std::pin::Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(async move {
                let running = supervisor.start(&parent.runtime, Some(parent.pid)).await?;
                world.note(&own, &running);
                Ok(running.pid)
            });
            starting
        };
        ChildSpec::new(name, start).kind(ChildKind::Supervisor)
    }
}

fn is_dynamic(commands: &[String], supervisor: &str) -> bool {
    commands.iter().any(|line| line.starts_with(&format!("supervisor {supervisor} simple_one_for_one ")))
}

fn strategy_of(word: &str) -> Strategy {
    match word {
        "one_for_one" => Strategy::OneForOne,
        "one_for_all" => Strategy::OneForAll,
        "rest_for_one" => Strategy::RestForOne,
        "simple_one_for_one" => Strategy::Dynamic,
        other => panic!("no such strategy: {other}"),
    }
}

fn auto_of(words: &[&str]) -> AutoShutdown {
    match words {
        [] | ["never"] => AutoShutdown::Never,
        ["any_significant"] => AutoShutdown::AnySignificant,
        ["all_significant"] => AutoShutdown::AllSignificant,
        other => panic!("no such auto_shutdown: {other:?}"),
    }
}

fn restart_of(word: &str) -> Restart {
    match word {
        "permanent" => Restart::Permanent,
        "transient" => Restart::Transient,
        "temporary" => Restart::Temporary,
        other => panic!("no such restart: {other}"),
    }
}

fn failure(error: &StartError) -> String {
    if error.cause.to_string() == "no" {
        format!("failed_to_start_child {}", error.child)
    } else {
        "bad_spec".into()
    }
}
