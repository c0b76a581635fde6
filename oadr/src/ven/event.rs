//! An event as a handler reads it: what it asks for, with the times at which it does so here.
//!
//! Knows nothing of where the event stands; it is the payload as received and what follows from it.

use oadr_core::payload::{EiEvent, EventSignal, ItemBase, Target};
use oadr_core::value::{
    DateTime, Duration, EventId, Float, MarketContext, OptType, ResponseRequired, SignalId,
    SignalName, SignalType, Text,
};
use oadr_core::ven::{KnownEvent, OptQuestion, interval_starts, interval_value};
use serde_json::{Map, Value, json};

use crate::json;

/// An event as it is for this VEN: its times include the random offset that the VEN drew (rule 30).
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    ei_event: Box<EiEvent>,
    response_required: ResponseRequired,
    start: DateTime,
    end: Option<DateTime>,
    previous_opt: Option<OptType>,
}

/// A signal of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signal<'a> {
    signal: &'a EventSignal,
    start: DateTime,
    /// The event's.
    end: Option<DateTime>,
}

/// A value over a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interval {
    /// When it begins.
    pub start: DateTime,
    /// When it ends; `None` if it is that of an open-ended event (rule 47).
    pub end: Option<DateTime>,
    /// The value. `NaN` if the VTN sent no number; that only occurs in a version that the VEN cannot
    /// take part in, and about which nobody is asked.
    pub value: Float,
}

impl Event {
    pub(super) fn new(
        ei_event: Box<EiEvent>,
        response_required: ResponseRequired,
        (start, end): (DateTime, Option<DateTime>),
    ) -> Self {
        Self {
            ei_event,
            response_required,
            start,
            end,
            previous_opt: None,
        }
    }

    /// Its ID.
    #[must_use]
    pub fn event_id(&self) -> &EventId {
        &self.ei_event.descriptor.event_id
    }

    /// Its version, from 0.
    #[must_use]
    pub fn modification_number(&self) -> u32 {
        self.ei_event.descriptor.modification_number
    }

    /// The programme.
    #[must_use]
    pub fn market_context(&self) -> &MarketContext {
        &self.ei_event.descriptor.market_context
    }

    /// The lower the more important; 0 is none, least important (rule 3).
    #[must_use]
    pub fn priority(&self) -> u32 {
        self.ei_event.descriptor.priority.unwrap_or(0)
    }

    /// Whether it is only a test (rule 6).
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.ei_event.descriptor.is_test()
    }

    /// What the VTN's operator has to say about it, for people.
    #[must_use]
    pub fn vtn_comment(&self) -> Option<&Text> {
        self.ei_event.descriptor.vtn_comment.as_ref()
    }

    /// Whether the VTN wants to hear the VEN's opt (rule 12).
    #[must_use]
    pub fn response_required(&self) -> ResponseRequired {
        self.response_required
    }

    /// When it starts for this VEN.
    #[must_use]
    pub fn start(&self) -> DateTime {
        self.start
    }

    /// When it ends for this VEN; `None` if it is open-ended (rule 47).
    #[must_use]
    pub fn end(&self) -> Option<DateTime> {
        self.end
    }

    /// How long it lasts; zero if it is open-ended (rule 47).
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.ei_event.active_period.0.duration
    }

    /// Whom it is for; empty for the VEN that receives it (rule 22).
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.ei_event.target
    }

    /// What it asks for; there is at least one signal.
    pub fn signals(&self) -> impl Iterator<Item = Signal<'_>> {
        let (start, end) = (self.start, self.end);
        let signals = self.ei_event.signals.signals.iter();
        signals.map(move |signal| Signal { signal, start, end })
    }

    /// What the VEN said to the version before, if there was one. Only whoever is asked about the
    /// event is told that; it is `None` everywhere else.
    #[must_use]
    pub fn previous_opt(&self) -> Option<OptType> {
        self.previous_opt
    }

    /// Everything that the VTN sent of it.
    #[must_use]
    pub fn payload(&self) -> &EiEvent {
        &self.ei_event
    }

    /// The event as one JSON object: what the operator API has of it, and beside that
    /// `response_required`, `start`, `end` and `previous_opt`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = match serde_json::to_value(json::Event::from(&*self.ei_event)) {
            Ok(Value::Object(object)) => object,
            Ok(_) | Err(_) => Map::new(),
        };
        for (name, value) in [
            ("response_required", json!(self.response_required)),
            ("start", json!(self.start)),
            ("end", json!(self.end)),
            ("previous_opt", json!(self.previous_opt)),
        ] {
            object.insert(name.to_owned(), value);
        }
        Value::Object(object)
    }
}

impl From<OptQuestion> for Event {
    fn from(question: OptQuestion) -> Self {
        Self {
            ei_event: Box::new(question.event),
            response_required: question.response_required,
            start: question.start,
            end: question.end,
            previous_opt: question.previous,
        }
    }
}

/// As the [status](super::Running::status) of a VEN has it.
impl From<&KnownEvent> for Event {
    fn from(known: &KnownEvent) -> Self {
        let times = (known.start(), known.end());
        let ei_event = Box::new(known.event().clone());
        Self::new(ei_event, known.response_required(), times)
    }
}

impl<'a> Signal<'a> {
    /// Its ID, unique within the event (rule 107).
    #[must_use]
    pub fn id(&self) -> &'a SignalId {
        &self.signal.signal_id
    }

    /// What it is about.
    #[must_use]
    pub fn name(&self) -> &'a SignalName {
        &self.signal.signal_name
    }

    /// How its values are meant.
    #[must_use]
    pub fn signal_type(&self) -> SignalType {
        self.signal.signal_type
    }

    /// The unit of its values, if they have one.
    #[must_use]
    pub fn item_base(&self) -> Option<&'a ItemBase> {
        self.signal.item_base.as_ref()
    }

    /// The device classes that it is for; all if absent (rule 111).
    #[must_use]
    pub fn target(&self) -> Option<&'a Target> {
        self.signal.target.as_ref()
    }

    /// Its values over time, each interval beginning where the one before ends.
    pub fn intervals(&self) -> impl Iterator<Item = Interval> + use<'a> {
        let starts = interval_starts(self.signal, self.start);
        let end_of_event = self.end;
        let intervals = starts.zip(&self.signal.intervals);
        intervals.map(move |(start, interval)| {
            let length = interval.duration.filter(|length| !length.is_zero());
            Interval {
                start,
                end: length.map_or(end_of_event, |length| Some(length.after(start))),
                value: interval_value(interval).unwrap_or(f64::NAN.into()),
            }
        })
    }

    /// The value at a time, if an interval of the signal has it then.
    #[must_use]
    pub fn value_at(&self, at: DateTime) -> Option<Float> {
        let has =
            |interval: &Interval| interval.start <= at && interval.end.is_none_or(|end| at < end);
        self.intervals().find(has).map(|interval| interval.value)
    }
}

#[cfg(test)]
mod tests {
    use oadr_core::payload::{
        ActivePeriod, EventDescriptor, EventSignals, Interval as EiInterval, Payload, Properties,
        StreamPayload,
    };
    use oadr_core::value::{EventStatus, NonEmpty};

    use super::*;

    fn at(text: &str) -> DateTime {
        format!("2026-01-31T{text}Z").parse().unwrap()
    }

    fn interval(length: &str, value: f64) -> EiInterval {
        EiInterval {
            start: None,
            duration: Some(length.parse().unwrap()),
            uid: None,
            payloads: NonEmpty::one(StreamPayload::Signal(Payload::Float(value.into()))),
        }
    }

    fn ei_event(length: &str, intervals: Vec<EiInterval>) -> EiEvent {
        EiEvent {
            descriptor: EventDescriptor {
                event_id: EventId::new("Event1").unwrap(),
                modification_number: 3,
                modification_date_time: None,
                modification_reason: None,
                priority: None,
                market_context: MarketContext::new("http://example.com/dr").unwrap(),
                created: at("11:00:00"),
                event_status: EventStatus::Far,
                test_event: Some(Text::new("true").unwrap()),
                vtn_comment: None,
            },
            active_period: ActivePeriod(Properties::new(at("12:00:00"), length.parse().unwrap())),
            signals: EventSignals {
                signals: NonEmpty::one(EventSignal {
                    intervals: intervals.try_into().unwrap(),
                    target: None,
                    signal_name: SignalName::Simple,
                    signal_type: SignalType::Level,
                    signal_id: SignalId::new("Signal1").unwrap(),
                    item_base: None,
                    current_value: None,
                }),
                baseline: None,
            },
            target: Target::default(),
        }
    }

    fn event(ei_event: EiEvent, end: Option<DateTime>) -> Event {
        Event::from(OptQuestion {
            event: ei_event,
            response_required: ResponseRequired::Never,
            start: at("12:00:07"),
            end,
            previous: Some(OptType::OptOut),
        })
    }

    #[test]
    fn rule_30_intervals_have_the_times_at_which_the_ven_runs_them() {
        let intervals = vec![interval("PT10M", 1.0), interval("PT5M", 2.5)];
        let event = event(ei_event("PT15M", intervals), Some(at("12:15:07")));
        let signal = event.signals().next().unwrap();
        let all: Vec<_> = signal.intervals().collect();
        assert_eq!(
            all,
            [
                Interval {
                    start: at("12:00:07"),
                    end: Some(at("12:10:07")),
                    value: 1.0.into(),
                },
                Interval {
                    start: at("12:10:07"),
                    end: Some(at("12:15:07")),
                    value: 2.5.into(),
                },
            ]
        );
        assert_eq!(signal.value_at(at("12:00:06")), None);
        assert_eq!(signal.value_at(at("12:10:06")), Some(1.0.into()));
        assert_eq!(signal.value_at(at("12:10:07")), Some(2.5.into()));
        assert_eq!(signal.value_at(at("12:15:07")), None);
    }

    #[test]
    fn rule_47_an_open_ended_event_has_no_end() {
        let event = event(ei_event("PT0S", vec![interval("PT0S", 3.0)]), None);
        assert_eq!(event.end(), None);
        assert!(event.duration().is_zero());
        let signal = event.signals().next().unwrap();
        assert_eq!(signal.intervals().next().unwrap().end, None);
        assert_eq!(signal.value_at(at("23:00:00")), Some(3.0.into()));
    }

    #[test]
    fn the_json_of_an_event_has_what_the_handler_is_told() {
        let event = event(
            ei_event("PT10M", vec![interval("PT10M", 1.0)]),
            Some(at("12:10:07")),
        );
        let json = event.to_json();
        for (name, value) in [
            ("event_id", json!("Event1")),
            ("modification_number", json!(3)),
            ("market_context", json!("http://example.com/dr")),
            ("dtstart", json!("2026-01-31T12:00:00Z")),
            ("start", json!("2026-01-31T12:00:07Z")),
            ("end", json!("2026-01-31T12:10:07Z")),
            ("test_event", json!(true)),
            ("response_required", json!("never")),
            ("previous_opt", json!("optOut")),
        ] {
            assert_eq!(json[name], value, "{name}");
        }
        assert!(event.is_test());
        assert_eq!(event.priority(), 0);
    }
}
