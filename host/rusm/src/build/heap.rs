//! Where a process allocates first.
//!
//! A TypeScript component begins with a heap that has holes: what was freed while it was made. The engine fills them first, so that the
//! first few KiB which a process allocates lie on pages all over the heap, each of which becomes the process's own. A place of the pool is made
//! ready for the next process by copying such pages back, as far as they lie in 32 pieces; the rest is given back to the kernel,
//! which costs a start more than all the rest of it together. So the holes are taken for good here, and a process allocates from one large
//! free chunk. Two allocators have holes: the engine's arenas of blocks of one size, and below them dlmalloc, as wasi-libc has it.

use std::cmp::Reverse;

/// The image with the change, and `runtime` where the engine's `JSRuntime` is; none if its heap is not exactly of the expected shape.
pub(super) fn gathered(image: &[u8], runtime: usize) -> Option<Vec<u8>> {
    let mut heap = Heap { image: image.to_vec(), state: state(image)? };
    heap.fill_arenas(runtime)?;
    let mut holes = heap.holes()?;
    holes.sort_unstable_by_key(|hole| Reverse(hole.size));
    heap.forget_holes()?;
    let mut kept = Vec::new();
    for (place, hole) in holes.into_iter().enumerate() {
        let bin = tree_bin(hole.size);
        if hole.size < LARGE || kept.contains(&bin) {
            heap.take(hole)?;
        } else if place == 0 {
            heap.put(heap.state + FIRST_SIZE, hole.size)?;
            heap.put(heap.state + FIRST, hole.at)?;
        } else {
            kept.push(bin);
            heap.keep(hole, bin)?;
        }
    }
    Some(heap.image)
}

/// A heap in an image, and where dlmalloc has its state.
struct Heap {
    image: Vec<u8>,
    state: usize,
}

/// A free chunk.
#[derive(Clone, Copy)]
struct Hole {
    at: u32,
    size: u32,
}

impl Heap {
    fn word(&self, at: u32) -> Option<u32> {
        word(&self.image, at as usize)
    }

    fn half(&self, at: u32) -> Option<u16> {
        let at = at as usize;
        Some(u16::from_le_bytes(self.image.get(at..at + 2)?.try_into().ok()?))
    }

    fn put(&mut self, at: usize, value: u32) -> Option<()> {
        self.image.get_mut(at..at + 4)?.copy_from_slice(&value.to_le_bytes());
        Some(())
    }

    fn put_half(&mut self, at: u32, value: u16) -> Option<()> {
        let at = at as usize;
        self.image.get_mut(at..at + 2)?.copy_from_slice(&value.to_le_bytes());
        Some(())
    }

    /// All blocks of all arenas are in use: an arena gets places again when some of its blocks are freed.
    fn fill_arenas(&mut self, runtime: usize) -> Option<()> {
        for (class, size) in BLOCKS.into_iter().enumerate() {
            let head = u32::try_from(runtime + FREE_ARENAS + 8 * class).ok()?;
            let (mut before, mut arena) = (head, self.word(head + NEXT)?);
            while arena != head {
                let (used, blocks) = (self.half(arena + USED)?, self.half(arena + COUNT)?);
                let fits = self.word(arena)? == before
                    && usize::from(*self.image.get((arena + CLASS) as usize)?) == class
                    && blocks == (ARENA - ARENA_HEAD) / size
                    && used < blocks;
                fits.then_some(())?;
                self.put_half(arena + USED, blocks)?;
                self.put_half(arena + FIRST_FREE, u16::MAX)?;
                (before, arena) = (arena, self.word(arena + NEXT)?);
            }
            (self.word(head)? == before).then_some(())?;
            self.put(head as usize, head)?;
            self.put((head + NEXT) as usize, head)?;
        }
        Some(())
    }

    /// All free chunks; none if something is not as it should be.
    fn holes(&self) -> Option<Vec<Hole>> {
        let mut holes = Vec::new();
        let own = |offset: usize| word(&self.image, self.state + offset);
        for bin in (0..BINS).filter(|bin| own(0).is_some_and(|map| map >> bin & 1 == 1)) {
            let head = u32::try_from(self.state + SMALL + 8 * bin).ok()?;
            self.ring(self.word(head + FORWARD)?, head, &mut holes)?;
        }
        for bin in (0..BINS).filter(|bin| own(TREES_MAP).is_some_and(|map| map >> bin & 1 == 1)) {
            let mut nodes = vec![own(TREES + 4 * bin)?];
            while let Some(node) = nodes.pop() {
                holes.push(self.hole(node)?);
                self.is_bounded(&holes)?;
                self.ring(self.word(node + FORWARD)?, node, &mut holes)?;
                let children = [self.word(node + CHILDREN)?, self.word(node + CHILDREN + 4)?];
                nodes.extend(children.into_iter().filter(|child| *child != 0));
            }
        }
        if own(FIRST_SIZE)? > 0 {
            holes.push(self.hole(own(FIRST)?)?);
        }
        let mut places: Vec<_> = holes.iter().map(|hole| hole.at).collect();
        places.sort_unstable();
        places.windows(2).all(|pair| pair[0] < pair[1]).then_some(holes)
    }

    /// Those from one on, up to the head of the ring.
    fn ring(&self, mut at: u32, head: u32, holes: &mut Vec<Hole>) -> Option<()> {
        while at != head {
            holes.push(self.hole(at)?);
            at = self.word(at + FORWARD)?;
            self.is_bounded(holes)?;
        }
        Some(())
    }

    /// None if there are more than there can be: then they lie in a circle.
    fn is_bounded(&self, holes: &[Hole]) -> Option<()> {
        (holes.len() < self.image.len() / 16).then_some(())
    }

    /// The free chunk there: the one before it is in use, and the one after it knows its size.
    fn hole(&self, at: u32) -> Option<Hole> {
        let head = self.word(at + HEAD)?;
        let size = head & !FLAGS;
        let after = at.checked_add(size)?;
        let fits = head & FLAGS == BEFORE_IN_USE
            && self.word(after)? == size
            && self.word(after + HEAD)? & FLAGS == IN_USE;
        fits.then_some(Hole { at, size })
    }

    /// As if there were none.
    fn forget_holes(&mut self) -> Option<()> {
        for offset in [0, TREES_MAP, FIRST_SIZE, FIRST] {
            self.put(self.state + offset, 0)?;
        }
        for bin in 0..BINS {
            let head = self.state + SMALL + 8 * bin;
            for link in [FORWARD, BACKWARD] {
                self.put(head + link as usize, u32::try_from(head).ok()?)?;
            }
            self.put(self.state + TREES + 4 * bin, 0)?;
        }
        Some(())
    }

    /// It stays free, as the only one of its bin.
    fn keep(&mut self, hole: Hole, bin: u32) -> Option<()> {
        let (at, own) = (hole.at as usize, self.state + TREES + 4 * bin as usize);
        for link in [FORWARD, BACKWARD] {
            self.put(at + link as usize, hole.at)?;
        }
        for (offset, value) in [(0, 0), (4, 0), (8, u32::try_from(own).ok()?), (12, bin)] {
            self.put(at + CHILDREN as usize + offset, value)?;
        }
        self.put(own, hole.at)?;
        let map = word(&self.image, self.state + TREES_MAP)?;
        self.put(self.state + TREES_MAP, map | 1 << bin)
    }

    /// Nobody will get it.
    fn take(&mut self, hole: Hole) -> Option<()> {
        self.put((hole.at + HEAD) as usize, hole.size | BEFORE_IN_USE | IN_USE)?;
        let after = hole.at + hole.size + HEAD;
        self.put(after as usize, self.word(after)? | BEFORE_IN_USE)
    }
}

/// Where dlmalloc has its state, if there is just one thing that looks like it: a mark, and bins for sizes that no chunk has, which
/// point to themselves.
fn state(image: &[u8]) -> Option<usize> {
    let is_one = |at: usize| {
        let marked = word(image, at + MARK)? == MARKED;
        let is_empty = |bin: usize| {
            let head = at + SMALL + 8 * bin;
            let own = u32::try_from(head).ok()?;
            Some([word(image, head + FORWARD as usize)?, word(image, head + BACKWARD as usize)?] == [own; 2])
        };
        Some(marked && (1..BINS).step_by(2).all(|bin| is_empty(bin) == Some(true)))
    };
    let places = (0..image.len().saturating_sub(TREES + 4 * BINS)).step_by(4);
    let mut found = places.filter(|at| is_one(*at) == Some(true));
    found.next().filter(|_| found.next().is_none())
}

pub(super) fn word(image: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?))
}

/// The bin for free chunks of this size: two for each power of two from 256 on.
fn tree_bin(size: u32) -> u32 {
    let scale = (size >> 8).max(1).ilog2();
    2 * scale + (size >> (scale + 7) & 1)
}

/// Of the engine: the lists of arenas with free blocks in its `JSRuntime`, one for each size of block.
const FREE_ARENAS: usize = 288;
const BLOCKS: [u16; 31] = [
    16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 128, 144, 160, 176, 192, 208, 224, 240, 256,
    288, 320, 352, 384, 416, 448, 480, 512,
];

/// Of an arena: its bytes, those before its blocks, and in them, after a link back and this one forward and two more, which
/// size its blocks have, how many are in use, how many it has, and the first free one.
const ARENA: u16 = 4096;
const ARENA_HEAD: u16 = 24;
const NEXT: u32 = 4;
const CLASS: u32 = 16;
const USED: u32 = 18;
const COUNT: u32 = 20;
const FIRST_FREE: u32 = 22;

/// Bins for small chunks, and as many for larger ones, which are trees.
const BINS: usize = 32;

/// In dlmalloc's state, after the map of small bins: the map of trees, the size of the chunk that is taken from first and where
/// it is, the mark, the small bins and the trees.
const TREES_MAP: usize = 4;
const FIRST_SIZE: usize = 8;
const FIRST: usize = 20;
const MARK: usize = 36;
const SMALL: usize = 40;
const TREES: usize = SMALL + (BINS + 1) * 8;

/// The mark, where the time is not part of it.
const MARKED: u32 = 0x555a_ab78;

/// In a chunk, after the size of a free one before it: its own size with flags, its neighbours in a ring, and in a tree its
/// children, its parent and its bin.
const HEAD: u32 = 4;
const FORWARD: u32 = 8;
const BACKWARD: u32 = 12;
const CHILDREN: u32 = 16;

const BEFORE_IN_USE: u32 = 1;
const IN_USE: u32 = 2;
const FLAGS: u32 = 7;

/// Holes of this size stay free: who fills them writes to whole pages.
const LARGE: u32 = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: usize = 64;
    const RUNTIME: usize = 1024;

    fn put(image: &mut [u8], at: u32, value: u32) {
        image[at as usize..at as usize + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// A heap without holes: dlmalloc's state, the engine's runtime, and chunks of these sizes from 8192 on, all in use.
    fn heap(sizes: &[u32]) -> (Vec<u8>, Vec<u32>) {
        let mut image = vec![0; 256 << 10];
        put(&mut image, (STATE + MARK) as u32, MARKED);
        for bin in 0..BINS as u32 {
            let head = (STATE + SMALL) as u32 + 8 * bin;
            put(&mut image, head + FORWARD, head);
            put(&mut image, head + BACKWARD, head);
        }
        for class in 0..BLOCKS.len() as u32 {
            let head = (RUNTIME + FREE_ARENAS) as u32 + 8 * class;
            put(&mut image, head, head);
            put(&mut image, head + NEXT, head);
        }
        let mut places = vec![8192];
        for size in sizes {
            let at = places[places.len() - 1];
            put(&mut image, at + HEAD, size | BEFORE_IN_USE | IN_USE);
            places.push(at + size);
        }
        put(&mut image, places[places.len() - 1] + HEAD, BEFORE_IN_USE | IN_USE);
        (image, places)
    }

    /// Frees a chunk, but for its bin.
    fn free(image: &mut [u8], at: u32, size: u32) {
        put(image, at + HEAD, size | BEFORE_IN_USE);
        put(image, at + size, size);
        let after = word(image, (at + size + HEAD) as usize).expect("it is there");
        put(image, at + size + HEAD, after & !BEFORE_IN_USE);
    }

    fn free_small(image: &mut [u8], bin: u32, chunks: &[(u32, u32)]) {
        let head = (STATE + SMALL) as u32 + 8 * bin;
        let mut ring = vec![head];
        ring.extend(chunks.iter().map(|(at, _)| *at));
        for (place, at) in ring.iter().enumerate() {
            put(image, at + FORWARD, ring[(place + 1) % ring.len()]);
            put(image, ring[(place + 1) % ring.len()] + BACKWARD, *at);
        }
        for (at, size) in chunks {
            free(image, *at, *size);
        }
        let map = word(image, STATE).expect("it is there");
        put(image, STATE as u32, map | 1 << bin);
    }

    fn free_large(image: &mut [u8], at: u32, size: u32) {
        free(image, at, size);
        put(image, at + FORWARD, at);
        put(image, at + BACKWARD, at);
        let bin = tree_bin(size);
        put(image, (STATE + TREES) as u32 + 4 * bin, at);
        let map = word(image, STATE + TREES_MAP).expect("it is there");
        put(image, (STATE + TREES_MAP) as u32, map | 1 << bin);
    }

    #[test]
    fn small_holes_are_taken_and_the_largest_is_where_memory_comes_from() {
        let (mut image, places) = heap(&[32, 32, 16, 32, 80_000, 64, 30_000, 16]);
        free_small(&mut image, 4, &[(places[1], 32), (places[3], 32)]);
        free_large(&mut image, places[4], 80_000);
        free_large(&mut image, places[6], 30_000);
        // Chunks that are free are never beside each other.
        put(&mut image, places[4] + HEAD, 80_000 | BEFORE_IN_USE);
        let own = |image: &[u8], offset: usize| word(image, STATE + offset).expect("it is there");
        assert_eq!(gathered(&image, RUNTIME), None, "two holes lie beside each other");
        let (mut image, places) = heap(&[32, 32, 16, 32, 16, 80_000, 64, 30_000, 16]);
        free_small(&mut image, 4, &[(places[1], 32), (places[3], 32)]);
        free_large(&mut image, places[5], 80_000);
        free_large(&mut image, places[7], 30_000);
        let new = gathered(&image, RUNTIME).expect("it is a heap");
        assert_eq!((own(&new, FIRST), own(&new, FIRST_SIZE)), (places[5], 80_000));
        assert_eq!((own(&new, 0), own(&new, TREES_MAP)), (0, 1 << tree_bin(30_000)));
        for place in [1, 3] {
            let used = 32 | BEFORE_IN_USE | IN_USE;
            assert_eq!(word(&new, (places[place] + HEAD) as usize), Some(used));
            assert_eq!(word(&new, (places[place + 1] + HEAD) as usize).map(|head| head & FLAGS), Some(3));
        }
        assert_eq!(gathered(&new, RUNTIME), Some(new.clone()), "nothing is left to do");
    }

    #[test]
    fn arenas_have_no_free_blocks_until_some_are_freed() {
        let (mut image, places) = heap(&[4096, 16]);
        let (head, arena) = ((RUNTIME + FREE_ARENAS) as u32 + 8 * 4, places[0] + 8);
        for (at, other) in [(head, arena), (arena, head)] {
            put(&mut image, at, other);
            put(&mut image, at + NEXT, other);
        }
        let blocks = (ARENA - ARENA_HEAD) / BLOCKS[4];
        image[(arena + CLASS) as usize] = 4;
        for (at, value) in [(USED, 7), (COUNT, blocks), (FIRST_FREE, 9)] {
            image[(arena + at) as usize..][..2].copy_from_slice(&value.to_le_bytes());
        }
        let new = gathered(&image, RUNTIME).expect("it is a heap");
        assert_eq!(word(&new, head as usize), Some(head));
        let state = [USED, COUNT, FIRST_FREE].map(|at| new[(arena + at) as usize..][..2].to_vec());
        assert_eq!(state, [blocks, blocks, u16::MAX].map(|half| half.to_le_bytes().to_vec()));
        // One of another size is none of the engine's arenas.
        image[(arena + CLASS) as usize] = 5;
        assert_eq!(gathered(&image, RUNTIME), None);
    }

    #[test]
    fn bins_are_as_dlmalloc_has_them() {
        let sizes = [256, 383, 384, 511, 512, 768, 1 << 16, 3 << 15, 1 << 20];
        assert_eq!(sizes.map(tree_bin), [0, 0, 1, 1, 2, 3, 16, 17, 24]);
    }
}
