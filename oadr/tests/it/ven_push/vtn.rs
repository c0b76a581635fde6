//! A VTN that says only what the test says, and pushes it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use chrono::Utc;
use hyper::body::Bytes;
use oadr::ven;
use oadr_core::codec::{DecodeOptions, decode};
use oadr_core::payload::{
    CreatedPartyRegistration, DistributeEvent, EiResponse, Message, MessageKind, Profile,
    RegisteredReport, Response, Transport,
};
use oadr_core::value::{
    DateTime, NonEmpty, ProfileName, RequestId, ServiceName, TransportName, VenId,
};
use oadr_core::{CertificateHash, CertificateId, Peer};
use oadr_http::tls::{TlsClient, TlsClientConfig, TlsServer, TlsServerConfig};
use oadr_http::{
    Answer, Client, ClientConfig, ClientError, Drained, Forbidden, Handler, Reply, Request, Seal,
    SealError, Server, ServerConfig, Unsealed,
};
use oadr_sign::{SigningKey, is_signed, sign};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};

use crate::authority::Authority;
use crate::served::within;

/// The VEN's ID there.
pub(crate) const VEN: &str = "Ven1";

/// The VTN, as it listens to the VEN.
pub(crate) struct Vtn {
    pub(crate) url: String,
    server: Server<Arc<Script>>,
    script: Arc<Script>,
    requests: mpsc::UnboundedReceiver<Message>,
}

/// What it says to what it is asked.
struct Script {
    tell: mpsc::UnboundedSender<Message>,
    /// Answers to oadrRequestEvent wait for a permit.
    held: Mutex<Option<Arc<Semaphore>>>,
    pen: Option<Pen>,
}

fn server(authority: &Authority, name: &str) -> TlsServer {
    let credentials = authority.read(name);
    let config = TlsServerConfig::new(credentials.identities, credentials.roots);
    TlsServer::new(config).unwrap()
}

impl Vtn {
    pub(crate) async fn start() -> Self {
        Self::with(None, None).await
    }

    pub(crate) async fn with_tls(authority: &Authority, name: &str) -> Self {
        Self::with(Some(server(authority, name)), None).await
    }

    /// The same; it signs what it says.
    pub(crate) async fn signing(authority: &Authority, name: &str) -> Self {
        let pen = Pen::new(authority.key(name), 1 << 64);
        Self::with(Some(server(authority, name)), Some(pen)).await
    }

    async fn with(tls: Option<TlsServer>, pen: Option<Pen>) -> Self {
        let (tell, requests) = mpsc::unbounded_channel();
        let script = Arc::new(Script {
            tell,
            held: Mutex::default(),
            pen,
        });
        let server = Server::new(Arc::clone(&script), ServerConfig::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        tokio::spawn({
            let server = server.clone();
            async move {
                match tls {
                    Some(tls) => server.accept_tls(&listener, &tls).await,
                    None => server.accept(&listener).await,
                }
            }
        });
        Self {
            url: format!("{scheme}://{address}"),
            server,
            script,
            requests,
        }
    }

    /// The next request of this kind; others before it are passed over.
    pub(crate) async fn next(&mut self, kind: MessageKind) -> Message {
        let found = async {
            loop {
                let request = self.requests.recv().await.unwrap();
                if request.kind() == kind {
                    return request;
                }
            }
        };
        within(&kind.to_string(), found).await
    }

    /// What was asked since, by kind.
    pub(crate) fn asked(&mut self) -> Vec<MessageKind> {
        std::iter::from_fn(|| self.requests.try_recv().ok())
            .map(|request| request.kind())
            .collect()
    }

    /// Lets the next answers to oadrRequestEvent wait for permits of this.
    pub(crate) fn hold(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.script.held.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    pub(crate) async fn stop(self) {
        let drained = self.server.shut_down().await;
        assert_eq!(drained, Drained::Finished);
    }
}

impl Handler for Script {
    fn unseal(
        &self,
        peer: &Peer,
        _: Option<SocketAddr>,
        document: Bytes,
    ) -> Result<Unsealed, Forbidden> {
        match &self.pen {
            Some(pen) => pen.unseal(peer, document).map_err(|_| Forbidden),
            None => Ok(Unsealed::unsigned(document)),
        }
    }

    async fn handle(&self, request: Request) -> Reply {
        let message = request.message;
        self.tell.send(message.clone()).unwrap();
        let held = self.held.lock().unwrap().clone();
        if let (Message::RequestEvent(_), Some(gate)) = (&message, held) {
            gate.acquire().await.unwrap().forget();
        }
        match (answer(&message), &self.pen) {
            (Some(answer), None) => Reply::Message(Box::new(answer)),
            (Some(answer), Some(pen)) => Reply::Signed {
                document: pen.seal(&answer).unwrap(),
                message: Box::new(answer),
            },
            (None, _) => Reply::Empty,
        }
    }
}

/// What a VTN says that has nothing to say.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "to all that is not named the VTN says that it is fine"
)]
fn answer(message: &Message) -> Option<Message> {
    Some(match message {
        Message::CreatePartyRegistration(create) => CreatedPartyRegistration {
            ei_response: EiResponse::ok(create.request_id.clone()),
            registration_id: Some("Registration1".parse().unwrap()),
            ven_id: Some(ven_id()),
            vtn_id: "Vtn1".parse().unwrap(),
            profiles: NonEmpty::one(Profile {
                name: ProfileName::B,
                transports: NonEmpty::one(Transport {
                    name: TransportName::SimpleHttp,
                }),
            }),
            requested_poll_frequency: None,
            service_specific_info: None,
            extensions: None,
        }
        .into(),
        Message::RegisterReport(offer) => RegisteredReport {
            ei_response: EiResponse::ok(offer.request_id.clone()),
            report_requests: Vec::new(),
            ven_id: Some(ven_id()),
        }
        .into(),
        Message::RequestEvent(request) => DistributeEvent {
            ei_response: Some(EiResponse::ok(request.request.request_id.clone())),
            request_id: RequestId::new("list").unwrap(),
            vtn_id: "Vtn1".parse().unwrap(),
            events: Vec::new(),
        }
        .into(),
        Message::Response(_) => return None,
        _ => Response {
            ei_response: EiResponse::ok(RequestId::default()),
            ven_id: Some(ven_id()),
        }
        .into(),
    })
}

pub(crate) fn ven_id() -> VenId {
    VEN.parse().unwrap()
}

/// A message from its body, in the usual namespaces.
pub(crate) fn message(body: &str) -> Message {
    let document = format!(
        r#"<oadrPayload xmlns="http://openadr.org/oadr-2.0b/2012/07"
            xmlns:ei="http://docs.oasis-open.org/ns/energyinterop/201110"
            xmlns:pyld="http://docs.oasis-open.org/ns/energyinterop/201110/payloads"
            xmlns:emix="http://docs.oasis-open.org/ns/emix/2011/06"
            xmlns:xcal="urn:ietf:params:xml:ns:icalendar-2.0"
            xmlns:strm="urn:ietf:params:xml:ns:icalendar-2.0:stream">
            <oadrSignedObject>{body}</oadrSignedObject></oadrPayload>"#
    );
    let decoded = decode(document.as_bytes(), &DecodeOptions::default());
    decoded.unwrap().message
}

/// An event of an hour, from an hour from now on.
pub(crate) fn event(id: &str) -> Message {
    let start = Utc::now() + chrono::TimeDelta::hours(1);
    let (start, created) = (wire(start), wire(Utc::now()));
    message(&format!(
        r#"<oadrDistributeEvent ei:schemaVersion="2.0b">
        <pyld:requestID>push-{id}</pyld:requestID><ei:vtnID>Vtn1</ei:vtnID>
        <oadrEvent><ei:eiEvent>
          <ei:eventDescriptor><ei:eventID>{id}</ei:eventID>
            <ei:modificationNumber>0</ei:modificationNumber>
            <ei:eiMarketContext><emix:marketContext>http://example.com/dr</emix:marketContext>
            </ei:eiMarketContext><ei:createdDateTime>{created}</ei:createdDateTime>
            <ei:eventStatus>far</ei:eventStatus></ei:eventDescriptor>
          <ei:eiActivePeriod><xcal:properties>
            <xcal:dtstart><xcal:date-time>{start}</xcal:date-time></xcal:dtstart>
            <xcal:duration><xcal:duration>PT1H</xcal:duration></xcal:duration>
            </xcal:properties><xcal:components/></ei:eiActivePeriod>
          <ei:eiEventSignals><ei:eiEventSignal>
            <strm:intervals><ei:interval>
              <xcal:duration><xcal:duration>PT1H</xcal:duration></xcal:duration>
              <xcal:uid><xcal:text>0</xcal:text></xcal:uid>
              <ei:signalPayload><ei:payloadFloat><ei:value>1</ei:value></ei:payloadFloat>
              </ei:signalPayload></ei:interval></strm:intervals>
            <ei:signalName>SIMPLE</ei:signalName><ei:signalType>level</ei:signalType>
            <ei:signalID>s</ei:signalID></ei:eiEventSignal></ei:eiEventSignals>
          <ei:eiTarget><ei:venID>{VEN}</ei:venID></ei:eiTarget></ei:eiEvent>
          <oadrResponseRequired>always</oadrResponseRequired></oadrEvent>
        </oadrDistributeEvent>"#
    ))
}

fn wire(at: DateTime) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Pushes to where a VEN listens.
pub(crate) struct Pusher(pub(crate) Client);

/// What a pusher signs with.
#[derive(Debug)]
struct Pen {
    key: Arc<SigningKey>,
    nonce: Mutex<u128>,
}

impl Pen {
    /// `nonce`: so that two of them do not say the same one.
    fn new(key: Arc<SigningKey>, nonce: u128) -> Self {
        let nonce = Mutex::new(nonce);
        Self { key, nonce }
    }
}

impl Seal for Pen {
    fn seal(&self, message: &Message) -> Result<Vec<u8>, SealError> {
        let mut nonce = self.nonce.lock().unwrap();
        *nonce += 1;
        Ok(sign(message, &self.key, Utc::now(), nonce.to_be_bytes()).unwrap())
    }

    fn unseal(&self, _: &Peer, document: Bytes) -> Result<Unsealed, SealError> {
        assert!(is_signed(&document), "the VEN signs what it says");
        let signed = oadr_sign::SignedDocument::parse(&document).unwrap();
        let signer = oadr_sign::Certificate::from_der(signed.certificate()).unwrap();
        let policy = oadr_sign::Policy::default();
        let verified = signed.verify(&signer, &policy, Utc::now()).unwrap();
        Ok(Unsealed {
            octets: verified.octets.into(),
            signature: Some(verified.signature),
        })
    }
}

impl Pusher {
    pub(crate) fn to(ven: &ven::Running) -> Self {
        Self::below(ven, "")
    }

    /// To services below a path.
    pub(crate) fn below(ven: &ven::Running, prefix: &str) -> Self {
        Self::made(ven, prefix, |_| {})
    }

    /// One that shows and believes what is in these files.
    pub(crate) fn with_tls(ven: &ven::Running, authority: &Authority, name: Option<&str>) -> Self {
        Self::made(ven, "", |config| config.tls = Some(tls(authority, name)))
    }

    /// The VTN; it believes nobody but who shows this certificate.
    pub(crate) fn believing(
        ven: &ven::Running,
        authority: &Authority,
        shown: CertificateHash,
    ) -> Self {
        let credentials = authority.read("vtn");
        let mut tls = TlsClientConfig::new(credentials.roots);
        tls.identity = credentials.identities.into_iter().next();
        tls.servers = vec![CertificateId::Hash(shown)];
        let tls = TlsClient::new(tls).unwrap();
        Self::made(ven, "", |config| config.tls = Some(tls))
    }

    /// The same, and signs with the key of another.
    pub(crate) fn signing(ven: &ven::Running, authority: &Authority, signer: &str) -> Self {
        Self::made(ven, "", |config| {
            config.tls = Some(tls(authority, Some("vtn")));
            config.seal = Some(Arc::new(Pen::new(authority.key(signer), 0)));
        })
    }

    fn made(ven: &ven::Running, prefix: &str, change: impl FnOnce(&mut ClientConfig)) -> Self {
        let mut config = ClientConfig::default();
        change(&mut config);
        let scheme = if config.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let url = format!("{scheme}://{}{prefix}", address(ven));
        Self(Client::new(url.parse().unwrap(), config))
    }

    /// Pushes a message to its service.
    pub(crate) async fn push(&self, message: Message) -> Result<Answer, ClientError> {
        let service = message.kind().service().unwrap_or(ServiceName::EiEvent);
        within("an answer", self.0.send(service, &message)).await
    }

    /// What is said to a message, which is not nothing.
    pub(crate) async fn said(&self, message: Message) -> Message {
        self.push(message).await.unwrap().reply.unwrap().message
    }

    /// The status of a refusal.
    pub(crate) async fn refused(&self, message: Message) -> u16 {
        match self.push(message).await {
            Err(ClientError::Status { status, .. }) => status.as_u16(),
            other => panic!("{other:?}"),
        }
    }
}

fn tls(authority: &Authority, name: Option<&str>) -> TlsClient {
    let mut config = TlsClientConfig::new(authority.read("vtn").roots);
    config.identity = name.map(|name| authority.read(name).identities.remove(0));
    TlsClient::new(config).unwrap()
}

/// Where a VEN listens.
fn address(ven: &ven::Running) -> SocketAddr {
    let status = ven.link();
    let ven::LinkStatus::Listening(address) = status else {
        panic!("{status:?}");
    };
    address
}
