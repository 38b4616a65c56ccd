use wasmtime::StoreContextMut;
use wasmtime::component::WasmStr;

use super::table::{Imports, names as import};
use crate::Grant;
use crate::guest::Guest;
use crate::types::{Pid, RegisterError};

type Store<'a> = StoreContextMut<'a, Guest>;

pub(super) fn add(imports: &mut Imports<'_>) -> wasmtime::Result<()> {
    imports.func_wrap(&import::REGISTER, |store: Store<'_>, (name,): (WasmStr,)| {
        let name = name.to_str(&store)?.into_owned();
        Ok((register(store.data(), &name),))
    })?;
    imports.func_wrap(&import::UNREGISTER, |store: Store<'_>, (name,): (WasmStr,)| {
        let name = name.to_str(&store)?;
        let context = &store.data().context;
        Ok((context.runtime().unregister(context.pid(), &name),))
    })?;
    imports.func_wrap(&import::WHEREIS, |store: Store<'_>, (name,): (WasmStr,)| {
        let name = name.to_str(&store)?;
        let guest = store.data();
        // The denial is in the log.
        if guest.require("whereis", Grant::Lookup(name.to_string())).is_err() {
            return Ok((None,));
        }
        Ok((guest.context.runtime().whereis(&name).map(Pid::from),))
    })
}

fn register(guest: &Guest, name: &str) -> Result<(), RegisterError> {
    guest.require("register", Grant::Register(name.to_owned())).map_err(RegisterError::Denied)?;
    let registered = guest.context.runtime().register(guest.context.pid(), name);
    registered.map_err(|error| match error {
        rusm_otp::RegisterError::Taken(holder) => RegisterError::Taken(holder.into()),
        other => RegisterError::Badarg(other.to_string()),
    })
}
