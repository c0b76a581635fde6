//! What a running VEN can be asked and told on its control socket, and what it answers.
//!
//! Knows nothing of how requests come.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use oadr_core::payload::ResponseCode;
use oadr_core::reading::Reading;
use oadr_core::value::{DataQuality, DateTime, EventId, OptId, OptType, RId, ReportSpecifierId};
use oadr_core::ven::{
    Command, KnownEvent, Opt, OptDraft, OptStanding, PendingReport, Registration, State,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::entropy;
use crate::ven::running::{CommandFailure, Order, Running, order};

/// The longest that the VTN's word is waited for, in seconds.
const LONGEST_WAIT: u64 = 300;

/// What a running VEN can be asked. `wait` is how long, in seconds, the VTN's word is waited for; what
/// is done is done also if that does not come in time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Where it stands with its VTN.
    Status,
    /// The events that it knows.
    Events,
    /// The opts that it made.
    Opts,
    /// The reports that it is to send.
    Reports,
    /// Opts in or out.
    CreateOpt {
        /// What it is to say.
        opt: OptDraft,
        #[serde(default)]
        wait: u64,
    },
    /// Withdraws the schedules of an ID.
    CancelOpt {
        opt_id: OptId,
        #[serde(default)]
        wait: u64,
    },
    /// Corrects what was measured. It is done when it is written; the VTN is told what it is to know
    /// until it does.
    CorrectReadings {
        /// The offer.
        report: ReportSpecifierId,
        readings: Vec<CorrectedReading>,
    },
    /// Changes the answer to an event.
    ChangeOpt {
        event_id: EventId,
        opt: OptType,
        #[serde(default)]
        wait: u64,
    },
}

/// A value that is right.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorrectedReading {
    pub(crate) r_id: RId,
    /// The beginning of the reading that was wrong.
    pub(crate) start: DateTime,
    pub(crate) value: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quality: Option<DataQuality>,
}

/// Why something was not done, or is not known to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// For programs: `not_understood`, `too_long`, `not_possible`, `failed`, `refused`, `unconfirmed`,
    /// `gone`.
    pub(crate) code: String,
    /// For people.
    pub(crate) detail: String,
    /// The VTN's code, if it refused and had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) response_code: Option<ResponseCode>,
}

impl Problem {
    pub(super) fn new(code: &str, detail: impl Display) -> Self {
        Self {
            code: code.to_owned(),
            detail: detail.to_string(),
            response_code: None,
        }
    }

    fn refused(response_code: Option<ResponseCode>) -> Self {
        let code = response_code.map_or(String::new(), |code| format!(": {code}"));
        Self {
            response_code,
            ..Self::new("refused", format!("the VTN has refused it{code}"))
        }
    }

    fn unconfirmed() -> Self {
        let detail = "the VTN has not confirmed it yet; the VEN goes on telling it";
        Self::new("unconfirmed", detail)
    }
}

impl From<CommandFailure> for Problem {
    fn from(failure: CommandFailure) -> Self {
        let code = match failure {
            CommandFailure::Refused(_) => "not_possible",
            CommandFailure::Store(_) | CommandFailure::Entropy(_) | CommandFailure::Stopped => {
                "failed"
            }
        };
        Self::new(code, failure)
    }
}

/// A running VEN, as its control socket has it.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    orders: mpsc::Sender<Order>,
    status: watch::Receiver<Arc<State>>,
}

impl Desk {
    pub(super) fn of(ven: &Running) -> Self {
        Self {
            orders: ven.orders.clone(),
            status: ven.status.clone(),
        }
    }

    /// Does what is wanted.
    pub(super) async fn answer(&self, request: Request) -> Result<Value, Problem> {
        let state = Arc::clone(&self.status.borrow());
        match request {
            Request::Status => Ok(status(&state)),
            Request::Events => Ok(state.events().map(event).collect()),
            Request::Opts => Ok(state.opts().map(opt).collect()),
            Request::Reports => Ok(state.pending_reports().map(report).collect()),
            Request::CreateOpt { opt, wait } => self.create(opt, wait).await,
            Request::CorrectReadings { report, readings } => self.correct(report, readings).await,
            Request::CancelOpt { opt_id, wait } => self.cancel(opt_id, wait).await,
            Request::ChangeOpt {
                event_id,
                opt,
                wait,
            } => self.change(event_id, opt, wait).await,
        }
    }

    async fn create(&self, mut draft: OptDraft, wait: u64) -> Result<Value, Problem> {
        // Drawn here, so that it is known which one it is.
        let opt_id = match draft.opt_id.take() {
            Some(opt_id) => opt_id,
            None => drawn()?,
        };
        draft.opt_id = Some(opt_id.clone());
        self.order(Command::CreateOpt(Box::new(draft))).await?;
        let latest = |state: &State| {
            let of_id = state.opts().filter(|opt| opt.opt_id == opt_id);
            of_id.max_by_key(|opt| opt.number).cloned()
        };
        let is_known = |state: &State| {
            latest(state).is_none_or(|opt| match opt.standing {
                OptStanding::Owed => false,
                OptStanding::Accepted
                | OptStanding::Refused { .. }
                | OptStanding::Cancelling
                | OptStanding::Kept { .. } => true,
            })
        };
        let state = self.until(wait, is_known).await?;
        let gone = || Problem::new("gone", "the event is over, or the opt was replaced");
        let made = latest(&state).ok_or_else(gone)?;
        match made.standing {
            OptStanding::Refused { response_code } => Err(Problem::refused(response_code)),
            OptStanding::Owed if wait > 0 => Err(Problem::unconfirmed()),
            OptStanding::Owed
            | OptStanding::Accepted
            | OptStanding::Cancelling
            | OptStanding::Kept { .. } => Ok(opt(&made)),
        }
    }

    async fn cancel(&self, opt_id: OptId, wait: u64) -> Result<Value, Problem> {
        let command = Command::CancelOpt {
            opt_id: opt_id.clone(),
        };
        self.order(command).await?;
        let standings = |state: &State| -> Vec<OptStanding> {
            let of_id = state.opts().filter(|opt| opt.opt_id == opt_id);
            of_id.map(|opt| opt.standing).collect()
        };
        let is_known = |state: &State| !standings(state).contains(&OptStanding::Cancelling);
        let state = self.until(wait, is_known).await?;
        let standings = standings(&state);
        let kept = standings.iter().find_map(|standing| match standing {
            OptStanding::Kept { response_code } => Some(*response_code),
            OptStanding::Owed
            | OptStanding::Accepted
            | OptStanding::Refused { .. }
            | OptStanding::Cancelling => None,
        });
        match kept {
            Some(response_code) => Err(Problem::refused(response_code)),
            None if wait > 0 && standings.contains(&OptStanding::Cancelling) => {
                Err(Problem::unconfirmed())
            }
            None => Ok(json!({ "opt_id": opt_id })),
        }
    }

    async fn correct(
        &self,
        report_specifier_id: ReportSpecifierId,
        readings: Vec<CorrectedReading>,
    ) -> Result<Value, Problem> {
        let count = readings.len();
        let readings = readings.into_iter().map(|reading| Reading {
            quality: reading.quality,
            ..Reading::number(reading.r_id, reading.start, reading.value)
        });
        let readings = readings.collect();
        self.order(Command::CorrectReadings {
            report_specifier_id,
            readings,
        })
        .await?;
        Ok(json!({ "readings": count }))
    }

    async fn change(&self, event_id: EventId, opt: OptType, wait: u64) -> Result<Value, Problem> {
        let command = Command::ChangeOpt {
            event_id: event_id.clone(),
            opt,
        };
        self.order(command).await?;
        let is_known = |state: &State| {
            let event = state.event(&event_id);
            event.is_none_or(|event| event.stance().opt != opt || event.stance().acknowledged)
        };
        let state = self.until(wait, is_known).await?;
        match state.event(&event_id) {
            None => Err(Problem::new("gone", "the event was cancelled meanwhile")),
            Some(known) if known.stance().opt != opt => {
                Err(Problem::new("gone", "there is another answer meanwhile"))
            }
            Some(known) if wait > 0 && !known.stance().acknowledged => Err(Problem::unconfirmed()),
            Some(known) => Ok(event(known)),
        }
    }

    async fn order(&self, command: Command) -> Result<(), CommandFailure> {
        order(&self.orders, command).await
    }

    /// How the VEN is when it is as wanted, or when the time is over.
    async fn until(
        &self,
        wait: u64,
        is_wanted: impl Fn(&State) -> bool,
    ) -> Result<Arc<State>, Problem> {
        let limit = Duration::from_secs(wait.min(LONGEST_WAIT));
        let mut status = self.status.clone();
        let found = tokio::time::timeout(limit, status.wait_for(|state| is_wanted(state))).await;
        match found {
            Ok(Ok(state)) => Ok(Arc::clone(&state)),
            Ok(Err(_)) => Err(CommandFailure::Stopped.into()),
            Err(_) => Ok(Arc::clone(&self.status.borrow())),
        }
    }
}

fn drawn() -> Result<OptId, Problem> {
    let drawn = entropy::id("opt").map_err(|error| CommandFailure::Entropy(Arc::new(error)))?;
    OptId::new(drawn).map_err(|error| Problem::new("failed", error))
}

fn status(state: &State) -> Value {
    let registration = match state.registration() {
        Registration::None => "none",
        Registration::Wanted => "wanted",
        Registration::Registered(_) => "registered",
        Registration::Leaving(_) => "leaving",
    };
    let registered = state.registered();
    json!({
        "registration": registration,
        "ven_id": registered.map(|registered| &registered.ven_id),
        "vtn_id": registered.map(|registered| &registered.vtn_id),
        "registration_id": registered.map(|registered| &registered.registration_id),
        "since": registered.map(|registered| registered.since),
        "events": state.events().count(),
        "opts": state.opts().count(),
        "owed": state.owed().count(),
    })
}

fn event(known: &KnownEvent) -> Value {
    let mut event = super::super::Event::from(known).to_json();
    if let Some(event) = event.as_object_mut() {
        let stance = known.stance();
        event.insert("opt".to_owned(), json!(stance.opt));
        event.insert("acknowledged".to_owned(), json!(stance.acknowledged));
    }
    event
}

fn report(pending: &PendingReport) -> Value {
    let r_ids: Vec<_> = pending.r_ids().collect();
    json!({
        "report_request_id": pending.report_request_id(),
        "report_specifier_id": pending.report_specifier_id(),
        "r_ids": r_ids,
    })
}

fn opt(opt: &Opt) -> Value {
    json!(opt)
}
