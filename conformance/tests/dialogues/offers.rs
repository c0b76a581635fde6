//! What the VEN of the dialogues is called, what it offers, and what it measures.
//!
//! Knows nothing of who asks.

use oadr_core::payload::{
    ItemBase, Payload, PowerAttributes, PowerReal, PowerUnit, Report, ReportDescription,
    ResourceStatus, SamplingRate,
};
use oadr_core::reading::Reading;
use oadr_core::value::{
    DateTime, Decimal, Duration, RId, ReadingType, ReportName, ReportType, ResourceId, SiScaleCode,
};
use oadr_core::ven::{ReadingsQuestion, Window};

pub(crate) const VEN_NAME: &str = "device";
pub(crate) const VTN_ID: &str = "Harness";

/// What it can opt in or out by itself.
pub(crate) fn resources() -> Vec<ResourceId> {
    let resources = ["Hall", "Yard", "resource1"];
    resources.iter().filter_map(|id| id.parse().ok()).collect()
}

/// The offers' reportSpecifierIDs.
pub(crate) const STATUS: &str = "STATUS";
pub(crate) const USAGE: &str = "USAGE";
pub(crate) const HISTORY: &str = "HISTORY";

/// Everything on offer.
pub(crate) fn all(now: DateTime) -> Vec<Report> {
    let offers = [STATUS, USAGE, HISTORY].map(|specifier| offer(specifier, now));
    offers.into_iter().filter_map(Result::ok).collect()
}

/// What the data of an offer are called.
pub(crate) fn name(offer: &Report) -> Option<ReportName> {
    offer.report_name.as_ref().map(ReportName::of_data)
}

/// The one of these offers that has this reportSpecifierID.
pub(crate) fn find<'o>(specifier: &str, offers: &'o [Report]) -> Result<&'o Report, String> {
    offers
        .iter()
        .find(|offer| offer.report_specifier_id.as_str() == specifier)
        .ok_or_else(|| format!("no offer {specifier}"))
}

/// The offer of this reportSpecifierID.
pub(crate) fn offer(specifier: &str, now: DateTime) -> Result<Report, String> {
    let power = || {
        ItemBase::PowerReal(PowerReal {
            units: PowerUnit::Watt,
            scale: SiScaleCode::None,
            attributes: PowerAttributes {
                hertz: Decimal::from(60),
                voltage: Decimal::from(120),
                ac: true,
            },
        })
    };
    let energy = || ItemBase::EnergyReal(SiScaleCode::None);
    let (report_name, descriptions) = match specifier {
        STATUS => (
            ReportName::MetadataTelemetryStatus,
            vec![description("STATUS", None, true)],
        ),
        USAGE => (
            ReportName::MetadataTelemetryUsage,
            vec![
                description("ENERGY", Some(energy()), true),
                description("POWER", Some(power()), true),
            ],
        ),
        HISTORY => (
            ReportName::MetadataHistoryUsage,
            vec![description("METER", Some(energy()), false)],
        ),
        other => return Err(format!("no offer {other}")),
    };
    Ok(Report {
        start: None,
        duration: Some(Duration::hours(2)),
        intervals: None,
        ei_report_id: None,
        descriptions,
        report_request_id: "0".parse().map_err(|error| format!("{error}"))?,
        report_specifier_id: specifier.parse().map_err(|error| format!("{error}"))?,
        report_name: Some(report_name),
        created: now,
    })
}

fn description(r_id: &str, unit: Option<ItemBase>, telemetry: bool) -> ReportDescription {
    let status = unit.is_none();
    ReportDescription {
        r_id: r_id.parse().unwrap_or_default(),
        subject: None,
        data_source: None,
        report_type: if status {
            ReportType::ResourceStatus
        } else {
            ReportType::Usage
        },
        item_base: unit,
        reading_type: if status {
            ReadingType::NotApplicable
        } else {
            ReadingType::DirectRead
        },
        market_context: None,
        sampling_rate: telemetry.then(|| SamplingRate {
            min_period: Duration::minutes(1),
            max_period: Duration::hours(1),
            on_change: true,
        }),
    }
}

/// What is measured: each minute something else, on every data point.
pub(crate) fn readings(question: &ReadingsQuestion, now: DateTime) -> Vec<Reading> {
    let minute = chrono::TimeDelta::minutes(1);
    let (from, to, every) = match question.window {
        Window::Now => (now, now + chrono::TimeDelta::seconds(1), minute),
        Window::Sampled { from, to, every } => (from, to, every),
        Window::OnChange { from, to } => (from, to, minute),
        // Kept in pieces of twelve minutes, five an hour.
        Window::History { from, to } => (from, to, chrono::TimeDelta::minutes(12)),
    };
    let mut readings = Vec::new();
    for r_id in &question.r_ids {
        let mut at = from;
        while at < to {
            let mut reading = Reading::new(r_id.clone(), at, value(r_id, at));
            if matches!(question.window, Window::History { .. }) {
                reading.duration = Some(Duration::minutes(12));
            }
            readings.push(reading);
            at += every;
        }
    }
    readings
}

/// What is measured then.
pub(crate) fn value(r_id: &RId, at: DateTime) -> Payload {
    if r_id.as_str() == "STATUS" {
        Payload::ResourceStatus(Box::new(ResourceStatus {
            online: true,
            manual_override: at.timestamp() % 120 == 0,
            load_control_state: None,
        }))
    } else {
        let value = i32::try_from(at.timestamp() % 7_919).unwrap_or(0);
        Payload::Float(f64::from(value).into())
    }
}
