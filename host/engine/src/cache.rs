use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Compiled components on disk.
///
/// A file is mapped and run as it is, so the folder must be the user's own and closed to others; one that is not is left
/// alone and everything is compiled again. A file's name tells everything it depends on: the guest's bytes, the engine's
/// configuration, and the exact version of the compiler.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        let usable = folder.filter(|folder| match prepare(folder) {
            Ok(true) => true,
            Ok(false) => {
                let folder = folder.display();
                tracing::warn!(%folder, "compiled components are not kept: the folder is open to other users");
                false
            }
            Err(error) => {
                let folder = folder.display();
                tracing::warn!(%folder, %error, "compiled components are not kept");
                false
            }
        });
        Self { folder: usable }
    }

    /// The compiled component, and whether it is from the cache. Blocks: a second for a TypeScript guest.
    pub(crate) fn compile(&self, engine: &Engine, bytes: &[u8]) -> wasmtime::Result<(Component, bool)> {
        let Some(folder) = &self.folder else { return Ok((Component::new(engine, bytes)?, false)) };
        let path = folder.join(name(engine, bytes));
        if path.exists() {
            // SAFETY: only this user can write to the folder, and only complete files of `serialize` get their name.
            match unsafe { Component::deserialize_file(engine, &path) } {
                Ok(component) => return Ok((component, true)),
                Err(error) => {
                    let path = path.display();
                    tracing::warn!(%path, %error, "a compiled component cannot be used; compiling again");
                }
            }
        }
        let component = Component::new(engine, bytes)?;
        if let Err(error) = store(&path, &component.serialize()?) {
            let path = path.display();
            tracing::warn!(%path, %error, "a compiled component cannot be kept");
        }
        Ok((component, false))
    }
}

fn prepare(folder: &Path) -> io::Result<bool> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let folder = fs::metadata(folder)?;
    let own = rustix::process::getuid().as_raw();
    Ok(folder.uid() == own && folder.mode() & 0o022 == 0)
}

fn name(engine: &Engine, bytes: &[u8]) -> String {
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    let digest = Sha256::digest(bytes);
    let digest = hex::encode(digest);
    format!("{digest}-{:016x}-{COMPILER}.cwasm", settings.finish())
}

/// Under another name first, so that nobody ever maps half a file.
fn store(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut partial = tempfile::Builder::new().prefix(".partial-").tempfile_in(folder)?;
    partial.write_all(bytes)?;
    partial.persist(path)?;
    Ok(())
}

/// wasmtime itself accepts files of any patch release; a fix in the compiler must recompile.
const COMPILER: &str = env!("RUSM_WASMTIME_VERSION");

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use wasmtime::Config;

    use super::*;

    const GUEST: &str =
        "(component (core module $m (func (export \"run\"))) (core instance (instantiate $m)))";

    fn files(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("the folder is there");
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn engine(fuel: bool) -> Engine {
        Engine::new(Config::new().consume_fuel(fuel)).expect("an engine")
    }

    #[test]
    fn a_component_is_compiled_once_for_each_engine() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(Some(folder.path().join("own")));
        let guest = wat::parse_str(GUEST).expect("a component");
        cache.compile(&engine(false), &guest).expect("it compiles");
        let first = files(&folder.path().join("own"));
        assert_eq!(first.len(), 1, "{first:?}");
        assert!(first[0].ends_with(&format!("-{COMPILER}.cwasm")), "{first:?}");
        cache.compile(&engine(false), &guest).expect("it is there");
        assert_eq!(files(&folder.path().join("own")), first);

        cache.compile(&engine(true), &guest).expect("it compiles for other settings");
        assert_eq!(files(&folder.path().join("own")).len(), 2);
        let other = wat::parse_str("(component)").expect("a component");
        cache.compile(&engine(false), &other).expect("another one compiles");
        assert_eq!(files(&folder.path().join("own")).len(), 3);
    }

    #[test]
    fn what_is_in_the_cache_is_what_runs() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(Some(folder.path().to_owned()));
        let (guest, engine) = (wat::parse_str(GUEST).expect("a component"), engine(false));
        // Another component under the guest's name: a cache that compiled again would not give this one.
        let other = wat::parse_str("(component (import \"other\" (func)))").expect("a component");
        let other = Component::new(&engine, other).expect("it compiles");
        fs::write(folder.path().join(name(&engine, &guest)), other.serialize().expect("its bytes"))
            .expect("it can be written");
        let (found, cached) = cache.compile(&engine, &guest).expect("it is there");
        assert!(cached);
        assert_eq!(found.component_type().imports(&engine).len(), 1);
    }

    #[test]
    fn a_broken_file_is_compiled_again_and_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(Some(folder.path().to_owned()));
        let (guest, engine) = (wat::parse_str(GUEST).expect("a component"), engine(false));
        let path = folder.path().join(name(&engine, &guest));
        fs::write(&path, b"no compiled component").expect("it can be written");
        cache.compile(&engine, &guest).expect("it compiles");
        assert!(fs::metadata(&path).expect("it is there").len() > 1000);
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_not_used() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("it is ours");
        let cache = Cache::new(Some(folder.path().to_owned()));
        let guest = wat::parse_str(GUEST).expect("a component");
        cache.compile(&engine(false), &guest).expect("it compiles all the same");
        assert!(files(folder.path()).is_empty());
    }
}
