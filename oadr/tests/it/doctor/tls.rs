//! What is wrong with the server's certificate, and with ours in its eyes.

use rcgen::ExtendedKeyUsagePurpose;

use super::authority::{Authority, Issued, client, ending, expired, not_yet_valid, server};
use super::given::{self, chain_config, config};
use super::{Said, doctor_vtn, holds, text};

/// No signatures: they have tests of their own.
const UNSIGNED: [&str; 2] = ["--signatures", "off"];

async fn judge(shown: &Issued, ca: &Authority, more: &[&str]) -> Said {
    let vtn = given::tls(config(shown, &[]), given::vtn).await;
    doctor_vtn(&vtn.https(), &[&["--tls-ca", text(&ca.ca)], more].concat()).await
}

#[tokio::test]
async fn a_server_and_a_client_that_believe_each_other() {
    let ca = Authority::new("our CA");
    let (vtn, house) = (
        ca.issue("vtn", server(&["localhost"])),
        ca.issue("house", client("house")),
    );
    let listening = given::tls(config(&vtn, std::slice::from_ref(&ca.der)), given::vtn).await;
    let args = [
        "--tls-ca",
        text(&ca.ca),
        "--tls-certificate",
        text(&house.certificate),
    ];
    let said = doctor_vtn(&listening.https(), &[&args[..], &UNSIGNED].concat()).await;
    said.only(&[]);
    holds(&said.finding("ok", "tls"), &["TLS 1.3"]);
    holds(
        &said.finding("ok", "server_certificate"),
        &["CN=the VTN", "CN=our CA", &vtn.fingerprint().to_string()],
    );
    said.finding("ok", "client_certificate");
    said.finding("ok", "vtn");
}

#[tokio::test]
async fn a_ca_that_is_unknown() {
    let (ours, theirs) = (Authority::new("our CA"), Authority::new("their CA"));
    let vtn = theirs.issue("vtn", server(&["localhost"]));
    let said = judge(&vtn, &ours, &[]).await;
    said.only(&["unknown_ca"]);
    holds(
        &said.problem("unknown_ca"),
        &[
            "issued by CN=their CA",
            "the CA file has CN=our CA",
            "--tls-ca",
        ],
    );
    // Nothing was sent to it.
    said.finding("hint", "stopped");
    let listening = given::tls(config(&vtn, &[]), given::vtn).await;
    let said = doctor_vtn(&listening.https(), &[]).await;
    said.only(&["no_ca"]);
    holds(
        &said.problem("no_ca"),
        &["CN=their CA", &vtn.hash().to_string()],
    );
}

#[tokio::test]
async fn an_intermediate_certificate_that_is_missing() {
    let root = Authority::new("our CA");
    let below = root.below("the CA below");
    let vtn = below.issue("vtn", server(&["localhost"]));
    let said = judge(&vtn, &root, &[]).await;
    holds(
        &said.problem("unknown_ca"),
        &["CN=the CA below", "no intermediate certificate came"],
    );
    let chain = vec![vtn.der.clone(), below.der.clone()];
    let whole = given::tls(chain_config(chain, &vtn, &[]), given::vtn).await;
    doctor_vtn(&whole.https(), &["--tls-ca", text(&root.ca)])
        .await
        .only(&[]);
}

#[tokio::test]
async fn a_ca_of_the_same_name_with_another_key() {
    let (before, after) = (Authority::new("our CA"), Authority::new("our CA"));
    let vtn = after.issue("vtn", server(&["localhost"]));
    judge(&vtn, &before, &[]).await.only(&["ca_key_differs"]);
}

#[tokio::test]
async fn a_firewall_that_opens_tls() {
    let (ours, theirs) = (
        Authority::new("our CA"),
        Authority::new("Zscaler Intermediate Root CA"),
    );
    let said = judge(&theirs.issue("vtn", server(&["localhost"])), &ours, &[]).await;
    said.only(&["inspecting_proxy"]);
    holds(
        &said.problem("inspecting_proxy"),
        &["Zscaler", "CN=our CA", "excepted"],
    );
}

#[tokio::test]
async fn rule_516_a_server_certificate_that_has_expired_or_is_not_valid_yet() {
    let ca = Authority::new("our CA");
    let said = judge(&ca.issue("vtn", expired(server(&["localhost"]))), &ca, &[]).await;
    said.only(&["certificate_expired"]);
    holds(
        &said.problem("certificate_expired"),
        &["10 days ago", "operator"],
    );
    let said = judge(
        &ca.issue("vtn", not_yet_valid(server(&["localhost"]))),
        &ca,
        &[],
    )
    .await;
    said.only(&["certificate_not_yet_valid"]);
    let said = judge(&ca.issue("vtn", ending(server(&["localhost"]))), &ca, &[]).await;
    said.only(&[]);
    said.finding("hint", "certificate_expires_soon");
}

#[tokio::test]
async fn a_server_certificate_with_another_host_name_or_none() {
    let ca = Authority::new("our CA");
    let other = ca.issue("vtn", server(&["vtn.example", "10.1.2.3"]));
    let said = judge(&other, &ca, &[]).await;
    said.only(&["wrong_host_name"]);
    holds(
        &said.problem("wrong_host_name"),
        &[
            "vtn.example, 10.1.2.3",
            "not for localhost",
            "--no-verify-host",
        ],
    );
    judge(&other, &ca, &["--no-verify-host"]).await.only(&[]);
    judge(&ca.issue("vtn", server(&[])), &ca, &[])
        .await
        .only(&["no_subject_alt_name"]);
    let wild = ca.issue("vtn", server(&["*.localhost"]));
    judge(&wild, &ca, &[]).await.only(&["wrong_host_name"]);
}

#[tokio::test]
async fn a_server_certificate_for_clients() {
    let ca = Authority::new("our CA");
    let mut params = server(&["localhost"]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    judge(&ca.issue("vtn", params), &ca, &[])
        .await
        .only(&["not_for_servers"]);
}

#[tokio::test]
async fn a_server_certificate_signed_by_itself() {
    let ca = Authority::new("our CA");
    let vtn = ca.self_signed("vtn", server(&["localhost"]));
    let said = judge(&vtn, &ca, &[]).await;
    said.only(&["self_signed"]);
    holds(&said.problem("self_signed"), &[&vtn.hash().to_string()]);
    let pin = vtn.hash().to_string();
    let listening = given::tls(config(&vtn, &[]), given::vtn).await;
    doctor_vtn(&listening.https(), &["--vtn-certificate", &pin])
        .await
        .only(&[]);
}

#[tokio::test]
async fn a_server_certificate_with_another_fingerprint_than_the_pinned_one() {
    let ca = Authority::new("our CA");
    let (vtn, other) = (
        ca.issue("vtn", server(&["localhost"])),
        ca.issue("other", server(&["localhost"])),
    );
    let pin = other.fingerprint().to_string();
    let said = judge(&vtn, &ca, &["--vtn-certificate", &pin]).await;
    said.only(&["fingerprint_differs"]);
    holds(
        &said.problem("fingerprint_differs"),
        &[&pin, &vtn.fingerprint().to_string()],
    );
}

#[tokio::test]
async fn a_client_certificate_that_is_asked_for_and_not_given() {
    let ca = Authority::new("our CA");
    for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
        let vtn = asking(&ca, versions).await;
        let said = doctor_vtn(&vtn.https(), &["--tls-ca", text(&ca.ca)]).await;
        said.only(&["client_certificate_missing"]);
        holds(
            &said.problem("client_certificate_missing"),
            &["CN=our CA", "--tls-certificate"],
        );
    }
}

/// A VTN with these versions of TLS that believes the CA's clients.
async fn asking(
    ca: &Authority,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> given::Given {
    let vtn = ca.issue("vtn", server(&["localhost"]));
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.der.clone()).unwrap();
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        std::sync::Arc::new(roots),
        std::sync::Arc::clone(&provider),
    );
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![vtn.der.clone()], vtn.key_der)
        .unwrap();
    given::tls(config, given::vtn).await
}

#[tokio::test]
async fn a_client_certificate_that_is_refused_and_why() {
    let (ca, other) = (Authority::new("our CA"), Authority::new("some other CA"));
    let stranger = other.issue("house", client("house"));
    let old = ca.issue("old", expired(client("house")));
    let mut params = client("house");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let server_only = ca.issue("server-only", params);
    for (shown, also, why) in [
        (
            &stranger,
            None,
            "it is from CN=some other CA, and the server believes certificates of CN=our CA",
        ),
        (&old, Some("certificate_expired"), "it is valid until"),
        (
            &server_only,
            Some("not_for_clients"),
            "does not allow clients (clientAuth)",
        ),
    ] {
        for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
            let vtn = asking(&ca, versions).await;
            let args = [
                "--tls-ca",
                text(&ca.ca),
                "--tls-certificate",
                text(&shown.certificate),
            ];
            let said = doctor_vtn(&vtn.https(), &[&args[..], &UNSIGNED].concat()).await;
            let codes: Vec<_> = also
                .into_iter()
                .chain(["client_certificate_refused"])
                .collect();
            said.only(&codes);
            let refused = said.problem("client_certificate_refused");
            holds(&refused, &[why, &shown.fingerprint().to_string(), "alert"]);
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_ask_for_a_certificate() {
    let ca = Authority::new("our CA");
    let said = judge(&ca.issue("vtn", server(&["localhost"])), &ca, &[]).await;
    said.only(&[]);
    said.finding("hint", "client_certificate_not_asked");
}

#[tokio::test]
async fn tls_where_plain_http_was_expected() {
    let ca = Authority::new("our CA");
    let vtn = given::tls(
        config(&ca.issue("vtn", server(&["localhost"])), &[]),
        given::vtn,
    )
    .await;
    let said = doctor_vtn(&vtn.http(), &[]).await;
    said.only(&["tls_on_plain_port"]);
    holds(&said.problem("tls_on_plain_port"), &["Use https://"]);
}

#[tokio::test]
async fn the_key_of_another_certificate() {
    let ca = Authority::new("our CA");
    let (house, plant) = (
        ca.issue("house", client("house")),
        ca.issue("plant", client("plant")),
    );
    let vtn = given::tls(
        config(&ca.issue("vtn", server(&["localhost"])), &[]),
        given::vtn,
    )
    .await;
    let args = [
        "--tls-ca",
        text(&ca.ca),
        "--tls-certificate",
        text(&house.certificate),
    ];
    let args = [&args[..], &["--tls-key", text(&plant.key)], &UNSIGNED].concat();
    doctor_vtn(&vtn.https(), &args).await.only(&["key_differs"]);
    let swapped = [
        "--tls-ca",
        text(&ca.ca),
        "--tls-certificate",
        text(&house.key),
    ];
    let said = doctor_vtn(&vtn.https(), &[&swapped[..], &UNSIGNED].concat()).await;
    said.only(&["file_has_no_certificate"]);
}
