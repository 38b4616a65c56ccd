use std::collections::BTreeMap;
use std::fmt;

use parking_lot::Mutex;
use rusm_otp::Pid;

use super::Grant;

/// A grant that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The process that lacks it.
    pub process: Pid,
    /// Its component.
    pub component: String,
    /// What it tried, by the name of the import.
    pub operation: &'static str,
    /// The narrowest grant that would do.
    pub grant: Grant,
}

impl Denied {
    /// What a guest is told that has a pid and lacks the right to the process: not what that is called.
    pub(crate) fn about(&self, other: Pid) -> String {
        let Self { process, component, operation, grant } = self;
        let kind = grant.kind();
        format!(
            "`{operation}` by {component} {process}: the grant `{kind}` for {other} is missing: add its name or component to \
             `{kind}` of [components.{component}.capabilities] in rusm.toml"
        )
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { process, component, operation, grant } = self;
        write!(f, "`{operation}` by {component} {process}: the grant `{grant}` is missing: ")?;
        match grant.scope() {
            Some(scope) => {
                write!(f, "add \"{scope}\" to `{}` of [components.{component}.capabilities]", grant.kind())
            }
            None => {
                write!(f, "set `{} = true` in [components.{component}.capabilities]", grant.kind())
            }
        }?;
        f.write_str(" in rusm.toml")
    }
}

/// What the processes of one component were denied, by operation and kind of grant.
#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<BTreeMap<(&'static str, &'static str), u64>>);

impl Denials {
    /// Counts it, and logs the first of its kind.
    pub(crate) fn count(&self, denied: &Denied) {
        let mut counts = self.0.lock();
        let count = counts.entry((denied.operation, denied.grant.kind())).or_default();
        *count += 1;
        if *count == 1 {
            tracing::warn!(component = %denied.component, pid = %denied.process, "denied: {denied}");
        }
    }

    pub(crate) fn counts(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.0.lock().iter().map(|((operation, kind), count)| (*operation, *kind, *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_says_who_what_and_where_to_add_it() {
        let process = Pid { node: 1, id: 2 };
        let denied = Denied {
            process,
            component: "driver".into(),
            operation: "spawn",
            grant: Grant::Spawn("cart".into()),
        };
        assert_eq!(
            denied.to_string(),
            format!(
                "`spawn` by driver {process}: the grant `spawn:cart` is missing: add \"cart\" to `spawn` of \
                 [components.driver.capabilities] in rusm.toml"
            )
        );
        let denials = Denials::default();
        denials.count(&denied);
        denials.count(&denied);
        assert_eq!(denials.counts(), [("spawn", "spawn", 2)]);
    }
}
