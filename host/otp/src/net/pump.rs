use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::time::{Instant, sleep_until};

use super::error::spelled;
use super::socket::{CHUNK, Socket};
use super::{ConnectionError, ConnectionReader, ConnectionWriter};
use crate::runtime::End;
use crate::timers::deadline;
use crate::{
    Context, ExitReason, Message, Pid, Reference, SpawnOptions, StreamEnd, StreamError, StreamReader,
    StreamWriter, TryWrite, stream,
};

impl ConnectionReader {
    /// What it reads, as a stream of chunks of at most 64 KiB, which a process of its own fills from now on.
    ///
    /// The stream belongs to the process that calls: to give it to another one, give that one the half. At most `window` bytes
    /// and two chunks are ahead of the stream's reader; then the socket is not read, and the peer waits.
    ///
    /// The peer's end closes the stream; a failure aborts it, and the other half ends with [`ConnectionError::Aborted`]. A
    /// reader that closes the stream, or whose process ends in good order, reads no more, and the other half goes on; one
    /// that aborts it, or crashes, aborts the connection. So does the end of the filling process.
    pub fn into_stream(self, context: &Context, window: usize) -> StreamReader {
        let (writer, reader) = stream(window);
        let guard = Guard::new(self.socket.clone(), StreamEnd::Writer(writer.clone()));
        let (far, owner, end) = (reader.clone(), context.pid(), writer.clone());
        let pid = spawn(context, "connection reader", move |context| async move {
            fill(Filling { context, guard, socket: self, writer, far, owner }).await
        });
        // Before anybody can end the stream: an owner hears of no end that was before it.
        end.belongs_to(Arc::new(End::of(context.runtime(), pid, 0)));
        reader
    }
}

impl ConnectionWriter {
    /// A stream whose chunks a process of its own writes from now on.
    ///
    /// The stream belongs to the process that calls: to give it to another one, give that one the half. At most `window` bytes
    /// and one chunk are ahead of the socket; a peer that does not read makes the stream's writer wait.
    ///
    /// Closing the stream ends what the peer reads, after all that was written. Aborting it, or ending without closing it,
    /// aborts the connection, and so does the end of the writing process. A failure of the connection aborts the stream.
    /// When the process that calls has ended, what it has written has 30 seconds to leave; then the connection is aborted.
    ///
    /// With the last half the socket is closed, and a system that still holds something unread sends a reset, which may
    /// overtake what the peer has not read: where a peer may still be writing, read the other half to its end.
    pub fn into_stream(self, context: &Context, window: usize) -> StreamWriter {
        let (writer, reader) = stream(window);
        self.drain_into_socket(context, reader, Some(writer.clone()));
        writer
    }

    /// Writes what comes out of a stream, such as another process's, as in [`into_stream`](Self::into_stream). Answers the
    /// process that does so: it ends by `normal` when all is written.
    pub fn write_stream(self, context: &Context, stream: StreamReader) -> Pid {
        self.drain_into_socket(context, stream, None)
    }

    fn drain_into_socket(self, context: &Context, reader: StreamReader, far: Option<StreamWriter>) -> Pid {
        let guard = Guard::new(self.socket.clone(), StreamEnd::Reader(reader.clone()));
        let owner = context.pid();
        spawn(context, "connection writer", move |context| async move {
            drain(Draining { context, guard, socket: self, reader, far, owner }).await
        })
    }
}

fn spawn<F, Run>(context: &Context, label: &str, body: F) -> Pid
where
    F: FnOnce(Context) -> Run + Send + 'static,
    Run: Future<Output = ExitReason> + Send + 'static,
{
    let options = SpawnOptions::new(label).parent(context.pid());
    context.runtime().spawn(options, body).expect("it has no name").pid
}

/// Fills a stream from a socket.
struct Filling {
    context: Context,
    guard: Guard,
    socket: ConnectionReader,
    writer: StreamWriter,
    /// The owner's end.
    far: StreamReader,
    owner: Pid,
}

/// Why a stream is filled no more.
enum Filled {
    /// The peer is done.
    Ended,
    /// The socket has failed.
    Failed(ConnectionError),
    /// Nobody reads any more.
    Unread(StreamError),
}

async fn fill(mut filling: Filling) -> ExitReason {
    let monitor = filling.guard.start(&filling.context, filling.owner);
    match filling.run(monitor).await {
        Filled::Ended => {
            filling.guard.disarm();
            StreamEnd::Writer(filling.writer).close();
        }
        Filled::Failed(error) => StreamEnd::Writer(filling.writer).abort(spelled(&error)),
        Filled::Unread(StreamError::Closed) => filling.guard.disarm(),
        Filled::Unread(StreamError::Exited(reason)) if reason.is_orderly() => filling.guard.disarm(),
        Filled::Unread(_) => {}
    }
    ExitReason::Normal
}

impl Filling {
    async fn run(&mut self, owner: Reference) -> Filled {
        // What there was no room for: nothing is read meanwhile.
        let mut held: Option<Bytes> = None;
        loop {
            let message = match held.take() {
                None => tokio::select! {
                    message = self.context.receive() => message,
                    read = self.socket.read(CHUNK) => match read {
                        Ok(Some(chunk)) => {
                            held = Some(chunk);
                            match self.offer(&mut held) {
                                Some(end) => return end,
                                None => continue,
                            }
                        }
                        Ok(None) => return Filled::Ended,
                        Err(error) => return Filled::Failed(error),
                    },
                },
                Some(chunk) => {
                    held = Some(chunk);
                    self.context.receive().await
                }
            };
            match message {
                Message::Demand { .. } => {
                    if let Some(end) = self.offer(&mut held) {
                        return end;
                    }
                }
                Message::StreamEnd { reason, .. } => return Filled::Unread(reason),
                // Its own end of the stream hears of it by a message.
                Message::Down { monitor, reason, .. } if monitor == owner => {
                    StreamEnd::Reader(self.far.clone()).exited(&reason);
                }
                _ => {}
            }
        }
    }

    /// Writes what is held, or keeps it until there is demand.
    fn offer(&self, held: &mut Option<Bytes>) -> Option<Filled> {
        match self.writer.try_write(held.take()?) {
            TryWrite::Taken => None,
            TryWrite::Ended(error) => Some(Filled::Unread(error)),
            TryWrite::Full(chunk) => {
                *held = Some(chunk);
                self.writer.demand();
                None
            }
        }
    }
}

/// Drains a stream into a socket.
struct Draining {
    context: Context,
    guard: Guard,
    socket: ConnectionWriter,
    reader: StreamReader,
    /// The owner's end, where it was made here.
    far: Option<StreamWriter>,
    owner: Pid,
}

/// Why a stream is drained no more.
enum Drained {
    /// All is written.
    Ended,
    /// The socket has failed.
    Failed(ConnectionError),
    /// The stream's writer gave up.
    Unfinished,
    /// The peer has not taken the rest in time.
    Late,
}

async fn drain(mut draining: Draining) -> ExitReason {
    let monitor = draining.guard.start(&draining.context, draining.owner);
    let outcome = match draining.run(monitor).await {
        Drained::Ended => {
            draining.guard.disarm();
            draining.socket.close().map_or_else(Drained::Failed, |()| Drained::Ended)
        }
        outcome => outcome,
    };
    match outcome {
        Drained::Ended | Drained::Unfinished => StreamEnd::Reader(draining.reader).close(),
        Drained::Failed(error) => StreamEnd::Reader(draining.reader).abort(spelled(&error)),
        Drained::Late => StreamEnd::Reader(draining.reader).abort("the peer does not read"),
    }
    ExitReason::Normal
}

impl Draining {
    async fn run(&mut self, owner: Reference) -> Drained {
        let mut chunk = Bytes::new();
        let mut limit = None;
        loop {
            tokio::select! {
                message = self.context.receive() => {
                    if let Message::Down { monitor, reason, .. } = message && monitor == owner {
                        if let Some(far) = self.far.take() {
                            StreamEnd::Writer(far).exited(&reason);
                        }
                        limit = Some(deadline(LINGER));
                    }
                }
                read = self.reader.read(), if chunk.is_empty() => match read {
                    Ok(Some(next)) => chunk = next,
                    Ok(None) => return Drained::Ended,
                    Err(_) => return Drained::Unfinished,
                },
                written = self.socket.write(&chunk), if !chunk.is_empty() => match written {
                    Ok(written) => chunk.advance(written.min(chunk.len())),
                    Err(error) => return Drained::Failed(error),
                },
                () = poll_fn(|task| self.guard.socket.poll_aborted(task)), if chunk.is_empty() => {
                    return Drained::Failed(ConnectionError::Aborted);
                }
                () = passed(limit) => return Drained::Late,
            }
        }
    }
}

async fn passed(limit: Option<Instant>) {
    match limit {
        Some(limit) => sleep_until(limit).await,
        None => pending().await,
    }
}

/// What a pump leaves behind if it does not come to a good end: a connection that is reset, and a stream that says why.
struct Guard {
    socket: Arc<Socket>,
    armed: bool,
    /// Until the process owns it.
    end: Option<StreamEnd>,
}

impl Guard {
    fn new(socket: Arc<Socket>, end: StreamEnd) -> Self {
        Self { socket, armed: true, end: Some(end) }
    }

    /// From now on the process's end is the stream's. Answers the monitor of the owner.
    fn start(&mut self, context: &Context, owner: Pid) -> Reference {
        self.end.take().map(|end| context.own_stream(end));
        context.runtime().monitor(context.pid(), &owner.into())
    }

    fn disarm(&mut self) {
        self.armed = false;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.armed {
            self.socket.abort();
        }
        if let Some(end) = self.end.take() {
            end.exited(&ExitReason::Killed);
        }
    }
}

/// How long what a process has written may take to leave after its end: its whole window at 70 kbit/s.
const LINGER: Duration = Duration::from_secs(30);
