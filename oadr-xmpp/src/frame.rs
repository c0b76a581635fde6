//! Parts what an XMPP server sends into stanzas, by their bytes and within bounds.
//!
//! Knows nothing of what a stanza says, nor whether it is well-formed beyond its tags.
//!
//! tokio-xmpp's own streams end with the first attribute of 8 KiB and bound nothing else. Here a
//! stanza that is too long is skipped, and a payload stays as it came, prefixes and all.

use memchr::{memchr, memchr3};

/// How much of a stanza that is too long is kept: enough for its start tag.
const BEGINNING: usize = 4096;

/// Markup that a stream must not have (RFC 6120 §11.1), tags that do not match, or too many open ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sent what is no XML stream")]
pub(crate) struct NoStream;

/// One piece of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// The start tag of the stream.
    Opened,
    /// An element of the stream, whole.
    Stanza(Vec<u8>),
    /// An element that is too long: its beginning.
    TooLong(Vec<u8>),
    /// The end tag of the stream.
    Closed,
}

/// Takes bytes as they come, and gives out pieces.
#[derive(Debug)]
pub(crate) struct Framer {
    limit: usize,
    state: State,
    /// Elements that are open, the stream among them.
    depth: usize,
    /// The most that may be.
    deepest: usize,
    /// What the stanza has so far; of one that is too long, its beginning.
    kept: Vec<u8>,
    is_too_long: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between tags.
    Text,
    /// After `<`.
    Opening,
    /// In a start tag; in quotes, if there is one, and behind this byte.
    Start { quote: Option<u8>, last: u8 },
    /// In an end tag.
    End,
    /// In the XML declaration.
    Declaration,
    /// After `<!`, and so many characters of `[CDATA[`.
    Marked(usize),
    /// In a CDATA section, behind so many brackets (two at most).
    Cdata(u8),
}

const CDATA: &[u8] = b"[CDATA[";

impl Framer {
    /// For stanzas of at most so many bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            state: State::Text,
            depth: 0,
            deepest: usize::MAX,
            kept: Vec::new(),
            is_too_long: false,
        }
    }

    /// With so many elements open at most, the stream among them. Without it there may be any number:
    /// nothing here takes a stack for them.
    pub(crate) fn no_deeper_than(self, deepest: usize) -> Self {
        Self { deepest, ..self }
    }

    /// Whether the stanza that has begun has more bytes than are allowed.
    pub(crate) fn is_too_long(&self) -> bool {
        self.is_too_long
    }

    /// Takes bytes off the front of these until a piece is complete or none is left.
    ///
    /// # Errors
    /// [`NoStream`]; nothing that follows makes sense then.
    pub(crate) fn take(&mut self, bytes: &mut &[u8]) -> Result<Option<Frame>, NoStream> {
        while !bytes.is_empty() {
            if let Some(frame) = self.step(bytes)? {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// Up to the next byte that means something.
    fn step(&mut self, bytes: &mut &[u8]) -> Result<Option<Frame>, NoStream> {
        match self.state {
            State::Text => {
                if let Some(_less) = self.until(bytes, memchr(b'<', bytes)) {
                    self.state = State::Opening;
                }
            }
            State::Opening => match self.one(bytes) {
                b'/' => self.state = State::End,
                b'?' if self.depth == 0 => self.state = State::Declaration,
                b'!' if self.depth > 1 => self.state = State::Marked(0),
                b'?' | b'!' | b'<' | b'>' => return Err(NoStream),
                last => self.state = State::Start { quote: None, last },
            },
            State::Start { quote: None, last } => {
                let at = memchr3(b'>', b'"', b'\'', bytes);
                // The byte before it: a slash there makes an empty element.
                let before = match at.unwrap_or(bytes.len()).checked_sub(1) {
                    Some(before) => bytes.get(before).copied().unwrap_or(last),
                    None => last,
                };
                match self.until(bytes, at) {
                    Some(b'>') => return self.started(before == b'/'),
                    Some(quote) => {
                        self.state = State::Start {
                            quote: Some(quote),
                            last: quote,
                        }
                    }
                    None => {
                        self.state = State::Start {
                            quote: None,
                            last: before,
                        }
                    }
                }
            }
            State::Start {
                quote: Some(quote), ..
            } => {
                if let Some(last) = self.until(bytes, memchr(quote, bytes)) {
                    self.state = State::Start { quote: None, last };
                }
            }
            State::End => {
                if self.until(bytes, memchr(b'>', bytes)).is_some() {
                    return self.ended();
                }
            }
            State::Declaration => {
                if self.until(bytes, memchr(b'>', bytes)).is_some() {
                    self.kept.clear();
                    self.state = State::Text;
                }
            }
            State::Marked(count) => {
                let byte = self.one(bytes);
                if CDATA.get(count) != Some(&byte) {
                    return Err(NoStream);
                }
                let count = count.saturating_add(1);
                self.state = if count == CDATA.len() {
                    State::Cdata(0)
                } else {
                    State::Marked(count)
                };
            }
            State::Cdata(brackets) => {
                let byte = self.one(bytes);
                self.state = match (byte, brackets) {
                    (b']', _) => State::Cdata(brackets.saturating_add(1).min(2)),
                    (b'>', 2) => State::Text,
                    (_, _) => State::Cdata(0),
                };
            }
        }
        Ok(None)
    }

    /// The start tag is complete.
    fn started(&mut self, is_empty: bool) -> Result<Option<Frame>, NoStream> {
        self.state = State::Text;
        self.depth = self.depth.saturating_add(1);
        if self.depth > self.deepest {
            return Err(NoStream);
        }
        if self.depth == 1 {
            let too_long = std::mem::take(&mut self.is_too_long);
            self.kept = Vec::new();
            return if too_long || is_empty {
                Err(NoStream)
            } else {
                Ok(Some(Frame::Opened))
            };
        }
        if is_empty { self.ended() } else { Ok(None) }
    }

    /// An element is complete.
    fn ended(&mut self) -> Result<Option<Frame>, NoStream> {
        self.state = State::Text;
        self.depth = self.depth.checked_sub(1).ok_or(NoStream)?;
        match self.depth {
            0 => Ok(Some(Frame::Closed)),
            1 => {
                let kept = std::mem::take(&mut self.kept);
                Ok(Some(if std::mem::take(&mut self.is_too_long) {
                    Frame::TooLong(kept)
                } else {
                    Frame::Stanza(kept)
                }))
            }
            _ => Ok(None),
        }
    }

    /// Takes bytes up to this place, or all; says which byte was there.
    fn until(&mut self, bytes: &mut &[u8], at: Option<usize>) -> Option<u8> {
        let length = at.map_or(bytes.len(), |at| at.saturating_add(1));
        let (taken, rest) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
        *bytes = rest;
        // Between stanzas there is white space, to keep the connection open. Of it the next `<` counts.
        let taken = match (self.state, self.depth, taken.split_last()) {
            (State::Text, 0 | 1, Some((b'<', _))) => b"<",
            (State::Text, 0 | 1, _) => return None,
            _ => taken,
        };
        self.keep(taken);
        at.and_then(|_| taken.last().copied())
    }

    fn one(&mut self, bytes: &mut &[u8]) -> u8 {
        let Some((byte, rest)) = bytes.split_first() else {
            return 0;
        };
        *bytes = rest;
        self.keep(&[*byte]);
        *byte
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.is_too_long {
            return;
        }
        let room = self.limit.saturating_sub(self.kept.len());
        let (fits, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.kept.extend_from_slice(fits);
        if !rest.is_empty() {
            self.is_too_long = true;
            self.kept.truncate(BEGINNING);
            self.kept.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All pieces of a stream that arrives in steps of so many bytes.
    fn frames(stream: &str, limit: usize, step: usize) -> Result<Vec<Frame>, NoStream> {
        let mut framer = Framer::new(limit);
        let mut frames = Vec::new();
        for mut piece in stream.as_bytes().chunks(step) {
            while let Some(frame) = framer.take(&mut piece)? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    fn stanza(text: &str) -> Frame {
        Frame::Stanza(text.as_bytes().to_vec())
    }

    #[test]
    fn a_stream_falls_into_its_stanzas_however_it_arrives() {
        let stanzas = [
            "<a/>",
            "<iq id='/>'><x y=\"'>\"/>text<z><![CDATA[</iq>]]]></z ></iq>",
            "<b x='1' />",
        ];
        let stream = format!(
            "<?xml version='1.0'?> <s:s to='a>b'> {} \n{}{}</s:s>",
            stanzas[0], stanzas[1], stanzas[2]
        );
        for step in 1..stream.len() {
            let frames = frames(&stream, 1000, step).unwrap();
            let [opened, a, iq, b, closed] = frames.as_slice() else {
                panic!("{frames:?}")
            };
            assert_eq!(opened, &Frame::Opened);
            assert_eq!(
                [a, iq, b],
                [
                    &stanza(stanzas[0]),
                    &stanza(stanzas[1]),
                    &stanza(stanzas[2])
                ]
            );
            assert_eq!(closed, &Frame::Closed);
        }
    }

    #[test]
    fn what_is_too_long_is_skipped_and_its_beginning_kept() {
        let long = format!("<iq id='1'><a>{}</a></iq>", "x".repeat(20_000));
        let stream = format!("<s>{long}<b/>{long}</s>");
        for step in [1, 7, 1000, 100_000] {
            let frames = frames(&stream, 10_000, step).unwrap();
            let [
                _,
                Frame::TooLong(first),
                b,
                Frame::TooLong(_),
                Frame::Closed,
            ] = frames.as_slice()
            else {
                panic!("{frames:?}")
            };
            assert_eq!(first.len(), BEGINNING);
            assert!(long.as_bytes().starts_with(first));
            assert_eq!(b, &stanza("<b/>"));
        }
        assert_eq!(
            frames(&format!("<s>{long}"), long.len(), 64).unwrap().pop(),
            Some(stanza(&long)),
            "exactly as long as allowed"
        );
    }

    #[test]
    fn rfc_6120_restricted_xml_ends_the_stream() {
        for stream in [
            "</s>",
            "<s/>",
            "<!DOCTYPE s><s>",
            "<s><?xml version='1.0'?>",
            "<s><!-- -->",
            "<s><a><!-- -->",
            "<s><a><!ENTITY",
            "<s></s></s>",
            "<<s>",
        ] {
            assert_eq!(frames(stream, 1000, 3), Err(NoStream), "{stream}");
        }
    }
}
