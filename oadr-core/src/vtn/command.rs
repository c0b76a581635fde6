//! What an operator can do to one VEN.
//!
//! Knows nothing of events: those go to many VENs, as campaigns.

use super::assignment::{Assignment, distinct};
use super::certificates::Certificates;
use super::decide::Case;
use super::delivery::later;
use super::registration::{PATIENCE, forget, settle_claims};
use super::{Change, Claim, Context, Reply, Vtn, WantedReport, pushing, report_command};
use crate::machine::{Decision, Env, Loaded};
use crate::value::{GroupId, ReportRequestId, ResourceId, Text, VenId};
use crate::{BareJid, CertificateId, Fingerprint, SignaturePolicy};

/// An operator's command on one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Makes a VEN known before it registers. On an absent partition only.
    Enrol {
        /// How it will introduce itself.
        ven_name: Text,
        /// Its ID, if it is to be a certain one; otherwise drawn at registration.
        ven_id: Option<VenId>,
        /// The groups that it belongs to.
        groups: Vec<GroupId>,
        /// Its resources.
        resources: Vec<ResourceId>,
        /// What proves that it is this VEN; several while one takes the place of another. None: its
        /// name is all there is, and that only where the transport proves nothing.
        certificates: Vec<CertificateId>,
        /// What becomes of XML signatures between it and us, if it is not what the context says.
        signatures: Option<SignaturePolicy>,
        /// Its XMPP account, if it is to be reached or heard over XMPP; with certificates beside it it
        /// may use either transport.
        jid: Option<BareJid>,
    },
    /// Changes its groups, the resources that an operator gave it, what proves it and whether it has to
    /// sign. Which events it gets follows with its next poll.
    Assign {
        /// The groups that it belongs to.
        groups: Assignment<GroupId>,
        /// Its resources; those that it made known itself are not among them.
        resources: Assignment<ResourceId>,
        /// What proves that it is this VEN: a new certificate comes in before the old one leaves.
        /// Without the one that it uses it is refused from now on.
        certificates: Assignment<CertificateId>,
        /// What becomes of XML signatures.
        signatures: SignatureChange,
        /// What becomes of its XMPP account. Without it nothing is pushed there any more.
        jid: JidChange,
    },
    /// Cancels its registration (`oadrCancelPartyRegistration` at its next poll, or pushed) and forgets
    /// it.
    Remove,
    /// Asks it to register again (`oadrRequestReregistration` at its next poll, or pushed).
    RequestReregistration,
    /// Requests a report (`oadrCreateReport` at its next poll, or pushed), until it is cancelled:
    /// whenever the VEN says anew what it offers, the request is made again (rule 306).
    RequestReport {
        /// The request's ID, drawn by the caller; the same once more with the same wish changes
        /// nothing.
        report_request_id: ReportRequestId,
        /// What is wanted.
        wanted: WantedReport,
    },
    /// Cancels a report (`oadrCancelReport`), whoever requested it. What a policy or the application
    /// wants comes back when the VEN says anew what it offers.
    CancelReport {
        /// The request.
        report_request_id: ReportRequestId,
        /// Whether one last report is to follow (rule 345).
        report_to_follow: bool,
    },
    /// Tries again now what could not be pushed to it, without waiting for it to be heard of: a
    /// [`DeadLetter`](super::DeadLetter), or all of them and what is tried again anyway.
    RetryPush {
        /// The dead letter's ID; `None` is everything.
        dead_letter: Option<u64>,
    },
}

impl Command {
    /// Changes its groups and the resources that an operator gave it, and nothing else.
    #[must_use]
    pub fn assign(groups: Assignment<GroupId>, resources: Assignment<ResourceId>) -> Self {
        Self::Assign {
            groups,
            resources,
            certificates: Assignment::default(),
            signatures: SignatureChange::Keep,
            jid: JidChange::Keep,
        }
    }
}

/// What an operator changes about a VEN's XMPP account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum JidChange {
    /// Nothing.
    #[default]
    Keep,
    /// It has none.
    Remove,
    /// It is this one.
    Is(BareJid),
}

/// What an operator changes about the XML signatures between a VEN and us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignatureChange {
    /// Nothing.
    #[default]
    Keep,
    /// What the [`Context`] says of all VENs counts for this one, too.
    AsConfigured,
    /// This counts.
    Own(SignaturePolicy),
}

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The VEN is known already.
    #[error("the VEN is already known")]
    AlreadyKnown,
    /// Another VEN has one of the certificates.
    #[error("another VEN has the certificate {0}")]
    CertificateTaken(Fingerprint),
    /// Another VEN has the JID.
    #[error("another VEN has this JID")]
    JidTaken,
    /// There is no such VEN.
    #[error("there is no such VEN")]
    Unknown,
    /// Nothing of this ID was given up.
    #[error("there is no such dead letter")]
    UnknownDeadLetter,
    /// The VEN is not pushed to: it polls, or is not registered.
    #[error("the VEN is not pushed to")]
    NotPushedTo,
    /// The VEN has to be registered for this.
    #[error("the VEN is not registered")]
    NotRegistered,
    /// The VEN is being removed.
    #[error("the VEN is being removed")]
    Leaving,
    /// The VEN offers no report of this specifier.
    #[error("the VEN offers no report of this reportSpecifierID")]
    ReportNotOffered,
    /// The report on offer has no such data point.
    #[error("the report on offer has no such rID")]
    PointNotOffered,
    /// The report on offer cannot be had like this.
    #[error(
        "the report cannot be had at this pace: the granularity has to be on offer and not longer than \
         reportBackDuration; for a history both are zero (rules 317, 324, 340)"
    )]
    PaceNotOffered,
    /// There is no such request.
    #[error("there is no such report request")]
    UnknownReportRequest,
    /// Another request has the ID.
    #[error("another report request has this ID")]
    ReportRequestExists,
    /// So many requests cannot be open at once.
    #[error("too many reports are requested of this VEN")]
    TooManyReports,
}

impl CommandError {
    /// Why a command was refused that wants a claim which another VEN holds.
    #[must_use]
    pub fn taken(claim: &Claim) -> Self {
        match claim {
            Claim::VenId(_) | Claim::VenName(_) => Self::AlreadyKnown,
            Claim::Certificate(hash) => Self::CertificateTaken(hash.fingerprint()),
            Claim::Fingerprint(fingerprint) => Self::CertificateTaken(*fingerprint),
            Claim::Jid(_) => Self::JidTaken,
        }
    }
}

/// What follows from an operator's command.
///
/// # Errors
/// The command does not fit the VEN.
pub fn command(
    at: &Loaded<Vtn>,
    context: &Context,
    env: Env,
    command: &Command,
) -> Result<Decision<Vtn>, CommandError> {
    let case = Case { at, context, env };
    let state = case.state();
    let give_up_at = later(env.now, PATIENCE);
    match command {
        Command::Enrol {
            ven_name,
            ven_id,
            groups,
            resources,
            certificates,
            signatures,
            jid,
        } => {
            if !state.is_forgotten() {
                return Err(CommandError::AlreadyKnown);
            }
            let mut draft = case.draft();
            let held = draft.state.claims();
            draft.change(Change::Enrolled {
                ven_name: ven_name.clone(),
                ven_id: ven_id.clone().filter(|id| !id.is_empty()),
                groups: distinct(groups),
                resources: distinct(resources),
                certificates: Certificates::of(certificates).ids().collect(),
                signatures: *signatures,
                jid: jid.clone(),
            });
            settle_claims(&mut draft, held);
            Ok(draft.decide(Reply::Empty))
        }
        Command::Assign {
            groups,
            resources,
            certificates,
            signatures,
            jid,
        } => {
            if state.is_forgotten() {
                return Err(CommandError::Unknown);
            }
            // What is said of it now would be forgotten with it.
            if state.is_leaving() {
                return Err(CommandError::Leaving);
            }
            let groups = groups.of(&state.groups);
            let resources = resources.of(&state.resources);
            let certificates = state.certificates.assigned(certificates);
            let signatures = match signatures {
                SignatureChange::Keep => state.signatures,
                SignatureChange::AsConfigured => None,
                SignatureChange::Own(policy) => Some(*policy),
            };
            let jid = match jid {
                JidChange::Keep => state.jid.as_ref(),
                JidChange::Remove => None,
                JidChange::Is(jid) => Some(jid),
            };
            let has_moved = groups != state.groups || resources != state.resources;
            let is_proved_anew = certificates != state.certificates;
            let signs_anew = signatures != state.signatures;
            let is_elsewhere = jid != state.jid.as_ref();
            if !has_moved && !is_proved_anew && !signs_anew && !is_elsewhere {
                return Ok(Decision::unchanged(at.version, Reply::Empty));
            }
            let mut draft = case.draft();
            let held = draft.state.claims();
            if has_moved {
                draft.change(Change::Assigned { groups, resources });
            }
            if is_proved_anew {
                draft.change(Change::CertificatesAssigned {
                    certificates: certificates.ids().collect(),
                });
            }
            if signs_anew {
                draft.change(Change::SignaturesAssigned { signatures });
            }
            if is_elsewhere {
                draft.change(Change::JidAssigned { jid: jid.cloned() });
            }
            settle_claims(&mut draft, held);
            Ok(draft.decide(Reply::Empty))
        }
        Command::Remove => {
            if state.is_forgotten() {
                return Err(CommandError::Unknown);
            }
            if state.is_leaving() {
                return Ok(Decision::unchanged(at.version, Reply::Empty));
            }
            let mut draft = case.draft();
            if state.registration.is_some() {
                draft.change(Change::RemovalRequested { give_up_at });
            } else {
                forget(&mut draft);
            }
            Ok(draft.decide(Reply::Empty))
        }
        Command::RequestReregistration => {
            if state.is_forgotten() {
                return Err(CommandError::Unknown);
            }
            if state.registration.is_none() || state.is_leaving() {
                return Err(CommandError::NotRegistered);
            }
            if state.is_to_reregister() {
                return Ok(Decision::unchanged(at.version, Reply::Empty));
            }
            let mut draft = case.draft();
            draft.change(Change::ReregistrationRequested { give_up_at });
            Ok(draft.decide(Reply::Empty))
        }
        Command::RequestReport {
            report_request_id,
            wanted,
        } => report_command::request(&case, report_request_id, wanted),
        Command::CancelReport {
            report_request_id,
            report_to_follow,
        } => report_command::cancel(&case, report_request_id, *report_to_follow),
        Command::RetryPush { dead_letter } => pushing::retry(&case, *dead_letter),
    }
}
