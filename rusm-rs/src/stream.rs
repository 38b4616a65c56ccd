use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use rusm_wire::{Decode, Encode, Reader};

use crate::ExitReason;
use crate::bindings::{types, wait};
use crate::callback::{self, Carried};
use crate::timers::milliseconds;

mod chunk;
mod source;

use chunk::{CHUNK, Chunk};
pub use source::{PushError, Sink, Stream};
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
}

/// Reads a stream, item by item. Dropping it early tells the writer.
pub struct StreamReader<T> {
    handle: Option<u64>,
    chunk: Vec<u8>,
    /// Where in the chunk the next item begins.
    next: usize,
    deadline_ms: u32,
    /// By the call that it is of.
    carried: Carried,
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

impl<T> StreamReader<T> {
    pub(crate) fn new(handle: Option<u64>) -> Self {
        let carried = Carried::default();
        Self { handle, chunk: Vec::new(), next: 0, deadline_ms: 0, carried, items: PhantomData }
    }

    pub(crate) fn carrying(mut self, carried: Carried) -> Self {
        self.carried = carried;
        self
    }

    /// Answers [`StreamError::Timeout`] for an item that takes longer. Without it, the end of the writer's process is
    /// what ends the wait.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline_ms = milliseconds(deadline);
        self
    }

    /// Gives the stream up, and tells the writer why.
    pub fn abort(mut self, why: &str) {
        if let Some(handle) = self.handle.take() {
            wait::stream_abort(handle, why);
        }
    }

    /// Fills the chunk; false at the end of the stream.
    fn fill(&mut self) -> Result<bool, StreamError> {
        let Some(handle) = self.handle else { return Ok(false) };
        self.next = 0;
        self.chunk.clear();
        let deadline_ms = callback::stream_wait(handle, self.deadline_ms);
        match wait::stream_read(handle, deadline_ms) {
            Ok(Some(chunk)) => self.chunk = chunk,
            Ok(None) => {
                self.close();
                return Ok(false);
            }
            Err(types::StreamError::Timeout) => return Err(StreamError::Timeout),
            Err(error) => {
                self.close();
                return Err(error.into());
            }
        }
        Ok(true)
    }

    fn close(&mut self) {
        if let Some(handle) = self.handle.take() {
            wait::stream_close(handle);
        }
        self.carried = Carried::default();
    }
}

impl StreamReader<u8> {
    /// The next bytes, as they were written; none at the end.
    ///
    /// # Errors
    /// [`StreamError`] if the writer gave up or ended.
    pub fn read_chunk(&mut self) -> Result<Option<Vec<u8>>, StreamError> {
        while self.next >= self.chunk.len() {
            if !self.fill()? {
                return Ok(None);
            }
        }
        let mut chunk = std::mem::take(&mut self.chunk);
        Ok(Some(chunk.split_off(std::mem::take(&mut self.next))))
    }
}

impl<T: Decode> Iterator for StreamReader<T> {
    type Item = Result<T, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next >= self.chunk.len() {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
        let rest = &self.chunk[self.next..];
        let mut reader = Reader::new(rest);
        let item = T::decode(&mut reader);
        self.next = self.chunk.len() - reader.remaining();
        Some(item.map_err(|error| {
            // What follows in the chunk has no known start.
            if let Some(handle) = self.handle.take() {
                wait::stream_abort(handle, &format!("malformed: an item: {error}"));
            }
            self.chunk.clear();
            StreamError::Malformed(format!("an item: {error}"))
        }))
    }
}

impl<T> Drop for StreamReader<T> {
    fn drop(&mut self) {
        self.close();
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
    pub(crate) fn new(handle: Option<u64>, deadline_ms: u32) -> Self {
        Self { handle, chunk: Chunk::default(), deadline_ms, items: PhantomData }
    }

    /// Sends what was written so far.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn flush(&mut self) -> Result<(), StreamError> {
        let handle = self.handle.ok_or(StreamError::BadHandle)?;
        if self.chunk.is_empty() {
            return Ok(());
        }
        let deadline_ms = callback::stream_wait(handle, self.deadline_ms);
        Ok(wait::stream_write(handle, &self.chunk.take(), deadline_ms)?)
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

impl StreamWriter<u8> {
    /// Writes bytes at once.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        for part in bytes.chunks(CHUNK) {
            self.chunk.writer.raw(part);
            if self.chunk.writer.len() >= CHUNK {
                self.flush()?;
            }
        }
        Ok(())
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

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the other end"),
            Self::Aborted(why) => write!(f, "aborted by the other end: {why}"),
            Self::Exited(reason) => write!(f, "the process at the other end ended: {reason}"),
            Self::Timeout => f.write_str("timeout: the other end did not keep up"),
            Self::BadHandle => f.write_str("there is no such stream"),
            Self::Malformed(text) => write!(f, "malformed: {text}"),
        }
    }
}

impl std::error::Error for StreamError {}

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
