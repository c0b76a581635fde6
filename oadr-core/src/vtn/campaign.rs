//! An event on its way to many VENs: its versions, its end, and whom it is for.
//!
//! Knows nothing of the VENs' answers or of the modification numbers they see; those are per VEN.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{Audience, EventBody, EventError, Member};
use crate::machine::{Env, Random};
use crate::value::{DateTime, EventId, EventStatus};

/// How long a cancelled event without an end is still announced, at most.
pub(super) const OPEN_ENDED_CANCELLATION: TimeDelta = TimeDelta::hours(24);

/// One event for many VENs. Stored once, keyed by its ID and revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// The event's ID, the same for every VEN.
    pub event_id: EventId,
    /// How often it was changed, its cancellation included.
    pub revision: u32,
    /// When it was made.
    pub created: DateTime,
    /// When it was last changed.
    pub modified: DateTime,
    /// Whether it is cancelled.
    pub state: CampaignState,
    /// Whom it is for.
    pub audience: Audience,
    /// What it is.
    pub body: EventBody,
}

/// Whether a campaign is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    /// It is not.
    Open,
    /// It is.
    Cancelled {
        /// Since when.
        at: DateTime,
    },
}

/// Why a campaign cannot be made or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CampaignError {
    /// The event's ID is the empty string.
    #[error("event_id: must not be empty")]
    EmptyEventId,
    /// The event is over.
    #[error("the event is over")]
    Ended,
    /// The event is cancelled.
    #[error("the event is cancelled")]
    Cancelled,
    /// The change is not one that can be made now.
    #[error(transparent)]
    Event(#[from] EventError),
}

impl Campaign {
    /// Makes a campaign; without an ID, one is drawn.
    ///
    /// # Errors
    /// The event is over already (rule 33), or its ID is empty.
    pub fn create(
        event_id: Option<EventId>,
        audience: Audience,
        body: EventBody,
        env: Env,
    ) -> Result<Self, CampaignError> {
        let event_id = match event_id {
            Some(event_id) => event_id,
            None => EventId::new(Random::new(env.entropy).id("event")).unwrap_or_default(),
        };
        if event_id.is_empty() {
            return Err(CampaignError::EmptyEventId);
        }
        if body.end().is_some_and(|end| end <= env.now) {
            return Err(CampaignError::Ended);
        }
        Ok(Self {
            event_id,
            revision: 0,
            created: env.now,
            modified: env.now,
            state: CampaignState::Open,
            audience,
            body,
        })
    }

    /// The campaign with another event; unchanged if it is the same one.
    ///
    /// # Errors
    /// It is cancelled or over, or the past would have to change (rule 20, code 451): an event that
    /// has started keeps its start and every value that it had until now, and one that has not cannot
    /// have started.
    pub fn modify(&self, body: EventBody, now: DateTime) -> Result<Self, CampaignError> {
        self.check_alterable(now)?;
        if body == self.body {
            return Ok(self.clone());
        }
        if self.body.start() <= now {
            self.body.check_same_past(&body, now)?;
        } else {
            body.check_not_begun(now)?;
        }
        Ok(Self {
            revision: self.revision.saturating_add(1),
            modified: now,
            body,
            ..self.clone()
        })
    }

    /// The campaign, cancelled; unchanged if it is already.
    ///
    /// # Errors
    /// The event is over.
    pub fn cancel(&self, now: DateTime) -> Result<Self, CampaignError> {
        match self.check_alterable(now) {
            Ok(()) => Ok(Self {
                revision: self.revision.saturating_add(1),
                modified: now,
                state: CampaignState::Cancelled { at: now },
                ..self.clone()
            }),
            Err(CampaignError::Cancelled) => Ok(self.clone()),
            Err(error) => Err(error),
        }
    }

    fn check_alterable(&self, now: DateTime) -> Result<(), CampaignError> {
        match self.state {
            CampaignState::Cancelled { .. } => Err(CampaignError::Cancelled),
            CampaignState::Open if self.body.end().is_some_and(|end| end <= now) => {
                Err(CampaignError::Ended)
            }
            CampaignState::Open => Ok(()),
        }
    }

    /// Whether it is for this VEN.
    #[must_use]
    pub fn matches(&self, member: &Member) -> bool {
        self.audience.matches(self.body.target(), member)
    }

    /// When it can be forgotten: when the last VEN is through with it, also if it is cancelled, for
    /// until then VENs may not know yet. `None` if it is open-ended and not cancelled.
    #[must_use]
    pub fn closes(&self) -> Option<DateTime> {
        match (self.body.closes(), self.state) {
            (Some(closes), _) => Some(closes),
            (None, CampaignState::Open) => None,
            (None, CampaignState::Cancelled { at }) => Some(
                at.checked_add_signed(OPEN_ENDED_CANCELLATION)
                    .unwrap_or(DateTime::MAX_UTC),
            ),
        }
    }

    /// Where it stands at this time.
    #[must_use]
    pub fn status(&self, now: DateTime) -> EventStatus {
        match self.state {
            CampaignState::Open => self.body.status(now),
            CampaignState::Cancelled { .. } => EventStatus::Cancelled,
        }
    }
}
