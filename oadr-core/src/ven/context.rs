//! What a VEN's decision may know besides its state: its configuration.
//!
//! Knows nothing of where the configuration comes from.

use chrono::TimeDelta;

use crate::payload::Report;
use crate::value::{
    MarketContext, OptType, ResourceId, SignalName, Text, TransportName, VenId, VtnId,
};

/// An immutable snapshot. Changes record its version.
#[derive(Debug, Clone)]
pub struct Context {
    /// Goes up with every change of what is in it.
    pub version: u64,
    /// How the VEN introduces itself.
    pub ven_name: Text,
    /// A pre-allocated venID, if there is one.
    pub ven_id: Option<VenId>,
    /// The VTN it is to talk to, if that is known beforehand; otherwise the first one it registers with.
    pub vtn_id: Option<VtnId>,
    /// The transport.
    pub transport: TransportName,
    /// The address that pushes go to; `None` for a pull VEN.
    pub transport_address: Option<Text>,
    /// A VEN without events.
    pub report_only: bool,
    /// Whether it can sign.
    pub xml_signature: bool,
    /// What it offers to report; empty if nothing (rule 301). Offers that differ from those sent last
    /// are sent again (rule 306).
    pub reports: Vec<Report>,
    /// How long the reports of a request may be put off, in percent of its reportBackDuration: a random
    /// time up to that is drawn once for each request. What is sampled is never put off.
    pub report_jitter: u32,
    /// The resources that events may be for, beside the VEN itself.
    pub resources: Vec<ResourceId>,
    /// The signals that it can act on; empty for any but extensions (rule 109).
    pub signals: Vec<SignalName>,
    /// The market contexts that it takes part in (rule 48).
    pub market_contexts: MarketContexts,
    /// Who says whether it takes part in an event.
    pub opt: OptPolicy,
    /// How often it polls if the VTN does not say.
    pub poll_frequency: TimeDelta,
}

impl Context {
    /// A VEN of this name that polls over simple HTTP, every ten seconds if the VTN does not say, offers
    /// no reports and leaves events to the application.
    #[must_use]
    pub fn new(ven_name: Text) -> Self {
        Self {
            version: 1,
            ven_name,
            ven_id: None,
            vtn_id: None,
            transport: TransportName::SimpleHttp,
            transport_address: None,
            report_only: false,
            xml_signature: false,
            reports: Vec::new(),
            report_jitter: 0,
            resources: Vec::new(),
            signals: Vec::new(),
            market_contexts: MarketContexts::Any,
            opt: OptPolicy::Ask,
            poll_frequency: TimeDelta::seconds(10),
        }
    }
}

/// The market contexts that a VEN takes part in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarketContexts {
    /// All of them.
    Any,
    /// Only these; others are answered 462 (rule 48).
    Only(Vec<MarketContext>),
}

/// Who says whether the VEN takes part in an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptPolicy {
    /// Always the same.
    Always(OptType),
    /// The application, once per event and version.
    Ask,
}
