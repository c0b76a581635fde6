//! VENs that are pushed to, and do only what the test says, well or badly.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oadr::vtn::{Config, PushConfig};
use oadr_core::codec::{DecodeOptions, decode, encode};
use oadr_core::payload::{
    CanceledPartyRegistration, CreatePartyRegistration, EiResponse, Message, MessageKind,
    RegisteredReport, Response,
};
use oadr_core::value::{RequestId, Text};
use oadr_core::vtn::Admission;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::served::{settings, within};
use crate::wire::create;

/// How a VEN takes what is pushed to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it should: events with an empty 200.
    Well,
    /// Events with an empty 204 (quirk Q19).
    NoContent,
    /// With this status, and a place to go to.
    Status(u16),
    /// With a 200 and no XML.
    Garbage,
    /// With no HTTP.
    NoHttp,
    /// It closes the connection.
    Closes,
    /// Not at all.
    Silent,
}

/// What was pushed.
#[derive(Debug)]
pub(crate) struct Pushed {
    /// `/house/OpenADR2/Simple/2.0b/EiEvent`.
    pub(crate) path: String,
    /// The head in lower case.
    pub(crate) head: String,
    pub(crate) message: Message,
}

/// A listener for VENs, each below its own prefix.
pub(crate) struct PushVens {
    pub(crate) address: SocketAddr,
    pushed: mpsc::UnboundedReceiver<Pushed>,
    serving: JoinHandle<()>,
}

impl Drop for PushVens {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl PushVens {
    /// One VEN, or all alike.
    pub(crate) async fn new(manner: Manner) -> Self {
        Self::with(move |_| manner).await
    }

    /// With manners by path.
    pub(crate) async fn with(manners: impl Fn(&str) -> Manner + Send + Sync + 'static) -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), manners).await
    }

    pub(crate) async fn at(
        address: SocketAddr,
        manners: impl Fn(&str) -> Manner + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, pushed) = mpsc::unbounded_channel();
        let manners = Arc::new(manners);
        let serving = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (tell, manners) = (tell.clone(), Arc::clone(&manners));
                connections.spawn(async move {
                    // Whoever closes does not matter.
                    let _ = serve(stream, &*manners, &tell).await;
                });
            }
        });
        Self {
            address,
            pushed,
            serving,
        }
    }

    /// Where a VEN of this prefix is pushed to.
    pub(crate) fn url(&self, prefix: &str) -> String {
        format!("http://{}/{prefix}", self.address)
    }

    /// What is pushed next, to anybody.
    pub(crate) async fn next(&mut self) -> Pushed {
        within("a push", self.pushed.recv()).await.unwrap()
    }

    /// The next message of this kind.
    pub(crate) async fn next_of(&mut self, kind: MessageKind) -> Pushed {
        loop {
            let pushed = self.next().await;
            if pushed.message.kind() == kind {
                return pushed;
            }
        }
    }

    /// Is not there any more: its address is free.
    pub(crate) async fn leave(mut self) -> SocketAddr {
        self.serving.abort();
        let _ = (&mut self.serving).await;
        self.address
    }

    /// Whether nothing was pushed that the test has not seen.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.pushed.try_recv().is_err()
    }
}

async fn serve(
    mut stream: TcpStream,
    manners: &(dyn Fn(&str) -> Manner + Send + Sync),
    tell: &mpsc::UnboundedSender<Pushed>,
) -> std::io::Result<()> {
    let mut octets = Vec::new();
    loop {
        let (head, body) = loop {
            if let Some(request) = split(&mut octets) {
                break request;
            }
            if stream.read_buf(&mut octets).await? == 0 {
                return Ok(());
            }
        };
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let message = decode(&body, &DecodeOptions::default()).unwrap().message;
        let reply = match manners(&path) {
            manner @ (Manner::Well | Manner::NoContent) => well(&message, manner),
            Manner::Status(status) => format!(
                "HTTP/1.1 {status} Because\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
            )
            .into_bytes(),
            Manner::Garbage => said("HTTP/1.1 200 OK", b"<html>It works!</html>"),
            Manner::NoHttp => b"220 smtp.example ESMTP\r\n".to_vec(),
            Manner::Closes => Vec::new(),
            Manner::Silent => {
                let _ = tell.send(pushed(path, head, message));
                return std::future::pending().await;
            }
        };
        let ends = reply.is_empty();
        let _ = tell.send(pushed(path, head, message));
        stream.write_all(&reply).await?;
        if ends {
            return Ok(());
        }
    }
}

fn pushed(path: String, head: String, message: Message) -> Pushed {
    let head = head.to_ascii_lowercase();
    Pushed {
        path,
        head,
        message,
    }
}

/// Takes the first request out of what was read, if it is there whole.
fn split(octets: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(octets[..end].to_vec()).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().unwrap())
    })?;
    if octets.len() < end + length {
        return None;
    }
    let body = octets[end..end + length].to_vec();
    octets.drain(..end + length);
    Some((head, body))
}

fn said(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("{status}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn well(message: &Message, manner: Manner) -> Vec<u8> {
    match reply(message) {
        Some(reply) => said("HTTP/1.1 200 OK", &encode(&reply)),
        None if manner == Manner::NoContent => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        None => said("HTTP/1.1 200 OK", b""),
    }
}

/// What a VEN replies (spec §1.4).
pub(crate) fn reply(message: &Message) -> Option<Message> {
    if let Message::RegisterReport(offer) = message {
        let reply = RegisteredReport {
            ei_response: EiResponse::ok(offer.request_id.clone()),
            report_requests: Vec::new(),
            ven_id: offer.ven_id.clone(),
        };
        return Some(reply.into());
    }
    if let Message::CancelPartyRegistration(cancel) = message {
        let reply = CanceledPartyRegistration {
            ei_response: EiResponse::ok(cancel.request_id.clone()),
            registration_id: Some(cancel.registration_id.clone()),
            ven_id: cancel.ven_id.clone(),
        };
        return Some(reply.into());
    }
    if let Message::RequestReregistration(again) = message {
        let reply = Response {
            ei_response: EiResponse::ok(RequestId::default()),
            ven_id: Some(again.ven_id.clone()),
        };
        return Some(reply.into());
    }
    let is_event = matches!(message, Message::DistributeEvent(_));
    assert!(is_event, "not pushed in these tests: {message:?}");
    None
}

/// Settings of a VTN that pushes to this machine, and gives up soon.
pub(crate) fn pushing(data: &Path, admission: Admission) -> Config {
    let mut push = PushConfig::default();
    push.networks = vec!["127.0.0.0/8".parse().unwrap()];
    push.plain_http = true;
    // Only who never answers is waited for so long.
    push.timeout = Duration::from_secs(5);
    push.give_up_after = oadr_core::value::Duration::seconds(3);
    Config {
        push: Some(push),
        ..settings(data, admission)
    }
}

/// The registration of a VEN that is pushed to here.
pub(crate) fn create_pushed(name: &str, url: &str) -> CreatePartyRegistration {
    CreatePartyRegistration {
        transport_address: Some(Text::new(url).unwrap()),
        http_pull_model: Some(false),
        ..create(name)
    }
}
