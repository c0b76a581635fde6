//! Texts and attribute values: what they say, and how canonical XML writes it.
//!
//! Knows nothing of where in a document they stand.

use std::borrow::Cow;

/// What a reference cannot stand for.
#[derive(Debug)]
pub(super) struct BadReference;

/// What an attribute says: references resolved, white space turned into blanks (XML 1.0 §3.3.3).
pub(super) fn attribute(raw: &str) -> Result<Cow<'_, str>, BadReference> {
    if !raw
        .bytes()
        .any(|b| matches!(b, b'&' | b'\t' | b'\n' | b'\r'))
    {
        return Ok(Cow::Borrowed(raw));
    }
    let mut said = String::with_capacity(raw.len());
    resolve(raw, &mut said, |_, said| said.push(' '))?;
    Ok(Cow::Owned(said))
}

/// Appends what a text says: references resolved, line ends made one (XML 1.0 §2.11).
pub(super) fn push_text(raw: &str, said: &mut String) -> Result<(), BadReference> {
    resolve(raw, said, |white, said| {
        said.push_str(if white.starts_with('\r') { "\n" } else { white });
    })
}

/// Appends a text without references, such as that of a CDATA section, its line ends made one.
pub(super) fn push_lines(raw: &str, said: &mut String) {
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('\r') {
        said.push_str(before);
        said.push('\n');
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    said.push_str(rest);
}

/// Resolves references, and hands over white space but blanks: one of tab, line feed, or a line end with
/// a carriage return.
fn resolve(
    raw: &str,
    said: &mut String,
    white_space: impl Fn(&str, &mut String),
) -> Result<(), BadReference> {
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '\t', '\n', '\r']) {
        let (before, special) = rest.split_at_checked(at).ok_or(BadReference)?;
        said.push_str(before);
        if let Some(reference) = special.strip_prefix('&') {
            let (name, after) = reference.split_once(';').ok_or(BadReference)?;
            said.push(referenced(name)?);
            rest = after;
        } else {
            let length = if special.starts_with("\r\n") { 2 } else { 1 };
            let (white, after) = special.split_at_checked(length).ok_or(BadReference)?;
            white_space(white, said);
            rest = after;
        }
    }
    said.push_str(rest);
    Ok(())
}

/// The character behind `&name;`: one of the five, or one by its number.
fn referenced(name: &str) -> Result<char, BadReference> {
    let code = match name {
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "amp" => return Ok('&'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => name.strip_prefix('#').ok_or(BadReference)?,
    };
    let (digits, radix) = match code.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (code, 10),
    };
    // No sign, which the standard library would take.
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(BadReference);
    }
    let number = u32::from_str_radix(digits, radix).map_err(|_| BadReference)?;
    let character = char::from_u32(number).ok_or(BadReference)?;
    let legal = character >= ' ' || matches!(character, '\t' | '\n' | '\r');
    if legal && !matches!(character, '\u{FFFE}' | '\u{FFFF}') {
        Ok(character)
    } else {
        Err(BadReference)
    }
}

/// Appends a text as canonical XML writes it between tags.
pub(super) fn write_text(said: &str, out: &mut Vec<u8>) {
    write_escaped(said, out, |byte| {
        Some(match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'\r' => "&#xD;",
            _ => return None,
        })
    });
}

/// Appends a text as canonical XML writes it in an attribute.
pub(super) fn write_attribute(said: &str, out: &mut Vec<u8>) {
    write_escaped(said, out, |byte| {
        Some(match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'"' => "&quot;",
            b'\t' => "&#x9;",
            b'\n' => "&#xA;",
            b'\r' => "&#xD;",
            _ => return None,
        })
    });
}

fn write_escaped(said: &str, out: &mut Vec<u8>, escape: impl Fn(u8) -> Option<&'static str>) {
    for byte in said.bytes() {
        match escape(byte) {
            Some(reference) => out.extend_from_slice(reference.as_bytes()),
            None => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_the_five_and_legal_numbers() {
        let text = |raw: &str| {
            let mut said = String::new();
            push_text(raw, &mut said).ok().map(|()| said)
        };
        for (raw, said) in [
            ("a&amp;&lt;&gt;&quot;&apos;b", Some("a&<>\"'b")),
            ("&#65;&#x42;&#x1F600;", Some("AB\u{1F600}")),
            ("a\r\nb\rc\nd\te&#13;", Some("a\nb\nc\nd\te\r")),
            ("&nbsp;", None),
            ("&amp", None),
            ("&#0;", None),
            ("&#xFFFF;", None),
            ("&#xD800;", None),
            ("&#+65;", None),
            ("&#;", None),
            ("&;", None),
        ] {
            assert_eq!(text(raw).as_deref(), said, "{raw}");
        }
        assert_eq!(attribute("a\r\nb\tc&#10;d\re\nf").unwrap(), "a b c\nd e f");
    }
}
