//! Components that processes load from bytes while the node runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use crate::error::NotLoaded;
use crate::{Engine, Profile};

/// Those that are loaded, by name.
#[derive(Debug, Default)]
pub(crate) struct Loaded(Mutex<HashMap<Arc<str>, Entry>>);

#[derive(Debug)]
struct Entry {
    /// The first one loads it, and the others wait.
    ready: Arc<OnceCell<()>>,
    bytes: usize,
    used: Instant,
}

impl Engine {
    /// Loads a component from its bytes, unless it is there already; its name.
    pub(crate) async fn load_bytes(&self, bytes: Vec<u8>, profile: Profile) -> Result<Arc<str>, NotLoaded> {
        let name = name(&bytes, &profile);
        let ready = self.reserve(&name, bytes.len())?;
        let load = async || self.load(&name, bytes.clone(), profile.clone()).await.map(drop);
        match ready.get_or_try_init(load).await {
            Ok(()) => Ok(name),
            Err(error) => {
                self.loaded().0.lock().remove(&name);
                Err(NotLoaded::Invalid(error.to_string()))
            }
        }
    }

    /// Room for one more, made where nobody runs what is there.
    fn reserve(&self, name: &Arc<str>, bytes: usize) -> Result<Arc<OnceCell<()>>, NotLoaded> {
        let mut loaded = self.loaded().0.lock();
        let now = Instant::now();
        if let Some(known) = loaded.get_mut(name) {
            known.used = now;
            return Ok(known.ready.clone());
        }
        if bytes > LARGEST {
            let text = format!("it has {bytes} bytes; a component that is loaded so may have {LARGEST}");
            return Err(NotLoaded::Capacity(text));
        }
        let idle = |name: &str, entry: &Entry| {
            entry.ready.initialized() && self.component(name).is_none_or(|component| component.living() == 0)
        };
        let forgotten: Vec<_> = loaded
            .iter()
            .filter(|(name, entry)| entry.used + UNUSED < now && idle(name, entry))
            .map(|(name, _)| name.clone())
            .collect();
        for name in forgotten {
            loaded.remove(&name);
            self.unload(&name);
        }
        while loaded.values().map(|entry| entry.bytes).sum::<usize>() + bytes > ALL {
            let oldest =
                loaded.iter().filter(|(name, entry)| idle(name, entry)).min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else {
                let text = format!("the {ALL} bytes of components that may be loaded so are all in use");
                return Err(NotLoaded::Capacity(text));
            };
            loaded.remove(&oldest);
            self.unload(&oldest);
        }
        let ready = Arc::new(OnceCell::new());
        loaded.insert(name.clone(), Entry { ready: ready.clone(), bytes, used: now });
        Ok(ready)
    }
}

/// What it is called depends on everything that it is.
fn name(bytes: &[u8], profile: &Profile) -> Arc<str> {
    let mut digest = Sha256::new();
    digest.update(bytes);
    digest.update(format!("{profile:?}"));
    format!("loaded-{}", hex::encode(&digest.finalize()[..12])).into()
}

/// Twice the size of a guest with StarlingMonkey.
const LARGEST: usize = 24 << 20;

/// Code takes some times as much.
const ALL: usize = 128 << 20;

/// What nobody has used for so long is forgotten when the next one comes.
const UNUSED: Duration = Duration::from_secs(600);
