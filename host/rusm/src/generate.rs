use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rusm_codegen::{Contract, typescript};

/// Writes the TypeScript modules of all contracts into a component's `gen/` folder; what is up to date is left alone, and
/// the modules of contracts that are gone are removed. Answers the files that changed.
pub(crate) fn typescript(component: &Path, contracts: &[Contract]) -> io::Result<Vec<PathBuf>> {
    let folder = component.join("gen");
    let mut changed = Vec::new();
    let names = typescript::file_names(contracts);
    for (contract, name) in contracts.iter().zip(&names) {
        let path = folder.join(name);
        let text = typescript::module(contract, contracts);
        if fs::read_to_string(&path).is_ok_and(|own| own == text) {
            continue;
        }
        fs::create_dir_all(&folder)?;
        fs::write(&path, text)?;
        changed.push(path);
    }
    changed.extend(remove_stale(&folder, &names)?);
    Ok(changed)
}

/// Removes what was generated here and is of no contract any more; what others wrote stays.
fn remove_stale(folder: &Path, names: &[String]) -> io::Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let stale = entries.flatten().filter(|entry| {
        let is_known = entry.file_name().to_str().is_none_or(|name| names.iter().any(|known| known == name));
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        !is_known && is_file && is_generated(&entry.path())
    });
    let mut removed = Vec::new();
    for entry in stale {
        fs::remove_file(entry.path())?;
        removed.push(entry.path());
    }
    Ok(removed)
}

fn is_generated(path: &Path) -> bool {
    let mut head = vec![0; typescript::HEAD.len()];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head == typescript::HEAD.as_bytes()
}
