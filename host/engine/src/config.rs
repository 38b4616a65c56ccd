use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::machine::machine_memory;

/// How an engine is made.
///
/// ```
/// use rusm_engine::EngineConfig;
///
/// // For tests: small pools, and nothing is kept between runs.
/// let config = EngineConfig { sync_processes: 100, async_processes: 20, cache: None, ..EngineConfig::default() };
/// assert_eq!(config.tick.as_millis(), 1);
/// ```
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Processes of the sync lane that the pool holds: they start fastest. More live beyond it, while `maps` and
    /// `resident` allow.
    pub sync_processes: u32,
    /// The same for the async lane.
    pub async_processes: u32,
    /// Memory maps that the node may have before it refuses processes beyond the pools.
    pub maps: u64,
    /// Bytes of resident memory of its own that the node may take. Past them no guest is granted more, and spawns and messages with
    /// bodies are refused.
    pub resident: usize,
    /// Bytes of resident memory past which the node ends guests that go on to touch more of what they were granted.
    pub emergency: usize,
    /// The most memory that any process can be granted, in bytes.
    pub memory: usize,
    /// The most memory of all processes together and of what the node keeps for them, in bytes, whether it is used or not; none for no
    /// bound but what is resident.
    pub total_memory: Option<usize>,
    /// How long a guest runs before others get their turn, and how long a kill may take.
    pub tick: Duration,
    /// Whether times are measured, of one message in 64 and one spawn in 16: histograms of each component's functions and starts.
    pub figures: bool,
    /// Where compiled components are kept; none to compile at each start.
    pub cache: Option<PathBuf>,
}

impl Default for EngineConfig {
    /// Pools as large as the system's limit on memory maps allows, three quarters of the machine's memory, or of the control group's, for the
    /// node, seven eighths as an emergency, 256 MiB for one process, ticks of a millisecond, and a cache below the user's cache folder.
    fn default() -> Self {
        let maps = system_number("/proc/sys/vm/max_map_count").unwrap_or(DEFAULT_MAP_COUNT);
        // A process in the pool of the sync lane takes up to 5 maps (its stack and guard from the start, and three for its
        // memory), one of the async lane up to 12 (two memories, three stacks). Six tenths go to the pools, two thirds of
        // that to the sync lane.
        let pools = maps / 10 * 6;
        let memory = usize::try_from(machine_memory()).unwrap_or(usize::MAX);
        Self {
            sync_processes: (pools / 3 * 2 / 5).clamp(16, MOST_PROCESSES),
            async_processes: (pools / 3 / 12).clamp(16, MOST_PROCESSES),
            maps: u64::from(maps / 10 * 9),
            resident: memory / 4 * 3,
            emergency: memory / 8 * 7,
            memory: 256 << 20,
            total_memory: None,
            tick: Duration::from_millis(1),
            figures: true,
            cache: cache_folder(),
        }
    }
}

fn cache_folder() -> Option<PathBuf> {
    // A relative one would mean another folder wherever one stands.
    let set = |key| std::env::var_os(key).map(PathBuf::from).filter(|path| path.is_absolute());
    set("RUSM_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("rusm")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/rusm")))
        .map(|cache| cache.join("components"))
}

/// Whether the kernel can tell which pages of a memory were written (`PAGEMAP_SCAN`, Linux 6.7): without it, keeping
/// pages resident costs more than it saves.
pub(crate) fn has_pagemap_scan() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (6, 7)
}

fn system_number(path: &str) -> Option<u32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Linux's own.
const DEFAULT_MAP_COUNT: u32 = 65_530;

/// 4 GiB of addresses for each memory fill the 47 bits of a process's address space at 32,000.
const MOST_PROCESSES: u32 = 10_000;
