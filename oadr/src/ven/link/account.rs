//! Who a VEN is over XMPP, as the application says it.
//!
//! Knows nothing of sessions.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use oadr_core::Jid;
use oadr_xmpp::Login;

use super::address::is_this_machine;
use crate::ven::builder::StartError;

/// Who a VEN is over XMPP, and where its server is.
///
/// Without a password it logs in with the certificate of [`Ven::tls`](crate::ven::Ven::tls), whose common
/// name is the account's (rule 515).
#[derive(Debug, Clone)]
pub struct Account {
    jid: Jid,
    server: Option<(String, u16)>,
    pub(super) vtn: Option<Jid>,
    password: Option<Password>,
    is_plain: bool,
}

/// Where the password comes from.
#[derive(Clone)]
enum Password {
    Given(String),
    InFile(PathBuf),
}

impl Account {
    /// With this full JID, and the server that its domain names.
    #[must_use]
    pub fn new(jid: Jid) -> Self {
        Self {
            jid,
            server: None,
            vtn: None,
            password: None,
            is_plain: false,
        }
    }

    /// The host and the port of the server. Default: the JID's domain, port 5222.
    #[must_use]
    pub fn server(mut self, host: impl Into<String>, port: u16) -> Self {
        self.server = Some((host.into(), port));
        self
    }

    /// The VTN's JID, where the server does not tell it (spec §5.3). Default: what discovery says.
    #[must_use]
    pub fn vtn(mut self, jid: Jid) -> Self {
        self.vtn = Some(jid);
        self
    }

    /// A password to log in with (SCRAM).
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(Password::Given(password.into()));
        self
    }

    /// A file with the password and nothing else, but for the line's end.
    #[must_use]
    pub fn password_in_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.password = Some(Password::InFile(path.into()));
        self
    }

    /// Speaks without TLS, to a server on this machine only. Default: no.
    #[must_use]
    pub fn insecure_plain(mut self, insecure: bool) -> Self {
        self.is_plain = insecure;
        self
    }

    pub(in crate::ven) fn jid(&self) -> &Jid {
        &self.jid
    }

    /// Whether it logs in with its certificate.
    pub(in crate::ven) fn shows_certificate(&self) -> bool {
        self.password.is_none()
    }

    /// Whether there is no TLS.
    ///
    /// # Errors
    /// The server is elsewhere, and anybody on the way could listen.
    pub(in crate::ven) fn is_plain(&self) -> Result<bool, StartError> {
        let (host, _) = self.host_and_port();
        if self.is_plain && !is_this_machine(&host) {
            return Err(StartError::PlainXmpp(host));
        }
        Ok(self.is_plain)
    }

    pub(super) fn host_and_port(&self) -> (String, u16) {
        let by_domain = || (self.jid.account().domain().to_owned(), 5222);
        self.server.clone().unwrap_or_else(by_domain)
    }

    /// How it logs in. Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, or there is no password in it.
    pub(in crate::ven) fn login(&self) -> Result<Login, StartError> {
        Ok(match &self.password {
            None => Login::Certificate,
            Some(Password::Given(password)) => Login::Password(password.clone()),
            Some(Password::InFile(path)) => {
                let read = fs::read_to_string(path);
                let text = read.map_err(|source| StartError::PasswordFile {
                    path: path.clone(),
                    source,
                })?;
                let password = text.trim_end_matches(['\r', '\n']);
                if password.is_empty() {
                    return Err(StartError::NoPassword(path.clone()));
                }
                Login::Password(password.to_owned())
            }
        })
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(_) => f.write_str("Given(_)"),
            Self::InFile(path) => f.debug_tuple("InFile").field(path).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temp_dir::TempDir;

    fn account() -> Account {
        Account::new("house@xmpp.example.com/oadr".parse().unwrap())
    }

    #[test]
    fn the_server_is_the_domains_unless_it_is_named() {
        assert_eq!(
            account().host_and_port(),
            ("xmpp.example.com".to_owned(), 5222)
        );
    }

    #[test]
    fn only_a_server_on_this_machine_is_spoken_to_plainly() {
        let plain = account().insecure_plain(true);
        assert!(matches!(plain.is_plain(), Err(StartError::PlainXmpp(_))));
        assert!(plain.server("127.0.0.1", 15222).is_plain().unwrap());
        assert!(!account().is_plain().unwrap());
    }

    #[test]
    fn a_password_is_read_and_never_shown() {
        assert!(matches!(account().login(), Ok(Login::Certificate)));
        let given = account().password("sesame");
        assert!(!format!("{given:?}").contains("sesame"));
        let temp = TempDir::new("account").unwrap();
        let path = temp.path().join("password");
        let in_file = account().password_in_file(&path);
        assert!(matches!(
            in_file.login(),
            Err(StartError::PasswordFile { .. })
        ));
        fs::write(&path, "\n").unwrap();
        assert!(matches!(in_file.login(), Err(StartError::NoPassword(_))));
        fs::write(&path, "sesame\n").unwrap();
        let Ok(Login::Password(password)) = in_file.login() else {
            panic!("no password");
        };
        assert_eq!(password, "sesame");
    }
}
