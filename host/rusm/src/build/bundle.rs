//! TypeScript components: their types checked, bundled, and made components, several side by side.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rusm_codegen::Contract;
use rusm_codegen::section::{self, Role};
use rusm_codegen::typescript::file_names;
use rusm_setup::Progress;
use serde::Deserialize;
use sha2::Sha256;

use super::js_runtime::js_runtime;
use super::own_table::own_table;
use super::stamp::Stamp;
use super::{BuildError, io};
use crate::{JavaScript, Project};

/// A component that is to be made anew.
pub(super) struct Bundle {
    pub(super) name: String,
    /// Where its `main.ts` is.
    pub(super) folder: PathBuf,
    /// Where its `package.json` is.
    pub(super) package: PathBuf,
    /// What it becomes.
    pub(super) artifact: PathBuf,
    pub(super) engine: JavaScript,
    pub(super) stamp: Stamp,
    /// What it depends on besides its sources.
    pub(super) settings: Sha256,
}

/// What is told of one while it is made.
enum News {
    Begins,
    Ends { took: Duration, said: Vec<u8>, result: Result<(), BuildError> },
}

/// Makes all of them, as many at a time as there are cores. After a failure those that have begun are finished.
pub(super) fn all(
    bundles: &[Bundle],
    project: &Project,
    contracts: &[Contract],
    progress: &mut dyn Progress,
) -> Result<(), BuildError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let (sender, news) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..cores.min(bundles.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some(bundle) = bundles.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Whoever listens does so until the last one.
                    let _ = sender.send((bundle, News::Begins));
                    let begun = Instant::now();
                    let mut said = Vec::new();
                    let result = bundle.make(project, contracts, &mut said);
                    let _ = sender.send((bundle, News::Ends { took: begun.elapsed(), said, result }));
                }
            });
        }
        drop(sender);
        let mut failure = None;
        for (bundle, news) in news {
            let what = format!("{}: check types, bundle, componentize", bundle.name);
            match news {
                News::Begins => progress.begin(&what, None),
                News::Ends { took, said, result } => {
                    // What compilers say of one component stands together.
                    let _ = std::io::Write::write_all(&mut std::io::stderr(), &said);
                    progress.end(&what, took, result.is_ok());
                    if let Err(error) = result {
                        next.store(bundles.len(), Ordering::Relaxed);
                        failure.get_or_insert(error);
                    }
                }
            }
        }
        failure.map_or(Ok(()), Err)
    })
}

impl Bundle {
    fn make(&self, project: &Project, contracts: &[Contract], said: &mut Vec<u8>) -> Result<(), BuildError> {
        let inputs = self.component(project, contracts, said)?;
        self.stamp.write(&self.settings, &self.folder, &inputs)
    }

    /// Writes the component, and answers every file that it is made of.
    fn component(
        &self,
        project: &Project,
        contracts: &[Contract],
        said: &mut Vec<u8>,
    ) -> Result<Vec<PathBuf>, BuildError> {
        let Self { name, folder, package, artifact, engine, .. } = self;
        let sdk = project.state().join("sdk");
        let tools = sdk.join("rusm-ts/tools");
        let mut run = |script: &str, tool: &'static str, arguments: &[&Path]| {
            let mut command = Command::new("node");
            command.arg(tools.join(script)).args(arguments).current_dir(package).stdin(Stdio::null());
            let output = command.output().map_err(io("run node in", package))?;
            said.extend_from_slice(&output.stderr);
            if output.status.success() {
                return Ok(output.stdout);
            }
            // The compiler writes its messages there.
            said.extend_from_slice(&output.stdout);
            Err(BuildError::Compile { component: name.clone(), tool })
        };
        run("check.mjs", "tsc", &[folder])?;
        let arguments = [folder, &*sdk.join("wit"), artifact, Path::new(engine.name())];
        let report = run("bundle.mjs", "the bundler", &arguments)?;
        let damaged = || BuildError::Compile { component: name.clone(), tool: "the bundler" };
        let report: Report = serde_json::from_slice(&report).map_err(|_| damaged())?;
        let mut component = fs::read(artifact).map_err(io("read", artifact))?;
        if *engine == JavaScript::QuickJs {
            component = own_table(&component).unwrap_or(component);
            component = js_runtime(&component).unwrap_or(component);
        }
        let mut records = Vec::new();
        for id in &report.contracts {
            let own = contracts.iter().find(|contract| contract.versioned_id() == *id);
            records.extend(own.into_iter().flat_map(|own| section::record(Role::Implements, own)));
        }
        for (contract, module) in contracts.iter().zip(file_names(contracts)) {
            if report.modules.contains(&module) {
                records.extend(section::record(Role::Uses, contract));
            }
        }
        section::append(&mut component, &records);
        self.append_source_map(project, &mut component)?;
        fs::write(artifact, component).map_err(io("write", artifact))?;
        Ok(report.inputs)
    }

    /// The bundle's source map, without the sources themselves and with their paths within the project.
    fn append_source_map(&self, project: &Project, component: &mut Vec<u8>) -> Result<(), BuildError> {
        let path = PathBuf::from(format!("{}.map", self.artifact.display()));
        let text = fs::read(&path).map_err(io("read", &path))?;
        let damaged = || BuildError::Compile { component: self.name.clone(), tool: "the bundler" };
        let mut map: serde_json::Value = serde_json::from_slice(&text).map_err(|_| damaged())?;
        let folder = self.artifact.parent().unwrap_or(&self.artifact);
        let root = fs::canonicalize(project.root()).map_err(io("read", project.root()))?;
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
}

/// Where the engine looks for it when a process crashes.
pub(super) const SOURCE_MAP: &str = "rusm:source-map";

/// What the bundler tells of a component.
#[derive(Deserialize)]
struct Report {
    /// The contracts it is a service of, the one that constructs it first; none of a raw process.
    contracts: Vec<String>,
    /// The generated modules it is made of.
    modules: Vec<String>,
    /// Every file of it.
    inputs: Vec<PathBuf>,
}
