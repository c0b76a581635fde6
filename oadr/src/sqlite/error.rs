//! What can go wrong with a database.
//!
//! Knows nothing of what a caller does about it.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::ErrorCode;

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file cannot be opened.
    #[error("cannot open the database {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        source: Arc<rusqlite::Error>,
    },
    /// A newer program has changed the tables; going back is not possible.
    #[error(
        "the database {} was written by a newer version of this program: its schema is number {found}, version {} of the program knows up to number {known}; run the newer version, or restore a backup from before the upgrade into an empty folder",
        path.display(),
        env!("CARGO_PKG_VERSION")
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The schema's number.
        found: i64,
        /// The highest number that this program knows.
        known: i64,
    },
    /// Someone else committed first, or holds a claim.
    #[error("someone else was faster")]
    Conflict,
    /// More is waiting to be written than the store accepts, or another process holds the database.
    #[error("the store is busy")]
    Busy,
    /// The store has been closed.
    #[error("the store has been closed")]
    Closed,
    /// A row cannot be read as what it should be.
    #[error("a row of {table} cannot be read: {source}")]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        source: Arc<serde_json::Error>,
    },
    /// A fact of a kind that the store has no table for.
    #[error("there is no table for this kind of fact")]
    UnknownFact,
    /// SQLite failed.
    #[error("the database failed: {0}")]
    Sqlite(Arc<rusqlite::Error>),
    /// The writing thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(Arc<std::io::Error>),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // Somebody else holds the file, such as a person with a database tool.
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(_) | None => Self::Sqlite(Arc::new(error)),
        }
    }
}

impl StoreError {
    /// For `map_err` where a row is read or written as JSON.
    pub(crate) fn row(table: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Row {
            table,
            source: Arc::new(source),
        }
    }
}
