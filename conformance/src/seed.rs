//! Drawn values that can be drawn again: every random test prints its seed.

use std::env;
use std::time::Duration;

/// The environment variable that chooses another run.
pub const VARIABLE: &str = "OADR_SEED";

/// A stream of drawn numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Draws {
    state: u64,
}

impl Draws {
    /// The stream of the seed in `OADR_SEED`, or of `seed`; prints which.
    #[must_use]
    pub fn announced_or(test: &str, seed: u64) -> Self {
        let seed = env::var(VARIABLE)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(seed);
        println!("{test}: {VARIABLE}={seed}");
        Self { state: seed }
    }

    /// The stream of `seed`.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number of the stream.
    pub fn next_number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 when `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next_number().checked_rem(limit).unwrap_or(0)
    }

    /// A time span of whole milliseconds between `least` and `most`.
    pub fn span(&mut self, least: Duration, most: Duration) -> Duration {
        let width = most.saturating_sub(least).as_millis() as u64;
        least + Duration::from_millis(self.below(width + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_numbers() {
        let (mut a, mut b, mut other) = (Draws::of(7), Draws::of(7), Draws::of(8));
        let drawn: Vec<_> = (0..5).map(|_| a.next_number()).collect();
        assert_eq!(drawn, (0..5).map(|_| b.next_number()).collect::<Vec<_>>());
        assert_ne!(
            drawn,
            (0..5).map(|_| other.next_number()).collect::<Vec<_>>()
        );
    }

    #[test]
    fn spans_stay_within_their_bounds() {
        let mut draws = Draws::of(1);
        let (least, most) = (Duration::from_millis(3), Duration::from_millis(5));
        let mut seen = [false; 3];
        for _ in 0..200 {
            let span = draws.span(least, most);
            assert!(span >= least && span <= most);
            seen[(span.as_millis() - 3) as usize] = true;
        }
        assert_eq!(seen, [true; 3]);
    }
}
