//! Schema changes, forward only: the number of those applied is the database's `user_version`.
//!
//! Knows nothing of what they do. Each keeps what the version before needs.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Applies the migrations that the database does not have yet, each in a transaction of its own.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), StoreError> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > known {
        return Err(StoreError::NewerSchema {
            path: path.to_owned(),
            found,
            known,
        });
    }
    for (number, migration) in (1_i64..).zip(migrations) {
        if number > found {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", number)?;
            transaction.commit()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "CREATE TABLE a (n INTEGER) STRICT;";
    const SECOND: &str = "ALTER TABLE a ADD COLUMN m INTEGER;";

    #[test]
    fn migrations_go_forward_once_and_never_back() {
        let path = Path::new("memory");
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, path, &[FIRST]).unwrap();
        migrate(&mut connection, path, &[FIRST]).unwrap();
        migrate(&mut connection, path, &[FIRST, SECOND]).unwrap();
        connection
            .execute("INSERT INTO a (n, m) VALUES (1, 2)", [])
            .unwrap();

        let error = migrate(&mut connection, path, &[FIRST]).unwrap_err();
        assert!(matches!(
            error,
            StoreError::NewerSchema {
                found: 2,
                known: 1,
                ..
            }
        ));
        assert!(error.to_string().contains("newer version"), "{error}");
    }

    #[test]
    fn a_migration_that_fails_leaves_nothing_behind() {
        let mut connection = Connection::open_in_memory().unwrap();
        let broken = "CREATE TABLE b (n INTEGER) STRICT; CREATE TABEL c (n);";
        migrate(&mut connection, Path::new("memory"), &[FIRST, broken]).unwrap_err();
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 1);
    }
}
