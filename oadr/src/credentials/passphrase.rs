//! Where the passphrases of private keys come from: a setting, a file, or the person at the terminal.
//!
//! Knows nothing of how a key is decrypted.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::hint::black_box;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::CredentialsError;

/// Where the passphrase of encrypted private keys comes from. Clones share what was asked for.
#[derive(Clone, Default)]
pub struct Passphrase {
    source: Source,
    /// What was answered, by the key's file: nobody is asked twice.
    answers: Arc<Mutex<BTreeMap<PathBuf, Secret>>>,
}

#[derive(Clone, Default)]
enum Source {
    #[default]
    Asked,
    File(PathBuf),
    Given(Secret),
}

/// A passphrase, which is gone from memory when nobody needs it any more.
#[derive(Clone)]
pub(super) struct Secret(Arc<Wiped>);

struct Wiped(Vec<u8>);

/// Whether somebody may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    /// On the terminal, if there is one.
    OnTerminal,
    /// Nobody is there.
    Never,
}

impl Passphrase {
    /// It is asked for on the terminal, once for each key that is encrypted. The default.
    #[must_use]
    pub fn asked() -> Self {
        Self::default()
    }

    /// It is all that a file holds, but for the line's end. The file is read anew with the keys.
    #[must_use]
    pub fn in_file(path: impl Into<PathBuf>) -> Self {
        Self::from_source(Source::File(path.into()))
    }

    /// It is this.
    #[must_use]
    pub fn given(passphrase: impl Into<Vec<u8>>) -> Self {
        Self::from_source(Source::Given(Secret::new(passphrase.into())))
    }

    fn from_source(source: Source) -> Self {
        Self {
            source,
            answers: Arc::default(),
        }
    }

    /// The file that it is read from, if it is.
    pub(super) fn file(&self) -> Option<&Path> {
        match &self.source {
            Source::File(path) => Some(path),
            Source::Asked | Source::Given(_) => None,
        }
    }

    /// The passphrase for the encrypted key in this file.
    ///
    /// # Errors
    /// There is none, or its file cannot be read.
    pub(super) fn of(&self, key: &Path, prompt: Prompt) -> Result<Secret, CredentialsError> {
        match &self.source {
            Source::Given(secret) => Ok(secret.clone()),
            Source::File(path) => {
                let mut octets =
                    fs::read(path).map_err(|source| CredentialsError::PassphraseFile {
                        path: path.clone(),
                        source,
                    })?;
                while matches!(octets.last(), Some(b'\n' | b'\r')) {
                    octets.pop();
                }
                Ok(Secret::new(octets))
            }
            Source::Asked => {
                let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(answer) = answers.get(key) {
                    return Ok(answer.clone());
                }
                let somebody = prompt == Prompt::OnTerminal && io::stdin().is_terminal();
                if !somebody {
                    return Err(CredentialsError::NoPassphrase {
                        key: key.to_owned(),
                    });
                }
                let answer = ask(key)?;
                answers.insert(key.to_owned(), answer.clone());
                Ok(answer)
            }
        }
    }
}

fn ask(key: &Path) -> Result<Secret, CredentialsError> {
    let question = format!("Passphrase for {}: ", key.display());
    rpassword::prompt_password(question)
        .map(|answer| Secret::new(answer.into_bytes()))
        .map_err(|source| CredentialsError::Prompt {
            key: key.to_owned(),
            source,
        })
}

impl Secret {
    fn new(octets: Vec<u8>) -> Self {
        Self(Arc::new(Wiped(octets)))
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.0.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.fill(0);
        // Somebody may look: the zeros are not to be optimised away.
        black_box(&self.0);
    }
}

impl fmt::Debug for Passphrase {
    /// Only where it comes from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Asked => f.write_str("Passphrase::asked"),
            Source::File(path) => write!(f, "Passphrase::in_file({})", path.display()),
            Source::Given(_) => f.write_str("Passphrase::given"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temp_dir::TempDir;

    #[test]
    fn a_passphrase_is_the_file_without_the_lines_end() {
        let temp = TempDir::new("passphrase").unwrap();
        let path = temp.path().join("passphrase");
        fs::write(&path, " open sesame \r\n").unwrap();
        let passphrase = Passphrase::in_file(&path);
        let secret = passphrase.of(Path::new("key.pem"), Prompt::Never).unwrap();
        assert_eq!(secret.octets(), b" open sesame ");
        fs::remove_file(&path).unwrap();
        let error = passphrase.of(Path::new("key.pem"), Prompt::Never).err();
        let error = error.unwrap().to_string();
        assert!(error.contains("passphrase in "), "{error}");
    }

    #[test]
    fn where_nobody_can_be_asked_it_says_what_else_to_do() {
        let passphrase = Passphrase::asked();
        let error = passphrase.of(Path::new("house-key.pem"), Prompt::Never);
        let error = error.err().unwrap().to_string();
        for said in [
            "house-key.pem",
            "--tls-passphrase-file",
            "OADR_TLS_PASSPHRASE",
        ] {
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_passphrase_is_not_printed() {
        let printed = format!("{:?}", Passphrase::given("secret"));
        assert!(!printed.contains("secret"), "{printed}");
    }
}
