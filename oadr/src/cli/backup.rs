//! `oadr backup` and `oadr restore`.
//!
//! Knows nothing of how a database is copied.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::say;
use crate::backup::{self, Copied};

/// Back up the data folder of a VTN or a VEN, also while it works.
///
/// The backup is one file, an SQLite database, readable for its owner only. It holds everything that
/// was acknowledged before this command began: VENs and their registrations, events and answers, and
/// who did what. It is checked and on the disk before it gets its name, and takes the place of nothing.
///
/// It does not hold the API token, nor settings: the token of a restored VTN is a new one, and settings
/// are backed up where they are kept. Files of a data folder must not be copied one by one while a
/// process works in it; they would be of different moments.
///
/// Prints one line of JSON: the role (`vtn` or `ven`), the file, its length in bytes, and the number of
/// the schema.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  oadr backup --data oadr-vtn --to /var/backups
  oadr backup --data oadr-vtn --to vtn-before-the-upgrade.db")]
pub(super) struct BackupArgs {
    /// The data folder of the VTN or VEN.
    #[arg(long, value_name = "FOLDER", env = "OADR_DATA")]
    data: PathBuf,
    /// A file that is not there yet, or a folder for one: `oadr-vtn-20260131T160000Z.db`, the time
    /// being UTC.
    #[arg(long, value_name = "FILE_OR_FOLDER")]
    to: PathBuf,
}

/// Put a backup into an empty data folder.
///
/// The next start of the VTN or VEN on the folder goes on from the moment of the backup. A backup of an
/// older version of this program is brought up to date by that start; one of a newer version is refused.
///
/// What happened after the backup is lost: VENs that registered since are unknown and register again;
/// an event that was modified since must be modified again, because VENs refuse a lower
/// modificationNumber; events that were made since must be made again.
///
/// Prints one line of JSON, as `oadr backup` does.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  oadr restore /var/backups/oadr-vtn-20260131T160000Z.db --data oadr-vtn")]
pub(super) struct RestoreArgs {
    /// The backup.
    #[arg(value_name = "FILE")]
    backup: PathBuf,
    /// The data folder; made if it is not there, refused if anything is in it or a process works in it.
    #[arg(long, value_name = "FOLDER", env = "OADR_DATA")]
    data: PathBuf,
}

impl BackupArgs {
    pub(super) fn run(self) -> Result<(), Box<dyn Error>> {
        let copied = backup::backup(&self.data, &self.to)?;
        tell("backed_up", &copied);
        Ok(())
    }
}

impl RestoreArgs {
    pub(super) fn run(self) -> Result<(), Box<dyn Error>> {
        let copied = backup::restore(&self.backup, &self.data)?;
        tell("restored", &copied);
        Ok(())
    }
}

fn tell(happening: &str, copied: &Copied) {
    say(&json!({
        "happening": happening,
        "role": copied.role.name(),
        "file": copied.file.display().to_string(),
        "bytes": copied.bytes,
        "schema": copied.schema,
    }));
}
