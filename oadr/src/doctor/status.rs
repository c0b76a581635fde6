//! What the status of a reply says, in words (§4.2), and what stands between us and the VTN.
//!
//! Knows nothing of messages.

use hyper::{StatusCode, Version};

use super::address::{Address, ROOT};
use super::exchange::Reply;
use super::finding::Finding;

/// What a status other than 2xx means. 404 is for the search of the path.
pub(super) fn examine(reply: &Reply, address: &Address, signed: bool) -> Option<Finding> {
    let status = reply.status;
    if status.is_success() || status == StatusCode::NOT_FOUND {
        return None;
    }
    if status.is_redirection() {
        return Some(redirect(reply));
    }
    let said = said(reply);
    let (code, what, advice) = match status.as_u16() {
        401 => (
            "http_unauthorized",
            "the VTN wants a user and a password (HTTP 401)".to_owned(),
            "Give --http-user and --http-password, as the VTN's operator gave them out; if they were given, \
             they are wrong."
                .to_owned(),
        ),
        407 => (
            "http_proxy_password",
            "a proxy in between wants a password (HTTP 407)".to_owned(),
            "OpenADR does not go through such proxies: have the VTN's address excepted.".to_owned(),
        ),
        403 if is_html(reply) => (
            "http_forbidden_by_proxy",
            format!("something in front of the VTN refuses the request (HTTP 403){said}"),
            "The page is not the VTN's: look at the rules of the proxy or firewall that wrote it.".to_owned(),
        ),
        403 => ("http_forbidden", format!("the VTN refuses us (HTTP 403){said}"), forbidden(address, signed)),
        405 | 501 => (
            "http_method",
            format!("it does not take POST at this path (HTTP {status}){said}"),
            format!("Something else than a VTN answers; check the path before {ROOT}."),
        ),
        400 | 406 | 415 => (
            "http_not_acceptable",
            format!("the VTN could not read the message (HTTP {status}){said}"),
            "The message keeps to the schema: the VTN may speak another profile only (2.0a), or a proxy \
             changes what passes."
                .to_owned(),
        ),
        413 => (
            "http_too_large",
            format!("the request is too long for the VTN (HTTP 413){said}"),
            "A proxy in between may allow too little: raise its limit to 10 MB.".to_owned(),
        ),
        500 => (
            "http_internal_error",
            format!("the VTN failed (HTTP 500){said}"),
            "See the VTN's log for why.".to_owned(),
        ),
        502 | 504 => (
            "proxy_without_vtn",
            format!("a proxy answers, and the VTN behind it does not (HTTP {status}){said}"),
            "Start the VTN, or correct the address to which the proxy passes requests on.".to_owned(),
        ),
        429 | 503 => (
            "http_overloaded",
            format!("the VTN is too busy, or being started or stopped (HTTP {status}){said}"),
            "Wait; if it stays so, see the VTN's log.".to_owned(),
        ),
        _ => (
            "http_status",
            format!("the answer is HTTP {status}{said}"),
            "No VTN answers so: check the URL, and what stands in between.".to_owned(),
        ),
    };
    Some(Finding::problem(code, what, advice))
}

fn forbidden(address: &Address, signed: bool) -> String {
    let mut causes = Vec::new();
    if address.tls {
        causes.push("our certificate is not enrolled there (oadr vens enrol --certificate FILE)");
    }
    if signed {
        causes.push("our signature was refused: the clocks differ, or it is not by the enrolled certificate");
    } else {
        causes.push("signatures are required and this message had none (--signatures required)");
    }
    format!(
        "Most likely {}. The VTN knows which: there, `oadr doctor ven NAME` tells it.",
        causes.join("; or ")
    )
}

fn redirect(reply: &Reply) -> Finding {
    let to = reply.header("location").unwrap_or("nowhere");
    Finding::problem(
        "redirected",
        format!(
            "the answer leads elsewhere: HTTP {} to {}",
            reply.status,
            excerpt(to.as_bytes())
        ),
        "VENs do not follow: use the URL that it leads to, without the name of the service at its end.",
    )
}

/// What stands between us and the VTN, and how the reply was sent.
pub(super) fn between(reply: &Reply) -> Vec<Finding> {
    let mut found = Vec::new();
    let via = reply.header("via").map(|via| format!("Via: {via}"));
    let cache = reply
        .header("x-cache")
        .map(|cache| format!("X-Cache: {cache}"));
    let marks: Vec<_> = via.into_iter().chain(cache).collect();
    if !marks.is_empty() {
        found.push(Finding::hint(
            "proxy_between",
            format!("a proxy is in between ({})", excerpt(marks.join("; ").as_bytes())),
            "It must pass on bodies unchanged and keep nothing; the VTN sees its certificate and not ours, \
             unless it is a trusted proxy of the VTN.",
        ));
    }
    if reply.version == Version::HTTP_10 {
        found.push(Finding::hint(
            "http_1_0",
            "the reply is HTTP/1.0, where OpenADR wants HTTP/1.1",
            "A proxy that speaks HTTP/1.0 costs a connection for every poll: configure it for 1.1.",
        ));
    }
    if reply.headers.contains_key("transfer-encoding") {
        found.push(Finding::hint(
            "chunked",
            "the reply is chunked, which OpenADR does not allow (rule 53)",
            "Some VENs cannot read it; the VTN or a proxy should send a Content-Length.",
        ));
    }
    found
}

/// Whether a body is a page for people.
pub(super) fn is_html(reply: &Reply) -> bool {
    let kind = reply
        .header("content-type")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let beginning: Vec<u8> = reply.body.iter().copied().take(200).collect();
    let beginning = String::from_utf8_lossy(&beginning).to_ascii_lowercase();
    kind.contains("html") || beginning.contains("<html") || beginning.contains("<!doctype html")
}

/// What the server calls itself, and the beginning of what it says.
fn said(reply: &Reply) -> String {
    let mut out = String::new();
    if let Some(server) = reply.header("server") {
        out.push_str(&format!(", from {}", excerpt(server.as_bytes())));
    }
    if !reply.body.is_empty() {
        out.push_str(&format!(": {}", excerpt(&reply.body)));
    }
    out
}

/// The beginning of a foreign text.
pub(super) fn excerpt(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    let words: Vec<_> = text.split_whitespace().collect();
    let text = words.join(" ");
    let mut short: String = text.chars().take(160).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
