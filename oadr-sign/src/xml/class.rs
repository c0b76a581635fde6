//! What a byte or a character may be in XML.
//!
//! Knows nothing of where it stands.

/// What a byte may be, as bits.
static CLASSES: [u8; 256] = classes();
/// Part of a name.
pub(super) const NAME: u8 = 1;
/// The beginning of one.
pub(super) const FIRST: u8 = 2;
/// In a text, something else than what it says, or the end of it.
pub(super) const TEXT: u8 = 4;
/// The same in an attribute in double quotes.
pub(super) const VALUE: u8 = 8;

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "it is below 256")]
        let class = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80..=0xFF => NAME | FIRST,
            b'0'..=b'9' | b'.' | b'-' => NAME,
            b'<' | b'&' => TEXT | VALUE,
            b'\r' => TEXT | VALUE,
            b'>' => TEXT,
            b'"' | b'\t' | b'\n' => VALUE,
            _ => 0,
        };
        #[expect(
            clippy::indexing_slicing,
            clippy::arithmetic_side_effects,
            reason = "byte is below 256, and checked when this is compiled"
        )]
        {
            classes[byte] = class;
            byte += 1;
        }
    }
    classes
}

#[inline]
pub(super) fn is(byte: u8, class: u8) -> bool {
    CLASSES
        .get(usize::from(byte))
        .is_some_and(|classes| classes & class != 0)
}

#[inline]
pub(super) fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The first character that XML does not allow.
pub(super) fn illegal_character(text: &str) -> Option<usize> {
    // Without a branch per byte: a control character, or the first byte of U+FFFE and U+FFFF.
    let suspicious = text.as_bytes().chunks(64).any(|chunk| {
        chunk.iter().fold(false, |any, b| {
            any | (*b < 0x20 && !matches!(b, 9 | 10 | 13)) | (*b == 0xEF)
        })
    });
    if !suspicious {
        return None;
    }
    let illegal = |c: char| {
        (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{FFFE}' | '\u{FFFF}')
    };
    text.char_indices()
        .find(|(_, c)| illegal(*c))
        .map(|(at, _)| at)
}
