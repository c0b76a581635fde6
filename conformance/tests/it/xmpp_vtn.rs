//! One `oadr vtn` that serves VENs over HTTP and over XMPP, through a real Prosody.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use conformance::authority::{Authority, Issued, KeyKind, Order, Usage};
use conformance::folder::Folder;
use conformance::http::Base;
use conformance::peers::Peers;
use conformance::process::Process;
use conformance::program::{self, Vtn};
use conformance::prosody::{self, DOMAIN, Prosody, VTN, VTN_ACCOUNT};
use conformance::wait;
use serde_json::{Value, json};

use crate::operator;
use crate::tls_ends::TlsEnd;

const HOUR: Duration = Duration::from_secs(3600);

/// A VTN with a session on a Prosody.
struct Place {
    authority: Authority,
    own: Issued,
    prosody: Prosody,
    data: Folder,
    vtn: Vtn,
}

impl Place {
    /// `None` without what is needed for it.
    fn new(test: &str) -> Option<Self> {
        Peers::or_skip(test)?;
        let authority = Authority::new(KeyKind::P256).unwrap();
        let prosody = Prosody::start(&authority).unwrap();
        let names = [VTN_ACCOUNT, "localhost", "127.0.0.1"];
        let order = Order::server(&names, KeyKind::P256).usage(Usage::Both);
        let own = authority.issue(&order).unwrap();
        let data = Folder::new("vtn").unwrap();
        let vtn = start(&data, &own, &authority, &prosody);
        let place = Self {
            authority,
            own,
            prosody,
            data,
            vtn,
        };
        place.wait_for_session(true);
        Some(place)
    }

    fn restart(&mut self) {
        self.vtn = start(&self.data, &self.own, &self.authority, &self.prosody);
    }

    /// Enrols a VEN with its certificate and its account.
    fn enrol(&self, name: &str) -> House<'_> {
        let certificate = self.authority.client(name).unwrap();
        let new = json!({
            "ven_name": name, "ven_id": name,
            "certificates": [certificate.hash()], "jid": format!("{name}@{DOMAIN}"),
        });
        self.vtn
            .call("POST", "/api/v1/vens", Some(&new), &[201])
            .unwrap();
        House {
            authority: &self.authority,
            server: self.prosody.address().to_string(),
            name: name.to_owned(),
            certificate,
            folder: Folder::new("ven").unwrap(),
        }
    }

    fn show(&self, ven: &str) -> Value {
        let path = format!("/api/v1/vens/{ven}");
        self.vtn.call("GET", &path, None, &[200]).unwrap()
    }

    fn wait_for_session(&self, is_up: bool) {
        wait_for_session(&self.vtn, is_up);
    }

    fn create(&self, id: &str, ven: &str) {
        operator::create(&self.vtn, &operator::event(id, &[ven], HOUR, &[1]));
    }
}

/// A VEN, whichever way it goes.
struct House<'a> {
    authority: &'a Authority,
    server: String,
    name: String,
    certificate: Issued,
    folder: Folder,
}

impl House<'_> {
    fn over_http(&self, vtn: &Vtn) -> Process {
        self.start(&vtn.url, &[])
    }

    fn over_xmpp(&self) -> Process {
        let jid = prosody::jid(&self.name, "client");
        let session = ["--xmpp-jid", &jid, "--xmpp-server", &self.server];
        self.start(&format!("xmpp:{DOMAIN}"), &session)
    }

    fn opt(&self, words: &[&str]) {
        let mut command = Command::new(program::binary().unwrap());
        let output = command.arg("opt").args(words).arg("--data");
        let output = output.arg(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn start(&self, vtn: &str, more: &[&str]) -> Process {
        let (folder, own) = (self.folder.path(), &self.certificate);
        program::ven_secured(vtn, &self.name, folder, own, self.authority, more).unwrap()
    }
}

fn start(data: &Folder, own: &Issued, authority: &Authority, prosody: &Prosody) -> Vtn {
    let server = prosody.address().to_string();
    let session = ["--xmpp-jid", VTN, "--xmpp-server", &server];
    Vtn::start_secured(data.path(), &[own], authority, &session).unwrap()
}

fn wait_for_session(vtn: &Vtn, is_up: bool) {
    let what = format!("a session: {is_up}");
    let found = wait::until(&what, wait::PATIENCE, || {
        let health = vtn.call("GET", "/api/v1/health", None, &[200]).unwrap();
        (health["xmpp"]["is_up"] == is_up).then_some(())
    });
    found.unwrap_or_else(|failure| panic!("{}", vtn.process.failure(&failure.to_string())));
}

/// What a query's reply offers, as transports of the one profile that there is.
fn offered(at: &Base) -> BTreeSet<String> {
    let query = r#"<o:oadrPayload xmlns:o="http://openadr.org/oadr-2.0b/2012/07"
        xmlns:e="http://docs.oasis-open.org/ns/energyinterop/201110"
        xmlns:p="http://docs.oasis-open.org/ns/energyinterop/201110/payloads"><o:oadrSignedObject>
        <o:oadrQueryRegistration e:schemaVersion="2.0b"><p:requestID>q1</p:requestID>
        </o:oadrQueryRegistration></o:oadrSignedObject></o:oadrPayload>"#;
    let answer = at.xml("/EiRegisterParty", query.as_bytes()).unwrap();
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let names = ["simpleHttp", "xmpp"].into_iter();
    let names = names.filter(|name| text.contains(&format!("oadrTransportName>{name}<")));
    names.map(str::to_owned).collect()
}

#[test]
fn rule_507_one_vtn_serves_http_and_xmpp_at_once() {
    let Some(place) = Place::new("rule_507_one_vtn_serves_http_and_xmpp_at_once") else {
        return;
    };
    let (house, plant) = (place.enrol("house"), place.enrol("plant"));
    let (pulls, pushed) = (house.over_http(&place.vtn), plant.over_xmpp());
    pulls.wait_for("registered").unwrap();
    pushed.wait_for("registered").unwrap();
    let event = operator::event("Both", &["house", "plant"], HOUR, &[1]);
    operator::create(&place.vtn, &event);
    for ven in ["house", "plant"] {
        operator::wait_for_answer(&place.vtn, "Both", ven, "optIn");
    }
    let house = place.show("house");
    assert_eq!(house["registration"]["transport"], "simpleHttp");
    assert_eq!(house["registration"]["pull"], true);
    let plant = place.show("plant");
    assert_eq!(plant["jid"], format!("plant@{DOMAIN}"));
    assert_eq!(plant["registration"]["transport"], "xmpp");
    assert_eq!(
        plant["registration"]["transport_address"],
        prosody::jid("plant", "client")
    );
}

#[test]
fn rule_403_what_is_offered_is_exactly_what_is_set_up() {
    let Some(place) = Place::new("rule_403_what_is_offered_is_exactly_what_is_set_up") else {
        return;
    };
    let offered_by = |vtn: &Vtn| {
        let client = place.authority.client("anybody").unwrap();
        let end = TlsEnd::on(&client, &place.authority, vtn.endpoint.address);
        offered(&Base {
            address: end.address(),
            ..vtn.endpoint.clone()
        })
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(offered_by(&place.vtn), set(&["simpleHttp", "xmpp"]));
    let data = Folder::new("vtn").unwrap();
    let vtn = Vtn::start_secured(data.path(), &[&place.own], &place.authority, &[]).unwrap();
    assert_eq!(offered_by(&vtn), set(&["simpleHttp"]));
}

#[test]
fn a_ven_goes_from_http_to_xmpp_and_back_and_keeps_what_it_has() {
    let Some(place) = Place::new("a_ven_goes_from_http_to_xmpp_and_back_and_keeps_what_it_has")
    else {
        return;
    };
    let house = place.enrol("house");
    let ven = house.over_http(&place.vtn);
    ven.wait_for("registered").unwrap();
    place.create("First", "house");
    operator::wait_for_answer(&place.vtn, "First", "house", "optIn");
    ven.wait_for("opt_sent").unwrap();
    house.opt(&[
        "out",
        "--start",
        "+P1D",
        "--duration",
        "PT1H",
        "--id",
        "Away",
    ]);
    let opts = || {
        let path = "/api/v1/vens/house/opts";
        place.vtn.call("GET", path, None, &[200]).unwrap()["in_force"].clone()
    };
    let opted = wait::until("the opt", wait::PATIENCE, || {
        Some(opts()).filter(|opts| opts.as_array().is_some_and(|opts| !opts.is_empty()))
    });
    let opted = opted.unwrap_or_else(|failure| panic!("{failure}: {:#}", opts()));
    let before = place.show("house");
    drop(ven);

    let transport_is = |name: &str| {
        let what = format!("a registration over {name}");
        wait::until(&what, wait::PATIENCE, || {
            (place.show("house")["registration"]["transport"] == name).then_some(())
        })
    };
    let ven = house.over_xmpp();
    transport_is("xmpp").unwrap_or_else(|f| panic!("{}", ven.failure(&f.to_string())));
    place.create("Second", "house");
    operator::wait_for_answer(&place.vtn, "Second", "house", "optIn");
    let after = place.show("house");
    for kept in ["ven_id", "certificates", "jid", "reports"] {
        assert_eq!(before[kept], after[kept], "{kept}");
    }
    assert_eq!(
        before["registration"]["registration_id"],
        after["registration"]["registration_id"]
    );
    assert_eq!(
        before["registration"]["since"],
        after["registration"]["since"]
    );
    assert_eq!(opts(), opted);
    // What it answered before is not asked of it again.
    let told = ven.happenings();
    let is_again =
        |line: &&Value| line["happening"] == "event_received" && line["event_id"] == "First";
    let again = told.iter().filter(is_again);
    assert_eq!(again.count(), 0, "{told:#?}");
    drop(ven);

    let ven = house.over_http(&place.vtn);
    transport_is("simpleHttp").unwrap_or_else(|f| panic!("{}", ven.failure(&f.to_string())));
    place.create("Third", "house");
    for id in ["First", "Second", "Third"] {
        operator::wait_for_answer(&place.vtn, id, "house", "optIn");
    }
}

#[test]
fn what_an_xmpp_ven_did_not_get_before_the_vtn_ended_it_gets_after() {
    let name = "what_an_xmpp_ven_did_not_get_before_the_vtn_ended_it_gets_after";
    let Some(mut place) = Place::new(name) else {
        return;
    };
    let House {
        server,
        name,
        certificate,
        folder,
        ..
    } = place.enrol("house");
    let again = |place: &Place| {
        let jid = prosody::jid(&name, "client");
        let session = ["--xmpp-jid", &jid, "--xmpp-server", &server];
        let vtn = format!("xmpp:{DOMAIN}");
        let (path, roots) = (folder.path(), &place.authority);
        program::ven_secured(&vtn, &name, path, &certificate, roots, &session).unwrap()
    };
    let mut ven = again(&place);
    ven.wait_for("registered").unwrap();
    ven.kill().unwrap();
    place.create("Waiting", "house");
    place.vtn.process.kill().unwrap();
    place.restart();
    place.wait_for_session(true);
    let ven = again(&place);
    ven.wait_for("event_received").unwrap();
    operator::wait_for_answer(&place.vtn, "Waiting", "house", "optIn");
}

#[test]
fn a_vtn_starts_without_its_xmpp_server_and_finds_it_later() {
    let name = "a_vtn_starts_without_its_xmpp_server_and_finds_it_later";
    let Some(mut place) = Place::new(name) else {
        return;
    };
    place.vtn.process.terminate().unwrap();
    place.prosody.stop().unwrap();
    place.restart();
    // Whoever comes over HTTP is served.
    {
        let barn = place.enrol("barn");
        let pulls = barn.over_http(&place.vtn);
        pulls.wait_for("registered").unwrap();
    }
    place.wait_for_session(false);
    let text = place.vtn.api.get("/metrics").unwrap();
    let text = String::from_utf8_lossy(&text.body).into_owned();
    assert!(text.contains("oadr_xmpp_session 0"), "{text}");
    place.prosody.start_again().unwrap();
    place.wait_for_session(true);
    let house = place.enrol("house");
    house.over_xmpp().wait_for("registered").unwrap();
}
