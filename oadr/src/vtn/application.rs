//! The application behind a VTN: its handlers, asked within a limit of time, and whoever fails among
//! them contained.
//!
//! Knows nothing of what the answers are for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use oadr_core::payload::{CreateOpt, Extensions};
use oadr_core::value::VenId;
use oadr_core::vtn::{
    Asks, OfferedReports, OptDecision, RegistrationAnswer, RegistrationQuery, WantedReport,
};

use super::directory::Lookup;
use super::happening::Happening;
use super::offered_point::{OfferedPoint, PointRequest};
use super::registration_info::RegistrationInfo;
use super::{HandlerError, PollItem};
use crate::contained::{Mishap, contain};
use crate::logging;

/// A handler of the application.
pub(super) type Handler<A, T> = Arc<dyn Fn(A) -> Answering<T> + Send + Sync>;

type Answering<T> = Pin<Box<dyn Future<Output = Result<T, HandlerError>> + Send>>;

/// A handler from a closure.
pub(super) fn boxed<A, T, F, R>(handler: F) -> Handler<A, T>
where
    F: Fn(A) -> R + Send + Sync + 'static,
    R: Future<Output = Result<T, HandlerError>> + Send + 'static,
{
    Arc::new(move |about| Box::pin(handler(about)))
}

/// What the application wants to be asked and told.
pub(super) struct Application {
    /// How long an answer may take.
    pub(super) limit: Duration,
    pub(super) directory: Option<Lookup>,
    pub(super) create_party_registration: Option<Handler<RegistrationInfo, RegistrationAnswer>>,
    pub(super) query_registration: Option<Handler<RegistrationQuery, Option<Extensions>>>,
    pub(super) poll: Option<Handler<VenId, Option<PollItem>>>,
    pub(super) register_report: Option<Handler<OfferedPoint, Option<PointRequest>>>,
    pub(super) register_reports: Option<Handler<OfferedReports, Vec<WantedReport>>>,
    pub(super) create_opt: Option<Handler<CreateOpt, OptDecision>>,
    /// Whether somebody wants to be told of readings.
    pub(super) hears_readings: bool,
    pub(super) happenings: Vec<(&'static str, Handler<Arc<Happening>, ()>)>,
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{handler}: {mishap}")]
pub(crate) struct NoAnswer {
    handler: &'static str,
    mishap: Mishap,
}

impl Default for Application {
    fn default() -> Self {
        Self {
            limit: Duration::from_secs(4),
            directory: None,
            create_party_registration: None,
            query_registration: None,
            poll: None,
            register_report: None,
            register_reports: None,
            create_opt: None,
            hears_readings: false,
            happenings: Vec::new(),
        }
    }
}

impl Application {
    /// What the machine is to ask for.
    pub(super) fn asks(&self) -> Asks {
        Asks {
            queries: self.query_registration.is_some(),
            polls: self.poll.is_some(),
            reports: self.register_report.is_some() || self.register_reports.is_some(),
            // A data point may be wanted with a callback of its own.
            updates: self.hears_readings || self.register_report.is_some(),
            opts: self.create_opt.is_some(),
        }
    }

    /// Asks a handler; `name` is what it is called in logs.
    pub(super) async fn ask<A, T>(
        &self,
        name: &'static str,
        handler: &Handler<A, T>,
        about: A,
    ) -> Result<T, NoAnswer>
    where
        A: Send + 'static,
        T: Send + 'static,
    {
        let handler = Arc::clone(handler);
        // In a task of its own, also what comes before its first await: a panic ends there.
        within(self.limit, name, async move { handler(about).await }).await
    }
}

/// Runs something of the application's, at most so long.
pub(super) async fn within<T: Send + 'static>(
    limit: Duration,
    handler: &'static str,
    answering: impl Future<Output = Result<T, HandlerError>> + Send + 'static,
) -> Result<T, NoAnswer> {
    let mishap = match contain(limit, answering).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(error)) => Mishap::Failed(logging::cut(&error.to_string()).to_owned()),
        Err(mishap) => mishap,
    };
    Err(NoAnswer { handler, mishap })
}

impl fmt::Debug for Application {
    /// Without the closures, which have nothing to show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("limit", &self.limit)
            .field("asks", &self.asks())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(4);

    #[tokio::test(start_paused = true)]
    async fn a_slow_handler_is_not_waited_for() {
        let slow = within(LIMIT, "on_poll", async {
            tokio::time::sleep(LIMIT * 2).await;
            Ok(())
        });
        let error = slow.await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "on_poll: the handler took longer than 4 s"
        );
    }

    #[tokio::test]
    async fn a_handler_that_fails_or_panics_is_told_by_name() {
        let failed = within(LIMIT, "on_poll", async {
            Err::<(), _>("no database".into())
        });
        let failed = failed.await.unwrap_err();
        assert_eq!(
            failed.to_string(),
            "on_poll: the handler failed: no database"
        );
        let application = Application::default();
        let handler: Handler<(), ()> = Arc::new(|()| panic!("before any await"));
        let panicked = application.ask("on_poll", &handler, ()).await.unwrap_err();
        assert_eq!(
            panicked.to_string(),
            "on_poll: the handler panicked: before any await"
        );
    }
}
