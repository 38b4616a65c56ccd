//! How processes of components are started.

use std::sync::Arc;

use rusm_codegen::Shape;
use rusm_otp::{Context, ExitReason, SpawnOptions, Spawned, check_name};
use tokio::sync::oneshot;

use crate::capacity::Counted;
use crate::process::{self, Birth, Init, Refusal, Started};
use crate::{Component, Engine, Kind, Lane, Spawn, SpawnError};

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
        let codes = self.codes(&spawn.component).ok_or_else(|| self.unknown(&spawn.component))?;
        let component = codes.component.clone();
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
        let (place, code) = self.place(&codes).await.map_err(SpawnError::Capacity)?;
        let profile = spawn.profile.clone().map_or_else(|| component.profile.clone(), Arc::new);
        let (host, ticks, started) = (self.host(), self.ticks().clone(), Started::new(sender));
        let command = spawn.command.clone().map(Box::new);
        let birth = Birth { host, ticks, component, code, profile, init, command, started, place, counted };
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

/// One more of the component, and of its parent's children, if their limits allow.
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
    let constructor = component.contracts.constructor().map(|(_, constructor)| constructor);
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
