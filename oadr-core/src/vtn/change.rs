//! What can happen to a VEN's partition, in the past tense.
//!
//! Knows nothing of rules: these are in the decisions.

use serde::{Deserialize, Serialize};

use super::certificates::Certificates;
use super::delivery::{Content, Delivery, EventAnswer, Outline, Progress};
use super::state::{Decided, KnownBy, Metadata, Registration, State, Task};
use super::{
    Claim, Effect, Fact, OptChange, PushChange, Question, Reply, ReportChange, Vtn, push_change,
};
use crate::machine::Role;
use crate::payload::Report;
use crate::rhythm::Rhythm;
use crate::value::{DateTime, EventId, GroupId, ReportRequestId, ResourceId, Text, VenId};
use crate::{BareJid, CertificateHash, CertificateId, NonceHash, SignaturePolicy};

/// What happened. All of it is durable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// A decision was made; the first change of each.
    Decided(Decided),
    /// An operator made the VEN known.
    Enrolled {
        /// Its name.
        ven_name: Text,
        /// Its ID, if it has one already.
        ven_id: Option<VenId>,
        /// Its groups.
        groups: Vec<GroupId>,
        /// Its resources.
        resources: Vec<ResourceId>,
        /// Its certificates.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        certificates: Vec<CertificateId>,
        /// What becomes of XML signatures, if it was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signatures: Option<SignaturePolicy>,
        /// Its XMPP account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jid: Option<BareJid>,
    },
    /// An operator changed what it belongs to and has.
    Assigned {
        /// All of its groups.
        groups: Vec<GroupId>,
        /// All of its resources but those that it made known itself.
        resources: Vec<ResourceId>,
    },
    /// An operator changed what proves it.
    CertificatesAssigned {
        /// All of its certificates.
        certificates: Vec<CertificateId>,
    },
    /// A certificate of which only the fingerprint was told was seen.
    CertificateSeen {
        /// All of it.
        certificate: CertificateHash,
    },
    /// An operator changed whether it has to sign.
    SignaturesAssigned {
        /// What becomes of XML signatures; `None` is what the configuration says.
        signatures: Option<SignaturePolicy>,
    },
    /// An operator changed its XMPP account.
    JidAssigned {
        /// The one that it has now.
        jid: Option<BareJid>,
    },
    /// A signed message changed something: its signature cannot be used again.
    SignatureUsed {
        /// What no other signature has.
        nonce: NonceHash,
        /// When it was made, as the signer says.
        timestamp: DateTime,
        /// Of those that were made before nothing need be known any more.
        forget_before: DateTime,
    },
    /// It registered anew: what an earlier registration brought is gone (rule 406).
    Registered {
        /// Its ID.
        ven_id: VenId,
        /// Its name.
        ven_name: Option<Text>,
        /// Its certificate, where the transport proved one.
        certificate: Option<CertificateHash>,
        /// The registration.
        registration: Registration,
        /// When to give up on telling it our reports (rule 301).
        give_up_at: DateTime,
        /// Its XMPP account, where the transport proved one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jid: Option<BareJid>,
        /// From when it is pushed to, if it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pushes_from: Option<DateTime>,
    },
    /// It registered again under the same IDs (rule 405).
    Reregistered {
        /// Its name.
        ven_name: Option<Text>,
        /// The registration.
        registration: Registration,
        /// Its XMPP account, where the transport proved one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jid: Option<BareJid>,
        /// From when it is pushed to, if it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pushes_from: Option<DateTime>,
    },
    /// Its registration ended (rule 407); the VEN stays known.
    RegistrationCancelled,
    /// It is not known any more. A push that is on its way still is, should it register anew at once.
    Forgotten,
    /// An operator removed it.
    RemovalRequested {
        /// When to forget it without its answer.
        give_up_at: DateTime,
    },
    /// `oadrCancelPartyRegistration` went out.
    RemovalSent {
        /// When it comes again.
        resend_at: DateTime,
    },
    /// An operator wants it to register again.
    ReregistrationRequested {
        /// When not to ask any longer.
        give_up_at: DateTime,
    },
    /// `oadrRequestReregistration` went out.
    ReregistrationSent {
        /// When it comes again.
        resend_at: DateTime,
    },
    /// It is no longer asked to register again.
    ReregistrationGivenUp,
    /// It asked for our metadata.
    MetadataRequested {
        /// Its request.
        report_request_id: ReportRequestId,
        /// When it wants them; `None` is once and now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rhythm: Option<Rhythm>,
        /// When to give up.
        give_up_at: DateTime,
    },
    /// An `oadrRegisterReport` was answered, or given up, and comes again later; or once more now.
    MetadataContinued {
        /// The request that it answers.
        answers: ReportRequestId,
        /// When it is wanted.
        rhythm: Rhythm,
        /// When to give up.
        give_up_at: DateTime,
    },
    /// `oadrRegisterReport` went out.
    MetadataSent {
        /// The request that it answers.
        answers: Option<ReportRequestId>,
        /// When it comes again.
        resend_at: DateTime,
    },
    /// An `oadrRegisterReport` was answered, or is not wanted any more.
    MetadataEnded {
        /// The request that it answered.
        answers: Option<ReportRequestId>,
    },
    /// It made its reports known (rule 306).
    OffersRegistered {
        /// All of them.
        offers: Vec<Report>,
    },
    /// Something happened to a report that was requested of it.
    Report(ReportChange),
    /// Something about its opts.
    Opt(OptChange),
    /// Something about what is pushed to it.
    Push(PushChange),
    /// A version of an event went out for the first time.
    EventSent {
        /// The event.
        event_id: EventId,
        /// The campaign's revision.
        revision: u32,
        /// The version's number.
        modification_number: u32,
        /// What it says.
        content: Content,
        /// The event in outline.
        outline: Outline,
        /// When.
        at: DateTime,
        /// Whether it comes again.
        progress: Progress,
    },
    /// The same version went out again.
    EventRepeated {
        /// The event.
        event_id: EventId,
        /// Whether it comes again.
        progress: Progress,
    },
    /// The VEN answered an event.
    EventAnswered {
        /// The event.
        event_id: EventId,
        /// How.
        answer: EventAnswer,
    },
    /// The event ends later than the version that the VEN has says.
    EventProlonged {
        /// The event.
        event_id: EventId,
        /// When the VENs are through with it now.
        closes: Option<DateTime>,
    },
    /// The event is over and leaves the state.
    EventEnded {
        /// The event.
        event_id: EventId,
    },
}

impl Role for Vtn {
    type State = State;
    type Change = Change;
    type Fact = Fact;
    type Effect = Effect;
    type Claim = Claim;
    type Reply = Reply;
    type Question = Question;

    fn apply(state: &mut State, change: &Change) {
        match change {
            Change::Decided(decided) => state.decided = Some(*decided),
            Change::Enrolled {
                ven_name,
                ven_id,
                groups,
                resources,
                certificates,
                signatures,
                jid,
            } => {
                state.known_by = Some(KnownBy::Operator);
                state.ven_name = Some(ven_name.clone());
                state.ven_id.clone_from(ven_id);
                state.groups.clone_from(groups);
                state.resources.clone_from(resources);
                state.certificates = Certificates::of(certificates);
                state.signatures = *signatures;
                state.jid.clone_from(jid);
            }
            Change::Assigned { groups, resources } => {
                state.groups.clone_from(groups);
                state.resources.clone_from(resources);
            }
            Change::CertificatesAssigned { certificates } => {
                state.certificates = Certificates::of(certificates);
            }
            Change::CertificateSeen { certificate } => {
                state.certificates.add(&CertificateId::Hash(*certificate));
            }
            Change::SignaturesAssigned { signatures } => state.signatures = *signatures,
            Change::JidAssigned { jid } => state.jid.clone_from(jid),
            Change::SignatureUsed {
                nonce,
                timestamp,
                forget_before,
            } => state
                .used_signatures
                .add(*nonce, *timestamp, *forget_before),
            Change::Registered {
                ven_id,
                ven_name,
                certificate,
                registration,
                give_up_at,
                jid,
                pushes_from,
            } => {
                state.erase_registration();
                state.known_by = state.known_by.or(Some(KnownBy::Registration));
                state.ven_id = Some(ven_id.clone());
                state.ven_name.clone_from(ven_name);
                if let Some(certificate) = certificate {
                    state.certificates.add(&CertificateId::Hash(*certificate));
                }
                if jid.is_some() {
                    state.jid.clone_from(jid);
                }
                state.registration = Some(registration.clone());
                push_change::registered(state, *pushes_from, true);
                state.metadata.push(Metadata {
                    answers: None,
                    rhythm: None,
                    task: Task::new(*give_up_at),
                });
            }
            Change::Reregistered {
                ven_name,
                registration,
                jid,
                pushes_from,
            } => {
                let was_at = state.push_address();
                state.ven_name.clone_from(ven_name);
                if jid.is_some() {
                    state.jid.clone_from(jid);
                }
                state.registration = Some(registration.clone());
                state.reregistration = None;
                let has_moved = state.push_address() != was_at;
                push_change::registered(state, *pushes_from, has_moved);
            }
            Change::RegistrationCancelled => state.erase_registration(),
            Change::Forgotten => {
                push_change::left(state);
                *state = State {
                    link: state.link.take(),
                    ..State::default()
                };
            }
            Change::RemovalRequested { give_up_at } => state.removal = Some(Task::new(*give_up_at)),
            Change::RemovalSent { resend_at } => {
                if let Some(task) = &mut state.removal {
                    task.sent(*resend_at);
                }
            }
            Change::ReregistrationRequested { give_up_at } => {
                state.reregistration = Some(Task::new(*give_up_at));
            }
            Change::ReregistrationSent { resend_at } => {
                if let Some(task) = &mut state.reregistration {
                    task.sent(*resend_at);
                }
            }
            Change::ReregistrationGivenUp => state.reregistration = None,
            Change::MetadataRequested {
                report_request_id,
                rhythm,
                give_up_at,
            } => state.metadata.push(Metadata {
                answers: Some(report_request_id.clone()),
                rhythm: rhythm.clone(),
                task: Task::new(*give_up_at),
            }),
            Change::MetadataContinued {
                answers,
                rhythm,
                give_up_at,
            } => {
                let mut all = state.metadata.iter_mut();
                if let Some(metadata) = all.find(|m| m.answers.as_ref() == Some(answers)) {
                    metadata.rhythm = Some(rhythm.clone());
                    metadata.task = Task::new(*give_up_at);
                }
            }
            Change::MetadataSent { answers, resend_at } => {
                if let Some(metadata) = state.metadata.iter_mut().find(|m| m.answers == *answers) {
                    metadata.task.sent(*resend_at);
                }
            }
            Change::MetadataEnded { answers } => state.metadata.retain(|m| m.answers != *answers),
            Change::OffersRegistered { offers } => state.offers.clone_from(offers),
            Change::Report(change) => state.reports.apply(change),
            Change::Opt(change) => state.opts.apply(change),
            Change::Push(change) => push_change::apply(state, change),
            Change::EventSent {
                event_id,
                revision,
                modification_number,
                content,
                outline,
                at,
                progress,
            } => {
                let answer = state.events.remove(event_id).and_then(|known| known.answer);
                let delivery = Delivery {
                    revision: *revision,
                    modification_number: *modification_number,
                    content: *content,
                    outline: outline.clone(),
                    sent: *at,
                    times_sent: 1,
                    progress: *progress,
                    answer,
                };
                state.events.insert(event_id.clone(), Box::new(delivery));
            }
            Change::EventRepeated { event_id, progress } => {
                if let Some(delivery) = state.events.get_mut(event_id) {
                    delivery.times_sent = delivery.times_sent.saturating_add(1);
                    delivery.progress = *progress;
                }
            }
            Change::EventAnswered { event_id, answer } => {
                if let Some(delivery) = state.events.get_mut(event_id) {
                    delivery.answer = Some(answer.clone());
                    delivery.progress = Progress::Answered;
                }
            }
            Change::EventProlonged { event_id, closes } => {
                if let Some(delivery) = state.events.get_mut(event_id) {
                    delivery.outline.closes = *closes;
                }
            }
            Change::EventEnded { event_id } => {
                state.events.remove(event_id);
                state.opts.forget_event(event_id);
            }
        }
        if state.link.is_some() {
            push_change::settle(state);
        }
    }

    fn next_deadline(state: &State) -> Option<DateTime> {
        state.next_deadline()
    }

    fn is_durable(_: &Change) -> bool {
        true
    }
}
