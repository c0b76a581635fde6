//! What a VEN reports: offers, sources, samples, and the answers to the machine's questions for them.
//!
//! Knows nothing of how a report is asked for and sent; that is the machine's.

mod buffer;
mod desk;
mod measurement;
mod offered;
mod point;
mod report;
mod sampler;
mod schedule;
mod source;
#[cfg(test)]
mod tests;

pub use measurement::{Measurement, Sample, Series};
pub use offered::SampleCounts;
pub use point::Point;
pub use report::{PointError, Report, ReportError};
pub use source::{Moment, Span};

pub(super) use buffer::FEWEST;
pub(super) use desk::Desk;
pub(super) use offered::Offered;
pub(crate) use report::offers;
pub(super) use sampler::Sampler;
