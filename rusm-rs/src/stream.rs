use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::time::Duration;

use rusm_wire::{Decode, Encode, Reader};

use crate::ExitReason;
use crate::bindings::{types, wait};
use crate::callback::{self, Carried};
use crate::timers::milliseconds;

mod bytes;
mod chunk;
mod duplex;
mod inlet;
mod pump;
mod source;

pub use bytes::{ByteReader, ByteWriter, Chunks, ReadChunks, feed_bytes, read_chunks};
use chunk::Chunk;
pub use duplex::Duplex;
pub(crate) use duplex::Feed;
pub use inlet::Inlet;
pub(crate) use inlet::Watched;
pub use pump::{Pump, bytes, items};
pub use source::{ByteSink, ByteStream, Out, PushError, Sink, Source, Stream};
pub(crate) use source::{handle_event, write_all};

/// Why a stream gave no item, or took none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamError {
    /// The other end closed early.
    Closed,
    /// The other end gave up, and says why.
    Aborted(String),
    /// The process at the other end ended.
    Exited(ExitReason),
    /// The other end did not keep up within the deadline.
    Timeout,
    /// There is no such stream in this process.
    BadHandle,
    /// An item could not be decoded.
    Malformed(String),
    /// What this process was to write could not be read where it comes from.
    Source(String),
}

/// Reads a stream, item by item. Dropping it early tells the writer.
pub struct StreamReader<T> {
    inlet: Inlet,
    items: PhantomData<fn() -> T>,
}

/// Writes a stream, item by item. Items are sent in chunks: at 64 KiB, or when the next item is late; dropping the writer
/// sends the rest and closes the stream.
pub struct StreamWriter<T> {
    handle: Option<u64>,
    chunk: Chunk,
    deadline_ms: u32,
    items: PhantomData<fn(T)>,
}

/// What reads a stream: of items, or of bytes.
#[doc(hidden)]
pub trait Reading {
    #[doc(hidden)]
    fn of(inlet: Inlet) -> Self;

    #[doc(hidden)]
    fn inlet(&mut self) -> &mut Inlet;
}

/// What writes one.
#[doc(hidden)]
pub trait Writing {
    #[doc(hidden)]
    fn of(handle: Option<u64>, deadline_ms: u32) -> Self;
}

impl<T> Reading for StreamReader<T> {
    fn of(inlet: Inlet) -> Self {
        Self { inlet, items: PhantomData }
    }

    fn inlet(&mut self) -> &mut Inlet {
        &mut self.inlet
    }
}

impl<T> Writing for StreamWriter<T> {
    fn of(handle: Option<u64>, deadline_ms: u32) -> Self {
        Self { handle, chunk: Chunk::default(), deadline_ms, items: PhantomData }
    }
}

impl<T> StreamReader<T> {
    /// Answers [`StreamError::Timeout`] for an item that takes longer. Without it, the end of the writer's process is
    /// what ends the wait.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.inlet.deadline_ms = milliseconds(deadline);
        self
    }

    /// Gives the stream up, and tells the writer why.
    pub fn abort(mut self, why: &str) {
        self.inlet.abort(why);
    }
}

impl<T: Decode> Iterator for StreamReader<T> {
    type Item = Result<T, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.inlet.is_empty() {
            match self.inlet.fill() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
        let mut reader = Reader::new(self.inlet.rest());
        let item = T::decode(&mut reader);
        let left = reader.remaining();
        self.inlet.leave(left);
        Some(item.map_err(|error| {
            // What follows in the chunk has no known start.
            self.inlet.abort(&format!("malformed: an item: {error}"));
            StreamError::Malformed(format!("an item: {error}"))
        }))
    }
}

impl<T: Encode> StreamWriter<T> {
    /// Writes an item; waits while the reader is behind.
    ///
    /// # Errors
    /// [`StreamError`] if the reader is gone, or behind for longer than the deadline.
    pub fn write(&mut self, item: &T) -> Result<(), StreamError> {
        self.chunk.push(item);
        Carried::stay();
        if self.chunk.is_due::<T>() { self.flush() } else { Ok(()) }
    }
}

impl<T> StreamWriter<T> {
    /// Sends what was written so far.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn flush(&mut self) -> Result<(), StreamError> {
        let handle = self.handle.ok_or(StreamError::BadHandle)?;
        if self.chunk.is_empty() { Ok(()) } else { write_chunk(handle, &self.chunk.take(), self.deadline_ms) }
    }

    /// Sends the rest and closes the stream.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn close(mut self) -> Result<(), StreamError> {
        let flushed = self.flush();
        if let Some(handle) = self.handle.take() {
            wait::stream_close(handle);
        }
        flushed
    }

    /// Gives the stream up, and tells the reader why; it gets first what was written before.
    pub fn abort(mut self, why: &str) {
        // A reader that is gone needs neither.
        let _ = self.flush();
        if let Some(handle) = self.handle.take() {
            wait::stream_abort(handle, why);
        }
    }
}

impl<T> Drop for StreamWriter<T> {
    fn drop(&mut self) {
        if self.handle.is_some() {
            // An error here means that nobody reads: nothing is lost that anybody waits for.
            let _ = self.flush();
        }
        if let Some(handle) = self.handle.take() {
            wait::stream_close(handle);
        }
    }
}

/// Writes everything an iterator has, unless the reader ends first: then its answer says why.
#[doc(hidden)]
pub fn feed<T: Encode>(mut writer: StreamWriter<T>, items: impl IntoIterator<Item = T>) {
    for item in items {
        if writer.write(&item).is_err() {
            return;
        }
    }
}

/// Writes a chunk, and answers for callbacks while it waits for room.
fn write_chunk(handle: u64, chunk: &[u8], deadline_ms: u32) -> Result<(), StreamError> {
    let deadline_ms = callback::stream_wait(handle, deadline_ms);
    Ok(wait::stream_write(handle, chunk, deadline_ms)?)
}

impl From<types::StreamError> for StreamError {
    fn from(error: types::StreamError) -> Self {
        match error {
            types::StreamError::Closed => Self::Closed,
            types::StreamError::Aborted(why) => Self::Aborted(why),
            types::StreamError::Exited(reason) => Self::Exited(reason),
            types::StreamError::Timeout => Self::Timeout,
            types::StreamError::BadHandle => Self::BadHandle,
        }
    }
}

/// What the text of [`StreamError::Aborted`] begins with.
const ABORTED: &str = "aborted by the other end: ";

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the other end"),
            Self::Aborted(why) => write!(f, "{ABORTED}{why}"),
            Self::Exited(reason) => write!(f, "the process at the other end ended: {reason}"),
            Self::Timeout => f.write_str("timeout: the other end did not keep up"),
            Self::BadHandle => f.write_str("there is no such stream"),
            Self::Malformed(text) => write!(f, "malformed: {text}"),
            Self::Source(text) => write!(f, "what was to be written could not be read: {text}"),
        }
    }
}

impl std::error::Error for StreamError {}

/// Of what reads and writes bytes. It holds the [`StreamError`].
impl From<StreamError> for io::Error {
    fn from(error: StreamError) -> Self {
        let kind = match &error {
            StreamError::Closed => io::ErrorKind::BrokenPipe,
            StreamError::Aborted(_) => io::ErrorKind::ConnectionAborted,
            StreamError::Exited(_) => io::ErrorKind::ConnectionReset,
            StreamError::Timeout => io::ErrorKind::TimedOut,
            StreamError::BadHandle => io::ErrorKind::NotConnected,
            StreamError::Malformed(_) => io::ErrorKind::InvalidData,
            StreamError::Source(_) => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

macro_rules! opaque {
    ($($name:ident)*) => {$(
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

opaque!(StreamReader StreamWriter Stream Sink);

macro_rules! opaque_bytes {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

opaque_bytes!(ByteReader ByteWriter ByteStream ByteSink);
