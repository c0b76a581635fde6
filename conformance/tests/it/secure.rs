//! `oadr ven` and `oadr vtn` over mutual TLS with signatures required: both killed in the middle, and
//! told again what was said before.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use conformance::authority::{Authority, Issued, KeyKind, Order};
use conformance::folder::Folder;
use conformance::http::Base;
use conformance::peers::{Peers, Secured};
use conformance::process::Process;
use conformance::program::{self, Vtn};
use conformance::tap::{Exchange, Reply, Tap};
use conformance::wait;
use serde_json::{Value, json};

use crate::openleadr_secure::wait_for_log;
use crate::tls_ends::TlsEnd;
use crate::{operator, wire};

const REQUIRED: [&str; 2] = ["--signatures", "required"];

#[test]
fn what_was_signed_once_has_no_effect_twice_and_nothing_is_lost_across_kill_9() {
    let name = "what_was_signed_once_has_no_effect_twice_and_nothing_is_lost_across_kill_9";
    let authority = Authority::new(KeyKind::P256).unwrap();
    let server = Order::server(&["localhost", "127.0.0.1"], KeyKind::P256);
    let (own, house) = (authority.issue(&server).unwrap(), authority.client("house"));
    let house = house.unwrap();
    let (data, folder) = (Folder::new("vtn").unwrap(), Folder::new("ven").unwrap());
    let start_vtn = || Vtn::start_secured(data.path(), &[&own], &authority, &REQUIRED).unwrap();
    let mut vtn = start_vtn();
    let new = json!({"ven_name": "house", "ven_id": "house", "certificates": [house.hash()]});
    vtn.call("POST", "/api/v1/vens", Some(&new), &[201])
        .unwrap();

    // Who holds both ends sees what is said, and can say it again.
    let on = TlsEnd::on(&house, &authority, vtn.endpoint.address);
    let tap = Tap::start(on.address()).unwrap();
    let off = TlsEnd::off(&own, tap.address());
    let again = Base {
        address: on.address(),
        ..vtn.endpoint.clone()
    };
    let url = format!("https://{}", off.address());
    let start_ven = || ven(&url, folder.path(), &house, &authority);
    let mut ven = start_ven();
    ven.wait_for("registered").unwrap();

    // Each has the last word taken back later: said again, it would count again.
    event(&vtn, "Event1");
    operator::wait_for_answer(&vtn, "Event1", "house", "optIn");
    opt(folder.path(), &["out", "--event", "Event1"]);
    operator::wait_for_answer(&vtn, "Event1", "house", "optOut");
    let away = [
        "out",
        "--start",
        "+P1D",
        "--duration",
        "PT1H",
        "--id",
        "Away",
    ];
    opt(folder.path(), &away);
    assert_eq!(schedules(&vtn), 1);
    opt(folder.path(), &["cancel", "Away"]);
    assert_eq!(schedules(&vtn), 0);
    let said = [
        ("/EiEvent", first(&tap.exchanges(), "oadrCreatedEvent")),
        ("/EiOpt", first(&tap.exchanges(), "oadrCreateOpt")),
    ];
    let say_again = |vtn: &Vtn| {
        for (path, document) in &said {
            let answer = again.xml(path, document).unwrap();
            assert_eq!((answer.status, answer.body.len()), (403, 0), "{path}");
        }
        let event = operator::show(vtn, "Event1");
        let answer = operator::answer(&event, "house").unwrap();
        assert_eq!(answer.opt.as_deref(), Some("optOut"), "{event:#}");
        assert_eq!(schedules(vtn), 0);
    };
    say_again(&vtn);
    assert_eq!(refusals(&vtn), codes(&["replayed"]));

    for round in 0..2 {
        let id = format!("Killed{round}");
        event(&vtn, &id);
        ven.kill().unwrap();
        ven = start_ven();
        vtn.process.kill().unwrap();
        vtn = start_vtn();
        on.redirect(vtn.endpoint.address);
        say_again(&vtn);
        assert_eq!(refusals(&vtn), codes(&["before_start"]));
        operator::wait_for_answer(&vtn, &id, "house", "optIn");
    }
    // Who it is says TLS; that it says it now, nothing.
    let unsigned = r#"<o:oadrPayload xmlns:o="http://openadr.org/oadr-2.0b/2012/07"
        xmlns:e="http://docs.oasis-open.org/ns/energyinterop/201110"><o:oadrSignedObject>
        <o:oadrPoll e:schemaVersion="2.0b"><e:venID>house</e:venID></o:oadrPoll>
        </o:oadrSignedObject></o:oadrPayload>"#;
    let answer = again.xml("/OadrPoll", unsigned.as_bytes()).unwrap();
    assert_eq!((answer.status, answer.body.len()), (403, 0));
    assert_eq!(refusals(&vtn), codes(&["before_start", "unsigned"]));

    let exchanges = tap.exchanges();
    for exchange in &exchanges {
        // One that died with its VTN may have been asked of the next one, and is refused without a word.
        let is_bare = |reply: &&Reply| reply.status == 403 && reply.body.is_empty();
        let reply = exchange.reply.iter().filter(|reply| !is_bare(reply));
        let reply = reply.map(|reply| &reply.body);
        for document in reply.chain([&exchange.request]) {
            let text = String::from_utf8_lossy(document);
            assert!(text.contains("<ds:SignatureValue>"), "{text}");
        }
    }
    assert_eq!(wire::requests(&exchanges, "oadrCreatePartyRegistration"), 1);
    if let Some(peers) = Peers::or_skip(name) {
        wire::require_valid(&peers, &exchanges);
    }
}

#[test]
fn a_ven_goes_on_with_a_certificate_that_took_the_place_of_its_first_one() {
    let authority = Authority::new(KeyKind::P256).unwrap();
    let server = Order::server(&["localhost", "127.0.0.1"], KeyKind::P256);
    let own = authority.issue(&server).unwrap();
    let [first, second] = [(); 2].map(|()| authority.client("house").unwrap());
    let (data, folder) = (Folder::new("vtn").unwrap(), Folder::new("ven").unwrap());
    let vtn = Vtn::start_secured(data.path(), &[&own], &authority, &REQUIRED).unwrap();
    let new = json!({"ven_name": "house", "ven_id": "house", "certificates": [first.hash()]});
    vtn.call("POST", "/api/v1/vens", Some(&new), &[201])
        .unwrap();
    let ven = ven(&vtn.url, folder.path(), &first, &authority);
    ven.wait_for("registered").unwrap();
    event(&vtn, "Event1");
    operator::wait_for_answer(&vtn, "Event1", "house", "optIn");

    let change = |change: &Value| {
        vtn.call("PATCH", "/api/v1/vens/house", Some(change), &[200])
            .unwrap();
    };
    change(&json!({"add_certificates": [second.hash()]}));
    fs::copy(&second.key, &first.key).unwrap();
    fs::copy(&second.certificate, &first.certificate).unwrap();
    wait_for_log(&ven, "certificates and keys read again");
    change(&json!({"remove_certificates": [first.hash()]}));
    event(&vtn, "Event2");
    operator::wait_for_answer(&vtn, "Event2", "house", "optIn");
    let registered = ven.happenings();
    let registered = registered
        .iter()
        .filter(|line| line["happening"] == "registered");
    assert_eq!(registered.count(), 1, "{}", ven.failure("registered again"));
}

#[test]
fn a_vtn_with_two_keys_signs_with_the_kind_that_its_ven_has() {
    let name = "a_vtn_with_two_keys_signs_with_the_kind_that_its_ven_has";
    let authority = Authority::new(KeyKind::P256).unwrap();
    let issue = |order: &Order| authority.issue(order).unwrap();
    let names = ["localhost", "127.0.0.1"];
    let [p256, rsa] = [KeyKind::P256, KeyKind::Rsa].map(|key| issue(&Order::server(&names, key)));
    let [house, plant, mill] = [
        ("house", KeyKind::Rsa),
        ("plant", KeyKind::P256),
        ("mill", KeyKind::Rsa),
    ]
    .map(|(name, key)| issue(&Order::client(name, key)));
    let data = Folder::new("vtn").unwrap();
    let own = [&p256, &rsa];
    let vtn = Vtn::start_secured(data.path(), &own, &authority, &REQUIRED).unwrap();
    for (name, issued) in [("house", &house), ("plant", &plant), ("mill", &mill)] {
        let new = json!({"ven_name": name, "ven_id": name, "certificates": [issued.hash()]});
        vtn.call("POST", "/api/v1/vens", Some(&new), &[201])
            .unwrap();
    }
    // Whichever of them TLS shows, the other one counts in signatures.
    for (name, issued) in [("house", &house), ("plant", &plant)] {
        let folder = Folder::new("ven").unwrap();
        let ven =
            program::ven_secured(&vtn.url, name, folder.path(), issued, &authority, &REQUIRED);
        ven.unwrap().wait_for("registered").unwrap();
    }
    // This one says whose signatures it has read.
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let fingerprint = rsa.fingerprint();
    let secured = Secured {
        own: &mill,
        authority: &authority,
        expects: &fingerprint,
    };
    let ven = peers.openleadr_ven_secured(&vtn.url, "mill", &json!([]), &secured);
    ven.unwrap().wait_for("registered").unwrap();
}

#[test]
fn signatures_alone_say_who_it_is_where_there_is_no_tls() {
    let authority = Authority::new(KeyKind::P256).unwrap();
    let server = Order::server(&["localhost", "127.0.0.1"], KeyKind::P256);
    let (own, house) = (authority.issue(&server).unwrap(), authority.client("house"));
    let house = house.unwrap();
    let other = authority.client("house").unwrap();
    let (data, folder) = (Folder::new("vtn").unwrap(), Folder::new("ven").unwrap());
    let key = ["--signature-certificate", own.certificate_word()];
    let options = [&REQUIRED[..], &key, &["--poll-interval", "PT1S"]].concat();
    let program = Command::new(program::binary().unwrap());
    let vtn = Vtn::run(program, data.path(), &options).unwrap();
    assert!(vtn.url.starts_with("http://"));
    let new = json!({"ven_name": "house", "ven_id": "house", "certificates": [house.hash()]});
    vtn.call("POST", "/api/v1/vens", Some(&new), &[201])
        .unwrap();

    let stranger = ven(&vtn.url, folder.path(), &other, &authority);
    wait_for_log(&stranger, "403");
    drop(stranger);
    assert!(operator::vens(&vtn)[0]["registration_id"].is_null());
    let ven = ven(&vtn.url, folder.path(), &house, &authority);
    ven.wait_for("registered").unwrap();
    event(&vtn, "Event1");
    operator::wait_for_answer(&vtn, "Event1", "house", "optIn");
}

#[test]
fn a_ven_that_gets_nowhere_says_why() {
    let authority = Authority::new(KeyKind::P256).unwrap();
    let server = Order::server(&["localhost", "127.0.0.1"], KeyKind::P256);
    let (own, house) = (authority.issue(&server).unwrap(), authority.client("house"));
    let house = house.unwrap();
    let data = Folder::new("vtn").unwrap();
    let vtn = Vtn::start_secured(data.path(), &[&own], &authority, &REQUIRED).unwrap();
    let new = json!({"ven_name": "house", "certificates": [house.hash()]});
    vtn.call("POST", "/api/v1/vens", Some(&new), &[201])
        .unwrap();

    let folder = Folder::new("ven").unwrap();
    let off = ["--signatures", "off"];
    let (url, path) = (&vtn.url, folder.path());
    let start = |authority: &Authority, options: &[&str]| {
        program::ven_secured(url, "house", path, &house, authority, options).unwrap()
    };
    let ven = start(&authority, &off);
    wait_for_log(&ven, "refuses the VEN's certificate or signature");
    drop(ven);
    assert_eq!(refusals(&vtn), codes(&["unsigned"]));

    let stranger = Authority::new(KeyKind::P256).unwrap();
    let ven = start(&stranger, &REQUIRED);
    wait_for_log(&ven, "none of the CAs that are believed here");
    wait_for_log(&ven, "`oadr doctor vtn https://127.0.0.1:");
    drop(ven);

    let mut ven = program::ven(url, "house", path, &[]).unwrap();
    assert!(!ven.wait_exit(wait::PATIENCE).unwrap().success());
    wait_for_log(&ven, "--tls-ca");
    assert!(operator::vens(&vtn)[0]["registration_id"].is_null());
}

fn ven(url: &str, folder: &Path, house: &Issued, authority: &Authority) -> Process {
    program::ven_secured(url, "house", folder, house, authority, &REQUIRED).unwrap()
}

fn event(vtn: &Vtn, id: &str) {
    let start = Duration::from_secs(600);
    operator::create(vtn, &operator::event(id, &["house"], start, &[1]));
}

/// Has the VEN say something of its own, and waits until the VTN has it.
fn opt(folder: &Path, words: &[&str]) {
    let mut command = Command::new(program::binary().unwrap());
    command.arg("opt").args(words).arg("--data").arg(folder);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn codes(codes: &[&str]) -> BTreeSet<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

/// Why the VTN refused something since it was started.
fn refusals(vtn: &Vtn) -> BTreeSet<String> {
    let known = vtn.call("GET", "/api/v1/refusals", None, &[200]).unwrap();
    let known = known["refusals"].as_array().unwrap().iter();
    known
        .map(|refused| refused["code"].as_str().unwrap().to_owned())
        .collect()
}

/// How many schedules the VTN has of the VEN.
fn schedules(vtn: &Vtn) -> usize {
    let known = vtn.call("GET", "/api/v1/vens/house/opts", None, &[200]);
    let known: Value = known.unwrap();
    known["in_force"].as_array().unwrap().len()
}

/// The first request with this message, which the VTN has taken.
fn first(exchanges: &[Exchange], message: &str) -> Vec<u8> {
    let mut of_message = exchanges
        .iter()
        .filter(|exchange| wire::message(&exchange.request) == message);
    let first = of_message.next().unwrap();
    assert_eq!(first.reply.as_ref().unwrap().status, 200);
    first.request.clone()
}
