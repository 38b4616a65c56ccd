//! The TCP driver: listeners, connections, and their bytes as streams. It moves bytes; what they mean, and who lives and
//! ends, is for processes to decide.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{
    ChildSpec, Context, ExitReason, Parent, Pid, Runtime, Shutdown, ShutdownReport, SpawnOptions, Target,
};

mod accepting;
mod connection;
mod error;
mod pump;
mod socket;

pub use connection::{Connection, ConnectionReader, ConnectionWriter, MOST_EXACT, connect};
pub use error::{CloseError, ConnectError, ConnectionError, ListenError, ReadExactError};

use accepting::{Ask, Ready, accept_connections};

/// How a listener listens.
#[derive(Debug, Clone)]
pub struct ListenOptions {
    process: SpawnOptions,
    label: Arc<str>,
    most_connections: usize,
    grace: Duration,
    backlog: u32,
    nodelay: bool,
    receive_buffer: Option<u32>,
}

/// A listener that runs. It goes on when this is dropped.
#[derive(Debug, Clone)]
pub struct Listening {
    /// Where it listens: with the port that the system has chosen, if it was to.
    pub addr: SocketAddr,
    /// Its process.
    pub pid: Pid,
    runtime: Runtime,
}

/// What a listener has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerInfo {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Processes of connections that live now.
    pub connections: usize,
    /// How many connections it has accepted so far.
    pub accepted: u64,
    /// Whether it was told to accept none, by [`suspend`](crate::suspend).
    pub suspended: bool,
}

/// Listens for TCP connections, and runs `handler` in a process of its own for each. Answers once connections are taken.
///
/// The process of a connection is linked to nothing: its crash is its own. The listener monitors it, and what lives of them
/// when the listener ends, ends with it: asked by `shutdown`, killed after the listener's grace; at once, if the listener is
/// killed. A listener stops so when its parent ends or asks it to, when anybody sends it a `shutdown`, and by
/// [`Listening::stop`]. It traps exits, and hears [`suspend`](crate::suspend) and [`resume`](crate::resume).
///
/// Limits: connections at once, by default 10,000; clients past that wait in the system's backlog, 1,024 by
/// default, and past that is not answered. When the system is out of files or memory, the listener accepts nothing for
/// 100 ms and then tries again.
///
/// ```
/// use std::net::{Ipv4Addr, SocketAddr};
/// use std::time::Duration;
///
/// use rusm_otp::{Connection, Context, ExitReason, ListenOptions, Runtime, SpawnOptions, connect, listen};
///
/// async fn echo(_: Context, mut connection: Connection) -> ExitReason {
///     while let Ok(Some(bytes)) = connection.read(4096).await {
///         if connection.write_all(&bytes).await.is_err() {
///             return ExitReason::Normal;
///         }
///     }
///     connection.close(Duration::from_secs(5)).await.ok();
///     ExitReason::Normal
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let runtime = Runtime::new();
/// let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
/// let listening = listen(&runtime, anywhere, ListenOptions::new("echo"), echo).await.unwrap();
/// let addr = listening.addr;
/// let (done, answer) = tokio::sync::oneshot::channel();
/// runtime.spawn(SpawnOptions::new("client"), move |context| async move {
///     let mut connection = connect(&context, addr, Duration::from_secs(5)).await.unwrap();
///     connection.write_all(b"hello").await.unwrap();
///     done.send(connection.read_exact(5).await.unwrap()).ok();
///     connection.close(Duration::from_secs(5)).await.unwrap();
///     ExitReason::Normal
/// }).unwrap();
/// assert_eq!(answer.await.unwrap(), "hello");
/// let report = listening.stop().await;
/// assert!(report.killed.is_empty());
/// # }
/// ```
///
/// # Errors
/// [`ListenError`].
///
/// # Panics
/// The listener's process does, if the node's tokio runtime has no I/O driver: [`ListenError::Ended`].
pub async fn listen<H, Run>(
    runtime: &Runtime,
    addr: SocketAddr,
    options: ListenOptions,
    handler: H,
) -> Result<Listening, ListenError>
where
    H: Fn(Context, Connection) -> Run + Clone + Send + Sync + 'static,
    Run: Future<Output = ExitReason> + Send + 'static,
{
    let (ready, is_ready): (Ready, _) = oneshot::channel();
    let process = options.process.clone().trap_exit(true);
    let body = move |context| accept_connections(context, addr, options, handler, ready);
    runtime.its_name_settled(&process).await;
    let pid = runtime.spawn(process, body)?.pid;
    let addr = is_ready.await.unwrap_or(Err(ListenError::Ended))?;
    Ok(Listening { addr, pid, runtime: runtime.clone() })
}

impl ListenOptions {
    /// For a listener and connections whose processes have this label. Its connections get five seconds to end.
    pub fn new(label: impl Into<Arc<str>>) -> Self {
        let label = label.into();
        Self {
            process: SpawnOptions::new(label.clone()),
            label,
            // Each is a file, of which systems often allow a process a few thousand more than this.
            most_connections: 10_000,
            grace: Duration::from_secs(5),
            backlog: 1024,
            nodelay: false,
            receive_buffer: None,
        }
    }

    /// Registers the listener under a name.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.process = self.process.name(name);
        self
    }

    /// Who starts the listener: its end, if they are linked, and its exits stop the listener.
    pub fn parent(mut self, parent: Pid) -> Self {
        self.process = self.process.parent(parent);
        self
    }

    /// Links the listener to its parent.
    pub fn link(mut self, link: bool) -> Self {
        self.process = self.process.link(link);
        self
    }

    /// The most connections at once. At that number none is accepted: who comes then waits in the backlog.
    pub fn most_connections(mut self, most: usize) -> Self {
        self.most_connections = most;
        self
    }

    /// How long connections may take to end when the listener stops.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How many connections the system keeps that are not accepted yet; it may have a lower limit of its own.
    pub fn backlog(mut self, backlog: u32) -> Self {
        self.backlog = backlog;
        self
    }

    /// As [`ConnectionWriter::set_nodelay`], for every connection.
    pub fn nodelay(mut self, on: bool) -> Self {
        self.nodelay = on;
        self
    }

    /// About how many bytes the system receives ahead of a connection's reader. It grows to several megabytes by default:
    /// what a reader that has stopped still takes from the network.
    pub fn receive_buffer(mut self, bytes: u32) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }
}

impl Listening {
    /// The listener that is this process or has this name, such as one in a supervision tree; none if there is no process, or
    /// it does something else. A process that does not look at its mail is waited for.
    pub async fn of(runtime: &Runtime, target: &Target) -> Option<Self> {
        let pid = runtime.resolve(target)?;
        let addr = ask(runtime, pid, Ask::Info).await?.addr;
        Some(Self { addr, pid, runtime: runtime.clone() })
    }

    /// What it has to do; none if it has ended.
    pub async fn info(&self) -> Option<ListenerInfo> {
        ask(&self.runtime, self.pid, Ask::Info).await
    }

    /// Stops it, with what became of its connections, and waits until it is gone. A connection's own process that does this
    /// waits for itself, until it is killed.
    pub async fn stop(&self) -> ShutdownReport {
        let report = ask(&self.runtime, self.pid, Ask::Stop).await;
        while self.runtime.is_alive(self.pid) {
            tokio::task::yield_now().await;
        }
        report.unwrap_or_default()
    }
}

impl ChildSpec {
    /// A permanent child that is a listener, registered under its id, which gets all the time it needs to stop. Parent, link
    /// and name are the supervisor's to say. A listener whose port the system chooses gets the same one again when it
    /// restarts, if it is free.
    pub fn listener<H, Run>(
        id: impl Into<Arc<str>>,
        addr: SocketAddr,
        options: ListenOptions,
        handler: H,
    ) -> Self
    where
        H: Fn(Context, Connection) -> Run + Clone + Send + Sync + 'static,
        Run: Future<Output = ExitReason> + Send + 'static,
    {
        let id = id.into();
        let options = options.name(id.clone()).link(true);
        let last = Arc::new(Mutex::new(addr));
        let start = move |parent: Parent| {
            let (options, handler) = (options.clone().parent(parent.pid), handler.clone());
            let last = last.clone();
            async move {
                let wanted = *last.lock();
                let mut started = listen(&parent.runtime, wanted, options.clone(), handler.clone()).await;
                if wanted != addr && matches!(started, Err(ListenError::InUse(_))) {
                    started = listen(&parent.runtime, addr, options, handler).await;
                }
                let listening = started?;
                *last.lock() = listening.addr;
                Ok(listening.pid)
            }
        };
        // It has a limit of its own.
        Self::new(id, start).shutdown(Shutdown::Infinity)
    }
}

/// None if the process has ended, or drops what it does not know.
async fn ask<T>(runtime: &Runtime, pid: Pid, what: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Option<T> {
    let (answer, answered) = oneshot::channel();
    let nobody = Pid { node: pid.node, id: 0 };
    runtime.send_term(nobody, &pid.into(), what(answer)).ok()?;
    answered.await.ok()
}
