use std::fmt;

/// A process, on any node. Both halves stay below 2^53, so that a JavaScript number holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid {
    /// The node, random per boot.
    pub node: u64,
    /// The process within the node: the slot of its table and that slot's generation.
    pub id: u64,
}

/// Identifies one monitor, timer or call; unique within a node's boot, below 2^53.
pub type Reference = u64;

impl Pid {
    pub(crate) fn new(node: u64, slot: u32, generation: u32) -> Self {
        Self { node, id: u64::from(generation) << SLOT_BITS | u64::from(slot) }
    }

    pub(crate) fn slot(self) -> u32 {
        (self.id & ((1 << SLOT_BITS) - 1)) as u32
    }

    pub(crate) fn generation(self) -> u32 {
        (self.id >> SLOT_BITS) as u32
    }
}

impl fmt::Display for Pid {
    /// The node is left out, as Erlang does for local pids: `<12.3>` is the third process in slot 12.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}.{}>", self.slot(), self.generation())
    }
}

/// 16 million processes at a time, ...
pub(crate) const SLOT_BITS: u32 = 24;

/// ... and half a billion in each slot before it is retired: 53 bits together.
pub(crate) const LAST_GENERATION: u32 = (1 << 29) - 1;
