//! What the VTN says in its answer: whether it is one, what it offers, whether we are registered.
//!
//! Knows nothing of statuses and headers.

use oadr_core::Profile;
use oadr_core::codec::{DecodeOptions, decode};
use oadr_core::payload::{CreatedPartyRegistration, EiResponse, Message};
use oadr_core::value::{ProfileName, TransportName};

use super::address::Address;
use super::exchange::Reply;
use super::finding::Finding;
use super::status::{excerpt, is_html};

/// Reads a reply with a status of 2xx.
pub(super) fn examine(reply: &Reply, address: &Address) -> Vec<Finding> {
    if reply.body.is_empty() {
        return vec![Finding::problem(
            "reply_empty",
            format!("the answer is HTTP {} without a word", reply.status),
            "A VTN answers a query of registration with what it offers: something else listens there.",
        )];
    }
    let decoded = match decode(&reply.body, &DecodeOptions::default()) {
        Ok(decoded) => decoded,
        Err(error) => return vec![unreadable(reply, address, &error.to_string())],
    };
    if decoded.profile == Profile::A {
        return vec![Finding::problem(
            "profile_a",
            "the VTN answers in the namespace of OpenADR 2.0a",
            "It has to offer 2.0b; nothing else is spoken here.",
        )];
    }
    if let Message::CreatedPartyRegistration(created) = &decoded.message {
        return registration(created);
    }
    if let Message::Response(response) = &decoded.message {
        return vec![refusal(&response.ei_response)];
    }
    vec![Finding::problem(
        "reply_strange",
        format!(
            "the VTN answers a query of registration with {:?}",
            decoded.message.kind()
        ),
        "It is broken, or something in between mixes up requests.",
    )]
}

fn unreadable(reply: &Reply, address: &Address, error: &str) -> Finding {
    if is_html(reply) {
        return Finding::problem(
            "not_openadr",
            format!(
                "what answers is no VTN but a page for people: {}",
                excerpt(&reply.body)
            ),
            format!(
                "A web server, a proxy or a login page is at {}: check host, port and path, and have the \
                 VTN's address excepted from captive portals and web filters.",
                address.authority
            ),
        );
    }
    let start = reply.body.iter().find(|octet| !octet.is_ascii_whitespace());
    if start != Some(&b'<') {
        return Finding::problem(
            "not_openadr",
            format!("what answers is no VTN: {}", excerpt(&reply.body)),
            "Check host, port and path.",
        );
    }
    Finding::problem(
        "reply_unreadable",
        format!("the answer is XML, but no message of OpenADR 2.0b: {error}"),
        "See all of it with `oadr inspect`; the VTN or something in between changes the document.",
    )
}

fn registration(created: &CreatedPartyRegistration) -> Vec<Finding> {
    let code = created.ei_response.response_code;
    if !code.is_success() {
        return vec![refusal(&created.ei_response)];
    }
    let profiles = created.profiles.iter().map(|profile| {
        let transports: Vec<_> = profile.transports.iter().map(|t| t.name.as_str()).collect();
        format!(
            "{} over {}",
            profile.name.as_str(),
            transports.join(" and ")
        )
    });
    let profiles: Vec<String> = profiles.collect();
    let mut found = vec![Finding::ok(
        "vtn",
        format!(
            "the VTN {} answers; it offers {}",
            created.vtn_id,
            profiles.join(", ")
        ),
    )];
    let mut all = created.profiles.iter();
    let offered = all.any(|profile| {
        let mut transports = profile.transports.iter();
        profile.name == ProfileName::B && transports.any(|t| t.name == TransportName::SimpleHttp)
    });
    if !offered {
        found.push(Finding::problem(
            "profile_missing",
            "the VTN does not offer OpenADR 2.0b over simpleHttp",
            "Nothing else is spoken here: have it enabled.",
        ));
    }
    found.push(match (&created.registration_id, &created.ven_id) {
        (Some(_), Some(ven)) => {
            Finding::ok("registered", format!("we are registered there as {ven}"))
        }
        (Some(_), None) => Finding::ok("registered", "we are registered there"),
        (None, _) => Finding::ok(
            "not_registered",
            "we are not registered yet; `oadr ven` does that as soon as it runs",
        ),
    });
    found
}

fn refusal(response: &EiResponse) -> Finding {
    let code = response.response_code.get();
    let words = response.response_description.as_ref();
    let words = words.map_or_else(String::new, |words| {
        format!(": {}", excerpt(words.as_str().as_bytes()))
    });
    let what = format!("the VTN answers with the code {code}{words}");
    match code {
        463 => Finding::problem(
            "refused_463",
            format!("{what} (not registered, or not allowed)"),
            "Have this VEN enrolled there, with its certificate: oadr vens enrol NAME --certificate FILE",
        ),
        452 => Finding::problem(
            "refused_452",
            format!("{what} (an ID that does not fit)"),
            "The VEN's data folder is from another VTN or another VEN: start it with a new one, or register \
             again.",
        ),
        _ => Finding::problem("refused", what, "See the VTN's log for why."),
    }
}
