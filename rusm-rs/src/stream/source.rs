//! What a service streams out: an iterator that is pulled, or items that are pushed.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use rusm_wire::Encode;

use super::StreamError;
use super::chunk::{CHUNK, Chunk};
use crate::bindings::{types, wait};
use crate::callback;

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
        if self.keep(handle) {
            wait::stream_demand(handle);
        }
    }

    /// The same for one that is [written](write_all) at once; whether it is pulled at all.
    pub(crate) fn keep(self, handle: u64) -> bool {
        match self.0 {
            Source::Items(items) => {
                let pump = Pump { items, chunk: Chunk::default() };
                PUMPS.with(|pumps| pumps.borrow_mut().push((handle, Box::new(pump))));
                true
            }
            Source::Sink(outlet) => {
                outlet.open(handle);
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

/// Writes all of a stream that is pulled, and waits while its reader is behind.
pub(crate) fn write_all(handle: u64) {
    let Some(mut pump) = take_pump(handle) else { return };
    loop {
        callback::room_wait(handle);
        if !pump.pull(handle) {
            return wait::stream_close(handle);
        }
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

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the stream is full"),
            Self::Ended(error) => write!(f, "the stream has ended: {error}"),
        }
    }
}

impl std::error::Error for PushError {}
