//! How a VTN speaks XMPP: its settings, and what they come to.
//!
//! Knows nothing of sessions.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use oadr_core::Jid;
use oadr_xmpp::Login;

use super::super::Config;
use crate::credentials::Files;

/// How a VTN speaks XMPP (rule 507).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct XmppConfig {
    /// The VTN's session, for all services. Its account is the CN of the VTN's certificate, unless there
    /// is a password (rule 515).
    pub jid: Jid,
    /// Host and port of the XMPP server; the JID's domain and port 5222 if absent.
    pub server: Option<(String, u16)>,
    /// The file with the account's password: then it logs in with SCRAM, and otherwise with the
    /// certificate of [`Config::tls`].
    pub password_file: Option<PathBuf>,
    /// The CAs that the XMPP server's certificate may be from; those of VENs' certificates if there are
    /// none.
    pub server_cas: Vec<PathBuf>,
    /// No TLS: for an XMPP server on this machine.
    pub insecure_plain: bool,
}

/// Why there is no XMPP as asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum XmppError {
    /// Nothing to log in with.
    #[error(
        "the XMPP server lets nobody in without a certificate or a password: name the VTN's certificate (--tls-certificate), whose CN is {0}, or a file with the password of the account (--xmpp-password-file)"
    )]
    NoLogin(String),
    /// Nobody to believe.
    #[error(
        "whose certificate the XMPP server has to have is not said: name the file with its CA (--xmpp-ca), or that of the VENs' (--tls-client-ca), which counts for both"
    )]
    NoCa,
    /// Without TLS everybody on the way is the server.
    #[error(
        "--insecure-plain-xmpp is for an XMPP server on this machine, and {0} is not a loopback address"
    )]
    PlainToOthers(String),
    /// The file with the password.
    #[error("cannot read the password in {}: {source}", path.display())]
    PasswordFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It is empty.
    #[error("there is no password in {}", .0.display())]
    NoPassword(PathBuf),
}

impl XmppConfig {
    /// With this session, TLS, and the VTN's certificate.
    #[must_use]
    pub fn new(jid: Jid) -> Self {
        Self {
            jid,
            server: None,
            password_file: None,
            server_cas: Vec::new(),
            insecure_plain: false,
        }
    }

    /// What the session logs in with.
    ///
    /// # Errors
    /// See [`XmppError`].
    pub(super) fn login(&self, config: &Config) -> Result<Login, XmppError> {
        if self.insecure_plain && !self.is_local() {
            return Err(XmppError::PlainToOthers(self.host().to_owned()));
        }
        if let Some(path) = &self.password_file {
            let text = fs::read_to_string(path).map_err(|source| XmppError::PasswordFile {
                path: path.clone(),
                source,
            })?;
            let password = text.trim_end_matches(['\r', '\n']);
            if password.is_empty() {
                return Err(XmppError::NoPassword(path.clone()));
            }
            return Ok(Login::Password(password.to_owned()));
        }
        if config.tls.is_none() || self.insecure_plain {
            let account = self.jid.account().local().to_owned();
            return Err(XmppError::NoLogin(account));
        }
        Ok(Login::Certificate)
    }

    /// The files for the XMPP session, where its CAs are not those of VENs.
    pub(in super::super) fn ca_files(&self, config: &Config) -> Option<Files> {
        let are_named = !self.server_cas.is_empty() && !self.insecure_plain;
        are_named.then(|| Files {
            roots: self.server_cas.clone(),
            // What the VTN shows of itself is the same everywhere.
            ..config.tls.clone().unwrap_or_default()
        })
    }

    fn host(&self) -> &str {
        match &self.server {
            Some((host, _)) => host,
            None => self.jid.account().domain(),
        }
    }

    fn is_local(&self) -> bool {
        let host = self.host();
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Prepared;
    use super::*;
    use crate::temp_dir::TempDir;

    fn with(change: impl FnOnce(&mut XmppConfig)) -> Config {
        let mut xmpp = XmppConfig::new("vtn@xmpp.example/openadr".parse().unwrap());
        change(&mut xmpp);
        Config {
            xmpp: Some(xmpp),
            ..Config::default()
        }
    }

    fn refusal(change: impl FnOnce(&mut XmppConfig)) -> String {
        Prepared::open(&with(change), None, None)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn what_is_missing_is_said() {
        let folder = TempDir::new("xmpp").unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let (password, empty) = (file("password", "sesame\n"), file("empty", "\n"));
        assert!(refusal(|_| {}).contains("whose CN is vtn"));
        let said = refusal(|xmpp| xmpp.password_file = Some(password.clone()));
        assert!(said.contains("--xmpp-ca"), "{said}");
        let said = refusal(|xmpp| xmpp.password_file = Some(empty));
        assert!(said.contains("there is no password in "), "{said}");
        let said = refusal(|xmpp| xmpp.password_file = Some(folder.path().join("none")));
        assert!(said.contains("cannot read the password in "), "{said}");
    }

    #[test]
    fn without_tls_the_server_is_on_this_machine_and_wants_a_password() {
        let folder = TempDir::new("xmpp").unwrap();
        let password = folder.path().join("password");
        fs::write(&password, "sesame").unwrap();
        let plain = |server: Option<&str>, password: Option<&PathBuf>| {
            Prepared::open(
                &with(|xmpp| {
                    xmpp.insecure_plain = true;
                    xmpp.server = server.map(|host| (host.to_owned(), 5222));
                    xmpp.password_file = password.cloned();
                }),
                None,
                None,
            )
        };
        for others in [None, Some("192.0.2.1"), Some("xmpp.example")] {
            let error = plain(others, Some(&password)).unwrap_err();
            assert!(matches!(error, XmppError::PlainToOthers(_)), "{error}");
        }
        for here in ["127.0.0.1", "::1", "localhost"] {
            let error = plain(Some(here), None).unwrap_err();
            assert!(matches!(error, XmppError::NoLogin(_)), "{error}");
            let prepared = plain(Some(here), Some(&password)).unwrap().unwrap();
            assert!(!format!("{prepared:?}").contains("sesame"));
        }
    }
}
