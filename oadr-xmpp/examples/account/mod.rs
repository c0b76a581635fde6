//! What both examples are told: which account, which server, and how to log in.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use oadr_core::value::DateTime;
use oadr_xmpp::{Config, Login, Role};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

const USAGE: &str =
    "JID HOST:PORT (--password FILE | --certificate CHAIN KEY) (--ca FILE | --plain)

  JID           the session, such as ven1@example.org/client
  HOST:PORT     the XMPP server; its certificate bears the JID's domain
  --password    log in with SCRAM, with the first line of this file
  --certificate log in with SASL EXTERNAL, with these PEM files
  --ca          who issued the server's certificate: a PEM file
  --plain       without TLS, to a server on this machine";

/// The settings that the command line gives.
pub(crate) fn config(role: Role) -> Result<Config, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or(USAGE);
    let jid = next()?.parse()?;
    let server = next()?;
    let (host, port) = server.rsplit_once(':').ok_or(USAGE)?;
    let login = next()?;
    let (login, identity) = match login.as_str() {
        "--password" => {
            let text = std::fs::read_to_string(next()?)?;
            let password = text.lines().next().unwrap_or_default();
            (Login::Password(password.to_owned()), None)
        }
        "--certificate" => {
            let files = (PathBuf::from(next()?), PathBuf::from(next()?));
            (Login::Certificate, Some(files))
        }
        _ => return Err(USAGE.into()),
    };
    let mut config = Config::new(jid, login, role);
    config.server = (host.to_owned(), port.parse()?);
    match next()?.as_str() {
        "--plain" => {}
        "--ca" => {
            let tls = tls(&PathBuf::from(next()?), identity)?;
            config.tls = Some(Arc::new(move || Arc::clone(&tls)));
        }
        _ => return Err(USAGE.into()),
    }
    Ok(config)
}

fn tls(
    ca: &PathBuf,
    identity: Option<(PathBuf, PathBuf)>,
) -> Result<Arc<ClientConfig>, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(ca)? {
        roots.add(root?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let config = match identity {
        Some((chain, key)) => {
            let chain = CertificateDer::pem_file_iter(chain)?.collect::<Result<Vec<_>, _>>()?;
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key)?)?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

pub(crate) fn now() -> DateTime {
    SystemTime::now().into()
}

pub(crate) fn entropy() -> Result<[u8; 32], getrandom::Error> {
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy).map(|()| entropy)
}
