use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusm_codegen::{Contract, typescript};

/// Writes the TypeScript modules of all contracts into a component's `gen/` folder; what is up to date is left alone.
/// Answers the files that changed.
pub(crate) fn typescript(component: &Path, contracts: &[Contract]) -> io::Result<Vec<PathBuf>> {
    let folder = component.join("gen");
    let mut changed = Vec::new();
    for (contract, name) in contracts.iter().zip(typescript::file_names(contracts)) {
        let path = folder.join(name);
        let text = typescript::module(contract);
        if fs::read_to_string(&path).is_ok_and(|own| own == text) {
            continue;
        }
        fs::create_dir_all(&folder)?;
        fs::write(&path, text)?;
        changed.push(path);
    }
    Ok(changed)
}
