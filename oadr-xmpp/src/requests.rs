//! What peers ask of an endpoint: who may, in which order it is worked off, and what is answered
//! (spec §5.5).
//!
//! Knows nothing of streams; what a message means is the handler's business.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oadr_core::codec::encode;
use oadr_core::payload::MessageKind;
use oadr_core::{BareJid, Jid};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::discovery;
use crate::link::{Session, lock};
use crate::session::Requests;
use crate::stanza::{Child, Head, Iq};
use crate::write::{self, Kind, StanzaError};
use crate::{Config, Handler, Notice, Refused, Reply, Request, Role, Unsealed};

/// How many requests of one account may wait or be worked off, so that nobody takes the place of all.
const MOST_PER_PEER: usize = 16;
/// How much those of all may take, in bytes; there is always room for one.
const MOST_MEMORY: usize = 64 << 20;
/// How long those that are being worked off have at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
/// The namespaces of OpenADR 2.0a and 2.0b begin with this.
const OPENADR: &str = "http://openadr.org/oadr-2.0";

/// Works off the requests of peers, those of one account in order.
pub(crate) struct Inbox<H> {
    config: Config,
    handler: Arc<H>,
    queues: Mutex<Queues>,
    /// Told of each request that is done.
    done: Notify,
    /// `true`: nothing is worked off any more.
    is_over: watch::Sender<bool>,
}

#[derive(Default)]
struct Queues {
    /// Nothing comes to those that are here any more.
    is_closed: bool,
    /// An account that is here has somebody who works for it.
    waiting: BTreeMap<BareJid, VecDeque<Work>>,
    /// How many wait or are worked off, in all and of each account that is in `waiting`.
    count: usize,
    counts: BTreeMap<BareJid, usize>,
    /// The bytes of their documents.
    memory: usize,
}

/// A request of a peer that may ask.
struct Work {
    from: Jid,
    id: String,
    document: Vec<u8>,
    session: Session,
}

/// What becomes of a request.
enum Answer {
    Result(Vec<u8>),
    Error(StanzaError, Option<String>),
}

impl<H: Handler> Inbox<H> {
    pub(crate) fn new(config: Config, handler: Arc<H>) -> Arc<Self> {
        Arc::new(Self {
            config,
            handler,
            queues: Mutex::default(),
            done: Notify::new(),
            is_over: watch::channel(false).0,
        })
    }

    /// Says no to a request.
    async fn refuse(&self, head: &Head, session: &Session, error: StanzaError, why: &Refused) {
        self.notice(head.from.as_deref().unwrap_or_default(), why);
        reply_error(head, session, error, None).await;
    }

    fn notice(&self, from: &str, why: &Refused) {
        self.handler.notice(Notice::Refused { from, why });
    }

    /// Who sent it, if he may ask anything.
    fn admitted(&self, head: &Head) -> Option<Jid> {
        let from: Jid = head.from.as_ref()?.parse().ok()?;
        self.handler.admits(&from).then_some(from)
    }

    /// Whether our own server sent it: nobody else can leave out who he is, or be our account or its domain.
    fn is_server(&self, head: &Head) -> bool {
        let account = self.config.jid.account();
        match head.from.as_deref() {
            None => true,
            Some(from) => {
                from.eq_ignore_ascii_case(account.domain())
                    || from.parse::<BareJid>().as_ref() == Ok(account)
            }
        }
    }

    /// Puts it at the end of its account's queue. `false`: there is too much already, or it is the end.
    fn queue(self: &Arc<Self>, work: Work) -> bool {
        let account = work.from.account().clone();
        let mut queues = lock(&self.queues);
        let own = queues.counts.get(&account).copied().unwrap_or_default();
        let memory = queues.memory.saturating_add(work.document.len());
        if queues.is_closed
            || queues.count >= self.config.most_at_once
            || own >= MOST_PER_PEER
            || (memory > MOST_MEMORY && queues.count > 0)
        {
            return false;
        }
        queues.count = queues.count.saturating_add(1);
        queues.memory = memory;
        queues.counts.insert(account.clone(), own.saturating_add(1));
        if let Some(queue) = queues.waiting.get_mut(&account) {
            queue.push_back(work);
        } else {
            queues
                .waiting
                .insert(account.clone(), VecDeque::from([work]));
            drop(queues);
            tokio::spawn(Arc::clone(self).work_off(account));
        }
        true
    }

    /// One after the other, until this account's queue is empty.
    async fn work_off(self: Arc<Self>, account: BareJid) {
        while let Some(work) = self.next(&account) {
            let length = work.document.len();
            let Work { from, id, .. } = &work;
            let (session, to, id) = (work.session.clone(), from.to_string(), id.clone());
            let inbox = Arc::clone(&self);
            // A task of its own: a panic ends no other request. It ends when it is not waited for.
            let mut answering = JoinSet::new();
            answering.spawn(async move { inbox.answer(work).await });
            let answered = tokio::select! {
                answered = answering.join_next() => answered,
                () = self.over() => return,
            };
            let answer = match answered {
                Some(Ok(answer)) => answer,
                Some(Err(_)) | None => Answer::Error(StanzaError::INTERNAL, None),
            };
            let stanza = match &answer {
                Answer::Result(document) => {
                    let stanza = write::iq(Kind::Result, &id, Some(&to), document);
                    if stanza.len() > session.longest {
                        let why = Refused::ReplyTooLong {
                            length: stanza.len(),
                            limit: session.longest,
                        };
                        self.notice(&to, &why);
                        write::error(&id, Some(&to), StanzaError::INTERNAL, None)
                    } else {
                        stanza
                    }
                }
                Answer::Error(error, text) => write::error(&id, Some(&to), *error, text.as_deref()),
            };
            let _ = session.send(stanza).await;
            self.done(&account, length);
        }
    }

    /// The next of this account; if there is none, nobody works for it any more.
    fn next(&self, account: &BareJid) -> Option<Work> {
        let mut queues = lock(&self.queues);
        let next = queues.waiting.get_mut(account)?.pop_front();
        if next.is_none() {
            queues.waiting.remove(account);
        }
        next
    }

    fn done(&self, account: &BareJid, length: usize) {
        let mut queues = lock(&self.queues);
        queues.count = queues.count.saturating_sub(1);
        queues.memory = queues.memory.saturating_sub(length);
        if let Some(own) = queues.counts.get_mut(account) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                queues.counts.remove(account);
            }
        }
        drop(queues);
        self.done.notify_one();
    }

    /// When nothing is to be worked off any more.
    async fn over(&self) {
        // The sender is ours.
        let _ = self.is_over.subscribe().wait_for(|is_over| *is_over).await;
    }

    /// Until all that came is done.
    async fn empty(&self) {
        while lock(&self.queues).count > 0 {
            self.done.notified().await;
        }
    }

    async fn answer(&self, work: Work) -> Answer {
        let Work { from, document, .. } = work;
        let refused = |error: StanzaError, why: Refused| {
            self.notice(&from.to_string(), &why);
            Answer::Error(error, None)
        };
        let unsealed = self.handler.unseal(&from, document);
        let Ok(unsealed) = unsealed else {
            return refused(StanzaError::FORBIDDEN, Refused::Forbidden);
        };
        let decoded = match unsealed.decode(&self.config.decode) {
            Ok(decoded) => decoded,
            Err(error) => {
                let why = error.to_string();
                self.notice(&from.to_string(), &Refused::Unreadable(why.clone()));
                return Answer::Error(StanzaError::BAD_REQUEST, Some(why));
            }
        };
        let Unsealed { octets, signature } = unsealed;
        let kind = decoded.message.kind();
        if !is_for(&self.config.role, kind) {
            return refused(StanzaError::NOT_ALLOWED, Refused::NotForUs(kind));
        }
        let request = Request {
            from: from.clone(),
            profile: decoded.profile,
            message: decoded.message,
            signature,
            drifts: decoded.drifts,
            octets,
        };
        match self.handler.handle(request).await {
            Reply::Message(message) => Answer::Result(encode(&message)),
            Reply::Signed { document, .. } => Answer::Result(document),
            Reply::Empty => Answer::Result(Vec::new()),
            Reply::Forbidden => refused(StanzaError::FORBIDDEN, Refused::Forbidden),
            Reply::Unavailable { retry_after } => {
                let text = format!("try again in {} s", retry_after.as_secs());
                Answer::Error(StanzaError::RESOURCE_CONSTRAINT, Some(text))
            }
            Reply::Failed => Answer::Error(StanzaError::INTERNAL, None),
        }
    }
}

/// The requests of the sessions of an endpoint.
pub(crate) struct Served<H>(pub(crate) Arc<Inbox<H>>);

impl<H: Handler> Requests for Served<H> {
    async fn request(&self, iq: Iq, session: &Session) {
        let inbox = &self.0;
        let Iq { head, children } = iq;
        let from = inbox.admitted(&head);
        if from.is_none() && !inbox.is_server(&head) {
            let why = Refused::Stranger;
            return inbox
                .refuse(&head, session, StanzaError::FORBIDDEN, &why)
                .await;
        }
        // RFC 6120 §8.2.3: exactly one child. A second one could be what a gateway should have added.
        let Ok([child]) = <[Child; 1]>::try_from(children) else {
            let why = Refused::Unreadable("not exactly one element in the IQ".to_owned());
            return inbox
                .refuse(&head, session, StanzaError::BAD_REQUEST, &why)
                .await;
        };
        match from {
            Some(from) if head.kind == Kind::Set && child.namespace.starts_with(OPENADR) => {
                let work = Work {
                    from,
                    id: head.id.clone(),
                    document: child.document,
                    session: session.clone(),
                };
                if !inbox.queue(work) {
                    let why = Refused::TooMany;
                    let error = StanzaError::RESOURCE_CONSTRAINT;
                    inbox.refuse(&head, session, error, &why).await;
                }
            }
            _ if head.kind == Kind::Get => match discovery::answer(&inbox.config, &child) {
                Ok(content) => {
                    let to = head.from.as_deref();
                    let stanza = write::iq(Kind::Result, &head.id, to, &content);
                    let _ = session.send(stanza).await;
                }
                Err(error) => reply_error(&head, session, error, None).await,
            },
            _ => reply_error(&head, session, StanzaError::SERVICE_UNAVAILABLE, None).await,
        }
    }

    async fn too_long(&self, head: Head, session: &Session) {
        let inbox = &self.0;
        let (error, why) = if inbox.admitted(&head).is_some() {
            let limit = inbox.config.longest_stanza;
            (StanzaError::POLICY_VIOLATION, Refused::TooLong { limit })
        } else {
            (StanzaError::FORBIDDEN, Refused::Stranger)
        };
        inbox.refuse(&head, session, error, &why).await;
    }

    async fn finish(&self) {
        let inbox = &self.0;
        lock(&inbox.queues).is_closed = true;
        tokio::select! {
            _ = timeout(LAST_ANSWERS, inbox.empty()) => {}
            () = inbox.over() => {}
        }
        inbox.is_over.send_replace(true);
    }
}

async fn reply_error(head: &Head, session: &Session, error: StanzaError, text: Option<&str>) {
    let stanza = write::error(&head.id, head.from.as_deref(), error, text);
    let _ = session.send(stanza).await;
}

/// Whether this side may be sent a message: as a request, or as a reply that comes by itself (§5.4).
fn is_for(role: &Role, kind: MessageKind) -> bool {
    use MessageKind as K;
    match kind {
        // rule 507: XMPP pushes; nobody polls.
        K::Poll => false,
        K::QueryRegistration
        | K::CreatePartyRegistration
        | K::RequestEvent
        | K::CreatedEvent
        | K::CreateOpt
        | K::CancelOpt => *role == Role::Vtn,
        K::CreatedPartyRegistration
        | K::RequestReregistration
        | K::DistributeEvent
        | K::CreatedOpt
        | K::CanceledOpt => *role == Role::Ven,
        K::CancelPartyRegistration
        | K::CanceledPartyRegistration
        | K::Response
        | K::RegisterReport
        | K::RegisteredReport
        | K::CreateReport
        | K::CreatedReport
        | K::UpdateReport
        | K::UpdatedReport
        | K::CancelReport
        | K::CanceledReport => true,
    }
}
