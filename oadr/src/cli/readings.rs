//! `oadr readings`: what VENs have reported, through the operator API.
//!
//! Knows nothing of how it got there.

use std::io::{self, Write};

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use hyper::Method;
use oadr_core::payload::{LoadControlState, LoadControlValues, ResourceStatus};
use oadr_core::value::{DateTime, ResourceId};
use serde::Deserialize;

use super::api_client::{Answer, ApiArgs, ApiClient, Format};
use super::api_error::Error;
use super::event_view::shown;
use super::table::{Table, terminal_width};
use crate::api::segment;
use crate::reading::{self, Measured, Point, Sample};

/// How many readings a table has if nothing else is said.
const TABLE: u64 = 1_000;

/// How many are asked for at a time.
const PAGE: u64 = 5_000;

/// Show what VENs have reported
///
/// Readings come VEN by VEN, each in the order of time. Of a value that was corrected the latest one
/// is shown; --history shows those before as well.
#[derive(Debug, Args)]
#[command(after_help = "\
The command talks to the operator API of a running `oadr vtn`. Where that is: --api or OADR_API.
MEASUREMENT is the name of the unit's element, such as powerReal or energyReal, what a custom unit
says that it measures, or status. --json prints the API's pages, one after the other.

Examples:
  oadr readings --ven house --from 2026-01-31T00:00:00Z --to 2026-02-01T00:00:00Z
  oadr readings --ven house --measurement powerReal --csv > power.csv
  oadr readings --resource boiler --measurement status
  oadr readings --report-request req-17 --json | jq '.readings[].value'")]
pub(crate) struct ReadingsArgs {
    #[command(flatten)]
    api: ApiArgs,

    /// Those of a VEN, by name or ID
    #[arg(long, value_name = "VEN", value_parser = NonEmptyStringValueParser::new())]
    ven: Option<String>,

    /// Those of a resource
    #[arg(long, value_name = "RESOURCE_ID", value_parser = NonEmptyStringValueParser::new())]
    resource: Option<String>,

    /// Those of what is measured
    #[arg(long, value_name = "MEASUREMENT", value_parser = NonEmptyStringValueParser::new())]
    measurement: Option<String>,

    /// Those that a report request asked for
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    report_request: Option<String>,

    /// Those of a data point
    #[arg(long, value_name = "RID", value_parser = NonEmptyStringValueParser::new())]
    r_id: Option<String>,

    /// Those that begin then or later
    #[arg(long, value_name = "TIME")]
    from: Option<DateTime>,

    /// Those that begin before
    #[arg(long, value_name = "TIME")]
    to: Option<DateTime>,

    /// Show the values before a correction, too
    #[arg(long)]
    history: bool,

    /// How many at most [default: 1000 in a table, else all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// A page of readings.
#[derive(Debug, Deserialize)]
struct List {
    readings: Vec<Reading>,
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Reading {
    #[serde(flatten)]
    point: Point,
    #[serde(flatten)]
    sample: Sample,
    #[serde(default)]
    superseded: Option<Vec<Measured>>,
}

impl ReadingsArgs {
    /// Asks for the readings, page by page, and prints them as they come.
    ///
    /// # Errors
    /// The API cannot be reached, or refuses; stdout cannot be written.
    pub(crate) async fn run(self) -> Result<(), Error> {
        let mut out = io::stdout();
        match self.print(&mut out).await {
            // A reader who has seen enough.
            Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    async fn print(&self, out: &mut impl Write) -> Result<(), Error> {
        let client = self.api.client()?;
        match self.api.format() {
            Format::Table if self.csv => self.print_csv(&client, out).await,
            Format::Table => self.print_table(&client, out).await,
            Format::Json => self.print_json(&client, out).await,
        }
    }

    async fn print_csv(&self, client: &ApiClient, out: &mut impl Write) -> Result<(), Error> {
        put(out, &reading::csv_header(self.history))?;
        let mut pages = Pages::new(self, self.limit.unwrap_or(u64::MAX));
        while let Some((_, list)) = pages.next(client).await? {
            let mut lines = String::new();
            for reading in &list.readings {
                let before = reading.superseded.as_deref().unwrap_or_default();
                let before = self.history.then_some(before);
                reading::write_csv(&mut lines, &reading.point, &reading.sample, before);
            }
            put(out, &lines)?;
        }
        Ok(())
    }

    async fn print_json(&self, client: &ApiClient, out: &mut impl Write) -> Result<(), Error> {
        let mut pages = Pages::new(self, self.limit.unwrap_or(u64::MAX));
        while let Some((answer, _)) = pages.next(client).await? {
            put(out, &answer.into_text())?;
        }
        Ok(())
    }

    /// All of it at once: a column is as wide as its widest cell.
    async fn print_table(&self, client: &ApiClient, out: &mut impl Write) -> Result<(), Error> {
        let mut pages = Pages::new(self, self.limit.unwrap_or(TABLE));
        let mut table = Table::new([
            "VEN",
            "RESOURCES",
            "MEASURED",
            "POINT",
            "START",
            "DURATION",
            "VALUE",
            "UNIT",
            "QUALITY",
        ]);
        let mut count: u64 = 0;
        while let Some((_, list)) = pages.next(client).await? {
            for reading in &list.readings {
                count += 1;
                reading.tell(&mut table);
            }
        }
        if count == 0 {
            return put(out, "no readings\n");
        }
        put(out, &table.render(terminal_width()))?;
        if pages.there_are_more() {
            put(out, "there are more: --limit N or --csv shows them\n")?;
        }
        Ok(())
    }

    fn path(&self, limit: u64, cursor: Option<&str>) -> String {
        let time = |at: Option<DateTime>| {
            at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
        };
        let parameters = [
            ("ven", self.ven.clone()),
            ("resource", self.resource.clone()),
            ("measurement", self.measurement.clone()),
            ("report_request", self.report_request.clone()),
            ("r_id", self.r_id.clone()),
            ("from", time(self.from)),
            ("to", time(self.to)),
            ("history", self.history.then(|| "true".to_owned())),
            ("limit", Some(limit.to_string())),
            ("cursor", cursor.map(str::to_owned)),
        ];
        let given = parameters
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", segment(&value?))));
        let query: Vec<String> = given.collect();
        format!("/readings?{}", query.join("&"))
    }
}

fn put(out: &mut impl Write, text: &str) -> Result<(), Error> {
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(Error::Output)
}

/// The pages of a list.
struct Pages<'a> {
    args: &'a ReadingsArgs,
    /// How many readings are still wanted.
    wanted: u64,
    next: Next,
}

enum Next {
    First,
    After(String),
    Nothing,
}

impl<'a> Pages<'a> {
    fn new(args: &'a ReadingsArgs, wanted: u64) -> Self {
        Self {
            args,
            wanted,
            next: Next::First,
        }
    }

    async fn next(&mut self, client: &ApiClient) -> Result<Option<(Answer, List)>, Error> {
        let cursor = match &self.next {
            _ if self.wanted == 0 => return Ok(None),
            Next::First => None,
            Next::After(cursor) => Some(cursor.as_str()),
            Next::Nothing => return Ok(None),
        };
        let path = self.args.path(self.wanted.min(PAGE), cursor);
        let answer = client.call(Method::GET, &path, None).await?;
        let list: List = answer.read()?;
        let count = u64::try_from(list.readings.len()).unwrap_or(u64::MAX);
        self.wanted = self.wanted.saturating_sub(count);
        self.next = list.next.clone().map_or(Next::Nothing, Next::After);
        Ok(Some((answer, list)))
    }

    /// Whether it was the limit that ended the list.
    fn there_are_more(&self) -> bool {
        matches!(self.next, Next::After(_))
    }
}

impl Reading {
    /// A line for the value that counts, and one for each before it.
    fn tell(&self, table: &mut Table) {
        let before = self.superseded.iter().flatten();
        for (index, measured) in std::iter::once(&self.sample.measured)
            .chain(before)
            .enumerate()
        {
            let description = &self.point.description;
            let resources: Vec<_> = description
                .resources
                .iter()
                .map(ResourceId::as_str)
                .collect();
            let start = self.sample.start;
            let quality = shown(measured.quality.as_ref());
            table.row([
                self.point.ven_id.to_string(),
                resources.join(", "),
                shown(description.measurement.as_ref()),
                self.point.r_id.to_string(),
                start.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
                shown(self.sample.duration),
                match (&measured.status, &measured.green_button) {
                    (Some(status), _) => status_in_words(status),
                    (None, Some(feed)) => format!("a feed of {} bytes", feed.len()),
                    (None, None) => shown(measured.value),
                },
                shown(description.unit.as_ref().map(reading::in_short)),
                if index == 0 {
                    quality
                } else {
                    format!("(before) {quality}")
                },
            ]);
        }
    }
}

fn status_in_words(status: &ResourceStatus) -> String {
    let mut words = vec![if status.online { "online" } else { "offline" }.to_owned()];
    if status.manual_override {
        words.push("overridden".to_owned());
    }
    if let Some(state) = &status.load_control_state {
        let LoadControlState {
            capacity,
            level_offset,
            percent_offset,
            set_point,
        } = state;
        for (name, values) in [
            ("capacity", capacity),
            ("level offset", level_offset),
            ("percent offset", percent_offset),
            ("set point", set_point),
        ] {
            if let Some(LoadControlValues { current, .. }) = values {
                words.push(format!("{name} {current}"));
            }
        }
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::scripted_api::ScriptedApi;
    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        readings: ReadingsArgs,
    }

    async fn answer(api: &ScriptedApi, line: &[&str]) -> Result<String, Error> {
        let line = [&["readings", "--api", &api.url], line].concat();
        let mut out = Vec::new();
        let args = Line::try_parse_from(line).unwrap().readings;
        args.print(&mut out).await?;
        Ok(String::from_utf8(out).unwrap())
    }

    /// A page with a power reading, its correction, and a status.
    fn page(next: &str) -> String {
        let about = r#""ven_id":"ven-1","report_request_id":"req-1","report_specifier_id":"s",
            "report_name":null,"report_type":"usage","reading_type":"Direct Read","resources":["boiler"],
            "market_context":null,"quality":null,"confidence":null,"accuracy":null,
            "created":"2026-01-01T00:05:00Z""#;
        let before = r#"[{"value":9.5,"quality":"Quality Bad - Non Specific","confidence":null,
            "accuracy":null,"created":"2026-01-01T00:04:00Z"}]"#;
        format!(
            r#"{{"readings":[
                {{{about},"r_id":"power","measurement":"powerReal","unit":{{"type":"powerReal","scale":"k",
                  "hertz":50,"voltage":230,"ac":true}},"start":"2026-01-01T00:00:00.250Z",
                  "duration":"PT1M","value":0.1,"superseded":{before}}},
                {{{about},"r_id":"state","measurement":"status","unit":null,
                  "start":"2026-01-01T00:01:00Z","duration":null,"value":null,
                  "status":{{"online":true,"manual_override":true,"load_control_state":{{
                    "capacity":null,"level_offset":{{"min":null,"max":null,"current":2,"normal":null}},
                    "percent_offset":null,"set_point":null}}}}}}],
                "next":{next}}}"#
        )
    }

    #[tokio::test]
    async fn readings_are_shown_in_a_table_with_those_before() {
        let none = r#"{"readings":[],"next":null}"#;
        let api = ScriptedApi::new([(200, &page("null")), (200, none)]).await;
        let expected = "\
VEN    RESOURCES  MEASURED   POINT  START                     DURATION  VALUE                               UNIT  QUALITY
ven-1  boiler     powerReal  power  2026-01-01T00:00:00.250Z  PT1M      0.1                                 kW    -
ven-1  boiler     powerReal  power  2026-01-01T00:00:00.250Z  PT1M      9.5                                 kW    (before) Quality Bad - Non Specific
ven-1  boiler     status     state  2026-01-01T00:01:00Z      -         online, overridden, level offset 2  -     -
";
        let table = answer(&api, &["--ven", "a house", "--history"])
            .await
            .unwrap();
        assert_eq!(table, expected);
        let table = answer(&api, &["--from", "2026-01-01T00:00:00Z"]).await;
        assert_eq!(table.unwrap(), "no readings\n");
        let [first, second] = <[_; 2]>::try_from(api.asked()).unwrap();
        let path = "GET /api/v1/readings?ven=a%20house&history=true&limit=1000";
        assert_eq!(first.line, path);
        let path = "GET /api/v1/readings?from=2026-01-01T00%3A00%3A00Z&limit=1000";
        assert_eq!(second.line, path);
    }

    #[tokio::test]
    async fn pages_are_followed_to_the_limit() {
        let (more, last) = (page("\"1-a\""), page("null"));
        let api = ScriptedApi::new([(200, &more), (200, &more), (200, &last), (200, &more)]).await;
        let csv = answer(&api, &["--csv"]).await.unwrap();
        assert_eq!(csv.lines().count(), 1 + 6, "{csv}");
        assert!(csv.starts_with("ven_id,"), "{csv}");
        assert!(
            csv.contains(",powerReal,kW,2026-01-01T00:00:00.250Z,PT1M,0.1,"),
            "{csv}"
        );
        let lines: Vec<_> = api.asked().into_iter().map(|asked| asked.line).collect();
        let path = "GET /api/v1/readings?limit=5000";
        let next = format!("{path}&cursor=1-a");
        assert_eq!(lines, [path, &next, &next]);

        let table = answer(&api, &["--limit", "2"]).await.unwrap();
        assert!(
            table.ends_with("\nthere are more: --limit N or --csv shows them\n"),
            "{table}"
        );
        assert_eq!(api.asked()[0].line, "GET /api/v1/readings?limit=2");
    }

    #[tokio::test]
    async fn json_is_printed_page_by_page_as_it_came() {
        let (more, last) = (page("\"1-a\""), page("null"));
        let api = ScriptedApi::new([(200, &more), (200, &last)]).await;
        let json = answer(&api, &["--json"]).await.unwrap();
        assert_eq!(json, format!("{more}\n{last}\n"));
    }

    #[tokio::test]
    async fn nothing_is_printed_for_what_is_refused() {
        let problem = r#"{"title":"A value is not allowed","detail":"no VEN","field":"ven"}"#;
        let api = ScriptedApi::new([(422, problem)]).await;
        let error = answer(&api, &["--csv", "--ven=x"]).await.unwrap_err();
        let expected = "ven: no VEN (A value is not allowed, HTTP 422)";
        assert_eq!(error.to_string(), expected);
        for line in [&["--limit", "0"][..], &["--csv", "--json"], &["--ven", ""]] {
            let line = [&["readings"], line].concat();
            assert!(Line::try_parse_from(line).is_err());
        }
    }
}
