//! What a TypeScript component was made of: if nothing of it has changed, it need not be made again.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{BuildError, io};

/// A file beside the component: a digest, and the files that the bundler has read, a line each.
pub(super) struct Stamp {
    path: PathBuf,
}

impl Stamp {
    pub(super) fn of(artifact: &Path) -> Self {
        Self { path: artifact.with_extension("stamp") }
    }

    pub(super) fn is_up_to_date(&self, settings: &Sha256, folder: &Path) -> bool {
        let Ok(text) = fs::read_to_string(&self.path) else { return false };
        let Some((known, inputs)) = text.split_once('\n') else { return false };
        let inputs: Vec<_> = inputs.lines().map(PathBuf::from).collect();
        known == digest(settings, folder, &inputs)
    }

    pub(super) fn write(
        &self,
        settings: &Sha256,
        folder: &Path,
        inputs: &[PathBuf],
    ) -> Result<(), BuildError> {
        let mut text = digest(settings, folder, inputs) + "\n";
        for input in inputs {
            text.push_str(&input.to_string_lossy());
            text.push('\n');
        }
        fs::write(&self.path, text).map_err(io("write", &self.path))
    }
}

/// Of the files that were bundled, wherever they are, and of the component's other sources: the bundler does not see those of
/// which only types are used, the compiler does.
fn digest(settings: &Sha256, folder: &Path, inputs: &[PathBuf]) -> String {
    let mut files = sources(folder);
    files.extend_from_slice(inputs);
    files.sort();
    files.dedup();
    let mut digest = settings.clone();
    files.iter().for_each(|file| add_file(&mut digest, file));
    hex::encode(digest.finalize())
}

/// Adds a file's name and content, whether it is there or not.
pub(super) fn add_file(digest: &mut Sha256, file: &Path) {
    digest.update(file.to_string_lossy().as_bytes());
    digest.update(Sha256::digest(fs::read(file).unwrap_or_default()));
}

/// The TypeScript files below a folder, each folder once, however links lead to it; only what is a file is read.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        if !fs::canonicalize(&folder).is_ok_and(|real| seen.insert(real)) {
            continue;
        }
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let is_source = path
                .extension()
                .is_some_and(|end| ["ts", "tsx", "mts", "cts", "json"].iter().any(|own| end == *own));
            if metadata.is_dir() && !OTHERS.iter().any(|other| entry.file_name() == *other) {
                left.push(path);
            } else if metadata.is_file() && is_source {
                files.push(path);
            }
        }
    }
    files
}

/// Folders that are not the component's own sources.
const OTHERS: [&str; 4] = ["node_modules", ".rusm", "target", ".git"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_back_and_odd_files_do_not_hold_it_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("a/b");
        fs::create_dir_all(&inner).expect("folders");
        fs::write(inner.join("main.ts"), "").expect("a file");
        for (place, name) in ["one", "two", "three"].into_iter().enumerate() {
            let to = if place == 2 { folder.path() } else { Path::new("..") };
            std::os::unix::fs::symlink(to, inner.join(name)).expect("a link");
        }
        let _socket = std::os::unix::net::UnixListener::bind(inner.join("odd.ts")).expect("a socket");
        let fifo = std::process::Command::new("mkfifo").arg(inner.join("fifo.ts")).status();
        assert!(fifo.is_ok_and(|made| made.success()));
        let names: Vec<_> =
            sources(folder.path()).iter().map(|file| file.file_name().map(ToOwned::to_owned)).collect();
        assert_eq!(names, [Some("main.ts".into())]);
    }

    #[test]
    fn a_file_elsewhere_counts_as_soon_as_it_was_bundled() {
        let folder = tempfile::tempdir().expect("a folder");
        let [own, shared] = ["own", "shared"].map(|name| folder.path().join(name));
        fs::create_dir(&own).expect("a folder");
        fs::write(own.join("main.ts"), "1").expect("a file");
        fs::write(&shared, "1").expect("a file");
        let stamp = Stamp::of(&folder.path().join("component.wasm"));
        let settings = Sha256::new();
        assert!(!stamp.is_up_to_date(&settings, &own));
        stamp.write(&settings, &own, &[shared.clone(), own.join("main.ts")]).expect("it is written");
        assert!(stamp.is_up_to_date(&settings, &own));
        fs::write(&shared, "2").expect("a file");
        assert!(!stamp.is_up_to_date(&settings, &own));
        fs::write(&shared, "1").expect("a file");
        fs::write(own.join("types.d.ts"), "new").expect("a file");
        assert!(!stamp.is_up_to_date(&settings, &own));
    }
}
