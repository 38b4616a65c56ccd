use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusm_codegen::{Contract, Shape};
use rusm_otp::{Charge, Context, ExitReason, NameError, Pid, SpawnOptions, Spawned, check_name};
use tokio::sync::oneshot;

use crate::capacity::{Count, Counted};
use crate::process::{self, Birth, Command, Init, Refusal, Started};
use crate::{Component, Engine, Kind, Lane, Profile};

/// A process to be started.
#[derive(Debug, Clone)]
pub struct Spawn {
    component: String,
    init: Option<u32>,
    body: Bytes,
    contract: Option<Contract>,
    profile: Option<Profile>,
    parent: Option<Pid>,
    link: bool,
    monitor: bool,
    name: Option<String>,
    command: Option<Command>,
    children: Option<(Count, Option<u32>)>,
    deadline: Duration,
    /// For whoever spawns it, until this is gone.
    kept: Option<Arc<Charge>>,
}

/// Why no process was started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpawnError {
    /// No component of that name is loaded.
    #[error("there is no component `{component}`{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownComponent {
        /// The name.
        component: String,
        /// The known name that is closest.
        nearest: Option<String>,
    },
    /// The component lacks functions of the contract.
    #[error("{0}")]
    Contract(String),
    /// The constructor refused with its typed error.
    #[error("the constructor refused")]
    Refused(Bytes),
    /// The constructor could not decode its arguments, or there is none with that key.
    #[error("the constructor's arguments are malformed: {0}")]
    Malformed(String),
    /// The process ended inside its constructor; with `shutdown`, the node stops.
    #[error("the process ended in its constructor: {0}")]
    Exited(ExitReason),
    /// The constructor was not done within the deadline.
    #[error("timeout: the constructor was not done within {0:?}")]
    Timeout(Duration),
    /// The name belongs to a living process.
    #[error("the name belongs to {0}")]
    AlreadyRegistered(Pid),
    /// It cannot have that name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The node cannot hold one more.
    #[error("the node is full: {0}")]
    Capacity(String),
}

impl Spawn {
    /// A process of this component: neither linked nor monitored nor named, with five seconds for its constructor.
    pub fn new(component: impl Into<String>) -> Self {
        Self {
            component: component.into(),
            init: None,
            body: Bytes::new(),
            contract: None,
            profile: None,
            parent: None,
            link: false,
            monitor: false,
            name: None,
            command: None,
            children: None,
            deadline: Duration::from_secs(5),
            kept: None,
        }
    }

    /// The constructor's key and its arguments on the wire. A constructor without arguments needs neither.
    pub fn init(mut self, key: Option<u32>, body: Bytes) -> Self {
        (self.init, self.body) = (key, body);
        self
    }

    /// What the caller's client was generated from: the component must have all of it.
    pub fn contract(mut self, contract: Option<Contract>) -> Self {
        self.contract = contract;
        self
    }

    /// Another profile than the component's own.
    pub fn profile(mut self, profile: Option<Profile>) -> Self {
        self.profile = profile;
        self
    }

    /// Who spawns it, and whether the two are linked and the new one monitored.
    pub fn parent(mut self, parent: Pid, link: bool, monitor: bool) -> Self {
        (self.parent, self.link, self.monitor) = (Some(parent), link, monitor);
        self
    }

    /// Registers it under a name.
    pub fn name(mut self, name: Option<String>) -> Self {
        self.name = name;
        self
    }

    /// The command line of a `wasi:cli` program, without its name, and what it finds on standard input.
    pub fn command(mut self, arguments: Vec<String>, stdin: Bytes) -> Self {
        self.command = Some(Command { arguments, stdin });
        self
    }

    /// Counts it among the living processes of whoever spawns it, so many at most.
    pub(crate) fn counted(mut self, children: Count, most: Option<u32>) -> Self {
        self.children = Some((children, most));
        self
    }

    /// What is kept for whoever spawns it.
    pub(crate) fn kept(mut self, kept: Charge) -> Self {
        self.kept = Some(Arc::new(kept));
        self
    }

    /// How long its constructor may take.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

impl Engine {
    /// Starts a process and waits until its constructor is done.
    ///
    /// # Errors
    /// [`SpawnError`]; there is then no process, and no exit or down of it arrives at the parent.
    pub async fn spawn(&self, spawn: Spawn) -> Result<Spawned, SpawnError> {
        spawn.name.as_deref().map_or(Ok(()), check_name)?;
        if self.runtime().is_closed() {
            return Err(SpawnError::Exited(ExitReason::Shutdown));
        }
        let component = self.component(&spawn.component).ok_or_else(|| self.unknown(&spawn.component))?;
        if let Some(difference) = spawn.contract.as_ref().and_then(|contract| component.difference(contract))
        {
            return Err(SpawnError::Contract(difference));
        }
        let init = init(&component, &spawn)?;
        if let Some(name) = &spawn.name {
            self.runtime().name_settled(name, spawn.deadline).await;
        }
        let (sender, outcome) = oneshot::channel();
        let counted = count(&component, &spawn)?;
        let measured = component.figures.begin_spawn().map(|begun| (begun, component.clone()));
        let (place, code) = self.place(&component).await.map_err(SpawnError::Capacity)?;
        let profile = spawn.profile.clone().map_or_else(|| component.profile.clone(), Arc::new);
        let (engine, started) = (self.clone(), Started::new(sender));
        let command = spawn.command.clone().map(Box::new);
        let birth = Birth { engine, component, code, profile, init, command, started, place, counted };
        let spawned = self.start(birth, &spawn)?;
        let outcome = tokio::time::timeout(spawn.deadline, outcome).await;
        let error = match outcome {
            Ok(Ok(Ok(()))) => {
                if let Some((begun, component)) = measured {
                    component.figures.spawned(begun.elapsed());
                }
                return Ok(spawned);
            }
            Ok(Ok(Err(refusal))) => match refusal {
                Refusal::Refused(error) => SpawnError::Refused(error),
                Refusal::Malformed(text) => SpawnError::Malformed(text),
                Refusal::Exited(reason) => SpawnError::Exited(reason),
                Refusal::Capacity(text) => SpawnError::Capacity(text),
            },
            // It was ended from outside, and its body dropped.
            Ok(Err(_)) => SpawnError::Exited(ExitReason::Killed),
            Err(_) => SpawnError::Timeout(spawn.deadline),
        };
        self.forget(&spawn, spawned);
        Err(error)
    }

    fn start(&self, birth: Birth, spawn: &Spawn) -> Result<Spawned, SpawnError> {
        let component = &birth.component;
        let mut options = SpawnOptions::new(component.name.clone()).guest(true);
        // wasmtime cannot begin to run one store's concurrent tasks within another's; it can go on with them there.
        options =
            options.hears_shutdown(component.kind == Kind::Service).own_turns(component.lane == Lane::Async);
        if let Some(parent) = spawn.parent {
            options = options.parent(parent).link(spawn.link).monitor(spawn.monitor);
        }
        if let Some(name) = &spawn.name {
            options = options.name(name.as_str());
        }
        let limits = &birth.profile.limits;
        options = options
            .mailbox(limits.mailbox)
            .mailbox_bytes(limits.mailbox_bytes)
            .host_memory(limits.host_memory);
        let body = move |context: Context| process::run(birth, context);
        self.runtime().spawn(options, body).map_err(|holder| SpawnError::AlreadyRegistered(holder.0))
    }

    /// A process that did not start leaves no trace at its parent.
    fn forget(&self, spawn: &Spawn, spawned: Spawned) {
        if let Some(parent) = spawn.parent {
            self.runtime().unlink(parent, spawned.pid);
            if let Some(monitor) = spawned.monitor {
                self.runtime().demonitor(parent, monitor);
            }
        }
        self.runtime().kill(spawned.pid);
    }

    fn unknown(&self, component: &str) -> SpawnError {
        let names = self.component_names();
        let nearest = rusm_codegen::nearest(component, names.iter().map(|name| &**name)).map(str::to_owned);
        SpawnError::UnknownComponent { component: component.to_owned(), nearest }
    }
}

/// One more of the component, and of whoever spawns it, if their limits allow.
fn count(component: &Component, spawn: &Spawn) -> Result<(Counted, Option<Counted>), SpawnError> {
    let most = component.profile.limits.instances;
    let own = component.living.take(most).ok_or_else(|| {
        let most = most.unwrap_or_default();
        SpawnError::Capacity(format!(
            "component `{}` may have {most} processes (`instances`)",
            component.name
        ))
    })?;
    let Some((children, most)) = &spawn.children else { return Ok((own, None)) };
    let child = children.take(*most).ok_or_else(|| {
        let most = most.unwrap_or_default();
        SpawnError::Capacity(format!("the process may have {most} living children (`processes`)"))
    })?;
    Ok((own, Some(child)))
}

/// What the constructor is called with.
fn init(component: &Component, spawn: &Spawn) -> Result<Init, SpawnError> {
    let constructor = component.contracts.implements.iter().find_map(|own| own.constructor.as_ref());
    let key = match (spawn.init, constructor) {
        (Some(key), _) => key,
        (None, None) => 0,
        (None, Some(own)) if own.params.is_empty() && matches!(own.shape, Shape::Constructor { .. }) => {
            own.key
        }
        (None, Some(own)) => {
            let names = own.params.iter().map(|param| param.name.as_str()).collect::<Vec<_>>().join(", ");
            let text = format!("the constructor of `{}` needs ({names})", component.name);
            return Err(SpawnError::Malformed(text));
        }
    };
    Ok(Init { key, body: spawn.body.clone() })
}
