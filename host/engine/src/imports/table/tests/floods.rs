//! Each import of both lanes, called again and again by a process with default limits and all grants, which keeps whatever it is
//! given: what the host keeps for it stays within its limits, others go on, and all of it is given back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rusm_otp::{Context, ExitReason, Message, Pid, Runtime, STREAM_WINDOW, SpawnOptions, StreamEnd, stream};
use wasmtime::component::Val;
use wit_parser::{Function, Resolve, Type, TypeDefKind};

use super::attempts::idle;
use super::mirror;
use crate::capacity::own_resident;
use crate::guest::Guest;
use crate::process::bounded_store;
use crate::{Engine, EngineConfig, Lane, Limits, Profile};

/// How long each flood lasts, and of how many calls it is at most: more than any limit. By hand it may last longer:
/// `RUSM_FLOOD_MS=5000`.
static LASTS: LazyLock<Duration> = LazyLock::new(|| {
    let given = std::env::var("RUSM_FLOOD_MS").ok();
    Duration::from_millis(given.map_or(300, |ms| ms.parse().expect("milliseconds")))
});
const CALLS: usize = 10_000_000;

/// Calls that the guest makes before it looks around.
const AT_ONCE: i32 = 50;

/// Bytes of a body.
const BODY: usize = 1024;

/// What a flood may add to the memory of the test: the mailbox, `host-memory`, the guest's own, and the allocator's share.
const MOST: usize = 96 << 20;

/// Everything that a flood has made is gone after this: it takes milliseconds.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// What is the flooding process's own.
struct Own {
    pid: Pid,
    child: Pid,
    handle: u64,
}

struct Arguments<'a> {
    resolve: &'a Resolve,
    own: &'a Own,
    /// The how many-th call it is.
    number: usize,
}

impl Arguments<'_> {
    fn of(&self, function: &Function) -> Vec<Val> {
        function.params.iter().map(|param| self.value(&param.name, &param.ty)).collect()
    }

    fn value(&self, name: &str, ty: &Type) -> Val {
        match ty {
            Type::Bool => Val::Bool(true),
            Type::U8 => Val::U8(7),
            Type::U32 => Val::U32(60_000),
            Type::U64 => Val::U64(match name {
                "node" => self.own.pid.node,
                "id" => self.own.pid.id,
                "parking" => self.number as u64,
                _ => 3_600_000,
            }),
            Type::String => Val::String(self.text(name)),
            Type::Id(id) => {
                let def = &self.resolve.types[*id];
                self.defined(name, def.name.as_deref().unwrap_or_default(), &def.kind)
            }
            other => panic!("no import takes {other:?}"),
        }
    }

    /// Many groups, children and names, as long as they may be.
    fn text(&self, name: &str) -> String {
        match name {
            "component" => "mirror".into(),
            "group" | "id" | "name" => format!("{:0>200}", self.number),
            _ => "x".repeat(BODY),
        }
    }

    fn defined(&self, name: &str, called: &str, kind: &TypeDefKind) -> Val {
        match (called, kind) {
            ("pid", _) => {
                let pid = if name == "other" { self.own.child } else { self.own.pid };
                Val::Record(vec![("node".into(), Val::U64(pid.node)), ("id".into(), Val::U64(pid.id))])
            }
            ("target", _) => {
                Val::Variant("process".into(), Some(Box::new(self.defined("", "pid", &TypeDefKind::Unknown))))
            }
            ("stream-handle", _) => Val::U64(self.own.handle),
            // It would be the end of the flood.
            ("exit-reason", _) => Val::Variant("normal".into(), None),
            (_, TypeDefKind::Type(ty)) => self.value(name, ty),
            (_, TypeDefKind::Record(record)) => {
                let fields = record.fields.iter();
                Val::Record(
                    fields.map(|field| (field.name.clone(), self.value(&field.name, &field.ty))).collect(),
                )
            }
            // No name and no contract, and no direction of a stream in one call of two.
            (_, TypeDefKind::Option(Type::Id(_))) if self.number % 2 == 1 && name == "direction" => {
                Val::Option(Some(Box::new(Val::Enum("to-callee".into()))))
            }
            (_, TypeDefKind::Option(_)) => Val::Option(None),
            (_, TypeDefKind::Variant(variant)) => {
                let case = &variant.cases[0];
                Val::Variant(case.name.clone(), case.ty.as_ref().map(|ty| Box::new(self.value("", ty))))
            }
            (_, TypeDefKind::Enum(own)) => Val::Enum(own.cases[0].name.clone()),
            (_, TypeDefKind::List(Type::U8)) => Val::List(vec![Val::U8(7); BODY]),
            (_, TypeDefKind::List(Type::Id(id))) if name == "children" => {
                Val::List(vec![self.value(name, &Type::Id(*id))])
            }
            (_, TypeDefKind::List(_)) => Val::List(Vec::new()),
            (_, TypeDefKind::Result(result)) => {
                Val::Result(Ok(result.ok.as_ref().map(|ty| Box::new(self.value("", ty)))))
            }
            (_, other) => panic!("no import takes {other:?}"),
        }
    }
}

/// What became of a flood.
struct Flooded {
    calls: usize,
    /// Of the test, more than before, at the most.
    resident: usize,
    /// For the process, as the host counts it.
    kept: usize,
    /// Why it ended, if it did.
    ended: String,
}

/// Calls an import until the time or the process is over.
async fn flood(lab: &Lab, interface: &str, function: &Function) -> Flooded {
    let runtime = lab.engine.runtime().clone();
    let limits = Limits::default();
    let options = SpawnOptions::new("mirror")
        .guest(true)
        .trap_exit(true)
        .mailbox(limits.mailbox)
        .mailbox_bytes(limits.mailbox_bytes)
        .host_memory(limits.host_memory);
    let (pid, context) = idle(&runtime, options).await;
    let (child, _) = idle(&runtime, SpawnOptions::new("mirror").guest(true).parent(pid)).await;
    let (writer, _reader) = stream(STREAM_WINDOW);
    let own = Own { pid, child, handle: context.own_stream(StreamEnd::Writer(writer)) };
    let codes = lab.engine.codes("mirror").expect("it is loaded");
    let component = codes.component.clone();
    let grants = ["spawn:*", "register:*", "lookup:*", "link:*", "group:*", "env:*", "control", "load"];
    let grants = grants.iter().map(|grant| grant.parse().expect("a grant")).collect();
    let profile = Arc::new(Profile { grants, limits, ..Profile::default() });
    let guest = Guest::new(lab.engine.host(), component.clone(), profile, context, None);
    let mut store = bounded_store(&codes.pooled, guest);
    let instance = codes.pooled.pre.instantiate_async(&mut store).await.expect("a place");
    let exported = instance.get_export_index(&mut store, None, interface).expect("it is exported");
    let flooding = instance.get_export_index(&mut store, Some(&exported), &function.name).expect("so is it");
    let flooding = instance.get_func(&mut store, flooding).expect("a function");
    let reset = instance.get_typed_func::<(), ()>(&mut store, "run").expect("it is exported");
    let count = flooding.ty(&store).results().len();
    let (before, begun) = (own_resident().expect("it is known"), Instant::now());
    let mut flooded = Flooded { calls: 0, resident: 0, kept: 0, ended: String::new() };
    while flooded.calls < CALLS && begun.elapsed() < *LASTS {
        let arguments = Arguments { resolve: &lab.resolve, own: &own, number: flooded.calls }.of(function);
        let mut results = vec![Val::Bool(false); count];
        // What it is given, it keeps: futures most of all.
        let call = flooding.call_async(&mut store, &arguments, &mut results);
        match tokio::time::timeout(*LASTS, call).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                flooded.ended = format!("{error:#}");
                break;
            }
            // It waits.
            Err(_) => break,
        }
        flooded.calls += AT_ONCE as usize;
        if flooded.calls.is_multiple_of(1000) {
            if reset.call_async(&mut store, ()).await.is_err() {
                break;
            }
            flooded.resident =
                flooded.resident.max(own_resident().expect("it is known").saturating_sub(before));
            flooded.kept = flooded.kept.max(runtime.info(pid).map_or(0, |info| info.memory));
            tokio::task::yield_now().await;
            if !runtime.is_alive(pid) {
                flooded.ended = "it was ended".into();
                break;
            }
        }
    }
    flooded.resident = flooded.resident.max(own_resident().expect("it is known").saturating_sub(before));
    drop(store);
    for process in runtime.processes() {
        if process.label.as_ref() != "bystander" {
            runtime.kill(process.pid);
        }
    }
    flooded
}

struct Lab {
    engine: Engine,
    resolve: Resolve,
}

/// Another process, which is woken again and again: the longest that one of its messages took, in microseconds.
fn bystander(runtime: &Runtime, done: Arc<AtomicBool>) -> Arc<AtomicU64> {
    let longest = Arc::new(AtomicU64::new(0));
    let noted = longest.clone();
    let body = move |context: Context| async move {
        while !done.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let sent = Instant::now();
            context
                .runtime()
                .send(context.pid(), &context.pid().into(), "ping".into())
                .expect("there is room");
            context.receive_matching(|message| matches!(message, Message::Mail { .. })).await;
            let took = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX);
            noted.fetch_max(took, Ordering::Relaxed);
        }
        ExitReason::Normal
    };
    runtime.spawn(SpawnOptions::new("bystander"), body).expect("no name");
    longest
}

async fn flood_all(lane: Lane) {
    let config = EngineConfig { sync_processes: 200, async_processes: 200, ..EngineConfig::default() };
    let engine = Engine::new(Runtime::new(), config).expect("an engine");
    engine
        .load("mirror", mirror::component(lane, AT_ONCE), Profile::default())
        .await
        .expect("it is a raw process");
    let runtime = engine.runtime().clone();
    let (resolve, world) = mirror::world(lane);
    let functions = mirror::functions(&resolve, world);
    let lab = Lab { engine, resolve };
    let done = Arc::new(AtomicBool::new(false));
    let longest = bystander(&runtime, done.clone());
    let before = own_resident().expect("it is known");
    for (interface, function) in &functions {
        let what = format!("{lane:?} {interface} {}", function.name);
        let flooded = flood(&lab, interface, function).await;
        println!(
            "{what}: {} calls, {} KiB more, {} KiB kept {}",
            flooded.calls,
            flooded.resident >> 10,
            flooded.kept >> 10,
            flooded.ended
        );
        assert!(flooded.resident < MOST, "{what} made the host grow by {} bytes", flooded.resident);
        assert!(flooded.kept < 34 << 20, "{what}: {} bytes are kept", flooded.kept);
        let begun = Instant::now();
        loop {
            let counters = runtime.counters();
            // The bystander lives on.
            let left = [
                counters.alive as usize - 1,
                counters.timers as usize,
                runtime.groups().len(),
                runtime.memory().kept(),
            ];
            if left == [0; 4] {
                break;
            }
            assert!(
                begun.elapsed() < GONE_WITHIN,
                "{what} has left processes, timers, groups, bytes: {left:?}"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    done.store(true, Ordering::Relaxed);
    let left = own_resident().expect("it is known").saturating_sub(before);
    let longest = longest.load(Ordering::Relaxed);
    println!("{lane:?}: {} KiB are left in all; a bystander waited {longest} us at most", left >> 10);
    assert!(left < 2 * MOST, "{left} bytes are left");
    // On a quiet machine it is some milliseconds.
    assert!(longest < 1_000_000, "a bystander waited {longest} us");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_import_of_the_sync_lane_costs_more_than_the_limits_say() {
    flood_all(Lane::Sync).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_import_of_the_async_lane_costs_more_than_the_limits_say() {
    flood_all(Lane::Async).await;
}
