//! Reports from the message to the row, through crashes.

use std::sync::atomic::Ordering;

use chrono::TimeDelta;
use oadr_core::Peer;
use oadr_core::machine::{Decision, Env, Step};
use oadr_core::payload::{
    CreatePartyRegistration, Interval, Message, Payload, RegisterReport, Report, ReportDescription,
    ReportPayload, SamplingRate, StreamPayload, UpdateReport,
};
use oadr_core::value::{
    Duration, NonEmpty, ProfileName, ReadingType, ReportName, ReportRequestId, ReportSpecifierId,
    ReportType, RequestId, Text, TransportName, VenId,
};
use oadr_core::vtn::{self, Command, Input, Reply, WantedReport};

use super::reading_tests::{Rig, all, at, r_id, unit, values};
use super::tests::{context, env};
use super::*;
use crate::store::Commit;

/// A VEN and the VTN that it talks to, until the VTN is killed.
struct Dialogue {
    rig: Rig,
    key: Key,
    at: Loaded<Vtn>,
    turn: u8,
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The VEN has the reply.
    Answered,
    /// It was decided, and not committed.
    KilledBefore,
    /// It was committed, and there was no reply.
    KilledAfter,
}

fn request_id() -> RequestId {
    RequestId::new("r1").unwrap()
}

fn offer() -> Report {
    let point = |name: &str| ReportDescription {
        r_id: r_id(name),
        subject: None,
        data_source: None,
        report_type: ReportType::Usage,
        item_base: Some(unit(oadr_core::value::SiScaleCode::Kilo)),
        reading_type: ReadingType::DirectRead,
        market_context: None,
        sampling_rate: Some(SamplingRate {
            min_period: Duration::seconds(1),
            max_period: Duration::hours(1),
            on_change: false,
        }),
    };
    Report {
        start: None,
        duration: Some(Duration::hours(2)),
        intervals: None,
        ei_report_id: None,
        descriptions: vec![point("a"), point("b")],
        report_request_id: ReportRequestId::new("0").unwrap(),
        report_specifier_id: ReportSpecifierId::new("usage").unwrap(),
        report_name: Some(ReportName::MetadataTelemetryUsage),
        created: at(0),
    }
}

fn request() -> ReportRequestId {
    ReportRequestId::new("req-1").unwrap()
}

/// Three minutes of both points, from this minute on.
fn data(minute: i64) -> Report {
    let payload = |name: &str, value: f64| {
        StreamPayload::Report(ReportPayload {
            r_id: r_id(name),
            confidence: None,
            accuracy: None,
            payload: Payload::Float(value.into()),
            data_quality: None,
        })
    };
    let both = |minute: i64| {
        let value = f64::from(i32::try_from(minute).unwrap());
        let mut both = NonEmpty::one(payload("a", value));
        both.push(payload("b", 0.5));
        both
    };
    let interval = |minute: i64| Interval {
        start: Some(at(minute * 60)),
        duration: Some(Duration::minutes(1)),
        uid: None,
        payloads: both(minute),
    };
    Report {
        start: Some(at(minute * 60)),
        duration: Some(Duration::minutes(3)),
        intervals: NonEmpty::try_from((minute..minute + 3).map(interval).collect::<Vec<_>>()).ok(),
        descriptions: Vec::new(),
        report_request_id: request(),
        report_name: Some(ReportName::TelemetryUsage),
        created: at(minute * 60 + 180),
        ..offer()
    }
}

impl Dialogue {
    async fn new() -> Self {
        let mut dialogue = Self {
            rig: Rig::new(),
            key: Key(0),
            at: Loaded::absent(),
            turn: 0,
        };
        let registration = CreatePartyRegistration {
            request_id: request_id(),
            registration_id: None,
            ven_id: None,
            profile_name: ProfileName::B,
            transport_name: TransportName::SimpleHttp,
            transport_address: None,
            report_only: false,
            xml_signature: false,
            ven_name: Text::new("Pump1").ok(),
            http_pull_model: Some(true),
        };
        dialogue.hear(registration, End::Answered).await;
        let offers = RegisterReport {
            request_id: request_id(),
            reports: vec![offer()],
            ven_id: dialogue.ven_id(),
            report_request_id: None,
        };
        dialogue.hear(offers, End::Answered).await;
        let wanted = WantedReport {
            report_specifier_id: ReportSpecifierId::new("usage").unwrap(),
            r_ids: Vec::new(),
            granularity: Duration::minutes(1),
            report_back: Duration::minutes(3),
            start: None,
            duration: Duration::ZERO,
        };
        let command = Command::RequestReport {
            report_request_id: request(),
            wanted,
        };
        let env = dialogue.env();
        let decision = vtn::command(&dialogue.at, &context(), env, &command);
        dialogue.commit(&decision.unwrap()).await;
        dialogue
    }

    fn ven_id(&self) -> Option<VenId> {
        self.at.state.ven_id().cloned()
    }

    fn env(&mut self) -> Env {
        self.turn += 1;
        env(self.turn)
    }

    async fn commit(&mut self, decision: &Decision<Vtn>) {
        let next = decision.next(&self.at);
        let key = (self.key != Key(0)).then_some(self.key);
        let commit = Commit::new(key, decision, &next, env(self.turn).now, None).unwrap();
        (self.key, _) = self.rig.store.commit(commit).await.unwrap();
        self.at = next;
    }

    /// Hears a message; what there is to know afterwards is what is on the disk.
    async fn hear(&mut self, message: impl Into<Message>, end: End) -> Reply {
        let input = Input::Message {
            peer: Peer::Unproven,
            profile: oadr_core::Profile::B,
            message: message.into(),
            signature: None,
        };
        let env = self.env();
        let Step::Decided(decision) = vtn::decide(&self.at, &context(), env, &input, &[]) else {
            panic!("nobody is asked");
        };
        if end == End::KilledBefore {
            self.kill().await;
            return Reply::Empty;
        }
        let next = decision.next(&self.at);
        let key = (self.key != Key(0)).then_some(self.key);
        let commit = Commit::new(key, &decision, &next, env.now, None).unwrap();
        let (key, proof) = self.rig.store.commit(commit).await.unwrap();
        (self.key, self.at) = (key, next);
        if end == End::KilledAfter {
            self.kill().await;
            return Reply::Empty;
        }
        decision.release(proof)
    }

    async fn kill(&mut self) {
        self.rig.reopen();
        self.at = self.rig.store.load(self.key).await.unwrap().unwrap();
    }

    /// Reports, and says what the VTN answers.
    async fn report(&mut self, reports: Vec<Report>, end: End) -> Option<u16> {
        let update = UpdateReport {
            request_id: request_id(),
            reports,
            ven_id: self.ven_id(),
        };
        match self.hear(update, end).await {
            Reply::Message(reply) => Some(reply.ei_response().unwrap().response_code.get()),
            Reply::Empty | Reply::Push(_) | Reply::Forbidden => None,
        }
    }

    async fn values(&self) -> Vec<(i64, f64, Vec<f64>)> {
        values(&self.rig.store.readings(all()).await.unwrap())
    }
}

#[tokio::test]
async fn rule_346_what_is_reported_until_it_is_acknowledged_is_stored_once() {
    let mut dialogue = Dialogue::new().await;
    let mut minute = 0;
    for ends in [
        &[End::Answered][..],
        &[End::KilledBefore, End::Answered],
        &[End::KilledAfter, End::Answered],
        &[
            End::KilledAfter,
            End::KilledBefore,
            End::KilledAfter,
            End::Answered,
        ],
    ] {
        for end in ends {
            let answer = dialogue.report(vec![data(minute)], *end).await;
            assert_eq!(answer, (*end == End::Answered).then_some(200));
        }
        minute += 3;
    }
    let expected: Vec<_> = (0..minute)
        .flat_map(|n| {
            let value = f64::from(i32::try_from(n).unwrap());
            [(n * 60, value, vec![]), (n * 60, 0.5, vec![])]
        })
        .collect();
    assert_eq!(dialogue.values().await, expected);
    let page = dialogue.rig.store.readings(all()).await.unwrap();
    let (point, _) = page.readings().next().unwrap();
    assert_eq!(Some(&point.ven_id), dialogue.ven_id().as_ref());
    assert_eq!(point.report_request_id, request());
    assert_eq!(point.description.measurement.as_deref(), Some("powerReal"));
    let name = point.description.report_name.clone();
    assert_eq!(name, Some(ReportName::TelemetryUsage));
}

#[tokio::test]
async fn readings_outlive_their_ven() {
    let mut dialogue = Dialogue::new().await;
    dialogue.report(vec![data(0)], End::Answered).await;
    let ven_id = dialogue.ven_id().unwrap();
    let before = dialogue.values().await;
    let leave = oadr_core::payload::CancelPartyRegistration {
        request_id: request_id(),
        registration_id: dialogue
            .at
            .state
            .registration()
            .unwrap()
            .registration_id
            .clone(),
        ven_id: Some(ven_id.clone()),
    };
    dialogue.hear(leave, End::Answered).await;
    let env = dialogue.env();
    let remove = vtn::command(&dialogue.at, &context(), env, &Command::Remove).unwrap();
    dialogue.commit(&remove).await;
    assert!(dialogue.at.state.is_forgotten());
    assert_eq!(dialogue.rig.store.load(dialogue.key).await.unwrap(), None);
    assert_eq!(dialogue.values().await, before);
    let store = &dialogue.rig.store;
    assert!(store.has_readings_of(ven_id.to_string()).await.unwrap());
}

#[tokio::test]
async fn readings_that_are_too_late_or_unasked_are_not_stored() {
    let mut dialogue = Dialogue::new().await;
    let foreign = Report {
        report_request_id: ReportRequestId::new("req-2").unwrap(),
        ..data(0)
    };
    let answer = dialogue.report(vec![foreign.clone()], End::Answered).await;
    assert_eq!(answer, Some(452));
    assert_eq!(dialogue.values().await, []);
    // What else is in the message is taken.
    let answer = dialogue.report(vec![foreign, data(0)], End::Answered).await;
    assert_eq!(answer, Some(452));
    assert_eq!(dialogue.values().await.len(), 6);
}

#[tokio::test]
async fn a_report_of_a_thousand_intervals_is_stored_whole() {
    let mut dialogue = Dialogue::new().await;
    let one = data(0).intervals.unwrap();
    let template = one.iter().next().unwrap();
    let intervals: Vec<_> = (0..1_000)
        .map(|n| Interval {
            start: Some(at(0) + TimeDelta::seconds(n)),
            duration: Some(Duration::seconds(1)),
            ..template.clone()
        })
        .collect();
    let long = Report {
        duration: Some(Duration::seconds(1_000)),
        intervals: NonEmpty::try_from(intervals).ok(),
        ..data(0)
    };
    for _ in 0..2 {
        let answer = dialogue.report(vec![long.clone()], End::Answered).await;
        assert_eq!(answer, Some(200));
    }
    assert_eq!(dialogue.values().await.len(), 2_000);
    let figures = dialogue.rig.store.figures();
    let counts = [&figures.stored, &figures.corrected, &figures.repeated];
    let counts = counts.map(|count| count.load(Ordering::Relaxed));
    assert_eq!(counts, [2_000, 0, 2_000]);
}
