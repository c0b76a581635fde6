//! The demo's timeline: one line for each thing that happens, with the time since the start.
//!
//! Knows nothing of what is to come.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Instant;

use oadr_core::value::{OptType, VenId};
use oadr_core::{ven, vtn};

use super::meters::Load;
use super::steps::FALLEN;

/// Prints lines on stdout.
#[derive(Debug)]
pub(super) struct Timeline {
    begin: Instant,
    /// Names of VENs by ID, as far as they are known.
    names: BTreeMap<VenId, String>,
}

impl Timeline {
    pub(super) fn new() -> Self {
        Self {
            begin: Instant::now(),
            names: BTreeMap::new(),
        }
    }

    pub(super) fn say(&mut self, who: &str, what: &str) {
        let time = self.begin.elapsed().as_secs_f32();
        line(&format!("{time:6.1} s  {who:<9} {what}"));
    }

    /// The last words.
    pub(super) fn close(&mut self, what: &str) {
        line(&format!("          {what}"));
    }

    /// What a VEN is called, as far as that is known.
    pub(super) fn name(&self, ven_id: &VenId) -> String {
        let name = self.names.get(ven_id);
        name.map_or_else(|| ven_id.to_string(), Clone::clone)
    }

    pub(super) fn metered(&mut self, ven_id: &VenId, load: Load) {
        let (name, Load { power, share }) = (self.name(ven_id), load);
        let fallen = if share < FALLEN {
            format!(", {:.0} % less than before", (1.0 - share) * 100.0)
        } else {
            String::new()
        };
        self.say("VTN", &format!("{name} takes {power:.2} kW{fallen}"));
    }

    pub(super) fn at_vtn(&mut self, effect: &vtn::Effect) {
        use vtn::Effect;
        match effect {
            Effect::EventAnswered {
                ven_id,
                event_id,
                opt,
                ..
            } => {
                let name = self.name(ven_id);
                self.say("VTN", &format!("{name} answers {event_id}: {opt}"));
            }
            Effect::DeliveryGivenUp { ven_id, event_id } => {
                self.say("VTN", &format!("{ven_id} never answered {event_id}"));
            }
            // The VENs tell the rest.
            Effect::Registered { .. }
            | Effect::RegistrationCancelled { .. }
            | Effect::PushGivenUp { .. }
            | Effect::PolledThoughPushed { .. }
            | Effect::ReportsRegistered { .. }
            | Effect::ReportRequested { .. }
            | Effect::ReportRefused { .. }
            | Effect::ReportReceived { .. }
            | Effect::ReportCancelled { .. }
            | _ => {}
        }
    }

    pub(super) fn at_ven(&mut self, name: &'static str, effect: &ven::Effect) {
        use ven::Effect;
        let what = match effect {
            Effect::Registered { ven_id, .. } => {
                self.names.insert(ven_id.clone(), name.to_owned());
                format!("registered as {ven_id}")
            }
            Effect::RegistrationRefused { response_code } => {
                format!("is refused: {response_code}")
            }
            Effect::RegistrationCancelled { .. } => "is no longer registered".to_owned(),
            Effect::EventReceived { event, start, .. } => {
                let id = &event.descriptor.event_id;
                format!(
                    "received {id}, which starts at {}",
                    start.format("%H:%M:%S")
                )
            }
            Effect::EventModified { event, .. } => {
                format!("{} was modified", event.descriptor.event_id)
            }
            Effect::EventCancelled { event_id, .. } => format!("{event_id} was cancelled"),
            Effect::OptSent { event_id, opt, .. } => match opt {
                OptType::OptIn => format!("opted in to {event_id}"),
                OptType::OptOut => format!("opted out of {event_id}"),
            },
            Effect::OptAccepted { opt_id } => format!("has told of its opt {opt_id}"),
            Effect::OptRefused { opt_id, .. } => format!("is refused its opt {opt_id}"),
            Effect::OptCancelled { opt_id } => format!("has cancelled its opt {opt_id}"),
            Effect::EventStarted { event_id, .. } => format!("{event_id} started"),
            Effect::IntervalStarted {
                event_id,
                signal_name,
                interval,
                payload,
                ..
            } => format!("{event_id} interval {interval}: {signal_name} is {payload} now"),
            Effect::EventEnded {
                event_id, reason, ..
            } => match reason {
                ven::EndReason::Completed => format!("{event_id} completed"),
                ven::EndReason::Rescheduled => format!("{event_id} stopped: it is to start later"),
                ven::EndReason::Cancelled => format!("{event_id} ended early: cancelled"),
                ven::EndReason::OptedOut => format!("{event_id} ended early: opted out"),
                ven::EndReason::Unregistered => format!("{event_id} ended early: not registered"),
            },
            Effect::ReportRequested {
                report_specifier_id,
                ..
            } => format!("is to report {report_specifier_id}"),
            Effect::ReportRefused { from, .. } => {
                format!("gave up the report of {}", from.format("%H:%M:%S"))
            }
            // Who gets them says what is in them.
            Effect::ReportSent { .. }
            | Effect::ReportCancelled { .. }
            | Effect::ReportCompleted { .. }
            | _ => return,
        };
        self.say(name, &what);
    }
}

fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody reading it is no reason to stop.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
