//! Committing a decision: its row, claims, facts, effects and audit line in one transaction.
//!
//! Knows nothing of what was decided.

use oadr_core::machine::{Committed, Decision, Loaded, Version};
use oadr_core::value::DateTime;
use oadr_core::vtn::{Claim, DeliveryFact, DeliveryStatus, Fact, Vtn};
use rusqlite::{Connection, OptionalExtension as _};

use super::opts::OptRow;
use super::readings::{ReadingRows, Written};
use super::{Audit, EffectId, Key, Store, millis, write_audit};
use crate::sqlite::StoreError;

/// A decision made ready for the disk.
#[derive(Debug)]
pub(crate) struct Commit {
    target: Target,
    base: Version,
    version: Version,
    take: Vec<String>,
    drop: Vec<String>,
    facts: Vec<FactRow>,
    statuses: Vec<DeliveryStatus>,
    effects: Vec<String>,
    at: DateTime,
    audit: Option<Audit>,
}

/// What becomes of the row.
#[derive(Debug)]
enum Target {
    Insert { state: String },
    Update { key: Key, state: String },
    Delete { key: Key },
}

/// What is written beside the row.
#[derive(Debug)]
enum FactRow {
    Delivery(DeliveryRow),
    Readings(ReadingRows),
    Opt(OptRow),
}

#[derive(Debug)]
struct DeliveryRow {
    event_id: String,
    status: &'static str,
    delivery: String,
}

impl Commit {
    /// What `decision` says, with `next` as the partition after it; `key` is `None` for a partition
    /// that does not exist yet.
    pub(crate) fn new(
        key: Option<Key>,
        decision: &Decision<Vtn>,
        next: &Loaded<Vtn>,
        at: DateTime,
        audit: Option<Audit>,
    ) -> Result<Self, StoreError> {
        let state = || serde_json::to_string(&next.state).map_err(StoreError::row("partitions"));
        let target = match key {
            None => Target::Insert { state: state()? },
            Some(key) if next.state.is_forgotten() => Target::Delete { key },
            Some(key) => Target::Update {
                key,
                state: state()?,
            },
        };
        let claims = |claims: &[Claim]| claims.iter().map(claim_text).collect::<Result<_, _>>();
        let facts = decision.facts().iter().map(fact_row);
        let effects = decision.effects().iter();
        Ok(Self {
            target,
            base: decision.base(),
            version: next.version,
            take: claims(&decision.claims().take)?,
            drop: claims(&decision.claims().drop)?,
            facts: facts.collect::<Result<_, _>>()?,
            statuses: decision.facts().iter().filter_map(status).collect(),
            effects: effects
                .map(|effect| serde_json::to_string(effect).map_err(StoreError::row("outbox")))
                .collect::<Result<_, _>>()?,
            at,
            audit,
        })
    }

    fn write(self, connection: &Connection) -> Result<(Key, Written), StoreError> {
        let version = self.version.0.cast_signed();
        let base = self.base.0.cast_signed();
        let (key, rows) = match self.target {
            Target::Insert { state } => {
                let rows = connection
                    .prepare_cached("INSERT INTO partitions (version, state) VALUES (?1, ?2)")?
                    .execute((version, state))?;
                (Key(connection.last_insert_rowid()), rows)
            }
            Target::Update { key, state } => {
                let rows = connection
                    .prepare_cached(
                        "UPDATE partitions SET version = ?1, state = ?2 WHERE key = ?3 AND version = ?4",
                    )?
                    .execute((version, state, key.0, base))?;
                (key, rows)
            }
            Target::Delete { key } => {
                let rows = connection
                    .prepare_cached("DELETE FROM partitions WHERE key = ?1 AND version = ?2")?
                    .execute((key.0, base))?;
                (key, rows)
            }
        };
        if rows == 0 {
            return Err(StoreError::Conflict);
        }
        for claim in &self.drop {
            connection
                .prepare_cached("DELETE FROM claims WHERE claim = ?1 AND partition = ?2")?
                .execute((claim, key.0))?;
        }
        for claim in &self.take {
            let owner: Option<i64> = connection
                .prepare_cached("SELECT partition FROM claims WHERE claim = ?1")?
                .query_row([claim], |row| row.get(0))
                .optional()?;
            match owner {
                Some(owner) if owner == key.0 => {}
                Some(_) => return Err(StoreError::Conflict),
                None => {
                    connection
                        .prepare_cached("INSERT INTO claims (claim, partition) VALUES (?1, ?2)")?
                        .execute((claim, key.0))?;
                }
            }
        }
        let mut readings = Written::default();
        for fact in &self.facts {
            match fact {
                FactRow::Delivery(row) => row.write(connection, key)?,
                FactRow::Readings(rows) => readings += rows.write(connection, key)?,
                FactRow::Opt(row) => row.write(connection, key)?,
            }
        }
        for (position, effect) in (0_i64..).zip(&self.effects) {
            connection
                .prepare_cached(
                    "INSERT INTO outbox (partition, version, position, at, effect) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute((key.0, version, position, millis(self.at), effect))?;
        }
        if let Some(audit) = &self.audit {
            write_audit(connection, audit)?;
        }
        Ok((key, readings))
    }
}

pub(super) fn claim_text(claim: &Claim) -> Result<String, StoreError> {
    serde_json::to_string(claim).map_err(StoreError::row("claims"))
}

fn status(fact: &Fact) -> Option<DeliveryStatus> {
    match fact {
        Fact::Delivery(delivery) => Some(delivery.status),
        Fact::Readings(_) | Fact::Opt(_) | _ => None,
    }
}

fn fact_row(fact: &Fact) -> Result<FactRow, StoreError> {
    match fact {
        Fact::Delivery(delivery) => DeliveryRow::new(delivery).map(FactRow::Delivery),
        Fact::Readings(readings) => ReadingRows::new(readings).map(FactRow::Readings),
        Fact::Opt(opt) => OptRow::new(opt).map(FactRow::Opt),
        // The store must know every kind; a new one is a change here first.
        _ => Err(StoreError::UnknownFact),
    }
}

impl DeliveryRow {
    fn new(delivery: &DeliveryFact) -> Result<Self, StoreError> {
        Ok(Self {
            event_id: delivery.event_id.to_string(),
            status: match delivery.status {
                DeliveryStatus::Sent => "sent",
                DeliveryStatus::Answered => "answered",
                DeliveryStatus::GivenUp => "given_up",
            },
            delivery: serde_json::to_string(delivery).map_err(StoreError::row("deliveries"))?,
        })
    }

    fn write(&self, connection: &Connection, key: Key) -> Result<(), StoreError> {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO deliveries (event_id, partition, status, delivery) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((&self.event_id, key.0, self.status, &self.delivery))?;
        Ok(())
    }
}

impl Store {
    /// Commits a decision. Only now may its reply be released.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the partition is no longer at the decision's base, or another
    /// partition holds a claim: load and decide again.
    pub(crate) async fn commit(&self, mut commit: Commit) -> Result<(Key, Committed), StoreError> {
        let statuses = std::mem::take(&mut commit.statuses);
        let (key, readings) = self.writer.run(|c| commit.write(c)).await?;
        let figures = self.figures();
        figures.wrote_readings(&readings);
        statuses.iter().for_each(|status| figures.delivery(*status));
        Ok((key, Committed::by_store()))
    }

    /// Reads one partition again; `None` if it is gone.
    pub(crate) async fn load(&self, key: Key) -> Result<Option<Loaded<Vtn>>, StoreError> {
        // Through the writer: what it has committed is seen.
        self.writer
            .run(move |c| {
                let row: Option<(i64, String)> = c
                    .prepare_cached("SELECT version, state FROM partitions WHERE key = ?1")?
                    .query_row([key.0], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                row.map(|(version, state)| loaded(version, &state))
                    .transpose()
            })
            .await
    }

    /// Takes effects that were told out of the outbox.
    pub(crate) async fn told(&self, effects: Vec<EffectId>) -> Result<(), StoreError> {
        self.writer
            .run(move |c| {
                let mut delete = c.prepare_cached(
                    "DELETE FROM outbox WHERE partition = ?1 AND version = ?2 AND position = ?3",
                )?;
                for id in effects {
                    delete.execute((id.partition.0, id.version.cast_signed(), id.position))?;
                }
                Ok(())
            })
            .await
    }

    /// Writes down when VENs were heard last. Those that are gone meanwhile are left out.
    pub(crate) async fn seen(&self, heard: Vec<(Key, DateTime)>) -> Result<(), StoreError> {
        self.writer
            .run(move |c| {
                let mut insert = c.prepare_cached(
                    "INSERT OR REPLACE INTO seen (partition, at) SELECT key, ?2 FROM partitions WHERE key = ?1",
                )?;
                for (key, at) in heard {
                    insert.execute((key.0, millis(at)))?;
                }
                Ok(())
            })
            .await
    }
}

pub(super) fn loaded(version: i64, state: &str) -> Result<Loaded<Vtn>, StoreError> {
    Ok(Loaded {
        version: Version(version.cast_unsigned()),
        state: serde_json::from_str(state).map_err(StoreError::row("partitions"))?,
    })
}
