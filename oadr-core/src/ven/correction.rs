//! Readings that turned out to be wrong, or that come late: what the VTN has already is reported once
//! more, in a report beside the others (rule 346).
//!
//! Knows nothing of where readings are kept: what the VTN does not have yet goes with the report that is
//! due, as the application says then.

use std::collections::BTreeMap;

use super::command::CommandError;
use super::decide::Turn;
use super::report_contents::with_length;
use super::reporting::PayloadKind;
use super::{Context, Effect, MOST_READINGS, Owed, PendingReport, Schedule, State};
use super::{report_data, report_pending, report_request};
use crate::payload::{Message, ResponseCode, UpdateReport};
use crate::reading::{Reading, ReadingPayload};
use crate::value::{DateTime, RId, ReportName, ReportSpecifierId};

/// So many corrected readings may wait for the VTN.
const MOST_WAITING: usize = 4_000;

/// Reports readings once more by every request under which the VTN has their time.
pub(super) fn correct(
    turn: &mut Turn<'_>,
    report_specifier_id: &ReportSpecifierId,
    readings: &[Reading],
) -> Result<(), CommandError> {
    check(turn.context, report_specifier_id, readings)?;
    if readings.iter().any(|reading| reading.start > turn.now) {
        return Err(CommandError::FutureReading);
    }
    let pending = turn.state().pending_reports();
    let pending = pending.filter(|p| p.report_specifier_id() == report_specifier_id);
    let pending: Vec<PendingReport> = pending.cloned().collect();
    let mut waiting = waiting(turn.state());
    let mut messages = Vec::new();
    for pending in &pending {
        let corrected = corrected(turn.state(), pending, readings);
        waiting = waiting.saturating_add(corrected.len());
        messages.extend(report_data::message(turn, pending, corrected));
    }
    if waiting > MOST_WAITING {
        return Err(CommandError::TooManyCorrections);
    }
    for message in messages {
        turn.owe(Owed::UpdateReport(Box::new(message)));
    }
    Ok(())
}

fn check(
    context: &Context,
    report_specifier_id: &ReportSpecifierId,
    readings: &[Reading],
) -> Result<(), CommandError> {
    let mut offers = context.reports.iter();
    let offer = offers
        .find(|offer| offer.report_specifier_id == *report_specifier_id)
        .ok_or(CommandError::UnknownReport)?;
    if readings.is_empty() {
        return Err(CommandError::NoReadings);
    }
    if readings.len() > MOST_READINGS {
        return Err(CommandError::TooManyReadings);
    }
    let name = offer.report_name.as_ref().map(ReportName::of_data);
    for reading in readings {
        let mut descriptions = offer.descriptions.iter();
        let description = descriptions
            .find(|description| description.r_id == reading.r_id)
            .ok_or(CommandError::UnknownPoint)?;
        match (
            report_request::kind(name.as_ref(), description),
            &reading.payload,
        ) {
            (PayloadKind::Float, ReadingPayload::Float(_))
            | (PayloadKind::ResourceStatus, ReadingPayload::ResourceStatus(_)) => {}
            // A feed is corrected at its source: a request for the past gives it anew.
            (PayloadKind::Float | PayloadKind::ResourceStatus | PayloadKind::GreenButton, _) => {
                return Err(CommandError::WrongKind);
            }
        }
        if reading.duration.is_some_and(|length| length.is_negative()) {
            return Err(CommandError::NegativeLength);
        }
    }
    Ok(())
}

/// How many corrected readings wait for the VTN.
fn waiting(state: &State) -> usize {
    let count = |owed: &Owed| {
        if let Owed::UpdateReport(message) = owed {
            count(message)
        } else {
            0
        }
    };
    state.owed().map(count).fold(0, usize::saturating_add)
}

fn count(message: &UpdateReport) -> usize {
    let intervals = message.reports.iter().flat_map(|report| &report.intervals);
    let counts = intervals.flat_map(|intervals| intervals.iter().map(|i| i.payloads.len()));
    counts.fold(0, usize::saturating_add)
}

/// What the VTN has of these readings by one request, or is being sent: the last word on each, as its
/// reports have them.
fn corrected(state: &State, pending: &PendingReport, readings: &[Reading]) -> Vec<Reading> {
    let mut last: BTreeMap<(DateTime, &RId), &Reading> = BTreeMap::new();
    for reading in readings {
        if pending.r_ids().any(|r_id| *r_id == reading.r_id) && has(state, pending, reading.start) {
            last.insert((reading.start, &reading.r_id), reading);
        }
    }
    let is_history = matches!(pending.schedule, Schedule::History { .. });
    let as_reported = |reading: &Reading| {
        let own = reading.duration.filter(|_| is_history);
        let reading = Reading {
            duration: own,
            ..reading.clone()
        };
        with_length(reading, pending)
    };
    last.into_values().map(as_reported).collect()
}

/// Whether the VTN has the values of an instant by a request, or is being sent them.
fn has(state: &State, pending: &PendingReport, at: DateTime) -> bool {
    let interval = pending.request.specifier.interval.as_ref();
    let is_sent = |cursor: DateTime| at < cursor || is_under_way(state, pending, at);
    match &pending.schedule {
        Schedule::Metadata(_) | Schedule::Now => false,
        Schedule::History { cursor, .. } => {
            interval.is_none_or(|interval| interval.start <= at) && is_sent(*cursor)
        }
        // What lies between two instants of the grid is not reported.
        Schedule::Periodic(periods) => {
            periods.start <= at
                && periods.end.is_none_or(|end| at < end)
                && periods.grid_at(at) == at
                && is_sent(periods.cursor)
        }
    }
}

fn is_under_way(state: &State, pending: &PendingReport, at: DateTime) -> bool {
    let sent = state.report_under_way();
    sent.is_some_and(|sent| {
        sent.report_request_id == *pending.report_request_id() && sent.from <= at && at < sent.to
    })
}

/// The VTN said something to a correction, or nothing that could be understood.
pub(super) fn answered(turn: &mut Turn<'_>, sent: &UpdateReport, message: Option<&Message>) {
    let code = message.and_then(Message::ei_response);
    let code = code.map_or(ResponseCode::OK, |outcome| outcome.response_code);
    if !code.is_success() {
        return refused(turn, sent, Some(code));
    }
    let cancel = match message {
        Some(Message::UpdatedReport(message)) => message.cancel_report.as_ref(),
        Some(_) | None => None,
    };
    for report in &sent.reports {
        let id = &report.report_request_id;
        let (from, to) = span(report);
        turn.effect(Effect::ReportSent {
            report_request_id: id.clone(),
            from,
            to,
            readings: u32::try_from(count(sent)).unwrap_or(u32::MAX),
        });
        // Of the report acknowledged and of no other (rule 328).
        if let Some(cancel) = cancel.filter(|cancel| cancel.report_request_ids.contains(id)) {
            report_pending::withdraw(turn, id, cancel.report_to_follow);
        }
    }
}

/// A correction was not taken: it is given up. Whatever the code, the request goes on: its next report
/// shows whether the VTN still knows it.
pub(super) fn refused(turn: &mut Turn<'_>, sent: &UpdateReport, code: Option<ResponseCode>) {
    for report in &sent.reports {
        let (from, to) = span(report);
        turn.effect(Effect::ReportRefused {
            report_request_id: report.report_request_id.clone(),
            from,
            to,
            response_code: code,
        });
    }
}

/// From the first reading to just behind the start of the last.
fn span(report: &crate::payload::Report) -> (DateTime, DateTime) {
    let from = report.start.unwrap_or(report.created);
    let last = report.intervals.as_ref().map(|intervals| intervals.last());
    let last = last.and_then(|interval| Some((interval.start?, interval.duration)));
    let to = last.map(|(start, length)| length.map_or(start, |length| length.after(start)));
    let behind = super::schedule::later(from, chrono::TimeDelta::seconds(1));
    (from, to.unwrap_or(behind).max(behind))
}
