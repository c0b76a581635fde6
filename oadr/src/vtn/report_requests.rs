//! Requests for reports: made, found and cancelled, by operators and by the application.
//!
//! Knows nothing of what VENs offer: the machine checks that.

use std::sync::Arc;

use oadr_core::value::{ReportRequestId, VenId};
use oadr_core::vtn::{Claim, Command, CommandError, RequestedReport, WantedReport};

use super::handle::Handle;
use super::host::{CommandFailure, Failure, Host};
use super::registry::Slot;
use crate::sqlite::StoreError;
use crate::store::Audit;
use crate::{clock, entropy};

/// Who requests and cancels, in the audit.
const APPLICATION: &str = "application";

/// Why a report was not requested or cancelled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportsError {
    /// There is no such VEN.
    #[error("there is no VEN with the ID {0}")]
    UnknownVen(VenId),
    /// There is no such request.
    #[error("there is no report request with the ID {0}")]
    UnknownRequest(ReportRequestId),
    /// It does not fit the VEN.
    #[error(transparent)]
    Refused(CommandError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The VTN does not run yet, or not any more.
    #[error("the VTN is not running")]
    NotRunning,
}

impl Host {
    /// Requests a report of a VEN; the ID is drawn if absent.
    pub(crate) async fn request_report(
        &self,
        ven: Arc<Slot>,
        report_request_id: Option<ReportRequestId>,
        wanted: WantedReport,
        audit: Audit,
    ) -> Result<ReportRequestId, CommandFailure> {
        let report_request_id = match report_request_id {
            Some(id) => id,
            None => {
                let drawn = entropy::id("report");
                let drawn = drawn.map_err(|error| Failure::Entropy(error.into()))?;
                ReportRequestId::new(drawn).unwrap_or_default()
            }
        };
        let command = Command::RequestReport {
            report_request_id: report_request_id.clone(),
            wanted,
        };
        self.command(Some(ven), &command, audit).await?;
        Ok(report_request_id)
    }

    /// Cancels what was requested of a VEN.
    pub(crate) async fn cancel_report(
        &self,
        ven: Arc<Slot>,
        report_request_id: ReportRequestId,
        report_to_follow: bool,
        audit: Audit,
    ) -> Result<(), CommandFailure> {
        let command = Command::CancelReport {
            report_request_id,
            report_to_follow,
        };
        self.command(Some(ven), &command, audit).await
    }

    /// The request of this ID, and the VEN that it was made of.
    pub(crate) fn report_request(
        &self,
        id: &ReportRequestId,
    ) -> Option<(Arc<Slot>, RequestedReport)> {
        self.registry.all().into_iter().find_map(|slot| {
            let request = slot.current()?.state.report_request(id).cloned()?;
            Some((slot, request))
        })
    }
}

impl Handle {
    /// Requests a report of what a VEN offers: with its next poll, and again whenever it says anew what
    /// it offers, until it is cancelled. What comes of it: [`on_update_report`](super::Vtn::on_update_report).
    ///
    /// # Errors
    /// There is no such VEN, or it does not offer that.
    pub async fn request_report(
        &self,
        ven_id: &VenId,
        wanted: WantedReport,
    ) -> Result<ReportRequestId, ReportsError> {
        let host = self.running().ok_or(ReportsError::NotRunning)?;
        let claim = Claim::VenId(ven_id.clone());
        let unknown = || ReportsError::UnknownVen(ven_id.clone());
        let ven = host.registry.find(&[claim]).ok_or_else(unknown)?;
        let audit = audit("request_report", ven_id.as_str());
        let requested = host.request_report(ven, None, wanted, audit).await;
        requested.map_err(|failure| refusal(failure, unknown))
    }

    /// Cancels a request, whoever made it; the VEN hears of it with its next poll. With
    /// `report_to_follow` one last report comes (rule 345).
    ///
    /// # Errors
    /// There is no such request.
    pub async fn cancel_report(
        &self,
        id: &ReportRequestId,
        report_to_follow: bool,
    ) -> Result<(), ReportsError> {
        let host = self.running().ok_or(ReportsError::NotRunning)?;
        let unknown = || ReportsError::UnknownRequest(id.clone());
        let (ven, _) = host.report_request(id).ok_or_else(unknown)?;
        let audit = audit("cancel_report", id.as_str());
        let cancelled = host.cancel_report(ven, id.clone(), report_to_follow, audit);
        let cancelled = cancelled.await;
        cancelled.map_err(|failure| refusal(failure, unknown))
    }

    /// The reports that are requested, of this VEN or of all, with the VEN of each; whoever wants them,
    /// and how far each has come.
    ///
    /// # Errors
    /// The VTN is not running.
    pub fn report_requests(
        &self,
        ven_id: Option<&VenId>,
    ) -> Result<Vec<(VenId, RequestedReport)>, ReportsError> {
        let host = self.running().ok_or(ReportsError::NotRunning)?;
        let vens = host.registry.all().into_iter();
        let vens = vens.filter_map(|slot| slot.current());
        let of_ven = vens.filter(|ven| ven_id.is_none() || ven.state.ven_id() == ven_id);
        let requests = of_ven.flat_map(|ven| {
            let ven_id = ven.state.ven_id().cloned().unwrap_or_default();
            let requests = ven.state.report_requests().cloned();
            requests.map(|r| (ven_id.clone(), r)).collect::<Vec<_>>()
        });
        Ok(requests.collect())
    }
}

fn refusal(failure: CommandFailure, unknown: impl Fn() -> ReportsError) -> ReportsError {
    match failure {
        CommandFailure::Refused(CommandError::Unknown | CommandError::UnknownReportRequest) => {
            unknown()
        }
        CommandFailure::Refused(error) => ReportsError::Refused(error),
        CommandFailure::Failed(Failure::Busy) => StoreError::Busy.into(),
        CommandFailure::Failed(Failure::Store(error)) => error.into(),
        CommandFailure::Failed(Failure::Entropy(error)) => StoreError::Thread(error).into(),
        CommandFailure::Failed(Failure::Contended | Failure::NoAnswer(_)) => {
            StoreError::Conflict.into()
        }
    }
}

fn audit(what: &'static str, subject: &str) -> Audit {
    Audit {
        at: clock::now(),
        who: APPLICATION.to_owned(),
        what,
        subject: subject.to_owned(),
        detail: None,
    }
}
