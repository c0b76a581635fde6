//! Many VENs on the wire: registered, with everything taken and answered that the VTN has for them.
//!
//! Knows nothing of what is measured.

use std::io;
use std::net::SocketAddr;

use oadr_core::codec::{DecodeOptions, decode, encode};
use oadr_core::payload::{
    CreatePartyRegistration, EiResponse, Message, MessageKind, Poll, RegisteredReport,
};
use oadr_core::value::{ProfileName, RequestId, Text, TransportName, VenId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::answers::opt_in;
use crate::posts::{head, request};

/// How many connections the VENs share.
pub(crate) const CONNECTIONS: usize = 32;

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Registers so many VENs and returns their IDs.
pub(crate) async fn register(address: SocketAddr, vens: usize) -> Outcome<Vec<VenId>> {
    let mut tasks = JoinSet::new();
    for part in 0..CONNECTIONS {
        tasks.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let mut ids = Vec::new();
            for n in (part..vens).step_by(CONNECTIONS) {
                ids.push((n, register_one(&mut stream, n).await?));
            }
            Outcome::Ok(ids)
        });
    }
    let mut ids = Vec::with_capacity(vens);
    while let Some(part) = tasks.join_next().await {
        ids.extend(part??);
    }
    ids.sort();
    Ok(ids.into_iter().map(|(_, id)| id).collect())
}

/// Lets all of them poll until the VTN has nothing more to say, and answer what it says.
pub(crate) async fn settle(address: SocketAddr, vens: &[VenId]) -> Outcome<()> {
    let mut tasks = JoinSet::new();
    for part in vens.chunks(vens.len().div_ceil(CONNECTIONS).max(1)) {
        let part = part.to_vec();
        tasks.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            for id in &part {
                settle_one(&mut stream, id).await?;
            }
            Outcome::Ok(())
        });
    }
    while let Some(part) = tasks.join_next().await {
        part??;
    }
    Ok(())
}

async fn register_one(stream: &mut TcpStream, n: usize) -> Outcome<VenId> {
    let create = Message::from(CreatePartyRegistration {
        request_id: RequestId::new("r")?,
        registration_id: None,
        ven_id: None,
        profile_name: ProfileName::B,
        transport_name: TransportName::SimpleHttp,
        transport_address: None,
        report_only: false,
        xml_signature: false,
        ven_name: Some(Text::new(format!("bench-{n}"))?),
        http_pull_model: Some(true),
    });
    let reply = ask(stream, "EiRegisterParty", &create).await?;
    let Message::CreatedPartyRegistration(created) = reply else {
        return Err(format!("registered, and got {}", reply.kind()).into());
    };
    Ok(created.ven_id.ok_or("no venID")?)
}

async fn settle_one(stream: &mut TcpStream, ven_id: &VenId) -> Outcome<()> {
    let poll = Message::from(Poll {
        ven_id: ven_id.clone(),
    });
    loop {
        let reply = ask(stream, "OadrPoll", &poll).await?;
        if let Message::RegisterReport(offer) = reply {
            let answer = RegisteredReport {
                ei_response: EiResponse::ok(offer.request_id),
                report_requests: Vec::new(),
                ven_id: Some(ven_id.clone()),
            };
            ask(stream, "EiReport", &answer.into()).await?;
        } else if let Message::DistributeEvent(distributed) = reply {
            let answer = opt_in(distributed, ven_id.clone());
            let reply = ask(stream, "EiEvent", &answer.into()).await?;
            if reply.kind() != MessageKind::Response {
                return Err(format!("answered an event, and got {}", reply.kind()).into());
            }
        } else if reply.kind() == MessageKind::Response {
            return Ok(());
        } else {
            return Err(format!("polled, and got {}", reply.kind()).into());
        }
    }
}

/// One message and its reply.
pub(crate) async fn ask(
    stream: &mut TcpStream,
    service: &str,
    message: &Message,
) -> Outcome<Message> {
    let reply = exchange(stream, &request(service, &encode(message))).await?;
    Ok(decode(&reply, &DecodeOptions::default())?.message)
}

/// One request and the body of its reply, which must be a 200.
pub(crate) async fn exchange(stream: &mut TcpStream, request: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(request).await?;
    let mut buffer = Vec::with_capacity(2_048);
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some((head, length)) = head(&buffer)? {
            while buffer.len() < head + length {
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            return Ok(buffer.split_off(head));
        }
    }
}
