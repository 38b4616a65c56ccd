use rusm_wire::{Encode, Writer};

use crate::bindings::timers;

/// Items on their way into a chunk.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) writer: Writer,
    items: u32,
    /// When the first item came.
    since: u64,
}

impl Chunk {
    pub(super) fn push<T: Encode>(&mut self, item: &T) {
        if self.is_empty() {
            self.since = timers::now();
        }
        item.encode(&mut self.writer);
        self.items += 1;
    }

    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        if self.is_empty() {
            self.since = timers::now();
        }
        self.writer.raw(bytes);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.writer.is_empty()
    }

    /// Whether the chunk has to go: it is full, or its first item has waited long enough.
    pub(super) fn is_due<T>(&self) -> bool {
        if self.writer.len() >= CHUNK {
            return true;
        }
        // Looking at the clock costs as much as writing some bytes.
        let looks = size_of::<T>() > 1 || self.items.is_multiple_of(1024);
        looks && timers::now().saturating_sub(self.since) > LATE_NS
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        self.items = 0;
        std::mem::take(&mut self.writer).into_bytes()
    }
}

/// The most that one chunk holds, unless a single item is larger.
pub(super) const CHUNK: usize = 64 * 1024;

/// How long an item may wait for others: short for a person, long beside a crossing of the sandbox.
const LATE_NS: u64 = 1_000_000;
