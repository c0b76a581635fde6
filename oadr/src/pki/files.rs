//! Files that are there whole or not at all, and take nothing's place unless they are told to.
//!
//! Knows nothing of keys and certificates.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Its owner: keys.
    Owner,
    /// Whom the process lets: certificates.
    Anybody,
}

/// A file on the disk that has no name yet that anybody would look for; without one it goes away.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    name: PathBuf,
}

impl Draft {
    /// Writes it, for `name`.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(name: PathBuf, content: &[u8], readers: Readers) -> io::Result<Self> {
        let mut ending = name.as_os_str().to_owned();
        ending.push(".new");
        let path = PathBuf::from(ending);
        // What a process left there that was killed here.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mode = match readers {
            Readers::Owner => 0o600,
            Readers::Anybody => 0o644,
        };
        // The mode is there from the beginning: a key that was readable for a moment is no secret.
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)?;
        let draft = Self { path, name };
        file.write_all(content)?;
        file.sync_all()?;
        Ok(draft)
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// The name is taken ([`io::ErrorKind::AlreadyExists`]) and `replace` is not said; or the disk failed.
    pub(super) fn publish(self, replace: bool) -> io::Result<()> {
        if replace {
            fs::rename(&self.path, &self.name)?;
            return sync_folder(&self.name);
        }
        match fs::hard_link(&self.path, &self.name) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            // A file system without links, such as that of a memory stick.
            Err(_) if !self.name.try_exists()? => fs::rename(&self.path, &self.name)?,
            Err(error) => return Err(error),
        }
        sync_folder(&self.name)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Renamed, it is not there any more.
        let _ = fs::remove_file(&self.path);
    }
}

/// Keeps other processes out of a folder until it is dropped: two drafts for one name would be mixed up.
/// Where the file system has no locks, there is none.
pub(super) fn hold(folder: &Path) -> io::Result<File> {
    let held = File::open(folder)?;
    let _ = held.lock();
    Ok(held)
}

/// Makes what happened to names in a file's folder last.
pub(super) fn sync_folder(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if folder.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::temp_dir::TempDir;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_overwritten_unless_it_is_said() {
        let temp = TempDir::new("draft").unwrap();
        let name = temp.path().join("house-key.pem");
        let draft =
            |text: &str| Draft::write(name.clone(), text.as_bytes(), Readers::Owner).unwrap();
        draft("first").publish(false).unwrap();
        let error = draft("second").publish(false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&name).unwrap(), "first");
        draft("third").publish(true).unwrap();
        assert_eq!(fs::read_to_string(&name).unwrap(), "third");
        assert_eq!(names(temp.path()), ["house-key.pem"]);
        let mode = fs::metadata(&name).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_a_killed_process_left_is_in_nobodys_way() {
        let temp = TempDir::new("draft").unwrap();
        let name = temp.path().join("house.pem");
        fs::write(temp.path().join("house.pem.new"), "half").unwrap();
        let draft = Draft::write(name.clone(), b"whole", Readers::Anybody).unwrap();
        draft.publish(false).unwrap();
        assert_eq!(fs::read_to_string(&name).unwrap(), "whole");
        let given_up = Draft::write(name, b"other", Readers::Anybody).unwrap();
        drop(given_up);
        assert_eq!(names(temp.path()), ["house.pem"]);
    }
}
