use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::{Mutex, RwLock};

/// How long the messages of all processes with one label have waited, and how long they took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latency {
    /// What the processes run.
    pub label: Arc<str>,
    /// From arrival to receipt.
    pub waiting: Quantiles,
    /// From receipt until the process receives again, with everything that it waits for meanwhile.
    pub handling: Quantiles,
}

/// What a histogram says, to two digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quantiles {
    /// How many messages were measured: one of 64 of each process.
    pub count: u64,
    /// Half of them took at most this.
    pub p50: Duration,
    /// 90 % of them.
    pub p90: Duration,
    /// 99 % of them.
    pub p99: Duration,
    /// All of them.
    pub max: Duration,
}

/// The histograms of a node.
#[derive(Debug, Default)]
pub(crate) struct Latencies(RwLock<HashMap<Arc<str>, Arc<Mutex<Histograms>>>>);

#[derive(Debug)]
struct Histograms {
    waiting: Histogram<u32>,
    handling: Histogram<u32>,
}

/// What a time was spent with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Spent {
    Waiting,
    Handling,
}

impl Latencies {
    pub(crate) fn record(&self, label: &Arc<str>, spent: Spent, time: Duration) {
        let histograms = self.of(label);
        let mut histograms = histograms.lock();
        let histogram = match spent {
            Spent::Waiting => &mut histograms.waiting,
            Spent::Handling => &mut histograms.handling,
        };
        histogram.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    fn of(&self, label: &Arc<str>) -> Arc<Mutex<Histograms>> {
        if let Some(known) = self.0.read().get(label) {
            return known.clone();
        }
        let mut all = self.0.write();
        let label = if all.len() < MOST_LABELS { label.clone() } else { "others".into() };
        all.entry(label).or_default().clone()
    }

    pub(crate) fn read(&self) -> Vec<Latency> {
        let mut latencies: Vec<Latency> =
            self.0.read().iter().map(|(label, of)| of.lock().read(label)).collect();
        latencies.sort_by(|one, other| one.label.cmp(&other.label));
        latencies
    }
}

impl Histograms {
    fn read(&self, label: &Arc<str>) -> Latency {
        Latency {
            label: label.clone(),
            waiting: quantiles(&self.waiting),
            handling: quantiles(&self.handling),
        }
    }
}

impl Default for Histograms {
    fn default() -> Self {
        let new = || Histogram::new_with_bounds(1, LONGEST.as_nanos() as u64, DIGITS).expect("fixed bounds");
        Self { waiting: new(), handling: new() }
    }
}

fn quantiles(histogram: &Histogram<u32>) -> Quantiles {
    let at = |part| Duration::from_nanos(histogram.value_at_quantile(part));
    Quantiles {
        count: histogram.len(),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        max: Duration::from_nanos(histogram.max()),
    }
}

/// A histogram takes some 20 KiB.
const MOST_LABELS: usize = 1000;

/// What takes longer counts as this.
const LONGEST: Duration = Duration::from_secs(3600);

const DIGITS: u8 = 2;
