//! Identifiers: opaque, case-sensitive (rule 512), at most 512 bytes, perhaps empty.
//!
//! Knows nothing of what they identify; the schema lets all of them be any string.

use serde::{Deserialize, Serialize};

use super::text::check_line;
use super::{Escaping, Notes, Value, ValueError, trim};

/// The longest ID, in bytes. The certification tests go to 50 characters.
const MAX_ID_BYTES: usize = 512;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes the text as an ID.
            ///
            /// # Errors
            /// More than 512 bytes, control characters, or white space at either end.
            pub fn new(text: impl AsRef<str>) -> Result<Self, ValueError> {
                check_line(text.as_ref(), MAX_ID_BYTES)?;
                Ok(Self(text.as_ref().into()))
            }

            /// The ID as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether it is the empty string, which means the same as no ID (rule 46).
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl Value for $name {
            fn parse(text: &str, _: &mut Notes) -> Result<Self, ValueError> {
                Self::new(trim(text))
            }

            fn write(&self, out: &mut Vec<u8>) -> Escaping {
                out.extend_from_slice(self.0.as_bytes());
                Escaping::Needed
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl core::str::FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ValueError;

            fn try_from(text: String) -> Result<Self, ValueError> {
                check_line(&text, MAX_ID_BYTES)?;
                Ok(Self(text.into_boxed_str()))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into_string()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl core::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

ids! {
    /// `venID`: a VEN, unique within its VTN (rule 70).
    VenId
    /// `vtnID`: a VTN.
    VtnId
    /// `registrationID`: one registration of a VEN.
    RegistrationId
    /// `requestID`: ties a reply to a request; may be empty and need not be unique (rule 43).
    RequestId
    /// `eventID`: an event, unique per VEN (rule 70).
    EventId
    /// `signalID`: a signal, unique within its event (rule 107).
    SignalId
    /// `baselineID`: a baseline of an event.
    BaselineId
    /// `optID`: an opt message; need not be unique (rule 204).
    OptId
    /// `rID`: a data point within a report specifier.
    RId
    /// `reportRequestID`: a request for a report (rule 322).
    ReportRequestId
    /// `reportSpecifierID`: a report that a party offers (rule 308).
    ReportSpecifierId
    /// `resourceID`: a resource of a VEN.
    ResourceId
    /// `groupID`: a group of VENs or resources.
    GroupId
    /// `partyID`: a party as a target.
    PartyId
}
