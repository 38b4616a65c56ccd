//! The compiled code of components.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::OnceCell;
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component as Compiled, ComponentExportIndex, InstancePre};

use crate::guest::Guest;
use crate::{Component, Kind};

/// A component that is ready to be spawned.
pub(crate) struct Codes {
    pub(crate) component: Arc<Component>,
    /// For a place in the pool, and for one beyond it once that was needed.
    pub(crate) pooled: Arc<Code>,
    pub(crate) overflow: OnceCell<Arc<Code>>,
    /// How many places of the pool one of its processes takes.
    pub(crate) pool_size: u32,
}

/// A component as one tier runs it.
pub(crate) struct Code {
    pub(crate) engine: Engine,
    pub(crate) pre: InstancePre<Guest>,
    pub(crate) exports: Exports,
    /// Whether the types of its exports were checked against the world, which its first process does.
    pub(crate) checked: AtomicBool,
}

/// Where a component's exports are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Exports {
    Service {
        init: ComponentExportIndex,
        handle: ComponentExportIndex,
        info: ComponentExportIndex,
        terminate: ComponentExportIndex,
        /// `handle-short` and its `take-outcome`.
        short: Option<[ComponentExportIndex; 2]>,
        /// `handle-plain` and its `take-outcome`.
        plain: Option<[ComponentExportIndex; 2]>,
    },
    Raw {
        run: ComponentExportIndex,
    },
    Command {
        run: ComponentExportIndex,
    },
}

impl Exports {
    /// The exports that make it a process.
    ///
    /// # Errors
    /// Which one is missing, or is something else.
    pub(crate) fn find(compiled: &Compiled, kind: Kind, entry: &str) -> Result<Self, String> {
        let (item, interface) =
            compiled.get_export(None, entry).ok_or_else(|| format!("it does not export `{entry}`"))?;
        let export = |name: &str| {
            let found = compiled.get_export_index(Some(&interface), name);
            found.ok_or_else(|| format!("its `{entry}` has no `{name}`"))
        };
        Ok(match kind {
            Kind::Raw => match item {
                ComponentItem::ComponentFunc(run) if run.params().len() + run.results().len() == 0 => {
                    Self::Raw { run: interface }
                }
                _ => return Err("its `run` is no function without arguments and results".into()),
            },
            Kind::Command => Self::Command { run: export("run")? },
            Kind::Service => Self::Service {
                init: export("init")?,
                handle: export("handle")?,
                info: export("info")?,
                terminate: export("terminate")?,
                short: optional(compiled, "rusm:actor/server-short@0.1.0", "handle-short"),
                plain: optional(compiled, "rusm:actor/server-plain@0.1.0", "handle-plain"),
            },
        })
    }
}

/// Exports that a service may have besides, to handle messages at less cost.
fn optional(compiled: &Compiled, interface: &str, handle: &str) -> Option<[ComponentExportIndex; 2]> {
    let (_, interface) = compiled.get_export(None, interface)?;
    let export = |name| compiled.get_export_index(Some(&interface), name);
    Some([export(handle)?, export("take-outcome")?])
}

/// The functions that a component imports, as `package:name/interface@version` and name, in its own order.
pub(crate) fn imports(engine: &Engine, compiled: &Compiled) -> Vec<(String, String)> {
    let ty = compiled.component_type();
    let interfaces = ty.imports(engine).filter_map(|(name, item)| match item.ty {
        ComponentItem::ComponentInstance(instance) => Some((name.to_owned(), instance)),
        _ => None,
    });
    let functions = interfaces.flat_map(|(interface, instance)| {
        let functions = instance.exports(engine).filter_map(|(name, item)| {
            matches!(item.ty, ComponentItem::ComponentFunc(_)).then(|| (interface.clone(), name.to_owned()))
        });
        functions.collect::<Vec<_>>()
    });
    functions.collect()
}
