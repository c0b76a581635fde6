//! What a session and those who use it share: what goes out, and who waits for which answer.
//!
//! Knows nothing of connections, nor of what the stanzas are about.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oadr_core::Jid;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::stanza::{Head, Iq};
use crate::write::{self, Kind};
use crate::{Config, SendError};

/// What a slow line takes in a second, in bytes: a request that is longer has more time.
const A_SECOND: usize = 8 * 1024;

/// What goes out on a session.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Stanza(Vec<u8>),
    /// A stanza, and who wants to know when the connection has taken all of it.
    Request(Vec<u8>, oneshot::Sender<()>),
    /// The last that is said.
    End(Vec<u8>),
}

/// A session that is up: where stanzas go out.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    outgoing: mpsc::Sender<Outgoing>,
    /// The longest stanza that may go out.
    pub(crate) longest: usize,
}

impl Session {
    /// With room for so many stanzas that wait to be written.
    pub(crate) fn new(room: usize, longest: usize) -> (Self, mpsc::Receiver<Outgoing>) {
        let (outgoing, waiting) = mpsc::channel(room);
        (Self { outgoing, longest }, waiting)
    }

    /// Sends a stanza, once there is room; whether there still is a session.
    pub(crate) async fn send(&self, stanza: Vec<u8>) -> bool {
        self.outgoing.send(Outgoing::Stanza(stanza)).await.is_ok()
    }

    /// Sends a stanza, and waits until the connection has taken it; whether there still is a session.
    async fn hand_over(&self, stanza: Vec<u8>) -> bool {
        let (taken, is_taken) = oneshot::channel();
        let request = Outgoing::Request(stanza, taken);
        self.outgoing.send(request).await.is_ok() && is_taken.await.is_ok()
    }

    pub(crate) async fn end(&self, last: Vec<u8>) {
        let _ = self.outgoing.send(Outgoing::End(last)).await;
    }
}

/// Whom a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Addressee {
    Peer(Jid),
    /// A domain: a server, our own or another.
    Domain(String),
}

impl Addressee {
    fn text(&self) -> String {
        match self {
            Self::Peer(jid) => jid.to_string(),
            Self::Domain(domain) => domain.clone(),
        }
    }

    /// Whether this answer comes from where it must. Our own server may leave out who it is.
    fn is(&self, from: Option<&str>, own: &Jid) -> bool {
        match (self, from) {
            (Self::Peer(jid), Some(from)) => from.parse::<Jid>().is_ok_and(|from| from == *jid),
            (Self::Peer(_), None) => false,
            (Self::Domain(domain), Some(from)) => from.eq_ignore_ascii_case(domain),
            (Self::Domain(domain), None) => domain.eq_ignore_ascii_case(own.account().domain()),
        }
    }
}

/// The sessions of an endpoint, one after the other.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) config: Config,
    session: Mutex<Option<Session>>,
    waiting: Mutex<BTreeMap<String, Waiting>>,
    /// No answer came: the session may be dead.
    pub(crate) doubted: Notify,
    /// What the IDs of this process begin with: an answer to another is none to us.
    run: u64,
    count: AtomicU64,
}

#[derive(Debug)]
struct Waiting {
    addressee: Addressee,
    answer: oneshot::Sender<Result<Iq, SendError>>,
}

/// Nobody waits any more, however it ends.
struct Ticket<'a> {
    link: &'a Link,
    id: String,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        lock(&self.link.waiting).remove(&self.id);
    }
}

impl Link {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        Arc::new(Self {
            config,
            session: Mutex::default(),
            waiting: Mutex::default(),
            doubted: Notify::new(),
            run: random(),
            count: AtomicU64::new(0),
        })
    }

    pub(crate) fn session(&self) -> Option<Session> {
        lock(&self.session).clone()
    }

    pub(crate) fn up(&self, session: Session) {
        *lock(&self.session) = Some(session);
    }

    /// There is no session any more. Nobody waits in vain; the other end of what goes out is gone by now.
    pub(crate) fn down(&self) {
        *lock(&self.session) = None;
        lock(&self.waiting).clear();
    }

    pub(crate) fn new_id(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("{:x}-{count:x}", self.run)
    }

    /// Sends a request and waits for its answer: a result, or an error as such. The answer's time begins
    /// when the connection has taken the request: neither our own queue nor a slow line spends it.
    pub(crate) async fn ask(
        &self,
        addressee: Addressee,
        kind: Kind,
        content: &[u8],
    ) -> Result<Iq, SendError> {
        let session = self.session().ok_or(SendError::NotConnected)?;
        let id = self.new_id();
        let stanza = write::iq(kind, &id, Some(&addressee.text()), content);
        if stanza.len() > session.longest {
            return Err(SendError::TooLong {
                length: stanza.len(),
                limit: session.longest,
            });
        }
        let (answer, answered) = oneshot::channel();
        let ticket = Ticket { link: self, id };
        let waiting = Waiting { addressee, answer };
        lock(&self.waiting).insert(ticket.id.clone(), waiting);
        let after = self.answer_within(stanza.len());
        // What waits in a queue for ever is of no use either.
        let in_all = after.saturating_add(self.config.answer_timeout);
        let patience = async {
            if !session.hand_over(stanza).await {
                return SendError::NotConnected;
            }
            sleep(after).await;
            SendError::TimedOut { after }
        };
        let patience = timeout(in_all, patience);
        let answer = tokio::select! {
            biased;
            answer = answered => answer.unwrap_or(Err(SendError::NotConnected))?,
            over = patience => {
                let error = over.unwrap_or(SendError::TimedOut { after: in_all });
                if matches!(error, SendError::TimedOut { .. }) {
                    self.doubted.notify_one();
                }
                return Err(error);
            }
        };
        if answer.head.kind == Kind::Result {
            return Ok(answer);
        }
        let failure = answer.failure();
        Err(SendError::Stanza {
            from: answer.head.from.unwrap_or_default(),
            condition: failure.condition,
            kind: failure.kind,
            text: failure.text,
        })
    }

    /// How long the answer to a request of so many bytes may take: longer, if the request is long, for what
    /// the connection has taken may still be on its way.
    fn answer_within(&self, length: usize) -> Duration {
        let seconds = u64::try_from(length / A_SECOND).unwrap_or(u64::MAX);
        let more = Duration::from_secs(seconds);
        self.config.answer_timeout.saturating_add(more)
    }

    /// An answer arrived.
    pub(crate) fn answered(&self, iq: Iq) {
        if let Some(asker) = self.asker(&iq.head) {
            let _ = asker.send(Ok(iq));
        }
    }

    /// An answer arrived that is too long to be read. Another one will not come.
    pub(crate) fn too_long(&self, head: &Head) {
        if let Some(asker) = self.asker(head) {
            let limit = self.config.longest_stanza;
            let _ = asker.send(Err(SendError::AnswerTooLong { limit }));
        }
    }

    /// Who waits for an answer. What nobody waits for, or comes from somebody else than was asked, is
    /// nothing.
    fn asker(&self, head: &Head) -> Option<oneshot::Sender<Result<Iq, SendError>>> {
        let mut all = lock(&self.waiting);
        let waiting = all.get(&head.id)?;
        let from = head.from.as_deref();
        if !waiting.addressee.is(from, &self.config.jid) {
            return None;
        }
        all.remove(&head.id).map(|waiting| waiting.answer)
    }
}

/// A number that nobody else has, and that nobody can guess.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spec_5_4_an_answer_comes_from_whom_was_asked() {
        let own: Jid = "ven1@d.example/client".parse().unwrap();
        let peer = Addressee::Peer("vtn@d.example/EiEvent".parse().unwrap());
        assert!(peer.is(Some("VTN@D.example/EiEvent"), &own));
        for other in [
            None,
            Some("vtn@d.example"),
            Some("vtn@d.example/eievent"),
            Some("d.example"),
        ] {
            assert!(!peer.is(other, &own), "{other:?}");
        }
        let server = Addressee::Domain("d.example".into());
        assert!(server.is(Some("D.example"), &own));
        assert!(server.is(None, &own));
        assert!(!server.is(Some("ven2@d.example/x"), &own));
        assert!(!Addressee::Domain("e.example".into()).is(None, &own));
    }
}
