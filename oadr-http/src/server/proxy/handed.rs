//! A certificate in a header, in the forms in which proxies write it.
//! Does not know whether it is worth anything.
//!
//! | form | who |
//! |---|---|
//! | PEM, percent-encoded | nginx's `$ssl_client_escaped_cert`, Amazon's load balancers |
//! | PEM, its lines joined by blanks or tabs | Apache's `%{SSL_CLIENT_CERT}s` |
//! | the base64 of the DER | HAProxy's `%[ssl_c_der,base64]` |
//! | `:` base64 of the DER `:` | RFC 9440, `Client-Cert` |
//! | `Hash=…;Cert="…"`, PEM, percent-encoded | Envoy's `X-Forwarded-Client-Cert` |
//!
//! No text is of two forms, so nobody has to say which it is. nginx's older `$ssl_client_cert` is not
//! among them: it breaks the header into lines, which HTTP/1.1 has not allowed since RFC 7230.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Why a header holds no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandedError {
    /// There is nothing in it, or what proxies write in the place of nothing.
    #[error("it is empty")]
    Empty,
    /// No form that is known.
    #[error("it has none of the known forms")]
    Form,
    /// A percent sign without two hexadecimal digits.
    #[error("its percent-encoding is broken")]
    Escape,
    /// The PEM begins and does not end, or something stands around it.
    #[error("its PEM is broken or cut off")]
    Pem,
    /// There are several certificates in it; which one is the peer's would be a guess.
    #[error("it holds several certificates")]
    Several,
    /// The base64 is none.
    #[error("its base64 is broken or cut off")]
    Base64,
    /// There is more than one element: the proxy passes on what came from before it.
    #[error("it has several elements: the proxy must replace it, not add to it")]
    Elements,
    /// There is an element without the certificate.
    #[error("it names no certificate (Cert)")]
    NoCert,
}

/// The certificate's DER, or what claims to be it.
pub(super) fn certificate(header: &[u8]) -> Result<Vec<u8>, HandedError> {
    let text = header.trim_ascii();
    match text {
        // What mod_headers of Apache writes where nginx leaves the header out.
        b"" | b"(null)" => Err(HandedError::Empty),
        [b':', base64 @ .., b':'] => decode(base64),
        _ if text.starts_with(b"-----") || text.starts_with(b"%") => pem(text),
        _ if is_base64(text) => decode(text),
        _ => pem(cert_of(text)?),
    }
}

/// Whether it consists of what base64 does; equals signs are at its end only.
fn is_base64(text: &[u8]) -> bool {
    let digits = text.iter().rev().skip_while(|byte| **byte == b'=');
    let mut digits = digits.map(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte));
    digits.all(|is_digit| is_digit)
}

fn decode(base64: &[u8]) -> Result<Vec<u8>, HandedError> {
    STANDARD.decode(base64).map_err(|_| HandedError::Base64)
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// The certificate in a PEM, perhaps percent-encoded, whatever blanks are between its lines.
fn pem(text: &[u8]) -> Result<Vec<u8>, HandedError> {
    let text = unescape(text)?;
    let base64 = text
        .trim_ascii()
        .strip_prefix(BEGIN)
        .ok_or(HandedError::Pem)?;
    let length = base64.iter().position(|byte| *byte == b'-');
    let (base64, end) = length
        .and_then(|length| base64.split_at_checked(length))
        .ok_or(HandedError::Pem)?;
    match end.strip_prefix(END) {
        Some(b"") => {}
        Some(more) if more.trim_ascii_start().starts_with(BEGIN) => {
            return Err(HandedError::Several);
        }
        Some(_) | None => return Err(HandedError::Pem),
    }
    let blank = |byte: &&u8| !byte.is_ascii_whitespace();
    decode(&base64.iter().filter(blank).copied().collect::<Vec<u8>>())
}

/// Percent-encoding undone. A plus sign stays one: it is a digit of base64, which some leave as it is.
fn unescape(text: &[u8]) -> Result<Cow<'_, [u8]>, HandedError> {
    if !text.contains(&b'%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        plain.push(if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let octet = digit().zip(digit()).map(|(high, low)| high << 4 | low);
            octet
                .and_then(|octet| u8::try_from(octet).ok())
                .ok_or(HandedError::Escape)?
        } else {
            byte
        });
    }
    Ok(Cow::Owned(plain))
}

/// What `Cert` says in the one element of an `X-Forwarded-Client-Cert`.
///
/// An element is a hop. If the proxy adds its own to those that came with the request, the last one is
/// its own; but what stands in it is partly the client's (`Subject`, `URI`), and whoever gets a comma
/// into that without quotes would have written the last element himself. So there must be only one: a
/// proxy that replaces the header writes no more.
fn cert_of(text: &[u8]) -> Result<&[u8], HandedError> {
    let mut rest = text;
    let mut cert = None;
    loop {
        let equals = rest.iter().position(|byte| *byte == b'=');
        let (key, value) = equals
            .and_then(|equals| rest.split_at_checked(equals))
            .ok_or(HandedError::Form)?;
        let key = key.trim_ascii();
        if key.is_empty() || !key.iter().all(u8::is_ascii_alphanumeric) {
            return Err(HandedError::Form);
        }
        let (value, after) = value_of(value.get(1..).unwrap_or_default())?;
        if key.eq_ignore_ascii_case(b"Cert") && cert.replace(value).is_some() {
            return Err(HandedError::Several);
        }
        rest = match after {
            b"" => return cert.ok_or(HandedError::NoCert),
            [b';', rest @ ..] => rest,
            [b',', ..] => return Err(HandedError::Elements),
            _ => return Err(HandedError::Form),
        };
    }
}

/// The value at the beginning, without its quotes, and what follows it. In quotes a backslash takes the
/// meaning from what is behind it; a certificate has none.
fn value_of(text: &[u8]) -> Result<(&[u8], &[u8]), HandedError> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| matches!(byte, b';' | b','));
        return text
            .split_at_checked(end.unwrap_or(text.len()))
            .ok_or(HandedError::Form);
    };
    let mut escaped = false;
    let end = quoted.iter().position(|byte| {
        let is_end = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        is_end
    });
    let (value, after) = end
        .and_then(|end| quoted.split_at_checked(end))
        .ok_or(HandedError::Form)?;
    Ok((value, after.get(1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No certificate; but this does not know.
    const DER: &[u8] = &[
        0xfb, 0xff, 0xfe, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x00, 0xfb, 0xef, 0xbe,
    ];
    const BASE64: &str = "+//+MIIBCgIA++++";

    /// As nginx escapes: everything but letters, digits and `-._~`.
    fn escaped(text: &str) -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    char::from(byte).to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect()
    }

    fn lines() -> String {
        let (first, second) = BASE64.split_at(6);
        format!("-----BEGIN CERTIFICATE-----\n{first}\n{second}\n-----END CERTIFICATE-----\n")
    }

    #[test]
    fn every_proxy_is_understood() {
        let lines = lines();
        assert_eq!(STANDARD.encode(DER), BASE64);
        for header in [
            escaped(&lines),
            // Amazon's: what base64 is made of stays as it is.
            lines.replace('\n', "%0A").replace(' ', "%20"),
            lines.replace('\n', "%0d%0a"),
            lines.replace('\n', "\t"),
            lines.replace('\n', "\n\t"),
            lines.replace('\n', " "),
            BASE64.to_owned(),
            format!("  {BASE64} "),
            format!(":{BASE64}:"),
            format!("Cert=\"{}\"", escaped(&lines)),
            format!("cert={}", escaped(&lines)),
            format!(
                "By=spiffe://a/b;Hash=00ff;Cert=\"{}\";Subject=\"O=\\\"A;B,C\\\\\\\",CN=x\";URI=;DNS=a",
                escaped(&lines)
            ),
        ] {
            assert_eq!(certificate(header.as_bytes()), Ok(DER.to_vec()), "{header}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_named() {
        let lines = lines();
        let whole = escaped(&lines);
        for (header, error) in [
            (String::new(), HandedError::Empty),
            ("  ".to_owned(), HandedError::Empty),
            ("(null)".to_owned(), HandedError::Empty),
            ("no certificate".to_owned(), HandedError::Form),
            ("\u{e9}".to_owned(), HandedError::Form),
            ("CN=house, O=Example".to_owned(), HandedError::Elements),
            (format!("{whole}%"), HandedError::Escape),
            (format!("{whole}%0"), HandedError::Escape),
            (format!("{whole}%+1"), HandedError::Escape),
            ("%00".to_owned(), HandedError::Pem),
            ("-----BEGIN CERTIFICATE-----".to_owned(), HandedError::Pem),
            (lines.replace("END", "BEGIN"), HandedError::Pem),
            (
                lines.replace("CERTIFICATE", "PRIVATE KEY"),
                HandedError::Pem,
            ),
            (format!("{whole}x"), HandedError::Pem),
            (escaped(&lines.repeat(2)), HandedError::Several),
            (lines.replace("++++", "+++"), HandedError::Base64),
            (lines.replace("++++", "++:+"), HandedError::Base64),
            (BASE64.replace("++++", "+++"), HandedError::Base64),
            (format!("{BASE64}===="), HandedError::Base64),
            (":".to_owned(), HandedError::Form),
            (format!(":{BASE64}:, :{BASE64}:"), HandedError::Base64),
            (format!(":{BASE64}:;a=1"), HandedError::Form),
            (format!("{BASE64},{BASE64}"), HandedError::Form),
            ("Hash=00".to_owned(), HandedError::NoCert),
            (format!("Cert=\"{whole}"), HandedError::Form),
            (format!("Cert=\"{whole}\"x"), HandedError::Form),
            ("Cert=\"\"".to_owned(), HandedError::Pem),
            (
                format!("Cert=\"{whole}\";CERT=\"{whole}\""),
                HandedError::Several,
            ),
        ] {
            assert_eq!(certificate(header.as_bytes()), Err(error), "{header}");
        }
    }

    #[test]
    fn nobody_adds_a_hop_by_what_is_written_in_a_certificate() {
        let whole = escaped(&lines());
        for name in ["x,Cert=\"y\"", "x,By=z"] {
            let header = format!("By=a;Hash=00;Cert=\"{whole}\";URI={name}");
            assert_eq!(
                certificate(header.as_bytes()),
                Err(HandedError::Elements),
                "{header}"
            );
        }
    }
}
