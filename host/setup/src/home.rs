use std::env;
use std::path::{Path, PathBuf};

use crate::SetupError;

/// The folder where RUSM keeps what it installs for a user: `$RUSM_HOME`, else `$XDG_DATA_HOME/rusm`, else
/// `~/.local/share/rusm`.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// Finds the folder from the environment; it need not exist yet.
    ///
    /// # Errors
    /// [`SetupError::Absent`] if neither `RUSM_HOME` nor `XDG_DATA_HOME` nor `HOME` is set.
    pub fn from_env() -> Result<Self, SetupError> {
        // A relative one would mean another folder wherever one stands: as the XDG specification says, it is not used.
        let set = |key| env::var_os(key).map(PathBuf::from).filter(|path| path.is_absolute());
        let root = set("RUSM_HOME")
            .or_else(|| set("XDG_DATA_HOME").map(|data| data.join("rusm")))
            .or_else(|| set("HOME").map(|home| home.join(".local/share/rusm")))
            .ok_or_else(|| SetupError::Absent {
                what: "no folder for RUSM's own files: HOME is not set".into(),
                advice: "set RUSM_HOME to a folder that you may write to".into(),
            })?;
        Ok(Self { root })
    }

    /// Uses this folder.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The guest toolchain that was put together here, if any.
    pub(crate) fn guest_toolchain(&self) -> PathBuf {
        self.root.join("guest-toolchain")
    }

    /// What the commands of one step printed.
    pub(crate) fn log(&self, step: &str) -> PathBuf {
        let name: String = step.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        self.root.join("logs").join(format!("{name}.log"))
    }
}
