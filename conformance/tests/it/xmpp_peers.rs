//! The program over XMPP and peers whose every stanza was written by hand, with slixmpp, through Prosody.

use std::time::Duration;

use conformance::folder::Folder;
use conformance::peers::{Login, Peers};
use conformance::process::{Mark, Process};
use conformance::prosody::{self, VTN, VTN_ACCOUNT};
use conformance::schema::Validator;
use serde_json::{Value, json};

use crate::counter::Counter;
use crate::operator;
use crate::xmpp_place::Place;

/// The documents of both sides, as a peer sent and got them, must be valid by the schema.
fn require_valid(peers: &Peers, peer: &Process) {
    let validator = Validator::start(peers).unwrap();
    let happenings = peer.happenings();
    let documents: Vec<_> = happenings
        .iter()
        .filter(|line| line["happening"] == "document")
        .collect();
    assert!(!documents.is_empty());
    for document in documents {
        let xml = document["xml"].as_str().unwrap();
        let by = document["by"].as_str().unwrap();
        validator.require(by, xml.as_bytes()).unwrap();
    }
}

fn tell(peer: &mut Process, command: &Value, happening: &str) -> Value {
    let mark = peer.mark();
    peer.send(command).unwrap();
    peer.wait_after(mark, happening, |_| true).unwrap()
}

#[test]
fn an_independent_ven_lives_with_oadr_vtn_over_xmpp() {
    let name = "an_independent_ven_lives_with_oadr_vtn_over_xmpp";
    let Some(place) = Place::new(name) else {
        return;
    };
    let data = Folder::new("vtn").unwrap();
    let vtn = place.vtn(data.path(), &[]);
    let known = json!({"ven_name": "Pump1", "jid": "ven1@xmpp.example.com"});
    vtn.call("POST", "/api/v1/vens", Some(&known), &[201])
        .unwrap();
    let own = place.authority.client("ven1").unwrap();
    let jid = prosody::jid("ven1", "client");
    let account = place.account(&jid, Login::Certificate(&own));
    let mut ven = place.peers.xmpp_ven(&account, "Pump1").unwrap();
    ven.wait_for("online").unwrap();

    let discovered = tell(&mut ven, &json!({"command": "discover"}), "discovered");
    for service in ["EiRegisterParty", "EiEvent", "EiReport", "EiOpt"] {
        assert_eq!(discovered["services"][service], VTN);
    }
    let registered = tell(&mut ven, &json!({"command": "register"}), "registered");
    assert_eq!(registered["code"], "200");
    assert_eq!(registered["transports"], json!(["simpleHttp", "xmpp"]));
    let ven_id = registered["ven_id"].as_str().unwrap().to_owned();
    let offered = tell(&mut ven, &json!({"command": "offer"}), "offered");
    assert_eq!(
        (&offered["message"], &offered["code"]),
        (&json!("oadrRegisteredReport"), &json!("200"))
    );
    let events = tell(
        &mut ven,
        &json!({"command": "request_events"}),
        "events_requested",
    );
    assert_eq!(events["message"], "oadrDistributeEvent");

    // An event, its change and its end: pushed, taken note of with an empty result, answered by a request.
    let hour = Duration::from_secs(3600);
    let event = operator::event("Event1", &["Pump1"], hour, &[1, 2]);
    operator::create(&vtn, &event);
    let is = |number: u64| move |line: &Value| line["modification_number"] == number;
    let answered = ven.wait_after(Mark::START, "event", is(0)).unwrap();
    assert_eq!(
        (&answered["answer"], &answered["code"]),
        (&json!("oadrResponse"), &json!("200"))
    );
    operator::wait_for_answer(&vtn, "Event1", &ven_id, "optIn");
    let change = json!({"signals": operator::signals(&[3])});
    operator::modify(&vtn, "Event1", &change);
    ven.wait_after(Mark::START, "event", is(1)).unwrap();
    operator::cancel(&vtn, "Event1");
    ven.wait_after(Mark::START, "event", is(2)).unwrap();

    // A report that the operator wants, and its first value.
    let wanted = json!({
        "ven": "Pump1", "report_specifier_id": "Usage1",
        "granularity": "PT1S", "report_back": "PT1S",
    });
    let request = vtn
        .call("POST", "/api/v1/report-requests", Some(&wanted), &[201])
        .unwrap();
    let asked = ven.wait_for("asked").unwrap();
    assert_eq!(
        (&asked["request"], &asked["specifier"]),
        (&request["report_request_id"], &json!("Usage1"))
    );
    let report = json!({"command": "report", "value": 42.5});
    let reported = tell(&mut ven, &report, "reported");
    assert_eq!(
        (&reported["message"], &reported["code"]),
        (&json!("oadrUpdatedReport"), &json!("200"))
    );
    let stored = crate::readings::stored(&vtn, "");
    assert_eq!(stored.len(), 1, "{stored:?}");

    // Once more, with what it got: it stays who it is.
    let again = tell(&mut ven, &json!({"command": "register"}), "registered");
    assert_eq!(again["ven_id"], registered["ven_id"]);
    assert_eq!(again["registration_id"], registered["registration_id"]);
    assert!(
        ven.happenings()
            .iter()
            .all(|line| { line["happening"] != "pushed" || line["sender"] == VTN })
    );
    require_valid(&place.peers, &ven);
}

#[test]
fn oadr_ven_lives_with_an_independent_vtn_over_xmpp() {
    let name = "oadr_ven_lives_with_an_independent_vtn_over_xmpp";
    let Some(place) = Place::new(name) else {
        return;
    };
    let own = place.authority.client(VTN_ACCOUNT).unwrap();
    let account = place.account(VTN, Login::Certificate(&own));
    let mut vtn = place.peers.xmpp_vtn(&account).unwrap();
    vtn.wait_for("online").unwrap();
    let data = Folder::new("ven").unwrap();
    let counter = Counter::new("Power1");
    let own = place.authority.client("ven1").unwrap();
    let options = ["--opt", "in", "--report", &counter.report()];
    let mut ven = place.ven("ven1", &own, "Pump1", data.path(), &options);

    // It finds the VTN by itself, and says who it is where it is.
    let registered = vtn.wait_for("registered").unwrap();
    let jid = prosody::jid("ven1", "client");
    assert_eq!(
        (&registered["sender"], &registered["jid"]),
        (&json!(jid), &json!(jid))
    );
    assert_eq!(
        (&registered["name"], &registered["transport"]),
        (&json!("Pump1"), &json!("xmpp"))
    );
    assert_eq!(ven.wait_for("registered").unwrap()["ven_id"], "ven-1");
    let offers = vtn.wait_for("offers").unwrap();
    let specifier = offers["specifiers"][0].as_str().unwrap().to_owned();
    let received = |message: &'static str| move |line: &Value| line["message"] == message;
    vtn.wait_after(Mark::START, "received", received("oadrRequestEvent"))
        .unwrap();
    let offered = tell(&mut vtn, &json!({"command": "offer"}), "pushed");
    assert_eq!(
        (&offered["message"], &offered["reply"]),
        (&json!("oadrRegisterReport"), &json!("oadrRegisteredReport"))
    );

    // Events: an empty result, and then what it makes of them.
    let event = json!({
        "command": "add_event", "event_id": "Event1", "start_in": 3600, "seconds": 60, "level": 1,
    });
    assert_eq!(tell(&mut vtn, &event, "pushed")["reply"], json!(null));
    assert_eq!(
        ven.wait_for("event_received").unwrap()["event_id"],
        "Event1"
    );
    let opt = vtn.wait_for("opt").unwrap();
    assert_eq!(
        (&opt["event_id"], &opt["opt"], &opt["code"]),
        (&json!("Event1"), &json!("optIn"), &json!("200"))
    );
    let cancel = json!({"command": "cancel_event", "event_id": "Event1"});
    assert_eq!(tell(&mut vtn, &cancel, "pushed")["reply"], json!(null));
    ven.wait_for("event_cancelled").unwrap();
    let second = |line: &Value| line["modification_number"] == 1;
    vtn.wait_after(Mark::START, "opt", second).unwrap();

    // Reports: what it is asked for comes by itself.
    let want = json!({
        "command": "want_report", "specifier": specifier, "r_id": "Power1", "seconds": 1,
    });
    assert_eq!(
        tell(&mut vtn, &want, "pushed")["reply"],
        "oadrCreatedReport"
    );
    let report = vtn.wait_for("report").unwrap();
    assert_eq!(report["request"], "wanted-1");
    assert_ne!(report["values"], json!([]));

    let mark = vtn.mark();
    let again = json!({"command": "reregister"});
    assert_eq!(tell(&mut vtn, &again, "pushed")["reply"], "oadrResponse");
    let again = vtn.wait_after(mark, "registered", |_| true).unwrap();
    assert_eq!(again["ven_id"], "ven-1");

    // A new process with the same data: it says by itself that it is back.
    assert!(ven.terminate().unwrap().success(), "{}", ven.failure(""));
    let mark = vtn.mark();
    let ven = place.ven("ven1", &own, "Pump1", data.path(), &options);
    vtn.wait_after(mark, "received", received("oadrRequestEvent"))
        .unwrap();
    let cancel = json!({"command": "cancel_registration"});
    let cancelled = tell(&mut vtn, &cancel, "pushed");
    assert_eq!(cancelled["reply"], "oadrCanceledPartyRegistration");
    ven.wait_for("registration_cancelled").unwrap();
    let polls = received("oadrPoll");
    assert!(!vtn.happenings().iter().any(polls), "{}", vtn.failure(""));
    require_valid(&place.peers, &vtn);
}
