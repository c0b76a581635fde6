//! The codec as a whole: what it takes, what it bends, what it refuses.

use proptest::prelude::*;

use super::{
    DecodeError, DecodeErrorKind, DecodeOptions, Decoded, DriftKind, Leniency, Limits, Syntax,
    decode, encode,
};
use crate::payload::{Message, MessageKind, arbitrary};
use crate::value::{ValueDrift, ValueError};

const NS: &str = r#"xmlns:oadr="http://openadr.org/oadr-2.0b/2012/07" xmlns:ei="http://docs.oasis-open.org/ns/energyinterop/201110" xmlns:pyld="http://docs.oasis-open.org/ns/energyinterop/201110/payloads""#;

fn strict(document: &str) -> Result<Decoded, DecodeError> {
    decode(document.as_bytes(), &DecodeOptions::default())
}

fn lenient(document: &str) -> Result<Decoded, DecodeError> {
    let options = DecodeOptions {
        leniency: Leniency::Lenient,
        ..DecodeOptions::default()
    };
    decode(document.as_bytes(), &options)
}

fn payload(inner: &str) -> String {
    format!(
        "<oadr:oadrPayload {NS}><oadr:oadrSignedObject>{inner}</oadr:oadrSignedObject></oadr:oadrPayload>"
    )
}

const POLL: &str =
    r#"<oadr:oadrPoll ei:schemaVersion="2.0b"><ei:venID>v1</ei:venID></oadr:oadrPoll>"#;

fn kind(result: Result<Decoded, DecodeError>) -> DecodeErrorKind {
    result.unwrap_err().kind
}

fn drift(result: Result<Decoded, DecodeError>) -> Vec<DriftKind> {
    result
        .unwrap()
        .drifts
        .kept()
        .iter()
        .map(|d| d.kind)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn encoding_and_decoding_is_the_identity(numbers in proptest::collection::vec(any::<u64>(), 0..400)) {
        let message = arbitrary::message(&numbers);
        let document = encode(&message);
        let decoded = decode(&document, &DecodeOptions::default())
            .map_err(|e| TestCaseError::fail(format!("{e}\n{}", String::from_utf8_lossy(&document))))?;
        prop_assert!(decoded.drifts.is_empty(), "{:?}", decoded.drifts);
        prop_assert_eq!(&decoded.message, &message);
        prop_assert_eq!(encode(&decoded.message), document);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes, &DecodeOptions::default());
    }

    #[test]
    fn a_damaged_document_is_decoded_or_refused(
        numbers in proptest::collection::vec(any::<u64>(), 0..80),
        at in any::<prop::sample::Index>(),
        with in proptest::collection::vec(any::<u8>(), 0..4),
        gone in 0_usize..20,
    ) {
        let mut document = encode(&arbitrary::message(&numbers));
        let from = at.index(document.len());
        let to = (from + gone).min(document.len());
        document.splice(from..to, with);
        for leniency in [Leniency::Strict, Leniency::Lenient] {
            let options = DecodeOptions { leniency, ..DecodeOptions::default() };
            if let Ok(decoded) = decode(&document, &options) {
                // Whatever was understood is a legal message.
                let again = decode(&encode(&decoded.message), &DecodeOptions::default()).unwrap();
                prop_assert_eq!(again.message, decoded.message);
            }
        }
    }
}

#[test]
fn q12_any_prefixes_and_declarations_will_do() {
    let document = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
        <ns2:oadrPayload xmlns="http://docs.oasis-open.org/ns/energyinterop/201110" xmlns:ns2="http://openadr.org/oadr-2.0b/2012/07" xmlns:ns9="urn:x">
          <!-- a comment --><ns2:oadrSignedObject>
            <ns2:oadrPoll xmlns:e="http://docs.oasis-open.org/ns/energyinterop/201110" e:schemaVersion="2.0b"><venID>v&#49;<![CDATA[&]]></venID></ns2:oadrPoll>
          </ns2:oadrSignedObject>
        </ns2:oadrPayload>
        <?done?>"#;
    let decoded = strict(document.trim_start()).unwrap();
    assert!(decoded.drifts.is_empty());
    let Message::Poll(poll) = decoded.message else {
        panic!("not a poll")
    };
    assert_eq!(poll.ven_id.as_str(), "v1&");
    // The same with a byte order mark.
    assert!(strict(&format!("\u{FEFF}{}", payload(POLL))).is_ok());
}

#[test]
fn drift_of_known_peers_is_accepted_and_noted() {
    let bare = POLL.replace("<oadr:oadrPoll", &format!("<oadr:oadrPoll {NS}"));
    assert_eq!(drift(strict(&bare)), [DriftKind::Unwrapped]);
    assert_eq!(
        drift(strict(&payload(&POLL.replace("ei:schemaV", "schemaV")))),
        [DriftKind::UnqualifiedAttribute]
    );
    assert_eq!(
        drift(strict(&payload(
            &POLL.replace(" ei:schemaVersion=\"2.0b\"", "")
        ))),
        [DriftKind::NoSchemaVersion]
    );
    let signature =
        r#"<d:Signature xmlns:d="http://www.w3.org/2000/09/xmldsig#"><d:Any a="1"/></d:Signature>"#;
    assert_eq!(
        drift(strict(&payload(POLL).replace(
            "<oadr:oadrSigned",
            &format!("{signature}<oadr:oadrSigned")
        ))),
        []
    );
    assert_eq!(
        drift(strict(&payload(POLL).replace(
            "</oadr:oadrPayload",
            &format!("{signature}</oadr:oadrPayload")
        ))),
        [DriftKind::SignatureLast]
    );
    let response = r#"<oadr:oadrResponse ei:schemaVersion="2.0b"><ei:eiResponse><ei:responseCode>200</ei:responseCode></ei:eiResponse></oadr:oadrResponse>"#;
    assert_eq!(drift(strict(&payload(response))), [DriftKind::Absent]);
}

#[test]
fn blanks_around_what_the_schema_keeps_to_the_letter_are_dropped_and_noted() {
    let value = |drift| [DriftKind::Value(drift)];
    let padded = payload(&POLL.replace("v1", " v1\n"));
    assert_eq!(drift(strict(&padded)), value(ValueDrift::OuterBlanks));
    let Message::Poll(poll) = strict(&padded).unwrap().message else {
        panic!("not a poll")
    };
    assert_eq!(poll.ven_id.as_str(), "v1");
    let response = r#"<oadr:oadrResponse ei:schemaVersion="2.0b"><ei:eiResponse><ei:responseCode> 200</ei:responseCode><pyld:requestID/></ei:eiResponse></oadr:oadrResponse>"#;
    assert_eq!(
        drift(strict(&payload(response))),
        value(ValueDrift::OuterBlanks)
    );
    // Free texts are kept as they are, and blanks around numbers and tokens never counted.
    let response = response.replace("> 200<", ">200<").replace(
        "<pyld:requestID/>",
        "<ei:responseDescription> x </ei:responseDescription><pyld:requestID/>",
    );
    assert_eq!(drift(strict(&payload(&response))), []);
}

#[test]
fn a_repeated_xml_id_is_noted() {
    let gml = r#"xmlns:xcal="urn:ietf:params:xml:ns:icalendar-2.0" xmlns:emix="http://docs.oasis-open.org/ns/emix/2011/06" xmlns:gml="http://www.opengis.net/gml/3.2""#;
    let area = |outer: &str, inner: &str| {
        format!(
            r#"<emix:serviceArea><gml:FeatureCollection gml:id="{outer}"><gml:location><gml:Polygon gml:id="{inner}"><gml:exterior><gml:LinearRing><gml:posList>1 2</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></gml:location></gml:FeatureCollection></emix:serviceArea>"#
        )
    };
    let opt = |areas: &str| {
        payload(&format!(
            r#"<oadr:oadrCreateOpt ei:schemaVersion="2.0b" {gml}><ei:optID>o</ei:optID><ei:optType>optIn</ei:optType><ei:optReason>economic</ei:optReason><ei:venID>v</ei:venID><ei:createdDateTime>2026-01-01T00:00:00Z</ei:createdDateTime><pyld:requestID>r</pyld:requestID><ei:eiTarget>{areas}</ei:eiTarget></oadr:oadrCreateOpt>"#
        ))
    };
    let different = [area("a", "b"), area("c", "d")].concat();
    assert_eq!(drift(strict(&opt(&different))), []);
    let repeated = [area("a", "b"), area("c", "a")].concat();
    assert_eq!(drift(strict(&opt(&repeated))), [DriftKind::RepeatedId]);
}

#[test]
fn an_absent_bare_back_duration_of_an_early_revision_is_understood() {
    let request = r#"<oadr:oadrCreateReport ei:schemaVersion="2.0b" xmlns:xcal="urn:ietf:params:xml:ns:icalendar-2.0"><pyld:requestID>r</pyld:requestID><oadr:oadrReportRequest><ei:reportRequestID>q</ei:reportRequestID><ei:reportSpecifier><ei:reportSpecifierID>s</ei:reportSpecifierID><xcal:granularity><xcal:duration>PT1M</xcal:duration></xcal:granularity><ei:reportBackDuration>PT5M</ei:reportBackDuration><ei:specifierPayload><ei:rID>1</ei:rID><ei:readingType>x-notApplicable</ei:readingType></ei:specifierPayload></ei:reportSpecifier></oadr:oadrReportRequest></oadr:oadrCreateReport>"#;
    assert_eq!(drift(strict(&payload(request))), [DriftKind::BareValue]);
}

#[test]
fn what_is_not_the_schemas_is_refused_and_only_lenient_profiles_bend() {
    let cancel = |inner: &str| {
        payload(&format!(
            r#"<oadr:oadrCancelPartyRegistration ei:schemaVersion="2.0b">{inner}</oadr:oadrCancelPartyRegistration>"#
        ))
    };
    let (request, registration, ven) = (
        "<pyld:requestID>1</pyld:requestID>",
        "<ei:registrationID>2</ei:registrationID>",
        "<ei:venID>3</ei:venID>",
    );
    let whole = strict(&cancel(&[request, registration, ven].concat()))
        .unwrap()
        .message;

    let swapped = cancel(&[registration, request, ven].concat());
    assert!(matches!(
        kind(strict(&swapped)),
        DecodeErrorKind::UnexpectedElement { .. }
    ));
    let bent = lenient(&swapped).unwrap();
    assert_eq!(bent.message, whole);
    assert_eq!(
        bent.drifts.kept().first().map(|d| d.kind),
        Some(DriftKind::OutOfOrder)
    );

    let unknown = cancel(&[request, "<ei:new><b>text</b></ei:new>", registration, ven].concat());
    assert!(matches!(
        kind(strict(&unknown)),
        DecodeErrorKind::UnexpectedElement { .. }
    ));
    assert_eq!(lenient(&unknown).unwrap().message, whole);

    let foreign = cancel(&[request, &registration.replace("ei:", "oadr:"), ven].concat());
    assert!(strict(&foreign).is_err());
    assert_eq!(lenient(&foreign).unwrap().message, whole);

    let twice = cancel(&[request, registration, registration, ven].concat());
    assert!(strict(&twice).is_err());

    assert_eq!(
        kind(strict(&cancel(&[request, ven].concat()))),
        DecodeErrorKind::MissingElement {
            element: "ei:registrationID"
        }
    );
    assert!(lenient(&cancel(&[request, ven].concat())).is_err());
}

#[test]
fn errors_name_the_element_and_the_byte() {
    let document =
        payload(r#"<oadr:oadrPoll ei:schemaVersion="2.0b"><ei:vtnID>x</ei:vtnID></oadr:oadrPoll>"#);
    let error = strict(&document).unwrap_err();
    assert_eq!(error.offset, document.find("<ei:vtnID>").unwrap());
    assert_eq!(
        &*error.path,
        "oadr:oadrPayload/oadr:oadrSignedObject/oadr:oadrPoll"
    );
    assert_eq!(
        error.to_string(),
        format!(
            "unexpected element ei:vtnID; this sequence has ei:venID (byte {}, in {})",
            error.offset, error.path
        )
    );
    let document = payload(
        r#"<oadr:oadrResponse ei:schemaVersion="2.0b"><ei:eiResponse><ei:responseCode>20</ei:responseCode><pyld:requestID/></ei:eiResponse></oadr:oadrResponse>"#,
    );
    let error = strict(&document).unwrap_err();
    assert_eq!(
        error.kind,
        DecodeErrorKind::Value(ValueError::NotAResponseCode)
    );
    assert_eq!(error.offset, document.find("<ei:responseCode>").unwrap());
}

#[test]
fn document_types_entities_and_other_encodings_are_refused() {
    let doctype = format!("<!DOCTYPE a [<!ENTITY b 'c'>]>{}", payload(POLL));
    assert_eq!(kind(strict(&doctype)), DecodeErrorKind::Doctype);
    assert_eq!(
        kind(strict(&payload(&POLL.replace("v1", "&b;")))),
        DecodeErrorKind::Malformed(Syntax::Entity)
    );
    let declared = |encoding: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"{encoding}\"?>{}",
            payload(POLL)
        )
    };
    assert!(strict(&declared("utf-8")).is_ok());
    assert_eq!(
        kind(strict(&declared("ISO-8859-1"))),
        DecodeErrorKind::NotUtf8
    );
    let utf16: Vec<u8> = payload(POLL)
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert!(decode(&utf16, &DecodeOptions::default()).is_err());
    assert_eq!(
        kind(decode(b"\xFF", &DecodeOptions::default())),
        DecodeErrorKind::NotUtf8
    );
}

#[test]
fn malformed_xml_is_refused_for_what_it_is() {
    let whole = payload(POLL);
    for (document, syntax) in [
        (String::new(), Syntax::NoRoot),
        ("text".to_owned(), Syntax::NoRoot),
        (whole.clone() + "<a/>", Syntax::Trailing),
        (whole.clone() + "x", Syntax::Trailing),
        (whole.replace("</oadr:oadrPayload>", ""), Syntax::Truncated),
        (whole.replace("</ei:venID>", "</ei:vtnID>"), Syntax::EndTag),
        (whole.replace("v1", "a]]>b"), Syntax::CdataEnd),
        (whole.replace("v1", "&#1;"), Syntax::Character),
        (whole.replace("v1", "&#xFFFE;"), Syntax::Character),
        (whole.replace("v1", "\u{1}"), Syntax::Character),
        (whole.replace("v1", "\u{FFFF}"), Syntax::Character),
        (whole.replace("ei:venID", "xx:venID"), Syntax::Prefix),
        (whole.replace("ei:venID", "ei:a:venID"), Syntax::Prefix),
        (
            whole.replace("<ei:venID>", "<ei:venID a='<'>"),
            Syntax::Attribute,
        ),
        (
            whole.replace("<ei:venID>", "<ei:venID a='1' a='2'>"),
            Syntax::Attribute,
        ),
        (
            whole.replace("<ei:venID>", "<ei:venID xmlns:f='u' xmlns:f='u'>"),
            Syntax::Attribute,
        ),
        (
            whole.replace("<ei:venID>", "<ei:venID xmlns:xmlns='u'>"),
            Syntax::Prefix,
        ),
        (whole.clone() + "<?xml version='1.0'?>", Syntax::Declaration),
        (
            whole.replace("<ei:venID>", "<!-- a -- b --><ei:venID>"),
            Syntax::Markup,
        ),
    ] {
        assert_eq!(
            kind(strict(&document)),
            DecodeErrorKind::Malformed(syntax),
            "{document}"
        );
    }
    let twice = r#"<ei:venID xmlns:f="http://docs.oasis-open.org/ns/energyinterop/201110" ei:x="1" f:x="2">"#;
    assert_eq!(
        kind(strict(&whole.replace("<ei:venID>", twice))),
        DecodeErrorKind::Malformed(Syntax::Attribute)
    );
}

#[test]
fn markup_within_texts_and_skipped_elements_is_judged_as_anywhere() {
    let text = |inner: &str| payload(&POLL.replace("v1", inner));
    assert!(strict(&text("v<?pi?><!-- c -->1")).is_ok());
    assert!(strict(&payload(&format!("<![CDATA[ \n]]>{POLL}"))).is_ok());
    let cancel = |skipped: &str| {
        payload(&format!(
            r#"<oadr:oadrCancelPartyRegistration ei:schemaVersion="2.0b"><pyld:requestID>1</pyld:requestID><ei:registrationID>2</ei:registrationID><ei:new>{skipped}</ei:new></oadr:oadrCancelPartyRegistration>"#
        ))
    };
    let all = "<b xmlns:q='u' q:a='1'><c/></b>t&#49;<![CDATA[<x>]]><!-- c --><?p?>";
    assert_eq!(drift(lenient(&cancel(all))), [DriftKind::UnknownElement]);
    let syntax = DecodeErrorKind::Malformed;
    for (document, refusal) in [
        (text("<!DOCTYPE a>"), DecodeErrorKind::Doctype),
        (cancel("<!DOCTYPE a>"), DecodeErrorKind::Doctype),
        (text("<?xml version='1.0'?>"), syntax(Syntax::Declaration)),
        (cancel("<?xml version='1.0'?>"), syntax(Syntax::Declaration)),
        (cancel("&nbsp;"), syntax(Syntax::Entity)),
        (cancel("]]>"), syntax(Syntax::CdataEnd)),
        (
            payload(&format!("<![CDATA[x]]>{POLL}")),
            DecodeErrorKind::UnexpectedText,
        ),
        (
            payload(&format!("&amp;{POLL}")),
            DecodeErrorKind::UnexpectedText,
        ),
        (
            payload("").replace(
                "<oadr:oadrSignedObject></oadr:oadrSignedObject>",
                "<oadr:oadrSignedObject/>",
            ),
            DecodeErrorKind::NoMessage,
        ),
    ] {
        assert_eq!(kind(lenient(&document)), refusal, "{document}");
    }
    assert_eq!(
        kind(strict(
            &text("").replace("<ei:venID>", "<ei:venID lang='en'>")
        )),
        DecodeErrorKind::UnexpectedAttribute {
            found: "lang".into()
        }
    );
    // Cut off wherever it may be, it is never taken for a whole.
    let whole = cancel(all);
    for (end, _) in whole.char_indices() {
        let cut = whole.get(..end).unwrap();
        assert!(lenient(cut).is_err(), "{cut}");
    }
}

#[test]
fn exactly_one_signed_object_and_one_message() {
    let whole = payload(POLL);
    let signed = whole
        .find("<oadr:oadrSigned")
        .map(|at| whole[at..].replace("</oadr:oadrPayload>", ""))
        .unwrap();
    let doubled = whole.replace(
        "</oadr:oadrPayload>",
        &format!("{signed}</oadr:oadrPayload>"),
    );
    assert!(matches!(
        kind(strict(&doubled)),
        DecodeErrorKind::UnexpectedElement { .. }
    ));
    assert!(lenient(&doubled).is_err());
    assert!(strict(&payload(&POLL.repeat(2))).is_err());
    assert!(lenient(&payload(&POLL.repeat(2))).is_err());
    assert_eq!(kind(strict(&payload(""))), DecodeErrorKind::NoMessage);
    assert!(matches!(
        kind(strict(&payload("<ei:foo/>"))),
        DecodeErrorKind::NotAMessage { .. }
    ));
    let old = POLL.replace(
        "<oadr:oadrPoll",
        "<oadr:oadrPoll xmlns:oadr='http://openadr.org/oadr-2.0a/2012/07'",
    );
    assert!(strict(&old).is_err());
}

#[test]
fn limits_hold() {
    let with = |limits| DecodeOptions {
        limits,
        ..DecodeOptions::default()
    };
    let limits = Limits::default();
    let whole = payload(POLL);
    let refused = |document: &str, options| kind(decode(document.as_bytes(), &options));
    assert_eq!(
        refused(
            &whole,
            with(Limits {
                bytes: 100,
                ..limits
            })
        ),
        DecodeErrorKind::TooLong { limit: 100 }
    );
    assert_eq!(
        refused(&whole, with(Limits { depth: 3, ..limits })),
        DecodeErrorKind::TooDeep { limit: 3 }
    );
    assert_eq!(
        refused(&whole, with(Limits { items: 3, ..limits })),
        DecodeErrorKind::TooManyItems { limit: 3 }
    );
    let long = whole.replace("v1", &"v".repeat(70_000));
    assert_eq!(
        refused(&long, with(limits)),
        DecodeErrorKind::TextTooLong { limit: 65_536 }
    );
    let deep = whole.replace("v1", &"<a>".repeat(100_000));
    assert!(strict(&deep).is_err());
    assert!(lenient(&deep).is_err());
    let many = (0..130)
        .map(|n| format!(" xmlns:p{n}='u'"))
        .collect::<String>();
    assert_eq!(
        kind(strict(
            &whole.replace("<ei:venID>", &format!("<ei:venID{many}>"))
        )),
        DecodeErrorKind::Malformed(Syntax::TooManyNamespaces)
    );
}

#[test]
fn rule_45_no_schema_location_is_sent_and_a_received_one_is_noted() {
    let xsi = "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:schemaLocation='a b'";
    let document =
        payload(POLL).replace("<oadr:oadrPayload ", &format!("<oadr:oadrPayload {xsi} "));
    assert_eq!(drift(strict(&document)), [DriftKind::SchemaLocation]);
}

#[test]
fn rule_509_every_message_is_sent_with_its_schema_version() {
    for kind in MessageKind::ALL {
        let message = Message::arbitrary(*kind, &mut arbitrary::Draws::new(&[]));
        let document = String::from_utf8(encode(&message)).unwrap();
        assert!(document.contains(&format!("<oadr:{} ei:schemaVersion=\"2.0b\">", kind.name())));
        assert!(!document.contains("schemaLocation"));
    }
}
