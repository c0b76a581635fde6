//! Pieces of markup as texts: attributes, references, line ends.
//!
//! Knows nothing of elements or of where in a document a piece stands.

use std::borrow::Cow;

use super::error::Syntax;

/// An element with more attributes than this, declarations included, is an attack.
const MAX_ATTRIBUTES: usize = 160;

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// The attributes of a start tag as written: name and raw value.
pub(super) fn attributes(raw: &str) -> Result<Vec<(&str, &str)>, Syntax> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    let mut rest = raw;
    loop {
        let trimmed = rest.trim_start_matches(BLANKS);
        if trimmed.is_empty() {
            return Ok(found);
        }
        if trimmed.len() == rest.len() || found.len() == MAX_ATTRIBUTES {
            // No blank before the attribute, or too many of them.
            return Err(Syntax::Attribute);
        }
        let (name, after) = split_once(trimmed, b'=').ok_or(Syntax::Attribute)?;
        let name = name.trim_end_matches(BLANKS);
        let after = after.trim_start_matches(BLANKS);
        let quote = after.bytes().next().filter(|b| matches!(b, b'"' | b'\''));
        let inner = quote.and_then(|q| split_once(after.get(1..)?, q));
        let (value, tail) = inner.ok_or(Syntax::Attribute)?;
        let broken = name.is_empty()
            || name
                .bytes()
                .any(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'<' | b'"' | b'\'' | b'&'))
            || value.contains('<');
        if broken || found.iter().any(|(other, _)| *other == name) {
            return Err(Syntax::Attribute);
        }
        found.push((name, value));
        rest = tail;
    }
}

/// An attribute's value: references resolved, white space turned into blanks (XML 1.0 §3.3.3).
pub(super) fn attribute_value(raw: &str) -> Result<Cow<'_, str>, Syntax> {
    let mut bytes = raw.bytes();
    if !bytes.any(|b| matches!(b, b'&' | b'\t' | b'\n' | b'\r')) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '\t', '\n', '\r']) {
        let (before, special) = rest.split_at(at);
        value.push_str(before);
        if let Some(reference) = special.strip_prefix('&') {
            let (name, after) = reference.split_once(';').ok_or(Syntax::Entity)?;
            value.push(reference_value(name)?);
            rest = after;
        } else {
            value.push(' ');
            rest = special
                .strip_prefix("\r\n")
                .or_else(|| special.get(1..))
                .unwrap_or_default();
        }
    }
    value.push_str(rest);
    Ok(Cow::Owned(value))
}

/// The texts before and after the first of these bytes, which is ASCII. In the short texts of markup a
/// plain loop is through before a search has begun.
#[inline]
pub(super) fn split_once(text: &str, ascii: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|b| b == ascii)?;
    let (before, found) = text.split_at_checked(at)?;
    Some((before, found.get(1..)?))
}

/// The prefix and the local part of a name; without a colon, the prefix is empty.
#[inline]
pub(super) fn split_name(name: &str) -> (&str, &str) {
    split_once(name, b':').unwrap_or(("", name))
}

/// The character behind `&name;`.
pub(super) fn reference_value(name: &str) -> Result<char, Syntax> {
    let code = match name {
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "amp" => return Ok('&'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => name.strip_prefix('#').ok_or(Syntax::Entity)?,
    };
    let (digits, radix) = match code.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (code, 10),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Syntax::Entity);
    }
    let number = u32::from_str_radix(digits, radix).map_err(|_| Syntax::Character)?;
    let character = char::from_u32(number).ok_or(Syntax::Character)?;
    let legal = character >= ' ' || matches!(character, '\t' | '\n' | '\r');
    if legal && !matches!(character, '\u{FFFE}' | '\u{FFFF}') {
        Ok(character)
    } else {
        Err(Syntax::Character)
    }
}

/// Every line end as one line feed (XML 1.0 §2.11).
#[inline]
pub(super) fn normal_line_ends(text: &str) -> Cow<'_, str> {
    if text.as_bytes().contains(&b'\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text up to so many bytes, at a character's border.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    text.get(..end).unwrap_or_default()
}
