//! Processes: mailboxes, links, monitors, exits, names and timers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusm_otp::{
    Alias, Context, ExitReason, Filter, GroupChange, Keys, Message, Pid, Reference, RegisterError, Registry,
    SpawnOptions,
};
use tokio::sync::oneshot;

use super::{Scene, compare, reason_of, word};
use crate::support::on_virtual_time;

#[test]
fn processes_do_what_erlangs_do() {
    compare("processes", World::run);
}

/// What a scenario shares with its processes.
struct World {
    scene: Scene,
    /// Ends since the last command: those that come together have no order.
    ends: Mutex<Vec<String>>,
    monitors: Mutex<HashMap<String, Reference>>,
    timers: Mutex<HashMap<String, Reference>>,
    aliases: Mutex<HashMap<String, Alias>>,
    names: Registry<Arc<str>, ()>,
}

/// What a process does, and where it says what came of it.
struct Do {
    words: Vec<String>,
    answer: oneshot::Sender<Option<String>>,
}

impl World {
    fn run(commands: &[String]) -> Vec<String> {
        let mut seen = Vec::new();
        on_virtual_time(async {
            let scene = Scene::new();
            let names = Registry::new(&scene.runtime, Keys::Unique);
            let world = Arc::new(Self {
                scene,
                names,
                aliases: Mutex::default(),
                ends: Mutex::default(),
                monitors: Mutex::default(),
                timers: Mutex::default(),
            });
            for command in commands {
                world.scene.see(format!("> {command}"));
                let words: Vec<&str> = command.split(' ').collect();
                match words[..] {
                    ["spawn", name, ref rest @ ..] => {
                        world.spawn(name, SpawnOptions::new(name), rest.contains(&"trap"));
                    }
                    ["wait", ms] => tokio::time::sleep(millis(ms)).await,
                    [name, ref rest @ ..] => world.tell(name, rest).await,
                    [] => {}
                }
                world.settle().await;
            }
            seen = world.scene.take_seen();
        });
        seen
    }

    /// Erlang's side waits for real: timers of up to 40 ms fire while it does, and here too.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(40)).await;
        let mut ends = std::mem::take(&mut *self.ends.lock().expect("a lock"));
        ends.sort();
        ends.into_iter().for_each(|end| self.scene.see(end));
    }

    fn name(&self, pid: Pid) -> String {
        let pids = self.scene.pids.lock().expect("a lock");
        let name = pids.iter().find(|(_, own)| **own == pid).map(|(name, _)| name.clone());
        name.unwrap_or_else(|| "nobody".into())
    }

    fn spawn(self: &Arc<Self>, name: &str, options: SpawnOptions, trap: bool) -> Option<Reference> {
        let world = self.clone();
        let body = move |context: Context| async move {
            context.runtime().trap_exit(context.pid(), trap);
            world.obey(&context).await
        };
        let spawned = self.scene.runtime.spawn(options, body).expect("no name");
        self.scene.name(name, spawned.pid);
        let (world, name) = (self.clone(), name.to_owned());
        self.scene.watch(spawned.pid, move |reason| {
            world.ends.lock().expect("a lock").push(format!("dead {name} {reason}"));
        });
        spawned.monitor
    }

    async fn tell(&self, name: &str, words: &[&str]) {
        let (answer, answered) = oneshot::channel();
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let sent = self.scene.runtime.send_term(
            self.scene.nobody(),
            &self.scene.pid(name).into(),
            Do { words, answer },
        );
        sent.expect("it is taken");
        // A process that ends does not answer.
        if let Ok(Some(line)) = answered.await {
            self.scene.see(line);
        }
    }

    async fn obey(self: Arc<Self>, context: &Context) -> ExitReason {
        loop {
            let command = context.receive_matching(|message| matches!(message, Message::Term { .. })).await;
            let Message::Term { value, .. } = command else { continue };
            let Do { words, answer } = *value.downcast().expect("a command");
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            if let ["exit", reason] = words[..] {
                return reason_of(reason);
            }
            let line = self.act(context, &words).await;
            // The runner waits.
            let _ = answer.send(line);
        }
    }

    async fn act(self: &Arc<Self>, context: &Context, words: &[&str]) -> Option<String> {
        let (runtime, own) = (context.runtime(), context.pid());
        match *words {
            ["link", name] => runtime.link(own, self.scene.pid(name)),
            ["unlink", name] => runtime.unlink(own, self.scene.pid(name)),
            ["monitor", name, monitor] => {
                self.note(monitor, runtime.monitor(own, &self.scene.pid(name).into()));
            }
            ["monitor_name", name, monitor] => self.note(monitor, runtime.monitor(own, &name.into())),
            ["demonitor", monitor] => {
                let monitor = self.monitors.lock().expect("a lock")[monitor];
                runtime.demonitor(own, monitor);
            }
            ["exit", name, reason] => runtime.exit(own, self.scene.pid(name), reason_of(reason)),
            ["trap", on] => return Some(runtime.trap_exit(own, on == "true").to_string()),
            ["register", name] => return Some(verdict(&runtime.register(own, name))),
            // Erlang lets anybody free a name; here it is its holder's.
            ["unregister", name] => {
                return Some(if runtime.unregister(own, name) { "ok" } else { "badarg" }.into());
            }
            ["whereis", name] => {
                let holder = runtime.whereis(name).map(|pid| self.name(pid));
                return Some(holder.unwrap_or_else(|| "undefined".into()));
            }
            ["send", name, text] => {
                let sent = runtime.send(own, &self.scene.pid(name).into(), text.to_owned().into());
                sent.expect("its mailbox has no bound");
            }
            ["send_after", ms, text, timer] => {
                let set = runtime.send_after(own, millis(ms), text.to_owned().into());
                self.timers.lock().expect("a lock").insert(timer.to_owned(), set);
            }
            ["cancel", timer] => {
                let timer = self.timers.lock().expect("a lock")[timer];
                return Some(
                    if runtime.cancel_timer(own, timer).is_some() { "left" } else { "false" }.into(),
                );
            }
            ["remaining", timer] => {
                let timer = self.timers.lock().expect("a lock")[timer];
                let left = runtime.cancel_timer(own, timer);
                return Some(left.map_or("false".into(), |left| format!("{:.0}", left.as_secs_f64())));
            }
            ["interval", ms, text, timer] => {
                let set = runtime.send_interval(own, millis(ms), text.to_owned().into());
                self.timers.lock().expect("a lock").insert(timer.to_owned(), set);
            }
            ["cancel_interval", timer] => {
                let timer = self.timers.lock().expect("a lock")[timer];
                return Some(
                    if runtime.cancel_timer(own, timer).is_some() { "left" } else { "false" }.into(),
                );
            }
            ["alias", name] => self.alias(name, runtime.alias(own)),
            ["reply_alias", name] => self.alias(name, runtime.reply_alias(own)),
            ["unalias", name] => {
                let alias = self.aliases.lock().expect("a lock")[name];
                return Some(runtime.unalias(alias).to_string());
            }
            ["send_alias", name, text] => {
                let alias = self.aliases.lock().expect("a lock")[name].into();
                runtime.send(own, &alias, text.to_owned().into()).expect("it is taken, or dropped");
            }
            ["join", group] => assert!(runtime.join(group, own)),
            ["leave", group] => {
                return Some(if runtime.leave(group, own) { "ok" } else { "not_joined" }.into());
            }
            ["members", group] => return Some(self.listed("members", &runtime.members(group))),
            ["groups"] => {
                let mut groups = runtime.groups();
                groups.sort();
                return Some(groups.iter().fold("groups".to_owned(), |line, group| line + " " + group));
            }
            ["monitor_group", group, monitor] => {
                let (reference, members) = runtime.monitor_group(own, group);
                self.note(monitor, reference);
                return Some(self.listed("members", &members));
            }
            ["demonitor_group", monitor] => {
                let monitor = self.monitors.lock().expect("a lock")[monitor];
                return Some(if runtime.demonitor_group(own, monitor) { "ok" } else { "false" }.into());
            }
            ["broadcast", group, text] => drop(runtime.broadcast(own, group, &text.into())),
            ["via_register", name] => {
                let registered = self.names.register(own, name.into(), ());
                return Some(if registered.is_ok() { "ok" } else { "taken" }.into());
            }
            ["via_unregister", name] => drop(self.names.unregister(own, &name.into())),
            ["via_whereis", name] => {
                let holder = runtime.resolve(&self.names.via(name).into()).map(|pid| self.name(pid));
                return Some(holder.unwrap_or_else(|| "undefined".into()));
            }
            ["via_send", name, text] => {
                let sent = runtime.send(own, &self.names.via(name).into(), text.to_owned().into());
                sent.expect("its mailbox has no bound");
            }
            ["sleep", ms] => context.sleep(millis(ms)).await,
            ["yield"] => context.yield_now().await,
            ["alive", name] => return Some(runtime.is_alive(self.scene.pid(name)).to_string()),
            ["links"] => {
                return Some(self.listed("links", &context.links()));
            }
            ["mailbox"] => return runtime.info(own).map(|info| info.mailbox.to_string()),
            ["spawn", name] => drop(self.spawn(name, SpawnOptions::new(name).parent(own), false)),
            ["spawn_link", name] => {
                self.spawn(name, SpawnOptions::new(name).parent(own).link(true), false);
            }
            ["spawn_monitor", name, monitor] => {
                let options = SpawnOptions::new(name).parent(own).monitor(true);
                self.note(monitor, self.spawn(name, options, false).expect("a monitor"));
            }
            ["receive", kind] => return Some(self.receive(context, kind, Duration::ZERO).await),
            ["receive", kind, ms] => return Some(self.receive(context, kind, millis(ms)).await),
            _ => panic!("no such command: {words:?}"),
        }
        None
    }

    fn listed(&self, what: &str, pids: &[Pid]) -> String {
        let mut names: Vec<_> = pids.iter().map(|pid| self.name(*pid)).collect();
        names.sort();
        names.iter().fold(what.to_owned(), |line, name| line + " " + name)
    }

    fn alias(&self, name: &str, alias: Alias) {
        self.aliases.lock().expect("a lock").insert(name.to_owned(), alias);
    }

    fn note(&self, name: &str, monitor: Reference) {
        self.monitors.lock().expect("a lock").insert(name.to_owned(), monitor);
    }

    async fn receive(&self, context: &Context, kind: &str, limit: Duration) -> String {
        let filter = match kind {
            "any" => Filter::Any,
            "mail" => Filter::Mail,
            "system" => Filter::System,
            monitor => Filter::Down(self.monitors.lock().expect("a lock")[monitor]),
        };
        let got = context.receive_within(limit, |message| filter.admits(message)).await;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match got {
            None => "nothing".into(),
            Some(Message::Mail { sender, body }) => format!("mail {} {}", self.name(sender), text(&body)),
            Some(Message::Timer { body, .. }) => format!("timer {}", text(&body)),
            Some(Message::Exit { pid, reason }) => format!("exit {} {}", self.name(pid), word(&reason)),
            Some(Message::Group { group, pid, change, .. }) => {
                let what = if change == GroupChange::Joined { "joined" } else { "left" };
                format!("{what} {group} {}", self.name(pid))
            }
            Some(Message::Down { monitor, pid, reason }) => {
                let monitors = self.monitors.lock().expect("a lock");
                let own = monitors.iter().find(|(_, reference)| **reference == monitor);
                let own = own.map(|(name, _)| name.as_str()).unwrap_or_default();
                format!("down {own} {} {}", self.name(pid), word(&reason))
            }
            other => panic!("another message: {other:?}"),
        }
    }
}

fn verdict(registered: &Result<(), RegisterError>) -> String {
    if registered.is_ok() { "ok" } else { "badarg" }.into()
}

fn millis(text: &str) -> Duration {
    Duration::from_millis(text.parse().expect("a time"))
}
