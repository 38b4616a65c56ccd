//! A node whose processes may use sockets, and a client's side of a connection.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rusm_otp::{
    Connection, ConnectionError, Context, ExitReason, ListenOptions, Listening, Message, Runtime,
    SpawnOptions, connect, listen,
};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// For whatever is expected to happen: reached only by a test that fails.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A port of loopback that the system chooses.
pub const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Runs a test on two threads, at most for a minute.
pub fn on_sockets<F: Future<Output = ()>>(test: impl FnOnce(Runtime) -> F) {
    let workers = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    workers.expect("a runtime").block_on(async {
        timeout(Duration::from_secs(60), test(Runtime::new())).await.expect("the test ends in time");
    });
}

/// Runs a body as a process, and answers with its value.
pub async fn run<T, F, Body>(runtime: &Runtime, body: F) -> T
where
    T: Send + 'static,
    F: FnOnce(Context) -> Body + Send + 'static,
    Body: Future<Output = T> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let process = |context: Context| async move {
        // A test that no longer waits has failed elsewhere.
        let _ = sender.send(body(context).await);
        ExitReason::Normal
    };
    runtime.spawn(SpawnOptions::new("test"), process).expect("it has no name");
    receiver.await.expect("the process lives to its end")
}

/// A connection to this address, without a process that it would end with.
pub async fn dial(runtime: &Runtime, addr: SocketAddr) -> Connection {
    run(runtime, move |context| async move { connect(&context, addr, LIMIT).await.expect("it listens") })
        .await
}

/// Both sides of a connection, without a process that they would end with.
pub async fn pair(runtime: &Runtime) -> (Connection, Connection) {
    let (sender, mut accepted) = tokio::sync::mpsc::channel(1);
    let handler = move |_: Context, connection| {
        let sender = sender.clone();
        async move {
            let _ = sender.send(connection).await;
            ExitReason::Normal
        }
    };
    let listening = serve(runtime, ListenOptions::new("pair"), handler).await;
    let near = dial(runtime, listening.addr).await;
    let far = timeout(LIMIT, accepted.recv()).await.expect("in time").expect("it is accepted");
    listening.stop().await;
    (near, far)
}

/// A listener on a port of loopback.
pub async fn serve<H, Run>(runtime: &Runtime, options: ListenOptions, handler: H) -> Listening
where
    H: Fn(Context, Connection) -> Run + Clone + Send + Sync + 'static,
    Run: Future<Output = ExitReason> + Send + 'static,
{
    listen(runtime, ANYWHERE, options, handler).await.expect("the port is free")
}

/// Gives back what it gets; crashes by an exclamation mark.
pub async fn echo(_: Context, mut connection: Connection) -> ExitReason {
    while let Ok(Some(bytes)) = connection.read(1024).await {
        assert!(!bytes.contains(&b'!'), "as told");
        if connection.write_all(&bytes).await.is_err() {
            break;
        }
    }
    ExitReason::Normal
}

/// Ends when it is asked, and says so; past that it holds on as long as `stays`.
pub async fn polite(context: Context, mut connection: Connection, stays: bool) -> ExitReason {
    context.runtime().trap_exit(context.pid(), true);
    connection.write_all(b"ready").await.expect("the client lives");
    context.receive_matching(|message| matches!(message, Message::Exit { .. })).await;
    connection.write_all(b"bye").await.expect("the client lives");
    if stays {
        std::future::pending::<()>().await;
    }
    ExitReason::Shutdown
}

/// All that comes until the end.
pub async fn rest(connection: &mut Connection) -> Result<Vec<u8>, ConnectionError> {
    let mut all = Vec::new();
    while let Some(chunk) = timeout(LIMIT, connection.read(usize::MAX)).await.expect("in time")? {
        all.extend_from_slice(&chunk);
    }
    Ok(all)
}

/// Waits until something holds.
pub async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LIMIT, waiting).await.expect("in time");
}
