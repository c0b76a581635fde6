//! The history of opts: what VENs said, and what became of it.
//!
//! Knows nothing of which of them count.

use oadr_core::value::EventId;
use oadr_core::vtn::OptFact;
use rusqlite::{Connection, Row};

use super::{Key, Store};
use crate::sqlite::StoreError;

/// An opt made ready for the disk.
#[derive(Debug)]
pub(super) struct OptRow {
    number: i64,
    ven_id: String,
    event_id: Option<String>,
    opt: String,
}

/// An opt of the VEN of a partition, which may be gone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeptOpt {
    pub(crate) partition: Key,
    pub(crate) fact: OptFact,
}

impl OptRow {
    pub(super) fn new(fact: &OptFact) -> Result<Self, StoreError> {
        Ok(Self {
            number: fact.opt.number.cast_signed(),
            ven_id: fact.ven_id.to_string(),
            event_id: fact.opt.terms.event_id().map(ToString::to_string),
            opt: serde_json::to_string(fact).map_err(StoreError::row("opts"))?,
        })
    }

    pub(super) fn write(&self, c: &Connection, key: Key) -> Result<(), StoreError> {
        c.prepare_cached(
            "INSERT OR REPLACE INTO opts (partition, number, ven_id, event_id, opt) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((key.0, self.number, &self.ven_id, &self.event_id, &self.opt))?;
        Ok(())
    }
}

impl Store {
    /// The opts of a VEN, the latest first, at most so many; those with a smaller number than `before`.
    pub(crate) async fn opts_of(
        &self,
        ven: Key,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<OptFact>, StoreError> {
        let before = before.map_or(i64::MAX, |number| i64::try_from(number).unwrap_or(i64::MAX));
        self.read(move |c| {
            let mut select = c.prepare_cached(
                "SELECT partition, opt FROM opts WHERE partition = ?1 AND number < ?2
                 ORDER BY number DESC LIMIT ?3",
            )?;
            let mut rows = select.query((ven.0, before, limit))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(kept(row)?.fact);
            }
            Ok(found)
        })
        .await
    }

    /// What VENs said about an event, VEN by VEN, the latest first, at most so many.
    pub(crate) async fn opts_about(
        &self,
        event: EventId,
        limit: u32,
    ) -> Result<Vec<KeptOpt>, StoreError> {
        self.read(move |c| {
            let mut select = c.prepare_cached(
                "SELECT partition, opt FROM opts WHERE event_id = ?1
                 ORDER BY partition, number DESC LIMIT ?2",
            )?;
            let mut rows = select.query((event.as_str(), limit))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(kept(row)?);
            }
            Ok(found)
        })
        .await
    }
}

fn kept(row: &Row<'_>) -> Result<KeptOpt, StoreError> {
    let document: String = row.get(1)?;
    Ok(KeptOpt {
        partition: Key(row.get(0)?),
        fact: serde_json::from_str(&document).map_err(StoreError::row("opts"))?,
    })
}
