use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash};

use crate::table::IdHasher;

/// A map that is a list while it is short, as the links and monitors of most processes are.
#[derive(Debug)]
pub(crate) enum SmallMap<K, V> {
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
        match self {
            Self::Few(entries) if entries.iter().any(|(other, _)| *other == key) => false,
            Self::Few(entries) if entries.len() < FEW => {
                entries.push((key, value));
                true
            }
            Self::Few(entries) => {
                let mut many: Box<HashMap<_, _, _>> = Box::new(entries.drain(..).collect());
                many.insert(key, value);
                *self = Self::Many(many);
                true
            }
            Self::Many(many) => match many.entry(key) {
                std::collections::hash_map::Entry::Occupied(_) => false,
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(value);
                    true
                }
            },
        }
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        match self {
            Self::Few(entries) => {
                let place = entries.iter().position(|(other, _)| *other == key)?;
                Some(entries.swap_remove(place).1)
            }
            Self::Many(many) => many.remove(&key),
        }
    }

    pub(crate) fn get(&self, key: K) -> Option<&V> {
        match self {
            Self::Few(entries) => entries.iter().find(|(other, _)| *other == key).map(|(_, value)| value),
            Self::Many(many) => many.get(&key),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Few(entries) => entries.len(),
            Self::Many(many) => many.len(),
        }
    }

    pub(crate) fn keys(&self) -> Vec<K> {
        match self {
            Self::Few(entries) => entries.iter().map(|(key, _)| *key).collect(),
            Self::Many(many) => many.keys().copied().collect(),
        }
    }

    pub(crate) fn values(&self) -> Vec<V>
    where
        V: Copy,
    {
        match self {
            Self::Few(entries) => entries.iter().map(|(_, value)| *value).collect(),
            Self::Many(many) => many.values().copied().collect(),
        }
    }

    pub(crate) fn into_entries(self) -> Vec<(K, V)> {
        match self {
            Self::Few(entries) => entries,
            Self::Many(many) => many.into_iter().collect(),
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
