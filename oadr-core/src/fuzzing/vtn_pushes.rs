//! What is on its way to VENs that are pushed to: never two things at once to one of them.
//!
//! Knows nothing of what is on its way.

use chrono::TimeDelta;

use super::vtn::World;
use super::{entropy, over_the_wire};
use crate::Profile;
use crate::payload::arbitrary::{Arbitrary, Draws};
use crate::payload::{
    CanceledPartyRegistration, CanceledReport, CreatedReport, EiResponse, Message, MessageKind,
    PendingReports, RegisteredReport, Response, ResponseCode,
};
use crate::value::{DateTime, Text};
use crate::vtn::{Push, PushFailure, PushFault, PushId, PushOutcome};

/// More than a VEN ever hears of at once.
const MOST_KEPT: usize = 16;

#[derive(Default)]
pub(super) struct Pushes {
    /// To which VEN, what, and until when it may be on its way. Those that have arrived are kept for a
    /// while: they are told of once more.
    sent: Vec<(u64, Push, Option<DateTime>)>,
}

impl Pushes {
    /// # Panics
    /// Something else is on its way to this VEN, or this is nothing to push.
    pub(super) fn send(&mut self, ven: u64, push: Push, now: DateTime, lease: TimeDelta) {
        use MessageKind as K;
        let mut others = self.sent.iter().filter(|(to, _, _)| *to == ven);
        assert!(
            others.all(|(_, _, until)| until.is_none_or(|until| until <= now)),
            "two pushes at once"
        );
        let message = over_the_wire(&push.message);
        assert!(
            matches!(
                message.kind(),
                K::DistributeEvent
                    | K::CreateReport
                    | K::RegisterReport
                    | K::CancelReport
                    | K::CancelPartyRegistration
                    | K::RequestReregistration
            ),
            "pushed {message:?}"
        );
        assert_eq!(message.kind().service(), Some(push.service));
        let until = now.checked_add_signed(lease);
        self.sent.push((ven, push, until));
        if self.sent.len() > MOST_KEPT {
            self.sent.remove(0);
        }
    }

    /// One of them comes to an end, or is told of once more.
    pub(super) fn end(&mut self, draws: &mut Draws<'_>) -> Option<(u64, PushId, PushOutcome)> {
        let place = draws.below(self.sent.len().max(1));
        let (ven, push, until) = self.sent.get_mut(place)?;
        *until = None;
        Some((*ven, push.id, outcome(&push.message, draws)))
    }
}

impl World {
    pub(super) fn wake(&mut self) {
        let entropy = entropy(&mut self.inputs);
        for (ven, push) in self.host.wake(self.now, entropy) {
            self.pushes.send(ven, push, self.now, self.lease);
        }
        let next = self.host.next_deadline();
        assert!(
            next.is_none_or(|next| next > self.now),
            "a deadline that has come comes again"
        );
    }

    /// How a push went is told, perhaps not for the first time.
    pub(super) fn push_ends(&mut self, draws: &mut Draws<'_>) {
        let Some((ven, push, outcome)) = self.pushes.end(draws) else {
            self.wake();
            return;
        };
        let entropy = entropy(&mut self.inputs);
        let next = self.host.pushed(ven, push, outcome, self.now, entropy);
        if let Some(push) = next {
            self.pushes.send(ven, push, self.now, self.lease);
        }
    }
}

fn outcome(message: &Message, draws: &mut Draws<'_>) -> PushOutcome {
    let message = match draws.below(8) {
        0 => return PushOutcome::Acknowledged,
        1 | 2 => return PushOutcome::Failed(failure(draws)),
        3 => {
            let kind = draws.pick(MessageKind::ALL).unwrap_or(MessageKind::Poll);
            Message::arbitrary(kind, draws)
        }
        _ => reply(message, draws),
    };
    PushOutcome::Replied {
        profile: Profile::B,
        message: Box::new(message),
        signature: None,
    }
}

fn failure(draws: &mut Draws<'_>) -> PushFailure {
    let fault = draws.pick(&[
        PushFault::AddressRefused,
        PushFault::Unreachable,
        PushFault::TimedOut,
        PushFault::Refused,
        PushFault::Broken,
        PushFault::Busy,
    ]);
    PushFailure {
        fault: fault.unwrap_or(PushFault::Offline),
        detail: Text::arbitrary(draws),
        retry_after: draws.flip().then(|| TimeDelta::seconds(20)),
    }
}

/// What fits, well or badly.
fn reply(message: &Message, draws: &mut Draws<'_>) -> Message {
    let response = |request_id: &crate::value::RequestId, draws: &mut Draws<'_>| EiResponse {
        response_code: match draws.below(4) {
            0 => ResponseCode::arbitrary(draws),
            1 => ResponseCode::NOT_REGISTERED,
            _ => ResponseCode::OK,
        },
        response_description: None,
        request_id: request_id.clone(),
    };
    let pending = |ids| PendingReports {
        report_request_ids: ids,
    };
    if let Message::RegisterReport(m) = message {
        return Message::from(RegisteredReport {
            ei_response: response(&m.request_id, draws),
            report_requests: Vec::new(),
            ven_id: m.ven_id.clone(),
        });
    }
    if let Message::CreateReport(m) = message {
        let ids = m.report_requests.iter();
        return Message::from(CreatedReport {
            ei_response: response(&m.request_id, draws),
            pending_reports: pending(ids.map(|r| r.report_request_id.clone()).collect()),
            ven_id: m.ven_id.clone(),
        });
    }
    if let Message::CancelReport(m) = message {
        return Message::from(CanceledReport {
            ei_response: response(&m.request_id, draws),
            pending_reports: pending(Vec::new()),
            ven_id: m.ven_id.clone(),
        });
    }
    if let Message::CancelPartyRegistration(m) = message {
        return Message::from(CanceledPartyRegistration {
            ei_response: response(&m.request_id, draws),
            registration_id: Some(m.registration_id.clone()),
            ven_id: m.ven_id.clone(),
        });
    }
    Message::from(Response {
        ei_response: response(&crate::value::RequestId::default(), draws),
        ven_id: None,
    })
}
