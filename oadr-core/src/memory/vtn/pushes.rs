//! What nobody asks for: what time alone brings, and what is pushed.
//!
//! Knows nothing of what that is.

use core::mem;

use super::VtnHost;
use crate::machine::{Env, Random, Role as _};
use crate::value::DateTime;
use crate::vtn::{Input, Push, PushId, PushOutcome, Reply, State, Vtn};

impl VtnHost {
    /// When to call [`wake`](Self::wake) next, if ever: long ago if there is a new event and VENs that
    /// are pushed to.
    #[must_use]
    pub fn next_deadline(&self) -> Option<DateTime> {
        let states = self.partitions.values().map(|at| &at.state);
        if self.has_news && states.clone().any(State::is_pushed_to) {
            return Some(DateTime::MIN_UTC);
        }
        states.filter_map(Vtn::next_deadline).min()
    }

    /// Does what time alone brings, forgets campaigns that are over, and finds what is to be pushed: to
    /// which VEN, by its partition's key, and what. Whoever pushes tells how it went with
    /// [`pushed`](Self::pushed); until then, or until its lease is over, nothing else is pushed to that
    /// VEN. Where nobody is pushed to there is nothing to take.
    pub fn wake(&mut self, now: DateTime, entropy: [u8; 32]) -> Vec<(u64, Push)> {
        self.campaigns
            .retain(|campaign| campaign.closes().is_none_or(|closes| now < closes));
        // What happened meanwhile may be reason to push.
        let has_news = mem::take(&mut self.has_news);
        let due: Vec<_> = self
            .partitions
            .iter()
            .filter(|(_, at)| {
                let deadline = Vtn::next_deadline(&at.state);
                deadline.is_some_and(|deadline| deadline <= now)
                    || has_news && at.state.is_pushed_to()
            })
            .map(|(key, _)| *key)
            .collect();
        let mut random = Random::new(entropy);
        let mut pushes = Vec::new();
        for key in due {
            let env = Env {
                now,
                entropy: random.bytes(),
            };
            let push = self.run(key, env, &Input::Deadline);
            pushes.extend(push.map(|push| (key, push)));
        }
        pushes
    }

    /// Tells how a push went; there may be another one for the same VEN. `ven` is its partition's key.
    pub fn pushed(
        &mut self,
        ven: u64,
        push: PushId,
        outcome: PushOutcome,
        now: DateTime,
        entropy: [u8; 32],
    ) -> Option<Push> {
        self.partitions.get(&ven)?;
        self.run(ven, Env { now, entropy }, &Input::Pushed { push, outcome })
    }

    /// Decides on something that no VEN said.
    fn run(&mut self, key: u64, env: Env, input: &Input) -> Option<Push> {
        let decision = self.decide(Some(key), env, input);
        // Neither time nor an outcome takes a claim, so there is no conflict.
        match self.commit(Some(key), decision) {
            Ok(Reply::Push(push)) => Some(*push),
            Ok(Reply::Message(_) | Reply::Empty | Reply::Forbidden) | Err(_) => None,
        }
    }
}
