//! `--readings-retention`.

use hyper::Method;
use oadr::vtn::{self, StartError};
use oadr_core::value::Duration;
use oadr_core::vtn::Admission;
use serde_json::json;

use crate::folder::Folder;
use crate::served::{call, settings, start, until};
use crate::token;

#[tokio::test]
async fn what_was_measured_long_ago_goes_and_the_rest_stays() {
    let folder = Folder::new();
    start(folder.path(), Admission::Enrolled).await.stop().await;
    let database = rusqlite::Connection::open(folder.path().join("vtn.db")).unwrap();
    let description = json!({
        "report_specifier_id": "usage", "report_name": null, "report_type": null,
        "reading_type": null, "measurement": null, "unit": null, "resources": [],
        "market_context": null,
    });
    // 1971 and 2200.
    database
        .execute_batch(&format!(
            "INSERT INTO streams VALUES (1, 5, 'Gone', 'req-1', 'power');
             INSERT INTO points VALUES (1, 1, '{description}');
             INSERT INTO readings VALUES (5, 31536000000000, 1, -1, 1, 0, 1.5, NULL, NULL, NULL, NULL, NULL),
                 (5, 7258118400000000, 1, -1, 1, 0, 2.5, NULL, NULL, NULL, NULL, NULL);"
        ))
        .unwrap();
    drop(database);

    let config = vtn::Config {
        readings_retention: "P2Y".to_owned().try_into().ok(),
        ..settings(folder.path(), Admission::Enrolled)
    };
    let vtn = vtn::start(config).await.unwrap();
    let api = vtn.api_url();
    token::learn(&api, &vtn.api_token_file());
    let list = async || {
        let path = "/api/v1/readings";
        call(&api, Method::GET, path, None).await.body
    };
    let is_one = |list: &serde_json::Value| list["readings"].as_array().unwrap().len() == 1;
    let left = until("the old one is gone", list, is_one).await;
    assert_eq!(left["readings"][0]["value"], 2.5);
    vtn.stop().await;
}

#[tokio::test]
async fn to_keep_nothing_is_refused() {
    let folder = Folder::new();
    for retention in ["PT0S", "-P1D"] {
        let config = vtn::Config {
            readings_retention: Some(Duration::try_from(retention.to_owned()).unwrap()),
            ..settings(folder.path(), Admission::Enrolled)
        };
        let refused = vtn::start(config).await.unwrap_err();
        assert!(
            matches!(refused, StartError::ReadingsRetention(_)),
            "{refused}"
        );
    }
}
