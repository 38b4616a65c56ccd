//! Supervisors that guests start and steer.

use std::future::Future;
use std::time::Duration;

use rusm_otp::{Backoff, ChildError as Error, Parent, Supervision, Supervisor, check_name};
use wasmtime::StoreContextMut;
use wasmtime::component::{WasmList, WasmStr};

use super::table::Imports;
use super::wait_async::begun;
use super::{arguments, rights, spawning};
use crate::Grant;
use crate::guest::{Guest, waited};
use crate::types::{
    ChildCounts, ChildError, ChildInfo, ChildOptions, ChildSpec, Pid, SpawnError, SupervisorOptions,
};

type Store<'a> = StoreContextMut<'a, Guest>;

/// Registers every operation; `$register` makes of its future what the lane answers.
macro_rules! register {
    ($imports:ident, $interface:ident, $register:ident) => {{
        use super::table::$interface as import;
        $register!($imports, import::START, start, (SupervisorOptions, WasmList<ChildSpec>));
        $register!(
            $imports,
            import::START_UNDER,
            start_under,
            (Pid, ChildOptions, SupervisorOptions, WasmList<ChildSpec>)
        );
        $register!($imports, import::START_CHILD, start_child, (Pid, ChildSpec));
        $register!($imports, import::TERMINATE_CHILD, terminate_child, (Pid, WasmStr));
        $register!($imports, import::TERMINATE, terminate, (Pid, Pid));
        $register!($imports, import::RESTART_CHILD, restart_child, (Pid, WasmStr));
        $register!($imports, import::DELETE_CHILD, delete_child, (Pid, WasmStr));
        $register!($imports, import::WHICH_CHILDREN, which_children, (Pid,));
        $register!($imports, import::COUNT_CHILDREN, count_children, (Pid,));
        $register!($imports, import::STOP, stop, (Pid,));
        Ok(())
    }};
}

/// The sync lane: the guest's fiber is suspended.
macro_rules! blocking {
    ($imports:ident, $import:path, $operation:ident, $params:ty) => {
        $imports.func_wrap_async(&$import, |mut store: Store<'_>, params: $params| {
            Box::new(async move {
                let answer = $operation(&mut store, params)?;
                Ok((waited(&mut store, answer).await,))
            })
        })?;
    };
}

/// The async lane: the answer is a future. What it starts is started here and not when it is read.
macro_rules! awaiting {
    ($imports:ident, $import:path, $operation:ident, $params:ty) => {
        $imports.func_wrap(&$import, |mut store: Store<'_>, params: $params| {
            let answer = $operation(&mut store, params)?;
            begun(store, answer, || Err(ChildError::Noproc))
        })?;
    };
}

pub(super) fn add(imports: &mut Imports<'_>) -> wasmtime::Result<()> {
    register!(imports, supervisors, blocking)
}

pub(super) fn add_async(imports: &mut Imports<'_>) -> wasmtime::Result<()> {
    register!(imports, supervisors_async, awaiting)
}

fn start(
    store: &mut Store<'_>,
    (options, children): (SupervisorOptions, WasmList<ChildSpec>),
) -> wasmtime::Result<impl Future<Output = Result<Pid, ChildError>> + Send + use<>> {
    let supervisor = supervisor(store, options, &children)?;
    let (runtime, own) = (store.data().context.runtime().clone(), store.data().context.pid());
    Ok(async move {
        let started = supervisor?.start(&runtime, Some(own)).await;
        started.map(|started| started.pid.into()).map_err(|error| ChildError::Start(error.to_string()))
    })
}

type StartUnder = (Pid, ChildOptions, SupervisorOptions, WasmList<ChildSpec>);

fn start_under(
    store: &mut Store<'_>,
    (under, treatment, options, children): StartUnder,
) -> wasmtime::Result<impl Future<Output = Result<Pid, ChildError>> + Send + use<>> {
    let above = steered(store, "start-under", under);
    let supervisor = supervisor(store, options, &children)?;
    Ok(async move {
        let child = rusm_otp::ChildSpec::supervisor(supervisor?);
        Ok(above?.start_child(treated(child, &treatment)).await?.into())
    })
}

fn start_child(
    store: &mut Store<'_>,
    (supervisor, child): (Pid, ChildSpec),
) -> wasmtime::Result<impl Future<Output = Result<Pid, ChildError>> + Send + use<>> {
    let supervisor = steered(store, "start-child", supervisor);
    let child = child_spec(store, child)?;
    Ok(async move { Ok(supervisor?.start_child(child?).await?.into()) })
}

fn terminate_child(
    store: &mut Store<'_>,
    (supervisor, id): (Pid, WasmStr),
) -> wasmtime::Result<impl Future<Output = Result<(), ChildError>> + Send + use<>> {
    let (supervisor, id) = (steered(store, "terminate-child", supervisor), child_id(store, &id)?);
    Ok(async move { Ok(supervisor?.terminate_child(&id?).await?) })
}

fn terminate(
    store: &mut Store<'_>,
    (supervisor, child): (Pid, Pid),
) -> wasmtime::Result<impl Future<Output = Result<(), ChildError>> + Send + use<>> {
    let supervisor = steered(store, "terminate", supervisor);
    Ok(async move { Ok(supervisor?.terminate(child.into()).await?) })
}

fn restart_child(
    store: &mut Store<'_>,
    (supervisor, id): (Pid, WasmStr),
) -> wasmtime::Result<impl Future<Output = Result<Pid, ChildError>> + Send + use<>> {
    let (supervisor, id) = (steered(store, "restart-child", supervisor), child_id(store, &id)?);
    Ok(async move { Ok(supervisor?.restart_child(&id?).await?.into()) })
}

fn delete_child(
    store: &mut Store<'_>,
    (supervisor, id): (Pid, WasmStr),
) -> wasmtime::Result<impl Future<Output = Result<(), ChildError>> + Send + use<>> {
    let (supervisor, id) = (steered(store, "delete-child", supervisor), child_id(store, &id)?);
    Ok(async move { Ok(supervisor?.delete_child(&id?).await?) })
}

fn which_children(
    store: &mut Store<'_>,
    (supervisor,): (Pid,),
) -> wasmtime::Result<impl Future<Output = Result<Vec<ChildInfo>, ChildError>> + Send + use<>> {
    let supervisor = steered(store, "which-children", supervisor);
    Ok(async move { Ok(supervisor?.which_children().await?.into_iter().map(ChildInfo::from).collect()) })
}

fn count_children(
    store: &mut Store<'_>,
    (supervisor,): (Pid,),
) -> wasmtime::Result<impl Future<Output = Result<ChildCounts, ChildError>> + Send + use<>> {
    let supervisor = steered(store, "count-children", supervisor);
    Ok(async move {
        let supervisor = supervisor?;
        Ok(ChildCounts::of(supervisor.count_children().await?, supervisor.restarts()))
    })
}

fn stop(
    store: &mut Store<'_>,
    (supervisor,): (Pid,),
) -> wasmtime::Result<impl Future<Output = Result<(), ChildError>> + Send + use<>> {
    let supervisor = steered(store, "stop", supervisor);
    let (runtime, own) = (store.data().context.runtime().clone(), store.data().context.pid());
    Ok(async move {
        let supervisor = supervisor?;
        // Whoever stops its own supervisor does not want to end with it.
        runtime.unlink(own, supervisor.pid);
        supervisor.stop().await;
        Ok(())
    })
}

/// The supervisor that runs as this process, if the guest may steer it: it has started it, or one above it.
fn steered(store: &Store<'_>, operation: &'static str, pid: Pid) -> Result<Supervision, ChildError> {
    let guest = store.data();
    let (runtime, own) = (guest.context.runtime(), guest.context.pid());
    let supervision = runtime.supervision(pid.into()).ok_or(ChildError::Noproc)?;
    let above = std::iter::successors(runtime.parent(supervision.pid), |above| runtime.parent(*above));
    if !above.take(rights::DEEPEST).any(|above| above == own) {
        guest.require(operation, Grant::Control).map_err(ChildError::Denied)?;
    }
    Ok(supervision)
}

fn supervisor(
    store: &mut Store<'_>,
    options: SupervisorOptions,
    children: &WasmList<ChildSpec>,
) -> wasmtime::Result<Result<Supervisor, ChildError>> {
    let milliseconds = |ms: u32| Duration::from_millis(u64::from(ms));
    let intensity = usize::try_from(options.intensity).unwrap_or(usize::MAX);
    let name = text(store, &options.name)?;
    if let Err(error) = check_name(&name) {
        return Ok(Err(ChildError::Start(format!("the supervisor itself: {error}"))));
    }
    let mut supervisor = Supervisor::new(name)
        .strategy(options.strategy.into())
        .intensity(intensity, milliseconds(options.period_ms))
        .auto_shutdown(options.auto_shutdown.into())
        .excess(options.excess.into());
    if let Some(backoff) = options.backoff {
        let (first, longest) = (milliseconds(backoff.first_ms), milliseconds(backoff.longest_ms));
        supervisor = supervisor.backoff(Backoff::new(first, longest));
    }
    if let Some(most) = options.most_children {
        supervisor = supervisor.most_children(most as usize);
    }
    match arguments::keep(store.data(), SUPERVISOR) {
        Ok(kept) => supervisor = supervisor.kept(kept),
        Err(full) => return Ok(Err(ChildError::Start(format!("the supervisor itself: {full}")))),
    }
    let children = children.iter(&mut *store)?.collect::<wasmtime::Result<Vec<_>>>()?;
    for child in children {
        match child_spec(store, child)? {
            Ok(child) => supervisor = supervisor.child(child),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(supervisor))
}

/// A process of the host's, and its lists.
const SUPERVISOR: usize = 4096;

fn child_spec(
    store: &mut Store<'_>,
    child: ChildSpec,
) -> wasmtime::Result<Result<rusm_otp::ChildSpec, ChildError>> {
    let id = text(store, &child.options.id)?;
    if let Err(error) = check_name(&id) {
        return Ok(Err(ChildError::Start(format!("child {id:?}: {error}"))));
    }
    let spawn = match spawning::read_spawn(store, &child.component, &child.start)? {
        Ok(spawn) => spawn,
        Err(SpawnError::Denied(missing)) => return Ok(Err(ChildError::Denied(missing))),
        Err(error) => return Ok(Err(ChildError::Start(format!("child `{id}`: {error:?}")))),
    };
    let host = store.data().host.clone();
    let start = move |parent: Parent| {
        let spawn = spawn.clone().parent(parent.pid, true, false);
        let host = host.clone();
        async move { Ok(host.spawn(spawn).await?.pid) }
    };
    Ok(Ok(treated(rusm_otp::ChildSpec::new(id, start), &child.options)))
}

fn treated(child: rusm_otp::ChildSpec, options: &ChildOptions) -> rusm_otp::ChildSpec {
    child.restart(options.restart.into()).shutdown(options.shutdown.into()).significant(options.significant)
}

/// The id of a child, unless none can have it: nothing that long is kept while the supervisor is busy.
fn child_id(store: &Store<'_>, id: &WasmStr) -> wasmtime::Result<Result<String, ChildError>> {
    let id = text(store, id)?;
    Ok(check_name(&id).map(|()| id).map_err(|_| ChildError::NotFound))
}

fn text(store: &Store<'_>, text: &WasmStr) -> wasmtime::Result<String> {
    Ok(text.to_str(store)?.into_owned())
}

impl From<Error> for ChildError {
    fn from(error: Error) -> Self {
        match error {
            Error::NoProc => Self::Noproc,
            Error::NotFound => Self::NotFound,
            Error::Running(pid) => Self::Running(pid.into()),
            Error::Restarting => Self::Restarting,
            Error::AlreadyPresent => Self::AlreadyPresent,
            Error::TooMany => Self::TooMany,
            Error::Strategy => Self::WrongStrategy,
            Error::Start(error) => Self::Start(error.to_string()),
        }
    }
}
