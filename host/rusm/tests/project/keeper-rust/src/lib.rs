use std::time::Duration;

use rusm_rs::supervisor::{ChildError, ChildInfo, ChildSpec, ChildState, Strategy, Supervision, Supervisor};
use rusm_rs::{Event, Filter, Pid, Spawn, groups, process};

rusm_rs::contract!("test:probe/probe");

#[rusm_rs::service("test:probe/keeper")]
struct Keeper {
    events: Vec<String>,
}

impl keeper::Service for Keeper {
    fn init() -> Self {
        Self { events: Vec::new() }
    }

    fn crash(&mut self, strategy: String) -> String {
        let strategy = match strategy.as_str() {
            "one-for-all" => Strategy::OneForAll,
            "rest-for-one" => Strategy::RestForOne,
            _ => Strategy::OneForOne,
        };
        let tree = three().strategy(strategy).start().expect("it starts");
        let before = pids(tree);
        let second = probe::Client::from_pid(before[1].1);
        let _ = second.crash("told to");
        let after = loop {
            let now = pids(tree);
            if now.len() == 3 && now[1] != before[1] {
                break now;
            }
            process::sleep(Duration::from_millis(1));
        };
        let new = before.iter().zip(&after).filter(|(old, new)| old != new).map(|(old, _)| old.0.as_str());
        let new = new.collect::<Vec<_>>().join(" ");
        let counts = tree.count_children().expect("it runs");
        tree.stop().expect("it runs");
        format!("new: {new}; {} of {}, {} restarts", counts.active, counts.specs, counts.restarts > 0)
    }

    fn steer(&mut self) -> Vec<String> {
        let tree = three().start().expect("it starts");
        let mut lines = vec![states(tree)];
        lines.push(told(tree.terminate_child("b")));
        lines.push(states(tree));
        lines.push(told(tree.delete_child("a")));
        lines.push(told(tree.restart_child("b").map(drop)));
        lines.push(told(tree.terminate_child("c").and_then(|()| tree.delete_child("c"))));
        lines.push(told(tree.terminate_child("c")));
        lines.push(told(tree.start_child(&probe_child("probe-ts", "d")).map(drop)));
        lines.push(states(tree));
        lines.push(told(tree.stop()));
        lines.push(told(tree.stop()));
        lines
    }

    fn crowd(&mut self) -> Vec<String> {
        let tree = Supervisor::new("crowd").strategy(Strategy::Dynamic).most_children(3);
        let tree = tree.start().expect("it starts");
        let children = ["probe-rust", "probe-ts", "probe-rust"]
            .map(|component| tree.start_child(&probe_child(component, "x")).expect("it starts"));
        let mut lines = vec![told(tree.start_child(&probe_child("probe-rust", "x")).map(drop))];
        lines.push(told(tree.terminate(children[1])));
        lines.push(tree.count_children().expect("it runs").active.to_string());
        lines.push(told(tree.terminate_child("x")));
        tree.stop().expect("it runs");
        lines
    }

    fn nest(&mut self) -> Vec<String> {
        let outer = Supervisor::new("outer").intensity(5, Duration::from_secs(5)).start().expect("it starts");
        let inner = Supervisor::new("inner").intensity(0, Duration::from_secs(5));
        let inner = inner.child(probe_child("probe-ts", "a")).start_under(outer).expect("it starts");
        let mut lines = vec![states(outer), states(inner)];
        let _ = probe::Client::from_pid(pids(inner)[0].1).crash("told to");
        // It gives up, and is started again.
        while outer.count_children().expect("it runs").restarts == 0 || pids(outer).is_empty() {
            process::sleep(Duration::from_millis(1));
        }
        let again = Supervision::of(pids(outer)[0].1);
        lines.push(format!("{} {}", again.pid() != inner.pid(), states(again)));
        lines.push(told(inner.count_children().map(drop)));
        outer.stop().expect("it runs");
        lines
    }

    fn deny(&mut self, other: Pid) -> Vec<String> {
        let tree = Supervisor::new("tree").child(ChildSpec::new(Spawn::new("crowd-ts")));
        vec![
            told(tree.start().map(drop)),
            told(Supervision::of(other).stop()),
            told(Supervision::of(process::pid()).stop()),
            groups::join("secret").map_or_else(|error| error.to_string(), |()| "joined".into()),
        ]
    }

    fn keep(&mut self) -> Pid {
        let tree = Supervisor::new("kept").child(probe_child("probe-rust", "a"));
        tree.start().expect("it starts").pid()
    }

    fn gather(&mut self) -> Vec<String> {
        let group = "test";
        let (monitor, members) = groups::monitor(group).expect("it is granted");
        let mut lines = vec![format!("{} members", members.len())];
        groups::join(group).expect("it is granted");
        let own = groups::members(group).expect("it is granted") == [process::pid()];
        lines.push(format!("{own} {}", groups::broadcast(group, b"hello").expect("it is granted")));
        let mail = process::receive_matching(Filter::Mail, Duration::from_secs(60));
        let Some(Event::Mail(mail)) = mail else { panic!("no mail: {mail:?}") };
        lines.push(format!("{} {}", mail.sender == process::pid(), String::from_utf8_lossy(&mail.body)));
        let left = [groups::leave(group), groups::leave(group)].map(|left| left.expect("it is granted"));
        lines.push(format!("{} {}", left[0], left[1]));
        while self.events.len() < 2 {
            let Some(event) = process::receive_matching(Filter::System, Duration::from_secs(60)) else {
                break;
            };
            self.note(event, monitor.reference());
        }
        lines.append(&mut self.events);
        lines.push(format!("{} {}", monitor.demonitor(), monitor.demonitor()));
        lines
    }

    fn events(&mut self) -> Vec<String> {
        self.events.clone()
    }

    fn load(&mut self, component: Vec<u8>, capabilities: Vec<String>) -> String {
        let capabilities: Vec<&str> = capabilities.iter().map(String::as_str).collect();
        match process::load(&component, &capabilities) {
            Ok(name) => {
                let ended = self.execute(name.clone(), Vec::new());
                format!("{name} {ended}")
            }
            Err(error) => format!("{error:?}"),
        }
    }

    fn execute(&mut self, component: String, arguments: Vec<String>) -> String {
        let spawn = Spawn::new(component).monitor().arguments(arguments);
        let (_, monitor) = match process::spawn(spawn) {
            Ok(spawned) => spawned,
            Err(error) => return error.to_string(),
        };
        let monitor = monitor.expect("it was asked for");
        let down = Filter::Down(monitor.reference());
        match process::receive_matching(down, Duration::from_secs(60)) {
            Some(Event::Down(down)) => down.reason.to_string(),
            other => format!("{other:?}"),
        }
    }

    fn info(&mut self, event: Event) {
        self.note(event, 0);
    }
}

impl Keeper {
    fn note(&mut self, event: Event, monitor: u64) {
        if let Event::GroupChange(change) = event {
            let (own, group) = (change.pid == process::pid(), change.group);
            self.events.push(format!("{} {own} {group} {}", change.monitor == monitor, change.joined));
        }
    }
}

fn three() -> Supervisor {
    Supervisor::new("three")
        .intensity(10, Duration::from_secs(5))
        .child(probe_child("probe-rust", "a"))
        .child(probe_child("probe-ts", "b"))
        .child(probe_child("probe-rust", "c"))
}

fn probe_child(component: &str, id: &str) -> ChildSpec {
    probe::Client::child(Spawn::new(component), "", 3).id(id)
}

/// The running children in their order.
fn pids(tree: Supervision) -> Vec<(String, Pid)> {
    let children = tree.which_children().unwrap_or_default();
    let pid = |child: ChildInfo| match child.state {
        ChildState::Running(pid) => Some((child.id, pid)),
        _ => None,
    };
    children.into_iter().rev().filter_map(pid).collect()
}

fn states(tree: Supervision) -> String {
    let children = tree.which_children().unwrap_or_default();
    let state = |child: &ChildInfo| {
        let state = match child.state {
            ChildState::Running(_) => "running",
            ChildState::Restarting => "restarting",
            ChildState::Stopped => "stopped",
            ChildState::Quarantined => "quarantined",
        };
        format!("{}{} {state}", child.id, if child.supervisor { " (supervisor)" } else { "" })
    };
    children.iter().rev().map(state).collect::<Vec<_>>().join(", ")
}

fn told(result: Result<(), ChildError>) -> String {
    match result {
        Ok(()) => "done".into(),
        Err(ChildError::NoProc) => "noproc".into(),
        Err(ChildError::NotFound) => "not-found".into(),
        Err(ChildError::Running(_)) => "running".into(),
        Err(ChildError::TooMany) => "too-many".into(),
        Err(ChildError::WrongStrategy) => "wrong-strategy".into(),
        Err(error) => error.to_string(),
    }
}
