//! `oadrRegisterReport`: what a VEN offers from now on, and what is wanted of it (rules 305 to 311, 344).
//!
//! Knows nothing of data. New metadata end all requests (rule 306), so what is still wanted goes with
//! the answer.

use super::cancel_report::over;
use super::create_report::sent;
use super::decide::{Case, Sender, reply};
use super::delivery::later;
use super::input::{Answer, OfferedReports, Question};
use super::reports::{MOST_FINISHED, MOST_OPEN};
use super::requested_report::GRACE;
use super::{
    Change, Effect, LastReport, ReportChange, ReportProgress, RequestOrigin, RequestedReport, Vtn,
    WantedReport,
};
use crate::machine::{Draft, Random, Step};
use crate::payload::{EiResponse, RegisterReport, RegisteredReport, Report};
use crate::value::{DateTime, ReportRequestId, VenId};

/// `oadrRegisterReport`.
pub(super) fn register(
    case: &Case<'_>,
    sender: Sender<'_>,
    register: &RegisterReport,
    answers: &[Answer],
) -> Step<Vtn> {
    let said = answers.iter().find_map(|answer| match answer {
        Answer::Reports(said) => Some(said.as_slice()),
        Answer::Register(_) | Answer::Query(_) | Answer::Poll(_) | Answer::CreateOpt(_) => None,
    });
    if case.context.asks.reports && said.is_none() && !register.reports.is_empty() {
        return Step::Ask(Question::Reports(Box::new(OfferedReports {
            ven_id: sender.ven_id.clone(),
            reports: register.reports.clone(),
        })));
    }
    let mut draft = case.draft();
    if case.state().offers != register.reports {
        draft.change(Change::OffersRegistered {
            offers: register.reports.clone(),
        });
        draft.effect(Effect::ReportsRegistered {
            ven_id: sender.ven_id.clone(),
            reports: register.reports.len(),
        });
    }
    end_metadata(case, &mut draft, register.report_request_id.as_ref());
    let offers = &register.reports;
    let wishes = wishes(case, offers, said.unwrap_or_default());
    let asked = renew(case, sender.ven_id, &mut draft, offers, wishes);
    forget_surplus(&mut draft);

    // The answer to requests that go with ours names the VEN's message (rule 344).
    for wanted in &asked {
        draft.change(sent(case, wanted, &register.request_id, asked.len()));
    }
    let answer = RegisteredReport {
        ei_response: EiResponse::ok(register.request_id.clone()),
        report_requests: asked.iter().map(RequestedReport::request).collect(),
        ven_id: Some(sender.ven_id.clone()),
    };
    if draft.changes().len() == 1 {
        // That a decision was made, and nothing else.
        return Step::Decided(case.unchanged(answer));
    }
    Step::Decided(draft.decide(reply(answer)))
}

/// The registration ends, and with it what the VEN knows of requests. What is wanted stays wanted: it is
/// asked for when the VEN says again what it offers.
pub(super) fn suspend(case: &Case<'_>, draft: &mut Draft<Vtn>) {
    for wanted in case.state().reports.iter() {
        if wanted.cancelling().is_some() {
            over(case, draft, wanted, 0);
        } else if wanted.is_open() && wanted.progress != ReportProgress::Unoffered {
            progress(draft, wanted, ReportProgress::Unoffered);
        }
    }
}

/// These metadata answer a request for them (rule 311); old revisions of the schema cannot say which
/// (quirk Q22). Those that were wanted once came; those that come periodically go on.
fn end_metadata(case: &Case<'_>, draft: &mut Draft<Vtn>, answered: Option<&ReportRequestId>) {
    let now = case.env.now;
    for wanted in case.state().reports.iter() {
        let is_asked = match wanted.progress {
            ReportProgress::Sent { .. } | ReportProgress::Accepted => true,
            ReportProgress::Unoffered
            | ReportProgress::Waiting { .. }
            | ReportProgress::Refused { .. }
            | ReportProgress::Cancelling(_)
            | ReportProgress::Over { .. } => false,
        };
        let is_answered = answered.is_none_or(|id| *id == wanted.report_request_id);
        if !wanted.wanted.is_metadata() || !is_asked || !is_answered {
            continue;
        }
        draft.change(Change::Report(ReportChange::Received {
            report_request_id: wanted.report_request_id.clone(),
            last: LastReport {
                received: now,
                until: None,
            },
        }));
        if wanted.wanted.is_once() {
            let over = ReportProgress::Over {
                forget_at: later(now, GRACE),
                to_follow: None,
            };
            progress(draft, wanted, over);
        } else if wanted.progress != ReportProgress::Accepted {
            progress(draft, wanted, ReportProgress::Accepted);
        }
    }
}

/// A report that somebody wants.
struct Wish<'a> {
    origin: RequestOrigin,
    wanted: WantedReport,
    /// The request that it was before, if it was one.
    known: Option<&'a RequestedReport>,
}

/// What is wanted of these offers: what operators still want, what policies want of this VEN, what the
/// application wants; each once, and at a pace that is on offer.
fn wishes<'a>(case: &Case<'a>, offers: &[Report], said: &[WantedReport]) -> Vec<Wish<'a>> {
    let state = case.state();
    let is_operators = |known: &&RequestedReport| {
        known.origin == RequestOrigin::Operator && known.is_open() && !known.wanted.is_metadata()
    };
    let on_offer =
        |wanted: &WantedReport| wanted.points(offers).is_ok() && wanted.check_pace(offers).is_ok();
    let operators = state.reports.iter().filter(is_operators);
    let mut wishes: Vec<Wish<'a>> = operators
        .filter(|known| on_offer(&known.wanted))
        .map(|known| Wish {
            origin: RequestOrigin::Operator,
            wanted: known.wanted.clone(),
            known: Some(known),
        })
        .collect();
    let mut wish = |origin: RequestOrigin, wanted: &WantedReport| {
        if wishes.len() >= MOST_OPEN {
            return;
        }
        let is_twice = |wanted: &WantedReport| wishes.iter().any(|w| w.wanted.is_like(wanted));
        if let Some(wanted) = fitting(wanted, offers).filter(|wanted| !is_twice(wanted)) {
            let points = wanted.points(offers).unwrap_or_default();
            let is_this = |known: &&RequestedReport| {
                known.origin == origin
                    && known.wanted.is_like(&wanted)
                    && !known.contradicts(&points)
            };
            wishes.push(Wish {
                known: state.reports.iter().find(is_this),
                origin,
                wanted,
            });
        }
    };
    let member = state.member();
    let policies = case.context.report_policies.iter();
    for policy in policies.filter(|policy| policy.is_for(&member)) {
        for wanted in offers
            .iter()
            .filter_map(|offer| policy.wants(offer, &member))
        {
            wish(RequestOrigin::Policy(policy.name.clone()), &wanted);
        }
    }
    for wanted in said.iter().filter(|wanted| !wanted.is_metadata()) {
        wish(RequestOrigin::Application, wanted);
    }
    wishes
}

fn fitting(wanted: &WantedReport, offers: &[Report]) -> Option<WantedReport> {
    wanted.points(offers).ok()?;
    wanted.fitted(offers).ok()
}

/// Renews the requests: those that go with the answer are returned. A request that nobody wants any
/// more ended with the metadata.
fn renew(
    case: &Case<'_>,
    ven_id: &VenId,
    draft: &mut Draft<Vtn>,
    offers: &[Report],
    wishes: Vec<Wish<'_>>,
) -> Vec<RequestedReport> {
    let (state, now) = (case.state(), case.env.now);
    let mut random = Random::new(case.env.entropy);
    let mut asked: Vec<RequestedReport> = Vec::new();
    for wish in wishes {
        let points = wish.wanted.points(offers).unwrap_or_default();
        let renewed = match wish.known {
            Some(known) => again(known, points, offers, now),
            None => RequestedReport {
                report_request_id: ReportRequestId::new(random.id("report")).unwrap_or_default(),
                wanted: wish.wanted.starting(offers, now),
                origin: wish.origin,
                since: now,
                points,
                progress: ReportProgress::Waiting { alone: false },
                resumed: None,
                last: None,
            },
        };
        if wish.known.is_none_or(|known| !known.is_open()) {
            draft.effect(Effect::ReportRequested {
                ven_id: ven_id.clone(),
                report_request_id: renewed.report_request_id.clone(),
                report_specifier_id: renewed.wanted.report_specifier_id.clone(),
            });
        }
        draft.change(Change::Report(ReportChange::Wanted(Box::new(
            renewed.clone(),
        ))));
        asked.push(renewed);
    }
    for known in state.reports.iter() {
        let is_asked = asked
            .iter()
            .any(|a| a.report_request_id == known.report_request_id);
        if is_asked {
            continue;
        }
        if known.wanted.is_metadata() {
            // Not ended by metadata (rule 306), but by a new registration.
            if known.progress == ReportProgress::Unoffered {
                progress(draft, known, ReportProgress::Waiting { alone: false });
            }
        } else if known.cancelling().is_some() {
            over(case, draft, known, 0);
        } else if known.is_open() {
            match known.origin {
                RequestOrigin::Operator => progress(draft, known, ReportProgress::Unoffered),
                RequestOrigin::Policy(_) | RequestOrigin::Application => {
                    over(case, draft, known, 0);
                }
            }
        }
    }
    asked
}

/// The same request once more, on the offers of now. One that is open goes on where the data that came
/// end, as far back as the VEN keeps them (rule 312); one that was over begins anew.
fn again(
    known: &RequestedReport,
    points: Vec<super::PointFact>,
    offers: &[Report],
    now: DateTime,
) -> RequestedReport {
    let renewed = RequestedReport {
        points,
        progress: ReportProgress::Waiting { alone: false },
        ..known.clone()
    };
    if !known.is_open() {
        let anew = WantedReport {
            start: None,
            ..known.wanted.clone()
        };
        return RequestedReport {
            wanted: anew.starting(offers, now),
            resumed: None,
            since: now,
            ..renewed
        };
    }
    let Some(start) = known.wanted.start.filter(|_| !known.wanted.is_once()) else {
        return renewed;
    };
    let came = known.last.and_then(|last| last.until);
    let oldest = known.wanted.oldest(offers, now).max(later(now, -GRACE));
    let from = came.map_or(start, |came| came.max(start)).max(oldest);
    // Its last period may be over and not reported.
    let last = known
        .wanted
        .ends()
        .map(|ends| known.wanted.granularity.before(ends));
    let from = last.map_or(from, |last| from.min(last)).max(start);
    RequestedReport {
        resumed: (from != start).then_some(from),
        ..renewed
    }
}

/// Metadata may come as often as a VEN likes, and differ each time.
fn forget_surplus(draft: &mut Draft<Vtn>) {
    let finished = draft
        .state
        .reports
        .iter()
        .filter(|known| !known.is_open() && known.cancelling().is_none());
    let finished: Vec<_> = finished
        .map(|known| known.report_request_id.clone())
        .collect();
    let surplus = finished.len().saturating_sub(MOST_FINISHED);
    for report_request_id in finished.into_iter().take(surplus) {
        draft.change(Change::Report(ReportChange::Forgotten {
            report_request_id,
        }));
    }
}

fn progress(draft: &mut Draft<Vtn>, wanted: &RequestedReport, progress: ReportProgress) {
    draft.change(Change::Report(ReportChange::Progressed {
        report_request_id: wanted.report_request_id.clone(),
        progress,
    }));
}
