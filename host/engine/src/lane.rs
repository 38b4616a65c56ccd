use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmparser::{Instance, Parser, Payload};
use wasmtime::component::{Component, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails,
};

use crate::capacity::Places;
use crate::config::has_pagemap_scan;
use crate::crash::FRAMES;
use crate::guest::Guest;
use crate::limiter::{MEMORIES, MODULES, TABLE_ELEMENTS};
use crate::stacks::Stacks;
use crate::{EngineConfig, Lane, imports, wasi};

/// One lane: its pool, and what takes the processes beyond it.
pub(crate) struct LaneEngine {
    pub(crate) pooled: Tier,
    pub(crate) overflow: Tier,
    pub(crate) places: Places,
}

/// A compiler, and the host functions that its guests may import. Code of one tier does not run in another.
pub(crate) struct Tier {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<Guest>,
}

impl LaneEngine {
    pub(crate) fn new(lane: Lane, config: &EngineConfig) -> wasmtime::Result<Self> {
        let total = match lane {
            Lane::Sync => config.sync_processes,
            Lane::Async => config.async_processes,
        };
        Ok(Self {
            pooled: Tier::new(lane, common(lane).allocation_strategy(pool(lane, config)))?,
            overflow: Tier::new(lane, on_demand(&mut common(lane)))?,
            places: Places::new(total),
        })
    }

    /// Bytes that are resident in the pool for processes to come: whoever comes uses them.
    pub(crate) fn unused(&self) -> impl Fn() -> usize + Send + Sync + 'static + use<> {
        let pooled = self.pooled.engine.weak();
        move || {
            let pool = pooled.upgrade().and_then(|engine| engine.pooling_allocator_metrics());
            pool.map_or(0, |pool| {
                pool.unused_memory_bytes_resident()
                    + pool.unused_table_bytes_resident()
                    + pool.unused_stack_bytes_resident().unwrap_or(0)
            })
        }
    }

    pub(crate) fn engines(&self) -> [Engine; 2] {
        [self.pooled.engine.clone(), self.overflow.engine.clone()]
    }
}

impl Tier {
    fn new(lane: Lane, settings: &Config) -> wasmtime::Result<Self> {
        let engine = Engine::new(settings)?;
        let mut linker = Linker::new(&engine);
        imports::add(&mut linker, lane)?;
        wasi::add(&mut linker, lane)?;
        Ok(Self { engine, linker })
    }
}

/// Lets time pass for the guests of these engines, until one of them is gone.
pub(crate) fn start_ticks(engines: &[Engine], tick: Duration, ticks: Arc<AtomicU64>, lag: Arc<AtomicU64>) {
    let engines: Vec<_> = engines.iter().map(Engine::weak).collect();
    let run = move || {
        let (mut since, mut longest) = (Instant::now(), 0);
        loop {
            ticks.fetch_add(1, Ordering::Relaxed);
            for engine in &engines {
                let Some(engine) = engine.upgrade() else { return };
                engine.increment_epoch();
            }
            let begun = Instant::now();
            std::thread::sleep(tick);
            longest = begun.elapsed().saturating_sub(tick).as_nanos().max(longest);
            if since.elapsed() > LAG_OVER {
                lag.store(u64::try_from(longest).unwrap_or(u64::MAX), Ordering::Relaxed);
                (since, longest) = (Instant::now(), 0);
            }
        }
    };
    // Without ticks a spinning guest would never yield; a system that cannot start a thread cannot run the node either.
    std::thread::Builder::new().name("rusm-ticks".into()).spawn(run).expect("a thread for the ticks");
}

fn common(lane: Lane) -> Config {
    let mut settings = Config::new();
    settings
        .concurrency_support(lane == Lane::Async)
        .epoch_interruption(true)
        .max_wasm_stack(wasm_stack(lane))
        .async_stack_size(wasm_stack(lane) + HOST_STACK)
        .wasm_backtrace_max_frames(NonZeroUsize::new(FRAMES))
        // Of use to guests that keep their debug information.
        .wasm_backtrace_details(WasmBacktraceDetails::Enable);
    settings
}

/// What a process's place in the pool has of each.
fn parts(lane: Lane) -> (u32, u32) {
    match lane {
        Lane::Sync => (4, 1),
        Lane::Async => (10, 2),
    }
}

/// How many places of the pool a process of a component takes: most take one, and one with many modules, memories or tables as
/// many as those are enough for.
pub(crate) fn pool_size(lane: Lane, component: &Component, bytes: &[u8]) -> u32 {
    let (modules, memories) = parts(lane);
    let needed = component.resources_required();
    let (own_memories, own_tables) = needed.map_or((1, 1), |needed| (needed.num_memories, needed.num_tables));
    let sizes = [
        core_instances(bytes).div_ceil(modules),
        own_memories.div_ceil(memories),
        own_tables.div_ceil(TABLES_OF_ONE),
    ];
    sizes.into_iter().max().unwrap_or(1).max(1)
}

/// The core modules that a component instantiates, with those inside of it.
fn core_instances(component: &[u8]) -> u32 {
    let payloads = Parser::new(0).parse_all(component).map_while(Result::ok);
    let instances = payloads.filter_map(|payload| match payload {
        Payload::InstanceSection(section) => {
            let made = |instance: &Instance<'_>| matches!(instance, Instance::Instantiate { .. });
            Some(section.into_iter().flatten().filter(made).count())
        }
        _ => None,
    });
    u32::try_from(instances.sum::<usize>()).unwrap_or(u32::MAX)
}

/// What each setting is worth was measured one by one: see ARCHITECTURE.md, "The engine's settings".
fn pool(lane: Lane, config: &EngineConfig) -> PoolingAllocationConfig {
    let (processes, stacks) = match lane {
        Lane::Sync => (config.sync_processes, config.sync_processes),
        // A call that waits holds a stack beside that of the process's loop.
        Lane::Async => (config.async_processes, config.async_processes * 3),
    };
    let (modules, memories) = parts(lane);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(processes)
        .total_core_instances(processes * modules)
        .total_memories(processes * memories)
        .total_tables(processes * TABLES_OF_ONE)
        .total_stacks(stacks)
        .max_core_instances_per_component(MODULES as u32)
        .max_memories_per_component(MEMORIES as u32)
        .max_tables_per_component(MODULES as u32)
        .max_memory_size(config.memory)
        .table_elements(TABLE_ELEMENTS)
        .decommit_batch_size(64)
        .max_unused_warm_slots(1_000);
    if has_pagemap_scan() {
        // Of all places together, a sixteenth of what the node may take.
        let most = config.resident / 16 / processes.max(1) as usize;
        let least = match lane {
            Lane::Sync => 64 << 10,
            Lane::Async => 256 << 10,
        };
        pool.linear_memory_keep_resident(most.clamp(least, 4 << 20))
            .async_stack_keep_resident(64 << 10)
            .table_keep_resident(64 << 10)
            .pagemap_scan(Enabled::Auto);
    }
    pool
}

/// A memory that is as large as it has to be, without addresses set aside for guards: then neighbours share one memory map,
/// of which the kernel gives a node 65,530. The guest's code checks each access itself, and an instance takes longer.
fn on_demand(settings: &mut Config) -> &Config {
    settings
        .allocation_strategy(InstanceAllocationStrategy::OnDemand)
        .memory_reservation(0)
        .memory_guard_size(0)
        .memory_reservation_for_growth(0)
        .guard_before_linear_memory(false)
        // The image of a memory would be a map of its own.
        .memory_init_cow(false)
        .with_host_stack(Arc::new(Stacks::default()))
}

/// Tables that each place of a pool has.
const TABLES_OF_ONE: u32 = 3;

/// Over which time the longest lag of a tick is told.
const LAG_OVER: Duration = Duration::from_secs(1);

/// What goes deeper is a crash of that process. The sync lane has wasmtime's own default. An interpreter's guests have a stack in
/// their memory, whose end is an error of the language: this one must not be full before.
fn wasm_stack(lane: Lane) -> usize {
    match lane {
        Lane::Sync => 512 << 10,
        Lane::Async => 24 << 20,
    }
}

/// Host functions run on the guest's fiber: an overflow there would end the node, so there is plenty.
const HOST_STACK: usize = 512 << 10;

#[cfg(test)]
mod tests {
    use rusm_otp::Runtime;

    use super::*;
    use crate::{Profile, Spawn};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_a_process_leaves_in_the_pool_is_known_to_be_unused() {
        if !has_pagemap_scan() {
            return;
        }
        let config = EngineConfig {
            sync_processes: 100,
            async_processes: 10,
            resident: usize::MAX,
            cache: None,
            ..EngineConfig::default()
        };
        let engine = crate::Engine::new(Runtime::new(), config).expect("there is room");
        let component = wat::parse_str(
            r#"(component
                (core module $m (memory 2) (func (export "run")
                    (i32.store (i32.const 0) (i32.const 1))
                    (i32.store (i32.const 70000) (i32.const 1))))
                (core instance $i (instantiate $m))
                (func (export "run") (canon lift (core func $i "run"))))"#,
        );
        engine.load("writes", component.expect("a component"), Profile::default()).await.expect("it loads");
        let unused = engine.lane(Lane::Sync).unused();
        assert_eq!(unused(), 0);
        // Places are given back in batches.
        for _ in 0..200 {
            engine.spawn(Spawn::new("writes")).await.expect("there is room");
        }
        while engine.places(Lane::Sync).0 > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(unused() >= 2 * 4096, "{} bytes", unused());
    }
}
