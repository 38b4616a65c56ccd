use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Weak};

use crate::owner::Owner;
use crate::sharded::Sharded;
use crate::sync::RwLock;
use crate::{Pid, RegisterError, Runtime};

/// A place where names of processes are kept outside of the node's own: Erlang's `{via, Module, Name}`.
pub trait NameRegistry: Send + Sync {
    /// Who has the name now.
    fn whereis(&self, name: &str) -> Option<Pid>;
}

/// A name in a registry of the application's own.
#[derive(Clone)]
pub struct Via {
    registry: Arc<dyn NameRegistry>,
    name: Arc<str>,
}

impl Via {
    /// The process under this name in this registry when a message is sent.
    pub fn new(registry: Arc<dyn NameRegistry>, name: impl Into<Arc<str>>) -> Self {
        Self { registry, name: name.into() }
    }

    pub(crate) fn whereis(&self) -> Option<Pid> {
        self.registry.whereis(&self.name)
    }
}

impl PartialEq for Via {
    /// The same name in the same registry.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.registry, &other.registry) && self.name == other.name
    }
}

impl Eq for Via {}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Via").field(&self.name).finish()
    }
}

/// How many processes may be registered under one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// One.
    Unique,
    /// Any number, and one process several times.
    Duplicate,
}

/// Processes under keys of any type, each with a value: Elixir's `Registry`. What a process has registered goes with it.
///
/// ```
/// use rusm_otp::{ExitReason, Keys, Registry, Runtime, SpawnOptions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let runtime = Runtime::new();
/// let topics = Registry::<u32, &str>::new(&runtime, Keys::Duplicate);
/// let listener = runtime.spawn(SpawnOptions::new("listener"), |context| async move {
///     context.receive().await;
///     ExitReason::Normal
/// });
/// let listener = listener.unwrap().pid;
/// topics.register(listener, 7, "loud").unwrap();
/// let told = topics.dispatch(&7, |pid, _| runtime.send(pid, &pid.into(), "news".into()).is_ok());
/// assert_eq!(told, [true]);
/// # }
/// ```
pub struct Registry<K, V> {
    shared: Arc<Shared<K, V>>,
}

struct Shared<K, V> {
    runtime: Runtime,
    keys: Keys,
    own: Weak<Shared<K, V>>,
    entries: Sharded<K, Vec<(Pid, V)>>,
    by_process: RwLock<HashMap<Pid, Vec<K>>>,
}

impl<K, V> Registry<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// An empty registry for processes of this node.
    pub fn new(runtime: &Runtime, keys: Keys) -> Self {
        let shared = Arc::new_cyclic(|own| Shared {
            runtime: runtime.clone(),
            keys,
            own: own.clone(),
            entries: Sharded::default(),
            by_process: RwLock::default(),
        });
        Self { shared }
    }

    /// Registers a living process under a key.
    ///
    /// # Errors
    /// [`RegisterError::Taken`] in a registry of unique keys, [`RegisterError::NoProc`].
    pub fn register(&self, pid: Pid, key: K, value: V) -> Result<(), RegisterError> {
        let shared = &self.shared;
        // Held to the end: an end or an `unregister` that comes now waits, and finds it all.
        let mut by_process = shared.by_process.write();
        match shared.entries.shard(&key).write().entry(key.clone()) {
            Entry::Occupied(entry) if shared.keys == Keys::Unique => {
                return Err(entry
                    .get()
                    .first()
                    .map_or(RegisterError::NoProc, |held| RegisterError::Taken(held.0)));
            }
            Entry::Occupied(mut entry) => entry.get_mut().push((pid, value)),
            Entry::Vacant(entry) => drop(entry.insert(vec![(pid, value)])),
        }
        let first = !by_process.contains_key(&pid);
        if first && !shared.tell_end(pid) {
            shared.remove(pid, &key);
            return Err(RegisterError::NoProc);
        }
        by_process.entry(pid).or_default().push(key);
        Ok(())
    }

    /// Takes back what a process has registered under a key; how many entries that was.
    pub fn unregister(&self, pid: Pid, key: &K) -> usize {
        let mut by_process = self.shared.by_process.write();
        let removed = self.shared.remove(pid, key);
        if let Entry::Occupied(mut keys) = by_process.entry(pid) {
            keys.get_mut().retain(|other| other != key);
            if keys.get().is_empty() {
                keys.remove();
                self.shared.forget(pid);
            }
        }
        removed
    }

    /// Who is registered under a key, the first one first.
    pub fn lookup(&self, key: &K) -> Vec<(Pid, V)> {
        self.shared.entries.shard(key).read().get(key).cloned().unwrap_or_default()
    }

    /// Calls a function for each process under a key, and answers what it did.
    pub fn dispatch<T>(&self, key: &K, each: impl FnMut(Pid, V) -> T) -> Vec<T> {
        let mut each = each;
        self.lookup(key).into_iter().map(|(pid, value)| each(pid, value)).collect()
    }

    /// What a process is registered under.
    pub fn keys(&self, pid: Pid) -> Vec<K> {
        self.shared.by_process.read().get(&pid).cloned().unwrap_or_default()
    }

    /// How many entries there are.
    pub fn count(&self) -> usize {
        self.shared.by_process.read().values().map(Vec::len).sum()
    }
}

impl<V: Clone + Send + Sync + 'static> Registry<Arc<str>, V> {
    /// The process registered first under this name when a message is sent.
    pub fn via(&self, name: impl Into<Arc<str>>) -> Via {
        Via::new(self.shared.clone(), name)
    }
}

impl<K, V> Shared<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn remove(&self, pid: Pid, key: &K) -> usize {
        let mut shard = self.entries.shard(key).write();
        let Some(entries) = shard.get_mut(key) else { return 0 };
        let before = entries.len();
        entries.retain(|(other, _)| *other != pid);
        let removed = before - entries.len();
        if entries.is_empty() {
            shard.remove(key);
        }
        removed
    }

    fn as_owner(&self) -> Option<Arc<dyn Owner>> {
        self.own.upgrade().map(|own| own as Arc<dyn Owner>)
    }

    fn tell_end(&self, pid: Pid) -> bool {
        self.as_owner().is_some_and(|own| self.runtime.tell_end(pid, own))
    }

    fn forget(&self, pid: Pid) {
        if let Some(own) = self.as_owner() {
            self.runtime.forget_owner(pid, &own);
        }
    }
}

impl<K, V> Owner for Shared<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn ended(&self, _: &Runtime, pid: Pid) {
        let keys = self.by_process.write().remove(&pid).unwrap_or_default();
        for key in keys {
            self.remove(pid, &key);
        }
    }
}

impl<V: Clone + Send + Sync + 'static> NameRegistry for Shared<Arc<str>, V> {
    fn whereis(&self, name: &str) -> Option<Pid> {
        self.entries.shard(name).read().get(name)?.first().map(|(pid, _)| *pid)
    }
}

impl<K, V> Clone for Registry<K, V> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<K, V> fmt::Debug for Registry<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("keys", &self.shared.keys).finish_non_exhaustive()
    }
}

impl<K, V> fmt::Debug for Shared<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}
