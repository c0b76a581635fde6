//! Readings of one data point, as an application hears of them.
//!
//! Knows nothing of who asked for them, nor of how they are kept.

use oadr_core::payload::ItemBase;
use oadr_core::reading::{Reading, ReadingPayload};
use oadr_core::value::{
    DataQuality, DateTime, ReportName, ReportRequestId, ReportSpecifierId, ResourceId, VenId,
};
use oadr_core::vtn::{Effect, PointFact};

use super::happening::Happening;

/// Readings of one data point, out of one report.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReportUpdate {
    /// The happening's; the data points of one report share it.
    pub id: String,
    /// When the report came.
    pub at: DateTime,
    /// The VEN.
    pub ven_id: VenId,
    /// The request that it answers.
    pub report_request_id: ReportRequestId,
    /// The offer that it comes from.
    pub report_specifier_id: ReportSpecifierId,
    /// The report's name, if it has one.
    pub report_name: Option<ReportName>,
    /// When the VEN made the report: of two reports about the same time the later one holds.
    pub created: DateTime,
    /// The data point as the VEN described it.
    pub point: PointFact,
    /// The readings, with their quality.
    pub readings: Vec<Reading>,
}

impl ReportUpdate {
    /// The first resource that the data point is about; `None`: all that the VEN has (rule 343).
    #[must_use]
    pub fn resource_id(&self) -> Option<&ResourceId> {
        self.point.resource_ids.first()
    }

    /// What is measured: the name of the unit's element, such as `powerReal`, or `status`.
    #[must_use]
    pub fn measurement(&self) -> Option<&str> {
        self.point.measurement()
    }

    /// The unit, with its power of ten.
    #[must_use]
    pub fn unit(&self) -> Option<&ItemBase> {
        self.point.unit.as_ref()
    }

    /// When each value holds from, and the value, in the [unit](Self::unit). Numbers only, without
    /// those of which the VEN says that they are bad or none at all (rule 318).
    #[must_use]
    pub fn values(&self) -> Vec<(DateTime, f64)> {
        let values = self.readings.iter().filter(|reading| is_usable(reading));
        let values = values.filter_map(|reading| match &reading.payload {
            ReadingPayload::Float(value) => Some((reading.start, value.get())),
            ReadingPayload::ResourceStatus(_) | ReadingPayload::GreenButton(_) => None,
        });
        values.collect()
    }
}

fn is_usable(reading: &Reading) -> bool {
    !reading
        .quality
        .as_ref()
        .is_some_and(|quality| *quality == DataQuality::NoValue || quality.is_bad())
}

impl Happening {
    /// The readings that came, data point by data point, if it is that.
    #[must_use]
    pub fn report_updates(&self) -> Vec<ReportUpdate> {
        let Effect::ReportReceived {
            data: Some(data), ..
        } = &self.effect
        else {
            return Vec::new();
        };
        let update = |point: &PointFact| {
            let of_point = data.readings.iter().filter(|r| r.r_id == point.r_id);
            ReportUpdate {
                id: self.id.clone(),
                at: self.at,
                ven_id: data.ven_id.clone(),
                report_request_id: data.report_request_id.clone(),
                report_specifier_id: data.report_specifier_id.clone(),
                report_name: data.report_name.clone(),
                created: data.created,
                point: point.clone(),
                readings: of_point.cloned().collect(),
            }
        };
        let updates = data.points.iter().map(update);
        updates
            .filter(|update| !update.readings.is_empty())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use oadr_core::value::{RId, ReadingType, ReportType};
    use oadr_core::vtn::ReadingsFact;

    use super::*;

    fn point(r_id: &str) -> PointFact {
        PointFact {
            r_id: RId::new(r_id).unwrap(),
            report_type: ReportType::Usage,
            reading_type: ReadingType::DirectRead,
            unit: None,
            resource_ids: vec![ResourceId::new("pump").unwrap()],
            market_context: None,
        }
    }

    fn reading(r_id: &str, second: i64, value: f64, quality: Option<DataQuality>) -> Reading {
        Reading {
            r_id: RId::new(r_id).unwrap(),
            start: at(second),
            duration: None,
            payload: ReadingPayload::Float(value.into()),
            quality,
            confidence: None,
            accuracy: None,
        }
    }

    fn at(second: i64) -> DateTime {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn a_report_is_told_data_point_by_data_point_and_bad_values_are_no_values() {
        let fact = ReadingsFact {
            ven_id: VenId::new("ven-1").unwrap(),
            report_request_id: ReportRequestId::new("req").unwrap(),
            report_specifier_id: ReportSpecifierId::new("usage").unwrap(),
            report_name: Some(ReportName::TelemetryUsage),
            created: at(9),
            points: vec![point("p1"), point("p2"), point("p3")],
            readings: vec![
                reading("p1", 1, 1.5, None),
                reading("p2", 1, 7.0, Some(DataQuality::Good)),
                reading("p1", 2, 0.0, Some(DataQuality::BadDeviceFailure)),
                reading("p1", 3, 0.0, Some(DataQuality::NoValue)),
                reading("p1", 4, 2.5, Some(DataQuality::PreviousValue)),
            ],
        };
        let happening = |data| Happening {
            id: "1-2-0".to_owned(),
            at: at(10),
            effect: Effect::ReportReceived {
                ven_id: VenId::new("ven-1").unwrap(),
                report_request_id: ReportRequestId::new("req").unwrap(),
                readings: 5,
                data,
            },
        };
        let [p1, p2] = <[_; 2]>::try_from(happening(Some(fact.into())).report_updates()).unwrap();
        assert_eq!(p1.values(), [(at(1), 1.5), (at(4), 2.5)]);
        assert_eq!(p1.readings.len(), 4);
        assert_eq!(p2.values(), [(at(1), 7.0)]);
        assert_eq!(p2.point.r_id.as_str(), "p2");
        assert_eq!(p2.resource_id().unwrap().as_str(), "pump");
        assert_eq!(
            (p2.id.as_str(), p2.at, p2.created),
            ("1-2-0", at(10), at(9))
        );
        assert_eq!(happening(None).report_updates(), []);
    }
}
