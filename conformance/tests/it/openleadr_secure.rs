//! Real OpenLEADR peers over mutual TLS with signatures: RSA, P-256, and one of each.
//!
//! An OpenLEADR VTN does only what is signed with the certificate that its VEN has to have, but for
//! registrations; an OpenLEADR VEN reads only what is signed with the VTN's. Ours require signatures
//! here, so that whatever has an effect was signed on either side.

use std::time::Duration;

use conformance::authority::{Authority, Issued, KeyKind, Order};
use conformance::folder::Folder;
use conformance::http::Base;
use conformance::peers::{Peers, Secured};
use conformance::process::{Mark, Process};
use conformance::program::{self, Vtn};
use conformance::wait;
use serde_json::{Value, json};

use crate::counter::Counter;
use crate::tls_ends::TlsEnd;
use crate::{operator, readings};

const REQUIRED: [&str; 2] = ["--signatures", "required"];

/// Asks everybody for everything, in a message a second.
const POLICY: [&str; 2] = ["--report-policy", "all:granularity=PT1S,back=PT1S"];

/// Two who talk to each other, and one who does not belong there.
struct Certificates {
    authority: Authority,
    vtn: Issued,
    ven: Issued,
    other: Issued,
}

impl Certificates {
    fn new(vtn: KeyKind, ven: KeyKind) -> Self {
        let authority = Authority::new(KeyKind::P256).unwrap();
        let issue = |order: &Order| authority.issue(order).unwrap();
        Self {
            vtn: issue(&Order::server(&["localhost", "127.0.0.1"], vtn)),
            ven: issue(&Order::client("house", ven)),
            other: issue(&Order::client("house", ven)),
            authority,
        }
    }

    /// What an OpenLEADR peer is started with.
    fn secured<'a>(&'a self, own: &'a Issued, expects: &'a str) -> Secured<'a> {
        Secured {
            own,
            authority: &self.authority,
            expects,
        }
    }
}

fn vtn(data: &Folder, certificates: &Certificates) -> Vtn {
    let options = [REQUIRED, POLICY].concat();
    let vtn = Vtn::start_secured(
        data.path(),
        &[&certificates.vtn],
        &certificates.authority,
        &options,
    );
    let vtn = vtn.unwrap();
    assert!(vtn.url.starts_with("https://"), "{}", vtn.url);
    vtn
}

fn enrol(vtn: &Vtn, certificate: &str) {
    let new = json!({"ven_name": "house", "certificates": [certificate]});
    vtn.call("POST", "/api/v1/vens", Some(&new), &[201])
        .unwrap();
}

/// What an OpenLEADR VEN measures, once a second.
fn reports() -> Value {
    json!([{"specifier": "Usage1", "r_id": "Power1", "measurement": "Real_Power", "min_period": 1}])
}

fn listening(vtn: &Process) -> String {
    let listening = vtn.wait_for("listening").unwrap();
    listening["vtn"].as_str().unwrap().to_owned()
}

/// Waits until a process has logged something.
pub(crate) fn wait_for_log(process: &Process, text: &str) {
    wait::until(text, wait::PATIENCE, || {
        process.failure("").to_string().contains(text).then_some(())
    })
    .unwrap_or_else(|failure| panic!("{}", process.failure(&failure.to_string())));
}

/// An OpenLEADR VEN and our VTN: a registration, an event with its answer, a report.
fn openleadr_ven(name: &str, vtn_key: KeyKind, ven_key: KeyKind) {
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let certificates = Certificates::new(vtn_key, ven_key);
    let data = Folder::new("vtn").unwrap();
    let vtn = vtn(&data, &certificates);
    // One in full, one as people tell each other.
    enrol(
        &vtn,
        &match ven_key {
            KeyKind::P256 => certificates.ven.hash(),
            KeyKind::Rsa => certificates.ven.fingerprint(),
        },
    );
    let fingerprint = certificates.vtn.fingerprint();
    let secured = certificates.secured(&certificates.ven, &fingerprint);
    let ven = peers.openleadr_ven_secured(&vtn.url, "house", &reports(), &secured);
    let ven = ven.unwrap();
    let registered = ven.wait_for("registered").unwrap();
    let ven_id = registered["ven_id"].as_str().unwrap();
    ven.wait_for("reports_registered").unwrap();

    let start = Duration::from_secs(600);
    operator::create(&vtn, &operator::event("Event1", &["house"], start, &[1, 2]));
    let event = ven.wait_for("event_received").unwrap();
    assert_eq!(event["event_id"], "Event1");
    operator::wait_for_answer(&vtn, "Event1", ven_id, "optIn");
    wait::until("a reading", wait::PATIENCE, || {
        let stored = readings::stored(&vtn, "");
        (!stored.is_empty()).then_some(())
    })
    .unwrap_or_else(|failure| panic!("{}", ven.failure(&failure.to_string())));
}

/// Our VEN and an OpenLEADR VTN: the same.
fn openleadr_vtn(name: &str, vtn_key: KeyKind, ven_key: KeyKind) {
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let certificates = Certificates::new(vtn_key, ven_key);
    let fingerprint = certificates.ven.fingerprint();
    let secured = certificates.secured(&certificates.vtn, &fingerprint);
    let mut vtn = peers
        .openleadr_vtn_secured(&json!({"RealPower": [1, 1]}), &secured)
        .unwrap();
    let counter = Counter::new("Power1");
    let folder = Folder::new("ven").unwrap();
    let own = certificates.vtn.fingerprint();
    let report = counter.report();
    let options = [
        &REQUIRED[..],
        &["--report", &report, "--vtn-certificate", &own],
    ]
    .concat();
    let ven = program::ven_secured(
        &listening(&vtn),
        "house",
        folder.path(),
        &certificates.ven,
        &certificates.authority,
        &options,
    );
    let ven = ven.unwrap();
    let registered = vtn.wait_for("registered").unwrap();
    assert_eq!(registered["fingerprint"], fingerprint);
    assert_eq!(registered["xml_signature"], true);
    let ven_id = registered["ven_id"].clone();
    assert_eq!(ven.wait_for("registered").unwrap()["ven_id"], ven_id);

    vtn.send(&json!({
        "command": "add_event", "ven_id": ven_id, "event_id": "Event1", "start_in": 600,
        "intervals": [{"seconds": 60, "payload": 1}, {"seconds": 60, "payload": 2}],
    }))
    .unwrap();
    let event = ven.wait_for("event_received").unwrap();
    assert_eq!(event["event_id"], "Event1");
    let opt = vtn.wait_for("opt").unwrap();
    assert_eq!(
        (&opt["event_id"], &opt["opt"]),
        (&json!("Event1"), &json!("optIn"))
    );
    vtn.wait_for("readings").unwrap();
}

#[test]
fn an_openleadr_ven_and_our_vtn_sign_with_p256() {
    let name = "an_openleadr_ven_and_our_vtn_sign_with_p256";
    openleadr_ven(name, KeyKind::P256, KeyKind::P256);
}

#[test]
fn an_openleadr_ven_and_our_vtn_sign_with_rsa() {
    let name = "an_openleadr_ven_and_our_vtn_sign_with_rsa";
    openleadr_ven(name, KeyKind::Rsa, KeyKind::Rsa);
}

#[test]
fn an_openleadr_ven_with_p256_and_our_vtn_with_rsa_sign() {
    let name = "an_openleadr_ven_with_p256_and_our_vtn_with_rsa_sign";
    openleadr_ven(name, KeyKind::Rsa, KeyKind::P256);
}

#[test]
fn an_openleadr_ven_with_rsa_and_our_vtn_with_p256_sign() {
    let name = "an_openleadr_ven_with_rsa_and_our_vtn_with_p256_sign";
    openleadr_ven(name, KeyKind::P256, KeyKind::Rsa);
}

#[test]
fn our_ven_and_an_openleadr_vtn_sign_with_p256() {
    let name = "our_ven_and_an_openleadr_vtn_sign_with_p256";
    openleadr_vtn(name, KeyKind::P256, KeyKind::P256);
}

#[test]
fn our_ven_and_an_openleadr_vtn_sign_with_rsa() {
    let name = "our_ven_and_an_openleadr_vtn_sign_with_rsa";
    openleadr_vtn(name, KeyKind::Rsa, KeyKind::Rsa);
}

#[test]
fn our_ven_with_p256_and_an_openleadr_vtn_with_rsa_sign() {
    let name = "our_ven_with_p256_and_an_openleadr_vtn_with_rsa_sign";
    openleadr_vtn(name, KeyKind::Rsa, KeyKind::P256);
}

#[test]
fn our_ven_with_rsa_and_an_openleadr_vtn_with_p256_sign() {
    let name = "our_ven_with_rsa_and_an_openleadr_vtn_with_p256_sign";
    openleadr_vtn(name, KeyKind::P256, KeyKind::Rsa);
}

#[test]
fn an_openleadr_ven_that_expects_another_certificate_reads_nothing_of_ours() {
    let name = "an_openleadr_ven_that_expects_another_certificate_reads_nothing_of_ours";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let certificates = Certificates::new(KeyKind::P256, KeyKind::P256);
    let data = Folder::new("vtn").unwrap();
    let vtn = vtn(&data, &certificates);
    enrol(&vtn, &certificates.ven.hash());
    let fingerprint = certificates.other.fingerprint();
    let secured = certificates.secured(&certificates.ven, &fingerprint);
    let ven = peers.openleadr_ven_secured(&vtn.url, "house", &reports(), &secured);
    let ven = ven.unwrap();
    ven.wait_for("running").unwrap();
    wait_for_log(&ven, "The certificate fingerprint was incorrect");
    let read = ven.happenings();
    let read: Vec<_> = read
        .iter()
        .filter(|line| line["happening"] != "running")
        .collect();
    assert!(read.is_empty(), "{read:#?}");
}

#[test]
fn our_vtn_refuses_an_openleadr_ven_with_another_certificate_than_the_enrolled_one() {
    let name = "our_vtn_refuses_an_openleadr_ven_with_another_certificate_than_the_enrolled_one";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    for enrolled in [true, false] {
        let certificates = Certificates::new(KeyKind::P256, KeyKind::P256);
        let data = Folder::new("vtn").unwrap();
        let vtn = vtn(&data, &certificates);
        if enrolled {
            enrol(&vtn, &certificates.ven.fingerprint());
        }
        let fingerprint = certificates.vtn.fingerprint();
        let secured = certificates.secured(&certificates.other, &fingerprint);
        let ven = peers.openleadr_ven_secured(&vtn.url, "house", &reports(), &secured);
        let ven = ven.unwrap();
        // Rule 517: TLS is fine, and nobody knows it. The reply is signed: this VEN reads it.
        let refused = |line: &Value| {
            line["message"] == "oadrCreatedPartyRegistration" && line["response_code"] == 463
        };
        ven.wait_after(Mark::START, "received", refused).unwrap();
        ven.wait_for("running").unwrap();
        let registered = operator::vens(&vtn);
        let registered: Vec<_> = registered
            .iter()
            .filter(|ven| !ven["registration_id"].is_null())
            .collect();
        assert!(registered.is_empty(), "{registered:#?}");
        assert_eq!(operator::vens(&vtn).len(), usize::from(enrolled));
    }
}

#[test]
fn our_ven_talks_to_no_openleadr_vtn_with_another_certificate_than_the_named_one() {
    let name = "our_ven_talks_to_no_openleadr_vtn_with_another_certificate_than_the_named_one";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let certificates = Certificates::new(KeyKind::P256, KeyKind::P256);
    let fingerprint = certificates.ven.fingerprint();
    let secured = certificates.secured(&certificates.vtn, &fingerprint);
    let vtn = peers.openleadr_vtn_secured(&json!({}), &secured).unwrap();
    let folder = Folder::new("ven").unwrap();
    let other = certificates.other.fingerprint();
    let options = [&REQUIRED[..], &["--vtn-certificate", &other]].concat();
    let start = |url: &str, options: &[&str]| {
        let (own, authority) = (&certificates.ven, &certificates.authority);
        program::ven_secured(url, "house", folder.path(), own, authority, options).unwrap()
    };
    let url = listening(&vtn);
    let ven = start(&url, &options);
    wait_for_log(&ven, "oadr doctor vtn https://");
    wait_for_log(&ven, &other);
    drop(ven);
    assert_eq!(vtn.happenings().len(), 1, "{:#?}", vtn.happenings());

    // One that shows the named certificate, and whose replies another one has signed.
    let server = Order::server(&["localhost", "127.0.0.1"], KeyKind::P256);
    let shown = certificates.authority.issue(&server).unwrap();
    let behind = Base::parse(&url).unwrap().address;
    let on = TlsEnd::on(&certificates.ven, &certificates.authority, behind);
    let off = TlsEnd::off(&shown, on.address());
    let url = format!("https://{}", off.address());
    let named = shown.fingerprint();
    let options = [&REQUIRED[..], &["--vtn-certificate", &named]].concat();
    let ven = start(&url, &options);
    wait_for_log(&ven, "the reply does not count");
    wait_for_log(&ven, &certificates.vtn.fingerprint());
    // It has asked, and asks again: nothing of what came back counted.
    let asked = |line: &Value| line["message"] == "oadrQueryRegistration";
    let first = vtn.wait_after(Mark::START, "received", asked).unwrap();
    assert!(first["ven_id"].is_null());
    let mark = vtn.mark();
    vtn.wait_after(mark, "received", asked).unwrap();
    assert_eq!(ven.happenings(), [] as [Value; 0]);
    let others = vtn.happenings();
    let others = others
        .iter()
        .filter(|line| line["happening"] != "listening" && !asked(line));
    assert_eq!(others.count(), 0, "{:#?}", vtn.happenings());
}

#[test]
fn an_openleadr_vtn_that_expects_another_certificate_does_nothing_for_our_ven() {
    let name = "an_openleadr_vtn_that_expects_another_certificate_does_nothing_for_our_ven";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let certificates = Certificates::new(KeyKind::P256, KeyKind::P256);
    let other = certificates.other.fingerprint();
    let secured = certificates.secured(&certificates.vtn, &other);
    let vtn = peers.openleadr_vtn_secured(&json!({}), &secured).unwrap();
    let folder = Folder::new("ven").unwrap();
    let ven = program::ven_secured(
        &listening(&vtn),
        "house",
        folder.path(),
        &certificates.ven,
        &certificates.authority,
        &REQUIRED,
    );
    let ven = ven.unwrap();
    // This VTN takes any registration, and then nothing that comes with it.
    ven.wait_for("registered").unwrap();
    let mark = vtn.mark();
    vtn.wait_after(mark, "registered", |_| true).unwrap();
    for line in vtn.happenings() {
        let harmless = match line["happening"].as_str().unwrap_or_default() {
            "received" => line["message"]
                .as_str()
                .is_some_and(|message| message.ends_with("Registration")),
            "listening" | "registered" => true,
            _ => false,
        };
        assert!(harmless, "{line}");
    }
}
