use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as Task, Poll, Waker, ready};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::io::AsyncWrite as _;
use tokio::net::TcpStream;

use super::ConnectionError;

/// A connection's socket, which its two halves share.
///
/// tokio's own halves cannot do it: a reset leaves when the socket is closed, and neither of them can close it while the
/// other one lives.
///
/// Invariants: at most one half reads and one writes; once `stream` is none, it stays so; a half that waits has left its
/// waker here under the lock of `stream`, so that the task that takes the stream finds it; a failure is noted in `reset` under the
/// same lock as the operation that met it.
#[derive(Debug)]
pub(super) struct Socket {
    /// None once it was aborted.
    stream: RwLock<Option<TcpStream>>,
    /// The system tells of a reset once, and the next read finds an end in good order.
    reset: AtomicBool,
    reader: Mutex<Option<Waker>>,
    writer: Mutex<Option<Waker>>,
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr) -> io::Result<Arc<Self>> {
        let local = stream.local_addr()?;
        let (stream, reset) = (RwLock::new(Some(stream)), AtomicBool::new(false));
        Ok(Arc::new(Self { stream, reset, reader: Mutex::default(), writer: Mutex::default(), peer, local }))
    }

    /// Some bytes, [`CHUNK`] at most; none at the end.
    pub(super) fn poll_read(
        &self,
        task: &mut Task<'_>,
        most: usize,
    ) -> Poll<Result<Option<Bytes>, ConnectionError>> {
        let read = self.poll(task, &self.reader, TcpStream::poll_read_ready, |stream| read(stream, most));
        if matches!(read, Poll::Ready(Ok(None))) && self.was_reset() {
            return Poll::Ready(Err(ConnectionError::Reset(io::ErrorKind::ConnectionReset.into())));
        }
        read
    }

    /// Waits for an operation of the other half that may just be hearing of it.
    fn was_reset(&self) -> bool {
        let _alone = self.stream.write();
        self.reset.load(Ordering::Relaxed)
    }

    pub(super) fn poll_write(
        &self,
        task: &mut Task<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, ConnectionError>> {
        self.poll(task, &self.writer, TcpStream::poll_write_ready, |stream| stream.try_write(bytes))
    }

    /// For the half that writes, while it has nothing to write.
    pub(super) fn poll_aborted(&self, task: &mut Task<'_>) -> Poll<()> {
        let stream = self.stream.read();
        if stream.is_none() {
            return Poll::Ready(());
        }
        leave(&self.writer, task);
        Poll::Pending
    }

    fn poll<T>(
        &self,
        task: &mut Task<'_>,
        waits: &Mutex<Option<Waker>>,
        poll_ready: impl Fn(&TcpStream, &mut Task<'_>) -> Poll<io::Result<()>>,
        mut attempt: impl FnMut(&TcpStream) -> io::Result<T>,
    ) -> Poll<Result<T, ConnectionError>> {
        let guard = self.stream.read();
        let Some(stream) = &*guard else { return Poll::Ready(Err(ConnectionError::Aborted)) };
        // Before the look, for the same reason.
        leave(waits, task);
        loop {
            ready!(poll_ready(stream, task)).map_err(|error| self.failed(error))?;
            match attempt(stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Poll::Ready(done.map_err(|error| self.failed(error))),
            }
        }
    }

    fn failed(&self, error: io::Error) -> ConnectionError {
        // A broken pipe is a reset that came after the peer's end: that one holds.
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.reset.store(true, Ordering::Relaxed);
        }
        ConnectionError::of(error)
    }

    pub(super) fn with<T>(
        &self,
        look: impl FnOnce(&TcpStream) -> io::Result<T>,
    ) -> Result<T, ConnectionError> {
        let stream = self.stream.read();
        look(stream.as_ref().ok_or(ConnectionError::Aborted)?).map_err(|error| self.failed(error))
    }

    /// Sends the end, after all that was written.
    pub(super) fn finish(&self) -> Result<(), ConnectionError> {
        let mut stream = self.stream.write();
        let stream = stream.as_mut().ok_or(ConnectionError::Aborted)?;
        // It never waits: it is one call to the system.
        match Pin::new(stream).poll_shutdown(&mut Task::from_waker(Waker::noop())) {
            Poll::Ready(done) => done.map_err(ConnectionError::of),
            Poll::Pending => Ok(()),
        }
    }

    /// Closes the socket at once, with a reset.
    pub(super) fn abort(&self) {
        let Some(stream) = self.stream.write().take() else { return };
        // Where it fails, the peer may see an end instead.
        let _ = stream.set_zero_linger();
        drop(stream);
        let waiting = [self.reader.lock().take(), self.writer.lock().take()];
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

fn leave(waits: &Mutex<Option<Waker>>, task: &Task<'_>) {
    let mut waker = waits.lock();
    if !waker.as_ref().is_some_and(|waker| waker.will_wake(task.waker())) {
        *waker = Some(task.waker().clone());
    }
}

/// Reads by way of a buffer of the thread: a connection that waits keeps no memory, and one that gets a little keeps no more
/// than that. The copy takes less than the system's own.
fn read(stream: &TcpStream, most: usize) -> io::Result<Option<Bytes>> {
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.is_empty() {
            scratch.resize(CHUNK, 0);
        }
        let length = stream.try_read(&mut scratch[..most.clamp(1, CHUNK)])?;
        Ok((length > 0).then(|| Bytes::copy_from_slice(&scratch[..length])))
    })
}

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The most bytes that are read at once: a full chunk of a stream.
pub(super) const CHUNK: usize = 64 * 1024;
