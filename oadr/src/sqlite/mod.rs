//! SQLite as both roles use it: one file, a write-ahead log that is synced with every commit, one
//! thread that writes.
//!
//! Knows nothing of tables.

mod copy;
mod error;
mod migrate;
mod writer;

use std::path::Path;

pub use error::StoreError;
use rusqlite::Connection;

pub(crate) use copy::{CopyError, copy, open_source, snapshot};
pub(crate) use writer::Writer;

/// Opens or makes a database, and brings its schema up to date.
pub(crate) fn open(path: &Path, migrations: &[&str]) -> Result<Connection, StoreError> {
    let mut connection = connect(path)?;
    migrate::migrate(&mut connection, path, migrations)?;
    Ok(connection)
}

/// Another connection to a database that is open already, for reading beside the writer.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path).map_err(|source| StoreError::Open {
        path: path.to_owned(),
        source: source.into(),
    })?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    // The log is synced before a commit returns: what was answered survives a power failure.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}
