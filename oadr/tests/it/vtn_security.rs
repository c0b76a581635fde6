//! A VTN that talks TLS and wants signatures, and VENs that do it right and wrong.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use chrono::{TimeDelta, Utc};
use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use oadr::vtn::{self, Admission};
use oadr_core::payload::{Message, Poll};
use oadr_core::value::{DateTime, ServiceName, VenId};
use oadr_core::{Peer, SignaturePolicy};
use oadr_http::tls::{TlsClient, TlsClientConfig};
use oadr_http::{Client, ClientConfig, ClientError, Seal, SealError, Unsealed};
use oadr_sign::{Certificate, Policy, SignedDocument, SigningKey, is_signed, sign};
use serde_json::Value;

use crate::authority::{Authority, P256, RSA};
use crate::folder::Folder;
use crate::served::{call, settings, until};
use crate::token;
use crate::wire::{create, poll, register, send};

/// Sends what the test says, and keeps what comes back.
#[derive(Debug)]
struct Pen {
    key: Option<Arc<SigningKey>>,
    /// What goes out instead of the next message.
    instead: Mutex<Option<Vec<u8>>>,
    sent: Mutex<Vec<u8>>,
    heard: Mutex<Bytes>,
    nonce: Mutex<u128>,
}

impl Pen {
    fn new(key: Option<Arc<SigningKey>>) -> Arc<Self> {
        Arc::new(Self {
            key,
            instead: Mutex::default(),
            sent: Mutex::default(),
            heard: Mutex::default(),
            nonce: Mutex::default(),
        })
    }

    fn sign(&self, message: &Message, at: DateTime) -> Vec<u8> {
        let mut nonce = self.nonce.lock().unwrap();
        *nonce += 1;
        let key = self.key.as_ref().unwrap();
        sign(message, key, at, nonce.to_be_bytes()).unwrap()
    }

    /// Whether the last reply was signed by this certificate.
    fn heard_from(&self, certificate: &Certificate) -> bool {
        let heard = self.heard.lock().unwrap();
        if !is_signed(&heard) {
            return false;
        }
        let signed = SignedDocument::parse(&heard).unwrap();
        let verified = signed.verify(certificate, &Policy::default(), Utc::now());
        verified.is_ok()
    }
}

impl Seal for Pen {
    fn seal(&self, message: &Message) -> Result<Vec<u8>, SealError> {
        let instead = self.instead.lock().unwrap().take();
        let document = instead.unwrap_or_else(|| match self.key {
            Some(_) => self.sign(message, Utc::now()),
            None => oadr_core::codec::encode(message),
        });
        self.sent.lock().unwrap().clone_from(&document);
        Ok(document)
    }

    fn unseal(&self, _: &Peer, document: Bytes) -> Result<Unsealed, SealError> {
        self.heard.lock().unwrap().clone_from(&document);
        if !is_signed(&document) {
            return Ok(Unsealed::unsigned(document));
        }
        let signed = SignedDocument::parse(&document).unwrap();
        let certificate = Certificate::from_der(signed.certificate()).unwrap();
        let verified = signed.verify(&certificate, &Policy::default(), Utc::now());
        let verified = verified.unwrap();
        Ok(Unsealed {
            octets: verified.octets.into(),
            signature: Some(verified.signature),
        })
    }
}

fn client(vtn: &vtn::Running, pen: &Arc<Pen>, tls: Option<TlsClient>) -> Client {
    let seal: Arc<dyn Seal> = Arc::<Pen>::clone(pen);
    let mut config = ClientConfig::default();
    config.seal = Some(seal);
    config.tls = tls;
    Client::new(vtn.vtn_url().parse().unwrap(), config)
}

fn tls(ca: &Authority, name: Option<&str>) -> TlsClient {
    let roots = ca.read("vtn").roots;
    let mut config = TlsClientConfig::new(roots);
    config.identity = name.map(|name| ca.read(name).identities.remove(0));
    TlsClient::new(config).unwrap()
}

async fn start(config: vtn::Config) -> vtn::Running {
    let vtn = vtn::start(config).await.unwrap();
    token::learn(&vtn.api_url(), &vtn.api_token_file());
    vtn
}

/// Without TLS, with keys to sign with.
fn signing(data: &Path, ca: &Authority, policy: SignaturePolicy) -> vtn::Config {
    vtn::Config {
        signatures: Some(policy),
        signature_files: Some(ca.files(&["vtn", "vtn-rsa"])),
        ..settings(data, Admission::Open)
    }
}

async fn refusals(vtn: &vtn::Running) -> Vec<Value> {
    let answer = call(&vtn.api_url(), Method::GET, "/api/v1/refusals", None).await;
    answer.body["refusals"].as_array().unwrap().clone()
}

/// The latest one.
async fn refusal(vtn: &vtn::Running) -> Value {
    refusals(vtn).await.first().cloned().unwrap_or_default()
}

async fn is_forbidden(client: &Client, service: ServiceName, message: impl Into<Message>) {
    match client.send(service, &message.into()).await {
        Err(ClientError::Status {
            status, excerpt, ..
        }) => {
            assert_eq!((status, &*excerpt), (StatusCode::FORBIDDEN, ""));
        }
        other => panic!("{other:?}"),
    }
}

fn a_poll(ven_id: &VenId) -> Poll {
    Poll {
        ven_id: ven_id.clone(),
    }
}

#[tokio::test]
async fn what_is_signed_over_plain_http_says_who_it_is_and_is_answered_with_a_key_of_its_kind() {
    let folder = Folder::new();
    let ca = Authority::new(&folder.path().join("pki"));
    for (name, kind) in [
        ("vtn", P256),
        ("vtn-rsa", RSA),
        ("house", P256),
        ("plant", RSA),
    ] {
        ca.issue(name, kind);
    }
    let data = folder.path().join("vtn");
    let vtn = start(signing(&data, &ca, SignaturePolicy::Optional)).await;
    for (name, answers) in [("house", "vtn"), ("plant", "vtn-rsa")] {
        let pen = Pen::new(Some(ca.key(name)));
        let signs = client(&vtn, &pen, None);
        let ven_id = register(&signs, name).await;
        assert!(pen.heard_from(ca.key(answers).certificate()));
        poll(&signs, &ven_id).await;
        assert!(pen.heard_from(ca.key(answers).certificate()));

        // Whoever knows the venID and nothing else is not this VEN.
        let silent = Pen::new(None);
        let other = client(&vtn, &silent, None);
        let reply = send(&other, ServiceName::OadrPoll, a_poll(&ven_id)).await;
        assert_eq!(reply.ei_response().unwrap().response_code.get(), 463);
        assert!(!silent.heard_from(ca.key(answers).certificate()));
        let refused = refusal(&vtn).await;
        assert_eq!(
            (&refused["stage"], &refused["code"]),
            (&"request".into(), &"463".into())
        );
    }
    vtn.stop().await;
}

#[tokio::test]
async fn nothing_that_is_unsigned_wrongly_signed_or_signed_before_has_an_effect() {
    let folder = Folder::new();
    let ca = Authority::new(&folder.path().join("pki"));
    for name in ["vtn", "vtn-rsa", "house"] {
        ca.issue(name, P256);
    }
    let data = folder.path().join("vtn");
    let config = signing(&data, &ca, SignaturePolicy::Required);
    let vtn = start(config.clone()).await;
    let service = ServiceName::EiRegisterParty;

    // A registration without a signature.
    let silent = client(&vtn, &Pen::new(None), None);
    is_forbidden(&silent, service, create("house")).await;
    assert_eq!(refusal(&vtn).await["code"], "unsigned");

    let pen = Pen::new(Some(ca.key("house")));
    let signs = client(&vtn, &pen, None);
    let message = Message::from(create("house"));
    for (document, code) in [
        (
            String::from_utf8(pen.sign(&message, Utc::now()))
                .unwrap()
                .replace(">house<", ">plant<")
                .into_bytes(),
            "digest",
        ),
        (
            pen.sign(&message, Utc::now() + TimeDelta::minutes(5)),
            "too_new",
        ),
        (
            pen.sign(&message, Utc::now() - TimeDelta::minutes(5)),
            "too_old",
        ),
        // Within the window, but who knows whether it was seen?
        (
            pen.sign(&message, Utc::now() - TimeDelta::seconds(50)),
            "before_start",
        ),
    ] {
        *pen.instead.lock().unwrap() = Some(document);
        is_forbidden(&signs, service, create("house")).await;
        assert_eq!(refusal(&vtn).await["code"], code);
    }
    let vens = call(&vtn.api_url(), Method::GET, "/api/v1/vens", None).await;
    assert_eq!(vens.body["vens"].as_array().unwrap().len(), 0);

    let first = register(&signs, "house").await;
    let document = pen.sent.lock().unwrap().clone();
    *pen.instead.lock().unwrap() = Some(document.clone());
    is_forbidden(&signs, service, create("house")).await;
    assert_eq!(refusal(&vtn).await["code"], "replayed");

    // Nor does what anybody could have said show that the VEN is there.
    let api = vtn.api_url();
    let vens = || call(&api, Method::GET, "/api/v1/vens", None);
    let before = vens().await.text;
    is_forbidden(&silent, ServiceName::OadrPoll, a_poll(&first)).await;
    assert_eq!(vens().await.text, before);

    let metrics = call(&vtn.api_url(), Method::GET, "/metrics", None).await;
    for line in [
        "oadr_signatures_verified_total 1",
        "oadr_signatures_refused_total{code=\"replayed\"} 1",
        "oadr_signatures_refused_total{code=\"unsigned\"} 2",
        "kind=\"own\"}",
    ] {
        assert!(metrics.text.contains(line), "{line}: {}", metrics.text);
    }
    vtn.stop().await;

    // Another process has seen nothing, and knows it.
    let vtn = start(config).await;
    let signs = client(&vtn, &pen, None);
    *pen.instead.lock().unwrap() = Some(document);
    is_forbidden(&signs, service, create("house")).await;
    let code = refusal(&vtn).await["code"].clone();
    assert!(code == "before_start" || code == "replayed", "{code}");
    poll(&signs, &first).await;
    vtn.stop().await;
}

#[tokio::test]
async fn over_tls_the_certificate_says_who_it_is_and_may_sign_for_nobody_else() {
    let folder = Folder::new();
    let ca = Authority::new(&folder.path().join("pki"));
    for name in ["vtn", "house", "plant"] {
        ca.issue(name, P256);
    }
    let config = vtn::Config {
        tls: Some(ca.files(&["vtn"])),
        ..settings(&folder.path().join("vtn"), Admission::Open)
    };
    let vtn = start(config).await;
    assert!(
        vtn.vtn_url().starts_with("https://127.0.0.1:"),
        "{}",
        vtn.vtn_url()
    );

    // Unsigned is optional, and so is the answer.
    let silent = Pen::new(None);
    let plain = client(&vtn, &silent, Some(tls(&ca, Some("house"))));
    let ven_id = register(&plain, "house").await;
    assert!(!silent.heard_from(ca.key("vtn").certificate()));

    let pen = Pen::new(Some(ca.key("house")));
    let signs = client(&vtn, &pen, Some(tls(&ca, Some("house"))));
    poll(&signs, &ven_id).await;
    assert!(pen.heard_from(ca.key("vtn").certificate()));

    // Another's signature on this connection, and this signature on another's.
    for (connection, signer) in [("house", "plant"), ("plant", "house")] {
        let pen = Pen::new(Some(ca.key(signer)));
        let client = client(&vtn, &pen, Some(tls(&ca, Some(connection))));
        is_forbidden(&client, ServiceName::OadrPoll, a_poll(&ven_id)).await;
        let refused = refusal(&vtn).await;
        assert_eq!(
            (&refused["stage"], &refused["code"]),
            (&"signature".into(), &"other_signer".into())
        );
        let subject = refused["subject"].as_str().unwrap();
        assert!(subject.contains(connection), "{refused}");
    }

    // Nobody without a certificate.
    let nobody = client(&vtn, &Pen::new(None), Some(tls(&ca, None)));
    let error = nobody
        .send(ServiceName::OadrPoll, &a_poll(&ven_id).into())
        .await;
    assert!(matches!(error, Err(ClientError::Tls { .. })), "{error:?}");
    let last = || async { refusal(&vtn).await };
    let refused = until("it is told", last, |refused| refused["stage"] == "tls").await;
    assert_eq!(refused["code"], "no_certificate");
    vtn.stop().await;
}

#[tokio::test]
async fn rule_517_an_unknown_certificate_is_told_with_what_to_do_about_it() {
    let folder = Folder::new();
    let ca = Authority::new(&folder.path().join("pki"));
    for name in ["vtn", "house"] {
        ca.issue(name, P256);
    }
    let vtn = start(vtn::Config {
        tls: Some(ca.files(&["vtn"])),
        ..settings(&folder.path().join("vtn"), Admission::Enrolled)
    })
    .await;
    let stranger = client(&vtn, &Pen::new(None), Some(tls(&ca, Some("house"))));
    for _ in 0..3 {
        let reply = send(&stranger, ServiceName::EiRegisterParty, create("house")).await;
        assert_eq!(reply.ei_response().unwrap().response_code.get(), 463);
    }
    let refused = refusals(&vtn).await;
    assert_eq!(refused.len(), 1, "{refused:?}");
    let refused = &refused[0];
    let house = ca.key("house");
    let certificate = house.certificate();
    assert_eq!(
        (
            &refused["stage"],
            &refused["code"],
            &refused["times"],
            &refused["ven"]
        ),
        (
            &"certificate".into(),
            &"unknown".into(),
            &3.into(),
            &"house".into()
        )
    );
    assert_eq!(refused["certificate"], certificate.hash().to_string());
    assert_eq!(refused["subject"], certificate.subject());
    let what_to_do = format!(
        "oadr vens enrol NAME --fingerprint {}",
        certificate.fingerprint()
    );
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.contains(&what_to_do), "{reason}");
    vtn.stop().await;
}

#[tokio::test]
async fn certificates_are_replaced_while_a_connection_is_open_and_broken_files_change_nothing() {
    let folder = Folder::new();
    let ca = Authority::new(&folder.path().join("pki"));
    for name in ["vtn", "house"] {
        ca.issue(name, P256);
    }
    let vtn = start(vtn::Config {
        tls: Some(ca.files(&["vtn"])),
        ..settings(&folder.path().join("vtn"), Admission::Open)
    })
    .await;
    let pen = Pen::new(Some(ca.key("house")));
    let house = client(&vtn, &pen, Some(tls(&ca, Some("house"))));
    let ven_id = register(&house, "house").await;
    let old = ca.key("vtn");
    assert!(pen.heard_from(old.certificate()));

    let shown = || async {
        let answer = call(&vtn.api_url(), Method::GET, "/api/v1/certificates", None).await;
        answer.body["certificates"].clone()
    };
    let before = shown().await;
    assert_eq!(before[0]["kind"], "own");
    assert_eq!(
        before[0]["fingerprint"],
        old.certificate().fingerprint().to_string()
    );
    assert_eq!(before[1]["kind"], "root");

    // First what is none, then the next one.
    fs::write(folder.path().join("pki/vtn-key.pem"), "nothing").unwrap();
    poll(&house, &ven_id).await;
    assert!(pen.heard_from(old.certificate()));
    ca.issue("vtn", P256);
    let new = ca.key("vtn");
    let fingerprint = new.certificate().fingerprint().to_string();
    until("it is in force", shown, |shown| {
        shown[0]["fingerprint"] == fingerprint.as_str()
    })
    .await;
    poll(&house, &ven_id).await;
    assert!(pen.heard_from(new.certificate()));
    vtn.stop().await;
}
