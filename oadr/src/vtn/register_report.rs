//! What the application is asked when a VEN says what it offers, and whom it wants to be told of the
//! readings.
//!
//! Knows nothing of requests: which there are then is the machine's to decide.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use oadr_core::payload::Report;
use oadr_core::value::{Duration, RId, ReportName, ReportSpecifierId, VenId};
use oadr_core::vtn::{Claim, OfferedReports, WantedReport};

use super::application::{Application, Handler, NoAnswer, within};
use super::happening::Happening;
use super::host::Host;
use super::offered_point::{OfferedPoint, PointRequest};
use super::report_update::ReportUpdate;

/// Which of these reports the application wants: point by point, and of the whole.
pub(super) async fn ask(
    host: &Host,
    offered: OfferedReports,
) -> Result<Vec<WantedReport>, NoAnswer> {
    let application = &host.application;
    let mut wanted = Vec::new();
    if let Some(handler) = &application.register_report {
        let points = points(&offered);
        let handler = Arc::clone(handler);
        // One VEN's points share the limit: it waits for all of them.
        let answering = async move {
            let mut answers = Vec::new();
            for point in points {
                if let Some(answer) = handler(point.clone()).await? {
                    answers.push((point, answer));
                }
            }
            Ok(answers)
        };
        let answers = within(application.limit, "on_register_report", answering).await?;
        wanted.extend(requests(&answers));
        let is_known = |ven_id: &VenId| {
            let claim = Claim::VenId(ven_id.clone());
            host.registry.find(&[claim]).is_some()
        };
        host.point_callbacks
            .keep(&offered.ven_id, answers, is_known);
    }
    if let Some(handler) = &application.register_reports {
        let all = application.ask("on_register_reports", handler, offered);
        wanted.extend(all.await?);
    }
    Ok(wanted)
}

/// The data points of which samples can be had; a history has none to come (rule 317).
fn points(offered: &OfferedReports) -> Vec<OfferedPoint> {
    let is_sampled = |offer: &&Report| {
        let name = offer.report_name.as_ref().map(ReportName::of_data);
        !matches!(
            name,
            Some(ReportName::HistoryUsage | ReportName::HistoryGreenButton)
        )
    };
    let offers = offered.reports.iter().filter(is_sampled);
    let points = offers.flat_map(|offer| offer.descriptions.iter().map(move |d| (offer, d)));
    let points = points.map(|(offer, d)| OfferedPoint::new(&offered.ven_id, offer, d));
    points.collect()
}

/// The data points of one report that are wanted equally often are one request.
fn requests(answers: &[(OfferedPoint, PointRequest)]) -> Vec<WantedReport> {
    let mut wanted: Vec<WantedReport> = Vec::new();
    for (point, answer) in answers {
        let granularity = answer.granularity;
        let report_back = answer.report_back.unwrap_or(granularity);
        let r_id = point.description.r_id.clone();
        let like = wanted.iter_mut().find(|known| {
            known.report_specifier_id == point.report_specifier_id
                && known.granularity == granularity
                && known.report_back == report_back
        });
        match like {
            Some(known) => known.r_ids.push(r_id),
            None => wanted.push(WantedReport {
                report_specifier_id: point.report_specifier_id.clone(),
                r_ids: vec![r_id],
                granularity,
                report_back,
                start: None,
                duration: Duration::ZERO,
            }),
        }
    }
    wanted
}

/// The callbacks of single data points; they end with the process.
#[derive(Default)]
pub(crate) struct PointCallbacks(Mutex<HashMap<VenId, OfVen>>);

type OfVen = HashMap<(ReportSpecifierId, RId), Handler<ReportUpdate, ()>>;

impl PointCallbacks {
    /// Keeps the callbacks of a VEN's data points, instead of those that it had; `is_known` says which
    /// VENs there still are.
    fn keep(
        &self,
        ven_id: &VenId,
        answers: Vec<(OfferedPoint, PointRequest)>,
        is_known: impl Fn(&VenId) -> bool,
    ) {
        let of_ven: OfVen = answers
            .into_iter()
            .filter_map(|(point, answer)| {
                let key = (point.report_specifier_id, point.description.r_id);
                Some((key, answer.on_update?))
            })
            .collect();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Now and then, so that it costs little.
        if all.len().is_power_of_two() {
            all.retain(|ven_id, _| is_known(ven_id));
        }
        if of_ven.is_empty() {
            all.remove(ven_id);
        } else {
            all.insert(ven_id.clone(), of_ven);
        }
    }

    fn of(&self, update: &ReportUpdate) -> Option<Handler<ReportUpdate, ()>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (
            update.report_specifier_id.clone(),
            update.point.r_id.clone(),
        );
        all.get(&update.ven_id)?.get(&key).cloned()
    }

    /// Calls those that a happening is for.
    pub(super) async fn call(&self, application: &Application, happening: &Happening) {
        for update in happening.report_updates() {
            let Some(callback) = self.of(&update) else {
                continue;
            };
            if let Err(error) = application.ask("on_update", &callback, update).await {
                tracing::error!(%error, happening = happening.id, "readings were not taken");
            }
        }
    }
}

impl fmt::Debug for PointCallbacks {
    /// Without the closures, which have nothing to show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PointCallbacks").finish_non_exhaustive()
    }
}
