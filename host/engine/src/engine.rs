use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use rusm_otp::{Pid, Runtime};
use tokio::task::JoinError;

use crate::cache::Cache;
use crate::capabilities::Denials;
use crate::capacity::{Count, Headroom, Place};
use crate::component::{Cause, Code, Exports, chain, examine, streams};
use crate::core_module::into_component;
use crate::figures::Figures;
use crate::lane::{LaneEngine, Tier, pool_size, start_ticks};
use crate::loaded::Loaded;
use crate::output::{Output, Outputs};
use crate::source_map::Sources;
use crate::{Component, EngineConfig, Kind, Lane, LoadError, Profile, Written};

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
    components: RwLock<HashMap<Arc<str>, Arc<Component>>>,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[error("the engine cannot start: {}", chain(&**.0))]
pub struct EngineError(#[source] Cause);

impl Engine {
    /// An engine without components, whose processes live on this node.
    ///
    /// # Errors
    /// [`EngineError`] if the system does not give the memory maps that the configuration asks for.
    pub fn new(runtime: Runtime, config: EngineConfig) -> Result<Self, EngineError> {
        let fail = |error: wasmtime::Error| EngineError(error.into());
        runtime.memory().limit(config.total_memory.unwrap_or(usize::MAX));
        let inner = Inner {
            runtime,
            sync: LaneEngine::new(Lane::Sync, &config).map_err(fail)?,
            concurrent: LaneEngine::new(Lane::Async, &config).map_err(fail)?,
            headroom: Headroom::new(config.maps, config.resident),
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
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The node.
    pub fn runtime(&self) -> &Runtime {
        &self.inner.runtime
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &EngineConfig {
        &self.inner.config
    }

    /// Loads a component under a name, compiling it unless it is in the cache. The name's former component, if any, lives
    /// on in its processes.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn load(
        &self,
        name: &str,
        bytes: Vec<u8>,
        profile: Profile,
    ) -> Result<Arc<Component>, LoadError> {
        let engine = self.clone();
        let own_name: Arc<str> = name.into();
        // Compiling takes a second: that is no work for a worker that processes wait for.
        let work = move || engine.compile(own_name, &bytes, profile);
        let unfit = |error: JoinError| LoadError::Unfit { name: name.to_owned(), source: error.into() };
        let component = tokio::task::spawn_blocking(work).await.map_err(unfit)??;
        let component = Arc::new(component);
        self.inner.components.write().insert(component.name.clone(), component.clone());
        Ok(component)
    }

    fn compile(&self, name: Arc<str>, bytes: &[u8], profile: Profile) -> Result<Component, LoadError> {
        let unfit = |source: Cause| LoadError::Unfit { name: name.to_string(), source };
        let bytes = &*into_component(bytes).map_err(|text| unfit(text.into()))?;
        let shape = examine(&name, bytes)?;
        if profile.limits.memory > self.inner.config.memory {
            let (wanted, most) = (profile.limits.memory, self.inner.config.memory);
            let text = format!("its profile grants {wanted} bytes of memory; this node allows {most}");
            return Err(unfit(text.into()));
        }
        let figures = Figures::new(self.inner.config.figures);
        let pooled = self
            .code(&self.lane(shape.lane).pooled, bytes, (shape.kind, &shape.entry), &figures)
            .map_err(unfit)?;
        let pool_size = pool_size(shape.lane, pooled.pre.component(), bytes);
        let called = shape.contracts.uses.iter().flat_map(|contract| {
            contract.all_functions().map(|function| (function.key, contract.path(function)))
        });
        let called = called.collect();
        Ok(Component {
            name,
            kind: shape.kind,
            lane: shape.lane,
            streams: streams(&shape.contracts),
            contracts: shape.contracts,
            profile: Arc::new(profile),
            called,
            living: Count::default(),
            memory: Arc::default(),
            denials: Denials::default(),
            figures,
            pooled: Arc::new(pooled),
            overflow: tokio::sync::OnceCell::new(),
            pool_size,
            sources: Sources::default(),
            entry: shape.entry,
            bytes: bytes.into(),
        })
    }

    fn code(
        &self,
        tier: &Tier,
        bytes: &[u8],
        (kind, entry): (Kind, &str),
        figures: &Figures,
    ) -> Result<Code, Cause> {
        let begun = Instant::now();
        let (compiled, cached) = self.inner.cache.compile(&tier.engine, bytes)?;
        figures.compiled(begun.elapsed(), cached);
        let pre = tier.linker.instantiate_pre(&compiled)?;
        let exports = Exports::find(&compiled, kind, entry)?;
        Ok(Code { engine: tier.engine.clone(), pre, exports, checked: AtomicBool::new(false) })
    }

    /// A place for a process of this component, and the code that runs there.
    ///
    /// # Errors
    /// Why the node cannot hold it.
    pub(crate) async fn place(&self, component: &Arc<Component>) -> Result<(Place, Arc<Code>), String> {
        let lane = self.lane(component.lane);
        let place = lane.places.take(component.pool_size, &self.inner.headroom)?;
        let code = if place.pooled { component.pooled.clone() } else { self.overflow(component).await? };
        Ok((place, code))
    }

    /// The code for a place beyond the pool is compiled when the first process needs it.
    async fn overflow(&self, component: &Arc<Component>) -> Result<Arc<Code>, String> {
        let compile = async || {
            let (engine, own) = (self.clone(), component.clone());
            let work = move || {
                let tier = &engine.lane(own.lane).overflow;
                let code = engine.code(tier, &own.bytes, (own.kind, &own.entry), &own.figures);
                code.map(Arc::new).map_err(|cause| chain(&*cause))
            };
            tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?
        };
        component.overflow.get_or_try_init(compile).await.cloned()
    }

    /// The component that was loaded under this name.
    pub fn component(&self, name: &str) -> Option<Arc<Component>> {
        self.inner.components.read().get(name).cloned()
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

    pub(crate) fn keep_output(&self, pid: Pid, output: Arc<Output>) {
        self.inner.outputs.insert(pid, output);
    }

    pub(crate) fn process_ended(&self, pid: Pid) {
        self.inner.outputs.ended(pid);
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

    fn lane(&self, lane: Lane) -> &LaneEngine {
        match lane {
            Lane::Sync => &self.inner.sync,
            Lane::Async => &self.inner.concurrent,
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("components", &self.component_names()).finish_non_exhaustive()
    }
}
