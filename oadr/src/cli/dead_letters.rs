//! `oadr dead-letters`: what could not be pushed to VENs, through the operator API.
//!
//! Knows nothing of why something is pushed.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use hyper::Method;
use oadr_core::value::DateTime;
use serde::Deserialize;

use super::api_client::{Answer, ApiArgs, Format};
use super::api_error::Error;
use super::event_view::{shown, time};
use super::table::{self, Table, printable};
use crate::api::segment;

/// List what could not be pushed to VENs, and try it again
#[derive(Debug, Args)]
#[command(after_help = "\
A message that cannot be pushed is tried for as long as the VTN's --push-give-up-after says, then it is a
dead letter; at once, if the VEN's address may not be connected to. It lives again when the VEN is heard
of, and is gone when something newer takes its place or the VEN does not need it any more.

Examples:
  oadr dead-letters list
  oadr dead-letters retry house
  oadr dead-letters retry house 3")]
pub(crate) struct DeadLettersArgs {
    #[command(flatten)]
    api: ApiArgs,

    #[command(subcommand)]
    command: DeadLettersCommand,
}

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
enum DeadLettersCommand {
    /// List the dead letters of all VENs, and why each could not be pushed
    List,
    /// Try again now: all that could not be pushed to a VEN, or one dead letter
    Retry(Retry),
}

#[derive(Debug, Args)]
struct Retry {
    /// The VEN's name or ID
    #[arg(value_name = "VEN", value_parser = NonEmptyStringValueParser::new())]
    ven: String,
    /// The dead letter's number, as the list shows it
    #[arg(value_name = "ID")]
    id: Option<u64>,
}

impl DeadLettersArgs {
    /// Does it, and prints the answer.
    ///
    /// # Errors
    /// The API cannot be reached, or refuses.
    pub(crate) async fn run(self) -> Result<(), Error> {
        table::print(&self.answer().await?)
    }

    async fn answer(self) -> Result<String, Error> {
        let client = self.api.client()?;
        let (method, path) = match &self.command {
            DeadLettersCommand::List => (Method::GET, "/dead-letters".to_owned()),
            DeadLettersCommand::Retry(retry) => (Method::POST, retry.path()),
        };
        let answer = client.call(method, &path, None).await?;
        match (self.api.format(), self.command) {
            (Format::Json, _) => Ok(answer.into_text()),
            (Format::Table, DeadLettersCommand::List) => list(&answer),
            (Format::Table, DeadLettersCommand::Retry(retry)) => {
                Ok(format!("{}: tried again now\n", printable(&retry.ven)))
            }
        }
    }
}

impl Retry {
    fn path(&self) -> String {
        let letters = format!("/vens/{}/dead-letters", segment(&self.ven));
        match self.id {
            Some(id) => format!("{letters}/{id}/retry"),
            None => format!("{letters}/retry"),
        }
    }
}

#[derive(Debug, Deserialize)]
struct List {
    dead_letters: Vec<Addressed>,
}

#[derive(Debug, Deserialize)]
struct Addressed {
    ven_id: Option<String>,
    ven_name: Option<String>,
    #[serde(flatten)]
    letter: Letter,
}

/// A dead letter, as far as people are told.
#[derive(Debug, Deserialize)]
pub(super) struct Letter {
    pub(super) id: u64,
    message: String,
    event_ids: Vec<String>,
    since: DateTime,
    last: DateTime,
    attempts: u32,
    fault: String,
    detail: String,
}

impl Letter {
    /// `oadrDistributeEvent (event-1)`.
    pub(super) fn what(&self) -> String {
        match &self.event_ids[..] {
            [] => self.message.clone(),
            events => format!("{} ({})", self.message, events.join(", ")),
        }
    }

    /// The reason, in words and in short.
    pub(super) fn why(&self) -> String {
        format!("{} ({})", self.detail, self.fault)
    }
}

/// Each with its reason below it, which is too long for a column.
fn list(answer: &Answer) -> Result<String, Error> {
    let list: List = answer.read()?;
    if list.dead_letters.is_empty() {
        return Ok("no dead letters\n".to_owned());
    }
    let mut out = String::new();
    for Addressed {
        ven_id,
        ven_name,
        letter,
    } in list.dead_letters
    {
        if !out.is_empty() {
            out.push('\n');
        }
        let mut table = Table::default();
        let mut line = |name: &str, value: String| table.row([name.to_owned(), value]);
        line("VEN", shown(ven_name.or(ven_id)));
        line("ID", letter.id.to_string());
        line("WHAT", letter.what());
        line("TRIED", format!("{} times", letter.attempts));
        line("SINCE", time(Some(letter.since)));
        line("LAST", time(Some(letter.last)));
        line("WHY", letter.why());
        // As wide as it is: a reason that is cut helps nobody.
        out.push_str(&table.render(None));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_is_told_with_its_whole_reason() {
        let reason = "cannot connect to ven.example: ".repeat(10);
        let text = serde_json::json!({"dead_letters": [{
            "ven_id": "ven-1", "ven_name": "house", "id": 3, "message": "oadrDistributeEvent",
            "event_ids": ["event-1", "event-2"], "since": "2026-01-01T00:00:00Z",
            "last": "2026-01-02T00:00:00Z", "attempts": 1440, "fault": "unreachable",
            "detail": reason,
        }]});
        let answer = Answer {
            text: text.to_string(),
        };
        let shown = list(&answer).unwrap();
        for said in [
            "house",
            "oadrDistributeEvent (event-1, event-2)",
            "1440 times",
            &*reason,
            "(unreachable)",
        ] {
            assert!(shown.contains(said), "{said}: {shown}");
        }
    }

    #[test]
    fn one_or_all_of_a_vens_are_tried_again() {
        let ven = "a/b".to_owned();
        let all = Retry {
            ven: ven.clone(),
            id: None,
        };
        assert_eq!(all.path(), "/vens/a%2Fb/dead-letters/retry");
        let one = Retry { ven, id: Some(3) };
        assert_eq!(one.path(), "/vens/a%2Fb/dead-letters/3/retry");
    }
}
