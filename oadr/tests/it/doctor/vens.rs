//! `oadr doctor ven`, asked beside a VTN that has refused somebody.

use std::path::Path;

use hyper::Method;
use serde_json::json;

use super::authority::{Authority, Issued, client, server};
use super::{Said, doctor, doctor_vtn, holds, text};
use crate::folder::Folder;
use crate::process::Process;
use crate::served::{call, within};
use crate::token;

/// A running `oadr vtn` with certificates.
struct Vtn {
    url: String,
    api: String,
    ca: Authority,
    _process: Process,
    _data: Folder,
}

impl Vtn {
    async fn start(signatures: &str) -> Self {
        let (ca, data) = (Authority::new("our CA"), Folder::new());
        let own = ca.issue("vtn", server(&["localhost", "127.0.0.1"]));
        let mut process = Process::start(&[
            "vtn",
            "--listen",
            "127.0.0.1:0",
            "--api",
            "127.0.0.1:0",
            "--data",
            text(data.path()),
            "--tls-certificate",
            text(&own.certificate),
            "--tls-client-ca",
            text(&ca.ca),
            "--signatures",
            signatures,
        ]);
        let listening = process.next("listening").await;
        let said = |name: &str| listening[name].as_str().unwrap().to_owned();
        let (url, api) = (said("vtn"), said("api"));
        token::learn(&api, Path::new(&said("api_token_file")));
        Self {
            url,
            api,
            ca,
            _process: process,
            _data: data,
        }
    }

    async fn enrol(&self, name: &str, certificates: &[String]) {
        let new = json!({"ven_name": name, "certificates": certificates});
        call(&self.api, Method::POST, "/api/v1/vens", Some(&new)).await;
    }

    /// The VEN asks what the VTN offers.
    async fn visit(&self, shown: &Issued, more: &[&str]) -> Said {
        let args = [
            "--tls-ca",
            text(&self.ca.ca),
            "--tls-certificate",
            text(&shown.certificate),
        ];
        doctor_vtn(&self.url, &[&args[..], more].concat()).await
    }

    async fn ask(&self, ven: &str) -> Said {
        doctor(&["ven", ven, "--api", &self.api]).await
    }
}

#[tokio::test]
async fn a_ven_that_shows_what_is_enrolled() {
    let vtn = Vtn::start("required").await;
    let house = vtn.ca.issue("house", client("house"));
    vtn.enrol("house", &[house.hash().to_string()]).await;
    vtn.ask("house").await.only(&["never_seen"]);
    let said = vtn.visit(&house, &[]).await;
    said.only(&[]);
    said.finding("ok", "client_certificate");
    said.finding("ok", "signature");
}

#[tokio::test]
async fn a_ven_that_nobody_enrolled() {
    let vtn = Vtn::start("optional").await;
    let house = vtn.ca.issue("house", client("house"));
    vtn.ask("house").await.only(&["not_enrolled"]);
    vtn.visit(&house, &[]).await;
    let said = vtn.ask("house").await;
    holds(&said.problem("not_enrolled"), &["oadr vens enrol house"]);
}

#[tokio::test]
async fn a_ven_that_shows_another_certificate_than_the_enrolled_one() {
    let vtn = Vtn::start("optional").await;
    let (before, after) = (
        vtn.ca.issue("before", client("house")),
        vtn.ca.issue("after", client("house")),
    );
    vtn.enrol("house", &[before.fingerprint().to_string()])
        .await;
    // What the VTN offers it tells anybody; to register is what it refuses.
    let folder = Folder::new();
    let _ven = Process::start(&[
        "ven",
        "--vtn",
        &vtn.url,
        "--name",
        "house",
        "--data",
        text(folder.path()),
        "--tls-ca",
        text(&vtn.ca.ca),
        "--tls-certificate",
        text(&after.certificate),
    ]);
    let refused = async {
        loop {
            let said = vtn.ask("house").await;
            if said.has("fingerprint_differs") {
                return said;
            }
        }
    };
    let said = within("the refusal", refused).await;
    let both = [
        before.fingerprint().to_string(),
        after.fingerprint().to_string(),
    ];
    let words = said.problem("fingerprint_differs");
    holds(&words, &[&both[0], &both[1], "--add-fingerprint"]);
}

#[tokio::test]
async fn a_ven_without_a_certificate_where_tls_is_on() {
    let vtn = Vtn::start("optional").await;
    vtn.enrol("house", &[]).await;
    let said = vtn.ask("house").await;
    said.only(&["enrolled_without_certificate", "never_seen"]);
}

#[tokio::test]
async fn a_ven_that_does_not_sign_where_that_is_required() {
    let vtn = Vtn::start("required").await;
    let house = vtn.ca.issue("house", client("house"));
    vtn.enrol("house", &[house.hash().to_string()]).await;
    let said = vtn.visit(&house, &["--signatures", "off"]).await;
    said.only(&["http_forbidden"]);
    holds(
        &said.problem("http_forbidden"),
        &["signatures are required"],
    );
    let said = vtn.ask("house").await;
    holds(
        &said.problem("unsigned"),
        &["oadr ven --signatures required"],
    );
}

#[tokio::test]
async fn an_api_that_is_not_there() {
    let said = doctor(&["ven", "house", "--api", "http://127.0.0.1:1"]).await;
    said.only(&["api_unreachable"]);
}
