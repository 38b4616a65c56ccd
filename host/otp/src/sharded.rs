use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

use foldhash::quality::RandomState;

use crate::sync::RwLock;

/// A map in shards, each with a lock of its own, so that lookups from many workers do not meet. Its keys may be chosen by
/// anybody: the hasher is seeded.
#[derive(Debug)]
pub(crate) struct Sharded<K, V> {
    hasher: RandomState,
    shards: Box<[Shard<K, V>]>,
}

/// On a cache line of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Shard<K, V>(RwLock<Entries<K, V>>);

type Entries<K, V> = HashMap<K, V, RandomState>;

impl<K, V> Sharded<K, V> {
    /// The shard that has this key, if any has.
    pub(crate) fn shard<Q>(&self, key: &Q) -> &RwLock<Entries<K, V>>
    where
        K: Borrow<Q>,
        Q: Hash + ?Sized,
    {
        &self.shards[self.hasher.hash_one(key) as usize % self.shards.len()].0
    }

    pub(crate) fn shards(&self) -> impl Iterator<Item = &RwLock<Entries<K, V>>> {
        self.shards.iter().map(|shard| &shard.0)
    }
}

impl<K, V> Default for Sharded<K, V> {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Shard(RwLock::default())).collect();
        Self { hasher: RandomState::default(), shards }
    }
}

/// Some times the workers of a large machine.
const SHARDS: usize = 16;
