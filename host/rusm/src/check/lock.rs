use std::fs;
use std::io;

use rusm_codegen::print_all;

use super::known::{self, Others, Own};
use super::{Against, CheckError, LOCK, io_error};
use crate::Project;

pub(super) fn read(project: &Project) -> Result<Others, CheckError> {
    let path = project.root().join(LOCK);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(CheckError::NoLock { project: project.root().into() });
        }
        other => other.map_err(io_error("read", &path))?,
    };
    known::parse(LOCK, &text).map_err(CheckError::known(&Against::Lock))
}

/// Writes the file as a whole or not at all.
pub(super) fn write(project: &Project, own: &Own) -> Result<(), CheckError> {
    if own.contracts.is_empty() {
        return Err(CheckError::NoContracts { wit: project.root().join("wit") });
    }
    let path = project.root().join(LOCK);
    let new = path.with_extension("lock.new");
    fs::write(&new, format!("{HEAD}{}", print_all(PACKAGE, &own.contracts)))
        .map_err(io_error("write", &new))?;
    fs::rename(&new, &path).map_err(io_error("write", &path))
}

const HEAD: &str =
    "// The contracts of this project as others know them, in WIT. Written by `rusm check --write`.\n\n";

/// The package that the file itself is of.
const PACKAGE: &str = "rusm:lock";
