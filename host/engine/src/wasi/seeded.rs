use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// Makes clocks and randomness a function of the seed: each look at a clock is a millisecond after the one before.
pub(super) fn apply(builder: &mut WasiCtxBuilder, seed: u64) {
    builder
        .secure_random(StdRng::seed_from_u64(seed))
        .insecure_random(StdRng::seed_from_u64(!seed))
        .insecure_random_seed(u128::from(seed))
        .wall_clock(Steps::default())
        .monotonic_clock(Steps::default());
}

/// Fills bytes by a generator that is made of the seed when it is first used.
pub(crate) fn fill_seeded(generator: &mut Option<Box<StdRng>>, seed: u64, bytes: &mut [u8]) {
    generator.get_or_insert_with(|| Box::new(StdRng::seed_from_u64(seed))).fill_bytes(bytes);
}

#[derive(Default)]
struct Steps(AtomicU64);

impl Steps {
    fn next(&self) -> Duration {
        Duration::from_millis(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

impl HostWallClock for Steps {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        START + self.next()
    }
}

impl HostMonotonicClock for Steps {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        u64::try_from(self.next().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The first second of the year 2000, since 1970.
const START: Duration = Duration::from_secs(946_684_800);
