//! Events as they are made, modified and cancelled: committed first, then in force.
//!
//! Knows nothing of who asks for it: the operator API and the library both come here.

use std::collections::HashSet;

use oadr_core::value::{DateTime, EventId, Text, VenId};
use oadr_core::vtn::{Audience, Campaign, CampaignError, EventBody, EventDraft};

use super::event::Event;
use super::handle::EventsError;
use super::host::Host;
use crate::sqlite::StoreError;
use crate::store::{Audit, FirstAnswer, NewCampaign, Place};
use crate::{clock, entropy};

/// Why an event was not made or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CampaignFailure {
    #[error("there is another event with the ID {0}")]
    Exists(EventId),
    #[error("there is no event with the ID {0}")]
    Unknown(EventId),
    #[error(transparent)]
    Campaign(#[from] CampaignError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Host {
    /// Commits a new event and puts it in force. For holders of the campaigns' turn.
    pub(crate) async fn put_campaign(
        &self,
        campaign: Campaign,
        first_answer: Option<FirstAnswer>,
        audit: Audit,
        now: DateTime,
    ) -> Result<(), CampaignFailure> {
        let id = campaign.event_id.clone();
        let new = NewCampaign {
            campaign: campaign.clone(),
            first_answer,
            audit,
        };
        let place = match self.store.create_campaign(new).await {
            Ok(place) => place,
            Err(StoreError::Conflict) => return Err(CampaignFailure::Exists(id)),
            Err(error) => return Err(error.into()),
        };
        let audience = campaign.clone();
        self.campaigns.put(place, campaign.into(), now);
        self.look_for_pushes(|ven| audience.matches(&ven.member()));
        tracing::info!(event_id = %id, "event created");
        Ok(())
    }

    /// Commits an event's next version and puts it in force, or records that somebody wanted one that
    /// is no other. For holders of the campaigns' turn.
    pub(crate) async fn change_campaign(
        &self,
        place: Place,
        before: &Campaign,
        after: Campaign,
        audit: Audit,
        now: DateTime,
    ) -> Result<(), StoreError> {
        if after == *before {
            return self.store.audit(audit).await;
        }
        let what = audit.what;
        self.store
            .change_campaign(before, after.clone(), audit)
            .await?;
        tracing::info!(event_id = %after.event_id, revision = after.revision, what, "event changed");
        let audience = after.clone();
        self.campaigns.put(place, after.into(), now);
        // Who is not meant any more is told that, too.
        self.look_for_pushes(|ven| {
            let member = ven.member();
            before.matches(&member) || audience.matches(&member)
        });
        Ok(())
    }

    /// The latest version of an event.
    pub(crate) async fn campaign(
        &self,
        id: &EventId,
    ) -> Result<(Place, Campaign), CampaignFailure> {
        let found = self.store.campaign(id.clone()).await?;
        found.ok_or_else(|| CampaignFailure::Unknown(id.clone()))
    }

    /// Makes an event. Made again under the same ID, it is the one that is there, or refused if that
    /// is another; `draft` is told when an event starts of which nothing is said: now, or when the
    /// one that is there does.
    pub(crate) async fn add_campaign(
        &self,
        event_id: Option<EventId>,
        audience: Audience,
        draft: impl FnOnce(DateTime) -> EventDraft + Send,
        who: &str,
    ) -> Result<EventId, CampaignFailure> {
        let _turn = self.campaigns.turn.lock().await;
        let env = clock::env().map_err(|error| StoreError::Thread(error.into()))?;
        if let Some(id) = &event_id
            && let Some((_, known)) = self.store.campaign(id.clone()).await?
        {
            let body = body(draft(known.body.start()))?;
            return if known.audience == audience && known.body == body {
                Ok(known.event_id)
            } else {
                Err(CampaignFailure::Exists(known.event_id))
            };
        }
        // An event of the default start begins with a whole second, as people write times.
        let body = body(draft(chrono::SubsecRound::trunc_subsecs(env.now, 0)))?;
        let campaign = Campaign::create(event_id, audience, body, env)?;
        let id = campaign.event_id.clone();
        let audit = audit(who, "create", &id, env.now);
        self.put_campaign(campaign, None, audit, env.now).await?;
        Ok(id)
    }

    /// Adds an event of the application's, for the VENs that it names or `only` for this one.
    pub(super) async fn add_event(
        &self,
        event: Event,
        only: Option<&VenId>,
        who: &str,
    ) -> Result<EventId, EventsError> {
        let parts = event.into_parts()?;
        let audience = match only {
            Some(ven_id) => Audience::of(Text::new(ven_id).ok()),
            None => parts.audience,
        };
        let event_id = match parts.event_id {
            Some(event_id) => event_id,
            None => drawn()?,
        };
        // Before the first answer can come.
        if let Some(on_answer) = parts.on_answer {
            let open = self.campaigns.current();
            let open: HashSet<_> = open.list.values().map(|c| &c.event_id).collect();
            self.callbacks
                .keep(event_id.clone(), on_answer, |id| open.contains(id));
        }
        let (start, draft) = (parts.start, parts.draft);
        let starting = |default| EventDraft {
            start: start.unwrap_or(default),
            ..draft.clone()
        };
        let added = self
            .add_campaign(Some(event_id), audience, starting, who)
            .await;
        match added {
            // A VEN's own event, said again in other words, is modified.
            Err(CampaignFailure::Exists(event_id)) if only.is_some() => {
                let again = |before: EventDraft| starting(before.start);
                self.modify_campaign(&event_id, again, who).await?;
                Ok(event_id)
            }
            added => Ok(added?),
        }
    }

    /// Modifies an event: `draft` makes the new one from the one that is there.
    pub(crate) async fn modify_campaign(
        &self,
        id: &EventId,
        draft: impl FnOnce(EventDraft) -> EventDraft + Send,
        who: &str,
    ) -> Result<(), CampaignFailure> {
        let _turn = self.campaigns.turn.lock().await;
        let (place, before) = self.campaign(id).await?;
        let now = clock::now();
        let after = before.modify(body(draft(before.body.to_draft()))?, now)?;
        let audit = audit(who, "modify", id, now);
        self.change_campaign(place, &before, after, audit, now)
            .await?;
        Ok(())
    }

    /// Cancels an event.
    pub(crate) async fn cancel_campaign(
        &self,
        id: &EventId,
        who: &str,
    ) -> Result<(), CampaignFailure> {
        let _turn = self.campaigns.turn.lock().await;
        let (place, before) = self.campaign(id).await?;
        let now = clock::now();
        let after = before.cancel(now)?;
        let audit = audit(who, "cancel", id, now);
        self.change_campaign(place, &before, after, audit, now)
            .await?;
        Ok(())
    }
}

/// An ID for an event, chosen before it is made.
fn drawn() -> Result<EventId, StoreError> {
    let drawn = entropy::id("event").map_err(|error| StoreError::Thread(error.into()))?;
    Ok(EventId::new(drawn).unwrap_or_default())
}

fn body(draft: EventDraft) -> Result<EventBody, CampaignError> {
    Ok(EventBody::new(draft)?)
}

fn audit(who: &str, what: &'static str, id: &EventId, at: DateTime) -> Audit {
    Audit {
        at,
        who: who.to_owned(),
        what,
        subject: id.to_string(),
        detail: None,
    }
}
