//! A message as a tree that people and programs can read: names without prefixes, values beside them.
//!
//! Knows nothing of what the names mean. It is made of the canonical document of a message that was
//! understood, so that nothing in it can be anything else.

use std::fmt::Write as _;

use chrono::{SecondsFormat, TimeDelta};
use oadr_core::codec::encode;
use oadr_core::payload::Message;
use oadr_core::value::DateTime;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};

use crate::cli::printable;

/// Elements that only carry the value of the one around them.
const CARRIERS: [&str; 8] = [
    "date-time",
    "duration",
    "text",
    "marketContext",
    "payloadFloat",
    "value",
    "properties",
    "tolerate",
];

/// Elements of which there may be several: always a list in JSON, however many there are.
const LISTS: [&str; 18] = [
    "available",
    "eiEventSignal",
    "eventResponse",
    "interval",
    "oadrEvent",
    "oadrExtension",
    "oadrGBPayload",
    "oadrInfo",
    "oadrProfile",
    "oadrReport",
    "oadrReportDescription",
    "oadrReportPayload",
    "oadrReportRequest",
    "oadrService",
    "oadrTransport",
    "signalPayload",
    "specifierPayload",
    "transportInterface",
];

/// Elements all of whose elements are lists: who or what is meant.
const OF_LISTS: [&str; 4] = [
    "eiTarget",
    "oadrPendingReports",
    "reportDataSource",
    "reportSubject",
];

/// How long a line with several values in it may be.
const LINE: usize = 90;

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Node {
    name: String,
    /// Attributes that are no declarations of the codec's own.
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Node>,
}

impl Node {
    /// The tree of a message.
    pub(super) fn of(message: &Message) -> Self {
        let document = encode(message);
        let root = read(&String::from_utf8_lossy(&document)).unwrap_or_default();
        // oadrPayload and oadrSignedObject say nothing.
        let inner = |node: Self| node.children.into_iter().next().unwrap_or_default();
        inner(inner(root)).simplified()
    }

    /// As JSON: texts, objects, and lists of those that may be several.
    pub(crate) fn to_json(&self) -> Value {
        if self.children.is_empty() && self.attributes.is_empty() {
            return self.text.as_str().into();
        }
        let mut object = Map::new();
        for (name, value) in &self.attributes {
            object.insert(format!("@{name}"), value.as_str().into());
        }
        if !self.text.is_empty() {
            object.insert("$".to_owned(), self.text.as_str().into());
        }
        for child in &self.children {
            let value = child.to_json();
            let several = self.lists(&child.name);
            match object.get_mut(&child.name) {
                Some(Value::Array(list)) => list.push(value),
                Some(other) => *other = Value::Array(vec![other.take(), value]),
                None if several => {
                    object.insert(child.name.clone(), Value::Array(vec![value]));
                }
                None => {
                    object.insert(child.name.clone(), value);
                }
            }
        }
        Value::Object(object)
    }

    /// Whether there may be several of this name in it.
    fn lists(&self, name: &str) -> bool {
        LISTS.contains(&name)
            || OF_LISTS.contains(&self.name.as_str())
            || matches!(
                (self.name.as_str(), name),
                ("oadrCancelReport", "reportRequestID") | ("eiEventBaseline", "resourceID")
            )
    }

    /// As lines for people; times are told from `now`, too.
    pub(crate) fn to_text(&self, now: DateTime) -> String {
        let mut out = String::new();
        for child in &self.children {
            child.write(1, now, &mut out);
        }
        out
    }

    fn write(&self, depth: usize, now: DateTime, out: &mut String) {
        let indent = "  ".repeat(depth);
        let name = printable(&self.name);
        let inline = self.inline(now);
        match inline {
            Some(inline) if inline.is_empty() => {
                let _ = writeln!(out, "{indent}{name}");
            }
            Some(inline) if self.children.is_empty() || indent.len() + inline.len() < LINE => {
                let _ = writeln!(out, "{indent}{name}: {inline}");
            }
            Some(_) | None => {
                let _ = writeln!(out, "{indent}{name}:");
                for (name, value) in &self.attributes {
                    let _ = writeln!(out, "{indent}  @{}: {}", printable(name), printable(value));
                }
                for child in &self.children {
                    child.write(depth + 1, now, out);
                }
            }
        }
    }

    /// All of it in a line, if nothing is nested in what is nested.
    fn inline(&self, now: DateTime) -> Option<String> {
        if self.children.is_empty() && self.attributes.is_empty() {
            return Some(value(&self.text, now));
        }
        let plain = |node: &Self| node.children.is_empty() && node.attributes.is_empty();
        if !self.attributes.is_empty() || !self.children.iter().all(plain) {
            return None;
        }
        let parts = self.children.iter().map(|child| {
            let text = value(&child.text, now);
            let name = printable(&child.name);
            if text.is_empty() {
                name.into_owned()
            } else {
                format!("{name} {text}")
            }
        });
        Some(parts.collect::<Vec<_>>().join(", "))
    }

    /// Without the elements that only carry a value.
    fn simplified(mut self) -> Self {
        self.children = self
            .children
            .into_iter()
            .map(Self::simplified)
            .filter(|child| child.name != "components")
            .collect();
        let carried = match self.children.as_slice() {
            [only] => CARRIERS.contains(&only.name.as_str()) && only.attributes.is_empty(),
            _ => false,
        };
        if carried
            && self.text.is_empty()
            && let Some(only) = self.children.pop()
        {
            self.text = only.text;
            self.children = only.children;
        }
        self
    }
}

fn read(document: &str) -> Option<Node> {
    let mut reader = Reader::from_str(document);
    let mut open = vec![Node::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => open.push(begun(&start)),
            Event::Empty(start) => {
                let node = begun(&start);
                open.last_mut()?.children.push(node);
            }
            Event::End(_) => {
                let mut node = open.pop()?;
                if !node.children.is_empty() {
                    // Blanks between elements, in feeds that are carried as they are.
                    node.text = node.text.trim().to_owned();
                }
                open.last_mut()?.children.push(node);
            }
            Event::Text(text) => open.last_mut()?.text.push_str(&text),
            Event::CData(text) => open.last_mut()?.text.push_str(&text),
            Event::GeneralRef(reference) => {
                let text = match reference.resolve_char_ref().ok()? {
                    Some(character) => character.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&reference)?.to_owned(),
                };
                open.last_mut()?.text.push_str(&text);
            }
            Event::Eof => return open.pop()?.children.pop(),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

fn begun(start: &BytesStart<'_>) -> Node {
    let local = start.local_name().into_inner().to_owned();
    let attributes = start.attributes().flatten().filter_map(|attribute| {
        let name = attribute.key.into_inner().to_owned();
        let is_ours = name.starts_with("xmlns") || name == "ei:schemaVersion";
        let value = attribute.value.into_owned();
        (!is_ours).then_some((name, value))
    });
    Node {
        attributes: attributes.collect(),
        name: local,
        ..Node::default()
    }
}

/// A value for people: a time also as how far away it is.
fn value(text: &str, now: DateTime) -> String {
    match text.parse::<DateTime>() {
        Ok(at) if text.ends_with('Z') => format!("{text} ({})", relative(at, now)),
        Ok(_) | Err(_) => printable(text).into_owned(),
    }
}

/// How far away a time is: `in 2 h 5 min`, `3 d ago`.
pub(crate) fn relative(at: DateTime, now: DateTime) -> String {
    let span = at - now;
    if span.abs() < TimeDelta::seconds(1) {
        return "now".to_owned();
    }
    let length = length(span.abs());
    if span > TimeDelta::zero() {
        format!("in {length}")
    } else {
        format!("{length} ago")
    }
}

/// A length in its two largest units.
pub(crate) fn length(span: TimeDelta) -> String {
    let seconds = span.num_seconds();
    let (large, small) = match seconds {
        ..60 => return format!("{seconds} s"),
        60..3_600 => ((60, "min"), (1, "s")),
        3_600..86_400 => ((3_600, "h"), (60, "min")),
        86_400.. => ((86_400, "d"), (3_600, "h")),
    };
    let first = format!("{} {}", seconds / large.0, large.1);
    match seconds % large.0 / small.0 {
        0 => first,
        rest => format!("{first} {rest} {}", small.1),
    }
}

/// A time for people, UTC.
pub(crate) fn time(at: DateTime) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> DateTime {
        text.parse().unwrap()
    }

    #[test]
    fn values_stand_beside_their_names() {
        let node = read(
            "<a:x xmlns:a='u'><p:dtstart><p:date-time>2026-01-31T16:00:00Z</p:date-time></p:dtstart>\
             <interval><duration><duration>PT5M</duration></duration><uid><text>0</text></uid>\
             <signalPayload><payloadFloat><value>1</value></payloadFloat></signalPayload></interval>\
             <note>a &lt; b &#x41;</note><empty/><components/></a:x>",
        )
        .unwrap()
        .simplified();
        assert_eq!(
            node.to_text(at("2026-01-31T14:30:00Z")),
            "  dtstart: 2026-01-31T16:00:00Z (in 1 h 30 min)\n  \
             interval: duration PT5M, uid 0, signalPayload 1\n  \
             note: a < b A\n  \
             empty\n"
        );
        let expected = json!({
            "dtstart": "2026-01-31T16:00:00Z",
            "interval": [{"duration": "PT5M", "uid": "0", "signalPayload": ["1"]}],
            "note": "a < b A",
            "empty": "",
        });
        assert_eq!(node.to_json(), expected);
    }

    #[test]
    fn distances_have_two_units() {
        let now = at("2026-01-31T16:00:00Z");
        for (seconds, text) in [
            (0, "now"),
            (59, "in 59 s"),
            (-90, "1 min 30 s ago"),
            (7_200, "in 2 h"),
            (-90_000, "1 d 1 h ago"),
        ] {
            assert_eq!(relative(now + TimeDelta::seconds(seconds), now), text);
        }
    }
}
