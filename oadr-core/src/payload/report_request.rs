//! `oadrReportRequest`: which data, how finely, how often (rules 317 to 340).
//!
//! Knows nothing of what is offered.

use super::{ItemBase, Properties};
use crate::codec::sequence;
use crate::value::{Duration, RId, ReadingType, ReportRequestId, ReportSpecifierId};

sequence! {
    /// `oadrReportRequest`.
    pub struct ReportRequest [None] {
        /// Unique between the two parties (rule 322).
        report_request_id: one ReportRequestId = Ei "reportRequestID";
        /// What is wanted.
        specifier: one ReportSpecifier = Ei "reportSpecifier";
    }
}

sequence! {
    /// `reportSpecifier`.
    pub struct ReportSpecifier [None] {
        /// The offer, or `METADATA` for the offers themselves (rule 327).
        report_specifier_id: one ReportSpecifierId = Ei "reportSpecifierID";
        /// The sampling interval wanted; zero is on change (rule 317).
        granularity: one Duration = Xcal "granularity" / Xcal "duration";
        /// How often to report; zero is once (rule 324).
        report_back: one Duration = Ei "reportBackDuration" / Xcal "duration";
        /// From when and for how long (rule 325).
        interval: opt Properties = Ei "reportInterval" / Xcal "properties";
        /// The data points.
        payloads: some SpecifierPayload = Ei "specifierPayload";
    }
}

sequence! {
    /// `specifierPayload`: one data point wanted.
    pub struct SpecifierPayload [None] {
        /// The data point; ignored in requests for METADATA (rule 308).
        r_id: one RId = Ei "rID";
        /// Never in requests (rule 321).
        item_base: opt ItemBase = choice;
        /// `x-notApplicable` (rule 338).
        reading_type: one ReadingType = Ei "readingType";
    }
}
