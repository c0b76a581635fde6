//! Answers that are signed rightly, and wrongly in each way.

use chrono::{TimeDelta, Utc};
use oadr_core::codec::{DecodeOptions, decode};
use oadr_core::payload::Message;
use oadr_sign::{Certificate, SigningKey, sign};

use super::authority::{Authority, Issued, client, expired, server};
use super::given::{Given, created, plain, reply};
use super::{Said, doctor_vtn, holds, text};

const REQUIRED: [&str; 2] = ["--signatures", "required"];

/// Signs an answer, so much later than now.
fn signed(by: &Issued, later: TimeDelta) -> Vec<u8> {
    let message: Message = decode(&created(), &DecodeOptions::default())
        .unwrap()
        .message;
    let certificate = Certificate::from_der(&by.der).unwrap();
    let key = SigningKey::new(&by.key_der, certificate).unwrap();
    sign(&message, &key, Utc::now() + later, [7; 16]).unwrap()
}

/// A VTN that answers with this.
async fn vtn<A>(answer: A) -> Given
where
    A: Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static,
{
    plain(move |_, body| reply("200 OK", "content-type: application/xml\r\n", &answer(body))).await
}

/// A CA with a VTN and a VEN, and the doctor's options for the VEN.
struct Scene {
    ca: Authority,
    house: Issued,
}

impl Scene {
    fn new() -> Self {
        let ca = Authority::new("our CA");
        let house = ca.issue("house", client("house"));
        Self { ca, house }
    }

    fn vtn(&self) -> Issued {
        self.ca.issue("vtn", server(&["127.0.0.1"]))
    }

    async fn examine(&self, vtn: &Given) -> Said {
        let house = text(&self.house.certificate);
        let args = ["--tls-ca", text(&self.ca.ca), "--tls-certificate", house];
        doctor_vtn(&vtn.http(), &[&args[..], &REQUIRED].concat()).await
    }
}

#[tokio::test]
async fn a_right_signature_on_either_side() {
    let scene = Scene::new();
    let own = scene.vtn();
    let answering = vtn(move |body| {
        assert!(oadr_sign::is_signed(body), "the question is signed");
        signed(&own, TimeDelta::zero())
    })
    .await;
    let said = scene.examine(&answering).await;
    said.only(&[]);
    holds(&said.finding("ok", "signature"), &["CN=the VTN"]);
}

#[tokio::test]
async fn no_signature_where_one_is_required() {
    let scene = Scene::new();
    let answering = vtn(|_| created()).await;
    let said = scene.examine(&answering).await;
    said.only(&["unsigned"]);
    let answering = vtn(|_| created()).await;
    let said = doctor_vtn(&answering.http(), &REQUIRED).await;
    said.only(&["signing_key_missing", "unsigned"]);
}

#[tokio::test]
async fn a_document_that_was_changed_after_signing() {
    let scene = Scene::new();
    let own = scene.vtn();
    let answering = vtn(move |_| {
        let document = String::from_utf8(signed(&own, TimeDelta::zero())).unwrap();
        document.replace("OadrVTN", "OadrVTX").into_bytes()
    })
    .await;
    let said = scene.examine(&answering).await;
    said.only(&["digest"]);
    holds(&said.problem("digest"), &["oadrSignedObject"]);
}

#[tokio::test]
async fn a_document_that_was_indented_after_signing() {
    let scene = Scene::new();
    let own = scene.vtn();
    let answering = vtn(move |_| {
        let document = String::from_utf8(signed(&own, TimeDelta::zero())).unwrap();
        document
            .replace("<ei:vtnID>", "\n  <ei:vtnID>")
            .into_bytes()
    })
    .await;
    scene.examine(&answering).await.only(&["digest"]);
}

#[tokio::test]
async fn a_signature_with_another_key_than_that_of_its_certificate() {
    let scene = Scene::new();
    let (own, other) = (scene.vtn(), scene.ca.issue("other", server(&["127.0.0.1"])));
    let answering = vtn(move |_| {
        // The value and what it is over stay; the certificate is another one.
        let document = String::from_utf8(signed(&own, TimeDelta::zero())).unwrap();
        let foreign = String::from_utf8(signed(&other, TimeDelta::zero())).unwrap();
        let (start, end) = ("<ds:X509Certificate>", "</ds:X509Certificate>");
        let within = |text: &str| {
            let from = text.find(start).unwrap() + start.len();
            text[from..text.find(end).unwrap()].to_owned()
        };
        document
            .replace(&within(&document), &within(&foreign))
            .into_bytes()
    })
    .await;
    scene.examine(&answering).await.only(&["value"]);
}

#[tokio::test]
async fn a_signature_from_a_clock_that_is_wrong() {
    for (minutes, code) in [(-10, "too_old"), (10, "too_new")] {
        let scene = Scene::new();
        let own = scene.vtn();
        let answering = vtn(move |_| signed(&own, TimeDelta::minutes(minutes))).await;
        let said = scene.examine(&answering).await;
        said.only(&[code]);
        holds(&said.problem(code), &["NTP"]);
    }
}

#[tokio::test]
async fn a_signature_by_somebody_else() {
    let scene = Scene::new();
    let other = Authority::new("another CA").issue("vtn", server(&["127.0.0.1"]));
    let fingerprint = other.fingerprint().to_string();
    let answering = vtn(move |_| signed(&other, TimeDelta::zero())).await;
    let said = scene.examine(&answering).await;
    said.only(&["other_signer"]);
    holds(
        &said.problem("other_signer"),
        &[&fingerprint, "no CA that is believed"],
    );
}

#[tokio::test]
async fn rule_516_a_signature_with_a_certificate_that_has_expired() {
    let scene = Scene::new();
    let own = scene.ca.issue("vtn", expired(server(&["127.0.0.1"])));
    let answering = vtn(move |_| signed(&own, TimeDelta::zero())).await;
    scene.examine(&answering).await.problem("validity");
}
