//! The VENs in memory: every partition as it was committed last, found by its claims, and the times
//! at which partitions want to be woken.
//!
//! Knows nothing of decisions, nor of the database: what is put here was committed before.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use oadr_core::machine::{Claims, Loaded, Role as _, Version};
use oadr_core::value::DateTime;
use oadr_core::vtn::{Claim, Context, Vtn};
use tokio::sync::Notify;

use crate::store::{Contents, Key};

/// One VEN's place.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) key: Key,
    /// Held while an input of this VEN is decided and committed: its inputs go one after the other.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// `None` once the partition is gone.
    current: RwLock<Option<Arc<Loaded<Vtn>>>>,
    /// The context that was gathered last.
    pub(crate) context: Mutex<Option<Gathered>>,
    /// When the VEN was heard last, in milliseconds, and what of that is written down.
    heard: AtomicI64,
    written: AtomicI64,
}

/// A context and how long it is the right one.
#[derive(Debug, Clone)]
pub(crate) struct Gathered {
    pub(crate) context: Arc<Context>,
    /// The version of the partition that it was gathered for. Not the partition: it would stay in
    /// memory after the next one has taken its place.
    pub(crate) member: Version,
    /// The first of its campaigns closes.
    pub(crate) until: DateTime,
}

impl Slot {
    fn new(key: Key, loaded: Loaded<Vtn>) -> Self {
        Self {
            key,
            turn: tokio::sync::Mutex::new(()),
            current: RwLock::new(Some(Arc::new(loaded))),
            context: Mutex::new(None),
            heard: AtomicI64::new(NEVER),
            written: AtomicI64::new(NEVER),
        }
    }

    /// The partition; `None` if it is gone.
    pub(crate) fn current(&self) -> Option<Arc<Loaded<Vtn>>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes that the VEN was heard.
    pub(crate) fn hear(&self, now: DateTime) {
        self.heard.store(now.timestamp_millis(), Ordering::Relaxed);
    }

    /// When the VEN was heard last, if ever.
    pub(crate) fn heard(&self) -> Option<DateTime> {
        match self.heard.load(Ordering::Relaxed) {
            NEVER => None,
            millis => DateTime::from_timestamp_millis(millis),
        }
    }
}

const NEVER: i64 = i64::MIN;

/// When which partition is to be woken.
#[derive(Debug, Default)]
struct Deadlines {
    in_order: BTreeSet<(DateTime, Key)>,
    of: HashMap<Key, DateTime>,
}

/// All VENs.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    slots: RwLock<BTreeMap<Key, Arc<Slot>>>,
    claims: RwLock<HashMap<Claim, Arc<Slot>>>,
    deadlines: Mutex<Deadlines>,
    /// Told when the first deadline has changed.
    pub(crate) earlier: Notify,
}

impl Registry {
    /// What the store holds. Claims of unknown partitions cannot be: the store's tables forbid them.
    pub(crate) fn load(contents: &mut Contents) -> Self {
        let registry = Self::default();
        for (key, loaded) in std::mem::take(&mut contents.partitions) {
            registry.insert(key, loaded);
        }
        for (claim, key) in std::mem::take(&mut contents.claims) {
            if let Some(slot) = registry.slot(key) {
                registry.claims_mut().insert(claim, slot);
            }
        }
        for (key, at) in std::mem::take(&mut contents.seen) {
            if let Some(slot) = registry.slot(key) {
                slot.hear(at);
                slot.written.store(at.timestamp_millis(), Ordering::Relaxed);
            }
        }
        registry
    }

    /// The VEN that holds the first of these claims that anybody holds.
    pub(crate) fn find(&self, claims: &[Claim]) -> Option<Arc<Slot>> {
        let known = self.claims.read().unwrap_or_else(PoisonError::into_inner);
        claims.iter().find_map(|claim| known.get(claim).cloned())
    }

    /// The VENs of this name. Those that a certificate proves do not claim theirs, so that there may be
    /// several.
    pub(crate) fn named(&self, name: &str) -> Vec<Arc<Slot>> {
        let is_called = |slot: &Arc<Slot>| {
            let current = slot.current();
            let called = current.as_ref().and_then(|at| at.state.ven_name());
            called.is_some_and(|called| called.as_str() == name)
        };
        self.all().into_iter().filter(is_called).collect()
    }

    /// The VEN of this key.
    pub(crate) fn slot(&self, key: Key) -> Option<Arc<Slot>> {
        self.slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned()
    }

    /// All VENs, in the order in which they became known.
    pub(crate) fn all(&self) -> Vec<Arc<Slot>> {
        self.slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// Puts a new partition in its place.
    pub(crate) fn insert(&self, key: Key, loaded: Loaded<Vtn>) -> Arc<Slot> {
        let deadline = Vtn::next_deadline(&loaded.state);
        let slot = Arc::new(Slot::new(key, loaded));
        self.slots
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, Arc::clone(&slot));
        self.schedule(key, deadline);
        slot
    }

    /// Puts a partition's next version in its place, or takes it out.
    pub(crate) fn replace(&self, slot: &Slot, next: Option<Loaded<Vtn>>) {
        let next = next.map(Arc::new);
        let deadline = next.as_ref().and_then(|l| Vtn::next_deadline(&l.state));
        let gone = next.is_none();
        *slot.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        self.schedule(slot.key, deadline);
        if gone {
            self.slots
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&slot.key);
            self.claims_mut().retain(|_, owner| owner.key != slot.key);
        }
    }

    /// Moves the claims of a commit.
    pub(crate) fn claim(&self, slot: &Arc<Slot>, claims: &Claims<Vtn>) {
        if claims.take.is_empty() && claims.drop.is_empty() {
            return;
        }
        let mut known = self.claims_mut();
        for claim in &claims.drop {
            if known.get(claim).is_some_and(|owner| owner.key == slot.key) {
                known.remove(claim);
            }
        }
        for claim in &claims.take {
            known.insert(claim.clone(), Arc::clone(slot));
        }
    }

    /// The partitions whose deadline has come, at most so many; and the next deadline.
    pub(crate) fn due(&self, now: DateTime, most: usize) -> (Vec<Key>, Option<DateTime>) {
        let deadlines = self.deadlines_mut();
        let due = deadlines
            .in_order
            .iter()
            .take_while(|(at, _)| *at <= now)
            .take(most)
            .map(|(_, key)| *key)
            .collect();
        (due, deadlines.in_order.first().map(|(at, _)| *at))
    }

    /// The VENs heard since this was asked last.
    pub(crate) fn take_heard(&self) -> Vec<(Key, DateTime)> {
        let mut heard = Vec::new();
        for slot in self.all() {
            let at = slot.heard.load(Ordering::Relaxed);
            if slot.written.swap(at, Ordering::Relaxed) != at
                && let Some(at) = DateTime::from_timestamp_millis(at)
            {
                heard.push((slot.key, at));
            }
        }
        heard
    }

    /// When a partition is to be woken.
    pub(crate) fn scheduled(&self, key: Key) -> Option<DateTime> {
        self.deadlines_mut().of.get(&key).copied()
    }

    /// Says when a partition is to be woken, instead of what was said before.
    pub(crate) fn schedule(&self, key: Key, at: Option<DateTime>) {
        let mut deadlines = self.deadlines_mut();
        let old = match at {
            Some(at) => deadlines.of.insert(key, at),
            None => deadlines.of.remove(&key),
        };
        if old == at {
            return;
        }
        if let Some(old) = old {
            deadlines.in_order.remove(&(old, key));
        }
        if let Some(at) = at {
            deadlines.in_order.insert((at, key));
            if deadlines.in_order.first() == Some(&(at, key)) {
                self.earlier.notify_one();
            }
        }
    }

    fn claims_mut(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<Claim, Arc<Slot>>> {
        self.claims.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn deadlines_mut(&self) -> MutexGuard<'_, Deadlines> {
        self.deadlines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
