//! Backups of data folders, made while a VTN or a VEN works in them, and their way back.
//!
//! Knows nothing of what the tables hold. A backup is the database and nothing else: one SQLite file.
//! What else is in a data folder (the lock, the API token) is made anew by the next start, so that a
//! backup opens no door.
//!
//! The database is copied by SQLite's own backup interface from a read transaction of a process of its
//! own: that is one moment of the log, which nobody who writes waits for; it needs no running VTN and
//! works for a VEN, which has no API to ask.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Transaction};

use crate::clock;
use crate::data_dir::{DataDir, DataDirError, LOCK};
use crate::sqlite::{self, CopyError, StoreError};
use crate::{store, ven};

/// Whose database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A VTN's.
    Vtn,
    /// A VEN's.
    Ven,
}

impl Role {
    const ALL: [Self; 2] = [Self::Vtn, Self::Ven];

    /// `vtn` or `ven`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vtn => "vtn",
            Self::Ven => "ven",
        }
    }

    /// The database in a data folder.
    fn file(self) -> &'static str {
        match self {
            Self::Vtn => "vtn.db",
            Self::Ven => "ven.db",
        }
    }

    /// A table that only this role has.
    fn table(self) -> &'static str {
        match self {
            Self::Vtn => "partitions",
            Self::Ven => "ven",
        }
    }

    /// The newest schema that this program knows.
    fn known(self) -> i64 {
        let migrations = match self {
            Self::Vtn => store::MIGRATIONS,
            Self::Ven => ven::MIGRATIONS,
        };
        i64::try_from(migrations.len()).unwrap_or(i64::MAX)
    }
}

/// A database that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// Whose it is.
    pub role: Role,
    /// The number of its schema.
    pub schema: i64,
    /// The copy.
    pub file: PathBuf,
    /// Its length.
    pub bytes: u64,
}

/// Why a backup was not made, or not restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is nothing to back up.
    #[error("there is no data of a VTN or a VEN in {}", .0.display())]
    NoData(PathBuf),
    /// One folder, two databases.
    #[error("{} holds the data of a VTN and of a VEN; only folders with one of them are backed up", .0.display())]
    TwoRoles(PathBuf),
    /// It is something else.
    #[error("{} is no database of a VTN or a VEN", .0.display())]
    NotOurs(PathBuf),
    /// The pages do not fit together.
    #[error("the database {} is damaged: {what}", path.display())]
    Damaged {
        /// The database that was to be copied.
        path: PathBuf,
        /// SQLite's words.
        what: String,
    },
    /// Backups do not take the place of anything.
    #[error("{} exists, and nothing is overwritten", .0.display())]
    Exists(PathBuf),
    /// Only an empty folder takes a backup.
    #[error("the folder {} is not empty ({found:?} is in it): nothing is overwritten", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
        /// Something in it.
        found: String,
    },
    /// The folder cannot be had.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A database failed, or is too new.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file system failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Backs up the data folder `data`, whether or not a process works in it, to the file `to`; if that is a
/// folder, to a new file in it that is named after the role and the time. What was committed before this
/// is called is in the backup. Blocks until it is on the disk.
///
/// # Errors
/// See [`BackupError`]. There is no file of that name then, unless there was one before.
pub fn backup(data: &Path, to: &Path) -> Result<Copied, BackupError> {
    let held = Role::ALL.map(|role| data.join(role.file()));
    let (from, role) = match held.each_ref().map(|path| path.is_file()) {
        [true, false] => (&held[0], Role::Vtn),
        [false, true] => (&held[1], Role::Ven),
        [true, true] => return Err(BackupError::TwoRoles(data.to_owned())),
        [false, false] => return Err(BackupError::NoData(data.to_owned())),
    };
    let to = if to.is_dir() {
        let now = clock::now().format("%Y%m%dT%H%M%SZ");
        to.join(format!("oadr-{}-{now}.db", role.name()))
    } else {
        to.to_owned()
    };
    let mut source = open(from)?;
    let found = identify(&mut source, from)?;
    if found.role != role {
        return Err(BackupError::NotOurs(from.clone()));
    }
    copy(&found, from, to)
}

/// Puts a backup into the data folder `data`, which is made if it is not there: the next start of the
/// VTN or VEN goes on from it. Blocks until it is on the disk.
///
/// # Errors
/// See [`BackupError`]: among others, another process works in the folder or there is something in it;
/// the file is damaged, is no backup, or is that of a newer version of this program. There is no
/// database in the folder then.
pub fn restore(backup: &Path, data: &Path) -> Result<Copied, BackupError> {
    if !backup.is_file() {
        return Err(BackupError::NotOurs(backup.to_owned()));
    }
    let mut source = open(backup)?;
    let found = identify(&mut source, backup)?;
    // Until it is all there nobody else works in the folder.
    let folder = DataDir::open(data)?;
    is_empty(data)?;
    copy(&found, backup, folder.file(found.role.file()))
}

/// A database that is to be copied, as it is at one moment.
struct Found<'a> {
    snapshot: Transaction<'a>,
    role: Role,
    schema: i64,
}

fn open(path: &Path) -> Result<Connection, BackupError> {
    sqlite::open_source(path).map_err(|error| refused(error, path))
}

fn identify<'a>(source: &'a mut Connection, path: &Path) -> Result<Found<'a>, BackupError> {
    let snapshot = sqlite::snapshot(source).map_err(|error| refused(error, path))?;
    let mut role = None;
    for candidate in Role::ALL {
        let found = snapshot
            .query_row(
                "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1",
                [candidate.table()],
                |_| Ok(()),
            )
            .optional()
            .map_err(StoreError::from)?;
        role = role.or(found.map(|()| candidate));
    }
    let schema: i64 = snapshot
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(StoreError::from)?;
    match role {
        Some(role) if schema > role.known() => Err(StoreError::NewerSchema {
            path: path.to_owned(),
            found: schema,
            known: role.known(),
        }
        .into()),
        Some(role) if schema > 0 => Ok(Found {
            snapshot,
            role,
            schema,
        }),
        Some(_) | None => Err(BackupError::NotOurs(path.to_owned())),
    }
}

fn copy(found: &Found<'_>, from: &Path, to: PathBuf) -> Result<Copied, BackupError> {
    match sqlite::copy(&found.snapshot, &to) {
        Ok(bytes) => Ok(Copied {
            role: found.role,
            schema: found.schema,
            file: to,
            bytes,
        }),
        Err(CopyError::Store(error)) => Err(error.into()),
        Err(CopyError::Damaged(what)) => Err(BackupError::Damaged {
            path: from.to_owned(),
            what,
        }),
        Err(CopyError::Exists) => Err(BackupError::Exists(to)),
        Err(CopyError::Io(source)) => Err(BackupError::Io { path: to, source }),
    }
}

/// What is wrong with the file is told apart from a disk that fails.
fn refused(error: StoreError, path: &Path) -> BackupError {
    let StoreError::Sqlite(cause) = &error else {
        return error.into();
    };
    match cause.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => BackupError::NotOurs(path.to_owned()),
        Some(ErrorCode::DatabaseCorrupt) => BackupError::Damaged {
            path: path.to_owned(),
            what: cause.to_string(),
        },
        Some(_) | None => error.into(),
    }
}

/// But for the lock, which may be there from before.
fn is_empty(folder: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::Io {
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if name != LOCK {
            return Err(BackupError::NotEmpty {
                path: folder.to_owned(),
                found: name.to_string_lossy().into_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
