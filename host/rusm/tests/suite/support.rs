//! A node that runs the project in `tests/project`.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rusm::{Built, Node, Project};
use rusm_codegen::value::{TextCall, parse_call, print_value};
use rusm_engine::{EngineConfig, Spawn};
use rusm_otp::{CallError, Context, ExitReason, SpawnOptions, Target};
use rusm_setup::Terminal;

pub fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/project"))
}

pub struct TestNode {
    node: Node,
}

impl TestNode {
    pub async fn boot() -> Self {
        // A test needs few processes, and many tests run beside each other.
        Self::boot_with(EngineConfig { sync_processes: 200, async_processes: 50, ..EngineConfig::default() })
            .await
    }

    pub async fn boot_with(config: EngineConfig) -> Self {
        Self::boot_those(config, |name| !name.ends_with(STARLING)).await
    }

    /// With the components that have the other engine for TypeScript, and a process of each, which is called as it.
    pub async fn boot_with_starlingmonkey() -> Self {
        let config = EngineConfig { sync_processes: 50, async_processes: 50, ..EngineConfig::default() };
        let node = Self::boot_those(config, |_| true).await;
        let engine = node.node.engine();
        for name in engine.component_names().iter().filter(|name| name.ends_with(STARLING)) {
            let mut spawn =
                Spawn::new(&**name).name(Some(name.to_string())).deadline(Duration::from_secs(60));
            if &**name == "probe-starling" {
                let key = node.key(name, "init");
                spawn = spawn.init(Some(key), b"\x00\x03".as_slice().into());
            }
            engine.spawn(spawn).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        node
    }

    async fn boot_those(config: EngineConfig, wanted: impl Fn(&str) -> bool) -> Self {
        let (project, mut built) = build();
        built.retain(|component| wanted(&component.name));
        let file = project.root().join("rusm.toml");
        let node =
            Node::boot(project.manifest(), &file, &built, config).await.expect("the test project starts");
        Self { node }
    }

    pub fn of(node: Node) -> Self {
        Self { node }
    }

    pub fn node(&self) -> &Node {
        &self.node
    }

    pub fn listen(&mut self) {
        self.listen_for(folder());
    }

    /// Serves the socket of the project in another folder.
    pub fn listen_for(&mut self, folder: &Path) {
        let claim = rusm::Socket::of(folder).and_then(rusm::Socket::claim);
        self.node.listen(claim.expect("no other node")).expect("the socket is free");
    }

    /// Ends the node without waiting for children that do not listen.
    pub fn stop_at_once(self) {
        for process in self.node.engine().runtime().processes() {
            self.node.engine().runtime().kill(process.pid);
        }
    }

    pub async fn stop(self) {
        let report = self.node.stop(Duration::from_secs(60)).await;
        assert!(report.killed.is_empty(), "{report:?}");
    }

    pub fn key(&self, component: &str, function: &str) -> u32 {
        let component = self.node.engine().component(component).expect("a component of the project");
        component.contracts().implements[0].function_named(function).expect("a function of its contract").key
    }

    /// Calls a process by a function's key; nothing checks the bytes.
    pub async fn raw_call(
        &self,
        target: impl Into<Target>,
        key: u32,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, CallError> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let target = target.into();
        let body = move |context: Context| async move {
            let reply = context.call(&target, key, body, Duration::from_secs(60)).await;
            sender.send(reply.map(|reply| reply.to_vec())).expect("the test waits");
            ExitReason::Normal
        };
        self.node.engine().runtime().spawn(SpawnOptions::new("test"), body).expect("it has no name");
        receiver.await.expect("the call is answered")
    }

    /// Calls a named process by text; its reply as text, the contract's error as the error.
    pub async fn call(&self, name: &str, text: &str) -> Result<String, String> {
        self.call_as(name, name, text).await
    }

    /// The same, for a process whose name is not its component's.
    pub async fn call_as(&self, name: &str, component: &str, text: &str) -> Result<String, String> {
        let component = self.node.engine().component(component).expect("a component of the project");
        let TextCall { contract, function, body } =
            parse_call(&component.contracts().implements, text).map_err(|error| error.to_string())?;
        let reply = self.raw_call(name, function.key, body).await.map_err(|error| error.to_string())?;
        let printed = print_value(contract, &function.reply().expect("a call"), &reply)
            .expect("a reply of the contract");
        match printed.strip_prefix("err(") {
            Some(error) => Err(error.trim_end_matches(')').to_owned()),
            None => Ok(printed
                .strip_prefix("ok(")
                .map_or(&*printed, |text| text.trim_end_matches(')'))
                .to_owned()),
        }
    }

    /// Casts to a named process of a component by text.
    pub async fn cast(&self, name: &str, component: &str, text: &str) {
        let component = self.node.engine().component(component).expect("a component of the project");
        let call = parse_call(&component.contracts().implements, text);
        let TextCall { function, body, .. } = call.expect("a cast of its contract");
        let nobody = rusm_otp::Pid { node: self.node.engine().runtime().node_id(), id: 0 };
        let sent = self.node.engine().runtime().cast(nobody, &name.into(), function.key, body);
        sent.expect("the cast is taken");
    }

    pub async fn wait_until(&self, mut done: impl FnMut(&Self) -> bool) {
        let waiting = async {
            while !done(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it comes true within a minute");
    }
}

/// How their names end: they take a while to load.
const STARLING: &str = "-starling";

/// Tests run beside each other, in processes of their own: one of them builds, the others find it built.
pub fn build() -> (Project, Vec<Built>) {
    let project = Project::find(folder()).expect("the test project");
    std::fs::create_dir_all(project.state()).expect("a folder for the lock");
    let lock = File::create(project.state().join("test.lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let built = project.build(&mut Terminal::new()).expect("the test project builds");
    (project, built)
}
