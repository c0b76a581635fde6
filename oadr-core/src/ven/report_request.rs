//! `oadrReportRequest`: whether it can be granted and what that means: rules 304, 308, 317, 324, 325,
//! 327, 331, 340, 342.
//!
//! Knows nothing of the messages that requests come in, nor of the data.

use chrono::TimeDelta;

use super::decide::Turn;
use super::reporting::{DataPoint, Lengths, PayloadKind};
use super::schedule::{self, Periods};
use super::{PendingReport, Schedule};
use crate::payload::{Properties, Report, ReportDescription, ReportRequest, ResponseCode};
use crate::rhythm::Rhythm;
use crate::value::{DateTime, Duration, RId, ReportName, ReportType};

/// Who asks for all that is kept asks a little early: the request has its time to come.
const SLACK: TimeDelta = TimeDelta::minutes(10);
/// Reports are not put off longer, however far they lie apart.
const LONGEST_OFFSET: TimeDelta = TimeDelta::minutes(10);
/// A reading of which nobody says how long it is lasts this many seconds.
const USUAL_LENGTH: u32 = 60;

/// A code and what it means here.
pub(super) type Fault = (ResponseCode, &'static str);

/// What a request comes to.
pub(super) fn grant(turn: &mut Turn<'_>, request: &ReportRequest) -> Result<PendingReport, Fault> {
    let specifier = &request.specifier;
    // Drawn in any case, so that what is drawn later does not depend on what is asked for.
    let offset = offset(turn, &specifier.report_back);
    let (back, granularity) = (specifier.report_back, specifier.granularity);
    let length = specifier.interval.as_ref().map(|i| i.duration);
    let durations = [Some(back), Some(granularity), length];
    if durations.into_iter().flatten().any(|d| d.is_negative()) {
        return Err((ResponseCode::INVALID_DATA, "negative duration"));
    }
    let mut granted = PendingReport {
        request: request.clone(),
        report_name: None,
        points: Vec::new(),
        lengths: Lengths::None,
        schedule: Schedule::Now,
        offset: TimeDelta::zero(),
        refusals: 0,
    };
    if specifier.report_specifier_id.is_metadata() {
        granted.schedule = Schedule::Metadata(Rhythm::requested(specifier, turn.now));
        return Ok(granted);
    }
    let mut offers = turn.context.reports.iter();
    let offer = offers.find(|offer| offer.report_specifier_id == specifier.report_specifier_id);
    let offer = offer.ok_or((ResponseCode::INVALID_ID, "unknown reportSpecifierID"))?;
    let wanted = wanted(offer, request)?;
    let rates = Rates::of(&wanted);
    granted.report_name = offer.report_name.as_ref().map(ReportName::of_data);
    granted.points = wanted
        .iter()
        .map(|description| point(granted.report_name.as_ref(), description))
        .collect();
    granted.schedule = match &granted.report_name {
        Some(ReportName::HistoryGreenButton) if granted.points.len() > 1 => {
            // Feeds do not say which data point they are of.
            let code = ResponseCode::REPORT_NOT_SUPPORTED;
            return Err((code, "one rID a request for Green Button data"));
        }
        Some(ReportName::HistoryUsage | ReportName::HistoryGreenButton) => {
            history(turn.now, request, offer)?
        }
        Some(_) | None if back.is_zero() => Schedule::Now,
        Some(_) | None => {
            granted.offset = offset;
            Schedule::Periodic(periods(turn.now, request, offer, &rates)?)
        }
    };
    if has_lengths(granted.report_name.as_ref(), &wanted) {
        let usual = match &granted.schedule {
            Schedule::Periodic(periods) => seconds(periods.step),
            Schedule::Metadata(_) | Schedule::Now | Schedule::History { .. } => rates
                .min
                .or(granularity
                    .to_time_delta()
                    .filter(|g| *g > TimeDelta::zero()))
                .map_or(USUAL_LENGTH, seconds),
        };
        granted.lengths = Lengths::Usually(usual);
    }
    Ok(granted)
}

fn seconds(span: TimeDelta) -> u32 {
    u32::try_from(span.num_seconds()).unwrap_or(u32::MAX)
}

/// By how much the reports of a request are put off.
fn offset(turn: &mut Turn<'_>, back: &Duration) -> TimeDelta {
    let share = i64::from(turn.context.report_jitter.min(100));
    let period = back.span_from(turn.now).num_milliseconds();
    let most = period.saturating_mul(share) / 100;
    let most = most.min(LONGEST_OFFSET.num_milliseconds());
    let drawn = turn.random.up_to(u64::try_from(most).unwrap_or(0));
    TimeDelta::milliseconds(i64::try_from(drawn).unwrap_or(0))
}

/// The data points wanted, each once.
fn wanted<'a>(
    offer: &'a Report,
    request: &ReportRequest,
) -> Result<Vec<&'a ReportDescription>, Fault> {
    let mut wanted: Vec<&ReportDescription> = Vec::new();
    for payload in request.specifier.payloads.iter() {
        let known = |r_id: &RId| offer.descriptions.iter().find(|d| d.r_id == *r_id);
        let description = known(&payload.r_id).ok_or((ResponseCode::INVALID_ID, "unknown rID"))?;
        if !wanted.iter().any(|other| other.r_id == description.r_id) {
            wanted.push(description);
        }
    }
    Ok(wanted)
}

fn point(name: Option<&ReportName>, description: &ReportDescription) -> DataPoint {
    DataPoint {
        r_id: description.r_id.clone(),
        kind: kind(name, description),
    }
}

/// What kind of values a data point has, in a report of this name.
pub(super) fn kind(name: Option<&ReportName>, description: &ReportDescription) -> PayloadKind {
    if name == Some(&ReportName::HistoryGreenButton) {
        PayloadKind::GreenButton
    } else if description.report_type == ReportType::ResourceStatus {
        PayloadKind::ResourceStatus
    } else {
        PayloadKind::Float
    }
}

/// Whether a report's intervals have lengths (rule 331): the well-known ones say so themselves, others
/// by what they measure.
fn has_lengths(name: Option<&ReportName>, wanted: &[&ReportDescription]) -> bool {
    match name {
        Some(
            ReportName::TelemetryUsage | ReportName::HistoryUsage | ReportName::HistoryGreenButton,
        ) => true,
        Some(ReportName::TelemetryStatus) => false,
        Some(_) | None => wanted.iter().any(|description| {
            matches!(
                description.report_type,
                ReportType::Usage
                    | ReportType::Demand
                    | ReportType::DeltaUsage
                    | ReportType::DeltaDemand
                    | ReportType::AverageUsage
                    | ReportType::AverageDemand
                    | ReportType::PercentUsage
                    | ReportType::PercentDemand
                    | ReportType::Baseline
                    | ReportType::Deviation
            )
        }),
    }
}

/// When it is over; a length of zero is for ever.
fn end(interval: Option<&Properties>) -> Option<DateTime> {
    let interval = interval.filter(|interval| !interval.duration.is_zero());
    interval.map(|interval| interval.duration.after(interval.start))
}

/// What is kept, of a time in the past (rules 317, 324, 325).
fn history(now: DateTime, request: &ReportRequest, offer: &Report) -> Result<Schedule, Fault> {
    let specifier = &request.specifier;
    if !specifier.report_back.is_zero() || !specifier.granularity.is_zero() {
        let code = ResponseCode::REPORT_NOT_SUPPORTED;
        return Err((code, "history comes once and as it is kept"));
    }
    let oldest = offer.duration.map(|kept| kept.before(now));
    let from = match &specifier.interval {
        Some(interval) => interval.start,
        None => oldest.unwrap_or(DateTime::UNIX_EPOCH),
    };
    if oldest.is_some_and(|oldest| from < schedule::earlier(oldest, SLACK)) {
        return Err((ResponseCode::INVALID_DATA, "not kept that long"));
    }
    let to = end(specifier.interval.as_ref()).map_or(now, |end| end.min(now));
    if to <= from {
        return Err((ResponseCode::INVALID_DATA, "history lies in the past"));
    }
    Ok(Schedule::History { cursor: from, to })
}

/// How often data points can be sampled: what all of them can.
struct Rates {
    min: Option<TimeDelta>,
    max: Option<TimeDelta>,
    on_change: bool,
}

impl Rates {
    fn of(wanted: &[&ReportDescription]) -> Self {
        let rates = || wanted.iter().map(|d| d.sampling_rate.as_ref());
        let length = |duration: &Duration| {
            let length = duration.to_time_delta();
            length.filter(|length| *length > TimeDelta::zero())
        };
        Self {
            min: rates()
                .flatten()
                .filter_map(|r| length(&r.min_period))
                .max(),
            max: rates()
                .flatten()
                .filter_map(|r| length(&r.max_period))
                .min(),
            on_change: rates().all(|rate| rate.is_some_and(|rate| rate.on_change)),
        }
    }
}

/// Sampled data again and again (rules 317, 325, 340). Without a reportInterval it begins now, on a grid
/// of round times, and never ends.
fn periods(
    now: DateTime,
    request: &ReportRequest,
    offer: &Report,
    rates: &Rates,
) -> Result<Periods, Fault> {
    let specifier = &request.specifier;
    let interval = specifier.interval.as_ref();
    let end = end(interval);
    let kept = offer.duration.filter(|kept| !kept.is_negative());
    let oldest = kept.map_or(now, |kept| kept.before(now));
    if end.is_some_and(|end| end <= oldest) {
        return Err((ResponseCode::INVALID_DATA, "not kept that long"));
    }
    let back = specifier.report_back;
    let begin = interval.map_or(now, |interval| interval.start);
    let (step, on_change) = step(request, back.span_from(begin), rates)?;
    let start = match interval {
        Some(interval) => interval.start,
        None => schedule::grid_at(DateTime::UNIX_EPOCH, step, now),
    };
    let granted = schedule::grid_at(start, step, now);
    let mut periods = Periods {
        start,
        back,
        step,
        on_change,
        end,
        granted,
        cursor: start,
    };
    periods.cursor = periods.grid_from(oldest).min(granted);
    if periods.period_end().is_none() {
        return Err((ResponseCode::INVALID_DATA, "nothing in that time"));
    }
    Ok(periods)
}

/// The grid, and whether only changes are reported.
fn step(
    request: &ReportRequest,
    back: TimeDelta,
    rates: &Rates,
) -> Result<(TimeDelta, bool), Fault> {
    let granularity = request.specifier.granularity;
    let shortest = rates.min.unwrap_or(TimeDelta::seconds(1));
    if back < shortest {
        let why = "reportBackDuration below oadrMinPeriod";
        return Err((ResponseCode::INVALID_DATA, why));
    }
    if granularity.is_zero() {
        // Who cannot tell changes as they happen is asked for it all the same: one value a report then,
        // or as many as it takes not to sample more slowly than offered.
        return Ok(if rates.on_change {
            (shortest, true)
        } else {
            let longest = rates.max.unwrap_or(back).max(shortest);
            let whole = TimeDelta::seconds(back.min(longest).num_seconds());
            (whole, false)
        });
    }
    let Some(step) = granularity.to_time_delta() else {
        let code = ResponseCode::REPORT_NOT_SUPPORTED;
        return Err((code, "granularity in months or years"));
    };
    let why = if step < shortest {
        "granularity below oadrMinPeriod"
    } else if rates.max.is_some_and(|max| step > max) {
        "granularity above oadrMaxPeriod"
    } else if step > back {
        "granularity above reportBackDuration"
    } else {
        return Ok((step, false));
    };
    Err((ResponseCode::INVALID_DATA, why))
}
