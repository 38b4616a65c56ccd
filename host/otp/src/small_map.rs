use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hash};

use crate::hash::IdHasher;

/// A map that is a list while it is short, as the links and monitors of most processes are; most of all have one.
#[derive(Debug)]
pub(crate) enum SmallMap<K, V> {
    One(K, V),
    Few(Vec<(K, V)>),
    #[expect(clippy::box_collection, reason = "the few with many links pay, not every process")]
    Many(Box<HashMap<K, V, BuildHasherDefault<IdHasher>>>),
}

impl<K: Copy + Eq + Hash, V> SmallMap<K, V> {
    pub(crate) const fn new() -> Self {
        Self::Few(Vec::new())
    }

    /// False if the key is there already: then nothing changes.
    pub(crate) fn insert(&mut self, key: K, value: V) -> bool {
        if let Self::Many(many) = self {
            return match many.entry(key) {
                Entry::Occupied(_) => false,
                Entry::Vacant(entry) => {
                    entry.insert(value);
                    true
                }
            };
        }
        if self.get(key).is_some() {
            return false;
        }
        *self = match std::mem::take(self) {
            Self::Few(few) if few.is_empty() => Self::One(key, value),
            Self::Few(mut few) if few.len() < FEW => {
                few.push((key, value));
                Self::Few(few)
            }
            others => {
                let mut entries = others.into_entries();
                entries.push((key, value));
                if entries.len() <= FEW {
                    Self::Few(entries)
                } else {
                    Self::Many(Box::new(entries.into_iter().collect()))
                }
            }
        };
        true
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        match self {
            Self::One(own, _) if *own == key => match std::mem::take(self) {
                Self::One(_, value) => Some(value),
                _ => None,
            },
            Self::One(..) => None,
            Self::Few(few) => {
                let place = few.iter().position(|(other, _)| *other == key)?;
                Some(few.swap_remove(place).1)
            }
            Self::Many(many) => {
                let removed = many.remove(&key);
                // Room for many is given back when few are left, not with each one.
                if many.capacity() / LOOSE > many.len() + FEW {
                    many.shrink_to(2 * many.len());
                }
                removed
            }
        }
    }

    pub(crate) fn get(&self, key: K) -> Option<&V> {
        match self {
            Self::One(own, value) => (*own == key).then_some(value),
            Self::Few(few) => few.iter().find(|(other, _)| *other == key).map(|(_, value)| value),
            Self::Many(many) => many.get(&key),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(..) => 1,
            Self::Few(few) => few.len(),
            Self::Many(many) => many.len(),
        }
    }

    pub(crate) fn keys(&self) -> Vec<K> {
        match self {
            Self::One(key, _) => vec![*key],
            Self::Few(few) => few.iter().map(|(key, _)| *key).collect(),
            Self::Many(many) => many.keys().copied().collect(),
        }
    }

    pub(crate) fn values(&self) -> Vec<V>
    where
        V: Copy,
    {
        match self {
            Self::One(_, value) => vec![*value],
            Self::Few(few) => few.iter().map(|(_, value)| *value).collect(),
            Self::Many(many) => many.values().copied().collect(),
        }
    }

    pub(crate) fn into_entries(self) -> Vec<(K, V)> {
        match self {
            Self::One(key, value) => vec![(key, value)],
            Self::Few(few) => few,
            Self::Many(many) => many.into_iter().collect(),
        }
    }

    /// Calls a function for each entry.
    pub(crate) fn for_each(self, mut each: impl FnMut(K, V)) {
        match self {
            Self::One(key, value) => each(key, value),
            others => others.into_entries().into_iter().for_each(|(key, value)| each(key, value)),
        }
    }
}

impl<K: Copy + Eq + Hash, V> Default for SmallMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// Searching so many is faster than hashing.
const FEW: usize = 32;

/// A map with so many times the room that its entries take gives it back.
const LOOSE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_map_however_many_entries_it_has() {
        let mut map = SmallMap::new();
        for key in 0..100_u64 {
            assert!(map.insert(key, key * 2) && !map.insert(key, 0));
            assert_eq!((map.len() as u64, map.get(key)), (key + 1, Some(&(key * 2))));
        }
        let mut keys = map.keys();
        keys.sort_unstable();
        assert!(keys.into_iter().eq(0..100));
        for key in 0..99_u64 {
            assert_eq!((map.remove(key), map.remove(key), map.get(key)), (Some(key * 2), None, None));
        }
        assert_eq!((map.len(), map.values()), (1, vec![198]));
        let mut seen = Vec::new();
        map.for_each(|key, value| seen.push((key, value)));
        assert_eq!(seen, [(99, 198)]);
    }

    #[test]
    fn a_map_of_one_takes_no_memory_of_its_own() {
        let mut map = SmallMap::new();
        assert!(map.insert(7_u64, 'a'));
        assert!(matches!(map, SmallMap::One(7, 'a')));
        assert_eq!((map.remove(8), map.remove(7), map.len()), (None, Some('a'), 0));
    }
}
