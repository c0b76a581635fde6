//! Accounts before the whole VTN but for the XMPP server, which would say who they are.

use std::fs;
use std::sync::Arc;

use oadr_core::codec::Drifts;
use oadr_core::payload::{CreatePartyRegistration, Message, QueryRegistration, ResponseCode};
use oadr_core::value::{ProfileName, RequestId, Text, TransportName};
use oadr_core::vtn::{Admission, Command};
use oadr_core::{BareJid, CertificateId, Jid, Peer, Profile, SignaturePolicy};
use oadr_sign::{Certificate, SigningKey, sign};
use oadr_xmpp::{Handler as _, Notice, Refused};
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::PrivateKeyDer;

use super::XmppConfig;
use super::figures::Figures;
use super::handler::XmppHandler;
use crate::clock;
use crate::store::Audit;
use crate::temp_dir::TempDir;
use crate::vtn::reception::{Arrived, Outcome, Reception};
use crate::vtn::{Config, Running, Stage};

fn jid(text: &str) -> Jid {
    text.parse().unwrap()
}

struct Place {
    vtn: Running,
    handler: XmppHandler,
    reception: Reception,
    figures: Arc<Figures>,
    folder: TempDir,
}

impl Place {
    async fn new(admission: Admission) -> Self {
        Self::over(TempDir::new("xmpp").unwrap(), admission).await
    }

    /// The same VTN in another process.
    async fn again(self, admission: Admission) -> Self {
        let Self {
            vtn,
            handler,
            reception,
            folder,
            ..
        } = self;
        drop((handler, reception));
        vtn.stop().await;
        Self::over(folder, admission).await
    }

    async fn over(folder: TempDir, admission: Admission) -> Self {
        // Nobody listens there: what the server would say is said here.
        let password = folder.path().join("password");
        fs::write(&password, "sesame").unwrap();
        let xmpp = XmppConfig {
            server: Some(("127.0.0.1".to_owned(), 1)),
            password_file: Some(password),
            insecure_plain: true,
            ..XmppConfig::new(jid("vtn@xmpp.example/openadr"))
        };
        let config = Config {
            xmpp: Some(xmpp),
            listen: ([127, 0, 0, 1], 0).into(),
            api: ([127, 0, 0, 1], 0).into(),
            data: folder.path().join("data"),
            admission,
            ..Config::default()
        };
        let vtn = crate::vtn::start(config).await.unwrap();
        let figures = Arc::new(Figures::default());
        let account = "vtn@xmpp.example".parse().unwrap();
        let reception = Reception::new(Arc::clone(&vtn.host));
        Self {
            handler: XmppHandler::new(reception.clone(), account, Arc::clone(&figures)),
            reception,
            vtn,
            figures,
            folder,
        }
    }

    async fn enrol(&self, name: &str, jid: &str) {
        self.enrol_with(name, jid, None).await;
    }

    /// With a certificate that it has to sign with, if there is one.
    async fn enrol_with(&self, name: &str, jid: &str, certificate: Option<&Certificate>) {
        let required = certificate.map(|_| SignaturePolicy::Required);
        let certificate = certificate.map(|it| CertificateId::Fingerprint(it.fingerprint()));
        let command = Command::Enrol {
            ven_name: Text::new(name).unwrap(),
            ven_id: None,
            groups: Vec::new(),
            resources: Vec::new(),
            certificates: certificate.into_iter().collect(),
            signatures: required,
            jid: Some(jid.parse::<BareJid>().unwrap()),
        };
        let audit = Audit {
            at: clock::now(),
            who: "test".to_owned(),
            what: "test",
            subject: name.to_owned(),
            detail: None,
        };
        self.vtn.host.command(None, &command, audit).await.unwrap();
    }

    async fn send(&self, from: &str, message: Message) -> Message {
        let arrived = Arrived {
            peer: Peer::Jid(jid(from)),
            address: None,
            profile: Profile::B,
            message,
            signature: None,
            drifts: Drifts::default(),
        };
        match self.reception.receive(arrived).await {
            Outcome::Message(message) => *message,
            other @ (Outcome::Signed { .. }
            | Outcome::Empty
            | Outcome::Forbidden
            | Outcome::Unavailable { .. }
            | Outcome::Failed) => panic!("{other:?}"),
        }
    }

    fn refused(&self) -> Vec<(Stage, &'static str, Option<String>)> {
        let latest = self.vtn.host.trust.refusals.latest().into_iter();
        let told = latest.map(|it| (it.stage, it.code, it.jid.map(|jid| jid.to_string())));
        told.collect()
    }
}

fn create(address: Option<&str>) -> Message {
    let create = CreatePartyRegistration {
        request_id: RequestId::new("r1").unwrap(),
        registration_id: None,
        ven_id: None,
        profile_name: ProfileName::B,
        transport_name: TransportName::Xmpp,
        transport_address: address.and_then(|address| Text::new(address).ok()),
        report_only: false,
        xml_signature: false,
        ven_name: Text::new("house").ok(),
        http_pull_model: Some(false),
    };
    create.into()
}

fn code(message: &Message) -> ResponseCode {
    message
        .ei_response()
        .map_or(ResponseCode::OK, |response| response.response_code)
}

#[tokio::test]
async fn rule_515_only_accounts_that_a_ven_was_enrolled_with_are_heard() {
    let place = Place::new(Admission::Enrolled).await;
    place.enrol("house", "house@xmpp.example").await;
    place.enrol("plant", "plant@elsewhere.example").await;
    for (from, is_heard) in [
        ("house@xmpp.example/client", true),
        ("house@xmpp.example/other", true),
        ("plant@elsewhere.example/client", true),
        ("barn@xmpp.example/client", false),
        ("house@elsewhere.example/client", false),
        ("vtn@xmpp.example/other", false),
    ] {
        assert_eq!(place.handler.admits(&jid(from)), is_heard, "{from}");
    }
    place.vtn.stop().await;
}

#[tokio::test]
async fn where_anyone_may_register_that_is_anyone_of_our_own_domain() {
    let place = Place::new(Admission::Open).await;
    for (from, is_heard) in [
        ("barn@xmpp.example/client", true),
        ("barn@elsewhere.example/client", false),
        ("vtn@xmpp.example/other", false),
    ] {
        assert_eq!(place.handler.admits(&jid(from)), is_heard, "{from}");
    }
    place.vtn.stop().await;
}

#[tokio::test]
async fn a_ven_registers_with_its_account_and_is_shown_with_it() {
    let place = Place::new(Admission::Enrolled).await;
    place.enrol("house", "house@xmpp.example").await;
    let from = "house@xmpp.example/client";
    let reply = place.send(from, create(None)).await;
    let Message::CreatedPartyRegistration(created) = reply else {
        panic!("{reply:?}");
    };
    assert!(created.ven_id.is_some(), "{created:?}");
    let account = from.parse::<Jid>().unwrap().account().clone();
    let place = place.again(Admission::Enrolled).await;
    assert!(place.handler.admits(&jid(from)));
    let found = place.vtn.host.registry.named("house");
    let [slot] = &found[..] else {
        panic!("one VEN has the name");
    };
    let ven = slot.current().unwrap();
    assert_eq!(ven.state.jid(), Some(&account));
    let registration = ven.state.registration().unwrap();
    assert_eq!(registration.transport, TransportName::Xmpp);
    let address = registration.transport_address.as_ref();
    assert_eq!(address.map(|address| address.as_str()), Some(from));
    place.vtn.stop().await;
}

#[tokio::test]
async fn an_address_of_another_account_is_refused() {
    let place = Place::new(Admission::Enrolled).await;
    place.enrol("house", "house@xmpp.example").await;
    let other = create(Some("plant@xmpp.example/client"));
    let reply = place.send("house@xmpp.example/client", other).await;
    assert_eq!(code(&reply), ResponseCode::INVALID_DATA, "{reply:?}");
    place.vtn.stop().await;
}

#[tokio::test]
async fn who_is_refused_is_told_with_its_account() {
    let place = Place::new(Admission::Enrolled).await;
    let from = "barn@xmpp.example/client";
    let stranger = Refused::Stranger;
    place.handler.notice(Notice::Refused {
        from,
        why: &stranger,
    });
    let account = Some("barn@xmpp.example".to_owned());
    assert_eq!(place.refused(), [(Stage::Account, "unknown", account)]);
    let latest = place.vtn.host.trust.refusals.latest();
    let reason = latest.first().map(|refused| refused.reason.as_str());
    let advice = "oadr vens enrol NAME --jid barn@xmpp.example";
    assert!(reason.is_some_and(|reason| reason.contains(advice)));
    assert_eq!(place.figures.refusals().next(), Some(("stranger", 1)));
    place.vtn.stop().await;
}

#[tokio::test]
async fn rule_403_a_query_is_answered_with_what_is_set_up() {
    let place = Place::new(Admission::Enrolled).await;
    place.enrol("house", "house@xmpp.example").await;
    let query = QueryRegistration {
        request_id: RequestId::new("q1").unwrap(),
    };
    let reply = place.send("house@xmpp.example/client", query.into()).await;
    let Message::CreatedPartyRegistration(created) = reply else {
        panic!("{reply:?}");
    };
    let offered = created.profiles.first().transports.iter();
    let offered: Vec<_> = offered.map(|transport| transport.name).collect();
    assert_eq!(offered, [TransportName::SimpleHttp, TransportName::Xmpp]);
    place.vtn.stop().await;
}

fn key(name: &str) -> SigningKey {
    let pair = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.self_signed(&pair).unwrap();
    let certificate = Certificate::from_der(certificate.der()).unwrap();
    let der = PrivateKeyDer::try_from(pair.serialize_der()).unwrap();
    SigningKey::new(&der, certificate).unwrap()
}

#[tokio::test]
async fn rule_514_what_an_account_says_is_signed_with_a_certificate_of_its_ven() {
    let place = Place::new(Admission::Enrolled).await;
    let (house, plant) = (key("house"), key("plant"));
    for (name, key) in [("house", &house), ("plant", &plant)] {
        let account = format!("{name}@xmpp.example");
        place
            .enrol_with(name, &account, Some(key.certificate()))
            .await;
    }
    let message = create(None);
    // As a server writes it that has other prefixes.
    let rewritten = |key: &SigningKey, nonce: u8| {
        let document = sign(&message, key, clock::now(), [nonce; 16]).unwrap();
        let document = String::from_utf8(document).unwrap();
        let other = document.replace("oadr:", "ns1:").replace(":oadr=", ":ns1=");
        assert_ne!(other, document);
        other
    };
    let unseal = |from: &str, document: &str| {
        let unsealed = place.handler.unseal(&jid(from), document.into());
        unsealed.ok().and_then(|unsealed| unsealed.signature)
    };
    let from = "house@xmpp.example/client";
    let document = rewritten(&house, 1);
    let signature = unseal(from, &document).expect("a signature that counts");
    assert_eq!(signature.signer, house.certificate().hash());
    assert_eq!(unseal(from, &document), None, "once");
    assert_eq!(unseal(from, &rewritten(&plant, 2)), None);
    let tampered = rewritten(&house, 3).replace(">r1<", ">r2<");
    assert_eq!(unseal(from, &tampered), None);
    let unsigned = oadr_core::codec::encode(&message);
    assert_eq!(unseal(from, str::from_utf8(&unsigned).unwrap()), None);
    let mut codes: Vec<_> = place
        .refused()
        .into_iter()
        .map(|(_, code, _)| code)
        .collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes, ["digest", "other_signer", "replayed", "unsigned"]);
    place.vtn.stop().await;
}
