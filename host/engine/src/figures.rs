//! What is counted of a component: as it happens, cheap enough to be always on.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use rusm_otp::Crash;
use serde::{Deserialize, Serialize};

/// What is counted of one component.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Whether times are measured.
    pub(crate) on: bool,
    pub(crate) spawned: AtomicU64,
    pub(crate) spawn_time: Mutex<Histogram<u32>>,
    pub(crate) compile_nanos: AtomicU64,
    pub(crate) cache_hits: AtomicU64,
    pub(crate) compiled: AtomicU64,
    pub(crate) crashes: AtomicU64,
    pub(crate) last_crash: Mutex<Option<String>>,
    handling: Mutex<HashMap<u32, Histogram<u32>>>,
}

impl Figures {
    pub(crate) fn new(on: bool) -> Self {
        Self {
            on,
            spawned: AtomicU64::new(0),
            spawn_time: Mutex::new(histogram()),
            compile_nanos: AtomicU64::new(0),
            cache_hits: AtomicU64::new(0),
            compiled: AtomicU64::new(0),
            crashes: AtomicU64::new(0),
            last_crash: Mutex::new(None),
            handling: Mutex::default(),
        }
    }

    /// A process is about to start; the time, if this start is measured.
    pub(crate) fn begin_spawn(&self) -> Option<Instant> {
        let before = self.spawned.fetch_add(1, Ordering::Relaxed);
        (self.on && before.is_multiple_of(MEASURED_SPAWNS)).then(Instant::now)
    }

    pub(crate) fn spawned(&self, took: Duration) {
        record(&mut self.spawn_time.lock(), took);
    }

    pub(crate) fn compiled(&self, took: Duration, from_cache: bool) {
        self.compile_nanos.store(took.as_nanos() as u64, Ordering::Relaxed);
        let count = if from_cache { &self.cache_hits } else { &self.compiled };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn crashed(&self, crash: &Arc<Crash>) {
        self.crashes.fetch_add(1, Ordering::Relaxed);
        *self.last_crash.lock() = Some(crash.to_string());
    }

    /// How long the message with this key took.
    pub(crate) fn handled(&self, key: u32, took: Duration) {
        let mut handling = self.handling.lock();
        let key = if handling.len() < MOST_FUNCTIONS || handling.contains_key(&key) { key } else { OTHERS };
        record(handling.entry(key).or_insert_with(histogram), took);
    }

    pub(crate) fn functions(&self, name: impl Fn(u32) -> String) -> Vec<(String, Quantiles)> {
        let handling = self.handling.lock();
        let mut functions: Vec<_> =
            handling.iter().map(|(key, histogram)| (name(*key), quantiles(histogram))).collect();
        functions.sort_by(|one, other| one.0.cmp(&other.0));
        functions
    }
}

fn histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1, LONGEST.as_nanos() as u64, DIGITS).expect("fixed bounds")
}

fn record(histogram: &mut Histogram<u32>, took: Duration) {
    histogram.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
}

pub(crate) fn quantiles(histogram: &Histogram<u32>) -> Quantiles {
    let at = |part| Duration::from_nanos(histogram.value_at_quantile(part));
    Quantiles {
        count: histogram.len(),
        p50: at(0.5),
        p99: at(0.99),
        max: Duration::from_nanos(histogram.max()),
    }
}

/// What a histogram says, to two digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    /// How many were measured.
    pub count: u64,
    /// Half of them took at most this.
    pub p50: Duration,
    /// 99 % of them.
    pub p99: Duration,
    /// All of them.
    pub max: Duration,
}

impl From<rusm_otp::Quantiles> for Quantiles {
    fn from(of: rusm_otp::Quantiles) -> Self {
        Self { count: of.count, p50: of.p50, p99: of.p99, max: of.max }
    }
}

/// To look at the clock twice takes a hundredth of a spawn.
const MEASURED_SPAWNS: u64 = 16;

/// A histogram takes some 10 KiB; unknown keys come from outside.
const MOST_FUNCTIONS: usize = 256;

/// The key that stands for functions past these.
const OTHERS: u32 = 0;

/// What takes longer counts as this.
const LONGEST: Duration = Duration::from_secs(3600);

const DIGITS: u8 = 2;
