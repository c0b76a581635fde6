//! Events in JSON: as an operator writes them, and as a VEN shows those that it received.
//!
//! Knows nothing of which events are legal; `oadr-core` says that.

use oadr_core::payload::{EiEvent, EventBaseline};
use oadr_core::value::{
    BaselineId, DateTime, Duration, EventId, EventStatus, MarketContext, ResourceId,
    ResponseRequired, Text,
};
use oadr_core::vtn::{EventBody, EventDraft};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{IntervalForm, ItemBaseForm, SignalForm, TargetForm, signal};

/// Everything about an event that an operator can set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventForm {
    /// The programme.
    pub(crate) market_context: MarketContext,
    /// The signals.
    pub(crate) signals: Vec<SignalForm>,
    /// The start; now if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dtstart: Option<DateTime>,
    /// The length; that of the first signal's intervals if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) duration: Option<Duration>,
    /// Whom it is for; the receiving VEN if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) targets: Option<TargetForm>,
    /// Whether VENs answer it; always if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) response_required: Option<ResponseRequired>,
    /// The lower the more important; 0 is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<u32>,
    /// The window of a random start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) start_after: Option<Duration>,
    /// How long before the start VENs should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notification: Option<Duration>,
    /// Ramp-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ramp_up: Option<Duration>,
    /// Recovery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recovery: Option<Duration>,
    /// Whether it is only a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) test_event: Option<TestEvent>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vtn_comment: Option<Text>,
    /// Why it was modified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) modification_reason: Option<Text>,
    /// The baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) baseline: Option<Baseline>,
}

/// What would have been used without the event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    /// Its name.
    pub(crate) baseline_name: Text,
    /// Its ID; drawn if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) baseline_id: Option<BaselineId>,
    /// Start.
    pub(crate) dtstart: DateTime,
    /// Length.
    pub(crate) duration: Duration,
    /// The resources that it adds up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resource_id: Vec<ResourceId>,
    /// The unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) item_base: Option<ItemBaseForm>,
    /// Its values over time.
    pub(crate) intervals: Vec<IntervalForm>,
}

/// `testEvent`: `true` or `false` in JSON, any other text as it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TestEvent(Text);

impl Serialize for TestEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_str() {
            "true" => serializer.serialize_bool(true),
            "false" => serializer.serialize_bool(false),
            other => serializer.serialize_str(other),
        }
    }
}

impl<'de> Deserialize<'de> for TestEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "true, false or a text")]
        enum Either {
            Flag(bool),
            Text(Text),
        }
        Ok(Self(match Either::deserialize(deserializer)? {
            Either::Flag(flag) => {
                Text::new(if flag { "true" } else { "false" }).map_err(serde::de::Error::custom)?
            }
            Either::Text(text) => text,
        }))
    }
}

/// A list that must not be empty is; the field that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmptyList {
    pub(crate) field: String,
}

impl EventForm {
    /// The event in the core's terms; it starts `now` if nothing else was said.
    pub(crate) fn into_draft(self, now: DateTime) -> Result<EventDraft, EmptyList> {
        let mut signals = Vec::with_capacity(self.signals.len());
        for (index, form) in self.signals.into_iter().enumerate() {
            let signal = form.try_into().map_err(|_| EmptyList {
                field: format!("signals[{index}].intervals"),
            })?;
            signals.push(signal);
        }
        Ok(EventDraft {
            market_context: self.market_context,
            priority: self.priority,
            test_event: self.test_event.map(|test| test.0),
            vtn_comment: self.vtn_comment,
            response_required: self.response_required.unwrap_or(ResponseRequired::Always),
            start: self.dtstart.unwrap_or(now),
            duration: self.duration,
            start_after: self.start_after,
            notification: self.notification,
            ramp_up: self.ramp_up,
            recovery: self.recovery,
            signals,
            baseline: self.baseline.map(Baseline::into_payload).transpose()?,
            target: self.targets.map(Into::into),
            modification_reason: self.modification_reason,
        })
    }
}

impl From<&EventBody> for EventForm {
    fn from(body: &EventBody) -> Self {
        let draft = body.to_draft();
        Self {
            market_context: draft.market_context,
            signals: draft.signals.iter().map(Into::into).collect(),
            dtstart: Some(draft.start),
            duration: draft.duration,
            targets: draft.target.as_ref().and_then(TargetForm::of),
            response_required: Some(draft.response_required),
            priority: draft.priority,
            start_after: draft.start_after,
            notification: draft.notification,
            ramp_up: draft.ramp_up,
            recovery: draft.recovery,
            test_event: draft.test_event.map(TestEvent),
            vtn_comment: draft.vtn_comment,
            modification_reason: draft.modification_reason,
            baseline: draft.baseline.as_ref().map(Into::into),
        }
    }
}

impl Baseline {
    fn into_payload(self) -> Result<EventBaseline, EmptyList> {
        Ok(EventBaseline {
            start: self.dtstart,
            duration: self.duration,
            intervals: signal::intervals(self.intervals).map_err(|_| EmptyList {
                field: "baseline.intervals".to_owned(),
            })?,
            baseline_id: self.baseline_id.unwrap_or_default(),
            resource_ids: self.resource_id,
            baseline_name: self.baseline_name,
            item_base: self.item_base.map(Into::into),
        })
    }
}

impl From<&EventBaseline> for Baseline {
    fn from(baseline: &EventBaseline) -> Self {
        Self {
            baseline_name: baseline.baseline_name.clone(),
            baseline_id: (!baseline.baseline_id.is_empty()).then(|| baseline.baseline_id.clone()),
            dtstart: baseline.start,
            duration: baseline.duration,
            resource_id: baseline.resource_ids.clone(),
            item_base: baseline.item_base.as_ref().map(Into::into),
            intervals: baseline.intervals.iter().map(Into::into).collect(),
        }
    }
}

/// An event as a VEN received it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Event {
    /// Its ID.
    pub(crate) event_id: EventId,
    /// Its version.
    pub(crate) modification_number: u32,
    /// Where it stood when the VTN made the message.
    pub(crate) status: EventStatus,
    /// When the VTN made the message.
    pub(crate) created: DateTime,
    /// What the VTN's operator set.
    #[serde(flatten)]
    pub(crate) form: EventForm,
}

impl From<&EiEvent> for Event {
    fn from(event: &EiEvent) -> Self {
        let about = &event.descriptor;
        let period = &event.active_period.0;
        let form = EventForm {
            market_context: about.market_context.clone(),
            signals: event.signals.signals.iter().map(Into::into).collect(),
            dtstart: Some(period.start),
            duration: Some(period.duration),
            targets: TargetForm::of(&event.target),
            // Beside the event on the wire, not in it.
            response_required: None,
            priority: about.priority,
            start_after: period.start_after(),
            notification: period.notification,
            ramp_up: period.ramp_up,
            recovery: period.recovery,
            test_event: about.test_event.clone().map(TestEvent),
            vtn_comment: about.vtn_comment.clone(),
            modification_reason: about.modification_reason.clone(),
            baseline: event.signals.baseline.as_ref().map(Into::into),
        };
        Self {
            event_id: about.event_id.clone(),
            modification_number: about.modification_number,
            status: about.event_status,
            created: about.created,
            form,
        }
    }
}
