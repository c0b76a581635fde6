//! Finds out what is wrong between a VEN and a VTN, or with a certificate, and says what to do.
//!
//! Knows nothing of terminals: an examination is a list of findings, one file for each kind.

mod address;
mod cert;
mod clock;
mod exchange;
mod file;
mod finding;
mod handshake;
mod hello;
mod judge;
mod name;
mod own;
mod paper;
mod port;
mod reply;
mod signature;
mod status;
mod suites;
mod tls;
mod ven;
mod vtn;
mod x509;

pub(crate) use cert::{Files as CertificateFiles, examine as examine_files};
pub(crate) use finding::{Finding, Level, problems};
pub(crate) use own::Files as OwnFiles;
pub(crate) use ven::{Record, Refusal, examine as examine_ven};
pub(crate) use vtn::{Limits, Visit, examine as examine_vtn};
