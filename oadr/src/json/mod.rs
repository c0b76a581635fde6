//! Events, reports and their parts as the operator API, `--on-event` and the happenings spell them in JSON:
//! names in snake_case, values as on the wire.
//!
//! Knows nothing of HTTP, nor of which events are legal.

mod event;
mod item_base;
mod report_policy;
mod signal;
mod target;

pub(crate) use event::{Event, EventForm};
pub(crate) use item_base::ItemBaseForm;
pub(crate) use report_policy::ReportPolicyForm;
pub(crate) use signal::{IntervalForm, SignalForm};
pub(crate) use target::TargetForm;
