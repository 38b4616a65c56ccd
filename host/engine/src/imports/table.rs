//! The one table of what guests may import, and which right each import needs. An import is registered by its constant here, so
//! that one that is missing does not compile; a test compares the table with `wit/`, and another tries each with and without its
//! right.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentNamedList, Lift, Linker, Lower};

use crate::guest::Guest;

/// A function that guests may import.
#[derive(Debug)]
pub(crate) struct Import {
    /// With its package and version: those of the actor world that the host speaks.
    pub(crate) interface: &'static str,
    pub(crate) name: &'static str,
    /// All of them are needed.
    pub(crate) rights: &'static [Right],
}

/// What lets a process use an import. Where kinship is enough, a stranger is reached under a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// Nothing: it concerns the process itself.
    Itself,
    /// Nothing: the reference, handle or name that it takes works for its owner alone.
    Owner,
    /// A pid; a name needs `lookup`.
    Reach,
    /// To be of its family; else `link` for the name or the component, which `control` includes. Never one of the host's.
    Link,
    /// To be of its family; else `lookup` for its name, or `control`.
    Know,
    /// To be it, or to have spawned it; else `control`. Never one of the host's.
    End,
    /// To have started the supervisor, or one above it; else `control`.
    Steer,
    /// Grants of these kinds for what it names.
    Grant(&'static [&'static str]),
}

impl Right {
    /// The kinds of grants without which it does nothing, or less.
    fn grants(self) -> &'static [&'static str] {
        match self {
            Self::Itself | Self::Owner => &[],
            Self::Reach => &["lookup"],
            Self::Link => &["link", "control"],
            Self::Know => &["lookup", "control"],
            Self::End | Self::Steer => &["control"],
            Self::Grant(kinds) => kinds,
        }
    }
}

/// The kinds of grants without which an import of a guest does nothing, or less, by its interface and name as in the
/// component.
///
/// ```
/// // The right to end others.
/// assert_eq!(rusm_engine::grants_of_import("rusm:actor/process@0.1.0", "kill"), ["control"]);
/// assert!(rusm_engine::grants_of_import("rusm:actor/process@0.1.0", "self").is_empty());
/// ```
pub fn grants_of_import(interface: &str, function: &str) -> Vec<&'static str> {
    let known = TABLE.iter().filter(|import| (import.interface, import.name) == (interface, function));
    let own = known.flat_map(|import| import.rights.iter().flat_map(|right| right.grants()));
    let wasi = WASI.iter().filter(|(of, part, _)| interface.starts_with(of) && function.contains(part));
    own.chain(wasi.flat_map(|(_, _, kinds)| *kinds)).copied().collect()
}

/// A linker that takes imports of the table alone.
pub(crate) struct Imports<'a> {
    linker: &'a mut Linker<Guest>,
    /// Those that it has.
    taken: Vec<&'static Import>,
}

impl<'a> Imports<'a> {
    pub(super) fn new(linker: &'a mut Linker<Guest>) -> Self {
        Self { linker, taken: Vec::new() }
    }

    /// What was registered.
    pub(super) fn taken(&mut self) -> Vec<&'static Import> {
        std::mem::take(&mut self.taken)
    }

    pub(crate) fn func_wrap<F, Params, Return>(
        &mut self,
        import: &'static Import,
        function: F,
    ) -> wasmtime::Result<()>
    where
        F: Fn(StoreContextMut<'_, Guest>, Params) -> wasmtime::Result<Return> + Send + Sync + 'static,
        Params: ComponentNamedList + Lift + 'static,
        Return: ComponentNamedList + Lower + 'static,
    {
        self.taken.push(import);
        self.linker.instance(import.interface)?.func_wrap(import.name, function)
    }

    pub(crate) fn func_wrap_async<Params, Return, F>(
        &mut self,
        import: &'static Import,
        function: F,
    ) -> wasmtime::Result<()>
    where
        F: Fn(
                StoreContextMut<'_, Guest>,
                Params,
            ) -> Box<dyn Future<Output = wasmtime::Result<Return>> + Send + '_>
            + Send
            + Sync
            + 'static,
        Params: ComponentNamedList + Lift + 'static,
        Return: ComponentNamedList + Lower + 'static,
    {
        self.taken.push(import);
        self.linker.instance(import.interface)?.func_wrap_async(import.name, function)
    }
}

macro_rules! table {
    ($($module:ident $interface:literal { $($import:ident $name:literal: $($right:expr),+;)* })*) => {
        $(pub(crate) mod $module {
            use super::{Import, Right::*};

            $(pub(crate) static $import: Import =
                Import { interface: $interface, name: $name, rights: &[$($right),+] };)*
        })*

        /// All of them.
        pub(crate) static TABLE: &[&Import] = &[$($(&$module::$import,)*)*];
    };
}

table! {
    process "rusm:actor/process@0.1.0" {
        SELF "self": Itself;
        SEND "send": Reach;
        CAST "cast": Reach;
        REPLY "reply": Owner;
        REPLY_ERROR "reply-error": Owner;
        LINK "link": Link;
        UNLINK "unlink": Owner;
        MONITOR "monitor": Reach;
        DEMONITOR "demonitor": Owner;
        EXIT "exit": Itself;
        EXIT_PROCESS "exit-process": End;
        KILL "kill": End;
        TRAP_EXIT "trap-exit": Itself;
        TAKES_SEVERAL "takes-several": Itself;
        ALIVE "alive": Reach;
        INFO "info": Know;
        REPORT_CRASH "report-crash": Itself;
        RANDOM_BYTES "random-bytes": Itself;
        ENV "env": Grant(&["env"]);
    }
    names "rusm:actor/names@0.1.0" {
        REGISTER "register": Grant(&["register"]);
        UNREGISTER "unregister": Owner;
        WHEREIS "whereis": Grant(&["lookup"]);
    }
    timers "rusm:actor/timers@0.1.0" {
        SEND_AFTER "send-after": Itself;
        CANCEL "cancel": Owner;
        NOW "now": Itself;
    }
    groups "rusm:actor/groups@0.1.0" {
        JOIN "join": Grant(&["group"]);
        LEAVE "leave": Grant(&["group"]);
        MEMBERS "members": Grant(&["group"]);
        BROADCAST "broadcast": Grant(&["group"]);
        MONITOR "monitor": Grant(&["group"]);
        DEMONITOR "demonitor": Owner;
    }
    logging "rusm:actor/logging@0.1.0" {
        LOG "log": Itself;
    }
    text "rusm:actor/text@0.1.0" {
        ENCODE "encode": Itself;
        DECODE "decode": Itself;
    }
    url "rusm:actor/url@0.1.0" {
        PARSE "parse": Itself;
        CHANGE "change": Itself;
    }
    supervisors "rusm:actor/supervisors@0.1.0" {
        START "start": Grant(&["spawn", "register"]);
        START_UNDER "start-under": Steer, Grant(&["spawn", "register"]);
        START_CHILD "start-child": Steer, Grant(&["spawn", "register"]);
        TERMINATE_CHILD "terminate-child": Steer;
        TERMINATE "terminate": Steer;
        RESTART_CHILD "restart-child": Steer;
        DELETE_CHILD "delete-child": Steer;
        WHICH_CHILDREN "which-children": Steer;
        COUNT_CHILDREN "count-children": Steer;
        STOP "stop": Steer;
    }
    supervisors_async "rusm:actor/supervisors-async@0.1.0" {
        START "start": Grant(&["spawn", "register"]);
        START_UNDER "start-under": Steer, Grant(&["spawn", "register"]);
        START_CHILD "start-child": Steer, Grant(&["spawn", "register"]);
        TERMINATE_CHILD "terminate-child": Steer;
        TERMINATE "terminate": Steer;
        RESTART_CHILD "restart-child": Steer;
        DELETE_CHILD "delete-child": Steer;
        WHICH_CHILDREN "which-children": Steer;
        COUNT_CHILDREN "count-children": Steer;
        STOP "stop": Steer;
    }
    wait "rusm:actor/wait@0.1.0" {
        SPAWN "spawn": Grant(&["spawn", "register"]);
        LOAD "load": Grant(&["load"]);
        CONNECT "connect": Reach;
        CALL "call": Reach;
        CALL_SHORT "call-short": Reach;
        CALL_START "call-start": Reach;
        CALL_WAIT "call-wait": Owner;
        CALL_CANCEL "call-cancel": Owner;
        RECEIVE "receive": Itself;
        RECEIVE_NOW "receive-now": Itself;
        SLEEP "sleep": Itself;
        STREAM_WRITE "stream-write": Owner;
        STREAM_DEMAND "stream-demand": Owner;
        STREAM_OTHER "stream-other": Owner;
        STREAM_READ "stream-read": Owner;
        STREAM_CLOSE "stream-close": Owner;
        STREAM_ABORT "stream-abort": Owner;
    }
    wait_async "rusm:actor/wait-async@0.1.0" {
        SPAWN "spawn": Grant(&["spawn", "register"]);
        LOAD "load": Grant(&["load"]);
        CONNECT "connect": Reach;
        CALL "call": Reach;
        CALL_PROCESS "call-process": Reach;
        CALL_ANSWER_OF_PROCESS "call-answer-of-process": Itself;
        CALL_START "call-start": Reach;
        CALL_WAIT "call-wait": Owner;
        CALL_CANCEL "call-cancel": Owner;
        RECEIVE "receive": Itself;
        SLEEP "sleep": Itself;
        PARK "park": Owner;
        UNPARK "unpark": Owner;
        STREAM_WRITE "stream-write": Owner;
        STREAM_DEMAND "stream-demand": Owner;
        STREAM_OTHER "stream-other": Owner;
        STREAM_READ "stream-read": Owner;
        STREAM_CLOSE "stream-close": Owner;
        STREAM_ABORT "stream-abort": Owner;
    }
    callbacks "rusm:actor/callbacks@0.1.0" {
        OPEN "open": Itself;
        CARRY "carry": Owner;
        CALL_WAIT "call-wait": Owner;
        WAIT_ANY "wait-any": Owner;
        REPLY "reply": Owner;
        CLOSE "close": Owner;
    }
    callbacks_async "rusm:actor/callbacks-async@0.1.0" {
        OPEN "open": Itself;
        CARRY "carry": Owner;
        NEXT "next": Owner;
        FINISH "finish": Owner;
        REPLY "reply": Owner;
        CLOSE "close": Owner;
    }
    program "rusm:program/exit@0.1.0" {
        EXIT "exit": Itself;
    }
}

/// WASI takes what the profile grants when a process first uses it (`wasi.rs`), and the rest of it is the process's own. Which
/// of its functions use a grant: the beginning of their interface, a part of their name, and the kinds.
static WASI: &[(&str, &str, &[&str])] = &[
    ("wasi:cli/environment@", "get-environment", &["env"]),
    ("wasi:filesystem/preopens@", "", &["read", "write"]),
    ("wasi:sockets/ip-name-lookup@", "", &["connect"]),
    ("wasi:sockets/", "connect", &["connect"]),
    ("wasi:sockets/", "send", &["connect"]),
    ("wasi:sockets/", "listen", &["listen"]),
    ("wasi:sockets/", "bind", &["listen"]),
];

#[cfg(test)]
mod tests;
