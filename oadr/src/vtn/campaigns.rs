//! The campaigns that are not closed, and the report policies, in memory, as an immutable set per
//! version.
//!
//! Knows nothing of VENs, nor of the database: what is put here was committed before.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use oadr_core::value::DateTime;
use oadr_core::vtn::{Campaign, Context, ReportPolicy};

use crate::store::Place;

/// The campaigns.
#[derive(Debug)]
pub(crate) struct Campaigns {
    current: RwLock<Arc<Open>>,
    /// Held while an operator's command on an event is carried out: one after the other.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

/// The campaigns at some time.
#[derive(Debug)]
pub(crate) struct Open {
    /// Goes up with each change, over restarts too.
    pub(crate) version: u64,
    /// In the order of the events' creation.
    pub(crate) list: BTreeMap<Place, Arc<Campaign>>,
    /// In the order in which they are applied.
    pub(crate) report_policies: Arc<[ReportPolicy]>,
    /// The contexts made of it: VENs for which the same campaigns are open share one.
    contexts: Mutex<HashMap<Vec<Place>, Arc<Context>>>,
}

impl Open {
    fn new(
        version: u64,
        list: BTreeMap<Place, Arc<Campaign>>,
        report_policies: Arc<[ReportPolicy]>,
    ) -> Self {
        Self {
            version,
            list,
            report_policies,
            contexts: Mutex::default(),
        }
    }

    /// `base` with these campaigns.
    pub(crate) fn context(&self, campaigns: Vec<Place>, base: &Context) -> Arc<Context> {
        let mut contexts = self.contexts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = contexts.get(&campaigns) {
            return Arc::clone(known);
        }
        let places = campaigns.iter();
        let context = Arc::new(Context {
            version: self.version,
            campaigns: places
                .filter_map(|place| self.list.get(place).cloned())
                .collect(),
            report_policies: Arc::clone(&self.report_policies),
            ..base.clone()
        });
        // No more than VENs have, and some that they have let go since the last time it grew.
        if contexts.len() == contexts.capacity() {
            contexts.retain(|_, context| Arc::strong_count(context) > 1);
        }
        contexts.insert(campaigns, Arc::clone(&context));
        context
    }

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
        let version = version_at(newest.max().map_or(now, |newest| newest.max(now)));
        let open = Open::new(version, campaigns.into_iter().collect(), Arc::default());
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
        let version = version_at(now).max(current.version.saturating_add(1));
        let mut list = current.list.clone();
        list.retain(|_, campaign| is_open(campaign, now));
        list.insert(place, campaign);
        let policies = Arc::clone(&current.report_policies);
        *current = Arc::new(Open::new(version, list, policies));
    }

    /// Puts other report policies in force.
    pub(crate) fn set_report_policies(&self, policies: Arc<[ReportPolicy]>, now: DateTime) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let version = version_at(now).max(current.version.saturating_add(1));
        let list = current.list.clone();
        *current = Arc::new(Open::new(version, list, policies));
    }
}

/// A version that no earlier process has used, as long as the clock goes forward.
fn version_at(now: DateTime) -> u64 {
    u64::try_from(now.timestamp_millis()).unwrap_or(0)
}
