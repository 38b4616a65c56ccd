use std::fmt;
use std::str::FromStr;

/// One thing that a process may do, written `kind:scope`: `spawn:counter`, `register:shard-*`, `env:HOME`, `control`.
/// A scope may end in `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Grant {
    /// Start processes of this component.
    Spawn(String),
    /// Take this name.
    Register(String),
    /// Find, call and send to whoever has this name.
    Lookup(String),
    /// Read this environment variable.
    Env(String),
    /// End processes that others started.
    Control,
}

/// A text that is no grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no grant: write {}{}", KINDS.join(", "), hint.as_ref().map(|hint| format!("; did you mean `{hint}`?")).unwrap_or_default())]
pub struct GrantError {
    /// The text.
    pub text: String,
    /// The nearest kind of grant.
    pub hint: Option<String>,
}

/// What a process of a component may do, and how much it may use. The default allows nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// What it may do.
    pub grants: Vec<Grant>,
    /// The most memory it may have, in bytes.
    pub memory: usize,
    /// How many messages of other processes may wait for it; none for no bound.
    pub mailbox: Option<usize>,
}

/// A grant that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The component that lacks it.
    pub component: String,
    /// The narrowest grant that would do.
    pub grant: Grant,
}

impl Default for Profile {
    fn default() -> Self {
        Self { grants: Vec::new(), memory: DEFAULT_MEMORY, mailbox: None }
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

impl Grant {
    fn covers(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Spawn(scope), Self::Spawn(name))
            | (Self::Register(scope), Self::Register(name))
            | (Self::Lookup(scope), Self::Lookup(name))
            | (Self::Env(scope), Self::Env(name)) => match scope.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => scope == name,
            },
            (Self::Control, Self::Control) => true,
            _ => false,
        }
    }

    fn parts(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Spawn(scope) => ("spawn", Some(scope)),
            Self::Register(scope) => ("register", Some(scope)),
            Self::Lookup(scope) => ("lookup", Some(scope)),
            Self::Env(scope) => ("env", Some(scope)),
            Self::Control => ("control", None),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (kind, Some(scope)) => write!(f, "{kind}:{scope}"),
            (kind, None) => f.write_str(kind),
        }
    }
}

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let (kind, scope) = text.split_once(':').map_or((text, None), |(kind, scope)| (kind, Some(scope)));
        let fail = || {
            let nearest = rusm_codegen::nearest(kind, NAMES);
            GrantError { text: text.to_owned(), hint: nearest.map(str::to_owned) }
        };
        match (kind, scope) {
            ("control", None) => Ok(Self::Control),
            (_, None | Some("")) => Err(fail()),
            ("spawn", Some(scope)) => Ok(Self::Spawn(scope.to_owned())),
            ("register", Some(scope)) => Ok(Self::Register(scope.to_owned())),
            ("lookup", Some(scope)) => Ok(Self::Lookup(scope.to_owned())),
            ("env", Some(scope)) => Ok(Self::Env(scope.to_owned())),
            _ => Err(fail()),
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { component, grant } = self;
        write!(f, "the grant `{grant}` is missing: ")?;
        match grant.parts() {
            (kind, Some(scope)) => {
                write!(f, "add \"{scope}\" to `{kind}` of [components.{component}.capabilities]")
            }
            (kind, None) => write!(f, "set `{kind} = true` in [components.{component}.capabilities]"),
        }?;
        f.write_str(" in rusm.toml")
    }
}

const NAMES: [&str; 5] = ["spawn", "register", "lookup", "env", "control"];
const KINDS: [&str; 5] = ["spawn:COMPONENT", "register:NAME", "lookup:NAME", "env:NAME", "control"];

/// Plenty for a service that keeps no data set in memory.
const DEFAULT_MEMORY: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(grants: &[&str]) -> Profile {
        let grants = grants.iter().map(|text| text.parse().unwrap()).collect();
        Profile { grants, ..Profile::default() }
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        for grant in ["spawn:a", "register:a", "lookup:a", "env:A", "control"] {
            assert!(!Profile::default().allows(&grant.parse().unwrap()), "{grant}");
        }
    }

    #[test]
    fn a_scope_covers_its_name_or_its_prefix() {
        let profile = profile(&["spawn:a", "register:shard-*"]);
        assert!(profile.allows(&Grant::Spawn("a".into())));
        assert!(!profile.allows(&Grant::Spawn("ab".into())));
        assert!(profile.allows(&Grant::Register("shard-7".into())));
        assert!(!profile.allows(&Grant::Lookup("shard-7".into())));
    }

    #[test]
    fn a_profile_can_only_be_narrowed() {
        let profile = profile(&["spawn:*"]);
        assert!(profile.narrow(vec![Grant::Spawn("a*".into())]).is_ok());
        assert_eq!(profile.narrow(vec![Grant::Control]), Err(Grant::Control));
    }

    #[test]
    fn a_misspelt_grant_names_the_nearest() {
        let error = "spwan:a".parse::<Grant>().unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("spawn"));
        assert!("spawn".parse::<Grant>().is_err());
        assert!("control:x".parse::<Grant>().is_err());
    }

    #[test]
    fn a_denial_says_what_to_add_and_where() {
        let denied = Denied { component: "driver".into(), grant: Grant::Spawn("cart".into()) };
        assert_eq!(
            denied.to_string(),
            "the grant `spawn:cart` is missing: add \"cart\" to `spawn` of [components.driver.capabilities] in rusm.toml"
        );
    }
}
