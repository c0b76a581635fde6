//! The API's token: drawn at the first start, kept in a file that only its owner can read.
//!
//! Knows nothing of what it opens, and never shows itself.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::{fmt, str};

use axum::http::{HeaderMap, header};

use crate::entropy;

/// The file in the data folder.
pub(crate) const FILE: &str = "api-token";

/// How long a token is, in bytes. One that is drawn has 64: 32 random bytes.
const SHORTEST: usize = 16;
const LONGEST: usize = 512;

/// What opens the API to whoever presents it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Its file cannot be read or made.
    #[error("cannot use the API's token in {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file has something else in it.
    #[error(
        "{} has no token in it: that is one line of {SHORTEST} to {LONGEST} letters, digits and -._~+/=; \
         without the file a new one is drawn",
        path.display()
    )]
    NotAToken {
        /// The file.
        path: PathBuf,
    },
}

impl Token {
    /// The token in `path`; a new one is drawn if there is no such file.
    ///
    /// # Errors
    /// The file cannot be read or made, or has something else in it.
    pub(crate) fn at(path: &Path) -> Result<Self, TokenError> {
        let failed = |source| TokenError::Io {
            path: path.to_owned(),
            source,
        };
        match Self::read(path) {
            Err(TokenError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            read => {
                let token = read?;
                let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
                if mode & 0o077 != 0 {
                    tracing::warn!(
                        file = %path.display(),
                        mode = format!("{:o}", mode & 0o777),
                        "others than its owner have access to the API's token: chmod 600 it"
                    );
                }
                return Ok(token);
            }
        }
        let drawn = entropy::draw().map_err(failed)?;
        let token = Self(drawn.iter().map(|byte| format!("{byte:02x}")).collect());
        token.write(path).map_err(failed)?;
        tracing::info!(file = %path.display(), "a token for the API was drawn");
        Ok(token)
    }

    /// The token in `path`.
    ///
    /// # Errors
    /// The file cannot be read, or has something else in it.
    pub(crate) fn read(path: &Path) -> Result<Self, TokenError> {
        let octets = fs::read(path).map_err(|source| TokenError::Io {
            path: path.to_owned(),
            source,
        })?;
        let token = str::from_utf8(&octets).ok().and_then(Self::parse);
        token.ok_or_else(|| TokenError::NotAToken {
            path: path.to_owned(),
        })
    }

    /// The text as a token, spaces around it left out.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = (SHORTEST..=LONGEST).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
        fits.then(|| Self(text.to_owned()))
    }

    /// For the one place where it has to be told.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether these headers of a request present it (RFC 6750).
    pub(crate) fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut presented = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (presented.next(), presented.next()) else {
            return false;
        };
        let Some((scheme, token)) = value.to_str().ok().and_then(|text| text.split_once(' '))
        else {
            return false;
        };
        scheme.eq_ignore_ascii_case("bearer") && self.is(token.trim())
    }

    /// Takes as long for a token that is nearly right as for any other of its length.
    fn is(&self, presented: &str) -> bool {
        let (own, presented) = (self.0.as_bytes(), presented.as_bytes());
        let pairs = own.iter().zip(presented);
        let difference = pairs.fold(0, |found, (a, b)| black_box(found | (a ^ b)));
        own.len() == presented.len() && difference == 0
    }

    /// Writes it at once or not at all, and never where others could read it.
    fn write(&self, path: &Path) -> io::Result<()> {
        let draft = path.with_extension("new");
        // What a process left there that was killed here.
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        writeln!(file, "{}", self.0)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temp_dir::TempDir;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_token_is_drawn_once_into_a_file_for_its_owner_only() {
        let temp = TempDir::new("token").unwrap();
        let path = temp.path().join(FILE);
        // Of a start that was killed half-way.
        fs::write(path.with_extension("new"), "half").unwrap();
        let token = Token::at(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(token.reveal().len(), 64);
        assert_eq!(Token::at(&path).unwrap(), token);
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
        let other = Token::at(&temp.path().join("other")).unwrap();
        assert_ne!(other, token);
        assert_eq!(format!("{token:?}"), "Token");
    }

    #[test]
    fn a_token_of_the_operators_own_is_kept_with_its_mode() {
        let temp = TempDir::new("token").unwrap();
        let path = temp.path().join(FILE);
        fs::write(&path, "  of-my-own/choice==\n").unwrap();
        for chosen in [0o644, 0o400] {
            fs::set_permissions(&path, fs::Permissions::from_mode(chosen)).unwrap();
            assert_eq!(Token::at(&path).unwrap().reveal(), "of-my-own/choice==");
            assert_eq!(mode(&path), chosen);
        }
    }

    #[test]
    fn what_is_no_token_is_told_with_its_file() {
        let temp = TempDir::new("token").unwrap();
        let path = temp.path().join(FILE);
        let long = "a".repeat(LONGEST + 1);
        for text in [
            "",
            "\n",
            "too-short",
            "with a space within",
            "umlaut-äääääääää",
            &long,
        ] {
            fs::write(&path, text).unwrap();
            let error = Token::at(&path).unwrap_err();
            assert!(
                matches!(error, TokenError::NotAToken { .. }),
                "{text}: {error}"
            );
            assert!(
                error.to_string().contains(path.to_str().unwrap()),
                "{error}"
            );
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(Token::at(&path), Err(TokenError::Io { .. })));
    }

    #[test]
    fn only_the_very_token_opens() {
        let token = Token::parse("0123456789abcdef").unwrap();
        let opens = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            token.is_in(&headers)
        };
        assert!(opens(&["Bearer 0123456789abcdef"]));
        assert!(opens(&["bearer  0123456789abcdef "]));
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "0123456789abcdef",
            "Basic 0123456789abcdef",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0",
            "Bearer 0123456789abcdeF",
            "Bearer x123456789abcdef",
        ] {
            assert!(!opens(&[wrong]), "{wrong}");
        }
        assert!(!opens(&[]));
        assert!(!opens(&[
            "Bearer 0123456789abcdef",
            "Bearer 0123456789abcdef"
        ]));
    }
}
