//! The VTN's store: partitions, claims, deliveries, readings, opts, campaigns and the outbox in one
//! SQLite file.
//!
//! Knows nothing of what they mean. What a caller may rely on: a decision's row, claims, facts and
//! effects are committed together or not at all, and only if the row is still at the version that
//! the decision was made on.

mod campaigns;
mod figures;
mod opts;
mod partitions;
#[cfg(test)]
mod push_tests;
mod read;
#[cfg(test)]
mod reading_page_tests;
mod reading_pages;
#[cfg(test)]
mod reading_tests;
mod readings;
mod report_policies;
#[cfg(test)]
mod report_tests;
mod retention;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod upgrade_tests;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use oadr_core::machine::Loaded;
use oadr_core::value::DateTime;
use oadr_core::vtn::{Campaign, Claim, Effect, Vtn};
use rusqlite::Connection;

use crate::sqlite::{self, StoreError, Writer};

pub(crate) use campaigns::{FirstAnswer, NewCampaign};
pub(crate) use partitions::Commit;
pub(crate) use read::{Delivery, Tally};
pub(crate) use reading_pages::{Cursor, Page, Wanted, WantedVen};
pub(crate) use readings::Written;

/// What makes the tables; see `sqlite`.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/vtn/001_first.sql"),
    include_str!("../../migrations/vtn/002_readings_and_opts.sql"),
    include_str!("../../migrations/vtn/003_certificates.sql"),
];

/// The internal key of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(pub(crate) i64);

/// The place of an event in the list of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(pub(crate) i64);

/// An effect's name: the same for good, however often it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EffectId {
    pub(crate) partition: Key,
    pub(crate) version: u64,
    pub(crate) position: u32,
}

/// An effect that has not been told yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pending {
    pub(crate) id: EffectId,
    pub(crate) at: DateTime,
    pub(crate) effect: Effect,
}

/// A line of the audit: an operator's command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Audit {
    pub(crate) at: DateTime,
    /// Where it came from, or whom it claims to be from.
    pub(crate) who: String,
    pub(crate) what: &'static str,
    /// The event or VEN it is about.
    pub(crate) subject: String,
    /// The command's body.
    pub(crate) detail: Option<String>,
}

/// All that is kept in memory while the store is open.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) partitions: Vec<(Key, Loaded<Vtn>)>,
    pub(crate) claims: Vec<(Claim, Key)>,
    /// Those that are not closed, in the order of the events' creation.
    pub(crate) campaigns: Vec<(Place, Arc<Campaign>)>,
    pub(crate) seen: Vec<(Key, DateTime)>,
}

/// The database.
#[derive(Debug)]
pub(crate) struct Store {
    writer: Writer,
    reader: Arc<Mutex<Connection>>,
}

impl Store {
    /// Opens or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = sqlite::open(path, MIGRATIONS)?;
        let reader = sqlite::open_reader(path)?;
        Ok(Self {
            writer: Writer::start(connection)?,
            reader: Arc::new(Mutex::new(reader)),
        })
    }

    /// Runs a query beside the writer, on a thread that may wait for the disk.
    async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let reader = Arc::clone(&self.reader);
        let answer = tokio::task::spawn_blocking(move || {
            query(&reader.lock().unwrap_or_else(PoisonError::into_inner))
        });
        let answer = answer.await.unwrap_or(Err(StoreError::Closed));
        if let Err(error) = &answer {
            self.writer.figures().not_done(error);
        }
        answer
    }
}

fn millis(at: DateTime) -> i64 {
    at.timestamp_millis()
}

fn time(millis: i64) -> DateTime {
    DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::MIN_UTC)
}

fn write_audit(connection: &Connection, audit: &Audit) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO audit (at, who, what, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((
            millis(audit.at),
            &audit.who,
            audit.what,
            &audit.subject,
            &audit.detail,
        ))?;
    Ok(())
}
