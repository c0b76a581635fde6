//! Servers that answer as a test says, over plain HTTP and over TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use oadr_core::codec::encode;
use oadr_core::payload::{
    CreatedPartyRegistration, EiResponse, Message, Profile, ResponseCode, Transport,
};
use oadr_core::value::{NonEmpty, ProfileName, RequestId, TransportName, VtnId};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::authority::Issued;

/// A listener on a port of its own; ends with the value.
pub(super) struct Given {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Given {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Given {
    /// `http://127.0.0.1:PORT`
    pub(super) fn http(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `https://localhost:PORT`
    pub(super) fn https(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }
}

/// Answers each request, given its path and body.
pub(super) async fn plain<A>(answer: A) -> Given
where
    A: Fn(&str, &[u8]) -> Vec<u8> + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    each(move |stream| {
        let answer = Arc::clone(&answer);
        async move { converse(stream, &*answer).await }
    })
    .await
}

/// The same over TLS.
pub(super) async fn tls<A>(config: ServerConfig, answer: A) -> Given
where
    A: Fn(&str, &[u8]) -> Vec<u8> + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    each(move |stream| {
        let (answer, acceptor) = (Arc::clone(&answer), acceptor.clone());
        async move {
            // What fails is the client's to see.
            if let Ok(stream) = acceptor.accept(stream).await {
                converse(stream, &*answer).await;
            }
        }
    })
    .await
}

/// Does the same with every connection.
pub(super) async fn each<D, F>(done: D) -> Given
where
    D: Fn(tokio::net::TcpStream) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(done(stream));
        }
    });
    Given { address, task }
}

async fn converse<S, A>(mut stream: S, answer: &A)
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: Fn(&str, &[u8]) -> Vec<u8>,
{
    let mut octets = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some((path, body)) = request(&octets) {
            let reply = answer(&path, &body);
            let _ = stream.write_all(&reply).await;
            let _ = stream.shutdown().await;
            return;
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => octets.extend(&buffer[..count]),
        }
    }
}

/// The path and body of a request that is complete.
fn request(octets: &[u8]) -> Option<(String, Vec<u8>)> {
    let end = octets.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&octets[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    let body = octets.get(end + 4..end + 4 + length)?;
    let first = String::from_utf8_lossy(&octets[..end]);
    let path = first.split(' ').nth(1)?.to_owned();
    Some((path, body.to_vec()))
}

/// A reply of HTTP/1.1, dated now.
pub(super) fn reply(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    dated(status, headers, body, TimeDelta::zero())
}

/// The same from a clock that is so far ahead.
pub(super) fn dated(status: &str, headers: &str, body: &[u8], ahead: TimeDelta) -> Vec<u8> {
    let date = (Utc::now() + ahead).format("%a, %d %b %Y %H:%M:%S GMT");
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ndate: {date}\r\ncontent-length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// What a VTN answers to a query.
pub(super) fn created() -> Vec<u8> {
    let message = CreatedPartyRegistration {
        ei_response: EiResponse {
            response_code: ResponseCode::OK,
            response_description: None,
            request_id: RequestId::new("doctor").unwrap(),
        },
        registration_id: None,
        ven_id: None,
        vtn_id: VtnId::new("OadrVTN").unwrap(),
        profiles: NonEmpty::one(Profile {
            name: ProfileName::B,
            transports: NonEmpty::one(Transport {
                name: TransportName::SimpleHttp,
            }),
        }),
        requested_poll_frequency: None,
        service_specific_info: None,
        extensions: None,
    };
    encode(&Message::from(message))
}

/// A VTN at the usual path.
pub(super) fn vtn(path: &str, _: &[u8]) -> Vec<u8> {
    at("/OpenADR2/Simple/2.0b/EiRegisterParty", path)
}

/// A VTN at one path, and 404 at others.
pub(super) fn at(right: &str, path: &str) -> Vec<u8> {
    if path == right {
        reply("200 OK", "content-type: application/xml\r\n", &created())
    } else {
        reply("404 Not Found", "", b"")
    }
}

/// TLS with this certificate; certificates of clients from these CAs are required, if there are any.
pub(super) fn config(shown: &Issued, clients: &[CertificateDer<'static>]) -> ServerConfig {
    chain_config(vec![shown.der.clone()], shown, clients)
}

/// The same with a whole chain.
pub(super) fn chain_config(
    chain: Vec<CertificateDer<'static>>,
    shown: &Issued,
    clients: &[CertificateDer<'static>],
) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let key = shown.key_der.clone_key();
    if clients.is_empty() {
        return builder
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
    }
    let mut roots = rustls::RootCertStore::empty();
    for client in clients {
        roots.add(client.clone()).unwrap();
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    builder
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(chain, key)
        .unwrap()
}
