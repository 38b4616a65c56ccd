use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path};
use std::process::{Command, Stdio};

use rusm_codegen::{ContractError, Wit};

use super::known::{Known, Others, renamed};
use super::{Against, CheckError, io_error};
use crate::Project;

/// Reads the project's `wit/` folder in a revision. Places are written as git writes them: `v1.0:wit/cart.wit:3:1`.
pub(super) fn read(project: &Project, revision: &str) -> Result<Others, CheckError> {
    let git = Git { project, revision };
    let commit = format!("{revision}^{{commit}}");
    let commit = git.run(&["rev-parse", "--verify", "--end-of-options", &commit])?;
    let folder = tempfile::tempdir().map_err(io_error("make a folder in", &std::env::temp_dir()))?;
    git.unpack(String::from_utf8_lossy(&commit).trim(), folder.path())?;
    let wit = folder.path().join("wit");
    if !wit.is_dir() {
        return Err(git.refused("there is no .wit file in `wit/`"));
    }
    let (from, to) = (format!("{}/", folder.path().display()), format!("{revision}:"));
    let others = Wit::load(&wit)
        .and_then(|wit| Others::of_wit(&wit))
        .map_err(|error| renamed_error(error, &from, &to))
        .map_err(CheckError::known(&Against::Revision(revision.into())))?;
    let contracts = others.contracts.into_iter().map(|known| {
        let place = known.place.map(|place| renamed(place, &from, &to));
        Known { place, ..known }
    });
    Ok(Others { contracts: contracts.collect(), ..others })
}

struct Git<'a> {
    project: &'a Project,
    revision: &'a str,
}

impl Git<'_> {
    /// Writes the files of WIT below `wit/` into a folder.
    fn unpack(&self, commit: &str, folder: &Path) -> Result<(), CheckError> {
        let list = self.run(&["ls-tree", "-r", "-z", commit, "--", "wit/"])?;
        for entry in list.split(|byte| *byte == 0) {
            // Its mode, its kind and its object, then its path. A file's mode begins with 100, a link's does not.
            let Some(tab) = entry.iter().position(|byte| *byte == b'\t') else { continue };
            let path = Path::new(OsStr::from_bytes(&entry[tab + 1..]));
            let is_below = path.components().all(|part| matches!(part, Component::Normal(_)));
            let is_wit = path.extension().is_some_and(|end| end == "wit");
            if !is_below || !is_wit || !entry.starts_with(b"100") {
                continue;
            }
            let head = String::from_utf8_lossy(&entry[..tab]);
            let text = self.run(&["cat-file", "blob", head.rsplit(' ').next().unwrap_or_default()])?;
            let target = folder.join(path);
            let parent = target.parent().unwrap_or(folder);
            fs::create_dir_all(parent).map_err(io_error("make", parent))?;
            fs::write(&target, text).map_err(io_error("write", &target))?;
        }
        Ok(())
    }

    fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, CheckError> {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.project.root()).args(arguments).stdin(Stdio::null());
        // A hook has these for the folder that git runs it in.
        command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE");
        let output = command
            .output()
            .map_err(|source| CheckError::NoGit { revision: self.revision.into(), source })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(self.refused(String::from_utf8_lossy(&output.stderr).trim()))
    }

    fn refused(&self, said: &str) -> CheckError {
        CheckError::Revision {
            revision: self.revision.into(),
            project: self.project.root().into(),
            said: said.into(),
        }
    }
}

/// An error of files whose names begin otherwise.
fn renamed_error(error: ContractError, from: &str, to: &str) -> ContractError {
    match error {
        ContractError::Syntax(text) => ContractError::Syntax(text.replace(from, to)),
        ContractError::Unsupported { place, what, instead } => {
            ContractError::Unsupported { place: place.replace(from, to), what, instead }
        }
        other => other,
    }
}
