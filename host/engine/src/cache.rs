use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
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

    /// The compiled component, from the cache or compiled now. Blocks: a second for a TypeScript guest.
    pub(crate) fn compile(&self, engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Component> {
        let Some(folder) = &self.folder else { return Component::new(engine, bytes) };
        let path = folder.join(name(engine, bytes));
        if path.exists() {
            // SAFETY: only this user can write to the folder, and only complete files of `serialize` get their name.
            match unsafe { Component::deserialize_file(engine, &path) } {
                Ok(component) => return Ok(component),
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
        Ok(component)
    }
}

fn prepare(folder: &Path) -> io::Result<bool> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let folder = fs::metadata(folder)?;
    let own = fs::metadata("/proc/self")?.uid();
    Ok(folder.uid() == own && folder.mode() & 0o022 == 0)
}

fn name(engine: &Engine, bytes: &[u8]) -> String {
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    let digest = Sha256::digest(bytes);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{digest}-{:016x}-{COMPILER}.cwasm", settings.finish())
}

/// Under another name first, so that nobody ever maps half a file.
fn store(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    fs::write(&partial, bytes)?;
    fs::rename(&partial, path)
}

/// wasmtime itself accepts files of any patch release; a fix in the compiler must recompile.
const COMPILER: &str = env!("RUSM_WASMTIME_VERSION");
