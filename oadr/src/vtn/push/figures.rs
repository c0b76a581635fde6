//! How pushes went, counted since the start.
//!
//! Knows nothing of whom they went to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use oadr_core::vtn::{PushFault, PushOutcome};

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    under_way: AtomicUsize,
    outcomes: Mutex<BTreeMap<&'static str, u64>>,
}

/// A push under way, until it is dropped.
#[derive(Debug)]
pub(super) struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Figures {
    pub(super) fn start(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(&self.under_way)
    }

    pub(super) fn count(&self, outcome: &PushOutcome) {
        let name = match outcome {
            PushOutcome::Replied { .. } => "replied",
            PushOutcome::Acknowledged => "acknowledged",
            PushOutcome::Failed(failure) => fault_name(failure.fault),
        };
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let count = outcomes.entry(name).or_default();
        *count = count.saturating_add(1);
    }

    /// How many are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// How many came to which end, by its name.
    pub(crate) fn outcomes(&self) -> BTreeMap<&'static str, u64> {
        let outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        outcomes.clone()
    }
}

/// As the API and the metrics name it.
fn fault_name(fault: PushFault) -> &'static str {
    match fault {
        PushFault::AddressRefused => "address_refused",
        PushFault::Unreachable => "unreachable",
        PushFault::Offline => "offline",
        PushFault::TimedOut => "timed_out",
        PushFault::Untrusted => "untrusted",
        PushFault::Redirected => "redirected",
        PushFault::Refused => "refused",
        PushFault::Busy => "busy",
        PushFault::Broken => "broken",
        PushFault::Unreadable => "unreadable",
        PushFault::NotRegistered => "not_registered",
    }
}
