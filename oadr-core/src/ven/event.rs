//! An event as a VEN knows it: the version in force, the answer to it, and how far it has run.
//!
//! Knows nothing of how it came or of what is owed for it.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::payload::{EiEvent, EventSignal, Interval, Payload, ResponseCode, StreamPayload};
use crate::value::{
    DateTime, Duration, EventId, EventStatus, Float, OptType, RequestId, ResponseRequired, Text,
};

/// An event that the VTN told of and has not taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownEvent {
    pub(super) event: EiEvent,
    pub(super) response_required: ResponseRequired,
    /// Of the distribution in which it last came (rule 42).
    pub(super) request_id: RequestId,
    /// In seconds (rule 30).
    pub(super) random_offset: u32,
    pub(super) stance: Stance,
    /// When this version, or the opt to it, came about: what was over by then is not told.
    pub(super) since: DateTime,
    pub(super) announced: Announced,
    pub(super) numbering: Numbering,
    pub(super) run: Run,
}

/// The VEN's answer to a version of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stance {
    /// In or out.
    pub opt: OptType,
    /// The code.
    pub response_code: ResponseCode,
    /// For people.
    pub response_description: Option<Text>,
    /// Whether the VTN has it.
    pub acknowledged: bool,
}

/// Whether the application was told of an event; it is not of one that it could not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Announced {
    /// In this version or an earlier one.
    Yes,
    /// In no version.
    No,
}

/// Whether an event's modification number can be compared with one that the VTN sends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Numbering {
    /// It came under the present registration.
    Current,
    /// It came under an earlier registration: the VTN may have begun again at 0 (rule 406).
    Earlier,
}

/// How far an event has run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Run {
    /// Its start is ahead, or the VEN does not take part.
    Waiting,
    /// It runs; how many intervals of each signal have begun.
    Running(Vec<u32>),
    /// Its time is over.
    Over,
}

/// What an event has to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Happening {
    /// It begins; so many intervals of each signal are not worth telling any more.
    Start(Vec<u32>),
    /// An interval of a signal begins.
    Interval { signal: usize, interval: usize },
    /// Its time is over.
    End,
}

impl KnownEvent {
    /// The event as it was received.
    #[must_use]
    pub fn event(&self) -> &EiEvent {
        &self.event
    }

    /// Its ID.
    #[must_use]
    pub fn event_id(&self) -> &EventId {
        &self.event.descriptor.event_id
    }

    /// Its version.
    #[must_use]
    pub fn modification_number(&self) -> u32 {
        self.event.descriptor.modification_number
    }

    /// Whether the VTN wants answers.
    #[must_use]
    pub fn response_required(&self) -> ResponseRequired {
        self.response_required
    }

    /// The random delay of its start (rule 30), in seconds.
    #[must_use]
    pub fn random_offset(&self) -> u32 {
        self.random_offset
    }

    /// The answer.
    #[must_use]
    pub fn stance(&self) -> &Stance {
        &self.stance
    }

    /// How far it has run.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// When it starts for this VEN, the random offset included.
    #[must_use]
    pub fn start(&self) -> DateTime {
        start(&self.event, self.random_offset)
    }

    /// When it ends for this VEN; `None` if it is open-ended (rule 47).
    #[must_use]
    pub fn end(&self) -> Option<DateTime> {
        end(&self.event, self.start())
    }

    /// When its next happening is due.
    pub(super) fn next_time(&self) -> Option<DateTime> {
        self.next().map(|(at, _)| at)
    }

    /// What it has to tell next, and when.
    pub(super) fn next(&self) -> Option<(DateTime, Happening)> {
        if self.stance.opt != OptType::OptIn {
            return None;
        }
        let (start, end) = (self.start(), self.end());
        match &self.run {
            Run::Over => None,
            // What was over before the VEN knew of it, or took part, never begins.
            Run::Waiting if end.is_some_and(|end| end <= self.since) => None,
            Run::Waiting => Some((start, Happening::Start(self.bygone(start)))),
            Run::Running(begun) => {
                let signals = &self.event.signals.signals;
                let interval = signals
                    .iter()
                    .enumerate()
                    .filter_map(|(signal, of)| {
                        let interval = *begun.get(signal)? as usize;
                        let at = interval_starts(of, start).nth(interval)?;
                        Some((at, Happening::Interval { signal, interval }))
                    })
                    .min_by_key(|(at, _)| *at);
                match (interval, end) {
                    (Some((at, interval)), Some(end)) if at < end => Some((at, interval)),
                    (Some(interval), None) => Some(interval),
                    (Some(_) | None, Some(end)) => Some((end, Happening::End)),
                    (None, None) => None,
                }
            }
        }
    }

    /// How many intervals of each signal were followed by another before the VEN knew of them.
    fn bygone(&self, start: DateTime) -> Vec<u32> {
        let count = |signal| begun(signal, start, self.since).saturating_sub(1);
        self.event.signals.signals.iter().map(count).collect()
    }

    /// How many intervals of each signal have nothing to tell when this version takes over from a
    /// running one: those before the present one, the present one if it says what was told, and all of
    /// them if the new version is over.
    pub(super) fn begun_as_in(&self, old: &Self, now: DateTime) -> Vec<u32> {
        let over = self.end().is_some_and(|end| end <= now);
        let signals = &self.event.signals.signals;
        signals
            .iter()
            .map(|signal| {
                if over {
                    return u32::MAX;
                }
                let begun = begun(signal, self.start(), now);
                let at = (begun as usize).saturating_sub(1);
                let told = old.value_told(signal.signal_id.as_str(), begun);
                if told.is_some() && told == signal.intervals.get(at).and_then(interval_value) {
                    begun
                } else {
                    begun.saturating_sub(1)
                }
            })
            .collect()
    }

    /// The value of a signal that was told last, if it is that of this many intervals.
    fn value_told(&self, signal_id: &str, intervals: u32) -> Option<Float> {
        let Run::Running(begun) = &self.run else {
            return None;
        };
        let mut signals = self.event.signals.signals.iter().zip(begun);
        let (signal, begun) = signals.find(|(signal, _)| signal.signal_id.as_str() == signal_id)?;
        let last = begun.checked_sub(1).filter(|_| *begun == intervals)?;
        signal.intervals.get(last as usize).and_then(interval_value)
    }
}

impl Stance {
    /// An answer that the VTN does not have yet.
    pub(super) fn new(opt: OptType, response_code: ResponseCode, description: &str) -> Self {
        Self {
            opt,
            response_code,
            response_description: Text::new(description).ok().filter(|text| !text.is_empty()),
            acknowledged: false,
        }
    }

    /// Whether it is the same answer, known to the VTN or not.
    pub(super) fn same_as(&self, opt: OptType, response_code: ResponseCode) -> bool {
        self.opt == opt && self.response_code == response_code
    }
}

/// When an event starts with this offset.
pub(super) fn start(event: &EiEvent, random_offset: u32) -> DateTime {
    let offset = TimeDelta::seconds(i64::from(random_offset));
    let start = event.active_period.0.start.checked_add_signed(offset);
    start.unwrap_or(DateTime::MAX_UTC)
}

/// When an event that starts then ends; the random offset moves its end as well (rule 30).
pub(super) fn end(event: &EiEvent, start: DateTime) -> Option<DateTime> {
    let duration = event.active_period.0.duration;
    (!duration.is_zero()).then(|| duration.after(start))
}

/// The randomisation window in whole seconds.
pub(super) fn window(event: &EiEvent) -> u32 {
    let properties = &event.active_period.0;
    let window = properties
        .start_after()
        .map_or(TimeDelta::zero(), |window| {
            window.span_from(properties.start)
        });
    u32::try_from(window.num_seconds()).unwrap_or(u32::MAX)
}

/// When the intervals of a signal begin if its event starts then, each where the one before ends: no
/// drift.
pub fn interval_starts(signal: &EventSignal, start: DateTime) -> impl Iterator<Item = DateTime> {
    signal.intervals.iter().scan(start, |at, interval| {
        let begins = *at;
        *at = interval.duration.unwrap_or(Duration::ZERO).after(begins);
        Some(begins)
    })
}

/// How many intervals of a signal have begun at a time.
fn begun(signal: &EventSignal, start: DateTime, now: DateTime) -> u32 {
    let begun = interval_starts(signal, start).take_while(|at| *at <= now);
    u32::try_from(begun.count()).unwrap_or(u32::MAX)
}

/// The value of an interval of a signal, if it is a number.
#[must_use]
pub fn interval_value(interval: &Interval) -> Option<Float> {
    match interval.payloads.first() {
        StreamPayload::Signal(Payload::Float(value)) => Some(*value),
        StreamPayload::Signal(Payload::ResourceStatus(_))
        | StreamPayload::Report(_)
        | StreamPayload::GreenButton(_) => None,
    }
}

/// Whether two versions of an event ask for the same: all but what the VTN renews as time goes by.
pub(super) fn same_substance(a: &EiEvent, b: &EiEvent) -> bool {
    let substance = |event: &EiEvent| {
        let mut event = event.clone();
        event.descriptor.modification_number = 0;
        event.descriptor.modification_date_time = None;
        event.descriptor.modification_reason = None;
        event.descriptor.created = DateTime::UNIX_EPOCH;
        event.descriptor.event_status = EventStatus::None;
        for signal in event.signals.signals.iter_mut() {
            signal.current_value = None;
        }
        event
    };
    substance(a) == substance(b)
}
