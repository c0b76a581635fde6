//! Committing campaigns: events as operators made and changed them, every version kept.
//!
//! Knows nothing of who receives them.

use oadr_core::vtn::Campaign;
use rusqlite::{Connection, OptionalExtension as _};

use super::{Audit, Place, Store, millis, write_audit};
use crate::sqlite::StoreError;

/// A new event.
#[derive(Debug)]
pub(crate) struct NewCampaign {
    pub(crate) campaign: Campaign,
    /// If the operator chose the ID: the request, and what it is answered.
    pub(crate) first_answer: Option<FirstAnswer>,
    pub(crate) audit: Audit,
}

/// A request that created an event, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FirstAnswer {
    pub(crate) request: String,
    pub(crate) response: String,
}

impl Store {
    /// Commits a new event.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is an event of this ID.
    pub(crate) async fn create_campaign(&self, new: NewCampaign) -> Result<Place, StoreError> {
        let document = document(&new.campaign)?;
        self.writer
            .run(move |c| {
                let id = new.campaign.event_id.as_str();
                let known: Option<i64> = c
                    .prepare_cached("SELECT 1 FROM campaigns WHERE event_id = ?1 AND latest = 1")?
                    .query_row([id], |row| row.get(0))
                    .optional()?;
                if known.is_some() {
                    return Err(StoreError::Conflict);
                }
                let place = insert(c, &new.campaign, &document, None)?;
                if let Some(first) = &new.first_answer {
                    c.prepare_cached(
                        "INSERT INTO idempotency (event_id, request, response) VALUES (?1, ?2, ?3)",
                    )?
                    .execute((id, &first.request, &first.response))?;
                }
                write_audit(c, &new.audit)?;
                Ok(place)
            })
            .await
    }

    /// Commits a new version of an event, made from `before`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if `before` is not the latest version.
    pub(crate) async fn change_campaign(
        &self,
        before: &Campaign,
        campaign: Campaign,
        audit: Audit,
    ) -> Result<(), StoreError> {
        let document = document(&campaign)?;
        let before = before.revision;
        self.writer
            .run(move |c| {
                let id = campaign.event_id.as_str();
                let first: Option<i64> = c
                    .prepare_cached(
                        "UPDATE campaigns SET latest = 0 WHERE event_id = ?1 AND latest = 1 AND revision = ?2 RETURNING first",
                    )?
                    .query_row((id, before), |row| row.get(0))
                    .optional()?;
                let first = first.ok_or(StoreError::Conflict)?;
                insert(c, &campaign, &document, Some(Place(first)))?;
                write_audit(c, &audit)
            })
            .await
    }

    /// Records a command that changed nothing.
    pub(crate) async fn audit(&self, audit: Audit) -> Result<(), StoreError> {
        self.writer.run(move |c| write_audit(c, &audit)).await
    }
}

fn document(campaign: &Campaign) -> Result<String, StoreError> {
    serde_json::to_string(campaign).map_err(StoreError::row("campaigns"))
}

fn insert(
    connection: &Connection,
    campaign: &Campaign,
    document: &str,
    first: Option<Place>,
) -> Result<Place, StoreError> {
    let sequence: i64 = connection
        .prepare_cached("SELECT coalesce(max(sequence), 0) + 1 FROM campaigns")?
        .query_row([], |row| row.get(0))?;
    let first = first.unwrap_or(Place(sequence));
    connection
        .prepare_cached(
            "INSERT INTO campaigns (sequence, event_id, first, revision, latest, closes, campaign)
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6)",
        )?
        .execute((
            sequence,
            campaign.event_id.as_str(),
            first.0,
            campaign.revision,
            campaign.closes().map(millis),
            document,
        ))?;
    Ok(first)
}
