//! What a VEN remembers: its registration, the events it was told of, and what it owes the VTN.
//!
//! Knows nothing of how any of it changes.

use std::collections::{BTreeMap, VecDeque};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::Context;
use super::opts::Opts;
use super::{Exchange, KnownEvent, Opt, Owed, Reporting, Schedule};
use crate::value::{
    DateTime, EventId, RegistrationId, ReportRequestId, Text, TransportName, VenId, VtnId,
};

/// One VEN towards one VTN.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    pub(super) registration: Registration,
    pub(super) events: BTreeMap<EventId, KnownEvent>,
    pub(super) stopping: BTreeMap<EventId, Stopping>,
    pub(super) owed: VecDeque<Owed>,
    #[serde(default)]
    pub(super) reporting: Reporting,
    #[serde(default, skip_serializing_if = "Opts::is_empty")]
    pub(super) opts: Opts,
    /// The registration that the VTN ended last, until there is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<(VenId, RegistrationId)>,
    pub(super) link: Link,
}

/// Where the VEN stands with its VTN.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Registration {
    /// Not registered, and content with it until it is told otherwise or the process starts anew.
    #[default]
    None,
    /// Not registered, and trying to be.
    Wanted,
    /// Registered.
    Registered(Registered),
    /// Its own `oadrCancelPartyRegistration` is not confirmed yet.
    Leaving(VenId),
}

/// A registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// The VEN's ID.
    pub ven_id: VenId,
    /// The registration's.
    pub registration_id: RegistrationId,
    /// The VTN's.
    pub vtn_id: VtnId,
    /// How long to wait between two polls; `None` for a VEN that is pushed to (rule 500).
    pub poll_interval: Option<TimeDelta>,
    /// How the VTN reaches the VEN, as it was told.
    #[serde(default)]
    pub contact: Contact,
    /// When the VTN last confirmed it.
    pub since: DateTime,
}

/// How a VTN reaches a VEN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The transport.
    pub transport: TransportName,
    /// The address that pushes go to; `None` if the VEN polls, or is where it sends from.
    pub address: Option<Text>,
}

impl Contact {
    /// How this configuration has it.
    #[must_use]
    pub fn of(context: &Context) -> Self {
        Self {
            transport: context.transport,
            address: context.transport_address.clone(),
        }
    }

    /// Whether the VEN polls; otherwise it is pushed to (rules 37, 507).
    #[must_use]
    pub fn is_pull(&self) -> bool {
        match self.transport {
            TransportName::SimpleHttp => self.address.is_none(),
            TransportName::Xmpp => false,
        }
    }
}

impl Default for Contact {
    /// A VEN that polls.
    fn default() -> Self {
        Self {
            transport: TransportName::SimpleHttp,
            address: None,
        }
    }
}

/// A cancelled event that is still running out (rule 65).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopping {
    /// The version that cancelled it, or that went missing.
    pub(super) modification_number: u32,
    /// When it ends.
    pub(super) at: DateTime,
}

/// The line to the VTN: nothing here outlives the process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Link {
    /// How many requests were made.
    pub(super) exchanges: u64,
    /// The one that is not answered yet.
    pub(super) under_way: Option<UnderWay>,
    /// What is in the report under way, if it is one.
    #[serde(default)]
    pub(super) report: Option<UnderWayReport>,
    /// Nothing is sent before.
    pub(super) not_before: Option<DateTime>,
    /// Failures in a row; they lengthen the back-off.
    pub(super) failures: u32,
    /// How often the VTN would not take what is owed first.
    pub(super) refusals: u32,
    /// How often the registration was denied since a poll last went well.
    pub(super) denials: u32,
    /// When to poll next; at once if `None`.
    pub(super) poll_at: Option<DateTime>,
    /// When a VEN that is pushed to asks what it may have missed, if nothing is exchanged before; at once
    /// if `None`.
    #[serde(default)]
    pub(super) resynchronise_at: Option<DateTime>,
    /// Polls in a row that were answered with an operation (rule 500).
    pub(super) drained: u32,
    /// How the registration that was asked for last says that the VEN is reached.
    #[serde(default)]
    pub(super) contact: Contact,
    /// Whether a list of events was pushed since the request under way was made.
    #[serde(default)]
    pub(super) crossed: bool,
    /// The events that were cancelled lately: a push may be older than that.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) gone: BTreeMap<EventId, Gone>,
    /// Whether the VTN was asked what it knows of this VEN, and the IDs that it gave.
    pub(super) query: Query,
}

/// An event that was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Gone {
    /// The version that cancelled it, or that went missing.
    pub(super) modification_number: u32,
    /// When.
    pub(super) at: DateTime,
}

/// The question before a registration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Query {
    /// Not asked yet.
    #[default]
    Open,
    /// Done with.
    Closed,
    /// Answered: the VTN has a registration of this VEN already.
    Known(VenId, RegistrationId),
}

/// A request that is not answered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnderWay {
    pub(super) exchange: Exchange,
    pub(super) request: Request,
}

/// A report that is not acknowledged yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnderWayReport {
    pub(super) report_request_id: ReportRequestId,
    /// The time that it covers.
    pub(super) from: DateTime,
    pub(super) to: DateTime,
    /// How many readings are in it.
    pub(super) readings: u32,
    /// How the request goes on once the VTN has it; `None` if it is over.
    pub(super) then: Option<Box<Schedule>>,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// `oadrQueryRegistration`.
    Query,
    /// `oadrCreatePartyRegistration` of a VEN that is not registered.
    Register,
    /// What is owed first.
    Owed,
    /// `oadrPoll`.
    Poll,
    /// `oadrUpdateReport`.
    Report,
    /// Something that the VEN does not care about any more.
    Abandoned,
}

impl State {
    /// Where the VEN stands with its VTN.
    #[must_use]
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// The registration, if there is one.
    #[must_use]
    pub fn registered(&self) -> Option<&Registered> {
        match &self.registration {
            Registration::Registered(registered) => Some(registered),
            Registration::None | Registration::Wanted | Registration::Leaving(_) => None,
        }
    }

    /// The events that the VTN told of and has not taken back, by ID; those that are over stay until
    /// the VTN lists them no more.
    pub fn events(&self) -> impl Iterator<Item = &KnownEvent> {
        self.events.values()
    }

    /// One of these.
    #[must_use]
    pub fn event(&self, event_id: &EventId) -> Option<&KnownEvent> {
        self.events.get(event_id)
    }

    /// What the VTN is still to be told, first things first.
    pub fn owed(&self) -> impl Iterator<Item = &Owed> {
        self.owed.iter()
    }

    /// The opts that it made, in that order, those included that the VTN does not have yet, or refused.
    pub fn opts(&self) -> impl Iterator<Item = &Opt> {
        self.opts.list.iter()
    }

    /// Whether a request is under way.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.link.under_way.is_some()
    }

    /// The report of data that was sent and not acknowledged.
    pub(super) fn report_under_way(&self) -> Option<&UnderWayReport> {
        let under_way = self.link.under_way.as_ref()?;
        (under_way.request == Request::Report).then_some(self.link.report.as_ref()?)
    }

    /// When there is something to say to the VTN, if ever and if no answer is awaited. What could
    /// have been said already is due since the beginning of time.
    pub(super) fn next_request(&self) -> Option<DateTime> {
        if self.link.under_way.is_some() {
            return None;
        }
        let due = if self.owed.is_empty() {
            match &self.registration {
                Registration::None | Registration::Leaving(_) => return None,
                Registration::Wanted => DateTime::MIN_UTC,
                Registration::Registered(registered) => {
                    let own = self.next_poll(registered);
                    let own = own.or_else(|| self.next_resynchronisation(registered));
                    own.into_iter().chain(self.reporting.next_data()).min()?
                }
            }
        } else {
            DateTime::MIN_UTC
        };
        Some(self.link.not_before.map_or(due, |hold| hold.max(due)))
    }

    /// When to poll next; never if the VTN pushes.
    pub(super) fn next_poll(&self, registered: &Registered) -> Option<DateTime> {
        registered.poll_interval?;
        Some(self.link.poll_at.unwrap_or(DateTime::MIN_UTC))
    }

    /// When to ask for what may have been missed, if nothing is exchanged before; never if the VEN polls.
    pub(super) fn next_resynchronisation(&self, registered: &Registered) -> Option<DateTime> {
        match registered.poll_interval {
            Some(_) => None,
            None => Some(self.link.resynchronise_at.unwrap_or(DateTime::MIN_UTC)),
        }
    }

    /// When an event has something to tell next, whatever the VTN is asked or told meanwhile.
    #[must_use]
    pub fn next_happening(&self) -> Option<DateTime> {
        let running = self.events.values().filter_map(KnownEvent::next_time);
        let stopping = self.stopping.values().map(|stopping| stopping.at);
        running.chain(stopping).min()
    }
}
