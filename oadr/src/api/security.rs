//! `/api/v1/certificates` and `/api/v1/refusals`: what the VTN shows, and whom it turned away.
//!
//! Knows nothing of what either follows from.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use oadr_core::value::DateTime;
use oadr_core::{CertificateHash, Fingerprint};
use serde::Serialize;

use crate::credentials::Held;
use crate::vtn::{Host, Refused};

#[derive(Debug, Serialize)]
pub(super) struct Certificates {
    certificates: Vec<CertificateView>,
}

/// A certificate of ours, or of a CA that we believe.
#[derive(Debug, Serialize)]
struct CertificateView {
    kind: &'static str,
    file: PathBuf,
    subject: String,
    issuer: String,
    serial: String,
    hash: CertificateHash,
    fingerprint: Fingerprint,
    key: String,
    dns_names: Vec<String>,
    ip_addresses: Vec<IpAddr>,
    not_before: DateTime,
    not_after: DateTime,
}

#[derive(Debug, Serialize)]
pub(super) struct Refusals {
    refusals: Vec<Refused>,
}

pub(super) async fn certificates(State(host): State<Arc<Host>>) -> Json<Certificates> {
    let own = host.trust.own();
    Json(Certificates {
        certificates: own.iter().map(CertificateView::new).collect(),
    })
}

pub(super) async fn refusals(State(host): State<Arc<Host>>) -> Json<Refusals> {
    Json(Refusals {
        refusals: host.trust.refusals.latest(),
    })
}

impl CertificateView {
    fn new(held: &Held) -> Self {
        let certificate = &held.certificate;
        Self {
            kind: held.kind.name(),
            file: held.file.clone(),
            subject: certificate.subject().to_owned(),
            issuer: certificate.issuer().to_owned(),
            serial: certificate.serial().to_owned(),
            hash: certificate.hash(),
            fingerprint: certificate.fingerprint(),
            key: certificate.key_kind().to_string(),
            dns_names: certificate.dns_names().to_vec(),
            ip_addresses: certificate.ip_addresses().to_vec(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
        }
    }
}
