//! A real Prosody with the configuration and the modules that come with the program.
//!
//! It knows nothing of OpenADR beyond the JID of the VTN that Prosody is to name. Accounts are
//! certificates: whoever has one of the authority's for clients has the account of its common name.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::authority::{Authority, Issued};
use crate::failure::Failure;
use crate::folder::Folder;
use crate::port;
use crate::process::Process;
use crate::wait;

/// The domain of all accounts; there need not be such a name in any directory.
pub const DOMAIN: &str = "xmpp.example.com";

/// The VTN's JID, which discovery tells; its certificate's common name is [`VTN_ACCOUNT`].
pub const VTN: &str = "vtn@xmpp.example.com/openadr";

/// The account of the VTN.
pub const VTN_ACCOUNT: &str = "vtn";

/// How long one look at the port may take.
const LOOK: Duration = Duration::from_secs(2);

/// A running Prosody; it ends with its handle.
#[derive(Debug)]
pub struct Prosody {
    process: Process,
    address: SocketAddr,
    folder: Folder,
}

impl Prosody {
    /// Starts one for the VTN at [`VTN`], believing this authority's certificates only.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or accepts nobody in time.
    pub fn start(authority: &Authority) -> Result<Self, Failure> {
        Self::changed(authority, |configuration| configuration)
    }

    /// The same; `change` alters the configuration last.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or accepts nobody in time.
    pub fn changed(
        authority: &Authority,
        change: impl Fn(String) -> String,
    ) -> Result<Self, Failure> {
        let own = authority.server(&[DOMAIN])?;
        let folder = Folder::new("prosody")?;
        let mut last = Failure::new("prosody was not tried");
        // Somebody may take the port before Prosody does.
        for _ in 0..5 {
            let free = port::free();
            let text = change(configuration(folder.path(), free, authority, &own)?);
            write(&folder.path().join("openadr.cfg.lua"), &text)?;
            match run(folder.path(), free) {
                Ok(process) => {
                    return Ok(Self {
                        process,
                        address: free,
                        folder,
                    });
                }
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }

    /// The same, where accounts with passwords (SCRAM) are possible beside certificates; these there are.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or accepts nobody in time.
    pub fn with_passwords(
        authority: &Authority,
        accounts: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        let prosody = Self::changed(authority, |text| {
            text.replace("; \"fail_if_no_peer_cert\"", "")
                .replace("-- openadr_passwords = true", "openadr_passwords = true")
        })?;
        for (account, password) in accounts {
            prosody.register(account, password)?;
        }
        Ok(prosody)
    }

    /// Where clients connect, with STARTTLS.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it as its operator would, and waits for the end.
    ///
    /// # Errors
    ///
    /// When it does not end in time.
    pub fn stop(&mut self) -> Result<(), Failure> {
        self.process.terminate().map(drop)
    }

    /// Kills it at once (SIGKILL).
    ///
    /// # Errors
    ///
    /// When it cannot be killed.
    pub fn kill(&mut self) -> Result<(), Failure> {
        self.process.kill()
    }

    /// Starts it again at the same address, after [`stop`](Self::stop) or [`kill`](Self::kill).
    ///
    /// # Errors
    ///
    /// When it cannot be started, or accepts nobody in time.
    pub fn start_again(&mut self) -> Result<(), Failure> {
        self.process = run(self.folder.path(), self.address)?;
        Ok(())
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        log(self.folder.path())
    }

    /// Waits until a line of its log contains `text`.
    ///
    /// # Errors
    ///
    /// When none does in time.
    pub fn logged(&self, text: &str) -> Result<(), Failure> {
        wait::until(
            &format!("{text:?} in Prosody's log"),
            wait::PATIENCE,
            || self.log().contains(text).then_some(()),
        )
        .map_err(|failure| Failure::new(format!("{failure}\n{}", self.log())))
    }

    fn register(&self, account: &str, password: &str) -> Result<(), Failure> {
        let output = Command::new("prosodyctl")
            .args(["--root", "--config"])
            .arg(self.folder.path().join("openadr.cfg.lua"))
            .args(["register", account, DOMAIN, password])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Failure::io("prosodyctl", &error))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stdout);
        Err(Failure::new(format!("prosodyctl register: {said}")))
    }
}

impl Drop for Prosody {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- prosody\n{}", self.log());
        }
    }
}

/// The JID of an account's session.
#[must_use]
pub fn jid(account: &str, resource: &str) -> String {
    format!("{account}@{DOMAIN}/{resource}")
}

/// The folder with the configuration and the modules.
#[must_use]
pub fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../oadr-xmpp/prosody")
}

/// The example with what a reader of it is told to change, and a place of its own for everything.
fn configuration(
    folder: &Path,
    address: SocketAddr,
    authority: &Authority,
    own: &Issued,
) -> Result<String, Failure> {
    let file = files().join("openadr.cfg.lua");
    let mut text = fs::read_to_string(&file)
        .map_err(|error| Failure::io(&file.display().to_string(), &error))?;
    let folder = folder.display();
    for (theirs, filled) in [
        (
            "/usr/local/lib/prosody/modules",
            files().display().to_string(),
        ),
        ("/run/prosody/prosody.pid", format!("{folder}/prosody.pid")),
        (
            "{ info = \"*syslog\" }",
            format!("{{ info = \"{folder}/prosody.log\" }}"),
        ),
        (
            "c2s_ports = { 5222 }",
            format!(
                "c2s_ports = {{ {} }}\ninterfaces = {{ \"{}\" }}\ndata_path = \"{folder}\"\n\
                 run_as_root = true",
                address.port(),
                address.ip()
            ),
        ),
        (
            "/etc/prosody/certs/xmpp.example.com.crt",
            own.certificate.display().to_string(),
        ),
        (
            "/etc/prosody/certs/xmpp.example.com.key",
            own.key.display().to_string(),
        ),
        (
            "/etc/prosody/certs/openadr-ca.pem",
            authority.certificate().display().to_string(),
        ),
    ] {
        if !text.contains(theirs) {
            return Err(Failure::new(format!("{}: no {theirs}", file.display())));
        }
        text = text.replace(theirs, &filled);
    }
    Ok(text)
}

fn run(folder: &Path, address: SocketAddr) -> Result<Process, Failure> {
    // What it logged before is not what it logs about this start.
    let before = log(folder).len();
    let mut command = Command::new("prosody");
    command
        .args(["-F", "--root", "--config"])
        .arg(folder.join("openadr.cfg.lua"));
    let mut process = Process::start("prosody", command)?;
    let refused = |folder| {
        let log = log(folder);
        log.get(before..)
            .is_some_and(|new| new.contains("Failed to open server port"))
    };
    let up = wait::until("prosody to accept", wait::PATIENCE, || {
        if answers(address) {
            return Some(true);
        }
        let over = process.wait_exit(Duration::ZERO).is_ok();
        (over || refused(folder)).then_some(false)
    });
    match up {
        // Its answer may be that of somebody else who has the port.
        Ok(true) if !refused(folder) => Ok(process),
        Ok(_) | Err(_) => Err(process.failure(&format!("accepts nobody: {}", log(folder)))),
    }
}

/// Whether a server for the domain that offers TLS listens there.
fn answers(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, LOOK)?;
        stream.set_read_timeout(Some(LOOK))?;
        let header = format!(
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
             version='1.0' to='{DOMAIN}'>"
        );
        stream.write_all(header.as_bytes())?;
        let mut said = Vec::new();
        let mut piece = [0; 1024];
        loop {
            let count = stream.read(&mut piece)?;
            said.extend_from_slice(piece.get(..count).unwrap_or_default());
            let text = String::from_utf8_lossy(&said);
            if text.contains("<starttls") {
                return Ok(true);
            }
            if count == 0 {
                return Ok(false);
            }
        }
    };
    ask().unwrap_or(false)
}

fn log(folder: &Path) -> String {
    let log = fs::read(folder.join("prosody.log")).unwrap_or_default();
    String::from_utf8_lossy(&log).into_owned()
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::io(&path.display().to_string(), &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::KeyKind;

    #[test]
    fn it_stops_dies_and_comes_back_at_the_same_address() {
        let authority = Authority::new(KeyKind::P256).unwrap();
        let mut prosody = Prosody::start(&authority).unwrap();
        let address = prosody.address();
        prosody.stop().unwrap();
        assert!(!answers(address));
        prosody.start_again().unwrap();
        prosody.kill().unwrap();
        assert!(!answers(address));
        prosody.start_again().unwrap();
        assert!(answers(address));
    }
}
