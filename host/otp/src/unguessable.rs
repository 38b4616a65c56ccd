//! Numbers that nobody can guess and that are never given twice: counters under permutations whose keys are drawn when the
//! program starts. They are a second wall: who has another's number has no right by it.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::Ordering;

use crate::Reference;
use crate::sync::Count;

/// The keys of this run of the program; its nodes share them.
pub(crate) static KEYS: LazyLock<Keys> = LazyLock::new(Keys::draw);

#[derive(Debug)]
pub(crate) struct Keys {
    references: Permutation<REFERENCE_BITS>,
    /// What the permutation makes of 0, which is no reference.
    zero: u64,
    tags: Permutation<TAG_BITS>,
    pub(crate) places: Places,
}

/// Where in an id its slot is hidden: what a lookup needs of the keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places(Key);

/// A one-to-one map of the numbers of so many bits: a Feistel network.
#[derive(Debug)]
struct Permutation<const BITS: u32>([[Key; 2]; 2]);

/// For one multiplication.
type Key = [u64; 2];

impl Keys {
    /// From the randomness that the standard library takes from the system for its hash maps.
    fn draw() -> Self {
        let source = RandomState::new();
        let mut numbers = (0_u32..).map(|number| source.hash_one(number));
        let mut number = || numbers.next().unwrap_or_default();
        // An even factor would lose what is in the upper bits.
        let mut key = || [number(), number() | 1];
        let references = Permutation([[key(), key()], [key(), key()]]);
        let tags = Permutation([[key(), key()], [key(), key()]]);
        let zero = references.apply(0, 0);
        Self { references, zero, tags, places: Places(key()) }
    }

    /// The reference with this number, from 1 on.
    #[inline]
    pub(crate) fn reference(&self, number: u64) -> Reference {
        self.references.apply(0, number) ^ self.zero
    }

    /// The id of the process that is the so many-th in its slot; none for those few numbers that are left out, of which
    /// ids could be 0.
    #[inline]
    pub(crate) fn id(&self, slot: u32, generation: u32) -> Option<u64> {
        debug_assert!(slot >> SLOT_BITS == 0 && generation <= LAST_GENERATION);
        let tag = self.tags.apply(u64::from(slot), u64::from(generation));
        let hidden = u64::from(slot) ^ self.places.hidden(tag);
        (tag != 0).then_some(tag << SLOT_BITS | hidden)
    }

    /// The slot of an id, and the how many-th process there it is.
    pub(crate) fn slot_and_generation(&self, id: u64) -> (u32, u32) {
        let slot = self.places.slot(id);
        let generation = self.tags.invert(u64::from(slot), tag(id));
        (slot, generation as u32)
    }
}

impl Places {
    /// The slot of an id.
    #[inline]
    pub(crate) fn slot(self, id: u64) -> u32 {
        ((id ^ self.hidden(tag(id))) & SLOT_MASK) as u32
    }

    #[inline]
    fn hidden(self, tag: u64) -> u64 {
        mix(tag, self.0) & SLOT_MASK
    }
}

impl<const BITS: u32> Permutation<BITS> {
    const LOW: u32 = BITS / 2;
    const LOW_MASK: u64 = (1 << Self::LOW) - 1;
    const HIGH_MASK: u64 = (1 << (BITS - Self::LOW)) - 1;

    /// Each `tweak` below 2^32 gives another permutation.
    #[inline]
    fn apply(&self, tweak: u64, number: u64) -> u64 {
        let (mut low, mut high) = (number & Self::LOW_MASK, number >> Self::LOW);
        for [first, second] in self.0 {
            low ^= mix(high | tweak << TWEAK_AT, first) & Self::LOW_MASK;
            high ^= mix(low | tweak << TWEAK_AT, second) & Self::HIGH_MASK;
        }
        high << Self::LOW | low
    }

    fn invert(&self, tweak: u64, number: u64) -> u64 {
        let (mut low, mut high) = (number & Self::LOW_MASK, number >> Self::LOW);
        for [first, second] in self.0.into_iter().rev() {
            high ^= mix(low | tweak << TWEAK_AT, second) & Self::HIGH_MASK;
            low ^= mix(high | tweak << TWEAK_AT, first) & Self::LOW_MASK;
        }
        high << Self::LOW | low
    }
}

/// What of an id tells the processes of one slot apart.
#[inline]
pub(crate) fn tag(id: u64) -> u64 {
    id >> SLOT_BITS
}

/// Both halves of a product with secret factors, folded: each bit depends on all of them.
#[inline]
fn mix(value: u64, [offset, factor]: Key) -> u64 {
    let product = u128::from(value ^ offset) * u128::from(factor);
    (product >> 64) as u64 ^ product as u64
}

/// 16 million processes at a time, ...
pub(crate) const SLOT_BITS: u32 = 24;

/// ... and half a billion in each slot before it is retired: 53 bits together, which a JavaScript number holds.
pub(crate) const LAST_GENERATION: u32 = (1 << TAG_BITS) - 1;

const TAG_BITS: u32 = 29;

const REFERENCE_BITS: u32 = 53;

const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;

/// Above all bits of a half.
const TWEAK_AT: u32 = 32;

/// The next number for a monitor, timer or call. Threads take them by the thousand, so that they do not meet; a billion a
/// second would take 100 days to reach 2^53.
pub(crate) fn next_reference() -> Reference {
    static TAKEN: Count = Count::new(1);
    thread_local! {
        static OWN: Cell<Numbers> = const { Cell::new(Numbers { next: 0, end: 0, reference: 0 }) };
    }
    let mut own = OWN.get();
    if own.next == own.end {
        own.next = TAKEN.fetch_add(REFERENCES, Ordering::Relaxed);
        own.end = own.next + REFERENCES;
        own.reference = KEYS.reference(own.next);
    }
    // One ahead: its multiplications run beside what is done with this one.
    OWN.set(Numbers { next: own.next + 1, end: own.end, reference: KEYS.reference(own.next + 1) });
    own.reference
}

/// What a thread has taken of the numbers.
#[derive(Clone, Copy)]
struct Numbers {
    next: u64,
    end: u64,
    /// The next one's.
    reference: Reference,
}

/// How many a thread takes at a time.
const REFERENCES: u64 = 1024;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_permutation_gives_no_number_twice_and_can_be_undone() {
        let small = Permutation::<13>([[[1, 3], [5, 7 << 60 | 1]], [[9, 11 << 50 | 1], [13, 15 << 40 | 1]]]);
        for slot in [0, 1, 0xff_ffff] {
            let all: HashSet<_> = (0..1 << 13).map(|number| small.apply(slot, number)).collect();
            assert!(all.len() == 1 << 13 && all.iter().all(|number| *number < 1 << 13));
            assert!((0..1 << 13).all(|number| small.invert(slot, small.apply(slot, number)) == number));
        }
    }

    #[test]
    fn an_id_tells_its_slot_and_generation_to_who_has_the_keys_alone() {
        let keys = [Keys::draw(), Keys::draw()];
        let mut seen = HashSet::new();
        for (slot, generation) in
            (0..1000).flat_map(|slot| [1, 2, 3, LAST_GENERATION].map(|last| (slot, last)))
        {
            let Some(id) = keys[0].id(slot, generation) else { continue };
            assert!(id != 0 && id < 1 << 53 && seen.insert(id));
            assert_eq!(
                (keys[0].places.slot(id), keys[0].slot_and_generation(id)),
                (slot, (slot, generation))
            );
        }
        let guessed = seen.iter().filter(|id| keys[1].slot_and_generation(**id).1 < 4).count();
        assert!(guessed < 3, "{guessed} of {} ids were computed with other keys", seen.len());
    }

    #[test]
    fn references_are_neither_0_nor_near_each_other() {
        let keys = Keys::draw();
        let references: Vec<_> = (1..=10_000).map(|number| keys.reference(number)).collect();
        let different: HashSet<_> = references.iter().collect();
        assert!(
            different.len() == references.len() && references.iter().all(|one| (1..1 << 53).contains(one))
        );
        let near = references.windows(2).filter(|two| two[0].abs_diff(two[1]) < 1 << 32).count();
        assert!(near < 10, "{near} references follow from the ones before");
    }
}
