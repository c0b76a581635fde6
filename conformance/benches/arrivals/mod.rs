//! What arrived at many VENs, and when; and what a VEN says to what arrives.
//!
//! Knows nothing of how it came.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use oadr_core::payload::{CreatePartyRegistration, EiResponse, Message, RegisteredReport};
use oadr_core::value::{EventId, ProfileName, RequestId, Text, TransportName, VenId};
use tokio::sync::Notify;

use crate::answers::opt_in;

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Everything that arrived.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// When each version of an event (its modificationNumber) arrived at each VEN for the first time.
    events: Mutex<HashMap<(EventId, u32, usize), Instant>>,
    /// To how many the VTN has said what it reports.
    offered: Mutex<usize>,
    /// How many answers of VENs the VTN has not replied to yet.
    unreplied: Mutex<usize>,
    changed: Notify,
}

/// What a VEN says to what is pushed to it.
pub(crate) struct Said {
    /// At once, unless it is only acknowledged.
    pub(crate) reply: Option<Message>,
    /// As a request of its own, after that; what the VTN replies is for [`Arrivals::replied`].
    pub(crate) later: Option<Message>,
}

impl Arrivals {
    /// This came to the VEN of this number.
    pub(crate) fn came(&self, ven: usize, ven_id: &VenId, message: Message) -> Said {
        let now = Instant::now();
        let mut said = Said {
            reply: None,
            later: None,
        };
        if let Message::DistributeEvent(distributed) = message {
            let mut events = lock(&self.events);
            for event in &distributed.events {
                let descriptor = &event.ei_event.descriptor;
                let version = descriptor.modification_number;
                let key = (descriptor.event_id.clone(), version, ven);
                events.entry(key).or_insert(now);
            }
            drop(events);
            if !distributed.events.is_empty() {
                *lock(&self.unreplied) += 1;
                said.later = Some(opt_in(distributed, ven_id.clone()).into());
            }
        } else if let Message::RegisterReport(offer) = message {
            *lock(&self.offered) += 1;
            let registered = RegisteredReport {
                ei_response: EiResponse::ok(offer.request_id),
                report_requests: Vec::new(),
                ven_id: Some(ven_id.clone()),
            };
            said.reply = Some(registered.into());
        }
        self.changed.notify_waiters();
        said
    }

    /// The VTN replied to a VEN's answer, or will not.
    pub(crate) fn replied(&self, ven: usize, reply: Outcome<()>) {
        if let Err(error) = reply {
            eprintln!("VEN {ven}: {error}");
        }
        *lock(&self.unreplied) -= 1;
        self.changed.notify_waiters();
    }

    /// Waits until the VTN has replied to everything.
    pub(crate) async fn wait_until_replied(&self) {
        self.wait(|| *lock(&self.unreplied) == 0).await;
    }

    /// Waits until the VTN has said to so many what it reports: then there is nothing else to say.
    pub(crate) async fn wait_until_settled(&self, vens: usize) {
        self.wait(|| *lock(&self.offered) >= vens).await;
    }

    /// Waits until this version of the event is everywhere, and says how long after `since` that was, in
    /// seconds, the first first.
    pub(crate) async fn wait_for(
        &self,
        event: &EventId,
        version: u32,
        vens: usize,
        since: Instant,
    ) -> Vec<f64> {
        let came = || -> Vec<f64> {
            let events = lock(&self.events);
            let times = events
                .iter()
                .filter(|((id, at, _), _)| id == event && *at == version);
            times
                .map(|(_, at)| at.saturating_duration_since(since).as_secs_f64())
                .collect()
        };
        self.wait(|| came().len() >= vens).await;
        let mut times = came();
        times.sort_by(f64::total_cmp);
        times
    }

    async fn wait(&self, is_so: impl Fn() -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if is_so() {
                return;
            }
            changed.await;
        }
    }
}

/// What a VEN registers with.
pub(crate) fn registration(
    name: &str,
    transport: TransportName,
    address: &str,
) -> Outcome<Message> {
    Ok(Message::from(CreatePartyRegistration {
        request_id: RequestId::new("r")?,
        registration_id: None,
        ven_id: Some(VenId::new(name)?),
        profile_name: ProfileName::B,
        http_pull_model: (transport == TransportName::SimpleHttp).then_some(false),
        transport_name: transport,
        transport_address: Some(Text::new(address)?),
        report_only: false,
        xml_signature: false,
        ven_name: Some(Text::new(name)?),
    }))
}

/// Whether a reply says that it worked.
pub(crate) fn require_success(reply: Option<&Message>) -> Outcome<()> {
    let response = reply.and_then(Message::ei_response);
    match response.map(|response| response.response_code) {
        Some(code) if code.is_success() => Ok(()),
        _ => Err(format!("refused: {reply:?}").into()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
