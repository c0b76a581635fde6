//! What the VTN knows of one VEN.
//!
//! Knows nothing of how it came to know it; see [`Change`](super::Change).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::assignment::distinct;
use super::certificates::Certificates;
use super::delivery::Delivery;
use super::opts::Opts;
use super::push_link::{self, Link};
use super::reports::Reports;
use super::signature::UsedSignatures;
use super::{Claim, Member, Opt, PushAddress, PushStatus, RequestedReport, push_change};
use crate::payload::{Report, ReportDescription};
use crate::rhythm::Rhythm;
use crate::value::{
    DateTime, EventId, GroupId, ProfileName, RegistrationId, ReportRequestId, ResourceId, Text,
    TransportName, VenId,
};
use crate::{BareJid, CertificateHash, CertificateId, Jid, Peer, SignaturePolicy};

/// One VEN's partition. The default one does not exist.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub(super) known_by: Option<KnownBy>,
    pub(super) ven_id: Option<VenId>,
    pub(super) ven_name: Option<Text>,
    #[serde(default, skip_serializing_if = "Certificates::is_empty")]
    pub(super) certificates: Certificates,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) signatures: Option<SignaturePolicy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) jid: Option<BareJid>,
    #[serde(default, skip_serializing_if = "UsedSignatures::is_empty")]
    pub(super) used_signatures: UsedSignatures,
    pub(super) groups: Vec<GroupId>,
    pub(super) resources: Vec<ResourceId>,
    pub(super) registration: Option<Registration>,
    pub(super) offers: Vec<Report>,
    pub(super) removal: Option<Task>,
    pub(super) reregistration: Option<Task>,
    pub(super) metadata: Vec<Metadata>,
    /// Boxed: a map's node has room for eleven, and most VENs have one or two.
    pub(super) events: BTreeMap<EventId, Box<Delivery>>,
    #[serde(default, skip_serializing_if = "Opts::is_empty")]
    pub(super) opts: Opts,
    pub(super) decided: Option<Decided>,
    #[serde(default)]
    pub(super) reports: Reports,
    /// Boxed: most VENs poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<Box<Link>>,
}

/// How a VEN came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownBy {
    /// An operator made it known.
    Operator,
    /// It registered where anyone may, or where the application let it.
    Registration,
}

/// A registration in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Its ID.
    pub registration_id: RegistrationId,
    /// The profile that the VEN speaks.
    pub profile: ProfileName,
    /// The transport that it uses.
    pub transport: TransportName,
    /// Where pushes go.
    pub transport_address: Option<Text>,
    /// Whether it polls.
    pub pull: bool,
    /// A VEN without events.
    pub report_only: bool,
    /// Whether it can sign.
    pub xml_signature: bool,
    /// Since when it is registered.
    pub since: DateTime,
    /// When it last registered, under the same IDs.
    pub renewed: DateTime,
}

/// An operation of ours that waits for a poll, or for its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) outgoing: Outgoing,
    pub(super) give_up_at: DateTime,
}

/// How far an operation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outgoing {
    /// Not sent.
    Waiting,
    /// Sent, not answered: with the first poll at this time or later it comes again.
    Sent {
        /// How often.
        times: u32,
        /// When.
        resend_at: DateTime,
    },
}

/// An `oadrRegisterReport` of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Metadata {
    /// The request that it answers; `None` after a registration (rule 301).
    pub(super) answers: Option<ReportRequestId>,
    /// When it is wanted; `None` is once and now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rhythm: Option<Rhythm>,
    pub(super) task: Task,
}

/// When the last decision was made, and on which context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// When.
    pub at: DateTime,
    /// The context's version.
    pub context_version: u64,
}

impl State {
    /// The VEN's ID; a VEN that an operator made known may have none yet.
    #[must_use]
    pub fn ven_id(&self) -> Option<&VenId> {
        self.ven_id.as_ref()
    }

    /// The VEN's name, if it has one.
    #[must_use]
    pub fn ven_name(&self) -> Option<&Text> {
        self.ven_name.as_ref()
    }

    /// How it came to be known; `None` if it is not.
    #[must_use]
    pub fn known_by(&self) -> Option<KnownBy> {
        self.known_by
    }

    /// The certificates that prove it, as far as they are known. Without any the transport proves
    /// nothing of it.
    pub fn certificates(&self) -> impl Iterator<Item = CertificateId> {
        self.certificates.ids()
    }

    /// Whether this is one of the certificates that prove it.
    #[must_use]
    pub fn has_certificate(&self, certificate: &CertificateHash) -> bool {
        self.certificates.have(certificate)
    }

    /// What becomes of XML signatures between it and us; `None` if what the
    /// [context](super::Context::signatures) says counts.
    #[must_use]
    pub fn signatures(&self) -> Option<SignaturePolicy> {
        self.signatures
    }

    /// Its XMPP account, if it has one: it is not to be had without it, or without one of its
    /// certificates.
    #[must_use]
    pub fn jid(&self) -> Option<&BareJid> {
        self.jid.as_ref()
    }

    /// Whether it is pushed to: registered over XMPP, or over simple HTTP without the pull model.
    #[must_use]
    pub fn is_pushed_to(&self) -> bool {
        self.push_address().is_some()
    }

    /// Where pushes go, if it is pushed to. An XMPP account that is not its own any more gets nothing.
    #[must_use]
    pub fn push_address(&self) -> Option<PushAddress> {
        let (_, registration) = self.registered().filter(|(_, r)| r.wants_pushes())?;
        let address = registration.transport_address.as_ref()?;
        match registration.transport {
            TransportName::SimpleHttp => Some(PushAddress::Http(address.clone())),
            TransportName::Xmpp => {
                let jid: Jid = address.as_str().parse().ok()?;
                (self.jid.as_ref() == Some(jid.account())).then_some(PushAddress::Xmpp(jid))
            }
        }
    }

    /// How pushes to it go; `None` if it is not pushed to.
    #[must_use]
    pub fn push_status(&self) -> Option<PushStatus<'_>> {
        let link = self.link.as_deref().filter(|_| self.is_pushed_to())?;
        Some(link.status())
    }

    /// Its registration, if it is registered.
    #[must_use]
    pub fn registration(&self) -> Option<&Registration> {
        self.registration.as_ref()
    }

    /// What an audience is matched against.
    #[must_use]
    pub fn member(&self) -> Member {
        Member {
            ven_id: self.ven_id.clone(),
            ven_name: self.ven_name.clone(),
            groups: self.groups.clone(),
            resources: distinct(self.resources.iter().chain(self.own_resources())),
        }
    }

    /// The groups that it belongs to.
    #[must_use]
    pub fn groups(&self) -> &[GroupId] {
        &self.groups
    }

    /// The resources that an operator gave it.
    #[must_use]
    pub fn resources(&self) -> &[ResourceId] {
        &self.resources
    }

    /// The resources that it made known itself, each once: those that the reports on offer are about.
    #[must_use]
    pub fn learnt_resources(&self) -> Vec<ResourceId> {
        distinct(self.own_resources())
    }

    /// Where reports are measured, normally a resource, or about what (rules 302, 307).
    fn own_resources(&self) -> impl Iterator<Item = &ResourceId> {
        let descriptions = self.offers.iter().flat_map(|offer| &offer.descriptions);
        descriptions.flat_map(ReportDescription::resource_ids)
    }

    /// How this event fares with it.
    pub(super) fn delivery(&self, event_id: &EventId) -> Option<&Delivery> {
        self.events.get(event_id).map(AsRef::as_ref)
    }

    /// The reports that it offers.
    #[must_use]
    pub fn offers(&self) -> &[Report] {
        &self.offers
    }

    /// The reports that are requested of it, in the order of their making; finished ones included as
    /// long as late data are taken.
    pub fn report_requests(&self) -> impl Iterator<Item = &RequestedReport> {
        self.reports.iter()
    }

    /// The request of this ID.
    #[must_use]
    pub fn report_request(&self, id: &ReportRequestId) -> Option<&RequestedReport> {
        self.reports.find(id)
    }

    /// The opts that count: schedules first, each kind in the order in which they came.
    pub fn opts(&self) -> impl Iterator<Item = &Opt> {
        self.opts.in_force()
    }

    /// Whether an operator removed it and it does not know yet.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.removal.is_some()
    }

    /// Whether it was asked to register again and has not done so yet.
    #[must_use]
    pub fn is_to_reregister(&self) -> bool {
        self.reregistration.is_some()
    }

    /// Whether there is no such VEN, or not any more: the partition need not be kept.
    #[must_use]
    pub fn is_forgotten(&self) -> bool {
        self.known_by.is_none()
    }

    /// When the last decision was made, and on which context.
    #[must_use]
    pub fn decided(&self) -> Option<Decided> {
        self.decided
    }

    /// The claims that it holds.
    #[must_use]
    pub fn claims(&self) -> Vec<Claim> {
        let mut claims = Vec::new();
        claims.extend(self.ven_id.clone().map(Claim::VenId));
        // A name identifies nobody where the transport does.
        if !self.is_provable() {
            claims.extend(self.ven_name.clone().map(Claim::VenName));
        }
        claims.extend(self.certificates.claims());
        claims.extend(self.jid.clone().map(Claim::Jid));
        claims
    }

    /// Whether a peer is this VEN, as far as the transport goes: a VEN that a certificate or an account
    /// proves is not to be had without either, and one that nothing proves is not to be had with any.
    pub(super) fn is_proved_by(&self, peer: &Peer) -> bool {
        match peer {
            Peer::Unproven => !self.is_provable(),
            Peer::Certificate(hash) => self.certificates.have(hash),
            Peer::Jid(jid) => self.jid.as_ref() == Some(jid.account()),
        }
    }

    /// Whether a transport can prove who it is.
    pub(super) fn is_provable(&self) -> bool {
        !self.certificates.is_empty() || self.jid.is_some()
    }

    /// Its ID and its registration, if it is registered.
    pub(super) fn registered(&self) -> Option<(&VenId, &Registration)> {
        self.ven_id.as_ref().zip(self.registration.as_ref())
    }

    /// Forgets what goes with a registration (rules 406, 407). Of the events only the numbers stay:
    /// a VEN that did not forget its own would refuse an event that counts from 0 again (rule 58).
    pub(super) fn erase_registration(&mut self) {
        self.registration = None;
        push_change::left(self);
        self.offers.clear();
        self.removal = None;
        self.reregistration = None;
        self.metadata.clear();
        self.opts = Opts::default();
        self.events
            .retain(|_, delivery| delivery.content == super::delivery::Content::Event);
        for delivery in self.events.values_mut() {
            delivery.progress = super::delivery::Progress::Unsent;
            delivery.times_sent = 0;
            delivery.answer = None;
        }
    }

    /// When something of it wants attention: the earliest of all that is waited for.
    pub(super) fn next_deadline(&self) -> Option<DateTime> {
        let push = push_link::next_deadline(self);
        push.into_iter().chain(self.next_end()).min()
    }

    /// When something ends by time alone.
    pub(super) fn next_end(&self) -> Option<DateTime> {
        let tasks = self.removal.iter().chain(&self.reregistration);
        let tasks = tasks.chain(self.metadata.iter().map(|metadata| &metadata.task));
        tasks
            .map(|task| task.give_up_at)
            .chain(
                self.events
                    .values()
                    .filter_map(|delivery| delivery.closes()),
            )
            .chain(self.opts.next_deadline())
            .chain(self.reports.next_deadline())
            .min()
    }
}

impl Registration {
    /// Whether it does not poll.
    pub(super) fn wants_pushes(&self) -> bool {
        match self.transport {
            TransportName::SimpleHttp => !self.pull,
            TransportName::Xmpp => true,
        }
    }
}

impl Metadata {
    /// Whether a poll now gets it.
    pub(super) fn is_due(&self, now: DateTime) -> bool {
        let next = self.rhythm.as_ref().and_then(Rhythm::next);
        next.is_none_or(|next| next <= now) && self.task.is_due(now)
    }
}

impl Task {
    pub(super) fn new(give_up_at: DateTime) -> Self {
        Self {
            outgoing: Outgoing::Waiting,
            give_up_at,
        }
    }

    /// Whether a poll now gets it.
    pub(super) fn is_due(&self, now: DateTime) -> bool {
        match self.outgoing {
            Outgoing::Waiting => true,
            Outgoing::Sent { resend_at, .. } => resend_at <= now,
        }
    }

    pub(super) fn is_sent(&self) -> bool {
        self.comes_again().is_some()
    }

    /// When it comes again, if it was sent.
    pub(super) fn comes_again(&self) -> Option<DateTime> {
        match self.outgoing {
            Outgoing::Waiting => None,
            Outgoing::Sent { resend_at, .. } => Some(resend_at),
        }
    }

    /// How often it was sent.
    pub(super) fn times_sent(&self) -> u32 {
        match self.outgoing {
            Outgoing::Waiting => 0,
            Outgoing::Sent { times, .. } => times,
        }
    }

    pub(super) fn sent(&mut self, resend_at: DateTime) {
        self.outgoing = Outgoing::Sent {
            times: self.times_sent().saturating_add(1),
            resend_at,
        };
    }
}
