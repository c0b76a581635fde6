//! Whose messages are taken, and which.

use super::*;

#[test]
fn rule_517_an_unregistered_ven_hears_463_in_the_message_that_fits() {
    let mut rig = Rig::new();
    let before = rig.at.clone();
    for (request, kind) in every_request(&VenId::new("ven-1").unwrap()) {
        let outcome = rig.send(request.clone());
        assert!(outcome.changes.is_empty());
        let answer = outcome.message();
        assert_eq!(
            (answer.kind(), code_of(&answer)),
            (kind, 463),
            "{request:?}"
        );
    }
    assert_eq!(rig.at, before, "an unknown peer leaves no trace");
}

#[test]
fn rule_517_a_registered_ven_with_another_id_hears_452() {
    let mut rig = Rig::registered();
    for (request, kind) in every_request(&VenId::new("VEN-1").unwrap()) {
        let outcome = rig.send(request.clone());
        assert!(outcome.changes.is_empty());
        let answer = outcome.message();
        assert_eq!(
            (answer.kind(), code_of(&answer)),
            (kind, 452),
            "{request:?}"
        );
    }
}

#[test]
fn rule_51_what_a_ven_does_not_send_is_refused() {
    let mut rig = Rig::registered();
    for kind in [
        crate::payload::MessageKind::DistributeEvent,
        crate::payload::MessageKind::CreatedPartyRegistration,
        crate::payload::MessageKind::RequestReregistration,
        crate::payload::MessageKind::CreatedOpt,
        crate::payload::MessageKind::CanceledOpt,
    ] {
        let numbers = [0; 4];
        let mut draws = crate::payload::arbitrary::Draws::new(&numbers);
        let mut message = Message::arbitrary(kind, &mut draws);
        if let Message::RequestReregistration(request) = &mut message {
            request.ven_id = rig.ven_id();
        }
        let outcome = rig.send(message);
        assert!(outcome.changes.is_empty());
        let answer = outcome.message();
        assert!(matches!(answer, Message::Response(_)), "{kind}");
        assert_eq!(code_of(&answer), 459, "{kind}");
    }
}

#[test]
fn rule_23_only_vens_ask_for_events() {
    let mut rig = Rig::registered();
    assert_eq!(rig.request_events(None).ei_response, Some(ok("asked")));
    // A distribution that somebody sends to the VTN is none.
    let sent = rig.request_events(None);
    assert_eq!(rig.send(sent).code(), 459);
}

#[test]
fn rule_508_a_ven_id_that_the_schema_lets_be_absent_may_be() {
    let mut rig = Rig::registered();
    let response = Response {
        ei_response: ok(""),
        ven_id: None,
    };
    assert_eq!(rig.send(response).reply, Reply::Empty);
}

/// Every message with a venID that a registered VEN may send, and the kind of its answer.
pub(super) fn every_request(ven_id: &VenId) -> Vec<(Message, crate::payload::MessageKind)> {
    use crate::payload::MessageKind as K;
    let kinds = [
        (K::Poll, K::Response),
        (K::RequestEvent, K::DistributeEvent),
        (K::CreatedEvent, K::Response),
        (K::CancelPartyRegistration, K::CanceledPartyRegistration),
        (K::CanceledPartyRegistration, K::Response),
        (K::Response, K::Response),
        (K::CreateOpt, K::CreatedOpt),
        (K::CancelOpt, K::CanceledOpt),
        (K::RegisterReport, K::RegisteredReport),
        (K::RegisteredReport, K::Response),
        (K::CreateReport, K::CreatedReport),
        (K::CreatedReport, K::Response),
        (K::UpdateReport, K::UpdatedReport),
        (K::UpdatedReport, K::Response),
        (K::CancelReport, K::CanceledReport),
        (K::CanceledReport, K::Response),
    ];
    kinds
        .into_iter()
        .map(|(kind, answer)| {
            let mut message =
                Message::arbitrary(kind, &mut crate::payload::arbitrary::Draws::new(&[]));
            let id = Some(ven_id.clone());
            match &mut message {
                Message::Poll(m) => m.ven_id = ven_id.clone(),
                Message::RequestEvent(m) => m.request.ven_id = ven_id.clone(),
                Message::CreatedEvent(m) => m.created.ven_id = ven_id.clone(),
                Message::CancelPartyRegistration(m) => m.ven_id = id,
                Message::CanceledPartyRegistration(m) => m.ven_id = id,
                Message::Response(m) => m.ven_id = id,
                Message::CreateOpt(m) => m.ven_id = ven_id.clone(),
                Message::CancelOpt(m) => m.ven_id = ven_id.clone(),
                Message::RegisterReport(m) => m.ven_id = id,
                Message::RegisteredReport(m) => m.ven_id = id,
                Message::CreateReport(m) => m.ven_id = id,
                Message::CreatedReport(m) => m.ven_id = id,
                Message::UpdateReport(m) => m.ven_id = id,
                Message::UpdatedReport(m) => m.ven_id = id,
                Message::CancelReport(m) => m.ven_id = id,
                Message::CanceledReport(m) => m.ven_id = id,
                other => panic!("{other:?}"),
            }
            (message, answer)
        })
        .collect()
}
