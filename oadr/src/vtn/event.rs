//! An event as an application writes it: one signal, its intervals, and whom it is for.
//!
//! Knows nothing of VENs or stores. What can be wrong with it is told when it is added.

use std::fmt;
use std::future::Future;

use oadr_core::payload::{EventSignal, ItemBase, Target};
use oadr_core::value::{
    DateTime, Duration, EventId, GroupId, MarketContext, PartyId, ResourceId, ResponseRequired,
    SignalId, SignalName, SignalType, Text, ValueError, VenId,
};
use oadr_core::vtn::{Audience, EventDraft};

use super::HandlerError;
use super::application::{Handler, boxed};
use super::happening::EventAnswered;
use super::interval::{Interval, IntervalError, contiguous};

/// The market context of events that say nothing of theirs.
pub const UNSPECIFIED_CONTEXT: &str = "oadr://unspecified.context";

/// An event with one signal.
///
/// ```
/// use oadr::value::{Duration, SignalName, SignalType};
/// use oadr::vtn::{Event, Interval};
///
/// let event = Event::new(SignalName::Simple, SignalType::Level)
///     .ven("ven_id_123")
///     .interval(Interval::lasting(Duration::minutes(10), 1.0))
///     .interval(Interval::lasting(Duration::minutes(5), 2.0))
///     .resource("Device001");
/// ```
#[derive(Clone)]
pub struct Event {
    signal_name: SignalName,
    signal_type: SignalType,
    intervals: Vec<Interval>,
    vens: Vec<String>,
    targets: Vec<(TargetType, String)>,
    event_id: Option<String>,
    market_context: String,
    item_base: Option<ItemBase>,
    start: Option<DateTime>,
    response_required: ResponseRequired,
    priority: Option<u32>,
    notification: Option<Duration>,
    ramp_up: Option<Duration>,
    recovery: Option<Duration>,
    start_after: Option<Duration>,
    test_event: bool,
    vtn_comment: Option<String>,
    on_answer: Option<Handler<EventAnswered, ()>>,
}

impl fmt::Debug for Event {
    /// Without the closure, which has nothing to show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("event_id", &self.event_id)
            .field("signal_name", &self.signal_name)
            .field("signal_type", &self.signal_type)
            .field("intervals", &self.intervals)
            .field("vens", &self.vens)
            .field("targets", &self.targets)
            .finish_non_exhaustive()
    }
}

/// A kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TargetType {
    /// `venID`.
    VenId,
    /// `groupID`.
    GroupId,
    /// `groupName`.
    GroupName,
    /// `resourceID`.
    ResourceId,
    /// `partyID`.
    PartyId,
    /// `endDeviceAsset`: a device class.
    EndDeviceAsset,
    /// `meterAsset`.
    MeterAsset,
    /// `pnode`: a pricing node.
    Pnode,
    /// `aggregatedPnode`.
    AggregatedPnode,
    /// `serviceDeliveryPoint`.
    ServiceDeliveryPoint,
}

/// What is wrong with an event as it was written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EventFormError {
    /// An ID or a text is not one.
    #[error("{field}: {error}")]
    Value {
        /// Which.
        field: &'static str,
        /// Why.
        error: ValueError,
    },
    /// The intervals do not follow each other.
    #[error("intervals{0}")]
    Intervals(#[from] IntervalError),
    /// Both are said, and they differ.
    #[error("the event starts at {start}, and its first interval at {first}")]
    TwoStarts {
        /// When the event starts.
        start: DateTime,
        /// When its first interval does.
        first: DateTime,
    },
}

impl Event {
    /// An event with this signal. It needs at least one interval.
    #[must_use]
    pub fn new(signal_name: SignalName, signal_type: SignalType) -> Self {
        Self {
            signal_name,
            signal_type,
            intervals: Vec::new(),
            vens: Vec::new(),
            targets: Vec::new(),
            event_id: None,
            market_context: UNSPECIFIED_CONTEXT.to_owned(),
            item_base: None,
            start: None,
            response_required: ResponseRequired::Always,
            priority: None,
            notification: None,
            ramp_up: None,
            recovery: None,
            start_after: None,
            test_event: false,
            vtn_comment: None,
            on_answer: None,
        }
    }

    /// One more interval, after those before.
    #[must_use]
    pub fn interval(mut self, interval: Interval) -> Self {
        self.intervals.push(interval);
        self
    }

    /// More intervals, one after the other.
    #[must_use]
    pub fn intervals(mut self, intervals: impl IntoIterator<Item = Interval>) -> Self {
        self.intervals.extend(intervals);
        self
    }

    /// The VEN that gets it, by venID or venName, known already or not; one more with each call. Without
    /// any, it goes to every VEN that its targets match, and without targets to all.
    #[must_use]
    pub fn ven(mut self, ven: impl Into<String>) -> Self {
        self.vens.push(ven.into());
        self
    }

    /// What it is for within the VENs (rule 22). Nothing named means the whole VEN: its venID goes out
    /// as the target.
    #[must_use]
    pub fn target(self, kind: TargetType, id: impl Into<String>) -> Self {
        self.targets([(kind, id.into())])
    }

    /// A resource as a target.
    #[must_use]
    pub fn resource(self, resource_id: impl Into<String>) -> Self {
        self.target(TargetType::ResourceId, resource_id)
    }

    /// A group as a target.
    #[must_use]
    pub fn group(self, group_id: impl Into<String>) -> Self {
        self.target(TargetType::GroupId, group_id)
    }

    /// More targets.
    #[must_use]
    pub fn targets(mut self, targets: impl IntoIterator<Item = (TargetType, String)>) -> Self {
        self.targets.extend(targets);
        self
    }

    /// More targets, by their kind.
    #[must_use]
    pub fn targets_by_type<I: IntoIterator<Item = String>>(
        self,
        targets: impl IntoIterator<Item = (TargetType, I)>,
    ) -> Self {
        let flat = targets
            .into_iter()
            .flat_map(|(kind, ids)| ids.into_iter().map(move |id| (kind, id)));
        self.targets(flat)
    }

    /// Its ID; drawn if nothing is said. Added twice under one ID, it is one event.
    #[must_use]
    pub fn event_id(mut self, event_id: impl Into<String>) -> Self {
        self.event_id = Some(event_id.into());
        self
    }

    /// The programme that it belongs to.
    #[must_use]
    pub fn market_context(mut self, market_context: impl Into<String>) -> Self {
        self.market_context = market_context.into();
        self
    }

    /// The unit of its values, for signals that need one (rule 104).
    #[must_use]
    pub fn item_base(mut self, item_base: ItemBase) -> Self {
        self.item_base = Some(item_base);
        self
    }

    /// When it starts, if no interval says so; at once if nothing is said.
    #[must_use]
    pub fn start(mut self, start: DateTime) -> Self {
        self.start = Some(start);
        self
    }

    /// Whether the VENs are to answer (rule 12).
    #[must_use]
    pub fn response_required(mut self, response_required: ResponseRequired) -> Self {
        self.response_required = response_required;
        self
    }

    /// Its priority; the lower the number the more important, and 0 is none (rule 3).
    #[must_use]
    pub fn priority(mut self, priority: u32) -> Self {
        self.priority = Some(priority);
        self
    }

    /// How long before the start VENs should know (rule 105).
    #[must_use]
    pub fn notification(mut self, notification: Duration) -> Self {
        self.notification = Some(notification);
        self
    }

    /// Ramp-up (rule 31).
    #[must_use]
    pub fn ramp_up(mut self, ramp_up: Duration) -> Self {
        self.ramp_up = Some(ramp_up);
        self
    }

    /// Recovery (rule 31).
    #[must_use]
    pub fn recovery(mut self, recovery: Duration) -> Self {
        self.recovery = Some(recovery);
        self
    }

    /// How far VENs may put off the start, at random (rule 30).
    #[must_use]
    pub fn start_after(mut self, start_after: Duration) -> Self {
        self.start_after = Some(start_after);
        self
    }

    /// Only a test (rule 6).
    #[must_use]
    pub fn test_event(mut self) -> Self {
        self.test_event = true;
        self
    }

    /// For people.
    #[must_use]
    pub fn vtn_comment(mut self, comment: impl Into<String>) -> Self {
        self.vtn_comment = Some(comment.into());
        self
    }

    /// What to do with each answer of a VEN, as long as this process lives. What must not be missed
    /// belongs into [`Vtn::on_created_event`](super::Vtn::on_created_event), which is told after a
    /// restart too.
    #[must_use]
    pub fn on_answer<F, A>(mut self, handler: F) -> Self
    where
        F: Fn(EventAnswered) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        self.on_answer = Some(boxed(handler));
        self
    }

    /// The event in the core's terms.
    pub(super) fn into_parts(self) -> Result<Parts, EventFormError> {
        let text = |field, text: String| Text::new(text).map_err(in_field(field));
        let (first, intervals) = contiguous(&self.intervals)?;
        let start = match (self.start, first) {
            (Some(start), Some(first)) if start != first => {
                return Err(EventFormError::TwoStarts { start, first });
            }
            (start, first) => start.or(first),
        };
        let vens = self.vens.into_iter().map(|ven| text("ven", ven));
        let vens: Vec<_> = vens.collect::<Result<_, _>>()?;
        let event_id = self.event_id.map(EventId::new).transpose();
        let signal = EventSignal {
            intervals,
            target: None,
            signal_name: self.signal_name,
            signal_type: self.signal_type,
            signal_id: SignalId::default(),
            item_base: self.item_base,
            current_value: None,
        };
        let test_event = if self.test_event { Some("true") } else { None };
        Ok(Parts {
            event_id: event_id.map_err(in_field("event_id"))?,
            audience: if vens.is_empty() {
                Audience::by_target()
            } else {
                Audience::of(vens)
            },
            start,
            on_answer: self.on_answer,
            draft: EventDraft {
                market_context: MarketContext::new(self.market_context)
                    .map_err(in_field("market_context"))?,
                priority: self.priority,
                test_event: test_event.and_then(|test| Text::new(test).ok()),
                vtn_comment: self
                    .vtn_comment
                    .map(|comment| text("vtn_comment", comment))
                    .transpose()?,
                response_required: self.response_required,
                start: start.unwrap_or_default(),
                duration: None,
                start_after: self.start_after,
                notification: self.notification,
                ramp_up: self.ramp_up,
                recovery: self.recovery,
                signals: vec![signal],
                baseline: None,
                target: target(self.targets)?,
                modification_reason: None,
            },
        })
    }
}

/// An event that was found well written.
pub(super) struct Parts {
    pub(super) event_id: Option<EventId>,
    pub(super) audience: Audience,
    /// `None`: at once.
    pub(super) start: Option<DateTime>,
    pub(super) draft: EventDraft,
    pub(super) on_answer: Option<Handler<EventAnswered, ()>>,
}

fn in_field(field: &'static str) -> impl Fn(ValueError) -> EventFormError {
    move |error| EventFormError::Value { field, error }
}

fn target(targets: Vec<(TargetType, String)>) -> Result<Option<Target>, EventFormError> {
    let mut target = Target::default();
    for (kind, id) in targets {
        match kind {
            TargetType::VenId => target.ven_ids.push(checked(kind, VenId::new(id))?),
            TargetType::GroupId => target.group_ids.push(checked(kind, GroupId::new(id))?),
            TargetType::GroupName => target.group_names.push(checked(kind, Text::new(id))?),
            TargetType::ResourceId => target
                .resource_ids
                .push(checked(kind, ResourceId::new(id))?),
            TargetType::PartyId => target.party_ids.push(checked(kind, PartyId::new(id))?),
            TargetType::EndDeviceAsset => {
                target.end_device_assets.push(checked(kind, Text::new(id))?)
            }
            TargetType::MeterAsset => target.meter_assets.push(checked(kind, Text::new(id))?),
            TargetType::Pnode => target.pnodes.push(checked(kind, Text::new(id))?),
            TargetType::AggregatedPnode => {
                target.aggregated_pnodes.push(checked(kind, Text::new(id))?)
            }
            TargetType::ServiceDeliveryPoint => target
                .service_delivery_points
                .push(checked(kind, Text::new(id))?),
        }
    }
    Ok((!target.is_empty()).then_some(target))
}

fn checked<T>(kind: TargetType, id: Result<T, ValueError>) -> Result<T, EventFormError> {
    id.map_err(in_field(kind.name()))
}

impl TargetType {
    /// What it is called in OpenADR.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::VenId => "venID",
            Self::GroupId => "groupID",
            Self::GroupName => "groupName",
            Self::ResourceId => "resourceID",
            Self::PartyId => "partyID",
            Self::EndDeviceAsset => "endDeviceAsset",
            Self::MeterAsset => "meterAsset",
            Self::Pnode => "pnode",
            Self::AggregatedPnode => "aggregatedPnode",
            Self::ServiceDeliveryPoint => "serviceDeliveryPoint",
        }
    }
}
