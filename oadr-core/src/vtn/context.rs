//! What a decision may know besides its partition: configuration and the events for this VEN.
//!
//! Knows nothing of how a host gathers it. Same partition, context, environment, input and answers:
//! same decision.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{Campaign, PushTerms, ReportPolicy};
use crate::SignaturePolicy;
use crate::payload::Profile;
use crate::value::{Duration, NonEmpty, OptType, VtnId};

/// An immutable snapshot. Changes of a partition record its version.
#[derive(Debug, Clone)]
pub struct Context {
    /// Goes up with every change of what is in it.
    pub version: u64,
    /// Our ID. Peers mangle some: begin with a letter and have a capital one (quirks Q3, Q24).
    pub vtn_id: VtnId,
    /// The profiles and transports on offer (rules 403, 404).
    pub profiles: NonEmpty<Profile>,
    /// How often pull VENs are to poll.
    pub poll_frequency: Duration,
    /// How long after it was sent an unanswered delivery comes again. Usually half the poll interval.
    pub resend_after: TimeDelta,
    /// Who may register.
    pub admission: Admission,
    /// What else the application is asked.
    pub asks: Asks,
    /// What a VEN that is known but not registered hears when it polls. A setting of the peer.
    pub unregistered_poll: UnregisteredPoll,
    /// What counts where a VEN's schedules say both for one event (rule 201); usually out.
    pub opt_precedence: OptType,
    /// The open campaigns that match this VEN, in the order of their commit, cancelled ones included
    /// until they close. A VEN that left a campaign's audience finds it missing here.
    pub campaigns: Vec<Arc<Campaign>>,
    /// Which of the offered reports are requested whenever a VEN says what it offers; those of other
    /// VENs too.
    pub report_policies: Arc<[ReportPolicy]>,
    /// What becomes of XML signatures, where nothing else is said of a VEN (rule 514).
    pub signatures: SignaturePolicy,
    /// Whether a VEN may register to be pushed to over simple HTTP.
    pub http_push: bool,
    /// How pushes are tried.
    pub push: PushTerms,
    /// By how much the time of a signature may be off, either way, so that the host still verifies it.
    /// For so long it is remembered which ones changed something.
    pub signature_window: TimeDelta,
}

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Anyone; for trials on one machine.
    Open,
    /// Only VENs that an operator made known.
    Enrolled,
    /// Whoever the application accepts: it is asked each time.
    Ask,
}

/// What the application is asked besides registrations. Nothing, unless somebody is there to answer:
/// an idle poll asks no question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asks {
    /// What to add to the answer to a query.
    pub queries: bool,
    /// Whether there is anything for a VEN with an empty queue.
    pub polls: bool,
    /// Which of the reports that a VEN offers are wanted.
    pub reports: bool,
    /// Nothing, but readings go to the application as they come: they are put into the effect.
    pub updates: bool,
    /// Whether to take an opt.
    pub opts: bool,
}

/// What a VEN that is known but not registered hears when it polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnregisteredPoll {
    /// 463 (rule 517).
    #[default]
    NotRegistered,
    /// `oadrRequestReregistration`, for peers that register again on nothing else (quirk Q23).
    RequestReregistration,
}
