//! Offered and requested reports, and policies, as the commands show them.
//!
//! Knows nothing of where they come from.

use oadr_core::value::{DateTime, Duration};
use serde::Deserialize;

use super::api_client::Answer;
use super::api_error::Error;
use super::event_view::{shown, time};
use super::table::{Table, printable, terminal_width};
use super::unit::Unit;
use crate::json::{ItemBaseForm, TargetForm};

/// A table of requests.
pub(super) fn requests(answer: &Answer) -> Result<String, Error> {
    let list: Requests = answer.read()?;
    if list.report_requests.is_empty() {
        return Ok("no report requests\n".to_owned());
    }
    let mut table = Table::new([
        "REQUEST",
        "VEN",
        "REPORT",
        "DATA POINTS",
        "GRANULARITY",
        "BACK",
        "ORIGIN",
        "PROGRESS",
        "CODE",
        "LAST REPORT",
    ]);
    for request in list.report_requests {
        table.row([
            request.report_request_id.clone(),
            request.ven(),
            request
                .report_name
                .clone()
                .unwrap_or_else(|| request.report_specifier_id.clone()),
            request.r_ids.len().to_string(),
            granularity(request.granularity),
            back(request.report_back),
            request.origin(),
            request.progress,
            shown(request.response_code),
            time(request.last_report),
        ]);
    }
    Ok(table.render(terminal_width()))
}

/// A request with everything that is known of it.
pub(super) fn request(answer: &Answer) -> Result<String, Error> {
    let request: RequestView = answer.read()?;
    let mut table = Table::default();
    let (ven, origin) = (request.ven(), request.origin());
    for (name, value) in [
        ("request", request.report_request_id),
        ("ven", ven),
        ("report", request.report_specifier_id),
        ("name", shown(request.report_name)),
        ("data points", request.r_ids.join(", ")),
        ("granularity", granularity(request.granularity)),
        ("back", back(request.report_back)),
        ("start", time(request.dtstart)),
        ("duration", length(request.duration)),
        ("origin", origin),
        ("progress", request.progress),
        ("code", shown(request.response_code)),
        ("last report", time(request.last_report)),
    ] {
        table.row([name.to_owned(), value]);
    }
    Ok(table.render(terminal_width()))
}

/// That something is requested.
pub(super) fn requested(answer: &Answer) -> Result<String, Error> {
    let request: RequestView = answer.read()?;
    let id = printable(&request.report_request_id);
    Ok(format!("{id}: requested\n"))
}

/// A table of the data points that a VEN offers.
pub(super) fn offers(answer: &Answer) -> Result<String, Error> {
    let offers: Offers = answer.read()?;
    if offers.reports.is_empty() {
        return Ok("nothing on offer\n".to_owned());
    }
    let mut table = Table::new([
        "REPORT",
        "NAME",
        "DATA POINT",
        "MEASURES",
        "RESOURCES",
        "MIN",
        "MAX",
        "ON CHANGE",
    ]);
    for report in offers.reports {
        for point in report.data_points {
            let resources: Vec<_> = point.source.resource_id.iter().map(AsRef::as_ref).collect();
            table.row([
                report.report_specifier_id.clone(),
                shown(report.report_name.as_ref()),
                point.r_id,
                match point.unit {
                    Some(unit) => Unit(unit).to_string(),
                    None => point.measurement,
                },
                resources.join(", "),
                shown(point.min_period),
                shown(point.max_period),
                shown(point.on_change.map(|yes| if yes { "yes" } else { "no" })),
            ]);
        }
    }
    Ok(table.render(terminal_width()))
}

/// A table of policies.
pub(super) fn policies(answer: &Answer) -> Result<String, Error> {
    let list: Policies = answer.read()?;
    if list.report_policies.is_empty() {
        return Ok("no report policies\n".to_owned());
    }
    let mut table = Table::new([
        "POLICY",
        "FROM",
        "VENS",
        "GROUPS",
        "REPORT",
        "MEASUREMENT",
        "RESOURCE",
        "GRANULARITY",
        "BACK",
        "DURATION",
    ]);
    for policy in list.report_policies {
        table.row([
            policy.name,
            policy.origin,
            policy.vens.join(", "),
            policy.groups.join(", "),
            shown(policy.report_name),
            shown(policy.measurement),
            shown(policy.resource),
            granularity(policy.granularity),
            back(policy.report_back),
            length(policy.duration),
        ]);
    }
    Ok(table.render(terminal_width()))
}

/// Zero is not an interval.
fn granularity(duration: Duration) -> String {
    if duration.is_zero() {
        "on change".to_owned()
    } else {
        duration.to_string()
    }
}

fn back(duration: Duration) -> String {
    if duration.is_zero() {
        "once".to_owned()
    } else {
        duration.to_string()
    }
}

fn length(duration: Duration) -> String {
    if duration.is_zero() {
        "open".to_owned()
    } else {
        duration.to_string()
    }
}

#[derive(Debug, Deserialize)]
struct Requests {
    report_requests: Vec<RequestView>,
}

/// A request, as far as people are told; words are whatever the API calls things.
#[derive(Debug, Deserialize)]
struct RequestView {
    report_request_id: String,
    ven_id: Option<String>,
    ven_name: Option<String>,
    report_specifier_id: String,
    report_name: Option<String>,
    r_ids: Vec<String>,
    granularity: Duration,
    report_back: Duration,
    dtstart: Option<DateTime>,
    duration: Duration,
    origin: String,
    policy: Option<String>,
    progress: String,
    response_code: Option<u16>,
    last_report: Option<DateTime>,
}

impl RequestView {
    fn ven(&self) -> String {
        shown(self.ven_name.as_ref().or(self.ven_id.as_ref()))
    }

    fn origin(&self) -> String {
        match &self.policy {
            Some(policy) => format!("{} {policy}", self.origin),
            None => self.origin.clone(),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Offers {
    reports: Vec<Report>,
}

#[derive(Debug, Deserialize)]
struct Report {
    report_specifier_id: String,
    report_name: Option<String>,
    data_points: Vec<DataPoint>,
}

#[derive(Debug, Deserialize)]
struct DataPoint {
    r_id: String,
    measurement: String,
    unit: Option<ItemBaseForm>,
    source: TargetForm,
    min_period: Option<Duration>,
    max_period: Option<Duration>,
    on_change: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Policies {
    report_policies: Vec<Policy>,
}

#[derive(Debug, Deserialize)]
struct Policy {
    name: String,
    origin: String,
    #[serde(default)]
    vens: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    report_name: Option<String>,
    measurement: Option<String>,
    resource: Option<String>,
    granularity: Duration,
    report_back: Duration,
    duration: Duration,
}
