//! `oadr event`.
//!
//! Knows nothing of events; it builds JSON for the operator API and prints what comes back.

use std::error::Error;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{SecondsFormat, SubsecRound as _, Utc};
use clap::{Args, Subcommand};
use hyper::Method;
use oadr_core::value::Duration;
use serde_json::{Map, Value, json};

use super::api::{ApiClient, segment};
use super::format::{member, pairs, print, print_json, table};
use super::vens::To;

/// Create, look at, modify and cancel events.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct EventArgs {
    #[command(flatten)]
    to: To,
    #[command(subcommand)]
    what: What,
}

const EXAMPLES: &str = "\
Examples:
  oadr event create --interval PT15M=1 --interval PT15M=2
  oadr event create --ven Pump1 --in PT10M --signal LOAD_CONTROL --type x-loadControlCapacity --interval PT1H=0.5
  oadr event create --file event.json
  oadr event list --status active
  oadr event modify Event1 --interval PT30M=1
  oadr event cancel Event1";

#[derive(Debug, Subcommand)]
enum What {
    /// Create an event for one VEN, some or all.
    Create(CreateArgs),
    /// All events, the newest first.
    List {
        /// Only those that stand here: far, near, active, completed or cancelled.
        #[arg(long)]
        status: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// One event, and how it fares with each VEN.
    Show {
        /// Its ID.
        event: String,
    },
    /// Change an event; what has already elapsed stays as it was.
    Modify {
        /// Its ID.
        event: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// Cancel an event.
    Cancel {
        /// Its ID.
        event: String,
    },
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// The event's ID. The same command with the same ID again creates nothing new. [default: drawn]
    #[arg(long, value_name = "ID")]
    event_id: Option<String>,
    /// A VEN that it is for, by venID or venName; may be given several times.
    /// [default: every VEN that the targets match, or all]
    #[arg(long = "ven", value_name = "VEN")]
    vens: Vec<String>,
    #[command(flatten)]
    fields: Fields,
}

/// What can be set and changed.
#[derive(Debug, Args)]
struct Fields {
    /// The event as JSON, as the operator API takes it; `-` is stdin. Options given here go before.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The start, such as 2026-01-01T00:00:00Z. [default: now]
    #[arg(long, value_name = "TIME", conflicts_with = "delay")]
    start: Option<String>,
    /// The start, so long from now, as an ISO 8601 duration.
    #[arg(long = "in", id = "delay", value_name = "DURATION")]
    delay: Option<Duration>,
    /// A duration and the signal's value for it, such as PT15M=1; one after the other.
    #[arg(long = "interval", value_name = "DURATION=VALUE", value_parser = interval)]
    intervals: Vec<Interval>,
    /// The signal. [default: SIMPLE]
    #[arg(long, value_name = "NAME")]
    signal: Option<String>,
    /// How the signal's values are meant. [default: level]
    #[arg(long = "type", value_name = "TYPE")]
    signal_type: Option<String>,
    /// The programme. [default: http://MarketContext1]
    #[arg(long, value_name = "URI")]
    market_context: Option<String>,
    /// A group that it is for; may be given several times.
    #[arg(long = "group", value_name = "ID")]
    groups: Vec<String>,
    /// A resource that it is for; may be given several times.
    #[arg(long = "resource", value_name = "ID")]
    resources: Vec<String>,
    /// Whether VENs answer: always or never.
    #[arg(long, value_name = "WHEN")]
    response_required: Option<String>,
    /// The lower the more important; 0 is none.
    #[arg(long, value_name = "NUMBER")]
    priority: Option<u32>,
    /// Each VEN puts off the start by a random time of at most this.
    #[arg(long, value_name = "DURATION")]
    start_after: Option<Duration>,
    /// How long before the start VENs are to know.
    #[arg(long, value_name = "DURATION")]
    notification: Option<Duration>,
    /// The ramp-up; negative if inside the event.
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    ramp_up: Option<Duration>,
    /// The recovery; negative if inside the event.
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    recovery: Option<Duration>,
    /// It is only a test.
    #[arg(long)]
    test: bool,
    /// A comment for people.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

#[derive(Debug, Clone)]
struct Interval {
    duration: Duration,
    payload: f64,
}

fn interval(text: &str) -> Result<Interval, String> {
    let (duration, payload) = text
        .split_once('=')
        .ok_or("write it as DURATION=VALUE, such as PT15M=1")?;
    Ok(Interval {
        duration: duration
            .parse()
            .map_err(|error| format!("{duration:?} {error}"))?,
        payload: payload
            .parse()
            .ok()
            .filter(|value: &f64| value.is_finite())
            .ok_or_else(|| format!("{payload:?} is not a number"))?,
    })
}

pub(super) async fn run(args: EventArgs) -> Result<ExitCode, Box<dyn Error>> {
    let EventArgs { to, what } = args;
    let path = |event: &str| format!("/events/{}", segment(event));
    match what {
        What::Create(create) => {
            let body = creation(create)?;
            let event = to.api.call(Method::POST, "/events", Some(&body)).await?;
            tell(&to, &event, show);
        }
        What::List { status, limit } => {
            let mut path = format!("/events?limit={limit}");
            if let Some(status) = status {
                path.push_str(&format!("&status={}", segment(&status)));
            }
            let events = to.api.call(Method::GET, &path, None).await?;
            tell(&to, &events, list);
        }
        What::Show { event } => {
            let event = to.api.call(Method::GET, &path(&event), None).await?;
            tell(&to, &event, show);
        }
        What::Modify { event, fields } => {
            let patch = modification(&to.api, &event, fields).await?;
            let event = to
                .api
                .call(Method::PATCH, &path(&event), Some(&patch))
                .await?;
            tell(&to, &event, show);
        }
        What::Cancel { event } => {
            let event = to.api.call(Method::DELETE, &path(&event), None).await?;
            tell(&to, &event, show);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(to: &To, answer: &Value, people: fn(&Value) -> String) {
    if to.json {
        print_json(answer);
    } else {
        print(&people(answer));
    }
}

fn creation(create: CreateArgs) -> Result<Value, Box<dyn Error>> {
    let CreateArgs {
        event_id,
        vens,
        fields,
    } = create;
    let Fields {
        signal,
        signal_type,
        intervals,
        ..
    } = &fields;
    let signal = json!({
        "signal_name": signal.as_deref().unwrap_or("SIMPLE"),
        "signal_type": signal_type.as_deref().unwrap_or("level"),
        "intervals": intervals_json(intervals),
    });
    let is_given = !intervals.is_empty();
    let from_file = fields.file.is_some();
    let mut event = fields.into_members()?;
    if is_given {
        event.insert("signals".to_owned(), json!([signal]));
    } else if !from_file {
        return Err("say what the event asks for: --interval DURATION=VALUE, or --file".into());
    }
    if !from_file {
        event
            .entry("market_context")
            .or_insert_with(|| "http://MarketContext1".into());
    }
    if let Some(id) = event_id {
        event.insert("event_id".to_owned(), id.into());
    }
    if !vens.is_empty() {
        event.insert("vens".to_owned(), json!(vens));
    }
    Ok(Value::Object(event))
}

async fn modification(api: &ApiClient, id: &str, fields: Fields) -> Result<Value, Box<dyn Error>> {
    let wants_signal =
        !fields.intervals.is_empty() || fields.signal.is_some() || fields.signal_type.is_some();
    let (name, kind) = (fields.signal.clone(), fields.signal_type.clone());
    let intervals = intervals_json(&fields.intervals);
    let mut patch = fields.into_members()?;
    if wants_signal {
        // Of several signals these options mean the first.
        let event = api
            .call(Method::GET, &format!("/events/{}", segment(id)), None)
            .await?;
        let mut signals = event.get("signals").cloned().unwrap_or_default();
        if let Some(first) = signals.get_mut(0).and_then(Value::as_object_mut) {
            first.extend(name.map(|name| ("signal_name".to_owned(), name.into())));
            first.extend(kind.map(|kind| ("signal_type".to_owned(), kind.into())));
            if !intervals.is_empty() {
                first.insert("intervals".to_owned(), intervals.into());
            }
        }
        patch.insert("signals".to_owned(), signals);
    }
    if patch.is_empty() {
        return Err("say what to change: see oadr event modify --help".into());
    }
    Ok(Value::Object(patch))
}

fn intervals_json(intervals: &[Interval]) -> Vec<Value> {
    intervals
        .iter()
        .map(|interval| json!({"duration": interval.duration, "payload": interval.payload}))
        .collect()
}

impl Fields {
    /// Everything but the signals.
    fn into_members(self) -> Result<Map<String, Value>, Box<dyn Error>> {
        let mut members = match &self.file {
            Some(path) => read(path)?,
            None => Map::new(),
        };
        let start = self.delay.map(|delay| {
            let start = delay.after(Utc::now().trunc_subsecs(0));
            start.to_rfc3339_opts(SecondsFormat::Secs, true)
        });
        let mut targets = Map::new();
        for (name, ids) in [("group_id", self.groups), ("resource_id", self.resources)] {
            if !ids.is_empty() {
                targets.insert(name.to_owned(), json!(ids));
            }
        }
        let given = [
            ("dtstart", json!(start.or(self.start))),
            ("market_context", json!(self.market_context)),
            ("response_required", json!(self.response_required)),
            ("priority", json!(self.priority)),
            ("start_after", json!(self.start_after)),
            ("notification", json!(self.notification)),
            ("ramp_up", json!(self.ramp_up)),
            ("recovery", json!(self.recovery)),
            ("vtn_comment", json!(self.comment)),
            ("test_event", json!(self.test.then_some(true))),
            ("targets", json!((!targets.is_empty()).then_some(targets))),
        ];
        let given = given.into_iter().filter(|(_, value)| !value.is_null());
        members.extend(given.map(|(name, value)| (name.to_owned(), value)));
        Ok(members)
    }
}

fn read(path: &Path) -> Result<Map<String, Value>, Box<dyn Error>> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
    } else {
        text = std::fs::read_to_string(path).map_err(failed)?;
    }
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn list(answer: &Value) -> String {
    let events = answer.get("events").and_then(Value::as_array);
    let rows: Vec<_> = events
        .into_iter()
        .flatten()
        .map(|event| {
            let signals = event.get("signals").and_then(Value::as_array);
            let signals: Vec<_> = signals
                .into_iter()
                .flatten()
                .map(|signal| member(signal, "/signal_name"))
                .collect();
            vec![
                member(event, "/event_id"),
                member(event, "/status"),
                member(event, "/dtstart"),
                member(event, "/duration"),
                signals.join(", "),
                member(event, "/deliveries/sent"),
                member(event, "/deliveries/answered"),
                member(event, "/deliveries/given_up"),
            ]
        })
        .collect();
    if rows.is_empty() {
        return "no events\n".to_owned();
    }
    let head = [
        "EVENT", "STATUS", "START", "DURATION", "SIGNALS", "SENT", "ANSWERED", "GIVEN UP",
    ];
    let mut out = table(&head, &rows);
    if answer.get("next").is_some_and(|next| !next.is_null()) {
        out.push_str("… and more; see --limit\n");
    }
    out
}

fn show(event: &Value) -> String {
    let mut out = pairs(&[
        ("event", member(event, "/event_id")),
        ("status", member(event, "/status")),
        ("start", member(event, "/dtstart")),
        ("end", member(event, "/end")),
        ("duration", member(event, "/duration")),
        ("start after", member(event, "/start_after")),
        ("ramp-up", member(event, "/ramp_up")),
        ("recovery", member(event, "/recovery")),
        ("notification", member(event, "/notification")),
        ("market context", member(event, "/market_context")),
        ("targets", member(event, "/targets")),
        ("audience", member(event, "/audience")),
        ("response", member(event, "/response_required")),
        ("priority", member(event, "/priority")),
        ("test", member(event, "/test_event")),
        ("comment", member(event, "/vtn_comment")),
        ("revision", member(event, "/revision")),
        ("created", member(event, "/created")),
        ("modified", member(event, "/modified")),
        ("cancelled", member(event, "/cancelled")),
    ]);
    let signals = event.get("signals").and_then(Value::as_array);
    for signal in signals.into_iter().flatten() {
        out.push_str(&format!(
            "\n{} ({}) {}\n",
            member(signal, "/signal_name"),
            member(signal, "/signal_type"),
            member(signal, "/item_base"),
        ));
        let intervals = signal.get("intervals").and_then(Value::as_array);
        for interval in intervals.into_iter().flatten() {
            let (duration, payload) = (member(interval, "/duration"), member(interval, "/payload"));
            out.push_str(&format!("  {duration}  {payload}\n"));
        }
    }
    let vens = event.get("vens").and_then(Value::as_array);
    let rows: Vec<_> = vens
        .into_iter()
        .flatten()
        .map(|ven| {
            let paths = [
                "/ven_name",
                "/ven_id",
                "/delivery",
                "/modification_number",
                "/opt",
            ];
            let paths = paths
                .iter()
                .chain(&["/response_code", "/sent", "/answered"]);
            paths.map(|path| member(ven, path)).collect()
        })
        .collect();
    if !rows.is_empty() {
        let head = [
            "VEN", "ID", "DELIVERY", "VERSION", "OPT", "CODE", "SENT", "ANSWERED",
        ];
        out.push('\n');
        out.push_str(&table(&head, &rows));
    }
    out
}
