//! Content codings: which one a sender of `Accept-Encoding` gets, compressing and inflating within a limit.
//! Does not know messages; whether compressing is worth while is the caller's to decide.

use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::read::{DeflateDecoder, GzDecoder, MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use hyper::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};

/// A content coding that OpenADR names (`Accept-Encoding: gzip, deflate`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    /// The zlib format (RFC 9110 §8.4.1.2), not a bare deflate stream.
    Deflate,
}

impl Coding {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// Compresses for speed: XML shrinks nearly as much at the lowest level, in a fraction of the time.
    pub(crate) fn compress(self, octets: &[u8]) -> io::Result<Vec<u8>> {
        // A message shrinks to a fifth or less.
        let out = Vec::with_capacity(octets.len() / 4);
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(out, Compression::fast());
                encoder.write_all(octets)?;
                encoder.finish()
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(out, Compression::fast());
                encoder.write_all(octets)?;
                encoder.finish()
            }
        }
    }
}

/// What the sender of a request accepts in the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepts {
    /// Only the body as it is.
    Identity,
    /// This coding, or the body as it is where compressing does not help.
    Either(Coding),
    /// This coding only (`identity;q=0`).
    Only(Coding),
}

impl Accepts {
    /// Reads the `Accept-Encoding` fields of a request. The highest weight wins, gzip wins a draw, and a coding wins
    /// over the body as it is unless the sender asks for that in so many words. A sender that accepts nothing we have
    /// gets the body as it is, as RFC 9110 §12.5.3 allows.
    pub(crate) fn of(headers: &HeaderMap<HeaderValue>) -> Self {
        let mut weights = Weights::default();
        for field in headers.get_all(ACCEPT_ENCODING) {
            // A field that is not even text names no coding of ours.
            if let Ok(text) = field.to_str() {
                text.split(',').for_each(|item| weights.read(item));
            }
        }
        let rest = weights.rest.unwrap_or(0);
        let gzip = weights.gzip.unwrap_or(rest);
        let deflate = weights.deflate.unwrap_or(rest);
        let (coding, weight) = if gzip >= deflate {
            (Coding::Gzip, gzip)
        } else {
            (Coding::Deflate, deflate)
        };
        let refuses_identity =
            weights.identity == Some(0) || (weights.identity.is_none() && weights.rest == Some(0));
        if weight == 0 || weights.identity.is_some_and(|identity| identity > weight) {
            Self::Identity
        } else if refuses_identity {
            Self::Only(coding)
        } else {
            Self::Either(coding)
        }
    }
}

/// The weights named in `Accept-Encoding`, in thousandths.
#[derive(Default)]
struct Weights {
    gzip: Option<u16>,
    deflate: Option<u16>,
    identity: Option<u16>,
    /// `*`: every coding not named.
    rest: Option<u16>,
}

impl Weights {
    fn read(&mut self, item: &str) {
        let (name, parameter) = item
            .split_once(';')
            .map_or((item, None), |(name, rest)| (name, Some(rest)));
        let Some(weight) = parameter.map_or(Some(1000), thousandths) else {
            return;
        };
        let name = name.trim();
        let place = if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            &mut self.gzip
        } else if name.eq_ignore_ascii_case("deflate") {
            &mut self.deflate
        } else if name.eq_ignore_ascii_case("identity") {
            &mut self.identity
        } else if name == "*" {
            &mut self.rest
        } else {
            return;
        };
        *place = Some(weight);
    }
}

/// `q=0.25` as 250; `None` for what RFC 9110 §12.4.2 does not allow.
fn thousandths(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, fraction) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

/// Why a compressed body was not inflated.
#[derive(Debug)]
pub(crate) enum InflateError {
    /// It would be longer than the limit.
    TooLarge,
    /// It is no valid stream of its coding.
    Corrupt(io::Error),
}

/// Inflates a body, producing at most `limit` bytes whatever the stream promises.
pub(crate) fn inflate(
    coding: Coding,
    octets: &[u8],
    limit: usize,
) -> Result<Vec<u8>, InflateError> {
    match coding {
        Coding::Gzip => read_within(MultiGzDecoder::new(octets), limit),
        Coding::Deflate if is_zlib(octets) => read_within(ZlibDecoder::new(octets), limit),
        // Some servers send the bare stream; the first two bytes tell it from zlib.
        Coding::Deflate => read_within(DeflateDecoder::new(octets), limit),
    }
}

/// The beginning of a body, as far as it can be inflated: for diagnostics, where half a text is better than none.
pub(crate) fn inflate_beginning(coding: Coding, octets: &[u8], limit: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    // What was read before an error is kept, so the error itself says nothing more.
    let _ = match coding {
        Coding::Gzip => GzDecoder::new(octets).take(limit).read_to_end(&mut out),
        Coding::Deflate if is_zlib(octets) => {
            ZlibDecoder::new(octets).take(limit).read_to_end(&mut out)
        }
        Coding::Deflate => DeflateDecoder::new(octets)
            .take(limit)
            .read_to_end(&mut out),
    };
    out
}

fn read_within(reader: impl io::Read, limit: usize) -> Result<Vec<u8>, InflateError> {
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut out = Vec::new();
    reader
        .take(one_more)
        .read_to_end(&mut out)
        .map_err(InflateError::Corrupt)?;
    if out.len() > limit {
        Err(InflateError::TooLarge)
    } else {
        Ok(out)
    }
}

/// RFC 1950 §2.2: method 8 in the low bits, and the two header bytes a multiple of 31.
fn is_zlib(octets: &[u8]) -> bool {
    match octets {
        [method, flags, ..] => {
            method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(fields: &[&'static str]) -> Accepts {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(field));
        }
        Accepts::of(&headers)
    }

    #[test]
    fn spec_4_1_what_the_ven_accepts_is_what_it_gets() {
        use Accepts::{Either, Identity, Only};
        use Coding::{Deflate, Gzip};
        for (field, expected) in [
            ("gzip, deflate", Either(Gzip)),
            ("GZIP", Either(Gzip)),
            ("x-gzip", Either(Gzip)),
            ("deflate", Either(Deflate)),
            ("deflate, gzip;q=0.5", Either(Deflate)),
            ("gzip;q=0.5 , deflate; q=0.501", Either(Deflate)),
            ("gzip;q=1.000,deflate", Either(Gzip)),
            ("*", Either(Gzip)),
            ("*;q=0.5, gzip;q=0", Either(Deflate)),
            ("gzip, identity;q=0", Only(Gzip)),
            ("gzip, *;q=0", Only(Gzip)),
            ("deflate, identity;q=0.1, *;q=0", Either(Deflate)),
            ("identity", Identity),
            ("identity, gzip;q=0.5", Identity),
            ("gzip, identity", Either(Gzip)),
            ("", Identity),
            ("br, zstd", Identity),
            ("gzip;q=0", Identity),
            ("gzip;q=0, deflate;q=0, identity;q=0", Identity),
            ("gzip;q=2", Identity),
            ("gzip;q=1.001", Identity),
            ("gzip;q=0.0001", Identity),
            ("gzip;q=", Identity),
            ("gzip;level=9", Identity),
            ("gzip;q=-1", Identity),
        ] {
            assert_eq!(accepts(&[field]), expected, "{field}");
        }
        assert_eq!(accepts(&[]), Identity);
        assert_eq!(accepts(&["br", "deflate"]), Either(Deflate));
    }

    #[test]
    fn what_is_compressed_inflates_to_the_same() {
        let text = "<oadr:oadrPoll/>".repeat(100);
        for coding in [Coding::Gzip, Coding::Deflate] {
            let small = coding.compress(text.as_bytes()).unwrap();
            assert!(small.len() < text.len() / 10, "{}", small.len());
            assert_eq!(
                inflate(coding, &small, text.len()).unwrap(),
                text.as_bytes()
            );
        }
    }

    #[test]
    fn a_bare_deflate_stream_is_understood() {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"<a>bare</a>").unwrap();
        let bare = encoder.finish().unwrap();
        assert_eq!(
            inflate(Coding::Deflate, &bare, 100).unwrap(),
            b"<a>bare</a>"
        );
    }

    #[test]
    fn inflating_stops_at_the_limit() {
        let bomb = Coding::Gzip.compress(&vec![b' '; 5_000_000]).unwrap();
        assert!(bomb.len() < 30_000);
        match inflate(Coding::Gzip, &bomb, 1000) {
            Err(InflateError::TooLarge) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(inflate_beginning(Coding::Gzip, &bomb, 10), b"          ");
    }

    #[test]
    fn a_damaged_stream_is_corrupt() {
        for coding in [Coding::Gzip, Coding::Deflate] {
            let mut damaged = coding.compress(&b"<a/>".repeat(50)).unwrap();
            damaged.truncate(damaged.len() - 3);
            assert!(
                matches!(
                    inflate(coding, &damaged, 1000),
                    Err(InflateError::Corrupt(_))
                ),
                "{}",
                coding.name()
            );
            assert!(
                inflate_beginning(coding, &damaged, 4).starts_with(b"<a/>"),
                "{}",
                coding.name()
            );
        }
        assert!(matches!(
            inflate(Coding::Deflate, b"<html>", 1000),
            Err(InflateError::Corrupt(_))
        ));
    }
}
