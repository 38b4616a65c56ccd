//! What is pulled into a stream: an iterator of items, something that reads bytes, an iterator of chunks.

use std::fmt;
use std::io::{self, Read};

use rusm_wire::Encode;

use super::ABORTED;
use super::chunk::{CHUNK, Chunk};
use super::inlet::Watched;
use crate::bindings::wait;
use crate::callback::Carried;

/// Where what a stream carries comes from.
#[doc(hidden)]
pub trait Pump {
    /// Pulls about a chunk and writes it to the stream, which has room for one. Does not wait for `input`.
    #[doc(hidden)]
    fn pull(&mut self, handle: u64, input: Option<&Watched>) -> Pulled;
}

/// What there was to pull.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    /// A chunk, and there may be more.
    More,
    /// Nothing more before there is something in the stream in.
    Dry,
    /// That was all; or nobody reads it.
    Done,
    /// It failed. What came before was written.
    Failed(String),
}

/// The items of an iterator, to be pulled.
#[doc(hidden)]
pub fn items<'a, T: Encode + 'a>(items: impl IntoIterator<Item = T, IntoIter: 'a>) -> Box<dyn Pump + 'a> {
    Box::new(Items { items: items.into_iter().map(Ok), chunk: Chunk::default() })
}

/// The bytes that something reads, to be pulled.
#[doc(hidden)]
pub fn bytes<'a>(source: impl Read + 'a) -> Box<dyn Pump + 'a> {
    Box::new(Bytes { source, buffer: Vec::new() })
}

/// The same of items, of which one may be an error.
pub(super) fn try_items<'a, T: Encode + 'a>(
    items: impl Iterator<Item = Result<T, String>> + 'a,
) -> Box<dyn Pump + 'a> {
    Box::new(Items { items, chunk: Chunk::default() })
}

/// The same of chunks.
pub(super) fn try_chunks<'a>(
    chunks: impl Iterator<Item = Result<Vec<u8>, String>> + 'a,
) -> Box<dyn Pump + 'a> {
    Box::new(Pieces { chunks, chunk: Vec::new(), next: 0 })
}

/// Writes a chunk to a stream that has room for it: whether anybody reads it.
fn write(handle: u64, chunk: &[u8]) -> bool {
    chunk.is_empty() || wait::stream_write(handle, chunk, 0).is_ok()
}

/// What the reader of a stream hears of a failure: of another stream's, what that one's reader would have heard.
pub(super) fn reason(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    text.strip_prefix(ABORTED).map(ToOwned::to_owned).unwrap_or(text)
}

struct Items<I> {
    items: I,
    chunk: Chunk,
}

impl<T: Encode, I: Iterator<Item = Result<T, String>>> Pump for Items<I> {
    fn pull(&mut self, handle: u64, input: Option<&Watched>) -> Pulled {
        let end = loop {
            if input.is_some_and(Watched::is_dry) {
                break Pulled::Dry;
            }
            match self.items.next() {
                Some(Ok(item)) => {
                    self.chunk.push(&item);
                    Carried::stay();
                    if self.chunk.is_due::<T>() {
                        break Pulled::More;
                    }
                }
                Some(Err(why)) => break Pulled::Failed(why),
                None => break Pulled::Done,
            }
        };
        if write(handle, &self.chunk.take()) { end } else { Pulled::Done }
    }
}

struct Bytes<R> {
    source: R,
    /// As large as a chunk, once it is used.
    buffer: Vec<u8>,
}

impl<R: Read> Pump for Bytes<R> {
    fn pull(&mut self, handle: u64, input: Option<&Watched>) -> Pulled {
        if input.is_some_and(Watched::is_dry) {
            return Pulled::Dry;
        }
        self.buffer.resize(CHUNK, 0);
        match self.source.read(&mut self.buffer) {
            Ok(0) => Pulled::Done,
            Ok(read) if write(handle, &self.buffer[..read]) => Pulled::More,
            Ok(_) => Pulled::Done,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Pulled::More,
            Err(error) => Pulled::Failed(reason(&error)),
        }
    }
}

struct Pieces<I> {
    chunks: I,
    chunk: Vec<u8>,
    /// Where in the chunk the rest begins.
    next: usize,
}

impl<I: Iterator<Item = Result<Vec<u8>, String>>> Pump for Pieces<I> {
    fn pull(&mut self, handle: u64, input: Option<&Watched>) -> Pulled {
        while self.next >= self.chunk.len() {
            if input.is_some_and(Watched::is_dry) {
                return Pulled::Dry;
            }
            match self.chunks.next() {
                Some(Ok(chunk)) => (self.chunk, self.next) = (chunk, 0),
                Some(Err(why)) => return Pulled::Failed(why),
                None => return Pulled::Done,
            }
        }
        let rest = &self.chunk[self.next..];
        let part = &rest[..rest.len().min(CHUNK)];
        self.next += part.len();
        if write(handle, part) { Pulled::More } else { Pulled::Done }
    }
}

impl fmt::Debug for dyn Pump + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pump")
    }
}
