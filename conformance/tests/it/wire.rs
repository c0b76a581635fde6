//! What went over the wire, read only as far as the tests need, and not with the code under test.

use std::collections::BTreeSet;

use conformance::peers::Peers;
use conformance::schema::Validator;
use conformance::tap::{Exchange, Reply, Tap};
use conformance::wait;

/// The message in a document, e.g. `oadrPoll`; empty when there is none.
pub(crate) fn message(document: &[u8]) -> String {
    let text = String::from_utf8_lossy(document);
    // Not where a signature points to it.
    let mut places = text.match_indices("oadrSignedObject").map(|(at, _)| at);
    let Some(signed) = places.find(|at| text[..*at].ends_with([':', '<'])) else {
        return String::new();
    };
    let Some(start) = text[signed..].find('<') else {
        return String::new();
    };
    let name = &text[signed + start + 1..];
    let end = name
        .find(|c: char| c.is_whitespace() || c == '>' || c == '/')
        .unwrap_or(name.len());
    local(&name[..end]).to_owned()
}

/// The texts of the elements so called, whatever their prefix, in document order.
pub(crate) fn texts(document: &[u8], element: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(document);
    let mut found = Vec::new();
    for piece in text.split('<').skip(1) {
        let Some((tag, content)) = piece.split_once('>') else {
            continue;
        };
        let name = tag
            .split([' ', '\n', '\t', '\r', '/'])
            .next()
            .unwrap_or_default();
        // The name of an end tag is empty here.
        if local(name) == element {
            found.push(content.trim().to_owned());
        }
    }
    found
}

/// The exchanges as `request > reply`, for a look at the sequence.
pub(crate) fn sequence(exchanges: &[Exchange]) -> Vec<String> {
    exchanges
        .iter()
        .map(|exchange| {
            let reply = exchange.reply.as_ref().map_or("-".to_owned(), |reply| {
                if reply.body.is_empty() {
                    reply.status.to_string()
                } else {
                    message(&reply.body)
                }
            });
            format!("{} > {reply}", message(&exchange.request))
        })
        .collect()
}

/// Waits until a line of `sequence` reads like this.
pub(crate) fn wait_for_exchange(tap: &Tap, line: &str) {
    let found = wait::until(line, wait::PATIENCE, || {
        sequence(&tap.exchanges())
            .iter()
            .any(|seen| seen == line)
            .then_some(())
    });
    found.unwrap_or_else(|failure| panic!("{failure}\n{:#?}", sequence(&tap.exchanges())));
}

/// How many requests carried this message.
pub(crate) fn requests(exchanges: &[Exchange], name: &str) -> usize {
    exchanges
        .iter()
        .filter(|exchange| message(&exchange.request) == name)
        .count()
}

/// Checks every document that went over the wire with libxml2; the same one only once.
pub(crate) fn require_valid(peers: &Peers, exchanges: &[Exchange]) {
    assert!(!exchanges.is_empty(), "nothing went through the tap");
    let validator = Validator::start(peers).unwrap();
    let mut seen = BTreeSet::new();
    let mut require = |what: &str, line: &str, document| {
        if seen.insert(document) {
            let name = format!("the {what} of {line}");
            validator.require(&name, document).unwrap();
        }
    };
    for (exchange, line) in exchanges.iter().zip(sequence(exchanges)) {
        require("request", &line, exchange.request.as_slice());
        if let Some(Reply {
            status: 200, body, ..
        }) = &exchange.reply
            && !body.is_empty()
        {
            require("reply", &line, body);
        }
    }
}

fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}

#[test]
fn documents_are_read_by_local_name() {
    let document = br#"<a:oadrPayload><a:oadrSignedObject Id="x"><b:oadrPoll v="1">
        <c:venID> V1 </c:venID><venID/><venID >V2</venID></b:oadrPoll>"#;
    assert_eq!(message(document), "oadrPoll");
    let signed = br##"<oadrPayload><ds:Reference URI="#oadrSignedObject"><ds:Transforms/>
        </ds:Reference><oadrSignedObject><oadrPoll/></oadrSignedObject></oadrPayload>"##;
    assert_eq!(message(signed), "oadrPoll");
    assert_eq!(texts(document, "venID"), ["V1", "", "V2"]);
}
