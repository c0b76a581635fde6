//! The body of the fuzz target `stanzas`: any bytes of a server, whatever pieces they come in.
//!
//! Knows nothing of sockets. Behind the feature `fuzzing`, and no public API: anything here may change
//! with any version.

use oadr_core::codec::{DecodeOptions, decode};

use crate::frame::{Frame, Framer, NoStream};
use crate::stanza::{Child, Head, Iq, Stanza};
use crate::write::{self, StanzaError};

/// The longest stanza, in bytes; low, so that a fuzzer finds what is beyond.
const LONGEST: usize = 2048;

/// Reads a stream, as a whole and in pieces of the size that the first byte says, and everything in it.
///
/// # Panics
/// It falls into other stanzas when it arrives in other pieces, one is longer than allowed, a payload is
/// no element by itself, or an answer is none.
pub fn stanzas(bytes: &[u8]) {
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let (frames, end) = frames(rest, usize::MAX);
    let pieces = self::frames(rest, usize::from(*first).saturating_add(1));
    assert!((&frames, end) == (&pieces.0, pieces.1), "other pieces");
    for frame in &frames {
        match frame {
            Frame::Stanza(stanza) => {
                assert!(stanza.len() <= LONGEST, "too long");
                if let Ok(Stanza::Iq(iq)) = Stanza::read(stanza) {
                    check(&iq);
                }
            }
            Frame::TooLong(beginning) => {
                assert!(beginning.len() <= LONGEST, "too long");
                if let Some(head) = Head::of_beginning(beginning) {
                    answer(&head);
                }
            }
            Frame::Opened | Frame::Closed => {}
        }
    }
}

fn frames(bytes: &[u8], piece: usize) -> (Vec<Frame>, Result<(), NoStream>) {
    let mut framer = Framer::new(LONGEST);
    let mut frames = Vec::new();
    for mut piece in bytes.chunks(piece) {
        loop {
            match framer.take(&mut piece) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(end) => return (frames, Err(end)),
            }
        }
    }
    (frames, Ok(()))
}

fn check(iq: &Iq) {
    answer(&iq.head);
    let _ = iq.failure();
    for child in &iq.children {
        let Child { document, .. } = child;
        let stream = [b"<s>", document.as_slice()].concat();
        let (framed, _) = frames(&stream, usize::MAX);
        // With the prefixes from around it, it may be longer than what it was cut out of.
        assert!(
            document.len() > LONGEST || framed.get(1) == Some(&Frame::Stanza(document.clone())),
            "a payload is no element"
        );
        let _ = (child.text_of("jid"), child.pairs("item", "node", "jid"));
        let _ = decode(document, &DecodeOptions::default());
    }
}

/// An answer has the ID that was asked with.
fn answer(head: &Head) {
    let text = head.from.as_deref();
    let error = write::error(&head.id, text, StanzaError::BAD_REQUEST, text);
    let id = match Stanza::read(&error) {
        Ok(Stanza::Iq(iq)) => Some(iq.head.id),
        Ok(_) | Err(_) => None,
    };
    assert_eq!(id.as_ref(), Some(&head.id), "an answer is none");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_corpus_holds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/stanzas");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert!(files.len() >= 8, "stanzas has lost its corpus");
        for file in files {
            println!("{}", file.display());
            super::stanzas(&std::fs::read(&file).unwrap());
        }
    }

    #[test]
    fn any_bytes_will_do() {
        // What a stream is made of, in any order.
        let parts = [
            "<",
            ">",
            "/",
            "'",
            "\"",
            "<s>",
            "</s>",
            "<iq type='set' id='&amp;1'",
            " from='a@b/c'",
            "<a xmlns:p='q'/>",
            "</iq>",
            "<![CDATA[",
            "]]>",
            "xmlns:o=\"'\" ",
            "&#x1;",
            "\u{FFFE}",
            "<!--",
            "<?",
            "=",
            " ",
        ];
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            let mut text = "\u{3}<s>".to_owned();
            for _ in 0..12 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = usize::try_from(seed >> 33).unwrap() % parts.len();
                text.push_str(parts[at]);
            }
            super::stanzas(text.as_bytes());
        }
    }
}
