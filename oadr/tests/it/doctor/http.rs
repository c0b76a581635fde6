//! What is wrong above TLS: paths, statuses, proxies, clocks.

use chrono::TimeDelta;

use super::given::{self, at, created, dated, reply};
use super::{doctor_vtn, holds};

async fn status(status: &'static str, headers: &'static str, body: &'static str) -> super::Said {
    let vtn = given::plain(move |_, _| reply(status, headers, body.as_bytes())).await;
    doctor_vtn(&vtn.http(), &[]).await
}

#[tokio::test]
async fn rule_511_a_wrong_path_and_the_one_that_answers() {
    let vtn = given::plain(|path, _| at("/OpenADR2/Simple/2.0b/EiRegisterParty", path)).await;
    let said = doctor_vtn(&format!("{}/grid", vtn.http()), &[]).await;
    said.only(&["path_wrong"]);
    holds(
        &said.problem("path_wrong"),
        &["404", &format!("Write {}\"", vtn.http())],
    );
    let vtn = given::plain(|path, _| at("/grid/EiRegisterParty", path)).await;
    let said = doctor_vtn(&format!("{}/grid", vtn.http()), &[]).await;
    holds(
        &said.problem("path_wrong"),
        &["/grid/EiRegisterParty", "rule 511"],
    );
    let nowhere = given::plain(|path, _| at("/elsewhere", path)).await;
    doctor_vtn(&nowhere.http(), &[])
        .await
        .only(&["path_unknown"]);
}

#[tokio::test]
async fn spec_4_2_every_status_in_words() {
    for (line, code) in [
        ("400 Bad Request", "http_not_acceptable"),
        ("401 Unauthorized", "http_unauthorized"),
        ("403 Forbidden", "http_forbidden"),
        ("405 Method Not Allowed", "http_method"),
        ("406 Not Acceptable", "http_not_acceptable"),
        ("407 Proxy Authentication Required", "http_proxy_password"),
        ("413 Content Too Large", "http_too_large"),
        ("418 I'm a teapot", "http_status"),
        ("500 Internal Server Error", "http_internal_error"),
        ("501 Not Implemented", "http_method"),
        ("502 Bad Gateway", "proxy_without_vtn"),
        ("503 Service Unavailable", "http_overloaded"),
        ("504 Gateway Timeout", "proxy_without_vtn"),
    ] {
        let vtn = given::plain(move |_, _| reply(line, "", b"")).await;
        doctor_vtn(&vtn.http(), &[]).await.only(&[code]);
    }
    let said = status("302 Found", "location: https://login.example/\r\n", "").await;
    holds(&said.problem("redirected"), &["https://login.example/"]);
}

#[tokio::test]
async fn a_password_that_is_asked_for_is_sent_if_there_is_one() {
    let said = status("401 Unauthorized", "", "").await;
    holds(&said.problem("http_unauthorized"), &["--http-user"]);
}

#[tokio::test]
async fn a_proxy_in_between_that_answers_itself() {
    let html = "<html><body>Access blocked by policy</body></html>";
    let said = status(
        "200 OK",
        "via: 1.1 filter.example\r\ncontent-type: text/html\r\n",
        html,
    )
    .await;
    said.only(&["not_openadr"]);
    holds(&said.problem("not_openadr"), &["Access blocked"]);
    holds(
        &said.finding("hint", "proxy_between"),
        &["1.1 filter.example"],
    );
    let said = status(
        "403 Forbidden",
        "server: squid\r\ncontent-type: text/html\r\n",
        html,
    )
    .await;
    said.only(&["http_forbidden_by_proxy"]);
    holds(&said.problem("http_forbidden_by_proxy"), &["squid"]);
}

#[tokio::test]
async fn a_reply_in_http_1_0_or_in_chunks() {
    let old = given::plain(|_, _| {
        let body = created();
        [
            format!("HTTP/1.0 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(),
            &body,
        ]
        .concat()
    })
    .await;
    let said = doctor_vtn(&old.http(), &[]).await;
    said.only(&[]);
    said.finding("hint", "http_1_0");
    let chunked = given::plain(|_, _| {
        let body = created();
        let head = format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n",
            body.len()
        );
        [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat()
    })
    .await;
    let said = doctor_vtn(&chunked.http(), &[]).await;
    said.only(&[]);
    said.finding("hint", "chunked");
}

#[tokio::test]
async fn clocks_that_differ() {
    for (seconds, level) in [
        (-600, "problem"),
        (600, "problem"),
        (30, "hint"),
        (-30, "hint"),
    ] {
        let vtn =
            given::plain(move |_, _| dated("200 OK", "", &created(), TimeDelta::seconds(seconds)))
                .await;
        let said = doctor_vtn(&vtn.http(), &[]).await;
        let side = if seconds > 0 {
            "ahead of ours"
        } else {
            "behind ours"
        };
        holds(&said.finding(level, "clock_skew"), &[side, "NTP"]);
    }
    let vtn = given::plain(|_, _| dated("200 OK", "", &created(), TimeDelta::seconds(30))).await;
    let strict = ["--signature-window", "PT10S"];
    doctor_vtn(&vtn.http(), &strict).await.only(&["clock_skew"]);
}

#[tokio::test]
async fn an_answer_that_is_no_message_of_openadr() {
    status("200 OK", "", "").await.only(&["reply_empty"]);
    status("200 OK", "", "hello").await.only(&["not_openadr"]);
    status("200 OK", "", "<soap:Envelope/>")
        .await
        .only(&["reply_unreadable"]);
}
