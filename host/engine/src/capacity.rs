//! How many processes a node can hold: its pools first, and beyond them what memory and memory maps allow.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use procfs::process::Process;
use rusm_otp::Runtime;

use crate::limiter::node_is_full;

/// The places of one lane's pool, and those beyond it.
#[derive(Debug)]
pub(crate) struct Places {
    pooled: Count,
    overflow: Count,
    total: u32,
}

/// A process's place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) pooled: bool,
    _counted: Counted,
}

impl Places {
    pub(crate) fn new(total: u32) -> Self {
        Self { pooled: Count::default(), overflow: Count::default(), total }
    }

    /// A place in the pool, or else beyond it. A process may take as much of the pool as several usual ones.
    ///
    /// # Errors
    /// Why the node can hold no more.
    pub(crate) fn take(&self, size: u32, headroom: &Headroom) -> Result<Place, String> {
        if let Some(counted) = self.pooled.take_several(size, Some(self.total)) {
            return Ok(Place { pooled: true, _counted: counted });
        }
        headroom.take()?;
        Ok(Place { pooled: false, _counted: self.overflow.count() })
    }

    /// How many of the pool's places are taken, how many it has, and how many processes live beyond it.
    pub(crate) fn counts(&self) -> (u32, u32, u32) {
        (self.pooled.get(), self.total, self.overflow.get())
    }
}

/// How many of something there are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Count(Arc<AtomicU32>);

/// What is counted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Count, u32);

impl Count {
    /// One more, unless there are so many already.
    pub(crate) fn take(&self, most: Option<u32>) -> Option<Counted> {
        self.take_several(1, most)
    }

    /// So many more, if that is not too many.
    fn take_several(&self, several: u32, most: Option<u32>) -> Option<Counted> {
        let more =
            |count: u32| count.checked_add(several).filter(|count| most.is_none_or(|most| *count <= most));
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Counted(self.clone(), several))
    }

    /// One more, however many there are.
    fn count(&self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone(), 1)
    }

    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// What is left for processes beyond the pools.
///
/// Past the kernel's limit on memory maps an allocation of the host's own fails, which ends the node: so a spawn is refused
/// well before. To count the maps costs milliseconds, so each look allows a number of processes that is safe whatever they do, and
/// when they are there the next one looks again. Room is refused only by a look that has found none, or soon after one.
#[derive(Debug)]
pub(crate) struct Headroom {
    /// Memory maps the process may have.
    maps: u64,
    runtime: Runtime,
    allowed: Mutex<Allowed>,
}

/// How many more processes are safe, by what was seen last.
#[derive(Debug, Default)]
struct Allowed {
    by_maps: u64,
    /// When a look has found no room, and why.
    full: Option<(Instant, String)>,
}

impl Headroom {
    pub(crate) fn new(maps: u64, runtime: Runtime) -> Self {
        Self { maps, runtime, allowed: Mutex::default() }
    }

    fn take(&self) -> Result<(), String> {
        let memory = self.runtime.memory();
        if !memory.has_room(MEMORY_OF_ONE) {
            return Err(node_is_full(memory));
        }
        let mut allowed = self.allowed.lock();
        if let Some((looked, why)) = &allowed.full
            && looked.elapsed() < BETWEEN_LOOKS
        {
            return Err(why.clone());
        }
        allowed.full = None;
        if let Err(why) = self.look(&mut allowed) {
            allowed.full = Some((Instant::now(), why.clone()));
            return Err(why);
        }
        allowed.by_maps -= 1;
        Ok(())
    }

    /// Looks again at what is spent.
    fn look(&self, allowed: &mut Allowed) -> Result<(), String> {
        if allowed.by_maps == 0 {
            let maps = own_maps();
            allowed.by_maps = (self.maps.saturating_sub(maps) / MAPS_OF_ONE).min(BETWEEN_COUNTS);
            if allowed.by_maps == 0 {
                return Err(format!(
                    "the node has {maps} memory maps of the {} that it may; raise the sysctl vm.max_map_count for \
                     more processes",
                    self.maps
                ));
            }
        }
        Ok(())
    }
}

fn own_maps() -> u64 {
    let Ok(maps) = fs::File::open("/proc/self/maps") else { return 0 };
    BufReader::new(maps).split(b'\n').count() as u64
}

/// Bytes of memory of this program alone that are resident: without files, and the images of guests that each of them maps. None if
/// the system does not say.
pub(crate) fn own_resident() -> Option<usize> {
    let statm = Process::myself().and_then(|own| own.statm()).ok()?;
    usize::try_from(statm.resident.saturating_sub(statm.shared) * procfs::page_size()).ok()
}

/// A process beyond the pools has one map for its memory, which merges with its neighbours while nothing else lies between,
/// and one for each of its stacks where the kernel has no marks for guards.
const MAPS_OF_ONE: u64 = 3;

/// More than a process takes of the host before it has done anything.
const MEMORY_OF_ONE: usize = 256 << 10;

/// After so many processes the maps are counted again.
const BETWEEN_COUNTS: u64 = 2_000;

/// A full node is not made slower by looking.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn headroom(maps: u64) -> Headroom {
        Headroom::new(maps, Runtime::new())
    }

    #[tokio::test]
    async fn past_the_pool_there_is_room_while_memory_lasts() {
        let places = Places::new(1);
        let headroom = headroom(u64::MAX);
        let first = places.take(1, &headroom).expect("the pool has one");
        let second = places.take(1, &headroom).expect("there is memory");
        assert!(first.pooled && !second.pooled);
        assert_eq!(places.counts(), (1, 1, 1));
        drop(first);
        assert!(places.take(1, &headroom).expect("it is free again").pooled);
    }

    #[tokio::test]
    async fn a_node_without_memory_or_maps_says_which() {
        let places = Places::new(0);
        let full = headroom(u64::MAX);
        full.runtime.memory().limit_resident(1 << 20, own_resident);
        let error = places.take(1, &full).expect_err("it takes more already");
        assert!(error.contains("is limited to 1.0 MiB"), "{error}");
        let error = places.take(1, &headroom(1)).expect_err("it has more already");
        assert!(error.contains("vm.max_map_count"), "{error}");
    }

    #[tokio::test]
    async fn a_burst_is_refused_only_when_there_is_no_room() {
        let places = Places::new(0);
        let headroom = headroom(u64::MAX);
        let burst = (0..3 * BETWEEN_COUNTS + 1).map(|_| places.take(1, &headroom));
        assert_eq!(burst.collect::<Result<Vec<_>, _>>().expect("there is room").len(), 6_001);
    }

    #[tokio::test]
    async fn what_takes_several_places_of_the_pool_goes_beyond_it_when_they_are_not_there() {
        let places = Places::new(10);
        let headroom = headroom(u64::MAX);
        let taken = [4, 4, 4, 2].map(|size| places.take(size, &headroom).expect("there is room"));
        assert_eq!(taken.each_ref().map(|place| place.pooled), [true, true, false, true]);
        assert_eq!(places.counts(), (10, 10, 1));
        drop(taken);
        assert_eq!(places.counts(), (0, 10, 0));
    }
}
