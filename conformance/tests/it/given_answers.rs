//! What VENs answered to events, read off the wire, and whether the VTN still knows.
//!
//! Knows nothing of crashes: it compares what was acknowledged with what the VTN shows and asks.

use std::collections::{BTreeMap, BTreeSet};

use conformance::program::Vtn;
use conformance::tap::{Exchange, Tap};
use serde_json::Value;

use crate::{operator, wire};

/// The answers that went over the wire, by event and VEN.
#[derive(Debug, Default)]
pub(crate) struct GivenAnswers(BTreeMap<(String, String), Given>);

#[derive(Debug, Default)]
struct Given {
    /// Every modificationNumber and optType that the VEN sent.
    sent: BTreeSet<(u64, String)>,
    /// The highest modificationNumber whose acknowledgement left the VTN.
    acknowledged: Option<u64>,
}

impl GivenAnswers {
    pub(crate) fn read(exchanges: &[Exchange]) -> Self {
        let mut answers = Self::default();
        for exchange in exchanges {
            if wire::message(&exchange.request) != "oadrCreatedEvent" {
                continue;
            }
            let acknowledged = is_acknowledged(exchange);
            let ven_id = ven_id(&exchange.request);
            let opts = wire::texts(&exchange.request, "optType");
            for ((event_id, number), opt) in versions(&exchange.request).into_iter().zip(opts) {
                let given = answers.0.entry((event_id, ven_id.clone())).or_default();
                given.sent.insert((number, opt));
                if acknowledged {
                    given.acknowledged = given.acknowledged.max(Some(number));
                }
            }
        }
        answers
    }

    /// How many pairs of an event and a VEN have an answer that was acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        let given = self.0.values();
        given.filter(|given| given.acknowledged.is_some()).count()
    }

    /// An acknowledged answer is still there, or a later one of the same VEN has taken its place:
    /// one of these, or one that went through the tap after the first `count` requests.
    pub(crate) fn check(&self, vtn: &Vtn, tap: &Tap, count: usize, kill: usize) {
        let events: BTreeSet<&String> = self.0.keys().map(|(event_id, _)| event_id).collect();
        let shown: BTreeMap<&String, Value> = events
            .into_iter()
            .map(|id| (id, operator::show(vtn, id)))
            .collect();
        // Read last: the VENs have gone on since.
        let since = Self::read(&tap.exchanges_after(count));
        for (key, given) in &self.0 {
            let Some(acknowledged) = given.acknowledged else {
                continue;
            };
            let (event_id, ven_id) = key;
            let shown = &shown[event_id];
            let sent_since = since.0.get(key).map(|given| &given.sent);
            let sent: Vec<_> = given
                .sent
                .iter()
                .chain(sent_since.into_iter().flatten())
                .collect();
            // The number is that of the version last sent, the opt the last answer to any version.
            let holds = operator::answer(shown, ven_id).is_some_and(|answer| {
                let mut later = sent.iter().filter(|(number, _)| *number >= acknowledged);
                answer.modification_number >= Some(acknowledged)
                    && later.any(|(_, opt)| answer.opt.as_ref() == Some(opt))
            });
            assert!(
                holds,
                "kill {kill}: {ven_id} answered {event_id} {sent:?}, {acknowledged} acknowledged, \
                 but: {shown}"
            );
        }
    }
}

/// Fails if a poll got events of which the VEN had answered every version: at least one must be
/// news, or be without an answer that was acknowledged.
pub(crate) fn require_nothing_asked_twice(exchanges: &[Exchange]) {
    let mut answered = BTreeSet::new();
    for exchange in exchanges {
        match wire::message(&exchange.request).as_str() {
            "oadrCreatedEvent" if is_acknowledged(exchange) => {
                let ven_id = ven_id(&exchange.request);
                let versions = versions(&exchange.request).into_iter();
                answered.extend(versions.map(|version| (ven_id.clone(), version)));
            }
            "oadrPoll" => {
                let Some(reply) = &exchange.reply else {
                    continue;
                };
                let ven_id = ven_id(&exchange.request);
                let asked = versions(&reply.body);
                let has_reason = asked.is_empty()
                    || asked
                        .iter()
                        .any(|version| !answered.contains(&(ven_id.clone(), version.clone())));
                assert!(
                    has_reason,
                    "{ven_id} had answered all of {asked:?}, and got them in a poll"
                );
            }
            _ => {}
        }
    }
}

fn is_acknowledged(exchange: &Exchange) -> bool {
    exchange.reply.as_ref().is_some_and(|reply| {
        reply.status == 200 && wire::texts(&reply.body, "responseCode") == ["200"]
    })
}

fn ven_id(request: &[u8]) -> String {
    wire::texts(request, "venID").pop().unwrap()
}

/// The events in a document, each with its modificationNumber.
fn versions(document: &[u8]) -> Vec<(String, u64)> {
    let numbers = wire::texts(document, "modificationNumber").into_iter();
    let numbers = numbers.map(|number| number.parse().unwrap());
    wire::texts(document, "eventID")
        .into_iter()
        .zip(numbers)
        .collect()
}
