//! What a node does, in numbers.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusm_codegen::Contract;
use rusm_otp::{NodeCounters, Pid, ProcessInfo, Status};
use serde::{Deserialize, Serialize};

use crate::figures::{Quantiles, quantiles};
use crate::{Component, Engine, Kind, Lane, Written};

/// One look at a node.
///
/// ```
/// # use rusm_engine::{Engine, EngineConfig, Profile, Spawn, SpawnError, LoadError};
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let config = EngineConfig { sync_processes: 10, async_processes: 10, ..EngineConfig::default() };
/// # let engine = Engine::new(rusm_otp::Runtime::new(), config)?;
/// # let component = wat::parse_str(r#"(component (core module $m (func (export "run")))
/// #     (core instance $i (instantiate $m)) (func (export "run") (canon lift (core func $i "run"))))"#)?;
/// engine.load("nothing", component, Profile::default()).await?;
/// let snapshot = engine.snapshot();
/// assert_eq!(snapshot.components[0].name, "nothing");
/// assert_eq!(snapshot.node.sync_pool.total, 10);
/// assert!(snapshot.processes.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    /// The node.
    pub node: NodeFigures,
    /// Its components by name.
    pub components: Vec<ComponentFigures>,
    /// Its processes, supervisors and native ones among them.
    pub processes: Vec<ProcessFigures>,
}

/// A node in numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeFigures {
    /// How long it has been up.
    pub uptime: Duration,
    /// Processes that were started.
    pub spawned: u64,
    /// Of these, those that crashed.
    pub crashed: u64,
    /// Those that live.
    pub alive: u64,
    /// Messages that processes were given.
    pub messages: u64,
    /// Timers that are set.
    pub timers: u64,
    /// The pool of the sync lane.
    pub sync_pool: Pool,
    /// The pool of the async lane.
    pub async_pool: Pool,
    /// Bytes of memory of all guests.
    pub guest_memory: u64,
    /// Bytes that the node keeps for them: mail, links, monitors, timers and what else their `host-memory` bounds.
    pub host_memory: u64,
    /// The longest that a tick of the epoch was late within the last second: how long a spinning guest may have kept a core.
    pub epoch_lag: Duration,
}

/// The use of a pool.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Pool {
    /// Places that are taken.
    pub taken: u32,
    /// All of them.
    pub total: u32,
    /// Processes that live beyond the pool.
    pub overflow: u32,
}

/// A component in numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ComponentFigures {
    /// Its name.
    pub name: String,
    /// `service`, `raw` or `command`.
    pub kind: String,
    /// `sync` or `async`.
    pub lane: String,
    /// The contracts it is a service of, with their versions; the one that constructs it is the first.
    pub contracts: Vec<String>,
    /// Its living processes.
    pub instances: u32,
    /// All that were started.
    pub spawned: u64,
    /// How long a start takes, with its constructor: of one of 16.
    pub spawn_time: Quantiles,
    /// How long it took to compile it, or to find it in the cache.
    pub compile_time: Duration,
    /// How often its code was found in the cache, and how often it was compiled.
    pub cache: (u32, u32),
    /// Bytes of memory of its processes.
    pub memory: u64,
    /// How many of its processes have crashed.
    pub crashes: u64,
    /// What the last one of them said.
    pub last_crash: Option<String>,
    /// What its processes were denied: operation, kind of grant, how often.
    pub denials: Vec<(String, String, u64)>,
    /// How long its messages waited, of one of 64 of each process.
    pub waiting: Quantiles,
    /// How long each function took, of one of 64 messages of each process.
    pub functions: Vec<(String, Quantiles)>,
}

/// A process in numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProcessFigures {
    /// The process, as people write it.
    pub pid: String,
    /// Its pid.
    pub id: (u64, u64),
    /// The process that started it.
    pub parent: Option<(u64, u64)>,
    /// The name it is registered under.
    pub name: Option<String>,
    /// The component that it runs, or what a native process is called.
    pub component: String,
    /// `waiting`, `running`, or whom it calls.
    pub status: String,
    /// Messages that wait.
    pub mailbox: usize,
    /// Messages that it was given.
    pub messages: u64,
    /// How long it has run, estimated from some of its turns.
    pub cpu: Duration,
    /// Bytes of its memory, and what the host keeps for it.
    pub memory: usize,
    /// Bytes of memory that it may have; none for a native process.
    pub memory_limit: Option<usize>,
    /// Processes that it is linked to.
    pub links: Vec<String>,
    /// Processes that it monitors.
    pub monitors: usize,
    /// Processes that monitor it.
    pub monitored_by: usize,
    /// Whether exits reach it as messages.
    pub trap_exit: bool,
}

impl Engine {
    /// Everything that is known of the node now. It locks each process for an instant, one after the other.
    pub fn snapshot(&self) -> Snapshot {
        let runtime = self.runtime();
        let latencies: HashMap<_, _> =
            runtime.latencies().into_iter().map(|latency| (latency.label.clone(), latency)).collect();
        let components = self.component_names().into_iter().filter_map(|name| {
            let waiting = latencies.get(&name).map(|latency| latency.waiting.into()).unwrap_or_default();
            self.component(&name).map(|component| component.figures(waiting))
        });
        Snapshot {
            node: self.node_figures(&runtime.counters()),
            components: components.collect(),
            processes: runtime.processes().into_iter().map(|info| self.process_figures(info)).collect(),
        }
    }

    /// What is known of one process; none if it is gone. With it its component, and the last of what it wrote.
    pub fn look_at(&self, pid: Pid) -> Option<(ProcessFigures, Option<ComponentFigures>, Option<Written>)> {
        let info = self.runtime().info(pid)?;
        let component = self.component(&info.label).map(|component| {
            let latency = self.runtime().latencies().into_iter().find(|latency| latency.label == info.label);
            component.figures(latency.map(|latency| latency.waiting.into()).unwrap_or_default())
        });
        Some((self.process_figures(info), component, self.output(pid)))
    }

    fn node_figures(&self, counters: &NodeCounters) -> NodeFigures {
        let pool = |lane| {
            let (taken, total, overflow) = self.places(lane);
            Pool { taken, total, overflow }
        };
        NodeFigures {
            uptime: self.runtime().uptime(),
            spawned: counters.spawned,
            crashed: counters.crashed,
            alive: counters.alive,
            messages: counters.messages,
            timers: counters.timers,
            sync_pool: pool(Lane::Sync),
            async_pool: pool(Lane::Async),
            guest_memory: self.runtime().memory().guests() as u64,
            host_memory: self.runtime().memory().kept() as u64,
            epoch_lag: self.epoch_lag(),
        }
    }

    fn process_figures(&self, info: ProcessInfo) -> ProcessFigures {
        let component = self.component(&info.label);
        let status = match info.status {
            Status::Waiting => "waiting".to_owned(),
            Status::Running => "running".to_owned(),
            Status::Calling(callee) => format!("calls {callee}"),
        };
        ProcessFigures {
            pid: info.pid.to_string(),
            id: (info.pid.node, info.pid.id),
            parent: info.parent.map(|parent| (parent.node, parent.id)),
            name: info.name.map(|name| name.to_string()),
            component: info.label.to_string(),
            status,
            mailbox: info.mailbox,
            messages: info.messages,
            cpu: info.run_time,
            memory: info.memory,
            memory_limit: component.map(|component| component.profile().limits.memory),
            links: info.links.iter().map(ToString::to_string).collect(),
            monitors: info.monitors.len(),
            monitored_by: info.monitored_by.len(),
            trap_exit: info.trap_exit,
        }
    }
}

impl Component {
    fn figures(&self, waiting: Quantiles) -> ComponentFigures {
        let figures = &self.figures;
        let kind = match self.kind {
            Kind::Service => "service",
            Kind::Raw => "raw",
            Kind::Command => "command",
        };
        let lane = if self.lane == Lane::Sync { "sync" } else { "async" };
        let denials = self.denials().into_iter();
        ComponentFigures {
            name: self.name.to_string(),
            kind: kind.into(),
            lane: lane.into(),
            contracts: self.contracts.implements.iter().map(Contract::versioned_id).collect(),
            instances: self.living(),
            spawned: figures.spawned.load(Ordering::Relaxed),
            spawn_time: quantiles(&figures.spawn_time.lock()),
            compile_time: Duration::from_nanos(figures.compile_nanos.load(Ordering::Relaxed)),
            cache: (
                figures.cache_hits.load(Ordering::Relaxed) as u32,
                figures.compiled.load(Ordering::Relaxed) as u32,
            ),
            memory: self.memory.used() as u64,
            crashes: figures.crashes.load(Ordering::Relaxed),
            last_crash: figures.last_crash.lock().clone(),
            denials: denials
                .map(|(operation, kind, count)| (operation.to_owned(), kind.to_owned(), count))
                .collect(),
            waiting,
            functions: figures.functions(|key| self.function_name(key)),
        }
    }
}
