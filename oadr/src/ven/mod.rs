//! The VEN as a library: who it is, what its application is asked and told, and the VEN at work.
//!
//! Knows nothing of the command line, which is one user of it among others.
//!
//! ```no_run
//! use oadr::ven::{OptType, Ven};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let ven = Ven::new("Pump1", "http://127.0.0.1:8080", "pump1")?
//!         .on_event(async |event| {
//!             println!("{} starts at {}", event.event_id(), event.start());
//!             OptType::OptIn
//!         })
//!         .on_event_started(async |event| println!("{} began", event.event_id))
//!         .start()
//!         .await?;
//!     tokio::signal::ctrl_c().await?;
//!     ven.stop().await;
//!     Ok(())
//! }
//! ```
//!
//! By itself the VEN registers, polls as often as its VTN asks for, unless it is [pushed](#being-pushed-to)
//! to, answers events, runs them by the clock and tries again what fails. It needs a tokio runtime, and one
//! with several threads if its handlers block.
//!
//! # TLS and signatures
//!
//! With a URL that begins with `https`, and over XMPP, the VEN talks TLS and shows its VTN a certificate; it signs what
//! it says, and what its VTN has signed wrongly it has not heard. Files that change are read again.
//!
//! ```no_run
//! use oadr::credentials::Files;
//! use oadr::ven::{SignaturePolicy, Ven};
//!
//! # fn ven() -> Result<Ven, oadr::ven::StartError> {
//! let ven = Ven::new("house", "https://vtn.example.com", "house")?
//!     .tls(Files {
//!         certificates: vec!["house.pem".into()],
//!         roots: vec!["ca.pem".into()],
//!         ..Files::default()
//!     })
//!     .signatures(SignaturePolicy::Required);
//! # Ok(ven)
//! # }
//! ```
//!
//! # Being pushed to
//!
//! A VEN that [listens](Ven::push_listener) does not poll: its VTN says by itself what there is. Over TLS it
//! hears its VTN and nobody else.
//!
//! ```no_run
//! use oadr::credentials::Files;
//! use oadr::ven::Ven;
//!
//! # fn ven() -> Result<Ven, Box<dyn std::error::Error>> {
//! let ven = Ven::new("house", "https://vtn.example.com", "house")?
//!     .tls(Files {
//!         certificates: vec!["house.pem".into()],
//!         roots: vec!["ca.pem".into()],
//!         ..Files::default()
//!     })
//!     .push_listener("0.0.0.0:8443".parse()?, "https://house.example.com:8443")?;
//! # Ok(ven)
//! # }
//! ```
//!
//! Over XMPP it has an [`Account`] of a server, which tells it where the VTN is. [`Running::link`] says
//! whether there is a session.
//!
//! ```no_run
//! use oadr::credentials::Files;
//! use oadr::ven::{Account, Ven};
//!
//! # fn ven() -> Result<Ven, Box<dyn std::error::Error>> {
//! let ven = Ven::new("house", "xmpp:example.com", "house")?
//!     .tls(Files {
//!         certificates: vec!["house.pem".into()],
//!         roots: vec!["ca.pem".into()],
//!         ..Files::default()
//!     })
//!     .xmpp(Account::new("house@example.com/oadr".parse()?));
//! # Ok(ven)
//! # }
//! ```
//!
//! # Answering events
//!
//! [`Ven::on_event`] is asked about each version of an event, while the VTN's message is being worked
//! off: what it says is in the VEN's answer. The [`Event`] has the times at which it takes place here,
//! the random offset included, and in a new version what the VEN said to the one before.
//!
//! A handler says an [`OptType`], a response code with it, or a `Result` of either. One that fails,
//! panics or takes longer than [`Ven::answer_within`] harms nobody: it is logged, and [`Ven::opt`] is
//! the answer. As anywhere in Rust, an async closure that uses what it captures has to share it:
//!
//! ```
//! # use std::sync::Arc;
//! # use oadr::ven::{OptType, ResponseCode, StartError, Ven};
//! struct Plant;
//!
//! impl Plant {
//!     /// Whether it can go down to a level, in kW, from then on.
//!     async fn can_do(&self, level: f64) -> Result<bool, std::io::Error> {
//!         Ok(level < 100.0)
//!     }
//! }
//!
//! # fn ven() -> Result<Ven, StartError> {
//! let plant = Arc::new(Plant);
//! let ven = Ven::new("Plant1", "http://127.0.0.1:8080", "plant1")?
//!     .opt(OptType::OptOut)
//!     .on_event(move |event| {
//!         let plant = Arc::clone(&plant);
//!         async move {
//!             for signal in event.signals() {
//!                 for interval in signal.intervals() {
//!                     if !plant.can_do(interval.value.get()).await? {
//!                         return Ok((OptType::OptOut, ResponseCode::DEPLOYMENT_ERROR));
//!                     }
//!                 }
//!             }
//!             Ok::<_, std::io::Error>((OptType::OptIn, ResponseCode::OK))
//!         }
//!     });
//! # Ok(ven)
//! # }
//! # ven().unwrap();
//! ```
//!
//! A mind is changed with [`Command::ChangeOpt`].
//!
//! # Opting in and out
//!
//! [`Command::CreateOpt`] says when the VEN is available or not, or that certain resources of it take
//! part in an event or do not; [`Command::CancelOpt`] withdraws schedules. The VTN is told until it has
//! them, and again after a new registration; [`State::opts`] shows what it said to each.
//!
//! ```no_run
//! # use oadr::value::{DateTime, Duration};
//! # use oadr::ven::{
//! #     Command, CommandFailure, OptDraft, OptPeriod, OptReason, OptStanding, OptSubject, OptTerms,
//! #     OptType, Running,
//! # };
//! # async fn maintain(ven: &Running, start: DateTime) -> Result<(), CommandFailure> {
//! let period = OptPeriod { start, duration: Duration::hours(4) };
//! let opt = OptDraft {
//!     opt_id: "maintenance".parse().ok(),
//!     terms: OptTerms {
//!         opt_type: OptType::OptOut,
//!         reason: OptReason::OutageRunStatus,
//!         subject: OptSubject::Schedule { market_context: None, periods: vec![period] },
//!         resources: Vec::new(),
//!         device_classes: Vec::new(),
//!     },
//! };
//! ven.command(Command::CreateOpt(Box::new(opt))).await?;
//! ven.until(|state| state.opts().all(|opt| opt.standing != OptStanding::Owed)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`Control`] lets other processes do the same, such as `oadr opt` and `oadr correct`.
//!
//! # Correcting reports
//!
//! [`Command::CorrectReadings`] replaces readings that were wrong: what the VTN has already is sent once
//! more, by itself, and what it does not have yet goes out right. A VTN that keeps the history of a
//! reading still shows what it was told first.
//!
//! ```no_run
//! # use oadr::value::DateTime;
//! # use oadr::ven::{Command, CommandFailure, Reading, Running};
//! # async fn reread(ven: &Running, start: DateTime) -> Result<(), CommandFailure> {
//! let reading = Reading::number("energy".parse().unwrap(), start, 21.5);
//! let report_specifier_id = "usage".parse().unwrap();
//! let readings = vec![reading];
//! ven.command(Command::CorrectReadings { report_specifier_id, readings }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Being told
//!
//! Callbacks such as [`Ven::on_interval_started`] are told what happened once it is committed: in
//! order, one after the other, and at least once. After a crash, or if the VEN was stopped in the
//! middle of one, a callback can hear the same again; it has the same [`HappeningId`] then, and later
//! ones have greater ones:
//!
//! ```
//! # use std::sync::{Mutex, PoisonError};
//! # use oadr::ven::{StartError, Ven};
//! # fn ven() -> Result<Ven, StartError> {
//! // Kept where the effect of the callback is kept; here that is this process.
//! let last = Mutex::new(None);
//! let ven = Ven::new("Pump1", "http://127.0.0.1:8080", "pump1")?.on_interval_started(move |now| {
//!     let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
//!     let is_new = last.is_none_or(|last| last < now.id);
//!     *last = Some(now.id);
//!     async move {
//!         if is_new {
//!             println!("{} is {} now", now.signal_name, now.payload);
//!         }
//!     }
//! });
//! # Ok(ven)
//! # }
//! # ven().unwrap();
//! ```
//!
//! Callbacks hold up neither the VEN nor its answers. They hold up each other: one that takes longer
//! than [`Ven::callback_limit`] is dropped for the next one.
//!
//! # Reporting
//!
//! A VEN offers the reports that [`Ven::report`] gives it, and sends what its VTN asks for of them. Each
//! [`Point`] of a [`Report`] has a source: [`Point::incremental`] is asked for one value at a time,
//! [`Point::full`] for all of a span of time.
//!
//! ```
//! # use oadr::payload::ItemBase;
//! # use oadr::value::{Duration, SiScaleCode};
//! # use oadr::ven::{Point, Report, Ven};
//! # async fn read_meter() -> Result<f64, std::io::Error> { Ok(1.0) }
//! # fn ven() -> Result<Ven, Box<dyn std::error::Error>> {
//! let energy = Point::usage("energy".parse()?, ItemBase::EnergyReal(SiScaleCode::Kilo))
//!     .resource("Meter1".parse()?)
//!     .periods(Duration::seconds(10), Duration::hours(1))
//!     .incremental(async |_| read_meter().await);
//! let ven = Ven::new("Pump1", "http://127.0.0.1:8080", "pump1")?
//!     .report(Report::usage("meter".parse()?).keep(Duration::days(7)).point(energy))
//!     .on_report_requested(async |report| println!("{} is wanted", report.report_specifier_id));
//! # Ok(ven)
//! # }
//! # ven().unwrap();
//! ```
//!
//! Values are sampled at the very instants that the VTN wants, which do not drift, and an instant that
//! several requests want is sampled once. A sample that could not be taken in time is not made up: a
//! source that fails, panics or takes longer than [`Ven::source_within`], like a machine that slept,
//! leaves a gap, and the VTN hears of bad quality (rule 318). [`Running::sample_counts`] counts them. A
//! source can say more than a number: see [`Measurement`].
//!
//! Samples are in the VEN's database until the VTN has acknowledged the report that they are in, however
//! long it is away and whatever becomes of the process, and for [`Report::keep`] in any case; only
//! [`Ven::keep_samples`] sets a limit.
//!
//! # What is kept
//!
//! Registration, events, opts, random offsets, samples and whatever was not told yet are in an SQLite
//! database in the VEN's folder, synced before the VTN hears of them. A process that was killed goes on where it
//! was. [`Ven::in_memory`] does without, for tests.
//!
//! # At work
//!
//! [`Running::status`] shows the registration and the events, [`Running::until`] waits until they are
//! as wanted, [`Running::command`] and [`Running::cancel_registration`] change them,
//! [`Running::stop`] ends the VEN but not its registration. There can be any number of VENs in a
//! process, each with a folder and a VTN of its own.

mod answer;
mod builder;
mod control;
mod event;
mod handlers;
mod happening;
mod host;
mod link;
mod meter;
mod occasion;
mod on_event;
mod reporting;
mod running;
mod security;
mod shell;
mod signatures;
mod start;
mod store;
mod teller;
#[cfg(test)]
mod upgrade_tests;

// What it takes to say everything here without naming another crate.
pub use oadr_core::opt::{OptPeriod, OptSubject, OptTerms};
pub use oadr_core::payload::ResponseCode;
pub use oadr_core::reading::Reading;
pub use oadr_core::value::{
    EventId, MarketContext, OptId, OptReason, OptType, ResourceId, ResponseRequired, VenId, VtnId,
};
pub use oadr_core::ven::{
    Command, CommandError, EndReason, KnownEvent, Opt, OptDraft, OptStanding, Registration, Run,
    Stance, State,
};
pub use oadr_core::{BareJid, CertificateId, Jid, JidError, SignaturePolicy};
pub use oadr_http::Credentials;

pub use answer::Answer;
pub use builder::{StartError, Ven};
pub(crate) use control::{AskError, CorrectedReading, Request, ask};
pub use control::{CONTROL_SOCKET, Control, ControlError};
pub use event::{Event, Interval, Signal};
pub use happening::{Happening, HappeningId};
pub use link::{Account, LinkStatus, VtnAddress, VtnAddressError};
pub use meter::{GreenButtonFile, MeterCommand, MeterFile, Profile, SimulatedMeter, status_of};
pub use occasion::{
    EventCancelled, EventEnded, EventModified, EventStarted, IntervalStarted, OptAccepted,
    OptCancelled, OptRefused, OptSent, Registered, RegistrationCancelled, RegistrationRefused,
    ReportCancelled, ReportCompleted, ReportRefused, ReportRequested, ReportSent,
};
pub use on_event::{OnEvent, OnEventError};
#[cfg(test)]
pub(crate) use reporting::offers;
pub use reporting::{
    Measurement, Moment, Point, PointError, Report, ReportError, Sample, SampleCounts, Series, Span,
};
pub use running::{CommandFailure, Running};
pub use security::SecurityError;
pub(crate) use store::MIGRATIONS;
