//! What an event is, said in flags or in a file, made into a body for the operator API.
//!
//! Knows nothing of which events are legal; the API's answer says that.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use oadr_core::value::{
    Duration, MarketContext, ResponseRequired, SignalName, SignalType, Text, ValueError,
};
use serde_json::{Map, Value, json};

use super::api_error::Error;
use super::start::Start;
use super::target_flag::{TargetFlag, targets};
use super::unit::Unit;
use crate::json::IntervalForm;

/// A JSON object on its way to the API.
pub(crate) type Body = Map<String, Value>;

/// What an event is. A flag that is not given changes nothing.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct EventFlags {
    /// Values over time, one after the other from the start; a duration of PT0S never ends
    #[arg(
        long = "interval",
        value_name = "DURATION=VALUE",
        help_heading = "Signal"
    )]
    intervals: Vec<IntervalFlag>,

    /// The signal: SIMPLE, ELECTRICITY_PRICE, LOAD_DISPATCH, …, x-OWN [default: the event's
    /// only one; SIMPLE for a new event]
    #[arg(long, value_name = "NAME", help_heading = "Signal")]
    signal: Option<SignalName>,

    /// How its values are meant [default for a new SIMPLE: level]
    #[arg(
        long = "type",
        value_name = "TYPE",
        value_parser = PossibleValuesParser::new(SignalType::NAMED).try_map(|t| t.parse::<SignalType>()),
        help_heading = "Signal"
    )]
    signal_type: Option<SignalType>,

    /// Its unit, such as powerReal:kW or currencyPerKWh:USD
    #[arg(long, value_name = "UNIT", help_heading = "Signal")]
    unit: Option<Unit>,

    /// When it starts: now, +DURATION from now, or a time such as 2026-01-31T16:00:00Z
    #[arg(long, value_name = "WHEN", help_heading = "Time")]
    pub(crate) start: Option<Start>,

    /// How long it lasts [default: the sum of the intervals]
    #[arg(long, value_name = "DURATION", help_heading = "Time")]
    duration: Option<Duration>,

    /// How far VENs may put off the start, at random
    #[arg(long, value_name = "DURATION", help_heading = "Time")]
    start_after: Option<Duration>,

    /// How long before the start VENs should know
    #[arg(long, value_name = "DURATION", help_heading = "Time")]
    notification: Option<Duration>,

    /// Ramp-up before the start; within the event if negative
    #[arg(
        long,
        value_name = "DURATION",
        allow_hyphen_values = true,
        help_heading = "Time"
    )]
    ramp_up: Option<Duration>,

    /// Recovery after the end; within the event if negative
    #[arg(
        long,
        value_name = "DURATION",
        allow_hyphen_values = true,
        help_heading = "Time"
    )]
    recovery: Option<Duration>,

    /// Whom it is for, repeatable: ven_id, group_id, group_name, resource_id, … [default: the VEN
    /// that receives it]
    #[arg(long = "target", value_name = "KIND=VALUE", help_heading = "Audience")]
    targets: Vec<TargetFlag>,

    /// The programme that it belongs to
    #[arg(long, value_name = "URI")]
    market_context: Option<MarketContext>,

    /// The lower the more important; 0 is none
    #[arg(long, value_name = "N")]
    priority: Option<u32>,

    /// Whether VENs answer [default: always]
    #[arg(
        long,
        value_name = "WHEN",
        value_parser = PossibleValuesParser::new(ResponseRequired::NAMED).try_map(|r| r.parse::<ResponseRequired>()),
    )]
    response: Option<ResponseRequired>,

    /// It is only a test
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    test: Option<bool>,

    /// A remark for people
    #[arg(long, value_name = "TEXT")]
    comment: Option<Text>,

    /// The JSON body for the API, - for standard input; other flags take precedence over it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl EventFlags {
    /// The body in the file, or an empty one.
    ///
    /// # Errors
    /// The file cannot be read, or has no JSON object in it.
    pub(crate) fn file_body(&self) -> Result<Body, Error> {
        self.file.as_deref().map_or(Ok(Body::new()), read_file)
    }

    /// Says in the body what the flags say, but for the start and the signals.
    pub(crate) fn say(&self, body: &mut Body) {
        let duration = |d: &Option<Duration>| d.map(|d| d.to_string().into());
        let members = [
            ("duration", duration(&self.duration)),
            ("start_after", duration(&self.start_after)),
            ("notification", duration(&self.notification)),
            ("ramp_up", duration(&self.ramp_up)),
            ("recovery", duration(&self.recovery)),
            (
                "targets",
                (!self.targets.is_empty()).then(|| targets(&self.targets)),
            ),
            (
                "market_context",
                self.market_context.as_ref().map(|m| m.as_str().into()),
            ),
            ("priority", self.priority.map(Value::from)),
            (
                "response_required",
                self.response.map(|r| r.as_str().into()),
            ),
            ("test_event", self.test.map(Value::from)),
            (
                "vtn_comment",
                self.comment.as_ref().map(|c| c.as_str().into()),
            ),
        ];
        for (name, value) in members {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        }
    }

    /// Whether a flag is about the signal.
    pub(crate) fn name_signal(&self) -> bool {
        self.signal.is_some()
            || self.signal_type.is_some()
            || self.unit.is_some()
            || !self.intervals.is_empty()
    }

    /// The signals, the one that the flags are about changed as they say; made if there is none.
    ///
    /// # Errors
    /// It is not clear which signal is meant, or a new one lacks something.
    pub(crate) fn signals(&self, before: Option<Value>) -> Result<Value, Error> {
        let before = before.unwrap_or_else(|| json!([]));
        let mut signals: Vec<Body> = serde_json::from_value(before).map_err(Error::Signals)?;
        if signals.is_empty() {
            signals.push(self.new_signal()?);
        }
        let signal = self.meant(&mut signals)?;
        if let Some(signal_type) = self.signal_type {
            signal.insert("signal_type".to_owned(), signal_type.as_str().into());
        }
        if let Some(Unit(unit)) = &self.unit {
            let unit = serde_json::to_value(unit).map_err(Error::Encode)?;
            signal.insert("item_base".to_owned(), unit);
        }
        if !self.intervals.is_empty() {
            let intervals: Vec<_> = self.intervals.iter().map(|flag| &flag.0).collect();
            let intervals = serde_json::to_value(intervals).map_err(Error::Encode)?;
            signal.insert("intervals".to_owned(), intervals);
        }
        serde_json::to_value(signals).map_err(Error::Encode)
    }

    fn new_signal(&self) -> Result<Body, Error> {
        if self.intervals.is_empty() {
            return Err(Error::NoInterval);
        }
        let name = self.signal.clone().unwrap_or(SignalName::Simple);
        let signal_type = match (&name, self.signal_type) {
            (_, Some(signal_type)) => signal_type,
            (SignalName::Simple | SignalName::SimpleLowerCase, None) => SignalType::Level,
            (name, None) => {
                let name = name.to_string();
                return Err(Error::NoSignalType { name });
            }
        };
        Ok(Body::from_iter([
            ("signal_name".to_owned(), name.as_str().into()),
            ("signal_type".to_owned(), signal_type.as_str().into()),
        ]))
    }

    /// The signal that the flags are about: the one of that name, or the only one.
    fn meant<'s>(&self, signals: &'s mut [Body]) -> Result<&'s mut Body, Error> {
        let names: Vec<String> = signals.iter().map(|s| name_of(s).to_owned()).collect();
        let names = names.join(", ");
        let Some(name) = &self.signal else {
            return match signals {
                [only] => Ok(only),
                _ => Err(Error::SeveralSignals { names }),
            };
        };
        let found = signals.iter_mut().find(|s| name_of(s) == name.as_str());
        found.ok_or_else(|| Error::NoSuchSignal {
            name: name.to_string(),
            names,
        })
    }
}

fn name_of(signal: &Body) -> &str {
    let name = signal.get("signal_name").and_then(Value::as_str);
    name.unwrap_or("one without a name")
}

fn read_file(path: &Path) -> Result<Body, Error> {
    let is_stdin = path.as_os_str() == "-";
    let octets = if is_stdin {
        let mut octets = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut octets);
        read.map(|_| octets)
    } else {
        std::fs::read(path)
    };
    let path = || {
        if is_stdin {
            PathBuf::from("standard input")
        } else {
            path.to_owned()
        }
    };
    let octets = octets.map_err(|cause| Error::File {
        path: path(),
        cause,
    })?;
    serde_json::from_slice(&octets).map_err(|cause| Error::NotJson {
        path: path(),
        cause,
    })
}

/// A value over a stretch of time: `PT5M=1`.
#[derive(Debug, Clone, PartialEq)]
struct IntervalFlag(IntervalForm);

/// Why a text is not an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum NotAnInterval {
    #[error("is not DURATION=VALUE such as PT5M=1")]
    NoValue,
    #[error("before the =: {0}")]
    Duration(ValueError),
    #[error("after the =: is not a number")]
    Value,
}

impl FromStr for IntervalFlag {
    type Err = NotAnInterval;

    fn from_str(text: &str) -> Result<Self, NotAnInterval> {
        let (duration, value) = text.split_once('=').ok_or(NotAnInterval::NoValue)?;
        let duration = duration.parse().map_err(NotAnInterval::Duration)?;
        let value: f64 = value.parse().map_err(|_| NotAnInterval::Value)?;
        if !value.is_finite() {
            return Err(NotAnInterval::Value);
        }
        Ok(Self(IntervalForm {
            duration,
            payload: value.into(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: EventFlags,
    }

    fn flags(line: &[&str]) -> EventFlags {
        let line = std::iter::once(&"event").chain(line);
        Line::try_parse_from(line).unwrap().flags
    }

    #[test]
    fn a_signal_is_simple_unless_it_is_said() {
        let simple = flags(&["--interval", "PT5M=1", "--interval", "PT10M=2.5"]);
        let expected = json!([{
            "signal_name": "SIMPLE",
            "signal_type": "level",
            "intervals": [
                {"duration": "PT5M", "payload": 1.0},
                {"duration": "PT10M", "payload": 2.5},
            ],
        }]);
        assert_eq!(simple.signals(None).unwrap(), expected);

        let line = ["--signal", "LOAD_DISPATCH", "--interval", "PT5M=-2"];
        let error = flags(&line).signals(None).unwrap_err();
        assert!(matches!(error, Error::NoSignalType { name } if name == "LOAD_DISPATCH"));

        let unit = ["--type", "delta", "--unit", "powerReal:kW,60,110,ac"];
        let signals = flags(&[&line[..], &unit[..]].concat())
            .signals(None)
            .unwrap();
        let expected = json!([{
            "signal_name": "LOAD_DISPATCH",
            "signal_type": "delta",
            "item_base": {
                "type": "powerReal", "units": "W", "scale": "k",
                "hertz": 60, "voltage": 110, "ac": true,
            },
            "intervals": [{"duration": "PT5M", "payload": -2.0}],
        }]);
        assert_eq!(signals, expected);
    }

    #[test]
    fn a_new_signal_needs_values() {
        let error = flags(&["--type", "level"]).signals(None).unwrap_err();
        assert!(matches!(error, Error::NoInterval));
    }

    #[test]
    fn of_a_signal_that_is_there_only_what_is_said_changes() {
        let before = json!([{
            "signal_name": "x-OWN", "signal_type": "delta", "signal_id": "s1", "intervals": [1, 2],
        }]);
        let changed = flags(&["--interval", "PT1M=3"]).signals(Some(before.clone()));
        let mut expected = before.clone();
        expected[0]["intervals"] = json!([{"duration": "PT1M", "payload": 3.0}]);
        assert_eq!(changed.unwrap(), expected);

        let changed = flags(&["--type", "price"]).signals(Some(before.clone()));
        let mut expected = before;
        expected[0]["signal_type"] = json!("price");
        assert_eq!(changed.unwrap(), expected);
    }

    #[test]
    fn which_of_several_signals_is_meant_must_be_said() {
        let before = json!([{"signal_name": "SIMPLE"}, {"signal_name": "x-OWN"}]);
        let change = |line: &[&str]| flags(line).signals(Some(before.clone()));

        let error = change(&["--interval", "PT1M=1"]).unwrap_err();
        assert!(matches!(error, Error::SeveralSignals { names } if names == "SIMPLE, x-OWN"));

        let error = change(&["--interval", "PT1M=1", "--signal", "x-OTHER"]).unwrap_err();
        assert!(matches!(error, Error::NoSuchSignal { name, .. } if name == "x-OTHER"));

        let changed = change(&["--signal", "x-OWN", "--type", "level"]).unwrap();
        let expected = json!([
            {"signal_name": "SIMPLE"},
            {"signal_name": "x-OWN", "signal_type": "level"},
        ]);
        assert_eq!(changed, expected);
    }

    #[test]
    fn every_flag_is_said_as_the_api_spells_it_and_no_other() {
        let mut body = Body::new();
        flags(&[]).say(&mut body);
        assert_eq!(body, Body::new());

        let mut body = Body::from_iter([
            ("priority".to_owned(), json!(7)),
            ("baseline".to_owned(), json!("kept")),
        ]);
        let line = [
            "--duration=PT15M",
            "--start-after=PT2M",
            "--notification=P1D",
            "--ramp-up",
            "-PT5M",
            "--recovery=PT1M",
            "--target=resource_id=r1",
            "--market-context=http://example.com/dr",
            "--priority=1",
            "--response=never",
            "--test",
            "--comment=Keep cool",
        ];
        flags(&line).say(&mut body);
        let expected = json!({
            "duration": "PT15M",
            "start_after": "PT2M",
            "notification": "P1D",
            "ramp_up": "-PT5M",
            "recovery": "PT1M",
            "targets": {"resource_id": ["r1"]},
            "market_context": "http://example.com/dr",
            "priority": 1,
            "response_required": "never",
            "test_event": true,
            "vtn_comment": "Keep cool",
            "baseline": "kept",
        });
        assert_eq!(Value::from(body), expected);
    }

    #[test]
    fn a_test_can_be_made_earnest() {
        let mut body = Body::new();
        flags(&["--test=false"]).say(&mut body);
        assert_eq!(Value::from(body), json!({"test_event": false}));
    }

    #[test]
    fn what_is_no_interval_is_refused() {
        for bad in ["PT5M", "5=1", "PT5M=", "PT5M=high", "PT5M=NaN", "PT5M=inf"] {
            assert!(bad.parse::<IntervalFlag>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_that_is_no_object_is_named() {
        let dir = crate::temp_dir::TempDir::new("event-file").unwrap();
        let path = dir.path().join("event.json");
        std::fs::write(&path, "[]").unwrap();
        let error = read_file(&path).unwrap_err().to_string();
        assert!(error.contains("event.json is not a JSON object"), "{error}");
        std::fs::write(&path, "{\"priority\": 1}").unwrap();
        assert_eq!(
            Value::from(read_file(&path).unwrap()),
            json!({"priority": 1})
        );
        let error = read_file(&dir.path().join("none")).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot read ") && error.contains("none"),
            "{error}"
        );
    }
}
