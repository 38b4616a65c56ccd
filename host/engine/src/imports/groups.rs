use rusm_otp::{Payload, check_name};
use wasmtime::StoreContextMut;
use wasmtime::component::{WasmList, WasmStr};

use super::table::{Imports, groups as import};
use crate::Grant;
use crate::guest::Guest;
use crate::types::{Pid, Reference, SendError};

type Store<'a> = StoreContextMut<'a, Guest>;

pub(super) fn add(imports: &mut Imports<'_>) -> wasmtime::Result<()> {
    imports.func_wrap(&import::JOIN, |store: Store<'_>, (group,): (WasmStr,)| {
        with(&store, "join", &group, |guest, group| {
            guest.context.runtime().join(group, guest.context.pid());
        })
    })?;
    imports.func_wrap(&import::LEAVE, |store: Store<'_>, (group,): (WasmStr,)| {
        with(&store, "leave", &group, |guest, group| {
            guest.context.runtime().leave(group, guest.context.pid())
        })
    })?;
    imports.func_wrap(&import::MEMBERS, |store: Store<'_>, (group,): (WasmStr,)| {
        with(&store, "members", &group, |guest, group| {
            let members = guest.context.runtime().members(group);
            members.iter().copied().map(Pid::from).collect::<Vec<_>>()
        })
    })?;
    imports.func_wrap(&import::BROADCAST, |store: Store<'_>, (group, body): (WasmStr, WasmList<u8>)| {
        let body = Payload::from(body.as_le_slice(&store));
        with(&store, "broadcast", &group, |guest, group| {
            let sent = guest.context.runtime().broadcast(guest.context.pid(), group, &body);
            u32::try_from(sent).unwrap_or(u32::MAX)
        })
    })?;
    imports.func_wrap(&import::MONITOR, |store: Store<'_>, (group,): (WasmStr,)| {
        with(&store, "monitor-group", &group, |guest, group| {
            let (monitor, members) = guest.context.runtime().monitor_group(guest.context.pid(), group);
            (monitor, members.into_iter().map(Pid::from).collect::<Vec<_>>())
        })
    })?;
    imports.func_wrap(&import::DEMONITOR, |store: Store<'_>, (monitor,): (Reference,)| {
        let context = &store.data().context;
        Ok((context.runtime().demonitor_group(context.pid(), monitor),))
    })
}

/// What a granted operation answers.
fn with<T>(
    store: &Store<'_>,
    operation: &'static str,
    group: &WasmStr,
    run: impl FnOnce(&Guest, &str) -> T,
) -> wasmtime::Result<(Result<T, SendError>,)> {
    let group = group.to_str(store)?;
    let guest = store.data();
    let granted = guest.require(operation, Grant::Group(group.to_string())).map_err(SendError::Denied);
    let named =
        granted.and_then(|()| check_name(&group).map_err(|error| SendError::Badarg(error.to_string())));
    Ok((named.map(|()| run(guest, &group)),))
}
