//! The VTN as a process: SQLite, the OpenADR endpoint, the operator API and what happens by itself.
//!
//! Knows nothing of the command line.
//!
//! [`Vtn`] puts one together and starts it; the [`Running`] one takes events.
//!
//! ```no_run
//! use oadr::value::{Duration, SignalName, SignalType};
//! use oadr::vtn::{Event, Interval, RegistrationAnswer, Vtn};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let vtn = Vtn::new("MyVTN")?
//!     .on_create_party_registration(async |ven| match ven.ven_name() {
//!         "ven123" => Ok(RegistrationAnswer::accept_as("ven_id_123", "reg_id_123")?),
//!         _ => Ok(RegistrationAnswer::Refuse),
//!     })
//!     .on_created_event(async |answered| {
//!         println!("{} says {}", answered.ven_id, answered.opt);
//!         Ok(())
//!     })
//!     .start()
//!     .await?;
//! let event = Event::new(SignalName::Simple, SignalType::Level)
//!     .ven("ven_id_123")
//!     .interval(Interval::lasting(Duration::minutes(10), 1.0));
//! let added = vtn.add_event(event).await?;
//! println!("{:?}", added.outcome().await?.opt);
//! # Ok(()) }
//! ```
//!
//! # Questions
//!
//! Handlers that answer ([`on_create_party_registration`](Vtn::on_create_party_registration),
//! [`on_query_registration`](Vtn::on_query_registration), [`on_poll`](Vtn::on_poll),
//! [`on_register_report`](Vtn::on_register_report),
//! [`on_register_reports`](Vtn::on_register_reports), [`on_create_opt`](Vtn::on_create_opt) and a
//! [`Directory`]) are asked while the VEN waits, for [4 s](Vtn::answer_within) at most. One that takes
//! longer, fails or panics has no answer: nothing changes, the VEN is asked to come back (503 with
//! Retry-After), and other VENs notice nothing. The same may be asked again, so an answer should do no
//! harm when it is given twice.
//!
//! # News
//!
//! Handlers that are told ([`on_created_event`](Vtn::on_created_event),
//! [`on_update_report`](Vtn::on_update_report), [`on_cancel_opt`](Vtn::on_cancel_opt),
//! [`on_cancel_party_registration`](Vtn::on_cancel_party_registration),
//! [`on_happening`](Vtn::on_happening)) hear of what is on the disk already, at least once each: what a
//! handler did not take, because it failed or the process ended, is told again under the same
//! [`id`](Happening::id). [`Event::on_answer`], [`PointRequest::on_update`], [`Added::outcome`] and
//! [`Running::happenings`] are for as long as the process lives.

mod application;
mod ask;
mod background;
mod builder;
mod campaigns;
mod config;
mod directory;
mod event;
mod events;
mod handle;
mod handler;
mod happening;
mod host;
#[cfg(test)]
mod identity_tests;
mod interval;
mod offered_point;
mod outbox;
mod peers;
mod proxied;
mod push;
mod reception;
mod refusals;
mod refuser;
mod register_report;
mod registration_info;
mod registry;
mod report_policies;
mod report_requests;
mod report_update;
mod retention;
mod security;
mod signatures;
mod start_error;
mod timer;
mod xmpp;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::TimeDelta;
use oadr_core::payload::{Profile, Transport};
use oadr_core::value::{NonEmpty, ProfileName, TransportName, VtnId};
use oadr_core::vtn::{Context, PushTerms, UnregisteredPoll};
use oadr_http::Prefix;
pub use oadr_http::ServerConfig;
use oadr_http::tls::TlsServer;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::api::Gate;
use crate::api::token::{self, Token};
use crate::data_dir::DataDir;
use crate::log_ration::LogRation;
use crate::metrics::{Measured, Requests};
use crate::store::Store;
use crate::{api, clock};

use application::Application;
use background::Background;
pub use builder::{HandlerError, PollItem, Vtn};
use campaigns::Campaigns;
pub(crate) use campaigns::Open;
pub use config::Config;
pub use directory::{Directory, Listed};
pub use event::{Event, EventFormError, TargetType, UNSPECIFIED_CONTEXT};
pub(crate) use events::CampaignFailure;
pub use handle::{Added, EventOutcome, EventsError, Handle};
pub(crate) use handler::HttpHandler;
pub use happening::{EventAnswered, Happening, OptCancelled};
use host::Known;
pub(crate) use host::{CommandFailure, Failure, Host};
pub use interval::{Interval, IntervalError};
pub use oadr_core::reading::{Reading, ReadingPayload};
pub use oadr_core::vtn::{
    Admission, DeadLetter, Effect, OfferedReports, OptDecision, PointFact, RegistrationAnswer,
    ReportPolicy, ReportProgress, RequestOrigin, RequestedReport, WantedReport,
};
pub use offered_point::{OfferedPoint, PointRequest};
pub(crate) use peers::Peers;
use proxied::Proxied;
pub use proxied::{Network, NetworkError, Proxy, ProxyError};
use push::{HttpPush, Pushes, Transports};
pub use push::{PushConfig, PushError};
use reception::Reception;
pub(crate) use refusals::{Refused, Stage};
pub use registration_info::RegistrationInfo;
use registry::Registry;
pub(crate) use registry::Slot;
pub(crate) use report_policies::PolicyFailure;
use report_policies::ReportPolicies;
pub use report_policies::{ReportPolicyError, ReportPolicyFault};
pub use report_requests::ReportsError;
pub use report_update::ReportUpdate;
use security::Secured;
pub use security::{CertificateFault, SecurityError};
pub use start_error::StartError;
use xmpp::Prepared;
pub(crate) use xmpp::Session;
pub use xmpp::{XmppConfig, XmppError};

/// The VTN's ID if none is chosen. With capitals, because some peers refuse others (quirk Q3).
pub const DEFAULT_VTN_ID: &str = "OadrVTN";

/// How many committed effects may wait to be told.
const OUTBOX: usize = 1024;

/// The most connections that wait to be accepted; the system may allow fewer.
const QUEUE: u32 = 16_384;

/// A running VTN.
#[derive(Debug)]
pub struct Running {
    host: Arc<Host>,
    handle: Handle,
    /// Where VENs connect, as a URL begins.
    origin: String,
    proxied: Option<SocketAddr>,
    prefix: Prefix,
    api: SocketAddr,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
    background: Background,
    outbox: JoinHandle<()>,
    finish: oneshot::Sender<()>,
    /// Held to the very end.
    data: DataDir,
}

/// Starts a VTN: when this returns, both addresses accept connections.
///
/// # Errors
/// See [`StartError`].
pub async fn start(config: Config) -> Result<Running, StartError> {
    Vtn::from_config(config).start().await
}

async fn launch(
    config: Config,
    application: Application,
    handle: Handle,
) -> Result<Running, StartError> {
    let is_local = |address: &SocketAddr| address.ip().is_loopback();
    if config.tls.is_none() && !is_local(&config.listen) && !config.insecure_plain_http {
        return Err(StartError::PlainHttp(config.listen));
    }
    if !is_local(&config.api) && !config.insecure_plain_api {
        return Err(StartError::PlainApi(config.api));
    }
    let poll = config.poll_interval;
    let poll_length = poll.to_time_delta().filter(|p| *p > TimeDelta::zero());
    let poll_length = poll_length.ok_or(StartError::PollInterval(poll))?;
    if let Some(retention) = config.readings_retention
        && (retention.is_zero() || retention.is_negative())
    {
        return Err(StartError::ReadingsRetention(retention));
    }

    report_policies::check_all(&config.report_policies)
        .map_err(|(name, source)| StartError::ReportPolicy { name, source })?;

    let push_terms = push_terms(config.push.as_ref(), config.xmpp.is_some())?;
    let secured = Secured::open(&config)?;
    let xmpp = Prepared::open(&config, secured.xmpp.clone(), secured.shown.as_deref())?;
    let proxied = Proxied::open(&config)?;
    let data = DataDir::open(&config.data)?;
    let gate = Gate {
        token: Token::at(&data.file(token::FILE))?,
        for_other_machines: !is_local(&config.api),
    };
    let store = Store::open(&data.file("vtn.db"))?;
    let now = clock::now();
    let mut contents = store.contents(now).await?;
    let registry = Registry::load(&mut contents);
    let campaigns = Campaigns::load(contents.campaigns, now);
    let made = store.report_policies().await?;
    let report_policies = ReportPolicies::new(config.report_policies, made);
    let base = Context {
        version: 0,
        vtn_id: vtn_id(&store, config.vtn_id).await?,
        profiles: profiles(xmpp.is_some()),
        poll_frequency: poll,
        resend_after: poll_length / 2,
        admission: config.admission,
        asks: application.asks(),
        unregistered_poll: UnregisteredPoll::NotRegistered,
        opt_precedence: config.opt_precedence,
        campaigns: Vec::new(),
        http_push: config
            .push
            .as_ref()
            .is_some_and(|push| push.plain_http || secured.tls.is_some()),
        push: push_terms,
        report_policies: Arc::default(),
        signatures: secured.policy,
        signature_window: secured.window,
    };

    let (vens, vtn) = listen(config.listen).await?;
    let (operators, api) = listen(config.api).await?;
    let origin = secured.origin(vtn);
    let Secured {
        tls,
        xmpp: xmpp_tls,
        trust,
        watches,
        ..
    } = secured;
    let proxies = match proxied {
        Some(proxied) => Some(proxied.listen().await?),
        None => None,
    };
    let proxied = proxies.as_ref().map(|proxies| proxies.address);
    let (told, to_tell) = mpsc::channel(OUTBOX);
    let known = Known {
        registry,
        campaigns,
        report_policies,
    };
    let (pushes, to_push) = Pushes::new();
    let host = Host::new(store, known, base, trust, application, pushes, told);
    host.put_in_force(&host.report_policies.all().await.1, now);
    let host = Arc::new(host);
    handle.hold(&host);
    let ration = Arc::clone(&host.ration);
    let prefix = config.http.prefix.clone();
    let (stop, stopping) = watch::channel(false);
    let requests = Arc::new(Requests::default());
    let handler = Measured::new(
        HttpHandler(Reception::new(Arc::clone(&host))),
        Arc::clone(&requests),
    );
    let server = oadr_http::Server::new(handler, config.http);
    let metrics = api::Metrics {
        host: Arc::clone(&host),
        requests: Arc::clone(&requests),
        server: server.clone(),
        started: now,
    };
    let for_proxies = server.clone();
    let for_pushes = stopping.clone();
    let mut servers = vec![
        tokio::spawn(serve_vens(
            vens,
            tls.as_ref().map(|tls| tls.server.clone()),
            server,
            stopping.clone(),
        )),
        tokio::spawn(serve_operators(
            operators,
            api::router(metrics, gate),
            Arc::clone(&ration),
            stopping,
        )),
    ];
    let mut clockwork = vec![
        tokio::spawn(timer::wake_partitions(Arc::clone(&host))),
        tokio::spawn(timer::write_seen(Arc::clone(&host))),
        tokio::spawn(ration.keep_telling()),
    ];
    if let Some(proxies) = proxies {
        let (serving, keeper) = proxies.start(for_proxies);
        servers.push(serving);
        clockwork.extend(keeper);
    }
    if let Some(retention) = config.readings_retention {
        let forget = retention::forget_readings(Arc::clone(&host), retention);
        clockwork.push(tokio::spawn(forget));
    }
    clockwork.extend(Secured::keepers(
        watches,
        &host,
        tls.as_ref(),
        xmpp_tls.as_ref(),
    ));
    if let Some(xmpp) = xmpp {
        host.hold_xmpp(Some(xmpp.start(&host, requests)));
    }
    let client = tls.as_ref().map(|tls| tls.client.clone());
    let transports = Transports {
        http: config.push.map(|push| HttpPush::new(push, client)),
        xmpp: host.xmpp().map(|session| session.pushes()),
    };
    // What there is for them may have been committed before the last end.
    host.look_for_pushes(|_| true);
    let pushing = push::run(Arc::clone(&host), transports, to_push, for_pushes);
    servers.push(tokio::spawn(pushing));
    let (finish, finished) = oneshot::channel();
    let outbox = tokio::spawn(outbox::run(Arc::clone(&host), to_tell, finished));
    tracing::info!(
        vtn = origin, %api,
        data = %config.data.display(),
        vens = host.registry.all().len(),
        events = host.campaigns.current().list.len(),
        "the VTN is up"
    );
    let background = Background::of(&host, clockwork);
    Ok(Running {
        host,
        handle,
        origin,
        proxied,
        prefix,
        api,
        stop,
        servers,
        background,
        outbox,
        finish,
        data,
    })
}

impl Running {
    /// The URL for VENs.
    #[must_use]
    pub fn vtn_url(&self) -> String {
        format!("{}{}/OpenADR2/Simple/2.0b", self.origin, self.prefix)
    }

    /// The URL for a proxy that ends the TLS of VENs, if there is one.
    #[must_use]
    pub fn proxied_url(&self) -> Option<String> {
        let address = self.proxied?;
        Some(format!(
            "http://{address}{}/OpenADR2/Simple/2.0b",
            self.prefix
        ))
    }

    /// The URL for operators.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}", self.api)
    }

    /// The file with the token that operators present: `Authorization: Bearer TOKEN`.
    #[must_use]
    pub fn api_token_file(&self) -> PathBuf {
        self.data.file(token::FILE)
    }

    /// The VTN's ID.
    #[must_use]
    pub fn vtn_id(&self) -> &VtnId {
        &self.host.settings().vtn_id
    }

    /// What happens from now on. A subscriber that is too slow misses the oldest.
    #[must_use]
    pub fn happenings(&self) -> broadcast::Receiver<Arc<Happening>> {
        self.host.teller.subscribe()
    }

    /// A hold on it, for other tasks and for handlers.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Adds an event; see [`Handle::add_event`].
    ///
    /// # Errors
    /// It is not well written or not legal, or another event has its ID.
    pub async fn add_event(&self, event: Event) -> Result<Added, EventsError> {
        self.handle.add_event(event).await
    }

    /// Stops: nothing new is accepted, what was accepted is finished, everything is on the disk.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for server in self.servers {
            let _ = server.await;
        }
        self.background.end().await;
        timer::flush_seen(&self.host).await;
        // Nothing is decided any more; what was is told.
        let _ = self.finish.send(());
        let _ = self.outbox.await;
        let host = self.host;
        // The store's thread is waited for.
        let _ = tokio::task::spawn_blocking(move || drop(host)).await;
        drop(self.data);
        tracing::info!("the VTN is down");
    }
}

/// What a VEN may register for, exactly as far as it is served.
fn profiles(with_xmpp: bool) -> NonEmpty<Profile> {
    let transport = |name| Transport { name };
    let mut transports = NonEmpty::one(transport(TransportName::SimpleHttp));
    if with_xmpp {
        transports.push(transport(TransportName::Xmpp));
    }
    NonEmpty::one(Profile {
        name: ProfileName::B,
        transports,
    })
}

/// How pushes are tried.
fn push_terms(config: Option<&PushConfig>, with_xmpp: bool) -> Result<PushTerms, StartError> {
    let terms = PushTerms::default();
    let Some(config) = config else {
        return Ok(terms);
    };
    let give_up_after = config.give_up_after.to_time_delta();
    let give_up_after = give_up_after.filter(|time| *time > TimeDelta::zero());
    // Much longer than anybody waits, for telling the outcome takes time, too.
    let lease = TimeDelta::from_std(config.timeout.saturating_mul(3)).unwrap_or(terms.lease);
    // Over XMPP the default is that.
    let least = if with_xmpp { terms.lease } else { lease };
    Ok(PushTerms {
        lease: lease.max(least),
        give_up_after: give_up_after.ok_or(StartError::PushGiveUpAfter(config.give_up_after))?,
    })
}

/// The ID that was asked for, that of the last run, or the default; kept for the next run.
async fn vtn_id(store: &Store, wanted: Option<VtnId>) -> Result<VtnId, StartError> {
    let kept = store.meta("vtn_id").await?;
    let id = match (wanted, &kept) {
        (Some(wanted), _) => wanted,
        (None, Some(kept)) => VtnId::new(kept).map_err(StartError::StoredVtnId)?,
        (None, None) => VtnId::new(DEFAULT_VTN_ID).map_err(StartError::StoredVtnId)?,
    };
    if id.is_empty() {
        return Err(StartError::EmptyVtnId);
    }
    if let Some(kept) = &kept
        && kept != id.as_str()
    {
        tracing::warn!(%id, before = kept, "the VTN has another ID than before: registered VENs may refuse it");
    }
    if !id.as_str().contains(|c: char| c.is_ascii_uppercase()) {
        tracing::warn!(%id, "the VTN's ID has no capital letter: OpenLEADR's VENs refuse it");
    }
    if kept.as_deref() != Some(id.as_str()) {
        store.set_meta("vtn_id", id.to_string()).await?;
    }
    Ok(id)
}

/// `TcpListener::bind` with a longer queue: 10,000 VENs may come back at the same moment, and who finds
/// no place in it waits a second before trying again.
fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // The port of the process before may still have connections in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(QUEUE)
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = open(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

async fn serve_vens(
    listener: TcpListener,
    tls: Option<TlsServer>,
    server: oadr_http::Server<Measured<HttpHandler>>,
    stopping: watch::Receiver<bool>,
) {
    let accept = async {
        match &tls {
            Some(tls) => server.accept_tls(&listener, tls).await,
            None => server.accept(&listener).await,
        }
    };
    tokio::select! {
        () = told(stopping) => {}
        () = accept => {}
    }
    drop(listener);
    match server.shut_down().await {
        oadr_http::Drained::Finished => {}
        oadr_http::Drained::Cut(connections) => {
            tracing::warn!(connections, "cut off what did not finish in time");
        }
    }
}

async fn serve_operators(
    listener: TcpListener,
    router: axum::Router,
    ration: Arc<LogRation>,
    stopping: watch::Receiver<bool>,
) {
    let bounds = api::Bounds::default();
    let cut = api::serve(listener, router, bounds, &ration, told(stopping)).await;
    if cut > 0 {
        tracing::warn!(
            connections = cut,
            "cut off operators who did not finish in time"
        );
    }
}

/// Ends when it is time to stop.
async fn told(mut stopping: watch::Receiver<bool>) {
    // Nobody left to say so means the same.
    let _ = stopping.wait_for(|stop| *stop).await;
}
