//! Sampling by an artificial clock, and what is there to be reported afterwards.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use oadr_core::payload::ItemBase;
use oadr_core::reading::{Reading, ReadingPayload};
use oadr_core::value::{self, DateTime, SiScaleCode};
use oadr_core::ven::{Context, ReadingsQuestion, State, Window};
use tokio::sync::{oneshot, watch};

use super::buffer::Key;
use super::desk::Desk;
use super::measurement::Measurement;
use super::offered::{Offered, SampleCounts};
use super::point::Point;
use super::report::Report;
use super::sampler::Sampler;
use crate::temp_dir::TempDir;
use crate::ven::store::Store;

/// A whole minute, so that periods of seconds begin with it.
fn at(millis: i64) -> DateTime {
    let noon: DateTime = "2026-01-31T12:00:00Z".parse().unwrap();
    noon + TimeDelta::milliseconds(millis)
}

fn point(r_id: &str) -> Point {
    let unit = ItemBase::EnergyReal(SiScaleCode::None);
    Point::usage(r_id.parse().unwrap(), unit).always_every(value::Duration::seconds(1))
}

/// Says which second it is.
fn counting(r_id: &str) -> Point {
    point(r_id).incremental(async |moment| seconds(moment.time()))
}

fn seconds(time: DateTime) -> f64 {
    (time - at(0)).as_seconds_f64()
}

/// A sampler whose clock is an argument, and who asks it for readings.
struct Bench {
    sampler: Sampler,
    desk: Desk,
    store: Arc<Store>,
    state: watch::Sender<Arc<State>>,
}

impl Bench {
    async fn new(path: &Path, points: Vec<Point>, most: u32) -> Self {
        let store = Arc::new(Store::open(path).unwrap());
        let report = Report::usage("usage".parse().unwrap());
        let report = points.into_iter().fold(report, Report::point);
        let limit = Duration::from_secs(4);
        let offered = Offered::new(vec![report], Arc::clone(&store), limit, most).await;
        let offered = Arc::new(offered.unwrap());
        let (state, status) = watch::channel(Arc::new(State::default()));
        let (settle, settled) = watch::channel(DateTime::UNIX_EPOCH);
        let sampler = Sampler::new(Arc::clone(&offered), context(), status, settle);
        Self {
            sampler,
            desk: Desk { offered, settled },
            store,
            state,
        }
    }

    async fn in_memory(points: Vec<Point>) -> Self {
        Self::new(Path::new(":memory:"), points, 1000).await
    }

    /// Lets it be so late, and what is due then come to its end.
    async fn at(&mut self, millis: i64) {
        self.sampler.turn(at(millis));
        self.sampler.rest().await;
        self.sampler.turn(at(millis));
    }

    async fn ask(&self, r_ids: &[&str], window: Window) -> Vec<Reading> {
        let question = ReadingsQuestion {
            report_request_id: "r1".parse().unwrap(),
            report_specifier_id: "usage".parse().unwrap(),
            r_ids: r_ids.iter().map(|id| id.parse().unwrap()).collect(),
            window,
        };
        let state = Arc::clone(&self.state.borrow());
        let mut readings = self.desk.readings(&question, state).await.unwrap();
        readings.sort_by(|a, b| (a.start, a.r_id.as_str()).cmp(&(b.start, b.r_id.as_str())));
        readings
    }

    /// The values sampled from a second to before another.
    async fn sampled(&self, r_id: &str, from: i64, to: i64) -> Vec<f64> {
        let window = Window::Sampled {
            from: at(from * 1000),
            to: at(to * 1000),
            every: TimeDelta::seconds(1),
        };
        numbers(&self.ask(&[r_id], window).await)
    }

    fn counts(&self) -> SampleCounts {
        self.desk.offered.counts()
    }

    fn key(r_id: &str) -> Key {
        Key {
            specifier: "usage".parse().unwrap(),
            r_id: r_id.parse().unwrap(),
        }
    }
}

fn numbers(readings: &[Reading]) -> Vec<f64> {
    let numbers = readings.iter().map(|reading| match &reading.payload {
        ReadingPayload::Float(number) => number.get(),
        ReadingPayload::ResourceStatus(_) | ReadingPayload::GreenButton(_) => {
            panic!("{reading:?}")
        }
    });
    numbers.collect()
}

fn context() -> Context {
    Context::new(value::Text::new("Pump1").unwrap())
}

#[tokio::test]
async fn samples_have_the_time_of_the_grid_and_gaps_stay_gaps() {
    let mut bench = Bench::in_memory(vec![counting("a")]).await;
    for millis in [10, 1490, 2000, 4600, 5003] {
        bench.at(millis).await;
    }
    // The third was slept through, the fourth is too late.
    assert_eq!(bench.sampled("a", 0, 6).await, [0.0, 1.0, 2.0, 5.0]);
    let counts = bench.counts();
    assert_eq!((counts.taken, counts.missed, counts.failed), (4, 2, 0));
    assert_eq!(bench.sampled("a", 1, 2).await, [1.0]);
}

#[tokio::test]
async fn what_is_sampled_at_one_instant_is_one_commit() {
    let points = (0..20).map(|n| counting(&format!("p{n}"))).collect();
    let mut bench = Bench::in_memory(points).await;
    bench.at(0).await;
    let commits = |bench: &Bench| {
        bench
            .store
            .writer()
            .figures()
            .commits
            .read()
            .0
            .last()
            .map(|(_, n)| *n)
    };
    let before = commits(&bench);
    for second in 1..=60 {
        bench.at(second * 1000).await;
    }
    assert_eq!(commits(&bench), before.map(|before| before + 60));
    assert_eq!(bench.counts().taken, 61 * 20);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_or_panics_or_fails_harms_no_other() {
    let dead = point("c").incremental(async |_| std::future::pending::<f64>().await);
    let points = vec![
        counting("a"),
        point("b").incremental(async |_| -> f64 { panic!("broken") }),
        dead,
        point("d").incremental(async |_| Err::<f64, _>("no line to the meter")),
        point("e").incremental(async |_| oadr_core::payload::ResourceStatus {
            online: true,
            manual_override: false,
            load_control_state: None,
        }),
    ];
    let mut bench = Bench::in_memory(points).await;
    // The dead one is given up after its period at the latest.
    for second in 0..2 {
        bench.at(second * 1000).await;
    }
    assert_eq!(bench.sampled("a", 0, 2).await, [0.0, 1.0]);
    for silent in ["b", "c", "d", "e"] {
        assert_eq!(bench.sampled(silent, 0, 2).await, Vec::<f64>::new());
    }
    let counts = bench.counts();
    assert_eq!((counts.taken, counts.missed, counts.failed), (2, 0, 8));
}

#[tokio::test]
async fn readings_wait_for_a_sample_that_is_being_taken() {
    let (go, gone) = oneshot::channel::<()>();
    let gone = Mutex::new(Some(gone));
    let slow = point("a").incremental(move |moment| {
        let gone = gone.lock().unwrap().take();
        async move {
            if let Some(gone) = gone {
                let _ = gone.await;
            }
            seconds(moment.time())
        }
    });
    let mut bench = Bench::in_memory(vec![slow]).await;
    bench.sampler.turn(at(0));
    let settled = bench.desk.settled.clone();
    assert_eq!(*settled.borrow(), at(0));
    let window = Window::Sampled {
        from: at(0),
        to: at(1000),
        every: TimeDelta::seconds(1),
    };
    let desk = bench.desk.clone();
    let question = ReadingsQuestion {
        report_request_id: "r1".parse().unwrap(),
        report_specifier_id: "usage".parse().unwrap(),
        r_ids: vec!["a".parse().unwrap()],
        window,
    };
    let state = Arc::clone(&bench.state.borrow());
    let mut asked = Box::pin(desk.readings(&question, state));
    let early = std::future::poll_fn(|cx| std::task::Poll::Ready(asked.as_mut().poll(cx)));
    assert!(early.await.is_pending());
    go.send(()).unwrap();
    bench.sampler.rest().await;
    bench.sampler.turn(at(1));
    let readings = asked.await.unwrap();
    assert_eq!(numbers(&readings), [0.0]);
}

#[tokio::test]
async fn what_was_sampled_before_a_crash_is_reported_after_it() {
    let temp = TempDir::new("sampler").unwrap();
    let path = temp.path().join("ven.db");
    let mut bench = Bench::new(&path, vec![counting("a")], 1000).await;
    bench.at(0).await;
    bench.at(1000).await;
    // One is being taken when the process ends.
    bench.sampler.turn(at(2000));
    drop(bench);

    let mut bench = Bench::new(&path, vec![counting("a")], 1000).await;
    bench.at(4100).await;
    let values = bench.sampled("a", 0, 5).await;
    assert!(
        values == [0.0, 1.0, 4.0] || values == [0.0, 1.0, 2.0, 4.0],
        "{values:?}"
    );
    // Nobody missed what was before the process.
    assert_eq!(bench.counts().missed, 0);
}

#[tokio::test]
async fn old_samples_go_by_themselves_and_what_is_waited_for_stays() {
    let mut bench = Bench::in_memory(vec![counting("a")]).await;
    let stream = bench.desk.offered.points[&Bench::key("a")].stream;
    for second in 0..200 {
        let value = vec![(stream, Measurement::new(0.0))];
        let long_ago = at(-90_000_000 + second * 1000);
        bench.store.keep(long_ago, value).await.unwrap();
    }
    bench.at(0).await;
    // A day is kept, and a hundred samples in any case.
    let all = (DateTime::UNIX_EPOCH, at(60_000));
    let left = bench
        .store
        .samples(stream, all, None, u32::MAX)
        .await
        .unwrap();
    assert!((100..=101).contains(&left.len()), "{}", left.len());
}

#[tokio::test]
async fn rule_337_a_present_value_is_asked_for_at_once() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let incremental = point("a").incremental(move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        async move { Measurement::new(f64::from(number)).accuracy(0.5) }
    });
    let full = point("b").full(async |span| {
        let half = (span.to - span.from) / 2;
        vec![(span.from, 1.0), (span.from + half, 3.0), (span.to, 9.0)]
    });
    let bench = Bench::in_memory(vec![incremental, full]).await;
    let before = crate::clock::now();
    let readings = bench.ask(&["a", "b", "unknown"], Window::Now).await;
    let value = |r_id: &str| {
        let found: Vec<_> = readings
            .iter()
            .filter(|r| r.r_id.as_str() == r_id)
            .collect();
        assert_eq!(found.len(), 1, "{readings:?}");
        found[0].clone()
    };
    assert_eq!(readings.len(), 2);
    assert!(value("a").start >= before);
    assert_eq!(value("a").accuracy, Some(0.5.into()));
    // The end of a span does not belong to it.
    assert_eq!(numbers(&[value("b")]), [3.0]);
}

#[tokio::test]
async fn rule_317_changes_begin_with_what_was_before() {
    let mut bench = Bench::in_memory(vec![counting("a").on_change()]).await;
    for second in 0..5 {
        bench.at(second * 1000).await;
    }
    let window = Window::OnChange {
        from: at(3000),
        to: at(5000),
    };
    let readings = bench.ask(&["a"], window).await;
    assert_eq!(numbers(&readings), [2.0, 3.0, 4.0]);
}

#[tokio::test]
async fn a_full_source_is_asked_for_what_is_wanted_and_held_to_it() {
    let spans = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&spans);
    let full = Point::usage(
        "a".parse().unwrap(),
        ItemBase::EnergyReal(SiScaleCode::None),
    );
    let full = full.full(move |span| {
        list.lock().unwrap().push(span);
        async move {
            let before = span.from - TimeDelta::seconds(1);
            vec![(before, 0.0), (span.from, 1.0), (span.to, 2.0)]
        }
    });
    let bench = Bench::in_memory(vec![full]).await;
    let (from, to, every) = (at(0), at(60_000), TimeDelta::seconds(10));
    let window = Window::Sampled { from, to, every };
    assert_eq!(numbers(&bench.ask(&["a"], window).await), [1.0]);
    let window = Window::History { from, to };
    assert_eq!(numbers(&bench.ask(&["a"], window).await), [1.0]);
    // From the beginning, of which there is only what is kept.
    let ever = DateTime::UNIX_EPOCH;
    let window = Window::History { from: ever, to };
    assert_eq!(numbers(&bench.ask(&["a"], window).await), [1.0]);
    let spans = spans.lock().unwrap();
    let asked: Vec<_> = spans.iter().map(|s| (s.from, s.to, s.every)).collect();
    let kept = to - TimeDelta::days(1);
    assert_eq!(
        asked,
        [(from, to, Some(every)), (from, to, None), (kept, to, None)]
    );
}

#[tokio::test]
async fn history_without_a_source_of_its_own_is_what_was_sampled() {
    let mut bench = Bench::in_memory(vec![counting("a")]).await;
    for second in 0..3 {
        bench.at(second * 1000).await;
    }
    let window = Window::History {
        from: at(1000),
        to: at(9000),
    };
    let readings = bench.ask(&["a"], window).await;
    assert_eq!(numbers(&readings), [1.0, 2.0]);
    let second = value::Duration::seconds(1);
    assert_eq!(readings[0].duration, Some(second));
}
