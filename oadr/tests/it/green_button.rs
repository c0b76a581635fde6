//! Green Button data of a VEN, from a file to what the VTN's operator sees.

use hyper::{Method, StatusCode};
use oadr::payload::GreenButton;
use oadr::ven::{GreenButtonFile, Point, Report};
use oadr_core::value::OptType;
use oadr_core::vtn::Admission;
use serde_json::json;

use crate::folder::Folder;
use crate::served::{Ven, call, start, until, ven_config};

#[tokio::test]
async fn a_feed_arrives_as_it_was_written() {
    let feed = r#"<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:uuid:1</id><entry><content><IntervalBlock xmlns="http://naesb.org/espi"><IntervalReading><value>5045842</value></IntervalReading></IntervalBlock></content></entry></feed>"#;
    let folder = Folder::new();
    let path = folder.path().join("feed.xml");
    std::fs::write(&path, feed).unwrap();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let api = vtn.api_url();
    let file = GreenButtonFile::new(path);
    let point = Point::green_button("meter".parse().unwrap()).full(move |span| {
        let file = file.clone();
        async move { file.recall(span).await }
    });
    let report = Report::green_button("feeds".parse().unwrap()).point(point);
    let data = folder.path().join("ven");
    let config = ven_config(&vtn.vtn_url(), "Pump1", &data, OptType::OptIn).report(report);
    let mut ven = Ven::start(config).await;

    let wanted = json!({
        "ven": "Pump1", "report_request_id": "Request1", "report_specifier_id": "feeds",
        "granularity": "PT0S", "report_back": "PT0S",
    });
    let ask = || async {
        let answer = call(&api, Method::POST, "/api/v1/report-requests", Some(&wanted)).await;
        let is_taken = matches!(answer.status, StatusCode::CREATED | StatusCode::OK);
        json!([is_taken, answer.body])
    };
    // Until the VEN has said what it offers.
    until("an offer", ask, |taken| taken[0] == true).await;
    ven.next("report_completed").await;

    let shown = call(&api, Method::GET, "/api/v1/readings?ven=Pump1", None).await;
    let readings = shown.body["readings"].as_array().unwrap();
    let [reading] = &readings[..] else {
        panic!("{shown:?}");
    };
    assert_eq!(reading["r_id"], "meter");
    assert_eq!(reading["report_name"], "HISTORY_GREENBUTTON");
    assert_eq!(reading["measurement"], "oadrGBDataDescription");
    assert_eq!(reading["value"], json!(null));
    let kept = GreenButton::new(reading["green_button"].as_str().unwrap()).unwrap();
    assert_eq!(kept, GreenButton::new(feed).unwrap());
    ven.stop().await;
    vtn.stop().await;
}
