//! Bodies that are no messages, or far too much of one: 406, and 413 or 415 where nothing is read.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::target::{Target, besieged, payload, poll_of};
use super::wire::{self, Wire, ask, post, request};

/// Sends a document to OadrPoll, which must not understand it.
fn refused(target: &Target, document: &[u8]) {
    let (status, why) = ask(target, post(target, "OadrPoll", document));
    let beginning = String::from_utf8_lossy(&document[..document.len().min(200)]);
    assert_eq!(status, 406, "{why} for {beginning}");
}

pub(super) fn malformed(target: &Target) {
    let poll = String::from_utf8(poll_of(&target.ven_id)).unwrap();
    for document in [
        "",
        "hello",
        "<",
        "<oadrPayload>",
        "{\"oadrPoll\": {}}",
        "<html><body>404</body></html>",
        "<oadr:oadrPayload/>",
        "\u{0}\u{1}\u{2}",
        &poll.replace("</ei:venID>", "</ei:vtnID>"),
        &poll.replace("ei:venID", "ei:venId"),
        &poll.replace("</oadr:oadrPoll>", "</oadr:oadrPoll><oadr:oadrPoll/>"),
        &poll.replace("xmlns:ei", "xmlns:ie"),
        &poll.replace("<ei:venID>", "<ei:venID a=\"1\" a=\"2\">"),
        &poll.replace("<ei:venID>", "<ei:venID>&#0;"),
        &format!("{poll}{poll}"),
    ] {
        refused(target, document.as_bytes());
    }
}

pub(super) fn truncated(target: &Target) {
    let poll = poll_of(&target.ven_id);
    for end in (0..poll.len()).step_by(7) {
        refused(target, &poll[..end]);
    }
    // Less than the header said.
    let whole = target.poll();
    let cut = whole[..whole.len() - 20].to_vec();
    let (status, _) = ask(target, cut);
    assert_eq!(status, 400);
}

pub(super) fn wrong_encoding(target: &Target) {
    let poll = String::from_utf8(poll_of("Vén")).unwrap();
    let utf_16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let units = format!("\u{feff}{poll}").encode_utf16().collect::<Vec<_>>();
        units.into_iter().flat_map(order).collect()
    };
    refused(target, &utf_16(u16::to_le_bytes));
    refused(target, &utf_16(u16::to_be_bytes));
    let latin_1: Vec<u8> = poll.chars().map(|c| u8::try_from(c).unwrap()).collect();
    refused(target, &latin_1);
    for name in ["ISO-8859-1", "UTF-16", "UTF-7", "IBM037"] {
        let declaration = format!("<?xml version=\"1.0\" encoding=\"{name}\"?>");
        refused(target, &[declaration.as_bytes(), &latin_1].concat());
    }
    // Overlong, half a surrogate, beyond Unicode, cut.
    for octets in [
        &b"\xc0\xaf"[..],
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
    ] {
        let document = poll.as_bytes();
        let at = poll.find("Vén").unwrap();
        refused(
            target,
            &[&document[..at], octets, &document[at + 4..]].concat(),
        );
    }
}

const MEGABYTE: usize = 1_000_000;

pub(super) fn fifty_megabytes(target: &Target) {
    let head = |framing: &str| {
        let line = format!("POST {}/OadrPoll HTTP/1.1", target.endpoint.prefix);
        format!("{line}\r\nHost: vtn\r\nContent-Type: application/xml\r\n{framing}\r\n\r\n")
            .into_bytes()
    };
    let text = vec![b' '; MEGABYTE];
    let announced = head(&format!("Content-Length: {}", 50 * MEGABYTE));
    let pieces = std::iter::once(announced).chain(std::iter::repeat_n(text.clone(), 50));
    assert_eq!(wire::statuses(&Wire::to(target).pour(pieces)), [413]);

    let chunk = [b"F4240\r\n", text.as_slice(), b"\r\n"].concat();
    let chunked = head("Transfer-Encoding: chunked");
    let pieces = std::iter::once(chunked).chain(std::iter::repeat_n(chunk, 50));
    assert_eq!(wire::statuses(&Wire::to(target).pour(pieces)), [413]);

    // Within the limit, and nothing but one text.
    let long = format!("<ei:venID>{}", "x".repeat(4 * MEGABYTE));
    let poll = String::from_utf8(poll_of("x")).unwrap();
    refused(target, poll.replace("<ei:venID>x", &long).as_bytes());
}

pub(super) fn gzip_bomb(target: &Target) {
    let mut member = GzEncoder::new(Vec::new(), Compression::best());
    member.write_all(&vec![b' '; MEGABYTE]).unwrap();
    // Members follow each other: a gigabyte in one.
    let bomb = member.finish().unwrap().repeat(1000);
    assert!(bomb.len() < 2 * MEGABYTE);
    for coding in ["gzip", "x-gzip", "deflate", "gzip, gzip", "br"] {
        let line = format!("POST {}/OadrPoll HTTP/1.1", target.endpoint.prefix);
        let headers = format!("Content-Type: application/xml\r\nContent-Encoding: {coding}\r\n");
        let (status, _) = ask(target, request(&line, &headers, &bomb));
        assert_eq!(status, 415, "{coding}");
    }
    // Without saying so.
    refused(target, &bomb);
}

pub(super) fn deeply_nested(target: &Target) {
    const LEVELS: usize = 100_000;
    let closed = ["<a>".repeat(LEVELS), "</a>".repeat(LEVELS)].concat();
    for document in [&closed, &"<a>".repeat(LEVELS), &"<a><b>".repeat(LEVELS)] {
        refused(target, document.as_bytes());
        refused(target, &payload(document));
    }
    let poll = String::from_utf8(poll_of("x")).unwrap();
    refused(
        target,
        poll.replace(">x<", &format!(">{closed}<")).as_bytes(),
    );
}

pub(super) fn doctype_and_entities(target: &Target) {
    let poll = String::from_utf8(poll_of("&a;")).unwrap();
    let mut laughs = String::from("<!ENTITY a0 \"ha\">");
    for n in 1..30 {
        let before = n - 1;
        laughs.push_str(&format!("<!ENTITY a{n} \"&a{before};&a{before};\">"));
    }
    for declarations in [
        "",
        "<!ENTITY a \"Ven1\">",
        "<!ENTITY a SYSTEM \"file:///etc/passwd\">",
        "<!ENTITY a SYSTEM \"http://127.0.0.1:1/\">",
        "<!ENTITY % a SYSTEM \"file:///etc/passwd\"> %a;",
        &laughs,
    ] {
        refused(
            target,
            format!("<!DOCTYPE p [{declarations}]>{poll}").as_bytes(),
        );
    }
    refused(
        target,
        format!("<!DOCTYPE p SYSTEM \"file:///dev/zero\">{poll}").as_bytes(),
    );
    // Undeclared, and with the declaration cut off.
    refused(target, poll.as_bytes());
    refused(target, b"<!DOCTYPE p [");
}

pub(super) fn twenty_thousand_attributes(target: &Target) {
    let poll = String::from_utf8(poll_of("x")).unwrap();
    for attribute in ["a", "xmlns:a", "ei:a"] {
        let many: String = (0..20_000)
            .map(|n| format!(" {attribute}{n}=\"u\""))
            .collect();
        let document = poll.replace("<oadr:oadrPoll", &format!("<oadr:oadrPoll{many}"));
        refused(target, document.as_bytes());
        let document = poll.replace("<oadr:oadrPayload", &format!("<oadr:oadrPayload{many}"));
        refused(target, document.as_bytes());
    }
    let document = poll.replace(
        "<ei:venID",
        &format!("<ei:venID{}", " a=\"u\"".repeat(20_000)),
    );
    refused(target, document.as_bytes());
}

#[test]
fn malformed_documents_are_406() {
    besieged("malformed", malformed);
}

#[test]
fn truncated_documents_are_406_and_truncated_bodies_400() {
    besieged("truncated", truncated);
}

#[test]
fn other_encodings_than_utf_8_are_406() {
    besieged("wrong encoding", wrong_encoding);
}

#[test]
fn fifty_megabytes_are_413() {
    besieged("50 MB", fifty_megabytes);
}

#[test]
fn a_gzip_bomb_is_415_and_not_inflated() {
    besieged("gzip bomb", gzip_bomb);
}

#[test]
fn a_hundred_thousand_levels_are_406() {
    besieged("100,000 levels", deeply_nested);
}

#[test]
fn doctypes_and_entities_are_406() {
    besieged("DOCTYPE and entities", doctype_and_entities);
}

#[test]
fn twenty_thousand_attributes_are_406() {
    besieged("20,000 attributes", twenty_thousand_attributes);
}
