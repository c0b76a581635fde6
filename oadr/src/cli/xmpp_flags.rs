//! The options of a VTN for XMPP, alike on the command line and in the file.
//!
//! Knows nothing of sessions.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;
use oadr_core::Jid;

use super::xmpp_server::XmppServer;
use crate::vtn::{Config, XmppConfig};

#[derive(Debug, Args)]
#[command(next_help_heading = "XMPP")]
pub(super) struct XmppArgs {
    /// Serve VENs over XMPP, too, as local@domain/resource: one session of this account, for all
    /// services. It logs in with the VTN's certificate (SASL EXTERNAL), whose CN is the account's name
    #[arg(long, value_name = "JID")]
    xmpp_jid: Option<Jid>,
    /// The XMPP server [default: the JID's domain, port 5222]
    #[arg(long, value_name = "HOST:PORT")]
    xmpp_server: Option<XmppServer>,
    /// The file with the account's password: log in with it (SCRAM) instead of the certificate
    #[arg(long, value_name = "FILE")]
    xmpp_password_file: Option<PathBuf>,
    /// The file with the CA that the XMPP server's certificate is from; may be given several times
    /// [default: those of --tls-client-ca]
    #[arg(long = "xmpp-ca", value_name = "FILE")]
    xmpp_cas: Vec<PathBuf>,
    /// Speak XMPP without encryption, to a server on this machine
    #[arg(long)]
    insecure_plain_xmpp: bool,
}

impl XmppArgs {
    /// Puts them into how the VTN runs.
    ///
    /// # Errors
    /// They do not go together.
    pub(super) fn apply(self, config: &mut Config) -> Result<(), Box<dyn Error>> {
        let Some(jid) = self.xmpp_jid else {
            for (name, is_said) in [
                ("xmpp_server", self.xmpp_server.is_some()),
                ("xmpp_password_file", self.xmpp_password_file.is_some()),
                ("xmpp_cas", !self.xmpp_cas.is_empty()),
                ("insecure_plain_xmpp", self.insecure_plain_xmpp),
            ] {
                if is_said {
                    return Err(format!("{name} without xmpp_jid").into());
                }
            }
            return Ok(());
        };
        config.xmpp = Some(XmppConfig {
            server: self.xmpp_server.map(|server| (server.host, server.port)),
            password_file: self.xmpp_password_file,
            server_cas: self.xmpp_cas,
            insecure_plain: self.insecure_plain_xmpp,
            ..XmppConfig::new(jid)
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        xmpp: XmppArgs,
    }

    fn line(words: &[&str]) -> Result<Config, String> {
        let line = Line::try_parse_from(["vtn"].iter().chain(words)).map_err(|e| e.to_string())?;
        let mut config = Config::default();
        line.xmpp.apply(&mut config).map_err(|e| e.to_string())?;
        Ok(config)
    }

    #[test]
    fn nothing_said_is_no_xmpp() {
        assert!(line(&[]).unwrap().xmpp.is_none());
    }

    #[test]
    fn a_session_is_all_that_has_to_be_said() {
        let config = line(&["--xmpp-jid", "vtn@xmpp.example/vtn"]).unwrap();
        let xmpp = config.xmpp.unwrap();
        assert_eq!(xmpp.jid.to_string(), "vtn@xmpp.example/vtn");
        assert!(xmpp.server.is_none() && xmpp.password_file.is_none());
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (words, said) in [
            (
                &["--xmpp-jid=vtn@xmpp.example"][..],
                "local@domain/resource",
            ),
            (&["--xmpp-server=a:1"], "xmpp_server without xmpp_jid"),
            (&["--xmpp-password-file=a"], "xmpp_password_file without"),
            (&["--xmpp-ca=a.pem"], "xmpp_cas without xmpp_jid"),
            (&["--insecure-plain-xmpp"], "insecure_plain_xmpp without"),
        ] {
            let error = line(words).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
