use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusm_codegen::Contract;
use rusm_otp::{Charge, ExitReason, NameError, Pid};

use crate::Profile;
use crate::capacity::Count;

/// A process to be started.
///
/// ```
/// # use rusm_engine::{Engine, EngineConfig, Profile, Spawn, SpawnError, LoadError};
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let config = EngineConfig { sync_processes: 10, async_processes: 10, ..EngineConfig::default() };
/// # let engine = Engine::new(rusm_otp::Runtime::new(), config)?;
/// # let component = wat::parse_str(r#"(component (core module $m (func (export "run")))
/// #     (core instance $i (instantiate $m)) (func (export "run") (canon lift (core func $i "run"))))"#)?;
/// engine.load("nothing", component, Profile::default()).await?;
/// let program = Spawn::new("nothing").name(Some("first".into()));
/// let first = engine.spawn(program).await?;
/// println!("first is {}", first.pid);
/// // A name that nobody has loaded.
/// let error = engine.spawn(Spawn::new("nothign")).await.unwrap_err();
/// assert!(matches!(&error, SpawnError::UnknownComponent { nearest: Some(near), .. } if near == "nothing"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Spawn {
    pub(crate) component: String,
    pub(crate) init: Option<u32>,
    pub(crate) body: Bytes,
    pub(crate) contract: Option<Contract>,
    pub(crate) profile: Option<Profile>,
    pub(crate) parent: Option<Pid>,
    pub(crate) link: bool,
    pub(crate) monitor: bool,
    pub(crate) name: Option<String>,
    pub(crate) command: Option<Command>,
    pub(crate) children: Option<(Count, Option<u32>)>,
    pub(crate) deadline: Duration,
    /// For its parent, until this is gone.
    pub(crate) kept: Option<Arc<Charge>>,
}

/// Why no process was started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpawnError {
    /// No component of that name is loaded.
    #[error("there is no component `{component}`{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownComponent {
        /// The name.
        component: String,
        /// The known name that is closest.
        nearest: Option<String>,
    },
    /// The component lacks functions of the contract.
    #[error("{0}")]
    Contract(String),
    /// The constructor refused with its typed error.
    #[error("the constructor refused")]
    Refused(Bytes),
    /// The constructor could not decode its arguments, or there is none with that key.
    #[error("the constructor's arguments are malformed: {0}")]
    Malformed(String),
    /// The process ended inside its constructor; with `shutdown`, the node stops.
    #[error("the process ended in its constructor: {0}")]
    Exited(ExitReason),
    /// The constructor was not done within the deadline.
    #[error("timeout: the constructor was not done within {0:?}")]
    Timeout(Duration),
    /// The name belongs to a living process.
    #[error("the name belongs to {0}")]
    AlreadyRegistered(Pid),
    /// It cannot have that name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The node cannot hold one more.
    #[error("the node is full: {0}")]
    Capacity(String),
}

impl Spawn {
    /// A process of this component: neither linked nor monitored nor named, with five seconds for its constructor.
    pub fn new(component: impl Into<String>) -> Self {
        Self {
            component: component.into(),
            init: None,
            body: Bytes::new(),
            contract: None,
            profile: None,
            parent: None,
            link: false,
            monitor: false,
            name: None,
            command: None,
            children: None,
            deadline: Duration::from_secs(5),
            kept: None,
        }
    }

    /// The constructor's key and its arguments on the wire. A constructor without arguments needs neither.
    pub fn init(mut self, key: Option<u32>, body: Bytes) -> Self {
        (self.init, self.body) = (key, body);
        self
    }

    /// What the caller's client was generated from: the component must have all of it.
    pub fn contract(mut self, contract: Option<Contract>) -> Self {
        self.contract = contract;
        self
    }

    /// Another profile than the component's own.
    pub fn profile(mut self, profile: Option<Profile>) -> Self {
        self.profile = profile;
        self
    }

    /// Who spawns it, and whether the two are linked and the new one monitored.
    pub fn parent(mut self, parent: Pid, link: bool, monitor: bool) -> Self {
        (self.parent, self.link, self.monitor) = (Some(parent), link, monitor);
        self
    }

    /// Registers it under a name.
    pub fn name(mut self, name: Option<String>) -> Self {
        self.name = name;
        self
    }

    /// The command line of a `wasi:cli` program, without its name, and what it finds on standard input.
    pub fn command(mut self, arguments: Vec<String>, stdin: Bytes) -> Self {
        self.command = Some(Command { arguments, stdin });
        self
    }

    /// Counts it among the living children of its parent, so many at most.
    pub(crate) fn counted(mut self, children: Count, most: Option<u32>) -> Self {
        self.children = Some((children, most));
        self
    }

    /// What is kept for its parent.
    pub(crate) fn kept(mut self, kept: Charge) -> Self {
        self.kept = Some(Arc::new(kept));
        self
    }

    /// How long its constructor may take.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

/// What a program of `wasi:cli` is started with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Command {
    pub(crate) arguments: Vec<String>,
    pub(crate) stdin: Bytes,
}
