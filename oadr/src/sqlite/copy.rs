//! A copy of a database, whole or not at all: made while others write, checked, synced, and only then
//! given its name.
//!
//! Knows nothing of tables.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::StoreError;
use crate::entropy;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    /// A database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The pages do not fit together.
    #[error("{0}")]
    Damaged(String),
    /// There is something of that name.
    #[error("it exists")]
    Exists,
    /// The file system failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<rusqlite::Error> for CopyError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged(error.to_string()),
            Some(_) | None => Self::Store(error.into()),
        }
    }
}

/// Opens a database of which nothing is changed.
pub(crate) fn open_source(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|source| StoreError::Open {
            path: path.to_owned(),
            source: source.into(),
        })?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

/// The database as it is at this moment, for as long as the answer lives. With a write-ahead log nobody
/// who writes waits for it.
pub(crate) fn snapshot(source: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    let snapshot = source.transaction_with_behavior(TransactionBehavior::Deferred)?;
    // The moment is that of the first look.
    snapshot.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
        row.get::<_, i64>(0)
    })?;
    Ok(snapshot)
}

/// Writes what a snapshot holds to a new file, readable for its owner only: one that needs no other
/// beside it. The answer is its length in bytes.
///
/// Under the name `to` there is the whole copy, checked and on the disk, or nothing. A process that is
/// killed meanwhile leaves a file whose name ends in `.partial`.
pub(crate) fn copy(snapshot: &Transaction<'_>, to: &Path) -> Result<u64, CopyError> {
    if to.try_exists()? {
        return Err(CopyError::Exists);
    }
    let partial = Partial::new(to)?;
    let mut copy = Connection::open(&partial.path)?;
    // What a crash leaves of it is worthless anyway; it is synced as a whole.
    copy.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    copy.pragma_update(None, "journal_mode", "OFF")?;
    copy.pragma_update(None, "synchronous", "OFF")?;
    match Backup::new(snapshot, &mut copy)?.step(-1)? {
        StepResult::Done => {}
        // Of all pages in one step nothing remains; the rest means that somebody is in the way.
        StepResult::More | StepResult::Busy | StepResult::Locked | _ => {
            return Err(StoreError::Busy.into());
        }
    }
    // Out of write-ahead mode, which the pages brought along: one file is all there is.
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    check(&copy)?;
    copy.close().map_err(|(_, error)| error)?;
    let file = File::open(&partial.path)?;
    file.sync_all()?;
    let length = file.metadata()?.len();
    partial.name(to)?;
    Ok(length)
}

/// Reads every page and compares the indexes with their tables.
fn check(connection: &Connection) -> Result<(), CopyError> {
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(CopyError::Damaged(verdict))
    }
}

/// A file on its way; unless it gets its name, it goes with this value.
#[derive(Debug)]
struct Partial {
    path: PathBuf,
    folder: PathBuf,
}

impl Partial {
    fn new(to: &Path) -> io::Result<Self> {
        let folder = match to.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            Some(_) | None => PathBuf::from("."),
        };
        let mark: String = entropy::draw()?
            .iter()
            .take(8)
            .map(|b| format!("{b:02x}"))
            .collect();
        let mut name = to.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{mark}.partial"));
        let path = folder.join(name);
        File::options()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Self { path, folder })
    }

    /// Gives it its name, unless something else has it.
    fn name(self, to: &Path) -> Result<(), CopyError> {
        match fs::hard_link(&self.path, to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(CopyError::Exists);
            }
            // A file system without links. Between the look and the renaming somebody else could
            // take the name; nothing else is to be had there.
            Err(_) if !to.try_exists()? => fs::rename(&self.path, to)?,
            Err(_) => return Err(CopyError::Exists),
        }
        // The name is on the disk when its folder is.
        File::open(&self.folder)?.sync_all()?;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // With its name it is there twice, or no more; what SQLite put beside it mostly is not there.
        for ending in ["", "-journal", "-wal", "-shm"] {
            let mut path = self.path.clone().into_os_string();
            path.push(ending);
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::temp_dir::TempDir;

    const TABLE: &str = "CREATE TABLE a (n INTEGER PRIMARY KEY, t TEXT) STRICT;";

    fn files(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn rows(path: &Path) -> i64 {
        let connection = open_source(path).unwrap();
        connection
            .query_row("SELECT count(*) FROM a", [], |row| row.get(0))
            .unwrap()
    }

    fn insert(connection: &Connection, n: i64) {
        connection
            .execute("INSERT INTO a (n, t) VALUES (?1, 'row')", [n])
            .unwrap();
    }

    #[test]
    fn a_copy_is_of_one_moment_while_others_write() {
        let temp = TempDir::new("copy").unwrap();
        let (from, to) = (temp.path().join("a.db"), temp.path().join("b.db"));
        let writer = crate::sqlite::open(&from, &[TABLE]).unwrap();
        insert(&writer, 1);
        let mut source = open_source(&from).unwrap();
        let snapshot = snapshot(&mut source).unwrap();
        // Written at once: nobody waits for the copy, and the copy does not see it.
        writer.busy_timeout(Duration::ZERO).unwrap();
        insert(&writer, 2);
        let length = copy(&snapshot, &to).unwrap();
        drop(snapshot);

        assert_eq!((rows(&from), rows(&to)), (2, 1));
        let metadata = fs::metadata(&to).unwrap();
        assert_eq!(metadata.len(), length);
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        // Reading it made nothing beside it: it is one file.
        let names = files(temp.path());
        assert_eq!(names, ["a.db", "a.db-shm", "a.db-wal", "b.db"]);
    }

    #[test]
    fn what_a_crash_left_in_the_log_is_copied() {
        let temp = TempDir::new("copy").unwrap();
        let crashed = temp.path().join("crashed.db");
        let writer = crate::sqlite::open(&temp.path().join("a.db"), &[TABLE]).unwrap();
        writer.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        for n in 0..100 {
            insert(&writer, n);
        }
        // As the files were when the machine stopped.
        fs::copy(temp.path().join("a.db"), &crashed).unwrap();
        let log = temp.path().join("a.db-wal");
        assert!(fs::metadata(&log).unwrap().len() > 0);
        fs::copy(log, temp.path().join("crashed.db-wal")).unwrap();

        let mut source = open_source(&crashed).unwrap();
        let to = temp.path().join("b.db");
        copy(&snapshot(&mut source).unwrap(), &to).unwrap();
        assert_eq!(rows(&to), 100);
    }

    #[test]
    fn nothing_is_overwritten_and_a_failure_leaves_nothing() {
        let temp = TempDir::new("copy").unwrap();
        let (from, to) = (temp.path().join("a.db"), temp.path().join("b.db"));
        drop(crate::sqlite::open(&from, &[TABLE]).unwrap());
        fs::write(&to, "mine").unwrap();
        let mut source = open_source(&from).unwrap();
        let refused = copy(&snapshot(&mut source).unwrap(), &to).unwrap_err();
        assert!(matches!(refused, CopyError::Exists), "{refused}");
        assert_eq!(fs::read(&to).unwrap(), b"mine");

        let nowhere = temp.path().join("none/b.db");
        let failed = copy(&snapshot(&mut source).unwrap(), &nowhere).unwrap_err();
        assert!(matches!(failed, CopyError::Io(_)), "{failed}");
        // The name is taken while the copy is made.
        let partial = Partial::new(&to).unwrap();
        assert!(matches!(partial.name(&to), Err(CopyError::Exists)));
        assert_eq!(fs::read(&to).unwrap(), b"mine");
        drop(source);
        let names = files(temp.path());
        assert!(
            names.iter().all(|name| !name.contains("partial")),
            "{names:?}"
        );
    }

    #[test]
    fn a_damaged_database_is_not_copied() {
        let temp = TempDir::new("copy").unwrap();
        let (from, to) = (temp.path().join("a.db"), temp.path().join("b.db"));
        let writer = crate::sqlite::open(&from, &[TABLE]).unwrap();
        for n in 0..2_000 {
            insert(&writer, n);
        }
        writer
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE);")
            .unwrap();
        drop(writer);
        let mut octets = fs::read(&from).unwrap();
        // The page after the first two: rows.
        octets[2 * 4096..3 * 4096].fill(0x5a);
        fs::write(&from, octets).unwrap();

        let mut source = open_source(&from).unwrap();
        let refused = copy(&snapshot(&mut source).unwrap(), &to).unwrap_err();
        assert!(matches!(refused, CopyError::Damaged(_)), "{refused}");
        assert!(!to.exists());
    }
}
