use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use parking_lot::RwLock;
use rusm_otp::Runtime;
use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, PoolingAllocationConfig};

use crate::cache::Cache;
use crate::component::{Exports, examine};
use crate::config::has_pagemap_scan;
use crate::limits::{MEMORIES, MODULES, TABLE_ELEMENTS};
use crate::process::Guest;
use crate::{Component, EngineConfig, Lane, LoadError, Profile, imports};

/// Loads components and runs processes of them on one node. Clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    runtime: Runtime,
    sync: LaneEngine,
    concurrent: LaneEngine,
    cache: Cache,
    config: EngineConfig,
    components: RwLock<HashMap<Arc<str>, Arc<Component>>>,
}

/// One lane's compiler and the host functions that its guests may import.
struct LaneEngine {
    engine: wasmtime::Engine,
    linker: Linker<Guest>,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[error("the engine cannot start: {0}")]
pub struct EngineError(String);

impl Engine {
    /// An engine without components, whose processes live on this node.
    ///
    /// # Errors
    /// [`EngineError`] if the system does not give the memory maps that the configuration asks for.
    pub fn new(runtime: Runtime, config: EngineConfig) -> Result<Self, EngineError> {
        let fail = |error: wasmtime::Error| EngineError(format!("{error:#}"));
        let inner = Inner {
            runtime,
            sync: LaneEngine::new(Lane::Sync, &config).map_err(fail)?,
            concurrent: LaneEngine::new(Lane::Async, &config).map_err(fail)?,
            cache: Cache::new(config.cache.clone()),
            components: RwLock::default(),
            config,
        };
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
        let unfit = |reason: String| LoadError::Unfit { name: name.to_owned(), reason };
        let component =
            tokio::task::spawn_blocking(work).await.map_err(|error| unfit(error.to_string()))??;
        let component = Arc::new(component);
        self.inner.components.write().insert(component.name.clone(), component.clone());
        Ok(component)
    }

    fn compile(&self, name: Arc<str>, bytes: &[u8], profile: Profile) -> Result<Component, LoadError> {
        let shape = examine(&name, bytes)?;
        let unfit = |reason: String| LoadError::Unfit { name: name.to_string(), reason };
        let wasm_unfit = |error: wasmtime::Error| unfit(format!("{error:#}"));
        if profile.memory > self.inner.config.memory {
            let (wanted, most) = (profile.memory, self.inner.config.memory);
            return Err(unfit(format!(
                "its profile grants {wanted} bytes of memory; this node allows {most}"
            )));
        }
        let lane = self.lane(shape.lane);
        let compiled = self.inner.cache.compile(&lane.engine, bytes).map_err(wasm_unfit)?;
        let pre = lane.linker.instantiate_pre(&compiled).map_err(wasm_unfit)?;
        let exports = Exports::find(&compiled, shape.kind, shape.lane)
            .ok_or_else(|| unfit("its exports are not those of the actor world 0.1.0".into()))?;
        let called = shape.contracts.uses.iter().flat_map(|contract| {
            contract.all_functions().map(|function| (function.key, contract.path(function)))
        });
        let called = called.collect();
        Ok(Component {
            name,
            kind: shape.kind,
            lane: shape.lane,
            contracts: shape.contracts,
            profile: Arc::new(profile),
            pre,
            exports,
            called,
            checked: std::sync::atomic::AtomicBool::new(false),
        })
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

    pub(crate) fn lane_engine(&self, lane: Lane) -> &wasmtime::Engine {
        &self.lane(lane).engine
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

impl LaneEngine {
    fn new(lane: Lane, config: &EngineConfig) -> wasmtime::Result<Self> {
        let engine = wasmtime::Engine::new(&lane_config(lane, config))?;
        let mut linker = Linker::new(&engine);
        imports::add(&mut linker, lane)?;
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        start_ticks(&engine, config.tick);
        Ok(Self { engine, linker })
    }
}

/// Lets time pass for the guests of an engine, until the engine is gone.
fn start_ticks(engine: &wasmtime::Engine, tick: std::time::Duration) {
    let engine = engine.weak();
    let run = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(tick);
        }
    };
    // Without ticks a spinning guest would never yield; a system that cannot start a thread cannot run the node either.
    std::thread::Builder::new().name("rusm-ticks".into()).spawn(run).expect("a thread for the ticks");
}

/// What each setting is worth was measured one by one: see ARCHITECTURE.md, "The engine's settings".
fn lane_config(lane: Lane, config: &EngineConfig) -> Config {
    let (processes, stacks, modules, memories) = match lane {
        Lane::Sync => (config.sync_processes, config.sync_processes, 4, 1),
        // A call that waits holds a stack beside that of the process's loop.
        Lane::Async => (config.async_processes, config.async_processes * 3, 10, 2),
    };
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(processes)
        .total_core_instances(processes * modules)
        .total_memories(processes * memories)
        .total_tables(processes * 3)
        .total_stacks(stacks)
        .max_core_instances_per_component(MODULES as u32)
        .max_memories_per_component(MEMORIES as u32)
        .max_tables_per_component(MODULES as u32)
        .max_memory_size(config.memory)
        .table_elements(TABLE_ELEMENTS)
        .decommit_batch_size(64)
        .max_unused_warm_slots(1_000);
    if has_pagemap_scan() {
        pool.linear_memory_keep_resident(4 << 20)
            .async_stack_keep_resident(64 << 10)
            .table_keep_resident(64 << 10)
            .pagemap_scan(Enabled::Auto);
    }
    let mut settings = Config::new();
    settings
        .allocation_strategy(pool)
        .concurrency_support(lane == Lane::Async)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(WASM_STACK + HOST_STACK)
        .wasm_backtrace_max_frames(NonZeroUsize::new(FRAMES));
    settings
}

/// wasmtime's own default; what goes deeper is a crash of that process.
const WASM_STACK: usize = 512 << 10;

/// Host functions run on the guest's fiber: an overflow there would end the node, so there is plenty.
const HOST_STACK: usize = 512 << 10;

/// Enough to leave the frames of a panic and reach the guest's own.
const FRAMES: usize = 40;
