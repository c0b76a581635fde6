//! What is read: everything at the start, then what only operators ask for.
//!
//! Knows nothing of how it is shown.

use std::collections::HashMap;
use std::sync::Arc;

use oadr_core::value::{DateTime, EventId};
use oadr_core::vtn::{Campaign, DeliveryFact};
use rusqlite::{Connection, OptionalExtension as _};

use super::campaigns::FirstAnswer;
use super::partitions::loaded;
use super::{Contents, EffectId, Key, Pending, Place, Store, millis, time};
use crate::sqlite::StoreError;

/// How an event fares with the VEN of a partition, which may be gone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Delivery {
    pub(crate) partition: Key,
    pub(crate) fact: DeliveryFact,
}

/// How many deliveries of an event stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) given_up: u64,
}

impl Store {
    /// Everything that is kept in memory; campaigns that closed before `now` are not.
    pub(crate) async fn contents(&self, now: DateTime) -> Result<Contents, StoreError> {
        self.read(move |c| contents(c, now)).await
    }

    /// The oldest effects that have not been told yet, at most so many.
    pub(crate) async fn outbox(&self, limit: usize) -> Result<Vec<Pending>, StoreError> {
        self.read(move |c| outbox(c, limit)).await
    }

    /// A setting of the store itself.
    pub(crate) async fn meta(&self, name: &'static str) -> Result<Option<String>, StoreError> {
        self.read(move |c| {
            Ok(c.prepare_cached("SELECT value FROM meta WHERE name = ?1")?
                .query_row([name], |row| row.get(0))
                .optional()?)
        })
        .await
    }

    /// Keeps a setting of the store itself.
    pub(crate) async fn set_meta(
        &self,
        name: &'static str,
        value: String,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |c| {
                c.prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?
                    .execute((name, value))?;
                Ok(())
            })
            .await
    }

    /// The latest version of an event, closed ones included.
    pub(crate) async fn campaign(
        &self,
        id: EventId,
    ) -> Result<Option<(Place, Campaign)>, StoreError> {
        self.read(move |c| {
            let row: Option<(i64, String)> = c
                .prepare_cached(
                    "SELECT first, campaign FROM campaigns WHERE event_id = ?1 AND latest = 1",
                )?
                .query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            row.map(|(first, document)| Ok((Place(first), campaign(&document)?)))
                .transpose()
        })
        .await
    }

    /// The latest versions of the events after a place, at most so many, newest first.
    pub(crate) async fn campaigns_before(
        &self,
        before: Option<Place>,
        limit: u32,
    ) -> Result<Vec<(Place, Campaign)>, StoreError> {
        self.read(move |c| {
            let mut select = c.prepare_cached(
                "SELECT first, campaign FROM campaigns WHERE latest = 1 AND first < ?1 ORDER BY first DESC LIMIT ?2",
            )?;
            let mut rows = select.query((before.map_or(i64::MAX, |place| place.0), limit))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let document: String = row.get(1)?;
                found.push((Place(row.get(0)?), campaign(&document)?));
            }
            Ok(found)
        })
        .await
    }

    /// The first answer to the creation of this event.
    pub(crate) async fn first_answer(
        &self,
        id: EventId,
    ) -> Result<Option<FirstAnswer>, StoreError> {
        self.read(move |c| {
            Ok(
                c.prepare_cached("SELECT request, response FROM idempotency WHERE event_id = ?1")?
                    .query_row([id.as_str()], |row| {
                        Ok(FirstAnswer {
                            request: row.get(0)?,
                            response: row.get(1)?,
                        })
                    })
                    .optional()?,
            )
        })
        .await
    }

    /// How an event fares with every VEN that it was sent to.
    pub(crate) async fn deliveries(&self, id: EventId) -> Result<Vec<Delivery>, StoreError> {
        self.read(move |c| {
            let mut select = c.prepare_cached(
                "SELECT partition, delivery FROM deliveries WHERE event_id = ?1 ORDER BY partition",
            )?;
            let mut rows = select.query([id.as_str()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let document: String = row.get(1)?;
                found.push(Delivery {
                    partition: Key(row.get(0)?),
                    fact: serde_json::from_str(&document).map_err(StoreError::row("deliveries"))?,
                });
            }
            Ok(found)
        })
        .await
    }

    /// How many deliveries of each of these events stand where; one without any is missing.
    pub(crate) async fn tallies(
        &self,
        ids: Vec<EventId>,
    ) -> Result<HashMap<EventId, Tally>, StoreError> {
        self.read(move |c| {
            let mut select = c.prepare_cached(
                "SELECT status, count(*) FROM deliveries WHERE event_id = ?1 GROUP BY status",
            )?;
            let mut tallies = HashMap::new();
            for id in ids {
                let mut tally = Tally::default();
                let mut rows = select.query([id.as_str()])?;
                while let Some(row) = rows.next()? {
                    let status: String = row.get(0)?;
                    let count = row.get::<_, i64>(1)?.cast_unsigned();
                    match status.as_str() {
                        "sent" => tally.sent = count,
                        "answered" => tally.answered = count,
                        "given_up" => tally.given_up = count,
                        // Written by nobody.
                        _ => {}
                    }
                }
                tallies.insert(id, tally);
            }
            Ok(tallies)
        })
        .await
    }
}

fn contents(c: &Connection, now: DateTime) -> Result<Contents, StoreError> {
    let mut contents = Contents::default();
    // One moment for all of it.
    let c = c.unchecked_transaction()?;

    let mut select = c.prepare("SELECT key, version, state FROM partitions ORDER BY key")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let state: String = row.get(2)?;
        contents
            .partitions
            .push((Key(row.get(0)?), loaded(row.get(1)?, &state)?));
    }
    let mut select = c.prepare("SELECT claim, partition FROM claims")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let claim: String = row.get(0)?;
        let claim = serde_json::from_str(&claim).map_err(StoreError::row("claims"))?;
        contents.claims.push((claim, Key(row.get(1)?)));
    }
    let mut select = c.prepare(
        "SELECT first, campaign FROM campaigns
         WHERE latest = 1 AND (closes IS NULL OR closes > ?1) ORDER BY first",
    )?;
    let mut rows = select.query([millis(now)])?;
    while let Some(row) = rows.next()? {
        let document: String = row.get(1)?;
        contents
            .campaigns
            .push((Place(row.get(0)?), Arc::new(campaign(&document)?)));
    }
    let mut select = c.prepare("SELECT partition, at FROM seen")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        contents.seen.push((Key(row.get(0)?), time(row.get(1)?)));
    }
    Ok(contents)
}

fn outbox(c: &Connection, limit: usize) -> Result<Vec<Pending>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT partition, version, position, at, effect FROM outbox
         ORDER BY at, partition, version, position LIMIT ?1",
    )?;
    let mut rows = select.query([i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut pending = Vec::new();
    while let Some(row) = rows.next()? {
        let effect: String = row.get(4)?;
        pending.push(Pending {
            id: EffectId {
                partition: Key(row.get(0)?),
                version: row.get::<_, i64>(1)?.cast_unsigned(),
                position: row.get(2)?,
            },
            at: time(row.get(3)?),
            effect: serde_json::from_str(&effect).map_err(StoreError::row("outbox"))?,
        });
    }
    Ok(pending)
}

fn campaign(document: &str) -> Result<Campaign, StoreError> {
    serde_json::from_str(document).map_err(StoreError::row("campaigns"))
}
