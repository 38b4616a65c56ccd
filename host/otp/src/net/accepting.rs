use std::collections::HashSet;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::{Connection, ListenError, ListenOptions, ListenerInfo};
use crate::timers::deadline;
use crate::typed::parent_of;
use crate::{
    CallError, Context, ExitReason, Message, Pid, ProcessInfo, Runtime, ShutdownReport, SpawnOptions, system,
};

/// Tells the starter of a listener where it listens.
pub(super) type Ready = oneshot::Sender<Result<SocketAddr, ListenError>>;

/// What a listener can be asked. The caller learns from the absence of the answer that it has ended.
#[derive(Debug)]
pub(super) enum Ask {
    Info(oneshot::Sender<ListenerInfo>),
    Stop(oneshot::Sender<ShutdownReport>),
}

/// The body of a listener's process.
pub(super) async fn accept_connections<H, Run>(
    context: Context,
    addr: SocketAddr,
    options: ListenOptions,
    handler: H,
    ready: Ready,
) -> ExitReason
where
    H: Fn(Context, Connection) -> Run + Clone + Send + Sync + 'static,
    Run: Future<Output = ExitReason> + Send + 'static,
{
    let (socket, addr) = match bind(addr, &options) {
        Ok(bound) => bound,
        Err(error) => {
            // The starter may use the name at once when it hears of the failure.
            let name = context.runtime().info(context.pid()).and_then(|info| info.name);
            name.map(|name| context.runtime().unregister(context.pid(), &name));
            let _ = ready.send(Err(ListenError::of(error)));
            return ExitReason::Shutdown;
        }
    };
    // Its starter may have ended: then its link tells the process.
    let _ = ready.send(Ok(addr));
    let parent = parent_of(&context);
    let connections = Connections { runtime: context.runtime().clone(), pids: HashSet::new() };
    Listener { context, parent, addr, options, handler, connections, accepted: 0, suspended: false }
        .run(socket)
        .await
}

/// A listener at work.
struct Listener<H> {
    context: Context,
    /// Whose exit stops it.
    parent: Pid,
    addr: SocketAddr,
    options: ListenOptions,
    handler: H,
    connections: Connections,
    /// How many connections so far.
    accepted: u64,
    suspended: bool,
}

/// The processes of connections that live, all of them monitored. They do not outlive this.
struct Connections {
    runtime: Runtime,
    pids: HashSet<Pid>,
}

/// Why a listener stops, and who wants the report.
struct Stop(ExitReason, Option<oneshot::Sender<ShutdownReport>>);

impl<H, Run> Listener<H>
where
    H: Fn(Context, Connection) -> Run + Clone + Send + Sync + 'static,
    Run: Future<Output = ExitReason> + Send + 'static,
{
    async fn run(mut self, socket: TcpListener) -> ExitReason {
        loop {
            let accepts = !self.suspended && self.connections.pids.len() < self.options.most_connections;
            let stop = tokio::select! {
                message = self.context.receive() => self.obey(message),
                (stream, peer) = accepted(&socket), if accepts => {
                    self.admit(stream, peer);
                    None
                }
            };
            if let Some(Stop(reason, answer)) = stop {
                drop(socket);
                let report = self.stop().await;
                if let Some(answer) = answer {
                    // The caller may have ended.
                    let _ = answer.send(report);
                }
                return reason;
            }
        }
    }

    /// Gives a connection to a process of its own.
    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        self.accepted += 1;
        // It was reset before it was accepted: nobody is there.
        let Ok(connection) = Connection::new(stream, peer) else { return };
        if self.options.nodelay {
            // For the same reason.
            let _ = connection.set_nodelay(true);
        }
        let options = SpawnOptions::new(self.options.label.clone()).parent(self.context.pid()).monitor(true);
        let handler = self.handler.clone();
        let body = move |context: Context| async move { handler(context, connection).await };
        // It has no name that could be taken.
        if let Ok(spawned) = self.context.runtime().spawn(options, body) {
            self.connections.pids.insert(spawned.pid);
        }
    }

    fn obey(&mut self, message: Message) -> Option<Stop> {
        let text = || format!("{} connections on {}", self.connections.pids.len(), self.addr);
        match system::obey(&self.context, message, &mut self.suspended, text)? {
            Message::Down { pid, reason, .. } => {
                self.connections.pids.remove(&pid);
                if matches!(reason, ExitReason::Crash(_)) {
                    tracing::warn!(addr = %self.addr, %pid, %reason, "connection crashed");
                }
            }
            Message::Exit { pid, reason } if self.is_stopped_by(pid, &reason) => {
                return Some(Stop(reason, None));
            }
            Message::Term { value, .. } => match *value.downcast::<Ask>().ok()? {
                // The caller may have ended.
                Ask::Info(answer) => drop(answer.send(self.info())),
                Ask::Stop(answer) => return Some(Stop(ExitReason::Shutdown, Some(answer))),
            },
            Message::Call(request) => {
                let text = format!("{} does not take calls", self.context.label());
                self.context.reply(request.reference, Err(CallError::UnknownFunction(text)));
            }
            _ => {}
        }
        None
    }

    fn is_stopped_by(&self, pid: Pid, reason: &ExitReason) -> bool {
        // A connection that has linked itself stops nothing.
        let asked = matches!(reason, ExitReason::Shutdown | ExitReason::ShutdownWith(_));
        pid == self.parent || asked && !self.connections.pids.contains(&pid)
    }

    fn info(&self) -> ListenerInfo {
        ListenerInfo {
            addr: self.addr,
            connections: self.connections.pids.len(),
            accepted: self.accepted,
            suspended: self.suspended,
        }
    }

    /// Ends the connections: asks all, waits for them together, kills those that are left.
    async fn stop(&mut self) -> ShutdownReport {
        let (runtime, own) = (self.context.runtime().clone(), self.context.pid());
        for pid in &self.connections.pids {
            runtime.exit(own, *pid, ExitReason::Shutdown);
        }
        let before = self.connections.pids.len();
        self.await_ends(deadline(self.options.grace)).await;
        let stopped = before - self.connections.pids.len();
        let killed: Vec<ProcessInfo> =
            self.connections.pids.iter().filter_map(|pid| runtime.info(*pid)).collect();
        self.connections.kill();
        self.await_ends(deadline(LAST_WAIT)).await;
        let stuck: Vec<Pid> = self.connections.pids.iter().copied().collect();
        if !killed.is_empty() {
            tracing::warn!(addr = %self.addr, killed = killed.len(), stuck = stuck.len(), "connections killed");
        }
        ShutdownReport { stopped, killed, stuck }
    }

    async fn await_ends(&mut self, deadline: Instant) {
        while !self.connections.pids.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            let down = self.context.receive_within(left, |message| matches!(message, Message::Down { .. }));
            let Some(Message::Down { pid, .. }) = down.await else { return };
            self.connections.pids.remove(&pid);
        }
    }
}

impl Connections {
    fn kill(&self) {
        for pid in &self.pids {
            self.runtime.kill(*pid);
        }
    }
}

impl Drop for Connections {
    /// Of a listener that was killed; after a good end there are none.
    fn drop(&mut self) {
        self.kill();
    }
}

fn bind(addr: SocketAddr, options: &ListenOptions) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if cfg!(unix) {
        // Connections of a former listener do not keep the port. Elsewhere this lets anybody take it.
        socket.set_reuseaddr(true)?;
    }
    if let Some(bytes) = options.receive_buffer {
        // Before it listens: connections inherit it, and tell it to their peers when they are made.
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind(addr)?;
    let socket = socket.listen(options.backlog)?;
    let addr = socket.local_addr()?;
    Ok((socket, addr))
}

/// The next connection. Cancellation-safe.
async fn accepted(socket: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match socket.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "the system accepts no connection");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Whether only a connection has failed that nobody has seen yet.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::ConnectionAborted | Kind::ConnectionReset | Kind::Interrupted)
}

/// How long a listener waits when the system has no files or no memory left: others have to give some back first. As ranch.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a process that was killed may take to end: one that never waits does not.
const LAST_WAIT: Duration = Duration::from_secs(1);
