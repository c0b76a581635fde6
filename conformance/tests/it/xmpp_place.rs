//! A Prosody with accounts, and who uses them.

use std::path::Path;

use conformance::authority::{Authority, Issued, KeyKind, Order, Usage};
use conformance::peers::{Account, Login, Peers};
use conformance::process::Process;
use conformance::program::{self, Vtn};
use conformance::prosody::{self, DOMAIN, Prosody, VTN, VTN_ACCOUNT};
use conformance::wait;
use serde_json::{Value, json};

/// An element that means nothing to anybody.
pub(crate) const NONSENSE: &str = "<nonsense xmlns='urn:example:nonsense'/>";

/// A Prosody whose accounts are the certificates of an authority.
pub(crate) struct Place {
    pub(crate) prosody: Prosody,
    pub(crate) authority: Authority,
    pub(crate) peers: Peers,
}

impl Place {
    pub(crate) fn new(test: &str) -> Option<Self> {
        Self::changed(test, |text| text)
    }

    pub(crate) fn changed(test: &str, change: impl Fn(String) -> String) -> Option<Self> {
        let peers = Peers::or_skip(test)?;
        let authority = Authority::new(KeyKind::P256).unwrap();
        let prosody = Prosody::changed(&authority, change).unwrap();
        Some(Self {
            prosody,
            authority,
            peers,
        })
    }

    /// `oadr vtn` with an account here, for enrolled VENs only.
    pub(crate) fn vtn(&self, data: &Path, more: &[&str]) -> Vtn {
        let own = self.authority.issue(&Order {
            common_name: VTN_ACCOUNT.to_owned(),
            ..Order::server(&["127.0.0.1"], KeyKind::P256).usage(Usage::Both)
        });
        let server = self.prosody.address().to_string();
        let options = [&["--xmpp-jid", VTN, "--xmpp-server", &server], more].concat();
        let vtn = Vtn::start_secured(data, &[&own.unwrap()], &self.authority, &options).unwrap();
        // Somebody who wants to know when it is here.
        let mut other = self.online("somebody", "else");
        let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
        wait::until("the VTN's session", wait::PATIENCE, || {
            let answer = ask(&mut other, VTN, query, "get");
            (answer["condition"] != "service-unavailable").then_some(())
        })
        .unwrap_or_else(|failure| panic!("{}", vtn.process.failure(&failure.to_string())));
        vtn
    }

    /// `oadr ven` with this account here, which is its certificate's.
    pub(crate) fn ven(
        &self,
        account: &str,
        own: &Issued,
        name: &str,
        data: &Path,
        more: &[&str],
    ) -> Process {
        let server = self.prosody.address().to_string();
        let jid = prosody::jid(account, "client");
        let options = [&["--xmpp-jid", &jid, "--xmpp-server", &server], more].concat();
        let domain = format!("xmpp:{DOMAIN}");
        program::ven_secured(&domain, name, data, own, &self.authority, &options).unwrap()
    }

    /// How to log in here.
    pub(crate) fn account<'a>(&'a self, jid: &'a str, login: Login<'a>) -> Account<'a> {
        Account {
            server: self.prosody.address(),
            authority: &self.authority,
            jid,
            login,
        }
    }

    pub(crate) fn client(&self, jid: &str, login: Login<'_>) -> Process {
        self.peers.xmpp_client(&self.account(jid, login)).unwrap()
    }

    /// Somebody with a certificate for this account who is in.
    pub(crate) fn online(&self, account: &str, resource: &str) -> Process {
        let own = self.authority.client(account).unwrap();
        let jid = prosody::jid(account, resource);
        let client = self.client(&jid, Login::Certificate(&own));
        assert_eq!(client.wait_for("online").unwrap()["jid"], jid);
        client
    }

    /// Somebody with this certificate, who must not get in.
    pub(crate) fn refuse(&self, own: &Issued, account: &str) {
        let jid = prosody::jid(account, "client");
        let client = self.client(&jid, Login::Certificate(own));
        require_refused(&client);
    }
}

/// Waits until this client has given up, and sees to it that it never was in.
pub(crate) fn require_refused(client: &Process) -> Value {
    // In TLS 1.3 a client learns only after its handshake that its certificate was refused.
    let over = |line: &Value| matches!(line["happening"].as_str(), Some("refused" | "offline"));
    let said = wait::until("a refusal", wait::PATIENCE, || {
        client.happenings().into_iter().find(over)
    });
    let said = said.unwrap_or_else(|failure| panic!("{}", client.failure(&failure.to_string())));
    assert_ne!(said["was_online"], true, "{said}");
    assert!(
        client
            .happenings()
            .iter()
            .all(|line| line["happening"] != "online")
    );
    said
}

/// Asks, and returns what `answered` says.
pub(crate) fn ask(client: &mut Process, to: &str, child: &str, kind: &str) -> Value {
    let mark = client.mark();
    client
        .send(&json!({"command": "ask", "to": to, "child": child, "type": kind}))
        .unwrap();
    client.wait_after(mark, "answered", |_| true).unwrap()
}

/// Sends a stanza.
pub(crate) fn send(client: &mut Process, stanza: &str) {
    client
        .send(&json!({"command": "send", "stanza": stanza}))
        .unwrap();
}
