use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rusm_codegen::section::{self, Contracts, SectionError};
use rusm_codegen::{Contract, Shape as Form};
use rusm_otp::{Pid, StreamEnd};
use tokio::sync::OnceCell;
use wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component as Compiled, ComponentExportIndex, InstancePre};

use crate::capabilities::Denials;
use crate::capacity::Count;
use crate::figures::Figures;
use crate::limiter::Total;
use crate::process::Guest;
use crate::source_map::Sources;
use crate::types::StreamDirection;
use crate::{Denied, Grant, Profile};

/// A component that was loaded under a name, ready to be spawned.
pub struct Component {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) lane: Lane,
    pub(crate) contracts: Contracts,
    pub(crate) profile: Arc<Profile>,
    /// Its code for a place in the pool, and for one beyond it once that was needed.
    pub(crate) pooled: Arc<Code>,
    pub(crate) overflow: OnceCell<Arc<Code>>,
    /// How many places of the pool one of its processes takes.
    pub(crate) pool_size: u32,
    /// Where the lines of its bundle come from.
    pub(crate) sources: Sources,
    /// The export that makes it a process.
    pub(crate) entry: String,
    /// The component itself, for compiling it again.
    pub(crate) bytes: Arc<[u8]>,
    /// Its living processes, the memory of all of them, and what they were denied.
    pub(crate) living: Count,
    pub(crate) memory: Arc<Total>,
    pub(crate) denials: Denials,
    pub(crate) figures: Figures,
    /// Its functions that have a stream, by key, in order: most components have none.
    pub(crate) streams: Box<[(u32, StreamDirection)]>,
    /// The functions that its clients call, by key: what to say of one that the callee lacks.
    pub(crate) called: HashMap<u32, String>,
}

/// A component as one tier runs it.
pub(crate) struct Code {
    pub(crate) engine: Engine,
    pub(crate) pre: InstancePre<Guest>,
    pub(crate) exports: Exports,
    /// Whether the types of its exports were checked against the world, which its first process does.
    pub(crate) checked: AtomicBool,
}

/// What a component exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A service: the host owns its loop.
    Service,
    /// A process with a loop of its own.
    Raw,
    /// A program of `wasi:cli`, such as any language makes: it runs from its `main` to its exit code.
    Command,
}

/// How a component waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Its imports block it.
    Sync,
    /// Its imports answer with futures.
    Async,
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

/// Why a component was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is no component, or its contracts cannot be read.
    #[error("component `{name}`: {source}")]
    Section {
        /// The component.
        name: String,
        /// Why.
        source: Box<SectionError>,
    },
    /// It is a component, but no process.
    #[error(
        "component `{name}` is neither a service nor a raw process nor a command: it exports {exports}; expected \
         `rusm:actor/server@0.1.0`, `rusm:actor/server-async@0.1.0`, `run`, or `wasi:cli/run` of 0.2 or 0.3"
    )]
    NoProcess {
        /// The component.
        name: String,
        /// What it exports.
        exports: String,
    },
    /// It does not compile, or wants what the host does not give.
    #[error("component `{name}` cannot be run: {}", chain(&**source))]
    Unfit {
        /// The component.
        name: String,
        /// Why.
        source: Cause,
    },
}

/// An error below one of this crate's, of whichever library.
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// What an error says, and each one below it.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}

impl Component {
    /// The name it was loaded under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it exports.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How it waits.
    pub fn lane(&self) -> Lane {
        self.lane
    }

    /// The contracts it implements and uses.
    pub fn contracts(&self) -> &Contracts {
        &self.contracts
    }

    /// What its processes may do.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The functions that it imports, as `package:name/interface@version` and name, in its own order.
    pub fn imports(&self) -> Vec<(String, String)> {
        let engine = &self.pooled.engine;
        let ty = self.pooled.pre.component().component_type();
        let interfaces = ty.imports(engine).filter_map(|(name, item)| match item.ty {
            ComponentItem::ComponentInstance(instance) => Some((name.to_owned(), instance)),
            _ => None,
        });
        let functions = interfaces.flat_map(|(interface, instance)| {
            let functions = instance.exports(engine).filter_map(|(name, item)| {
                matches!(item.ty, ComponentItem::ComponentFunc(_))
                    .then(|| (interface.clone(), name.to_owned()))
            });
            functions.collect::<Vec<_>>()
        });
        functions.collect()
    }

    /// Counts what one of its processes was denied; the text for it.
    pub(crate) fn deny(&self, process: Pid, operation: &'static str, grant: Grant) -> String {
        let denied = Denied { process, component: self.name.to_string(), operation, grant };
        self.denials.count(&denied);
        denied.to_string()
    }

    /// The same of what it may not do to a process whose name is not its business.
    pub(crate) fn deny_about(
        &self,
        process: Pid,
        operation: &'static str,
        grant: Grant,
        other: Pid,
    ) -> String {
        let denied = Denied { process, component: self.name.to_string(), operation, grant };
        self.denials.count(&denied);
        denied.about(other)
    }

    /// What its processes were denied: operation, kind of grant, how often.
    pub fn denials(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.denials.counts()
    }

    /// How many of its processes live.
    pub fn living(&self) -> u32 {
        self.living.get()
    }

    /// What is wrong with a call that brings this end of a stream, or none; `None` if that is as its contract says.
    pub(crate) fn misfit(&self, key: u32, stream: Option<&StreamEnd>) -> Option<String> {
        if self.streams.is_empty() && stream.is_none() {
            return None;
        }
        let place = self.streams.binary_search_by_key(&key, |(key, _)| *key).ok();
        let wanted = place.map(|place| self.streams[place].1);
        let brought = stream.map(|end| match end {
            StreamEnd::Reader(_) => StreamDirection::ToCallee,
            StreamEnd::Writer(_) => StreamDirection::ToCaller,
        });
        // Of what its contracts do not know, the guest says so itself.
        let known = || self.contracts.implements.iter().any(|contract| contract.function(key).is_some());
        if wanted == brought || wanted.is_none() && !known() {
            return None;
        }
        let name = self.function_name(key);
        Some(match wanted {
            None => format!("`{name}` has no stream, and the call came with one"),
            Some(_) if brought.is_none() => format!("`{name}` has a stream, and the call came without one"),
            Some(StreamDirection::ToCallee) => {
                format!("`{name}` reads a stream, and the call came with one to write")
            }
            Some(StreamDirection::ToCaller) => {
                format!("`{name}` writes a stream, and the call came with one to read")
            }
        })
    }

    /// The name of a function of its contracts, for people.
    pub(crate) fn function_name(&self, key: u32) -> String {
        let named = |contract: &Contract| contract.function(key).map(|function| contract.path(function));
        self.contracts.implements.iter().find_map(named).unwrap_or_else(|| format!("{key:#010x}"))
    }

    /// What of a contract this component lacks, as a text.
    pub(crate) fn difference(&self, wanted: &Contract) -> Option<String> {
        let missing = wanted.missing_from(&self.contracts.implements);
        if missing.is_empty() {
            return None;
        }
        let lines = missing.iter().map(|function| {
            let own = self.contracts.implements.iter().find_map(|own| own.function_named(&function.name));
            match own {
                Some(own) => {
                    format!("`{}` is `{}` there, not `{}`", function.name, own.canonical, function.canonical)
                }
                None => format!("`{}` is missing", function.name),
            }
        });
        let lines = lines.collect::<Vec<_>>().join("; ");
        Some(format!("component `{}` does not have all of `{}`: {lines}", self.name, wanted.id))
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("Component");
        out.field("name", &self.name)
            .field("kind", &self.kind)
            .field("lane", &self.lane)
            .finish_non_exhaustive()
    }
}

/// What a component is, read before it is compiled.
pub(crate) struct Shape {
    pub(crate) kind: Kind,
    pub(crate) lane: Lane,
    pub(crate) contracts: Contracts,
    /// The export that makes it a process.
    pub(crate) entry: String,
}

/// The functions of a component that have a stream, in the order of their keys.
pub(crate) fn streams(contracts: &Contracts) -> Box<[(u32, StreamDirection)]> {
    let functions = contracts.implements.iter().flat_map(Contract::all_functions);
    let mut streams: Vec<_> = functions
        .filter_map(|function| match function.shape {
            Form::StreamIn { .. } => Some((function.key, StreamDirection::ToCallee)),
            Form::StreamOut { .. } => Some((function.key, StreamDirection::ToCaller)),
            _ => None,
        })
        .collect();
    streams.sort_by_key(|(key, _)| *key);
    streams.into()
}

pub(crate) fn examine(name: &str, bytes: &[u8]) -> Result<Shape, LoadError> {
    let contracts = section::read(bytes)
        .map_err(|source| LoadError::Section { name: name.to_owned(), source: Box::new(source) })?;
    let exports = exports(bytes);
    let found = ENTRIES.iter().find_map(|(prefix, kind)| {
        let entry = exports.iter().find(|export| export.starts_with(prefix))?;
        Some((entry.clone(), *kind))
    });
    let Some((entry, kind)) = found else {
        let exports = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
        return Err(LoadError::NoProcess { name: name.to_owned(), exports });
    };
    let lane = if needs_concurrency(bytes) { Lane::Async } else { Lane::Sync };
    Ok(Shape { kind, lane, contracts, entry })
}

fn exports(bytes: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentExportSection(section) if depth == 1 => {
                names.extend(section.into_iter().flatten().map(|export| export.name.name.to_owned()));
            }
            _ => {}
        }
    }
    names
}

/// Whether a component has async functions, streams or futures anywhere: whether it is only valid with them. Function bodies
/// are left to the compiler.
fn needs_concurrency(bytes: &[u8]) -> bool {
    let mut validator = Validator::new_with_features(WasmFeatures::all().difference(WasmFeatures::CM_ASYNC));
    let mut payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    payloads.any(|payload| validator.payload(&payload).is_err())
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

/// The exports that make a component a process, by the beginning of their name, and as what. A service may well export `run`
/// for other hosts.
const ENTRIES: [(&str, Kind); 5] = [
    ("rusm:actor/server@0.1.", Kind::Service),
    ("rusm:actor/server-async@0.1.", Kind::Service),
    ("wasi:cli/run@0.2.", Kind::Command),
    ("wasi:cli/run@0.3.", Kind::Command),
    ("run", Kind::Raw),
];
