//! The campaigns that are not closed, in memory, as an immutable set per version.
//!
//! Knows nothing of VENs, nor of the database: what is put here was committed before.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use oadr_core::value::DateTime;
use oadr_core::vtn::Campaign;

use crate::store::Place;

/// The campaigns.
#[derive(Debug)]
pub(crate) struct Campaigns {
    current: RwLock<Arc<Open>>,
    /// Held while an operator's command on an event is carried out: one after the other.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

/// The campaigns at some time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Open {
    /// Goes up with each change, over restarts too.
    pub(crate) version: u64,
    /// In the order of the events' creation.
    pub(crate) list: BTreeMap<Place, Arc<Campaign>>,
}

impl Open {
    /// How many are not closed at this time.
    pub(crate) fn open_at(&self, now: DateTime) -> usize {
        let campaigns = self.list.values();
        campaigns.filter(|campaign| is_open(campaign, now)).count()
    }
}

fn is_open(campaign: &Campaign, now: DateTime) -> bool {
    campaign.closes().is_none_or(|closes| closes > now)
}

impl Campaigns {
    pub(crate) fn load(campaigns: Vec<(Place, Arc<Campaign>)>, now: DateTime) -> Self {
        let newest = campaigns.iter().map(|(_, campaign)| campaign.modified);
        let mut open = Open {
            version: version_at(newest.max().map_or(now, |newest| newest.max(now))),
            ..Open::default()
        };
        open.list.extend(campaigns);
        Self {
            current: RwLock::new(Arc::new(open)),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// The campaigns as they are now.
    pub(crate) fn current(&self) -> Arc<Open> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a campaign's first or next version in its place, and lets go of those that have closed.
    pub(crate) fn put(&self, place: Place, campaign: Arc<Campaign>, now: DateTime) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let mut open = Open::clone(&current);
        open.version = version_at(now).max(open.version.saturating_add(1));
        open.list.retain(|_, campaign| is_open(campaign, now));
        open.list.insert(place, campaign);
        *current = Arc::new(open);
    }
}

/// A version that no earlier process has used, as long as the clock goes forward.
fn version_at(now: DateTime) -> u64 {
    u64::try_from(now.timestamp_millis()).unwrap_or(0)
}
