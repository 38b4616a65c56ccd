use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rusm_codegen::Contract;
use rusm_setup::{GuestTarget, GuestToolchain, Home, Need, Progress, SetupError, install_packages};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{ComponentDecl, JavaScript, Project, generate, sdk};

mod bundle;
mod heap;
mod js_runtime;
mod own_table;
mod sections;
mod stamp;

use bundle::{Bundle, SOURCE_MAP};
use stamp::{Stamp, add_file};

/// A component that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Its name in the manifest.
    pub name: String,
    /// The finished component.
    pub path: PathBuf,
}

/// Why a project was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A tool is missing and could not be installed.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A contract has a mistake.
    #[error(transparent)]
    Contract(#[from] rusm_codegen::ContractError),
    /// A compiler found mistakes in a component: its messages are on standard error.
    #[error("component `{component}` was not built: {tool} found the mistakes above")]
    Compile {
        /// The component.
        component: String,
        /// What found them.
        tool: &'static str,
    },
    /// A component's folder holds nothing that can be built.
    #[error("component `{component}`: {what} in {}", path.display())]
    Layout {
        /// The component.
        component: String,
        /// What is missing.
        what: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Project {
    /// Builds every component: what is up to date costs little.
    ///
    /// # Errors
    /// [`BuildError`] of the first component that fails.
    pub fn build(&self, progress: &mut dyn Progress) -> Result<Vec<Built>, BuildError> {
        let home = Home::from_env()?;
        self.unpack_sdk()?;
        let contracts = self.contracts()?;
        let mut built = Vec::new();
        let mut bundles = Vec::new();
        let mut builder = Builder { project: self, home: &home, contracts: &contracts, progress };
        for (name, component) in &self.manifest().components {
            let path = builder.component(name, component, &mut bundles)?;
            built.push(Built { name: name.clone(), path });
        }
        bundle::all(&bundles, self, &contracts, builder.progress)?;
        Ok(built)
    }

    /// Writes the generated TypeScript of all contracts into every TypeScript component.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn generate(&self) -> Result<Vec<PathBuf>, BuildError> {
        self.unpack_sdk()?;
        let contracts = self.contracts()?;
        let mut changed = Vec::new();
        for component in self.manifest().components.values() {
            let folder = self.root().join(&component.path);
            if let Some(sources) = typescript_sources(&folder) {
                changed.extend(generate::typescript(&sources, &contracts).map_err(io("write", &sources))?);
            }
        }
        Ok(changed)
    }

    fn unpack_sdk(&self) -> Result<(), BuildError> {
        let folder = self.state().join("sdk");
        sdk::unpack(&folder).map_err(io("write", &folder))
    }
}

struct Builder<'a> {
    project: &'a Project,
    home: &'a Home,
    contracts: &'a [Contract],
    progress: &'a mut dyn Progress,
}

impl Builder<'_> {
    /// Builds a component in Rust; one in TypeScript is prepared, and noted in `bundles` if it is not up to date.
    fn component(
        &mut self,
        name: &str,
        decl: &ComponentDecl,
        bundles: &mut Vec<Bundle>,
    ) -> Result<PathBuf, BuildError> {
        let folder = self.project.root().join(&decl.path);
        if folder.is_file() {
            return Ok(folder);
        }
        let artifact = self.project.artifact(name);
        if let Some(parent) = artifact.parent() {
            fs::create_dir_all(parent).map_err(io("make", parent))?;
        }
        let is_rust = folder.join("Cargo.toml").is_file();
        if is_rust {
            if decl.engine.is_some() {
                let what = "`engine` is for TypeScript, and there is a Cargo.toml";
                return Err(BuildError::Layout { component: name.into(), what, path: folder });
            }
            let wasm = self.rust(name, &folder, decl.target.unwrap_or_default())?;
            copy_if_changed(&wasm, &artifact)?;
        } else if let Some(sources) = typescript_sources(&folder) {
            if decl.target.is_some() {
                let what = "`target` is for Rust, and there is a main.ts";
                return Err(BuildError::Layout { component: name.into(), what, path: folder });
            }
            bundles.extend(self.typescript(name, sources, &artifact, decl.engine.unwrap_or_default())?);
        } else {
            let what = "there is neither a Cargo.toml nor a main.ts";
            return Err(BuildError::Layout { component: name.into(), what, path: folder });
        }
        Ok(artifact)
    }

    /// Cargo says itself what is up to date, and what it compiles.
    fn rust(&mut self, name: &str, folder: &Path, target: GuestTarget) -> Result<PathBuf, BuildError> {
        Need::GuestToolchain.fix(self.home, self.progress)?;
        let toolchain = GuestToolchain::find(self.home).ok_or_else(|| SetupError::Absent {
            what: "no Rust toolchain for guests".into(),
            advice: "run `rusm doctor --fix`".into(),
        })?;
        let mut command = toolchain.cargo();
        command
            .args(["build", "--release", "--target", target.triple(), "--message-format"])
            .arg("json-render-diagnostics")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit());
        let output = command.output().map_err(io("run cargo in", folder))?;
        let failed = BuildError::Compile { component: name.into(), tool: "rustc" };
        if !output.status.success() {
            return Err(failed);
        }
        let manifest = fs::canonicalize(folder.join("Cargo.toml")).map_err(io("read", folder))?;
        let messages = output.stdout.split(|byte| *byte == b'\n');
        let artifacts = messages.filter_map(|line| serde_json::from_slice::<CargoArtifact>(line).ok());
        let own = artifacts
            .filter(|artifact| artifact.reason == "compiler-artifact" && artifact.manifest_path == manifest);
        let wasm = own
            .flat_map(|artifact| artifact.filenames)
            .find(|path| path.extension().is_some_and(|end| end == "wasm"));
        wasm.ok_or_else(|| BuildError::Layout {
            component: name.into(),
            what: "the crate builds no wasm: it needs `crate-type = [\"cdylib\"]`, or a `main.rs`",
            path: folder.into(),
        })
    }

    fn typescript(
        &mut self,
        name: &str,
        folder: PathBuf,
        artifact: &Path,
        engine: JavaScript,
    ) -> Result<Option<Bundle>, BuildError> {
        Need::Node.fix(self.home, self.progress)?;
        let package = folder.ancestors().find(|folder| folder.join("package.json").is_file());
        let package = package.map(Path::to_path_buf).ok_or_else(|| BuildError::Layout {
            component: name.into(),
            what: "there is no package.json, here or above",
            path: folder.clone(),
        })?;
        install_packages(self.home, &package, self.progress)?;
        generate::typescript(&folder, self.contracts).map_err(io("write", &folder))?;
        let stamp = Stamp::of(artifact);
        let settings = self.settings(&folder, &package, engine);
        if artifact.is_file() && stamp.is_up_to_date(&settings, &folder) {
            return Ok(None);
        }
        let artifact = artifact.to_path_buf();
        Ok(Some(Bundle { name: name.into(), folder, package, artifact, engine, stamp, settings }))
    }

    /// What a TypeScript component depends on besides its sources.
    fn settings(&self, folder: &Path, package: &Path, engine: JavaScript) -> Sha256 {
        let mut settings = Sha256::new();
        settings.update(env!("CARGO_PKG_VERSION"));
        settings.update(SOURCE_MAP);
        // What is done to a component after it was made.
        for own in [
            include_str!("build/heap.rs"),
            include_str!("build/js_runtime.rs"),
            include_str!("build/own_table.rs"),
        ] {
            settings.update(own);
        }
        settings.update(engine.name());
        for name in ["package.json", "package-lock.json", "tsconfig.json"] {
            add_file(&mut settings, &package.join(name));
        }
        // A component may have compiler options of its own, anywhere between it and the package.
        for folder in folder.ancestors().take_while(|folder| *folder != package) {
            add_file(&mut settings, &folder.join("tsconfig.json"));
        }
        add_file(&mut settings, &self.project.state().join("sdk/.stamp"));
        settings
    }
}

/// The folder of a TypeScript component's `main.ts`.
fn typescript_sources(folder: &Path) -> Option<PathBuf> {
    [folder.to_path_buf(), folder.join("src")].into_iter().find(|folder| folder.join("main.ts").is_file())
}

fn copy_if_changed(source: &Path, target: &Path) -> Result<(), BuildError> {
    let bytes = fs::read(source).map_err(io("read", source))?;
    if fs::read(target).is_ok_and(|own| own == bytes) {
        return Ok(());
    }
    fs::write(target, bytes).map_err(io("write", target))
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BuildError {
    let path = path.to_owned();
    move |source| BuildError::Io { what, path, source }
}

#[derive(Deserialize)]
struct CargoArtifact {
    reason: String,
    manifest_path: PathBuf,
    filenames: Vec<PathBuf>,
}
