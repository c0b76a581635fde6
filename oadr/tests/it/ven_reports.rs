//! Reports of a VEN, from its sources to what the VTN's operator sees, through restarts of either.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use hyper::{Method, StatusCode};
use oadr::payload::ItemBase;
use oadr::value::{Duration, SiScaleCode};
use oadr::ven::{Command, CommandError, CommandFailure, Point, Reading, Report};
use oadr::vtn;
use oadr_core::value::OptType;
use oadr_core::vtn::Admission;
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::port;
use crate::process::{Process, run};
use crate::served::{Ven, call, settings, start, until, ven_config, within};
use crate::token;

/// A report of a data point whose value is the second that it is of.
fn clock() -> Report {
    let point = Point::usage(
        "clock".parse().unwrap(),
        ItemBase::EnergyReal(SiScaleCode::None),
    );
    let point = point
        .resource("Meter1".parse().unwrap())
        .periods(Duration::seconds(1), Duration::minutes(1))
        .incremental(async |moment| seconds(moment.time()));
    Report::usage("usage".parse().unwrap()).point(point)
}

fn seconds(time: DateTime<Utc>) -> f64 {
    time.timestamp_millis() as f64 / 1000.0
}

/// Requests the clock of a VEN; a second's samples, so many seconds a report. It begins a little ahead: of
/// what was before it heard of the request a VEN reports what there is, which may be nothing.
async fn request(api: &str, report_back: u32, duration: u32) {
    let body = || {
        json!({
            "dtstart": Utc::now().trunc_subsecs(0) + TimeDelta::seconds(8),
            "ven": "Pump1",
            "report_request_id": "Request1",
            "report_specifier_id": "usage",
            "granularity": "PT1S",
            "report_back": format!("PT{report_back}S"),
            "duration": format!("PT{duration}S"),
        })
    };
    let path = "/api/v1/report-requests";
    let ask = || async { call(api, Method::POST, path, Some(&body())).await };
    // Until the VEN has said what it offers.
    let answered = until(
        "an offer",
        || async { code(&ask().await) },
        |code| *code == 201 || *code == 200,
    );
    answered.await;
}

fn code(answer: &crate::served::Answer) -> Value {
    match answer.status {
        StatusCode::CREATED | StatusCode::OK => json!(answer.status.as_u16()),
        _ => answer.body.clone(),
    }
}

/// All readings of the VEN.
async fn readings(api: &str) -> Value {
    let path = "/api/v1/readings?ven=Pump1&limit=1000";
    call(api, Method::GET, path, None).await.body
}

/// All readings in order, after a look at what goes for any: each second is there once, with its value or
/// as one that is bad. A busy machine may sample too late for some.
fn every_second(shown: &Value) -> BTreeMap<DateTime<Utc>, Option<f64>> {
    let mut found = BTreeMap::new();
    for reading in shown["readings"].as_array().unwrap() {
        let start: DateTime<Utc> = reading["start"].as_str().unwrap().parse().unwrap();
        let value = match reading["quality"].as_str() {
            None => Some(reading["value"].as_f64().unwrap()),
            Some(quality) => {
                assert!(quality.starts_with("Quality Bad"), "{reading}");
                None
            }
        };
        assert_eq!(found.insert(start, value), None, "{start} comes twice");
    }
    let starts: Vec<_> = found.keys().copied().collect();
    for pair in starts.windows(2) {
        assert_eq!(pair[1] - pair[0], TimeDelta::seconds(1), "{shown}");
    }
    found
}

fn good(readings: &BTreeMap<DateTime<Utc>, Option<f64>>) -> impl Iterator<Item = (f64, f64)> {
    let readings = readings.iter();
    readings.filter_map(|(start, value)| Some((seconds(*start), (*value)?)))
}

fn bad(readings: &BTreeMap<DateTime<Utc>, Option<f64>>) -> u64 {
    readings.values().filter(|value| value.is_none()).count() as u64
}

#[tokio::test]
async fn what_is_sampled_arrives_once_with_its_time() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let data = folder.path().join("ven");
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let tellers = [tell.clone(), tell.clone(), tell];
    let [requested, sent, completed] = tellers;
    let config = ven_config(&vtn.vtn_url(), "Pump1", &data, OptType::OptIn)
        .report(clock())
        .on_report_requested(move |report| {
            let _ = requested.send(format!("requested {}", report.report_specifier_id));
            async {}
        })
        .on_report_sent(move |report| {
            let _ = sent.send(format!("sent {}", report.to - report.from));
            async {}
        })
        .on_report_completed(move |report| {
            let _ = completed.send(format!("completed {}", report.report_request_id));
            async {}
        });
    let mut ven = Ven::start(config).await;
    request(&vtn.api_url(), 2, 4).await;
    let requested = ven.next("report_requested").await;
    assert_eq!(requested["report_request_id"], "Request1");
    assert_eq!(requested["report_specifier_id"], "usage");
    let sent = ven.next("report_sent").await;
    assert_eq!(sent["readings"], 2);
    ven.next("report_completed").await;
    for words in [
        "requested usage",
        "sent PT2S",
        "sent PT2S",
        "completed Request1",
    ] {
        assert_eq!(within(words, told.recv()).await.as_deref(), Some(words));
    }

    let shown = readings(&vtn.api_url()).await;
    let all = every_second(&shown);
    assert_eq!(all.len(), 4, "{shown}");
    for (start, value) in good(&all) {
        assert!((start - value).abs() < 0.001, "{start}: {value}");
    }
    let first = &shown["readings"][0];
    assert_eq!(first["resources"], json!(["Meter1"]));
    assert_eq!(first["duration"], "PT1S");
    let counts = ven.running.sample_counts();
    assert!(counts.taken >= good(&all).count() as u64, "{counts:?}");
    assert!(bad(&all) <= counts.missed, "{counts:?}: {shown}");
    assert_eq!((counts.failed, counts.dropped), (0, 0));
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn rule_346_a_corrected_reading_counts_and_the_earlier_one_stays_its_history() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let data = folder.path().join("ven");
    let config = ven_config(&vtn.vtn_url(), "Pump1", &data, OptType::OptIn);
    let mut ven = Ven::start(config.report(clock())).await;
    let api = vtn.api_url();
    request(&api, 1, 0).await;
    ven.next("report_sent").await;
    let first = &readings(&api).await["readings"][0];
    let start: DateTime<Utc> = first["start"].as_str().unwrap().parse().unwrap();
    let correct = |r_id: &str, value: f64| Command::CorrectReadings {
        report_specifier_id: "usage".parse().unwrap(),
        readings: vec![Reading::number(r_id.parse().unwrap(), start, value)],
    };
    let unknown = ven.running.command(correct("voltage", 1.0)).await;
    assert!(matches!(
        unknown,
        Err(CommandFailure::Refused(CommandError::UnknownPoint))
    ));
    for value in [-1.0, -2.0] {
        ven.running.command(correct("clock", value)).await.unwrap();
        let show = || async {
            let path = "/api/v1/readings?ven=Pump1&history=true&limit=1000";
            let shown = call(&api, Method::GET, path, None).await.body;
            shown["readings"][0].clone()
        };
        let shown = until("the correction", show, |shown| {
            shown["value"] == json!(value)
        })
        .await;
        assert_eq!(shown["start"], first["start"]);
        assert_eq!(shown["duration"], first["duration"]);
        let before: Vec<_> = shown["superseded"].as_array().unwrap().iter().collect();
        assert_eq!(before.last().unwrap()["value"], first["value"], "{shown}");
        assert_eq!(before.len() as f64, -value, "{shown}");
    }
    // Nothing else has changed, and nothing comes twice.
    let all = readings(&api).await;
    let others = all["readings"].as_array().unwrap().iter().skip(1);
    for other in others.filter(|other| other["quality"].is_null()) {
        assert!(other["value"].as_f64() > Some(0.0), "{all}");
    }
    every_second(&all);
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn nothing_is_missing_after_the_vtn_was_away() {
    let folder = Folder::new();
    let data = folder.path().join("vtn");
    let listen = port::free();
    let config = || vtn::Config {
        listen,
        ..settings(&data, Admission::Open)
    };
    let vtn = vtn::start(config()).await.unwrap();
    token::learn(&vtn.api_url(), &vtn.api_token_file());
    let ven_data = folder.path().join("ven");
    let of_ven = ven_config(&vtn.vtn_url(), "Pump1", &ven_data, OptType::OptIn);
    let mut ven = Ven::start(of_ven.report(clock())).await;
    request(&vtn.api_url(), 1, 0).await;
    ven.next("report_sent").await;
    vtn.stop().await;
    // The VEN goes on sampling.
    let taken = || async { json!(ven.running.sample_counts().taken) };
    let before = taken().await.as_u64().unwrap();
    until("samples", taken, |taken| taken.as_u64() >= Some(before + 4)).await;

    let vtn = vtn::start(config()).await.unwrap();
    token::learn(&vtn.api_url(), &vtn.api_token_file());
    let api = vtn.api_url();
    let count = usize::try_from(before).unwrap() + 4;
    let shown = until(
        "all samples",
        || readings(&api),
        |shown| shown["readings"].is_array() && every_second(shown).len() >= count,
    );
    let shown = shown.await;
    let missing = bad(&every_second(&shown));
    assert!(missing <= ven.running.sample_counts().missed, "{shown}");
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn a_ven_that_was_killed_reports_what_it_had_and_names_the_gap() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let data = folder.path().join("ven");
    let report =
        "clock resource=Meter1 unit=energyReal:Wh min=PT1S max=PT1M source=command:date +%s";
    let (url, data) = (vtn.vtn_url(), data.to_str().unwrap().to_owned());
    let args = [
        "ven", "--vtn", &url, "--name", "Pump1", "--data", &data, "--report", report,
    ];
    let mut ven = Process::start(&args);
    request(&vtn.api_url(), 2, 0).await;
    ven.next("report_sent").await;
    ven.kill().await;
    let before = readings(&vtn.api_url()).await;
    let last = *every_second(&before).keys().next_back().unwrap();

    let mut ven = Process::start(&args);
    ven.next("report_sent").await;
    let api = vtn.api_url();
    let is_later = |shown: &Value| {
        let all = every_second(shown);
        let later = all.range(last..).filter(|(_, value)| value.is_some());
        later.count() >= 3
    };
    let shown = until("new samples", || readings(&api), is_later).await;
    for (start, value) in good(&every_second(&shown)) {
        // The command's clock, which may be a second late.
        let late = value - start;
        assert!((-1.0..=1.5).contains(&late), "{start}: {value}");
    }
    ven.kill().await;
    vtn.stop().await;
}

#[tokio::test]
async fn a_reading_is_corrected_on_the_command_line() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let data = folder.path().join("ven");
    let report = "clock unit=energyReal:Wh min=PT1S max=PT1M source=command:date +%s";
    let (url, data) = (vtn.vtn_url(), data.to_str().unwrap().to_owned());
    let mut ven = Process::start(&[
        "ven", "--vtn", &url, "--name", "Pump1", "--data", &data, "--report", report,
    ]);
    let api = vtn.api_url();
    request(&api, 1, 0).await;
    ven.next("report_sent").await;
    let shown = readings(&api).await;
    let start = shown["readings"][0]["start"].as_str().unwrap().to_owned();
    let value = format!("{start}=-7.5");
    let correct = |point: &'static str| {
        let (data, value) = (data.clone(), value.clone());
        async move { run(&["correct", "--data", &data, "usage", point, &value]).await }
    };
    let ended = correct("voltage").await;
    assert!(!ended.status.success());
    assert!(ended.err.contains("no such data point"), "{}", ended.err);
    let ended = correct("clock").await;
    assert!(ended.status.success(), "{}", ended.err);
    let is_right = |shown: &Value| {
        let first = &shown["readings"][0];
        first["start"] == json!(start) && first["value"] == json!(-7.5)
    };
    until("the correction", || readings(&api), is_right).await;
    ven.kill().await;
    vtn.stop().await;
}

#[tokio::test]
async fn the_status_of_resources_is_offered_by_itself() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let data = folder.path().join("ven");
    let (url, data) = (vtn.vtn_url(), data.to_str().unwrap().to_owned());
    let args = [
        "ven",
        "--vtn",
        &url,
        "--name",
        "Pump1",
        "--data",
        &data,
        "--resource",
        "Fan1",
    ];
    let mut ven = Process::start(&args);
    ven.next("registered").await;
    let api = vtn.api_url();
    let path = "/api/v1/vens/Pump1/reports";
    let show = || async { call(&api, Method::GET, path, None).await.body };
    let is_there = |shown: &Value| shown["reports"][0]["data_points"].is_array();
    let shown = until("an offer", show, is_there).await;
    assert_eq!(shown["reports"][0]["report_name"], "TELEMETRY_STATUS");
    let point = &shown["reports"][0]["data_points"][0];
    assert_eq!(point["source"], json!({ "resource_id": ["Fan1"] }));
    let body = json!({
        "ven": "Pump1", "report_specifier_id": "status", "granularity": "PT0S",
        "report_back": "PT0S",
    });
    call(&api, Method::POST, "/api/v1/report-requests", Some(&body)).await;
    ven.next("report_completed").await;
    let shown = readings(&api).await;
    let status = &shown["readings"][0]["status"];
    assert_eq!(status["online"], true, "{shown}");
    ven.kill().await;
    vtn.stop().await;
}

/// What an operator could give instead of options.
#[tokio::test]
async fn a_report_that_cannot_be_offered_is_named() {
    let folder = Folder::new();
    let file = folder.path().join("ven.toml");
    let text = "vtn = \"http://127.0.0.1:1\"\nname = \"Pump1\"\n\
                reports = [\"power unit=powerReal:kW min=PT2H source=file:x\"]\n";
    std::fs::write(&file, text).unwrap();
    let data = folder.path().join("ven");
    let words = |path: &Path| path.to_str().unwrap().to_owned();
    let (file, data) = (words(&file), words(&data));
    let ended = run(&["ven", "--config", &file, "--data", &data]).await;
    assert!(!ended.status.success());
    assert!(
        ended.err.contains("\"usage\"") && ended.err.contains("\"power\""),
        "{}",
        ended.err
    );
    // Nothing was made for it.
    assert!(!Path::new(&data).exists());
}
