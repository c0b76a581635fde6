//! What an application is asked about reports, and told of readings.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::StatusCode;
use oadr::payload::{Message, RegisterReport, ResponseCode};
use oadr::value::{self, RId, ReportRequestId, ReportSpecifierId, RequestId, ServiceName, VenId};
use oadr::vtn::{
    OfferedPoint, PointRequest, ReportPolicy, ReportProgress, ReportUpdate, ReportsError,
    RequestOrigin, Running, Vtn, WantedReport,
};
use oadr_core::vtn::Admission;
use oadr_http::{Client, ClientError};
use tokio::sync::mpsc;

use crate::folder::Folder;
use crate::report_wire::{at, offer, status, take_on, update, usage};
use crate::served::{settings, within};
use crate::wire::{client, poll, register, settle};

fn vtn(folder: &Folder) -> Vtn {
    Vtn::from_config(settings(folder.path(), Admission::Open))
}

async fn ven(vtn: &Running) -> (Client, VenId) {
    let client = client(&vtn.vtn_url());
    let ven_id = register(&client, "house").await;
    settle(&client, &ven_id).await;
    (client, ven_id)
}

fn seconds(seconds: u32) -> value::Duration {
    value::Duration::seconds(seconds)
}

/// In short what of an update a test looks at.
fn told(update: &ReportUpdate) -> String {
    let resource = update.resource_id().map_or("-", |id| id.as_str());
    let measurement = update.measurement().unwrap_or("-");
    let values = update.values().into_iter();
    let values: Vec<_> = values
        .map(|(start, value)| format!("{}={value}", (start - at(0)).num_seconds()))
        .collect();
    format!("{resource} {measurement} {}", values.join(" "))
}

/// Sends on what it is told, and takes it or not.
fn listening(vtn: Vtn, takes: bool) -> (Vtn, mpsc::UnboundedReceiver<String>) {
    let (tell, heard) = mpsc::unbounded_channel();
    let vtn = vtn.on_update_report(move |update| {
        let sent = tell.send(told(&update));
        async move {
            sent?;
            if takes { Ok(()) } else { Err("not now".into()) }
        }
    });
    (vtn, heard)
}

fn every_second(name: &str) -> ReportPolicy {
    ReportPolicy {
        name: name.parse().unwrap(),
        vens: Vec::new(),
        groups: Vec::new(),
        report_name: None,
        measurement: Some("powerReal".parse().unwrap()),
        resource: None,
        granularity: seconds(1),
        report_back: seconds(2),
        duration: value::Duration::ZERO,
    }
}

#[tokio::test]
async fn every_data_point_is_asked_about_and_those_of_one_pace_are_one_request() {
    let folder = Folder::new();
    let asked: Arc<Mutex<Vec<OfferedPoint>>> = Arc::default();
    let (tell, mut heard) = mpsc::unbounded_channel();
    let asking = Arc::clone(&asked);
    let vtn = vtn(&folder)
        .on_register_report(move |point| {
            asking.lock().unwrap().push(point.clone());
            let tell = tell.clone();
            async move {
                let every = |interval| Ok(Some(PointRequest::every(seconds(interval))));
                match point.description.r_id.as_str() {
                    "p1" => Ok(Some(PointRequest::every(seconds(10)).on_update(
                        move |update| {
                            let sent = tell.send(told(&update));
                            async move { Ok(sent?) }
                        },
                    ))),
                    "p2" => every(10),
                    "p3" => Ok(Some(
                        PointRequest::every(seconds(10)).report_back(seconds(60)),
                    )),
                    "s" => Ok(Some(PointRequest::on_change(seconds(300)))),
                    _ => Ok(None),
                }
            }
        })
        .start()
        .await
        .unwrap();
    let (client, ven_id) = ven(&vtn).await;
    let points = [
        ("p1", "pump"),
        ("p2", "pump"),
        ("p3", "pump"),
        ("p4", "boiler"),
    ];
    let offers = vec![usage(&points), status("s", "pump")];
    let requested = offer(&client, &ven_id, offers).await;
    let in_short = requested.iter().map(|request| {
        let specifier = &request.specifier;
        let r_ids: Vec<_> = specifier.payloads.iter().map(|p| p.r_id.as_str()).collect();
        format!(
            "{} {} {} {}",
            specifier.report_specifier_id,
            r_ids.join(" "),
            specifier.granularity,
            specifier.report_back
        )
    });
    let expected = [
        "usage p1 p2 PT10S PT10S",
        "usage p3 PT10S PT60S",
        "status s PT0S PT300S",
    ];
    assert_eq!(in_short.collect::<Vec<_>>(), expected);

    let asked = std::mem::take(&mut *asked.lock().unwrap());
    let r_ids: Vec<_> = asked.iter().map(|p| p.description.r_id.as_str()).collect();
    assert_eq!(r_ids, ["p1", "p2", "p3", "p4", "s"]);
    let first = &asked[0];
    assert_eq!(first.ven_id, ven_id);
    assert_eq!(first.resource_id.as_ref().unwrap().as_str(), "pump");
    assert_eq!(first.measurement.as_deref(), Some("powerReal"));
    assert_eq!(first.scale.as_str(), "k");
    assert_eq!(first.min_sampling_interval, Some(seconds(1)));
    assert_eq!(first.max_sampling_interval, Some(value::Duration::hours(1)));
    assert_eq!(
        first.report_name.as_ref().unwrap().as_str(),
        "TELEMETRY_USAGE"
    );
    assert_eq!(asked[4].measurement.as_deref(), Some("status"));

    let request = &requested[0].report_request_id;
    let values = [("p1", 0, 1.5), ("p2", 0, 7.0), ("p1", 10, 2.5)];
    assert_eq!(
        update(&client, &ven_id, request, &values).await,
        ResponseCode::OK
    );
    let line = within("the callback", heard.recv()).await;
    assert_eq!(line.as_deref(), Some("pump powerReal 0=1.5 10=2.5"));
    vtn.stop().await;
    assert_eq!(heard.recv().await, None, "nothing else was told");
}

#[tokio::test]
async fn a_handler_in_trouble_leaves_the_offers_to_come_again() {
    let folder = Folder::new();
    let vtn = vtn(&folder)
        .answer_within(Duration::from_millis(200))
        .on_register_report(async |point| match point.description.r_id.as_str() {
            "slow" => std::future::pending().await,
            "failing" => Err("the database is gone".into()),
            "panicking" => panic!("a slip of the application"),
            _ => Ok(Some(PointRequest::every(seconds(1)))),
        })
        .start()
        .await
        .unwrap();
    let (client, ven_id) = ven(&vtn).await;
    for trouble in ["slow", "failing", "panicking"] {
        let register = RegisterReport {
            request_id: RequestId::new("offer").unwrap(),
            reports: vec![usage(&[("fine", "pump"), (trouble, "pump")])],
            ven_id: Some(ven_id.clone()),
            report_request_id: None,
        };
        let register = Message::from(register);
        let answer = client.send(ServiceName::EiReport, &register);
        let Err(ClientError::Status {
            status,
            retry_after,
            ..
        }) = answer.await
        else {
            panic!("{trouble}: an answer")
        };
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{trouble}");
        assert!(retry_after.is_some(), "{trouble}: no Retry-After");
    }
    assert_eq!(vtn.handle().report_requests(None).unwrap(), []);
    let requested = offer(&client, &ven_id, vec![usage(&[("fine", "pump")])]).await;
    assert_eq!(requested.len(), 1);
    vtn.stop().await;
}

#[tokio::test]
async fn readings_that_were_not_taken_are_told_again_after_a_restart_whoever_wanted_them() {
    let folder = Folder::new();
    let policy = every_second("meters");
    let (first, mut heard) = listening(vtn(&folder).report_policy(policy.clone()), false);
    let vtn_ = first.start().await.unwrap();
    let (client_, ven_id) = ven(&vtn_).await;
    let offers = vec![usage(&[("p1", "pump"), ("p2", "boiler")])];
    let requested = offer(&client_, &ven_id, offers).await;
    let request = requested[0].report_request_id.clone();
    let values = [("p1", 0, 1.0), ("p2", 0, 2.0), ("p1", 1, 1.5)];
    assert_eq!(
        update(&client_, &ven_id, &request, &values).await,
        ResponseCode::OK
    );
    let line = "pump powerReal 0=1 1=1.5";
    for _ in 0..2 {
        assert_eq!(within("told", heard.recv()).await.as_deref(), Some(line));
    }
    vtn_.stop().await;

    let (second, mut heard) = listening(vtn(&folder).report_policy(policy), true);
    let vtn_ = second.start().await.unwrap();
    assert_eq!(
        within("told again", heard.recv()).await.as_deref(),
        Some(line)
    );
    let other = within("told", heard.recv()).await;
    assert_eq!(other.as_deref(), Some("boiler powerReal 0=2"));
    // Data that come after the restart reach the same place.
    let client_ = client(&vtn_.vtn_url());
    let later = [("p1", 2, 3.0)];
    assert_eq!(
        update(&client_, &ven_id, &request, &later).await,
        ResponseCode::OK
    );
    let line = within("told", heard.recv()).await;
    assert_eq!(line.as_deref(), Some("pump powerReal 2=3"));
    // What comes twice is acknowledged twice.
    assert_eq!(
        update(&client_, &ven_id, &request, &later).await,
        ResponseCode::OK
    );
    let unknown = ReportRequestId::new("unknown").unwrap();
    let refused = update(&client_, &ven_id, &unknown, &later).await;
    assert_eq!(refused, ResponseCode::INVALID_ID);
    vtn_.stop().await;
}

#[tokio::test]
async fn the_whole_offer_is_the_applications_to_choose_from() {
    let folder = Folder::new();
    let vtn = vtn(&folder)
        .on_register_reports(async |offered| {
            let wanted = offered.reports.iter().map(|report| WantedReport {
                report_specifier_id: report.report_specifier_id.clone(),
                r_ids: vec![report.descriptions[0].r_id.clone()],
                granularity: seconds(1),
                report_back: seconds(5),
                start: None,
                duration: value::Duration::ZERO,
            });
            Ok(wanted.collect())
        })
        .start()
        .await
        .unwrap();
    let (client, ven_id) = ven(&vtn).await;
    let offers = vec![
        usage(&[("p1", "pump"), ("p2", "boiler")]),
        status("s", "pump"),
    ];
    let requested = offer(&client, &ven_id, offers).await;
    assert_eq!(requested.len(), 2);
    let known = vtn.handle().report_requests(Some(&ven_id)).unwrap();
    assert_eq!(known.len(), 2);
    for (of, request) in known {
        assert_eq!(
            (of, &request.origin),
            (ven_id.clone(), &RequestOrigin::Application)
        );
        assert_eq!(request.points.len(), 1);
    }
    vtn.stop().await;
}

#[tokio::test]
async fn a_program_requests_and_cancels_by_itself() {
    let folder = Folder::new();
    let vtn = vtn(&folder).start().await.unwrap();
    let handle = vtn.handle();
    let (client, ven_id) = ven(&vtn).await;
    offer(
        &client,
        &ven_id,
        vec![usage(&[("p1", "pump"), ("p2", "boiler")])],
    )
    .await;
    let wanted = |r_id: &str| WantedReport {
        report_specifier_id: ReportSpecifierId::new("usage").unwrap(),
        r_ids: vec![RId::new(r_id).unwrap()],
        granularity: seconds(1),
        report_back: seconds(1),
        start: None,
        duration: value::Duration::ZERO,
    };
    let nobody = VenId::new("nobody").unwrap();
    let error = handle.request_report(&nobody, wanted("p1")).await;
    assert!(
        matches!(error, Err(ReportsError::UnknownVen(_))),
        "{error:?}"
    );
    let error = handle.request_report(&ven_id, wanted("p9")).await;
    assert!(matches!(error, Err(ReportsError::Refused(_))), "{error:?}");
    let id = handle.request_report(&ven_id, wanted("p1")).await.unwrap();
    let Message::CreateReport(create) = poll(&client, &ven_id).await else {
        panic!("no oadrCreateReport")
    };
    assert_eq!(create.report_requests[0].report_request_id, id);
    let pending = [id.clone()];
    take_on(
        &client,
        &ven_id,
        create.request_id,
        ResponseCode::OK,
        &pending,
    )
    .await;
    let progress = || {
        let known = handle.report_requests(None).unwrap();
        let [(_, request)] = <[_; 1]>::try_from(known).unwrap();
        request.progress
    };
    assert_eq!(progress(), ReportProgress::Accepted);
    handle.cancel_report(&id, true).await.unwrap();
    let Message::CancelReport(cancel) = poll(&client, &ven_id).await else {
        panic!("no oadrCancelReport")
    };
    assert!(cancel.report_to_follow);
    let unknown = ReportRequestId::new("unknown").unwrap();
    let error = handle.cancel_report(&unknown, false).await;
    assert!(
        matches!(error, Err(ReportsError::UnknownRequest(_))),
        "{error:?}"
    );
    vtn.stop().await;
    let error = handle.report_requests(None);
    assert!(matches!(error, Err(ReportsError::NotRunning)), "{error:?}");
}
