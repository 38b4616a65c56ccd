//! What the peers' programs share: which measures to run, how often, and how a figure is printed.
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

/// Processes of a batch of `spawn`.
pub const BATCH: u64 = 1000;
/// Receivers of `broadcast`.
pub const LISTENERS: u64 = 10_000;

pub struct Measures {
    only: Option<String>,
    tokio: Runtime,
}

impl Measures {
    /// Two worker threads; the program's first argument is the name of the one measure to run.
    pub fn new() -> Self {
        let mut tokio = tokio::runtime::Builder::new_multi_thread();
        let tokio = tokio.worker_threads(2).enable_all().build().expect("a runtime of tokio");
        Measures { only: std::env::args().nth(1), tokio }
    }

    fn wants(&self, measure: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == measure)
    }

    /// Once, without a warm-up: for what the earlier work of the same process would change.
    pub fn once<F: Future<Output = f64>>(&self, measure: &str, count: u64, run: impl Fn(u64) -> F) {
        if self.wants(measure) {
            print(measure, self.tokio.block_on(run(count)));
        }
    }

    /// Three times after a warm-up of a tenth of the work, a line each.
    pub fn repeat<F: Future<Output = f64>>(&self, measure: &str, count: u64, run: impl Fn(u64) -> F) {
        if !self.wants(measure) {
            return;
        }
        self.tokio.block_on(run(count / 10));
        for _ in 0..3 {
            print(measure, self.tokio.block_on(run(count)));
        }
    }
}

fn print(measure: &str, value: f64) {
    println!(r#"{{"measure": "{measure}", "value": {value:.1}}}"#);
}

pub fn per_second(count: u64, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64()
}

/// Nanoseconds.
pub fn per_item(count: u64, start: Instant) -> f64 {
    start.elapsed().as_nanos() as f64 / count as f64
}

/// Bytes of resident memory, once what was just started has come to rest.
pub async fn resident() -> f64 {
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let status = std::fs::read_to_string("/proc/self/status").expect("a file of Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line VmRSS");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
    kib * 1024.0
}

/// The names of `lookup`.
pub fn names() -> Vec<String> {
    (0..1000).map(|number| format!("name-{number}")).collect()
}

/// Counts down to nought, and then wakes who waits.
pub struct Countdown {
    pub left: AtomicU64,
    pub done: Notify,
}

impl Countdown {
    pub fn of(count: u64) -> Arc<Self> {
        Arc::new(Countdown { left: AtomicU64::new(count), done: Notify::new() })
    }

    /// Whether this was the last.
    pub fn down(&self) -> bool {
        let last = self.left.fetch_sub(1, Ordering::AcqRel) == 1;
        if last {
            self.done.notify_one();
        }
        last
    }
}
