//! `oadr reports policies`: which reports are requested of every VEN that offers them.
//!
//! Knows nothing of when they are applied.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use hyper::Method;

use super::api_client::{ApiClient, Format};
use super::api_error::Error;
use super::policy_flag::PolicyFlag;
use super::report_view;
use super::table::printable;
use crate::api::segment;

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub(super) enum PoliciesCommand {
    /// List the policies
    #[command(after_help = "\
FROM is settings (of `oadr vtn`: they are changed there) or api.")]
    List,
    Set(Box<Set>),
    /// Remove a policy; what it requested is cancelled at each VEN's next metadata exchange
    Remove(Named),
}

/// Make a policy, or put another in its place
///
/// It is applied to what a VEN offers when the VEN makes its reports known: after each registration and
/// after each start of its, or when it is asked with `oadr reports refresh`.
#[derive(Debug, Args)]
#[command(after_help = "\
POLICY is NAME:KEY=VALUE,… with the keys
  granularity   how often samples are taken (PT0S: on change); the only one that must be there
  back          how often they are sent (PT0S: once); as often as they are taken, if nothing is said
  duration      for how long; without end, if nothing is said
  report        the report, such as TELEMETRY_USAGE
  measurement   what is measured: the name of a unit's element, such as powerReal, or status
  resource      where it is measured
  ven, group    of whom, by name or ID; repeatable. Everyone, if neither is there
What is offered has to fit all of report, measurement and resource that are said.

Examples:
  oadr reports policies set all:report=TELEMETRY_STATUS,granularity=PT0S,back=PT5M
  oadr reports policies set meters:measurement=powerReal,group=north,granularity=PT1M,back=PT15M")]
pub(super) struct Set {
    /// The policy
    #[arg(value_name = "POLICY")]
    policy: PolicyFlag,
}

/// One policy.
#[derive(Debug, Args)]
pub(super) struct Named {
    /// The policy's name
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    name: String,
}

/// Does it; the answer is what to print.
///
/// # Errors
/// The API cannot be reached, or refuses.
pub(super) async fn answer(
    client: &ApiClient,
    format: Format,
    command: &PoliciesCommand,
) -> Result<String, Error> {
    let (method, path, body) = match command {
        PoliciesCommand::List => (Method::GET, "/report-policies".to_owned(), None),
        PoliciesCommand::Set(set) => {
            let body = serde_json::to_value(&set.policy.policy).map_err(Error::Encode)?;
            (Method::PUT, path(set.policy.name.as_str()), Some(body))
        }
        PoliciesCommand::Remove(named) => (Method::DELETE, path(&named.name), None),
    };
    let answer = client.call(method, &path, body.as_ref()).await?;
    match (format, command) {
        (Format::Json, _) => Ok(answer.into_text()),
        (Format::Table, PoliciesCommand::List) => report_view::policies(&answer),
        (Format::Table, PoliciesCommand::Set(set)) => {
            let name = printable(set.policy.name.as_str());
            Ok(format!(
                "{name}: set; applied when a VEN makes its reports known\n"
            ))
        }
        (Format::Table, PoliciesCommand::Remove(named)) => {
            Ok(format!("{}: removed\n", printable(&named.name)))
        }
    }
}

fn path(name: &str) -> String {
    format!("/report-policies/{}", segment(name))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::super::scripted_api::ScriptedApi;
    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: PoliciesCommand,
    }

    async fn said(api: &ScriptedApi, line: &[&str]) -> String {
        let line = [&["policies"], line].concat();
        let command = Line::try_parse_from(line).unwrap().command;
        let client: ApiClient = api.url.parse().unwrap();
        answer(&client, Format::Table, &command).await.unwrap()
    }

    #[tokio::test]
    async fn policies_are_listed_made_replaced_and_removed() {
        let list = r#"{"report_policies":[
            {"name":"all","origin":"settings","granularity":"PT0S","report_back":"PT5M",
             "duration":"PT0S"},
            {"name":"meters","origin":"api","vens":["house"],"groups":["north","south"],
             "report_name":"TELEMETRY_USAGE","measurement":"powerReal","resource":"m",
             "granularity":"PT1M","report_back":"PT0S","duration":"P1D"}]}"#;
        let none = r#"{"report_policies":[]}"#;
        let api = ScriptedApi::new([
            (200, list),
            (200, none),
            (201, "{}"),
            (200, "{}"),
            (204, ""),
        ])
        .await;
        let expected = "\
POLICY  FROM      VENS   GROUPS        REPORT           MEASUREMENT  RESOURCE  GRANULARITY  BACK  DURATION
all     settings  -      -             -                -            -         on change    PT5M  open
meters  api       house  north, south  TELEMETRY_USAGE  powerReal    m         PT1M         once  P1D
";
        assert_eq!(said(&api, &["list"]).await, expected);
        assert_eq!(said(&api, &["list"]).await, "no report policies\n");
        let policy = "my meters:group=north,granularity=PT1M,back=PT15M";
        let made = said(&api, &["set", policy]).await;
        let expected = "my meters: set; applied when a VEN makes its reports known\n";
        assert_eq!(made, expected);
        said(&api, &["set", "all:granularity=PT1M"]).await;
        assert_eq!(
            said(&api, &["remove", "my meters"]).await,
            "my meters: removed\n"
        );

        let [_, _, made, _, removed] = <[_; 5]>::try_from(api.asked()).unwrap();
        assert_eq!(made.line, "PUT /api/v1/report-policies/my%20meters");
        let expected = json!({
            "groups": ["north"], "granularity": "PT1M", "report_back": "PT15M",
            "duration": "PT0S",
        });
        assert_eq!(made.body, expected);
        assert_eq!(removed.line, "DELETE /api/v1/report-policies/my%20meters");
    }
}
