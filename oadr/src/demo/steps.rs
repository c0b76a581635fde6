//! The steps that the demo is to show, and which of them were seen.
//!
//! Knows nothing of how they come about.

use std::collections::BTreeSet;
use std::fmt;

use oadr_core::value::OptType;
use oadr_core::ven;
use serde_json::Value;

use super::meters::Load;

/// Of what share of its usual load on a VEN takes less; noise alone does not go so far.
pub(super) const FALLEN: f64 = 0.85;

/// One thing that is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Registered(&'static str),
    Metered(&'static str),
    Received(&'static str),
    OptedIn(&'static str),
    OptedOut(&'static str),
    Started(&'static str),
    IntervalStarted(&'static str, u32),
    LoadFell(&'static str),
    Ended(&'static str),
    /// The VTN's operator sees the event completed, and both answers.
    Completed,
    /// Seen if the VEN that opted out did not start.
    StayedOut(&'static str),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered(ven) => write!(f, "{ven} registers"),
            Self::Metered(ven) => write!(f, "{ven} reports what its load takes"),
            Self::LoadFell(ven) => write!(f, "{ven}'s load falls with the event"),
            Self::Received(ven) => write!(f, "{ven} receives the event"),
            Self::OptedIn(ven) => write!(f, "{ven} opts in and the VTN knows"),
            Self::OptedOut(ven) => write!(f, "{ven} opts out and the VTN knows"),
            Self::Started(ven) => write!(f, "{ven} starts the event"),
            Self::IntervalStarted(ven, interval) => {
                write!(f, "{ven} starts interval {interval}")
            }
            Self::Ended(ven) => write!(f, "{ven} ends the event"),
            Self::Completed => write!(f, "the operator sees the event completed, and both answers"),
            Self::StayedOut(ven) => write!(f, "{ven} does not start, as it opted out"),
        }
    }
}

/// What was seen.
#[derive(Debug)]
pub(super) struct Steps {
    willing: &'static str,
    unwilling: &'static str,
    seen: BTreeSet<Step>,
    unwanted_start: bool,
}

impl Steps {
    pub(super) fn new(willing: &'static str, unwilling: &'static str) -> Self {
        Self {
            willing,
            unwilling,
            seen: BTreeSet::new(),
            unwanted_start: false,
        }
    }

    fn wanted_of_the_event(&self) -> [Step; 10] {
        let (willing, unwilling) = (self.willing, self.unwilling);
        [
            Step::Received(willing),
            Step::Received(unwilling),
            Step::OptedIn(willing),
            Step::OptedOut(unwilling),
            Step::Started(willing),
            Step::IntervalStarted(willing, 0),
            Step::IntervalStarted(willing, 1),
            Step::LoadFell(willing),
            Step::Ended(willing),
            Step::Completed,
        ]
    }

    fn wanted_before(&self) -> [Step; 4] {
        let (willing, unwilling) = (self.willing, self.unwilling);
        [
            Step::Registered(willing),
            Step::Registered(unwilling),
            Step::Metered(willing),
            Step::Metered(unwilling),
        ]
    }

    /// Whether the VENs are registered, and it is known what their loads usually take.
    pub(super) fn all_ready(&self) -> bool {
        let mut wanted = self.wanted_before().into_iter();
        wanted.all(|step| self.seen.contains(&step))
    }

    /// Whether all is seen but what the operator sees at the end.
    pub(super) fn all_seen(&self) -> bool {
        let mut wanted = self.wanted_of_the_event().into_iter();
        wanted.all(|step| step == Step::Completed || self.seen.contains(&step))
    }

    pub(super) fn missing(&self) -> Vec<Step> {
        let wanted = self
            .wanted_before()
            .into_iter()
            .chain(self.wanted_of_the_event());
        let mut missing: Vec<_> = wanted.filter(|step| !self.seen.contains(step)).collect();
        if self.unwanted_start {
            missing.push(Step::StayedOut(self.unwilling));
        }
        missing
    }

    /// Forgets what was seen of an event.
    pub(super) fn next_event(&mut self) {
        let wanted = self.wanted_of_the_event();
        self.seen.retain(|step| !wanted.contains(step));
    }

    /// Opts count once the VTN has them; that is told by the VEN, which got the confirmation.
    pub(super) fn at_ven(&mut self, ven: &'static str, effect: &ven::Effect) {
        use ven::Effect;
        let step = match effect {
            Effect::Registered { .. } => Step::Registered(ven),
            Effect::EventReceived { .. } => Step::Received(ven),
            Effect::OptSent { opt, .. } => match opt {
                OptType::OptIn => Step::OptedIn(ven),
                OptType::OptOut => Step::OptedOut(ven),
            },
            Effect::EventStarted { .. } => {
                self.unwanted_start |= ven == self.unwilling;
                Step::Started(ven)
            }
            Effect::IntervalStarted { interval, .. } => Step::IntervalStarted(ven, *interval),
            Effect::EventEnded { .. } => Step::Ended(ven),
            Effect::RegistrationRefused { .. }
            | Effect::RegistrationCancelled { .. }
            | Effect::EventModified { .. }
            | Effect::EventCancelled { .. }
            | _ => return,
        };
        self.seen.insert(step);
    }

    /// What a meter says; that the load fell counts while the VEN takes part.
    pub(super) fn metered(&mut self, name: &str, load: Load) {
        let mut vens = [self.willing, self.unwilling].into_iter();
        if let Some(ven) = vens.find(|ven| *ven == name) {
            self.seen.insert(Step::Metered(ven));
            if load.share < FALLEN && self.seen.contains(&Step::Started(ven)) {
                self.seen.insert(Step::LoadFell(ven));
            }
        }
    }

    /// What the operator API shows of the event at the end.
    pub(super) fn shown(&mut self, event: &Value) {
        let vens = event.get("vens").and_then(Value::as_array);
        let opt_of = |name: &str| {
            let ven = vens?.iter().find(|ven| ven["ven_name"] == name)?;
            (ven["delivery"] == "answered").then(|| ven["opt"].as_str())?
        };
        if event["status"] == "completed"
            && opt_of(self.willing) == Some("optIn")
            && opt_of(self.unwilling) == Some("optOut")
        {
            self.seen.insert(Step::Completed);
        }
    }
}
