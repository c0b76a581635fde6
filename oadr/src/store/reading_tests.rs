//! What a caller may rely on about readings.

use chrono::TimeDelta;
use oadr_core::payload::{
    GreenButton, ItemBase, LoadControlState, LoadControlValues, Payload, PowerAttributes,
    PowerReal, PowerUnit, ResourceStatus,
};
use oadr_core::reading::Reading;
use oadr_core::value::{
    DataQuality, Decimal, Duration, Float, RId, ReadingType, ReportName, ReportRequestId,
    ReportSpecifierId, ReportType, ResourceId, SiScaleCode, VenId,
};
use oadr_core::vtn::{PointFact, ReadingsFact};

use super::readings::ReadingRows;
use super::*;
use crate::temp_dir::TempDir;

pub(super) fn at(seconds: i64) -> DateTime {
    time(1_800_000_000_000 + seconds * 1_000)
}

pub(super) fn unit(scale: SiScaleCode) -> ItemBase {
    ItemBase::PowerReal(PowerReal {
        units: PowerUnit::Watt,
        scale,
        attributes: PowerAttributes {
            hertz: Decimal::new("50").unwrap(),
            voltage: Decimal::new("230").unwrap(),
            ac: true,
        },
    })
}

pub(super) fn r_id(text: &str) -> RId {
    RId::new(text).unwrap()
}

/// A point of power of a resource that is called after it.
fn point(name: &str) -> PointFact {
    PointFact {
        r_id: r_id(name),
        report_type: ReportType::Usage,
        reading_type: ReadingType::DirectRead,
        unit: Some(unit(SiScaleCode::Kilo)),
        resource_ids: vec![ResourceId::new(format!("{name}-resource")).unwrap()],
        market_context: None,
    }
}

pub(super) fn minute(name: &str, start: i64, value: f64) -> Reading {
    Reading {
        duration: Some(Duration::minutes(1)),
        ..Reading::number(r_id(name), at(start), value)
    }
}

/// What VEN 1 reports.
pub(super) fn report(created: i64, readings: Vec<Reading>) -> ReadingsFact {
    ReadingsFact {
        ven_id: VenId::new("ven-1").unwrap(),
        report_request_id: ReportRequestId::new("req-1").unwrap(),
        report_specifier_id: ReportSpecifierId::new("usage").unwrap(),
        report_name: Some(ReportName::TelemetryUsage),
        created: at(created),
        points: vec![point("a"), point("b")],
        readings,
    }
}

pub(super) async fn write(store: &Store, key: i64, fact: &ReadingsFact) -> Written {
    let rows = ReadingRows::new(fact).unwrap();
    let work = store.writer.run(move |c| rows.write(c, Key(key)));
    work.await.unwrap()
}

pub(super) fn written(stored: u64, corrected: u64, repeated: u64) -> Written {
    Written {
        stored,
        corrected,
        repeated,
    }
}

pub(super) fn all() -> Wanted {
    Wanted {
        limit: 10_000,
        history: true,
        ..Wanted::default()
    }
}

pub(super) async fn page(store: &Store, wanted: &Wanted) -> Page {
    store.readings(wanted.clone()).await.unwrap()
}

/// Start in seconds, value and earlier values of each.
pub(super) fn values(page: &Page) -> Vec<(i64, f64, Vec<f64>)> {
    let number = |value: Option<Float>| value.map_or(f64::NAN, Float::get);
    let rows = page.readings().map(|(_, row)| {
        let before = row.superseded.iter().flatten();
        (
            (row.sample.start - at(0)).num_seconds(),
            number(row.sample.measured.value),
            before.map(|measured| number(measured.value)).collect(),
        )
    });
    rows.collect()
}

pub(super) struct Rig {
    pub(super) store: Store,
    temp: TempDir,
}

impl Rig {
    pub(super) fn new() -> Self {
        let temp = TempDir::new("readings").unwrap();
        let store = Store::open(&temp.path().join("vtn.db")).unwrap();
        Self { store, temp }
    }

    /// A process that ended, and the next one.
    pub(super) fn reopen(&mut self) {
        let elsewhere = Store::open(&self.temp.path().join("none.db")).unwrap();
        drop(std::mem::replace(&mut self.store, elsewhere));
        self.store = Store::open(&self.temp.path().join("vtn.db")).unwrap();
    }
}

#[tokio::test]
async fn a_report_that_comes_twice_is_stored_once() {
    let mut rig = Rig::new();
    let fact = report(
        60,
        vec![
            minute("a", 0, 1.0),
            minute("b", 0, 2.0),
            minute("a", 60, 3.0),
        ],
    );
    assert_eq!(write(&rig.store, 1, &fact).await, written(3, 0, 0));
    let before = values(&page(&rig.store, &all()).await);
    assert_eq!(
        before,
        [(0, 1.0, vec![]), (0, 2.0, vec![]), (60, 3.0, vec![])]
    );
    rig.reopen();
    assert_eq!(write(&rig.store, 1, &fact).await, written(0, 0, 3));
    // Made again, and longer than before: what is known is known.
    let longer = report(120, [fact.readings, vec![minute("b", 60, 4.0)]].concat());
    assert_eq!(write(&rig.store, 1, &longer).await, written(1, 0, 3));
    let after = values(&page(&rig.store, &all()).await);
    assert_eq!(after, [before, vec![(60, 4.0, vec![])]].concat());
}

#[tokio::test]
async fn the_report_made_last_counts_and_the_others_are_kept() {
    let rig = Rig::new();
    let says = |created, value| report(created, vec![minute("a", 0, value)]);
    let reports = [
        (says(60, 1.0), written(1, 0, 0), (1.0, vec![])),
        (says(180, 3.0), written(0, 1, 0), (3.0, vec![1.0])),
        // Late, or of the same moment.
        (says(120, 2.0), written(0, 1, 0), (3.0, vec![2.0, 1.0])),
        (says(180, 4.0), written(0, 1, 0), (3.0, vec![4.0, 2.0, 1.0])),
        // Nothing new in any of them.
        (says(180, 4.0), written(0, 0, 1), (3.0, vec![4.0, 2.0, 1.0])),
        (says(120, 2.0), written(0, 0, 1), (3.0, vec![4.0, 2.0, 1.0])),
        (says(180, 3.0), written(0, 0, 1), (3.0, vec![4.0, 2.0, 1.0])),
        // Confirmed: what was made before that does not count, however late it comes.
        (says(300, 3.0), written(0, 0, 1), (3.0, vec![4.0, 2.0, 1.0])),
        (
            says(240, 5.0),
            written(0, 1, 0),
            (3.0, vec![5.0, 4.0, 2.0, 1.0]),
        ),
    ];
    for (fact, outcome, (value, before)) in reports {
        assert_eq!(write(&rig.store, 1, &fact).await, outcome, "{fact:?}");
        assert_eq!(
            values(&page(&rig.store, &all()).await),
            [(0, value, before)]
        );
    }
    let plain = Wanted {
        history: false,
        ..all()
    };
    let plain = page(&rig.store, &plain).await;
    assert!(plain.rows.iter().all(|row| row.superseded.is_none()));
}

#[tokio::test]
async fn everything_about_a_value_is_part_of_it() {
    let rig = Rig::new();
    let first = minute("a", 0, 1.0);
    let good = Reading {
        quality: Some(DataQuality::Good),
        ..first.clone()
    };
    let exact = Reading {
        accuracy: Some(0.25.into()),
        confidence: oadr_core::payload::Confidence::new(90).ok(),
        ..good.clone()
    };
    for (created, reading) in (1..).zip([first, good, exact.clone()]) {
        write(&rig.store, 1, &report(created, vec![reading])).await;
    }
    // In another unit it is another value.
    let mut megawatts = report(4, vec![exact]);
    megawatts.points[0].unit = Some(unit(SiScaleCode::Mega));
    assert_eq!(write(&rig.store, 1, &megawatts).await, written(0, 1, 0));

    let page = page(&rig.store, &all()).await;
    let (point, row) = page.readings().next().unwrap();
    let unit = serde_json::to_value(&point.description.unit).unwrap();
    assert_eq!(unit["scale"], "M");
    assert_eq!(row.sample.measured.quality, Some(DataQuality::Good));
    assert_eq!(row.sample.measured.confidence.map(u32::from), Some(90));
    assert_eq!(row.sample.measured.accuracy, Some(0.25.into()));
    let before = row.superseded.as_ref().unwrap();
    let qualities: Vec<_> = before.iter().map(|m| m.quality.is_some()).collect();
    assert_eq!(qualities, [true, true, false]);
}

#[tokio::test]
async fn two_ways_to_write_a_length_are_one_and_a_moment_is_none() {
    let rig = Rig::new();
    let lasting = |duration| {
        let reading = Reading {
            duration,
            ..minute("a", 0, 1.0)
        };
        report(60, vec![reading])
    };
    let hour = lasting(Some(Duration::minutes(60)));
    assert_eq!(write(&rig.store, 1, &hour).await, written(1, 0, 0));
    let hour = lasting(Some(Duration::hours(1)));
    assert_eq!(write(&rig.store, 1, &hour).await, written(0, 0, 1));
    assert_eq!(write(&rig.store, 1, &lasting(None)).await, written(1, 0, 0));
    let nothing = lasting(Some(Duration::ZERO));
    assert_eq!(write(&rig.store, 1, &nothing).await, written(1, 0, 0));
    let page = page(&rig.store, &all()).await;
    let lengths = page.rows.iter().map(|row| row.sample.duration);
    let lengths: Vec<_> = lengths.map(|d| d.map(|d| d.to_string())).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(lengths, [None, text("PT0S"), text("PT1H")]);
}

#[tokio::test]
async fn values_come_back_as_they_were() {
    let rig = Rig::new();
    let numbers = [0.1, -1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.0];
    let start = at(0) + TimeDelta::microseconds(123_456);
    let mut readings: Vec<_> = (0..)
        .zip(numbers)
        .map(|(n, value)| Reading::number(r_id("a"), start + TimeDelta::seconds(n), value))
        .collect();
    let status = ResourceStatus {
        online: true,
        manual_override: false,
        load_control_state: Some(LoadControlState {
            capacity: Some(LoadControlValues {
                min: None,
                max: Some(10.5.into()),
                current: 7.0.into(),
                normal: Some(f64::NAN.into()),
            }),
            ..LoadControlState::default()
        }),
    };
    let payload = Payload::ResourceStatus(Box::new(status.clone()));
    readings.push(Reading::new(r_id("b"), at(100), payload));
    let mut fact = report(200, readings);
    fact.points[1].unit = None;
    fact.points[1].report_type = ReportType::ResourceStatus;
    let count = u64::try_from(numbers.len()).unwrap() + 1;
    assert_eq!(write(&rig.store, 1, &fact).await, written(count, 0, 0));
    assert_eq!(write(&rig.store, 1, &fact).await, written(0, 0, count));

    let page = page(&rig.store, &all()).await;
    let (last, rest) = page.rows.split_last().unwrap();
    for (row, (n, number)) in rest.iter().zip((0..).zip(numbers)) {
        assert_eq!(row.sample.start, start + TimeDelta::seconds(n));
        assert_eq!(row.sample.measured.value, Some(Float::from(number)));
        assert_eq!(row.sample.measured.status, None);
    }
    assert_eq!(last.sample.measured.value, None);
    assert_eq!(last.sample.measured.status, Some(status));
    let (point, _) = page.readings().last().unwrap();
    assert_eq!(point.description.measurement.as_deref(), Some("status"));
}

#[tokio::test]
async fn a_feed_comes_back_as_it_was_and_with_the_one_before() {
    let feed = |id: &str| {
        let text = format!(r#"<feed xmlns="http://www.w3.org/2005/Atom"><id>{id}</id></feed>"#);
        GreenButton::new(&text).unwrap()
    };
    let rig = Rig::new();
    let of = |id| vec![Reading::new(r_id("a"), at(0), feed(id))];
    let first = report(60, of("one"));
    assert_eq!(write(&rig.store, 1, &first).await, written(1, 0, 0));
    assert_eq!(write(&rig.store, 1, &first).await, written(0, 0, 1));
    let second = report(120, of("two"));
    assert_eq!(write(&rig.store, 1, &second).await, written(0, 1, 0));
    let wanted = Wanted {
        history: true,
        ..all()
    };
    let page = page(&rig.store, &wanted).await;
    let [row] = &page.rows[..] else {
        panic!("{page:?}");
    };
    let measured = &row.sample.measured;
    assert_eq!((measured.value, &measured.status), (None, &None));
    let kept = measured.green_button.as_deref().unwrap();
    assert_eq!(GreenButton::new(kept).unwrap(), feed("two"));
    let json = serde_json::to_value(&row.sample).unwrap();
    assert_eq!(json["green_button"], feed("two").as_str());
    assert_eq!(json["value"], serde_json::Value::Null);
    let before = row.superseded.as_ref().unwrap();
    assert_eq!(
        before[0].green_button.as_deref(),
        Some(feed("one").as_str())
    );
}

#[tokio::test]
async fn what_cannot_be_committed_leaves_no_readings() {
    let rig = Rig::new();
    let rows = ReadingRows::new(&report(60, vec![minute("a", 0, 1.0)])).unwrap();
    let failed = rig.store.writer.run(move |c| {
        rows.write(c, Key(1))?;
        Err::<(), _>(StoreError::Conflict)
    });
    assert!(failed.await.is_err());
    assert!(page(&rig.store, &all()).await.rows.is_empty());
    assert!(!rig.store.has_readings_of("ven-1".to_owned()).await.unwrap());
}

/// Two VENs with two points each, ten minutes long.
pub(super) async fn fill(store: &Store) {
    for key in [1, 2] {
        for n in 0..10 {
            let value = f64::from(key * 100 + n);
            let start = i64::from(n) * 60;
            let readings = vec![minute("a", start, value), minute("b", start, -value)];
            let mut fact = report(start + 60, readings);
            fact.ven_id = VenId::new(format!("ven-{key}")).unwrap();
            fact.report_request_id = ReportRequestId::new(format!("req-{key}")).unwrap();
            write(store, i64::from(key), &fact).await;
        }
    }
}
