//! The contract between the machines and whoever hosts them: decide → commit → release.
//!
//! Knows nothing of VTNs, VENs or databases.
//!
//! A host loads a partition, asks the machine for a [`Step`], answers its questions, commits the
//! [`Decision`] and only then gets at the reply:
//!
//! ```text
//! loop {
//!     let at = store.load(key)?;
//!     match decide(&at, &context, env, &input, &answers) {
//!         Step::Ask(question) => answers.push(ask(question)),
//!         Step::Decided(decision) => {
//!             let proof = store.commit(key, &decision)?;   // compare-and-set on decision.base()
//!             return decision.release(proof);
//!         }
//!     }
//! }
//! ```
//!
//! Nobody gets at the reply of a decision that is not committed:
//!
//! ```compile_fail,E0616
//! use oadr_core::machine::{Committed, Decision};
//! use oadr_core::vtn::{Reply, Vtn};
//!
//! fn answer(decision: Decision<Vtn>, _proof: Committed) -> Reply {
//!     decision.reply
//! }
//! ```
//!
//! The proof of the commit is what opens it; this differs in nothing else:
//!
//! ```
//! use oadr_core::machine::{Committed, Decision};
//! use oadr_core::vtn::{Reply, Vtn};
//!
//! fn answer(decision: Decision<Vtn>, proof: Committed) -> Reply {
//!     decision.release(proof)
//! }
//! ```

use core::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::value::DateTime;

/// One of the two machines, by its types.
pub trait Role: Sized + Debug + 'static {
    /// What a partition is; its default is the partition that does not exist yet.
    type State: Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync;
    /// What happened to a partition, in the past tense. Every drawn or computed value is in it.
    type Change: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync;
    /// A row that lands in the same commit and that no decision reads back: a keyed upsert.
    type Fact: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync;
    /// A notification after the commit, at least once.
    type Effect: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync;
    /// What must be unique across partitions.
    type Claim: Clone + Debug + Ord + Serialize + DeserializeOwned + Send + Sync;
    /// What goes out once the decision is committed.
    type Reply: Clone + Debug + PartialEq + Send + Sync;
    /// What the application is asked before a decision.
    type Question: Clone + Debug + PartialEq + Send + Sync;

    /// Moves the state. Total: no clock, no randomness, no rule, no failure.
    fn apply(state: &mut Self::State, change: &Self::Change);

    /// When the partition wants to be woken, if ever: a function of state.
    fn next_deadline(state: &Self::State) -> Option<DateTime>;

    /// Whether a change must survive the process. Others move the state in memory only.
    fn is_durable(change: &Self::Change) -> bool;
}

/// How often a partition was committed; 0 means never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub u64);

/// A partition as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded<R: Role> {
    /// For the compare-and-set.
    pub version: Version,
    /// The state.
    pub state: R::State,
}

impl<R: Role> Loaded<R> {
    /// A partition that does not exist.
    #[must_use]
    pub fn absent() -> Self {
        Self {
            version: Version(0),
            state: R::State::default(),
        }
    }
}

/// What an input finds around it: the time and 32 fresh random bytes.
#[derive(Debug, Clone, Copy)]
pub struct Env {
    /// Now.
    pub now: DateTime,
    /// Never the same for two inputs.
    pub entropy: [u8; 32],
}

/// What a machine says to an input.
#[derive(Debug, Clone, PartialEq)]
pub enum Step<R: Role> {
    /// Decide again with the same input and the answer to this beside the answers so far.
    Ask(R::Question),
    /// Commit, then release.
    Decided(Decision<R>),
}

/// Claims to be taken and given back with a decision, in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims<R: Role> {
    /// To be taken; one that another partition holds makes the commit a conflict.
    pub take: Vec<R::Claim>,
    /// To be given back.
    pub drop: Vec<R::Claim>,
}

impl<R: Role> Default for Claims<R> {
    fn default() -> Self {
        Self {
            take: Vec::new(),
            drop: Vec::new(),
        }
    }
}

/// What follows from an input: to be written first, then to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision<R: Role> {
    base: Version,
    changes: Vec<R::Change>,
    facts: Vec<R::Fact>,
    effects: Vec<R::Effect>,
    claims: Claims<R>,
    reply: R::Reply,
}

impl<R: Role> Decision<R> {
    /// A decision on a partition of this version that changes nothing.
    pub(crate) fn unchanged(base: Version, reply: R::Reply) -> Self {
        Self {
            base,
            changes: Vec::new(),
            facts: Vec::new(),
            effects: Vec::new(),
            claims: Claims::default(),
            reply,
        }
    }

    /// The version that the commit must find.
    #[must_use]
    pub fn base(&self) -> Version {
        self.base
    }

    /// What happened, in order.
    #[must_use]
    pub fn changes(&self) -> &[R::Change] {
        &self.changes
    }

    /// The rows to upsert.
    #[must_use]
    pub fn facts(&self) -> &[R::Fact] {
        &self.facts
    }

    /// The notifications for the outbox. The partition's key, the version that the commit makes and
    /// the index here identify each for good.
    #[must_use]
    pub fn effects(&self) -> &[R::Effect] {
        &self.effects
    }

    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &Claims<R> {
        &self.claims
    }

    /// Whether there is anything that must survive the process. If not, there is nothing to commit:
    /// see [`release_unwritten`](Self::release_unwritten).
    #[must_use]
    pub fn needs_commit(&self) -> bool {
        self.changes.iter().any(R::is_durable)
            || !self.facts.is_empty()
            || !self.effects.is_empty()
            || !self.claims.take.is_empty()
            || !self.claims.drop.is_empty()
    }

    /// The partition after this decision. Its version goes up only if there was something to commit.
    #[must_use]
    pub fn next(&self, at: &Loaded<R>) -> Loaded<R> {
        let mut state = at.state.clone();
        for change in &self.changes {
            R::apply(&mut state, change);
        }
        let version = if self.needs_commit() {
            Version(self.base.0.saturating_add(1))
        } else {
            self.base
        };
        Loaded { version, state }
    }

    /// This decision and one on what follows from it, with the reply of that, to be committed as one.
    pub(crate) fn and_then(mut self, next: Self) -> Self {
        self.changes.extend(next.changes);
        self.facts.extend(next.facts);
        self.effects.extend(next.effects);
        self.claims.take.extend(next.claims.take);
        self.claims.drop.extend(next.claims.drop);
        self.reply = next.reply;
        self
    }

    /// The reply, now that the decision is committed.
    #[must_use]
    pub fn release(self, proof: Committed) -> R::Reply {
        let Committed(()) = proof;
        self.reply
    }

    /// The reply of a decision that has nothing to commit, as that of an idle poll.
    ///
    /// # Errors
    /// There is something to commit: the decision comes back.
    pub fn release_unwritten(self) -> Result<R::Reply, Box<Self>> {
        if self.needs_commit() {
            Err(Box::new(self))
        } else {
            Ok(self.reply)
        }
    }
}

/// Proof that a decision is committed.
#[derive(Debug)]
pub struct Committed(());

impl Committed {
    /// For stores only, and only after the decision is safe on what the store calls durable: whoever
    /// makes this proof early breaks the promise that nothing was answered that could be lost.
    #[must_use]
    pub fn by_store() -> Self {
        Self(())
    }
}

/// Collects a decision: changes are applied as they are noted, so that what follows sees them.
#[derive(Debug)]
pub(crate) struct Draft<R: Role> {
    base: Version,
    pub(crate) state: R::State,
    changes: Vec<R::Change>,
    facts: Vec<R::Fact>,
    effects: Vec<R::Effect>,
    claims: Claims<R>,
}

impl<R: Role> Draft<R> {
    pub(crate) fn new(at: &Loaded<R>) -> Self {
        Self {
            base: at.version,
            state: at.state.clone(),
            changes: Vec::new(),
            facts: Vec::new(),
            effects: Vec::new(),
            claims: Claims::default(),
        }
    }

    /// Takes a decision on `at` up again, to add to it; with the reply that it has.
    pub(crate) fn resume(at: &Loaded<R>, decision: Decision<R>) -> (Self, R::Reply) {
        let draft = Self {
            base: decision.base,
            state: decision.next(at).state,
            changes: decision.changes,
            facts: decision.facts,
            effects: decision.effects,
            claims: decision.claims,
        };
        (draft, decision.reply)
    }

    pub(crate) fn change(&mut self, change: R::Change) {
        R::apply(&mut self.state, &change);
        self.changes.push(change);
    }

    pub(crate) fn changes(&self) -> &[R::Change] {
        &self.changes
    }

    pub(crate) fn fact(&mut self, fact: R::Fact) {
        self.facts.push(fact);
    }

    pub(crate) fn effect(&mut self, effect: R::Effect) {
        self.effects.push(effect);
    }

    pub(crate) fn take(&mut self, claim: R::Claim) {
        self.claims.take.push(claim);
    }

    pub(crate) fn give_back(&mut self, claim: R::Claim) {
        self.claims.drop.push(claim);
    }

    pub(crate) fn decide(self, reply: R::Reply) -> Decision<R> {
        Decision {
            base: self.base,
            changes: self.changes,
            facts: self.facts,
            effects: self.effects,
            claims: self.claims,
            reply,
        }
    }
}

/// Draws from an input's entropy: as many values as wanted, all different, all repeatable.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: [u64; 4],
}

impl Random {
    pub(crate) fn new(entropy: [u8; 32]) -> Self {
        let mut state = [0; 4];
        for (word, bytes) in state.iter_mut().zip(entropy.chunks_exact(8)) {
            *word = bytes
                .iter()
                .fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        // The generator stands still on all zeros.
        if state == [0; 4] {
            state = [1, 2, 3, 4];
        }
        Self { state }
    }

    /// 64 random bits (xoshiro256++).
    pub(crate) fn next(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c2, d2) = (c ^ a, d ^ b);
        self.state = [a ^ d2, b ^ c2, c2 ^ (b << 17), d2.rotate_left(45)];
        result
    }

    /// A number from 0 to `most`, both included.
    pub(crate) fn up_to(&mut self, most: u64) -> u64 {
        match most.checked_add(1) {
            Some(bound) => self.next().checked_rem(bound).unwrap_or(0),
            None => self.next(),
        }
    }

    /// Entropy for another decision.
    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.next().to_be_bytes());
        }
        bytes
    }

    /// An ID that nobody will draw again: a letter first, nothing to escape, nothing that a peer takes
    /// for a number (quirk Q24).
    pub(crate) fn id(&mut self, prefix: &'static str) -> String {
        format!("{prefix}-{:016x}{:016x}", self.next(), self.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_for_the_same_entropy_and_differ_within_it() {
        let (mut a, mut b) = (Random::new([7; 32]), Random::new([7; 32]));
        let ids: Vec<_> = (0..100).map(|_| a.id("ven")).collect();
        assert_eq!(ids, (0..100).map(|_| b.id("ven")).collect::<Vec<_>>());
        assert_eq!(
            ids.iter().collect::<std::collections::BTreeSet<_>>().len(),
            100
        );
        assert!((0..1_000).all(|_| a.up_to(3) <= 3));
    }
}
