//! Requests with a document, and the heads of their replies, as bytes of HTTP/1.1.
//!
//! Knows nothing of connections.

use std::io;

/// A document as it goes to a service.
pub(crate) fn request(service: &str, document: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST /OpenADR2/Simple/2.0b/{service} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n",
        document.len()
    )
    .into_bytes();
    request.extend_from_slice(document);
    request
}

/// Where the body begins and how long it is, once the head is complete.
pub(crate) fn head(buffer: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
    if !head.starts_with("http/1.1 200") {
        return Err(io::Error::other(head));
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    length
        .map(|length| Some((end + 4, length)))
        .ok_or_else(|| io::Error::other("no content-length"))
}
