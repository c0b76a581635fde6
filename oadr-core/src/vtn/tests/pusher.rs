//! A VEN that is pushed to: what it gets, and how a push goes.

use super::*;
use crate::payload::{
    CanceledPartyRegistration, CanceledReport, CreatedReport, MessageKind, PendingReports,
};

/// A VEN that wants to be pushed to over simple HTTP.
pub(super) fn push_create(name: &str) -> CreatePartyRegistration {
    CreatePartyRegistration {
        transport_address: Text::new("https://house.example:8443/dr/").ok(),
        http_pull_model: Some(false),
        ..create(name)
    }
}

pub(super) fn failure(fault: PushFault) -> PushFailure {
    PushFailure {
        fault,
        detail: Text::new("no luck").unwrap(),
        retry_after: None,
    }
}

pub(super) fn failed(fault: PushFault) -> PushOutcome {
    PushOutcome::Failed(failure(fault))
}

pub(super) fn replied(message: impl Into<Message>) -> PushOutcome {
    PushOutcome::Replied {
        profile: Profile::B,
        message: Box::new(message.into()),
        signature: None,
    }
}

pub(super) fn refusal(code: u16) -> Response {
    let code = ResponseCode::new(code).unwrap();
    Response {
        ei_response: EiResponse::new(code, "not so", RequestId::default()),
        ven_id: None,
    }
}

/// What a VEN says at once to what is pushed to it.
pub(super) fn direct_reply(message: &Message) -> PushOutcome {
    let pending = |ids| PendingReports {
        report_request_ids: ids,
    };
    match message {
        Message::DistributeEvent(_) => PushOutcome::Acknowledged,
        Message::RegisterReport(m) => replied(RegisteredReport {
            ei_response: EiResponse::ok(m.request_id.clone()),
            report_requests: Vec::new(),
            ven_id: m.ven_id.clone(),
        }),
        Message::CreateReport(m) => replied(CreatedReport {
            ei_response: EiResponse::ok(m.request_id.clone()),
            pending_reports: pending(
                m.report_requests
                    .iter()
                    .map(|request| request.report_request_id.clone())
                    .collect(),
            ),
            ven_id: m.ven_id.clone(),
        }),
        Message::CancelReport(m) => replied(CanceledReport {
            ei_response: EiResponse::ok(m.request_id.clone()),
            pending_reports: pending(Vec::new()),
            ven_id: m.ven_id.clone(),
        }),
        Message::CancelPartyRegistration(m) => replied(CanceledPartyRegistration {
            ei_response: EiResponse::ok(m.request_id.clone()),
            registration_id: Some(m.registration_id.clone()),
            ven_id: m.ven_id.clone(),
        }),
        Message::RequestReregistration(m) => replied(response(&m.ven_id)),
        other => panic!("{other:?} is not to be pushed"),
    }
}

impl Rig {
    /// A VEN that is pushed to and has had our metadata.
    pub(super) fn pushed_to() -> Self {
        let mut rig = Self::new();
        rig.context.http_push = true;
        rig.create(push_create("house"));
        rig.advance(1);
        let metadata = rig.push();
        assert_eq!(metadata.message.kind(), MessageKind::RegisterReport);
        assert_eq!(rig.arrives(&metadata), None);
        rig.effects.clear();
        rig
    }

    /// Lets a deadline come; what is pushed then.
    pub(super) fn wake(&mut self) -> Option<Push> {
        match self.deadline().reply {
            Reply::Push(push) => Some(*push),
            Reply::Empty => None,
            other @ (Reply::Message(_) | Reply::Forbidden) => panic!("{other:?}"),
        }
    }

    pub(super) fn push(&mut self) -> Push {
        self.wake().expect("something is pushed")
    }

    /// Waits for the next push, and for nothing but pushes and their outcomes.
    pub(super) fn next_push(&mut self) -> Option<Push> {
        for _ in 0..8 {
            let next = Vtn::next_deadline(&self.at.state)?;
            self.now = self.now.max(next);
            if let Some(push) = self.wake() {
                return Some(push);
            }
        }
        None
    }

    /// Tells how a push went; what is pushed next.
    pub(super) fn ends(&mut self, push: &Push, outcome: PushOutcome) -> Option<Push> {
        match self.outcome(push.id, outcome).reply {
            Reply::Push(push) => Some(*push),
            Reply::Empty => None,
            other @ (Reply::Message(_) | Reply::Forbidden) => panic!("{other:?}"),
        }
    }

    pub(super) fn outcome(&mut self, push: PushId, outcome: PushOutcome) -> Outcome {
        self.run(&Input::Pushed { push, outcome }, &[])
    }

    /// It arrives, and the VEN says at once what there is to say.
    pub(super) fn arrives(&mut self, push: &Push) -> Option<Push> {
        self.ends(push, direct_reply(&push.message))
    }

    pub(super) fn push_status(&self) -> PushStatus<'_> {
        self.state().push_status().expect("the VEN is pushed to")
    }

    /// A push fails, and comes again as often as this.
    pub(super) fn keeps_failing(&mut self, push: Push, fault: PushFault, times: usize) -> Push {
        let mut push = push;
        for _ in 0..times {
            assert_eq!(self.ends(&push, failed(fault)), None);
            push = self.next_push().expect("it is tried again");
        }
        push
    }
}

/// The events in a push.
pub(super) fn pushed_events(push: &Push) -> Vec<Seen> {
    match &*push.message {
        Message::DistributeEvent(distribute) => seen(distribute),
        other => panic!("{other:?}"),
    }
}
