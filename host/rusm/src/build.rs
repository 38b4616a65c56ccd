use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rusm_codegen::Contract;
use rusm_codegen::section::{self, Role};
use rusm_codegen::typescript::file_names;
use rusm_setup::{GuestTarget, GuestToolchain, Home, Need, Progress, SetupError, install_packages};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{ComponentDecl, JavaScript, Project, generate, sdk};

mod js_runtime;
mod own_table;
mod sections;
mod stamp;

use js_runtime::js_runtime;
use own_table::own_table;
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
        let mut builder = Builder { project: self, home: &home, contracts: &contracts, progress };
        for (name, component) in &self.manifest().components {
            let path = builder.component(name, component)?;
            built.push(Built { name: name.clone(), path });
        }
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
    fn component(&mut self, name: &str, decl: &ComponentDecl) -> Result<PathBuf, BuildError> {
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
            self.typescript(name, &sources, &artifact, decl.engine.unwrap_or_default())?;
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
        folder: &Path,
        artifact: &Path,
        engine: JavaScript,
    ) -> Result<(), BuildError> {
        Need::Node.fix(self.home, self.progress)?;
        let package = folder.ancestors().find(|folder| folder.join("package.json").is_file());
        let package = package.ok_or_else(|| BuildError::Layout {
            component: name.into(),
            what: "there is no package.json, here or above",
            path: folder.into(),
        })?;
        install_packages(self.home, package, self.progress)?;
        generate::typescript(folder, self.contracts).map_err(io("write", folder))?;
        let stamp = Stamp::of(artifact);
        let settings = self.settings(folder, package, engine);
        if artifact.is_file() && stamp.is_up_to_date(&settings, folder) {
            return Ok(());
        }
        let started = std::time::Instant::now();
        let what = format!("{name}: check types, bundle, componentize");
        self.progress.begin(&what, None);
        let result = self.bundle(name, folder, package, artifact, engine);
        self.progress.end(&what, started.elapsed(), result.is_ok());
        stamp.write(&settings, folder, &result?)
    }

    fn bundle(
        &self,
        name: &str,
        folder: &Path,
        package: &Path,
        artifact: &Path,
        engine: JavaScript,
    ) -> Result<Vec<PathBuf>, BuildError> {
        let sdk = self.project.state().join("sdk");
        let tools = sdk.join("rusm-ts/tools");
        let run = |script: &str, tool: &'static str, arguments: &[&Path]| {
            let mut command = Command::new("node");
            command.arg(tools.join(script)).args(arguments).current_dir(package).stdin(Stdio::null());
            let output = command.stderr(Stdio::inherit()).output().map_err(io("run node in", package))?;
            if output.status.success() {
                return Ok(output.stdout);
            }
            // The compiler writes its messages there.
            let _ = std::io::stderr().write_all(&output.stdout);
            Err(BuildError::Compile { component: name.into(), tool })
        };
        run("check.mjs", "tsc", &[folder])?;
        let arguments = [folder, &sdk.join("wit"), artifact, Path::new(engine.name())];
        let report = run("bundle.mjs", "the bundler", &arguments)?;
        let damaged = || BuildError::Compile { component: name.into(), tool: "the bundler" };
        let report: BundleReport = serde_json::from_slice(&report).map_err(|_| damaged())?;
        let mut component = fs::read(artifact).map_err(io("read", artifact))?;
        if engine == JavaScript::QuickJs {
            component = own_table(&component).unwrap_or(component);
            component = js_runtime(&component).unwrap_or(component);
        }
        let mut records = Vec::new();
        for (contract, module) in self.contracts.iter().zip(file_names(self.contracts)) {
            if report.contract.as_deref().is_some_and(|id| id == contract.versioned_id()) {
                records.extend(section::record(Role::Implements, contract));
            }
            if report.modules.contains(&module) {
                records.extend(section::record(Role::Uses, contract));
            }
        }
        section::append(&mut component, &records);
        self.append_source_map(&mut component, artifact)?;
        fs::write(artifact, component).map_err(io("write", artifact))?;
        Ok(report.inputs)
    }

    /// The bundle's source map, without the sources themselves and with their paths within the project.
    fn append_source_map(&self, component: &mut Vec<u8>, artifact: &Path) -> Result<(), BuildError> {
        let path = PathBuf::from(format!("{}.map", artifact.display()));
        let text = fs::read(&path).map_err(io("read", &path))?;
        let damaged =
            || BuildError::Compile { component: artifact.display().to_string(), tool: "the bundler" };
        let mut map: serde_json::Value = serde_json::from_slice(&text).map_err(|_| damaged())?;
        let folder = artifact.parent().unwrap_or(artifact);
        let root = fs::canonicalize(self.project.root()).map_err(io("read", self.project.root()))?;
        if let Some(map) = map.as_object_mut() {
            map.remove("sourcesContent");
            let sources = map.get_mut("sources").and_then(serde_json::Value::as_array_mut);
            for source in sources.into_iter().flatten() {
                let within = source.as_str().and_then(|source| {
                    let path = fs::canonicalize(folder.join(source)).ok()?;
                    Some(path.strip_prefix(&root).ok()?.to_string_lossy().into_owned())
                });
                if let Some(within) = within {
                    *source = within.into();
                }
            }
        }
        section::append_named(component, SOURCE_MAP, map.to_string().as_bytes());
        Ok(())
    }

    /// What a TypeScript component depends on besides its sources.
    fn settings(&self, folder: &Path, package: &Path, engine: JavaScript) -> Sha256 {
        let mut settings = Sha256::new();
        settings.update(env!("CARGO_PKG_VERSION"));
        settings.update(SOURCE_MAP);
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

/// Where the engine looks for it when a process crashes.
const SOURCE_MAP: &str = "rusm:source-map";

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

/// What the bundler tells of a TypeScript component.
#[derive(Deserialize)]
struct BundleReport {
    /// The contract it is a service of; none of a raw process.
    contract: Option<String>,
    /// The generated modules it is made of.
    modules: Vec<String>,
    /// Every file of it.
    inputs: Vec<PathBuf>,
}
