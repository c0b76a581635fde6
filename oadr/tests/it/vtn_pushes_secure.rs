//! Pushes over TLS, signed where the VEN can read signatures.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::Utc;
use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use oadr::credentials::Files;
use oadr::vtn::{self, Admission};
use oadr_core::payload::MessageKind;
use oadr_core::value::ServiceName;
use oadr_core::{Peer, SignaturePolicy};
use oadr_http::tls::{TlsClient, TlsClientConfig, TlsServer, TlsServerConfig};
use oadr_http::{
    Client, ClientConfig, Forbidden, Handler, Reply, Request, Server, ServerConfig, Unsealed,
};
use oadr_sign::{Policy, SignedDocument, SigningKey, is_signed, sign};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::authority::{Authority, P256};
use crate::folder::Folder;
use crate::push_ven::{create_pushed, pushing, reply};
use crate::served::{call, until, within};
use crate::token;
use crate::wire::send;

/// A VEN's listener: replies as it should, signed with its key if it has one.
#[derive(Debug)]
struct Listener {
    key: Option<Arc<SigningKey>>,
    vtn: oadr_sign::Certificate,
    /// Whether what came last was signed by the VTN.
    was_signed: Mutex<bool>,
    heard: mpsc::UnboundedSender<(Peer, MessageKind, bool)>,
}

#[derive(Debug, Clone)]
struct Listening(Arc<Listener>);

impl Handler for Listening {
    fn unseal(
        &self,
        _: &Peer,
        _: Option<std::net::SocketAddr>,
        document: Bytes,
    ) -> Result<Unsealed, Forbidden> {
        let is_signed = is_signed(&document);
        *self.0.was_signed.lock().unwrap() = is_signed;
        if !is_signed {
            return Ok(Unsealed::unsigned(document));
        }
        let signed = SignedDocument::parse(&document).unwrap();
        let verified = signed.verify(&self.0.vtn, &Policy::default(), Utc::now());
        let verified = verified.unwrap();
        Ok(Unsealed {
            octets: verified.octets.into(),
            signature: Some(verified.signature),
        })
    }

    async fn handle(&self, request: Request) -> Reply {
        let was_signed = *self.0.was_signed.lock().unwrap();
        let kind = request.message.kind();
        let _ = self.0.heard.send((request.peer, kind, was_signed));
        match (reply(&request.message), &self.0.key) {
            (None, _) => Reply::Empty,
            (Some(message), None) => Reply::Message(Box::new(message)),
            (Some(message), Some(key)) => {
                let nonce = Utc::now().timestamp_nanos_opt().unwrap().to_be_bytes();
                let mut whole = [7; 16];
                whole[..8].copy_from_slice(&nonce);
                let document = sign(&message, key, Utc::now(), whole).unwrap();
                Reply::Signed {
                    message: Box::new(message),
                    document,
                }
            }
        }
    }
}

struct VenTls {
    url: String,
    heard: mpsc::UnboundedReceiver<(Peer, MessageKind, bool)>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for VenTls {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Listens with this certificate.
async fn listen(shows: (&Authority, &str), believes: &Authority, signs: bool) -> VenTls {
    let (authority, name) = shows;
    let shown = authority.read(name);
    let (tell, heard) = mpsc::unbounded_channel();
    let vtn = believes.read("vtn");
    let listening = Listening(Arc::new(Listener {
        key: signs.then(|| authority.key(name)),
        vtn: vtn.signing[0].certificate().clone(),
        was_signed: Mutex::default(),
        heard: tell,
    }));
    let tls = TlsServer::new(TlsServerConfig::new(shown.identities, vtn.roots)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = Server::new(listening, ServerConfig::default());
    let serving = tokio::spawn(async move { server.accept_tls(&listener, &tls).await });
    VenTls {
        url,
        heard,
        serving,
    }
}

/// A VTN that pushes with TLS to this machine.
async fn start(folder: &Folder, files: Files, policy: SignaturePolicy) -> vtn::Running {
    let mut config = pushing(&folder.path().join("data"), Admission::Enrolled);
    config.tls = Some(files);
    config.signatures = Some(policy);
    if let Some(push) = &mut config.push {
        push.plain_http = false;
        push.timeout = Duration::from_secs(10);
    }
    let vtn = vtn::start(config).await.unwrap();
    token::learn(&vtn.api_url(), &vtn.api_token_file());
    vtn
}

/// Registers a VEN that is enrolled with its certificate.
async fn register(vtn: &vtn::Running, ca: &Authority, url: &str, can_sign: bool) {
    let house = ca.read("house");
    let hash = house.signing[0].certificate().hash();
    let new = json!({"ven_name": "house", "certificates": [hash]});
    call(&vtn.api_url(), Method::POST, "/api/v1/vens", Some(&new)).await;
    let mut tls = TlsClientConfig::new(house.roots);
    tls.identity = house.identities.into_iter().next();
    let mut config = ClientConfig::default();
    config.tls = Some(TlsClient::new(tls).unwrap());
    let client = Client::new(vtn.vtn_url().parse().unwrap(), config);
    let mut create = create_pushed("house", url);
    create.xml_signature = can_sign;
    let created = send(&client, ServiceName::EiRegisterParty, create).await;
    assert!(
        created.ei_response().unwrap().response_code.is_success(),
        "{created:?}"
    );
}

/// The first dead letter, once there is one.
async fn first_letter(vtn: &vtn::Running) -> Value {
    let api = vtn.api_url();
    let first = || async {
        let letters = call(&api, Method::GET, "/api/v1/dead-letters", None).await;
        letters.body["dead_letters"][0].clone()
    };
    until("a dead letter", first, |letter| !letter.is_null()).await
}

#[tokio::test]
async fn a_push_over_tls_is_the_vtns_and_its_reply_the_vens() {
    for can_sign in [false, true] {
        let folder = Folder::new();
        let ca = Authority::new(&folder.path().join("ca"));
        ca.issue("vtn", P256);
        ca.issue("house", P256);
        let vtn = start(&folder, ca.files(&["vtn"]), SignaturePolicy::Optional).await;
        let mut ven = listen((&ca, "house"), &ca, can_sign).await;
        register(&vtn, &ca, &ven.url, can_sign).await;
        let (peer, kind, was_signed) = within("a push", ven.heard.recv()).await.unwrap();
        let own = ca.read("vtn").signing[0].certificate().hash();
        assert_eq!(peer, Peer::Certificate(own));
        assert_eq!(kind, MessageKind::RegisterReport);
        assert_eq!(was_signed, can_sign);
        let api = vtn.api_url();
        let figures = || async { json!(call(&api, Method::GET, "/metrics", None).await.text) };
        let figures = until("the reply counts", figures, |text| {
            let text = text.as_str().unwrap();
            text.contains("oadr_pushes_total{outcome=\"replied\"} 1")
        });
        let figures = figures.await;
        let verified = format!("oadr_signatures_verified_total {}", u8::from(can_sign));
        assert!(figures.as_str().unwrap().contains(&verified), "{figures}");
        vtn.stop().await;
    }
}

#[tokio::test]
async fn nobody_is_connected_to_over_plain_http_unless_that_is_wanted() {
    let folder = Folder::new();
    let ca = Authority::new(&folder.path().join("ca"));
    ca.issue("vtn", P256);
    ca.issue("house", P256);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let vtn = start(&folder, ca.files(&["vtn"]), SignaturePolicy::Off).await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    register(&vtn, &ca, &url, false).await;
    let letter = first_letter(&vtn).await;
    assert_eq!(letter["fault"], "address_refused", "{letter}");
    vtn.stop().await;
    let nobody = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(nobody.is_err(), "{nobody:?}");
}

#[tokio::test]
async fn who_is_not_the_ven_gets_nothing_and_who_does_not_sign_is_not_believed() {
    for (is_stranger, policy, heard) in [
        (true, SignaturePolicy::Optional, false),
        (false, SignaturePolicy::Required, true),
    ] {
        let folder = Folder::new();
        let ca = Authority::new(&folder.path().join("ca"));
        ca.issue("vtn", P256);
        ca.issue("house", P256);
        let other = Authority::new(&folder.path().join("other"));
        other.issue("house", P256);
        // The registration has to be signed where signatures are required, so that is set afterwards.
        let vtn = start(&folder, ca.files(&["vtn"]), SignaturePolicy::Optional).await;
        let shows = if is_stranger { &other } else { &ca };
        let mut ven = listen((shows, "house"), &ca, false).await;
        register(&vtn, &ca, &ven.url, false).await;
        let patch = json!({"signatures": policy});
        call(
            &vtn.api_url(),
            Method::PATCH,
            "/api/v1/vens/house",
            Some(&patch),
        )
        .await;
        // What was pushed at once may have counted before it was set; what is pushed now does not.
        let again = "/api/v1/vens/house/reregister";
        let asked = call(&vtn.api_url(), Method::POST, again, None).await;
        assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
        let letter = first_letter(&vtn).await;
        assert_eq!(letter["fault"], "untrusted", "{letter}");
        assert_eq!(ven.heard.try_recv().is_ok(), heard);
        vtn.stop().await;
    }
}
