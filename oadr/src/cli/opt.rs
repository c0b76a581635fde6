//! `oadr opt`: opts of a running VEN, by way of its control socket.
//!
//! Knows nothing of what may be opted; the VEN and its VTN do.

use std::time::Duration as Span;

use chrono::SecondsFormat;
use clap::builder::{NonEmptyStringValueParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use oadr_core::opt::{OptPeriod, OptSubject, OptTerms};
use oadr_core::value::{
    DateTime, Duration, EventId, MarketContext, OptId, OptReason, OptType, ResourceId, Text,
};
use oadr_core::ven::{Opt, OptDraft, OptStanding};
use serde_json::Value;

use super::control_args::ControlArgs;
use super::start::Start;
use super::table::{self, Table, printable, terminal_width};
use crate::clock;
use crate::ven::{AskError, Request, ask};

/// How long a VEN has for its answer, beside the time that its VTN has.
const ANSWER: Span = Span::from_secs(10);

/// Opt in or out, on a running VEN
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct OptArgs {
    #[command(flatten)]
    ven: VenArgs,

    #[command(subcommand)]
    command: OptCommand,
}

const EXAMPLES: &str = "\
The commands talk to a running `oadr ven` of the same user, through the socket in its data folder.
The status is 0 only if the VTN has confirmed what was wanted.

Examples:
  oadr opt out --start 2026-01-31T16:00:00Z --duration PT4H
  oadr opt out --start now --duration PT0S --resource boiler --reason mustRun
  oadr opt in --start +P1D --duration PT2H --market-context http://example.com/dr
  oadr opt out --event EVENT
  oadr opt out --event EVENT --resource boiler
  oadr opt list
  oadr opt cancel OPT";

/// Which VEN, and how it is talked to.
#[derive(Debug, Args)]
struct VenArgs {
    #[command(flatten)]
    control: ControlArgs,

    /// How long to wait for the VTN, in seconds; 0 leaves it to the VEN
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value = "30",
        value_parser = clap::value_parser!(u64).range(..=300)
    )]
    wait: u64,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum OptCommand {
    /// Opt in: say when the VEN is available, or that it takes part in an event
    In(Make),
    /// Opt out: say when the VEN is not available, or that it does not take part in an event
    Out(Make),
    /// Withdraw schedules; those of events cannot be withdrawn, only changed
    Cancel {
        /// The opt's ID, as `oadr opt list` shows it; all schedules of this ID are withdrawn
        #[arg(value_name = "OPT", value_parser = NonEmptyStringValueParser::new().try_map(OptId::new))]
        opt_id: OptId,
    },
    /// List the opts of the VEN and what its VTN said to them
    List,
}

/// An opt to be made.
#[derive(Debug, Args)]
struct Make {
    /// When it starts: now, +DURATION from now, or a time such as 2026-01-31T16:00:00Z; may be given
    /// several times, with as many durations
    #[arg(long = "start", value_name = "WHEN", requires = "durations")]
    starts: Vec<Start>,

    /// How long it lasts; PT0S never ends
    #[arg(long = "duration", value_name = "DURATION", requires = "starts")]
    durations: Vec<Duration>,

    /// The event that the VEN takes part in, or not. Its answer to the event is changed, unless a
    /// resource, a device class, a reason or an ID is given: then it makes an opt of the event, and
    /// only another one changes that
    #[arg(
        long,
        value_name = "ID",
        conflicts_with_all = ["starts", "market_context"],
        required_unless_present = "starts"
    )]
    event: Option<EventId>,

    /// Only this resource, repeatable
    #[arg(long = "resource", value_name = "ID")]
    resources: Vec<ResourceId>,

    /// Only devices of this class, such as Pool_Pump; repeatable
    #[arg(long = "device-class", value_name = "CLASS")]
    device_classes: Vec<Text>,

    /// Only for events of this programme
    #[arg(long, value_name = "URI")]
    market_context: Option<MarketContext>,

    /// Why: economic, emergency, mustRun, notParticipating, outageRunStatus, overrideStatus,
    /// participating, or x-OWN [default: economic]
    #[arg(long, value_name = "REASON")]
    reason: Option<OptReason>,

    /// What to call it; opts of one ID are withdrawn together [default: drawn]
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new().try_map(OptId::new))]
    id: Option<OptId>,
}

/// Why it went wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("--start and --duration belong together: {starts} and {durations} were given")]
    Uneven { starts: usize, durations: usize },
    #[error("the VEN's answer is not understood: {0}")]
    Answer(#[from] serde_json::Error),
    #[error(transparent)]
    Output(#[from] super::api_error::Error),
}

impl OptArgs {
    /// Has it done, and prints what came of it.
    ///
    /// # Errors
    /// No VEN runs there, it will not do it, or the VTN has not confirmed it.
    pub(super) async fn run(self) -> Result<(), Error> {
        let wait = self.ven.wait;
        let request = match self.command {
            OptCommand::In(make) => make.request(OptType::OptIn, wait, clock::now())?,
            OptCommand::Out(make) => make.request(OptType::OptOut, wait, clock::now())?,
            OptCommand::Cancel { opt_id } => Request::CancelOpt { opt_id, wait },
            OptCommand::List => Request::Opts,
        };
        let socket = self.ven.control.socket();
        let limit = Span::from_secs(wait) + ANSWER;
        let answer = ask(&socket, &request, limit).await?;
        let text = if self.ven.json {
            format!("{answer}\n")
        } else {
            shown(&request, answer)?
        };
        Ok(table::print(&text)?)
    }
}

impl Make {
    fn request(self, opt_type: OptType, wait: u64, now: DateTime) -> Result<Request, Error> {
        let is_plain = self.resources.is_empty()
            && self.device_classes.is_empty()
            && self.reason.is_none()
            && self.id.is_none();
        let subject = match self.event {
            Some(event_id) if is_plain => {
                return Ok(Request::ChangeOpt {
                    event_id,
                    opt: opt_type,
                    wait,
                });
            }
            Some(event_id) => OptSubject::Event { event_id },
            None => OptSubject::Schedule {
                market_context: self.market_context,
                periods: periods(&self.starts, &self.durations, now)?,
            },
        };
        let opt = OptDraft {
            opt_id: self.id,
            terms: OptTerms {
                opt_type,
                reason: self.reason.unwrap_or(OptReason::Economic),
                subject,
                resources: self.resources,
                device_classes: self.device_classes,
            },
        };
        Ok(Request::CreateOpt { opt, wait })
    }
}

fn periods(
    starts: &[Start],
    durations: &[Duration],
    now: DateTime,
) -> Result<Vec<OptPeriod>, Error> {
    if starts.len() != durations.len() {
        return Err(Error::Uneven {
            starts: starts.len(),
            durations: durations.len(),
        });
    }
    let periods = starts.iter().zip(durations);
    let periods = periods.map(|(start, duration)| OptPeriod {
        start: start.or_now(now),
        duration: *duration,
    });
    Ok(periods.collect())
}

/// What came of it, for people.
fn shown(request: &Request, answer: Value) -> Result<String, Error> {
    Ok(match request {
        Request::Opts => list(&serde_json::from_value::<Vec<Opt>>(answer)?),
        Request::CreateOpt { .. } => {
            let opt: Opt = serde_json::from_value(answer)?;
            format!("{}: {}\n", opt.opt_id, standing(opt.standing))
        }
        Request::CancelOpt { opt_id, wait: 0 } => format!("{opt_id}: cancelled\n"),
        Request::CancelOpt { opt_id, .. } => {
            format!("{opt_id}: cancelled, and the VTN knows\n")
        }
        Request::ChangeOpt { event_id, opt, .. } => {
            let known = answer["acknowledged"].as_bool().unwrap_or(false);
            let known = if known {
                "the VTN knows"
            } else {
                "the VTN does not know yet"
            };
            format!("{event_id}: {opt}, and {known}\n")
        }
        // Not asked here.
        Request::Status | Request::Events | Request::Reports | Request::CorrectReadings { .. } => {
            format!("{answer}\n")
        }
    })
}

fn list(opts: &[Opt]) -> String {
    if opts.is_empty() {
        return "no opts\n".to_owned();
    }
    let mut table = Table::new([
        "OPT",
        "SAYS",
        "ABOUT",
        "CONTEXT",
        "RESOURCES",
        "CLASSES",
        "REASON",
        "STANDING",
    ]);
    for opt in opts {
        let terms = &opt.terms;
        let (about, context) = match &terms.subject {
            OptSubject::Event { event_id } => (format!("event {event_id}"), String::new()),
            OptSubject::Schedule {
                market_context,
                periods,
            } => {
                let periods: Vec<_> = periods.iter().map(period).collect();
                let context = market_context.as_ref();
                (
                    periods.join(", "),
                    context.map_or(String::new(), ToString::to_string),
                )
            }
        };
        table.row([
            opt.opt_id.to_string(),
            terms.opt_type.to_string(),
            about,
            context,
            joined(&terms.resources),
            joined(&terms.device_classes),
            terms.reason.to_string(),
            standing(opt.standing),
        ]);
    }
    table.render(terminal_width())
}

fn period(period: &OptPeriod) -> String {
    let start = period.start.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    if period.duration.is_zero() {
        format!("{start} on")
    } else {
        format!("{start} {}", period.duration)
    }
}

fn joined<T: ToString>(list: &[T]) -> String {
    let all: Vec<_> = list.iter().map(ToString::to_string).collect();
    printable(&all.join(", ")).into_owned()
}

fn standing(standing: OptStanding) -> String {
    let code = |code: Option<oadr_core::payload::ResponseCode>| {
        code.map_or(String::new(), |code| format!(" ({code})"))
    };
    match standing {
        OptStanding::Owed => "the VTN does not know yet".to_owned(),
        OptStanding::Accepted => "the VTN knows".to_owned(),
        OptStanding::Refused { response_code } => {
            format!("refused{}", code(response_code))
        }
        OptStanding::Cancelling => "cancelled, the VTN does not know yet".to_owned(),
        OptStanding::Kept { response_code } => {
            format!("not to be cancelled{}", code(response_code))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: OptArgs,
    }

    fn make(words: &str) -> Make {
        let words = ["opt"].into_iter().chain(words.split(' '));
        match Line::try_parse_from(words).unwrap().args.command {
            OptCommand::In(make) | OptCommand::Out(make) => make,
            OptCommand::Cancel { .. } | OptCommand::List => panic!("makes nothing"),
        }
    }

    fn request(words: &str) -> Result<Value, Error> {
        let now = "2026-01-31T12:00:00.5Z".parse().unwrap();
        let request = make(words).request(OptType::OptOut, 5, now)?;
        Ok(serde_json::to_value(request).unwrap())
    }

    #[test]
    fn flags_say_schedules_opts_of_events_and_answers() {
        for (words, expected) in [
            (
                "out --start now --duration PT0S --start +PT1H --duration PT30M --resource r1 \
                 --resource r2 --device-class Sauna --market-context http://example.com/dr --id o1",
                serde_json::json!({
                    "do": "create_opt",
                    "wait": 5,
                    "opt": {
                        "opt_id": "o1",
                        "terms": {
                            "opt_type": "optOut",
                            "reason": "economic",
                            "subject": {"schedule": {
                                "market_context": "http://example.com/dr",
                                "periods": [
                                    {"start": "2026-01-31T12:00:00Z", "duration": "PT0S"},
                                    {"start": "2026-01-31T13:00:00Z", "duration": "PT30M"},
                                ],
                            }},
                            "resources": ["r1", "r2"],
                            "device_classes": ["Sauna"],
                        },
                    },
                }),
            ),
            (
                "out --event e1 --resource r1 --reason mustRun",
                serde_json::json!({
                    "do": "create_opt",
                    "wait": 5,
                    "opt": {
                        "opt_id": null,
                        "terms": {
                            "opt_type": "optOut",
                            "reason": "mustRun",
                            "subject": {"event": {"event_id": "e1"}},
                            "resources": ["r1"],
                            "device_classes": [],
                        },
                    },
                }),
            ),
            (
                "out --event e1",
                serde_json::json!({
                    "do": "change_opt", "event_id": "e1", "opt": "optOut", "wait": 5,
                }),
            ),
        ] {
            assert_eq!(request(words).unwrap(), expected, "{words}");
        }
        let uneven = request("out --start now --duration PT1H --duration PT2H");
        assert!(matches!(
            uneven,
            Err(Error::Uneven {
                starts: 1,
                durations: 2
            })
        ));
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_the_ven_is_asked() {
        for bad in [
            "out",
            "out --start now",
            "out --duration PT1H",
            "out --event e1 --start now --duration PT1H",
            "out --event e1 --market-context http://example.com/dr",
            "out --event e1 --reason whim",
            "cancel",
        ] {
            let words = ["opt"].into_iter().chain(bad.split(' '));
            assert!(Line::try_parse_from(words).is_err(), "{bad}");
        }
        assert!(Line::try_parse_from(["opt", "cancel", ""]).is_err());
    }

    #[test]
    fn a_list_says_what_each_opt_is_about() {
        let opts = serde_json::json!([
            {
                "number": 1, "opt_id": "o1", "created": "2026-01-31T12:00:00Z",
                "standing": "accepted",
                "terms": {
                    "opt_type": "optOut", "reason": "economic",
                    "subject": {"schedule": {"market_context": null, "periods": [
                        {"start": "2026-01-31T12:00:00Z", "duration": "PT0S"},
                        {"start": "2026-01-31T13:00:00Z", "duration": "PT30M"},
                    ]}},
                    "resources": ["r1", "r2"], "device_classes": [],
                },
            },
            {
                "number": 2, "opt_id": "o2", "created": "2026-01-31T12:00:00Z",
                "standing": {"refused": {"response_code": 451}},
                "terms": {
                    "opt_type": "optIn", "reason": "x-mine",
                    "subject": {"event": {"event_id": "e1"}},
                    "resources": [], "device_classes": ["Sauna"],
                },
            },
        ]);
        let text = shown(&Request::Opts, opts).unwrap();
        assert_eq!(
            text,
            "\
OPT  SAYS    ABOUT                                                CONTEXT  RESOURCES  CLASSES  REASON    STANDING
o1   optOut  2026-01-31T12:00:00Z on, 2026-01-31T13:00:00Z PT30M  -        r1, r2     -        economic  the VTN knows
o2   optIn   event e1                                             -        -          Sauna    x-mine    refused (451)
"
        );
        let none = shown(&Request::Opts, serde_json::json!([])).unwrap();
        assert_eq!(none, "no opts\n");
    }
}
