//! Reads the files again when one of them has changed, or on SIGHUP, and puts all of it in force at
//! once, or nothing of it.
//!
//! Knows nothing of what is done with them.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::expiry::Warnings;
use super::passphrase::Prompt;
use super::{Credentials, CredentialsError, Files, Held};
use crate::clock;

/// How often the files are looked at.
const PAUSE: Duration = Duration::from_secs(2);

/// Why what was read is not put in force.
pub(crate) type Refused = Box<dyn std::error::Error + Send + Sync>;

/// What is in force and the files that it is from.
#[derive(Debug)]
pub(crate) struct Watch {
    watched: Watched,
    held: Vec<Held>,
}

impl Watch {
    /// Of what was read from these files.
    pub(crate) fn new(files: Files, read: &Credentials) -> Self {
        Self {
            watched: Watched {
                files,
                seen: read.stamps.clone(),
                failure: None,
            },
            held: read.held.clone(),
        }
    }

    /// Keeps what is in force like the files, and tells of certificates that expire. Runs until it is
    /// dropped. `apply` puts something else in force; if it fails nothing may have changed.
    pub(crate) async fn run(
        self,
        mut apply: impl FnMut(Credentials) -> Result<(), Refused> + Send,
    ) {
        let Self {
            mut watched,
            mut held,
        } = self;
        let mut hangups = match signal(SignalKind::hangup()) {
            Ok(hangups) => Some(hangups),
            Err(error) => {
                tracing::warn!(%error, "SIGHUP cannot be heard: certificates are read when they change");
                None
            }
        };
        let mut warnings = Warnings::default();
        loop {
            warnings.tell(&held, clock::now());
            let asked = tokio::select! {
                () = tokio::time::sleep(PAUSE) => false,
                () = hangup(&mut hangups) => true,
            };
            // Reading may take its time: disks, and passphrases that are made to be slow.
            let looked = tokio::task::spawn_blocking(move || {
                let found = watched.look(asked);
                (watched, found)
            });
            let Ok((next, found)) = looked.await else {
                // It panicked, or the runtime ends.
                return;
            };
            watched = next;
            let Some(found) = found else {
                continue;
            };
            let applied = found.map_err(Refused::from).and_then(|credentials| {
                let new = credentials.held.clone();
                apply(credentials)?;
                Ok(new)
            });
            match applied {
                Ok(new) => {
                    held = new;
                    watched.failure = None;
                    tracing::info!(
                        certificates = held.len(),
                        "certificates and keys read again"
                    );
                }
                Err(error) => {
                    if watched.failed(error.to_string()) {
                        tracing::warn!(%error, "certificates and keys stay as they were");
                    }
                }
            }
        }
    }
}

async fn hangup(hangups: &mut Option<Signal>) {
    match hangups {
        Some(hangups) => {
            hangups.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// The files as they were when they were read last.
#[derive(Debug)]
struct Watched {
    files: Files,
    seen: Vec<Option<Stamp>>,
    failure: Option<Failure>,
}

/// What was said of an attempt that failed.
#[derive(Debug)]
struct Failure {
    said: String,
    /// The files were still the same ones.
    seen: Vec<Option<Stamp>>,
}

/// What tells a file from its successor: by another name through a symbolic link, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    place: (u64, u64),
    changed: (i64, i64),
}

impl Watched {
    /// Reads them if one has changed, if the last attempt failed, or if somebody asks for it.
    fn look(&mut self, asked: bool) -> Option<Result<Credentials, CredentialsError>> {
        // Before they are read: what changes meanwhile is noticed the next time.
        let now = stamps(&self.files);
        // A file may have been half written, and its end may look the same.
        if now == self.seen && self.failure.is_none() && !asked {
            return None;
        }
        self.seen = now;
        if asked {
            // Who asks is told again.
            self.failure = None;
        }
        Some(self.files.read(Prompt::Never))
    }

    /// Notes that what was read last cannot be; whether that is to be said.
    fn failed(&mut self, said: String) -> bool {
        let seen = self.seen.clone();
        let is_known = self
            .failure
            .as_ref()
            .is_some_and(|failure| failure.said == said && failure.seen == seen);
        self.failure = Some(Failure { said, seen });
        !is_known
    }
}

/// What tells each of the files from what may take its place; nothing of one that is not there.
pub(super) fn stamps(files: &Files) -> Vec<Option<Stamp>> {
    use std::os::unix::fs::MetadataExt as _;
    let stamp = |path: &PathBuf| {
        let metadata = fs::metadata(path).ok()?;
        Some(Stamp {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            place: (metadata.dev(), metadata.ino()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    };
    files.all().iter().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;
    use crate::credentials::made::{Authority, VALID};
    use crate::temp_dir::TempDir;

    #[test]
    fn a_file_behind_a_symbolic_link_is_another_one_when_the_link_is() {
        let temp = TempDir::new("reload").unwrap();
        let at = |name: &str| temp.path().join(name);
        fs::write(at("first"), "same").unwrap();
        fs::write(at("second"), "same").unwrap();
        symlink(at("first"), at("link")).unwrap();
        let watched = Files {
            roots: vec![at("link")],
            ..Files::default()
        };
        let before = stamps(&watched);
        assert_eq!(stamps(&watched), before);
        symlink(at("second"), at("new")).unwrap();
        fs::rename(at("new"), at("link")).unwrap();
        assert_ne!(stamps(&watched), before);
        fs::remove_file(at("link")).unwrap();
        assert_eq!(stamps(&watched), [None]);
    }

    #[test]
    fn a_failure_is_told_once_for_each_change() {
        let temp = TempDir::new("reload").unwrap();
        let path = temp.path().join("ca.pem");
        let files = Files {
            roots: vec![path.clone()],
            ..Files::default()
        };
        let mut watched = Watched {
            seen: stamps(&files),
            files,
            failure: None,
        };
        assert!(watched.look(false).is_none(), "nothing has changed");
        assert!(watched.failed("broken".to_owned()));
        assert!(!watched.failed("broken".to_owned()), "the same again");
        assert!(watched.failed("broken otherwise".to_owned()));
        fs::write(&path, "other").unwrap();
        watched.seen = stamps(&watched.files);
        assert!(watched.failed("broken otherwise".to_owned()), "changed");
    }

    #[test]
    fn what_cannot_be_read_is_tried_again_until_it_can_be() {
        let temp = TempDir::new("reload").unwrap();
        let ca = Authority::new(temp.path());
        let path = ca.issue("vtn", VALID, &["localhost"]);
        let key = temp.path().join("vtn-key.pem");
        // Written within one tick of the file system's clock, files of one length look the same.
        let age = |path: &Path, seconds| {
            let then = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let file = fs::File::options().append(true).open(path).unwrap();
            file.set_modified(then).unwrap();
        };
        age(&path, 1);
        age(&key, 1);
        let files = ca.files(&[&path]);
        let first = files.read(Prompt::Never).unwrap();
        let mut watched = Watch::new(files, &first).watched;
        assert!(watched.look(false).is_none(), "nothing has changed");

        // The certificate is there and its key is not yet: they do not belong to each other.
        let old = fs::read_to_string(&key).unwrap();
        ca.issue("vtn", VALID, &["localhost"]);
        let new = fs::read_to_string(&key).unwrap();
        fs::write(&key, old).unwrap();
        age(&key, 2);
        let error = watched.look(false).unwrap().unwrap_err().to_string();
        assert!(error.contains("vtn-key.pem"), "{error}");
        assert!(watched.failed(error.clone()));
        let again = watched.look(false).unwrap().unwrap_err().to_string();
        assert!(!watched.failed(again), "said once");

        fs::write(&key, new).unwrap();
        let second = watched.look(false).unwrap().unwrap();
        watched.failure = None;
        let hash = |read: &Credentials| read.held.first().map(|held| held.certificate.hash());
        assert_ne!(hash(&second), hash(&first));
        assert!(watched.look(false).is_none());
        assert!(watched.look(true).is_some(), "somebody asked for it");
    }
}
