use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

use rusm_wire::{Decode, Encode, Reader, Writer};

use crate::ExitReason;
use crate::bindings::{timers, types, wait};

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

/// What a service answers to a function that streams out.
pub struct Stream<T>(Source<T>);

enum Source<T> {
    Items(Box<dyn Iterator<Item = Result<T, String>>>),
    Sink(Rc<Outlet>),
}

/// Pushes items into a stream from later messages. Clones push into the same stream; dropping the last one closes it.
pub struct Sink<T> {
    outlet: Rc<Outlet>,
    items: PhantomData<fn(T)>,
}

/// Why an item was not pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushError {
    /// The reader is behind; an `Event::Demand` arrives when there is room.
    Full,
    /// The stream has ended.
    Ended(StreamError),
}

impl<T> StreamReader<T> {
    pub(crate) fn new(handle: Option<u64>) -> Self {
        Self { handle, chunk: Vec::new(), next: 0, deadline_ms: 0, items: PhantomData }
    }

    /// Answers [`StreamError::Timeout`] for an item that takes longer. Without it, the end of the writer's process is
    /// what ends the wait.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline_ms = crate::client::milliseconds(deadline);
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
        match wait::stream_read(handle, self.deadline_ms) {
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
        Ok(wait::stream_write(handle, &self.chunk.take(), self.deadline_ms)?)
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

impl<T: Encode + 'static> Stream<T> {
    /// The items of an iterator, pulled as the reader reads.
    pub fn iter(items: impl IntoIterator<Item = T, IntoIter: 'static>) -> Self {
        Self(Source::Items(Box::new(items.into_iter().map(Ok))))
    }

    /// The same, for an iterator that may fail: the text of its error aborts the stream.
    pub fn try_iter<E: fmt::Display>(
        items: impl IntoIterator<Item = Result<T, E>, IntoIter: 'static>,
    ) -> Self {
        let items = items.into_iter().map(|item| item.map_err(|error| error.to_string()));
        Self(Source::Items(Box::new(items)))
    }

    /// A stream without items yet, and the sink that gives it some from later messages.
    pub fn sink() -> (Sink<T>, Self) {
        let outlet = Rc::new(Outlet {
            handle: Cell::new(None),
            early: RefCell::default(),
            end: RefCell::default(),
            sinks: Cell::new(1),
        });
        (Sink { outlet: outlet.clone(), items: PhantomData }, Self(Source::Sink(outlet)))
    }

    /// Gives the stream its end of the call's stream.
    pub(crate) fn serve(self, handle: u64) {
        match self.0 {
            Source::Items(items) => {
                let pump = Pump { items, chunk: Chunk::default() };
                PUMPS.with(|pumps| pumps.borrow_mut().push((handle, Box::new(pump))));
                wait::stream_demand(handle);
            }
            Source::Sink(outlet) => outlet.open(handle),
        }
    }
}

impl<T: Encode> Sink<T> {
    /// Pushes an item, without waiting.
    ///
    /// # Errors
    /// [`PushError`].
    pub fn push(&self, item: &T) -> Result<(), PushError> {
        self.outlet.push(&rusm_wire::encode(item))
    }
}

impl<T> Sink<T> {
    /// Ends the stream; the reader gets what was pushed first.
    pub fn close(self) {
        self.outlet.end(End::Closed);
    }

    /// Ends the stream, and tells the reader why.
    pub fn abort(self, why: &str) {
        self.outlet.end(End::Aborted(why.to_owned()));
    }
}

impl<T> Clone for Sink<T> {
    fn clone(&self) -> Self {
        self.outlet.sinks.set(self.outlet.sinks.get() + 1);
        Self { outlet: self.outlet.clone(), items: PhantomData }
    }
}

impl<T> Drop for Sink<T> {
    fn drop(&mut self) {
        let left = self.outlet.sinks.get() - 1;
        self.outlet.sinks.set(left);
        if left == 0 {
            self.outlet.end(End::Closed);
        }
    }
}

/// Where a sink's items go: nowhere yet, into the stream, or nowhere any more.
struct Outlet {
    handle: Cell<Option<u64>>,
    /// Pushed before the function has answered.
    early: RefCell<Vec<u8>>,
    /// How it has ended: nothing more is pushed then.
    end: RefCell<Option<End>>,
    /// Sinks that push into it.
    sinks: Cell<usize>,
}

enum End {
    Closed,
    Aborted(String),
}

impl End {
    fn tell(&self, handle: u64) {
        match self {
            Self::Closed => wait::stream_close(handle),
            Self::Aborted(why) => wait::stream_abort(handle, why),
        }
    }
}

impl Outlet {
    fn push(&self, item: &[u8]) -> Result<(), PushError> {
        if self.end.borrow().is_some() {
            return Err(PushError::Ended(StreamError::Closed));
        }
        let Some(handle) = self.handle.get() else {
            let mut early = self.early.borrow_mut();
            if !early.is_empty() && early.len() + item.len() > CHUNK {
                return Err(PushError::Full);
            }
            early.extend_from_slice(item);
            return Ok(());
        };
        match wait::stream_write(handle, item, 0) {
            Ok(()) => Ok(()),
            Err(types::StreamError::Timeout) => Err(PushError::Full),
            Err(error) => {
                self.end(End::Closed);
                Err(PushError::Ended(error.into()))
            }
        }
    }

    fn open(&self, handle: u64) {
        let early = self.early.take();
        if !early.is_empty() {
            // A fresh stream has room for a chunk; if the reader is gone, the next push says so.
            let _ = wait::stream_write(handle, &early, 0);
        }
        match &*self.end.borrow() {
            Some(end) => end.tell(handle),
            None => self.handle.set(Some(handle)),
        }
    }

    /// The first end counts.
    fn end(&self, how: End) {
        let mut end = self.end.borrow_mut();
        if end.is_none() {
            if let Some(handle) = self.handle.take() {
                how.tell(handle);
            }
            *end = Some(how);
        }
    }
}

/// An iterator that a service left to be pulled.
struct Pump<T> {
    items: Box<dyn Iterator<Item = Result<T, String>>>,
    chunk: Chunk,
}

trait AnyPump {
    /// Pulls about a chunk; whether there is more.
    fn pull(&mut self, handle: u64) -> bool;
}

impl<T: Encode> AnyPump for Pump<T> {
    fn pull(&mut self, handle: u64) -> bool {
        loop {
            match self.items.next() {
                Some(Ok(item)) => {
                    self.chunk.push(&item);
                    if !self.chunk.is_due::<T>() {
                        continue;
                    }
                    // There is room: that is what a demand says.
                    let written = wait::stream_write(handle, &self.chunk.take(), 0);
                    return written.is_ok();
                }
                Some(Err(why)) => {
                    self.rest(handle);
                    wait::stream_abort(handle, &why);
                    return false;
                }
                None => {
                    self.rest(handle);
                    return false;
                }
            }
        }
    }
}

impl<T> Pump<T> {
    /// Sends what is left of the last chunk. A reader that is gone does not want it.
    fn rest(&mut self, handle: u64) {
        if !self.chunk.is_empty() {
            let _ = wait::stream_write(handle, &self.chunk.take(), 0);
        }
    }
}

/// Handles an event of a stream that is pulled; false if it is none.
pub(crate) fn handle_event(event: &types::Event) -> bool {
    match event {
        types::Event::Demand(handle) => {
            let Some(mut pump) = take_pump(*handle) else { return false };
            if pump.pull(*handle) {
                PUMPS.with(|pumps| pumps.borrow_mut().push((*handle, pump)));
                wait::stream_demand(*handle);
            } else {
                wait::stream_close(*handle);
            }
            true
        }
        types::Event::StreamEnd(end) => {
            let pumped = take_pump(end.handle).is_some();
            if pumped {
                wait::stream_close(end.handle);
            }
            pumped
        }
        _ => false,
    }
}

fn take_pump(handle: u64) -> Option<Box<dyn AnyPump>> {
    PUMPS.with(|pumps| {
        let mut pumps = pumps.borrow_mut();
        let place = pumps.iter().position(|(known, _)| *known == handle)?;
        Some(pumps.swap_remove(place).1)
    })
}

thread_local! {
    static PUMPS: RefCell<Vec<(u64, Box<dyn AnyPump>)>> = const { RefCell::new(Vec::new()) };
}

/// Items on their way into a chunk.
#[derive(Debug, Default)]
struct Chunk {
    writer: Writer,
    items: u32,
    /// When the first item came.
    since: u64,
}

impl Chunk {
    fn push<T: Encode>(&mut self, item: &T) {
        if self.is_empty() {
            self.since = timers::now();
        }
        item.encode(&mut self.writer);
        self.items += 1;
    }

    fn is_empty(&self) -> bool {
        self.writer.is_empty()
    }

    /// Whether the chunk has to go: it is full, or its first item has waited long enough.
    fn is_due<T>(&self) -> bool {
        if self.writer.len() >= CHUNK {
            return true;
        }
        // Looking at the clock costs as much as writing some bytes.
        let looks = size_of::<T>() > 1 || self.items.is_multiple_of(1024);
        looks && timers::now().saturating_sub(self.since) > LATE_NS
    }

    fn take(&mut self) -> Vec<u8> {
        self.items = 0;
        std::mem::take(&mut self.writer).into_bytes()
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

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the stream is full"),
            Self::Ended(error) => write!(f, "the stream has ended: {error}"),
        }
    }
}

impl std::error::Error for StreamError {}
impl std::error::Error for PushError {}

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

/// The most that one chunk holds, unless a single item is larger.
const CHUNK: usize = 64 * 1024;

/// How long an item may wait for others: short for a person, long beside a crossing of the sandbox.
const LATE_NS: u64 = 1_000_000;
