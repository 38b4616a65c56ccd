//! Servers and state machines: init, calls, casts, timeouts, replies that come later, ends.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusm_otp::{
    CallError, CallFrom, Context, ExitReason, GenServer, Message, Next, ServerError, ServerRef, SpawnOptions,
    StateMachineRef, Target, multi_call, resume, start_server, start_state_machine, status, suspend,
};

use super::{Scene, compare, reason_of, word};
use crate::support::on_virtual_time;

mod machine;

use machine::Machine;

#[test]
fn servers_do_what_erlangs_do() {
    compare("servers", World::run);
}

/// What a scenario shares with its processes.
struct World {
    scene: Scene,
    /// What clients have heard and who has ended since the last command: what comes together has no order.
    lines: Mutex<Vec<String>>,
    /// The names of those who are not servers.
    machines: Mutex<HashSet<String>>,
}

type Words = Vec<String>;

/// What a client does next.
struct Do(Words);

impl World {
    fn run(commands: &[String]) -> Vec<String> {
        let mut seen = Vec::new();
        on_virtual_time(async {
            let world =
                Arc::new(Self { scene: Scene::new(), lines: Mutex::default(), machines: Mutex::default() });
            for command in commands {
                world.scene.see(format!("> {command}"));
                let words: Vec<&str> = command.split(' ').collect();
                match words[..] {
                    ["client", name, ref rest @ ..] => world.client(name, rest.contains(&"trap")),
                    ["wait", ms] => tokio::time::sleep(millis(ms)).await,
                    [name, ref rest @ ..] => world.tell(name, rest),
                    [] => {}
                }
                world.settle().await;
            }
            seen = world.scene.take_seen();
        });
        seen
    }

    /// As long as Erlang's side waits for real.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(60)).await;
        let mut lines = std::mem::take(&mut *self.lines.lock().expect("a lock"));
        lines.sort();
        lines.into_iter().for_each(|line| self.scene.see(line));
    }

    fn line(&self, line: String) {
        self.lines.lock().expect("a lock").push(line);
    }

    fn client(self: &Arc<Self>, name: &str, trap: bool) {
        let (world, own) = (self.clone(), name.to_owned());
        let body = move |context: Context| async move {
            context.runtime().trap_exit(context.pid(), trap);
            world.obey(&own, &context).await
        };
        let spawned = self.scene.runtime.spawn(SpawnOptions::new(name), body).expect("no name");
        self.watch(name, spawned.pid);
    }

    fn watch(self: &Arc<Self>, name: &str, pid: rusm_otp::Pid) {
        self.scene.name(name, pid);
        let (world, name) = (self.clone(), name.to_owned());
        self.scene.watch(pid, move |reason| world.line(format!("dead {name} {reason}")));
    }

    fn tell(&self, name: &str, words: &[&str]) {
        let words = Do(words.iter().map(|word| (*word).to_owned()).collect());
        let client = self.scene.pid(name).into();
        self.scene.runtime.send_term(self.scene.nobody(), &client, words).expect("it is taken");
    }

    async fn obey(self: Arc<Self>, name: &str, context: &Context) -> ExitReason {
        loop {
            let command = context.receive_matching(|message| matches!(message, Message::Term { .. })).await;
            let Message::Term { value, .. } = command else { continue };
            let Do(words) = *value.downcast().expect("a command");
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            if let ["die", reason] = words[..] {
                return reason_of(reason);
            }
            if let Some(line) = self.act(context, &words).await {
                self.line(format!("{name} {line}"));
            }
        }
    }

    async fn act(self: &Arc<Self>, context: &Context, words: &[&str]) -> Option<String> {
        let (runtime, own) = (context.runtime(), context.pid());
        match *words {
            [start @ ("start" | "start_link"), server, ref how @ ..] => {
                return Some(self.start(context, server, start == "start_link", how).await);
            }
            [start @ ("machine" | "machine_link"), machine, ref how @ ..] => {
                self.machines.lock().expect("a lock").insert(machine.to_owned());
                return Some(self.start_machine(context, machine, start == "machine_link", how).await);
            }
            ["call", name, ms, ref ask @ ..] if self.is_machine(name) => {
                let reply = self.machine(name).call(context, owned(ask), millis(ms)).await;
                return Some(reply.map_or_else(failure, |reply| format!("reply {reply}")));
            }
            ["cast", name, ref tell @ ..] if self.is_machine(name) => {
                self.machine(name).cast(context, owned(tell)).expect("its mailbox has no bound");
            }
            ["call", server, ms, ref ask @ ..] => {
                let reply = self.server(server).call(context, owned(ask), millis(ms)).await;
                return Some(reply.map_or_else(failure, |reply| format!("reply {reply}")));
            }
            ["multi", servers, ms, ref ask @ ..] => {
                let servers: Vec<_> = servers.split(',').map(|server| self.server(server)).collect();
                let replies = multi_call(context, &servers, owned(ask), millis(ms)).await;
                let replies = replies.into_iter().map(|reply| reply.unwrap_or_else(failure));
                return Some(replies.fold("replies".to_owned(), |line, reply| line + " " + &reply));
            }
            ["cast", server, ref tell @ ..] => {
                self.server(server).cast(context, owned(tell)).expect("its mailbox has no bound");
            }
            ["send", server, text] => {
                let sent = runtime.send(own, &self.scene.pid(server).into(), text.to_owned().into());
                sent.expect("its mailbox has no bound");
            }
            ["stop", server, reason, ms] => {
                let stopped = self.server(server).stop(context, reason_of(reason), millis(ms)).await;
                return Some(stopped.map_or_else(failure, |()| "stopped".into()));
            }
            ["suspend", server] => {
                let target = self.scene.pid(server).into();
                suspend(context, &target, LIMIT).await.expect("it is suspended");
                return Some("ok".into());
            }
            ["resume", server] => {
                resume(context, &self.scene.pid(server).into(), LIMIT).await.expect("it goes on");
                return Some("ok".into());
            }
            ["status", server] => {
                let status = status(context, &self.scene.pid(server).into(), LIMIT).await;
                let suspended = status.expect("it answers").suspended;
                return Some(if suspended { "suspended" } else { "running" }.into());
            }
            ["exit", server, reason] => runtime.exit(own, self.scene.pid(server), reason_of(reason)),
            ["alive", server] => return Some(runtime.is_alive(self.scene.pid(server)).to_string()),
            ["mailbox"] => return runtime.info(own).map(|info| format!("mailbox {}", info.mailbox)),
            _ => panic!("no such command: {words:?}"),
        }
        None
    }

    async fn start(self: &Arc<Self>, context: &Context, name: &str, link: bool, how: &[&str]) -> String {
        let args = Start { world: self.clone(), name: name.to_owned(), how: owned(how) };
        let started = start_server::<Scripted>(context.runtime(), options(context, name, link), args).await;
        self.started(name, started.as_ref().map(ServerRef::target))
    }

    async fn start_machine(
        self: &Arc<Self>,
        context: &Context,
        name: &str,
        link: bool,
        how: &[&str],
    ) -> String {
        let args = Start { world: self.clone(), name: name.to_owned(), how: owned(how) };
        let started =
            start_state_machine::<Machine>(context.runtime(), options(context, name, link), args).await;
        self.started(name, started.as_ref().map(StateMachineRef::target))
    }

    fn started(self: &Arc<Self>, name: &str, started: Result<&Target, &ServerError>) -> String {
        match started {
            Ok(Target::Process(pid)) => {
                self.watch(name, *pid);
                "started".into()
            }
            Ok(other) => panic!("no pid but {other:?}"),
            Err(ServerError::Init(reason)) => format!("refused {}", word(reason)),
            Err(ServerError::AlreadyRegistered(_)) => "taken".into(),
        }
    }

    fn is_machine(&self, name: &str) -> bool {
        self.machines.lock().expect("a lock").contains(name.trim_start_matches('@'))
    }

    fn machine(&self, name: &str) -> StateMachineRef<Machine> {
        match name.strip_prefix('@') {
            Some(name) => StateMachineRef::new(name),
            None => StateMachineRef::new(self.scene.pid(name)),
        }
    }

    /// By its name, or by its pid.
    fn server(&self, name: &str) -> ServerRef<Scripted> {
        match name.strip_prefix('@') {
            Some(name) => ServerRef::new(name),
            None => ServerRef::new(self.scene.pid(name)),
        }
    }
}

fn options(context: &Context, name: &str, link: bool) -> SpawnOptions {
    let options = SpawnOptions::new(name).name(name);
    if link { options.parent(context.pid()).link(true) } else { options }
}

fn owned(words: &[&str]) -> Words {
    words.iter().map(|word| (*word).to_owned()).collect()
}

const LIMIT: Duration = Duration::from_secs(5);

fn millis(text: &str) -> Duration {
    Duration::from_millis(text.parse().expect("a time"))
}

fn failure(error: CallError) -> String {
    match error {
        CallError::NoProc => "noproc".into(),
        CallError::Timeout => "timeout".into(),
        CallError::Cancelled => "cancelled".into(),
        CallError::Cycle(_) => "cycle".into(),
        CallError::Exited(reason) => format!("exited {}", word(&reason)),
        other => panic!("another error: {other}"),
    }
}

/// A server that does what it is asked.
struct Scripted {
    world: Arc<World>,
    name: String,
    waiting: Vec<CallFrom<String>>,
}

struct Start {
    world: Arc<World>,
    name: String,
    how: Words,
}

impl Scripted {
    fn note(&self, text: &str) {
        self.world.scene.see(format!("{} {text}", self.name));
    }
}

impl GenServer for Scripted {
    type Args = Start;
    type Call = Words;
    type Reply = String;
    type Cast = Words;

    async fn init(Start { world, name, how }: Start, context: &Context) -> Result<(Self, Next), ExitReason> {
        context.runtime().trap_exit(context.pid(), how.iter().any(|word| word == "trap"));
        let words: Vec<&str> = how.iter().map(String::as_str).filter(|word| *word != "trap").collect();
        let next = match words[..] {
            ["refuse", reason] => return Err(reason_of(reason)),
            ["break"] => panic!("boom"),
            ["continue"] => Next::Continue,
            ["timeout", ms] => Next::Timeout(millis(ms)),
            ["sleep", ms] => {
                context.sleep(millis(ms)).await;
                Next::Wait
            }
            _ => Next::Wait,
        };
        Ok((Self { world, name, waiting: Vec::new() }, next))
    }

    async fn handle_call(&mut self, ask: Words, from: CallFrom<String>, context: &Context) -> Next {
        let words: Vec<&str> = ask.iter().map(String::as_str).collect();
        let (reply, next) = match words[..] {
            ["double", number] => ((2 * number.parse::<u32>().expect("a number")).to_string(), Next::Wait),
            ["later"] => {
                self.waiting.push(from);
                return Next::Wait;
            }
            ["forget"] => return Next::Wait,
            ["sleep", ms] => {
                context.sleep(millis(ms)).await;
                self.note("slept");
                ("slept".into(), Next::Wait)
            }
            ["stop", reason] => ("bye".into(), Next::Stop(reason_of(reason))),
            ["stop_silent", reason] => {
                self.waiting.push(from);
                return Next::Stop(reason_of(reason));
            }
            ["continue"] => ("on".into(), Next::Continue),
            ["timeout", ms] => ("soon".into(), Next::Timeout(millis(ms))),
            ["self", ms] => {
                let own = ServerRef::<Self>::new(context.pid());
                let reply = own.call(context, owned(&["double", "1"]), millis(ms)).await;
                (reply.unwrap_or_else(failure), Next::Wait)
            }
            _ => panic!("boom"),
        };
        from.reply(reply);
        next
    }

    async fn handle_cast(&mut self, tell: Words, context: &Context) -> Next {
        let words: Vec<&str> = tell.iter().map(String::as_str).collect();
        match words[..] {
            ["note", text] => self.note(&format!("note {text}")),
            ["release", value] => {
                for from in self.waiting.drain(..) {
                    from.reply(value.to_owned());
                }
            }
            ["sleep", ms] => {
                context.sleep(millis(ms)).await;
                self.note("slept");
            }
            ["stop", reason] => return Next::Stop(reason_of(reason)),
            ["continue"] => return Next::Continue,
            ["timeout", ms] => return Next::Timeout(millis(ms)),
            _ => panic!("boom"),
        }
        Next::Wait
    }

    async fn handle_info(&mut self, message: Message, _: &Context) -> Next {
        match message {
            Message::Mail { body, .. } => match &*String::from_utf8_lossy(&body) {
                "break" => panic!("boom"),
                "stop" => return Next::Stop(ExitReason::Normal),
                text => self.note(&format!("mail {text}")),
            },
            Message::Exit { reason, .. } => self.note(&format!("exit {}", word(&reason))),
            other => panic!("another message: {other:?}"),
        }
        Next::Wait
    }

    async fn handle_timeout(&mut self, _: &Context) -> Next {
        self.note("timeout");
        Next::Wait
    }

    async fn handle_continue(&mut self, _: &Context) -> Next {
        self.note("continue");
        Next::Wait
    }

    async fn terminate(&mut self, reason: &ExitReason, _: &Context) {
        self.note(&format!("terminate {}", word(reason)));
    }
}
