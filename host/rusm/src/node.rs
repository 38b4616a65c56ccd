use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rusm_codegen::value::{TextError, parse_arguments};
use rusm_engine::{Engine, EngineConfig, EngineError, Kind, LoadError, Spawn, SpawnError};
use rusm_otp::{
    Application, ChildSpec, ExitReason, Parent, Runtime, ShutdownReport, StartError, Supervision, Supervisor,
};

use crate::control::Listening;
use crate::manifest::{ChildDecl, SupervisorDecl, What};
use crate::{Built, Manifest};

/// A node that runs a project's supervision tree.
#[derive(Debug)]
pub struct Node {
    engine: Engine,
    root: Supervision,
    listening: Option<Listening>,
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The engine could not be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A component's file is not there.
    #[error("component `{component}`: cannot read {}: {source}\n  build the project with `rusm build`", path.display())]
    Unreadable {
        /// The component.
        component: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder that a component is granted is not there, or cannot be opened.
    #[error("component `{component}`: cannot open the folder {} that it is granted: {source}\n  make it, or take it out of `read` and `write` in rusm.toml", path.display())]
    Folder {
        /// The component.
        component: String,
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A component could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The arguments of a child's constructor are no such values.
    #[error("{}:{line}: `init` of child `{child}`: {source}", manifest.display())]
    Init {
        /// The manifest.
        manifest: PathBuf,
        /// The child's line.
        line: usize,
        /// The child.
        child: String,
        /// What is wrong.
        source: TextError,
    },
    /// A child has `init`, and its component's contract no constructor.
    #[error("{}:{line}: child `{child}` has `init`, but its contract has no constructor `init`", manifest.display())]
    NoConstructor {
        /// The manifest.
        manifest: PathBuf,
        /// The child's line.
        line: usize,
        /// The child.
        child: String,
    },
    /// A child has `args`, and its component is no program.
    #[error("{}:{line}: `args` are for a `wasi:cli` program, which `{component}` is not", manifest.display())]
    NoCommand {
        /// The manifest.
        manifest: PathBuf,
        /// The child's line.
        line: usize,
        /// The component.
        component: String,
    },
    /// A child of the tree did not start.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl Node {
    /// Loads the components and starts the tree, on the current tokio runtime.
    ///
    /// # Errors
    /// [`BootError`]; whatever had started is stopped again.
    pub async fn boot(
        manifest: &Manifest,
        file: &std::path::Path,
        components: &[Built],
        config: EngineConfig,
    ) -> Result<Self, BootError> {
        let total_memory = manifest.memory.or(config.total_memory);
        // Who says how much it may be, may say more than the node would take by itself.
        let [resident, emergency] =
            [config.resident, config.emergency].map(|most| most.max(manifest.memory.unwrap_or(0)));
        let config = EngineConfig { total_memory, resident, emergency, ..config };
        let engine = Engine::new(Runtime::new(), config)?;
        for built in components {
            let read = fs::read(&built.path);
            let bytes = read.map_err(|source| BootError::Unreadable {
                component: built.name.clone(),
                path: built.path.clone(),
                source,
            })?;
            let profile =
                manifest.components.get(&built.name).map(|decl| decl.profile.clone()).unwrap_or_default();
            for folder in &profile.folders {
                fs::read_dir(&folder.host).map_err(|source| BootError::Folder {
                    component: built.name.clone(),
                    path: folder.host.clone(),
                    source,
                })?;
            }
            engine.load(&built.name, bytes, profile).await?;
        }
        let tree = Tree { engine: &engine, file };
        let supervisor = tree.supervisor(&manifest.root)?;
        let application =
            Application::new(manifest.root.name.as_str(), supervisor).start(engine.runtime()).await?;
        Ok(Self { engine, root: application.supervision, listening: None })
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The root of the supervision tree.
    pub fn root(&self) -> &Supervision {
        &self.root
    }

    /// Opens the local socket of a project, for `rusm call`, until the node is dropped. Whoever starts a node claims the socket
    /// before anything runs.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub fn listen(&mut self, claim: crate::Claim) -> std::io::Result<()> {
        self.listening = Some(crate::control::listen(self.engine.clone(), claim)?);
        Ok(())
    }

    /// Waits until the tree has ended by itself, which it does when it gives up.
    pub async fn ended(&self) -> ExitReason {
        let runtime = self.engine.runtime();
        let root = self.root.pid;
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let watch = move |context: rusm_otp::Context| async move {
            context.runtime().monitor(context.pid(), &root.into());
            if let rusm_otp::Message::Down { reason, .. } = context.receive().await {
                // Nobody waits any more: then nobody wants to know.
                let _ = sender.send(reason);
            }
            ExitReason::Normal
        };
        let watching = runtime.spawn(rusm_otp::SpawnOptions::new("watch of the root"), watch);
        match watching {
            Ok(_) => receiver.await.unwrap_or(ExitReason::Killed),
            Err(_) => ExitReason::NoProc,
        }
    }

    /// Stops the tree in order, the last child first, and then whatever runs outside of it; kills what is left after so long.
    pub async fn stop(&self, limit: Duration) -> ShutdownReport {
        self.engine.runtime().shutdown(limit).await
    }
}

struct Tree<'a> {
    engine: &'a Engine,
    file: &'a std::path::Path,
}

impl Tree<'_> {
    fn supervisor(&self, decl: &SupervisorDecl) -> Result<Supervisor, BootError> {
        let mut supervisor = Supervisor::new(decl.name.as_str())
            .strategy(decl.strategy)
            .intensity(decl.intensity, decl.period);
        for child in &decl.children {
            supervisor = supervisor.child(self.child(child)?);
        }
        Ok(supervisor)
    }

    fn child(&self, decl: &ChildDecl) -> Result<ChildSpec, BootError> {
        let spec = match &decl.what {
            What::Supervisor(below) => ChildSpec::supervisor(self.supervisor(below)?),
            What::Component { component, name, init, args } => {
                let spawn = self.spawn(component, name, init.as_deref(), decl.line)?;
                let spawn = self.with_args(spawn, component, args, decl.line)?;
                let engine = self.engine.clone();
                let start = move |parent: Parent| {
                    let spawn = spawn.clone().parent(parent.pid, true, false);
                    let engine = engine.clone();
                    async move {
                        match engine.spawn(spawn).await {
                            Ok(spawned) => Ok(spawned.pid),
                            Err(error @ SpawnError::Refused(_)) => Err(describe(&error).into()),
                            Err(error) => Err(error.into()),
                        }
                    }
                };
                ChildSpec::new(name.clone(), start)
            }
        };
        Ok(spec.restart(decl.restart).shutdown(decl.shutdown))
    }

    fn with_args(
        &self,
        spawn: Spawn,
        component: &str,
        args: &[String],
        line: usize,
    ) -> Result<Spawn, BootError> {
        let is_command =
            self.engine.component(component).is_some_and(|loaded| loaded.kind() == Kind::Command);
        match (is_command, args) {
            (true, args) => Ok(spawn.command(args.to_vec(), bytes::Bytes::new())),
            (false, []) => Ok(spawn),
            (false, _) => {
                Err(BootError::NoCommand { manifest: self.file.into(), line, component: component.into() })
            }
        }
    }

    fn spawn(
        &self,
        component: &str,
        name: &str,
        init: Option<&str>,
        line: usize,
    ) -> Result<Spawn, BootError> {
        let spawn = Spawn::new(component).name(Some(name.to_owned()));
        let Some(text) = init else { return Ok(spawn) };
        let loaded = self.engine.component(component);
        let Some((contract, constructor)) =
            loaded.as_ref().and_then(|loaded| loaded.contracts().constructor())
        else {
            let manifest = self.file.into();
            return Err(BootError::NoConstructor { manifest, line, child: name.into() });
        };
        let body = parse_arguments(contract, constructor, text).map_err(|source| BootError::Init {
            manifest: self.file.into(),
            line,
            child: name.into(),
            source,
        })?;
        Ok(spawn.init(Some(constructor.key), body.into()))
    }
}

fn describe(error: &SpawnError) -> String {
    match error {
        SpawnError::Refused(body) => format!("{error}: {}", String::from_utf8_lossy(body)),
        other => other.to_string(),
    }
}
