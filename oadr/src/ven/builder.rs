//! A VEN before it runs: who it is, and what its application wants to be asked and told.
//!
//! Knows nothing of how a VEN works.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;
use oadr_core::value::{
    MarketContext, OptType, ReportSpecifierId, ResourceId, Text, ValueError, VenId, VtnId,
};
use oadr_core::{CertificateId, SignaturePolicy};
use oadr_http::{BaseUrl, Credentials, UrlError};

use super::answer::Answer;
use super::event::Event;
use super::handlers::Handlers;
use super::happening::Happening;
use super::link::{Account, Place, VtnAddress, VtnAddressError};
use super::occasion::{
    EventCancelled, EventEnded, EventModified, EventStarted, IntervalStarted, OptAccepted,
    OptCancelled, OptRefused, OptSent, Registered, RegistrationCancelled, RegistrationRefused,
    ReportCancelled, ReportCompleted, ReportRefused, ReportRequested, ReportSent,
};
use super::reporting::{FEWEST, Report, ReportError};
use super::running::Running;
use super::security::{Security, SecurityError};
use super::start::start;
use crate::credentials::Files;
use crate::data_dir::DataDirError;
use crate::sqlite::StoreError;

/// How long a source of values may take, unless said otherwise.
const SOURCE_LIMIT: Duration = Duration::from_secs(4);

/// How many samples of a data point are kept, unless said otherwise: eleven days of one a second.
const KEPT_SAMPLES: u32 = 1_000_000;

/// A VEN to be started: see the [module](super) for one at work.
#[derive(Clone)]
#[must_use = "a VEN does nothing until it is started"]
pub struct Ven {
    pub(super) name: Text,
    pub(super) vtn: VtnAddress,
    pub(super) push: Option<Place>,
    pub(super) insecure_plain_push: bool,
    pub(super) account: Option<Account>,
    pub(super) data: Option<PathBuf>,
    pub(super) opt: OptType,
    pub(super) ven_id: Option<VenId>,
    pub(super) vtn_id: Option<VtnId>,
    pub(super) resources: Vec<ResourceId>,
    pub(super) market_contexts: Vec<MarketContext>,
    pub(super) credentials: Option<Credentials>,
    pub(super) security: Security,
    pub(super) reports: Vec<Report>,
    pub(super) source_limit: Duration,
    pub(super) kept_samples: u32,
    pub(super) handlers: Handlers,
}

/// Why a VEN does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Its name.
    #[error("the VEN's name {name:?} {source}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        source: ValueError,
    },
    /// It has no name.
    #[error("the VEN's name must not be empty")]
    EmptyName,
    /// Where its VTN is.
    #[error("the VTN's URL {url:?}: {source}")]
    Vtn {
        /// The URL.
        url: String,
        /// What is wrong with it.
        source: VtnAddressError,
    },
    /// Where its VTN is to push to.
    #[error("the URL {url:?} that the VTN is to push to: {source}")]
    PublicUrl {
        /// The URL.
        url: String,
        /// What is wrong with it.
        source: UrlError,
    },
    /// The VEN listens with TLS, and what the VTN is told has none.
    #[error(
        "the URL that the VTN is to push to begins with http://, and the VEN listens with TLS as its VTN's URL begins with https://: write https:// (--public-url)"
    )]
    PublicUrlWithoutTls,
    /// Plain HTTP proves nobody's identity.
    #[error(
        "{0} can be reached from other machines, and without TLS anybody there can be the VTN: give the VTN's URL with https:// and the VEN's certificate (--tls-certificate); or listen on a loopback address; or say --insecure-plain-push"
    )]
    PlainPush(SocketAddr),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// A listener and a VTN that needs none.
    #[error(
        "over XMPP the VTN reaches the VEN by its session: there is nothing to listen on (--push-listen)"
    )]
    ListenOverXmpp,
    /// A VTN in an XMPP domain, and nobody says who the VEN is there.
    #[error("over XMPP the VEN needs a JID of its own, such as ven1@example.com/oadr (--xmpp-jid)")]
    NoJid,
    /// A JID, and a VTN at a URL.
    #[error(
        "the VEN has a JID (--xmpp-jid), and its VTN is at a URL: the VTN's address over XMPP is xmpp: and its domain"
    )]
    JidOverHttp,
    /// HTTP Basic authentication over XMPP.
    #[error("a user and a password for HTTP do not go with XMPP")]
    CredentialsOverXmpp,
    /// XMPP without TLS over a network.
    #[error(
        "the XMPP server {0} is not on this machine, and without TLS anybody on the way could listen"
    )]
    PlainXmpp(String),
    /// The file with the password of the XMPP account.
    #[error("cannot read the password in {}: {source}", path.display())]
    PasswordFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// There is none in it.
    #[error("there is no password in {}", .0.display())]
    NoPassword(PathBuf),
    /// What the VTN is to be told.
    #[error("the VEN's address {address:?} {source}")]
    Address {
        /// The URL or the JID.
        address: String,
        /// What is wrong with it.
        source: ValueError,
    },
    /// The data folder.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A report that it is to offer.
    #[error("the report {:?} cannot be offered: {source}", specifier.as_str())]
    Report {
        /// The report.
        specifier: ReportSpecifierId,
        /// What is wrong with it.
        source: ReportError,
    },
    /// TLS or signatures.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// The runtime ended meanwhile.
    #[error("the runtime has ended")]
    Interrupted,
    /// There is no registration to cancel.
    #[error("the VEN is not registered")]
    NotRegistered,
}

impl Ven {
    /// A VEN of this name (venName) for the VTN at a URL, with or without `/OpenADR2/Simple/2.0b`, or in an
    /// XMPP domain: `xmpp:example.com`, with a [JID](Self::xmpp).
    ///
    /// Its registration, its opts and the random offsets that it drew are kept in an SQLite database
    /// in the folder `data`, which is made if it is not there, and is for one VEN at a time.
    ///
    /// # Errors
    /// The name or the URL; the error says what is wrong with it.
    pub fn new(name: &str, vtn: &str, data: impl AsRef<Path>) -> Result<Self, StartError> {
        let data = data.as_ref().to_owned();
        Ok(Self {
            data: Some(data),
            ..Self::in_memory(name, vtn)?
        })
    }

    /// A VEN that forgets everything when it stops: for tests. With every start it is a stranger to
    /// its VTN, answers events that it has answered before, and draws other random offsets for them,
    /// which no VEN in the field may (rule 30).
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn in_memory(name: &str, vtn: &str) -> Result<Self, StartError> {
        let text = Text::new(name).map_err(|source| StartError::Name {
            name: crate::logging::cut(name).to_owned(),
            source,
        })?;
        if text.is_empty() {
            return Err(StartError::EmptyName);
        }
        let vtn = vtn.parse().map_err(|source| StartError::Vtn {
            url: crate::logging::cut(vtn).to_owned(),
            source,
        })?;
        Ok(Self {
            name: text,
            vtn,
            push: None,
            insecure_plain_push: false,
            account: None,
            data: None,
            opt: OptType::OptIn,
            ven_id: None,
            vtn_id: None,
            resources: Vec::new(),
            market_contexts: Vec::new(),
            credentials: None,
            security: Security::default(),
            reports: Vec::new(),
            source_limit: SOURCE_LIMIT,
            kept_samples: KEPT_SAMPLES,
            handlers: Handlers::none(),
        })
    }

    /// The answer to events where nobody is asked, or whoever is asked has no answer. Default: in.
    pub fn opt(mut self, opt: OptType) -> Self {
        self.opt = opt;
        self
    }

    /// A venID that the VTN's operator gave out beforehand. Default: the VTN gives one out.
    pub fn ven_id(mut self, ven_id: VenId) -> Self {
        self.ven_id = Some(ven_id);
        self
    }

    /// The VTN's ID, if no other is to be accepted. Default: that of the first registration.
    pub fn vtn_id(mut self, vtn_id: VtnId) -> Self {
        self.vtn_id = Some(vtn_id);
        self
    }

    /// The resources that events may be for, beside the VEN itself. Default: none.
    pub fn resources(mut self, resources: impl IntoIterator<Item = ResourceId>) -> Self {
        self.resources = resources.into_iter().collect();
        self
    }

    /// The programmes that it takes part in (rule 48); none for all. Default: all.
    pub fn market_contexts(mut self, list: impl IntoIterator<Item = MarketContext>) -> Self {
        self.market_contexts = list.into_iter().collect();
        self
    }

    /// Listens for what the VTN pushes, instead of polling it: on this address, which the VTN reaches at
    /// `public_url`. Default: it polls.
    ///
    /// If the VTN's URL begins with `https`, so does this one: the VEN shows its certificate, and nobody is
    /// heard but who shows the VTN's. A certificate is the VTN's if it is from its CA and bears the host of
    /// the VTN's URL, or is one of those [named](Self::vtn_certificate).
    ///
    /// # Errors
    /// The URL.
    pub fn push_listener(
        mut self,
        address: SocketAddr,
        public_url: &str,
    ) -> Result<Self, StartError> {
        let url = BaseUrl::parse(public_url).map_err(|source| StartError::PublicUrl {
            url: crate::logging::cut(public_url).to_owned(),
            source,
        })?;
        self.push = Some(Place { address, url });
        Ok(self)
    }

    /// Listens without TLS, on whatever address: for a proxy that speaks TLS, or where nobody else can reach
    /// it. Whoever reaches it can say anything in the VTN's name, but where signatures are
    /// [required](Self::signatures). Default: no.
    pub fn insecure_plain_push(mut self, insecure: bool) -> Self {
        self.insecure_plain_push = insecure;
        self
    }

    /// Who the VEN is over XMPP, if its VTN is in an XMPP domain.
    pub fn xmpp(mut self, account: Account) -> Self {
        self.account = Some(account);
        self
    }

    /// For HTTP Basic authentication (quirk Q13). Default: none.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// The VEN's certificate and key, and the CA that its VTN's certificate is from, or the XMPP server's; the
    /// URL begins with `https` or `xmpp` then. They are read again when the files change, and on SIGHUP. Default: no TLS.
    pub fn tls(mut self, files: Files) -> Self {
        self.security.files = Some(files);
        self
    }

    /// Whether the VEN signs what it says, and reads only what its VTN signed (rule 514). What becomes of
    /// a reply that is not signed as it should be: nothing, as if it had not come.
    ///
    /// [`Required`](SignaturePolicy::Required) and [`Optional`](SignaturePolicy::Optional) both sign every
    /// message; the latter reads unsigned replies too. Default: optional with TLS, off without.
    pub fn signatures(mut self, policy: SignaturePolicy) -> Self {
        self.security.signatures = Some(policy);
        self
    }

    /// How far the time at which a reply was signed may be from now, on either side. Default: 60 s.
    pub fn signature_window(mut self, window: Duration) -> Self {
        self.security.window = TimeDelta::from_std(window).unwrap_or(TimeDelta::MAX);
        self
    }

    /// A certificate of the VTN, if no other is to be believed, in TLS and in signatures; may be called
    /// several times, for a VTN with several keys or with a new one soon. Default: any certificate for the
    /// URL's host from the CA; over XMPP any that bears the name of the VTN's account as its common name, or
    /// the account's domain.
    pub fn vtn_certificate(mut self, certificate: CertificateId) -> Self {
        self.security.vtn_certificates.push(certificate);
        self
    }

    /// Whether the VTN's certificate must bear the URL's host (§4.5), and the XMPP server's the domain.
    /// Default: yes.
    pub fn verify_host(mut self, verify: bool) -> Self {
        self.security.verify_host = verify;
        self
    }

    /// A report to offer; may be called several times. Default: none (rule 301).
    pub fn report(mut self, report: Report) -> Self {
        self.reports.push(report);
        self
    }

    /// How long a source of values may take; one value never takes longer than the time to the next.
    /// Default: 4 s.
    pub fn source_within(mut self, limit: Duration) -> Self {
        self.source_limit = limit;
        self
    }

    /// How many samples of each data point are kept at most, also if the VTN has not had them yet: then
    /// the oldest are dropped, and the VTN hears of bad quality. Never fewer than 100. Default: 1,000,000.
    pub fn keep_samples(mut self, most: u32) -> Self {
        self.kept_samples = most.max(FEWEST);
        self
    }

    /// How long [`on_event`](Self::on_event) has for an answer. Default: 4 s. The events of one
    /// message are asked about one after the other, and the VTN has no answer to any of them before
    /// the last one is answered.
    pub fn answer_within(mut self, limit: Duration) -> Self {
        self.handlers.question_limit = limit;
        self
    }

    /// How long a callback may take; then it is dropped and the next one is called. Default: 60 s.
    pub fn callback_limit(mut self, limit: Duration) -> Self {
        self.handlers.callback_limit = limit;
        self
    }

    /// Asks whether to take part in an event: once for each version that the VEN could take part in.
    ///
    /// What it says is the VEN's answer to the VTN, unless it takes [too long](Self::answer_within),
    /// fails or panics: then that is logged and the VEN's [default](Self::opt) is. It is asked again
    /// about the same version if its answer could not be written, or the process ended before; the
    /// answer that was written counts.
    ///
    /// It runs as a task on the VEN's runtime; meanwhile what is due of other events happens.
    pub fn on_event<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<Answer>> + Send + 'static,
    {
        self.handlers.set_question(handler);
        self
    }

    /// Tells everything that happens; the other callbacks are parts of it.
    pub fn on_happening<F, Fut>(self, callback: F) -> Self
    where
        F: Fn(Happening) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.tell(|happening| Some(happening.clone()), callback)
    }

    fn tell<T, F, Fut>(
        mut self,
        of: impl Fn(&Happening) -> Option<T> + Send + Sync + 'static,
        callback: F,
    ) -> Self
    where
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.handlers.add_callback(of, callback);
        self
    }

    /// Starts the VEN; it registers, polls and answers by itself.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(self) -> Result<Running, StartError> {
        start(self, None).await
    }

    /// Starts the VEN only to cancel the registration that is in its data folder:
    /// [`Running::unregistered`] says when the VTN has confirmed it.
    ///
    /// # Errors
    /// There is no registration, or see [`StartError`].
    pub async fn start_leaving(self) -> Result<Running, StartError> {
        start(self, Some(oadr_core::ven::Command::CancelRegistration)).await
    }
}

macro_rules! callbacks {
    ($($(#[$doc:meta])* $name:ident($occasion:ident);)*) => {
        /// What the application is told: at least once, in order, one callback after the other.
        ///
        /// What a callback was told when it returns is not told again, except after a crash; then it
        /// has the same ID. One that fails or takes [too long](Self::callback_limit) is logged, and
        /// the next one is called. Several callbacks for the same are called in the order in which
        /// they were given.
        impl Ven {$(
            $(#[$doc])*
            pub fn $name<F, Fut>(self, callback: F) -> Self
            where
                F: Fn($occasion) -> Fut + Send + Sync + 'static,
                Fut: Future<Output = ()> + Send + 'static,
            {
                self.tell($occasion::of, callback)
            }
        )*}
    };
}

callbacks! {
    /// Tells that the VEN is registered.
    on_registered(Registered);
    /// Tells that the VTN refused to register the VEN; it tries again after a while.
    on_registration_refused(RegistrationRefused);
    /// Tells that the registration ended.
    on_registration_cancelled(RegistrationCancelled);
    /// Tells of a new version of an event.
    on_event_modified(EventModified);
    /// Tells that an event was cancelled.
    on_event_cancelled(EventCancelled);
    /// Tells that the VTN has the answer to an event.
    on_opt_sent(OptSent);
    /// Tells that the VTN has an opt.
    on_opt_accepted(OptAccepted);
    /// Tells that the VTN refused an opt, or to let it be cancelled.
    on_opt_refused(OptRefused);
    /// Tells that the VTN knows of a cancelled opt.
    on_opt_cancelled(OptCancelled);
    /// Tells that an event began in which the VEN takes part.
    on_event_started(EventStarted);
    /// Tells that a signal has another value.
    on_interval_started(IntervalStarted);
    /// Tells that an event ended that had begun, and why.
    on_event_ended(EventEnded);
    /// Tells that the VTN asked for a report.
    on_report_requested(ReportRequested);
    /// Tells that the VTN has a report.
    on_report_sent(ReportSent);
    /// Tells that a report was given up, as the VTN would not take it.
    on_report_refused(ReportRefused);
    /// Tells that a request for reports is over before its time.
    on_report_cancelled(ReportCancelled);
    /// Tells that the last report of a request was sent.
    on_report_completed(ReportCompleted);
}

impl fmt::Debug for Ven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ven")
            .field("name", &self.name)
            .field("vtn", &self.vtn)
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}
