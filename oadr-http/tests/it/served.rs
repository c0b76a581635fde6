//! A server of the crate with a handler that a test scripts.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use oadr_core::payload::Message;
use oadr_http::{Handler, Notice, Reply, Request, Server, ServerConfig};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::documents::{message, response};

/// Answers every request alike and remembers what it was asked.
pub(crate) struct Fixed {
    /// `None`: it panics.
    answer: Option<Reply>,
    /// Requests wait here for a permit each, so that a test can hold them back.
    pub(crate) barrier: Semaphore,
    /// One permit for each request that arrived.
    pub(crate) arrived: Semaphore,
    /// One permit for each request that was handled to its end.
    pub(crate) finished: Semaphore,
    /// One permit for each notice.
    pub(crate) noticed: Semaphore,
    requests: Mutex<Vec<Request>>,
    notices: Mutex<Vec<String>>,
}

impl Fixed {
    pub(crate) fn replying(reply: Reply) -> Arc<Self> {
        Self::new(Some(reply), Semaphore::MAX_PERMITS)
    }

    pub(crate) fn panicking() -> Arc<Self> {
        Self::new(None, Semaphore::MAX_PERMITS)
    }

    /// Replies only when the test adds a permit to the barrier.
    pub(crate) fn held_back() -> Arc<Self> {
        Self::new(Some(Reply::Message(Box::new(plain()))), 0)
    }

    fn new(answer: Option<Reply>, permits: usize) -> Arc<Self> {
        Arc::new(Self {
            answer,
            barrier: Semaphore::new(permits),
            arrived: Semaphore::new(0),
            finished: Semaphore::new(0),
            noticed: Semaphore::new(0),
            requests: Mutex::default(),
            notices: Mutex::default(),
        })
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The notices so far, as `status: explanation`.
    pub(crate) fn notices(&self) -> Vec<String> {
        self.notices.lock().unwrap().clone()
    }
}

impl Handler for Fixed {
    fn handle(&self, request: Request) -> impl Future<Output = Reply> + Send {
        self.requests.lock().unwrap().push(request);
        self.arrived.add_permits(1);
        async {
            self.barrier.acquire().await.unwrap().forget();
            self.finished.add_permits(1);
            match &self.answer {
                Some(reply) => reply.clone(),
                None => panic!("on purpose"),
            }
        }
    }

    fn notice(&self, notice: Notice<'_>) {
        let line = match notice {
            Notice::Refused { failure, .. } => format!("{}: {failure}", failure.status().as_u16()),
            Notice::TooMany { peer, .. } => format!("too many connections of {peer:?}"),
            Notice::NotAProxy { address } => format!("{} is no proxy", address.ip()),
            Notice::NotAccepted { error } => error.to_string(),
            Notice::Connected { peer, .. } => format!("connected: {peer:?}"),
            Notice::Handshake { error, .. } => format!("handshake: {error}"),
            _ => "a new kind of notice".to_owned(),
        };
        self.notices.lock().unwrap().push(line);
        self.noticed.add_permits(1);
    }
}

/// An oadrResponse as short as it gets.
pub(crate) fn plain() -> Message {
    message(&response("OK"))
}

/// A server at work.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) server: Server<Arc<Fixed>>,
}

/// Starts a server for a handler.
pub(crate) async fn served(handler: &Arc<Fixed>, config: ServerConfig) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(Arc::clone(handler), config);
    tokio::spawn({
        let server = server.clone();
        async move { server.accept(&listener).await }
    });
    Served { address, server }
}

/// Starts one that answers every message with a short oadrResponse.
pub(crate) async fn answering() -> (Served, Arc<Fixed>) {
    let handler = Fixed::replying(Reply::Message(Box::new(plain())));
    (served(&handler, ServerConfig::default()).await, handler)
}
