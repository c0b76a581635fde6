//! `eiEvent`: what an event is, when it is and what it asks for.
//!
//! Knows nothing of rules: any event that the schema allows is one.

use super::{EventSignals, Properties, Target};
use crate::codec::{Attributes, Content, Error, Ns, Reader, Writer, sequence};
use crate::value::{DateTime, EventId, EventStatus, MarketContext, Text};

sequence! {
    /// `eiEvent`.
    pub struct EiEvent [None] {
        /// What it is.
        descriptor: one EventDescriptor = Ei "eventDescriptor";
        /// When it is.
        active_period: one ActivePeriod = Ei "eiActivePeriod";
        /// What it asks for.
        signals: one EventSignals = Ei "eiEventSignals";
        /// Whom it is for; empty means the VEN that receives it (rule 22).
        target: one Target = Ei "eiTarget";
    }
}

sequence! {
    /// `eventDescriptor`.
    pub struct EventDescriptor [None] {
        /// Unique per VEN (rule 70).
        event_id: one EventId = Ei "eventID";
        /// From 0, one more with each change (rules 4, 5).
        modification_number: one u32 = Ei "modificationNumber";
        /// When it was last modified.
        modification_date_time: opt DateTime = Ei "modificationDateTime";
        /// Why.
        modification_reason: opt Text = Ei "modificationReason";
        /// The lower the number the more important; 0 means none, least important (rule 3).
        priority: opt u32 = Ei "priority";
        /// The programme.
        market_context: one MarketContext = Ei "eiMarketContext" / Emix "marketContext";
        /// When this payload was made (rule 115).
        created: one DateTime = Ei "createdDateTime";
        /// Where it stands at that time.
        event_status: one EventStatus = Ei "eventStatus";
        /// Anything but `false` means a test (rule 6).
        test_event: opt Text = Ei "testEvent";
        /// For people.
        vtn_comment: opt Text = Ei "vtnComment";
    }
}

/// `eiActivePeriod`: start, duration and what goes with them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ActivePeriod(pub Properties);

impl Content for ActivePeriod {
    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        const INSIDE: &[&str] = &["xcal:properties", "xcal:components"];
        r.open(Attributes::None)?;
        if !r.is(Ns::Xcal, "properties") {
            return Err(if r.child().is_some() {
                r.unexpected(INSIDE)
            } else {
                r.missing("xcal:properties")
            });
        }
        let properties = Properties::read(r)?;
        // `components` is of any type and means nothing here.
        if !r.is(Ns::Xcal, "components") {
            return Err(if r.child().is_some() {
                r.unexpected(INSIDE)
            } else {
                r.missing("xcal:components")
            });
        }
        r.skip()?;
        r.close()?;
        Ok(Self(properties))
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.raw("<xcal:properties>");
        self.0.write(w);
        w.raw("</xcal:properties><xcal:components></xcal:components>");
    }
}

impl EventDescriptor {
    /// Whether it is only a test (rule 6).
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.test_event
            .as_ref()
            .is_some_and(|test| !test.is_empty() && test.as_str() != "false")
    }
}
