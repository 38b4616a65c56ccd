use std::path::PathBuf;
use std::time::Duration;

use super::Grant;

/// What a process of a component may do, and how much it may use. The default allows nothing.
///
/// ```
/// use rusm_engine::{Limits, Profile};
///
/// let profile = Profile {
///     grants: vec!["spawn:cart-*".parse()?, "lookup:stock".parse()?],
///     limits: Limits { memory: 8 << 20, ..Limits::default() },
///     ..Profile::default()
/// };
/// assert!(profile.allows(&"spawn:cart-rust".parse()?));
/// assert!(profile.narrow(vec!["lookup:stock".parse()?]).is_ok());
/// let wider = profile.narrow(vec!["control".parse()?]);
/// assert_eq!(wider.unwrap_err().to_string(), "control");
/// # Ok::<(), rusm_engine::GrantError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// What it may do.
    pub grants: Vec<Grant>,
    /// The folders that `read` and `write` speak of.
    pub folders: Vec<Folder>,
    /// Environment variables with values of their own, instead of the node's.
    pub env: Vec<(String, String)>,
    /// How much it may use.
    pub limits: Limits,
}

/// A folder of the host, as a guest sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The guest's path.
    pub guest: String,
    /// The host's.
    pub host: PathBuf,
}

/// How much one process may use, and how much all processes of its component together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory; past it an allocation fails inside the guest. 64 MiB by default.
    pub memory: usize,
    /// The share of one core that it may take, in per cent; none for all of it. One that wants more waits.
    pub cpu: Option<u32>,
    /// Processor time for one message; past it the process crashes. None by default.
    pub message_cpu: Option<Duration>,
    /// Messages of other processes that may wait; then senders are told `overloaded`. 100,000 by default.
    pub mailbox: usize,
    /// Bytes of their bodies, likewise; a message that waits alone may have more. 16 MiB by default.
    pub mailbox_bytes: usize,
    /// Bytes that the host keeps for it besides: links, monitors, timers, places in groups, calls under way, and what the runtime
    /// has put into its mailbox. Past it the process crashes. 16 MiB by default.
    pub host_memory: usize,
    /// Living processes that it has spawned; then `spawn` answers `capacity`. Unbounded by default.
    pub processes: Option<u32>,
    /// Open handles of WASI, and calls under way together with open streams: so many of either, 100,000 by default. What is
    /// beyond is refused, calls as `overloaded`.
    pub handles: usize,
    /// Files, folders, sockets and streams of them that are open; past it the process crashes. 256 by default, and never more
    /// than the node's own limit less those that it keeps for itself.
    pub files: usize,
    /// Timers that are set; past it the process crashes. 100,000 by default.
    pub timers: usize,
    /// Bytes a second of standard output, standard error and log lines; what is more is dropped, and counted. 1 MiB by
    /// default.
    pub output: usize,
    /// Bytes that one call into the host may take along: 64 MiB by default.
    pub host_call: usize,
    /// Living processes of the component; then its spawns answer `capacity`. Unbounded by default.
    pub instances: Option<u32>,
    /// Bytes of memory of all processes of the component together. Unbounded by default.
    pub total_memory: Option<usize>,
    /// Makes clocks and randomness of WASI a function of this number, for runs that can be repeated. None, the default,
    /// gives the real ones.
    pub seed: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            cpu: None,
            message_cpu: None,
            mailbox: 100_000,
            mailbox_bytes: 16 << 20,
            host_memory: 16 << 20,
            processes: None,
            handles: 100_000,
            files: 256,
            timers: 100_000,
            output: 1 << 20,
            host_call: 64 << 20,
            instances: None,
            total_memory: None,
            seed: None,
        }
    }
}

impl Profile {
    /// Whether one of the grants covers this one.
    pub fn allows(&self, wanted: &Grant) -> bool {
        self.grants.iter().any(|grant| grant.covers(wanted))
    }

    /// This profile with only these grants.
    ///
    /// # Errors
    /// The first one that it does not cover: a profile can be narrowed, never widened.
    pub fn narrow(&self, grants: Vec<Grant>) -> Result<Self, Grant> {
        match grants.iter().find(|grant| !self.allows(grant)) {
            Some(wider) => Err(wider.clone()),
            None => Ok(Self { grants, ..self.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(grants: &[&str]) -> Profile {
        let grants = grants.iter().map(|text| text.parse().unwrap()).collect();
        Profile { grants, ..Profile::default() }
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        for grant in [
            "spawn:a",
            "register:a",
            "lookup:a",
            "link:a",
            "group:a",
            "env:A",
            "read:/",
            "connect:a:1",
            "control",
        ] {
            assert!(!Profile::default().allows(&grant.parse().unwrap()), "{grant}");
        }
    }

    #[test]
    fn a_profile_can_only_be_narrowed() {
        let profile = profile(&["spawn:*", "write:/data"]);
        assert!(profile.narrow(vec![Grant::Spawn("a*".into()), Grant::Read("/data".into())]).is_ok());
        assert_eq!(profile.narrow(vec![Grant::Control]), Err(Grant::Control));
    }
}
