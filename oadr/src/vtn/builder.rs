//! A VTN before it runs: its settings and the application's handlers.
//!
//! Knows nothing of how they are called.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use oadr_core::SignaturePolicy;
use oadr_core::payload::{CreateOpt, Extensions};
use oadr_core::value::{self, OptType, ValueError, VenId, VtnId};
use oadr_core::vtn::{
    Admission, Effect, OfferedReports, OptDecision, RegistrationAnswer, RegistrationQuery,
    ReportPolicy, WantedReport,
};

use super::application::{Application, boxed};
use super::directory::{Directory, Lookup};
use super::event::Event;
use super::handle::Handle;
use super::happening::{EventAnswered, Happening, OptCancelled};
use super::offered_point::{OfferedPoint, PointRequest};
use super::registration_info::RegistrationInfo;
use super::report_update::ReportUpdate;
use super::{Config, Proxy, Running, StartError, XmppConfig, launch};
use crate::credentials::Files;

/// Why a handler has no answer; it is logged, and the VEN is asked to come back (503).
pub type HandlerError = Box<dyn std::error::Error + Send + Sync>;

/// What there is for a VEN that polls and has an empty queue.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum PollItem {
    /// An event for this VEN. Give it an [`event_id`](Event::event_id): the same one said again is
    /// the same event, said otherwise it is modified; without an ID each poll makes a new one.
    Event(Box<Event>),
    /// `oadrRequestReregistration`.
    RequestReregistration,
    /// `oadrCancelPartyRegistration`: the VEN is forgotten when it has confirmed it.
    CancelPartyRegistration,
}

/// A VTN that is being put together.
#[derive(Debug)]
#[must_use = "it does nothing until it is started"]
pub struct Vtn {
    config: Config,
    application: Application,
    handle: Handle,
}

impl Vtn {
    /// A VTN of this ID, with the settings of [`Config::default`].
    ///
    /// # Errors
    /// It is not an ID.
    pub fn new(vtn_id: impl AsRef<str>) -> Result<Self, ValueError> {
        Ok(Self::from_config(Config {
            vtn_id: Some(VtnId::new(vtn_id)?),
            ..Config::default()
        }))
    }

    /// A VTN with these settings.
    pub fn from_config(config: Config) -> Self {
        Self {
            config,
            application: Application::default(),
            handle: Handle::default(),
        }
    }

    /// Where VENs connect; port 0 lets the system choose.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.config.listen = address;
        self
    }

    /// Where operators connect; port 0 lets the system choose.
    pub fn api(mut self, address: SocketAddr) -> Self {
        self.config.api = address;
        self
    }

    /// The folder for the database; made if it is not there.
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.config.data = folder.into();
        self
    }

    /// How often VENs are to poll.
    pub fn poll_interval(mut self, interval: value::Duration) -> Self {
        self.config.poll_interval = interval;
        self
    }

    /// TLS for VENs: our certificates, and the CAs whose VENs' certificates count. The files are read
    /// again when they change and on SIGHUP; no connection is lost, and what cannot be read changes
    /// nothing.
    pub fn tls(mut self, files: Files) -> Self {
        self.config.tls = Some(files);
        self
    }

    /// What becomes of XML signatures of VENs of which an operator said nothing else: optional with TLS
    /// and off without unless you say otherwise.
    pub fn signatures(mut self, policy: SignaturePolicy) -> Self {
        self.config.signatures = Some(policy);
        self
    }

    /// By how much the time of a signature may be off, either way: a minute unless you say otherwise.
    pub fn signature_window(mut self, window: value::Duration) -> Self {
        self.config.signature_window = window;
        self
    }

    /// The certificates whose keys sign, where they are not those of TLS.
    pub fn signature_files(mut self, files: Files) -> Self {
        self.config.signature_files = Some(files);
        self
    }

    /// A proxy that ends the TLS of VENs and hands on the certificate of each.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.config.proxy = Some(proxy);
        self
    }

    /// XMPP beside HTTP. The XMPP server need not be there when the VTN starts.
    pub fn xmpp(mut self, xmpp: XmppConfig) -> Self {
        self.config.xmpp = Some(xmpp);
        self
    }

    /// What counts for an event where a VEN's opt schedules say both in and out (rule 201): out unless
    /// you say otherwise.
    pub fn opt_precedence(mut self, opt: OptType) -> Self {
        self.config.opt_precedence = opt;
        self
    }

    /// For trials on this machine: any VEN may register, unless a handler or a directory says
    /// otherwise.
    pub fn admit_anyone(mut self) -> Self {
        self.config.admission = Admission::Open;
        self
    }

    /// How long a handler's answer is waited for: 4 s unless you say otherwise.
    pub fn answer_within(mut self, limit: Duration) -> Self {
        self.application.limit = limit;
        self
    }

    /// Who may register, and under which IDs, instead of the built-in enrolment. Asked with each
    /// registration, anew or again, within the VEN's request.
    pub fn on_create_party_registration<F, A>(mut self, handler: F) -> Self
    where
        F: Fn(RegistrationInfo) -> A + Send + Sync + 'static,
        A: Future<Output = Result<RegistrationAnswer, HandlerError>> + Send + 'static,
    {
        self.application.create_party_registration = Some(boxed(handler));
        self
    }

    /// The VENs that there are, instead of the built-in enrolment. With
    /// [`on_create_party_registration`](Self::on_create_party_registration) beside it both have to
    /// agree, and the IDs that the handler leaves open are the directory's.
    pub fn directory(mut self, directory: impl Directory) -> Self {
        self.application.directory = Some(Lookup::new(directory));
        self
    }

    /// `oadrExtensions` for the answer to a query. The rest of the answer is ours.
    pub fn on_query_registration<F, A>(mut self, handler: F) -> Self
    where
        F: Fn(RegistrationQuery) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Option<Extensions>, HandlerError>> + Send + 'static,
    {
        self.application.query_registration = Some(boxed(handler));
        self
    }

    /// Asked when a VEN polls and there is nothing for it: what it gives goes out with this poll, and
    /// again until the VEN answers.
    pub fn on_poll<F, A>(mut self, handler: F) -> Self
    where
        F: Fn(VenId) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Option<PollItem>, HandlerError>> + Send + 'static,
    {
        self.application.poll = Some(boxed(handler));
        self
    }

    /// A policy: which reports are requested of every VEN that offers them. Each has a name of its own.
    pub fn report_policy(mut self, policy: ReportPolicy) -> Self {
        self.config.report_policies.push(policy);
        self
    }

    /// Asked for each data point that a VEN offers, when it makes its reports known: whether it is
    /// wanted, and how often. Of histories only [`on_register_reports`](Self::on_register_reports)
    /// hears. What was wanted is asked for over restarts of this program, until the VEN makes its
    /// reports known again, which asks again.
    pub fn on_register_report<F, A>(mut self, handler: F) -> Self
    where
        F: Fn(OfferedPoint) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Option<PointRequest>, HandlerError>> + Send + 'static,
    {
        self.application.register_report = Some(boxed(handler));
        self
    }

    /// Asked when a VEN makes its reports known, with all of them as it offers them: what is wanted, data
    /// points and intervals. With [`on_register_report`](Self::on_register_report) and policies beside
    /// it, what any of them wants is requested.
    pub fn on_register_reports<F, A>(mut self, handler: F) -> Self
    where
        F: Fn(OfferedReports) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Vec<WantedReport>, HandlerError>> + Send + 'static,
    {
        self.application.register_reports = Some(boxed(handler));
        self
    }

    /// Told when readings of a data point have come, whoever requested them: at least once, after a crash
    /// too. They are on the disk already.
    pub fn on_update_report<F, A>(mut self, handler: F) -> Self
    where
        F: Fn(ReportUpdate) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        self.application.hears_readings = true;
        let handler = Arc::new(handler);
        self.told("on_update_report", move |happening| {
            let handler = Arc::clone(&handler);
            async move {
                for update in happening.report_updates() {
                    handler(update).await?;
                }
                Ok(())
            }
        })
    }

    /// Asked whether to take an opt that a VEN makes, by schedule or of an event, after the rules had
    /// nothing against it. Which opts there are then, and what they come to for an event, the VTN keeps;
    /// [`on_happening`](Self::on_happening) is told of those that were taken.
    pub fn on_create_opt<F, A>(mut self, handler: F) -> Self
    where
        F: Fn(CreateOpt) -> A + Send + Sync + 'static,
        A: Future<Output = Result<OptDecision, HandlerError>> + Send + 'static,
    {
        self.application.create_opt = Some(boxed(handler));
        self
    }

    /// Told when a VEN has cancelled its opts of one optID: at least once, after a crash too.
    pub fn on_cancel_opt<F, A>(self, handler: F) -> Self
    where
        F: Fn(OptCancelled) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        self.told("on_cancel_opt", move |happening| {
            let handler = Arc::clone(&handler);
            async move {
                match happening.opt_cancelled() {
                    Some(cancelled) => handler(cancelled).await,
                    None => Ok(()),
                }
            }
        })
    }

    /// Told when a VEN has answered an event, of whoever made it: at least once, after a crash too.
    pub fn on_created_event<F, A>(self, handler: F) -> Self
    where
        F: Fn(EventAnswered) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        self.told("on_created_event", move |happening| {
            let handler = Arc::clone(&handler);
            async move {
                match happening.event_answered() {
                    Some(answered) => handler(answered).await,
                    None => Ok(()),
                }
            }
        })
    }

    /// Told when a VEN's registration has ended, by itself or by an operator: at least once, after a
    /// crash too.
    pub fn on_cancel_party_registration<F, A>(self, handler: F) -> Self
    where
        F: Fn(VenId) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        self.told("on_cancel_party_registration", move |happening| {
            let handler = Arc::clone(&handler);
            async move {
                if let Effect::RegistrationCancelled { ven_id } = &happening.effect {
                    return handler(ven_id.clone()).await;
                }
                Ok(())
            }
        })
    }

    /// Told whatever happens: at least once, after a crash too, what happens to one VEN in its order.
    /// What it fails to take comes again later.
    pub fn on_happening<F, A>(self, handler: F) -> Self
    where
        F: Fn(Arc<Happening>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        self.told("on_happening", handler)
    }

    /// A hold on the VTN that this will be, for handlers that add events.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Starts it: when this returns, both addresses accept connections.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(self) -> Result<Running, StartError> {
        let mut config = self.config;
        if self.application.create_party_registration.is_some()
            || self.application.directory.is_some()
        {
            config.admission = Admission::Ask;
        }
        launch(config, self.application, self.handle).await
    }

    fn told<F, A>(mut self, name: &'static str, handler: F) -> Self
    where
        F: Fn(Arc<Happening>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        self.application.happenings.push((name, boxed(handler)));
        self
    }
}
