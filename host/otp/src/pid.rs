use std::fmt;

use crate::unguessable::{KEYS, LAST_GENERATION, SLOT_BITS};

/// A process, on any node. Both halves stay below 2^53, so that a JavaScript number holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid {
    /// The node, random per boot.
    pub node: u64,
    /// The process within the node: a number that is never given again, and that nobody can guess. 0 is nobody's.
    pub id: u64,
}

/// Identifies one monitor, timer or call; unique within a node's boot, below 2^53, not 0, and nobody can guess it.
pub type Reference = u64;

impl Pid {
    /// The id that people write as `<12.3>`, or as the number that it is.
    pub(crate) fn id_of_text(text: &str) -> Option<u64> {
        let text = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        let Some((slot, generation)) = text.split_once('.') else { return text.parse().ok() };
        let (slot, generation) = (slot.parse().ok()?, generation.parse().ok()?);
        (slot >> SLOT_BITS == 0 && generation <= LAST_GENERATION).then(|| KEYS.id(slot, generation)).flatten()
    }
}

impl fmt::Display for Pid {
    /// The node is left out, as Erlang does for local pids: `<12.3>` is the third process in slot 12. It tells nobody the id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (slot, generation) = KEYS.slot_and_generation(self.id);
        write!(f, "<{slot}.{generation}>")
    }
}
