//! Whoever answers for an endpoint: a test does, request by request; and messages to send.

use std::sync::{Arc, Mutex};

use oadr_core::Jid;
use oadr_core::codec::encode;
use oadr_core::payload::{
    EiResponse, Message, Poll, QueryRegistration, RequestReregistration, Response, ResponseCode,
};
use oadr_core::value::{RequestId, VenId};
use oadr_xmpp::{Forbidden, Handler, Notice, Reply, Request, Unsealed};
use tokio::sync::{mpsc, oneshot};

use crate::server::within;

pub(crate) struct Host {
    requests: mpsc::UnboundedSender<(Request, oneshot::Sender<Reply>)>,
    notices: mpsc::UnboundedSender<String>,
    heard: tokio::sync::Mutex<mpsc::UnboundedReceiver<(Request, oneshot::Sender<Reply>)>>,
    noticed: tokio::sync::Mutex<mpsc::UnboundedReceiver<String>>,
    /// Documents that hold this are forbidden.
    pub(crate) forbidden: Mutex<Option<&'static str>>,
}

impl Host {
    pub(crate) fn new() -> Arc<Self> {
        let (requests, heard) = mpsc::unbounded_channel();
        let (notices, noticed) = mpsc::unbounded_channel();
        Arc::new(Self {
            requests,
            notices,
            heard: heard.into(),
            noticed: noticed.into(),
            forbidden: Mutex::default(),
        })
    }

    /// The next request, and where its answer goes.
    pub(crate) async fn next(&self) -> (Request, oneshot::Sender<Reply>) {
        within(async { self.heard.lock().await.recv().await })
            .await
            .unwrap()
    }

    /// Whether no request has arrived.
    pub(crate) async fn is_idle(&self) -> bool {
        self.heard.lock().await.try_recv().is_err()
    }

    /// Waits for a notice that begins like this.
    pub(crate) async fn noticed(&self, beginning: &str) -> String {
        within(async {
            loop {
                let notice = self.noticed.lock().await.recv().await.unwrap();
                if notice.starts_with(beginning) {
                    return notice;
                }
            }
        })
        .await
    }
}

impl Handler for Host {
    fn admits(&self, from: &Jid) -> bool {
        from.account().local() != "stranger"
    }

    fn unseal(&self, _: &Jid, document: Vec<u8>) -> Result<Unsealed, Forbidden> {
        let forbidden = *self.forbidden.lock().unwrap();
        let text = String::from_utf8_lossy(&document);
        if forbidden.is_some_and(|part| text.contains(part)) {
            return Err(Forbidden);
        }
        Ok(Unsealed {
            octets: document,
            signature: None,
        })
    }

    async fn handle(&self, request: Request) -> Reply {
        let (reply, replied) = oneshot::channel();
        self.requests.send((request, reply)).unwrap();
        replied.await.unwrap()
    }

    fn notice(&self, notice: Notice<'_>) {
        let _ = self.notices.send(match notice {
            Notice::Refused { from, why } => format!("refused {from}: {why}"),
            Notice::Disconnected { error, .. } => format!("Disconnected: {error}"),
            other => format!("{other:?}"),
        });
    }
}

pub(crate) fn query(id: &str) -> Message {
    QueryRegistration {
        request_id: RequestId::new(id).unwrap(),
    }
    .into()
}

pub(crate) fn reregister() -> Message {
    RequestReregistration {
        ven_id: VenId::new("ven-1").unwrap(),
    }
    .into()
}

pub(crate) fn poll() -> Message {
    Poll {
        ven_id: VenId::new("ven-1").unwrap(),
    }
    .into()
}

/// An `oadrResponse` with so many bytes of description.
pub(crate) fn response(length: usize) -> Message {
    Response {
        ei_response: EiResponse {
            response_code: ResponseCode::OK,
            response_description: Some("x".repeat(length).parse().unwrap()),
            request_id: RequestId::new("r1").unwrap(),
        },
        ven_id: VenId::new("ven-1").ok(),
    }
    .into()
}

pub(crate) fn text(message: &Message) -> String {
    String::from_utf8(encode(message)).unwrap()
}
