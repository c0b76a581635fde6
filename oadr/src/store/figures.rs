//! What there is to know about the store itself.
//!
//! Knows nothing of who wants to know it.

use std::fs;
use std::sync::Arc;

use super::Store;
use crate::metrics::StoreFigures;
use crate::sqlite::StoreError;

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Effects that were not told yet.
    pub(crate) outbox: u64,
    /// The database without its log, in bytes.
    pub(crate) database: u64,
    /// The write-ahead log, in bytes.
    pub(crate) log: u64,
}

impl Store {
    /// What was written, and how.
    pub(crate) fn figures(&self) -> &Arc<StoreFigures> {
        self.writer.figures()
    }

    /// How many pieces of work wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.writer.waiting()
    }

    /// How much there is now.
    pub(crate) async fn sizes(&self) -> Result<Sizes, StoreError> {
        self.read(|c| {
            let outbox: i64 = c
                .prepare_cached("SELECT count(*) FROM outbox")?
                .query_row([], |row| row.get(0))?;
            let path = c.path().unwrap_or_default();
            // A file that is not there takes no room.
            let length = |path: &str| fs::metadata(path).map_or(0, |file| file.len());
            Ok(Sizes {
                outbox: outbox.cast_unsigned(),
                database: length(path),
                log: length(&format!("{path}-wal")),
            })
        })
        .await
    }
}
