//! `oadr reports`: what VENs offer to report, and what is requested of it, through the operator API.
//!
//! Knows nothing of what was measured: that is `oadr readings`.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use hyper::Method;
use oadr_core::value::{Duration, RId, ReportName, ReportRequestId, ReportSpecifierId, ResourceId};
use serde_json::{Map, Value};

use super::api_client::{ApiArgs, Format};
use super::api_error::Error;
use super::report_policies::PoliciesCommand;
use super::start::Start;
use super::table::{self, printable};
use super::{report_policies, report_view};
use crate::api::segment;
use crate::clock;

/// List, request and cancel reports, and keep policies that request them
#[derive(Debug, Args)]
#[command(after_help = "\
The commands talk to the operator API of a running `oadr vtn`. Where that is: --api or OADR_API.
They are recorded there under your user name. A VEN is named by its name or its ID.

Examples:
  oadr reports offers house
  oadr reports request house --name TELEMETRY_USAGE --granularity PT1M --back PT15M
  oadr reports list house
  oadr reports policies set meters:report=TELEMETRY_USAGE,group=north,granularity=PT1M,back=PT15M")]
pub(crate) struct ReportsArgs {
    #[command(flatten)]
    api: ApiArgs,

    #[command(subcommand)]
    command: ReportsCommand,
}

/// What to do with reports.
#[derive(Debug, Subcommand)]
enum ReportsCommand {
    List(List),
    /// Show a request
    Show(Request),
    /// Show what a VEN offers to report
    #[command(after_help = "\
MIN and MAX are the sampling intervals between which one may be requested; ON CHANGE says whether
--granularity PT0S may be.")]
    Offers(Ven),
    /// Ask a VEN for what it offers, at its next poll or by a push; the policies are applied to its answer
    Refresh(Ven),
    Request(Box<Wanted>),
    Cancel(Cancel),
    /// Policies: which reports are requested of every VEN that offers them
    #[command(subcommand)]
    Policies(Box<PoliciesCommand>),
}

/// List what is requested, of one VEN or of all
#[derive(Debug, Args)]
#[command(after_help = "\
PROGRESS is waiting (to be sent with a poll), sent (and not answered yet), accepted, refused (CODE says
how), cancelling (the VEN is to hear of it) or over. ORIGIN is the operator, the application, or the
policy that it comes from.")]
struct List {
    /// Only of this VEN
    #[arg(value_name = "VEN", value_parser = NonEmptyStringValueParser::new())]
    ven: Option<String>,
}

/// One VEN.
#[derive(Debug, Args)]
struct Ven {
    /// The VEN's name or ID
    #[arg(value_name = "VEN", value_parser = NonEmptyStringValueParser::new())]
    ven: String,
}

/// One request.
#[derive(Debug, Args)]
struct Request {
    /// The request's ID
    #[arg(value_name = "REQUEST", value_parser = NonEmptyStringValueParser::new())]
    request: String,
}

/// Request a report of what a VEN offers; prints the request's ID
///
/// Which report is said by its ID, or by what it is about: its name, what is measured, where. It is
/// asked for with the VEN's next poll, or by a push.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  oadr reports request house --name TELEMETRY_USAGE --granularity PT10S --back PT1M
  oadr reports request house --report usage --r-id p1 --once
  oadr reports request house --report status --granularity PT0S --back PT5M --duration PT1H
  oadr reports request house --name HISTORY_USAGE --once --start 2026-01-31T00:00:00Z --duration P1D

--granularity PT0S is on change: what has changed is still told every --back.")]
struct Wanted {
    /// The VEN's name or ID
    #[arg(value_name = "VEN", value_parser = NonEmptyStringValueParser::new())]
    ven: String,

    /// The report's ID, as `oadr reports offers` shows it
    #[arg(
        long,
        value_name = "ID",
        conflicts_with_all = ["name", "measurement", "resource"]
    )]
    report: Option<ReportSpecifierId>,

    /// The report's name, such as TELEMETRY_USAGE
    #[arg(long, value_name = "NAME")]
    name: Option<ReportName>,

    /// Only what is measured so, such as powerReal or status
    #[arg(long, value_name = "WHAT")]
    measurement: Option<String>,

    /// Only what is measured there
    #[arg(long, value_name = "RESOURCE_ID")]
    resource: Option<ResourceId>,

    /// Only this data point of the report; repeatable
    #[arg(long = "r-id", value_name = "ID")]
    r_ids: Vec<RId>,

    /// How often samples are taken, as an ISO 8601 duration
    #[arg(long, value_name = "DURATION", required_unless_present = "once")]
    granularity: Option<Duration>,

    /// How often they are sent [default: as often as they are taken]
    #[arg(long, value_name = "DURATION")]
    back: Option<Duration>,

    /// One report, at once; of history it is the only way
    #[arg(long, conflicts_with = "back")]
    once: bool,

    /// When to begin, or where in the past: now, +DURATION or a time [default: now]
    #[arg(long, value_name = "START")]
    start: Option<Start>,

    /// For how long [default: without end]
    #[arg(long, value_name = "DURATION")]
    duration: Option<Duration>,

    /// The request's ID; sent again with the same body it makes no second request [default: drawn]
    #[arg(long, value_name = "ID")]
    id: Option<ReportRequestId>,
}

/// Cancel a request; the VEN hears of it with its next poll or by a push
#[derive(Debug, Args)]
struct Cancel {
    #[command(flatten)]
    request: Request,

    /// Have one last report
    #[arg(long)]
    report_to_follow: bool,
}

impl ReportsArgs {
    /// Does it, and prints the answer.
    ///
    /// # Errors
    /// The API cannot be reached, or refuses.
    pub(crate) async fn run(self) -> Result<(), Error> {
        table::print(&self.answer().await?)
    }

    async fn answer(self) -> Result<String, Error> {
        let client = self.api.client()?;
        let format = self.api.format();
        let (method, path, body) = match &self.command {
            ReportsCommand::List(list) => (Method::GET, list.path(), None),
            ReportsCommand::Show(request) => (Method::GET, request.path(), None),
            ReportsCommand::Offers(ven) => (Method::GET, ven.path("reports"), None),
            ReportsCommand::Refresh(ven) => (Method::POST, ven.path("metadata-request"), None),
            ReportsCommand::Request(wanted) => {
                let path = "/report-requests".to_owned();
                (Method::POST, path, Some(wanted.body()))
            }
            ReportsCommand::Cancel(cancel) => (Method::DELETE, cancel.path(), None),
            ReportsCommand::Policies(command) => {
                return report_policies::answer(&client, format, command).await;
            }
        };
        let answer = client.call(method, &path, body.as_ref()).await?;
        match (format, self.command) {
            (Format::Json, _) => Ok(answer.into_text()),
            (Format::Table, ReportsCommand::List(_)) => report_view::requests(&answer),
            (Format::Table, ReportsCommand::Show(_)) => report_view::request(&answer),
            (Format::Table, ReportsCommand::Offers(_)) => report_view::offers(&answer),
            (Format::Table, ReportsCommand::Refresh(ven)) => {
                let ven = printable(&ven.ven).into_owned();
                Ok(format!(
                    "{ven}: asked for what it offers at its next poll or by a push\n"
                ))
            }
            (Format::Table, ReportsCommand::Request(_)) => report_view::requested(&answer),
            (Format::Table, ReportsCommand::Cancel(cancel)) => {
                // Without a body it is gone.
                let done = if answer.text.is_empty() {
                    "cancelled"
                } else {
                    "to be cancelled; the VEN is told at its next poll or by a push"
                };
                Ok(format!("{}: {done}\n", printable(&cancel.request.request)))
            }
            (Format::Table, ReportsCommand::Policies(_)) => Ok(answer.into_text()),
        }
    }
}

impl List {
    fn path(&self) -> String {
        match &self.ven {
            None => "/report-requests".to_owned(),
            Some(ven) => format!("/report-requests?ven={}", segment(ven)),
        }
    }
}

impl Ven {
    fn path(&self, what: &str) -> String {
        format!("/vens/{}/{what}", segment(&self.ven))
    }
}

impl Request {
    fn path(&self) -> String {
        format!("/report-requests/{}", segment(&self.request))
    }
}

impl Cancel {
    fn path(&self) -> String {
        let path = self.request.path();
        if self.report_to_follow {
            format!("{path}?report_to_follow=true")
        } else {
            path
        }
    }
}

impl Wanted {
    fn body(&self) -> Value {
        let mut body = Map::new();
        let mut say = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value.into());
            }
        };
        let granularity = self.granularity.or(self.once.then_some(Duration::ZERO));
        let back = self.back.or(self.once.then_some(Duration::ZERO));
        say("ven", Some(self.ven.clone()));
        say(
            "report_request_id",
            self.id.as_ref().map(ToString::to_string),
        );
        say(
            "report_specifier_id",
            self.report.as_ref().map(ToString::to_string),
        );
        say("report_name", self.name.as_ref().map(ToString::to_string));
        say("measurement", self.measurement.clone());
        say("resource", self.resource.as_ref().map(ToString::to_string));
        say(
            "granularity",
            granularity.map(|duration| duration.to_string()),
        );
        say("report_back", back.map(|duration| duration.to_string()));
        say(
            "duration",
            self.duration.map(|duration| duration.to_string()),
        );
        if !self.r_ids.is_empty() {
            let r_ids: Vec<_> = self.r_ids.iter().map(RId::as_str).collect();
            body.insert("r_ids".to_owned(), r_ids.into());
        }
        if let Some(start) = self.start {
            start.create(&mut body, clock::now());
        }
        body.into()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::super::scripted_api::ScriptedApi;
    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        reports: ReportsArgs,
    }

    async fn answer(api: &ScriptedApi, line: &[&str]) -> Result<String, Error> {
        let line = [&["reports"], line, &["--api", &api.url]].concat();
        Line::try_parse_from(line).unwrap().reports.answer().await
    }

    const ACCEPTED: &str = r#"{"report_request_id":"req-1","ven_id":"ven-1","ven_name":"house",
        "report_specifier_id":"usage","report_name":"TELEMETRY_USAGE","r_ids":["p1","p2"],
        "granularity":"PT10S","report_back":"PT1M","dtstart":null,"duration":"PT0S",
        "origin":"policy","policy":"meters","progress":"accepted","response_code":null,
        "last_report":"2026-01-03T00:00:00.5Z"}"#;

    const REFUSED: &str = r#"{"report_request_id":"req-2","ven_id":"ven-1","ven_name":null,
        "report_specifier_id":"status","report_name":null,"r_ids":["s"],
        "granularity":"PT0S","report_back":"PT0S","dtstart":"2026-01-01T00:00:00Z",
        "duration":"PT1H","origin":"operator","policy":null,"progress":"refused",
        "response_code":452,"last_report":null}"#;

    #[tokio::test]
    async fn requests_are_listed() {
        let list = format!("{{\"report_requests\":[{ACCEPTED},{REFUSED}]}}");
        let none = r#"{"report_requests":[]}"#;
        let api = ScriptedApi::new([(200, &list), (200, &list), (200, none)]).await;
        let expected = "\
REQUEST  VEN    REPORT           DATA POINTS  GRANULARITY  BACK  ORIGIN         PROGRESS  CODE  LAST REPORT
req-1    house  TELEMETRY_USAGE  2            PT10S        PT1M  policy meters  accepted  -     2026-01-03T00:00:00Z
req-2    ven-1  status           1            on change    once  operator       refused   452   -
";
        let shown = answer(&api, &["list"]).await.unwrap();
        assert_eq!(shown, expected);
        let json = answer(&api, &["--json", "list"]).await.unwrap();
        assert_eq!(json, format!("{list}\n"));
        let none = answer(&api, &["list", "my house"]).await.unwrap();
        assert_eq!(none, "no report requests\n");
        let [all, _, of_one] = <[_; 3]>::try_from(api.asked()).unwrap();
        assert_eq!(all.line, "GET /api/v1/report-requests");
        assert_eq!(of_one.line, "GET /api/v1/report-requests?ven=my%20house");
    }

    #[tokio::test]
    async fn a_request_is_shown() {
        let api = ScriptedApi::new([(200, REFUSED)]).await;
        let expected = "\
request      req-2
ven          ven-1
report       status
name         -
data points  s
granularity  on change
back         once
start        2026-01-01T00:00:00Z
duration     PT1H
origin       operator
progress     refused
code         452
last report  -
";
        let shown = answer(&api, &["show", "req 2"]).await.unwrap();
        assert_eq!(shown, expected);
        assert_eq!(api.asked()[0].line, "GET /api/v1/report-requests/req%202");
    }

    #[tokio::test]
    async fn offers_are_shown_data_point_by_data_point() {
        let offers = r#"{"ven_id":"ven-1","ven_name":"house","reports":[
            {"report_specifier_id":"usage","report_name":"TELEMETRY_USAGE","duration":"PT1H",
             "data_points":[{"r_id":"p1","report_type":"usage","reading_type":"Direct Read",
               "measurement":"powerReal",
               "unit":{"type":"powerReal","units":"W","scale":"k","hertz":50,"voltage":230,"ac":true},
               "source":{"resource_id":["meter","pump"]},"subject":{},"market_context":null,
               "min_period":"PT1S","max_period":"PT1H","on_change":false}]},
            {"report_specifier_id":"status","report_name":null,"duration":null,
             "data_points":[{"r_id":"s","report_type":"x-resourceStatus",
               "reading_type":"x-notApplicable","measurement":"status","unit":null,
               "source":{},"subject":{},"market_context":null,
               "min_period":null,"max_period":null,"on_change":null}]}],
            "requests":[]}"#;
        let none = r#"{"ven_id":null,"ven_name":"barn","reports":[],"requests":[]}"#;
        let api = ScriptedApi::new([(200, offers), (200, none)]).await;
        let expected = "\
REPORT  NAME             DATA POINT  MEASURES      RESOURCES    MIN   MAX   ON CHANGE
usage   TELEMETRY_USAGE  p1          powerReal:kW  meter, pump  PT1S  PT1H  no
status  -                s           status        -            -     -     -
";
        assert_eq!(answer(&api, &["offers", "house"]).await.unwrap(), expected);
        let none = answer(&api, &["offers", "barn"]).await.unwrap();
        assert_eq!(none, "nothing on offer\n");
        assert_eq!(api.asked()[0].line, "GET /api/v1/vens/house/reports");
    }

    #[tokio::test]
    async fn a_report_is_requested_by_its_id_or_by_what_it_is_about() {
        let api = ScriptedApi::new([(201, ACCEPTED), (201, ACCEPTED), (201, ACCEPTED)]).await;
        let by_name = [
            "--name=TELEMETRY_USAGE",
            "--granularity=PT10S",
            "--back=PT1M",
        ];
        let told = answer(&api, &[&["request", "house"], &by_name[..]].concat()).await;
        assert_eq!(told.unwrap(), "req-1: requested\n");
        let by_id = [
            "--report=usage",
            "--r-id=p1",
            "--r-id=p2",
            "--once",
            "--id=mine",
        ];
        answer(&api, &[&["request", "house"], &by_id[..]].concat())
            .await
            .unwrap();
        let more = [
            "--measurement=powerReal",
            "--resource=pump",
            "--granularity=PT1S",
            "--start=2026-01-31T16:00:00Z",
            "--duration=PT1H",
        ];
        answer(&api, &[&["request", "house"], &more[..]].concat())
            .await
            .unwrap();
        let [by_name, by_id, more] = <[_; 3]>::try_from(api.asked()).unwrap();
        assert_eq!(by_name.line, "POST /api/v1/report-requests");
        let expected = json!({
            "ven": "house", "report_name": "TELEMETRY_USAGE", "granularity": "PT10S",
            "report_back": "PT1M",
        });
        assert_eq!(by_name.body, expected);
        let expected = json!({
            "ven": "house", "report_request_id": "mine", "report_specifier_id": "usage",
            "r_ids": ["p1", "p2"], "granularity": "PT0S", "report_back": "PT0S",
        });
        assert_eq!(by_id.body, expected);
        let expected = json!({
            "ven": "house", "measurement": "powerReal", "resource": "pump", "granularity": "PT1S",
            "dtstart": "2026-01-31T16:00:00Z", "duration": "PT1H",
        });
        assert_eq!(more.body, expected);
        for bad in [
            &["--report=usage"][..],
            &["--report=usage", "--name=HISTORY_USAGE", "--once"],
            &["--report=usage", "--once", "--back=PT1M"],
            &["--name=USAGE", "--once"],
        ] {
            let line = [&["reports", "request", "house"], bad].concat();
            assert!(Line::try_parse_from(line).is_err(), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn a_request_is_cancelled_and_a_ven_asked_for_its_offers() {
        let api = ScriptedApi::new([(202, ACCEPTED), (204, ""), (202, ACCEPTED)]).await;
        let told = answer(&api, &["cancel", "req-1", "--report-to-follow"]).await;
        let expected = "req-1: to be cancelled; the VEN is told at its next poll or by a push\n";
        assert_eq!(told.unwrap(), expected);
        let told = answer(&api, &["cancel", "req-2"]).await.unwrap();
        assert_eq!(told, "req-2: cancelled\n");
        let told = answer(&api, &["refresh", "house"]).await.unwrap();
        assert_eq!(
            told,
            "house: asked for what it offers at its next poll or by a push\n"
        );
        let lines: Vec<_> = api.asked().into_iter().map(|asked| asked.line).collect();
        let expected = [
            "DELETE /api/v1/report-requests/req-1?report_to_follow=true",
            "DELETE /api/v1/report-requests/req-2",
            "POST /api/v1/vens/house/metadata-request",
        ];
        assert_eq!(lines, expected);
    }
}
