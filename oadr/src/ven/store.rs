//! The VEN's store: its one partition and its outbox in one SQLite file, beside its samples.
//!
//! Knows nothing of what they mean.

use std::path::Path;

use oadr_core::machine::{Committed, Loaded, Version};
use oadr_core::ven::Ven;
use rusqlite::{Connection, OptionalExtension as _};

use super::happening::{Happening, HappeningId};
use crate::sqlite::{self, StoreError, Writer};

/// What makes the tables; see `sqlite`.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/ven/001_first.sql"),
    include_str!("../../migrations/ven/002_samples.sql"),
];

/// The most happenings that are read at a time.
const GROUP: u32 = 64;

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

    /// For tables that are another module's.
    pub(super) fn writer(&self) -> &Writer {
        &self.writer
    }

    /// The VEN as it was committed last.
    pub(super) async fn load(&self) -> Result<Loaded<Ven>, StoreError> {
        self.writer.run(load).await
    }

    /// The first happenings after this one that were committed but not told, a few at a time: what
    /// waits is on the disk and not in memory.
    pub(super) async fn outbox(
        &self,
        after: Option<HappeningId>,
    ) -> Result<Vec<Happening>, StoreError> {
        let (version, position) = after.map_or((-1, 0), key);
        self.writer
            .run(move |c| {
                let mut select = c.prepare_cached(
                    "SELECT happening FROM outbox WHERE (version, position) > (?1, ?2) \
                     ORDER BY version, position LIMIT ?3",
                )?;
                let mut rows = select.query((version, position, GROUP))?;
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

    /// Takes happenings out of the outbox: they were told, up to this one.
    pub(super) async fn told(&self, up_to: HappeningId) -> Result<(), StoreError> {
        let key = key(up_to);
        self.writer
            .run(move |c| {
                c.prepare_cached("DELETE FROM outbox WHERE (version, position) <= (?1, ?2)")?
                    .execute(key)?;
                Ok(())
            })
            .await
    }
}

fn key(id: HappeningId) -> (i64, u32) {
    (id.version.cast_signed(), id.position)
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

#[cfg(test)]
mod tests {
    use oadr_core::value::VenId;
    use oadr_core::ven::Effect;

    use super::*;
    use crate::temp_dir::TempDir;

    fn happening(version: u64, position: u32) -> Happening {
        Happening {
            version,
            position,
            time: crate::clock::now(),
            ven_id: VenId::new("Ven1").ok(),
            effect: Effect::RegistrationCancelled {
                ven_id: VenId::new("Ven1").unwrap(),
            },
        }
    }

    async fn ids(store: &Store, after: Option<HappeningId>) -> Vec<String> {
        let pending = store.outbox(after).await.unwrap();
        let ids = pending.iter().map(|happening| happening.id().to_string());
        ids.collect()
    }

    fn at(version: u64) -> Loaded<Ven> {
        Loaded {
            version: Version(version),
            ..Loaded::absent()
        }
    }

    #[tokio::test]
    async fn what_was_committed_and_not_told_is_still_there() {
        let temp = TempDir::new("ven").unwrap();
        let path = temp.path().join("ven.db");
        let store = Store::open(&path).unwrap();
        assert_eq!(store.load().await.unwrap(), Loaded::absent());
        for version in 1..=2 {
            let happened = [happening(version, 0), happening(version, 1)];
            store
                .commit(Version(version - 1), &at(version), &happened)
                .await
                .unwrap();
        }
        store.told(happening(1, 0).id()).await.unwrap();
        drop(store);

        let store = Store::open(&path).unwrap();
        assert_eq!(store.load().await.unwrap(), at(2));
        assert_eq!(ids(&store, None).await, ["1-1", "2-0", "2-1"]);
        let after = Some(happening(2, 0).id());
        assert_eq!(ids(&store, after).await, ["2-1"]);
    }

    #[tokio::test]
    async fn the_outbox_is_read_in_parts_and_in_order() {
        let store = Store::open(Path::new(":memory:")).unwrap();
        let most = GROUP + 10;
        let happened: Vec<_> = (0..most).map(|position| happening(1, position)).collect();
        store.commit(Version(0), &at(1), &happened).await.unwrap();
        let first = store.outbox(None).await.unwrap();
        assert_eq!(first, happened[..GROUP as usize]);
        let rest = store.outbox(first.last().map(Happening::id)).await.unwrap();
        assert_eq!(rest, happened[GROUP as usize..]);
    }

    #[tokio::test]
    async fn a_stale_commit_is_a_conflict_and_leaves_nothing() {
        let temp = TempDir::new("ven").unwrap();
        let store = Store::open(&temp.path().join("ven.db")).unwrap();
        store.commit(Version(0), &at(1), &[]).await.unwrap();
        store.commit(Version(1), &at(2), &[]).await.unwrap();
        let stale = store.commit(Version(1), &at(2), &[happening(2, 0)]).await;
        assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
        assert_eq!(store.outbox(None).await.unwrap(), []);
    }
}
