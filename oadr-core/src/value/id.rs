//! Identifiers: opaque, case-sensitive (rule 512), at most 512 bytes, perhaps empty.
//!
//! Knows nothing of what they identify; the schema lets all of them be any string.

use serde::{Deserialize, Serialize};

use super::text::{check_line, texts};
use super::{Escaping, Notes, Value, ValueError, unpadded};

/// The longest ID, in bytes. The certification tests go to 50 characters.
const MAX_ID_BYTES: usize = 512;

fn check_id(text: &str) -> Result<(), ValueError> {
    check_line(text, MAX_ID_BYTES)
}

texts! {
    /// `venID`: a VEN, unique within its VTN (rule 70).
    VenId(check_id, unpadded)
    /// `vtnID`: a VTN.
    VtnId(check_id, unpadded)
    /// `registrationID`: one registration of a VEN.
    RegistrationId(check_id, unpadded)
    /// `requestID`: ties a reply to a request; may be empty and need not be unique (rule 43).
    RequestId(check_id, unpadded)
    /// `eventID`: an event, unique per VEN (rule 70).
    EventId(check_id, unpadded)
    /// `signalID`: a signal, unique within its event (rule 107).
    SignalId(check_id, unpadded)
    /// `baselineID`: a baseline of an event.
    BaselineId(check_id, unpadded)
    /// `optID`: an opt message; need not be unique (rule 204).
    OptId(check_id, unpadded)
    /// `rID`: a data point within a report specifier.
    RId(check_id, unpadded)
    /// `reportRequestID`: a request for a report (rule 322).
    ReportRequestId(check_id, unpadded)
    /// `reportSpecifierID`: a report that a party offers (rule 308).
    ReportSpecifierId(check_id, unpadded)
    /// `resourceID`: a resource of a VEN.
    ResourceId(check_id, unpadded)
    /// `groupID`: a group of VENs or resources.
    GroupId(check_id, unpadded)
    /// `partyID`: a party as a target.
    PartyId(check_id, unpadded)
}

/// The specifier that stands for the offers themselves (rule 327).
const METADATA: &str = "METADATA";

impl ReportSpecifierId {
    /// The one that asks for the offers themselves (rule 327).
    #[must_use]
    pub fn metadata() -> Self {
        Self::new(METADATA).unwrap_or_default()
    }

    /// Whether it asks for the offers themselves (rule 327).
    #[must_use]
    pub fn is_metadata(&self) -> bool {
        self.as_str() == METADATA
    }
}
