//! What is signed and what counts, over HTTP and over XMPP.

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
    let vtn = authority.named("vtn", HOST, ExtendedKeyUsagePurpose::ServerAuth);
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
        // The XMPP server's own.
        (2, "xmpp.example.com", "xmpp.example.com", false),
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
