//! `oadr vens`: VENs through the operator API.
//!
//! Knows nothing of how they register.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use hyper::Method;
use oadr_core::value::{DateTime, GroupId, ResourceId, Text, VenId};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::api_client::{Answer, ApiArgs, Format};
use super::api_error::Error;
use super::event_view::{shown, time};
use super::table::{self, Table, printable, terminal_width};
use crate::api::segment;

/// List, show, enrol and remove VENs
#[derive(Debug, Args)]
#[command(after_help = "\
The commands talk to the operator API of a running `oadr vtn`. Where that is: --api or OADR_API.
They are recorded there under your user name. A VEN is named by its name or its ID.

Examples:
  oadr vens list
  oadr vens enrol house --group north --resource boiler
  oadr vens show house")]
pub(crate) struct VensArgs {
    #[command(flatten)]
    api: ApiArgs,

    #[command(subcommand)]
    command: VensCommand,
}

/// What to do with VENs.
#[derive(Debug, Subcommand)]
enum VensCommand {
    /// List VENs
    #[command(after_help = "\
STATUS is known (enrolled, not registered), registered, or leaving (removed, and not told yet).")]
    List,
    /// Show a VEN: its registration, and the reports it offers
    Show(Named),
    Enrol(Enrol),
    /// Remove a VEN; one that is registered is told at its next poll
    Remove(Named),
    /// Ask a VEN to register again, at its next poll
    Reregister(Named),
}

/// One VEN.
#[derive(Debug, Args)]
struct Named {
    /// The VEN's name or ID
    #[arg(value_name = "VEN", value_parser = NonEmptyStringValueParser::new())]
    ven: String,
}

/// Make a VEN known, so that it may register
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  oadr vens enrol house
  oadr vens enrol house --id ven-17 --group north --group pilot --resource boiler")]
struct Enrol {
    /// Its name, with which it registers
    #[arg(value_name = "NAME")]
    name: Text,

    /// Its ID [default: drawn when it registers]
    #[arg(long, value_name = "ID")]
    id: Option<VenId>,

    /// A group that it belongs to, for targets; repeatable
    #[arg(long = "group", value_name = "GROUP_ID")]
    groups: Vec<GroupId>,

    /// A resource of its, for targets; repeatable
    #[arg(long = "resource", value_name = "RESOURCE_ID")]
    resources: Vec<ResourceId>,
}

impl VensArgs {
    /// Does it, and prints the answer.
    ///
    /// # Errors
    /// The API cannot be reached, or refuses.
    pub(crate) async fn run(self) -> Result<(), Error> {
        table::print(&self.answer().await?)
    }

    async fn answer(self) -> Result<String, Error> {
        let client = self.api.client()?;
        let (method, path, body) = match &self.command {
            VensCommand::List => (Method::GET, "/vens".to_owned(), None),
            VensCommand::Show(named) => (Method::GET, named.path(), None),
            VensCommand::Enrol(enrol) => (Method::POST, "/vens".to_owned(), Some(enrol.body())),
            VensCommand::Remove(named) => (Method::DELETE, named.path(), None),
            VensCommand::Reregister(named) => {
                (Method::POST, format!("{}/reregister", named.path()), None)
            }
        };
        let answer = client.call(method, &path, body.as_ref()).await?;
        match (self.api.format(), self.command) {
            (Format::Json, _) => Ok(answer.into_text()),
            (Format::Table, VensCommand::List) => list(&answer),
            (Format::Table, VensCommand::Show(_)) => show(&answer),
            (Format::Table, VensCommand::Enrol(enrol)) => {
                Ok(format!("{}: enrolled\n", printable(enrol.name.as_str())))
            }
            (Format::Table, VensCommand::Remove(named)) => {
                // Without a body it is gone.
                let done = if answer.text.is_empty() {
                    "removed"
                } else {
                    "removed; it is told at its next poll"
                };
                Ok(format!("{}: {done}\n", printable(&named.ven)))
            }
            (Format::Table, VensCommand::Reregister(named)) => {
                let ven = printable(&named.ven);
                Ok(format!("{ven}: asked to register again at its next poll\n"))
            }
        }
    }
}

impl Named {
    fn path(&self) -> String {
        format!("/vens/{}", segment(&self.ven))
    }
}

impl Enrol {
    fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("ven_name".to_owned(), self.name.as_str().into());
        if let Some(id) = &self.id {
            body.insert("ven_id".to_owned(), id.as_str().into());
        }
        let groups: Vec<&str> = self.groups.iter().map(GroupId::as_str).collect();
        let resources: Vec<&str> = self.resources.iter().map(ResourceId::as_str).collect();
        for (name, list) in [("groups", groups), ("resources", resources)] {
            if !list.is_empty() {
                body.insert(name.to_owned(), list.into());
            }
        }
        body.into()
    }
}

/// A VEN, as far as people are told; words are whatever the API calls things.
#[derive(Debug, Deserialize)]
struct VenView {
    ven_id: Option<String>,
    ven_name: Option<String>,
    status: String,
    known_by: Option<String>,
    groups: Vec<String>,
    resources: Vec<String>,
    reregistration_requested: bool,
    registration: Option<Registration>,
    reports: Vec<Report>,
    last_seen: Option<DateTime>,
}

#[derive(Debug, Deserialize)]
struct Registration {
    registration_id: String,
    profile: String,
    transport: String,
    transport_address: Option<String>,
    pull: bool,
    report_only: bool,
    xml_signature: bool,
    since: DateTime,
    renewed: DateTime,
}

#[derive(Debug, Deserialize)]
struct Report {
    report_specifier_id: String,
    report_name: Option<String>,
    data_points: u64,
}

#[derive(Debug, Deserialize)]
struct List {
    vens: Vec<VenView>,
}

fn list(answer: &Answer) -> Result<String, Error> {
    let list: List = answer.read()?;
    if list.vens.is_empty() {
        return Ok("no VENs\n".to_owned());
    }
    let mut table = Table::new(["VEN", "ID", "STATUS", "GROUPS", "RESOURCES", "LAST SEEN"]);
    for ven in list.vens {
        table.row([
            shown(ven.ven_name),
            shown(ven.ven_id),
            ven.status,
            ven.groups.join(", "),
            ven.resources.join(", "),
            time(ven.last_seen),
        ]);
    }
    Ok(table.render(terminal_width()))
}

fn show(answer: &Answer) -> Result<String, Error> {
    let ven: VenView = answer.read()?;
    let width = terminal_width();
    let mut out = about(&ven).render(width);
    if !ven.reports.is_empty() {
        out.push('\n');
        let mut table = Table::new(["REPORT", "NAME", "DATA POINTS"]);
        for report in ven.reports {
            table.row([
                report.report_specifier_id,
                shown(report.report_name),
                report.data_points.to_string(),
            ]);
        }
        out.push_str(&table.render(width));
    }
    Ok(out)
}

fn about(ven: &VenView) -> Table {
    let mut table = Table::default();
    let mut line = |name: &str, value: String| table.row([name.to_owned(), value]);
    line("ven", shown(ven.ven_name.as_ref()));
    line("id", shown(ven.ven_id.as_ref()));
    line("status", ven.status.clone());
    line("known by", shown(ven.known_by.as_ref()));
    line("groups", ven.groups.join(", "));
    line("resources", ven.resources.join(", "));
    line("last seen", time(ven.last_seen));
    if ven.reregistration_requested {
        line("asked to register again", "yes".to_owned());
    }
    if let Some(registration) = &ven.registration {
        line("registration", registration.registration_id.clone());
        line("registered", time(Some(registration.since)));
        line("renewed", time(Some(registration.renewed)));
        line("profile", registration.profile.clone());
        line("transport", registration.transport.clone());
        if let Some(address) = &registration.transport_address {
            line("address", address.clone());
        }
        line(
            "mode",
            if registration.pull { "pull" } else { "push" }.to_owned(),
        );
        line(
            "signed",
            if registration.xml_signature {
                "yes"
            } else {
                "no"
            }
            .to_owned(),
        );
        if registration.report_only {
            line("reports only", "yes".to_owned());
        }
    }
    table
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
        vens: VensArgs,
    }

    async fn answer(api: &ScriptedApi, line: &[&str]) -> Result<String, Error> {
        let line = [&["vens"], line, &["--api", &api.url]].concat();
        Line::try_parse_from(line).unwrap().vens.answer().await
    }

    const VEN: &str = r#"{"ven_id":"ven-1","ven_name":"house","status":"registered",
        "known_by":"operator","groups":["north","pilot"],"resources":[],
        "reregistration_requested":true,
        "registration":{"registration_id":"reg-1","profile":"2.0b","transport":"simpleHttp",
          "transport_address":null,"pull":true,"report_only":false,"xml_signature":false,
          "since":"2026-01-01T00:00:00Z","renewed":"2026-01-02T00:00:00Z"},
        "reports":[{"report_specifier_id":"usage","report_name":"METADATA_TELEMETRY_USAGE",
          "data_points":3}],
        "last_seen":"2026-01-03T00:00:00.123Z"}"#;

    const KNOWN: &str = r#"{"ven_id":null,"ven_name":"barn","status":"known",
        "known_by":"operator","groups":[],"resources":["boiler"],"reregistration_requested":false,
        "registration":null,"reports":[],"last_seen":null}"#;

    #[tokio::test]
    async fn vens_are_listed() {
        let list = format!("{{\"vens\":[{VEN},{KNOWN}]}}");
        let api = ScriptedApi::new([(200, &list), (200, &list), (200, r#"{"vens":[]}"#)]).await;
        let expected = "\
VEN    ID     STATUS      GROUPS        RESOURCES  LAST SEEN
house  ven-1  registered  north, pilot  -          2026-01-03T00:00:00Z
barn   -      known       -             boiler     -
";
        assert_eq!(answer(&api, &["list"]).await.unwrap(), expected);
        let json = answer(&api, &["--json", "list"]).await.unwrap();
        assert_eq!(json, format!("{list}\n"));
        assert_eq!(answer(&api, &["list"]).await.unwrap(), "no VENs\n");
        assert!(
            api.asked()
                .iter()
                .all(|asked| asked.line == "GET /api/v1/vens")
        );
    }

    #[tokio::test]
    async fn a_ven_is_shown_with_its_registration_and_reports() {
        let api = ScriptedApi::new([(200, VEN), (200, KNOWN)]).await;
        let expected = "\
ven                      house
id                       ven-1
status                   registered
known by                 operator
groups                   north, pilot
resources                -
last seen                2026-01-03T00:00:00Z
asked to register again  yes
registration             reg-1
registered               2026-01-01T00:00:00Z
renewed                  2026-01-02T00:00:00Z
profile                  2.0b
transport                simpleHttp
mode                     pull
signed                   no

REPORT  NAME                      DATA POINTS
usage   METADATA_TELEMETRY_USAGE  3
";
        let shown = answer(&api, &["show", "my house"]).await.unwrap();
        assert_eq!(shown, expected);
        assert_eq!(api.asked()[0].line, "GET /api/v1/vens/my%20house");
        let known = answer(&api, &["show", "barn"]).await.unwrap();
        assert!(known.contains("\nstatus     known\n"), "{known}");
        assert!(!known.contains("registration"), "{known}");
    }

    #[tokio::test]
    async fn a_ven_is_enrolled_with_groups_and_resources() {
        let api = ScriptedApi::new([(201, KNOWN), (201, KNOWN)]).await;
        let told = answer(&api, &["enrol", "barn"]).await.unwrap();
        assert_eq!(told, "barn: enrolled\n");
        let more = ["--id=v1", "--group=a", "--group=b", "--resource=boiler"];
        answer(&api, &[&["enrol", "barn"], &more[..]].concat())
            .await
            .unwrap();
        let [least, most] = <[_; 2]>::try_from(api.asked()).unwrap();
        assert_eq!(least.line, "POST /api/v1/vens");
        assert_eq!(least.body, json!({"ven_name": "barn"}));
        let expected = json!({
            "ven_name": "barn", "ven_id": "v1", "groups": ["a", "b"], "resources": ["boiler"],
        });
        assert_eq!(most.body, expected);
    }

    #[tokio::test]
    async fn a_removal_is_done_or_to_be_told() {
        let api = ScriptedApi::new([(204, ""), (202, VEN), (204, "")]).await;
        let told = answer(&api, &["remove", "barn"]).await.unwrap();
        assert_eq!(told, "barn: removed\n");
        let told = answer(&api, &["remove", "house"]).await.unwrap();
        assert_eq!(told, "house: removed; it is told at its next poll\n");
        assert_eq!(answer(&api, &["remove", "x", "--json"]).await.unwrap(), "");
        assert_eq!(api.asked()[0].line, "DELETE /api/v1/vens/barn");
    }

    #[tokio::test]
    async fn a_ven_is_asked_to_register_again() {
        let problem = r#"{"title":"In conflict","detail":"is not registered"}"#;
        let api = ScriptedApi::new([(202, VEN), (409, problem)]).await;
        let told = answer(&api, &["reregister", "house"]).await.unwrap();
        assert_eq!(told, "house: asked to register again at its next poll\n");
        assert_eq!(api.asked()[0].line, "POST /api/v1/vens/house/reregister");
        let error = answer(&api, &["reregister", "barn"]).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "is not registered (In conflict, HTTP 409)"
        );
    }
}
