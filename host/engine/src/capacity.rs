//! How many processes a node can hold: its pools first, and beyond them what memory and memory maps allow.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

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

    /// A place in the pool, or else beyond it.
    ///
    /// # Errors
    /// Why the node can hold no more.
    pub(crate) fn take(&self, headroom: &Headroom) -> Result<Place, String> {
        if let Some(counted) = self.pooled.take(Some(self.total)) {
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

/// One that is counted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Count);

impl Count {
    /// One more, unless there are so many already.
    pub(crate) fn take(&self, most: Option<u32>) -> Option<Counted> {
        let one_more = |count: u32| (most.is_none_or(|most| count < most)).then_some(count + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Counted(self.clone()))
    }

    /// One more, however many there are.
    fn count(&self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is left for processes beyond the pools.
///
/// Past the kernel's limit on memory maps an allocation of the host's own fails, which ends the node: so a spawn is refused
/// well before. To look costs milliseconds, so each look allows a number of processes that is safe whatever they do.
#[derive(Debug)]
pub(crate) struct Headroom {
    /// Memory maps the process may have.
    maps: u64,
    /// Bytes of resident memory the node may take.
    resident: u64,
    allowed: Mutex<Allowed>,
}

#[derive(Debug)]
struct Allowed {
    processes: u64,
    looked: Option<Instant>,
    why: String,
}

impl Headroom {
    pub(crate) fn new(maps: u64, resident: u64) -> Self {
        let allowed = Allowed { processes: 0, looked: None, why: String::new() };
        Self { maps, resident, allowed: Mutex::new(allowed) }
    }

    fn take(&self) -> Result<(), String> {
        let mut allowed = self.allowed.lock();
        let recently = allowed.looked.is_some_and(|looked| looked.elapsed() < BETWEEN_LOOKS);
        if allowed.processes == 0 && !recently {
            (allowed.processes, allowed.why) = self.look();
            allowed.looked = Some(Instant::now());
        }
        if allowed.processes == 0 {
            return Err(allowed.why.clone());
        }
        allowed.processes -= 1;
        Ok(())
    }

    /// How many more processes are safe, and what bounds them.
    fn look(&self) -> (u64, String) {
        let (maps, resident) = (own_maps(), own_resident());
        let by_maps = self.maps.saturating_sub(maps) / MAPS_OF_ONE;
        let by_memory = self.resident.saturating_sub(resident) / MEMORY_OF_ONE;
        let why = if by_maps == 0 {
            format!("it has {maps} memory maps; raise the sysctl vm.max_map_count for more processes")
        } else {
            format!("it takes {} MiB of the {} MiB that it may", resident >> 20, self.resident >> 20)
        };
        (by_maps.min(by_memory).min(BETWEEN_COUNTS), why)
    }
}

fn own_maps() -> u64 {
    let Ok(maps) = fs::File::open("/proc/self/maps") else { return 0 };
    BufReader::new(maps).split(b'\n').count() as u64
}

fn own_resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Option<u64> = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * 4096
}

/// The memory that this node can hope for: the machine's, or less if a control group says so.
pub(crate) fn machine_memory() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib: Option<u64> = total.and_then(|total| total.trim().trim_end_matches(" kB").parse().ok());
    let machine = kib.map_or(u64::MAX, |kib| kib << 10);
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").unwrap_or_default();
    group.trim().parse().map_or(machine, |group: u64| group.min(machine))
}

/// A process beyond the pools has one map for its memory, which merges with its neighbours while nothing else lies between,
/// and one for each of its stacks where the kernel has no marks for guards.
const MAPS_OF_ONE: u64 = 3;

/// More than a process takes before it has done anything; what it takes later is seen by the next look.
const MEMORY_OF_ONE: u64 = 256 << 10;

/// After so many processes memory is looked at again.
const BETWEEN_COUNTS: u64 = 2_000;

/// A full node is not made slower by looking.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_the_pool_there_is_room_while_memory_lasts() {
        let places = Places::new(1);
        let headroom = Headroom::new(u64::MAX, u64::MAX);
        let first = places.take(&headroom).expect("the pool has one");
        let second = places.take(&headroom).expect("there is memory");
        assert!(first.pooled && !second.pooled);
        assert_eq!(places.counts(), (1, 1, 1));
        drop(first);
        assert!(places.take(&headroom).expect("it is free again").pooled);
    }

    #[test]
    fn a_node_without_memory_or_maps_says_which() {
        let places = Places::new(0);
        let error = places.take(&Headroom::new(u64::MAX, 1 << 20)).expect_err("it takes more already");
        assert!(error.contains("of the 1 MiB that it may"), "{error}");
        let error = places.take(&Headroom::new(1, u64::MAX)).expect_err("it has more already");
        assert!(error.contains("vm.max_map_count"), "{error}");
    }
}
