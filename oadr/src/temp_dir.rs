//! A folder that goes with the value: for the demo and for tests.
//!
//! Knows nothing of what is put there.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::entropy;

/// A new, empty folder under the system's temporary one, removed when dropped.
#[derive(Debug)]
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new(purpose: &str) -> io::Result<Self> {
        let drawn = entropy::draw()?;
        let mark: String = drawn.iter().take(8).map(|b| format!("{b:02x}")).collect();
        let path = env::temp_dir().join(format!("oadr-{purpose}-{mark}"));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // What cannot be removed stays for the system to clean up.
        let _ = fs::remove_dir_all(&self.0);
    }
}
