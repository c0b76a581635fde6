//! Good documents in the wrong place, under the wrong name or in the wrong wrapping.

use super::target::{Target, besieged, payload, poll_of};
use super::wire::{ask, post, request};
use crate::wire as message;

pub(super) fn wrong_service(target: &Target) {
    for service in [
        "EiEvent",
        "EiReport",
        "EiOpt",
        "EiRegisterParty",
        "oadrpoll",
        "OadrPoll2",
        "",
        "OadrPoll/OadrPoll",
        "../2.0a/OadrPoll",
    ] {
        let (status, why) = ask(target, post(target, service, &poll_of(&target.ven_id)));
        assert_eq!(status, 404, "{service}: {why}");
    }
}

pub(super) fn wrong_ids(target: &Target) {
    let coded = |service: &str, document: &[u8], kind: &str, code: &str| {
        let (status, body) = ask(target, post(target, service, document));
        assert_eq!(status, 200, "{body}");
        assert_eq!(message::message(body.as_bytes()), kind, "{body}");
        let codes = message::texts(body.as_bytes(), "responseCode");
        assert_eq!(codes, [code], "{body}");
    };
    let long = "x".repeat(500);
    for ven_id in [
        "",
        "Nobody",
        "Honest",
        "../../etc/passwd",
        "' OR 1=1 --",
        &long,
    ] {
        coded("OadrPoll", &poll_of(ven_id), "oadrResponse", "463");
    }
    let lower = target.ven_id.to_lowercase();
    if lower != target.ven_id {
        coded("OadrPoll", &poll_of(&lower), "oadrResponse", "463");
    }
    let request_event = |ven_id: &str| {
        payload(&format!(
            "<oadr:oadrRequestEvent ei:schemaVersion=\"2.0b\"><pyld:eiRequestEvent>\
             <pyld:requestID>r</pyld:requestID><ei:venID>{ven_id}</ei:venID>\
             </pyld:eiRequestEvent></oadr:oadrRequestEvent>"
        ))
    };
    coded(
        "EiEvent",
        &request_event("Nobody"),
        "oadrDistributeEvent",
        "463",
    );
    let cancel = payload(&format!(
        "<oadr:oadrCancelPartyRegistration ei:schemaVersion=\"2.0b\">\
         <pyld:requestID>r</pyld:requestID><ei:registrationID>Wrong</ei:registrationID>\
         <ei:venID>{}</ei:venID></oadr:oadrCancelPartyRegistration>",
        target.ven_id
    ));
    let canceled = "oadrCanceledPartyRegistration";
    coded("EiRegisterParty", &cancel, canceled, "452");
    // Only VTNs say a vtnID; a VEN that sends what it got, or pretends to be another VTN.
    for vtn_id in ["OadrVTN", "Another"] {
        let distribute = payload(&format!(
            "<oadr:oadrDistributeEvent ei:schemaVersion=\"2.0b\">\
             <pyld:requestID>r</pyld:requestID><ei:vtnID>{vtn_id}</ei:vtnID>\
             </oadr:oadrDistributeEvent>"
        ));
        coded("EiEvent", &distribute, "oadrResponse", "463");
        let created = payload(&format!(
            "<oadr:oadrCreatedPartyRegistration ei:schemaVersion=\"2.0b\"><ei:eiResponse>\
             <ei:responseCode>200</ei:responseCode><pyld:requestID>r</pyld:requestID>\
             </ei:eiResponse><ei:venID>{}</ei:venID><ei:vtnID>{vtn_id}</ei:vtnID>\
             <oadr:oadrProfiles><oadr:oadrProfile>\
             <oadr:oadrProfileName>2.0b</oadr:oadrProfileName><oadr:oadrTransports>\
             <oadr:oadrTransport><oadr:oadrTransportName>simpleHttp</oadr:oadrTransportName>\
             </oadr:oadrTransport></oadr:oadrTransports></oadr:oadrProfile>\
             </oadr:oadrProfiles></oadr:oadrCreatedPartyRegistration>",
            target.ven_id
        ));
        coded("EiRegisterParty", &created, "oadrResponse", "459");
    }
}

pub(super) fn unknown_method(target: &Target) {
    for method in [
        "GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "post",
    ] {
        let line = format!("{method} {}/OadrPoll HTTP/1.1", target.endpoint.prefix);
        let headers = "Content-Type: application/xml\r\n";
        let (status, _) = ask(target, request(&line, headers, &poll_of(&target.ven_id)));
        assert_eq!(status, 501, "{method}");
    }
}

pub(super) fn wrong_content_type(target: &Target) {
    let line = format!("POST {}/OadrPoll HTTP/1.1", target.endpoint.prefix);
    for headers in [
        "",
        "Content-Type: text/xml\r\n",
        "Content-Type: application/json\r\n",
        "Content-Type: application/xml; charset=utf-16\r\n",
        "Content-Type: multipart/form-data; boundary=x\r\n",
        "Content-Type: \u{e9}\r\n",
        "Content-Type: application/xml\r\nContent-Type: application/xml\r\n",
    ] {
        let (status, _) = ask(target, request(&line, headers, &poll_of(&target.ven_id)));
        assert_eq!(status, 406, "{headers}");
    }
}

#[test]
fn a_message_at_another_service_is_404() {
    besieged("wrong service", wrong_service);
}

#[test]
fn rule_517_wrong_ids_are_4xx_in_the_answer_that_fits() {
    besieged("wrong IDs", wrong_ids);
}

#[test]
fn other_methods_than_post_are_501() {
    besieged("unknown method", unknown_method);
}

#[test]
fn other_content_types_than_xml_are_406() {
    besieged("wrong content type", wrong_content_type);
}
