//! Identifiers: opaque, case-sensitive (rule 512), at most 512 bytes, perhaps empty.
//!
//! Knows nothing of what they identify; the schema lets all of them be any string.

use serde::{Deserialize, Serialize};

use super::text::{check_line, texts};
use super::{Escaping, Notes, Value, ValueError, trim};

/// The longest ID, in bytes. The certification tests go to 50 characters.
const MAX_ID_BYTES: usize = 512;

fn check_id(text: &str) -> Result<(), ValueError> {
    check_line(text, MAX_ID_BYTES)
}

texts! {
    /// `venID`: a VEN, unique within its VTN (rule 70).
    VenId(check_id, trim)
    /// `vtnID`: a VTN.
    VtnId(check_id, trim)
    /// `registrationID`: one registration of a VEN.
    RegistrationId(check_id, trim)
    /// `requestID`: ties a reply to a request; may be empty and need not be unique (rule 43).
    RequestId(check_id, trim)
    /// `eventID`: an event, unique per VEN (rule 70).
    EventId(check_id, trim)
    /// `signalID`: a signal, unique within its event (rule 107).
    SignalId(check_id, trim)
    /// `baselineID`: a baseline of an event.
    BaselineId(check_id, trim)
    /// `optID`: an opt message; need not be unique (rule 204).
    OptId(check_id, trim)
    /// `rID`: a data point within a report specifier.
    RId(check_id, trim)
    /// `reportRequestID`: a request for a report (rule 322).
    ReportRequestId(check_id, trim)
    /// `reportSpecifierID`: a report that a party offers (rule 308).
    ReportSpecifierId(check_id, trim)
    /// `resourceID`: a resource of a VEN.
    ResourceId(check_id, trim)
    /// `groupID`: a group of VENs or resources.
    GroupId(check_id, trim)
    /// `partyID`: a party as a target.
    PartyId(check_id, trim)
}
