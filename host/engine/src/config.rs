use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// How an engine is made.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Processes of the sync lane that can live at once.
    pub sync_processes: u32,
    /// Processes of the async lane that can live at once.
    pub async_processes: u32,
    /// The most memory that any process can be granted, in bytes.
    pub memory: usize,
    /// How long a guest runs before others get their turn, and how long a kill may take.
    pub tick: Duration,
    /// Where compiled components are kept; none to compile at each start.
    pub cache: Option<PathBuf>,
}

impl Default for EngineConfig {
    /// As many processes as the system's limit on memory maps allows, 256 MiB for one, ticks of a millisecond, and a
    /// cache below the user's cache folder.
    fn default() -> Self {
        let maps = system_number("/proc/sys/vm/max_map_count").unwrap_or(DEFAULT_MAP_COUNT);
        // A process of the sync lane takes up to 5 maps (its stack and guard from the start, and three for its memory),
        // one of the async lane up to 12 (two memories, three stacks). Nine tenths are shared out, two thirds of that
        // to the sync lane; the rest is the host's.
        let budget = maps / 10 * 9;
        Self {
            sync_processes: (budget / 3 * 2 / 5).clamp(16, MOST_PROCESSES),
            async_processes: (budget / 3 / 12).clamp(16, MOST_PROCESSES),
            memory: 256 << 20,
            tick: Duration::from_millis(1),
            cache: cache_folder(),
        }
    }
}

fn cache_folder() -> Option<PathBuf> {
    let set = |key| std::env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
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
