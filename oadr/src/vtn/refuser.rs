//! What is said of a peer that is refused: a line in the log, unless there are too many, and a place
//! among the latest refusals.
//!
//! Knows nothing of what is answered.

use std::net::SocketAddr;

use oadr_core::payload::{Message, ResponseCode};
use oadr_core::value::{DateTime, Text};
use oadr_core::vtn::{Claim, Input, claims_of};
use oadr_core::{BareJid, CertificateHash, Peer, Signature};
use oadr_http::ProxiedError;
use oadr_http::tls::{CertificateDer, HandshakeError};
use oadr_sign::{Certificate, Refusal};
use tokio::time::Instant;

use super::host::Host;
use super::peers::ends_soon;
use super::reception::jid_of;
use super::refusals::{Refused, Stage};
use super::signatures::Denied;
use crate::log_ration::Subject;
use crate::logging::cut;

/// A peer, of whom something is to be said.
#[derive(Debug)]
pub(super) struct Refuser<'a> {
    pub(super) host: &'a Host,
    pub(super) peer: &'a Peer,
    pub(super) address: Option<SocketAddr>,
}

/// What is said.
struct Said {
    stage: Stage,
    code: &'static str,
    reason: String,
    certificate: Option<CertificateHash>,
    subject: Option<String>,
    ven: Option<Text>,
}

impl Refuser<'_> {
    /// Its document is not read: 403.
    pub(super) fn denied(&self, denied: &Denied, now: DateTime) {
        let claimed = match denied {
            Denied::UnknownSigner(claimed)
            | Denied::NotItsSigner { claimed, .. }
            | Denied::Signature(Refusal::OtherSigner { claimed, .. }) => Some(*claimed),
            Denied::Signature(_) => None,
        };
        let certificate = self.proved().or(claimed);
        let mut reason = denied.to_string();
        match denied {
            Denied::UnknownSigner(claimed) => {
                reason = format!("{reason}: {}", how_to_enrol(claimed));
            }
            Denied::NotItsSigner { claimed, .. } => {
                let fingerprint = claimed.fingerprint();
                reason = format!(
                    "{reason}: if it is its, `oadr vens modify NAME --add-fingerprint {fingerprint}`"
                );
            }
            Denied::Signature(_) => {}
        }
        self.say(
            Said {
                stage: Stage::Signature,
                code: denied.code(),
                reason,
                certificate,
                subject: certificate.and_then(|hash| self.subject(&hash)),
                ven: self
                    .of_account()
                    .or_else(|| certificate.and_then(|hash| self.holder(&hash))),
            },
            now,
        );
    }

    /// The machine wanted a signature, or has seen this one: 403.
    pub(super) fn forbidden(&self, input: &Input, signature: Option<&Signature>, now: DateTime) {
        let refusal = match signature {
            Some(_) => Refusal::Replayed,
            None => Refusal::Unsigned,
        };
        self.say(
            Said {
                stage: Stage::Signature,
                code: refusal.code(),
                reason: refusal.to_string(),
                certificate: self.proved(),
                subject: self.proved().and_then(|hash| self.subject(&hash)),
                ven: self.ven_of(input),
            },
            now,
        );
    }

    /// Its message was answered with a refusal. What is wrong with the message is said elsewhere; here it
    /// counts if it is about who the peer is.
    pub(super) fn answered(
        &self,
        input: &Input,
        code: ResponseCode,
        description: &str,
        now: DateTime,
    ) {
        let proved = self.proved();
        if let Some(hash) = proved
            && self.holder(&hash).is_none()
        {
            let said = Said {
                stage: Stage::Certificate,
                code: "unknown",
                reason: format!("no VEN has this certificate: {}", how_to_enrol(&hash)),
                certificate: proved,
                subject: self.subject(&hash),
                ven: self.named(input),
            };
            self.say(said, now);
            return;
        }
        if self.jid().is_some() && self.of_account().is_none() {
            self.say(self.unknown_account(self.named(input)), now);
            return;
        }
        let code = match code.get() {
            452 => "452",
            463 => "463",
            _ => return,
        };
        let said = Said {
            stage: Stage::Request,
            code,
            reason: description.to_owned(),
            certificate: proved,
            subject: proved.and_then(|hash| self.subject(&hash)),
            ven: self.ven_of(input),
        };
        // The line is there already.
        self.keep(said, now);
    }

    /// Nobody knows its account, and only those that somebody knows may say anything (rule 515).
    pub(super) fn stranger(&self, now: DateTime) {
        self.say(self.unknown_account(None), now);
    }

    fn unknown_account(&self, ven: Option<Text>) -> Said {
        let account = self.jid().map(ToString::to_string).unwrap_or_default();
        Said {
            stage: Stage::Account,
            code: "unknown",
            reason: format!(
                "no VEN has this JID: if it is one of yours, `oadr vens enrol NAME --jid {}`",
                cut(&account)
            ),
            certificate: None,
            subject: None,
            ven,
        }
    }

    /// TLS failed (rule 517).
    pub(super) fn handshake(&self, error: &HandshakeError, now: DateTime) {
        let shown = if let HandshakeError::Certificate { certificate, .. } = error {
            Certificate::from_der(certificate).ok()
        } else {
            None
        };
        self.say(
            Said {
                stage: Stage::Tls,
                code: code_of(error),
                reason: error.to_string(),
                certificate: shown.as_ref().map(Certificate::hash),
                subject: shown.as_ref().map(|shown| cut(shown.subject()).to_owned()),
                ven: shown.and_then(|shown| self.holder(&shown.hash())),
            },
            now,
        );
    }

    /// A proxy that ends its TLS showed nobody who may send this (rules 516 and 517).
    pub(super) fn proxied(&self, error: &ProxiedError, now: DateTime) {
        let (code, certificate, subject) = match error {
            ProxiedError::Missing { .. } => ("no_certificate", None, None),
            ProxiedError::Refused {
                certificate,
                subject,
                ..
            } => ("certificate", Some(*certificate), Some(subject)),
            ProxiedError::Several { .. }
            | ProxiedError::Unreadable { .. }
            | ProxiedError::NotACertificate
            | _ => ("proxy", None, None),
        };
        let said = Said {
            stage: Stage::Tls,
            code,
            reason: error.to_string(),
            certificate,
            subject: subject.map(|subject| cut(&subject.to_string()).to_owned()),
            ven: certificate.and_then(|hash| self.holder(&hash)),
        };
        self.say_that("refused behind a proxy", said, now);
    }

    /// It is there, with this certificate: said if that ends soon, once for each.
    pub(super) fn connected(&self, certificate: &CertificateDer<'_>, now: DateTime) {
        let Some(hash) = self.proved() else {
            return;
        };
        let Some(certificate) = self.host.trust.peers.see(&hash, certificate, now) else {
            return;
        };
        let until = certificate.not_after();
        if ends_soon(&certificate, now) && self.may_log(Subject::Happening) {
            let ven = self.holder(&hash);
            let ven = ven.as_ref().map_or("", |ven| cut(ven.as_str()));
            tracing::warn!(
                ven,
                subject = cut(certificate.subject()),
                %until,
                "the certificate of a VEN expires soon"
            );
        }
    }

    fn say(&self, said: Said, now: DateTime) {
        let what = match said.stage {
            Stage::Tls => "no TLS connection",
            Stage::Certificate => "an unknown certificate",
            Stage::Account => "an unknown XMPP account",
            Stage::Signature => "a signature was refused",
            Stage::Request => "a request was refused",
        };
        self.say_that(what, said, now);
    }

    fn say_that(&self, what: &str, said: Said, now: DateTime) {
        let subject = match said.stage {
            Stage::Tls => Subject::Connection,
            Stage::Certificate | Stage::Account | Stage::Signature | Stage::Request => {
                Subject::Peer
            }
        };
        if self.may_log(subject) {
            let certificate = said.certificate.map(|hash| hash.to_string());
            tracing::info!(
                address = self.address.map(display),
                jid = jid_of(self.peer),
                code = said.code,
                certificate = certificate.as_deref(),
                subject = said.subject.as_deref(),
                ven = said.ven.as_ref().map(|ven| cut(ven.as_str())),
                "{what}: {}",
                cut_reason(&said.reason)
            );
        }
        self.keep(said, now);
    }

    fn keep(&self, said: Said, now: DateTime) {
        self.host.trust.refusals.add(Refused {
            at: now,
            address: self.address,
            stage: said.stage,
            code: said.code,
            reason: cut_reason(&said.reason).to_owned(),
            certificate: said.certificate,
            subject: said.subject,
            jid: self.jid().cloned(),
            ven: said.ven,
            times: 1,
        });
    }

    fn may_log(&self, subject: Subject) -> bool {
        self.host.ration.admits(subject, Instant::now())
    }

    fn proved(&self) -> Option<CertificateHash> {
        match self.peer {
            Peer::Certificate(hash) => Some(*hash),
            Peer::Unproven | _ => None,
        }
    }

    fn jid(&self) -> Option<&BareJid> {
        match self.peer {
            Peer::Jid(jid) => Some(jid.account()),
            Peer::Unproven | Peer::Certificate(_) | _ => None,
        }
    }

    /// The VEN that has its account.
    fn of_account(&self) -> Option<Text> {
        self.at(&[Claim::Jid(self.jid()?.clone())])
    }

    fn subject(&self, hash: &CertificateHash) -> Option<String> {
        let certificate = self.host.trust.peers.get(hash)?;
        Some(cut(certificate.subject()).to_owned())
    }

    /// The VEN that has this certificate.
    fn holder(&self, hash: &CertificateHash) -> Option<Text> {
        self.at(&[
            Claim::Certificate(*hash),
            Claim::Fingerprint(hash.fingerprint()),
        ])
    }

    /// The VEN that a message is from, or the one that it says it is from.
    fn ven_of(&self, input: &Input) -> Option<Text> {
        self.at(&claims_of(input)).or_else(|| self.named(input))
    }

    fn at(&self, claims: &[Claim]) -> Option<Text> {
        let ven = self.host.registry.find(claims)?.current()?;
        let member = ven.state.member();
        let id = || member.ven_id.and_then(|id| Text::new(id.as_str()).ok());
        member.ven_name.or_else(id)
    }

    /// The name that a message gives its sender.
    fn named(&self, input: &Input) -> Option<Text> {
        let Input::Message { message, .. } = input else {
            return None;
        };
        let name = if let Message::CreatePartyRegistration(create) = message {
            create.ven_name.as_ref()?.as_str()
        } else if let Message::Poll(poll) = message {
            poll.ven_id.as_str()
        } else {
            return None;
        };
        Text::new(cut(name)).ok()
    }
}

/// What an operator says to make it known.
fn how_to_enrol(hash: &CertificateHash) -> String {
    format!(
        "if it is one of yours, `oadr vens enrol NAME --fingerprint {}`",
        hash.fingerprint()
    )
}

/// The beginning of a reason, which may quote the peer.
fn cut_reason(reason: &str) -> &str {
    reason
        .get(..reason.floor_char_boundary(400))
        .unwrap_or_default()
}

fn code_of(error: &HandshakeError) -> &'static str {
    match error {
        HandshakeError::NoCertificate => "no_certificate",
        HandshakeError::Certificate { .. } => "certificate",
        HandshakeError::Refused { .. } => "refused",
        HandshakeError::Version => "version",
        HandshakeError::Suite => "suite",
        HandshakeError::PlainHttp => "plain_http",
        HandshakeError::NotTls => "not_tls",
        HandshakeError::TimedOut => "timed_out",
        HandshakeError::Closed => "closed",
        HandshakeError::Io(_) => "io",
        HandshakeError::Host { .. } | HandshakeError::NotSetUp | HandshakeError::Rustls(_) | _ => {
            "other"
        }
    }
}
