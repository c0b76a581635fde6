//! Sources for data points that need no program of one's own: commands, files, a simulated meter, and
//! the status of a resource.
//!
//! Knows nothing that an application could not do with callbacks of its own.

mod command;
mod control;
mod feed;
mod file;
mod profile;
mod said;
mod simulated;
mod status;

pub use command::MeterCommand;
pub use feed::GreenButtonFile;
pub use file::MeterFile;
pub use profile::Profile;
pub use simulated::SimulatedMeter;
pub use status::status_of;
