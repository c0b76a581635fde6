//! HTTP Basic credentials (RFC 7617), which no OpenADR specification knows and some VTNs ask for.
//! Does not know when to send them.

use std::fmt;

use hyper::header::HeaderValue;

/// A user and a password for HTTP Basic. Over plain HTTP everybody on the way can read them.
#[derive(Clone)]
pub struct Credentials(HeaderValue);

impl Credentials {
    /// Credentials as the peer's operator gave them.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] for what RFC 7617 cannot carry.
    pub fn new(user: &str, password: &str) -> Result<Self, CredentialsError> {
        if user.contains(':') {
            return Err(CredentialsError::Colon);
        }
        if user.chars().chain(password.chars()).any(char::is_control) {
            return Err(CredentialsError::Control);
        }
        let encoded = base64(format!("{user}:{password}").as_bytes());
        let mut value = HeaderValue::from_str(&format!("Basic {encoded}"))
            .map_err(|_| CredentialsError::Control)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// The value of the `Authorization` header.
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Why a user and a password cannot be sent as HTTP Basic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A colon in the user's name, where it would begin the password.
    #[error("a user name for HTTP Basic cannot have a colon")]
    Colon,
    /// A control character.
    #[error("credentials for HTTP Basic cannot have control characters")]
    Control,
}

/// RFC 4648 §4.
fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(octets.len().div_ceil(3) * 4);
    for group in octets.chunks(3) {
        let bits = group
            .iter()
            .chain([&0, &0])
            .take(3)
            .fold(0_u32, |bits, &octet| bits << 8 | u32::from(octet));
        for place in 0..4 {
            // A group of n octets has n + 1 digits; padding fills it up to four.
            if place <= group.len() {
                let digit = bits >> (18 - 6 * place) & 0x3f;
                let letter = usize::try_from(digit)
                    .ok()
                    .and_then(|digit| ALPHABET.get(digit));
                out.extend(letter.map(|&letter| char::from(letter)));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_rfc_4648() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
            ("\u{3ff}\u{3ff}>?", "z7/Pvz4/"),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded, "{plain}");
        }
    }

    #[test]
    fn credentials_are_not_printed() {
        let credentials = Credentials::new("Aladdin", "open sesame").unwrap();
        assert_eq!(credentials.header(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(format!("{credentials:?}"), "Credentials(…)");
        assert!(!format!("{:?}", credentials.header()).contains("QWx"));
    }

    #[test]
    fn what_basic_cannot_carry_is_refused() {
        assert_eq!(
            Credentials::new("a:b", "c").unwrap_err(),
            CredentialsError::Colon
        );
        assert_eq!(
            Credentials::new("a", "b\nc").unwrap_err(),
            CredentialsError::Control
        );
    }
}
