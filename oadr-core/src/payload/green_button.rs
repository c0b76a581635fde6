//! Green Button data: an Atom feed with ESPI resources, carried as it is (spec §2.12).
//!
//! Knows nothing of what is in the feed; whoever wants to know has an XML text that stands by itself.

use crate::codec::{
    Attributes, Content, DecodeError, Error, LONGEST_FRAGMENT, Ns, Reader, Writer, read_fragment,
};

/// An `atom:feed` as an XML text that stands by itself: well-formed, every prefix declared, without
/// comments, processing instructions and document type, in exclusive canonical form.
///
/// Two feeds are equal when they say the same, whatever order their attributes were in and wherever
/// their namespaces were declared; prefixes and white space between elements count.
///
/// ```
/// use oadr_core::payload::GreenButton;
///
/// let feed = r#"<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:uuid:1</id><!-- one --><logo/></feed>"#;
/// assert_eq!(
///     GreenButton::new(feed)?.as_str(),
///     r#"<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:uuid:1</id><logo></logo></feed>"#
/// );
/// assert!(GreenButton::new("<feed/>").is_err());
/// # Ok::<(), oadr_core::codec::DecodeError>(())
/// ```
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GreenButton(Box<str>);

impl GreenButton {
    /// The longest feed, in bytes of its canonical form.
    pub const MAX_BYTES: usize = LONGEST_FRAGMENT;

    /// Takes the text of one `atom:feed`.
    ///
    /// # Errors
    /// The text is longer than [`MAX_BYTES`](Self::MAX_BYTES), not well-formed, nested more than 16 deep,
    /// has a text or an attribute of more than 64 KiB or a document type, or is no `atom:feed`. The error
    /// names the place.
    pub fn new(text: &str) -> Result<Self, DecodeError> {
        read_fragment(text, Ns::Atom, "feed", &["atom:feed"]).map(|feed| Self(feed.into()))
    }

    /// A feed with nothing in it.
    #[must_use]
    pub fn empty() -> Self {
        Self(r#"<feed xmlns="http://www.w3.org/2005/Atom"></feed>"#.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Says how long it is: what is in it is a customer's.
impl core::fmt::Debug for GreenButton {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "GreenButton({} bytes)", self.0.len())
    }
}

impl TryFrom<String> for GreenButton {
    type Error = DecodeError;

    fn try_from(text: String) -> Result<Self, DecodeError> {
        Self::new(&text)
    }
}

impl From<GreenButton> for String {
    fn from(feed: GreenButton) -> Self {
        feed.0.into_string()
    }
}

/// The element around the feed: `oadrGBPayload` or `oadrGBDataDescription`.
impl Content for GreenButton {
    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        const INSIDE: &[&str] = &["atom:feed"];
        r.open(Attributes::None)?;
        if !r.is(Ns::Atom, "feed") {
            return Err(match r.child() {
                Some(_) => r.unexpected(INSIDE),
                None => r.missing("atom:feed"),
            });
        }
        let feed = r.fragment()?;
        if r.child().is_some() {
            return Err(r.unexpected(INSIDE));
        }
        r.close()?;
        Ok(Self(feed.into()))
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.fragment(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{DecodeErrorKind, DecodeOptions, Limits, Syntax, decode, encode};
    use crate::payload::{Message, StreamPayload};

    const ATOM: &str = "http://www.w3.org/2005/Atom";
    const ESPI: &str = "http://naesb.org/espi";

    fn feed(text: &str) -> String {
        GreenButton::new(text).unwrap().into()
    }

    fn refused(text: &str) -> DecodeErrorKind {
        GreenButton::new(text).unwrap_err().kind
    }

    /// An `oadrUpdateReport` of one interval with this in its `oadrGBPayload`.
    fn report(declared: &str, feed: &str) -> String {
        format!(
            r#"<oadr:oadrPayload xmlns:oadr="http://openadr.org/oadr-2.0b/2012/07" xmlns:ei="http://docs.oasis-open.org/ns/energyinterop/201110" xmlns:pyld="http://docs.oasis-open.org/ns/energyinterop/201110/payloads" xmlns:strm="urn:ietf:params:xml:ns:icalendar-2.0:stream" {declared}><oadr:oadrSignedObject><oadr:oadrUpdateReport ei:schemaVersion="2.0b"><pyld:requestID>q</pyld:requestID><oadr:oadrReport><strm:intervals><ei:interval><oadr:oadrGBPayload>{feed}</oadr:oadrGBPayload></ei:interval></strm:intervals><ei:reportRequestID>r</ei:reportRequestID><ei:reportSpecifierID>s</ei:reportSpecifierID><ei:createdDateTime>2026-01-01T00:00:00Z</ei:createdDateTime></oadr:oadrReport></oadr:oadrUpdateReport></oadr:oadrSignedObject></oadr:oadrPayload>"#
        )
    }

    fn read(document: &str) -> Message {
        decode(document.as_bytes(), &DecodeOptions::default())
            .unwrap()
            .message
    }

    /// The feed of the report's only interval.
    fn inside(message: &Message) -> String {
        let Message::UpdateReport(update) = message else {
            panic!("{message:?}")
        };
        let interval = update.reports[0].intervals.as_ref().unwrap().first();
        match interval.payloads.first() {
            StreamPayload::GreenButton(feed) => feed.as_str().to_owned(),
            other @ (StreamPayload::Signal(_) | StreamPayload::Report(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_feed_with_nothing_in_it_is_in_canonical_form() {
        let empty = GreenButton::empty();
        assert_eq!(GreenButton::new(empty.as_str()).unwrap(), empty);
    }

    #[test]
    fn a_feed_is_brought_into_one_form() {
        let text = format!(
            "<?xml version='1.0'?> <feed xmlns='{ATOM}' xmlns:unused='urn:u'>\r\n <?pi?><link rel='up'\n  href='a&#x26;\"b'/><!-- c --><title><![CDATA[<&]]>&gt;&#13;</title>\
             <content><g:x xmlns:g='{ESPI}'><g:y/><h:y xmlns:h='{ESPI}' g:b='1' a='2'/></g:x></content></feed >"
        );
        let form = format!(
            "<feed xmlns=\"{ATOM}\">\n <link href=\"a&amp;&quot;b\" rel=\"up\"></link><title>&lt;&amp;&gt;&#xD;</title>\
             <content><g:x xmlns:g=\"{ESPI}\"><g:y></g:y><h:y xmlns:h=\"{ESPI}\" a=\"2\" g:b=\"1\"></h:y></g:x></content></feed>"
        );
        assert_eq!(feed(&text), form);
        assert_eq!(feed(&form), form);
    }

    #[test]
    fn a_feed_stands_by_itself_wherever_it_was_cut_out() {
        let outer = format!("xmlns:a='{ATOM}' xmlns='{ESPI}' xmlns:u='urn:u'");
        let message = read(&report(
            &outer,
            "<a:feed><a:content><x><a:y xmlns=''><z/></a:y></x></a:content></a:feed>",
        ));
        assert_eq!(
            inside(&message),
            format!(
                "<a:feed xmlns:a=\"{ATOM}\"><a:content><x xmlns=\"{ESPI}\"><a:y><z xmlns=\"\"></z></a:y></x></a:content></a:feed>"
            )
        );
        assert_eq!(feed(&inside(&message)), inside(&message));
        assert_eq!(
            read(std::str::from_utf8(&encode(&message)).unwrap()),
            message
        );
    }

    #[test]
    fn prefixes_of_our_documents_are_declared_once_where_they_mean_the_same() {
        let ei = "http://docs.oasis-open.org/ns/energyinterop/201110";
        let message = read(&report(
            "",
            &format!("<feed xmlns='{ATOM}'><ei:x/><b xmlns:ei='urn:o'><ei:x/></b></feed>"),
        ));
        let inside = inside(&message);
        assert_eq!(
            inside,
            format!(
                "<feed xmlns=\"{ATOM}\"><ei:x xmlns:ei=\"{ei}\"></ei:x><b><ei:x xmlns:ei=\"urn:o\"></ei:x></b></feed>"
            )
        );
        let document = String::from_utf8(encode(&message)).unwrap();
        assert_eq!(
            document.matches(ei).count(),
            2,
            "as a prefix of pyld's: {document}"
        );
        assert_eq!(read(&document), message);
    }

    #[test]
    fn values_that_name_types_keep_their_prefixes() {
        let xsi = "http://www.w3.org/2001/XMLSchema-instance";
        let outer = format!("xmlns:xsi='{xsi}' xmlns:g='{ESPI}' xmlns='urn:d'");
        let inner =
            format!("<a:feed xmlns:a='{ATOM}'><a:x xsi:type='g:T'/><a:y xsi:type='T'/></a:feed>");
        assert_eq!(
            inside(&read(&report(&outer, &inner))),
            format!(
                "<a:feed xmlns:a=\"{ATOM}\"><a:x xmlns:g=\"{ESPI}\" xmlns:xsi=\"{xsi}\" xsi:type=\"g:T\"></a:x>\
                 <a:y xmlns=\"urn:d\" xmlns:xsi=\"{xsi}\" xsi:type=\"T\"></a:y></a:feed>"
            )
        );
    }

    #[test]
    fn what_is_no_feed_is_refused() {
        use DecodeErrorKind as K;
        let with = |inside: &str| format!("<feed xmlns='{ATOM}'>{inside}</feed>");
        assert!(matches!(refused("<feed/>"), K::UnexpectedElement { .. }));
        assert_eq!(refused(""), K::Malformed(Syntax::NoRoot));
        assert_eq!(refused(&with("<a>")), K::Malformed(Syntax::EndTag));
        assert_eq!(refused(&with("<p:a/>")), K::Malformed(Syntax::Prefix));
        assert_eq!(refused(&with("<a p:b=''/>")), K::Malformed(Syntax::Prefix));
        assert_eq!(
            refused(&with("<a b='' b=''/>")),
            K::Malformed(Syntax::Attribute)
        );
        let twice = with("<a xmlns:p='urn:x' xmlns:q='urn:x' p:b='' q:b=''/>");
        assert_eq!(refused(&twice), K::Malformed(Syntax::Attribute));
        assert_eq!(refused(&with("<1a/>")), K::Malformed(Syntax::Markup));
        assert_eq!(refused(&with("<a:b:c/>")), K::Malformed(Syntax::Markup));
        assert_eq!(refused(&with("&e;")), K::Malformed(Syntax::Entity));
        assert_eq!(refused(&with("\u{1}")), K::Malformed(Syntax::Character));
        assert_eq!(refused(&with("]]>")), K::Malformed(Syntax::CdataEnd));
        let doctype = format!("<!DOCTYPE feed>{}", with(""));
        assert_eq!(refused(&doctype), K::Doctype);
        assert_eq!(
            refused(&(with("") + &with(""))),
            K::Malformed(Syntax::Trailing)
        );
        let nested = with(&format!("{}{}", "<a>".repeat(16), "</a>".repeat(16)));
        assert_eq!(refused(&nested), K::TooDeep { limit: 16 });
        let long = "x".repeat(64 << 10);
        assert!(GreenButton::new(&with(&long)).is_ok());
        let limit = 64 << 10;
        assert_eq!(
            refused(&with(&format!("{long}y"))),
            K::TextTooLong { limit }
        );
        let attribute = with(&format!("<a b='{long}y'/>"));
        assert_eq!(refused(&attribute), K::TextTooLong { limit });
        let limit = GreenButton::MAX_BYTES;
        let many = with(&"<a/>".repeat(200_000));
        assert_eq!(refused(&many), K::TooLong { limit });

        let error = GreenButton::new(&with("<a><p:b/></a>")).unwrap_err();
        assert_eq!((&*error.path, error.offset), ("feed/a", 45));
        let document = report("", &format!("<feed xmlns='{ATOM}'/><feed xmlns='{ATOM}'/>"));
        let error = decode(document.as_bytes(), &DecodeOptions::default()).unwrap_err();
        assert!(matches!(error.kind, K::UnexpectedElement { .. }), "{error}");
        let error = decode(report("", "").as_bytes(), &DecodeOptions::default()).unwrap_err();
        assert_eq!(
            error.kind,
            K::MissingElement {
                element: "atom:feed"
            }
        );
    }

    #[test]
    fn declarations_cannot_make_many_small_feeds_long() {
        let outer = format!("xmlns:a='{ATOM}' xmlns:p='urn:{}'", "x".repeat(3_000));
        let feeds = "<a:feed><p:x/></a:feed></oadr:oadrGBPayload></ei:interval><ei:interval><oadr:oadrGBPayload>";
        let document = report(&outer, &format!("{}<a:feed/>", feeds.repeat(40)));
        let options = DecodeOptions {
            limits: Limits {
                bytes: 60_000,
                ..Limits::default()
            },
            ..DecodeOptions::default()
        };
        let error = decode(document.as_bytes(), &options).unwrap_err();
        assert!(
            matches!(error.kind, DecodeErrorKind::TooLong { .. }),
            "{error}"
        );
        assert!(decode(document.as_bytes(), &DecodeOptions::default()).is_ok());
    }

    #[test]
    fn a_feed_is_not_printed() {
        let feed = GreenButton::new(&format!("<feed xmlns='{ATOM}'>secret</feed>")).unwrap();
        assert_eq!(format!("{feed:?}"), "GreenButton(55 bytes)");
        let row = serde_json::to_string(&feed).unwrap();
        assert_eq!(serde_json::from_str::<GreenButton>(&row).unwrap(), feed);
        assert!(serde_json::from_str::<GreenButton>("\"<feed/>\"").is_err());
    }
}
