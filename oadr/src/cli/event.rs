//! `oadr event`: events through the operator API.
//!
//! Knows nothing of how events reach VENs.

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use hyper::Method;
use oadr_core::value::{DateTime, EventId, EventStatus, Text};
use serde_json::Value;

use super::api_client::{Answer, ApiArgs, ApiClient, Format};
use super::api_error::Error;
use super::event_flags::{Body, EventFlags};
use super::event_view::{self, EventView};
use super::{opts_view, table, unit};
use crate::api::segment;
use crate::clock;

/// Create, list, show, modify and cancel events
#[derive(Debug, Args)]
#[command(after_help = "\
The commands talk to the operator API of a running `oadr vtn`. Where that is: --api or OADR_API.
They are recorded there under your user name.

Examples:
  oadr event create --ven house --market-context http://example.com/dr --interval PT15M=1
  oadr event list --status active
  oadr event show event-1")]
pub(crate) struct EventArgs {
    #[command(flatten)]
    api: ApiArgs,

    #[command(subcommand)]
    command: EventCommand,
}

/// What to do with events.
#[derive(Debug, Subcommand)]
enum EventCommand {
    Create(Box<Create>),
    List(List),
    Show(Show),
    Opts(Opts),
    Modify(Box<Modify>),
    Cancel(Cancel),
}

/// Create an event; prints its ID
///
/// Without --ven it goes to every VEN that the targets match, without targets to all of them.
/// Without --start it starts at once.
#[derive(Debug, Args)]
#[command(after_help = format!("\
{}

Examples:
  oadr event create --ven house --market-context http://example.com/dr \\
      --start +PT10M --interval PT5M=1 --interval PT5M=2
  oadr event create --target group_id=north --market-context http://example.com/prices \\
      --signal ELECTRICITY_PRICE --type price --unit currencyPerKWh:USD \\
      --start 2026-01-31T16:00:00Z --interval PT1H=0.28 --interval PT1H=0.35
  oadr event create --file event.json --start +PT1H      a template of one's own

A file has what the API takes, several signals and a baseline included:
  {{\"vens\":[\"house\"],\"market_context\":\"http://example.com/dr\",\"signals\":[{{
    \"signal_name\":\"SIMPLE\",\"signal_type\":\"level\",
    \"intervals\":[{{\"duration\":\"PT5M\",\"payload\":1}}]}}]}}", unit::HELP))]
struct Create {
    /// The event's ID; sent again with the same body it makes no second event [default: drawn]
    #[arg(long, value_name = "ID")]
    id: Option<EventId>,

    /// A VEN that gets it, by name or ID; repeatable
    #[arg(long = "ven", value_name = "VEN", help_heading = "Audience")]
    vens: Vec<Text>,

    #[command(flatten)]
    flags: EventFlags,
}

/// List events, the latest first
#[derive(Debug, Args)]
#[command(after_help = "\
SENT, ANSWERED and GIVEN UP count VENs: the event is on its way, was answered, ended unanswered.

Examples:
  oadr event list
  oadr event list --status active
  oadr event list --json | jq -r '.events[].event_id'")]
struct List {
    /// Only those that stand there now
    #[arg(
        long,
        value_name = "STATUS",
        value_parser = PossibleValuesParser::new(STATUSES).try_map(|s| s.parse::<EventStatus>())
    )]
    status: Option<EventStatus>,

    /// How many at most [default: what the VTN lists at once]
    #[arg(long, value_name = "N")]
    limit: Option<u32>,

    /// Go on after a list before, which says where
    #[arg(long, value_name = "PLACE")]
    after: Option<i64>,
}

/// Show an event and how it fares with each VEN
#[derive(Debug, Args)]
#[command(after_help = "\
DELIVERY is pending (to be sent, perhaps in a new version), sent (and not answered yet), answered,
or given_up (it ended unanswered). MODIFICATION is the version last sent; OPT and CODE are the VEN's
last answer. EFFECTIVE is what that and its opts come to: mixed if its resources differ, which
`oadr event opts` shows.")]
struct Show {
    /// The event's ID
    #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    id: String,
}

/// Show which VENs and resources take part in an event, and why
#[derive(Debug, Args)]
#[command(after_help = "\
BECAUSE OF is qualification (an opt of this event), answer (to the event), schedule, or nothing. The
earlier of these count before the later ones. What VENs said about this event in particular follows.")]
struct Opts {
    /// The event's ID
    #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    id: String,
}

/// Modify an event; what is not named stays as it is
///
/// The past stays as it was: an event that has started keeps its start and the values it had.
#[derive(Debug, Args)]
#[command(after_help = format!("\
{}

Examples:
  oadr event modify event-1 --interval PT10M=1 --interval PT10M=0
  oadr event modify event-1 --start +PT30M --reason 'peak comes later'
  echo '{{\"vtn_comment\":null}}' | oadr event modify event-1 --file -     takes the comment away

--interval, --type and --unit change the event's only signal, or the one that --signal names.
--start +DURATION counts from now, not from the start before.", unit::HELP))]
struct Modify {
    /// The event's ID
    #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    id: String,

    /// Why, for people
    #[arg(long, value_name = "TEXT")]
    reason: Option<Text>,

    #[command(flatten)]
    flags: EventFlags,
}

/// Cancel an event
#[derive(Debug, Args)]
#[command(
    after_help = "VENs hear of it with their next poll, or by a push; `oadr event show ID` says which have."
)]
struct Cancel {
    /// The event's ID
    #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    id: String,
}

/// An answer in words for people.
type Tell = fn(&Answer) -> Result<String, Error>;

/// Where a listed event can stand.
const STATUSES: [&str; 5] = ["far", "near", "active", "completed", "cancelled"];

impl EventArgs {
    /// Does it, and prints the answer.
    ///
    /// # Errors
    /// The API cannot be reached, or refuses.
    pub(crate) async fn run(self) -> Result<(), Error> {
        table::print(&self.answer().await?)
    }

    async fn answer(self) -> Result<String, Error> {
        let (client, format) = (&self.api.client()?, self.api.format());
        let (answer, tell): (Answer, Tell) = match self.command {
            EventCommand::Create(create) => {
                let body = create.body(clock::now())?;
                let answer = client.call(Method::POST, "/events", Some(&body)).await?;
                (answer, tell_id)
            }
            EventCommand::List(list) => {
                let answer = client.call(Method::GET, &list.path(), None).await?;
                (answer, event_view::list)
            }
            EventCommand::Show(show) => {
                let answer = client.call(Method::GET, &path(&show.id), None).await?;
                (answer, event_view::show)
            }
            EventCommand::Opts(opts) => {
                let path = format!("{}/opts", path(&opts.id));
                let answer = client.call(Method::GET, &path, None).await?;
                (answer, opts_view::of_event)
            }
            EventCommand::Modify(modify) => {
                let body = modify.body(client, clock::now()).await?;
                let path = path(&modify.id);
                let answer = client.call(Method::PATCH, &path, Some(&body)).await?;
                (answer, tell_standing)
            }
            EventCommand::Cancel(cancel) => {
                let answer = client.call(Method::DELETE, &path(&cancel.id), None).await?;
                (answer, tell_standing)
            }
        };
        match format {
            Format::Table => tell(&answer),
            Format::Json => Ok(answer.into_text()),
        }
    }
}

fn path(id: &str) -> String {
    format!("/events/{}", segment(id))
}

fn tell_id(answer: &Answer) -> Result<String, Error> {
    let event: EventView = answer.read()?;
    Ok(format!("{}\n", event.event_id))
}

fn tell_standing(answer: &Answer) -> Result<String, Error> {
    let event: EventView = answer.read()?;
    let (id, status, revision) = (event.event_id, event.status, event.revision);
    Ok(format!("{id}: {status}, revision {revision}\n"))
}

impl Create {
    fn body(&self, now: DateTime) -> Result<Value, Error> {
        let mut body = self.flags.file_body()?;
        self.flags.say(&mut body);
        if let Some(start) = self.flags.start {
            start.create(&mut body, now);
        }
        if let Some(id) = &self.id {
            body.insert("event_id".to_owned(), id.as_str().into());
        }
        if !self.vens.is_empty() {
            let vens: Vec<&str> = self.vens.iter().map(Text::as_str).collect();
            body.insert("vens".to_owned(), vens.into());
        }
        if self.flags.name_signal() || !body.contains_key("signals") {
            let signals = self.flags.signals(body.remove("signals"))?;
            body.insert("signals".to_owned(), signals);
        }
        if !body.contains_key("market_context") {
            return Err(Error::NoMarketContext);
        }
        Ok(body.into())
    }
}

impl Modify {
    /// Asks for the event first if one of its signals is to be changed.
    async fn body(&self, client: &ApiClient, now: DateTime) -> Result<Value, Error> {
        let mut body = self.flags.file_body()?;
        self.flags.say(&mut body);
        if let Some(start) = self.flags.start {
            start.modify(&mut body, now);
        }
        if let Some(reason) = &self.reason {
            body.insert("modification_reason".to_owned(), reason.as_str().into());
        }
        if self.flags.name_signal() {
            let before = match body.remove("signals") {
                Some(signals) => Some(signals),
                None => {
                    let event = client.call(Method::GET, &path(&self.id), None).await?;
                    event.read::<Body>()?.remove("signals")
                }
            };
            body.insert("signals".to_owned(), self.flags.signals(before)?);
        }
        if body.is_empty() {
            return Err(Error::NothingToChange);
        }
        Ok(body.into())
    }
}

impl List {
    fn path(&self) -> String {
        let parameters = [
            ("status", self.status.map(|status| status.to_string())),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("after", self.after.map(|after| after.to_string())),
        ];
        let given = parameters
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", segment(&value?))));
        let query: Vec<String> = given.collect();
        if query.is_empty() {
            "/events".to_owned()
        } else {
            format!("/events?{}", query.join("&"))
        }
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
        event: EventArgs,
    }

    fn parse(line: &[&str]) -> EventArgs {
        let line = std::iter::once(&"event").chain(line);
        Line::try_parse_from(line).unwrap().event
    }

    async fn answer(api: &ScriptedApi, line: &[&str]) -> Result<String, Error> {
        parse(&[line, &["--api", &api.url]].concat()).answer().await
    }

    /// What is sent for a line that needs no file.
    fn creation(line: &[&str]) -> Result<Value, Error> {
        let EventCommand::Create(create) = parse(line).command else {
            panic!("not a creation");
        };
        create.body("2026-01-01T00:00:00Z".parse().unwrap())
    }

    const EVENT: &str = r#"{"event_id":"e1","status":"far","revision":1,
        "created":"2026-01-01T00:00:00.250Z","modified":"2026-01-01T00:00:01Z",
        "end":"2026-01-02T00:10:00Z","market_context":"http://example.com/dr",
        "signals":[{"signal_name":"LOAD_DISPATCH","signal_type":"setpoint","signal_id":"signal-0",
          "item_base":{"type":"powerReal","units":"W","scale":"k","hertz":60,"voltage":220,"ac":true},
          "intervals":[{"duration":"PT5M","payload":1.5},{"duration":"PT5M","payload":0}]}],
        "dtstart":"2026-01-02T00:00:00Z","duration":"PT10M","response_required":"always",
        "targets":{"group_id":["north","south"]},"ramp_up":"-PT1M","test_event":true,
        "vtn_comment":"Keep\ncool","notification":"PT0S","later":"members are no trouble",
        "vens":[
          {"ven_id":"ven-1","ven_name":"house","delivery":"answered","modification_number":1,
           "times_sent":2,"sent":"2026-01-01T00:00:02.5Z","opt":"optIn","response_code":200,
           "response_description":null,"answered":"2026-01-01T00:00:03Z",
           "effective_opt":"mixed"},
          {"ven_id":null,"ven_name":"barn","delivery":"pending","modification_number":null,
           "times_sent":0,"sent":null,"opt":null,"response_code":null,
           "response_description":null,"answered":null}]}"#;

    #[test]
    fn a_creation_says_only_what_was_said() {
        let least = ["create", "--market-context=http://m", "--interval=PT5M=1"];
        let mut expected = json!({
            "market_context": "http://m",
            "signals": [{
                "signal_name": "SIMPLE",
                "signal_type": "level",
                "intervals": [{"duration": "PT5M", "payload": 1.0}],
            }],
        });
        assert_eq!(creation(&least).unwrap(), expected);

        let more = ["--id=e1", "--ven=house", "--ven=v 2", "--start=+PT10M"];
        expected["event_id"] = json!("e1");
        expected["vens"] = json!(["house", "v 2"]);
        expected["dtstart"] = json!("2026-01-01T00:10:00Z");
        let body = creation(&[&least[..], &more[..]].concat()).unwrap();
        assert_eq!(body, expected);
        // The API's own reader takes it.
        for member in ["event_id", "vens"] {
            expected.as_object_mut().unwrap().remove(member);
        }
        serde_json::from_value::<crate::json::EventForm>(expected).unwrap();
    }

    #[test]
    fn a_creation_that_lacks_something_says_how_to_give_it() {
        let error = creation(&["create", "--interval=PT5M=1"]).unwrap_err();
        assert!(matches!(error, Error::NoMarketContext));
        let error = creation(&["create", "--market-context=http://m"]).unwrap_err();
        assert!(matches!(error, Error::NoInterval));
    }

    #[test]
    fn flags_take_precedence_over_a_file() {
        let dir = crate::temp_dir::TempDir::new("event-file").unwrap();
        let path = dir.path().join("event.json");
        let mut file = json!({
            "event_id": "template", "market_context": "http://m", "dtstart": "2020-01-01T00:00:00Z",
            "signals": [{"signal_name": "x-A", "signal_type": "level", "intervals": []}],
            "baseline": {"baseline_name": "b"},
        });
        std::fs::write(&path, file.to_string()).unwrap();
        let path = path.to_str().unwrap();
        assert_eq!(creation(&["create", "--file", path]).unwrap(), file);

        let line = [
            "create",
            "--file",
            path,
            "--id=e1",
            "--start=now",
            "--interval=PT1M=2",
        ];
        file["event_id"] = json!("e1");
        file["signals"][0]["intervals"] = json!([{"duration": "PT1M", "payload": 2.0}]);
        file.as_object_mut().unwrap().remove("dtstart");
        assert_eq!(creation(&line).unwrap(), file);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_the_line_itself() {
        for bad in [
            &["create", "--signal=NONE"][..],
            &["create", "--type=levels"],
            &["create", "--unit=horsepower"],
            &["create", "--start=later"],
            &["create", "--target=r1"],
            &["create", "--response=sometimes"],
            &["create", "--ramp-up", "--test"],
            &["modify", "e1", "--ven=house"],
            &["modify"],
            &["show", ""],
            &["list", "--status=none"],
            &["list", "--api=https://vtn.example"],
        ] {
            let line = std::iter::once(&"event").chain(bad);
            assert!(Line::try_parse_from(line).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_status_but_none_can_be_listed() {
        let all = EventStatus::ALL.iter().filter(|s| **s != EventStatus::None);
        assert!(all.map(|status| status.as_str()).eq(STATUSES));
    }

    #[tokio::test]
    async fn a_created_event_is_told_by_its_id_alone() {
        let api = ScriptedApi::new([(201, EVENT), (201, EVENT)]).await;
        let line = ["create", "--market-context=http://m", "--interval=PT5M=1"];
        assert_eq!(answer(&api, &line).await.unwrap(), "e1\n");
        let json = answer(&api, &[&line[..], &["--json"]].concat()).await;
        assert_eq!(json.unwrap(), format!("{EVENT}\n"));
        let asked = api.asked();
        assert_eq!(asked[0].line, "POST /api/v1/events");
        assert_eq!(asked[0].body["market_context"], "http://m");
    }

    #[tokio::test]
    async fn a_modification_sends_only_what_changes() {
        let api = ScriptedApi::new([(200, EVENT)]).await;
        let line = ["modify", "e/1", "--priority=2", "--reason=because"];
        assert_eq!(answer(&api, &line).await.unwrap(), "e1: far, revision 1\n");
        let asked = api.asked();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].line, "PATCH /api/v1/events/e%2F1");
        let expected = json!({"priority": 2, "modification_reason": "because"});
        assert_eq!(asked[0].body, expected);

        let error = answer(&api, &["modify", "e1"]).await.unwrap_err();
        assert!(matches!(error, Error::NothingToChange));
        assert!(api.asked().is_empty());
    }

    #[tokio::test]
    async fn other_intervals_keep_the_signal_that_the_event_has() {
        let api = ScriptedApi::new([(200, EVENT), (200, EVENT)]).await;
        answer(&api, &["modify", "e1", "--interval=PT1H=3"])
            .await
            .unwrap();
        let [before, patch] = <[_; 2]>::try_from(api.asked()).unwrap();
        assert_eq!(before.line, "GET /api/v1/events/e1");
        assert_eq!(patch.line, "PATCH /api/v1/events/e1");
        let mut signals = serde_json::from_str::<Value>(EVENT).unwrap()["signals"].take();
        signals[0]["intervals"] = json!([{"duration": "PT1H", "payload": 3.0}]);
        assert_eq!(patch.body, json!({ "signals": signals }));
    }

    #[tokio::test]
    async fn a_cancellation_is_a_deletion() {
        let cancelled = EVENT.replace("\"far\"", "\"cancelled\"");
        let api = ScriptedApi::new([(200, &cancelled)]).await;
        let told = answer(&api, &["cancel", "e1"]).await.unwrap();
        assert_eq!(told, "e1: cancelled, revision 1\n");
        assert_eq!(api.asked()[0].line, "DELETE /api/v1/events/e1");
    }

    #[tokio::test]
    async fn an_event_is_shown_with_its_values_and_deliveries() {
        let api = ScriptedApi::new([(200, EVENT)]).await;
        let shown = answer(&api, &["show", "e1"]).await.unwrap();
        let expected = "\
event           e1
status          far
revision        1
created         2026-01-01T00:00:00Z
modified        2026-01-01T00:00:01Z
market context  http://example.com/dr
for             group_id=north, group_id=south
start           2026-01-02T00:00:00Z
end             2026-01-02T00:10:00Z
duration        PT10M
answers         always
ramp-up         -PT1M
test            yes
comment         Keep cool

SIGNAL         TYPE      UNIT          FROM                  DURATION  VALUE
LOAD_DISPATCH  setpoint  powerReal:kW  2026-01-02T00:00:00Z  PT5M      1.5
LOAD_DISPATCH  setpoint  powerReal:kW  2026-01-02T00:05:00Z  PT5M      0

VEN    DELIVERY  MODIFICATION  OPT    CODE  EFFECTIVE  SENT                  ANSWERED
house  answered  1             optIn  200   mixed      2026-01-01T00:00:02Z  2026-01-01T00:00:03Z
barn   pending   -             -      -     -          -                     -
";
        assert_eq!(shown, expected);
    }

    #[tokio::test]
    async fn the_opts_of_an_event_are_shown() {
        let over = r#"{"event_id":"e 1","vens":[],"history":[]}"#;
        let api = ScriptedApi::new([(200, over)]).await;
        let told = answer(&api, &["opts", "e 1"]).await.unwrap();
        assert_eq!(told, "it is over, or for no VEN\n");
        assert_eq!(api.asked()[0].line, "GET /api/v1/events/e%201/opts");
    }

    #[tokio::test]
    async fn events_are_listed_with_whom_they_are_for_and_where_to_go_on() {
        let listed = |of: &str| {
            let mut event: Value = serde_json::from_str(EVENT).unwrap();
            let members = event.as_object_mut().unwrap();
            members.remove("vens");
            members.remove("targets");
            members.insert("event_id".to_owned(), of.into());
            let tally = json!({"sent": 1, "answered": 22, "given_up": 0});
            members.insert("deliveries".to_owned(), tally);
            event
        };
        let (first, mut second) = (listed("e1"), listed("e2"));
        second["audience"] = json!(["house", "barn"]);
        second["duration"] = json!("PT0S");
        let list = json!({"events": [first, second], "next": 7}).to_string();
        let api = ScriptedApi::new([(200, &list), (200, r#"{"events":[],"next":null}"#)]).await;
        let line = ["list", "--status=far", "--limit=2", "--after=9"];
        let shown = answer(&api, &line).await.unwrap();
        let expected = "\
EVENT  STATUS  START                 DURATION  SIGNALS                       FOR          SENT  ANSWERED  GIVEN UP
e1     far     2026-01-02T00:00:00Z  PT10M     LOAD_DISPATCH setpoint 1.5 0  every VEN    1     22        0
e2     far     2026-01-02T00:00:00Z  open      LOAD_DISPATCH setpoint 1.5 0  house, barn  1     22        0
there are more: --after 7
";
        assert_eq!(shown, expected);
        assert_eq!(answer(&api, &["list"]).await.unwrap(), "no events\n");
        let lines: Vec<_> = api.asked().into_iter().map(|asked| asked.line).collect();
        let first = "GET /api/v1/events?status=far&limit=2&after=9";
        assert_eq!(lines, [first, "GET /api/v1/events"]);
    }

    #[tokio::test]
    async fn an_answer_of_another_shape_is_said_to_be_one() {
        let api = ScriptedApi::new([(200, "[]")]).await;
        let error = answer(&api, &["show", "e1"]).await.unwrap_err();
        assert!(matches!(error, Error::Unexpected(_)), "{error}");
    }
}
