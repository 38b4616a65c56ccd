//! What wasmtime does without processes: the same component in the same engine, instantiated, run and dropped, by a task of
//! tokio's each, 64 at a time.

use std::path::Path;
use std::time::{Duration, Instant};

use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig, Store};

const TOTAL: u32 = 40_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> wasmtime::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/.rusm/build/short-rust.wasm");
    let engine = Engine::new(&config())?;
    let ticking = engine.clone();
    std::thread::spawn(move || {
        loop {
            ticking.increment_epoch();
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let component = Component::from_file(&engine, &path)?;
    let mut linker = Linker::new(&engine);
    // It calls none of them.
    linker.define_unknown_imports_as_traps(&component)?;
    let pre = linker.instantiate_pre(&component)?;
    round(&engine, &pre).await?; // warm-up
    for _ in 0..3 {
        let value = round(&engine, &pre).await?;
        println!("{}", serde_json::json!({ "measure": "spawn-rust-bare", "value": value }));
    }
    Ok(())
}

async fn round(engine: &Engine, pre: &InstancePre<()>) -> wasmtime::Result<f64> {
    let start = Instant::now();
    let lanes: Vec<_> = (0..64)
        .map(|_| {
            let (engine, pre) = (engine.clone(), pre.clone());
            tokio::spawn(async move {
                for _ in 0..TOTAL / 64 {
                    let (engine, pre) = (engine.clone(), pre.clone());
                    tokio::spawn(async move { one(&engine, &pre).await }).await??;
                }
                Ok::<(), wasmtime::Error>(())
            })
        })
        .collect();
    for lane in lanes {
        lane.await??;
    }
    Ok(f64::from(TOTAL) / start.elapsed().as_secs_f64())
}

async fn one(engine: &Engine, pre: &InstancePre<()>) -> wasmtime::Result<()> {
    let mut store = Store::new(engine, ());
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    let instance = pre.instantiate_async(&mut store).await?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    Ok(run.call_async(&mut store, ()).await?)
}

/// That of the sync lane's pool, see `host/engine/src/lane.rs`.
fn config() -> Config {
    let processes = 4_000;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(processes)
        .total_core_instances(processes * 4)
        .total_memories(processes)
        .total_tables(processes * 3)
        .total_stacks(processes)
        .max_memory_size(256 << 20)
        .decommit_batch_size(64)
        .max_unused_warm_slots(1_000)
        .linear_memory_keep_resident(4 << 20)
        .async_stack_keep_resident(64 << 10)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .allocation_strategy(pool)
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(512 << 10)
        .async_stack_size(1 << 20);
    config
}
