use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::time::timeout_at;

use super::socket::{CHUNK, Socket};
use super::{CloseError, ConnectError, ConnectionError, ReadExactError};
use crate::Context;
use crate::timers::deadline;

/// The most bytes that [`ConnectionReader::read_exact`] reads, so that a length that a peer has made up takes no memory:
/// longer things are read in parts.
pub const MOST_EXACT: usize = 16 * 1024 * 1024;

/// A TCP connection, both halves of it.
///
/// It goes with the process that holds it: dropped, it is closed. Its peer then sees an end as after [`close`](Self::close)
/// if this side had read all that had come, and a reset otherwise; so a protocol has to say by itself what is complete.
#[derive(Debug)]
pub struct Connection {
    reader: ConnectionReader,
    writer: ConnectionWriter,
}

/// The half of a connection that reads.
#[derive(Debug)]
pub struct ConnectionReader {
    pub(super) socket: Arc<Socket>,
    /// What a [`read_exact`](Self::read_exact) has left that was not done.
    held: BytesMut,
}

/// The half of a connection that writes. Dropped without [`close`](Self::close), it ends what the peer reads all the same.
#[derive(Debug)]
pub struct ConnectionWriter {
    pub(super) socket: Arc<Socket>,
    ended: bool,
}

/// Connects to an address, within so long. The connection belongs to the process that calls. Cancellation-safe: one that is
/// given up leaves no socket.
///
/// # Errors
/// [`ConnectError`].
///
/// # Panics
/// If the node's tokio runtime has no I/O driver.
pub async fn connect(
    context: &Context,
    addr: SocketAddr,
    limit: Duration,
) -> Result<Connection, ConnectError> {
    let connecting = timeout_at(deadline(limit), TcpStream::connect(addr)).await;
    let connected = connecting.map_err(|_| ConnectError::Timeout)?;
    let made = connected.and_then(|stream| Connection::new(stream, addr)).map_err(ConnectError::of);
    tracing::debug!(pid = %context.pid(), %addr, connected = made.is_ok(), "connect");
    made
}

impl Connection {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr) -> std::io::Result<Self> {
        let socket = Socket::new(stream, peer)?;
        let reader = ConnectionReader { socket: socket.clone(), held: BytesMut::new() };
        Ok(Self { reader, writer: ConnectionWriter { socket, ended: false } })
    }

    /// The other side's address.
    pub fn peer(&self) -> SocketAddr {
        self.reader.peer()
    }

    /// This side's address.
    pub fn local(&self) -> SocketAddr {
        self.reader.local()
    }

    /// Its halves, which may be given to different processes.
    pub fn split(self) -> (ConnectionReader, ConnectionWriter) {
        (self.reader, self.writer)
    }

    /// As [`ConnectionReader::read`].
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub async fn read(&mut self, most: usize) -> Result<Option<Bytes>, ConnectionError> {
        self.reader.read(most).await
    }

    /// As [`ConnectionReader::read_exact`].
    ///
    /// # Errors
    /// [`ReadExactError`].
    pub async fn read_exact(&mut self, length: usize) -> Result<Bytes, ReadExactError> {
        self.reader.read_exact(length).await
    }

    /// As [`ConnectionWriter::write`].
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<usize, ConnectionError> {
        self.writer.write(bytes).await
    }

    /// As [`ConnectionWriter::write_all`].
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub async fn write_all(&mut self, bytes: &[u8]) -> Result<(), ConnectionError> {
        self.writer.write_all(bytes).await
    }

    /// As [`ConnectionWriter::flush`].
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub fn flush(&mut self) -> Result<(), ConnectionError> {
        self.writer.flush()
    }

    /// As [`ConnectionWriter::set_nodelay`].
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub fn set_nodelay(&self, on: bool) -> Result<(), ConnectionError> {
        self.writer.set_nodelay(on)
    }

    /// Closes it in good order: ends what the peer reads after all that was written, then reads, and drops, what still comes
    /// until the peer has ended, too. A peer that takes longer than this is sent a reset. Given up before it is done, the
    /// connection is closed as if dropped.
    ///
    /// # Errors
    /// [`CloseError`]: the peer may not have got everything.
    pub async fn close(mut self, limit: Duration) -> Result<(), CloseError> {
        self.writer.end()?;
        let rest = async {
            while self.reader.read(CHUNK).await?.is_some() {}
            Ok(())
        };
        match timeout_at(deadline(limit), rest).await {
            Ok(closed) => closed.map_err(CloseError::Connection),
            Err(_) => {
                self.abort();
                Err(CloseError::Timeout)
            }
        }
    }

    /// Closes it at once, by a reset: what is under way is lost, and the peer sees that it is.
    pub fn abort(self) {
        self.reader.socket.abort();
    }
}

impl ConnectionReader {
    /// The other side's address.
    pub fn peer(&self) -> SocketAddr {
        self.socket.peer
    }

    /// This side's address.
    pub fn local(&self) -> SocketAddr {
        self.socket.local
    }

    /// What has come, or comes next: at least one byte, and at most so many or 64 KiB; none when the peer is done.
    /// Cancellation-safe.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub async fn read(&mut self, most: usize) -> Result<Option<Bytes>, ConnectionError> {
        if !self.held.is_empty() {
            let length = most.clamp(1, CHUNK).min(self.held.len());
            return Ok(Some(self.held.split_to(length).freeze()));
        }
        poll_fn(|task| self.socket.poll_read(task, most)).await
    }

    /// Exactly so many bytes, [`MOST_EXACT`] at most. Memory is taken as they come. Cancellation-safe: what had come is the
    /// next read's.
    ///
    /// # Errors
    /// [`ReadExactError`].
    pub async fn read_exact(&mut self, length: usize) -> Result<Bytes, ReadExactError> {
        if length > MOST_EXACT {
            return Err(ReadExactError::TooLong { wanted: length });
        }
        while self.held.len() < length {
            let missing = length - self.held.len();
            match poll_fn(|task| self.socket.poll_read(task, missing)).await? {
                Some(chunk) => self.held.extend_from_slice(&chunk),
                None => return Err(ReadExactError::Ended { came: self.held.len(), wanted: length }),
            }
        }
        Ok(self.held.split_to(length).freeze())
    }

    /// As [`Connection::abort`]: the other half's operations end with [`ConnectionError::Aborted`].
    pub fn abort(self) {
        self.socket.abort();
    }
}

impl ConnectionWriter {
    /// The other side's address.
    pub fn peer(&self) -> SocketAddr {
        self.socket.peer
    }

    /// This side's address.
    pub fn local(&self) -> SocketAddr {
        self.socket.local
    }

    /// Writes some of it as soon as the system takes any: how many bytes. Cancellation-safe.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<usize, ConnectionError> {
        poll_fn(|task| self.socket.poll_write(task, bytes)).await
    }

    /// Writes all of it. Not cancellation-safe: given up, it may have written a part.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub async fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), ConnectionError> {
        while !bytes.is_empty() {
            let written = self.write(bytes).await?;
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Says whether the connection has failed since it was last written to. It waits for nothing, because nothing is kept
    /// here: what was written is the system's.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub fn flush(&mut self) -> Result<(), ConnectionError> {
        self.socket.with(|stream| stream.take_error()?.map_or(Ok(()), Err))
    }

    /// Whether small writes leave at once, instead of together while the peer's acknowledgement is awaited; off by default.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub fn set_nodelay(&self, on: bool) -> Result<(), ConnectionError> {
        self.socket.with(|stream| stream.set_nodelay(on))
    }

    /// Ends what the peer reads, after all that was written; the other half reads on.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub fn close(mut self) -> Result<(), ConnectionError> {
        self.end()
    }

    /// As [`Connection::abort`]: the other half's operations end with [`ConnectionError::Aborted`].
    pub fn abort(self) {
        self.socket.abort();
    }

    fn end(&mut self) -> Result<(), ConnectionError> {
        self.ended = true;
        self.socket.finish()
    }
}

impl Drop for ConnectionWriter {
    /// With the last half the socket is closed anyway.
    fn drop(&mut self) {
        if !self.ended && Arc::strong_count(&self.socket) > 1 {
            // It has failed before: then there is no end to be sent.
            let _ = self.socket.finish();
        }
    }
}
