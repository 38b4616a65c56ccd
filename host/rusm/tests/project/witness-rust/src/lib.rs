use std::time::Duration;

use rusm_rs::{
    CallError, Event, ExitReason, Filter, Monitor, Pid, Sink, Spawn, SpawnError, Stream, names, process,
    timers,
};

rusm_rs::contract!("test:probe/probe");
rusm_rs::contract!("test:probe/limits");

#[rusm_rs::service("test:probe/witness")]
struct Witness {
    events: Vec<String>,
    monitors: Vec<Monitor>,
    followers: Vec<Sink<String>>,
}

impl witness::Service for Witness {
    fn init() -> Self {
        Self { events: Vec::new(), monitors: Vec::new(), followers: Vec::new() }
    }

    fn start(&mut self, component: String, link: bool, monitor: bool) -> Pid {
        let mut spawn = Spawn::new(component);
        if link {
            spawn = spawn.link();
        }
        if monitor {
            spawn = spawn.monitor();
        }
        let probe = probe::Client::spawn_with(spawn, "", 3).expect("the probe starts");
        probe.pid().expect("it runs")
    }

    fn relate(&mut self, how: String, other: Pid) -> String {
        match how.as_str() {
            "link" => process::link(other).expect("its own child"),
            "unlink" => process::unlink(other),
            "monitor" => self.monitors.push(process::monitor(other).expect("a pid needs no grant")),
            "demonitor" => return self.monitors.pop().expect("a monitor").demonitor().to_string(),
            "trap" => return process::trap_exit(true).to_string(),
            "untrap" => return process::trap_exit(false).to_string(),
            "take" => {
                let event = process::receive_matching(Filter::Any, Duration::from_millis(300));
                return event.map_or("nothing".into(), |event| format!("{event:?}"));
            }
            "alive" => return process::alive(other).to_string(),
            "info" => {
                return process::info(other).map_or("gone".into(), |info| {
                    let (component, links, monitors) = (info.component, info.links, info.monitors);
                    format!("{component} {} {links} {monitors}", info.name.unwrap_or("-".into()))
                });
            }
            _ => panic!("witness knows no {how}"),
        }
        String::new()
    }

    fn round(&mut self, names: Vec<String>) -> String {
        let Some((first, rest)) = names.split_first() else { return "the end".into() };
        let answer = witness::Client::named(first).and_then(|other| other.round(rest));
        answer.unwrap_or_else(|error| error.to_string())
    }

    fn names(&mut self, current: String, name: String) -> String {
        let second = names::register(&name).is_ok();
        names::unregister(&current);
        let before = names::whereis(&name).is_some();
        let taken = names::register(&name).is_ok();
        let found = names::whereis(&name) == Some(process::pid());
        let again = names::register(&name).is_ok();
        let freed = names::unregister(&name) && !names::unregister(&name);
        names::register(&current).expect("it is free");
        format!("{second} {before} {taken} {found} {again} {freed}")
    }

    fn timers(&mut self, ms: u64) -> String {
        timers::send_after(Duration::from_millis(ms), b"rings");
        let later = timers::send_after(Duration::from_secs(3600), b"never rings");
        let left = later.cancel().expect("it has not fired");
        format!("{} {:?}", left > Duration::from_secs(3000), later.cancel())
    }

    fn leave(&mut self, payload: Vec<u8>) {
        process::exit(&ExitReason::Custom(payload));
    }

    fn narrowed(&mut self) -> String {
        let spawn = Spawn::new("limits-rust").capabilities(Vec::<String>::new());
        let limits = limits::Client::spawn_with(spawn).expect("it starts with less");
        let denied = match limits.env("PATH") {
            Err(CallError::Refused(denied)) => denied,
            other => format!("{other:?}"),
        };
        let wider = Spawn::new("limits-rust").capabilities(["env:HOME"]);
        match limits::Client::spawn_with(wider) {
            Err(SpawnError::Denied(text)) => format!("{denied}; {text}"),
            other => format!("{other:?}"),
        }
    }

    fn events(&mut self) -> String {
        self.events.join("\n")
    }

    fn follow(&mut self) -> Stream<String> {
        let (sink, stream) = Stream::sink();
        // The clone keeps it open.
        self.followers.push(sink.clone());
        drop(sink);
        stream
    }

    fn give_up(&mut self, why: String) -> Stream<String> {
        let (sink, stream) = Stream::sink();
        sink.push(&"first".to_owned()).expect("there is room");
        sink.abort(&why);
        stream
    }

    fn publish(&mut self, text: String) -> u32 {
        self.followers.retain(|follower| follower.push(&text).is_ok());
        self.followers.len() as u32
    }

    fn dismiss(&mut self, why: Option<String>) {
        for follower in self.followers.drain(..) {
            match &why {
                Some(why) => follower.abort(why),
                None => follower.close(),
            }
        }
    }

    fn info(&mut self, event: Event) {
        self.events.push(match event {
            Event::Mail(mail) => format!("mail {}", String::from_utf8_lossy(&mail.body)),
            Event::Down(down) => {
                let known = self.monitors.iter().any(|monitor| monitor.reference() == down.monitor);
                format!("down {known} {}", in_words(&down.reason))
            }
            Event::Exit(exit) => format!("exit {}", in_words(&exit.reason)),
            Event::Timer(timer) => format!("timer {}", String::from_utf8_lossy(&timer.body)),
            other => format!("{other:?}"),
        });
    }

    fn terminate(&mut self, reason: ExitReason) {
        rusm_rs::log::info(format!("witness ends: {reason}"));
    }
}

fn in_words(reason: &ExitReason) -> String {
    match reason {
        ExitReason::Crash(crash) => {
            format!("crash in {}: {}", crash.function, crash.text.lines().last().unwrap_or_default())
        }
        other => other.to_string(),
    }
}
