use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};

use bytes::Bytes;

use crate::account::{Kept, Overdrawn};
use crate::sync::Mutex;
use crate::{ExitReason, Pid};

/// How many bytes a writer may be ahead of its reader: four full chunks.
pub const STREAM_WINDOW: usize = 4 * 64 * 1024;

/// A chunk's place in the queue and its share of what is behind it: many chunks without bytes fill a window too.
const CHUNK: usize = 128;

/// What chunks take is noted in such steps, and not for each chunk.
const STEP: usize = 64 * 1024;

/// A byte stream between two processes, with the default window.
pub fn stream(window: usize) -> (StreamWriter, StreamReader) {
    let shared = Arc::new(Mutex::new(Shared {
        window,
        chunks: VecDeque::new(),
        bytes: 0,
        writer: Side::default(),
        reader: Side::default(),
        owner: None,
        recipient: None,
        kept: None,
        wants_room: false,
        wants_chunk: false,
    }));
    (StreamWriter(shared.clone()), StreamReader(shared))
}

/// The end that writes. Clones are the same end.
#[derive(Debug, Clone)]
pub struct StreamWriter(Arc<Mutex<Shared>>);

/// The end that reads. Clones are the same end.
#[derive(Debug, Clone)]
pub struct StreamReader(Arc<Mutex<Shared>>);

/// What a process has of a call's streams.
#[derive(Debug, Clone)]
pub enum StreamEnd {
    /// The end that writes.
    Writer(StreamWriter),
    /// The end that reads.
    Reader(StreamReader),
    /// An end of the stream to the callee, and one of that to the caller.
    Both(Box<[StreamEnd; 2]>),
}

/// Why a stream gives or takes nothing more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The other end closed early.
    #[error("closed by the other end")]
    Closed,
    /// The other end gave up.
    #[error("aborted by the other end: {0}")]
    Aborted(String),
    /// The process at the other end ended.
    #[error("the process at the other end ended: {0}")]
    Exited(ExitReason),
}

/// What became of a chunk that was offered.
#[derive(Debug, PartialEq, Eq)]
pub enum TryWrite {
    /// It is on its way.
    Taken,
    /// There is no room; [`StreamWriter::demand`] tells when there is.
    Full(Bytes),
    /// The reader is gone, or too much is kept for the writer's process to keep a chunk as well.
    Ended(StreamError),
}

/// The process at one end of a stream.
pub(crate) trait Party: fmt::Debug + Send + Sync {
    /// Which it is.
    fn pid(&self) -> Pid;

    /// Tells it that there is room.
    fn demand(&self);

    /// Tells it that the other end is gone.
    fn ended(&self, why: StreamError);

    /// Keeps so many bytes for it.
    fn keep(&self, bytes: usize) -> Result<Box<dyn Kept>, Overdrawn>;

    /// The same of what others have left, for which it has less room.
    fn keep_for_others(&self, bytes: usize) -> Result<Box<dyn Kept>, Overdrawn>;
}

/// Invariants: `bytes` is the sum of `chunks`, each with its place; a chunk is taken whenever `bytes < window`, so that one chunk larger than
/// the window still goes through; what the chunks take at most is kept for the writer's process, and after the writer's end for the
/// reader's; `wants_room` and `wants_chunk` are set by a request for demand and cleared by the message that answers it.
#[derive(Debug)]
struct Shared {
    window: usize,
    chunks: VecDeque<Bytes>,
    bytes: usize,
    writer: Side,
    reader: Side,
    /// The writer's process, to be told of demand and of the reader's end.
    owner: Option<Arc<dyn Party>>,
    /// The reader's.
    recipient: Option<Arc<dyn Party>>,
    kept: Option<Box<dyn Kept>>,
    wants_room: bool,
    /// The same of the reader's process, for a chunk.
    wants_chunk: bool,
}

#[derive(Debug, Default)]
struct Side {
    waker: Option<Waker>,
    end: Option<End>,
}

#[derive(Debug, Clone)]
enum End {
    Closed,
    Aborted(String),
    Exited(ExitReason),
}

impl StreamWriter {
    /// Writes a chunk if there is room.
    pub fn try_write(&self, chunk: Bytes) -> TryWrite {
        let mut shared = self.0.lock();
        if let Some(end) = &shared.reader.end {
            return TryWrite::Ended(end.error());
        }
        let bytes = shared.bytes + chunk.len() + CHUNK;
        if shared.bytes >= shared.window {
            return TryWrite::Full(chunk);
        }
        if let Err(overdrawn) = shared.keep(bytes) {
            if shared.bytes > 0 {
                // What waits already is the window from now on.
                shared.window = shared.bytes;
                return TryWrite::Full(chunk);
            }
            // Not even one chunk: nothing would ever make room for it.
            return TryWrite::Ended(StreamError::Aborted(format!("{overdrawn}: a chunk of a stream")));
        }
        shared.bytes = bytes;
        shared.chunks.push_back(chunk);
        let told = shared.something_to_read();
        drop(shared);
        told.tell();
        TryWrite::Taken
    }

    /// Writes a chunk as soon as there is room.
    ///
    /// # Errors
    /// [`StreamError`] if the reader is gone.
    pub async fn write(&self, mut chunk: Bytes) -> Result<(), StreamError> {
        loop {
            self.room().await?;
            match self.try_write(chunk) {
                TryWrite::Taken => return Ok(()),
                TryWrite::Ended(error) => return Err(error),
                // A clone of this end was faster.
                TryWrite::Full(back) => chunk = back,
            }
        }
    }

    /// Whether a chunk would be taken now.
    ///
    /// # Errors
    /// [`StreamError`] if the reader is gone.
    pub fn has_room(&self) -> Result<bool, StreamError> {
        self.0.lock().has_room()
    }

    /// Waits until a chunk would be taken.
    ///
    /// # Errors
    /// [`StreamError`] if the reader is gone.
    pub async fn room(&self) -> Result<(), StreamError> {
        poll_fn(|task| self.poll_room(task)).await
    }

    /// The same as a poll.
    pub fn poll_room(&self, task: &mut Task<'_>) -> Poll<Result<(), StreamError>> {
        let mut shared = self.0.lock();
        match shared.has_room() {
            Ok(false) => {
                shared.writer.waker = Some(task.waker().clone());
                Poll::Pending
            }
            other => Poll::Ready(other.map(drop)),
        }
    }

    /// Sends the owner [`Message::Demand`](crate::Message::Demand) as soon as there is room, which may be at once.
    pub fn demand(&self) {
        let mut shared = self.0.lock();
        if shared.bytes >= shared.window {
            shared.wants_room = true;
            return;
        }
        let owner = shared.owner.clone();
        drop(shared);
        if let Some(owner) = owner {
            owner.demand();
        }
    }

    /// The process that owns this end: it is told of room when it has asked for that, and when the reader is gone, which may be at
    /// once.
    pub(crate) fn belongs_to(&self, owner: Arc<dyn Party>) {
        let mut shared = self.0.lock();
        match &shared.reader.end {
            None => shared.owner = Some(owner),
            Some(end) => {
                let reason = end.error();
                drop(shared);
                owner.ended(reason);
            }
        }
    }

    fn end(&self, end: End) {
        let mut shared = self.0.lock();
        shared.owner = None;
        if shared.writer.end.is_none() {
            shared.writer.end = Some(end);
            shared.hand_over();
        }
        let told = shared.something_to_read();
        drop(shared);
        told.tell();
    }
}

impl StreamReader {
    /// The next chunk; none when the writer is done, or this end was closed meanwhile.
    ///
    /// # Errors
    /// [`StreamError`] if the writer gave up or ended; what it wrote before is read first.
    pub async fn read(&self) -> Result<Option<Bytes>, StreamError> {
        poll_fn(|task| {
            let mut shared = self.0.lock();
            if let Some(chunk) = shared.chunks.pop_front() {
                shared.bytes -= chunk.len() + CHUNK;
                let told = shared.room_was_made();
                drop(shared);
                told.tell();
                return Poll::Ready(Ok(Some(chunk)));
            }
            if shared.reader.end.is_some() {
                // It was given up here, by a clone of this end.
                return Poll::Ready(Ok(None));
            }
            match &shared.writer.end {
                Some(End::Closed) => Poll::Ready(Ok(None)),
                Some(end) => Poll::Ready(Err(end.error())),
                None => {
                    shared.reader.waker = Some(task.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Polls whether [`read`](Self::read) has an answer at once.
    pub fn poll_ready(&self, task: &mut Task<'_>) -> Poll<()> {
        let mut shared = self.0.lock();
        if shared.can_be_read() {
            return Poll::Ready(());
        }
        shared.reader.waker = Some(task.waker().clone());
        Poll::Pending
    }

    /// Sends the process that reads [`Message::Demand`](crate::Message::Demand) as soon as [`read`](Self::read) has an answer at once,
    /// which may be now.
    pub fn demand(&self) {
        let mut shared = self.0.lock();
        shared.wants_chunk = !shared.can_be_read();
        let recipient = if shared.wants_chunk { None } else { shared.recipient.clone() };
        drop(shared);
        if let Some(recipient) = recipient {
            recipient.demand();
        }
    }

    /// The process that reads, for which the chunks are kept once the writer is done.
    pub(crate) fn belongs_to(&self, recipient: Arc<dyn Party>) {
        let mut shared = self.0.lock();
        let known = shared.recipient.replace(recipient.clone());
        if shared.writer.end.is_some() && known.is_none_or(|known| known.pid() != recipient.pid()) {
            shared.hand_over();
        }
    }

    fn end(&self, end: End) {
        let mut shared = self.0.lock();
        let first = shared.reader.end.is_none() && shared.writer.end.is_none();
        let reason = end.error();
        shared.reader.end.get_or_insert(end);
        shared.chunks.clear();
        shared.bytes = 0;
        let kept = shared.kept.take();
        let wakers = [shared.writer.waker.take(), shared.reader.waker.take()];
        let owner = shared.owner.take().filter(|_| first);
        drop(shared);
        drop(kept);
        wakers.into_iter().for_each(wake);
        if let Some(owner) = owner {
            owner.ended(reason);
        }
    }
}

/// The streams of one call: what its caller has of them, and what its callee gets.
pub fn streams_both_ways(window: usize) -> (StreamEnd, StreamEnd) {
    let (own_writer, their_reader) = stream(window);
    let (their_writer, own_reader) = stream(window);
    let own = [StreamEnd::Writer(own_writer), StreamEnd::Reader(own_reader)];
    let theirs = [StreamEnd::Reader(their_reader), StreamEnd::Writer(their_writer)];
    (StreamEnd::Both(Box::new(own)), StreamEnd::Both(Box::new(theirs)))
}

impl StreamEnd {
    /// How many streams it is of.
    pub fn count(&self) -> usize {
        match self {
            Self::Writer(_) | Self::Reader(_) => 1,
            Self::Both(_) => 2,
        }
    }

    /// The end of a stream that is read, if it has one.
    pub fn reader(&self) -> Option<&StreamReader> {
        match self {
            Self::Reader(reader) => Some(reader),
            Self::Writer(_) => None,
            Self::Both(both) => both.iter().find_map(Self::reader),
        }
    }

    /// Done: what was written before is still read, nothing more is.
    pub fn close(&self) {
        self.end(End::Closed);
    }

    /// Given up, with the reason for the other end.
    pub fn abort(&self, why: impl Into<String>) {
        self.end(End::Aborted(why.into()));
    }

    /// The owner ended.
    pub fn exited(&self, reason: &ExitReason) {
        self.end(End::Exited(reason.clone()));
    }

    fn end(&self, end: End) {
        match self {
            Self::Writer(writer) => writer.end(end),
            Self::Reader(reader) => reader.end(end),
            Self::Both(both) => {
                both[0].end(end.clone());
                both[1].end(end);
            }
        }
    }
}

impl Shared {
    /// Keeps so many bytes for the writer's process.
    fn keep(&mut self, bytes: usize) -> Result<(), Overdrawn> {
        let known = self.kept.as_ref().map_or(0, |kept| kept.bytes());
        let Some(owner) = self.owner.as_ref().filter(|_| bytes > known) else { return Ok(()) };
        let more = (bytes - known).next_multiple_of(STEP);
        match &mut self.kept {
            Some(kept) => kept.grow(more),
            None => owner.keep(more).map(|kept| self.kept = Some(kept)),
        }
    }

    /// The writer is done. What it has written is the reader's now, whose process has room for so much, or gets no more of it.
    fn hand_over(&mut self) {
        let Some(recipient) = self.recipient.as_ref().filter(|_| self.bytes > 0) else {
            return self.kept = None;
        };
        match recipient.keep_for_others(self.bytes) {
            Ok(kept) => self.kept = Some(kept),
            Err(overdrawn) => {
                self.chunks.clear();
                self.bytes = 0;
                self.kept = None;
                let why = format!("{overdrawn}: what streams have brought and nobody has read");
                self.writer.end = Some(End::Aborted(why));
            }
        }
    }

    fn has_room(&self) -> Result<bool, StreamError> {
        match &self.reader.end {
            Some(end) => Err(end.error()),
            None => Ok(self.bytes < self.window),
        }
    }

    fn can_be_read(&self) -> bool {
        !self.chunks.is_empty() || self.reader.end.is_some() || self.writer.end.is_some()
    }

    /// Whom to tell that there is a chunk, or no more of them.
    fn something_to_read(&mut self) -> Told {
        let recipient = self.wants_chunk.then(|| self.recipient.clone()).flatten();
        self.wants_chunk = false;
        Told(self.reader.waker.take(), recipient)
    }

    /// Whom to tell that there is room, after a chunk was read.
    fn room_was_made(&mut self) -> Told {
        // At half the window, so that a slow reader does not cause a demand a chunk.
        if self.bytes > self.window / 2 {
            return Told(None, None);
        }
        let owner = self.wants_room.then(|| self.owner.clone()).flatten();
        self.wants_room = false;
        Told(self.writer.waker.take(), owner)
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

struct Told(Option<Waker>, Option<Arc<dyn Party>>);

impl Told {
    fn tell(self) {
        wake(self.0);
        if let Some(owner) = self.1 {
            owner.demand();
        }
    }
}

impl End {
    fn error(&self) -> StreamError {
        match self {
            Self::Closed => StreamError::Closed,
            Self::Aborted(why) => StreamError::Aborted(why.clone()),
            Self::Exited(reason) => StreamError::Exited(reason.clone()),
        }
    }
}
