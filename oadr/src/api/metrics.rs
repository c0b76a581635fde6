//! `/metrics`: the VTN's figures for Prometheus.
//!
//! Knows nothing of how they are counted. No label comes from a peer: the number of series follows from
//! the configuration.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use chrono::TimeDelta;
use oadr_core::value::DateTime;
use oadr_core::vtn::{Context, DeliveryStatus, Standing, State, standing};
use oadr_http::Server;

use super::problem::Problem;
use crate::clock;
use crate::metrics::{self, Kind, Measured, Requests, Text};
use crate::vtn::{Host, HttpHandler, Open, Stage};

/// Where the figures are found.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) host: Arc<Host>,
    pub(crate) requests: Arc<Requests>,
    pub(crate) server: Server<Measured<HttpHandler>>,
    pub(crate) started: DateTime,
}

/// A VEN that missed two polls and is late with the third is not online.
const ONLINE_POLLS: i32 = 3;

pub(super) fn router<S>(metrics: Metrics) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Router::new()
        .route("/metrics", get(show))
        .with_state(metrics)
}

async fn show(
    extract::State(metrics): extract::State<Metrics>,
) -> Result<impl IntoResponse, Problem> {
    let mut text = Text::default();
    metrics.of_the_process(&mut text);
    metrics.of_requests(&mut text);
    metrics.of_security(&mut text);
    metrics.of_xmpp(&mut text);
    let host = Arc::clone(&metrics.host);
    // As long as there are VENs, so not between other tasks.
    let vens = tokio::task::spawn_blocking(move || Vens::count(&host, clock::now())).await;
    vens.map_err(|error| Problem::failed(&error))?
        .write(&mut text);
    metrics.of_the_store(&mut text).await;
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text.finish()))
}

impl Metrics {
    fn of_the_process(&self, text: &mut Text) {
        let version = [([("version", env!("CARGO_PKG_VERSION"))], 1)];
        text.family(
            "oadr_build_info",
            Kind::Gauge,
            "The program that runs.",
            version,
        );
        text.one(
            "oadr_start_time_seconds",
            Kind::Gauge,
            "When the VTN started, in seconds since 1970.",
            self.started.timestamp(),
        );
        if let Some(bytes) = metrics::resident_memory() {
            let help = "Resident memory.";
            text.one("process_resident_memory_bytes", Kind::Gauge, help, bytes);
        }
        if let Some(files) = metrics::open_files() {
            let help = "Open file descriptors.";
            text.one("process_open_fds", Kind::Gauge, help, files);
        }
    }

    fn of_requests(&self, text: &mut Text) {
        let messages = self.requests.messages();
        text.family(
            "oadr_messages_total",
            Kind::Counter,
            "Messages of VENs by service, message, and response code or HTTP status.",
            messages.map(|([service, message, result], count)| {
                let labels = [
                    ("service", service),
                    ("message", message),
                    ("result", result),
                ];
                (labels, count)
            }),
        );
        let durations = self.requests.durations();
        text.histograms(
            "oadr_message_duration_seconds",
            "From a message to its reply, commit included; of polls every sixteenth is timed.",
            durations.map(|(service, histogram)| (Some(("service", service)), histogram)),
        );
        let refusals: Vec<_> = self.requests.refusals().collect();
        text.family(
            "oadr_http_refusals_total",
            Kind::Counter,
            "Requests of VENs that were answered with another HTTP status than 200.",
            refusals
                .iter()
                .map(|(status, count)| ([("status", status.as_str())], count)),
        );
        text.one(
            "oadr_accept_errors_total",
            Kind::Counter,
            "Connections of VENs that could not be accepted.",
            self.requests.not_accepted.load(Ordering::Relaxed),
        );
        text.one(
            "oadr_connections_refused_total",
            Kind::Counter,
            "Connections of VENs that were closed at once, because their peer had as many as it may.",
            self.requests.too_many.load(Ordering::Relaxed),
        );
        let pushes = &self.host.pushes.figures;
        text.family(
            "oadr_pushes_total",
            Kind::Counter,
            "Pushes to VENs by how they ended.",
            pushes
                .outcomes()
                .into_iter()
                .map(|(outcome, count)| ([("outcome", outcome)], count)),
        );
        text.one(
            "oadr_pushes_under_way",
            Kind::Gauge,
            "Pushes to VENs that have not ended.",
            pushes.under_way(),
        );
        text.one(
            "oadr_connections",
            Kind::Gauge,
            "Open connections of VENs.",
            self.server.connections(),
        );
    }

    fn of_security(&self, text: &mut Text) {
        let trust = &self.host.trust;
        let own = trust.own();
        let own: Vec<_> = own
            .iter()
            .map(|held| {
                let until = held.certificate.not_after().timestamp();
                (
                    held.certificate.fingerprint().to_string(),
                    held.kind.name(),
                    until,
                )
            })
            .collect();
        text.family(
            "oadr_certificate_not_after_seconds",
            Kind::Gauge,
            "When a certificate of the VTN, or of a CA that it believes, expires, in seconds since 1970.",
            own.iter().map(|(certificate, kind, until)| {
                let labels = [("certificate", certificate.as_str()), ("kind", kind)];
                (labels, until)
            }),
        );
        text.one(
            "oadr_ven_certificates_expiring",
            Kind::Gauge,
            "Certificates of VENs, seen since the start, that expire within 30 days.",
            trust.peers.ending(clock::now()),
        );
        text.one(
            "oadr_signatures_verified_total",
            Kind::Counter,
            "Signatures of VENs that counted.",
            trust.signatures.verified(),
        );
        for (name, help, stage) in [
            (
                "oadr_signatures_refused_total",
                "Messages of VENs that were refused because of their signature, by what is wrong with it.",
                Stage::Signature,
            ),
            (
                "oadr_certificates_refused_total",
                "Messages with a certificate that no VEN has.",
                Stage::Certificate,
            ),
            (
                "oadr_accounts_refused_total",
                "Messages from XMPP accounts that no VEN has.",
                Stage::Account,
            ),
            (
                "oadr_tls_failures_total",
                "Connections of VENs that failed in TLS, by what went wrong.",
                Stage::Tls,
            ),
        ] {
            let counts = trust.refusals.counts(stage);
            let counts = counts
                .iter()
                .map(|(code, count)| ([("code", *code)], count));
            text.family(name, Kind::Counter, help, counts);
        }
    }

    fn of_xmpp(&self, text: &mut Text) {
        let Some(session) = self.host.xmpp() else {
            return;
        };
        text.one(
            "oadr_xmpp_session",
            Kind::Gauge,
            "Whether there is a session with the XMPP server: 1, or 0.",
            u8::from(session.is_up()),
        );
        text.one(
            "oadr_xmpp_sessions_total",
            Kind::Counter,
            "Sessions with the XMPP server; each after the first took the place of one that ended.",
            session.figures.sessions(),
        );
        text.family(
            "oadr_xmpp_refusals_total",
            Kind::Counter,
            "Stanzas that were answered with a stanza error, by why.",
            session
                .figures
                .refusals()
                .map(|(reason, count)| ([("reason", reason)], count)),
        );
    }

    async fn of_the_store(&self, text: &mut Text) {
        let store = &self.host.store;
        let sizes = store.sizes().await;
        let figures = store.figures();
        text.family(
            "oadr_delivery_changes_total",
            Kind::Counter,
            "How often a delivery was sent, answered, or given up because its event ended.",
            figures
                .deliveries()
                .map(|(status, count)| ([("status", name(status))], count)),
        );
        text.family(
            "oadr_readings_total",
            Kind::Counter,
            "Readings of VENs: new ones, corrections of known ones, and repetitions.",
            [
                ("stored", &figures.stored),
                ("corrected", &figures.corrected),
                ("repeated", &figures.repeated),
            ]
            .map(|(outcome, count)| ([("outcome", outcome)], count.load(Ordering::Relaxed))),
        );
        text.one(
            "oadr_readings_forgotten_total",
            Kind::Counter,
            "Readings that were removed because they are old.",
            figures.forgotten.load(Ordering::Relaxed),
        );
        text.histograms(
            "oadr_commit_duration_seconds",
            "How long a commit took, its sync included.",
            [(None, &figures.commits)],
        );
        text.histograms(
            "oadr_commit_group_size",
            "How many pieces of work shared a commit.",
            [(None, &figures.groups)],
        );
        text.one(
            "oadr_store_queue",
            Kind::Gauge,
            "Pieces of work that wait to be written.",
            store.waiting(),
        );
        text.family(
            "oadr_store_errors_total",
            Kind::Counter,
            "Work that was refused because too much waited, and work that failed.",
            [("busy", &figures.busy), ("failed", &figures.failed)]
                .map(|(kind, count)| ([("kind", kind)], count.load(Ordering::Relaxed))),
        );
        // A store that does not answer has said so above.
        if let Ok(sizes) = sizes {
            text.one(
                "oadr_outbox_effects",
                Kind::Gauge,
                "Effects of decisions that were not told yet.",
                sizes.outbox,
            );
            text.family(
                "oadr_database_bytes",
                Kind::Gauge,
                "The length of the database and of its write-ahead log.",
                [("main", sizes.database), ("log", sizes.log)]
                    .map(|(file, bytes)| ([("file", file)], bytes)),
            );
        }
    }
}

fn name(status: DeliveryStatus) -> &'static str {
    match status {
        DeliveryStatus::Sent => "sent",
        DeliveryStatus::Answered => "answered",
        DeliveryStatus::GivenUp => "given_up",
    }
}

/// The VENs and what is on its way to them.
#[derive(Debug, Default)]
struct Vens {
    known: usize,
    registered: usize,
    leaving: usize,
    online: usize,
    failing: usize,
    dead_letters: usize,
    events: usize,
    standing: Standing,
    /// In seconds.
    oldest_pending: i64,
    oldest_sent: i64,
}

impl Vens {
    fn count(host: &Host, now: DateTime) -> Self {
        let open = host.campaigns.current();
        let mut vens = Self {
            events: open.open_at(now),
            ..Self::default()
        };
        let settings = host.settings();
        let poll = settings.poll_frequency.to_time_delta().unwrap_or_default();
        let lapse = poll.checked_mul(ONLINE_POLLS).unwrap_or(TimeDelta::MAX);
        let online_since = now.checked_sub_signed(lapse).unwrap_or(DateTime::MIN_UTC);
        let mut context = settings.clone();
        for slot in host.registry.all() {
            let Some(at) = slot.current() else {
                continue;
            };
            let state = &at.state;
            if state.is_leaving() {
                vens.leaving += 1;
            } else if state.registration().is_some() {
                vens.registered += 1;
                let heard = slot.heard().is_some_and(|heard| heard >= online_since);
                // Who is pushed to says nothing for as long as there is nothing to say.
                let pushed = state.push_status();
                let is_reached = pushed.is_some_and(|status| status.failures == 0);
                vens.online += usize::from(heard || is_reached);
            } else {
                vens.known += 1;
            }
            if let Some(status) = state.push_status() {
                vens.failing += usize::from(status.failures > 0);
                vens.dead_letters += status.dead_letters.len();
            }
            vens.add(&open, state, &mut context, now);
        }
        let age = |since: Option<DateTime>| since.map_or(0, |since| (now - since).num_seconds());
        vens.oldest_pending = age(vens.standing.oldest_pending).max(0);
        vens.oldest_sent = age(vens.standing.oldest_sent).max(0);
        vens
    }

    /// Adds what is on its way to one VEN. `context` is used over and over: only its campaigns change.
    fn add(&mut self, open: &Open, state: &State, context: &mut Context, now: DateTime) {
        context.campaigns.clear();
        if !open.list.is_empty() {
            let member = state.member();
            let matching = open.list.values().filter(|c| c.matches(&member));
            context.campaigns.extend(matching.cloned());
        }
        let one = standing(state, context, now);
        let all = &mut self.standing;
        all.pending += one.pending;
        all.sent += one.sent;
        all.settled += one.settled;
        let earlier = |a: Option<DateTime>, b| a.into_iter().chain(b).min();
        all.oldest_pending = earlier(all.oldest_pending, one.oldest_pending);
        all.oldest_sent = earlier(all.oldest_sent, one.oldest_sent);
    }

    fn write(&self, text: &mut Text) {
        text.family(
            "oadr_vens",
            Kind::Gauge,
            "VENs that were enrolled and have not registered, that are registered, and that were removed and do not know yet.",
            [
                ("known", self.known),
                ("registered", self.registered),
                ("leaving", self.leaving),
            ]
            .map(|(status, count)| ([("status", status)], count)),
        );
        text.one(
            "oadr_vens_online",
            Kind::Gauge,
            "Registered VENs that were heard within three poll intervals, or to which the last push did not fail.",
            self.online,
        );
        text.one(
            "oadr_vens_push_failing",
            Kind::Gauge,
            "VENs to which the last push failed.",
            self.failing,
        );
        text.one(
            "oadr_dead_letters",
            Kind::Gauge,
            "Messages that could not be pushed and are not tried any more.",
            self.dead_letters,
        );
        text.one(
            "oadr_events_open",
            Kind::Gauge,
            "Events that are not over, cancelled ones that VENs may still hear of included.",
            self.events,
        );
        text.family(
            "oadr_deliveries",
            Kind::Gauge,
            "Deliveries of these events: not sent in the latest version, sent and not answered, settled.",
            [
                ("pending", self.standing.pending),
                ("sent", self.standing.sent),
                ("settled", self.standing.settled),
            ]
            .map(|(state, count)| ([("state", state)], count)),
        );
        text.family(
            "oadr_oldest_delivery_seconds",
            Kind::Gauge,
            "How long the oldest of them has waited to be sent, or answered; 0 if there is none.",
            [("pending", self.oldest_pending), ("sent", self.oldest_sent)]
                .map(|(state, seconds)| ([("state", state)], seconds)),
        );
    }
}
