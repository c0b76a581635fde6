//! Signs what a VEN sends, and says which of its VTN's replies count (rule 514).
//!
//! Knows nothing of what the messages mean, nor of when one is sent again.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use hyper::body::Bytes;
use oadr_core::codec::encode;
use oadr_core::payload::{Message, MessageKind};
use oadr_core::value::DateTime;
use oadr_core::{CertificateId, Fingerprint, Peer, SignaturePolicy};
use oadr_http::tls::{CertificateDer, Roots, UnixTime, VerifyError};
use oadr_http::{Seal, SealError, Unsealed};
use oadr_sign::{
    Carried, Certificate, CertificateError, Policy, Refusal, ReplayGuard, SignError,
    SignedDocument, SigningKey, is_signed, sign,
};

use crate::{clock, entropy};

/// Signs requests with the VEN's key, and reads of replies what the VTN signed.
pub(super) struct Signatures {
    policy: SignaturePolicy,
    verifying: Policy,
    /// Whose signatures count, if no others do.
    pinned: Vec<CertificateId>,
    /// The name that must be in the VTN's certificate; `None` for any.
    name: Option<VtnName>,
    means: RwLock<Means>,
    seen: Mutex<ReplayGuard>,
    /// The signer of the last reply: it signs the next one too, and its key is ready.
    signer: Mutex<Option<Arc<Certificate>>>,
}

/// The name that a VTN's certificate has to bear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum VtnName {
    /// The host of its URL.
    Host(String),
    /// Over XMPP: the name of its account as the common name (rule 515), or the account's domain.
    Account,
}

/// What is replaced when files change.
#[derive(Debug)]
pub(super) struct Means {
    /// What requests are signed with; without it they are not.
    pub(super) key: Option<Arc<SigningKey>>,
    /// Who may issue the VTN's certificates.
    pub(super) roots: Roots,
}

/// Why a reply does not count.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotUnsealed {
    #[error("the VTN's reply does not count: {0}")]
    Signature(#[from] Refusal),
    #[error("the VTN's reply does not count: the signer's certificate is {0}")]
    NotACertificate(#[from] CertificateError),
    #[error(
        "the VTN's reply does not count: it is signed with {subject} ({fingerprint}), which is not the certificate named with --vtn-certificate"
    )]
    NotPinned {
        subject: String,
        fingerprint: Fingerprint,
    },
    #[error(
        "the VTN's reply does not count: it is signed with {subject} ({fingerprint}), which is neither the certificate that the VTN shows nor one of its CA: {source}"
    )]
    Stranger {
        subject: String,
        fingerprint: Fingerprint,
        source: VerifyError,
    },
}

/// Why a request is not signed.
#[derive(Debug, thiserror::Error)]
enum Unsigned {
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("no randomness: {0}")]
    Entropy(#[from] io::Error),
}

impl Signatures {
    /// With this policy and this window around now. Nothing counts that was signed before `start`.
    pub(super) fn new(
        policy: SignaturePolicy,
        window: chrono::TimeDelta,
        start: DateTime,
        pinned: Vec<CertificateId>,
        name: Option<VtnName>,
        means: Means,
    ) -> Self {
        let verifying = Policy {
            window,
            not_before: Some(start),
            ..Policy::default()
        };
        Self {
            policy,
            verifying,
            pinned,
            name,
            means: RwLock::new(means),
            seen: Mutex::new(ReplayGuard::new(window)),
            signer: Mutex::default(),
        }
    }

    /// From now on with these.
    pub(super) fn replace(&self, means: Means) {
        *self.means.write().unwrap_or_else(PoisonError::into_inner) = means;
    }

    fn seal_at(&self, message: &Message, now: DateTime) -> Result<Vec<u8>, Unsigned> {
        let key = {
            let means = self.means.read().unwrap_or_else(PoisonError::into_inner);
            means.key.clone()
        };
        match (self.policy, key) {
            (SignaturePolicy::Off, _) | (_, None) => Ok(encode(message)),
            (SignaturePolicy::Optional | SignaturePolicy::Required, Some(key)) => {
                let drawn = entropy::draw()?;
                let mut nonce = [0; 16];
                for (to, from) in nonce.iter_mut().zip(drawn) {
                    *to = from;
                }
                Ok(sign(message, &key, now, nonce)?)
            }
        }
    }

    fn unseal_at(
        &self,
        server: &Peer,
        document: Bytes,
        now: DateTime,
    ) -> Result<Unsealed, NotUnsealed> {
        match self.policy {
            SignaturePolicy::Off => return Ok(Unsealed::unsigned(document)),
            SignaturePolicy::Optional if !is_signed(&document) => {
                return Ok(Unsealed::unsigned(document));
            }
            SignaturePolicy::Required if !is_signed(&document) => {
                return Err(Refusal::Unsigned.into());
            }
            SignaturePolicy::Optional | SignaturePolicy::Required => {}
        }
        let signed = match SignedDocument::parse(&document) {
            // A text in it looks like a signature, and there is none.
            Err(Refusal::Unsigned) if self.policy == SignaturePolicy::Optional => {
                return Ok(Unsealed::unsigned(document));
            }
            parsed => parsed?,
        };
        let signer = self.signer(server, &signed, now)?;
        // Servers of XMPP write what they pass on anew.
        let carried = match server {
            Peer::Jid(_) => Carried::Rewritten,
            Peer::Certificate(_) | Peer::Unproven | _ => Carried::AsSent,
        };
        let verified = signed.verify_carried(carried, &signer, &self.verifying, now)?;
        lock(&self.seen).admit(&verified.signature, now)?;
        *lock(&self.signer) = Some(signer);
        Ok(Unsealed {
            octets: verified.octets.into(),
            signature: Some(verified.signature),
        })
    }

    /// The certificate that came with a signature, if it is one of the VTN's: one that was named, or else
    /// the one of the connection or another of the same CA for the same host, as a VTN has keys of
    /// several kinds and shows one of them.
    fn signer(
        &self,
        server: &Peer,
        signed: &SignedDocument<'_>,
        now: DateTime,
    ) -> Result<Arc<Certificate>, NotUnsealed> {
        let claimed = signed.claimed_signer();
        let known = lock(&self.signer).clone();
        let certificate = match known.filter(|known| known.hash() == claimed) {
            Some(known) => known,
            None => Arc::new(Certificate::from_der(signed.certificate())?),
        };
        if !self.pinned.is_empty() {
            if self.pinned.iter().any(|pinned| pinned.names(&claimed)) {
                return Ok(certificate);
            }
            return Err(NotUnsealed::NotPinned {
                subject: certificate.subject().to_owned(),
                fingerprint: claimed.fingerprint(),
            });
        }
        if *server == Peer::Certificate(claimed) {
            return Ok(certificate);
        }
        let means = self.means.read().unwrap_or_else(PoisonError::into_inner);
        let leaf = CertificateDer::from(certificate.der());
        let host = match (&self.name, server) {
            (None, _) => None,
            (Some(VtnName::Host(host)), _) => Some(host.as_str()),
            (Some(VtnName::Account), Peer::Jid(jid)) => {
                let account = jid.account();
                let is_its_name = |name: &str| name.to_lowercase() == account.local();
                let is_named = certificate.common_name().is_some_and(is_its_name);
                (!is_named).then_some(account.domain())
            }
            // Nobody speaks otherwise over XMPP.
            (Some(VtnName::Account), Peer::Certificate(_) | Peer::Unproven | _) => Some(""),
        };
        match means.roots.verify_server(&leaf, &[], host, unix_time(now)) {
            Ok(()) => Ok(certificate),
            Err(source) => Err(NotUnsealed::Stranger {
                subject: certificate.subject().to_owned(),
                fingerprint: claimed.fingerprint(),
                source,
            }),
        }
    }
}

impl Seal for Signatures {
    fn seal(&self, message: &Message) -> Result<Vec<u8>, SealError> {
        self.seal_at(message, clock::now()).map_err(SealError::new)
    }

    fn unseal(&self, server: &Peer, document: Bytes) -> Result<Unsealed, SealError> {
        self.unseal_at(server, document, clock::now())
            .map_err(SealError::new)
    }
}

impl fmt::Debug for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signatures")
            .field("policy", &self.policy)
            .field("verifying", &self.verifying)
            .finish_non_exhaustive()
    }
}

/// Whether an empty reply to this message may count where signatures are required, although nobody can
/// sign it: it says no more than that the message arrived, and nothing is asked in it.
pub(super) fn may_be_answered_by_nothing(kind: MessageKind) -> bool {
    match kind {
        MessageKind::Response
        | MessageKind::RegisteredReport
        | MessageKind::CreatedReport
        | MessageKind::UpdatedReport
        | MessageKind::CanceledReport
        | MessageKind::CanceledPartyRegistration => true,
        MessageKind::Poll
        | MessageKind::RequestEvent
        | MessageKind::DistributeEvent
        | MessageKind::CreatedEvent
        | MessageKind::QueryRegistration
        | MessageKind::CreatePartyRegistration
        | MessageKind::CreatedPartyRegistration
        | MessageKind::CancelPartyRegistration
        | MessageKind::RequestReregistration
        | MessageKind::RegisterReport
        | MessageKind::CreateReport
        | MessageKind::UpdateReport
        | MessageKind::CancelReport
        | MessageKind::CreateOpt
        | MessageKind::CreatedOpt
        | MessageKind::CancelOpt
        | MessageKind::CanceledOpt => false,
    }
}

fn unix_time(at: DateTime) -> UnixTime {
    let seconds = u64::try_from(at.timestamp()).unwrap_or_default();
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use oadr_core::codec::{DecodeOptions, decode};
    use oadr_core::payload::{EiResponse, Poll, Response, ResponseCode};
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    };
    use rustls_pki_types::PrivateKeyDer;

    use super::*;

    const HOST: &str = "vtn.example.com";

    struct Authority {
        root: CertificateDer<'static>,
        issuer: Issuer<'static, KeyPair>,
    }

    impl Authority {
        fn new(name: &str) -> Self {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(DnType::CommonName, name);
            let root = params.self_signed(&key).unwrap().der().clone();
            Self {
                root,
                issuer: Issuer::new(params, key),
            }
        }

        fn key(&self, host: &str, usage: ExtendedKeyUsagePurpose) -> Arc<SigningKey> {
            self.named("somebody", host, usage)
        }

        fn named(&self, name: &str, host: &str, usage: ExtendedKeyUsagePurpose) -> Arc<SigningKey> {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params.extended_key_usages = vec![usage];
            let certificate = params.signed_by(&key, &self.issuer).unwrap();
            let certificate = Certificate::from_der(certificate.der()).unwrap();
            let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            Arc::new(SigningKey::new(&key, certificate).unwrap())
        }

        fn vtn(&self) -> Arc<SigningKey> {
            self.key(HOST, ExtendedKeyUsagePurpose::ServerAuth)
        }

        fn ven(&self) -> Arc<SigningKey> {
            self.key("house", ExtendedKeyUsagePurpose::ClientAuth)
        }

        fn means(&self) -> Means {
            Means {
                key: Some(self.ven()),
                roots: Roots::new(vec![self.root.clone()]).unwrap(),
            }
        }

        fn signatures(&self, policy: SignaturePolicy, pinned: &[&SigningKey]) -> Signatures {
            let pinned = pinned
                .iter()
                .map(|key| CertificateId::Fingerprint(key.certificate().fingerprint()));
            Signatures::new(
                policy,
                TimeDelta::seconds(60),
                noon(),
                pinned.collect(),
                Some(VtnName::Host(HOST.to_owned())),
                self.means(),
            )
        }
    }

    fn noon() -> DateTime {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn later(seconds: i64) -> DateTime {
        noon() + TimeDelta::seconds(seconds)
    }

    fn reply() -> Message {
        let ei_response = EiResponse {
            response_code: ResponseCode::OK,
            response_description: None,
            request_id: "req-1".parse().unwrap(),
        };
        let ven_id = "ven-1".parse().ok();
        Message::Response(Response {
            ei_response,
            ven_id,
        })
    }

    fn signed(key: &SigningKey, at: DateTime, nonce: u8) -> Bytes {
        sign(&reply(), key, at, [nonce; 16]).unwrap().into()
    }

    fn shown(key: &SigningKey) -> Peer {
        Peer::Certificate(key.certificate().hash())
    }

    fn read(octets: &[u8]) -> Message {
        decode(octets, &DecodeOptions::default()).unwrap().message
    }

    fn refusal(outcome: Result<Unsealed, NotUnsealed>) -> Refusal {
        match outcome {
            Err(NotUnsealed::Signature(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn requests_are_signed_each_time_anew_and_not_where_signatures_are_off() {
        let authority = Authority::new("CA");
        let message = Message::Poll(Poll {
            ven_id: "ven-1".parse().unwrap(),
        });
        for policy in [SignaturePolicy::Optional, SignaturePolicy::Required] {
            let signatures = authority.signatures(policy, &[]);
            let sealed = [(); 2].map(|()| signatures.seal_at(&message, later(1)).unwrap());
            assert_ne!(sealed[0], sealed[1]);
            let means = signatures.means.read().unwrap();
            let own = means.key.as_ref().unwrap().certificate();
            for document in &sealed {
                let document = SignedDocument::parse(document).unwrap();
                let verified = document.verify(own, &Policy::default(), later(1)).unwrap();
                assert_eq!(verified.signature.timestamp, later(1));
                assert_eq!(read(&verified.octets), message);
            }
        }
        let off = authority.signatures(SignaturePolicy::Off, &[]);
        assert_eq!(off.seal_at(&message, noon()).unwrap(), encode(&message));
    }

    #[test]
    fn rules_507_514_what_a_server_of_xmpp_wrote_anew_counts_and_only_from_there() {
        let authority = Authority::new("CA");
        let vtn = authority.vtn();
        let mut signatures = authority.signatures(SignaturePolicy::Required, &[]);
        let document = signed(&vtn, noon(), 1);
        let document = str::from_utf8(&document).unwrap();
        let rewritten = document.replace("oadr:", "ns1:").replace(":oadr=", ":ns1=");
        assert_ne!(rewritten, document);
        let rewritten = Bytes::from(rewritten);
        let over_http = signatures.unseal_at(&shown(&vtn), rewritten.clone(), noon());
        assert_eq!(refusal(over_http), Refusal::Value);

        signatures.name = Some(VtnName::Account);
        let account = Peer::Jid(format!("vtn@{HOST}/EiEvent").parse().unwrap());
        let tampered = str::from_utf8(&rewritten)
            .unwrap()
            .replace("req-1", "req-2");
        let tampered = signatures.unseal_at(&account, tampered.into(), noon());
        assert!(matches!(refusal(tampered), Refusal::Digest(_)));
        let unsealed = signatures.unseal_at(&account, rewritten.clone(), noon());
        assert_eq!(read(&unsealed.unwrap().octets), reply());
        let again = signatures.unseal_at(&account, rewritten, noon());
        assert_eq!(refusal(again), Refusal::Replayed);
    }

    #[test]
    fn rule_515_over_xmpp_a_signer_bears_the_name_of_the_account() {
        let authority = Authority::new("CA");
        let mut signatures = authority.signatures(SignaturePolicy::Required, &[]);
        signatures.name = Some(VtnName::Account);
        let usage = ExtendedKeyUsagePurpose::ServerAuth;
        let account = Peer::Jid("vtn@xmpp.example.com/oadr".parse().unwrap());
        for (nonce, name, host, counts) in [
            (1, "VTN", "vtn.example.com", true),
            (2, "somebody", "xmpp.example.com", true),
            // Another VEN of the same CA, whose certificate is for servers, too.
            (3, "house", "house", false),
        ] {
            let signer = authority.named(name, host, usage.clone());
            let unsealed = signatures.unseal_at(&account, signed(&signer, noon(), nonce), noon());
            assert_eq!(unsealed.is_ok(), counts, "{name}: {unsealed:?}");
        }
    }

    #[test]
    fn rule_514_an_unsigned_reply_counts_where_signatures_are_not_required() {
        let authority = Authority::new("CA");
        let unsigned = Bytes::from(encode(&reply()));
        let vtn = shown(&authority.vtn());
        let mut said = reply();
        if let Message::Response(response) = &mut said {
            let text = "<ds:Signature >".parse().ok();
            response.ei_response.response_description = text;
        }
        // In the document that is a text.
        let similar = Bytes::from(encode(&said));
        for policy in [SignaturePolicy::Off, SignaturePolicy::Optional] {
            let signatures = authority.signatures(policy, &[]);
            for unsigned in [&unsigned, &similar] {
                let read = signatures.unseal_at(&vtn, unsigned.clone(), noon());
                assert_eq!(read.unwrap().octets, *unsigned);
            }
        }
        let required = authority.signatures(SignaturePolicy::Required, &[]);
        let refused = refusal(required.unseal_at(&vtn, unsigned, noon()));
        assert_eq!(refused, Refusal::Unsigned);
    }

    #[test]
    fn a_reply_counts_that_the_certificate_of_the_connection_signed() {
        let authority = Authority::new("CA");
        // Whoever issued it: TLS has seen to that.
        for vtn in [authority.vtn(), Authority::new("Another CA").vtn()] {
            for policy in [SignaturePolicy::Optional, SignaturePolicy::Required] {
                let signatures = authority.signatures(policy, &[]);
                for nonce in 0..3 {
                    let document = signed(&vtn, noon(), nonce);
                    let octets = signatures.unseal_at(&shown(&vtn), document, noon());
                    assert_eq!(read(&octets.unwrap().octets), reply());
                }
            }
        }
    }

    #[test]
    fn a_vtn_may_sign_with_another_certificate_of_its_own_and_nobody_else_may() {
        let authority = Authority::new("CA");
        let vtn = authority.vtn();
        let server = ExtendedKeyUsagePurpose::ServerAuth;
        for policy in [SignaturePolicy::Optional, SignaturePolicy::Required] {
            let signatures = authority.signatures(policy, &[]);
            let other = signed(&authority.vtn(), noon(), 1);
            for peer in [shown(&vtn), Peer::Unproven] {
                let signatures = authority.signatures(policy, &[]);
                let octets = signatures.unseal_at(&peer, other.clone(), noon());
                assert_eq!(read(&octets.unwrap().octets), reply());
            }
            for stranger in [
                authority.key("other.example.com", server.clone()),
                authority.key(HOST, ExtendedKeyUsagePurpose::ClientAuth),
                Authority::new("Another CA").vtn(),
            ] {
                let document = signed(&stranger, noon(), 2);
                let refused = signatures.unseal_at(&shown(&vtn), document, noon());
                assert!(
                    matches!(refused, Err(NotUnsealed::Stranger { .. })),
                    "{refused:?}"
                );
                let text = refused.unwrap_err().to_string();
                let fingerprint = stranger.certificate().fingerprint().to_string();
                assert!(text.contains(&fingerprint), "{text}");
            }
        }
    }

    #[test]
    fn where_certificates_are_named_no_others_count() {
        let authority = Authority::new("CA");
        let (vtn, other) = (authority.vtn(), authority.vtn());
        let signatures = authority.signatures(SignaturePolicy::Optional, &[&vtn]);
        let refused = signatures.unseal_at(&shown(&other), signed(&other, noon(), 1), noon());
        assert!(
            matches!(refused, Err(NotUnsealed::NotPinned { .. })),
            "{refused:?}"
        );
        // Another one is on the connection: a proxy ends TLS.
        let octets = signatures.unseal_at(&shown(&other), signed(&vtn, noon(), 2), noon());
        assert_eq!(read(&octets.unwrap().octets), reply());
    }

    #[test]
    fn what_was_changed_does_not_count() {
        let authority = Authority::new("CA");
        let vtn = authority.vtn();
        for policy in [SignaturePolicy::Optional, SignaturePolicy::Required] {
            let signatures = authority.signatures(policy, &[]);
            let document = String::from_utf8(signed(&vtn, noon(), 1).into()).unwrap();
            let tampered = document.replace("req-1", "req-2");
            assert_ne!(tampered, document);
            refusal(signatures.unseal_at(&shown(&vtn), tampered.into(), noon()));
            // Nothing was learnt of it: as it should be, it counts.
            let octets = signatures.unseal_at(&shown(&vtn), document.into(), noon());
            assert_eq!(read(&octets.unwrap().octets), reply());
        }
    }

    #[test]
    fn what_was_seen_or_is_from_another_time_does_not_count() {
        let authority = Authority::new("CA");
        let vtn = authority.vtn();
        for policy in [SignaturePolicy::Optional, SignaturePolicy::Required] {
            let signatures = authority.signatures(policy, &[]);
            let unseal = |signed_at: i64, nonce: u8, now: i64| {
                let document = signed(&vtn, later(signed_at), nonce);
                signatures.unseal_at(&shown(&vtn), document, later(now))
            };
            unseal(100, 1, 100).unwrap();
            assert_eq!(refusal(unseal(100, 1, 101)), Refusal::Replayed);
            unseal(100, 2, 160).unwrap();
            let old = refusal(unseal(100, 3, 161));
            assert!(matches!(old, Refusal::TooOld { .. }), "{old:?}");
            unseal(160, 4, 100).unwrap();
            let new = refusal(unseal(161, 5, 100));
            assert!(matches!(new, Refusal::TooNew { .. }), "{new:?}");
            // A process that remembers nothing of it may have had this already.
            assert_eq!(refusal(unseal(-1, 6, 1)), Refusal::BeforeStart);
        }
    }

    #[test]
    fn a_new_ca_counts_from_then_on() {
        let (first, second) = (Authority::new("CA"), Authority::new("Another CA"));
        let signatures = first.signatures(SignaturePolicy::Required, &[]);
        let vtn = second.vtn();
        let refused = signatures.unseal_at(&Peer::Unproven, signed(&vtn, noon(), 1), noon());
        assert!(refused.is_err());
        signatures.replace(second.means());
        let octets = signatures.unseal_at(&Peer::Unproven, signed(&vtn, noon(), 2), noon());
        assert_eq!(read(&octets.unwrap().octets), reply());
    }

    #[test]
    fn an_empty_reply_counts_only_to_what_asks_nothing() {
        let counting: Vec<_> = MessageKind::ALL
            .iter()
            .filter(|kind| may_be_answered_by_nothing(**kind))
            .map(|kind| kind.name())
            .collect();
        assert_eq!(
            counting,
            [
                "oadrCanceledPartyRegistration",
                "oadrResponse",
                "oadrRegisteredReport",
                "oadrCreatedReport",
                "oadrUpdatedReport",
                "oadrCanceledReport",
            ]
        );
    }
}
