//! Reads stanzas: the attributes of an IQ, and its children as documents of their own.
//!
//! Knows nothing of what a payload says: it is cut out as it came. Elements are found by their names and
//! namespaces; only what is looked for is read.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "there is more in XML than is looked for, and more to come"
)]

use std::collections::BTreeSet;

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::QName;
use quick_xml::{Reader, XmlVersion};

use crate::write::{Kind, STANZAS, is_legal};

/// The namespace of a stanza, and of what is in it without one.
const CLIENT: &str = "jabber:client";
/// How many children of an IQ are looked at. One is right; an error may repeat the request before itself.
const CHILDREN: usize = 3;
/// How much of a text for people is kept, in characters.
const LONGEST_TEXT: usize = 200;

/// The server sent what is no XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sent a stanza that is not well-formed")]
pub(crate) struct Malformed;

/// An element of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stanza {
    Iq(Iq),
    /// What the server can do.
    Features {
        /// The longest stanza that it takes, in bytes (XEP-0478).
        longest: Option<usize>,
    },
    /// The stream ends with this.
    Error(Failure),
    /// Presence, a message (quirk Q2), or something unknown.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Iq {
    pub(crate) head: Head,
    /// The first of its children.
    pub(crate) children: Vec<Child>,
}

/// What the start tag of an IQ says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    /// Who sent it; nobody, if it is our own server.
    pub(crate) from: Option<String>,
}

/// An element in a stanza.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// The element as it came, with the prefixes that are declared around it.
    pub(crate) document: Vec<u8>,
}

/// A stanza error, or a stream error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Failure {
    /// `cancel`, `modify`, `auth`, `wait`; empty for a stream error.
    pub(crate) kind: String,
    pub(crate) condition: String,
    pub(crate) text: Option<String>,
}

impl Stanza {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed)?;
        let mut xml = Reader::from_str(text);
        let (start, is_empty) = first(&mut xml)?;
        match start.local_name().as_ref() {
            "iq" => {
                let Some(head) = Head::read(&start) else {
                    return Ok(Self::Other);
                };
                let children = if is_empty {
                    Vec::new()
                } else {
                    children(text, &mut xml, &start)?
                };
                Ok(Self::Iq(Iq { head, children }))
            }
            "features" => Ok(Self::Features {
                longest: longest_stanza(&mut xml)?,
            }),
            "error" if !is_empty => Ok(Self::Error(Failure::read(&mut xml)?)),
            _ => Ok(Self::Other),
        }
    }
}

impl Head {
    /// Of a stanza of which only the beginning is there. `None` if it is no IQ, or cannot be answered.
    pub(crate) fn of_beginning(bytes: &[u8]) -> Option<Self> {
        let valid = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let (valid, _) = bytes.split_at_checked(error.valid_up_to())?;
                std::str::from_utf8(valid).ok()?
            }
        };
        let mut xml = Reader::from_str(valid);
        let (start, _) = first(&mut xml).ok()?;
        if start.local_name().as_ref() != "iq" {
            return None;
        }
        Self::read(&start)
    }

    fn read(start: &BytesStart<'_>) -> Option<Self> {
        let kind = match attribute(start, "type")?.as_str() {
            "get" => Kind::Get,
            "set" => Kind::Set,
            "result" => Kind::Result,
            "error" => Kind::Error,
            _ => return None,
        };
        Some(Self {
            kind,
            id: attribute(start, "id")?,
            from: attribute(start, "from"),
        })
    }
}

impl Iq {
    /// What an error says, as far as it says something.
    pub(crate) fn failure(&self) -> Failure {
        let error = self.children.iter().find(|child| child.name == "error");
        error.and_then(Child::failure).unwrap_or_default()
    }
}

impl Child {
    pub(crate) fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }

    /// An attribute without a prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        let text = std::str::from_utf8(&self.document).ok()?;
        let (start, _) = first(&mut Reader::from_str(text)).ok()?;
        attribute(&start, name)
    }

    /// The text of the first element of this name within.
    pub(crate) fn text_of(&self, name: &str) -> Option<String> {
        let text = std::str::from_utf8(&self.document).ok()?;
        let mut xml = Reader::from_str(text);
        loop {
            match xml.read_event().ok()? {
                Event::Start(start) if start.local_name().as_ref() == name => {
                    return text_in(&mut xml, start.name());
                }
                Event::Eof => return None,
                _ => {}
            }
        }
    }

    /// These two attributes of each element of this name within, where it has both.
    pub(crate) fn pairs(&self, name: &str, first: &str, second: &str) -> Vec<(String, String)> {
        let text = std::str::from_utf8(&self.document).unwrap_or_default();
        let mut xml = Reader::from_str(text);
        let mut found = Vec::new();
        loop {
            match xml.read_event() {
                Ok(Event::Start(start) | Event::Empty(start))
                    if start.local_name().as_ref() == name =>
                {
                    let pair = attribute(&start, first).zip(attribute(&start, second));
                    found.extend(pair);
                }
                Ok(Event::Eof) | Err(_) => return found,
                Ok(_) => {}
            }
        }
    }

    fn failure(&self) -> Option<Failure> {
        let text = std::str::from_utf8(&self.document).ok()?;
        let mut xml = Reader::from_str(text);
        let (start, is_empty) = first(&mut xml).ok()?;
        let mut failure = if is_empty {
            Failure::default()
        } else {
            Failure::read(&mut xml).ok()?
        };
        failure.kind = attribute(&start, "type").unwrap_or_default();
        Some(failure)
    }
}

impl Failure {
    /// From behind the start tag: the first element is the condition, one called `text` has words. Another
    /// one is a condition that an application defines.
    fn read(xml: &mut Reader<&[u8]>) -> Result<Self, Malformed> {
        let mut failure = Self::default();
        loop {
            match xml.read_event().map_err(|_| Malformed)? {
                Event::Start(start) if start.local_name().as_ref() == "text" => {
                    failure.text = text_in(xml, start.name());
                }
                Event::Start(start) => {
                    failure.name(&start);
                    xml.read_to_end(start.name()).map_err(|_| Malformed)?;
                }
                // A text without words is still no condition.
                Event::Empty(start) if start.local_name().as_ref() == "text" => {}
                Event::Empty(start) => failure.name(&start),
                Event::End(_) | Event::Eof => return Ok(failure),
                _ => {}
            }
        }
    }

    fn name(&mut self, condition: &BytesStart<'_>) {
        let is_defined = attribute(condition, "xmlns").is_some_and(|ns| ns == STANZAS);
        if self.condition.is_empty() || is_defined {
            self.condition = cut(condition.local_name().as_ref());
        }
    }
}

/// The element that a document begins with, and whether it is empty.
fn first<'a>(xml: &mut Reader<&'a [u8]>) -> Result<(BytesStart<'a>, bool), Malformed> {
    match xml.read_event().map_err(|_| Malformed)? {
        Event::Start(start) => Ok((start, false)),
        Event::Empty(start) => Ok((start, true)),
        _ => Err(Malformed),
    }
}

/// The children of the element whose start tag was read.
fn children(
    text: &str,
    xml: &mut Reader<&[u8]>,
    parent: &BytesStart<'_>,
) -> Result<Vec<Child>, Malformed> {
    let mut children = Vec::new();
    loop {
        let begin = xml.buffer_position();
        let start = match xml.read_event().map_err(|_| Malformed)? {
            Event::Start(start) => {
                xml.read_to_end(start.name()).map_err(|_| Malformed)?;
                start
            }
            Event::Empty(start) => start,
            Event::End(_) => return Ok(children),
            Event::Eof => return Err(Malformed),
            _ => continue,
        };
        if children.len() >= CHILDREN {
            continue;
        }
        let span = usize::try_from(begin)
            .ok()
            .zip(usize::try_from(xml.buffer_position()).ok());
        let element = span.and_then(|(begin, end)| text.get(begin..end));
        children.push(child(element.ok_or(Malformed)?, &start, parent)?);
    }
}

fn child(
    element: &str,
    start: &BytesStart<'_>,
    parent: &BytesStart<'_>,
) -> Result<Child, Malformed> {
    let qname = start.name();
    let declaration = match qname.prefix() {
        Some(prefix) => format!("xmlns:{}", prefix.as_ref()),
        None => "xmlns".to_owned(),
    };
    let namespace = attribute(start, &declaration)
        .or_else(|| attribute(parent, &declaration))
        .unwrap_or_else(|| CLIENT.to_owned());
    // A document of its own needs the prefixes that are declared around it. Never the default: nothing
    // of a payload is in XMPP's namespace, and it would change what a signature was made over.
    let at = qname.as_ref().len().saturating_add(1);
    let (name, rest) = element.split_at_checked(at).ok_or(Malformed)?;
    let mut document = Vec::with_capacity(element.len());
    document.extend_from_slice(name.as_bytes());
    let is_prefix = |key: &str| key.starts_with("xmlns:");
    let mut attributes = start.attributes();
    let own = attributes.with_checks(false).flatten().map(|own| own.key.0);
    let own: BTreeSet<&str> = own.filter(|key| is_prefix(key)).collect();
    for attribute in parent.attributes().with_checks(false).flatten() {
        let key = attribute.key.as_ref();
        if is_prefix(key) && !own.contains(key) {
            let quote = if attribute.value.contains('"') {
                '\''
            } else {
                '"'
            };
            let text = format!(" {key}={quote}{}{quote}", attribute.value);
            document.extend_from_slice(text.as_bytes());
        }
    }
    document.extend_from_slice(rest.as_bytes());
    Ok(Child {
        namespace,
        name: qname.local_name().as_ref().to_owned(),
        document,
    })
}

/// The number in `<limits><max-bytes>`, if there is one.
fn longest_stanza(xml: &mut Reader<&[u8]>) -> Result<Option<usize>, Malformed> {
    loop {
        match xml.read_event().map_err(|_| Malformed)? {
            Event::Start(start) if start.local_name().as_ref() == "max-bytes" => {
                let text = text_in(xml, start.name());
                return Ok(text.and_then(|text| text.trim().parse().ok()));
            }
            Event::Eof => return Ok(None),
            _ => {}
        }
    }
}

/// The value of an attribute; the first of this name counts. One with characters that XML does not have
/// is none: it could not be said in an answer.
fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = start.attributes();
    // Looking for doubles takes time that grows with the square of their number.
    let mut attributes = attributes.with_checks(false).flatten();
    let attribute = attributes.find(|attribute| attribute.key.as_ref() == name)?;
    let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
    value.chars().all(is_legal).then(|| value.into_owned())
}

/// The text up to the end tag of this name, cut.
fn text_in(xml: &mut Reader<&[u8]>, name: QName<'_>) -> Option<String> {
    let text = xml.read_text(name).ok()?.into_inner();
    Some(cut(&quick_xml::escape::unescape(&text).ok()?))
}

fn cut(text: &str) -> String {
    let readable = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(LONGEST_TEXT).map(readable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iq(text: &str) -> Iq {
        match Stanza::read(text.as_bytes()).unwrap() {
            Stanza::Iq(iq) => iq,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_payload_is_a_document_of_its_own() {
        let iq = iq(
            "<iq xml:lang='en' from='ven1@d/c&amp;c' xmlns:o='urn:o' xmlns:p=\"urn:p\" id='a&quot;1' \
             type='set'> <o:a xmlns:p='urn:q' x='&lt;'><p:b/>&amp;</o:a>\n<c/></iq>",
        );
        assert_eq!(iq.head.kind, Kind::Set);
        assert_eq!(iq.head.id, "a\"1");
        assert_eq!(iq.head.from.as_deref(), Some("ven1@d/c&c"));
        let [a, c] = iq.children.as_slice() else {
            panic!("{:?}", iq.children)
        };
        assert!(a.is("urn:o", "a"));
        assert_eq!(
            str::from_utf8(&a.document).unwrap(),
            "<o:a xmlns:o=\"urn:o\" xmlns:p='urn:q' x='&lt;'><p:b/>&amp;</o:a>"
        );
        assert_eq!(a.attribute("x").as_deref(), Some("<"));
        assert!(c.is(CLIENT, "c"));
    }

    #[test]
    fn errors_say_what_was_wrong() {
        let iq = iq(
            "<iq type='error' id='1'><query xmlns='q'/><error type='cancel'>\
             <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>a &lt; b\n</text><x xmlns='y'/></error></iq>",
        );
        assert_eq!(
            iq.failure(),
            Failure {
                kind: "cancel".into(),
                condition: "service-unavailable".into(),
                text: Some("a < b ".into()),
            }
        );
        // A text without words takes no condition's place.
        for text in [
            "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>",
            "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'></text>",
        ] {
            let iq = self::iq(&format!(
                "<iq type='error' id='1'><error type='wait'>{text}\
                 <policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>{text}</error></iq>"
            ));
            assert_eq!(iq.failure().condition, "policy-violation", "{text}");
        }
        let stream = "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                      <text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Replaced</text></stream:error>";
        let Ok(Stanza::Error(failure)) = Stanza::read(stream.as_bytes()) else {
            panic!()
        };
        assert_eq!(failure.condition, "conflict");
        assert_eq!(failure.text.as_deref(), Some("Replaced"));
    }

    #[test]
    fn xep_0478_limits_are_heard_of() {
        let features = "<stream:features><bind xmlns='b'/><limits xmlns='urn:xmpp:stream-limits:0'>\
                        <max-bytes>65536</max-bytes></limits></stream:features>";
        assert_eq!(
            Stanza::read(features.as_bytes()),
            Ok(Stanza::Features {
                longest: Some(65536)
            })
        );
        assert_eq!(
            Stanza::read(b"<stream:features/>"),
            Ok(Stanza::Features { longest: None })
        );
    }

    #[test]
    fn the_beginning_of_a_stanza_tells_whom_to_answer() {
        let head = Head::of_beginning(b"<iq id='1' type='set' from='a@b/c'><x>text \xC3").unwrap();
        assert_eq!((head.id.as_str(), head.kind), ("1", Kind::Set));
        assert_eq!(Head::of_beginning(b"<iq id='1' type='set"), None);
        assert_eq!(Head::of_beginning(b"<message id='1' type='set'>"), None);
    }

    /// It was answered under another ID.
    #[test]
    fn an_id_that_xml_does_not_have_is_none() {
        for id in ["a\u{16}", "&#1;", "\u{FFFF}"] {
            let stanza = format!("<iq type='set' id='{id}'><a/></iq>");
            assert_eq!(Stanza::read(stanza.as_bytes()), Ok(Stanza::Other), "{id}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_no_stanza() {
        for text in [
            "<iq id='1' type='get'><a></b></iq>",
            "text",
            "<iq id='1' type='get'><a>",
            "\u{0}",
        ] {
            assert_eq!(Stanza::read(text.as_bytes()), Err(Malformed), "{text}");
        }
        assert_eq!(Stanza::read(b"<a>\xFF</a>"), Err(Malformed));
        for text in [
            "<message/>",
            "<presence><x/></presence>",
            "<iq/>",
            "<iq id='1' type='put'/>",
        ] {
            assert_eq!(Stanza::read(text.as_bytes()), Ok(Stanza::Other), "{text}");
        }
    }
}
