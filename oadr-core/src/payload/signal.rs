//! `eiEventSignals`: what an event asks for, and its baseline.
//!
//! Knows nothing of which names, types and units go together (rule 104).

use super::{Interval, ItemBase, Target};
use crate::codec::sequence;
use crate::value::{
    BaselineId, DateTime, Duration, Float, NonEmpty, ResourceId, SignalId, SignalName, SignalType,
    Text,
};

sequence! {
    /// `eiEventSignals`.
    pub struct EventSignals [None] {
        /// The signals.
        signals: some EventSignal = Ei "eiEventSignal";
        /// The baseline, if there is one.
        baseline: opt EventBaseline = Ei "eiEventBaseline";
    }
}

sequence! {
    /// `eiEventSignal`.
    pub struct EventSignal [None] {
        /// Its values over time.
        intervals: one NonEmpty<Interval> = Strm "intervals";
        /// Device classes only (rule 111).
        target: opt Target = Ei "eiTarget";
        /// What it is about.
        signal_name: one SignalName = Ei "signalName";
        /// How its values are meant.
        signal_type: one SignalType = Ei "signalType";
        /// Unique within the event (rule 107).
        signal_id: one SignalId = Ei "signalID";
        /// The unit.
        item_base: opt ItemBase = choice;
        /// The value of the running interval (rules 14, 29).
        current_value: opt Float = Ei "currentValue" / Ei "payloadFloat" / Ei "value";
    }
}

sequence! {
    /// `eiEventBaseline`: what would have been used without the event.
    pub struct EventBaseline [None] {
        /// Start.
        start: one DateTime = Xcal "dtstart" / Xcal "date-time";
        /// Length.
        duration: one Duration = Xcal "duration" / Xcal "duration";
        /// Its values over time (rules 101, 102).
        intervals: one NonEmpty<Interval> = Strm "intervals";
        /// Its ID.
        baseline_id: one BaselineId = Ei "baselineID";
        /// The resources that it adds up (rule 108).
        resource_ids: many ResourceId = Ei "resourceID";
        /// Its name.
        baseline_name: one Text = Ei "baselineName";
        /// The unit.
        item_base: opt ItemBase = choice;
    }
}
