use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::Pid;
use crate::sharded::Sharded;

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It has so many bytes.
    #[error("a name has 1 to {LONGEST_NAME} bytes, not {0}")]
    Length(usize),
    /// It has this character.
    #[error("a name has no U+{:04X}: neither controls nor characters that nobody can see are allowed in it", u32::from(*.0))]
    Character(char),
}

/// Whether a text may be a name: of a process, a group, a supervisor or a child. It has 1 to 255 bytes, so many as Erlang's
/// atoms have characters, and shows on a terminal as what it is: no controls, no marks that change its direction, nothing
/// invisible.
///
/// # Errors
/// [`NameError`].
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(NameError::Length(name.len()));
    }
    name.chars().find(|c| is_misleading(*c)).map_or(Ok(()), |c| Err(NameError::Character(c)))
}

/// Unicode's controls, its marks of format (soft hyphens, joiners, directions, tags), its separators of lines and paragraphs,
/// and what fonts leave empty.
fn is_misleading(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Why a name was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// It belongs to this living process.
    #[error("the name belongs to {0}")]
    Taken(Pid),
    /// The process has a name already.
    #[error("the process is registered under another name")]
    AlreadyNamed,
    /// The process is gone.
    #[error("there is no such process")]
    NoProc,
    /// It is no name.
    #[error(transparent)]
    Invalid(#[from] NameError),
}

/// The names of a node's processes.
#[derive(Debug, Default)]
pub(crate) struct Names(Sharded<Arc<str>, Pid>);

impl Names {
    /// The holder, if the name is taken.
    pub(crate) fn insert(&self, name: &Arc<str>, pid: Pid) -> Result<(), Pid> {
        match self.0.shard(name).write().entry(name.clone()) {
            Entry::Occupied(entry) => Err(*entry.get()),
            Entry::Vacant(entry) => {
                entry.insert(pid);
                Ok(())
            }
        }
    }

    /// Frees the name if this process has it.
    pub(crate) fn remove(&self, name: &str, pid: Pid) -> bool {
        let mut shard = self.0.shard(name).write();
        shard.get(name) == Some(&pid) && shard.remove(name).is_some()
    }

    pub(crate) fn find(&self, name: &str) -> Option<Pid> {
        self.0.shard(name).read().get(name).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.shards().map(|shard| shard.read().len()).sum()
    }
}

const LONGEST_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_shows_as_what_it_is() {
        let longest = "x".repeat(255);
        for name in ["a", "cart 1/2", "Käse", "購物車", "🛒", &longest] {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
        }
        for (name, bytes) in [("", 0), (&*"x".repeat(256), 256), (&*"ä".repeat(128), 256)] {
            assert_eq!(check_name(name), Err(NameError::Length(bytes)));
        }
        for c in "\0\n\r\t\u{7}\u{1b}\u{7f}\u{85}\u{9b}\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\u{2028}\u{202e}\u{2066}\u{feff}\u{e0041}".chars() {
            assert_eq!(check_name(&format!("a{c}b")), Err(NameError::Character(c)));
        }
        assert_eq!(
            NameError::Character('\u{1b}').to_string().split(':').next(),
            Some("a name has no U+001B")
        );
    }
}
