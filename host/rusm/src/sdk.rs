use std::fs;
use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// The SDKs' sources, packed by the build: path and bytes.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// Lays the SDKs of this version out in a folder. Costs nothing when they are there; files that did not change are left
/// alone, so that builds stay up to date.
pub(crate) fn unpack(folder: &Path) -> io::Result<()> {
    let stamp = folder.join(".stamp");
    let digest = digest();
    if fs::read_to_string(&stamp).is_ok_and(|known| known == digest) {
        return Ok(());
    }
    let mut known: Vec<_> = FILES.iter().map(|(name, _)| folder.join(name)).collect();
    known.push(folder.join("Cargo.lock"));
    remove_others(folder, &known)?;
    for (name, bytes) in FILES {
        let path = folder.join(name);
        if fs::read(&path).is_ok_and(|own| own == *bytes) {
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, bytes)?;
    }
    fs::write(stamp, digest)
}

/// What an older version had and this one has not must not be compiled in.
fn remove_others(folder: &Path, known: &[std::path::PathBuf]) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            remove_others(&path, known)?;
        } else if !known.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn digest() -> String {
    let mut hash = Sha256::new();
    for (name, bytes) in FILES {
        hash.update(name.as_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    hex::encode(hash.finalize())
}
