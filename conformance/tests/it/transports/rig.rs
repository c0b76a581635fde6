//! One VTN with all transports, and a VEN for each, all of them with certificates.
//!
//! Knows nothing of what is said.

use std::net::SocketAddr;
use std::process::Command;
use std::thread;

use conformance::authority::{Authority, Issued, KeyKind, Order, Usage};
use conformance::folder::Folder;
use conformance::peers::Peers;
use conformance::port;
use conformance::process::{Mark, Process};
use conformance::program::{self, Vtn};
use conformance::prosody::{self, DOMAIN, Prosody};
use conformance::relay::Relay;
use serde_json::{Value, json};

/// How a VEN is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    HttpPull,
    HttpPush,
    Xmpp,
}

impl Transport {
    pub(crate) const ALL: [Self; 3] = [Self::HttpPull, Self::HttpPush, Self::Xmpp];

    /// The name of its VEN, which is its venID, its certificate's CN and its XMPP account too.
    pub(crate) fn ven(self) -> &'static str {
        match self {
            Self::HttpPull => "polls",
            Self::HttpPush => "listens",
            Self::Xmpp => "chats",
        }
    }
}

/// What the VTN stands in.
pub(crate) struct Rig {
    authority: Authority,
    own: Issued,
    data: Folder,
    pub(crate) vtn: Vtn,
    /// The way to the VTN's HTTP server, which stays while the VTN does not.
    pub(crate) to_vtn: Relay,
    pub(crate) prosody: Prosody,
    /// The VENs' way to the XMPP server, and the VTN's.
    pub(crate) vens_to_prosody: Relay,
    pub(crate) vtn_to_prosody: Relay,
    silent: Vec<Relay>,
}

/// A VEN and what stays of it while it is down.
pub(crate) struct Ven {
    pub(crate) name: &'static str,
    certificate: Issued,
    /// Where it listens, if it does.
    listens: SocketAddr,
    folder: Folder,
    pub(crate) process: Process,
}

impl Rig {
    /// `None` where there are no peers: `conformance/run` installs Prosody along with them. Then a line on
    /// stderr says that the test is skipped.
    pub(crate) fn or_skip() -> Option<Self> {
        let test = thread::current();
        Peers::or_skip(test.name().unwrap_or_default())?;
        Some(Self::start())
    }

    fn start() -> Self {
        let authority = Authority::new(KeyKind::P256).unwrap();
        let order = Order::server(&["vtn", "localhost", "127.0.0.1"], KeyKind::P256);
        let own = authority.issue(&order.usage(Usage::Both)).unwrap();
        let data = Folder::new("vtn").unwrap();
        let prosody = Prosody::start(&authority).unwrap();
        let [vens_to_prosody, vtn_to_prosody] =
            [(); 2].map(|()| Relay::start(prosody.address()).unwrap());
        let vtn = start_vtn(&data, &own, &authority, &vtn_to_prosody);
        let to_vtn = Relay::start(vtn.endpoint.address).unwrap();
        Self {
            authority,
            own,
            data,
            vtn,
            to_vtn,
            prosody,
            vens_to_prosody,
            vtn_to_prosody,
            silent: Vec::new(),
        }
    }

    /// `kill -9`, and another process in its place.
    pub(crate) fn kill_vtn(&mut self) {
        self.vtn.process.kill().unwrap();
        self.to_vtn.cut();
    }

    /// Lets VENs that start now reach the XMPP server, while those that were there still do not. What
    /// those had on its way is kept from it for good.
    pub(crate) fn around_the_silence(&mut self) {
        let around = Relay::start(self.prosody.address()).unwrap();
        self.silent
            .push(std::mem::replace(&mut self.vens_to_prosody, around));
    }

    pub(crate) fn restart_vtn(&mut self) {
        self.vtn = start_vtn(&self.data, &self.own, &self.authority, &self.vtn_to_prosody);
        self.to_vtn.redirect(self.vtn.endpoint.address);
        self.to_vtn.mend();
    }

    /// Enrols the VEN of this transport, with its certificate and its account, and starts it.
    pub(crate) fn ven(&self, transport: Transport, options: &[&str]) -> Ven {
        let name = transport.ven();
        let order = Order::server(&[name, "127.0.0.1"], KeyKind::P256);
        let certificate = self.authority.issue(&order.usage(Usage::Both)).unwrap();
        let new = json!({
            "ven_name": name,
            "ven_id": name,
            "certificates": [certificate.hash()],
            "jid": format!("{name}@{DOMAIN}"),
        });
        self.vtn
            .call("POST", "/api/v1/vens", Some(&new), &[201])
            .unwrap();
        let listens = port::free();
        let folder = Folder::new("ven").unwrap();
        let process = self.run(transport, name, &certificate, listens, &folder, options);
        process.wait_for("registered").unwrap();
        Ven {
            name,
            certificate,
            listens,
            folder,
            process,
        }
    }

    /// Starts it again, whatever became of its process, and over whichever transport.
    pub(crate) fn restart_ven(&self, ven: &mut Ven, transport: Transport, options: &[&str]) {
        ven.process = self.run(
            transport,
            ven.name,
            &ven.certificate,
            ven.listens,
            &ven.folder,
            options,
        );
    }

    fn run(
        &self,
        transport: Transport,
        name: &str,
        certificate: &Issued,
        listens: SocketAddr,
        folder: &Folder,
        more: &[&str],
    ) -> Process {
        let https = |address: SocketAddr| format!("https://{address}");
        let (vtn, own) = match transport {
            Transport::HttpPull => (https(self.to_vtn.address()), Vec::new()),
            Transport::HttpPush => (
                https(self.to_vtn.address()),
                vec![
                    "--push-listen".to_owned(),
                    listens.to_string(),
                    "--public-url".to_owned(),
                    https(listens),
                ],
            ),
            Transport::Xmpp => (
                format!("xmpp:{DOMAIN}"),
                vec![
                    "--xmpp-jid".to_owned(),
                    prosody::jid(name, "client"),
                    "--xmpp-server".to_owned(),
                    self.vens_to_prosody.address().to_string(),
                ],
            ),
        };
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let options = [&own[..], more].concat();
        let data = folder.path();
        program::ven_secured(&vtn, name, data, certificate, &self.authority, &options).unwrap()
    }
}

fn start_vtn(data: &Folder, own: &Issued, authority: &Authority, to_prosody: &Relay) -> Vtn {
    let server = to_prosody.address().to_string();
    let options = [
        "--push-allow",
        "127.0.0.0/8",
        "--xmpp-jid",
        prosody::VTN,
        "--xmpp-server",
        &server,
    ];
    Vtn::start_secured(data.path(), &[own], authority, &options).unwrap()
}

/// Plays a scenario over each transport, at the same time, with one VTN.
pub(crate) fn over_each(options: &[&str], scenario: impl Fn(&Vtn, &mut Ven) + Sync) {
    let Some(rig) = Rig::or_skip() else {
        return;
    };
    let (rig, scenario) = (&rig, &scenario);
    each(Transport::ALL, |transport| {
        scenario(&rig.vtn, &mut rig.ven(transport, options));
    });
}

/// Does the same for each of these, at the same time; threads are named for them.
pub(crate) fn each<T: Send + Named>(them: impl IntoIterator<Item = T>, act: impl Fn(T) + Sync) {
    let act = &act;
    thread::scope(|scope| {
        let threads: Vec<_> = them
            .into_iter()
            .map(|one| {
                let named = thread::Builder::new().name(one.name().to_owned());
                named.spawn_scoped(scope, move || act(one)).unwrap()
            })
            .collect();
        let failed: Vec<_> = threads
            .into_iter()
            .filter_map(|thread| {
                let name = thread.thread().name().unwrap_or_default().to_owned();
                thread.join().is_err().then_some(name)
            })
            .collect();
        assert!(failed.is_empty(), "failed for {}", failed.join(", "));
    });
}

/// What a thread can be named for.
pub(crate) trait Named {
    fn name(&self) -> &str;
}

impl Named for Transport {
    fn name(&self) -> &str {
        self.ven()
    }
}

impl Named for &mut Ven {
    fn name(&self) -> &str {
        self.name
    }
}

impl Ven {
    /// An ID that no other VEN's scenario has.
    pub(crate) fn id(&self, what: &str) -> String {
        format!("{what}-{}", self.name)
    }

    /// Waits for a happening about this, in this life of the process.
    pub(crate) fn wait(&self, happening: &str, key: &str, value: &str) -> Value {
        let about = |line: &Value| line[key] == value;
        let found = self.process.wait_after(Mark::START, happening, about);
        found.unwrap()
    }

    /// How often this happened, in this life of the process.
    pub(crate) fn count(&self, happening: &str, key: &str, value: &str) -> usize {
        let lines = self.process.happenings();
        let about = |line: &&Value| line["happening"] == happening && line[key] == value;
        lines.iter().filter(about).count()
    }

    /// What the operator sees of it.
    pub(crate) fn view(&self, vtn: &Vtn) -> Value {
        let path = format!("/api/v1/vens/{}", self.name);
        vtn.call("GET", &path, None, &[200]).unwrap()
    }

    /// Tells it to opt, and waits until the VTN has confirmed that.
    pub(crate) fn opt(&self, words: &[&str]) {
        let mut command = Command::new(program::binary().unwrap());
        command.arg("opt").args(words);
        let output = command.arg("--data").arg(self.folder.path()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}
