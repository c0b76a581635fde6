//! `oadrUpdateReport` of a VEN: the next report that is due, and what the VTN says to it.
//!
//! Knows nothing of what is in it, nor of whether something else is to be said first.

use super::decide::Turn;
use super::report_contents::{contents, window};
use super::report_pending::{go_on, withdraw};
use super::state::UnderWayReport;
use super::{
    Answer, Change, Effect, PendingReport, Question, ReadingsQuestion, ReportChange, poll,
    registration, report_pending,
};
use crate::payload::{Message, Report, ResponseCode, UpdateReport};
use crate::reading::{self, Reading};

/// A report is given up once its refusals weigh this much.
const MOST_REFUSED: u32 = 30;
/// How much a refusal weighs: five are enough.
const BY_THE_VTN: u32 = 6;
/// How much one below OpenADR does: it may be something in between that will pass.
const BELOW: u32 = 1;

/// The report that is due, if one is. One that would be empty is skipped.
pub(super) fn next(turn: &mut Turn<'_>) -> Result<Option<Message>, Question> {
    while let Some(pending) = turn.state().reporting.data_due(turn.now).cloned() {
        let Some(window) = window(&pending, turn.now) else {
            go_on(turn, pending.report_request_id(), None);
            continue;
        };
        let question = ReadingsQuestion {
            report_request_id: pending.report_request_id().clone(),
            report_specifier_id: pending.report_specifier_id().clone(),
            r_ids: pending.r_ids().cloned().collect(),
            window,
        };
        let answer = turn.answers.iter().find_map(|answer| match answer {
            Answer::Readings(answer) => (answer.window == window
                && answer.report_request_id == question.report_request_id)
                .then_some(answer),
            Answer::Opt(_) => None,
        });
        let Some(answer) = answer else {
            return Err(Question::Readings(Box::new(question)));
        };
        let made = contents(&pending, window, &answer.readings, turn.now);
        let readings = u32::try_from(made.readings.len()).unwrap_or(u32::MAX);
        match message(turn, &pending, made.readings) {
            Some(message) => {
                turn.change(Change::Report(ReportChange::Sending {
                    report_request_id: question.report_request_id,
                    from: made.from,
                    to: made.to,
                    readings,
                    then: made.then.map(Box::new),
                }));
                return Ok(Some(message.into()));
            }
            None => go_on(turn, pending.report_request_id(), made.then),
        }
    }
    Ok(None)
}

/// The report of these readings, made now; `None` if there are none.
pub(super) fn message(
    turn: &mut Turn<'_>,
    pending: &PendingReport,
    readings: Vec<Reading>,
) -> Option<UpdateReport> {
    let intervals = reading::intervals(readings)?;
    let ven_id = turn.registered()?.ven_id.clone();
    let report = Report {
        start: intervals.first().start,
        duration: None,
        intervals: Some(intervals),
        ei_report_id: None,
        descriptions: Vec::new(),
        report_request_id: pending.report_request_id().clone(),
        report_specifier_id: pending.report_specifier_id().clone(),
        report_name: pending.report_name.clone(),
        created: turn.now,
    };
    Some(UpdateReport {
        request_id: turn.request_id(),
        reports: vec![report],
        ven_id: Some(ven_id),
    })
}

/// The VTN took a report, perhaps with the wish for no more, or refused it.
pub(super) fn answered(turn: &mut Turn<'_>, message: Option<&Message>) {
    let Some(sent) = turn.state().link.report.clone() else {
        return;
    };
    let (code, cancel) = match message {
        None => (ResponseCode::OK, None),
        Some(Message::UpdatedReport(message)) => {
            let cancel = message.cancel_report.as_ref();
            (message.ei_response.response_code, cancel)
        }
        Some(Message::Response(message)) => (message.ei_response.response_code, None),
        // A VTN that wants the VEN to register again may say so to anything (quirk Q23).
        Some(Message::RequestReregistration(message)) => {
            registration::denied(turn);
            return registration::requested(turn, message);
        }
        Some(_) => return refused(turn, None, BELOW),
    };
    if code == ResponseCode::NOT_REGISTERED {
        return registration::lost(turn);
    }
    let id = &sent.report_request_id;
    if turn.state().reporting.pending(id).is_none() {
        return;
    }
    if code == ResponseCode::INVALID_ID {
        // The VTN knows of no such request: nobody wants the rest either.
        give_up(turn, &sent, Some(code));
        return report_pending::cancel(turn, id);
    }
    if !code.is_success() {
        return refused(turn, Some(code), BY_THE_VTN);
    }
    let last = sent.then.is_none();
    go_on(turn, id, sent.then.map(|then| *then));
    turn.effect(Effect::ReportSent {
        report_request_id: id.clone(),
        from: sent.from,
        to: sent.to,
        readings: sent.readings,
    });
    if last {
        turn.effect(Effect::ReportCompleted {
            report_request_id: id.clone(),
        });
    } else if let Some(cancel) = cancel.filter(|cancel| cancel.report_request_ids.contains(id)) {
        // Of the report acknowledged and of no other (rule 328); there is no answer to it.
        withdraw(turn, id, cancel.report_to_follow);
    }
}

/// The report was refused below OpenADR while other things got through: tried again, and given up in
/// the end. As long as nothing gets through, nothing is given up: no outage costs data.
pub(super) fn failed(turn: &mut Turn<'_>) {
    count(turn, None, BELOW);
}

fn refused(turn: &mut Turn<'_>, code: Option<ResponseCode>, weight: u32) {
    poll::back_off(turn, None);
    count(turn, code, weight);
}

fn count(turn: &mut Turn<'_>, code: Option<ResponseCode>, weight: u32) {
    let Some(sent) = turn.state().link.report.clone() else {
        return;
    };
    let id = &sent.report_request_id;
    let Some(pending) = turn.state().reporting.pending(id) else {
        return;
    };
    let refusals = pending.refusals.saturating_add(weight);
    if refusals < MOST_REFUSED {
        turn.change(Change::Report(ReportChange::Refused {
            report_request_id: id.clone(),
            refusals,
        }));
        return;
    }
    let last = sent.then.is_none();
    go_on(turn, id, sent.then.clone().map(|then| *then));
    give_up(turn, &sent, code);
    if last {
        turn.effect(Effect::ReportCompleted {
            report_request_id: id.clone(),
        });
    }
}

fn give_up(turn: &mut Turn<'_>, sent: &UnderWayReport, response_code: Option<ResponseCode>) {
    turn.effect(Effect::ReportRefused {
        report_request_id: sent.report_request_id.clone(),
        from: sent.from,
        to: sent.to,
        response_code,
    });
}
