//! What a VEN's opts come to for one event: in, out or nothing said, for each of its resources.
//!
//! Knows nothing of messages: it looks at what the partition remembers of them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::delivery::EventAnswer;
use super::opts::Schedule;
use super::{Audience, EventBody, Member, Opt, State};
use crate::opt::{OptPeriod, OptTerms};
use crate::payload::Target;
use crate::value::{DateTime, EventId, OptId, OptType, ResourceId, Text};

/// Whether a VEN, or one of its resources, takes part in an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectiveOpt {
    /// The resource; `None` is the VEN as a whole, which goes for resources that are not listed.
    pub resource: Option<ResourceId>,
    /// The device class; `None` goes for devices whose class is not listed for the same resource.
    pub device_class: Option<Text>,
    /// In or out; `None` if nothing was said.
    pub opt: Option<OptType>,
    /// What says so.
    pub source: OptSource,
    /// Since when the VTN knows.
    pub since: Option<DateTime>,
}

/// What says whether a VEN takes part. The earlier ones in this list count before the later ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum OptSource {
    /// An opt of this event (rule 206).
    Qualification {
        /// Its number.
        number: u64,
        /// What the VEN calls it.
        opt_id: OptId,
    },
    /// The VEN's answer to the event.
    Answer {
        /// The version answered.
        modification_number: u32,
    },
    /// A schedule that has an instant in common with the event.
    Schedule {
        /// Its number.
        number: u64,
        /// What the VEN calls it.
        opt_id: OptId,
        /// Whether no period of it covers the whole event.
        in_part: bool,
    },
    /// Nothing was said.
    Nothing,
}

/// What the VEN's opts come to for an event: the VEN as a whole first, then its resources by ID, each
/// before those of its device classes of which something else is true.
///
/// Where schedules for being in and for being out overlap, `precedence` says which counts (rule 201).
#[must_use]
pub fn effective_opts(
    state: &State,
    event_id: &EventId,
    body: &EventBody,
    precedence: OptType,
) -> Vec<EffectiveOpt> {
    let of_event = |opt: &&Opt| opt.terms.event_id() == Some(event_id);
    let of_context = |schedule: &&Schedule| schedule.opt.terms.is_of_context(body.market_context());
    let subject = Subject {
        period: OptPeriod {
            start: body.start(),
            duration: body.duration(),
        },
        device_classes: device_classes(body),
        qualifications: state.opts.qualifications.iter().filter(of_event).collect(),
        answer: state.delivery(event_id).and_then(|d| d.answer.as_ref()),
        schedules: state.opts.schedules.iter().filter(of_context).collect(),
        precedence,
    };
    let member = state.member();
    let is_meant = |id: &&ResourceId| is_for(body.target(), &member, id);
    let mut resources: BTreeSet<&ResourceId> = member.resources.iter().filter(is_meant).collect();
    // The VEN may have resources that the VTN learns of like this.
    let named = subject.qualifications.iter();
    resources.extend(named.flat_map(|opt| &opt.terms.resources));
    let rows = core::iter::once(None).chain(resources.into_iter().map(Some));
    rows.flat_map(|resource| subject.of_resource(resource))
        .collect()
}

/// Whether an event is for a resource of a VEN that it is for: if the VEN is meant by anything but its
/// resources, for all of them (rules 22, 206).
pub(super) fn is_for(target: Option<&Target>, member: &Member, resource: &ResourceId) -> bool {
    let Some(target) = target.filter(|target| !target.resource_ids.is_empty()) else {
        return true;
    };
    let others = Target {
        resource_ids: Vec::new(),
        ..target.clone()
    };
    target.resource_ids.contains(resource)
        || (!others.is_empty() && Audience::by_target().matches(Some(&others), member))
}

/// The device classes that an event is limited to (rule 111); none if it is not.
fn device_classes(body: &EventBody) -> BTreeSet<&Text> {
    let signals = body.signals().iter().map(|signal| signal.target.as_ref());
    let targets = signals.chain([body.target()]).flatten();
    targets
        .flat_map(|target| &target.end_device_assets)
        .collect()
}

/// An event and all that was said about it, in the order in which it was said.
struct Subject<'a> {
    period: OptPeriod,
    device_classes: BTreeSet<&'a Text>,
    qualifications: Vec<&'a Opt>,
    answer: Option<&'a EventAnswer>,
    schedules: Vec<&'a Schedule>,
    precedence: OptType,
}

impl Subject<'_> {
    fn of_resource(&self, resource: Option<&ResourceId>) -> Vec<EffectiveOpt> {
        let whole = self.of(resource, None);
        let schedules = self.schedules.iter().map(|schedule| &schedule.opt);
        let opts = self.qualifications.iter().copied().chain(schedules);
        let classes: BTreeSet<&Text> = opts
            .flat_map(|opt| &opt.terms.device_classes)
            .filter(|class| self.device_classes.is_empty() || self.device_classes.contains(class))
            .collect();
        let classes = classes
            .into_iter()
            .map(|class| self.of(resource, Some(class)));
        let differs =
            |of_class: &EffectiveOpt| of_class.opt != whole.opt || of_class.source != whole.source;
        let classes: Vec<_> = classes.filter(differs).collect();
        core::iter::once(whole).chain(classes).collect()
    }

    fn of(&self, resource: Option<&ResourceId>, device_class: Option<&Text>) -> EffectiveOpt {
        let (opt, source, since) = self.said(resource, device_class);
        EffectiveOpt {
            resource: resource.cloned(),
            device_class: device_class.cloned(),
            opt,
            source,
            since,
        }
    }

    fn said(
        &self,
        resource: Option<&ResourceId>,
        device_class: Option<&Text>,
    ) -> (Option<OptType>, OptSource, Option<DateTime>) {
        let concerns = |terms: &OptTerms| self.concerns(terms, resource, device_class);
        // Once it was made, only another one changes it (rule 206).
        let mut latest = self.qualifications.iter().rev();
        if let Some(opt) = latest.find(|opt| concerns(&opt.terms)) {
            let source = OptSource::Qualification {
                number: opt.number,
                opt_id: opt.opt_id.clone(),
            };
            return (Some(opt.terms.opt_type), source, Some(opt.received));
        }
        if let Some(answer) = self.answer {
            let source = OptSource::Answer {
                modification_number: answer.modification_number,
            };
            return (Some(answer.opt), source, Some(answer.at));
        }
        let other = match self.precedence {
            OptType::OptIn => OptType::OptOut,
            OptType::OptOut => OptType::OptIn,
        };
        let schedule = self.schedule(self.precedence, concerns);
        match schedule.or_else(|| self.schedule(other, concerns)) {
            Some(opt) => {
                let mut periods = opt.terms.periods().iter();
                let source = OptSource::Schedule {
                    number: opt.number,
                    opt_id: opt.opt_id.clone(),
                    in_part: !periods.any(|period| period.covers(&self.period)),
                };
                (Some(opt.terms.opt_type), source, Some(opt.received))
            }
            None => (None, OptSource::Nothing, None),
        }
    }

    /// The schedule of this type that says so: the latest one that is about it has replaced those
    /// before it, whatever has become of it since (rule 203).
    fn schedule(&self, opt_type: OptType, concerns: impl Fn(&OptTerms) -> bool) -> Option<&Opt> {
        let mut latest = self.schedules.iter().rev();
        let schedule = latest.find(|schedule| {
            let terms = &schedule.opt.terms;
            terms.opt_type == opt_type && concerns(terms)
        })?;
        let mut periods = schedule.opt.terms.periods().iter();
        let says = !schedule.is_over && periods.any(|period| period.overlaps(&self.period));
        says.then_some(&schedule.opt)
    }

    /// Whether an opt is about a resource, or the VEN as a whole, and about a device class, or all
    /// devices that the event is for (rules 202, 209).
    fn concerns(
        &self,
        terms: &OptTerms,
        resource: Option<&ResourceId>,
        device_class: Option<&Text>,
    ) -> bool {
        let resources = &terms.resources;
        let of_resource = resources.is_empty() || resource.is_some_and(|id| resources.contains(id));
        let classes = &terms.device_classes;
        let of_class = classes.is_empty()
            || match device_class {
                Some(class) => classes.contains(class),
                None => {
                    let mut all = self.device_classes.iter();
                    !self.device_classes.is_empty() && all.all(|class| classes.contains(class))
                }
            };
        of_resource && of_class
    }
}
