//! Any order of campaigns, outcomes that come or never come, and things that VENs say: never two pushes
//! at once to one VEN, and in the end everybody has everything.

use proptest::prelude::*;

use super::pusher::*;
use super::*;
use crate::memory::{VtnConfig, VtnHost};
use crate::payload::arbitrary::Draws;

const VENS: [&str; 3] = ["house", "villa", "hut"];
const EVENTS: [&str; 3] = ["e1", "e2", "e3"];

struct World {
    host: VtnHost,
    now: DateTime,
    inputs: u64,
    /// What is on its way, and until when somebody will tell how it went.
    under_way: BTreeMap<u64, (Push, DateTime)>,
    /// What nobody waits for any more.
    late: Vec<(u64, Push)>,
    lease: TimeDelta,
}

impl World {
    fn new(give_up_after: TimeDelta) -> Self {
        let mut config = VtnConfig::new(VtnId::new("Test-VTN").unwrap());
        config.push.give_up_after = give_up_after;
        let lease = config.push.lease;
        let mut world = Self {
            host: VtnHost::new(config),
            now: midnight(),
            inputs: 0,
            under_way: BTreeMap::new(),
            late: Vec::new(),
            lease,
        };
        world.complete();
        world
    }

    /// Whoever was removed registers anew.
    fn complete(&mut self) {
        for name in VENS {
            if self.host.ven(name).is_none() {
                self.send(push_create(name));
            }
        }
    }

    fn entropy(&mut self) -> [u8; 32] {
        self.inputs += 1;
        let mut entropy = [5; 32];
        entropy[..8].copy_from_slice(&self.inputs.to_be_bytes());
        entropy
    }

    fn send(&mut self, message: impl Into<Message>) {
        let (entropy, message) = (self.entropy(), message.into());
        let peer = Peer::Unproven;
        self.host
            .handle(peer, Profile::B, message, self.now, entropy);
        self.host.check_claims();
    }

    /// Nobody waits any more for what is on its way to a VEN that is not known any more.
    fn forget(&mut self) {
        let known: BTreeSet<u64> = self.host.vens().map(|(ven, _)| ven).collect();
        let gone = self.under_way.extract_if(.., |ven, _| !known.contains(ven));
        self.late.extend(gone.map(|(ven, (push, _))| (ven, push)));
    }

    fn sent(&mut self, ven: u64, push: Push) {
        let before = self.under_way.remove(&ven);
        if let Some((late, until)) = before {
            assert!(until <= self.now, "two at once: {late:?} and {push:?}");
            self.late.push((ven, late));
        }
        let until = self.now + self.lease;
        self.under_way.insert(ven, (push, until));
    }

    fn wake(&mut self) {
        let entropy = self.entropy();
        for (ven, push) in self.host.wake(self.now, entropy) {
            self.sent(ven, push);
        }
        let next = self.host.next_deadline();
        assert!(next.is_none_or(|next| next > self.now), "nothing was done");
    }

    fn ends(&mut self, ven: u64, outcome: PushOutcome) {
        if let Some((push, _)) = self.under_way.remove(&ven) {
            let entropy = self.entropy();
            let next = self.host.pushed(ven, push.id, outcome, self.now, entropy);
            if let Some(next) = next {
                self.sent(ven, next);
            }
        }
    }

    fn any_ven(&self, draws: &mut Draws<'_>) -> (u64, VenId) {
        let mut vens = self.host.vens();
        let (key, ven) = vens.nth(draws.below(VENS.len())).unwrap();
        (key, ven.ven_id().unwrap().clone())
    }

    fn happen(&mut self, draws: &mut Draws<'_>) {
        self.forget();
        self.complete();
        let (ven, ven_id) = self.any_ven(draws);
        match draws.below(12) {
            0 => {
                let event_id = EventId::new(EVENTS[draws.below(3)]).ok();
                let minutes = (self.now - midnight()).num_minutes() + 60;
                let draft = EventDraft {
                    duration: None,
                    ..draft_at(minutes)
                };
                let body = EventBody::new(draft).unwrap();
                let entropy = self.entropy();
                let audience = Audience::of(VENS.map(|name| Text::new(name).unwrap()));
                let _ = self
                    .host
                    .create_event(event_id, audience, body, self.now, entropy);
            }
            1 => {
                let event_id = EventId::new(EVENTS[draws.below(3)]).unwrap();
                let _ = self.host.cancel_event(&event_id, self.now);
            }
            2 => {
                let to_do = [
                    Command::RequestReregistration,
                    Command::RetryPush { dead_letter: None },
                    Command::Remove,
                ];
                let entropy = self.entropy();
                let command = &to_do[draws.below(3)];
                let _ = self.host.command(Some(ven), command, self.now, entropy);
            }
            3 => {
                let state = self.host.vens().find(|(key, _)| *key == ven).unwrap().1;
                let create = CreatePartyRegistration {
                    registration_id: state
                        .registration()
                        .map(|r| r.registration_id.clone())
                        .filter(|_| draws.below(4) > 0),
                    ven_id: Some(ven_id),
                    ven_name: state.ven_name().cloned(),
                    http_pull_model: Some(draws.below(3) == 0),
                    ..push_create("")
                };
                self.send(create);
            }
            4 => self.send(Poll { ven_id }),
            5 => self.send(RequestEvent {
                request: EiRequestEvent {
                    request_id: RequestId::default(),
                    ven_id,
                    reply_limit: None,
                },
            }),
            6 => {
                self.now += TimeDelta::seconds(i64::try_from(draws.below(100)).unwrap());
                self.wake();
            }
            7 | 8 => {
                if let Some(next) = self.host.next_deadline() {
                    self.now = self.now.max(next.min(self.now + TimeDelta::hours(1)));
                }
                self.wake();
            }
            9 => {
                // What was late is told all the same, and changes nothing.
                if let Some((ven, push)) = self.late.pop() {
                    let before = format!("{:?}", self.host);
                    let entropy = self.entropy();
                    let outcome = PushOutcome::Acknowledged;
                    let is_gone = !self
                        .under_way
                        .values()
                        .any(|(other, _)| other.id == push.id);
                    assert!(is_gone);
                    let next = self.host.pushed(ven, push.id, outcome, self.now, entropy);
                    if next.is_none() && self.lease_is_over(ven) {
                        assert_eq!(format!("{:?}", self.host), before);
                    }
                    if let Some(next) = next {
                        self.sent(ven, next);
                    }
                }
            }
            10 => {
                let faults = [
                    PushFault::Unreachable,
                    PushFault::Broken,
                    PushFault::AddressRefused,
                ];
                self.ends(ven, failed(faults[draws.below(3)]));
            }
            _ => {
                let outcome = self.under_way.get(&ven);
                let outcome = outcome.map(|(push, _)| direct_reply(&push.message));
                if let Some(outcome) = outcome {
                    self.ends(ven, outcome);
                }
            }
        }
    }

    /// Whether the partition has seen that, too.
    fn lease_is_over(&self, ven: u64) -> bool {
        self.host
            .vens()
            .find(|(key, _)| *key == ven)
            .and_then(|(_, state)| state.push_status())
            .is_some_and(|status| status.under_way.is_none())
    }

    /// Everybody is there and answers everything.
    fn settle(&mut self) {
        let vens: Vec<_> = self
            .host
            .vens()
            .map(|(_, state)| (state.ven_name().cloned(), state.clone()))
            .collect();
        for (ven_name, state) in vens {
            let create = CreatePartyRegistration {
                registration_id: state.registration().map(|r| r.registration_id.clone()),
                ven_id: state.ven_id().cloned(),
                ven_name,
                ..push_create("")
            };
            self.send(create);
        }
        for _ in 0..400 {
            self.wake();
            self.forget();
            let Some((ven, push)) = self
                .under_way
                .iter()
                .next()
                .map(|(ven, (push, _))| (*ven, push.clone()))
            else {
                // Nothing that nobody answered comes later than this.
                let latest = self.now + TimeDelta::minutes(6);
                match self.host.next_deadline().filter(|next| *next < latest) {
                    Some(next) => self.now = self.now.max(next),
                    None => return,
                }
                continue;
            };
            let known = self.host.vens().find(|(key, _)| *key == ven).unwrap().1;
            let (ven_id, ven_name) = (known.ven_id().unwrap().clone(), known.ven_name().cloned());
            let registration_id = known.registration().map(|r| r.registration_id.clone());
            self.ends(ven, direct_reply(&push.message));
            match &*push.message {
                Message::DistributeEvent(distribute) => {
                    let responses = seen(distribute);
                    let responses = responses
                        .iter()
                        .map(|e| event_response(&e.event_id, e.number, OptType::OptIn));
                    self.send(created_event(ven_id, responses.collect()));
                }
                Message::RequestReregistration(_) => self.send(CreatePartyRegistration {
                    registration_id,
                    ven_id: Some(ven_id),
                    ven_name,
                    ..push_create("")
                }),
                _ => {}
            }
        }
        panic!("there is no end to it: {:?}", self.under_way);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn pushes_go_one_by_one_and_all_arrive_in_the_end(
        numbers in proptest::collection::vec(any::<u64>(), 0..400),
        give_up_after in 1_i64..5_000,
    ) {
        let mut draws = Draws::new(&numbers);
        let mut world = World::new(TimeDelta::seconds(give_up_after));
        for _ in 0..120 {
            world.happen(&mut draws);
        }
        world.settle();
        let now = world.now;
        for (_, state) in world.host.vens() {
            let status = state.push_status().unwrap();
            prop_assert_eq!(status.under_way, None);
            prop_assert_eq!(status.dead_letters, &[]);
            for campaign in world.host.campaigns() {
                let is_open = campaign.state == CampaignState::Open;
                if is_open && campaign.body.end().is_none_or(|end| end > now) {
                    let delivery = state.delivery(&campaign.event_id).unwrap();
                    prop_assert_eq!(delivery.progress, Progress::Answered);
                }
            }
        }
    }
}
