use std::collections::HashMap;
use std::sync::Arc;

use rusm_codegen::Contract;
use rusm_codegen::section::Contracts;
use rusm_otp::{Pid, StreamEnd};

use crate::capabilities::{Denials, Denied, Grant, Profile};
use crate::capacity::Count;
use crate::figures::Figures;
use crate::limiter::Total;
use crate::source_map::Sources;
use crate::types::StreamDirection;

/// A component that was loaded under a name: everything that is known of it, besides its code.
///
/// ```
/// # use rusm_engine::{Engine, EngineConfig, Profile, Spawn, SpawnError, LoadError};
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let config = EngineConfig { sync_processes: 10, async_processes: 10, ..EngineConfig::default() };
/// # let engine = Engine::new(rusm_otp::Runtime::new(), config)?;
/// # let component = wat::parse_str(r#"(component (core module $m (func (export "run")))
/// #     (core instance $i (instantiate $m)) (func (export "run") (canon lift (core func $i "run"))))"#)?;
/// let loaded = engine.load("nothing", component, Profile::default()).await?;
/// assert_eq!((loaded.name(), loaded.lane()), ("nothing", rusm_engine::Lane::Sync));
/// assert!(loaded.imports().is_empty() && loaded.contracts().implements.is_empty());
/// assert_eq!(loaded.denials(), []);
/// # Ok(())
/// # }
/// ```
pub struct Component {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) lane: Lane,
    pub(crate) contracts: Contracts,
    pub(crate) profile: Arc<Profile>,
    /// What it imports.
    pub(crate) imports: Vec<(String, String)>,
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
    pub fn imports(&self) -> &[(String, String)] {
        &self.imports
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

    /// What is wrong with a call that brings these streams, or none; `None` if that is as its contract says.
    pub(crate) fn misfit(&self, key: u32, stream: Option<&StreamEnd>) -> Option<String> {
        if self.streams.is_empty() && stream.is_none() {
            return None;
        }
        let place = self.streams.binary_search_by_key(&key, |(key, _)| *key).ok();
        let wanted = place.map(|place| self.streams[place].1);
        let brought = stream.map(|end| match end {
            StreamEnd::Reader(_) => StreamDirection::ToCallee,
            StreamEnd::Writer(_) => StreamDirection::ToCaller,
            StreamEnd::Both(_) => StreamDirection::Both,
        });
        // Of what its contracts do not know, the guest says so itself.
        let known = || self.contracts.implements.iter().any(|contract| contract.function(key).is_some());
        if wanted == brought || wanted.is_none() && !known() {
            return None;
        }
        let wants = match wanted {
            None => "has no stream",
            Some(StreamDirection::ToCallee) => "reads a stream",
            Some(StreamDirection::ToCaller) => "writes a stream",
            Some(StreamDirection::Both) => "reads a stream and writes one",
        };
        let came = match brought {
            None => "without one",
            Some(StreamDirection::ToCallee) => "with one to read",
            Some(StreamDirection::ToCaller) => "with one to write",
            Some(StreamDirection::Both) => "with one to read and one to write",
        };
        Some(format!("`{}` {wants}, and the call came {came}", self.function_name(key)))
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
            let mut same = self.contracts.implements.iter().filter(|own| own.id == wanted.id);
            let own = same.find_map(|own| own.function_named(&function.name));
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
