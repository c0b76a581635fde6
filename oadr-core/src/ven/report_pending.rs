//! The life of granted requests beside their data: how they go on and end, when offers are due, and when
//! new offers end them (rules 306, 311, 328, 345).
//!
//! Knows nothing of the messages that brought them.

use super::decide::Turn;
use super::reporting::Offered;
use super::{Change, Context, Effect, Owed, PendingReport, ReportChange, Request, Schedule};
use crate::codec;
use crate::payload::{RegisterReport, Report};
use crate::value::{DateTime, ReportRequestId, RequestId};

/// A request goes on, or is over.
pub(super) fn go_on(turn: &mut Turn<'_>, id: &ReportRequestId, then: Option<Schedule>) {
    let report_request_id = id.clone();
    turn.change(Change::Report(match then {
        Some(schedule) => ReportChange::Continued {
            report_request_id,
            schedule: Box::new(schedule),
        },
        None => ReportChange::Ended { report_request_id },
    }));
}

/// A request is over before its time.
pub(super) fn cancel(turn: &mut Turn<'_>, id: &ReportRequestId) {
    let is_asked_for = |owed: &Owed| match owed {
        Owed::RegisterReport {
            report_request_id, ..
        } => report_request_id.as_ref() == Some(id),
        Owed::UpdateReport(message) => {
            let mut reports = message.reports.iter();
            reports.any(|report| report.report_request_id == *id)
        }
        Owed::Reregistration { .. }
        | Owed::RequestEvent { .. }
        | Owed::CancelPartyRegistration(_)
        | Owed::CanceledPartyRegistration(_)
        | Owed::CreatedEvent(_)
        | Owed::Response(_)
        | Owed::RegisteredReport(_)
        | Owed::CreatedReport(_)
        | Owed::CanceledReport(_)
        | Owed::UpdatedReport(_)
        | Owed::CreateOpt { .. }
        | Owed::CancelOpt { .. } => false,
    };
    // Offers that were asked for and not sent yet are not sent any more, nor are corrections.
    let sent = usize::from(is_owed_under_way(turn));
    while let Some(place) = turn.state().owed.iter().skip(sent).position(is_asked_for) {
        let place = place.saturating_add(sent);
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        turn.change(Change::Overtaken { place });
    }
    go_on(turn, id, None);
    turn.effect(Effect::ReportCancelled {
        report_request_id: id.clone(),
    });
}

/// The VTN wants no more of a request, or one last report (rule 345).
pub(super) fn withdraw(turn: &mut Turn<'_>, id: &ReportRequestId, to_follow: bool) {
    let Some(pending) = turn.state().reporting.pending(id) else {
        return;
    };
    if !to_follow {
        return cancel(turn, id);
    }
    let last = last(pending, &pending.schedule, turn.now);
    let under_way = turn.state().report_under_way().cloned();
    let under_way = under_way.filter(|sent| sent.report_request_id == *id);
    if let Some(sent) = under_way
        && let Some(then) = &sent.then
        && let Some(last) = self::last(pending, then, turn.now)
    {
        // Its answer makes the request go on; not for ever, from now on.
        turn.change(Change::Report(ReportChange::Sending {
            report_request_id: sent.report_request_id,
            from: sent.from,
            to: sent.to,
            readings: sent.readings,
            then: Some(Box::new(last)),
        }));
    }
    if last.is_some() {
        go_on(turn, id, last);
    }
}

/// How a request goes on for one last report; `None` if it does anyway.
fn last(pending: &PendingReport, schedule: &Schedule, now: DateTime) -> Option<Schedule> {
    match schedule {
        // One report is still to come, and it is the last.
        Schedule::Now | Schedule::History { .. } => None,
        Schedule::Metadata(metadata) => Some(Schedule::Metadata(metadata.last(now))),
        Schedule::Periodic(periods) => Some(match periods.until(now, pending.has_lengths()) {
            Some(periods) => Schedule::Periodic(periods),
            // The VTN has everything: the present values, then.
            None => Schedule::Now,
        }),
    }
}

/// Offers that are due by request are owed now.
pub(super) fn catch_up(turn: &mut Turn<'_>) {
    while let Some((id, metadata)) = turn.state().reporting.offers_due(turn.now) {
        replace(turn);
        go_on(
            turn,
            &id,
            Some(Schedule::Metadata(metadata.after(turn.now))),
        );
        owe_offers_once(turn, id);
    }
}

/// The offers were sent by request: that is all, unless they are wanted again and again.
pub(super) fn offers_sent(turn: &mut Turn<'_>, id: &ReportRequestId) {
    let pending = turn.state().reporting.pending(id);
    if let Some(Schedule::Metadata(metadata)) = pending.map(|pending| &pending.schedule)
        && metadata.next().is_none()
    {
        go_on(turn, id, None);
        turn.effect(Effect::ReportCompleted {
            report_request_id: id.clone(),
        });
    }
}

/// Owes offers by request, unless they are owed already.
pub(super) fn owe_offers_once(turn: &mut Turn<'_>, id: ReportRequestId) {
    let is_owed = |owed: &Owed| matches!(owed, Owed::RegisterReport { report_request_id: Some(other), .. } if *other == id);
    if !turn.state().owed.iter().any(is_owed) {
        owe_offers(turn, Some(id));
    }
}

fn owe_offers(turn: &mut Turn<'_>, report_request_id: Option<ReportRequestId>) {
    let request_id = turn.request_id();
    turn.owe(Owed::RegisterReport {
        request_id,
        report_request_id,
    });
}

/// New offers end everything but requests for METADATA (rule 306).
pub(super) fn replace(turn: &mut Turn<'_>) {
    let pending = turn.state().pending_reports();
    let data = pending.filter(|pending| match pending.schedule {
        Schedule::Metadata(_) => false,
        Schedule::Now | Schedule::History { .. } | Schedule::Periodic(_) => true,
    });
    let ids: Vec<ReportRequestId> = data.map(|p| p.report_request_id().clone()).collect();
    for id in &ids {
        cancel(turn, id);
    }
}

/// The registration is about to take all reports with it (rules 406, 407).
pub(super) fn end_all(turn: &mut Turn<'_>) {
    let pending = turn.state().pending_reports();
    let ids: Vec<ReportRequestId> = pending.map(|p| p.report_request_id().clone()).collect();
    for report_request_id in ids {
        turn.effect(Effect::ReportCancelled { report_request_id });
    }
}

/// Offers the reports of the context if they are not those that were offered (rule 306). The version
/// tells whether they can differ, but not after a restart.
pub(super) fn offer_anew(turn: &mut Turn<'_>, restarted: bool) {
    if turn.registered().is_none() {
        return;
    }
    let version = turn.context.version;
    let offered = turn.state().reporting.offered;
    if offered.is_some_and(|offered| offered.context == version) && !restarted {
        return;
    }
    let sent = usize::from(is_owed_under_way(turn));
    let mut unsent = turn.state().owed.iter().skip(sent);
    if unsent.any(|owed| matches!(owed, Owed::RegisterReport { .. })) {
        return;
    }
    let digest = digest(turn.context);
    if offered.is_none_or(|offered| offered.digest != digest) {
        replace(turn);
        owe_offers(turn, None);
    } else if offered.is_none_or(|offered| offered.context != version) {
        turn.change(Change::Report(ReportChange::Offered {
            context: version,
            digest,
        }));
    }
}

/// Whether what is owed first was sent and not answered.
fn is_owed_under_way(turn: &Turn<'_>) -> bool {
    let under_way = turn.state().link.under_way.as_ref();
    under_way.is_some_and(|under_way| under_way.request == Request::Owed)
}

/// Offers go out.
pub(super) fn offering(turn: &mut Turn<'_>) {
    let offered = Offered {
        context: turn.context.version,
        digest: digest(turn.context),
    };
    if turn.state().reporting.offered != Some(offered) {
        let Offered { context, digest } = offered;
        turn.change(Change::Report(ReportChange::Offered { context, digest }));
    }
}

/// What tells offers apart (64-bit FNV-1a of how they are written), whenever they were made.
fn digest(context: &Context) -> u64 {
    let undated = context.reports.iter().map(|report| Report {
        created: DateTime::UNIX_EPOCH,
        ..report.clone()
    });
    let message = RegisterReport {
        request_id: RequestId::default(),
        reports: undated.collect(),
        ven_id: None,
        report_request_id: None,
    };
    let octets = codec::encode(&message.into());
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |digest, octet| {
        (digest ^ u64::from(*octet)).wrapping_mul(0x100_0000_01b3)
    })
}
