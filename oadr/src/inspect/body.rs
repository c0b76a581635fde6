//! The document in what was captured: a file, or an HTTP message with its head.
//!
//! Knows nothing of XML.

/// A document and what stood around it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Body<'o> {
    /// The document.
    pub(super) octets: &'o [u8],
    /// Where it begins in what was given.
    pub(super) offset: usize,
    /// The first line of the HTTP message, if it was one.
    pub(super) head: Option<String>,
    /// Why it cannot be read, or what is odd about it.
    pub(super) notes: Vec<&'static str>,
}

/// Finds it.
pub(super) fn of(octets: &[u8]) -> Body<'_> {
    let plain = Body {
        octets,
        offset: 0,
        head: None,
        notes: Vec::new(),
    };
    let Some(first) = first_line(octets) else {
        return plain;
    };
    let Some((end, offset)) = end_of_head(octets) else {
        return Body {
            octets: &[],
            offset: octets.len(),
            head: Some(first.to_owned()),
            notes: vec!["an HTTP message without the empty line between its head and its body"],
        };
    };
    let head = String::from_utf8_lossy(octets.get(..end).unwrap_or_default()).into_owned();
    let mut body = octets.get(offset..).unwrap_or_default();
    let mut notes = Vec::new();
    let header = |wanted: &str| {
        head.lines().skip(1).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim()
                .eq_ignore_ascii_case(wanted)
                .then(|| value.trim().to_ascii_lowercase())
        })
    };
    if header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        notes.push(
            "the body is in chunks, which OpenADR forbids; put them together to look into it",
        );
    }
    if header("content-encoding").is_some_and(|coding| coding != "identity") {
        notes.push("the body is compressed; give it as it is without that");
    }
    if let Some(length) = header("content-length").and_then(|length| length.parse().ok()) {
        match body.get(..length) {
            Some(all) if all.len() < body.len() => {
                notes.push("there is more than Content-Length says: left out");
                body = all;
            }
            Some(_) => {}
            None => notes.push("there is less than Content-Length says"),
        }
    }
    Body {
        octets: body,
        offset,
        head: Some(first.to_owned()),
        notes,
    }
}

/// The request or status line, if it is one.
fn first_line(octets: &[u8]) -> Option<&str> {
    let line = octets.split(|octet| *octet == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.trim_end_matches('\r');
    let is_request = line
        .rsplit_once(' ')
        .is_some_and(|(_, version)| version.starts_with("HTTP/1."));
    (is_request || line.starts_with("HTTP/1.")).then_some(line)
}

/// Where the head ends and the body begins.
fn end_of_head(octets: &[u8]) -> Option<(usize, usize)> {
    let find = |mark: &[u8]| {
        let at = octets.windows(mark.len()).position(|some| some == mark)?;
        Some((at, at + mark.len()))
    };
    match (find(b"\r\n\r\n"), find(b"\n\n")) {
        (Some(crlf), Some(lf)) => Some(crlf.min(lf)),
        (crlf, lf) => crlf.or(lf),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_its_document() {
        for text in ["<a/>", "", "no XML\n\nat all"] {
            let body = of(text.as_bytes());
            assert_eq!((body.octets, body.offset), (text.as_bytes(), 0));
            assert_eq!(body.head, None);
        }
    }

    #[test]
    fn an_http_message_has_it_behind_the_empty_line() {
        for (head, first) in [
            (
                "POST /OpenADR2/Simple/2.0b/OadrPoll HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n",
                "POST /OpenADR2/Simple/2.0b/OadrPoll HTTP/1.1",
            ),
            ("HTTP/1.1 200 OK\n\n", "HTTP/1.1 200 OK"),
        ] {
            let text = format!("{head}<a/>");
            let body = of(text.as_bytes());
            assert_eq!((body.octets, body.offset), (&b"<a/>"[..], head.len()));
            assert_eq!(body.head.as_deref(), Some(first));
            assert!(body.notes.is_empty());
        }
    }

    #[test]
    fn what_is_odd_about_a_body_is_told() {
        let body = |header: &str| {
            of(format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\n<a/>xx")
                .into_bytes()
                .leak())
        };
        assert_eq!(body("content-length: 4").octets, b"<a/>");
        for header in [
            "content-length: 4",
            "Content-Length: 99",
            "Content-Encoding: gzip",
            "transfer-encoding: chunked",
        ] {
            assert_eq!(body(header).notes.len(), 1, "{header}");
        }
        assert_eq!(of(b"HTTP/1.1 200 OK\r\nA: b\r\n").notes.len(), 1);
    }
}
