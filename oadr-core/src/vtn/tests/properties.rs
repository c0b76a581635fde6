//! What holds whatever happens: random changes in random states, random inputs in random order.

use proptest::prelude::*;

use super::reporter::{id, offers, once, point, wanted};
use super::updating::minute;
use super::*;
use crate::payload::arbitrary::{Arbitrary, Draws};
use crate::payload::{MessageKind, Report};
use crate::value::{GroupId, RegistrationId, ReportRequestId, ResourceId};
use crate::{BareJid, CertificateId};

fn instant(draws: &mut Draws<'_>) -> DateTime {
    midnight() + TimeDelta::seconds(i64::try_from(draws.below(20_000)).unwrap())
}

fn event_id(draws: &mut Draws<'_>) -> EventId {
    EventId::new(["a", "b", "c"][draws.below(3)]).unwrap()
}

fn request(draws: &mut Draws<'_>) -> Option<ReportRequestId> {
    [None, ReportRequestId::new("m").ok()][draws.below(2)].clone()
}

fn progress(draws: &mut Draws<'_>) -> Progress {
    match draws.below(4) {
        0 => Progress::Unsent,
        1 => Progress::Answered,
        2 => Progress::Listed,
        _ => Progress::Sent {
            resend_at: instant(draws),
        },
    }
}

fn outline(draws: &mut Draws<'_>) -> Outline {
    Outline {
        market_context: MarketContext::arbitrary(draws),
        priority: Option::<u32>::arbitrary(draws),
        response_required: ResponseRequired::arbitrary(draws),
        start: instant(draws),
        duration: Duration::minutes(5),
        start_after: None,
        closes: (draws.below(3) > 0).then(|| instant(draws)),
    }
}

fn registration(draws: &mut Draws<'_>) -> Registration {
    Registration {
        registration_id: RegistrationId::arbitrary(draws),
        profile: ProfileName::B,
        transport: TransportName::SimpleHttp,
        transport_address: Option::<Text>::arbitrary(draws),
        pull: true,
        report_only: draws.below(8) == 7,
        xml_signature: false,
        since: instant(draws),
        renewed: instant(draws),
    }
}

fn report_request_id(draws: &mut Draws<'_>) -> ReportRequestId {
    id(["r1", "r2", "r3"][draws.below(3)])
}

fn report_progress(draws: &mut Draws<'_>) -> ReportProgress {
    match draws.below(7) {
        0 => ReportProgress::Unoffered,
        1 => ReportProgress::Waiting {
            alone: draws.flip(),
        },
        2 => ReportProgress::Sent {
            request_id: RequestId::arbitrary(draws),
            company: u32::arbitrary(draws),
            times: u32::arbitrary(draws),
            resend_at: instant(draws),
        },
        3 => ReportProgress::Accepted,
        4 => ReportProgress::Refused {
            response_code: ResponseCode::arbitrary(draws),
            forget_at: instant(draws),
        },
        5 => ReportProgress::Cancelling(Cancelling {
            report_to_follow: draws.flip(),
            request_id: RequestId::arbitrary(draws),
            times: u32::arbitrary(draws),
            resend_at: draws.flip().then(|| instant(draws)),
            give_up_at: instant(draws),
        }),
        _ => ReportProgress::Over {
            forget_at: instant(draws),
            to_follow: Option::<u32>::arbitrary(draws),
        },
    }
}

fn report_change(draws: &mut Draws<'_>) -> ReportChange {
    let report_request_id = report_request_id(draws);
    match draws.below(4) {
        0 => ReportChange::Progressed {
            report_request_id,
            progress: report_progress(draws),
        },
        1 => ReportChange::Received {
            report_request_id,
            last: LastReport {
                received: instant(draws),
                until: draws.flip().then(|| instant(draws)),
            },
        },
        2 => ReportChange::Forgotten { report_request_id },
        _ => ReportChange::Wanted(Box::new(RequestedReport {
            report_request_id,
            wanted: WantedReport {
                start: draws.flip().then(|| instant(draws)),
                duration: Duration::minutes(u32::arbitrary(draws) % 400),
                ..wanted(["usage", "past", "METADATA"][draws.below(3)])
            },
            origin: [RequestOrigin::Operator, RequestOrigin::Application][draws.below(2)].clone(),
            since: instant(draws),
            points: vec![PointFact::of(&point("a", "boiler"))],
            progress: report_progress(draws),
            resumed: draws.flip().then(|| instant(draws)),
            last: None,
        })),
    }
}

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

/// Some that meet those of the peers.
fn certificates(draws: &mut Draws<'_>) -> Vec<CertificateId> {
    let seen = CertificateHash([3; 32]);
    let ids = [
        CertificateId::Hash(seen),
        CertificateId::Fingerprint(seen.fingerprint()),
        CertificateId::Fingerprint(CertificateHash([4; 32]).fingerprint()),
    ];
    ids.into_iter().filter(|_| draws.below(3) == 0).collect()
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

fn policy(draws: &mut Draws<'_>) -> Option<SignaturePolicy> {
    match draws.below(4) {
        0 => Some(SignaturePolicy::Off),
        1 => Some(SignaturePolicy::Optional),
        2 => Some(SignaturePolicy::Required),
        _ => None,
    }
}

/// Any change at all, whether a decision would make it or not.
fn change(draws: &mut Draws<'_>) -> Change {
    match draws.below(32) {
        25..=29 => Change::Push(push_change(draws)),
        30 => Change::JidAssigned {
            jid: (draws.below(3) > 0).then(|| account(draws)),
        },
        0 => Change::Decided(Decided {
            at: instant(draws),
            context_version: draws.number(),
        }),
        1 => Change::Enrolled {
            ven_name: Text::arbitrary(draws),
            ven_id: Option::<VenId>::arbitrary(draws),
            groups: Vec::<GroupId>::arbitrary(draws),
            resources: Vec::<ResourceId>::arbitrary(draws),
            certificates: certificates(draws),
            signatures: policy(draws),
            jid: (draws.below(3) == 1).then(|| account(draws)),
        },
        21 => Change::CertificatesAssigned {
            certificates: certificates(draws),
        },
        22 => Change::CertificateSeen {
            certificate: CertificateHash([3; 32]),
        },
        23 => Change::SignaturesAssigned {
            signatures: policy(draws),
        },
        24 => Change::SignatureUsed {
            nonce: NonceHash([u8::try_from(draws.below(256)).unwrap(); 16]),
            timestamp: instant(draws),
            forget_before: instant(draws),
        },
        2 | 3 => Change::Registered {
            ven_id: VenId::arbitrary(draws),
            ven_name: Option::<Text>::arbitrary(draws),
            certificate: (draws.below(2) == 1).then_some(CertificateHash([3; 32])),
            registration: registration(draws),
            give_up_at: instant(draws),
            jid: (draws.below(3) == 1).then(|| account(draws)),
            pushes_from: (draws.below(2) == 1).then(|| instant(draws)),
        },
        4 => Change::Reregistered {
            ven_name: Option::<Text>::arbitrary(draws),
            registration: registration(draws),
            jid: (draws.below(3) == 1).then(|| account(draws)),
            pushes_from: (draws.below(2) == 1).then(|| instant(draws)),
        },
        5 => Change::RegistrationCancelled,
        6 => Change::Forgotten,
        7 => Change::RemovalRequested {
            give_up_at: instant(draws),
        },
        8 => Change::RemovalSent {
            resend_at: instant(draws),
        },
        9 => Change::ReregistrationRequested {
            give_up_at: instant(draws),
        },
        10 => Change::ReregistrationSent {
            resend_at: instant(draws),
        },
        11 => Change::ReregistrationGivenUp,
        12 => Change::MetadataRequested {
            report_request_id: ReportRequestId::new("m").unwrap(),
            rhythm: None,
            give_up_at: instant(draws),
        },
        13 => Change::MetadataSent {
            answers: request(draws),
            resend_at: instant(draws),
        },
        14 => Change::MetadataEnded {
            answers: request(draws),
        },
        15 => Change::OffersRegistered {
            offers: Vec::<Report>::arbitrary(draws),
        },
        16 => Change::EventRepeated {
            event_id: event_id(draws),
            progress: progress(draws),
        },
        17 => Change::EventAnswered {
            event_id: event_id(draws),
            answer: EventAnswer {
                modification_number: u32::arbitrary(draws),
                opt: OptType::arbitrary(draws),
                response_code: ResponseCode::arbitrary(draws),
                response_description: Option::<Text>::arbitrary(draws),
                at: instant(draws),
            },
        },
        18 => Change::EventProlonged {
            event_id: event_id(draws),
            closes: (draws.below(2) == 1).then(|| instant(draws)),
        },
        19 => Change::EventEnded {
            event_id: event_id(draws),
        },
        20 => Change::Report(report_change(draws)),
        _ => Change::EventSent {
            event_id: event_id(draws),
            revision: u32::arbitrary(draws),
            modification_number: u32::arbitrary(draws),
            content: [Content::Event, Content::Cancellation][draws.below(2)],
            outline: outline(draws),
            at: instant(draws),
            progress: progress(draws),
        },
    }
}

fn account(draws: &mut Draws<'_>) -> BareJid {
    let accounts = ["house@vtn.example", "villa@vtn.example"];
    accounts[draws.below(2)].parse().unwrap()
}

fn push_change(draws: &mut Draws<'_>) -> PushChange {
    let kinds = [MessageKind::DistributeEvent, MessageKind::CreateReport];
    let failure = PushFailure {
        fault: [PushFault::TimedOut, PushFault::Refused][draws.below(2)],
        detail: Text::arbitrary(draws),
        retry_after: (draws.below(2) == 1).then(|| TimeDelta::seconds(7)),
    };
    match draws.below(7) {
        0 | 1 => PushChange::Started {
            id: PushId(draws.number()),
            kind: kinds[draws.below(2)],
            items: push_items(draws),
            at: instant(draws),
            lease_until: instant(draws),
        },
        2 => PushChange::Arrived {
            heard: vec![event_id(draws)],
        },
        3 => {
            let given_up = push_items(draws);
            let letter = (draws.below(2) == 1).then(|| DeadLetter {
                id: u64::try_from(draws.below(3)).unwrap(),
                kind: kinds[draws.below(2)],
                event_ids: vec![event_id(draws)],
                since: instant(draws),
                last: instant(draws),
                attempts: u32::arbitrary(draws),
                failure: failure.clone(),
            });
            PushChange::Failed(Box::new(FailedPush {
                failure,
                not_before: instant(draws),
                again_at: instant(draws),
                letter,
                given_up,
            }))
        }
        4 => PushChange::Looked {
            not_before: (draws.below(2) == 1).then(|| instant(draws)),
        },
        5 => PushChange::Revived {
            at: instant(draws),
            letters: vec![0, 1],
            failures: u32::arbitrary(draws),
            not_before: (draws.below(2) == 1).then(|| instant(draws)),
        },
        _ => PushChange::Polled { at: instant(draws) },
    }
}

fn push_items(draws: &mut Draws<'_>) -> Vec<PushItem> {
    let mut items = vec![PushItem::Event {
        event_id: event_id(draws),
        modification_number: u32::try_from(draws.below(2)).unwrap(),
    }];
    match draws.below(5) {
        0 => items.push(PushItem::Removal),
        1 => items.push(PushItem::Reregistration),
        2 => items.push(PushItem::Metadata {
            answers: request(draws),
        }),
        3 => items.push(PushItem::Report {
            report_request_id: id("r"),
        }),
        _ => items.push(PushItem::Cancellation {
            report_request_id: id("r"),
        }),
    }
    items
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
