//! Temporary folders for the data of the processes under test.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::failure::Failure;

/// A new, empty folder; it goes with its handle, unless the test failed.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes a folder with `name` in its name.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn new(name: &str) -> Result<Self, Failure> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = env::temp_dir().join(format!("oadr-{name}-{}-{number}", process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                // Kept by a test that failed, in a process that had the same ID.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => {
                    let what = format!("cannot make {}", path.display());
                    return Err(Failure::io(&what, &error));
                }
            }
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("kept for a look: {}", self.0.display());
        } else {
            // What cannot be removed is the temporary folder's business.
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
