//! Signatures through Prosody, which writes the XML that it passes on anew: `oadr vtn` and `oadr ven`,
//! both of which take nothing that is not signed.

use std::time::Duration;

use conformance::folder::Folder;
use conformance::prosody::{DOMAIN, VTN};
use conformance::wait;
use serde_json::json;

use crate::counter::Counter;
use crate::xmpp_place::{Place, ask};
use crate::{operator, readings};

const REQUIRED: [&str; 2] = ["--signatures", "required"];

#[test]
fn rule_514_signatures_hold_through_a_server_that_writes_xml_anew() {
    let name = "rule_514_signatures_hold_through_a_server_that_writes_xml_anew";
    let Some(place) = Place::new(name) else {
        return;
    };
    let (data, folder) = (Folder::new("vtn").unwrap(), Folder::new("ven").unwrap());
    let policy = ["--report-policy", "all:granularity=PT1S,back=PT1S"];
    let vtn = place.vtn(data.path(), &[REQUIRED, policy].concat());
    let own = place.authority.client("ven1").unwrap();
    let known = json!({
        "ven_name": "house", "ven_id": "house", "jid": format!("ven1@{DOMAIN}"),
        "certificates": [own.hash()],
    });
    vtn.call("POST", "/api/v1/vens", Some(&known), &[201])
        .unwrap();
    let counter = Counter::new("Power1");
    let report = counter.report();
    let options = [&REQUIRED[..], &["--opt", "in", "--report", &report]].concat();
    let ven = place.ven("ven1", &own, "house", folder.path(), &options);
    ven.wait_for("registered").unwrap();

    let hour = Duration::from_secs(3600);
    operator::create(&vtn, &operator::event("Event1", &["house"], hour, &[1, 2]));
    operator::wait_for_answer(&vtn, "Event1", "house", "optIn");
    operator::cancel(&vtn, "Event1");
    ven.wait_for("event_cancelled").unwrap();
    wait::until("readings", wait::PATIENCE, || {
        (readings::stored(&vtn, "").len() > 2).then_some(())
    })
    .unwrap_or_else(|failure| panic!("{}", vtn.process.failure(&failure.to_string())));

    // Who has the account, but not the key, has no effect.
    drop(ven);
    let mut other = place.online("ven1", "client");
    let query = "<oadrPayload xmlns='http://openadr.org/oadr-2.0b/2012/07' \
                 xmlns:ei='http://docs.oasis-open.org/ns/energyinterop/201110'>\
                 <oadrSignedObject><oadrCancelPartyRegistration ei:schemaVersion='2.0b'>\
                 <requestID xmlns='http://docs.oasis-open.org/ns/energyinterop/201110/payloads'>1\
                 </requestID><ei:registrationID>1</ei:registrationID><ei:venID>house</ei:venID>\
                 </oadrCancelPartyRegistration></oadrSignedObject></oadrPayload>";
    let answer = ask(&mut other, VTN, query, "set");
    assert_eq!(answer["condition"], "forbidden", "{answer}");
}
