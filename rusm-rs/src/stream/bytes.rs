//! Streams of bytes: they travel as they are, and not as items.

use std::io::{self, BufRead, Read, Write};
use std::time::Duration;

use super::chunk::{CHUNK, Chunk};
use super::inlet::Inlet;
use super::{Reading, StreamError, Writing, write_chunk};
use crate::bindings::wait;
use crate::call::CallError;
use crate::timers::milliseconds;

/// Reads a stream of bytes. Dropping it early tells the writer. Errors of `Read` hold the [`StreamError`].
pub struct ByteReader {
    inlet: Inlet,
}

/// Writes a stream of bytes: in chunks of 64 KiB, or less if the next bytes are late; `flush` sends what there is. Dropping it sends
/// the rest and closes the stream. Errors of `Write` hold the [`StreamError`].
pub struct ByteWriter {
    handle: Option<u64>,
    chunk: Chunk,
    deadline_ms: u32,
}

/// The chunks of a stream of bytes, as they were written.
#[derive(Debug)]
pub struct Chunks(ByteReader);

/// Reads the bytes of chunks, one after the other: made by [`read_chunks`].
#[derive(Debug, Clone)]
pub struct ReadChunks<I, C> {
    chunks: I,
    chunk: Option<C>,
    next: usize,
}

impl Reading for ByteReader {
    fn of(inlet: Inlet) -> Self {
        Self { inlet }
    }

    fn inlet(&mut self) -> &mut Inlet {
        &mut self.inlet
    }
}

impl Writing for ByteWriter {
    fn of(handle: Option<u64>, deadline_ms: u32) -> Self {
        Self { handle, chunk: Chunk::default(), deadline_ms }
    }
}

impl ByteReader {
    /// Answers [`StreamError::Timeout`] for bytes that take longer. Without it, the end of the writer's process is what ends
    /// the wait.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.inlet.deadline_ms = milliseconds(deadline);
        self
    }

    /// The next bytes, as they were written, without a copy; none at the end.
    ///
    /// # Errors
    /// [`StreamError`] if the writer gave up or ended.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, StreamError> {
        while self.inlet.is_empty() {
            if !self.inlet.fill()? {
                return Ok(None);
            }
        }
        Ok(Some(self.inlet.take()))
    }

    /// All chunks to come.
    pub fn into_chunks(self) -> Chunks {
        Chunks(self)
    }

    /// Gives the stream up, and tells the writer why.
    pub fn abort(mut self, why: &str) {
        self.inlet.abort(why);
    }
}

impl Read for ByteReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for ByteReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.inlet.is_empty() {
            if !self.inlet.fill()? {
                return Ok(&[]);
            }
        }
        Ok(self.inlet.rest())
    }

    fn consume(&mut self, read: usize) {
        if read > 0 {
            self.inlet.advance(read);
        }
    }
}

impl Iterator for Chunks {
    type Item = Result<Vec<u8>, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_chunk().transpose()
    }
}

impl ByteWriter {
    /// Sends the rest and closes the stream.
    ///
    /// # Errors
    /// [`StreamError`] if the reader is gone, or behind for longer than the deadline.
    pub fn close(mut self) -> Result<(), StreamError> {
        let sent = self.send();
        if let Some(handle) = self.handle.take() {
            wait::stream_close(handle);
        }
        sent
    }

    /// Gives the stream up, and tells the reader why; it gets first what was written before.
    pub fn abort(mut self, why: &str) {
        // A reader that is gone needs neither.
        let _ = self.send();
        if let Some(handle) = self.handle.take() {
            wait::stream_abort(handle, why);
        }
    }

    fn send(&mut self) -> Result<(), StreamError> {
        let handle = self.handle.ok_or(StreamError::BadHandle)?;
        if self.chunk.is_empty() { Ok(()) } else { write_chunk(handle, &self.chunk.take(), self.deadline_ms) }
    }
}

impl Write for ByteWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = &bytes[..bytes.len().min(CHUNK)];
        if part.len() == CHUNK && self.chunk.is_empty() {
            // A whole chunk needs no copy.
            write_chunk(self.handle.ok_or(StreamError::BadHandle)?, part, self.deadline_ms)?;
            return Ok(part.len());
        }
        let part = &part[..part.len().min(CHUNK - self.chunk.writer.len())];
        self.chunk.push_bytes(part);
        if self.chunk.is_due::<u16>() {
            self.send()?;
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(self.send()?)
    }
}

impl Drop for ByteWriter {
    fn drop(&mut self) {
        if let Some(handle) = self.handle {
            // An error here means that nobody reads: nothing is lost that anybody waits for.
            let _ = self.send();
            wait::stream_close(handle);
        }
    }
}

/// Writes everything that something reads, unless the reader of the stream ends first: then its answer says why. What each read gives is
/// sent at once.
///
/// # Errors
/// What the source failed with; the call is given up then.
#[doc(hidden)]
pub fn feed_bytes<E>(writer: ByteWriter, mut source: impl Read) -> Result<(), CallError<E>> {
    let Some(handle) = writer.handle else { return Ok(()) };
    let mut buffer = vec![0; CHUNK];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                if write_chunk(handle, &buffer[..read], writer.deadline_ms).is_err() {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                writer.abort(&error.to_string());
                return Err(CallError::Malformed(format!("the bytes to be sent: {error}")));
            }
        }
    }
}

/// What reads the bytes of chunks: for a call that streams bytes which are there in pieces.
pub fn read_chunks<C: AsRef<[u8]>, I: IntoIterator<Item = C>>(chunks: I) -> ReadChunks<I::IntoIter, C> {
    ReadChunks { chunks: chunks.into_iter(), chunk: None, next: 0 }
}

impl<C: AsRef<[u8]>, I: Iterator<Item = C>> Read for ReadChunks<I, C> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            let rest = self.chunk.as_ref().map_or(&[][..], |chunk| &chunk.as_ref()[self.next..]);
            if !rest.is_empty() {
                let read = { rest }.read(into)?;
                self.next += read;
                return Ok(read);
            }
            self.next = 0;
            self.chunk = self.chunks.next();
            if self.chunk.is_none() {
                return Ok(0);
            }
        }
    }
}
