//! `oadr pki`: a private CA and its certificates.
//!
//! Knows nothing of how certificates are made.

use std::error::Error;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use clap::{Args, Subcommand};
use oadr_sign::Certificate;
use serde_json::{Value, json};

use super::table::{self, Table, printable};
use crate::clock;
use crate::entropy;
use crate::pki::{
    self, Authority, CommonName, FileName, Host, Issued, NewAuthority, NewKey, Passphrase,
    PkiError, Purpose, Request, Subject, Wanted,
};

/// How long a CA is there, in days: ten years.
const CA_DAYS: &str = "3650";

/// How long other certificates are, in days: what much software takes at the most.
const DAYS: &str = "825";

/// Make a CA and certificates for VTNs and VENs
#[derive(Debug, Args)]
#[command(after_help = "\
Everything is in one folder: the CA in ca.pem and ca-key.pem, each certificate in NAME.pem with its key in
NAME-key.pem, and the list of what was issued in issued.jsonl. Keys are for their owner only, and nothing is
overwritten. Whoever has ca-key.pem can make a certificate for anybody: keep it, or the whole folder, away
from the machines that only use certificates. Those need NAME.pem, NAME-key.pem and ca.pem.

Examples:
  oadr pki init --vtn vtn.example.com --ven house --ven plant
  oadr pki ven barn
  oadr pki sign barn.csr --for ven
  oadr pki list
  oadr pki fingerprint pki/house.pem")]
pub(super) struct PkiArgs {
    /// The folder of the CA
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        default_value = "pki",
        display_order = 1000
    )]
    folder: PathBuf,

    /// Print JSON
    #[arg(long, global = true, display_order = 1001)]
    json: bool,

    #[command(subcommand)]
    command: PkiCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum PkiCommand {
    Init(Init),
    Vtn(Vtn),
    Ven(Ven),
    Sign(Sign),
    /// List what was issued, with what is left of it
    #[command(after_help = "\
DAYS is how many whole days a certificate is still valid. The list has all that was issued, whether it is
still in use or not.")]
    List,
    Fingerprint(Files),
}

/// Make a CA, and the first certificates with it
///
/// A VTN gets two certificates, vtn.pem with a P-256 key and vtn-rsa.pem with an RSA key, so that any VEN can
/// verify one of them. The CA's key is RSA unless said otherwise, because every device can verify that.
#[derive(Debug, Args)]
struct Init {
    /// A name or address that VENs reach the VTN at; repeatable. `localhost` is its addresses, too
    #[arg(long = "vtn", value_name = "HOST")]
    vtn: Vec<Host>,

    /// A VEN; repeatable
    #[arg(long = "ven", value_name = "NAME")]
    vens: Vec<FileName>,

    /// The CA's kind of key: RSA (3,072 bits) or P-256
    #[arg(long, value_name = "KIND", value_enum, default_value = "rsa")]
    key: NewKey,

    /// What the CA is called [default: `oadr CA` and a number that was drawn]
    #[arg(long, value_name = "TEXT")]
    common_name: Option<CommonName>,

    /// How many days the CA is valid
    #[arg(long, value_name = "DAYS", default_value = CA_DAYS, value_parser = days())]
    ca_days: u32,

    #[command(flatten)]
    life: Life,
}

/// Issue the two certificates of a VTN: P-256 and RSA
#[derive(Debug, Args)]
struct Vtn {
    /// A name or address that VENs reach it at; repeatable. `localhost` is its addresses, too
    #[arg(value_name = "HOST", required = true)]
    hosts: Vec<Host>,

    /// What the files are called: NAME.pem and NAME-rsa.pem
    #[arg(long, value_name = "NAME", default_value = "vtn")]
    name: FileName,

    /// The subject's common name [default: the first HOST]
    #[arg(long, value_name = "TEXT")]
    common_name: Option<CommonName>,

    #[command(flatten)]
    life: Life,

    /// Issue others in the place of those of that name
    #[arg(long)]
    force: bool,
}

/// Issue a certificate for a VEN
#[derive(Debug, Args)]
struct Ven {
    /// What the files are called, and what the certificate's common name is
    #[arg(value_name = "NAME")]
    name: FileName,

    /// Its common name, if it is another one than NAME
    #[arg(long, value_name = "TEXT")]
    common_name: Option<CommonName>,

    /// Its DNS names and addresses; repeatable [default: NAME, if that is one]
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<Host>,

    /// The kind of key: P-256 or RSA (2,048 bits)
    #[arg(long, value_name = "KIND", value_enum, default_value = "p256")]
    key: NewKey,

    #[command(flatten)]
    life: Life,

    /// Issue another one in the place of one of that name
    #[arg(long)]
    force: bool,
}

/// Issue a certificate for a request (PKCS#10) of somebody who keeps the key
///
/// The request's signature proves that whoever made it has the key, not who it is: take it from somebody you
/// know, and look at what is printed. Of what it asks for only the common name is taken, and for a VTN DNS
/// names and addresses, and those only where nothing else is said. A VEN's certificate is also a server's, for
/// pushes: with a name that the VEN chose it could pass for another server.
#[derive(Debug, Args)]
struct Sign {
    /// The request, in PEM or DER
    #[arg(value_name = "FILE")]
    request: PathBuf,

    /// Whom the certificate is for
    #[arg(long = "for", value_name = "WHOM", value_enum)]
    purpose: Purpose,

    /// What the file is called [default: the common name, if it is one for files]
    #[arg(long, value_name = "NAME")]
    name: Option<FileName>,

    /// Its common name, in the place of that of the request
    #[arg(long, value_name = "TEXT")]
    common_name: Option<CommonName>,

    /// Its DNS names and addresses, in the place of those of a VTN's request; repeatable
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<Host>,

    /// How many days it is valid
    #[arg(long, value_name = "DAYS", default_value = DAYS, value_parser = days())]
    days: u32,

    #[command(flatten)]
    ca: CaKey,

    /// Issue another one in the place of one of that name
    #[arg(long)]
    force: bool,
}

/// Print the fingerprints of certificates
#[derive(Debug, Args)]
struct Files {
    /// Files with certificates, in PEM or DER
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Also SHA-1, which OpenADR 2.0a takes fingerprints from
    #[arg(long)]
    sha1: bool,
}

/// Of a certificate with a new key.
#[derive(Debug, Args)]
struct Life {
    /// How many days certificates are valid
    #[arg(long, value_name = "DAYS", default_value = DAYS, value_parser = days())]
    days: u32,

    /// A file with the passphrase that new keys are put under [default: none]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,

    #[command(flatten)]
    ca: CaKey,
}

#[derive(Debug, Args)]
struct CaKey {
    /// A file with the passphrase of the CA's key. `init` puts the key under it; the others ask a terminal for
    /// it, if it is needed and not given
    #[arg(long, value_name = "FILE")]
    ca_passphrase_file: Option<PathBuf>,
}

fn days() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=36_500)
}

impl PkiArgs {
    pub(super) fn run(self) -> Result<(), Box<dyn Error>> {
        let folder = &self.folder;
        match self.command {
            PkiCommand::Init(init) => print(&init.run(folder)?, self.json),
            PkiCommand::Vtn(vtn) => print(&vtn.run(folder)?, self.json),
            PkiCommand::Ven(ven) => print(&ven.run(folder)?, self.json),
            PkiCommand::Sign(sign) => print(&sign.run(folder)?, self.json),
            PkiCommand::List => {
                let (issued, unreadable) = pki::list(folder)?;
                if unreadable > 0 {
                    eprintln!("oadr: {unreadable} lines of the list cannot be read");
                }
                print(&issued, self.json)
            }
            PkiCommand::Fingerprint(files) => files.run(self.json),
        }
    }
}

impl Init {
    fn run(self, folder: &Path) -> Result<Vec<Issued>, Box<dyn Error>> {
        let now = clock::now();
        let common_name = match self.common_name {
            Some(name) => name,
            None => drawn_name()?,
        };
        let leaf = passphrase_in(self.life.passphrase_file.as_deref())?;
        let own = passphrase_in(self.life.ca.ca_passphrase_file.as_deref())?;
        let mut wanted = Vec::new();
        if !self.vtn.is_empty() {
            let name: FileName = "vtn".parse()?;
            wanted.extend(vtn(&name, None, &self.vtn, self.life.days, leaf.as_ref())?);
        }
        for name in self.vens {
            let key = Subject::New(NewKey::P256, leaf.as_ref());
            wanted.push(ven(name, None, Vec::new(), self.life.days, key)?);
        }
        let new = NewAuthority {
            common_name: &common_name,
            key: self.key,
            days: self.ca_days,
            passphrase: own.as_ref(),
        };
        pki::vacant(folder, &wanted)?;
        let (authority, first) = Authority::create(folder, &new, now)?;
        let mut issued = vec![first];
        for wanted in &wanted {
            issued.push(authority.issue(wanted, now)?);
        }
        Ok(issued)
    }
}

impl Vtn {
    fn run(self, folder: &Path) -> Result<Vec<Issued>, Box<dyn Error>> {
        let now = clock::now();
        let passphrase = passphrase_in(self.life.passphrase_file.as_deref())?;
        let wanted = vtn(
            &self.name,
            self.common_name,
            &self.hosts,
            self.life.days,
            passphrase.as_ref(),
        )?;
        let wanted = wanted.map(|one| Wanted {
            replace: self.force,
            ..one
        });
        pki::vacant(folder, &wanted)?;
        let authority = self.life.ca.open(folder)?;
        let mut issued = Vec::new();
        for wanted in &wanted {
            issued.push(authority.issue(wanted, now)?);
        }
        Ok(issued)
    }
}

impl Ven {
    fn run(self, folder: &Path) -> Result<Vec<Issued>, Box<dyn Error>> {
        let passphrase = passphrase_in(self.life.passphrase_file.as_deref())?;
        let key = Subject::New(self.key, passphrase.as_ref());
        let wanted = Wanted {
            replace: self.force,
            ..ven(self.name, self.common_name, self.hosts, self.life.days, key)?
        };
        // Before anybody is asked for a passphrase.
        pki::vacant(folder, std::slice::from_ref(&wanted))?;
        let authority = self.life.ca.open(folder)?;
        Ok(vec![authority.issue(&wanted, clock::now())?])
    }
}

impl Sign {
    fn run(self, folder: &Path) -> Result<Vec<Issued>, Box<dyn Error>> {
        let path = &self.request;
        let octets = std::fs::read(path).map_err(|source| PkiError::io(path, source))?;
        let request =
            Request::read(&octets).map_err(|error| format!("{} {error}", path.display()))?;
        let asked = request.common_name.clone();
        let common_name = self
            .common_name
            .or(asked)
            .ok_or("the request has no common name: give one with --common-name")?;
        let name = match self.name {
            Some(name) => name,
            None => common_name.as_str().parse().map_err(|_| {
                format!(
                    "{:?} is no name for files: give one with --name",
                    common_name.as_str()
                )
            })?,
        };
        let hosts = if self.hosts.is_empty() && self.purpose == Purpose::Ven {
            if !request.hosts.is_empty() {
                let names: Vec<_> = request.hosts.iter().map(Host::to_string).collect();
                eprintln!(
                    "oadr: the request's names ({}) are left out: name those that are the VEN's with --host",
                    names.join(", ")
                );
            }
            Vec::new()
        } else if self.hosts.is_empty() {
            if request.left_out > 0 {
                let count = request.left_out;
                eprintln!(
                    "oadr: {count} names of the request are neither DNS names nor addresses: left out"
                );
            }
            request.hosts.clone()
        } else {
            self.hosts
        };
        if self.purpose == Purpose::Vtn && hosts.is_empty() {
            return Err("a VTN is reached at a name or an address: give it with --host".into());
        }
        let wanted = Wanted {
            purpose: self.purpose,
            file: name,
            common_name,
            hosts,
            days: self.days,
            subject: Subject::Of(&request),
            replace: self.force,
        };
        pki::vacant(folder, std::slice::from_ref(&wanted))?;
        let authority = self.ca.open(folder)?;
        Ok(vec![authority.issue(&wanted, clock::now())?])
    }
}

impl Files {
    fn run(self, json: bool) -> Result<(), Box<dyn Error>> {
        let mut all = Vec::new();
        for path in &self.files {
            for der in pki::certificates(path)? {
                let read = Certificate::from_der(&der);
                let certificate = read.map_err(|_| PkiError::NoCertificate(path.clone()))?;
                all.push((path, certificate));
            }
        }
        if json {
            let all = all
                .iter()
                .map(|(path, certificate)| self.in_json(path, certificate));
            return put(&Value::from_iter(all));
        }
        let texts = all
            .iter()
            .map(|(path, certificate)| self.in_text(path, certificate));
        Ok(table::print(&texts.collect::<Vec<_>>().join("\n"))?)
    }

    fn in_json(&self, path: &Path, certificate: &Certificate) -> Value {
        let fingerprint = certificate.fingerprint().to_string();
        let mut all = json!({
            "file": path.display().to_string(),
            "subject": certificate.subject(),
            "not_after": certificate.not_after(),
            "hash": certificate.hash(),
            "fingerprint": fingerprint,
            "fingerprint_plain": plain(&fingerprint),
        });
        if let (true, Some(all)) = (self.sha1, all.as_object_mut()) {
            all.insert("fingerprint_2_0a".to_owned(), sha1(certificate).into());
        }
        all
    }

    fn in_text(&self, path: &Path, certificate: &Certificate) -> String {
        let fingerprint = certificate.fingerprint().to_string();
        let mut text = format!(
            "{}: {}\n  SHA-256             {}\n  OpenADR             {fingerprint}\n  OpenADR, plain      {}\n",
            path.display(),
            printable(certificate.subject()),
            certificate.hash(),
            plain(&fingerprint),
        );
        if self.sha1 {
            let sha1 = sha1(certificate);
            let _ = writeln!(
                text,
                "  OpenADR 2.0a        {sha1} (SHA-1, which proves nothing)"
            );
        }
        text
    }
}

impl CaKey {
    fn open(&self, folder: &Path) -> Result<Authority, PkiError> {
        let ask = |key: &Path| match &self.ca_passphrase_file {
            Some(file) => Passphrase::read(file),
            None => ask(key),
        };
        Authority::open(folder, ask, clock::now())
    }
}

/// Asks a terminal.
fn ask(key: &Path) -> Result<Passphrase, PkiError> {
    if !std::io::stdin().is_terminal() {
        return Err(PkiError::Locked(key.to_owned()));
    }
    let typed = rpassword::prompt_password(format!("Passphrase of {}: ", key.display()))
        .map_err(|source| PkiError::io(key, source))?;
    Passphrase::new(&typed).ok_or_else(|| PkiError::Locked(key.to_owned()))
}

fn passphrase_in(file: Option<&Path>) -> Result<Option<Passphrase>, PkiError> {
    file.map(Passphrase::read).transpose()
}

/// A CA's name that no other has: two of one name are taken for each other.
fn drawn_name() -> Result<CommonName, Box<dyn Error>> {
    let drawn = entropy::draw()?;
    let number: String = drawn.iter().take(4).map(|b| format!("{b:02x}")).collect();
    Ok(format!("oadr CA {number}").parse()?)
}

/// A VTN's two certificates.
fn vtn<'a>(
    name: &FileName,
    common_name: Option<CommonName>,
    hosts: &[Host],
    days: u32,
    passphrase: Option<&'a Passphrase>,
) -> Result<[Wanted<'a>; 2], Box<dyn Error>> {
    let first = hosts.first().map(ToString::to_string).unwrap_or_default();
    let common_name = match common_name {
        Some(name) => name,
        None => first.parse().map_err(|_| {
            format!("{first:?} is too long for a common name: give one with --common-name")
        })?,
    };
    let wanted = |file: FileName, key: NewKey| Wanted {
        purpose: Purpose::Vtn,
        file,
        common_name: common_name.clone(),
        hosts: hosts.iter().flat_map(Host::with_addresses).collect(),
        days,
        subject: Subject::New(key, passphrase),
        replace: false,
    };
    Ok([
        wanted(name.clone(), NewKey::P256),
        wanted(name.rsa(), NewKey::Rsa),
    ])
}

fn ven(
    name: FileName,
    common_name: Option<CommonName>,
    hosts: Vec<Host>,
    days: u32,
    subject: Subject<'_>,
) -> Result<Wanted<'_>, Box<dyn Error>> {
    let common_name = match common_name {
        Some(given) => given,
        None => name.as_str().parse()?,
    };
    let hosts = if hosts.is_empty() {
        name.as_str().parse().into_iter().collect()
    } else {
        hosts
    };
    Ok(Wanted {
        purpose: Purpose::Ven,
        file: name,
        common_name,
        hosts,
        days,
        subject,
        replace: false,
    })
}

/// The fingerprint as other software writes it.
fn plain(fingerprint: &str) -> String {
    fingerprint.replace(':', "").to_lowercase()
}

/// The last ten bytes of SHA-1.
fn sha1(certificate: &Certificate) -> String {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate.der());
    let last = hash.as_ref().iter().skip(10);
    let pairs: Vec<_> = last.map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

fn put(json: &Value) -> Result<(), Box<dyn Error>> {
    Ok(table::print(&format!("{json:#}\n"))?)
}

fn print(issued: &[Issued], json: bool) -> Result<(), Box<dyn Error>> {
    let now = clock::now();
    if json {
        let all = issued.iter().map(|one| {
            let mut value = serde_json::to_value(one)?;
            if let Some(fields) = value.as_object_mut() {
                fields.insert("days_left".to_owned(), one.days_left(now).into());
            }
            Ok(value)
        });
        return put(&all.collect::<Result<Value, serde_json::Error>>()?);
    }
    let mut table = Table::new([
        "FILE",
        "FOR",
        "NAME",
        "HOSTS",
        "KEY",
        "EXPIRES",
        "DAYS",
        "FINGERPRINT",
        "SERIAL",
    ]);
    for one in issued {
        let left = match one.days_left(now) {
            over if over < 0 => "expired".to_owned(),
            left => left.to_string(),
        };
        table.row([
            one.file.clone(),
            one.purpose.name().to_owned(),
            one.common_name.clone(),
            one.names.join(", "),
            one.key.clone(),
            one.not_after.date_naive().to_string(),
            left,
            one.fingerprint.to_string(),
            one.serial.clone(),
        ]);
    }
    Ok(table::print(&table.render(table::terminal_width()))?)
}
