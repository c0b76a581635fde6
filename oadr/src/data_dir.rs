//! The folder that a process keeps its data in, and the lock that keeps others out of it.
//!
//! Knows nothing of what is in the folder.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The file that is locked.
pub(crate) const LOCK: &str = "lock";

/// A data folder, held by this process until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    // The operating system gives the lock back when the file is closed, however the process ends.
    lock: File,
}

/// Why a data folder cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// It cannot be made, or its lock cannot be opened.
    #[error("cannot use the data folder {}: {source}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Someone else works in it.
    #[error(
        "the data folder {} is in use by another process, or by another VTN or VEN of this one",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
}

impl DataDir {
    /// Makes the folder if it is not there, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        let failed = |source| DataDirError::Io {
            path: path.to_owned(),
            source,
        };
        fs::create_dir_all(path).map_err(failed)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                lock,
            }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// A file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // A child that is just being started has the file open too, and would keep the lock until it is
        // another program. What cannot be unlocked is given back then.
        let _ = self.lock.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temp_dir::TempDir;

    #[test]
    fn a_folder_is_for_one_at_a_time() {
        let temp = TempDir::new("lock").unwrap();
        let path = temp.path().join("a/b");
        let held = DataDir::open(&path).unwrap();
        assert!(matches!(
            DataDir::open(&path),
            Err(DataDirError::InUse { .. })
        ));
        drop(held);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn a_child_that_is_being_started_does_not_keep_a_folder_that_was_let_go() {
        let temp = TempDir::new("lock").unwrap();
        let held = DataDir::open(temp.path()).unwrap();
        // What a child has until it becomes another program.
        let inherited = held.lock.try_clone().unwrap();
        drop(held);
        DataDir::open(temp.path()).unwrap();
        drop(inherited);
    }
}
