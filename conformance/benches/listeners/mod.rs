//! Many VENs that are pushed to over HTTPS: one listener, with a path for each of them, and a connection
//! of each to the VTN.
//!
//! Knows nothing of what is measured.

use std::net::SocketAddr;
use std::sync::Arc;

use conformance::authority::{Authority, Issued};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use oadr_core::codec::{DecodeOptions, decode, encode};
use oadr_core::payload::Message;
use oadr_core::value::{TransportName, VenId};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::arrivals::{Arrivals, Outcome, registration, require_success};

/// One of the VENs.
struct Ven {
    number: usize,
    id: VenId,
    vtn: SocketAddr,
    connector: TlsConnector,
    /// Its connection to the VTN, while there is one.
    connection: Mutex<Option<TlsStream<TcpStream>>>,
}

/// Registers a VEN for each of these names and certificates with the VTN, and listens for all of them.
pub(crate) async fn start(
    vens: &[(String, Issued)],
    own: &Issued,
    authority: &Authority,
    vtn: SocketAddr,
    arrivals: &Arc<Arrivals>,
) -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let vens: Outcome<Vec<_>> = vens
        .iter()
        .enumerate()
        .map(|(number, (name, issued))| {
            Ok(Arc::new(Ven {
                number,
                id: VenId::new(name)?,
                vtn,
                connector: client(issued, authority)?,
                connection: Mutex::default(),
            }))
        })
        .collect();
    let vens = vens?;
    let acceptor = server(own, authority)?;
    tokio::spawn(listen(
        listener,
        acceptor,
        vens.clone(),
        Arc::clone(arrivals),
    ));
    for ven in &vens {
        let url = format!("https://{address}/{}", ven.number);
        let message = registration(ven.id.as_str(), TransportName::SimpleHttp, &url)?;
        let reply = ven.ask("EiRegisterParty", &message).await?;
        require_success(Some(&reply))?;
    }
    Ok(())
}

async fn listen(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    vens: Vec<Arc<Ven>>,
    arrivals: Arc<Arrivals>,
) {
    let vens = Arc::new(vens);
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, vens, arrivals) =
            (acceptor.clone(), Arc::clone(&vens), Arc::clone(&arrivals));
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let service = service_fn(|request| answer(request, &vens, &arrivals));
            // The VTN closes what it does not need any more.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// A push: its path begins with the VEN's number.
async fn answer(
    request: Request<Incoming>,
    vens: &[Arc<Ven>],
    arrivals: &Arc<Arrivals>,
) -> Outcome<Response<Full<Bytes>>> {
    let number = request.uri().path().split('/').nth(1).unwrap_or_default();
    let number: usize = number.parse()?;
    let ven = vens.get(number).ok_or("nobody of this number")?;
    let body = request.into_body().collect().await?.to_bytes();
    let message = decode(&body, &DecodeOptions::default())?.message;
    let said = arrivals.came(number, &ven.id, message);
    if let Some(later) = said.later {
        let (ven, arrivals) = (Arc::clone(ven), Arc::clone(arrivals));
        tokio::spawn(async move {
            let reply = ven.ask("EiEvent", &later).await;
            arrivals.replied(number, reply.map(drop));
        });
    }
    let body = said.reply.map(|reply| encode(&reply)).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    let xml = HeaderValue::from_static("application/xml");
    response.headers_mut().insert(CONTENT_TYPE, xml);
    Ok(response)
}

impl Ven {
    /// A request over the connection there is, or over a new one.
    async fn ask(&self, service: &str, message: &Message) -> Outcome<Message> {
        let request = crate::posts::request(service, &encode(message));
        let mut connection = self.connection.lock().await;
        if let Some(stream) = connection.as_mut()
            && let Ok(reply) = exchange(stream, &request).await
        {
            return Ok(decode(&reply, &DecodeOptions::default())?.message);
        }
        let stream = TcpStream::connect(self.vtn).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(self.vtn.ip().into());
        let stream = self.connector.connect(name, stream).await?;
        let reply = exchange(connection.insert(stream), &request).await?;
        Ok(decode(&reply, &DecodeOptions::default())?.message)
    }
}

/// One request and the body of its reply, which must be a 200.
async fn exchange(stream: &mut TlsStream<TcpStream>, request: &[u8]) -> Outcome<Vec<u8>> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut buffer = Vec::with_capacity(2_048);
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err("the VTN closed the connection".into());
        }
        if let Some((head, length)) = crate::posts::head(&buffer)?
            && buffer.len() >= head + length
        {
            return Ok(buffer.split_off(head));
        }
    }
}

fn client(own: &Issued, authority: &Authority) -> Outcome<TlsConnector> {
    let config = client_config(own, authority)?;
    Ok(TlsConnector::from(config))
}

/// Shows this certificate, and believes the authority's.
pub(crate) fn client_config(own: &Issued, authority: &Authority) -> Outcome<Arc<ClientConfig>> {
    let config = ClientConfig::builder()
        .with_root_certificates(roots(authority)?)
        .with_client_auth_cert(chain(own)?, PrivateKeyDer::from_pem_file(&own.key)?)?;
    Ok(Arc::new(config))
}

fn server(own: &Issued, authority: &Authority) -> Outcome<TlsAcceptor> {
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots(authority)?)).build()?;
    let config = ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain(own)?, PrivateKeyDer::from_pem_file(&own.key)?)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn roots(authority: &Authority) -> Outcome<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.certificate())?)?;
    Ok(roots)
}

fn chain(own: &Issued) -> Outcome<Vec<CertificateDer<'static>>> {
    Ok(vec![CertificateDer::from_pem_file(&own.certificate)?])
}
