//! A hundred thousand processes in a random graph of links and monitors, of which random ones end all the time. In the end,
//! a plain model of who was linked to whom says what each of them must have heard.
//!
//! `RUSM_STRESS_SECONDS` says for how long, `RUSM_STRESS_SEED` which graph.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rusm_otp::{Context, ExitReason, Message, Pid, Reference, Runtime, SpawnOptions};

#[test]
fn every_link_and_monitor_of_a_dead_process_fires_once() {
    let workers = std::thread::available_parallelism().map_or(2, usize::from).max(2);
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    tokio.expect("a runtime").block_on(async {
        let seed = setting("RUSM_STRESS_SEED", 1);
        let end = Instant::now() + Duration::from_secs(setting("RUSM_STRESS_SECONDS", 20));
        let mut graph = Graph::new(seed);
        while graph.current.len() < PROCESSES {
            let process = graph.spawn();
            graph.current.push(process);
            graph.keep_pace().await;
        }
        while Instant::now() < end {
            graph.end_one_and_replace_it();
            graph.keep_pace().await;
        }
        let alive = graph.settle().await;
        let heard: usize = graph.all.iter().map(|process| process.heard().count()).sum();
        println!(
            "seed {seed}: {} processes started, {alive} alive in the end, {heard} exits and downs heard",
            graph.all.len()
        );
        graph.shut_down().await;
    });
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// All processes that ever were, and those that are meant to live.
struct Graph {
    runtime: Runtime,
    random: Random,
    all: Vec<Process>,
    /// Indexes of `all`.
    current: Vec<usize>,
}

/// What the test knows of a process: what it was told to do, and what it has heard.
struct Process {
    pid: Pid,
    traps: bool,
    /// Indexes of older processes: it links itself to the first ones and monitors the others.
    links: Vec<usize>,
    monitors: Vec<usize>,
    fate: Fate,
    heard: Arc<Mutex<Heard>>,
}

/// What the test has done to a process.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    /// Nothing: if it ends, then with a neighbour.
    Open,
    Killed,
    /// It was sent a message upon which it ends normally.
    Asked,
}

/// What a process reports.
#[derive(Default)]
struct Heard {
    /// Its monitors, in the order of [`Process::monitors`], once its links are made, too.
    ready: Option<Vec<Reference>>,
    exits: Vec<Pid>,
    downs: Vec<Reference>,
}

impl Heard {
    fn count(&self) -> usize {
        self.exits.len() + self.downs.len()
    }
}

impl Process {
    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().expect("nobody panics with it")
    }
}

impl Graph {
    fn new(seed: u64) -> Self {
        Self { runtime: Runtime::new(), random: Random(seed), all: Vec::new(), current: Vec::new() }
    }

    /// Starts a process that links itself to some of the others and monitors some.
    fn spawn(&mut self) -> usize {
        let own = self.all.len();
        // Few of those that do not trap exits, with few links: otherwise everything ends with the first one.
        let traps = self.random.below(8) != 0;
        let mut links = self.others(if traps { 3 } else { 2 });
        links.sort_unstable();
        links.dedup();
        let monitors = self.others(3);
        let mut options = SpawnOptions::new("vertex").trap_exit(traps);
        if own.is_multiple_of(16) {
            options = options.name(format!("vertex {own}"));
        }
        let heard = Arc::<Mutex<Heard>>::default();
        let pids = |of: &[usize]| of.iter().map(|other| self.all[*other].pid).collect::<Vec<_>>();
        let plan = (pids(&links), pids(&monitors));
        let (report, has_timer) = (heard.clone(), own.is_multiple_of(8));
        let spawned = self.runtime.spawn(options, move |context| live(context, plan, has_timer, report));
        let pid = spawned.expect("a new name").pid;
        self.all.push(Process { pid, traps, links, monitors, fate: Fate::Open, heard });
        own
    }

    /// Up to so many of those that are meant to live.
    fn others(&mut self, most: usize) -> Vec<usize> {
        if self.current.is_empty() {
            return Vec::new();
        }
        let count = self.random.below(most + 1);
        (0..count).map(|_| self.current[self.random.below(self.current.len())]).collect()
    }

    fn end_one_and_replace_it(&mut self) {
        let place = self.random.below(self.current.len());
        let process = &mut self.all[self.current[place]];
        if self.random.below(4) == 0 {
            process.fate = Fate::Asked;
            let sent = self.runtime.send(process.pid, &process.pid.into(), "end".into());
            sent.expect("its mailbox has no bound");
        } else {
            process.fate = Fate::Killed;
            self.runtime.kill(process.pid);
        }
        self.current[place] = self.spawn();
    }

    /// Waits now and then for a process that was started, so that they cannot queue up.
    async fn keep_pace(&self) {
        if self.all.len().is_multiple_of(512)
            && let Some(last) = self.all.last()
        {
            let begun = || last.heard().ready.is_some() || !self.runtime.is_alive(last.pid);
            until("a new process has its first turn", begun).await;
        }
    }

    /// Waits until all have heard what they must have; how many live then.
    async fn settle(&self) -> usize {
        let since = Instant::now();
        loop {
            let alive: Vec<bool> =
                self.all.iter().map(|process| self.runtime.is_alive(process.pid)).collect();
            let counted = alive.iter().filter(|alive| **alive).count();
            let outcome = self.check(&alive).and_then(|()| self.check_counters(counted));
            match outcome {
                Ok(()) => return counted,
                Err(wrong) if since.elapsed() > PATIENCE => panic!("{wrong}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    fn check_counters(&self, alive: usize) -> Result<(), String> {
        let counters = self.runtime.counters();
        let expected = (self.all.len() as u64, alive as u64);
        if (counters.spawned, counters.alive) != expected {
            return Err(format!("{counters:?}, of {} of which {alive} live", self.all.len()));
        }
        Ok(())
    }

    /// What is wrong, if nothing happens any more.
    fn check(&self, alive: &[bool]) -> Result<(), String> {
        let neighbours = self.neighbours();
        let indexes: HashMap<Pid, usize> =
            self.all.iter().enumerate().map(|(index, process)| (process.pid, index)).collect();
        if indexes.len() < self.all.len() {
            return Err("two processes had the same pid".into());
        }
        for (own, process) in self.all.iter().enumerate() {
            let wrong = |what: &str, other: usize| {
                let names = (process.pid, self.all[other].pid);
                Err(format!("{} (traps: {}) {what} {}", names.0, process.traps, names.1))
            };
            let heard = process.heard();
            if alive[own] && (process.fate != Fate::Open || heard.ready.is_none()) {
                return wrong("has not ended or not begun", own);
            }
            let mut exits = HashMap::<usize, usize>::new();
            for pid in &heard.exits {
                let other = indexes[pid];
                *exits.entry(other).or_default() += 1;
                if exits[&other] > 1 || alive[other] || !neighbours[own].contains(&other) || !process.traps {
                    return wrong("has heard a wrong exit of", other);
                }
            }
            let dead = |other: &&usize| !alive[**other];
            for other in neighbours[own].iter().filter(dead).filter(|_| alive[own]) {
                if process.traps && !exits.contains_key(other) {
                    return wrong("has heard no exit of", *other);
                }
                if !process.traps && self.all[*other].fate != Fate::Asked {
                    return wrong("lives on without", *other);
                }
            }
            if !alive[own]
                && process.fate == Fate::Open
                && (process.traps || !neighbours[own].iter().any(|other| !alive[*other]))
            {
                return wrong("has ended without a cause", own);
            }
            for (monitor, other) in heard.ready.iter().flatten().zip(&process.monitors) {
                let downs = heard.downs.iter().filter(|down| *down == monitor).count();
                if downs > 1 || downs == 1 && alive[*other] {
                    return wrong("has heard a wrong down of", *other);
                }
                if downs == 0 && alive[own] && !alive[*other] {
                    return wrong("has heard no down of", *other);
                }
            }
        }
        Ok(())
    }

    /// Who is linked to whom, by those that got so far as to link themselves.
    fn neighbours(&self) -> Vec<Vec<usize>> {
        let mut neighbours = vec![Vec::new(); self.all.len()];
        for (own, process) in self.all.iter().enumerate() {
            if process.heard().ready.is_some() {
                for other in &process.links {
                    neighbours[own].push(*other);
                    neighbours[*other].push(own);
                }
            }
        }
        neighbours
    }

    async fn shut_down(&self) {
        let report = self.runtime.shutdown(PATIENCE).await;
        assert_eq!((report.killed.len(), report.stuck.len()), (0, 0));
        let gone = || self.runtime.counters().alive == 0;
        until("nobody is left", gone).await;
        let counters = self.runtime.counters();
        assert_eq!(counters.spawned, counters.ended, "{counters:?}");
        assert_eq!((counters.timers, counters.names, counters.crashed), (0, 0, 0), "{counters:?}");
    }
}

async fn live(
    context: Context,
    plan: (Vec<Pid>, Vec<Pid>),
    has_timer: bool,
    heard: Arc<Mutex<Heard>>,
) -> ExitReason {
    let (runtime, own) = (context.runtime(), context.pid());
    if has_timer {
        runtime.send_after(own, FAR, Bytes::new());
    }
    plan.0.iter().for_each(|other| runtime.link(own, *other));
    let monitors = plan.1.iter().map(|other| runtime.monitor(own, &(*other).into())).collect();
    heard.lock().expect("nobody panics with it").ready = Some(monitors);
    loop {
        let message = context.receive().await;
        let mut heard = heard.lock().expect("nobody panics with it");
        match message {
            Message::Exit { reason: ExitReason::Shutdown, .. } => return ExitReason::Shutdown,
            Message::Exit { pid, .. } => heard.exits.push(pid),
            Message::Down { monitor, .. } => heard.downs.push(monitor),
            _ => return ExitReason::Normal,
        }
    }
}

/// Waits for what must come, and not for ever.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % bound as u64) as usize
    }
}

const PROCESSES: usize = 100_000;

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// No timer fires within the test.
const FAR: Duration = Duration::from_secs(24 * 3600);
