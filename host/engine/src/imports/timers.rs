use bytes::Bytes;
use wasmtime::StoreContextMut;
use wasmtime::component::WasmList;

use super::arguments;
use super::table::{Imports, timers as import};
use crate::guest::Guest;
use crate::types::Reference;

type Store<'a> = StoreContextMut<'a, Guest>;

pub(super) fn add(imports: &mut Imports<'_>) -> wasmtime::Result<()> {
    imports.func_wrap(&import::SEND_AFTER, |store: Store<'_>, (ms, body): (u64, WasmList<u8>)| {
        let body = Bytes::copy_from_slice(body.as_le_slice(&store));
        let Guest { context, profile, .. } = store.data();
        let most = profile.limits.timers;
        if context.runtime().timers(context.pid()) >= most {
            return Err(wasmtime::Error::msg(format!("its timers are limited to {most} at a time")));
        }
        let after = arguments::milliseconds(ms);
        Ok((context.runtime().send_after(context.pid(), after, body),))
    })?;
    imports.func_wrap(&import::CANCEL, |store: Store<'_>, (timer,): (Reference,)| {
        let context = &store.data().context;
        let left = context.runtime().cancel_timer(context.pid(), timer);
        Ok((left.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),))
    })?;
    imports.func_wrap(&import::NOW, |store: Store<'_>, (): ()| {
        let uptime = store.data().context.runtime().uptime();
        Ok((u64::try_from(uptime.as_nanos()).unwrap_or(u64::MAX),))
    })
}
