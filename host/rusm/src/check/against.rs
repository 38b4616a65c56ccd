use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// What a project's contracts are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// Its lock file, `wit/contracts.lock`.
    Lock,
    /// Another project or `wit/` folder, a component, or a file of WIT such as another lock file.
    Path(PathBuf),
    /// Its own `wit/` folder in a revision of git.
    Revision(String),
    /// The components of its running node.
    Node,
}

impl Against {
    /// What to do if it does not fit.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::Lock => {
                "settle it by hand if it is of a merge, or write the file anew with `rusm check --write --force`"
            }
            Self::Path(_) => {
                "give the path of a project, a `wit` folder, a component or a lock file of this project"
            }
            Self::Revision(_) => "give a revision in which this project has its contracts",
            Self::Node => "start this project's node with `rusm run`",
        }
    }
}

impl FromStr for Against {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match (text, text.strip_prefix("git:")) {
            ("node", _) => Self::Node,
            (_, Some(revision)) => Self::Revision(revision.to_owned()),
            (path, None) => Self::Path(path.into()),
        })
    }
}

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lock => f.write_str(super::LOCK),
            Self::Path(path) => path.display().fmt(f),
            Self::Revision(revision) => write!(f, "git:{revision}"),
            Self::Node => f.write_str("node"),
        }
    }
}
