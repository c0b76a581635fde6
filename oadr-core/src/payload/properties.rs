//! `xcal:properties`: a period with its tolerance, notification, ramp-up and recovery.
//!
//! Knows nothing of which of these a rule forbids where (rules 200, 321).

use crate::codec::sequence;
use crate::value::{DateTime, Duration};

sequence! {
    /// `properties`.
    pub struct Properties [None] {
        /// Start.
        start: one DateTime = Xcal "dtstart" / Xcal "date-time";
        /// Length; zero is open-ended (rules 47, 210, 325).
        duration: one Duration = Xcal "duration" / Xcal "duration";
        /// How far the start may be put off (rule 30).
        tolerance: opt Tolerance = Xcal "tolerance" / Xcal "tolerate";
        /// Time between notification and start; required in events (rule 105).
        notification: opt Duration = Ei "x-eiNotification" / Xcal "duration";
        /// Before the start, or inside the period if negative (rule 31).
        ramp_up: opt Duration = Ei "x-eiRampUp" / Xcal "duration";
        /// After the end, or inside the period if negative (rule 31).
        recovery: opt Duration = Ei "x-eiRecovery" / Xcal "duration";
    }
}

sequence! {
    /// `tolerate`.
    #[derive(Default)]
    pub struct Tolerance [None] {
        /// The start is put off by a random time of at most this (rule 30).
        start_after: opt Duration = Xcal "startafter";
    }
}

impl Properties {
    /// A period and nothing else.
    #[must_use]
    pub fn new(start: DateTime, duration: Duration) -> Self {
        Self {
            start,
            duration,
            tolerance: None,
            notification: None,
            ramp_up: None,
            recovery: None,
        }
    }

    /// The randomisation window, if there is one of any length.
    #[must_use]
    pub fn start_after(&self) -> Option<Duration> {
        self.tolerance
            .as_ref()
            .and_then(|t| t.start_after)
            .filter(|d| !d.is_zero() && !d.is_negative())
    }
}
