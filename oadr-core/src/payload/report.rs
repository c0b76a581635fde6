//! `oadrReport`: an offer of data, or the data (rules 305 to 319).
//!
//! Knows nothing of which parts belong to which of the two.

use super::{Interval, ItemBase, Target};
use crate::codec::sequence;
use crate::value::{
    DateTime, Duration, MarketContext, NonEmpty, RId, ReadingType, ReportName, ReportRequestId,
    ReportSpecifierId, ReportType, Text,
};

sequence! {
    /// `oadrReport`.
    pub struct Report [None] {
        /// Start of the first interval; only with data (rules 313, 314).
        start: opt DateTime = Xcal "dtstart" / Xcal "date-time";
        /// With an offer how much data is kept (rule 312), with data its span (rule 315).
        duration: opt Duration = Xcal "duration" / Xcal "duration";
        /// The data.
        intervals: opt NonEmpty<Interval> = Strm "intervals";
        /// Not used (rule 339).
        ei_report_id: opt Text = Ei "eiReportID";
        /// What is offered, data point by data point.
        descriptions: many ReportDescription = Oadr "oadrReportDescription";
        /// `0` in an offer, the request's ID with data (rule 311).
        report_request_id: one ReportRequestId = Ei "reportRequestID";
        /// The offer's ID (rule 308).
        report_specifier_id: one ReportSpecifierId = Ei "reportSpecifierID";
        /// With `METADATA_` in front in an offer (rule 331).
        report_name: opt ReportName = Ei "reportName";
        /// When it was made.
        created: one DateTime = Ei "createdDateTime";
    }
}

sequence! {
    /// `oadrReportDescription`: one data point on offer.
    pub struct ReportDescription [None] {
        /// Its ID, unique within the specifier (rule 308).
        r_id: one RId = Ei "rID";
        /// Device classes only (rule 307).
        subject: opt Target = Ei "reportSubject";
        /// Where it is measured; none of source, subject and context means everything (rule 343).
        data_source: opt Target = Ei "reportDataSource";
        /// What it measures.
        report_type: one ReportType = Ei "reportType";
        /// The unit.
        item_base: opt ItemBase = choice;
        /// How its values come about.
        reading_type: one ReadingType = Ei "readingType";
        /// The programme.
        market_context: opt MarketContext = Emix "marketContext";
        /// How often it can be sampled; required for telemetry (rule 333).
        sampling_rate: opt SamplingRate = Oadr "oadrSamplingRate";
    }
}

sequence! {
    /// `oadrSamplingRate`.
    pub struct SamplingRate [None] {
        /// The shortest period.
        min_period: one Duration = Oadr "oadrMinPeriod";
        /// The longest period.
        max_period: one Duration = Oadr "oadrMaxPeriod";
        /// Whether changes can be reported as they happen.
        on_change: one bool = Oadr "oadrOnChange";
    }
}
