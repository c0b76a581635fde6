//! Reads a message body whole, within a limit; cleans foreign text for logs.
//! Does not know what the body means or how it is compressed.

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Bytes, Incoming};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Why a body was not read.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It is, or says it is, longer than the limit.
    TooLarge,
    /// There is no room for it beside the long bodies that are here already.
    NoRoom,
    /// The connection ended or broke its framing before the body was whole.
    Broken(hyper::Error),
}

/// Room for all long bodies together.
#[derive(Debug)]
pub(crate) struct Room(Semaphore);

/// The part of a [`Room`] that one body takes, until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Place<'a>(Option<SemaphorePermit<'a>>);

/// Bodies up to this length need no room, in bytes: the number of connections bounds them well enough.
const SHORT: usize = 64 * 1024;

/// What room is counted in, in bytes.
const UNIT: usize = 1024;

impl Room {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Semaphore::new((bytes / UNIT).min(Semaphore::MAX_PERMITS)))
    }

    /// Makes a place as large as a body of `length` bytes needs it.
    fn extend<'a>(&'a self, place: &mut Place<'a>, length: usize) -> Result<(), BodyError> {
        if length <= SHORT {
            return Ok(());
        }
        let taken = place.0.as_ref().map_or(0, SemaphorePermit::num_permits);
        let missing = length.div_ceil(UNIT).saturating_sub(taken);
        let missing = u32::try_from(missing).map_err(|_| BodyError::NoRoom)?;
        let more = self.0.try_acquire_many(missing);
        let more = more.map_err(|_| BodyError::NoRoom)?;
        match &mut place.0 {
            Some(place) => place.merge(more),
            None => place.0 = Some(more),
        }
        Ok(())
    }
}

/// The whole body, at most `limit` bytes of it, and its place in the room, if there is one to keep to.
/// A declared length over the limit is refused before a byte is read.
pub(crate) async fn collect(
    mut body: Incoming,
    limit: usize,
    room: Option<&Room>,
) -> Result<(Bytes, Place<'_>), BodyError> {
    let mut place = Place::default();
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
        if let Some(room) = room {
            // For what came, not for what was promised: promises would fill it at no cost.
            room.extend(&mut place, length)?;
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
    let whole = if pieces.is_empty() {
        whole
    } else {
        Bytes::from(pieces)
    };
    Ok((whole, place))
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
    fn long_bodies_share_a_room_and_short_ones_need_none() {
        let room = Room::new(200 * 1024);
        let (mut first, mut second, mut third) = Default::default();
        for length in [1, SHORT, SHORT + 1, 150 * 1024] {
            assert!(room.extend(&mut first, length).is_ok(), "{length}");
        }
        assert!(room.extend(&mut second, SHORT).is_ok());
        assert!(matches!(
            room.extend(&mut second, SHORT + 1),
            Err(BodyError::NoRoom)
        ));
        drop(first);
        assert!(room.extend(&mut third, 200 * 1024).is_ok());
        assert!(room.extend(&mut third, 200 * 1024 + 1).is_err());
    }

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
