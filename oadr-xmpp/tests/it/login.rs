//! How an account logs in: SASL EXTERNAL and SCRAM, with TLS and without.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use oadr_xmpp::{Config, Endpoint, Login, Role, Status};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sasl::common::Password;
use sasl::common::scram::{ScramProvider, Sha1, Sha256};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::peer::Host;
use crate::server::{HEADER, Server, VEN, Wire, down, up, within};

const SASL: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";

#[tokio::test]
async fn rule_515_a_certificate_logs_in_as_whom_the_server_takes_it_for() {
    let (server, host) = (Server::new().await, Host::new());
    let endpoint = Endpoint::start(server.config(Role::Ven), host.clone());
    let mut wire = server.accept().await;
    wire.offer("EXTERNAL").await;
    let auth = wire.until("</auth>").await;
    assert!(
        auth.contains("mechanism='EXTERNAL'") || auth.contains("mechanism=\"EXTERNAL\""),
        "{auth}"
    );
    assert!(auth.ends_with(">=</auth>"), "{auth}");
    // A server that wants to be told.
    wire.say(&format!("<failure {SASL}><invalid-authzid/></failure>"))
        .await;
    let auth = wire.until("</auth>").await;
    assert!(auth.ends_with(">dmVuMUBkLmV4YW1wbGU=</auth>"), "{auth}");
    wire.say(&format!("<success {SASL}/>")).await;
    wire.bind(VEN).await;
    up(&endpoint).await;
}

#[tokio::test]
async fn a_login_that_is_refused_is_told_apart() {
    let (server, host) = (Server::new().await, Host::new());
    let mut config = server.config(Role::Ven);
    config.back_off.1 = Duration::from_secs(3600);
    let endpoint = Endpoint::start(config, host.clone());
    let mut wire = server.accept().await;
    wire.offer("EXTERNAL").await;
    for _ in 0..2 {
        wire.until("</auth>").await;
        wire.say(&format!("<failure {SASL}><not-authorized/></failure>"))
            .await;
    }
    assert_eq!(
        down(&endpoint).await,
        "the login was refused: not-authorized"
    );
    let notice = host.noticed("LoginRefused").await;
    assert!(notice.contains("not-authorized"), "{notice}");

    let server = Server::new().await;
    let endpoint = Endpoint::start(server.config(Role::Ven), host.clone());
    server.accept().await.offer("PLAIN").await;
    assert!(down(&endpoint).await.contains("does not offer EXTERNAL"));

    // A password is never said as it is.
    let server = Server::new().await;
    let endpoint = Endpoint::start(with_password(&server), host);
    let mut wire = server.accept().await;
    wire.offer("PLAIN").await;
    assert!(down(&endpoint).await.contains("does not offer SCRAM"));
    wire.closed().await;
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_again_soon() {
    let (server, host) = (Server::new().await, Host::new());
    let _endpoint = Endpoint::start(server.config(Role::Ven), host.clone());
    let mut wire = server.accept().await;
    wire.offer("EXTERNAL").await;
    for _ in 0..2 {
        wire.until("</auth>").await;
        wire.say(&format!(
            "<failure {SASL}><temporary-auth-failure/></failure>"
        ))
        .await;
    }
    assert!(
        host.noticed("Disconnected")
            .await
            .contains("temporary-auth-failure")
    );
    let mut wire = server.accept().await;
    wire.until("'>").await;
    wire.say("<stream:stream version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>\
              <stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>").await;
    assert!(host.noticed("Disconnected").await.contains("host-unknown"));
    server.accept().await;
}

/// The server's side of SCRAM, with as much of it wrong as the test wants.
async fn scram<P: ScramProvider, Io: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<Io>,
    iterations: u32,
    password: &str,
    in_success: bool,
) {
    wire.offer(&format!("SCRAM-{}", P::name())).await;
    let auth = wire.until("</auth>").await;
    let first = decoded(&auth);
    let bare = first.strip_prefix("n,,").unwrap();
    let (name, nonce) = bare.split_once(",r=").unwrap();
    assert_eq!(name, "n=ven1");
    let challenge = format!("r={nonce}server,s={},i={iterations}", encoded(b"salt"));
    wire.say(&format!(
        "<challenge {SASL}>{}</challenge>",
        encoded(challenge.as_bytes())
    ))
    .await;
    if iterations > 1_000_000 {
        return;
    }
    let last = decoded(&wire.until("</response>").await);
    let (without_proof, proof) = last.split_once(",p=").unwrap();
    let salted = P::derive(&Password::Plain(password.into()), b"salt", iterations).unwrap();
    let message = format!("{bare},{challenge},{without_proof}");
    let client_key = P::hmac(b"Client Key", &salted).unwrap();
    let signature = P::hmac(message.as_bytes(), &P::hash(&client_key)).unwrap();
    let expected: Vec<u8> = client_key
        .iter()
        .zip(signature)
        .map(|(a, b)| a ^ b)
        .collect();
    if password == "secret" {
        assert_eq!(proof, encoded(&expected));
    }
    let server_key = P::hmac(b"Server Key", &salted).unwrap();
    let signature = P::hmac(message.as_bytes(), &server_key).unwrap();
    let proof = encoded(format!("v={}", encoded(&signature)).as_bytes());
    if in_success {
        wire.say(&format!("<success {SASL}>{proof}</success>"))
            .await;
    } else {
        wire.say(&format!("<challenge {SASL}>{proof}</challenge>"))
            .await;
        wire.until("<response").await;
        wire.until(">").await;
        wire.say(&format!("<success {SASL}/>")).await;
    }
}

fn encoded(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}

/// The content of an element, which is Base64.
fn decoded(element: &str) -> String {
    use base64::Engine as _;
    let (_, content) = element.split_once('>').unwrap();
    let (content, _) = content.split_once('<').unwrap();
    String::from_utf8(base64::prelude::BASE64_STANDARD.decode(content).unwrap()).unwrap()
}

fn with_password(server: &Server) -> Config {
    let mut config = server.config(Role::Ven);
    config.login = Login::Password("secret".into());
    assert!(!format!("{config:?}").contains("secret"));
    config
}

#[tokio::test]
async fn scram_logs_in_without_saying_the_password() {
    for (is_new, in_success) in [(true, true), (true, false), (false, true)] {
        let (server, host) = (Server::new().await, Host::new());
        let endpoint = Endpoint::start(with_password(&server), host.clone());
        let mut wire = server.accept().await;
        if is_new {
            scram::<Sha256, _>(&mut wire, 4096, "secret", in_success).await;
        } else {
            scram::<Sha1, _>(&mut wire, 4096, "secret", in_success).await;
        }
        wire.bind(VEN).await;
        up(&endpoint).await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_know_the_password_is_not_believed() {
    let host = Host::new();
    for in_success in [true, false] {
        let server = Server::new().await;
        let endpoint = Endpoint::start(with_password(&server), host.clone());
        let mut wire = server.accept().await;
        let serve = tokio::spawn(async move {
            scram::<Sha256, _>(&mut wire, 4096, "other", in_success).await;
        });
        let why = down(&endpoint).await;
        assert!(
            why.contains("did not prove") || why.contains("does not speak SCRAM"),
            "{why}"
        );
        serve.abort();
    }
    // Nor is one that says yes without any proof.
    let server = Server::new().await;
    let endpoint = Endpoint::start(with_password(&server), host.clone());
    let mut wire = server.accept().await;
    wire.offer("SCRAM-SHA-256").await;
    wire.until("</auth>").await;
    wire.say(&format!("<success {SASL}/>")).await;
    assert!(down(&endpoint).await.contains("did not prove"));
}

#[tokio::test]
async fn a_server_cannot_have_a_password_hashed_for_ever() {
    let (server, host) = (Server::new().await, Host::new());
    let endpoint = Endpoint::start(with_password(&server), host);
    let mut wire = server.accept().await;
    scram::<Sha256, _>(&mut wire, 2_000_000_000, "secret", true).await;
    assert!(down(&endpoint).await.contains("hashed too often"));
}

/// How long certificates are valid here.
const VALID: Duration = Duration::from_secs(3600);

/// A CA, and what it issued to a server and to a VEN.
struct Pki {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Pki {
    fn new(domain: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(params, key);
        let issue = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new([name.to_owned()]).unwrap();
            params.not_after = (SystemTime::now() + VALID).into();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
            (vec![CertificateDer::from(certificate)], key)
        };
        let mut roots = RootCertStore::empty();
        roots.add(root).unwrap();
        let roots = Arc::new(roots);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
        let (chain, key) = issue(domain);
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(chain, key)
            .unwrap();
        let (chain, key) = issue("ven1");
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .unwrap();
        Self {
            server: Arc::new(server),
            client: Arc::new(client),
        }
    }
}

const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// A session with TLS.
async fn secured(server: &Server, pki: &Pki) -> Wire<TlsStream<TcpStream>> {
    let mut wire = server.accept().await;
    wire.open(STARTTLS).await;
    wire.until("<starttls").await;
    wire.until(">").await;
    wire.say(PROCEED).await;
    let acceptor = TlsAcceptor::from(Arc::clone(&pki.server));
    let tls = within(acceptor.accept(wire.io)).await.unwrap();
    let mut wire = Wire::over(tls);
    wire.let_in().await;
    wire.bind(VEN).await;
    wire.until("<presence/>").await;
    wire
}

#[tokio::test]
async fn rule_516_a_session_ends_with_the_servers_certificate() {
    let (server, host) = (Server::new().await, Host::new());
    let pki = Pki::new("d.example");
    let mut config = server.config(Role::Ven);
    let client = Arc::clone(&pki.client);
    config.tls = Some(Arc::new(move || Arc::clone(&client)));
    config.ping_every = 2 * VALID;
    let endpoint = Endpoint::start(config, host.clone());
    let _wire = secured(&server, &pki).await;
    up(&endpoint).await;
    tokio::time::pause();
    tokio::time::advance(VALID).await;
    tokio::time::resume();
    assert!(host.noticed("Disconnected").await.contains("has expired"));
}

#[tokio::test]
async fn spec_5_6_tls_comes_before_anything_else() {
    let (server, host) = (Server::new().await, Host::new());
    let pki = Pki::new("d.example");
    let mut config = server.config(Role::Ven);
    let client = Arc::clone(&pki.client);
    config.tls = Some(Arc::new(move || Arc::clone(&client)));
    let endpoint = Endpoint::start(config.clone(), host.clone());
    let mut wire = secured(&server, &pki).await;
    let tls = wire.io.get_ref().1;
    assert_eq!(tls.server_name(), Some("d.example"));
    assert_eq!(tls.peer_certificates().unwrap().len(), 1);
    up(&endpoint).await;
    let ((), ()) = tokio::join!(within(endpoint.close()), async {
        wire.until("</stream:stream>").await;
        wire.say("</stream:stream>").await;
        // The endpoint may be gone already.
        let _ = wire.io.shutdown().await;
    });
    assert_eq!(*endpoint.status().borrow(), Status::Closed);

    // Another's certificate.
    let endpoint = Endpoint::start(config, host);
    let mut wire = server.accept().await;
    wire.open(STARTTLS).await;
    wire.until("<starttls").await;
    wire.until(">").await;
    wire.say(PROCEED).await;
    let acceptor = TlsAcceptor::from(Pki::new("d.example").server);
    assert!(within(acceptor.accept(wire.io)).await.is_err());
    assert!(down(&endpoint).await.contains("certificate"));
}

/// Each level took a part of the stack, and 12 KB ended the process.
#[tokio::test]
async fn a_server_that_says_more_than_a_login_needs_is_left() {
    #[derive(Clone, Copy)]
    enum When {
        AtFirst,
        BeforeTls,
        InTheLogin,
    }
    let host = Host::new();
    for (element, why) in [
        ("<a>", "no XML stream"),
        ("<a/>", "more than a login needs"),
    ] {
        for when in [When::AtFirst, When::BeforeTls, When::InTheLogin] {
            let server = Server::new().await;
            let mut config = server.config(Role::Ven);
            if let When::BeforeTls = when {
                let client = Pki::new("d.example").client;
                config.tls = Some(Arc::new(move || Arc::clone(&client)));
            }
            let endpoint = Endpoint::start(config, host.clone());
            let mut wire = server.accept().await;
            let begin = match when {
                When::AtFirst => {
                    wire.until("'>").await;
                    format!("{HEADER}<stream:features>")
                }
                When::BeforeTls => {
                    wire.open(STARTTLS).await;
                    wire.until("<starttls").await;
                    "<message>".to_owned()
                }
                When::InTheLogin => {
                    wire.offer("EXTERNAL").await;
                    wire.until("</auth>").await;
                    "<message>".to_owned()
                }
            };
            // Nobody listens to the end.
            let all = begin + &element.repeat(100_000);
            let _ = within(wire.io.write_all(all.as_bytes())).await;
            let said = down(&endpoint).await;
            assert!(said.contains(why), "{said}");
        }
    }
}

#[tokio::test]
async fn each_session_shows_the_certificate_of_its_time() {
    let (server, host) = (Server::new().await, Host::new());
    let (first, second) = (Pki::new("d.example"), Pki::new("d.example"));
    let before = Mutex::new(Some(Arc::clone(&first.client)));
    let after = Arc::clone(&second.client);
    let mut config = server.config(Role::Ven);
    config.tls = Some(Arc::new(move || {
        let before = before.lock().unwrap().take();
        before.unwrap_or_else(|| Arc::clone(&after))
    }));
    let endpoint = Endpoint::start(config, host.clone());
    for pki in [first, second] {
        // Neither believes what the other one issued.
        let wire = secured(&server, &pki).await;
        up(&endpoint).await;
        drop(wire);
        host.noticed("Disconnected").await;
    }
}

#[tokio::test]
async fn without_tls_only_a_server_on_this_machine_is_spoken_to() {
    let (server, host) = (Server::new().await, Host::new());
    let mut config = server.config(Role::Ven);
    // RFC 5737: an address that nobody has.
    config.server = ("192.0.2.1".into(), 5222);
    let endpoint = Endpoint::start(config, host);
    let why = down(&endpoint).await;
    assert!(
        why.contains("without TLS") && why.contains("192.0.2.1"),
        "{why}"
    );
}

#[tokio::test]
async fn spec_5_6_without_tls_nothing_is_said() {
    let host = Host::new();
    let client = Pki::new("d.example").client;
    let start = |server: &Server| {
        let (mut config, client) = (server.config(Role::Ven), Arc::clone(&client));
        config.tls = Some(Arc::new(move || Arc::clone(&client)));
        Endpoint::start(config, host.clone())
    };
    let server = Server::new().await;
    let endpoint = start(&server);
    let mut wire = server.accept().await;
    wire.offer("EXTERNAL").await;
    assert!(down(&endpoint).await.contains("offers no TLS"));
    wire.closed().await;

    let server = Server::new().await;
    let endpoint = start(&server);
    let mut wire = server.accept().await;
    wire.open(STARTTLS).await;
    wire.until("<starttls").await;
    wire.say("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .await;
    assert!(down(&endpoint).await.contains("refused TLS"));

    // What somebody said in the plain is not taken for the server's.
    let server = Server::new().await;
    let endpoint = start(&server);
    let mut wire = server.accept().await;
    wire.open(STARTTLS).await;
    wire.until("<starttls").await;
    wire.say(&format!("{PROCEED}<stream:features/>")).await;
    assert!(down(&endpoint).await.contains("between STARTTLS and TLS"));
}
