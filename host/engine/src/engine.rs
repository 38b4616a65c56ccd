use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::RwLock;
use rusm_otp::{Pid, Runtime, Spawned};

use crate::cache::Cache;
use crate::capacity::{Headroom, own_resident};
use crate::code::Codes;
use crate::error::NotLoaded;
use crate::guest::Host;
use crate::lane::{LaneEngine, start_ticks};
use crate::loaded::Loaded;
use crate::output::{Output, Outputs};
use crate::pressure::start_watch;
use crate::{Component, EngineConfig, EngineError, Lane, Profile, Spawn, SpawnError, Written};

/// Loads components and runs processes of them on one node. Clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    runtime: Runtime,
    sync: LaneEngine,
    concurrent: LaneEngine,
    headroom: Headroom,
    outputs: Outputs,
    loaded: Loaded,
    /// How many ticks there have been.
    ticks: Arc<AtomicU64>,
    /// Nanoseconds.
    epoch_lag: Arc<AtomicU64>,
    cache: Cache,
    config: EngineConfig,
    components: RwLock<HashMap<Arc<str>, Arc<Codes>>>,
}

impl Engine {
    /// An engine without components, whose processes live on this node.
    ///
    /// # Errors
    /// [`EngineError`] if the system does not give the memory maps that the configuration asks for.
    pub fn new(runtime: Runtime, config: EngineConfig) -> Result<Self, EngineError> {
        let fail = |error: wasmtime::Error| EngineError(error.into());
        runtime.memory().limit(config.total_memory.unwrap_or(usize::MAX));
        let sync = LaneEngine::new(Lane::Sync, &config).map_err(fail)?;
        let concurrent = LaneEngine::new(Lane::Async, &config).map_err(fail)?;
        let unused = [&sync, &concurrent].map(LaneEngine::unused);
        let in_use =
            move || Some(unused.iter().fold(own_resident()?, |sum, unused| sum.saturating_sub(unused())));
        runtime.memory().limit_resident(config.resident, in_use);
        let inner = Inner {
            sync,
            concurrent,
            headroom: Headroom::new(config.maps, runtime.clone()),
            runtime,
            outputs: Outputs::default(),
            loaded: Loaded::default(),
            ticks: Arc::default(),
            epoch_lag: Arc::default(),
            cache: Cache::new(config.cache.clone()),
            components: RwLock::default(),
            config,
        };
        let tiers = [&inner.sync, &inner.concurrent].map(LaneEngine::engines);
        start_ticks(tiers.as_flattened(), inner.config.tick, inner.ticks.clone(), inner.epoch_lag.clone());
        let inner = Arc::new(inner);
        let (own, emergency) = (Arc::downgrade(&inner), inner.config.emergency);
        start_watch(move || own.upgrade().map(|inner| Self { inner }), emergency);
        Ok(Self { inner })
    }

    /// The node.
    pub fn runtime(&self) -> &Runtime {
        &self.inner.runtime
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &EngineConfig {
        &self.inner.config
    }

    /// The component that was loaded under this name.
    pub fn component(&self, name: &str) -> Option<Arc<Component>> {
        self.codes(name).map(|codes| codes.component.clone())
    }

    pub(crate) fn codes(&self, name: &str) -> Option<Arc<Codes>> {
        self.inner.components.read().get(name).cloned()
    }

    pub(crate) fn keep(&self, codes: Codes) {
        self.inner.components.write().insert(codes.component.name.clone(), Arc::new(codes));
    }

    /// The names of all components.
    pub fn component_names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.inner.components.read().keys().cloned().collect();
        names.sort();
        names
    }

    /// How many places of a lane's pool are taken, how many it has, and how many processes live beyond it.
    pub fn places(&self, lane: Lane) -> (u32, u32, u32) {
        self.lane(lane).places.counts()
    }

    /// The last of what a process wrote to standard output and error; none if it wrote nothing, or ended long ago.
    pub fn output(&self, pid: Pid) -> Option<Written> {
        self.inner.outputs.get(pid)
    }

    pub(crate) fn loaded(&self) -> &Loaded {
        &self.inner.loaded
    }

    /// Its processes live on.
    pub(crate) fn unload(&self, name: &str) {
        self.inner.components.write().remove(name);
    }

    pub(crate) fn ticks(&self) -> &Arc<AtomicU64> {
        &self.inner.ticks
    }

    pub(crate) fn epoch_lag(&self) -> Duration {
        Duration::from_nanos(self.inner.epoch_lag.load(Ordering::Relaxed))
    }

    /// What its guests ask of it.
    pub(crate) fn host(&self) -> Arc<dyn Host> {
        self.inner.clone()
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.inner.cache
    }

    pub(crate) fn headroom(&self) -> &Headroom {
        &self.inner.headroom
    }

    pub(crate) fn lane(&self, lane: Lane) -> &LaneEngine {
        match lane {
            Lane::Sync => &self.inner.sync,
            Lane::Async => &self.inner.concurrent,
        }
    }
}

impl Host for Inner {
    fn spawn(self: Arc<Self>, spawn: Spawn) -> BoxFuture<'static, Result<Spawned, SpawnError>> {
        Box::pin(async move { Engine { inner: self }.spawn(spawn).await })
    }

    fn load(
        self: Arc<Self>,
        bytes: Vec<u8>,
        profile: Profile,
    ) -> BoxFuture<'static, Result<Arc<str>, NotLoaded>> {
        Box::pin(async move { Engine { inner: self }.load_bytes(bytes, profile).await })
    }

    fn component(&self, name: &str) -> Option<Arc<Component>> {
        self.components.read().get(name).map(|codes| codes.component.clone())
    }

    fn ticks(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    fn tick(&self) -> Duration {
        self.config.tick
    }

    fn keep_output(&self, pid: Pid, output: Arc<Output>) {
        self.outputs.insert(pid, output);
    }

    fn process_ended(&self, pid: Pid) {
        self.outputs.ended(pid);
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("components", &self.component_names()).finish_non_exhaustive()
    }
}
