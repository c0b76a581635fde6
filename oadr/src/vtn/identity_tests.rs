//! VENs with certificates before the whole VTN but its transport, which would prove them.

use std::sync::{Arc, Mutex};

use oadr_core::payload::{CreatePartyRegistration, Message, Poll, ResponseCode};
use oadr_core::value::{DateTime, ProfileName, RequestId, Text, TransportName, VenId};
use oadr_core::vtn::{Admission, Assignment, Command, Input, JidChange, Reply, SignatureChange};
use oadr_core::{
    CertificateHash, CertificateId, NonceHash, Peer, Profile, Signature, SignaturePolicy,
};

use super::{Config, Directory, HandlerError, Host, Listed, RegistrationAnswer, Running, Vtn};
use crate::clock;
use crate::store::Audit;
use crate::temp_dir::TempDir;

const FIRST: CertificateHash = CertificateHash([1; 32]);
const SECOND: CertificateHash = CertificateHash([2; 32]);

fn vtn(folder: &TempDir, admission: Admission) -> Vtn {
    Vtn::from_config(Config {
        listen: ([127, 0, 0, 1], 0).into(),
        api: ([127, 0, 0, 1], 0).into(),
        data: folder.path().to_owned(),
        admission,
        ..Config::default()
    })
}

async fn start(folder: &TempDir) -> Running {
    vtn(folder, Admission::Enrolled).start().await.unwrap()
}

fn create() -> Message {
    let create = CreatePartyRegistration {
        request_id: RequestId::new("r1").unwrap(),
        registration_id: None,
        ven_id: None,
        profile_name: ProfileName::B,
        transport_name: TransportName::SimpleHttp,
        transport_address: None,
        report_only: false,
        xml_signature: true,
        ven_name: Text::new("house").ok(),
        http_pull_model: Some(true),
    };
    create.into()
}

fn signed(certificate: CertificateHash, nonce: u8, at: DateTime) -> Option<Signature> {
    Some(Signature {
        signer: certificate,
        timestamp: at,
        nonce: NonceHash([nonce; 16]),
    })
}

fn input(certificate: CertificateHash, message: Message, signature: Option<Signature>) -> Input {
    Input::Message {
        peer: Peer::Certificate(certificate),
        profile: Profile::B,
        message,
        signature,
    }
}

async fn send(vtn: &Running, certificate: CertificateHash, message: Message) -> Message {
    let input = input(certificate, message, None);
    match vtn.host.answer(&input).await.unwrap() {
        Reply::Message(message) => *message,
        other @ (Reply::Empty | Reply::Push(_) | Reply::Forbidden) => panic!("{other:?}"),
    }
}

async fn code(vtn: &Running, certificate: CertificateHash, message: Message) -> ResponseCode {
    let reply = send(vtn, certificate, message).await;
    reply
        .ei_response()
        .map_or(ResponseCode::OK, |r| r.response_code)
}

fn audit() -> Audit {
    Audit {
        at: clock::now(),
        who: "test".to_owned(),
        what: "test",
        subject: "house".to_owned(),
        detail: None,
    }
}

fn enrol(
    name: &str,
    certificates: &[CertificateId],
    signatures: Option<SignaturePolicy>,
) -> Command {
    Command::Enrol {
        ven_name: Text::new(name).unwrap(),
        ven_id: VenId::new(format!("id-of-{name}")).ok(),
        groups: Vec::new(),
        resources: Vec::new(),
        certificates: certificates.to_vec(),
        signatures,
        jid: None,
    }
}

async fn change(host: &Host, certificates: Assignment<CertificateId>) {
    let [slot] = &host.registry.named("house")[..] else {
        panic!("one VEN has the name");
    };
    let command = Command::Assign {
        groups: Assignment::default(),
        resources: Assignment::default(),
        certificates,
        signatures: SignatureChange::Keep,
        jid: JidChange::Keep,
    };
    let slot = Some(Arc::clone(slot));
    host.command(slot, &command, audit()).await.unwrap();
}

fn poll() -> Message {
    let ven_id = VenId::new("id-of-house").unwrap();
    Poll { ven_id }.into()
}

#[tokio::test]
async fn rule_517_a_ven_told_by_its_fingerprint_registers_rotates_and_is_revoked() {
    let folder = TempDir::new("identity").unwrap();
    let vtn = start(&folder).await;
    let told = CertificateId::Fingerprint(FIRST.fingerprint());
    let enrol = enrol("house", &[told], None);
    vtn.host.command(None, &enrol, audit()).await.unwrap();
    assert_eq!(
        code(&vtn, SECOND, create()).await,
        ResponseCode::NOT_REGISTERED
    );
    assert_eq!(code(&vtn, FIRST, create()).await, ResponseCode::OK);
    let second = CertificateId::Hash(SECOND);
    let add = Assignment::Change {
        add: vec![second],
        remove: Vec::new(),
    };
    change(&vtn.host, add).await;
    for certificate in [FIRST, SECOND] {
        assert_eq!(code(&vtn, certificate, poll()).await, ResponseCode::OK);
    }
    vtn.stop().await;
    let vtn = start(&folder).await;
    assert_eq!(code(&vtn, SECOND, poll()).await, ResponseCode::OK);
    change(&vtn.host, Assignment::Exactly(vec![second])).await;
    assert_eq!(
        code(&vtn, FIRST, poll()).await,
        ResponseCode::NOT_REGISTERED
    );
    assert_eq!(code(&vtn, SECOND, poll()).await, ResponseCode::OK);
    vtn.stop().await;
}

#[tokio::test]
async fn rule_514_a_message_that_changed_something_is_not_taken_twice_after_a_restart() {
    let folder = TempDir::new("identity").unwrap();
    let vtn = start(&folder).await;
    let ids = [CertificateId::Hash(FIRST)];
    let enrol = enrol("house", &ids, Some(SignaturePolicy::Required));
    vtn.host.command(None, &enrol, audit()).await.unwrap();
    let unsigned = input(FIRST, create(), None);
    let reply = vtn.host.answer(&unsigned).await.unwrap();
    // The VTN's own setting is off; what is said of the VEN counts.
    assert_eq!(reply, Reply::Forbidden);
    let register = input(FIRST, create(), signed(FIRST, 1, clock::now()));
    let reply = vtn.host.answer(&register).await.unwrap();
    assert!(matches!(reply, Reply::Message(_)), "{reply:?}");
    let [slot] = &vtn.host.registry.named("house")[..] else {
        panic!("one VEN has the name");
    };
    let before = slot.current().unwrap();
    vtn.stop().await;

    let vtn = start(&folder).await;
    assert_eq!(vtn.host.answer(&register).await.unwrap(), Reply::Forbidden);
    let [slot] = &vtn.host.registry.named("house")[..] else {
        panic!("one VEN has the name");
    };
    assert_eq!(slot.current().unwrap(), before);
    vtn.stop().await;
}

/// A directory with one VEN, and how often it was asked.
#[derive(Debug, Clone)]
struct Book(Arc<Mutex<(Listed, u32)>>);

impl Directory for Book {
    async fn ven_lookup(&self, _: &str) -> Result<Option<Listed>, HandlerError> {
        Ok(None)
    }

    async fn fingerprint_lookup(
        &self,
        certificate: CertificateHash,
    ) -> Result<Option<Listed>, HandlerError> {
        let mut page = self.0.lock().unwrap();
        page.1 += 1;
        let (listed, _) = &*page;
        let is_its = listed.certificates.iter().any(|id| id.names(&certificate));
        Ok(is_its.then(|| listed.clone()))
    }
}

#[tokio::test]
async fn a_certificate_that_is_new_in_the_directory_works_at_once() {
    let folder = TempDir::new("identity").unwrap();
    let mut listed = Listed::new(VenId::new("id-of-house").unwrap());
    listed.certificates = vec![CertificateId::Fingerprint(FIRST.fingerprint())];
    let book = Book(Arc::new(Mutex::new((listed, 0))));
    let vtn = vtn(&folder, Admission::Enrolled).directory(book.clone());
    let vtn = vtn.start().await.unwrap();
    assert_eq!(code(&vtn, FIRST, create()).await, ResponseCode::OK);
    assert_eq!(
        code(&vtn, SECOND, poll()).await,
        ResponseCode::NOT_REGISTERED
    );
    let second = CertificateId::Hash(SECOND);
    book.0.lock().unwrap().0.certificates.push(second);
    for certificate in [SECOND, FIRST] {
        assert_eq!(code(&vtn, certificate, poll()).await, ResponseCode::OK);
    }
    // It may register with the new one, too, and is the same VEN.
    assert_eq!(code(&vtn, SECOND, create()).await, ResponseCode::OK);
    assert_eq!(vtn.host.registry.all().len(), 1);
    // From now on nothing unsigned has an effect, and nobody is asked about it.
    book.0.lock().unwrap().0.signatures = Some(SignaturePolicy::Required);
    let mut asked = Vec::new();
    for _ in 0..2 {
        let reply = vtn.host.answer(&input(FIRST, create(), None)).await;
        assert_eq!(reply.unwrap(), Reply::Forbidden);
        asked.push(book.0.lock().unwrap().1);
    }
    assert_eq!(asked[0], asked[1]);
    vtn.stop().await;
}

#[tokio::test]
async fn the_application_compares_what_it_was_told() {
    let folder = TempDir::new("identity").unwrap();
    let vtn = vtn(&folder, Admission::Ask).on_create_party_registration(async |info| {
        let told = "01:01:01:01:01:01:01:01:01:01".parse().ok();
        Ok(
            if info.certificate() == Some(FIRST) && info.fingerprint() == told {
                RegistrationAnswer::accept()
            } else {
                RegistrationAnswer::Refuse
            },
        )
    });
    let vtn = vtn.start().await.unwrap();
    assert_eq!(
        code(&vtn, SECOND, create()).await,
        ResponseCode::NOT_REGISTERED
    );
    assert_eq!(code(&vtn, FIRST, create()).await, ResponseCode::OK);
    vtn.stop().await;
}
