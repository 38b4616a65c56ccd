//! The last resort of a node whose guests touch more of their memory than the machine has: those that take more still are ended,
//! before the system ends the node.
//!
//! More may be granted than there is, because guests touch little of what they are granted: of an idle Rust service's 1.1 MiB, which is a
//! stack mostly, 32 KiB. Growth and spawns are refused by what is resident, but a page of a guest's own is touched
//! without a word to anybody.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use rusm_otp::{Pid, ProcessInfo};

use crate::Engine;
use crate::capacity::own_resident;
use crate::limiter::size;

/// Looks at what is resident, again and again, as long as the engine is there.
pub(crate) fn start_watch(engine: impl Fn() -> Option<Engine> + Send + 'static, emergency: usize) {
    let run = move || {
        let mut watch = Watch { emergency, turns: HashMap::new() };
        while let Some(engine) = engine() {
            watch.look(&engine);
            drop(engine);
            std::thread::sleep(BETWEEN_LOOKS);
        }
    };
    // As with the ticks: a system that cannot start a thread cannot run the node either.
    std::thread::Builder::new().name("rusm-memory".into()).spawn(run).expect("a thread for the memory");
}

struct Watch {
    /// Bytes that may be resident.
    emergency: usize,
    /// How many turns each process had had at the look before, if that was an emergency.
    turns: HashMap<Pid, u64>,
}

impl Watch {
    fn look(&mut self, engine: &Engine) {
        let runtime = engine.runtime();
        runtime.memory().look();
        let over = own_resident().unwrap_or(0).saturating_sub(self.emergency);
        if over == 0 {
            self.turns.clear();
            return;
        }
        let mut guests = runtime.processes();
        guests.retain(|process| engine.component(&process.label).is_some());
        for process in self.largest_that_ran(&guests, over) {
            let text = format!(
                "the node's processes have touched more memory than the machine has for them ({}), and this one, of {}, \
                 ran then; give its component a limit (`total-memory`, `instances`), or the node more memory",
                size(self.emergency),
                size(process.memory),
            );
            tracing::error!(process = %process.pid, component = %process.label, "{text}");
            runtime.crash(process.pid, text);
        }
        self.turns = guests.iter().map(|process| (process.pid, process.turns)).collect();
    }

    /// Of the processes that have run since the look before, so many of the largest that they may give back enough. None at
    /// the first look of an emergency.
    fn largest_that_ran<'a>(&self, guests: &'a [ProcessInfo], enough: usize) -> Vec<&'a ProcessInfo> {
        let ran =
            |process: &&ProcessInfo| self.turns.get(&process.pid).is_none_or(|turns| *turns < process.turns);
        let mut ran: Vec<_> = guests.iter().filter(ran).collect();
        if self.turns.is_empty() {
            ran.clear();
        }
        ran.sort_unstable_by_key(|process| Reverse(process.memory));
        let mut freed = 0;
        let needed = |process: &&ProcessInfo| {
            let needed = freed < enough;
            freed += process.memory;
            needed
        };
        ran.into_iter().take_while(needed).collect()
    }
}

/// Pages are touched at a few GiB a second and core: no more than some hundred MiB go unseen.
const BETWEEN_LOOKS: Duration = Duration::from_millis(25);
