//! A call with a stream each way.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::time::Duration;

use super::pump::{Pulled, Pump};
use super::{ByteReader, Reading, StreamError, StreamReader};
use crate::bindings::callbacks::Happening;
use crate::bindings::wait;
use crate::callback;
use crate::timers::milliseconds;
use rusm_wire::Decode;

/// The stream out of a call that has a stream in, too: what flows in is written while what flows out is read. The call ends with the
/// stream out: what has not been written by then is not. Dropping it early ends both streams, and tells the callee.
#[must_use = "what flows in is written while this is read"]
pub struct Duplex<'a, R: Reading> {
    reader: R,
    feed: Option<Feed<'a>>,
}

/// What is written into a call's stream in as there is room.
pub(crate) struct Feed<'a> {
    handle: u64,
    pump: Option<Box<dyn Pump + 'a>>,
    /// Why there was nothing more where it comes from.
    failed: Option<String>,
    /// What the callee hears of a feed that is dropped before its end.
    why: &'static str,
}

impl<'a> Feed<'a> {
    pub(crate) fn new(handle: u64, pump: Box<dyn Pump + 'a>) -> Self {
        Self { handle, pump: Some(pump), failed: None, why: "the caller gave up" }
    }

    /// The stream, while there is something to write.
    pub(crate) fn handle(&self) -> Option<u64> {
        self.pump.as_ref().map(|_| self.handle)
    }

    /// Writes about a chunk into the stream, which has room.
    pub(crate) fn write(&mut self) {
        let Some(pump) = &mut self.pump else { return };
        match pump.pull(self.handle, None) {
            Pulled::More | Pulled::Dry => {}
            Pulled::Done => {
                self.pump = None;
                wait::stream_close(self.handle);
            }
            Pulled::Failed(why) => {
                self.pump = None;
                wait::stream_abort(self.handle, &why);
                self.failed = Some(why);
            }
        }
    }
}

impl Drop for Feed<'_> {
    fn drop(&mut self) {
        if self.pump.take().is_some() {
            wait::stream_abort(self.handle, self.why);
        }
    }
}

impl<'a, R: Reading> Duplex<'a, R> {
    pub(crate) fn new(reader: R, feed: Feed<'a>) -> Self {
        Self { reader, feed: Some(feed) }
    }

    /// Writes until there is something to read.
    fn until_readable(&mut self) -> Result<(), StreamError> {
        loop {
            let inlet = self.reader.inlet();
            let (Some(reads), Some(feed)) = (inlet.handle(), &mut self.feed) else { return Ok(()) };
            if let Some(why) = feed.failed.take() {
                inlet.close();
                return Err(StreamError::Source(why));
            }
            let Some(writes) = feed.handle().filter(|_| inlet.is_empty()) else { return Ok(()) };
            let limit = (inlet.deadline_ms > 0).then_some(inlet.deadline_ms.into());
            match callback::wait_any(&[], &[reads, writes], limit) {
                Some(Happening::Ready(handle)) if handle == writes => feed.write(),
                Some(_) => return Ok(()),
                None => return Err(StreamError::Timeout),
            }
        }
    }

    /// Nothing more is written once nothing more is read.
    fn end_with_reader(&mut self) {
        if self.reader.inlet().handle().is_none()
            && let Some(mut feed) = self.feed.take()
        {
            feed.why = "the call has ended";
        }
    }

    /// Answers [`StreamError::Timeout`] for an item, or bytes, that take longer.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.reader.inlet().deadline_ms = milliseconds(deadline);
        self
    }

    /// Gives both streams up, and tells the callee why.
    pub fn abort(mut self, why: &str) {
        self.reader.inlet().abort(why);
        if let Some(mut feed) = self.feed.take()
            && feed.pump.take().is_some()
        {
            wait::stream_abort(feed.handle, why);
        }
    }
}

impl<T: Decode> Iterator for Duplex<'_, StreamReader<T>> {
    type Item = Result<T, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = match self.until_readable() {
            Ok(()) => self.reader.next(),
            Err(error) => Some(Err(error)),
        };
        self.end_with_reader();
        item
    }
}

impl Duplex<'_, ByteReader> {
    /// The next bytes, as they were written, without a copy; none at the end.
    ///
    /// # Errors
    /// [`StreamError`] if the callee gave up or ended, or what is to be written cannot be read.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, StreamError> {
        self.until_readable()?;
        let chunk = self.reader.next_chunk();
        self.end_with_reader();
        chunk
    }
}

impl Read for Duplex<'_, ByteReader> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Duplex<'_, ByteReader> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.until_readable()?;
        let filled = self.reader.fill_buf().map(drop);
        self.end_with_reader();
        filled?;
        Ok(self.reader.inlet().rest())
    }

    fn consume(&mut self, read: usize) {
        self.reader.consume(read);
    }
}

impl<R: Reading> fmt::Debug for Duplex<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Duplex").finish_non_exhaustive()
    }
}
