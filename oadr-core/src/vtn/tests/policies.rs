//! What policies and applications want of a VEN as soon as it says what it offers.

use super::reporter::{id, ids, offer, offers, once, point, status, wanted};
use super::*;
use crate::payload::{ItemBase, RegisterReport, ReportRequest, Target};
use crate::value::{GroupId, RId, ReportName, ReportSpecifierId, ResourceId, SiScaleCode};

/// All usage, a sample a minute, five at a time.
pub(super) fn policy(name: &str) -> ReportPolicy {
    ReportPolicy {
        name: Text::new(name).unwrap(),
        vens: Vec::new(),
        groups: Vec::new(),
        report_name: Some(ReportName::TelemetryUsage),
        measurement: None,
        resource: None,
        granularity: Duration::minutes(1),
        report_back: Duration::minutes(5),
        duration: Duration::ZERO,
    }
}

pub(super) fn under(policies: Vec<ReportPolicy>) -> Rig {
    let mut rig = Rig::registered();
    rig.context.report_policies = policies.into();
    rig
}

/// Offer, data points, granularity and report-back in minutes.
pub(super) fn asked(requests: &[ReportRequest]) -> Vec<(&str, Vec<&str>, i64, i64)> {
    let minutes = |d: Duration| d.span_from(midnight()).num_minutes();
    let requests = requests.iter().map(|request| {
        let specifier = &request.specifier;
        let r_ids = specifier.payloads.iter().map(|p| p.r_id.as_str());
        (
            specifier.report_specifier_id.as_str(),
            r_ids.collect(),
            minutes(specifier.granularity),
            minutes(specifier.report_back),
        )
    });
    requests.collect()
}

#[test]
fn rule_344_what_policies_want_goes_with_the_answer_to_metadata() {
    let mut rig = under(vec![policy("usage")]);
    let requests = rig.offer(offers());
    assert_eq!(asked(&requests), [("usage", vec!["a", "b"], 1, 5)]);
    let request = ids(&requests)[0].to_owned();
    let known = rig.state().report_request(&id(&request)).unwrap();
    assert_eq!(
        known.origin,
        RequestOrigin::Policy(Text::new("usage").unwrap())
    );
    assert_eq!(
        rig.effects,
        [
            Effect::ReportsRegistered {
                ven_id: rig.ven_id(),
                reports: 3,
            },
            Effect::ReportRequested {
                ven_id: rig.ven_id(),
                report_request_id: id(&request),
                report_specifier_id: ReportSpecifierId::new("usage").unwrap(),
            }
        ]
    );
    assert!(rig.polls_in_vain());
    // The answer names the VEN's own message.
    rig.created(200, "offer", &[]);
    assert_eq!(*rig.progress(&request), ReportProgress::Accepted);
}

#[test]
fn a_request_that_went_with_an_answer_comes_with_a_poll_if_nobody_answers() {
    let mut rig = under(vec![policy("usage")]);
    let requests = rig.offer(offers());
    rig.advance(5);
    let again = rig.polled_requests();
    assert_eq!(again.report_requests.into_vec(), requests);
}

#[test]
fn rule_331_policies_choose_by_report_measurement_and_resource() {
    let energy = crate::payload::ReportDescription {
        item_base: Some(ItemBase::EnergyReal(SiScaleCode::Kilo)),
        ..point("e", "pump")
    };
    let reports = vec![
        offer(
            "usage",
            ReportName::MetadataTelemetryUsage,
            vec![point("a", "boiler"), point("b", "pump"), energy],
        ),
        offer(
            "status",
            ReportName::MetadataTelemetryStatus,
            vec![status("s", "boiler"), status("t", "pump")],
        ),
    ];
    let any = ReportPolicy {
        report_name: None,
        ..policy("any")
    };
    let measured = |measurement: &str| ReportPolicy {
        measurement: Text::new(measurement).ok(),
        ..any.clone()
    };
    let about = |resource: &str, policy: ReportPolicy| ReportPolicy {
        resource: ResourceId::new(resource).ok(),
        ..policy
    };
    for (policy, chosen) in [
        (policy("usage"), vec![("usage", vec!["a", "b", "e"])]),
        (
            any.clone(),
            vec![("usage", vec!["a", "b", "e"]), ("status", vec!["s", "t"])],
        ),
        (measured("powerReal"), vec![("usage", vec!["a", "b"])]),
        (measured("energyReal"), vec![("usage", vec!["e"])]),
        (measured("status"), vec![("status", vec!["s", "t"])]),
        (measured("voltage"), vec![]),
        (
            about("pump", any.clone()),
            vec![("usage", vec!["b", "e"]), ("status", vec!["t"])],
        ),
        (
            about("pump", measured("powerReal")),
            vec![("usage", vec!["b"])],
        ),
        (about("fridge", any.clone()), vec![]),
    ] {
        let mut rig = under(vec![policy.clone()]);
        let requests = rig.offer(reports.clone());
        let requests = asked(&requests)
            .into_iter()
            .map(|(id, points, ..)| (id, points));
        assert_eq!(requests.collect::<Vec<_>>(), chosen, "{policy:?}");
    }
}

#[test]
fn rule_331_an_own_report_is_chosen_by_the_name_that_its_data_have() {
    let own = |name: &str| name.parse::<ReportName>().unwrap();
    let offer = offer("water", own("x-METADATA_water"), vec![point("a", "pump")]);
    for (name, count) in [("x-water", 1), ("x-METADATA_water", 0), ("x-gas", 0)] {
        let mut rig = under(vec![ReportPolicy {
            report_name: Some(own(name)),
            ..policy("own")
        }]);
        assert_eq!(rig.offer(vec![offer.clone()]).len(), count, "{name}");
    }
}

#[test]
fn policies_are_for_vens_and_groups() {
    let text = |text: &str| Text::new(text).unwrap();
    for (vens, groups, is_for) in [
        (vec![], vec![], true),
        (vec!["house"], vec![], true),
        (vec!["villa"], vec![], false),
        (vec!["villa"], vec!["north"], true),
        (vec![], vec!["south"], false),
    ] {
        let mut rig = under(vec![ReportPolicy {
            vens: vens.iter().map(|ven| text(ven)).collect(),
            groups: groups.iter().map(|g| GroupId::new(g).unwrap()).collect(),
            ..policy("p")
        }]);
        rig.command(&Command::assign(
            Assignment::Exactly(vec![GroupId::new("north").unwrap()]),
            Assignment::default(),
        ))
        .unwrap();
        assert_eq!(
            !rig.offer(offers()).is_empty(),
            is_for,
            "{vens:?} {groups:?}"
        );
    }
}

#[test]
fn rule_317_policies_want_the_nearest_pace_that_is_offered() {
    let paced = |granularity, report_back, report_name| ReportPolicy {
        granularity,
        report_back,
        report_name: Some(report_name),
        ..policy("p")
    };
    let usage = ReportName::TelemetryUsage;
    for (policy, pace) in [
        // On change is not on offer: as often as possible.
        (
            paced(Duration::ZERO, Duration::minutes(1), usage.clone()),
            (0, 1),
        ),
        (
            paced(Duration::hours(2), Duration::hours(2), usage.clone()),
            (60, 120),
        ),
        (
            paced(Duration::minutes(9), Duration::minutes(3), usage),
            (9, 9),
        ),
        // Rule 324.
        (
            paced(
                Duration::minutes(1),
                Duration::minutes(1),
                ReportName::HistoryUsage,
            ),
            (0, 0),
        ),
    ] {
        let mut rig = under(vec![policy]);
        let requests = rig.offer(offers());
        let (_, _, granularity, report_back) = asked(&requests)[0];
        assert_eq!((granularity, report_back), pace);
        let is_history = report_back == 0;
        let granularity = requests[0].specifier.granularity;
        assert_eq!(granularity.is_zero(), is_history);
    }
}

#[test]
fn the_application_says_what_it_wants_of_the_offers() {
    let mut rig = Rig::registered();
    rig.context.asks.reports = true;
    let register = RegisterReport {
        request_id: RequestId::new("offer").unwrap(),
        reports: offers(),
        ven_id: None,
        report_request_id: None,
    };
    let input = rig.input(register.clone().into());
    match rig.step(&input, &[]) {
        Step::Ask(Question::Reports(asked)) => {
            assert_eq!(asked.ven_id, rig.ven_id());
            assert_eq!(asked.reports, offers());
        }
        other => panic!("{other:?}"),
    }
    let one = WantedReport {
        r_ids: vec![RId::new("b").unwrap()],
        granularity: Duration::hours(9),
        report_back: Duration::hours(9),
        ..wanted("usage")
    };
    // What is not on offer is left out, and so are the offers themselves: they would never end.
    let said = vec![one, wanted("nothing"), once("METADATA")];
    let outcome = rig.run(&input, &[Answer::Reports(said.clone())]);
    let requests = match outcome.message() {
        Message::RegisteredReport(registered) => registered.report_requests,
        other => panic!("{other:?}"),
    };
    assert_eq!(asked(&requests), [("usage", vec!["b"], 60, 9 * 60)]);
    // The same answer keeps the request; another one ends it.
    let before = requests[0].report_request_id.clone();
    rig.run(&input, &[Answer::Reports(said)]);
    assert_eq!(rig.state().report_requests().count(), 1);
    rig.run(&input, &[Answer::Reports(Vec::new())]);
    assert!(matches!(
        rig.progress(before.as_str()),
        ReportProgress::Over { .. }
    ));
    // Without an offer there is nothing to ask.
    let none = RegisterReport {
        reports: Vec::new(),
        ..register
    };
    let input = rig.input(none.into());
    assert!(matches!(rig.step(&input, &[]), Step::Decided(_)));
}

#[test]
fn rule_305_a_ven_without_reports_is_asked_for_none() {
    let mut rig = under(vec![policy("usage")]);
    assert!(rig.offer(Vec::new()).is_empty());
    let bare = offer("usage", ReportName::MetadataTelemetryUsage, Vec::new());
    assert!(rig.offer(vec![bare]).is_empty());
}

#[test]
fn wishes_that_are_alike_are_one_request() {
    let mut rig = under(vec![policy("one"), policy("two")]);
    rig.accepted_by_offer(offers());
    assert_eq!(rig.state().report_requests().count(), 1);
    rig.context.asks.reports = true;
    let message = RegisterReport {
        request_id: RequestId::default(),
        reports: offers(),
        ven_id: None,
        report_request_id: None,
    };
    let alike = WantedReport {
        report_back: Duration::minutes(5),
        ..wanted("usage")
    };
    let input = rig.input(message.into());
    rig.run(&input, &[Answer::Reports(vec![alike.clone(), alike])]);
    assert_eq!(rig.state().report_requests().count(), 1);
}

#[test]
fn rule_343_a_point_that_names_no_resource_is_about_all_of_them() {
    let mut everything = point("a", "boiler");
    everything.data_source = None;
    let name = ReportName::MetadataTelemetryUsage;
    let reports = vec![offer("usage", name, vec![everything])];
    for (resource, chosen) in [(None, 1), (Some("boiler"), 1), (Some("fridge"), 0)] {
        let resource = resource.map(|resource| ResourceId::new(resource).unwrap());
        let mut rig = under(vec![ReportPolicy {
            resource,
            ..policy("p")
        }]);
        rig.command(&Command::assign(
            Assignment::default(),
            Assignment::Exactly(vec![ResourceId::new("boiler").unwrap()]),
        ))
        .unwrap();
        assert_eq!(rig.offer(reports.clone()).len(), chosen);
        let mut points = rig
            .state()
            .report_requests()
            .flat_map(|known| &known.points);
        assert!(points.all(|point| point.resource_ids.is_empty()));
    }
}

#[test]
fn rule_302_a_point_is_about_all_the_resources_that_its_source_names() {
    let mut both = point("a", "boiler");
    let pump = ResourceId::new("pump").unwrap();
    both.data_source.as_mut().unwrap().resource_ids.push(pump);
    let name = ReportName::MetadataTelemetryUsage;
    let reports = vec![offer("usage", name, vec![both])];
    for resource in ["boiler", "pump"] {
        let mut rig = under(vec![ReportPolicy {
            resource: ResourceId::new(resource).ok(),
            ..policy("p")
        }]);
        assert_eq!(rig.offer(reports.clone()).len(), 1);
        let known = rig.state().report_requests().next().unwrap();
        assert_eq!(known.points[0].resource_ids.len(), 2);
    }
}

#[test]
fn rule_307_a_device_class_does_not_make_a_point_one_of_every_resource() {
    let mut of_a_class = point("a", "boiler");
    of_a_class.data_source = None;
    of_a_class.subject = Some(Target {
        end_device_assets: vec![Text::new("Thermostat").unwrap()],
        ..Target::default()
    });
    let name = ReportName::MetadataTelemetryUsage;
    let reports = vec![offer("usage", name, vec![of_a_class])];
    for (resource, chosen) in [(None, 1), (ResourceId::new("boiler").ok(), 0)] {
        let mut rig = under(vec![ReportPolicy {
            resource,
            ..policy("p")
        }]);
        rig.command(&Command::assign(
            Assignment::default(),
            Assignment::Exactly(vec![ResourceId::new("boiler").unwrap()]),
        ))
        .unwrap();
        assert_eq!(rig.offer(reports.clone()).len(), chosen);
    }
}

#[test]
fn a_policy_asks_for_the_feeds_of_a_lone_data_point() {
    let any = ReportPolicy {
        report_name: None,
        ..policy("any")
    };
    let mut several = offers().swap_remove(0);
    several.report_specifier_id = ReportSpecifierId::new("several").unwrap();
    several.report_name = Some(ReportName::MetadataHistoryGreenButton);
    let mut lone = several.clone();
    lone.report_specifier_id = ReportSpecifierId::new("lone").unwrap();
    lone.descriptions.truncate(1);
    let mut rig = under(vec![any]);
    let requests = rig.offer(vec![several, lone]);
    assert_eq!(asked(&requests), [("lone", vec!["a"], 0, 0)]);
}
