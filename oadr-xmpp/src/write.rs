//! Writes stanzas.
//!
//! Knows nothing of streams, nor of when one is due.

/// The namespace of XMPP's stanza errors.
pub(crate) const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

/// What an IQ is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Get,
    Set,
    Result,
    Error,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Result => "result",
            Self::Error => "error",
        }
    }
}

/// A stanza error: its type and its condition (RFC 6120 §8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StanzaError {
    kind: &'static str,
    condition: &'static str,
}

impl StanzaError {
    pub(crate) const FORBIDDEN: Self = Self::new("auth", "forbidden");
    pub(crate) const BAD_REQUEST: Self = Self::new("modify", "bad-request");
    pub(crate) const POLICY_VIOLATION: Self = Self::new("modify", "policy-violation");
    pub(crate) const SERVICE_UNAVAILABLE: Self = Self::new("cancel", "service-unavailable");
    pub(crate) const ITEM_NOT_FOUND: Self = Self::new("cancel", "item-not-found");
    pub(crate) const NOT_ALLOWED: Self = Self::new("cancel", "not-allowed");
    pub(crate) const RESOURCE_CONSTRAINT: Self = Self::new("wait", "resource-constraint");
    pub(crate) const INTERNAL: Self = Self::new("wait", "internal-server-error");

    const fn new(kind: &'static str, condition: &'static str) -> Self {
        Self { kind, condition }
    }
}

/// An IQ with this content, which is XML; to our own server, if it is to nobody.
pub(crate) fn iq(kind: Kind, id: &str, to: Option<&str>, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len().saturating_add(256));
    push(&mut out, "<iq type='");
    push(&mut out, kind.as_str());
    push(&mut out, "' id='");
    escape(&mut out, id);
    if let Some(to) = to {
        push(&mut out, "' to='");
        escape(&mut out, to);
    }
    if content.is_empty() {
        push(&mut out, "'/>");
    } else {
        push(&mut out, "'>");
        out.extend_from_slice(content);
        push(&mut out, "</iq>");
    }
    out
}

/// An IQ that refuses another.
pub(crate) fn error(id: &str, to: Option<&str>, error: StanzaError, text: Option<&str>) -> Vec<u8> {
    let StanzaError { kind, condition } = error;
    let mut content = Vec::new();
    push(
        &mut content,
        &format!("<error type='{kind}'><{condition} xmlns='{STANZAS}'/>"),
    );
    if let Some(text) = text {
        push(&mut content, &format!("<text xmlns='{STANZAS}'>"));
        escape(&mut content, text);
        push(&mut content, "</text>");
    }
    push(&mut content, "</error>");
    iq(Kind::Error, id, to, &content)
}

/// Appends a text so that it can stand in an element or between single or double quotes. Characters that
/// XML does not have become U+FFFD.
pub(crate) fn escape(out: &mut Vec<u8>, text: &str) {
    for c in text.chars() {
        match c {
            '&' => push(out, "&amp;"),
            '<' => push(out, "&lt;"),
            '>' => push(out, "&gt;"),
            '\'' => push(out, "&apos;"),
            '"' => push(out, "&quot;"),
            '\t' | '\n' | '\r' => push(out, &format!("&#{};", u32::from(c))),
            c if !is_legal(c) => push(out, "\u{FFFD}"),
            c => push(out, c.encode_utf8(&mut [0; 4])),
        }
    }
}

/// Whether XML has this character.
pub(crate) fn is_legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}
