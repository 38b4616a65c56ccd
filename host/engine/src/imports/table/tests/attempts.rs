//! Each import of both lanes, tried on what is really another's: with every grant but the one that it needs, and with that alone.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use parking_lot::Mutex;
use rusm_otp::{
    ChildSpec, Context, ExitReason, Parent, Payload, PendingCall, Pid, Reference, Runtime, STREAM_WINDOW,
    SpawnOptions, StandIn, StreamEnd, StreamReader, Supervision, Supervisor, stream,
};
use tokio::sync::oneshot;
use wasmtime::component::{FutureAny, FutureConsumer, Lift, Source, Val};
use wasmtime::{Store, StoreContextMut};
use wit_parser::{Function, Resolve, Type, TypeDefKind};

use super::mirror;
use crate::guest::Guest;
use crate::imports::table::{Import, Right, TABLE, process};
use crate::process::bounded_store;
use crate::types::{CallError, ChildCounts, ChildError, ChildInfo, LoadError, SpawnError, Spawned};
use crate::{Engine, EngineConfig, Lane, Profile};

/// What others have.
struct Others {
    /// A guest with a name, and a process of the host.
    victim: Pid,
    host: Pid,
    /// A supervisor, and its child.
    supervisor: Supervision,
    child: Pid,
    /// The victim's timer, monitors of a process and of a group, and a call that it holds.
    references: [Reference; 4],
    call: PendingCall,
    /// The victim's end of a stream; the other one is kept open.
    handle: u64,
    reader: StreamReader,
    /// A callback that the victim has open, and a call that waits for it.
    callback: StandIn,
    to_callback: PendingCall,
}

/// A process that does nothing, and its context.
pub(super) async fn idle(runtime: &Runtime, options: SpawnOptions) -> (Pid, Context) {
    let (sender, context) = oneshot::channel();
    let body = |context: Context| async move {
        let receiving = context.clone();
        sender.send(context).ok();
        receiving.receive_matching(|_| false).await;
        ExitReason::Normal
    };
    let pid = runtime.spawn(options, body).expect("the name is free").pid;
    (pid, context.await.expect("it begins"))
}

impl Others {
    async fn new(runtime: &Runtime) -> Self {
        let (victim, context) = idle(runtime, SpawnOptions::new("prey").guest(true).name("victim")).await;
        let (host, _) = idle(runtime, SpawnOptions::new("of the host")).await;
        let start = |parent: Parent| async move {
            let options = SpawnOptions::new("child").guest(true).parent(parent.pid).link(true);
            Ok(idle(&parent.runtime, options).await.0)
        };
        let supervisor = Supervisor::new("theirs").child(ChildSpec::new("child", start));
        let supervisor = supervisor.start(runtime, None).await.expect("its child starts");
        let child = runtime.info(supervisor.pid).expect("it runs").links[0];
        let call = runtime.call(host, &victim.into(), 7, Payload::new(), None, None).expect("it is taken");
        runtime.join("group", victim);
        runtime.link(victim, child);
        let references = [
            runtime.send_after(victim, Duration::from_secs(3600), "rings".into()),
            runtime.monitor(victim, &host.into()),
            runtime.monitor_group(victim, "group").0,
            call.reference,
        ];
        let (writer, reader) = stream(STREAM_WINDOW);
        let handle = context.own_stream(StreamEnd::Writer(writer));
        let callback = context.stand_in("callback".into()).expect("there is room");
        callback.is_for(references[0]);
        let to_callback =
            runtime.call(host, &callback.pid().into(), 7, Payload::new(), None, None).expect("it is taken");
        Self { victim, host, supervisor, child, references, call, handle, reader, callback, to_callback }
    }

    /// Nothing of it has changed.
    fn expect_unharmed(self, runtime: &Runtime, by: &str) {
        let [timer, monitor, group, _] = self.references;
        let links = |pid| runtime.info(pid).unwrap_or_else(|| panic!("{by} ended {pid}")).links;
        assert_eq!(links(self.victim), [self.child], "{by}");
        assert_eq!(links(self.child).len(), 2, "{by}");
        assert!(links(self.host).is_empty(), "{by}");
        assert_eq!(links(self.supervisor.pid), [self.child], "{by}");
        assert_eq!(runtime.whereis("victim"), Some(self.victim), "{by}");
        assert!(runtime.cancel_timer(self.victim, timer).is_some(), "{by} cancelled a timer");
        assert!(runtime.demonitor(self.victim, monitor), "{by} ended a monitor");
        assert!(runtime.demonitor_group(self.victim, group), "{by} ended a monitor of a group");
        assert_eq!(*runtime.members("group"), [self.victim], "{by}");
        assert_eq!(runtime.info(self.victim).expect("it lives").mailbox, 1, "{by}: the call alone waits");
        assert!(self.call.now_or_never().is_none(), "{by} answered a call");
        assert!(self.reader.read().now_or_never().is_none(), "{by} used a stream");
        assert_eq!(self.callback.waiting(), 1, "{by} took a callback's message");
        assert!(self.to_callback.now_or_never().is_none(), "{by} answered for a callback");
    }

    fn end(&self, runtime: &Runtime) {
        for pid in [self.victim, self.host, self.supervisor.pid, self.child] {
            runtime.kill(pid);
        }
    }
}

/// What came of an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// A typed error that names the right.
    Denied,
    /// As if there were nobody and nothing.
    Nothing,
    Something(String),
}

struct Lab {
    engine: Engine,
    lane: Lane,
    resolve: Resolve,
    functions: Vec<(String, Function)>,
}

impl Lab {
    async fn new(lane: Lane) -> Self {
        let config = EngineConfig { sync_processes: 20, async_processes: 20, ..EngineConfig::default() };
        let engine = Engine::new(Runtime::new(), config).expect("an engine");
        engine
            .load("mirror", mirror::component(lane, 1), Profile::default())
            .await
            .expect("it is a raw process");
        let (resolve, world) = mirror::world(lane);
        let functions = mirror::functions(&resolve, world);
        Self { engine, lane, resolve, functions }
    }

    /// Calls an import as a stranger that has these grants.
    async fn attempt(&self, import: &Import, grants: &[&str], arguments: &[Val]) -> Outcome {
        let (attacker, context) =
            idle(self.engine.runtime(), SpawnOptions::new("attacker").guest(true)).await;
        let outcome = self.attempt_as(context, import, grants, arguments).await;
        self.engine.runtime().kill(attacker);
        outcome
    }

    /// Calls an import as this process.
    async fn attempt_as(
        &self,
        context: Context,
        import: &Import,
        grants: &[&str],
        arguments: &[Val],
    ) -> Outcome {
        let codes = self.engine.codes("mirror").expect("it is loaded");
        let component = codes.component.clone();
        assert_eq!(component.lane, self.lane);
        let grants = grants.iter().map(|grant| grant.parse().expect("a grant")).collect();
        let profile = Arc::new(Profile { grants, ..Profile::default() });
        let guest = Guest::new(self.engine.host(), component.clone(), profile, context, None);
        let mut store = bounded_store(&codes.pooled, guest);
        let instance = codes.pooled.pre.instantiate_async(&mut store).await.expect("a place");
        let interface =
            instance.get_export_index(&mut store, None, import.interface).expect("it is exported");
        let function = instance.get_export_index(&mut store, Some(&interface), import.name);
        let function = instance.get_func(&mut store, function.expect("it is exported")).expect("a function");
        let count = function.ty(&store).results().len();
        let mut results = vec![Val::Bool(false); count];
        function
            .call_async(&mut store, arguments, &mut results)
            .await
            .unwrap_or_else(|error| panic!("{import:?}: {error:#}"));
        match results.pop() {
            Some(Val::Future(future)) => of_text(&read(&mut store, import, future).await),
            Some(Val::Bool(false) | Val::Option(None)) | None => Outcome::Nothing,
            // There is no message, and none will come.
            Some(Val::Variant(now, Some(value))) if now == "now" && *value == Val::Option(None) => {
                Outcome::Nothing
            }
            Some(value) => of_text(&format!("{value:?}")),
        }
    }

    fn arguments(&self, function: &Function, others: &Others, subject: Pid, reference: u64) -> Vec<Val> {
        let known = Known { resolve: &self.resolve, others, subject, reference };
        function.params.iter().map(|param| known.value(&param.name, &param.ty)).collect()
    }
}

fn of_text(text: &str) -> Outcome {
    let text = text.to_lowercase();
    let says = |word: &&str| text.contains(*word);
    match () {
        () if text.contains("denied") => Outcome::Denied,
        () if ["noproc", "cancelled", "bad-handle", "badhandle"].iter().any(says) => Outcome::Nothing,
        () => Outcome::Something(text),
    }
}

/// What a future of the async lane comes to.
async fn read(store: &mut Store<Guest>, import: &Import, future: FutureAny) -> String {
    match import.name {
        "spawn" => value::<Result<Spawned, SpawnError>>(store, future).await,
        "load" => value::<Result<String, LoadError>>(store, future).await,
        "connect" => value::<Result<crate::types::Pid, CallError>>(store, future).await,
        "which-children" => value::<Result<Vec<ChildInfo>, ChildError>>(store, future).await,
        "count-children" => value::<Result<ChildCounts, ChildError>>(store, future).await,
        "start" | "start-under" | "start-child" | "restart-child" => {
            value::<Result<crate::types::Pid, ChildError>>(store, future).await
        }
        _ => value::<Result<(), ChildError>>(store, future).await,
    }
}

async fn value<T: Lift + Send + Sync + std::fmt::Debug + 'static>(
    store: &mut Store<Guest>,
    future: FutureAny,
) -> String {
    let reader = future.try_into_future_reader::<T>().expect("it is of this type");
    let (sender, taken) = oneshot::channel();
    let run = store.run_concurrent(async move |accessor| {
        accessor.with(|store| reader.pipe(store, Take(Some(sender)))).expect("it can be read");
        taken.await.expect("it comes")
    });
    format!("{:?}", run.await.expect("it runs"))
}

struct Take<T>(Option<oneshot::Sender<T>>);

impl<T: Lift + Send + Sync + std::fmt::Debug + 'static> FutureConsumer<Guest> for Take<T> {
    type Item = T;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Task<'_>,
        store: StoreContextMut<Guest>,
        mut source: Source<'_, T>,
        _: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut value = None;
        source.read(store, &mut value)?;
        if let (Some(value), Some(sender)) = (value, self.0.take()) {
            sender.send(value).expect("the test waits");
        }
        Poll::Ready(Ok(()))
    }
}

/// Makes arguments of what others have, by type and name.
struct Known<'a> {
    resolve: &'a Resolve,
    others: &'a Others,
    /// Whom pids mean.
    subject: Pid,
    /// What references are.
    reference: u64,
}

impl Known<'_> {
    fn value(&self, name: &str, ty: &Type) -> Val {
        match ty {
            Type::Bool => Val::Bool(false),
            Type::U8 => Val::U8(0),
            Type::U32 => Val::U32(1),
            Type::U64 => Val::U64(match name {
                "node" => self.subject.node,
                "id" => self.subject.id,
                "callback" => self.others.callback.pid().id,
                _ => 1,
            }),
            Type::String => Val::String(self.text(name).into()),
            Type::Id(id) => {
                let def = &self.resolve.types[*id];
                self.defined(name, def.name.as_deref().unwrap_or_default(), &def.kind)
            }
            other => panic!("no import takes {other:?}"),
        }
    }

    fn text(&self, name: &str) -> &'static str {
        match name {
            "component" => "mirror",
            "group" => "group",
            "id" => "child",
            _ => "victim",
        }
    }

    fn defined(&self, name: &str, called: &str, kind: &TypeDefKind) -> Val {
        match (called, kind) {
            ("pid", _) => {
                let pid = if name == "child" { self.others.child } else { self.subject };
                Val::Record(vec![("node".into(), Val::U64(pid.node)), ("id".into(), Val::U64(pid.id))])
            }
            ("target", _) => Val::Variant("name".into(), Some(Box::new(Val::String("victim".into())))),
            ("reference", _) => Val::U64(self.reference),
            ("stream-handle", _) => Val::U64(self.others.handle),
            (_, TypeDefKind::Type(ty)) => self.value(name, ty),
            (_, TypeDefKind::Record(record)) => {
                let fields = record.fields.iter();
                Val::Record(
                    fields.map(|field| (field.name.clone(), self.value(&field.name, &field.ty))).collect(),
                )
            }
            (_, TypeDefKind::Option(Type::String)) if name == "name" => {
                Val::Option(Some(Box::new(Val::String("another".into()))))
            }
            (_, TypeDefKind::Option(_)) => Val::Option(None),
            ("exit-reason", _) => Val::Variant("killed".into(), None),
            (_, TypeDefKind::Variant(variant)) => {
                let case = &variant.cases[0];
                Val::Variant(case.name.clone(), case.ty.as_ref().map(|ty| Box::new(self.value("", ty))))
            }
            (_, TypeDefKind::Enum(own)) => Val::Enum(own.cases[0].name.clone()),
            (_, TypeDefKind::List(Type::Id(id))) if name == "children" => {
                Val::List(vec![self.value(name, &Type::Id(*id))])
            }
            (_, TypeDefKind::List(Type::U64)) if name == "callbacks" => {
                Val::List(vec![Val::U64(self.others.callback.pid().id)])
            }
            (_, TypeDefKind::List(_)) => Val::List(Vec::new()),
            (_, TypeDefKind::Result(result)) => {
                Val::Result(Ok(result.ok.as_ref().map(|ty| Box::new(self.value("", ty)))))
            }
            (_, other) => panic!("no import takes {other:?}"),
        }
    }
}

const ALL: [&str; 8] = ["spawn:*", "register:*", "lookup:*", "link:*", "group:*", "env:*", "control", "load"];

/// The grants of which one is needed for each right of an import: in all of them one of each.
fn needed(import: &Import) -> Vec<Vec<&'static str>> {
    let of = |kind: &'static str| ALL.into_iter().find(|grant| grant.split(':').next() == Some(kind));
    let each = import.rights.iter().flat_map(|right| match right {
        Right::Grant(kinds) => kinds.iter().map(|kind| vec![*kind]).collect(),
        right => vec![right.grants().to_vec()],
    });
    let each = each.filter(|kinds| !kinds.is_empty());
    each.map(|kinds| kinds.into_iter().map(|kind| of(kind).expect("a kind of grant")).collect()).collect()
}

/// Whether a parameter of this type is in a function's own list.
fn takes(lab: &Lab, function: &Function, types: &[&str]) -> bool {
    function.params.iter().any(|param| match param.ty {
        Type::Id(id) => lab.resolve.types[id].name.as_deref().is_some_and(|name| types.contains(&name)),
        _ => false,
    })
}

async fn try_all(lane: Lane) {
    let lab = Lab::new(lane).await;
    let runtime = lab.engine.runtime().clone();
    for (interface, function) in &lab.functions {
        let import =
            TABLE.iter().find(|import| import.interface == interface && import.name == function.name);
        let import = *import.unwrap_or_else(|| panic!("{interface} {} is not in the table", function.name));
        let what = format!("{interface} {}", function.name);
        let owned = takes(&lab, function, &["reference", "stream-handle"])
            || function.params.iter().any(|param| param.name == "callback");
        if import.rights == [Right::Itself] {
            assert!(!owned && !takes(&lab, function, &["pid", "target"]), "{what} concerns others");
        } else if import.rights == [Right::Owner] {
            if function.name != "park" {
                try_owned(&lab, import, function, &what).await;
            }
        } else {
            assert!(!owned, "{what} takes what is another's");
            try_granted(&lab, import, function, &what).await;
        }
    }
    runtime.processes().iter().for_each(|process| runtime.kill(process.pid));
}

/// What others have is as what is not there, whatever is granted.
async fn try_owned(lab: &Lab, import: &Import, function: &Function, what: &str) {
    let runtime = lab.engine.runtime();
    for grants in [&[][..], &ALL] {
        let others = Others::new(runtime).await;
        for reference in others.references {
            let arguments = lab.arguments(function, &others, others.victim, reference);
            assert_eq!(lab.attempt(import, grants, &arguments).await, Outcome::Nothing, "{what}");
        }
        let pids = [others.victim, others.host, others.supervisor.pid, others.child];
        others.expect_unharmed(runtime, what);
        end(runtime, &pids).await;
    }
}

/// All grants but one that is needed are not enough, and those that are needed are.
async fn try_granted(lab: &Lab, import: &Import, function: &Function, what: &str) {
    let runtime = lab.engine.runtime();
    let subject = |others: &Others| match import.rights[0] {
        Right::Steer => others.supervisor.pid,
        _ => others.victim,
    };
    let needed = needed(import);
    let by_pid = import.rights == [Right::Reach] && !takes(lab, function, &["target"]);
    for lacking in &needed {
        let others = Others::new(runtime).await;
        let rest: Vec<&str> = ALL.into_iter().filter(|grant| !lacking.contains(grant)).collect();
        let arguments = lab.arguments(function, &others, subject(&others), 0);
        let outcome = lab.attempt(import, &rest, &arguments).await;
        let pids = [others.victim, others.host, others.supervisor.pid, others.child];
        if by_pid {
            assert!(!matches!(outcome, Outcome::Denied), "{what} with a pid");
        } else {
            // These two answer strangers as if there were nobody.
            let silent = ["info", "whereis"].contains(&&*function.name) && outcome == Outcome::Nothing;
            assert!(silent || outcome == Outcome::Denied, "{what} without {lacking:?}: {outcome:?}");
            others.expect_unharmed(runtime, what);
        }
        end(runtime, &pids).await;
    }
    let ways = needed.iter().map(Vec::len).max().unwrap_or_default();
    for way in 0..ways {
        let grants: Vec<&str> = needed.iter().map(|kinds| kinds[way.min(kinds.len() - 1)]).collect();
        let others = Others::new(runtime).await;
        if matches!(import.rights[0], Right::Link | Right::End) {
            let arguments = lab.arguments(function, &others, others.host, 0);
            assert_eq!(lab.attempt(import, &ALL, &arguments).await, Outcome::Denied, "{what} of the host's");
        }
        let arguments = lab.arguments(function, &others, subject(&others), 0);
        let outcome = lab.attempt(import, &grants, &arguments).await;
        assert!(!matches!(outcome, Outcome::Denied), "{what} with {grants:?}: {outcome:?}");
        if import.rights == [Right::Know] || function.name == "whereis" {
            assert!(matches!(outcome, Outcome::Something(_)), "{what} with {grants:?}: {outcome:?}");
        }
        end(runtime, &[others.victim, others.host, others.supervisor.pid, others.child]).await;
        others.end(runtime);
    }
}

/// Ends what an attempt was about, so that the names are free for the next one, and the group is empty.
async fn end(runtime: &Runtime, pids: &[Pid]) {
    pids.iter().for_each(|pid| runtime.kill(*pid));
    let named = |name| runtime.whereis(name).is_some();
    while named("victim") || named("another") || !runtime.members("group").is_empty() {
        if let Some(named) = runtime.whereis("another") {
            runtime.kill(named);
        }
        tokio::task::yield_now().await;
    }
}

/// A supervisor with two idle children, below another one or none.
async fn group(runtime: &Runtime, above: Option<Pid>) -> (Supervision, Vec<Context>) {
    let contexts = Arc::new(Mutex::new(Vec::new()));
    let child = |id: &str| {
        let contexts = contexts.clone();
        ChildSpec::new(id, move |parent: Parent| {
            let contexts = contexts.clone();
            async move {
                let options = SpawnOptions::new("child").guest(true).parent(parent.pid).link(true);
                let (pid, context) = idle(&parent.runtime, options).await;
                contexts.lock().push(context);
                Ok(pid)
            }
        })
    };
    let supervisor = Supervisor::new("group").child(child("first")).child(child("second"));
    let supervisor = supervisor.start(runtime, above).await.expect("its children start");
    let contexts = contexts.lock().clone();
    (supervisor, contexts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_family_needs_no_grant_and_an_application_is_none() {
    let lab = Lab::new(Lane::Sync).await;
    let runtime = lab.engine.runtime().clone();
    let link = async |own: &Context, other: Pid| {
        let other =
            Val::Record(vec![("node".into(), Val::U64(other.node)), ("id".into(), Val::U64(other.id))]);
        lab.attempt_as(own.clone(), &process::LINK, &[], &[other]).await != Outcome::Denied
    };
    let (_, parent) = idle(&runtime, SpawnOptions::new("parent").guest(true)).await;
    let kin = SpawnOptions::new("child").guest(true).parent(parent.pid());
    let (_, child) = idle(&runtime, kin.clone()).await;
    let (_, other_child) = idle(&runtime, kin).await;
    assert!(link(&parent, child.pid()).await && link(&child, parent.pid()).await);
    assert!(!link(&child, other_child.pid()).await, "a parent that is no supervisor makes no siblings");

    let (below, siblings) = group(&runtime, Some(parent.pid())).await;
    let [first, second] = &siblings[..] else { panic!("two children") };
    assert!(link(first, second.pid()).await && link(first, below.pid).await);
    assert!(link(&parent, second.pid()).await && !link(second, parent.pid()).await);

    let (_, services) = group(&runtime, None).await;
    let [first, second] = &services[..] else { panic!("two children") };
    assert!(!link(first, second.pid()).await, "the root of an application makes no siblings");
    assert!(!link(first, siblings[0].pid()).await);

    let (host, _) = idle(&runtime, SpawnOptions::new("of the host")).await;
    let (_, served) = idle(&runtime, SpawnOptions::new("served").guest(true).parent(host)).await;
    assert!(!link(&served, host).await, "the host is nobody's family");
    runtime.kill(host);
    while runtime.is_of_host(host).is_some() {
        tokio::task::yield_now().await;
    }
    assert!(link(&served, host).await, "whoever is gone harms nobody");
    runtime.processes().iter().for_each(|process| runtime.kill(process.pid));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_import_of_the_sync_lane_does_what_its_right_allows() {
    try_all(Lane::Sync).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_import_of_the_async_lane_does_what_its_right_allows() {
    try_all(Lane::Async).await;
}
