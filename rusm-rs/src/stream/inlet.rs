//! The end of a stream that a process reads.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use super::StreamError;
use crate::bindings::callbacks::Happening;
use crate::bindings::{types, wait};
use crate::callback::{self, Carried};

/// The end that is read, and what of the last chunk is not.
#[doc(hidden)]
pub struct Inlet {
    handle: Option<u64>,
    chunk: Vec<u8>,
    /// Where in the chunk the rest begins.
    next: usize,
    /// How long a chunk may take; 0 for as long as it takes.
    pub(super) deadline_ms: u32,
    /// By the call that it is of.
    carried: Carried,
    /// For what is pulled out of it.
    watched: Option<Rc<Watched>>,
}

/// A stream in, as the stream out of the same call sees it: whoever pulls that does not want to wait for this.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Watched {
    handle: Cell<Option<u64>>,
    left: Cell<usize>,
    /// The stream out that waits for something in here.
    waiting: Cell<Option<u64>>,
}

impl Inlet {
    pub(crate) fn new(handle: Option<u64>) -> Self {
        let carried = Carried::default();
        Self { handle, chunk: Vec::new(), next: 0, deadline_ms: 0, carried, watched: None }
    }

    pub(crate) fn carrying(mut self, carried: Carried) -> Self {
        self.carried = carried;
        self
    }

    /// With somebody who watches it.
    pub(crate) fn watched(mut self) -> (Self, Rc<Watched>) {
        let watched = Rc::new(Watched { handle: Cell::new(self.handle), ..Watched::default() });
        self.watched = Some(watched.clone());
        (self, watched)
    }

    pub(super) fn handle(&self) -> Option<u64> {
        self.handle
    }

    pub(super) fn is_empty(&self) -> bool {
        self.next >= self.chunk.len()
    }

    /// What of the chunk was not read.
    pub(super) fn rest(&self) -> &[u8] {
        &self.chunk[self.next..]
    }

    /// All but so much was read.
    pub(super) fn leave(&mut self, left: usize) {
        self.next = self.chunk.len() - left;
        if let Some(watched) = &self.watched {
            watched.left.set(left);
        }
    }

    /// So much was read.
    pub(super) fn advance(&mut self, read: usize) {
        let left = self.rest().len() - read;
        self.leave(left);
    }

    /// The rest of the chunk.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let mut chunk = std::mem::take(&mut self.chunk);
        let next = std::mem::take(&mut self.next);
        self.leave(0);
        if next > 0 { chunk.split_off(next) } else { chunk }
    }

    /// Waits for the next chunk; false at the end of the stream.
    pub(super) fn fill(&mut self) -> Result<bool, StreamError> {
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
        self.leave(self.chunk.len());
        Ok(true)
    }

    pub(super) fn close(&mut self) {
        self.end(wait::stream_close);
    }

    pub(super) fn abort(&mut self, why: &str) {
        self.chunk.clear();
        self.leave(0);
        self.end(|handle| wait::stream_abort(handle, why));
    }

    fn end(&mut self, end: impl FnOnce(u64)) {
        if let Some(handle) = self.handle.take() {
            end(handle);
        }
        self.carried = Carried::default();
        if let Some(watched) = self.watched.take() {
            watched.end();
        }
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Inlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inlet").finish_non_exhaustive()
    }
}

impl Watched {
    /// Whether whoever reads from it now would wait.
    pub(super) fn is_dry(&self) -> bool {
        let Some(handle) = self.handle.get().filter(|_| self.left.get() == 0) else { return false };
        !matches!(callback::wait_any(&[], &[handle], Some(0)), Some(Happening::Ready(_)))
    }

    /// From now on it tells the stream out when there is something to read.
    pub(super) fn tell(&self, out: u64) {
        match self.handle.get() {
            Some(handle) => {
                self.waiting.set(Some(out));
                wait::stream_demand(handle);
            }
            None => wait::stream_demand(out),
        }
    }

    /// Whether an event is what this was asked for.
    pub(super) fn is_told_by(&self, handle: u64) -> bool {
        self.handle.get() == Some(handle) && self.waiting.take().is_some()
    }

    /// Nothing more is read.
    fn end(&self) {
        self.handle.set(None);
        if let Some(out) = self.waiting.take() {
            wait::stream_demand(out);
        }
    }
}
