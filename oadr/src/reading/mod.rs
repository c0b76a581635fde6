//! Readings as the operator API and its commands show them: values of data points, with what they mean.
//!
//! Knows nothing of where they are kept, nor of the messages that brought them.

mod csv;
mod unit;

use oadr_core::payload::{Confidence, ResourceStatus};
use oadr_core::value::{
    DataQuality, DateTime, Duration, Float, MarketContext, RId, ReadingType, ReportName,
    ReportRequestId, ReportSpecifierId, ReportType, ResourceId, VenId,
};
use serde::{Deserialize, Serialize};

use crate::json::ItemBaseForm;

pub(crate) use csv::{header as csv_header, write as write_csv};
pub(crate) use unit::in_short;

/// Where a reading comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    /// The VEN's ID when it reported.
    pub(crate) ven_id: VenId,
    pub(crate) report_request_id: ReportRequestId,
    pub(crate) r_id: RId,
    #[serde(flatten)]
    pub(crate) description: Description,
}

/// How the VEN described a data point when it reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Description {
    pub(crate) report_specifier_id: ReportSpecifierId,
    pub(crate) report_name: Option<ReportName>,
    pub(crate) report_type: Option<ReportType>,
    pub(crate) reading_type: Option<ReadingType>,
    /// What is measured, such as `powerReal`, or `status`.
    pub(crate) measurement: Option<String>,
    pub(crate) unit: Option<ItemBaseForm>,
    /// Those that it covers; none means all of the VEN's (rule 343).
    pub(crate) resources: Vec<ResourceId>,
    pub(crate) market_context: Option<MarketContext>,
}

/// The value of a data point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) start: DateTime,
    /// Absent for a value of one moment.
    pub(crate) duration: Option<Duration>,
    #[serde(flatten)]
    pub(crate) measured: Measured,
}

/// What was measured, and how well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// A number; absent beside a status or a feed.
    pub(crate) value: Option<Float>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<ResourceStatus>,
    /// A Green Button feed, as the XML text that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) green_button: Option<String>,
    pub(crate) quality: Option<DataQuality>,
    pub(crate) confidence: Option<Confidence>,
    pub(crate) accuracy: Option<Float>,
    /// When the VEN made the report.
    pub(crate) created: DateTime,
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub(crate) fn power() -> Value {
        json!({
            "ven_id": "ven-1", "report_request_id": "req-1", "r_id": "power",
            "report_specifier_id": "usage", "report_name": "TELEMETRY_USAGE",
            "report_type": "usage", "reading_type": "Direct Read", "measurement": "powerReal",
            "unit": {"type": "powerReal", "units": "W", "scale": "k", "hertz": 50,
                     "voltage": 230.5, "ac": true},
            "resources": ["boiler", "pump, \"old\""], "market_context": null,
        })
    }

    pub(crate) fn kilowatts() -> Value {
        json!({
            "start": "2026-01-01T00:00:00.123456Z", "duration": "PT1M", "value": -0.1,
            "quality": "Quality Good - Non Specific", "confidence": 95, "accuracy": 0.5,
            "created": "2026-01-01T00:01:00Z",
        })
    }

    pub(crate) fn status() -> Value {
        json!({
            "start": "2026-01-01T00:00:00Z", "duration": null, "value": null,
            "status": {"online": true, "manual_override": false, "load_control_state": {
                "capacity": {"min": 0, "max": 10.5, "current": 7, "normal": null},
                "level_offset": null, "percent_offset": null, "set_point": null}},
            "quality": null, "confidence": null, "accuracy": null,
            "created": "2026-01-01T00:00:00Z",
        })
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let point: Point = serde_json::from_value(power()).unwrap();
        assert_eq!(serde_json::to_value(&point).unwrap(), power());
        let sample: Sample = serde_json::from_value(kilowatts()).unwrap();
        assert_eq!(serde_json::to_value(&sample).unwrap(), kilowatts());
        let sample: Sample = serde_json::from_value(status()).unwrap();
        let again = serde_json::to_value(&sample).unwrap();
        assert_eq!(serde_json::from_value::<Sample>(again).unwrap(), sample);
        assert!(sample.measured.status.unwrap().online);
    }
}
