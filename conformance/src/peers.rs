//! The peers that the tests talk to: where their Python is, and how each is started.

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::authority::{Authority, Issued};
use crate::failure::Failure;
use crate::process::Process;

/// The environment variable with the Python that has the peers installed.
pub const VARIABLE: &str = "OADR_PEERS";

/// A Python with the pinned packages of `peers/requirements.txt`.
#[derive(Debug, Clone)]
pub struct Peers {
    python: OsString,
}

/// TLS and signatures of a peer.
#[derive(Debug, Clone, Copy)]
pub struct Secured<'a> {
    /// Its certificate and key, for both.
    pub own: &'a Issued,
    /// Whose certificates it believes.
    pub authority: &'a Authority,
    /// The fingerprint that the other one's certificate must have.
    pub expects: &'a str,
}

/// A peer's account at an XMPP server.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// Where the server is.
    pub server: SocketAddr,
    /// Whose certificate the server has.
    pub authority: &'a Authority,
    /// The full JID that the peer logs in with.
    pub jid: &'a str,
    /// What it shows of itself.
    pub login: Login<'a>,
}

/// How a peer logs in to an XMPP server.
#[derive(Debug, Clone, Copy)]
pub enum Login<'a> {
    /// With a certificate, for the account that is this certificate's.
    Certificate(&'a Issued),
    /// With a certificate, but for an account that it names itself.
    As(&'a Issued, &'a str),
    /// With a password.
    Password(&'a str),
    /// With nothing.
    Nothing,
}

/// What a VEN answers to events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opt {
    /// `optIn`
    In,
    /// `optOut`
    Out,
}

impl Peers {
    /// The peers, unless this run is to do without them; then a line on stderr says that `test`
    /// is skipped.
    #[must_use]
    pub fn or_skip(test: &str) -> Option<Self> {
        if let Some(python) = env::var_os(VARIABLE) {
            return Some(Self { python });
        }
        skipped(
            test,
            &format!("{VARIABLE} is not set; conformance/run sets it"),
        );
        None
    }

    /// An OpenLEADR VEN of the name `name` that registers with `vtn`.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn openleadr_ven(&self, vtn: &str, name: &str, opt: Opt) -> Result<Process, Failure> {
        let mut command = self.script("openleadr_ven.py");
        command.args(["--vtn", vtn, "--name", name, "--opt", opt.wire()]);
        Process::start(format!("OpenLEADR VEN {name}"), command)
    }

    /// The same, opting in and offering `reports`: a list as at the head of `openleadr_ven.py`.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn openleadr_ven_reporting(
        &self,
        vtn: &str,
        name: &str,
        reports: &Value,
    ) -> Result<Process, Failure> {
        let mut command = self.script("openleadr_ven.py");
        command.args(["--vtn", vtn, "--name", name, "--reports"]);
        command.arg(reports.to_string());
        Process::start(format!("OpenLEADR VEN {name}"), command)
    }

    /// The same over TLS, opting in; it signs what it sends, and reads only what the VTN signed.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn openleadr_ven_secured(
        &self,
        vtn: &str,
        name: &str,
        reports: &Value,
        secured: &Secured<'_>,
    ) -> Result<Process, Failure> {
        let mut command = self.script("openleadr_ven.py");
        command.args(["--vtn", vtn, "--name", name, "--reports"]);
        command.arg(reports.to_string());
        secured.tell(&mut command, "--vtn-fingerprint");
        Process::start(format!("OpenLEADR VEN {name}"), command)
    }

    /// The same without signatures, over TLS 1.2 with no other suite than this one of OpenSSL's.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn openleadr_ven_with_suite(
        &self,
        vtn: &str,
        name: &str,
        own: &Issued,
        authority: &Authority,
        suite: &str,
    ) -> Result<Process, Failure> {
        let mut command = self.script("openleadr_ven.py");
        command.args(["--vtn", vtn, "--name", name, "--unsigned", "--suite", suite]);
        command.arg("--certificate").arg(&own.certificate);
        command.arg("--key").arg(&own.key);
        command.arg("--ca").arg(authority.certificate());
        Process::start(format!("OpenLEADR VEN {name}"), command)
    }

    /// An OpenLEADR VTN that asks its VENs to poll every second.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn openleadr_vtn(&self) -> Result<Process, Failure> {
        Process::start("OpenLEADR VTN", self.script("openleadr_vtn.py"))
    }

    /// The same, asking for reports: `want` maps what is measured to granularity and report-back
    /// in seconds. Started again with the same file `memory`, it still knows its VENs and what it
    /// asked them for, which OpenLEADR by itself does not.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn openleadr_vtn_asking(&self, want: &Value, memory: &Path) -> Result<Process, Failure> {
        let mut command = self.script("openleadr_vtn.py");
        command.arg("--want").arg(want.to_string());
        command.arg("--memory").arg(memory);
        Process::start("OpenLEADR VTN", command)
    }

    /// The same over TLS; it signs what it sends, and does what is signed only, but for registrations.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn openleadr_vtn_secured(
        &self,
        want: &Value,
        secured: &Secured<'_>,
    ) -> Result<Process, Failure> {
        let mut command = self.script("openleadr_vtn.py");
        command.arg("--want").arg(want.to_string());
        secured.tell(&mut command, "--ven-fingerprint");
        Process::start("OpenLEADR VTN", command)
    }

    /// An OpenLEADR VTN on one processor, without a log and telling nothing, whose VENs poll when they
    /// like and report what power they take: for benchmarks.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn openleadr_vtn_under_load(&self, processor: &str) -> Result<Process, Failure> {
        let script = self.script("openleadr_vtn.py");
        let mut command = Command::new("taskset");
        command
            .args(["-c", processor])
            .arg(script.get_program())
            .args(script.get_args())
            .args(["--quiet", "--poll", "3600"])
            .args(["--want", r#"{"RealPower": [1, 100]}"#]);
        Process::start("OpenLEADR VTN", command)
    }

    /// The same over TLS with signatures, whose VEN polls when it likes.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn openleadr_vtn_secured_under_load(
        &self,
        processor: &str,
        secured: &Secured<'_>,
    ) -> Result<Process, Failure> {
        let script = self.script("openleadr_vtn.py");
        let mut command = Command::new("taskset");
        command
            .args(["-c", processor])
            .arg(script.get_program())
            .args(script.get_args())
            .args(["--quiet", "--poll", "3600"]);
        secured.tell(&mut command, "--ven-fingerprint");
        Process::start("OpenLEADR VTN", command)
    }

    /// An XMPP client that sends what it is told and tells what it gets; it has not logged in yet.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn xmpp_client(&self, account: &Account<'_>) -> Result<Process, Failure> {
        let mut command = self.script("xmpp.py");
        account.tell(&mut command);
        Process::start(format!("XMPP client {}", account.jid), command)
    }

    /// A VEN over XMPP with hand-written stanzas, of this venName; it does nothing unless told to.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn xmpp_ven(&self, account: &Account<'_>, name: &str) -> Result<Process, Failure> {
        let mut command = self.script("xmpp_ven.py");
        account.tell(&mut command);
        command.args(["--name", name]);
        Process::start(format!("XMPP VEN {name}"), command)
    }

    /// A VTN over XMPP with hand-written stanzas, for one VEN.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn xmpp_vtn(&self, account: &Account<'_>) -> Result<Process, Failure> {
        let mut command = self.script("xmpp_vtn.py");
        account.tell(&mut command);
        Process::start("XMPP VTN", command)
    }

    pub(crate) fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(folder().join(name));
        command
    }
}

impl Secured<'_> {
    fn tell(&self, command: &mut Command, expects: &str) {
        command.arg("--certificate").arg(&self.own.certificate);
        command.arg("--key").arg(&self.own.key);
        command.arg("--ca").arg(self.authority.certificate());
        command.args([expects, self.expects]);
    }
}

impl Account<'_> {
    fn tell(&self, command: &mut Command) {
        command.args(["--server", &self.server.to_string(), "--jid", self.jid]);
        command.arg("--ca").arg(self.authority.certificate());
        let (own, authzid) = match self.login {
            Login::Certificate(own) => (own, None),
            Login::As(own, account) => (own, Some(account)),
            Login::Password(password) => {
                command.args(["--password", password]);
                return;
            }
            Login::Nothing => return,
        };
        command.arg("--certificate").arg(&own.certificate);
        command.arg("--key").arg(&own.key);
        if let Some(account) = authzid {
            command.args(["--authzid", account]);
        }
    }
}

impl Opt {
    /// As it is spelled on the wire.
    #[must_use]
    pub fn wire(self) -> &'static str {
        match self {
            Self::In => "optIn",
            Self::Out => "optOut",
        }
    }
}

/// The captured documents beside the repository, unless this checkout has none; then a line on
/// stderr says that `test` is skipped.
#[must_use]
pub fn corpus_or_skip(test: &str) -> Option<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    if corpus.is_dir() {
        return Some(corpus);
    }
    skipped(test, "there is no ../shared/corpus beside the repository");
    None
}

/// Says on stderr that `test` is skipped, and why.
pub fn skipped(test: &str, why: &str) {
    // Not eprintln: the test runner would swallow that.
    let _ = writeln!(std::io::stderr(), "skipped: {test} ({why})");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}
