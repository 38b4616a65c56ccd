//! Guests that were written to break out, starve, flood, exhaust or confuse the host. Of each: who died, with what reason; and
//! after each that a bystander answers, and that its place in the pool has come back.

use std::time::Duration;

use rusm_engine::{Lane, Profile, Spawn, SpawnError};
use rusm_otp::{Context, ExitReason, Message, SpawnOptions};

use crate::support::TestNode;

mod files;
mod guests;
mod modules;

/// What has to become of a program.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// It is not loaded, for this reason.
    Refused(&'static str),
    /// It is loaded, and does not start, for this reason.
    NeverStarts(&'static str),
    /// It crashes, for this reason.
    Crashes(&'static str),
    /// It ends by itself.
    Ends,
    /// It runs on, and is killed.
    Spins,
}

struct Program {
    name: &'static str,
    bytes: Vec<u8>,
    fate: Fate,
}

/// Runs one after the other, each as a component of its own.
async fn run_all(programs: Vec<Program>) {
    let node = TestNode::boot().await;
    let before = [Lane::Sync, Lane::Async].map(|lane| node.node().engine().places(lane));
    for program in programs {
        let (name, fate) = (program.name, program.fate);
        let seen = tokio::time::timeout(LIMIT, run(&node, program)).await;
        let seen = seen.unwrap_or_else(|_| panic!("{name}: nothing became of it"));
        let right = match (fate, &seen) {
            (Fate::Refused(why), Seen::Refused(text))
            | (Fate::NeverStarts(why), Seen::NeverStarted(text))
            | (Fate::Crashes(why), Seen::Crashed(text)) => text.contains(why),
            (Fate::Ends, Seen::Ended) | (Fate::Spins, Seen::Killed) => true,
            _ => false,
        };
        assert!(right, "{name}: expected {fate:?}, saw {seen:?}");
        assert_eq!(node.call("probe-rust", "count()").await, Ok("3".into()), "{name}: the bystander");
    }
    node.wait_until(|node| [Lane::Sync, Lane::Async].map(|lane| node.node().engine().places(lane)) == before)
        .await;
    node.stop().await;
}

/// What was seen of a program.
#[derive(Debug)]
enum Seen {
    Refused(String),
    NeverStarted(String),
    Crashed(String),
    Ended,
    Killed,
}

async fn run(node: &TestNode, Program { name, bytes, fate }: Program) -> Seen {
    let engine = node.node().engine().clone();
    let mut profile = Profile::default();
    profile.limits.memory = 8 << 20;
    let loaded = engine.load(name, bytes, profile).await;
    if let Err(error) = loaded {
        return Seen::Refused(error.to_string());
    }
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let watch = move |context: Context| async move {
        let runtime = context.runtime().clone();
        let spawn = Spawn::new(name).parent(context.pid(), false, true).deadline(Duration::from_secs(2));
        let seen = match engine.spawn(spawn).await {
            Err(SpawnError::Exited(ExitReason::Crash(crash))) => Seen::NeverStarted(crash.to_string()),
            Err(error) => Seen::NeverStarted(error.to_string()),
            Ok(spawned) => {
                if matches!(fate, Fate::Spins) {
                    // It has had some turns.
                    for _ in 0..10 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    assert!(runtime.is_alive(spawned.pid), "{name}: it still spins");
                    runtime.kill(spawned.pid);
                }
                match context.receive().await {
                    Message::Down { reason: ExitReason::Crash(crash), .. } => {
                        Seen::Crashed(crash.to_string())
                    }
                    Message::Down { reason: ExitReason::Normal, .. } => Seen::Ended,
                    Message::Down { reason: ExitReason::Killed, .. } => Seen::Killed,
                    other => panic!("{name}: {other:?}"),
                }
            }
        };
        sender.send(seen).expect("the test waits");
        ExitReason::Normal
    };
    node.node().engine().runtime().spawn(SpawnOptions::new("watch"), watch).expect("it has no name");
    receiver.await.expect("it is watched")
}

/// A raw process of this core module, which exports `run`.
fn raw(module: &str) -> Vec<u8> {
    let text = format!(
        "(component (core module $m {module}) (core instance $i (instantiate $m)) \
         (func (export \"run\") (canon lift (core func $i \"run\"))))"
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Plenty: each takes milliseconds.
const LIMIT: Duration = Duration::from_secs(20);
