use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Counts restarts in a sliding window.
#[derive(Debug)]
pub(super) struct Intensity {
    most: usize,
    period: Duration,
    /// The restarts within the last period, oldest first; at most one more than admitted.
    restarts: VecDeque<Instant>,
}

impl Intensity {
    pub(super) fn new(most: usize, period: Duration) -> Self {
        Self { most, period, restarts: VecDeque::new() }
    }

    /// Counts a restart now, and answers whether it is still within the limit.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        self.restarts.push_back(now);
        while self.restarts.front().is_some_and(|first| now.duration_since(*first) > self.period) {
            self.restarts.pop_front();
        }
        self.restarts.len() <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_outside_the_period_are_forgotten() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut intensity = Intensity::new(2, Duration::from_millis(100));
        assert!(intensity.admits(at(0)));
        assert!(intensity.admits(at(50)));
        assert!(!intensity.admits(at(100)));
        assert!(intensity.admits(at(151)));
    }

    #[test]
    fn no_restart_is_within_an_intensity_of_zero() {
        assert!(!Intensity::new(0, Duration::from_secs(1)).admits(Instant::now()));
    }
}
