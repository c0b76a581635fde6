//! A hold on a running VTN: events in, answers out.
//!
//! Knows nothing of how it was started, and does not keep it running. What it does about reports is in
//! `report_requests`.

use std::sync::{Arc, OnceLock, Weak};

use oadr_core::payload::ResponseCode;
use oadr_core::value::{EventId, OptType, VenId};
use oadr_core::vtn::{Audience, CampaignError, DeliveryStatus, Effect, EventDraft};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::event::{Event, EventFormError};
use super::events::CampaignFailure;
use super::happening::{EventAnswered, Happening};
use super::host::Host;
use crate::sqlite::StoreError;

/// Who made an event, in the audit.
pub(super) const APPLICATION: &str = "application";

/// A hold on a VTN, also from within its handlers. Clones are cheap.
#[derive(Debug, Clone, Default)]
pub struct Handle {
    host: Arc<OnceLock<Weak<Host>>>,
}

/// Why an event was not added or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventsError {
    /// It is not well written.
    #[error(transparent)]
    Form(#[from] EventFormError),
    /// It is not legal, or it cannot become that any more.
    #[error(transparent)]
    Campaign(#[from] CampaignError),
    /// There is another event with this ID.
    #[error("there is another event with the ID {0}")]
    Exists(EventId),
    /// There is no such event.
    #[error("there is no event with the ID {0}")]
    Unknown(EventId),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The VTN does not run yet, or not any more.
    #[error("the VTN is not running")]
    NotRunning,
}

impl Handle {
    /// Gets a hold on the VTN that has just started.
    pub(super) fn hold(&self, host: &Arc<Host>) {
        // It starts once.
        let _ = self.host.set(Arc::downgrade(host));
    }

    /// The VTN, while it runs.
    pub(super) fn running(&self) -> Option<Arc<Host>> {
        self.host.get().and_then(Weak::upgrade)
    }

    fn host(&self) -> Result<Arc<Host>, EventsError> {
        self.running().ok_or(EventsError::NotRunning)
    }

    /// Adds an event: it is on the disk when this returns, and goes to its VENs with their next polls.
    ///
    /// # Errors
    /// It is not well written or not legal, or another event has its ID.
    pub async fn add_event(&self, event: Event) -> Result<Added, EventsError> {
        let host = self.host()?;
        let event_id = host.add_event(event, None, APPLICATION).await?;
        Ok(self.added(event_id))
    }

    /// Adds an event with everything that an event can have: several signals, a baseline, any targets.
    /// `event_id` is drawn if absent.
    ///
    /// # Errors
    /// It is not legal, or another event has its ID.
    pub async fn add_raw_event(
        &self,
        event_id: Option<EventId>,
        audience: Audience,
        event: EventDraft,
    ) -> Result<Added, EventsError> {
        let host = self.host()?;
        let event_id = host
            .add_campaign(event_id, audience, |_| event, APPLICATION)
            .await?;
        Ok(self.added(event_id))
    }

    /// Modifies an event: `change` gets it as it is.
    ///
    /// ```no_run
    /// # async fn raise(vtn: oadr::vtn::Handle, id: oadr::value::EventId) -> Result<(), oadr::vtn::EventsError> {
    /// vtn.modify_event(&id, |event| event.priority = Some(1)).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// There is no such event, or it cannot become that any more: it is over or cancelled, or the past
    /// would change (rule 20).
    pub async fn modify_event(
        &self,
        event_id: &EventId,
        change: impl FnOnce(&mut EventDraft) + Send,
    ) -> Result<(), EventsError> {
        let draft = |mut draft: EventDraft| {
            change(&mut draft);
            draft
        };
        let host = self.host()?;
        host.modify_campaign(event_id, draft, APPLICATION).await?;
        Ok(())
    }

    /// Cancels an event; the VENs that know of it hear so with their next polls.
    ///
    /// # Errors
    /// There is no such event, or it is over.
    pub async fn cancel_event(&self, event_id: &EventId) -> Result<(), EventsError> {
        let host = self.host()?;
        host.cancel_campaign(event_id, APPLICATION).await?;
        Ok(())
    }

    /// The event of this ID, to wait for its answers; added by whomever, in this process or before.
    #[must_use]
    pub fn event(&self, event_id: EventId) -> Added {
        self.added(event_id)
    }

    /// What happens from now on. A subscriber that is too slow misses the oldest, and all miss what
    /// happens while they are not there; see [`Vtn::on_happening`](super::Vtn::on_happening).
    ///
    /// # Errors
    /// The VTN is not running.
    pub fn happenings(&self) -> Result<broadcast::Receiver<Arc<Happening>>, EventsError> {
        Ok(self.host()?.teller.subscribe())
    }

    fn added(&self, event_id: EventId) -> Added {
        Added {
            event_id,
            vtn: self.clone(),
        }
    }
}

/// An event that was added.
#[derive(Debug, Clone)]
pub struct Added {
    event_id: EventId,
    vtn: Handle,
}

/// How a VEN took an event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventOutcome {
    /// The VEN.
    pub ven_id: VenId,
    /// In or out; `None` if the event ended without the answer that it wanted.
    pub opt: Option<OptType>,
    /// The code of the answer.
    pub response_code: Option<ResponseCode>,
}

impl Added {
    /// Its ID.
    #[must_use]
    pub fn event_id(&self) -> &EventId {
        &self.event_id
    }

    /// Waits until a VEN has answered, or the event has ended without an answer; says at once what is
    /// known already, also from before a restart. With several VENs it is the first that is heard of.
    ///
    /// # Errors
    /// The VTN stops, or its database fails.
    pub async fn outcome(&self) -> Result<EventOutcome, EventsError> {
        let mut happenings = self.vtn.happenings()?;
        loop {
            // What happens after this look is in the subscription.
            if let Some(known) = self.known().await? {
                return Ok(known);
            }
            loop {
                match happenings.recv().await {
                    Ok(happening) => match self.of(&happening) {
                        Some(outcome) => return Ok(outcome),
                        None => continue,
                    },
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return Err(EventsError::NotRunning),
                }
            }
        }
    }

    async fn known(&self) -> Result<Option<EventOutcome>, EventsError> {
        let host = self.vtn.host()?;
        let deliveries = host.store.deliveries(self.event_id.clone()).await?;
        Ok(deliveries.into_iter().find_map(|delivery| {
            let fact = delivery.fact;
            let is_known = match fact.status {
                DeliveryStatus::Sent => fact.opt.is_some(),
                DeliveryStatus::Answered | DeliveryStatus::GivenUp => true,
            };
            is_known.then_some(EventOutcome {
                ven_id: fact.ven_id,
                opt: fact.opt,
                response_code: fact.response_code,
            })
        }))
    }

    fn of(&self, happening: &Happening) -> Option<EventOutcome> {
        if let Some(answered) = happening.event_answered() {
            let EventAnswered {
                ven_id,
                event_id,
                opt,
                response_code,
                ..
            } = answered;
            return (event_id == self.event_id).then_some(EventOutcome {
                ven_id,
                opt: Some(opt),
                response_code: Some(response_code),
            });
        }
        if let Effect::DeliveryGivenUp { ven_id, event_id } = &happening.effect {
            return (*event_id == self.event_id).then(|| EventOutcome {
                ven_id: ven_id.clone(),
                opt: None,
                response_code: None,
            });
        }
        None
    }
}

impl From<CampaignFailure> for EventsError {
    fn from(failure: CampaignFailure) -> Self {
        match failure {
            CampaignFailure::Exists(id) => Self::Exists(id),
            CampaignFailure::Unknown(id) => Self::Unknown(id),
            CampaignFailure::Campaign(error) => Self::Campaign(error),
            CampaignFailure::Store(error) => Self::Store(error),
        }
    }
}
