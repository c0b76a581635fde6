//! What holds whatever happens: random changes in random states, random inputs in random order.

use proptest::prelude::*;

use super::drawn::{certificates, change, event_id, instant, report_request_id};
use super::reporter::{id, offers, once, wanted};
use super::updating::minute;
use super::*;
use crate::payload::MessageKind;
use crate::payload::arbitrary::{Arbitrary, Draws};
use crate::value::GroupId;

/// Something about reports, from the VEN or about it.
fn report(rig: &mut Rig, draws: &mut Draws<'_>) {
    let request = report_request_id(draws);
    let request = request.as_str();
    let code = [200, 452, 503][draws.below(3)];
    match draws.below(6) {
        0 => {
            let mut reports = offers();
            reports.truncate(draws.below(4));
            rig.offer_outcome(reports);
        }
        1 => {
            let wanted = [wanted("usage"), once("usage"), once("METADATA")];
            // Refused or not, it must not break anything.
            let _ = rig.want(request, wanted[draws.below(3)].clone());
        }
        2 => {
            let _ = rig.command(&Command::CancelReport {
                report_request_id: id(request),
                report_to_follow: draws.flip(),
            });
        }
        3 => {
            rig.created(code, "", &[request]);
        }
        4 => {
            rig.canceled(code, &[]);
        }
        _ => {
            rig.update_outcome(vec![minute(request)]);
        }
    }
}

/// Lets the VEN be who it is, and sign if it can.
fn prove(rig: &mut Rig) {
    let all = [3, 4].map(|n| CertificateHash([n; 32]));
    rig.signer = all
        .into_iter()
        .find(|hash| rig.state().has_certificate(hash));
    rig.peer = rig.signer.map_or(Peer::Unproven, Peer::Certificate);
    if rig.signer.is_none() {
        // Without a certificate there is nothing to sign with.
        rig.at.state.signatures = None;
    }
}

/// One thing that can happen in the world of a rig.
fn happen(rig: &mut Rig, draws: &mut Draws<'_>) {
    match draws.below(26) {
        0..=4 => {
            rig.poll_outcome();
        }
        5 => {
            rig.register();
        }
        6 => {
            let again = CreatePartyRegistration {
                registration_id: rig
                    .state()
                    .registration()
                    .map(|r| r.registration_id.clone()),
                ..create("house")
            };
            rig.create(again);
        }
        7 | 8 => {
            let event_id = event_id(draws);
            let delivery = rig.state().events.get(&event_id);
            let number = delivery.map_or(0, |delivery| delivery.modification_number);
            rig.answer(event_id.as_str(), number, OptType::arbitrary(draws));
        }
        9 => {
            rig.deadline();
        }
        10 => rig.advance(i64::try_from(draws.below(3_000)).unwrap()),
        11 => {
            let event_id = event_id(draws);
            if rig.context.campaigns.iter().all(|c| c.event_id != event_id) {
                let minutes = (rig.now - midnight()).num_minutes() + 10;
                let draft = EventDraft {
                    response_required: ResponseRequired::arbitrary(draws),
                    start_after: (draws.below(2) == 1).then(|| Duration::minutes(5)),
                    ..draft_at(minutes)
                };
                rig.announce(event_id.as_str(), draft);
            }
        }
        12 => {
            let priority = Option::<u32>::arbitrary(draws);
            change_any(rig, draws, |campaign, now| {
                let mut draft = campaign.body.to_draft();
                draft.priority = priority;
                campaign.modify(EventBody::new(draft).unwrap(), now)
            });
        }
        13 => change_any(rig, draws, Campaign::cancel),
        14 => {
            let event_id = event_id(draws);
            rig.context
                .campaigns
                .retain(|campaign| campaign.event_id != event_id);
        }
        15 => {
            let commands = [
                Command::Remove,
                Command::RequestReregistration,
                Command::assign(
                    Assignment::Exactly(vec![GroupId::new("north").unwrap()]),
                    Assignment::default(),
                ),
                Command::Assign {
                    groups: Assignment::default(),
                    resources: Assignment::default(),
                    certificates: Assignment::Change {
                        add: certificates(draws),
                        remove: certificates(draws),
                    },
                    signatures: SignatureChange::Own(SignaturePolicy::Required),
                    jid: JidChange::Keep,
                },
            ];
            // Refused or not, it must not break anything.
            let _ = rig.command(&commands[draws.below(4)]);
            prove(rig);
        }
        16 => {
            rig.request_events((draws.below(2) == 1).then_some(1));
        }
        17 => {
            let answer = RegisteredReport {
                ei_response: ok(""),
                report_requests: Vec::new(),
                ven_id: None,
            };
            rig.send(answer);
        }
        18..=23 => report(rig, draws),
        // Anything that can be read, from the right VEN or not.
        _ => {
            let kind = draws.pick(MessageKind::ALL).unwrap();
            let mut message = Message::arbitrary(kind, draws);
            match &mut message {
                Message::CreatedEvent(m) => m.created.ven_id = rig.ven_id(),
                Message::CreateReport(m) => m.ven_id = Some(rig.ven_id()),
                Message::RegisterReport(m) => m.ven_id = Some(rig.ven_id()),
                Message::CanceledPartyRegistration(m) => m.ven_id = Some(rig.ven_id()),
                _ => {}
            }
            rig.send(message);
        }
    }
}

fn change_any(
    rig: &mut Rig,
    draws: &mut Draws<'_>,
    change: impl FnOnce(&Campaign, DateTime) -> Result<Campaign, CampaignError>,
) {
    let event_id = event_id(draws);
    let now = rig.now;
    if let Some(campaign) = rig
        .context
        .campaigns
        .iter_mut()
        .find(|c| c.event_id == event_id)
        && let Ok(changed) = change(campaign, now)
    {
        *campaign = Arc::new(changed);
        rig.context.version += 1;
    }
}

/// What a VEN that sees every distribution can say of the numbers in them.
fn check_numbers(known: &mut BTreeMap<String, Seen>, now_seen: Vec<Seen>) {
    for event in now_seen {
        if let Some(before) = known.get(&event.event_id) {
            assert!(before.number <= event.number, "{before:?} {event:?}");
            let cancelled = |seen: &Seen| seen.status == EventStatus::Cancelled;
            if cancelled(before) != cancelled(&event) {
                assert!(before.number < event.number, "{before:?} {event:?}");
            }
        }
        known.insert(event.event_id.clone(), event);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn apply_never_fails_on_any_change_in_any_state(
        numbers in proptest::collection::vec(any::<u64>(), 0..400),
    ) {
        let mut draws = Draws::new(&numbers);
        let mut state = State::default();
        for _ in 0..20 {
            let change = change(&mut draws);
            prop_assert_eq!(&stored(&change), &change);
            let mut replayed: State = stored(&state);
            Vtn::apply(&mut state, &change);
            Vtn::apply(&mut replayed, &change);
            prop_assert_eq!(&replayed, &state);
        }
    }

    #[test]
    fn decide_takes_any_message_in_any_state(
        numbers in proptest::collection::vec(any::<u64>(), 0..400),
    ) {
        let mut draws = Draws::new(&numbers);
        let mut rig = Rig::new();
        for _ in 0..12 {
            let change = change(&mut draws);
            Vtn::apply(&mut rig.at.state, &change);
        }
        rig.claims = rig.state().claims().into_iter().collect();
        rig.now = instant(&mut draws);
        prove(&mut rig);
        rig.poll_outcome();
        rig.deadline();
        for _ in 0..4 {
            happen(&mut rig, &mut draws);
        }
    }

    #[test]
    fn no_sequence_of_happenings_breaks_what_holds(
        numbers in proptest::collection::vec(any::<u64>(), 0..300),
    ) {
        let mut draws = Draws::new(&numbers);
        let mut rig = Rig::registered();
        for _ in 0..60 {
            happen(&mut rig, &mut draws);
        }
        // In the end the VEN is there and answers everything, and then there is silence.
        rig.register();
        rig.exchange_metadata();
        let mut known = BTreeMap::new();
        for _ in 0..4 {
            if let Message::DistributeEvent(distribute) = rig.poll() {
                check_numbers(&mut known, seen(&distribute));
                let responses = distribute.events.iter().map(|event| {
                    let descriptor = &event.ei_event.descriptor;
                    let id = descriptor.event_id.as_str();
                    event_response(id, descriptor.modification_number, OptType::OptIn)
                });
                let created = created_event(rig.ven_id(), responses.collect());
                prop_assert_eq!(rig.send(created).code(), 200);
            }
        }
        prop_assert!(rig.polls_in_vain());
        // What was given up or ended is gone; the rest waits for its end.
        let live = |campaign: &Arc<Campaign>| campaign.closes().is_none_or(|at| at > rig.now);
        for campaign in rig.context.campaigns.iter().filter(|campaign| live(campaign)) {
            if campaign.state == CampaignState::Open && campaign.body.end() > Some(rig.now) {
                prop_assert!(rig.state().events.contains_key(&campaign.event_id));
            }
        }
    }

    #[test]
    fn numbers_never_go_back_within_a_registration(
        numbers in proptest::collection::vec(any::<u64>(), 0..300),
    ) {
        let mut draws = Draws::new(&numbers);
        let mut rig = Rig::registered();
        let mut known = BTreeMap::new();
        for _ in 0..60 {
            // Only what an operator and time do; the VEN just listens and answers at times.
            match draws.below(8) {
                0 => rig.advance(i64::try_from(draws.below(900)).unwrap()),
                1 => change_any(&mut rig, &mut draws, Campaign::cancel),
                2 => {
                    let priority = Option::<u32>::arbitrary(&mut draws);
                    change_any(&mut rig, &mut draws, |campaign, now| {
                        let mut draft = campaign.body.to_draft();
                        draft.priority = priority;
                        campaign.modify(EventBody::new(draft).unwrap(), now)
                    });
                }
                3 => {
                    let event_id = event_id(&mut draws);
                    let is_new = rig.context.campaigns.iter().all(|c| c.event_id != event_id)
                        && !rig.state().events.contains_key(&event_id);
                    if is_new && !known.contains_key(event_id.as_str()) {
                        rig.announce(event_id.as_str(), draft_at((rig.now - midnight()).num_minutes() + 60));
                    }
                }
                4 => {
                    let event_id = event_id(&mut draws);
                    let number = rig.state().events.get(&event_id).map(|d| d.modification_number);
                    if let Some(number) = number {
                        rig.answer(event_id.as_str(), number, OptType::OptIn);
                    }
                }
                _ => {
                    if let Message::DistributeEvent(distribute) = rig.poll() {
                        check_numbers(&mut known, seen(&distribute));
                    }
                }
            }
        }
    }
}
