//! `oadr vens`.
//!
//! Knows nothing of VENs; it calls the operator API and prints.

use std::error::Error;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::api::{ApiClient, segment};
use super::format::{cell, member, pairs, print, print_json, table};

/// Look at VENs, make them known, ask them to register again, remove them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct VensArgs {
    #[command(flatten)]
    to: To,
    #[command(subcommand)]
    what: What,
}

const EXAMPLES: &str = "\
Examples:
  oadr vens list
  oadr vens enrol Pump1 --group north --resource boiler-1
  oadr vens show Pump1 --json
  oadr vens reregister Pump1";

/// Where the operator API is, and how answers look.
#[derive(Debug, Args)]
pub(super) struct To {
    /// The VTN's operator API.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "OADR_API",
        default_value = "http://127.0.0.1:8081"
    )]
    pub(super) api: ApiClient,
    /// Print the answer as JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// All VENs.
    List,
    /// One VEN.
    Show {
        /// Its venID or venName.
        ven: String,
    },
    /// Make a VEN known, so that it may register.
    Enrol {
        /// How it will introduce itself (venName).
        name: String,
        /// Its venID, if it is to be a certain one.
        #[arg(long, value_name = "ID")]
        ven_id: Option<String>,
        /// A group that it belongs to; may be given several times.
        #[arg(long = "group", value_name = "ID")]
        groups: Vec<String>,
        /// A resource of it; may be given several times.
        #[arg(long = "resource", value_name = "ID")]
        resources: Vec<String>,
    },
    /// Ask a VEN to register again, at its next poll.
    Reregister {
        /// Its venID or venName.
        ven: String,
    },
    /// Cancel a VEN's registration, at its next poll, and forget it.
    Remove {
        /// Its venID or venName.
        ven: String,
    },
}

pub(super) async fn run(args: VensArgs) -> Result<ExitCode, Box<dyn Error>> {
    let VensArgs { to, what } = args;
    let path = |ven: &str| format!("/vens/{}", segment(ven));
    let (method, path, body) = match &what {
        What::List => (Method::GET, "/vens".to_owned(), None),
        What::Show { ven } => (Method::GET, path(ven), None),
        What::Enrol {
            name,
            ven_id,
            groups,
            resources,
        } => {
            let ven = json!({
                "ven_name": name, "ven_id": ven_id, "groups": groups, "resources": resources,
            });
            (Method::POST, "/vens".to_owned(), Some(ven))
        }
        What::Reregister { ven } => (Method::POST, format!("{}/reregister", path(ven)), None),
        What::Remove { ven } => (Method::DELETE, path(ven), None),
    };
    let answer = to.api.call(method, &path, body.as_ref()).await?;
    if to.json {
        print_json(&answer);
        return Ok(ExitCode::SUCCESS);
    }
    match what {
        What::List => print(&list(&answer)),
        What::Show { .. } | What::Enrol { .. } => print(&show(&answer)),
        What::Reregister { ven } => print(&format!("{ven} is asked at its next poll\n")),
        What::Remove { ven } if answer.is_null() => print(&format!("{ven} is forgotten\n")),
        What::Remove { ven } => print(&format!("{ven} is told at its next poll\n")),
    }
    Ok(ExitCode::SUCCESS)
}

fn list(answer: &Value) -> String {
    let vens = answer.get("vens").and_then(Value::as_array);
    let rows: Vec<_> = vens
        .into_iter()
        .flatten()
        .map(|ven| {
            [
                "/ven_name",
                "/ven_id",
                "/status",
                "/last_seen",
                "/groups",
                "/resources",
            ]
            .map(|path| member(ven, path))
            .to_vec()
        })
        .collect();
    if rows.is_empty() {
        return "no VENs\n".to_owned();
    }
    let head = ["NAME", "ID", "STATUS", "LAST SEEN", "GROUPS", "RESOURCES"];
    table(&head, &rows)
}

fn show(ven: &Value) -> String {
    let reports = ven.get("reports").and_then(Value::as_array);
    let reports: Vec<_> = reports
        .into_iter()
        .flatten()
        .map(|report| member(report, "/report_name"))
        .collect();
    pairs(&[
        ("name", member(ven, "/ven_name")),
        ("ID", member(ven, "/ven_id")),
        ("status", member(ven, "/status")),
        ("known by", member(ven, "/known_by")),
        ("last seen", member(ven, "/last_seen")),
        ("groups", member(ven, "/groups")),
        ("resources", member(ven, "/resources")),
        ("registration", member(ven, "/registration/registration_id")),
        ("since", member(ven, "/registration/since")),
        ("renewed", member(ven, "/registration/renewed")),
        ("profile", member(ven, "/registration/profile")),
        ("transport", member(ven, "/registration/transport")),
        ("polls", member(ven, "/registration/pull")),
        ("reports", cell(&json!(reports))),
    ])
}
