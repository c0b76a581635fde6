//! The options of a VEN that its VTN reaches by itself, by HTTP push or over XMPP, alike on the command line
//! and in the file.
//!
//! Knows nothing of what is pushed.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use oadr_core::Jid;

use super::xmpp_server::XmppServer;
use crate::ven::{Account, Ven};

#[derive(Debug, Args)]
#[command(next_help_heading = "Push and XMPP")]
pub(super) struct VenLinkArgs {
    /// Listen here for what the VTN pushes, instead of polling it; --public-url says how the VTN reaches it.
    /// With a VTN at https:// with TLS, and only for the VTN; without TLS on a loopback address only.
    #[arg(long, value_name = "ADDRESS")]
    push_listen: Option<SocketAddr>,
    /// The URL that the VTN is to push to, with or without /OpenADR2/Simple/2.0b; it leads to --push-listen.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Listen for pushes without TLS, on any address: for a proxy that speaks TLS, or where nobody else can
    /// reach it. Whoever does can say anything in the VTN's name, but with --signatures required.
    #[arg(long)]
    insecure_plain_push: bool,
    /// Who the VEN is over XMPP, as local@domain/resource, if --vtn is xmpp:DOMAIN. It logs in with
    /// --tls-certificate (SASL EXTERNAL), whose CN is the account's name.
    #[arg(long, value_name = "JID")]
    xmpp_jid: Option<Jid>,
    /// The XMPP server. [default: the JID's domain, port 5222]
    #[arg(long, value_name = "HOST:PORT")]
    xmpp_server: Option<XmppServer>,
    /// The VTN's JID, for servers that do not tell it (service discovery).
    #[arg(long, value_name = "JID")]
    xmpp_vtn_jid: Option<Jid>,
    /// The file with the account's password: log in with it (SCRAM) instead of the certificate.
    #[arg(long, value_name = "FILE")]
    xmpp_password_file: Option<PathBuf>,
    /// Speak XMPP without encryption, to a server on this machine.
    #[arg(long)]
    insecure_plain_xmpp: bool,
}

impl VenLinkArgs {
    /// A VEN with these settings.
    ///
    /// # Errors
    /// They do not go together.
    pub(super) fn apply(self, ven: Ven) -> Result<Ven, Box<dyn Error>> {
        let ven = match (self.push_listen, self.public_url) {
            (None, None) if self.insecure_plain_push => {
                return Err("insecure_plain_push without push_listen".into());
            }
            (None, None) => ven,
            (Some(_), None) => {
                return Err(
                    "push_listen needs a public_url: the URL at which the VTN reaches the VEN"
                        .into(),
                );
            }
            (None, Some(_)) => {
                return Err(
                    "public_url needs a push_listen: the address at which the VEN listens".into(),
                );
            }
            (Some(address), Some(url)) => ven
                .push_listener(address, &url)?
                .insecure_plain_push(self.insecure_plain_push),
        };
        let Some(jid) = self.xmpp_jid else {
            for (name, is_said) in [
                ("xmpp_server", self.xmpp_server.is_some()),
                ("xmpp_vtn_jid", self.xmpp_vtn_jid.is_some()),
                ("xmpp_password_file", self.xmpp_password_file.is_some()),
                ("insecure_plain_xmpp", self.insecure_plain_xmpp),
            ] {
                if is_said {
                    return Err(format!("{name} without xmpp_jid").into());
                }
            }
            return Ok(ven);
        };
        let mut account = Account::new(jid).insecure_plain(self.insecure_plain_xmpp);
        if let Some(XmppServer { host, port }) = self.xmpp_server {
            account = account.server(host, port);
        }
        if let Some(vtn) = self.xmpp_vtn_jid {
            account = account.vtn(vtn);
        }
        if let Some(file) = self.xmpp_password_file {
            account = account.password_in_file(file);
        }
        Ok(ven.xmpp(account))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        link: VenLinkArgs,
    }

    fn line(words: &[&str]) -> Result<Ven, String> {
        let words = ["ven"].iter().chain(words);
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        let ven = Ven::in_memory("house", "http://127.0.0.1").unwrap();
        line.link.apply(ven).map_err(|error| error.to_string())
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        for (words, said) in [
            (&["--push-listen", "127.0.0.1:0"][..], "needs a public_url"),
            (&["--public-url", "http://house"], "needs a push_listen"),
            (&["--insecure-plain-push"], "without push_listen"),
            (
                &["--push-listen=127.0.0.1:0", "--public-url=house"],
                "the URL \"house\" that the VTN is to push to",
            ),
            (&["--push-listen", "8080"], "invalid"),
            (&["--xmpp-vtn-jid", "vtn@a.example/b"], "without xmpp_jid"),
            (&["--xmpp-password-file", "password"], "without xmpp_jid"),
            (&["--xmpp-server", "a:1"], "xmpp_server without xmpp_jid"),
            (&["--xmpp-jid", "house@a.example"], "local@domain/resource"),
        ] {
            let error = line(words).err().unwrap();
            assert!(error.contains(said), "{error}");
        }
        assert!(line(&[]).is_ok());
        let push = ["--push-listen=127.0.0.1:0", "--public-url=http://house"];
        assert!(line(&push).is_ok());
        let xmpp = ["--xmpp-jid=house@a.example/b", "--xmpp-server=[::1]:5222"];
        assert!(line(&xmpp).is_ok());
    }
}
