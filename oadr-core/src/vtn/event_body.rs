//! What an operator wants of VENs: an event without IDs, versions or receivers.
//!
//! Knows nothing of who gets it, or of the time.

use serde::{Deserialize, Serialize};

use super::event_check::{check_baseline, check_period, check_signal, complete_ids, sum_of_first};
use super::event_error::{EventError, EventErrorKind as Kind, Field, SignalField};
use super::timeline::same_values;
use crate::payload::{EventBaseline, EventSignal, Target};
use crate::value::{
    DateTime, Duration, EventStatus, MarketContext, NonEmpty, ResponseRequired, Text,
};

/// An event as an operator writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventDraft {
    /// The programme.
    pub market_context: MarketContext,
    /// The lower the number the more important; 0 means none, least important (rule 3).
    pub priority: Option<u32>,
    /// Anything but `false` means a test (rule 6).
    pub test_event: Option<Text>,
    /// For people.
    pub vtn_comment: Option<Text>,
    /// Whether the VENs answer (rule 12).
    pub response_required: ResponseRequired,
    /// When it starts.
    pub start: DateTime,
    /// How long it lasts; zero is open-ended (rule 47). `None`: the sum of the first signal's intervals.
    pub duration: Option<Duration>,
    /// How far a VEN may put off the start, at random (rule 30).
    pub start_after: Option<Duration>,
    /// Time between notification and start (rule 105). `None`: zero.
    pub notification: Option<Duration>,
    /// Before the start, or inside the period if negative (rule 31).
    pub ramp_up: Option<Duration>,
    /// After the end, or inside the period if negative (rule 31).
    pub recovery: Option<Duration>,
    /// At least one. Empty signalIDs and absent uids are filled in; neither starts of intervals (rule
    /// 103) nor current values belong here.
    pub signals: Vec<EventSignal>,
    /// What would have been used without the event.
    pub baseline: Option<EventBaseline>,
    /// Whom it is for. `None`, or nothing named: the VEN that receives it.
    pub target: Option<Target>,
    /// Why it was modified.
    pub modification_reason: Option<Text>,
}

/// A legal event: the rules on what a VTN may send (2, 8, 9, 47, 63, 100 to 107, 111, 116 and table 1)
/// hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "EventDraft", into = "EventDraft")]
pub struct EventBody {
    /// Checked and completed: a duration, a notification, at least one signal, every ID and uid.
    draft: EventDraft,
    duration: Duration,
    notification: Duration,
    signals: NonEmpty<EventSignal>,
}

impl EventBody {
    /// Checks an event and fills in what was left to us.
    ///
    /// # Errors
    /// A rule is broken: the error names the field and says how.
    pub fn new(mut draft: EventDraft) -> Result<Self, EventError> {
        if !draft.market_context.is_uri() {
            return Err(Kind::NotAUri.at(Field::MarketContext));
        }
        let signals = core::mem::take(&mut draft.signals);
        let mut signals =
            NonEmpty::try_from(signals).map_err(|_| Kind::Missing.at(Field::Signals))?;
        let duration = match draft.duration {
            Some(duration) => duration,
            None => sum_of_first(draft.start, &signals)?,
        };
        check_period(&draft, duration)?;
        complete_ids(&mut signals)?;
        for (n, signal) in signals.iter_mut().enumerate() {
            check_signal(signal, draft.start, duration)
                .map_err(|(field, kind)| kind.at(Field::Signal(n, field)))?;
        }
        if let Some(baseline) = &mut draft.baseline {
            check_baseline(baseline).map_err(|(field, kind)| kind.at(Field::Baseline(field)))?;
        }
        // Nobody named means the receiver, as no target does (rule 22).
        draft.target = draft.target.filter(|target| !target.is_empty());
        if draft.target.as_ref().is_some_and(|t| t.ven_ids.len() > 1) {
            return Err(Kind::MoreThanOneVen.at(Field::TargetVen));
        }
        let notification = draft.notification.unwrap_or(Duration::ZERO);
        draft.duration = Some(duration);
        draft.notification = Some(notification);
        Ok(Self {
            draft,
            duration,
            notification,
            signals,
        })
    }

    /// The event as an operator could have written it, complete.
    #[must_use]
    pub fn to_draft(&self) -> EventDraft {
        self.clone().into()
    }

    /// The programme.
    #[must_use]
    pub fn market_context(&self) -> &MarketContext {
        &self.draft.market_context
    }

    /// The lower the number the more important; 0 means none.
    #[must_use]
    pub fn priority(&self) -> Option<u32> {
        self.draft.priority
    }

    /// Anything but `false` means a test.
    #[must_use]
    pub fn test_event(&self) -> Option<&Text> {
        self.draft.test_event.as_ref()
    }

    /// For people.
    #[must_use]
    pub fn vtn_comment(&self) -> Option<&Text> {
        self.draft.vtn_comment.as_ref()
    }

    /// Whether the VENs answer.
    #[must_use]
    pub fn response_required(&self) -> ResponseRequired {
        self.draft.response_required
    }

    /// When it starts, not randomised.
    #[must_use]
    pub fn start(&self) -> DateTime {
        self.draft.start
    }

    /// How long it lasts; zero is open-ended (rule 47).
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// How far a VEN may put off the start; `None` if not at all.
    #[must_use]
    pub fn start_after(&self) -> Option<Duration> {
        self.draft.start_after.filter(|after| !after.is_zero())
    }

    /// Time between notification and start.
    #[must_use]
    pub fn notification(&self) -> Duration {
        self.notification
    }

    /// Before the start, or inside the period if negative.
    #[must_use]
    pub fn ramp_up(&self) -> Option<Duration> {
        self.draft.ramp_up
    }

    /// After the end, or inside the period if negative.
    #[must_use]
    pub fn recovery(&self) -> Option<Duration> {
        self.draft.recovery
    }

    /// The signals, complete with IDs and uids.
    #[must_use]
    pub fn signals(&self) -> &NonEmpty<EventSignal> {
        &self.signals
    }

    /// What would have been used without the event.
    #[must_use]
    pub fn baseline(&self) -> Option<&EventBaseline> {
        self.draft.baseline.as_ref()
    }

    /// Whom it is for; `None` means whoever receives it.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        self.draft.target.as_ref()
    }

    /// Why it was modified.
    #[must_use]
    pub fn modification_reason(&self) -> Option<&Text> {
        self.draft.modification_reason.as_ref()
    }

    /// When it ends, not randomised; `None` if it is open-ended.
    #[must_use]
    pub fn end(&self) -> Option<DateTime> {
        (!self.duration.is_zero()).then(|| self.duration.after(self.start()))
    }

    /// When the last VEN is through with it: its end, and the time by which a start may be put off
    /// (rule 66). `None` if it is open-ended.
    #[must_use]
    pub fn closes(&self) -> Option<DateTime> {
        let end = self.end()?;
        Some(self.start_after().map_or(end, |after| after.after(end)))
    }

    /// Where it stands at this time if nobody cancels it (rules 13, 47, 66).
    #[must_use]
    pub fn status(&self, now: DateTime) -> EventStatus {
        let ramp_up = self.ramp_up().filter(|ramp| !ramp.is_negative());
        let near = ramp_up.map_or(self.start(), |ramp| ramp.before(self.start()));
        if self.end().is_some_and(|end| end <= now) {
            EventStatus::Completed
        } else if self.start() <= now {
            EventStatus::Active
        } else if near <= now {
            EventStatus::Near
        } else {
            EventStatus::Far
        }
    }

    /// Whether two events were the same until now, seen from a VEN that runs them: begun at the same
    /// time, with the same values all along. Only of use once one of them has started.
    pub(super) fn check_same_past(&self, changed: &Self, now: DateTime) -> Result<(), EventError> {
        let (old, new) = (&self.draft, &changed.draft);
        for (same, field) in [
            (old.start == new.start, Field::Start),
            (
                self.start_after() == changed.start_after(),
                Field::StartAfter,
            ),
            (
                self.notification == changed.notification,
                Field::Notification,
            ),
            (old.ramp_up == new.ramp_up, Field::RampUp),
            (changed.end().is_none_or(|end| end > now), Field::Duration),
            (self.signals.len() == changed.signals.len(), Field::Signals),
        ] {
            if !same {
                return Err(Kind::Past.at(field));
            }
        }
        for (n, changed) in changed.signals.iter().enumerate() {
            let Some(signal) = self
                .signals
                .iter()
                .find(|s| s.signal_id == changed.signal_id)
            else {
                return Err(Kind::Past.at(Field::Signal(n, SignalField::Id)));
            };
            for (same, field) in [
                (signal.signal_name == changed.signal_name, SignalField::Name),
                (signal.signal_type == changed.signal_type, SignalField::Type),
                (signal.item_base == changed.item_base, SignalField::ItemBase),
                (signal.target == changed.target, SignalField::Targets),
            ] {
                if !same {
                    return Err(Kind::Past.at(Field::Signal(n, field)));
                }
            }
            if !same_values(old.start, now, &signal.intervals, &changed.intervals) {
                return Err(Kind::Past.at(Field::Signal(n, SignalField::Intervals)));
            }
        }
        Ok(())
    }

    /// Whether the event, a change of one that has not started, has not started either.
    pub(super) fn check_not_begun(&self, now: DateTime) -> Result<(), EventError> {
        if self.start() < now {
            Err(Kind::Past.at(Field::Start))
        } else {
            Ok(())
        }
    }
}

impl TryFrom<EventDraft> for EventBody {
    type Error = EventError;

    fn try_from(draft: EventDraft) -> Result<Self, EventError> {
        Self::new(draft)
    }
}

impl From<EventBody> for EventDraft {
    fn from(body: EventBody) -> Self {
        Self {
            signals: body.signals.into_vec(),
            ..body.draft
        }
    }
}
