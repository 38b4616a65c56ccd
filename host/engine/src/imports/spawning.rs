//! Spawns and loads: what both lanes do for them, apart from how each waits.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use rusm_otp::Overdrawn;
use wasmtime::component::{WasmList, WasmStr};

use super::arguments::{Store, keep, limit, strings};
use super::calls::used_contract;
use crate::error::NotLoaded;
use crate::guest::Guest;
use crate::types::{LoadError, SpawnError, SpawnOptions, Spawned};
use crate::{Grant, Profile, Spawn};

/// Everything about a spawn that is read from the guest; the rest needs no store.
pub(super) fn prepare_spawn(
    store: &mut Store<'_>,
    component: &WasmStr,
    options: &SpawnOptions,
) -> wasmtime::Result<impl Future<Output = Result<Spawned, SpawnError>> + Send + use<>> {
    let (link, monitor) = (options.link, options.monitor);
    let spawn = read_spawn(store, component, options)?;
    let guest = store.data();
    let host = guest.host.clone();
    let parent = guest.context.pid();
    Ok(async move {
        let spawned = host.spawn(spawn?.parent(parent, link, monitor)).await.map_err(SpawnError::from)?;
        Ok(Spawned { pid: spawned.pid.into(), monitor: spawned.monitor })
    })
}

/// Loads a component from bytes, under a profile that can only be narrower than the guest's own.
pub(super) fn prepare_load(
    store: &mut Store<'_>,
    component: &WasmList<u8>,
    capabilities: &WasmList<WasmStr>,
) -> wasmtime::Result<impl Future<Output = Result<String, LoadError>> + Send + use<>> {
    let guest = store.data();
    let granted = guest.require("load", Grant::Load).map_err(LoadError::Denied);
    let granted = granted.and_then(|()| {
        // A component may be larger than all else that is kept, if it is loaded alone.
        let alone = Arc::strong_count(&guest.loading) == 1;
        match keep(guest, component.as_le_slice(&*store).len()) {
            Err(full @ Overdrawn::Node { .. }) => Err(LoadError::Capacity(full.to_string())),
            Err(full) if !alone => Err(LoadError::Capacity(full.to_string())),
            kept => Ok((kept.ok(), guest.loading.clone())),
        }
    });
    // What is not granted is not copied either.
    let bytes = if granted.is_ok() { component.as_le_slice(&*store).to_vec() } else { Vec::new() };
    let grants = strings(store, capabilities)?;
    let guest = store.data();
    let (host, loaded) = (guest.host.clone(), guest.loaded.clone());
    let profile = granted.and_then(|kept| {
        let narrowed = narrowed(&guest.profile, &grants, || "the loading process".into());
        Ok((narrowed.map_err(LoadError::Denied)?, kept))
    });
    Ok(async move {
        let (profile, _kept) = profile?;
        let name = host.load(bytes, profile).await.map_err(|error| match error {
            NotLoaded::Invalid(why) => LoadError::Invalid(why),
            NotLoaded::Capacity(why) => LoadError::Capacity(why),
        })?;
        loaded.lock().insert(name.clone());
        Ok(name.to_string())
    })
}

/// A spawn as a guest describes it, if it may.
pub(super) fn read_spawn(
    store: &mut Store<'_>,
    component: &WasmStr,
    options: &SpawnOptions,
) -> wasmtime::Result<Result<Spawn, SpawnError>> {
    let component = component.to_str(&*store)?.into_owned();
    let body = Bytes::copy_from_slice(options.body.as_le_slice(&*store));
    let text = |value: &Option<WasmStr>| {
        value.as_ref().map(|value| Ok::<_, wasmtime::Error>(value.to_str(&*store)?.into_owned())).transpose()
    };
    let (contract, name) = (text(&options.contract)?, text(&options.name)?);
    let grants = options.capabilities.as_ref().map(|grants| strings(store, grants)).transpose()?;
    let arguments = strings(store, &options.arguments)?;
    let texts = [Some(&component), contract.as_ref(), name.as_ref()].into_iter().flatten();
    let texts = texts.chain(&arguments).chain(grants.iter().flatten()).map(|text| TEXT + text.len());
    let kept = keep(store.data(), SPAWN + body.len() + texts.sum::<usize>());
    let spawn = admit(store.data(), component, contract, name, grants);
    let deadline = limit(options.deadline_ms);
    Ok(spawn.and_then(|spawn| {
        let kept = kept.map_err(|full| SpawnError::Capacity(full.to_string()))?;
        let spawn = spawn.init(options.init, body).deadline(deadline).kept(kept);
        Ok(if arguments.is_empty() { spawn } else { spawn.command(arguments, Bytes::new()) })
    }))
}

/// A spawn that is under way or is a child's for as long as its supervisor knows it: its place, and that of each of its texts.
const SPAWN: usize = 1024;
const TEXT: usize = 32;

/// A profile with only these grants, written as in the manifest.
fn narrowed(profile: &Profile, grants: &[String], whose: impl Fn() -> String) -> Result<Profile, String> {
    let parsed = grants.iter().map(|text| text.parse::<Grant>()).collect::<Result<Vec<_>, _>>();
    let parsed = parsed.map_err(|error| error.to_string())?;
    profile.narrow(parsed).map_err(|grant| format!("`{grant}` is wider than the profile of {}", whose()))
}

fn admit(
    guest: &Guest,
    component: String,
    contract: Option<String>,
    name: Option<String>,
    grants: Option<Vec<String>>,
) -> Result<Spawn, SpawnError> {
    let mut wanted: Vec<Grant> = name.iter().map(|name| Grant::Register(name.clone())).collect();
    if !guest.loaded.lock().contains(component.as_str()) {
        wanted.insert(0, Grant::Spawn(component.clone()));
    }
    for grant in wanted {
        guest.require("spawn", grant).map_err(SpawnError::Denied)?;
    }
    let contract = contract.map(|id| used_contract(guest, &id)).transpose().map_err(SpawnError::Contract)?;
    let profile = match grants {
        None => None,
        Some(grants) => {
            let child = guest.host.component(&component);
            let child = child.map(|child| child.profile().clone()).unwrap_or_default();
            let profile = narrowed(&child, &grants, || format!("component `{component}`"));
            Some(profile.map_err(SpawnError::Denied)?)
        }
    };
    let children = (guest.children.clone(), guest.profile.limits.processes);
    Ok(Spawn::new(component).contract(contract).name(name).profile(profile).counted(children.0, children.1))
}

impl From<crate::SpawnError> for SpawnError {
    fn from(error: crate::SpawnError) -> Self {
        let text = error.to_string();
        match error {
            crate::SpawnError::UnknownComponent { .. } => Self::UnknownComponent(text),
            crate::SpawnError::Contract(text) => Self::Contract(text),
            crate::SpawnError::Refused(error) => Self::Refused(error),
            crate::SpawnError::Malformed(text) => Self::Malformed(text),
            crate::SpawnError::Exited(reason) => Self::Exited(reason.into()),
            crate::SpawnError::Timeout(_) => Self::Timeout,
            crate::SpawnError::AlreadyRegistered(holder) => Self::AlreadyRegistered(holder.into()),
            crate::SpawnError::Capacity(text) => Self::Capacity(text),
            crate::SpawnError::Name(_) => Self::Badarg(text),
        }
    }
}
