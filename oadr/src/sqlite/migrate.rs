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
    use crate::temp_dir::TempDir;

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
        let path = Path::new("memory");
        migrate(&mut connection, path, &[FIRST, broken]).unwrap_err();
        let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        let tables = number("SELECT count(*) FROM sqlite_schema").unwrap();
        let version = number("PRAGMA user_version").unwrap();
        // The one before it stays, and the next start goes on from there.
        assert_eq!((tables, version), (1, 1));
        migrate(&mut connection, path, &[FIRST, SECOND]).unwrap();
    }

    #[test]
    fn a_migration_that_is_killed_half_way_leaves_the_version_before() {
        let temp = TempDir::new("migrate").unwrap();
        let path = temp.path().join("a.db");
        drop(crate::sqlite::open(&path, &[FIRST]).unwrap());
        let killed = crate::sqlite::open(&path, &[FIRST]).unwrap();
        // As far as a migration gets before its commit; with so small a cache part of it is in the log.
        killed
            .execute_batch(
                "PRAGMA cache_size = 2; BEGIN IMMEDIATE; CREATE TABLE b (n INTEGER) STRICT;
                 INSERT INTO b WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 9999)
                 SELECT n FROM c; PRAGMA user_version = 2;",
            )
            .unwrap();
        let log = std::fs::read(temp.path().join("a.db-wal")).unwrap();
        assert!(log.len() > 4096, "{}", log.len());
        // What the disk holds at that moment.
        let after = temp.path().join("after.db");
        std::fs::copy(&path, &after).unwrap();
        std::fs::write(temp.path().join("after.db-wal"), log).unwrap();

        let old = crate::sqlite::open(&after, &[FIRST]).unwrap();
        let tables = "SELECT group_concat(name) FROM sqlite_schema";
        let tables: String = old.query_row(tables, [], |row| row.get(0)).unwrap();
        assert_eq!(tables, "a");
        drop(old);
        crate::sqlite::open(&after, &[FIRST, SECOND]).unwrap();
    }
}
