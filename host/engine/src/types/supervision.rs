use wasmtime::component::{ComponentType, Lift, Lower, WasmStr};

use super::{Pid, SpawnOptions};

#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug, PartialEq, Eq)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "guests make them")]
pub(crate) enum Strategy {
    #[component(name = "one-for-one")]
    OneForOne,
    #[component(name = "one-for-all")]
    OneForAll,
    #[component(name = "rest-for-one")]
    RestForOne,
    #[component(name = "dynamic")]
    Dynamic,
}
#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug, PartialEq, Eq)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "guests make them")]
pub(crate) enum Restart {
    #[component(name = "permanent")]
    Permanent,
    #[component(name = "transient")]
    Transient,
    #[component(name = "temporary")]
    Temporary,
}
#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug)]
#[component(variant)]
pub(crate) enum Shutdown {
    #[component(name = "brutal-kill")]
    BrutalKill,
    #[component(name = "timeout")]
    Timeout(u32),
    #[component(name = "infinity")]
    Infinity,
}
#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug, PartialEq, Eq)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "guests make them")]
pub(crate) enum AutoShutdown {
    #[component(name = "never")]
    Never,
    #[component(name = "any-significant")]
    AnySignificant,
    #[component(name = "all-significant")]
    AllSignificant,
}
#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug, PartialEq, Eq)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "guests make them")]
pub(crate) enum Excess {
    #[component(name = "give-up")]
    GiveUp,
    #[component(name = "quarantine")]
    Quarantine,
}
#[derive(ComponentType, Lift, Clone, Copy, Debug)]
#[component(record)]
pub(crate) struct Backoff {
    #[component(name = "first-ms")]
    pub(crate) first_ms: u32,
    #[component(name = "longest-ms")]
    pub(crate) longest_ms: u32,
}
/// Lifted only: its strings are views of the guest's memory.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct SupervisorOptions {
    pub(crate) name: WasmStr,
    pub(crate) strategy: Strategy,
    pub(crate) intensity: u32,
    #[component(name = "period-ms")]
    pub(crate) period_ms: u32,
    #[component(name = "auto-shutdown")]
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) excess: Excess,
    pub(crate) backoff: Option<Backoff>,
    #[component(name = "most-children")]
    pub(crate) most_children: Option<u32>,
}
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct ChildOptions {
    pub(crate) id: WasmStr,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
}
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct ChildSpec {
    pub(crate) options: ChildOptions,
    pub(crate) component: WasmStr,
    pub(crate) start: SpawnOptions,
}
#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug)]
#[component(variant)]
pub(crate) enum ChildState {
    #[component(name = "running")]
    Running(Pid),
    #[component(name = "restarting")]
    Restarting,
    #[component(name = "stopped")]
    Stopped,
    #[component(name = "quarantined")]
    Quarantined,
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct ChildInfo {
    pub(crate) id: String,
    pub(crate) state: ChildState,
    pub(crate) supervisor: bool,
}
#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug)]
#[component(record)]
pub(crate) struct ChildCounts {
    pub(crate) specs: u32,
    pub(crate) active: u32,
    pub(crate) supervisors: u32,
    pub(crate) workers: u32,
    pub(crate) restarts: u64,
}
#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(variant)]
pub(crate) enum ChildError {
    #[component(name = "noproc")]
    Noproc,
    #[component(name = "not-found")]
    NotFound,
    #[component(name = "running")]
    Running(Pid),
    #[component(name = "restarting")]
    Restarting,
    #[component(name = "already-present")]
    AlreadyPresent,
    #[component(name = "too-many")]
    TooMany,
    #[component(name = "wrong-strategy")]
    WrongStrategy,
    #[component(name = "start")]
    Start(String),
    #[component(name = "denied")]
    Denied(String),
}

impl From<Strategy> for rusm_otp::Strategy {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::OneForOne => Self::OneForOne,
            Strategy::OneForAll => Self::OneForAll,
            Strategy::RestForOne => Self::RestForOne,
            Strategy::Dynamic => Self::Dynamic,
        }
    }
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

impl From<Shutdown> for rusm_otp::Shutdown {
    fn from(shutdown: Shutdown) -> Self {
        match shutdown {
            Shutdown::BrutalKill => Self::BrutalKill,
            Shutdown::Timeout(ms) => Self::Timeout(std::time::Duration::from_millis(ms.into())),
            Shutdown::Infinity => Self::Infinity,
        }
    }
}

impl From<AutoShutdown> for rusm_otp::AutoShutdown {
    fn from(auto_shutdown: AutoShutdown) -> Self {
        match auto_shutdown {
            AutoShutdown::Never => Self::Never,
            AutoShutdown::AnySignificant => Self::AnySignificant,
            AutoShutdown::AllSignificant => Self::AllSignificant,
        }
    }
}

impl From<Excess> for rusm_otp::Excess {
    fn from(excess: Excess) -> Self {
        match excess {
            Excess::GiveUp => Self::GiveUp,
            Excess::Quarantine => Self::Quarantine,
        }
    }
}

impl From<rusm_otp::ChildInfo> for ChildInfo {
    fn from(info: rusm_otp::ChildInfo) -> Self {
        let state = match info.state {
            rusm_otp::ChildState::Running(pid) => ChildState::Running(pid.into()),
            rusm_otp::ChildState::Restarting => ChildState::Restarting,
            rusm_otp::ChildState::Stopped => ChildState::Stopped,
            rusm_otp::ChildState::Quarantined => ChildState::Quarantined,
        };
        let supervisor = info.kind == rusm_otp::ChildKind::Supervisor;
        Self { id: info.id.to_string(), state, supervisor }
    }
}

impl ChildCounts {
    pub(crate) fn of(counts: rusm_otp::ChildCounts, restarts: u64) -> Self {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            specs: count(counts.specs),
            active: count(counts.active),
            supervisors: count(counts.supervisors),
            workers: count(counts.workers),
            restarts,
        }
    }
}
