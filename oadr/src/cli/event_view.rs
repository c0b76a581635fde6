//! Events of the operator API as tables.
//!
//! Knows nothing of how they are asked for.

use chrono::SecondsFormat;
use oadr_core::payload::ResponseCode;
use oadr_core::value::{DateTime, Duration};
use serde::Deserialize;
use serde_json::Value;

use super::api_client::Answer;
use super::api_error::Error;
use super::table::{Table, terminal_width};
use super::unit::Unit;
use crate::json::{EventForm, SignalForm};

/// An event, as far as people are told; status and delivery are whatever the API calls them.
#[derive(Debug, Deserialize)]
pub(crate) struct EventView {
    pub(crate) event_id: String,
    pub(crate) status: String,
    pub(crate) revision: u32,
    created: DateTime,
    modified: DateTime,
    #[serde(default)]
    cancelled: Option<DateTime>,
    #[serde(default)]
    end: Option<DateTime>,
    #[serde(flatten)]
    form: EventForm,
    #[serde(default)]
    audience: Option<Vec<String>>,
    #[serde(default)]
    deliveries: Option<Tally>,
    #[serde(default)]
    vens: Vec<Delivery>,
}

#[derive(Debug, Deserialize)]
struct Tally {
    sent: u64,
    answered: u64,
    given_up: u64,
}

#[derive(Debug, Deserialize)]
struct Delivery {
    ven_id: Option<String>,
    ven_name: Option<String>,
    delivery: String,
    modification_number: Option<u32>,
    sent: Option<DateTime>,
    opt: Option<String>,
    response_code: Option<ResponseCode>,
    answered: Option<DateTime>,
    #[serde(default)]
    effective_opt: Option<String>,
}

#[derive(Debug, Deserialize)]
struct List {
    events: Vec<EventView>,
    next: Option<i64>,
}

/// A list of events, one line each.
pub(crate) fn list(answer: &Answer) -> Result<String, Error> {
    let list: List = answer.read()?;
    if list.events.is_empty() {
        return Ok("no events\n".to_owned());
    }
    let mut table = Table::new([
        "EVENT", "STATUS", "START", "DURATION", "SIGNALS", "FOR", "SENT", "ANSWERED", "GIVEN UP",
    ]);
    for event in list.events {
        let signals: Vec<String> = event.form.signals.iter().map(in_short).collect();
        let count = |of: fn(&Tally) -> u64| event.deliveries.as_ref().map(of);
        table.row([
            shown(Some(&event.event_id)),
            event.status.clone(),
            time(event.form.dtstart),
            length(event.form.duration),
            signals.join("; "),
            event.receivers(),
            shown(count(|tally| tally.sent)),
            shown(count(|tally| tally.answered)),
            shown(count(|tally| tally.given_up)),
        ]);
    }
    let mut out = table.render(terminal_width());
    if let Some(next) = list.next {
        out.push_str(&format!("there are more: --after {next}\n"));
    }
    Ok(out)
}

/// Everything about an event.
pub(crate) fn show(answer: &Answer) -> Result<String, Error> {
    let event: EventView = answer.read()?;
    let width = terminal_width();
    let mut out = event.about().render(width);
    out.push('\n');
    out.push_str(&values(&event.form).render(width));
    out.push('\n');
    if event.vens.is_empty() {
        out.push_str("no VEN has it or is to get it\n");
    } else {
        out.push_str(&deliveries(&event.vens).render(width));
    }
    Ok(out)
}

impl EventView {
    fn about(&self) -> Table {
        let form = &self.form;
        let test = serde_json::to_value(&form.test_event).unwrap_or_default();
        let test = match test {
            Value::Null | Value::Bool(false) => None,
            Value::Bool(true) => Some("yes".to_owned()),
            Value::String(other) => Some(other),
            Value::Number(_) | Value::Array(_) | Value::Object(_) => Some(test.to_string()),
        };
        let optional = [
            ("cancelled", self.cancelled.map(|at| time(Some(at)))),
            (
                "random start within",
                form.start_after.map(|d| d.to_string()),
            ),
            (
                "notification",
                form.notification
                    .filter(|d| !d.is_zero())
                    .map(|d| d.to_string()),
            ),
            ("ramp-up", form.ramp_up.map(|d| d.to_string())),
            ("recovery", form.recovery.map(|d| d.to_string())),
            ("priority", form.priority.map(|n| n.to_string())),
            ("test", test),
            (
                "comment",
                form.vtn_comment.as_ref().map(ToString::to_string),
            ),
            (
                "modified because",
                form.modification_reason.as_ref().map(ToString::to_string),
            ),
            (
                "baseline",
                form.baseline.as_ref().map(|b| b.baseline_name.to_string()),
            ),
        ];
        let mut table = Table::default();
        let always = [
            ("event", self.event_id.clone()),
            ("status", self.status.clone()),
            ("revision", self.revision.to_string()),
            ("created", time(Some(self.created))),
            ("modified", time(Some(self.modified))),
            ("market context", form.market_context.to_string()),
            ("for", self.receivers()),
            ("start", time(form.dtstart)),
            (
                "end",
                self.end
                    .map_or_else(|| "open".to_owned(), |end| time(Some(end))),
            ),
            ("duration", length(form.duration)),
            ("answers", shown(form.response_required)),
        ];
        let given = optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        for (name, value) in always.into_iter().chain(given) {
            table.row([name.to_owned(), value]);
        }
        table
    }

    /// Whom it was made for: the VENs, or what the targets name.
    fn receivers(&self) -> String {
        if let Some(vens) = &self.audience {
            return vens.join(", ");
        }
        let targets = serde_json::to_value(&self.form.targets).unwrap_or_default();
        let Value::Object(kinds) = targets else {
            return "every VEN".to_owned();
        };
        let named = kinds.iter().flat_map(|(kind, values)| {
            let values = values.as_array().map(Vec::as_slice).unwrap_or_default();
            values.iter().map(move |value| match value.as_str() {
                Some(text) => format!("{kind}={text}"),
                // Areas and the like are too long for a line.
                None => format!("{kind}=…"),
            })
        });
        named.collect::<Vec<_>>().join(", ")
    }
}

/// Name, type and values.
fn in_short(signal: &SignalForm) -> String {
    let values: Vec<String> = signal
        .intervals
        .iter()
        .map(|i| i.payload.to_string())
        .collect();
    let values = values.join(" ");
    format!("{} {} {values}", signal.signal_name, signal.signal_type)
}

/// The values of every signal, put into time.
fn values(form: &EventForm) -> Table {
    let mut table = Table::new(["SIGNAL", "TYPE", "UNIT", "FROM", "DURATION", "VALUE"]);
    for signal in &form.signals {
        let unit = signal.item_base.clone().map(Unit);
        let mut at = form.dtstart;
        for interval in &signal.intervals {
            table.row([
                signal.signal_name.to_string(),
                signal.signal_type.to_string(),
                shown(unit.as_ref()),
                time(at),
                length(Some(interval.duration)),
                interval.payload.to_string(),
            ]);
            at = at.map(|at| interval.duration.after(at));
        }
    }
    table
}

fn deliveries(vens: &[Delivery]) -> Table {
    let mut table = Table::new([
        "VEN",
        "DELIVERY",
        "MODIFICATION",
        "OPT",
        "CODE",
        "EFFECTIVE",
        "SENT",
        "ANSWERED",
    ]);
    for ven in vens {
        table.row([
            shown(ven.ven_name.as_ref().or(ven.ven_id.as_ref())),
            ven.delivery.clone(),
            shown(ven.modification_number),
            shown(ven.opt.as_ref()),
            shown(ven.response_code.map(u16::from)),
            shown(ven.effective_opt.as_ref()),
            time(ven.sent),
            time(ven.answered),
        ]);
    }
    table
}

/// In whole seconds, in a form that `--start` takes.
pub(crate) fn time(at: Option<DateTime>) -> String {
    at.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
        .unwrap_or_default()
}

fn length(duration: Option<Duration>) -> String {
    match duration {
        Some(zero) if zero.is_zero() => "open".to_owned(),
        other => shown(other),
    }
}

/// Nothing for what is not there.
pub(crate) fn shown(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
