//! Changes of all kinds, drawn at random.

use super::reporter::{id, point, wanted};
use super::*;
use crate::payload::arbitrary::{Arbitrary, Draws};
use crate::payload::{MessageKind, Report};
use crate::value::{GroupId, RegistrationId, ReportRequestId, ResourceId};
use crate::{BareJid, CertificateId};

pub(super) fn instant(draws: &mut Draws<'_>) -> DateTime {
    midnight() + TimeDelta::seconds(i64::try_from(draws.below(20_000)).unwrap())
}

pub(super) fn event_id(draws: &mut Draws<'_>) -> EventId {
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

pub(super) fn report_request_id(draws: &mut Draws<'_>) -> ReportRequestId {
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

/// Some that meet those of the peers.
pub(super) fn certificates(draws: &mut Draws<'_>) -> Vec<CertificateId> {
    let seen = CertificateHash([3; 32]);
    let ids = [
        CertificateId::Hash(seen),
        CertificateId::Fingerprint(seen.fingerprint()),
        CertificateId::Fingerprint(CertificateHash([4; 32]).fingerprint()),
    ];
    ids.into_iter().filter(|_| draws.below(3) == 0).collect()
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
pub(super) fn change(draws: &mut Draws<'_>) -> Change {
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
    match draws.below(8) {
        0 | 1 => PushChange::Started {
            id: PushId(draws.number()),
            kind: kinds[draws.below(2)],
            items: push_items(draws),
            at: instant(draws),
            lease_until: instant(draws),
        },
        2 => PushChange::Arrived {
            heard: vec![event_id(draws)],
            again_at: instant(draws),
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
        6 => PushChange::Overtaken {
            events: vec![event_id(draws)],
            at: instant(draws),
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
