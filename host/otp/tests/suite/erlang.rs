//! Erlang is the oracle: scenarios written once as data run on a real `erl` and on this crate, and both see the same.
//! How to read the scenarios stands at the head of `tests/erlang/*.txt`.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use rusm_otp::{Context, ExitReason, Message, Pid, Runtime, SpawnOptions};

mod processes;
mod servers;
mod supervisors;

/// Runs the scenarios of a file in Erlang and here. Erlang's side waits for real until nothing more happens, which a busy
/// machine may make too short: what differs is looked at again, and only what differs each time does.
fn compare(name: &str, run: impl Fn(&[String]) -> Vec<String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/erlang");
    let text = std::fs::read_to_string(folder.join(format!("{name}.txt"))).expect("the scenarios");
    let scenarios = scenarios(&text);
    let mut left = differ(&scenarios, &erlang(&folder, name), &run);
    for _ in 1..ATTEMPTS {
        if left.is_empty() {
            return;
        }
        let again = differ(&scenarios, &erlang(&folder, name), &run);
        left = again.into_iter().filter(|(name, _)| left.contains_key(name)).collect();
    }
    let differences: Vec<String> = left.into_values().collect();
    assert!(differences.is_empty(), "{}", differences.concat());
}

const ATTEMPTS: usize = 6;

type Scenario = (String, Vec<String>);

/// What Erlang sees.
fn erlang(folder: &Path, name: &str) -> Vec<Scenario> {
    let mut program = Command::new("escript");
    program.args([format!("{name}.escript"), format!("{name}.txt")]).current_dir(folder);
    let output = program.output().expect("escript is there: `cargo xtask test` installs erlang-base");
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{seen}{}", String::from_utf8_lossy(&output.stderr));
    scenarios(&seen)
}

/// What each scenario that differs was seen as, by its name.
fn differ(
    all: &[Scenario],
    expected: &[Scenario],
    run: impl Fn(&[String]) -> Vec<String>,
) -> HashMap<String, String> {
    assert_eq!(all.len(), expected.len(), "Erlang has run all of them");
    let mut differences = HashMap::new();
    for ((name, commands), (of, erlang)) in all.iter().zip(expected) {
        assert_eq!(name, of);
        let is_expected = |line: &String| line.starts_with("erlang ") || line.starts_with("here ");
        let (expected, commands): (Vec<_>, Vec<_>) = commands.iter().cloned().partition(is_expected);
        let own = run(&commands);
        let common = (without(erlang, &expected, "erlang "), without(&own, &expected, "here "));
        if common.0.is_none() || common.0 != common.1 {
            let (erlang, own) = (erlang.join("\n"), own.join("\n"));
            let seen = format!("== {name}\n-- Erlang\n{erlang}\n-- here\n{own}\n");
            differences.insert(name.clone(), seen);
        }
    }
    differences
}

/// What was seen but for the lines that only this side is to see; none if it has not seen one of them.
fn without(seen: &[String], expected: &[String], side: &str) -> Option<Vec<String>> {
    let mut seen = seen.to_vec();
    for line in expected.iter().filter_map(|line| line.strip_prefix(side)) {
        let place = seen.iter().position(|seen| seen == line)?;
        seen.remove(place);
    }
    Some(seen)
}

/// The lines below each line `scenario NAME`.
fn scenarios(text: &str) -> Vec<Scenario> {
    let mut found: Vec<Scenario> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match (line.strip_prefix("scenario "), found.last_mut()) {
            (Some(name), _) => found.push((name.to_owned(), Vec::new())),
            (None, Some((_, lines))) => lines.push(line.to_owned()),
            (None, None) => panic!("a line before the first scenario: {line}"),
        }
    }
    found
}

fn reason_of(word: &str) -> ExitReason {
    match word {
        "normal" => ExitReason::Normal,
        "shutdown" => ExitReason::Shutdown,
        "kill" => ExitReason::Killed,
        other => ExitReason::Custom(other.to_owned().into()),
    }
}

fn word(reason: &ExitReason) -> String {
    match reason {
        ExitReason::Custom(text) => String::from_utf8_lossy(text).into_owned(),
        other => other.name().to_owned(),
    }
}

/// A node, who is who on it, and what was seen.
struct Scene {
    runtime: Runtime,
    seen: Mutex<Vec<String>>,
    pids: Mutex<HashMap<String, Pid>>,
}

impl Scene {
    fn new() -> Self {
        Self { runtime: Runtime::new(), seen: Mutex::default(), pids: Mutex::default() }
    }

    fn see(&self, line: String) {
        self.seen.lock().expect("a lock").push(line);
    }

    fn take_seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().expect("a lock"))
    }

    fn pid(&self, name: &str) -> Pid {
        self.pids.lock().expect("a lock")[name]
    }

    fn name(&self, name: &str, pid: Pid) {
        self.pids.lock().expect("a lock").insert(name.to_owned(), pid);
    }

    /// Whoever sends without being a process.
    fn nobody(&self) -> Pid {
        Pid { node: self.runtime.node_id(), id: 0 }
    }

    /// Tells how a process ended.
    fn watch(&self, pid: Pid, told: impl FnOnce(String) + Send + 'static) {
        let watch = move |context: Context| async move {
            context.runtime().monitor(context.pid(), &pid.into());
            let Message::Down { reason, .. } = context.receive().await else { panic!("its end") };
            told(word(&reason));
            ExitReason::Normal
        };
        self.runtime.spawn(SpawnOptions::new("watch"), watch).expect("no name");
    }
}
