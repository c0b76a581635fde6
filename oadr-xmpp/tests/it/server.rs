//! A server that says what a test tells it to, and an endpoint that connects to it.

use std::sync::Arc;
use std::time::Duration;

use oadr_xmpp::{Config, Endpoint, Login, Role, Status};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::peer::Host;

pub(crate) const VTN: &str = "vtn@d.example/EiEvent";
pub(crate) const VEN: &str = "ven1@d.example/client";

pub(crate) const HEADER: &str = "<?xml version='1.0'?><stream:stream from='d.example' id='s' version='1.0' \
                      xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// Nothing here takes long; what does has failed.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work)
        .await
        .unwrap()
}

/// An endpoint that failed connects again: while it lives, a second one needs another server.
pub(crate) struct Server {
    listener: TcpListener,
}

impl Server {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener }
    }

    /// An endpoint's settings, without TLS and with short times.
    pub(crate) fn config(&self, role: Role) -> Config {
        let jid = match role {
            Role::Vtn => VTN,
            _ => VEN,
        };
        let mut config = Config::new(jid.parse().unwrap(), Login::Certificate, role);
        config.server = (
            "127.0.0.1".into(),
            self.listener.local_addr().unwrap().port(),
        );
        config.back_off = (Duration::from_millis(1), Duration::from_millis(4));
        config
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> Wire<TcpStream> {
        Wire::over(within(self.listener.accept()).await.unwrap().0)
    }

    /// The next connection, with the session of an endpoint on it.
    pub(crate) async fn session(&self, jid: &str) -> Wire<TcpStream> {
        let mut wire = self.accept().await;
        wire.let_in().await;
        wire.bind(jid).await;
        wire.until("<presence/>").await;
        wire
    }

    /// An endpoint with its session.
    pub(crate) async fn start(
        &self,
        config: Config,
        host: &Arc<Host>,
    ) -> (Endpoint, Wire<TcpStream>) {
        let jid = config.jid.to_string();
        let endpoint = Endpoint::start(config, Arc::clone(host));
        let wire = self.session(&jid).await;
        up(&endpoint).await;
        (endpoint, wire)
    }
}

/// Waits for the session.
pub(crate) async fn up(endpoint: &Endpoint) {
    let mut status = endpoint.status();
    let is_up = |status: &Status| matches!(status, Status::Up { .. });
    within(status.wait_for(is_up)).await.unwrap();
}

/// Waits until there is none, and says why.
pub(crate) async fn down(endpoint: &Endpoint) -> String {
    let mut status = endpoint.status();
    let is_down = |status: &Status| matches!(status, Status::Down { why: Some(_) });
    let status = within(status.wait_for(is_down)).await.unwrap().clone();
    match status {
        Status::Down { why: Some(why) } => why,
        other => panic!("{other:?}"),
    }
}

/// The server's end of a connection.
pub(crate) struct Wire<Io> {
    pub(crate) io: Io,
    unread: String,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Wire<Io> {
    pub(crate) fn over(io: Io) -> Self {
        Self {
            io,
            unread: String::new(),
        }
    }

    pub(crate) async fn say(&mut self, text: &str) {
        within(self.io.write_all(text.as_bytes())).await.unwrap();
        self.io.flush().await.unwrap();
    }

    /// What the endpoint says, up to and with this.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.unread.find(end) {
                let rest = self.unread.split_off(at + end.len());
                return std::mem::replace(&mut self.unread, rest);
            }
            let mut buffer = [0; 4096];
            let count = within(self.io.read(&mut buffer)).await.unwrap();
            assert!(count > 0, "closed behind {:?}", self.unread);
            self.unread
                .push_str(str::from_utf8(&buffer[..count]).unwrap());
        }
    }

    /// The endpoint says nothing more.
    pub(crate) async fn closed(&mut self) {
        assert_eq!(self.unread, "");
        let mut rest = Vec::new();
        let _ = within(self.io.read_to_end(&mut rest)).await;
        assert_eq!(str::from_utf8(&rest).unwrap(), "");
    }

    /// Opens a stream with these features.
    pub(crate) async fn open(&mut self, features: &str) {
        self.until("'>").await;
        self.say(&format!(
            "{HEADER}<stream:features>{features}</stream:features>"
        ))
        .await;
    }

    pub(crate) async fn offer(&mut self, mechanism: &str) {
        self.open(&format!(
            "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
             <mechanism>{mechanism}</mechanism></mechanisms>"
        ))
        .await;
    }

    /// Whoever asks gets in.
    pub(crate) async fn let_in(&mut self) {
        self.offer("EXTERNAL").await;
        self.until("</auth>").await;
        self.say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
            .await;
    }

    /// Opens the stream of the session, and binds it.
    pub(crate) async fn bind(&mut self, jid: &str) {
        self.open("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>")
            .await;
        let request = self.until("</iq>").await;
        self.say(&format!(
            "<iq type='result' id='{}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <jid>{jid}</jid></bind></iq>",
            id(&request)
        ))
        .await;
    }

    /// Says an IQ of this type, from this one, and returns the answer.
    pub(crate) async fn ask(&mut self, kind: &str, from: &str, content: &str) -> String {
        self.say(&iq(kind, "q1", from, content)).await;
        self.answer().await
    }

    /// The next IQ that the endpoint says.
    pub(crate) async fn answer(&mut self) -> String {
        let tag = self.until(">").await;
        assert!(tag.starts_with("<iq "), "{tag}");
        if tag.ends_with("/>") {
            return tag;
        }
        let rest = self.until("</iq>").await;
        tag + &rest
    }
}

/// An IQ to the endpoint.
pub(crate) fn iq(kind: &str, id: &str, from: &str, content: &str) -> String {
    format!("<iq type='{kind}' id='{id}' from='{from}' to='x'>{content}</iq>")
}

/// The ID of a stanza that an endpoint wrote.
pub(crate) fn id(stanza: &str) -> &str {
    attribute(stanza, "id")
}

pub(crate) fn attribute<'s>(stanza: &'s str, name: &str) -> &'s str {
    let (_, rest) = stanza.split_once(&format!(" {name}='")).unwrap();
    rest.split_once('\'').unwrap().0
}
