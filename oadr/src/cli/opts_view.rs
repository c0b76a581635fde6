//! Opts of the operator API as tables.
//!
//! Knows nothing of how they are asked for.

use oadr_core::value::{DateTime, Duration};
use serde::Deserialize;

use super::api_client::Answer;
use super::api_error::Error;
use super::event_view::{shown, time};
use super::table::{Table, terminal_width};

/// The opts of a VEN.
pub(super) fn of_ven(answer: &Answer) -> Result<String, Error> {
    let opts: OptsOfVen = answer.read()?;
    let width = terminal_width();
    if opts.in_force.is_empty() && opts.history.is_empty() {
        return Ok("no opts\n".to_owned());
    }
    let mut out = if opts.in_force.is_empty() {
        "no opts that count now\n".to_owned()
    } else {
        let mut table = Table::new([
            "OPT",
            "ID",
            "WHEN OR EVENT",
            "CONTEXT",
            "RESOURCES",
            "DEVICES",
            "REASON",
            "RECEIVED",
        ]);
        for opt in &opts.in_force {
            table.row([
                opt.opt.clone(),
                opt.opt_id.clone(),
                opt.subject(),
                shown(opt.market_context.as_ref()),
                all_or(&opt.resources),
                all_or(&opt.device_classes),
                opt.reason.clone(),
                time(Some(opt.received)),
            ]);
        }
        table.render(width)
    };
    let ended: Vec<_> = opts
        .history
        .iter()
        .filter(|past| past.ended.is_some())
        .collect();
    if !ended.is_empty() {
        out.push('\n');
        let mut table = Table::new(["ENDED", "BY", "OPT", "ID", "WHEN OR EVENT", "RESOURCES"]);
        for past in ended {
            table.row([
                time(past.ended.as_ref().map(|end| end.at)),
                past.end(),
                past.opt.opt.clone(),
                past.opt.opt_id.clone(),
                past.opt.subject(),
                all_or(&past.opt.resources),
            ]);
        }
        out.push_str(&table.render(width));
    }
    if opts.next.is_some() {
        out.push_str("there is more history: --json shows where it goes on\n");
    }
    Ok(out)
}

/// The opts about an event.
pub(super) fn of_event(answer: &Answer) -> Result<String, Error> {
    let opts: OptsOfEvent = answer.read()?;
    let width = terminal_width();
    let mut out = if opts.vens.is_empty() {
        "it is over, or for no VEN\n".to_owned()
    } else {
        let mut table = Table::new(["VEN", "RESOURCE", "DEVICE", "OPT", "BECAUSE OF", "SINCE"]);
        for ven in &opts.vens {
            for opt in &ven.opts {
                table.row([
                    shown(ven.ven_name.as_ref().or(ven.ven_id.as_ref())),
                    opt.resource.clone().unwrap_or_else(|| "all".to_owned()),
                    opt.device_class.clone().unwrap_or_else(|| "all".to_owned()),
                    shown(opt.opt.as_ref()),
                    opt.because(),
                    time(opt.since),
                ]);
            }
        }
        table.render(width)
    };
    if !opts.history.is_empty() {
        out.push('\n');
        let mut table = Table::new([
            "VEN",
            "RECEIVED",
            "OPT",
            "ID",
            "RESOURCES",
            "REASON",
            "ENDED BY",
        ]);
        for said in &opts.history {
            let opt = &said.past.opt;
            table.row([
                shown(said.ven_name.as_ref().or(said.ven_id.as_ref())),
                time(Some(opt.received)),
                opt.opt.clone(),
                opt.opt_id.clone(),
                all_or(&opt.resources),
                opt.reason.clone(),
                said.past.end(),
            ]);
        }
        out.push_str(&table.render(width));
    }
    Ok(out)
}

/// As far as people are told; words are whatever the API calls things.
#[derive(Debug, Deserialize)]
struct OptsOfVen {
    in_force: Vec<Opt>,
    history: Vec<Past>,
    next: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct OptsOfEvent {
    vens: Vec<Ven>,
    history: Vec<Said>,
}

#[derive(Debug, Deserialize)]
struct Opt {
    opt_id: String,
    opt: String,
    reason: String,
    #[serde(default)]
    event_id: Option<String>,
    #[serde(default)]
    market_context: Option<String>,
    #[serde(default)]
    periods: Vec<Period>,
    resources: Vec<String>,
    device_classes: Vec<String>,
    received: DateTime,
}

#[derive(Debug, Deserialize)]
struct Period {
    start: DateTime,
    duration: Duration,
}

#[derive(Debug, Deserialize)]
struct Past {
    #[serde(flatten)]
    opt: Opt,
    ended: Option<End>,
}

#[derive(Debug, Deserialize)]
struct End {
    at: DateTime,
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Said {
    ven_id: Option<String>,
    ven_name: Option<String>,
    #[serde(flatten)]
    past: Past,
}

#[derive(Debug, Deserialize)]
struct Ven {
    ven_id: Option<String>,
    ven_name: Option<String>,
    opts: Vec<Effective>,
}

#[derive(Debug, Deserialize)]
struct Effective {
    resource: Option<String>,
    device_class: Option<String>,
    opt: Option<String>,
    by: String,
    #[serde(default)]
    opt_id: Option<String>,
    #[serde(default)]
    modification_number: Option<u32>,
    #[serde(default)]
    in_part: bool,
    since: Option<DateTime>,
}

impl Opt {
    /// The event, or the periods.
    fn subject(&self) -> String {
        if let Some(event) = &self.event_id {
            return format!("event {event}");
        }
        let periods = self.periods.iter().map(|period| {
            let start = time(Some(period.start));
            if period.duration.is_zero() {
                format!("{start} on")
            } else {
                format!("{start} {}", period.duration)
            }
        });
        periods.collect::<Vec<_>>().join(", ")
    }
}

impl Past {
    fn end(&self) -> String {
        shown(self.ended.as_ref().map(|end| &end.reason))
    }
}

impl Effective {
    fn because(&self) -> String {
        match (&self.opt_id, self.modification_number) {
            (Some(id), _) if self.in_part => format!("{} {id}, in part", self.by),
            (Some(id), _) => format!("{} {id}", self.by),
            (None, Some(number)) => format!("{} to version {number}", self.by),
            (None, None) => self.by.clone(),
        }
    }
}

fn all_or(names: &[String]) -> String {
    if names.is_empty() {
        "all".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        Answer {
            text: text.to_owned(),
        }
    }

    const SCHEDULE: &str = r#""number":1,"opt_id":"holiday","opt":"optOut","reason":"economic",
        "market_context":"http://example.com/dr","periods":[
          {"start":"2026-01-01T00:00:00Z","duration":"PT4H","end":"2026-01-01T04:00:00Z"},
          {"start":"2026-02-01T00:00:00Z","duration":"PT0S","end":null}],
        "resources":["boiler","pump"],"device_classes":[],"created":"2025-12-31T00:00:00Z",
        "received":"2025-12-31T00:00:01.5Z""#;

    const QUALIFICATION: &str = r#""number":2,"opt_id":"not-now","opt":"optOut","reason":"mustRun",
        "event_id":"e1","resources":[],"device_classes":["Thermostat"],
        "created":"2025-12-31T00:00:00Z","received":"2025-12-31T00:00:02Z""#;

    #[test]
    fn a_ven_has_opts_that_count_and_opts_that_ended() {
        let ended = r#""ended":{"at":"2026-01-03T00:00:00Z","reason":"replaced","by":3}"#;
        let list = format!(
            r#"{{"in_force":[{{{SCHEDULE}}},{{{QUALIFICATION}}}],
                 "history":[{{{QUALIFICATION},"ended":null}},{{{SCHEDULE},{ended}}}],"next":1}}"#
        );
        let expected = "\
OPT     ID       WHEN OR EVENT                                     CONTEXT                RESOURCES     DEVICES     REASON    RECEIVED
optOut  holiday  2026-01-01T00:00:00Z PT4H, 2026-02-01T00:00:00Z on  http://example.com/dr  boiler, pump  all         economic  2025-12-31T00:00:01Z
optOut  not-now  event e1                                          -                      all           Thermostat  mustRun   2025-12-31T00:00:02Z

ENDED                 BY        OPT     ID       WHEN OR EVENT                                     RESOURCES
2026-01-03T00:00:00Z  replaced  optOut  holiday  2026-01-01T00:00:00Z PT4H, 2026-02-01T00:00:00Z on  boiler, pump
there is more history: --json shows where it goes on
";
        let told = of_ven(&answer(&list)).unwrap();
        // However wide the columns are.
        let words = |text: &str| {
            let lines = text.lines();
            let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
            lines.collect::<Vec<_>>()
        };
        assert_eq!(words(&told), words(expected));
        let nothing = r#"{"in_force":[],"history":[],"next":null}"#;
        assert_eq!(of_ven(&answer(nothing)).unwrap(), "no opts\n");
    }

    #[test]
    fn an_event_has_opts_by_ven_and_resource_and_a_history() {
        let list = format!(
            r#"{{"event_id":"e1","vens":[{{"ven_id":"v1","ven_name":"house","opts":[
                {{"resource":null,"device_class":null,"opt":"optIn","by":"answer","modification_number":2,
                  "since":"2026-01-01T00:00:00Z"}},
                {{"resource":"boiler","device_class":null,"opt":"optOut","by":"schedule","number":1,
                  "opt_id":"holiday","in_part":true,"since":"2025-12-31T00:00:00Z"}},
                {{"resource":"boiler","device_class":"Thermostat","opt":"optOut","by":"qualification",
                  "number":2,"opt_id":"not-now","since":"2025-12-31T00:00:00Z"}},
                {{"resource":"pump","device_class":null,"opt":null,"by":"nothing","since":null}}]}}],
              "history":[{{"ven_id":"v1","ven_name":"house",{QUALIFICATION},"ended":null}}]}}"#
        );
        let expected = "\
VEN    RESOURCE  DEVICE      OPT     BECAUSE OF                 SINCE
house  all       all         optIn   answer to version 2        2026-01-01T00:00:00Z
house  boiler    all         optOut  schedule holiday, in part  2025-12-31T00:00:00Z
house  boiler    Thermostat  optOut  qualification not-now      2025-12-31T00:00:00Z
house  pump      all         -       nothing                    -

VEN    RECEIVED              OPT     ID       RESOURCES  REASON   ENDED BY
house  2025-12-31T00:00:02Z  optOut  not-now  all        mustRun  -
";
        assert_eq!(of_event(&answer(&list)).unwrap(), expected);
        let over = r#"{"event_id":"e1","vens":[],"history":[]}"#;
        let told = of_event(&answer(over)).unwrap();
        assert_eq!(told, "it is over, or for no VEN\n");
    }
}
