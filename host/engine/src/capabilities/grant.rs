use std::fmt;
use std::str::FromStr;

/// One thing that a process may do, written `kind:scope`: `spawn:counter`, `register:shard-*`, `connect:db.local:5432`,
/// `control`. A name may end in `*`; so may a host or a port be `*`.
///
/// ```
/// use rusm_engine::Grant;
///
/// let shards: Grant = "register:shard-*".parse()?;
/// assert!(shards.covers(&Grant::Register("shard-7".into())));
/// assert_eq!(shards.kind(), "register");
/// let error = "regsiter:shard-7".parse::<Grant>().unwrap_err();
/// assert_eq!(error.hint.as_deref(), Some("register"));
/// # Ok::<(), rusm_engine::GrantError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Grant {
    /// Start processes of this component.
    Spawn(String),
    /// Take this name.
    Register(String),
    /// Find, call and send to the process with this name.
    Lookup(String),
    /// Link to processes outside of the family that have this name, or are of this component.
    Link(String),
    /// Join, leave and message the process group of this name.
    Group(String),
    /// Read this environment variable.
    Env(String),
    /// Read what is below this folder, by the guest's path.
    Read(String),
    /// Read and change what is below this folder, by the guest's path.
    Write(String),
    /// Open connections to, and send datagrams to, this host and port.
    Connect(Endpoint),
    /// Wait for connections and datagrams at this address and port.
    Listen(Endpoint),
    /// End processes that others started, link to them, and steer their supervisors.
    Control,
    /// Load components from bytes, and spawn processes of them.
    Load,
}

/// A host and a port; each may be `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// An address, a name, or `*`.
    pub host: String,
    /// None for any.
    pub port: Option<u16>,
}

/// A text that is no grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no grant: write {}{}", KINDS.map(|(_, form)| form).join(", "), hint.as_ref().map(|hint| format!("; did you mean `{hint}`?")).unwrap_or_default())]
pub struct GrantError {
    /// The text.
    pub text: String,
    /// The nearest kind of grant.
    pub hint: Option<String>,
}

impl Grant {
    /// The names of all kinds, as they stand in the manifest.
    pub fn kinds() -> impl Iterator<Item = &'static str> {
        KINDS.into_iter().map(|(kind, _)| kind)
    }

    /// Whether this one includes the other.
    pub fn covers(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Spawn(scope), Self::Spawn(name))
            | (Self::Register(scope), Self::Register(name))
            | (Self::Lookup(scope), Self::Lookup(name))
            | (Self::Link(scope), Self::Link(name))
            | (Self::Group(scope), Self::Group(name))
            | (Self::Env(scope), Self::Env(name)) => match scope.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => scope == name,
            },
            (Self::Read(folder) | Self::Write(folder), Self::Read(wanted))
            | (Self::Write(folder), Self::Write(wanted)) => folder == wanted,
            (Self::Connect(own), Self::Connect(wanted)) | (Self::Listen(own), Self::Listen(wanted)) => {
                own.covers(wanted)
            }
            (Self::Control, Self::Control | Self::Link(_)) | (Self::Load, Self::Load) => true,
            _ => false,
        }
    }

    /// The name of its kind, as it stands in the manifest.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Spawn(_) => "spawn",
            Self::Register(_) => "register",
            Self::Lookup(_) => "lookup",
            Self::Link(_) => "link",
            Self::Group(_) => "group",
            Self::Env(_) => "env",
            Self::Read(_) => "read",
            Self::Write(_) => "write",
            Self::Connect(_) => "connect",
            Self::Listen(_) => "listen",
            Self::Control => "control",
            Self::Load => "load",
        }
    }

    /// What it is limited to; none for a kind without a scope.
    pub fn scope(&self) -> Option<String> {
        match self {
            Self::Spawn(scope)
            | Self::Register(scope)
            | Self::Lookup(scope)
            | Self::Link(scope)
            | Self::Group(scope)
            | Self::Env(scope)
            | Self::Read(scope)
            | Self::Write(scope) => Some(scope.clone()),
            Self::Connect(endpoint) | Self::Listen(endpoint) => Some(endpoint.to_string()),
            Self::Control | Self::Load => None,
        }
    }
}

impl Endpoint {
    fn covers(&self, wanted: &Self) -> bool {
        (self.host == "*" || self.host.eq_ignore_ascii_case(&wanted.host))
            && (self.port.is_none() || self.port == wanted.port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') { write!(f, "[{}]", self.host) } else { f.write_str(&self.host) }?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => f.write_str(":*"),
        }
    }
}

impl FromStr for Endpoint {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let fail = || GrantError { text: text.to_owned(), hint: None };
        let (host, port) = text.rsplit_once(':').ok_or_else(fail)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_host = !host.is_empty() && !host.chars().any(|c| c.is_whitespace() || c == '/');
        let port = match port {
            "*" => None,
            port => Some(port.parse().map_err(|_| fail())?),
        };
        if is_host { Ok(Self { host: host.to_owned(), port }) } else { Err(fail()) }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope() {
            Some(scope) => write!(f, "{}:{scope}", self.kind()),
            None => f.write_str(self.kind()),
        }
    }
}

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let (kind, scope) = text.split_once(':').map_or((text, None), |(kind, scope)| (kind, Some(scope)));
        let fail = || {
            let nearest = rusm_codegen::nearest(kind, Self::kinds());
            GrantError { text: text.to_owned(), hint: nearest.map(str::to_owned) }
        };
        let scope = match (kind, scope) {
            ("control", None) => return Ok(Self::Control),
            ("load", None) => return Ok(Self::Load),
            (_, None | Some("")) => return Err(fail()),
            (_, Some(scope)) => scope.to_owned(),
        };
        match kind {
            "spawn" => Ok(Self::Spawn(scope)),
            "register" => Ok(Self::Register(scope)),
            "lookup" => Ok(Self::Lookup(scope)),
            "link" => Ok(Self::Link(scope)),
            "group" => Ok(Self::Group(scope)),
            "env" => Ok(Self::Env(scope)),
            "read" => Ok(Self::Read(scope)),
            "write" => Ok(Self::Write(scope)),
            "connect" => scope.parse().map(Self::Connect).map_err(|_| fail()),
            "listen" => scope.parse().map(Self::Listen).map_err(|_| fail()),
            _ => Err(fail()),
        }
    }
}

/// Every kind, and how it is written.
const KINDS: [(&str, &str); 12] = [
    ("spawn", "spawn:COMPONENT"),
    ("register", "register:NAME"),
    ("lookup", "lookup:NAME"),
    ("link", "link:NAME"),
    ("group", "group:NAME"),
    ("env", "env:NAME"),
    ("read", "read:/FOLDER"),
    ("write", "write:/FOLDER"),
    ("connect", "connect:HOST:PORT"),
    ("listen", "listen:ADDRESS:PORT"),
    ("control", "control"),
    ("load", "load"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(text: &str) -> Grant {
        text.parse().expect("a grant")
    }

    #[test]
    fn every_kind_reads_as_it_is_written() {
        for (kind, form) in KINDS {
            let text = form.replace("HOST", "db.local").replace("ADDRESS", "127.0.0.1").replace("PORT", "80");
            let read = grant(&text);
            assert_eq!((read.kind(), read.to_string()), (kind, text));
        }
        assert_eq!(grant("connect:[::1]:80").to_string(), "connect:[::1]:80");
    }

    #[test]
    fn a_scope_covers_its_name_or_its_prefix() {
        assert!(grant("spawn:a").covers(&grant("spawn:a")));
        assert!(!grant("spawn:a").covers(&grant("spawn:ab")));
        assert!(grant("register:shard-*").covers(&grant("register:shard-7")));
        assert!(!grant("register:shard-*").covers(&grant("lookup:shard-7")));
    }

    #[test]
    fn writing_covers_reading_and_not_the_other_way_round() {
        assert!(grant("write:/data").covers(&grant("read:/data")));
        assert!(!grant("read:/data").covers(&grant("write:/data")));
        assert!(!grant("read:/data").covers(&grant("read:/")));
    }

    #[test]
    fn a_host_or_a_port_may_be_any() {
        assert!(grant("connect:*:443").covers(&grant("connect:example.org:443")));
        assert!(!grant("connect:*:443").covers(&grant("connect:example.org:80")));
        assert!(grant("connect:example.org:*").covers(&grant("connect:Example.org:80")));
        assert!(!grant("connect:example.org:*").covers(&grant("connect:*:80")));
    }

    #[test]
    fn who_may_control_all_may_link_to_all() {
        assert!(grant("link:stock-*").covers(&grant("link:stock-1")));
        assert!(!grant("link:stock-*").covers(&grant("link:cart")));
        assert!(grant("control").covers(&grant("link:*")) && !grant("link:*").covers(&grant("control")));
    }

    #[test]
    fn a_misspelt_grant_names_the_nearest() {
        assert_eq!("spwan:a".parse::<Grant>().unwrap_err().hint.as_deref(), Some("spawn"));
        for wrong in ["spawn", "control:x", "connect:host", "connect:host:70000", "listen::80", "load:x"] {
            assert!(wrong.parse::<Grant>().is_err(), "{wrong}");
        }
    }
}
