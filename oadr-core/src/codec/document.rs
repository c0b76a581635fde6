//! A whole document: bytes to a message and back.
//!
//! Knows nothing of what a message holds.

use super::attributes::Attributes;
use super::drift::{DriftKind, Drifts};
use super::error::{DecodeError, DecodeErrorKind, Syntax};
use super::limits::DecodeOptions;
use super::namespace::Ns;
use super::reader::{Error, Reader};
use super::writer::Writer;
use crate::Profile;
use crate::payload::{Message, MessageKind};

/// A document that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The message.
    pub message: Message,
    /// The profile whose namespace it came in.
    pub profile: Profile,
    /// How it departed from the schema.
    pub drifts: Drifts,
}

/// Reads one document: an `oadrPayload`, or a bare message as some peers send it.
///
/// # Errors
/// The document is too large, not UTF-8, not well-formed, has a document type declaration, or is not
/// what the 2.0b schema wants. The error names the place.
pub fn decode(bytes: &[u8], options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    read(bytes, options, read_document)
}

/// Reads an `oadrSignedObject` that stands by itself: what a verified signature was over. There was an
/// `oadrPayload` around it, so that this is no drift, and nothing else is read.
///
/// # Errors
/// As [`decode`].
pub fn decode_signed_object(bytes: &[u8], options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    read(bytes, options, |reader| {
        if !reader.root()?.is(Ns::Oadr, "oadrSignedObject") {
            return Err(reader.unexpected(&["oadr:oadrSignedObject"]));
        }
        let message = read_signed_object(reader)?;
        reader.finish()?;
        Ok(message)
    })
}

fn read(
    bytes: &[u8],
    options: &DecodeOptions,
    document: impl FnOnce(&mut Reader<'_>) -> Result<Message, Error>,
) -> Result<Decoded, DecodeError> {
    let limit = options.limits.bytes;
    let refuse = |kind, offset| DecodeError {
        kind,
        path: "".into(),
        offset,
    };
    if bytes.len() > limit {
        return Err(refuse(DecodeErrorKind::TooLong { limit }, limit));
    }
    let (base, bytes) = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => (3_usize, rest),
        None => (0, bytes),
    };
    let text = std::str::from_utf8(bytes).map_err(|e| {
        refuse(
            DecodeErrorKind::NotUtf8,
            base.saturating_add(e.valid_up_to()),
        )
    })?;
    if let Some(at) = illegal_character(text) {
        return Err(refuse(
            DecodeErrorKind::Malformed(Syntax::Character),
            base.saturating_add(at),
        ));
    }
    let mut reader = Reader::new(text, *options);
    match document(&mut reader) {
        Ok(message) => Ok(Decoded {
            message,
            profile: Profile::B,
            drifts: reader.into_drifts(),
        }),
        Err(refusal) => Err(DecodeError::locate(text, base, *refusal)),
    }
}

/// Writes a message as one canonical document: UTF-8, without declaration, valid against the schema.
#[must_use]
pub fn encode(message: &Message) -> Vec<u8> {
    // Nearly every message fits, and allocators are fastest below this size: glibc keeps blocks of up
    // to 1,032 bytes at hand for each thread.
    let mut out = Vec::with_capacity(1_024);
    encode_into(message, &mut out);
    out
}

/// Appends what [`encode`] returns.
pub fn encode_into(message: &Message, out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    writer.raw(root_tag(message.kind()));
    writer.raw("<oadr:oadrSignedObject>");
    message.write(&mut writer);
    writer.raw("</oadr:oadrSignedObject></oadr:oadrPayload>");
}

/// The parts that [`encode_into`] makes a document of, for one with a signature before its signed object.
///
/// A document is [`root`](Self::root), `<oadr:oadrSignedObject>`, what [`content_into`](Self::content_into)
/// writes, and the two end tags. Nothing in it declares a namespace of the root again.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'m>(pub &'m Message);

impl Parts<'_> {
    /// The start tag of the root: `<oadr:oadrPayload`, the namespaces in the order of canonical XML, `>`.
    #[must_use]
    pub fn root(&self) -> &'static str {
        root_tag(self.0.kind())
    }

    /// Those namespaces alone, each with the blank before it.
    #[must_use]
    pub fn namespaces(&self) -> &'static str {
        let tag = self.root();
        let tag = tag.strip_prefix("<oadr:oadrPayload").unwrap_or(tag);
        tag.strip_suffix('>').unwrap_or(tag)
    }

    /// Appends the message's element, in canonical form.
    pub fn content_into(&self, out: &mut Vec<u8>) {
        self.0.write(&mut Writer::new(out));
    }
}

fn read_document(reader: &mut Reader<'_>) -> Result<Message, Error> {
    let root = reader.root()?;
    let message = if root.is(Ns::Oadr, "oadrPayload") {
        read_payload(reader)?
    } else if root.is(Ns::Oadr, "oadrSignedObject") {
        reader.note(DriftKind::Unwrapped);
        read_signed_object(reader)?
    } else if root.ns == Ns::Oadr20a {
        return Err(reader.refuse(DecodeErrorKind::OtherProfile));
    } else {
        reader.note(DriftKind::Unwrapped);
        Message::read(reader)?
    };
    reader.finish()?;
    Ok(message)
}

fn read_payload(reader: &mut Reader<'_>) -> Result<Message, Error> {
    const INSIDE: &[&str] = &["ds:Signature", "oadr:oadrSignedObject"];
    reader.open(Attributes::None)?;
    let signed = reader.is(Ns::Ds, "Signature");
    if signed {
        reader.skip()?;
    }
    if !reader.is(Ns::Oadr, "oadrSignedObject") {
        return Err(match reader.child() {
            Some(_) => reader.unexpected(INSIDE),
            None => reader.missing("oadr:oadrSignedObject"),
        });
    }
    let message = read_signed_object(reader)?;
    if !signed && reader.is(Ns::Ds, "Signature") {
        reader.note(DriftKind::SignatureLast);
        reader.skip()?;
    }
    // Whatever follows could be a second signed object: refused for every profile.
    if reader.child().is_some() {
        return Err(reader.unexpected(INSIDE));
    }
    reader.close()?;
    Ok(message)
}

fn read_signed_object(reader: &mut Reader<'_>) -> Result<Message, Error> {
    reader.open(Attributes::Id)?;
    if reader.child().is_none() {
        return Err(reader.refuse(DecodeErrorKind::NoMessage));
    }
    let message = Message::read(reader)?;
    if reader.child().is_some() {
        return Err(reader.unexpected(&[]));
    }
    reader.close()?;
    Ok(message)
}

/// The first character that XML does not allow. References to such are the reader's to refuse.
pub(super) fn illegal_character(text: &str) -> Option<usize> {
    // Without a branch per byte, so that it costs next to nothing: a control character, or the first
    // byte of U+FFFE and U+FFFF.
    let suspicious = text.as_bytes().chunks(64).any(|chunk| {
        chunk.iter().fold(false, |any, b| {
            any | (*b < 0x20 && !matches!(b, 9 | 10 | 13)) | (*b == 0xEF)
        })
    });
    if !suspicious {
        return None;
    }
    text.char_indices()
        .find(|(_, c)| matches!(c, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}'))
        .map(|(at, _)| at)
}

/// The root's start tag with the namespaces that a message of this kind may need.
fn root_tag(kind: MessageKind) -> &'static str {
    macro_rules! root {
        ($($prefix:literal = $uri:literal),*) => {
            concat!("<oadr:oadrPayload", $(" xmlns:", $prefix, "=\"", $uri, "\"",)* ">")
        };
    }
    use MessageKind as K;
    match kind {
        K::Poll | K::RequestReregistration => root!(
            "ei" = "http://docs.oasis-open.org/ns/energyinterop/201110",
            "oadr" = "http://openadr.org/oadr-2.0b/2012/07"
        ),
        K::Response
        | K::QueryRegistration
        | K::CreatePartyRegistration
        | K::CancelPartyRegistration
        | K::CanceledPartyRegistration
        | K::RequestEvent
        | K::CreatedEvent
        | K::CreatedOpt
        | K::CancelOpt
        | K::CanceledOpt
        | K::CreatedReport
        | K::UpdatedReport
        | K::CancelReport
        | K::CanceledReport => root!(
            "ei" = "http://docs.oasis-open.org/ns/energyinterop/201110",
            "oadr" = "http://openadr.org/oadr-2.0b/2012/07",
            "pyld" = "http://docs.oasis-open.org/ns/energyinterop/201110/payloads"
        ),
        K::CreatedPartyRegistration => root!(
            "ei" = "http://docs.oasis-open.org/ns/energyinterop/201110",
            "oadr" = "http://openadr.org/oadr-2.0b/2012/07",
            "pyld" = "http://docs.oasis-open.org/ns/energyinterop/201110/payloads",
            "xcal" = "urn:ietf:params:xml:ns:icalendar-2.0"
        ),
        K::DistributeEvent
        | K::CreateOpt
        | K::RegisterReport
        | K::RegisteredReport
        | K::CreateReport
        | K::UpdateReport => root!(
            "ei" = "http://docs.oasis-open.org/ns/energyinterop/201110",
            "emix" = "http://docs.oasis-open.org/ns/emix/2011/06",
            "gml" = "http://www.opengis.net/gml/3.2",
            "oadr" = "http://openadr.org/oadr-2.0b/2012/07",
            "power" = "http://docs.oasis-open.org/ns/emix/2011/06/power",
            "pyld" = "http://docs.oasis-open.org/ns/energyinterop/201110/payloads",
            "scale" = "http://docs.oasis-open.org/ns/emix/2011/06/siscale",
            "strm" = "urn:ietf:params:xml:ns:icalendar-2.0:stream",
            "xcal" = "urn:ietf:params:xml:ns:icalendar-2.0"
        ),
    }
}
