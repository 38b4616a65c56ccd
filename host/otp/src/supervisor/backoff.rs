use std::time::Duration;

/// How long a supervisor waits before it restarts a child that keeps crashing: twice as long each time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    jitter: f64,
}

impl Backoff {
    /// From `first` to `longest`, with a tenth of it more or less at random, so that many children do not come at once.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, jitter: 0.1 }
    }

    /// The part of the time that is random, from 0 to 1.
    pub fn jitter(mut self, part: f64) -> Self {
        self.jitter = part.clamp(0.0, 1.0);
        self
    }

    /// The wait before the restart after so many in a row; `random` is from 0 to 1.
    pub(super) fn wait(&self, restarts: u32, random: f64) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(restarts.min(31)));
        let spread = 1.0 + self.jitter * (2.0 * random - 1.0);
        doubled.min(self.longest).mul_f64(spread)
    }

    /// A child that has run for longer than the longest wait has recovered.
    pub(super) fn has_recovered(&self, ran: Duration) -> bool {
        ran > self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(100)).jitter(0.0);
        let waits = [0, 1, 2, 3, 4, 1000].map(|restarts| backoff.wait(restarts, 0.5).as_millis());
        assert_eq!(waits, [10, 20, 40, 80, 100, 100]);
    }

    #[test]
    fn jitter_keeps_within_its_part() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1)).jitter(0.5);
        assert_eq!(backoff.wait(0, 0.0), Duration::from_millis(50));
        assert_eq!(backoff.wait(0, 1.0), Duration::from_millis(150));
    }
}
