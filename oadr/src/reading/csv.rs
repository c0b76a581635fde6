//! Readings as comma-separated values (RFC 4180), one a line.
//!
//! Knows nothing of where they are written to.

use std::borrow::Cow;
use std::fmt::Write as _;

use oadr_core::payload::LoadControlValues;
use oadr_core::value::{DateTime, ResourceId};

use super::{Description, Measured, Point, Sample, in_short};

const COLUMNS: [&str; 20] = [
    "ven_id",
    "report_request_id",
    "report_specifier_id",
    "report_name",
    "r_id",
    "report_type",
    "reading_type",
    "resources",
    "market_context",
    "measurement",
    "unit",
    "start",
    "duration",
    "value",
    "quality",
    "confidence",
    "accuracy",
    "created",
    "online",
    "manual_override",
];

/// The four parts of a load control state, and the columns of each.
const CONTROLS: [&str; 4] = ["capacity", "level_offset", "percent_offset", "set_point"];
const CONTROL_VALUES: [&str; 4] = ["min", "max", "current", "normal"];

/// The line with the names of the columns; with `history` there is one more.
pub(crate) fn header(history: bool) -> String {
    let mut line = Line::default();
    COLUMNS.iter().for_each(|name| line.field(name));
    for control in CONTROLS {
        for value in CONTROL_VALUES {
            line.field(&format!("{control}_{value}"));
        }
    }
    line.field("green_button");
    if history {
        line.field("superseded");
    }
    line.end()
}

/// Appends a reading; with its history the values before it follow, each on a line of its own.
pub(crate) fn write(out: &mut String, point: &Point, sample: &Sample, before: Option<&[Measured]>) {
    out.push_str(&line(
        point,
        sample,
        &sample.measured,
        before.map(|_| false),
    ));
    for earlier in before.unwrap_or_default() {
        out.push_str(&line(point, sample, earlier, Some(true)));
    }
}

fn line(point: &Point, sample: &Sample, measured: &Measured, superseded: Option<bool>) -> String {
    let mut line = Line::default();
    let Point {
        ven_id,
        report_request_id,
        r_id,
        description,
    } = point;
    let Description {
        report_specifier_id,
        report_name,
        report_type,
        reading_type,
        measurement,
        unit,
        resources,
        market_context,
    } = description;
    line.field(ven_id.as_str());
    line.field(report_request_id.as_str());
    line.field(report_specifier_id.as_str());
    line.field(report_name.as_ref().map_or("", |name| name.as_str()));
    line.field(r_id.as_str());
    line.field(report_type.as_ref().map_or("", |kind| kind.as_str()));
    line.field(reading_type.as_ref().map_or("", |kind| kind.as_str()));
    let resources: Vec<_> = resources.iter().map(ResourceId::as_str).collect();
    line.field(&resources.join(";"));
    line.field(
        market_context
            .as_ref()
            .map_or("", |context| context.as_str()),
    );
    line.field(measurement.as_deref().unwrap_or_default());
    line.field(&unit.as_ref().map(in_short).unwrap_or_default());
    line.field(&time(sample.start));
    line.shown(sample.duration);
    line.shown(measured.value);
    line.field(
        measured
            .quality
            .as_ref()
            .map_or("", |quality| quality.as_str()),
    );
    line.shown(measured.confidence.map(u32::from));
    line.shown(measured.accuracy);
    line.field(&time(measured.created));
    let status = measured.status.as_ref();
    line.shown(status.map(|status| status.online));
    line.shown(status.map(|status| status.manual_override));
    let state = status.and_then(|status| status.load_control_state.as_ref());
    let controls = [
        state.and_then(|state| state.capacity.as_ref()),
        state.and_then(|state| state.level_offset.as_ref()),
        state.and_then(|state| state.percent_offset.as_ref()),
        state.and_then(|state| state.set_point.as_ref()),
    ];
    for control in controls {
        line.control(control);
    }
    line.field(measured.green_button.as_deref().unwrap_or_default());
    if superseded.is_some() {
        line.shown(superseded);
    }
    line.end()
}

/// As exact as it is kept.
fn time(at: DateTime) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// A line on its way.
#[derive(Debug, Default)]
struct Line(String);

impl Line {
    fn field(&mut self, text: &str) {
        self.0.push_str(&quoted(text));
        self.0.push(',');
    }

    fn shown(&mut self, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            // Numbers, durations and truth values have nothing to quote.
            let _ = write!(self.0, "{value}");
        }
        self.0.push(',');
    }

    fn control(&mut self, values: Option<&LoadControlValues>) {
        self.shown(values.and_then(|values| values.min));
        self.shown(values.and_then(|values| values.max));
        self.shown(values.map(|values| values.current));
        self.shown(values.and_then(|values| values.normal));
    }

    fn end(mut self) -> String {
        self.0.pop();
        self.0.push_str("\r\n");
        self.0
    }
}

/// In quotes if there is something in it that would end the field.
fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use super::super::tests::{kilowatts, power, status};
    use super::*;

    fn read<T: DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).unwrap()
    }

    const NAMES: &str = "ven_id,report_request_id,report_specifier_id,report_name,r_id,report_type,\
        reading_type,resources,market_context,measurement,unit,start,duration,value,quality,\
        confidence,accuracy,created,online,manual_override,capacity_min,capacity_max,\
        capacity_current,capacity_normal,level_offset_min,level_offset_max,level_offset_current,\
        level_offset_normal,percent_offset_min,percent_offset_max,percent_offset_current,\
        percent_offset_normal,set_point_min,set_point_max,set_point_current,set_point_normal,green_button";

    const ABOUT: &str = "ven-1,req-1,usage,TELEMETRY_USAGE,power,usage,Direct Read,\
        \"boiler;pump, \"\"old\"\"\",,powerReal,kW,";

    #[test]
    fn what_could_end_a_field_is_quoted() {
        let mut out = header(false);
        write(&mut out, &read(power()), &read(kilowatts()), None);
        let expected = format!(
            "{NAMES}\r\n{ABOUT}2026-01-01T00:00:00.123456Z,PT1M,-0.1,Quality Good - Non Specific,\
             95,0.5,2026-01-01T00:01:00Z,,,,,,,,,,,,,,,,,,,\r\n"
        );
        assert_eq!(out, expected);
        for (text, field) in [
            ("a", "a"),
            ("", ""),
            ("a\nb", "\"a\nb\""),
            ("\"", "\"\"\"\""),
        ] {
            assert_eq!(quoted(text), field);
        }
    }

    #[test]
    fn a_status_has_columns_and_every_line_has_as_many() {
        let mut out = String::new();
        write(&mut out, &read(power()), &read(status()), None);
        let expected = format!(
            "{ABOUT}2026-01-01T00:00:00Z,,,,,,2026-01-01T00:00:00Z,true,false,0,10.5,7,,,,,,,,,,,,,,\r\n"
        );
        assert_eq!(out, expected);
        let commas = |line: &str| line.matches(',').count();
        // One of them is in the name of a resource.
        assert_eq!(commas(&out), commas(&header(false)) + 1);
    }

    #[test]
    fn values_before_are_on_lines_of_their_own() {
        let sample: Sample = read(kilowatts());
        let mut before = sample.measured.clone();
        before.value = Some(7.5.into());
        let mut out = String::new();
        write(&mut out, &read(power()), &sample, Some(&[before]));
        let lines: Vec<_> = out.lines().collect();
        assert!(
            lines[0].contains(",-0.1,") && lines[0].ends_with(",false"),
            "{out}"
        );
        assert!(
            lines[1].contains(",7.5,") && lines[1].ends_with(",true"),
            "{out}"
        );
        assert!(header(true).ends_with(",superseded\r\n"));
    }
}
