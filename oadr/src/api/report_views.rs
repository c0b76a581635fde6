//! Offered and requested reports as the operator API shows them.
//!
//! Knows nothing of how they are found.

use oadr_core::payload::{Report, ReportDescription, ResponseCode};
use oadr_core::value::{
    DateTime, Duration, MarketContext, RId, ReadingType, ReportName, ReportRequestId,
    ReportSpecifierId, ReportType, Text, VenId,
};
use oadr_core::vtn::{ReportProgress, RequestOrigin, RequestedReport, State};
use serde::Serialize;

use crate::json::{ItemBaseForm, TargetForm};

/// What a VEN offers, and what is requested of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ReportsView {
    ven_id: Option<VenId>,
    ven_name: Option<Text>,
    reports: Vec<OfferView>,
    requests: Vec<RequestView>,
}

/// A report on offer.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct OfferView {
    report_specifier_id: ReportSpecifierId,
    /// Without `METADATA_`.
    report_name: Option<ReportName>,
    /// How much of its data the VEN keeps.
    duration: Option<Duration>,
    data_points: Vec<PointView>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct PointView {
    r_id: RId,
    report_type: ReportType,
    reading_type: ReadingType,
    /// The name of the unit, or `status`.
    measurement: Option<String>,
    unit: Option<ItemBaseForm>,
    /// Where it is measured; with an empty subject everywhere, if nothing is named.
    source: TargetForm,
    subject: TargetForm,
    market_context: Option<MarketContext>,
    min_period: Option<Duration>,
    max_period: Option<Duration>,
    on_change: Option<bool>,
}

/// A report that was requested.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct RequestView {
    report_request_id: ReportRequestId,
    ven_id: Option<VenId>,
    ven_name: Option<Text>,
    report_specifier_id: ReportSpecifierId,
    /// Without `METADATA_`; absent if the VEN does not say or does not offer it any more.
    report_name: Option<ReportName>,
    r_ids: Vec<RId>,
    granularity: Duration,
    report_back: Duration,
    dtstart: Option<DateTime>,
    duration: Duration,
    /// When it was wanted.
    created: DateTime,
    origin: Origin,
    /// The policy's name, if it is from one.
    policy: Option<Text>,
    progress: Progress,
    /// Why it was refused.
    response_code: Option<ResponseCode>,
    /// When data came last.
    last_report: Option<DateTime>,
    /// Up to when there are data.
    data_until: Option<DateTime>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Origin {
    Operator,
    Policy,
    Application,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Progress {
    Unoffered,
    Waiting,
    Sent,
    Accepted,
    Refused,
    Cancelling,
    Over,
}

impl ReportsView {
    pub(super) fn new(ven: &State) -> Self {
        Self {
            ven_id: ven.ven_id().cloned(),
            ven_name: ven.ven_name().cloned(),
            reports: ven.offers().iter().map(OfferView::new).collect(),
            requests: RequestView::all(ven).collect(),
        }
    }
}

impl OfferView {
    fn new(offer: &Report) -> Self {
        Self {
            report_specifier_id: offer.report_specifier_id.clone(),
            report_name: offer.report_name.as_ref().map(ReportName::of_data),
            duration: offer.duration,
            data_points: offer.descriptions.iter().map(PointView::new).collect(),
        }
    }
}

impl PointView {
    fn new(point: &ReportDescription) -> Self {
        let rate = point.sampling_rate.as_ref();
        let target = |target: &Option<_>| target.as_ref().map(TargetForm::from).unwrap_or_default();
        Self {
            r_id: point.r_id.clone(),
            report_type: point.report_type.clone(),
            reading_type: point.reading_type.clone(),
            measurement: point.measurement().map(str::to_owned),
            unit: point.item_base.as_ref().map(ItemBaseForm::from),
            source: target(&point.data_source),
            subject: target(&point.subject),
            market_context: point.market_context.clone(),
            min_period: rate.map(|rate| rate.min_period),
            max_period: rate.map(|rate| rate.max_period),
            on_change: rate.map(|rate| rate.on_change),
        }
    }
}

impl RequestView {
    /// Every request that is known of a VEN.
    pub(super) fn all(ven: &State) -> impl Iterator<Item = Self> {
        ven.report_requests().map(|request| Self::new(ven, request))
    }

    pub(super) fn new(ven: &State, request: &RequestedReport) -> Self {
        let wanted = &request.wanted;
        let mut offers = ven.offers().iter();
        let offer = offers.find(|o| o.report_specifier_id == wanted.report_specifier_id);
        let name = offer.and_then(|offer| offer.report_name.as_ref());
        Self {
            report_request_id: request.report_request_id.clone(),
            ven_id: ven.ven_id().cloned(),
            ven_name: ven.ven_name().cloned(),
            report_specifier_id: wanted.report_specifier_id.clone(),
            report_name: name.map(ReportName::of_data),
            r_ids: request.points.iter().map(|p| p.r_id.clone()).collect(),
            granularity: wanted.granularity,
            report_back: wanted.report_back,
            dtstart: wanted.start,
            duration: wanted.duration,
            created: request.since,
            origin: match &request.origin {
                RequestOrigin::Operator => Origin::Operator,
                RequestOrigin::Policy(_) => Origin::Policy,
                RequestOrigin::Application => Origin::Application,
            },
            policy: match &request.origin {
                RequestOrigin::Policy(name) => Some(name.clone()),
                RequestOrigin::Operator | RequestOrigin::Application => None,
            },
            progress: match &request.progress {
                ReportProgress::Unoffered => Progress::Unoffered,
                ReportProgress::Waiting { .. } => Progress::Waiting,
                ReportProgress::Sent { .. } => Progress::Sent,
                ReportProgress::Accepted => Progress::Accepted,
                ReportProgress::Refused { .. } => Progress::Refused,
                ReportProgress::Cancelling(_) => Progress::Cancelling,
                ReportProgress::Over { .. } => Progress::Over,
            },
            response_code: match &request.progress {
                ReportProgress::Refused { response_code, .. } => Some(*response_code),
                ReportProgress::Unoffered
                | ReportProgress::Waiting { .. }
                | ReportProgress::Sent { .. }
                | ReportProgress::Accepted
                | ReportProgress::Cancelling(_)
                | ReportProgress::Over { .. } => None,
            },
            last_report: request.last.map(|last| last.received),
            data_until: request.last.and_then(|last| last.until),
        }
    }

    /// Whether nothing more is to be said or heard of it.
    pub(super) fn is_over(&self) -> bool {
        match self.progress {
            Progress::Refused | Progress::Over => true,
            Progress::Unoffered
            | Progress::Waiting
            | Progress::Sent
            | Progress::Accepted
            | Progress::Cancelling => false,
        }
    }
}
