use std::fmt::Write as _;

use wasmtime::StoreContextMut;
use wasmtime::component::{WasmList, WasmStr};

use super::table::{Imports, logging as import};
use crate::guest::Guest;
use crate::types::Level;

type Store<'a> = StoreContextMut<'a, Guest>;

pub(super) fn add(imports: &mut Imports<'_>) -> wasmtime::Result<()> {
    imports.func_wrap(
        &import::LOG,
        |mut store: Store<'_>, (level, message, fields): (Level, WasmStr, WasmList<(WasmStr, WasmStr)>)| {
            let pairs = fields.iter(&mut store)?.collect::<wasmtime::Result<Vec<_>>>()?;
            let mut text = message.to_str(&store)?.into_owned();
            for (name, value) in pairs {
                // Writing to a string cannot fail.
                let _ = write!(text, " {}={}", name.to_str(&store)?, value.to_str(&store)?);
            }
            let output = store.data_mut().output();
            if output.may_log(text.len()) {
                log(store.data(), level, &text);
            }
            Ok(())
        },
    )
}

fn log(guest: &Guest, level: Level, text: &str) {
    let (component, pid) = (&guest.component.name, guest.context.pid());
    let function = guest.function.map(|key| guest.component.function_name(key)).unwrap_or_default();
    macro_rules! event {
        ($level:ident) => {
            tracing::$level!(target: "rusm::guest", %component, %pid, %function, "{text}")
        };
    }
    match level {
        Level::Trace => event!(trace),
        Level::Debug => event!(debug),
        Level::Info => event!(info),
        Level::Warn => event!(warn),
        Level::Error => event!(error),
    }
}
