//! The requests of VENs: how many, of which message, with which result, and how long they took.
//!
//! Knows nothing of how they are answered: it stands before the handler that does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use oadr_core::Peer;
use oadr_core::payload::{Message, MessageKind};
use oadr_core::value::ServiceName;
use oadr_http::{Forbidden, Handler, Notice, Reply, Request, Unsealed};

use super::Histogram;

/// What became of a message: a response code of ours, or the HTTP status of a request that got none.
const RESULTS: [&str; 25] = [
    "200", "450", "451", "452", "453", "454", "455", "456", "457", "458", "459", "460", "461",
    "462", "463", "464", "465", "466", "467", "468", "469", "403", "500", "503", "other",
];

pub(super) const OK: usize = 0;
pub(super) const FORBIDDEN: usize = 21;
pub(super) const FAILED: usize = 22;
pub(super) const UNAVAILABLE: usize = 23;
const OTHER: usize = 24;

/// Every status that the server gives, but for 200.
const STATUSES: [u16; 14] = [
    400, 401, 403, 404, 405, 406, 408, 413, 415, 429, 431, 500, 501, 503,
];

/// Of so many polls one is timed: to ask for the time twice can cost more than everything else that is
/// done here, and polls are nearly all there is. Other messages are all timed.
const TIMED_POLLS: u64 = 16;

/// Counts of requests, since the start.
#[derive(Debug)]
pub(crate) struct Requests {
    /// By service, message and result, in this order.
    messages: Box<[AtomicU64]>,
    /// Polls that have begun.
    polls: AtomicU64,
    /// By service.
    durations: Box<[Histogram]>,
    /// By status, others last.
    refusals: Box<[AtomicU64]>,
    /// Connections that could not be accepted.
    pub(crate) not_accepted: AtomicU64,
    /// Connections that were closed at once, because their peer has as many as it may.
    pub(crate) too_many: AtomicU64,
}

impl Default for Requests {
    fn default() -> Self {
        let zeros = |count: usize| (0..count).map(|_| AtomicU64::new(0)).collect();
        let services = ServiceName::ALL.len();
        Self {
            messages: zeros(services * MessageKind::ALL.len() * RESULTS.len()),
            polls: AtomicU64::new(0),
            durations: (0..services).map(|_| Histogram::of_durations()).collect(),
            refusals: zeros(STATUSES.len() + 1),
            not_accepted: AtomicU64::new(0),
            too_many: AtomicU64::new(0),
        }
    }
}

impl Requests {
    /// The time, if this message is to be timed.
    pub(super) fn begin(&self, service: ServiceName) -> Option<Instant> {
        let is_timed = match service {
            ServiceName::OadrPoll => {
                let before = self.polls.fetch_add(1, Ordering::Relaxed);
                before.is_multiple_of(TIMED_POLLS)
            }
            ServiceName::EiEvent
            | ServiceName::EiOpt
            | ServiceName::EiReport
            | ServiceName::EiRegisterParty => true,
        };
        is_timed.then(Instant::now)
    }

    /// Counts a message that was answered.
    pub(super) fn answered(
        &self,
        service: ServiceName,
        kind: MessageKind,
        result: usize,
        took: Option<Duration>,
    ) {
        let (service, kind) = (service as usize, kind as usize);
        let place = (service * MessageKind::ALL.len() + kind) * RESULTS.len() + result;
        if let Some(count) = self.messages.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if let (Some(took), Some(durations)) = (took, self.durations.get(service)) {
            durations.observe_duration(took);
        }
    }

    fn refused(&self, status: u16) {
        let place = STATUSES.iter().position(|known| *known == status);
        if let Some(count) = self.refusals.get(place.unwrap_or(STATUSES.len())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Service, message, result, and how many; what never was is left out.
    pub(crate) fn messages(&self) -> impl Iterator<Item = ([&'static str; 3], u64)> {
        let kinds = MessageKind::ALL;
        let places = ServiceName::ALL.iter().flat_map(move |service| {
            kinds
                .iter()
                .flat_map(move |kind| RESULTS.map(|result| [service.as_str(), kind.name(), result]))
        });
        let counts = self.messages.iter();
        places
            .zip(counts.map(|count| count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
    }

    /// How long it took to answer, by service.
    pub(crate) fn durations(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        let services = ServiceName::ALL.iter().map(|service| service.as_str());
        services.zip(&self.durations)
    }

    /// How many requests got which status instead of 200.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = (String, u64)> {
        let statuses = STATUSES.iter().map(ToString::to_string);
        let counts = self.refusals.iter();
        statuses
            .chain(["other".to_owned()])
            .zip(counts.map(|count| count.load(Ordering::Relaxed)))
    }
}

/// A handler whose requests are counted.
#[derive(Debug)]
pub(crate) struct Measured<H> {
    pub(super) handler: H,
    pub(super) requests: Arc<Requests>,
}

impl<H> Measured<H> {
    pub(crate) fn new(handler: H, requests: Arc<Requests>) -> Self {
        Self { handler, requests }
    }
}

impl<H: Handler> Handler for Measured<H> {
    fn unseal(
        &self,
        peer: &Peer,
        address: Option<SocketAddr>,
        document: Bytes,
    ) -> Result<Unsealed, Forbidden> {
        self.handler.unseal(peer, address, document)
    }

    async fn handle(&self, request: Request) -> Reply {
        let (service, kind) = (request.service, request.message.kind());
        let begun = self.requests.begin(service);
        let reply = self.handler.handle(request).await;
        let took = begun.map(|begun| begun.elapsed());
        let result = result(&reply);
        self.requests.answered(service, kind, result, took);
        reply
    }

    fn notice(&self, notice: Notice<'_>) {
        match &notice {
            Notice::Refused { failure, .. } => self.requests.refused(failure.status().as_u16()),
            Notice::TooMany { .. } => {
                self.requests.too_many.fetch_add(1, Ordering::Relaxed);
            }
            Notice::NotAccepted { .. } => {
                self.requests.not_accepted.fetch_add(1, Ordering::Relaxed);
            }
            // Counted elsewhere, by what is wrong with them.
            Notice::Connected { .. } | Notice::Handshake { .. } | Notice::NotAProxy { .. } | _ => {}
        }
        self.handler.notice(notice);
    }
}

/// The place in [`RESULTS`].
fn result(reply: &Reply) -> usize {
    match reply {
        Reply::Message(message) | Reply::Signed { message, .. } => result_of(message),
        Reply::Empty => OK,
        Reply::Forbidden => FORBIDDEN,
        Reply::Failed => FAILED,
        Reply::Unavailable { .. } => UNAVAILABLE,
    }
}

pub(super) fn result_of(message: &Message) -> usize {
    let Some(response) = message.ei_response() else {
        return OK;
    };
    let code = response.response_code;
    if code.is_success() {
        return OK;
    }
    match code.get() {
        code @ 450..=469 => usize::from(code - 449),
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use oadr_core::payload::{EiResponse, Response, ResponseCode};
    use oadr_core::value::RequestId;

    use super::*;

    fn reply(code: u16) -> Reply {
        let code = ResponseCode::new(code).unwrap();
        let response = Response {
            ei_response: EiResponse::new(code, "", RequestId::default()),
            ven_id: None,
        };
        Reply::Message(Box::new(Message::Response(response)))
    }

    #[test]
    fn every_place_is_that_of_its_name() {
        for (place, service) in ServiceName::ALL.iter().enumerate() {
            assert_eq!(*service as usize, place);
        }
        for (place, kind) in MessageKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, place);
        }
        let named = |reply: &Reply| RESULTS[result(reply)];
        for code in 450..=469 {
            assert_eq!(named(&reply(code)), code.to_string());
        }
        assert_eq!(named(&reply(200)), "200");
        assert_eq!(named(&reply(299)), "200");
        assert_eq!(named(&reply(470)), "other");
        assert_eq!(named(&Reply::Empty), "200");
        assert_eq!(named(&Reply::Forbidden), "403");
        assert_eq!(named(&Reply::Failed), "500");
        let retry_after = Duration::from_secs(1);
        assert_eq!(named(&Reply::Unavailable { retry_after }), "503");
    }

    #[test]
    fn messages_are_counted_where_they_are_read() {
        let requests = Requests::default();
        let took = Some(Duration::from_millis(3));
        let kind = MessageKind::Poll;
        for _ in 0..2 {
            requests.answered(ServiceName::OadrPoll, kind, 0, took);
        }
        requests.answered(ServiceName::EiReport, MessageKind::Response, 14, took);
        let counts: Vec<_> = requests.messages().collect();
        assert_eq!(
            counts,
            [
                (["EiReport", "oadrResponse", "463"], 1),
                (["OadrPoll", "oadrPoll", "200"], 2)
            ]
        );
        let durations: Vec<_> = requests
            .durations()
            .map(|(service, histogram)| (service, histogram.read().1))
            .filter(|(_, sum)| *sum > 0.0)
            .collect();
        assert_eq!(durations, [("EiReport", 0.003), ("OadrPoll", 0.006)]);
    }

    #[test]
    fn one_poll_of_sixteen_is_timed_and_every_other_message() {
        let requests = Requests::default();
        let timed = |service| {
            (0..64)
                .filter(|_| requests.begin(service).is_some())
                .count()
        };
        assert_eq!(timed(ServiceName::OadrPoll), 4);
        assert_eq!(timed(ServiceName::EiEvent), 64);
    }

    #[test]
    fn a_status_that_nobody_thought_of_is_counted_too() {
        let requests = Requests::default();
        for status in [406, 406, 418] {
            requests.refused(status);
        }
        let counts: Vec<_> = requests
            .refusals()
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(counts, [("406".to_owned(), 2), ("other".to_owned(), 1)]);
    }
}
