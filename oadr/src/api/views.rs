//! Events and VENs as the operator API shows them.
//!
//! Knows nothing of how they are found.

use oadr_core::machine::Loaded;
use oadr_core::payload::ResponseCode;
use oadr_core::value::{
    DateTime, EventId, EventStatus, GroupId, OptType, ProfileName, RegistrationId, ReportName,
    ResourceId, Text, TransportName, VenId,
};
use oadr_core::vtn::{Campaign, CampaignState, DeliveryFact, DeliveryStatus, KnownBy, Member, Vtn};
use oadr_core::{BareJid, CertificateId, SignaturePolicy};
use serde::Serialize;

use super::dead_letters::PushView;
use super::opts::OptInShort;
use crate::json::EventForm;
use crate::store::Tally;
use crate::vtn::Peers;

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct EventView {
    event_id: EventId,
    /// Where it stands now; for VENs with a random start it may run a little later.
    status: EventStatus,
    /// How often it was changed, its cancellation included.
    revision: u32,
    created: DateTime,
    modified: DateTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled: Option<DateTime>,
    /// When it ends; absent if it is open-ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<DateTime>,
    #[serde(flatten)]
    form: EventForm,
    /// The VENs that it was made for, as they were named; absent if the targets decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<Vec<Text>>,
    /// How many deliveries stand where.
    #[serde(skip_serializing_if = "Option::is_none")]
    deliveries: Option<DeliveriesView>,
    /// How it fares with each VEN.
    #[serde(skip_serializing_if = "Option::is_none")]
    vens: Option<Vec<DeliveryView>>,
}

/// How many VENs have an event, and how many have answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct DeliveriesView {
    sent: u64,
    answered: u64,
    given_up: u64,
}

/// How an event fares with a VEN.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct DeliveryView {
    ven_id: Option<VenId>,
    ven_name: Option<Text>,
    delivery: DeliveryState,
    /// The version last sent.
    modification_number: Option<u32>,
    times_sent: u32,
    sent: Option<DateTime>,
    /// The VEN's last answer, to whichever version.
    opt: Option<OptType>,
    response_code: Option<ResponseCode>,
    response_description: Option<Text>,
    answered: Option<DateTime>,
    /// What its answer, its opts of the event and its schedules come to; `opts` tells more.
    effective_opt: Option<OptInShort>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum DeliveryState {
    Pending,
    Sent,
    Answered,
    GivenUp,
}

impl EventView {
    fn new(campaign: &Campaign, now: DateTime) -> Self {
        Self {
            event_id: campaign.event_id.clone(),
            status: campaign.status(now),
            revision: campaign.revision,
            created: campaign.created,
            modified: campaign.modified,
            cancelled: match campaign.state {
                CampaignState::Open => None,
                CampaignState::Cancelled { at } => Some(at),
            },
            end: campaign.body.end(),
            form: (&campaign.body).into(),
            audience: campaign
                .audience
                .vens
                .as_ref()
                .map(|vens| vens.iter().cloned().collect()),
            deliveries: None,
            vens: None,
        }
    }

    /// For a list of events.
    pub(crate) fn in_list(campaign: &Campaign, tally: Tally, now: DateTime) -> Self {
        Self {
            deliveries: Some(DeliveriesView {
                sent: tally.sent,
                answered: tally.answered,
                given_up: tally.given_up,
            }),
            ..Self::new(campaign, now)
        }
    }

    /// With how it fares with each VEN.
    pub(crate) fn in_full(campaign: &Campaign, vens: Vec<DeliveryView>, now: DateTime) -> Self {
        Self {
            vens: Some(vens),
            ..Self::new(campaign, now)
        }
    }
}

impl DeliveryView {
    /// For a VEN that the event was not sent to yet.
    pub(crate) fn pending(member: Member) -> Self {
        Self {
            ven_id: member.ven_id,
            ven_name: member.ven_name,
            delivery: DeliveryState::Pending,
            modification_number: None,
            times_sent: 0,
            sent: None,
            opt: None,
            response_code: None,
            response_description: None,
            answered: None,
            effective_opt: None,
        }
    }

    pub(super) fn with_opt(self, effective_opt: Option<OptInShort>) -> Self {
        Self {
            effective_opt,
            ..self
        }
    }

    /// For one that it was sent to.
    pub(crate) fn sent(fact: DeliveryFact, ven_name: Option<Text>, campaign: &Campaign) -> Self {
        // A version that was made after the last sending has not been sent.
        let is_behind = fact.sent < campaign.modified;
        Self {
            ven_id: Some(fact.ven_id),
            ven_name,
            delivery: match fact.status {
                DeliveryStatus::GivenUp => DeliveryState::GivenUp,
                DeliveryStatus::Sent | DeliveryStatus::Answered if is_behind => {
                    DeliveryState::Pending
                }
                DeliveryStatus::Sent => DeliveryState::Sent,
                DeliveryStatus::Answered => DeliveryState::Answered,
            },
            modification_number: Some(fact.modification_number),
            times_sent: fact.times_sent,
            sent: Some(fact.sent),
            opt: fact.opt,
            response_code: fact.response_code,
            response_description: fact.response_description,
            answered: fact.answered,
            effective_opt: None,
        }
    }
}

/// A VEN.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct VenView {
    ven_id: Option<VenId>,
    ven_name: Option<Text>,
    status: VenStatus,
    known_by: Option<KnownBy>,
    groups: Vec<GroupId>,
    /// Those that an operator gave it.
    resources: Vec<ResourceId>,
    /// Those that it made known itself; targets mean both.
    learnt_resources: Vec<ResourceId>,
    /// Whether it was asked to register again and has not done so yet.
    reregistration_requested: bool,
    registration: Option<RegistrationView>,
    /// How pushes to it go; absent if it polls.
    push: Option<PushView>,
    /// What proves it: hashes, and fingerprints of those that were not seen yet.
    certificates: Vec<CertificateId>,
    /// When the one that was seen last expires; absent if none was since the VTN started.
    certificate_not_after: Option<DateTime>,
    /// What becomes of XML signatures, if it is not what the configuration says.
    signatures: Option<SignaturePolicy>,
    /// Its XMPP account.
    jid: Option<BareJid>,
    /// The reports that it offers.
    reports: Vec<ReportView>,
    last_seen: Option<DateTime>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum VenStatus {
    /// Made known by an operator, not registered.
    Known,
    Registered,
    /// Removed by an operator, and does not know it yet.
    Leaving,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct RegistrationView {
    registration_id: RegistrationId,
    profile: ProfileName,
    transport: TransportName,
    transport_address: Option<Text>,
    pull: bool,
    report_only: bool,
    xml_signature: bool,
    since: DateTime,
    renewed: DateTime,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ReportView {
    report_specifier_id: String,
    report_name: Option<ReportName>,
    data_points: usize,
}

impl VenView {
    pub(crate) fn new(ven: &Loaded<Vtn>, last_seen: Option<DateTime>, peers: &Peers) -> Self {
        let state = &ven.state;
        let member = state.member();
        let registration = state.registration();
        Self {
            ven_id: member.ven_id,
            ven_name: member.ven_name,
            status: match registration {
                _ if state.is_leaving() => VenStatus::Leaving,
                Some(_) => VenStatus::Registered,
                None => VenStatus::Known,
            },
            known_by: state.known_by(),
            groups: member.groups,
            resources: state.resources().to_vec(),
            learnt_resources: state.learnt_resources(),
            reregistration_requested: state.is_to_reregister(),
            registration: registration.map(|registration| RegistrationView {
                registration_id: registration.registration_id.clone(),
                profile: registration.profile,
                transport: registration.transport,
                transport_address: registration.transport_address.clone(),
                pull: registration.pull,
                report_only: registration.report_only,
                xml_signature: registration.xml_signature,
                since: registration.since,
                renewed: registration.renewed,
            }),
            push: state.push_status().as_ref().map(PushView::new),
            certificates: state.certificates().collect(),
            certificate_not_after: peers
                .last_of(state.certificates())
                .map(|certificate| certificate.not_after()),
            signatures: state.signatures(),
            jid: state.jid().cloned(),
            reports: state
                .offers()
                .iter()
                .map(|offer| ReportView {
                    report_specifier_id: offer.report_specifier_id.to_string(),
                    report_name: offer.report_name.clone(),
                    data_points: offer.descriptions.len(),
                })
                .collect(),
            last_seen,
        }
    }
}
