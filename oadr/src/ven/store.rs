//! The VEN's store: its one partition and its outbox in one SQLite file.
//!
//! Knows nothing of what they mean.

use std::path::Path;

use oadr_core::machine::{Committed, Loaded, Version};
use oadr_core::ven::Ven;
use rusqlite::{Connection, OptionalExtension as _};

use super::happening::Happening;
use crate::sqlite::{self, StoreError, Writer};

const MIGRATIONS: &[&str] = &[include_str!("../../migrations/ven/001_first.sql")];

/// The database.
#[derive(Debug)]
pub(super) struct Store {
    writer: Writer,
}

impl Store {
    /// Opens or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            writer: Writer::start(sqlite::open(path, MIGRATIONS)?)?,
        })
    }

    /// The VEN as it was committed last.
    pub(super) async fn load(&self) -> Result<Loaded<Ven>, StoreError> {
        self.writer.run(load).await
    }

    /// The happenings that were committed but not told.
    pub(super) async fn outbox(&self) -> Result<Vec<Happening>, StoreError> {
        self.writer
            .run(|c| {
                let mut select =
                    c.prepare_cached("SELECT happening FROM outbox ORDER BY version, position")?;
                let mut rows = select.query([])?;
                let mut pending = Vec::new();
                while let Some(row) = rows.next()? {
                    let text: String = row.get(0)?;
                    pending.push(serde_json::from_str(&text).map_err(StoreError::row("outbox"))?);
                }
                Ok(pending)
            })
            .await
    }

    /// Commits the VEN's next version and what happened with it.
    pub(super) async fn commit(
        &self,
        base: Version,
        next: &Loaded<Ven>,
        happenings: &[Happening],
    ) -> Result<Committed, StoreError> {
        let state = serde_json::to_string(&next.state).map_err(StoreError::row("ven"))?;
        let (base, version) = (base.0.cast_signed(), next.version.0.cast_signed());
        let rows = happenings.iter().map(|happening| {
            let text = serde_json::to_string(happening).map_err(StoreError::row("outbox"))?;
            Ok((happening.position, happening.time.timestamp_millis(), text))
        });
        let rows: Vec<_> = rows.collect::<Result<_, StoreError>>()?;
        self.writer
            .run(move |c| {
                let changed = if base == 0 {
                    c.prepare_cached("INSERT INTO ven (id, version, state) VALUES (1, ?1, ?2)")?
                        .execute((version, state))?
                } else {
                    c.prepare_cached("UPDATE ven SET version = ?1, state = ?2 WHERE version = ?3")?
                        .execute((version, state, base))?
                };
                if changed == 0 {
                    return Err(StoreError::Conflict);
                }
                let mut insert = c.prepare_cached(
                    "INSERT INTO outbox (version, position, at, happening) VALUES (?1, ?2, ?3, ?4)",
                )?;
                for (position, at, text) in rows {
                    insert.execute((version, position, at, text))?;
                }
                Ok(())
            })
            .await?;
        Ok(Committed::by_store())
    }

    /// Takes the happenings out of the outbox: they were told.
    pub(super) async fn told(&self, up_to: Version) -> Result<(), StoreError> {
        let version = up_to.0.cast_signed();
        self.writer
            .run(move |c| {
                c.prepare_cached("DELETE FROM outbox WHERE version <= ?1")?
                    .execute([version])?;
                Ok(())
            })
            .await
    }
}

fn load(connection: &Connection) -> Result<Loaded<Ven>, StoreError> {
    let row: Option<(i64, String)> = connection
        .prepare_cached("SELECT version, state FROM ven")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((version, state)) = row else {
        return Ok(Loaded::absent());
    };
    Ok(Loaded {
        version: Version(version.cast_unsigned()),
        state: serde_json::from_str(&state).map_err(StoreError::row("ven"))?,
    })
}
