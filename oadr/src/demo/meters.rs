//! The simulated meters of the demo's VENs, and what the operator sees of them.
//!
//! Knows nothing of how readings travel; it asks the operator API for those that are new.

use std::collections::BTreeMap;
use std::error::Error;

use hyper::Method;
use oadr_core::payload::{ItemBase, PowerAttributes, PowerReal, PowerUnit};
use oadr_core::value::{DateTime, Duration, ResourceId, SiScaleCode, VenId};
use serde_json::{Value, json};

use crate::cli::ApiClient;
use crate::ven::{Point, Profile, Report, SimulatedMeter};

/// The highest load of a VEN, in watts.
const PEAK: f64 = 3000.0;

/// What the operator wants of every VEN: its power each second, two at a time.
pub(super) async fn want(api: &ApiClient) -> Result<(), Box<dyn Error>> {
    let policy = json!({
        "report_name": "TELEMETRY_USAGE",
        "granularity": "PT1S",
        "report_back": "PT2S",
    });
    let path = "/report-policies/meters";
    api.call(Method::PUT, path, Some(&policy)).await?;
    Ok(())
}

/// The report that a VEN offers: the power of its only resource.
pub(super) fn report(name: &str) -> Result<Report, Box<dyn Error>> {
    let resource: ResourceId = name.parse()?;
    let unit = ItemBase::PowerReal(PowerReal {
        units: PowerUnit::Watt,
        scale: SiScaleCode::Kilo,
        attributes: PowerAttributes {
            hertz: 50.into(),
            voltage: 230.into(),
            ac: true,
        },
    });
    let meter = SimulatedMeter::new(Profile::Flat, &unit).ok_or("a meter measures power")?;
    let meter = meter.peak(PEAK).resource(resource.clone());
    let point = Point::usage("power".parse()?, unit)
        .resource(resource)
        .periods(Duration::seconds(1), Duration::minutes(1))
        .incremental(move |moment| std::future::ready(meter.measure(&moment)));
    Ok(Report::usage("meter".parse()?).point(point))
}

/// What the meters said so far.
#[derive(Debug, Default)]
pub(super) struct Meters(BTreeMap<VenId, Meter>);

#[derive(Debug)]
struct Meter {
    last: DateTime,
    /// The highest that was seen.
    usual: f64,
}

/// What a meter says that is new.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Load {
    /// In kilowatts, on the average of the new readings.
    pub(super) power: f64,
    /// The share that this is of the highest that was seen.
    pub(super) share: f64,
}

impl Meters {
    /// Asks for the readings of a VEN; `None` if there are no new ones.
    pub(super) async fn read(
        &mut self,
        api: &ApiClient,
        ven_id: &VenId,
    ) -> Result<Option<Load>, Box<dyn Error>> {
        let mut path = format!("/readings?ven={ven_id}&measurement=powerReal&limit=1000");
        let known = self.0.get(ven_id);
        if let Some(known) = known {
            let from = known.last.format("%Y-%m-%dT%H:%M:%S%.6fZ");
            path.push_str(&format!("&from={from}"));
        }
        let page: Value = api.call(Method::GET, &path, None).await?.read()?;
        let after = known.map(|known| known.last);
        let list = page.get("readings").and_then(Value::as_array);
        let new = list.into_iter().flatten().filter_map(|reading| {
            let start: DateTime = reading.get("start")?.as_str()?.parse().ok()?;
            let value = reading.get("value")?.as_f64()?;
            // Only a reading of bad quality has something to say about it here.
            let is_good = reading.get("quality").is_none_or(Value::is_null);
            let is_new = after.is_none_or(|after| after < start);
            (is_new && is_good).then_some((start, value))
        });
        let new: Vec<_> = new.collect();
        Ok(self.learn(ven_id, &new))
    }

    fn learn(&mut self, ven_id: &VenId, new: &[(DateTime, f64)]) -> Option<Load> {
        let last = new.iter().map(|(start, _)| *start).max()?;
        let count = u32::try_from(new.len()).unwrap_or(u32::MAX);
        let power = new.iter().map(|(_, value)| value).sum::<f64>() / f64::from(count);
        let meter = self
            .0
            .entry(ven_id.clone())
            .or_insert(Meter { last, usual: power });
        meter.last = last;
        meter.usual = meter.usual.max(power);
        let share = power / meter.usual;
        Some(Load { power, share })
    }
}
