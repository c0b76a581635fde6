//! Reads a message body whole, within a limit; cleans foreign text for logs.
//! Does not know what the body means or how it is compressed.

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Bytes, Incoming};

/// Why a body was not read.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It is, or says it is, longer than the limit.
    TooLarge,
    /// The connection ended or broke its framing before the body was whole.
    Broken(hyper::Error),
}

/// The whole body, at most `limit` bytes of it. A declared length over the limit is refused before a byte is read.
pub(crate) async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, BodyError> {
    let limit_u64 = u64::try_from(limit).unwrap_or(u64::MAX);
    if body.size_hint().lower() > limit_u64 {
        return Err(BodyError::TooLarge);
    }
    // A small body is one frame of the connection's buffer and is passed on as it is; only what comes in pieces is
    // copied. The buffer grows with what arrived, never with what was promised.
    let mut whole = Bytes::new();
    let mut pieces: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        // Trailers carry nothing for us.
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else {
            continue;
        };
        let length = whole
            .len()
            .saturating_add(pieces.len())
            .saturating_add(data.len());
        if length > limit {
            return Err(BodyError::TooLarge);
        }
        if pieces.is_empty() && whole.is_empty() {
            whole = data;
        } else {
            if pieces.is_empty() {
                pieces.reserve(length);
                pieces.extend_from_slice(&std::mem::take(&mut whole));
            }
            pieces.extend_from_slice(&data);
        }
    }
    Ok(if pieces.is_empty() {
        whole
    } else {
        Bytes::from(pieces)
    })
}

/// The first bytes of a body, as many as there are up to `limit`: for diagnostics, where half a
/// text is better than none.
pub(crate) async fn collect_beginning(mut body: Incoming, limit: usize) -> Vec<u8> {
    let mut beginning = Vec::new();
    while beginning.len() < limit
        && let Some(Ok(frame)) = body.frame().await
    {
        if let Ok(data) = frame.into_data() {
            let room = limit.saturating_sub(beginning.len());
            beginning.extend(data.into_iter().take(room));
        }
    }
    beginning
}

/// Foreign text made fit for one line of a log: at most `limit` characters, blanks and control characters folded to
/// single spaces, invalid UTF-8 replaced.
pub(crate) fn excerpt(octets: &[u8], limit: usize) -> String {
    // Four bytes hold any character, so more than this many bytes are never needed (folding only shortens the text,
    // and an excerpt is allowed to be short).
    let head = octets.get(..limit.saturating_mul(4)).unwrap_or(octets);
    let text = String::from_utf8_lossy(head);
    let mut out = String::new();
    let mut length = 0_usize;
    for word in text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
    {
        let gap = usize::from(length > 0);
        for c in std::iter::repeat_n(' ', gap).chain(word.chars()) {
            if length == limit {
                out.push('…');
                return out;
            }
            out.push(c);
            length = length.saturating_add(1);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_clean_line() {
        assert_eq!(
            excerpt(b"<html>\r\n\t<p>No\x1b[31m &\x00 no\xff</p>\n", 200),
            "<html> <p>No [31m & no\u{fffd}</p>"
        );
        assert_eq!(excerpt(b"", 200), "");
        assert_eq!(excerpt(b" \n ", 200), "");
    }

    #[test]
    fn an_excerpt_is_bounded() {
        assert_eq!(excerpt(b"abcdef", 6), "abcdef");
        assert_eq!(excerpt(b"abcdefg", 6), "abcdef…");
        let long = excerpt("é".repeat(10_000).as_bytes(), 200);
        assert_eq!(long.chars().count(), 201);
    }
}
