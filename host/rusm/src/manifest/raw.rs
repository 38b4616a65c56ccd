//! The manifest as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    #[serde(default)]
    pub(super) node: Node,
    #[serde(default)]
    pub(super) components: BTreeMap<Spanned<String>, Component>,
    #[serde(default)]
    pub(super) profiles: BTreeMap<Spanned<String>, Capabilities>,
    #[serde(default)]
    pub(super) supervisor: Supervisor,
    #[serde(default)]
    pub(super) supervisors: BTreeMap<String, Supervisor>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Component {
    pub(super) path: Spanned<String>,
    pub(super) target: Option<Target>,
    pub(super) engine: Option<Engine>,
    #[serde(default)]
    pub(super) capabilities: Capabilities,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) enum Target {
    #[serde(rename = "wasm32-wasip2")]
    Component,
    #[serde(rename = "wasm32-wasip1")]
    Module,
}

impl From<Target> for rusm_setup::GuestTarget {
    fn from(target: Target) -> Self {
        match target {
            Target::Component => Self::Component,
            Target::Module => Self::Module,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Engine {
    Quickjs,
    Starlingmonkey,
}

impl From<Engine> for super::JavaScript {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Quickjs => Self::QuickJs,
            Engine::Starlingmonkey => Self::StarlingMonkey,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Node {
    pub(super) memory: Option<Spanned<String>>,
}

/// A component's capabilities, or a profile. What is absent is inherited.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Capabilities {
    /// The profile that this one narrows.
    pub(super) profile: Option<Spanned<String>>,
    pub(super) spawn: Option<Vec<Spanned<String>>>,
    pub(super) register: Option<Vec<Spanned<String>>>,
    pub(super) lookup: Option<Vec<Spanned<String>>>,
    pub(super) link: Option<Vec<Spanned<String>>>,
    pub(super) group: Option<Vec<Spanned<String>>>,
    pub(super) env: Option<Vec<Spanned<String>>>,
    pub(super) read: Option<Vec<Spanned<String>>>,
    pub(super) write: Option<Vec<Spanned<String>>>,
    pub(super) connect: Option<Vec<Spanned<String>>>,
    pub(super) listen: Option<Vec<Spanned<String>>>,
    pub(super) control: Option<Spanned<bool>>,
    pub(super) load: Option<Spanned<bool>>,
    pub(super) memory: Option<Spanned<String>>,
    pub(super) total_memory: Option<Spanned<String>>,
    pub(super) cpu: Option<Spanned<String>>,
    pub(super) message_cpu: Option<Spanned<String>>,
    pub(super) mailbox: Option<Spanned<usize>>,
    pub(super) mailbox_bytes: Option<Spanned<String>>,
    pub(super) host_memory: Option<Spanned<String>>,
    pub(super) processes: Option<Spanned<u32>>,
    pub(super) instances: Option<Spanned<u32>>,
    pub(super) handles: Option<Spanned<usize>>,
    pub(super) files: Option<Spanned<usize>>,
    pub(super) timers: Option<Spanned<usize>>,
    pub(super) output: Option<Spanned<String>>,
    pub(super) host_call: Option<Spanned<String>>,
    pub(super) seed: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Supervisor {
    #[serde(default)]
    pub(super) strategy: Strategy,
    pub(super) intensity: Option<usize>,
    pub(super) period: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) children: Vec<Spanned<Child>>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Strategy {
    #[default]
    OneForOne,
    OneForAll,
    RestForOne,
}

impl From<Strategy> for rusm_otp::Strategy {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::OneForOne => Self::OneForOne,
            Strategy::OneForAll => Self::OneForAll,
            Strategy::RestForOne => Self::RestForOne,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Child {
    pub(super) component: Option<Spanned<String>>,
    pub(super) supervisor: Option<Spanned<String>>,
    pub(super) name: Option<String>,
    pub(super) init: Option<String>,
    pub(super) args: Option<Vec<String>>,
    #[serde(default)]
    pub(super) restart: Restart,
    pub(super) shutdown: Option<Spanned<String>>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Restart {
    #[default]
    Permanent,
    Transient,
    Temporary,
}

impl From<Restart> for rusm_otp::Restart {
    fn from(restart: Restart) -> Self {
        match restart {
            Restart::Permanent => Self::Permanent,
            Restart::Transient => Self::Transient,
            Restart::Temporary => Self::Temporary,
        }
    }
}
