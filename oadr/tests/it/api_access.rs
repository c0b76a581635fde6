//! Who is let in to the operator API.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;

use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use oadr::vtn;
use oadr_core::vtn::Admission;
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::process::{Process, run, run_in};
use crate::served::{Answer, call, present, send_with, settings, start};
use crate::token;

#[tokio::test]
async fn without_the_token_there_is_nothing_but_the_state_of_health() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    let file = vtn.api_token_file();
    assert_eq!(file, folder.path().join("api-token"));
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = fs::read_to_string(&file).unwrap().trim_end().to_owned();
    let right = format!("Bearer {token}");
    let wrong = format!("Bearer {}x", &token[1..]);
    for (method, path) in [
        (Method::GET, "/api/v1/events"),
        (Method::POST, "/api/v1/events"),
        (Method::GET, "/api/v1/events/none"),
        (Method::GET, "/api/v1/vens"),
        (Method::POST, "/api/v1/vens"),
        (Method::DELETE, "/api/v1/vens/none"),
        (Method::GET, "/api/v1/health/"),
        (Method::GET, "/api/v1/none"),
        (Method::GET, "/none"),
    ] {
        for authorization in [None, Some(wrong.as_str()), Some(token.as_str())] {
            let Answer {
                status,
                headers,
                body,
                text: _,
            } = present(&api, method.clone(), path, authorization).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(headers["www-authenticate"], "Bearer");
            assert_eq!(headers["content-type"], "application/problem+json");
            assert_eq!(body["status"], 401);
        }
        let answer = present(&api, method, path, Some(&right)).await;
        assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let health = present(&api, Method::GET, "/api/v1/health", None).await;
    assert_eq!(
        (health.status, &health.body["status"]),
        (StatusCode::OK, &json!("ok"))
    );
    vtn.stop().await;

    // The same for the next run.
    let vtn = start(folder.path(), Admission::Open).await;
    let answer = present(&vtn.api_url(), Method::GET, "/api/v1/vens", Some(&right)).await;
    assert_eq!(answer.status, StatusCode::OK);
    vtn.stop().await;
}

#[tokio::test]
async fn a_page_of_another_site_is_kept_out_although_it_has_the_token() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let mut headers = HeaderMap::new();
    headers.insert("origin", HeaderValue::from_static("https://example.com"));
    let answer = send_with(&vtn.api_url(), Method::GET, "/api/v1/vens", headers, None).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
    let own = call(&vtn.api_url(), Method::GET, "/api/v1/vens", None).await;
    assert_eq!(own.status, StatusCode::OK);
    vtn.stop().await;
}

fn config(folder: &Folder, api: [u8; 4]) -> vtn::Config {
    vtn::Config {
        api: SocketAddr::from((api, 0)),
        ..settings(folder.path(), Admission::Open)
    }
}

#[tokio::test]
async fn a_file_without_a_token_keeps_the_vtn_from_starting() {
    let folder = Folder::new();
    fs::write(folder.path().join("api-token"), "").unwrap();
    let error = vtn::start(config(&folder, [127, 0, 0, 1])).await;
    let error = error.unwrap_err();
    assert!(matches!(error, vtn::StartError::Token(_)), "{error}");
}

#[tokio::test]
async fn the_api_is_for_other_machines_only_in_so_many_words_and_with_the_token() {
    let folder = Folder::new();
    let everywhere = || config(&folder, [0, 0, 0, 0]);
    let refused = vtn::start(everywhere()).await.unwrap_err();
    assert!(matches!(refused, vtn::StartError::PlainApi(_)), "{refused}");
    let vtn = vtn::start(vtn::Config {
        insecure_plain_api: true,
        ..everywhere()
    });
    let vtn = vtn.await.unwrap();
    let api = vtn.api_url().replace("0.0.0.0", "127.0.0.1");
    let without = present(&api, Method::GET, "/api/v1/vens", None).await;
    assert_eq!(without.status, StatusCode::UNAUTHORIZED);
    token::learn(&api, &vtn.api_token_file());
    let mut headers = HeaderMap::new();
    headers.insert("origin", HeaderValue::from_static("https://example.com"));
    let page = send_with(&api, Method::GET, "/api/v1/vens", headers, None).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let with = call(&api, Method::GET, "/api/v1/vens", None).await;
    assert_eq!(with.status, StatusCode::OK);
    vtn.stop().await;
}

#[tokio::test]
async fn the_commands_find_the_token_of_a_vtn_that_was_started_in_the_same_folder() {
    let folder = Folder::new();
    let args = [
        "vtn",
        "--dev",
        "--listen",
        "127.0.0.1:0",
        "--api",
        "127.0.0.1:0",
    ];
    let mut vtn = Process::start_in(folder.path(), &args);
    let listening = vtn.next("listening").await;
    let file = listening["api_token_file"].as_str().unwrap();
    let token = fs::read_to_string(folder.path().join(file)).unwrap();
    assert!(!listening.to_string().contains(token.trim_end()));
    let api = listening["api"].as_str().unwrap();
    let list = ["vens", "list", "--json", "--api", api];

    let found = run_in(folder.path(), &list).await;
    assert!(found.status.success(), "{found:?}");
    let list_of: Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!(list_of, json!({"vens": []}));
    let data = folder.path().join("oadr-vtn");
    let data = data.to_str().unwrap();
    let named = run(&[&list[..], &["--data", data]].concat()).await;
    assert!(named.status.success(), "{named:?}");

    let lost = run(&list).await;
    assert!(!lost.status.success(), "{lost:?}");
    assert!(
        lost.err.contains("--data") && lost.err.contains("OADR_DATA"),
        "{lost:?}"
    );
    let other = folder.path().join("other");
    fs::write(&other, "another-token-of-another-vtn").unwrap();
    let other = other.to_str().unwrap();
    let wrong = run(&[&list[..], &["--token-file", other]].concat()).await;
    assert!(
        !wrong.status.success() && wrong.err.contains(other),
        "{wrong:?}"
    );
    assert!(!wrong.err.contains("another-token"), "{wrong:?}");
    assert!(vtn.terminate().await.success());
}
