//! Targets follow membership while an event is open: who joins gets it, who leaves a cancellation.

use super::*;
use crate::payload::{RegisterReport, Report, ReportDescription, Target};
use crate::value::{
    GroupId, RId, ReadingType, ReportName, ReportRequestId, ReportSpecifierId, ReportType,
    ResourceId,
};

/// A VEN, and all campaigns there are: its context has those that match it, as a host gathers them.
struct Members {
    rig: Rig,
    all: Vec<Arc<Campaign>>,
}

impl Members {
    /// A VEN that an operator made known, registered, and through with its metadata.
    fn new() -> Self {
        let mut rig = Rig::new();
        rig.command(&Command::Enrol {
            ven_name: Text::new("house").unwrap(),
            ven_id: None,
            groups: Vec::new(),
            resources: ids(&["pump", "pump"]),
            certificates: Vec::new(),
            signatures: None,
            jid: None,
        })
        .unwrap();
        rig.register();
        rig.exchange_metadata();
        Self {
            rig,
            all: Vec::new(),
        }
    }

    fn announce(&mut self, event_id: &str, target: Target) {
        let target = Some(target);
        self.rig
            .announce(event_id, EventDraft { target, ..draft() });
        self.all.push(self.rig.context.campaigns.pop().unwrap());
    }

    fn modify(&mut self, event_id: &str) {
        let now = self.rig.now;
        for campaign in &mut self.all {
            if campaign.event_id.as_str() == event_id {
                let mut draft = campaign.body.to_draft();
                draft.priority = Some(1);
                let body = EventBody::new(draft).unwrap();
                *campaign = Arc::new(campaign.modify(body, now).unwrap());
            }
        }
    }

    fn gather(&mut self) {
        let member = self.rig.state().member();
        let matching = self.all.iter().filter(|campaign| campaign.matches(&member));
        self.rig.context.campaigns = matching.cloned().collect();
        self.rig.context.version += 1;
    }

    /// The events of the next poll, answered; none if there is nothing to say.
    fn next_poll(&mut self) -> Vec<Seen> {
        self.rig.advance(10);
        self.gather();
        let message = self.rig.poll();
        let Message::DistributeEvent(distribute) = message else {
            assert!(matches!(message, Message::Response(_)), "{message:?}");
            return Vec::new();
        };
        let events = seen(&distribute);
        for event in &events {
            let code = self
                .rig
                .answer(&event.event_id, event.number, OptType::OptIn);
            assert_eq!(code, 200);
        }
        events
    }

    fn assign(&mut self, groups: Assignment<GroupId>, resources: Assignment<ResourceId>) {
        let assign = Command::assign(groups, resources);
        assert!(!self.rig.command(&assign).unwrap().changes.is_empty());
    }

    /// Makes known one report with a data point about each of these.
    fn offer(&mut self, subjects: &[Target]) {
        let descriptions = subjects
            .iter()
            .zip(0..)
            .map(|(target, n)| ReportDescription {
                r_id: RId::new(format!("r{n}")).unwrap(),
                subject: None,
                data_source: Some(target.clone()),
                report_type: ReportType::Usage,
                item_base: None,
                reading_type: ReadingType::DirectRead,
                market_context: None,
                sampling_rate: None,
            });
        let report = Report {
            start: None,
            duration: Some(Duration::hours(1)),
            intervals: None,
            ei_report_id: None,
            descriptions: descriptions.collect(),
            report_request_id: ReportRequestId::new("0").unwrap(),
            report_specifier_id: ReportSpecifierId::new("usage").unwrap(),
            report_name: Some(ReportName::MetadataTelemetryUsage),
            created: self.rig.now,
        };
        let ven_id = Some(self.rig.ven_id());
        self.rig.send(RegisterReport {
            request_id: RequestId::new("offer").unwrap(),
            reports: vec![report],
            ven_id,
            report_request_id: None,
        });
    }
}

fn ids(names: &[&str]) -> Vec<ResourceId> {
    let ids = names.iter().map(|name| ResourceId::new(*name).unwrap());
    ids.collect()
}

fn groups(names: &[&str]) -> Vec<GroupId> {
    let ids = names.iter().map(|name| GroupId::new(*name).unwrap());
    ids.collect()
}

fn resource(name: &str) -> Target {
    Target {
        resource_ids: ids(&[name]),
        ..Target::default()
    }
}

fn group(name: &str) -> Target {
    Target {
        group_ids: groups(&[name]),
        ..Target::default()
    }
}

fn add<T>(add: Vec<T>) -> Assignment<T> {
    Assignment::Change {
        add,
        remove: Vec::new(),
    }
}

fn remove<T>(remove: Vec<T>) -> Assignment<T> {
    Assignment::Change {
        add: Vec::new(),
        remove,
    }
}

#[test]
fn who_joins_a_group_gets_its_event_with_the_next_poll_and_who_leaves_a_cancellation() {
    let mut ven = Members::new();
    ven.announce("e", group("north"));
    assert_eq!(ven.next_poll(), []);
    ven.assign(add(groups(&["pilot", "north"])), Assignment::default());
    assert_eq!(ven.next_poll(), [seen_event("e", 0, EventStatus::Far)]);
    assert_eq!(ven.next_poll(), []);
    ven.assign(remove(groups(&["north"])), Assignment::default());
    assert_eq!(ven.rig.state().member().groups, groups(&["pilot"]));
    assert_eq!(
        ven.next_poll(),
        [seen_event("e", 1, EventStatus::Cancelled)]
    );
    assert_eq!(ven.next_poll(), []);
    ven.assign(
        Assignment::Exactly(groups(&["north"])),
        Assignment::default(),
    );
    assert_eq!(ven.next_poll(), [seen_event("e", 2, EventStatus::Far)]);
}

#[test]
fn an_event_that_names_what_the_ven_keeps_goes_on_whatever_else_it_leaves() {
    let mut ven = Members::new();
    let both = Target {
        resource_ids: ids(&["pump"]),
        ..group("north")
    };
    ven.assign(add(groups(&["north"])), Assignment::default());
    ven.announce("e", both);
    assert_eq!(ven.next_poll(), [seen_event("e", 0, EventStatus::Far)]);
    ven.assign(remove(groups(&["north"])), Assignment::default());
    assert_eq!(ven.next_poll(), []);
    ven.assign(Assignment::default(), remove(ids(&["pump"])));
    assert_eq!(
        ven.next_poll(),
        [seen_event("e", 1, EventStatus::Cancelled)]
    );
}

#[test]
fn resources_that_the_ven_made_known_count_beside_those_of_the_operator() {
    let mut ven = Members::new();
    ven.announce("pump", resource("pump"));
    ven.announce("boiler", resource("boiler"));
    assert_eq!(ven.next_poll(), [seen_event("pump", 0, EventStatus::Far)]);
    let several = Target {
        resource_ids: ids(&["boiler", "car"]),
        ..Target::default()
    };
    ven.offer(&[several, resource("pump"), resource("car")]);
    let state = ven.rig.state();
    assert_eq!(state.resources(), ids(&["pump"]));
    assert_eq!(state.learnt_resources(), ids(&["boiler", "car", "pump"]));
    assert_eq!(state.member().resources, ids(&["pump", "boiler", "car"]));
    assert_eq!(
        ven.next_poll(),
        [
            seen_event("boiler", 0, EventStatus::Far),
            seen_event("pump", 0, EventStatus::Far)
        ]
    );
    // New metadata replace those before (rule 306).
    ven.offer(&[resource("car")]);
    assert_eq!(ven.rig.state().learnt_resources(), ids(&["car"]));
    assert_eq!(
        ven.next_poll(),
        [
            seen_event("boiler", 1, EventStatus::Cancelled),
            seen_event("pump", 0, EventStatus::Far)
        ]
    );
    // What the operator says is no matter of the VEN's.
    ven.offer(&[]);
    assert_eq!(ven.rig.state().member().resources, ids(&["pump"]));
}

#[test]
fn an_event_for_a_resource_keeps_its_number_until_the_ven_has_made_it_known_again() {
    let mut ven = Members::new();
    ven.offer(&[resource("boiler")]);
    ven.announce("e", resource("boiler"));
    assert_eq!(ven.next_poll(), [seen_event("e", 0, EventStatus::Far)]);
    ven.modify("e");
    assert_eq!(ven.next_poll(), [seen_event("e", 1, EventStatus::Far)]);
    ven.rig.register();
    assert!(ven.rig.state().learnt_resources().is_empty());
    ven.gather();
    assert!(ven.rig.request_events(None).events.is_empty());
    ven.rig.exchange_metadata();
    ven.offer(&[resource("boiler")]);
    // From 0 again it would be refused by a VEN that kept what it knew (rule 58).
    assert_eq!(ven.next_poll(), [seen_event("e", 1, EventStatus::Far)]);
}

#[test]
fn an_assignment_that_changes_nothing_leaves_no_trace() {
    let mut ven = Members::new();
    for assign in [
        (Assignment::default(), Assignment::default()),
        (remove(groups(&["north"])), add(ids(&["pump"]))),
        (
            Assignment::Exactly(Vec::new()),
            Assignment::Exactly(ids(&["pump"])),
        ),
    ] {
        let (groups, resources) = assign;
        let assign = Command::assign(groups, resources);
        assert!(ven.rig.command(&assign).unwrap().changes.is_empty());
    }
}

#[test]
fn nothing_is_assigned_to_a_ven_that_is_unknown_or_leaves() {
    let assign = Command::assign(add(groups(&["north"])), Assignment::default());
    let error = Rig::new().command(&assign).unwrap_err();
    assert_eq!(error, CommandError::Unknown);
    let mut rig = Rig::registered();
    // It need not be an operator who made it known.
    rig.command(&assign).unwrap();
    rig.command(&Command::Remove).unwrap();
    assert_eq!(rig.command(&assign).unwrap_err(), CommandError::Leaving);
}
