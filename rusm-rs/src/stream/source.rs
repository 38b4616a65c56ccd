//! What a service streams out: something that is pulled, or items that are pushed.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::Read;
use std::marker::PhantomData;
use std::rc::Rc;

use rusm_wire::Encode;

use super::StreamError;
use super::chunk::CHUNK;
use super::inlet::Watched;
use super::pump::{Pulled, Pump, bytes, reason, try_chunks, try_items};
use crate::bindings::{types, wait};
use crate::callback;

/// What a service answers to a function that streams out.
pub struct Stream<T> {
    origin: Origin,
    items: PhantomData<fn() -> T>,
}

/// What a service answers to a function that streams bytes out.
pub struct ByteStream {
    origin: Origin,
}

enum Origin {
    Pulled(Box<dyn Pump>),
    Sink(Rc<Outlet>),
}

/// Pushes items into a stream from later messages. Clones push into the same stream; dropping the last one closes it.
pub struct Sink<T> {
    outlet: Rc<Outlet>,
    items: PhantomData<fn(T)>,
}

/// Pushes bytes into a stream from later messages. Clones push into the same stream; dropping the last one closes it.
pub struct ByteSink {
    outlet: Rc<Outlet>,
}

/// Why an item was not pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushError {
    /// The reader is behind; an `Event::Demand` arrives when there is room.
    Full,
    /// The stream has ended.
    Ended(StreamError),
}

/// What a service streams: items, or bytes.
#[doc(hidden)]
pub trait Source {
    #[doc(hidden)]
    fn begin(self, out: Out) -> bool;
}

/// The stream out of a call, and the stream in that what is pulled into it may wait for.
#[doc(hidden)]
#[derive(Debug)]
pub struct Out {
    pub(crate) handle: u64,
    pub(crate) input: Option<Rc<Watched>>,
}

impl<T: Encode + 'static> Stream<T> {
    /// The items of an iterator, pulled as the reader reads.
    pub fn iter(items: impl IntoIterator<Item = T, IntoIter: 'static>) -> Self {
        Self::pulled(items.into_iter().map(Ok))
    }

    /// The same, for an iterator that may fail: the text of its error aborts the stream.
    pub fn try_iter<E: fmt::Display>(
        items: impl IntoIterator<Item = Result<T, E>, IntoIter: 'static>,
    ) -> Self {
        Self::pulled(items.into_iter().map(|item| item.map_err(|error| reason(&error))))
    }

    fn pulled(items: impl Iterator<Item = Result<T, String>> + 'static) -> Self {
        Self { origin: Origin::Pulled(try_items(items)), items: PhantomData }
    }

    /// A stream without items yet, and the sink that gives it some from later messages.
    pub fn sink() -> (Sink<T>, Self) {
        let outlet = Outlet::new();
        let sink = Sink { outlet: outlet.clone(), items: PhantomData };
        (sink, Self { origin: Origin::Sink(outlet), items: PhantomData })
    }
}

impl ByteStream {
    /// What something reads, as the reader of the stream reads it. Its error aborts the stream.
    pub fn read(source: impl Read + 'static) -> Self {
        Self { origin: Origin::Pulled(bytes(source)) }
    }

    /// The chunks of an iterator, pulled as the reader reads.
    pub fn chunks<C: Into<Vec<u8>>>(chunks: impl IntoIterator<Item = C, IntoIter: 'static>) -> Self {
        Self { origin: Origin::Pulled(try_chunks(chunks.into_iter().map(|chunk| Ok(chunk.into())))) }
    }

    /// The same, for an iterator that may fail: the text of its error aborts the stream. What comes in goes out again:
    /// `ByteStream::try_chunks(reader.into_chunks())`.
    pub fn try_chunks<C: Into<Vec<u8>>, E: fmt::Display>(
        chunks: impl IntoIterator<Item = Result<C, E>, IntoIter: 'static>,
    ) -> Self {
        let chunks = chunks.into_iter();
        let chunks = chunks.map(|chunk| chunk.map(Into::into).map_err(|error| reason(&error)));
        Self { origin: Origin::Pulled(try_chunks(chunks)) }
    }

    /// A stream without bytes yet, and the sink that gives it some from later messages.
    pub fn sink() -> (ByteSink, Self) {
        let outlet = Outlet::new();
        (ByteSink { outlet: outlet.clone() }, Self { origin: Origin::Sink(outlet) })
    }
}

impl<T> Source for Stream<T> {
    fn begin(self, out: Out) -> bool {
        self.origin.begin(out)
    }
}

impl Source for ByteStream {
    fn begin(self, out: Out) -> bool {
        self.origin.begin(out)
    }
}

impl Origin {
    /// Gives the stream its end of the call's stream; whether it is to be pulled.
    fn begin(self, out: Out) -> bool {
        match self {
            Self::Pulled(pump) => {
                PUMPS.with(|pumps| pumps.borrow_mut().push(Running { out, pump }));
                true
            }
            Self::Sink(outlet) => {
                outlet.open(out.handle);
                false
            }
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

impl ByteSink {
    /// Pushes bytes, without waiting: all of them, or none.
    ///
    /// # Errors
    /// [`PushError`].
    pub fn push(&self, bytes: &[u8]) -> Result<(), PushError> {
        if bytes.is_empty() { Ok(()) } else { self.outlet.push(bytes) }
    }

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
        Self { outlet: self.outlet.one_more(), items: PhantomData }
    }
}

impl<T> Drop for Sink<T> {
    fn drop(&mut self) {
        self.outlet.one_less();
    }
}

impl Clone for ByteSink {
    fn clone(&self) -> Self {
        Self { outlet: self.outlet.one_more() }
    }
}

impl Drop for ByteSink {
    fn drop(&mut self) {
        self.outlet.one_less();
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
    fn new() -> Rc<Self> {
        Rc::new(Self {
            handle: Cell::new(None),
            early: RefCell::default(),
            end: RefCell::default(),
            sinks: Cell::new(1),
        })
    }

    fn one_more(self: &Rc<Self>) -> Rc<Self> {
        self.sinks.set(self.sinks.get() + 1);
        self.clone()
    }

    fn one_less(&self) {
        self.sinks.set(self.sinks.get() - 1);
        if self.sinks.get() == 0 {
            self.end(End::Closed);
        }
    }

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

/// A stream that a service left to be pulled.
struct Running {
    out: Out,
    pump: Box<dyn Pump>,
}

impl Running {
    /// Pulls about a chunk into the stream, which has room; whether to go on.
    fn pull(&mut self, input: Option<&Watched>) -> Pulled {
        self.pump.pull(self.out.handle, input)
    }

    /// Ends the stream as its source has ended, which lets go first of what it read from.
    fn end(self, how: Pulled) {
        let handle = self.out.handle;
        drop(self.pump);
        match how {
            Pulled::Failed(why) => wait::stream_abort(handle, &why),
            _ => wait::stream_close(handle),
        }
    }

    fn keep(self) {
        PUMPS.with(|pumps| pumps.borrow_mut().push(self));
    }
}

/// Handles an event of a stream that is pulled; false if it is none.
pub(crate) fn handle_event(event: &types::Event) -> bool {
    match event {
        types::Event::Demand(handle) => {
            if let Some(mut running) = take_pump(|out| out.handle == *handle) {
                let input = running.out.input.clone();
                match running.pull(input.as_deref()) {
                    Pulled::More => {
                        running.keep();
                        wait::stream_demand(*handle);
                    }
                    Pulled::Dry => {
                        running.keep();
                        input.inspect(|input| input.tell(*handle));
                    }
                    how => running.end(how),
                }
                return true;
            }
            // There is something to read for one: now there has to be room.
            let told = |out: &Out| out.input.as_ref().is_some_and(|input| input.is_told_by(*handle));
            let Some(running) = take_pump(told) else { return false };
            let out = running.out.handle;
            running.keep();
            wait::stream_demand(out);
            true
        }
        types::Event::StreamEnd(end) => {
            let Some(running) = take_pump(|out| out.handle == end.handle) else { return false };
            running.end(Pulled::Done);
            true
        }
        _ => false,
    }
}

/// Writes all of a stream that is pulled, and waits while its reader is behind.
pub(crate) fn write_all(handle: u64) {
    let Some(mut running) = take_pump(|out| out.handle == handle) else { return };
    loop {
        callback::wait_any(&[], &[handle], None);
        match running.pull(None) {
            Pulled::More | Pulled::Dry => {}
            how => return running.end(how),
        }
    }
}

fn take_pump(is_it: impl Fn(&Out) -> bool) -> Option<Running> {
    PUMPS.with(|pumps| {
        let mut pumps = pumps.borrow_mut();
        let place = pumps.iter().position(|running| is_it(&running.out))?;
        Some(pumps.swap_remove(place))
    })
}

thread_local! {
    static PUMPS: RefCell<Vec<Running>> = const { RefCell::new(Vec::new()) };
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the stream is full"),
            Self::Ended(error) => write!(f, "the stream has ended: {error}"),
        }
    }
}

impl std::error::Error for PushError {}
