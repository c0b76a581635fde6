//! What `oadr vtn` refuses over XMPP, and with which error (spec §5.5), through Prosody.

use conformance::folder::Folder;
use conformance::process::Process;
use conformance::program::Vtn;
use conformance::prosody::{self, DOMAIN, VTN};
use serde_json::{Value, json};

use crate::xmpp_place::{NONSENSE, Place, ask, send};

/// A request that anybody may make who is let in.
const QUERY: &str = "<oadrPayload xmlns='http://openadr.org/oadr-2.0b/2012/07' \
     xmlns:ei='http://docs.oasis-open.org/ns/energyinterop/201110' \
     xmlns:pyld='http://docs.oasis-open.org/ns/energyinterop/201110/payloads'>\
     <oadrSignedObject><oadrQueryRegistration ei:schemaVersion='2.0b'>\
     <pyld:requestID>request1</pyld:requestID>\
     </oadrQueryRegistration></oadrSignedObject></oadrPayload>";

/// A VTN that knows ven1.
struct Known {
    place: Place,
    vtn: Vtn,
    /// Goes after the VTN.
    _data: Folder,
}

impl Known {
    fn new(test: &str) -> Option<Self> {
        let place = Place::new(test)?;
        let data = Folder::new("vtn").unwrap();
        let vtn = place.vtn(data.path(), &[]);
        let known = json!({"ven_name": "Ven1", "jid": format!("ven1@{DOMAIN}")});
        vtn.call("POST", "/api/v1/vens", Some(&known), &[201])
            .unwrap();
        Some(Self {
            place,
            vtn,
            _data: data,
        })
    }

    fn ven(&self) -> Process {
        self.place.online("ven1", "client")
    }

    /// Sees to it that the VTN still answers.
    fn require_alive(&self, ven: &mut Process) {
        let answer = ask(ven, VTN, QUERY, "set");
        assert_eq!(answer["type"], "result", "{}", self.vtn.process.failure(""));
        let xml = answer["xml"].as_str().unwrap();
        assert!(xml.contains("oadrCreatedPartyRegistration"), "{xml}");
    }
}

fn require_error(answer: &Value, kind: &str, condition: &str) {
    assert_eq!(
        (&answer["type"], &answer["error_type"], &answer["condition"]),
        (&json!("error"), &json!(kind), &json!(condition))
    );
}

#[test]
fn rule_515_an_unknown_jid_is_forbidden() {
    let Some(known) = Known::new("rule_515_an_unknown_jid_is_forbidden") else {
        return;
    };
    let mut stranger = known.place.online("ven2", "client");
    for child in [QUERY, NONSENSE] {
        require_error(&ask(&mut stranger, VTN, child, "set"), "auth", "forbidden");
    }
    let vens = known.vtn.call("GET", "/api/v1/vens", None, &[200]).unwrap();
    assert_eq!(vens["vens"].as_array().unwrap().len(), 1, "{vens}");
    known.require_alive(&mut known.ven());
}

#[test]
fn rule_515_nobody_speaks_to_the_vtn_in_the_name_of_another() {
    let name = "rule_515_nobody_speaks_to_the_vtn_in_the_name_of_another";
    let Some(known) = Known::new(name) else {
        return;
    };
    let mut stranger = known.place.online("ven2", "client");
    let theirs = prosody::jid("ven1", "client");
    // Neither what an address is proven with counts in a stanza, nor who it says that it is from.
    let proven = format!("<TLS xmlns='urn:example:tls' validate='true' cn='ven1'/>{QUERY}");
    let answer = ask(&mut stranger, VTN, &proven, "set");
    assert_eq!(answer["type"], "error", "{answer}");
    send(
        &mut stranger,
        &format!("<iq type='set' id='forged' from='{theirs}' to='{VTN}'>{QUERY}</iq>"),
    );
    assert_eq!(stranger.wait_for("offline").unwrap()["why"], "invalid-from");
    let answers = stranger.happenings();
    let result = |line: &Value| line["kind"] == "iq" && line["type"] == "result";
    assert!(!answers.iter().any(result), "{answers:?}");
    known.require_alive(&mut known.ven());
}

#[test]
fn rule_507_a_poll_over_xmpp_is_refused() {
    let Some(known) = Known::new("rule_507_a_poll_over_xmpp_is_refused") else {
        return;
    };
    let poll = "<oadrPayload xmlns='http://openadr.org/oadr-2.0b/2012/07' \
                xmlns:ei='http://docs.oasis-open.org/ns/energyinterop/201110'>\
                <oadrSignedObject><oadrPoll ei:schemaVersion='2.0b'><ei:venID>ven1</ei:venID>\
                </oadrPoll></oadrSignedObject></oadrPayload>";
    let mut ven = known.ven();
    require_error(&ask(&mut ven, VTN, poll, "set"), "cancel", "not-allowed");
    known.require_alive(&mut ven);
}

#[test]
fn spec_5_5_a_malformed_payload_is_a_bad_request() {
    let Some(known) = Known::new("spec_5_5_a_malformed_payload_is_a_bad_request") else {
        return;
    };
    let mut ven = known.ven();
    let empty = "<oadrPayload xmlns='http://openadr.org/oadr-2.0b/2012/07'/>";
    for payload in [
        empty.to_owned(),
        QUERY.replace("oadrQueryRegistration", "oadrQuery"),
        // Something that the schema wants is missing.
        QUERY.replace("oadrQueryRegistration", "oadrCreatePartyRegistration"),
        QUERY.replace("oadrSignedObject", "oadrSigned"),
    ] {
        let answer = ask(&mut ven, VTN, &payload, "set");
        require_error(&answer, "modify", "bad-request");
    }
    known.require_alive(&mut ven);
}

#[test]
fn spec_5_5_an_unknown_element_is_unavailable() {
    let Some(known) = Known::new("spec_5_5_an_unknown_element_is_unavailable") else {
        return;
    };
    let mut ven = known.ven();
    for kind in ["set", "get"] {
        let answer = ask(&mut ven, VTN, NONSENSE, kind);
        require_error(&answer, "cancel", "service-unavailable");
    }
    known.require_alive(&mut ven);
}

#[test]
fn spec_5_5_an_oversized_stanza_is_a_policy_violation() {
    let Some(known) = Known::new("spec_5_5_an_oversized_stanza_is_a_policy_violation") else {
        return;
    };
    let mut ven = known.ven();
    // More than the VTN takes, less than the server takes.
    let long = "x".repeat((4 << 20) + 1);
    let answer = ask(&mut ven, VTN, &QUERY.replace("request1", &long), "set");
    require_error(&answer, "modify", "policy-violation");
    known.require_alive(&mut ven);
    // More than the server takes.
    let long = "x".repeat(6 << 20);
    let stanza = QUERY.replace("request1", &long);
    send(
        &mut ven,
        &format!("<iq type='set' id='long' to='{VTN}'>{stanza}</iq>"),
    );
    assert_eq!(ven.wait_for("offline").unwrap()["why"], "policy-violation");
    known.require_alive(&mut known.ven());
}

#[test]
fn spec_5_5_a_question_about_the_vtn_is_answered_to_vens() {
    let Some(known) = Known::new("spec_5_5_a_question_about_the_vtn_is_answered_to_vens") else {
        return;
    };
    let mut ven = known.ven();
    let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let answer = ask(&mut ven, VTN, query, "get");
    let xml = answer["xml"].as_str().unwrap();
    assert!(xml.contains("var=\"http://openadr.org/openadr2\""), "{xml}");
    let ping = ask(&mut ven, VTN, "<ping xmlns='urn:xmpp:ping'/>", "get");
    assert_eq!(ping["type"], "result");
}
