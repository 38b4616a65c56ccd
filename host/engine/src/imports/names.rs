use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmStr};

use super::interface;
use super::operations::denied;
use crate::Grant;
use crate::process::Guest;
use crate::types::{Pid, RegisterError};

type Store<'a> = StoreContextMut<'a, Guest>;

pub(super) fn add(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut names = linker.instance(interface!("names"))?;
    names.func_wrap("register", |store: Store<'_>, (name,): (WasmStr,)| {
        let name = name.to_str(&store)?.into_owned();
        Ok((register(store.data(), &name),))
    })?;
    names.func_wrap("unregister", |store: Store<'_>, (name,): (WasmStr,)| {
        let name = name.to_str(&store)?;
        let context = &store.data().context;
        Ok((context.runtime().unregister(context.pid(), &name),))
    })?;
    names.func_wrap("whereis", |store: Store<'_>, (name,): (WasmStr,)| {
        let name = name.to_str(&store)?;
        let guest = store.data();
        let grant = Grant::Lookup(name.to_string());
        if !guest.profile.allows(&grant) {
            let missing = denied(guest, grant);
            tracing::warn!(component = %guest.component.name, pid = %guest.context.pid(), "denied: {missing}");
            return Ok((None,));
        }
        Ok((guest.context.runtime().whereis(&name).map(Pid::from),))
    })
}

fn register(guest: &Guest, name: &str) -> Result<(), RegisterError> {
    let grant = Grant::Register(name.to_owned());
    if !guest.profile.allows(&grant) {
        return Err(RegisterError::Denied(denied(guest, grant)));
    }
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(RegisterError::Badarg(format!(
            "a name has 1 to {LONGEST_NAME} bytes, not {}",
            name.len()
        )));
    }
    let registered = guest.context.runtime().register(guest.context.pid(), name);
    registered.map_err(|error| match error {
        rusm_otp::RegisterError::Taken(holder) => RegisterError::Taken(holder.into()),
        other => RegisterError::Badarg(other.to_string()),
    })
}

/// As Erlang's atoms.
const LONGEST_NAME: usize = 255;
