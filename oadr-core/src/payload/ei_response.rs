//! `eiResponse`: the outcome of a request, and its codes (spec §2.13).
//!
//! Knows nothing of which rule calls for which code.

use serde::{Deserialize, Serialize};

use crate::codec::sequence;
use crate::value::{RequestId, Text};

sequence! {
    /// `eiResponse`.
    pub struct EiResponse [None] {
        /// The code.
        response_code: one ResponseCode = Ei "responseCode";
        /// For people.
        response_description: opt Text = Ei "responseDescription";
        /// The request that this answers; may be empty.
        request_id: lax RequestId = Pyld "requestID";
    }
}

/// Three digits: 2xx success, 4xx an error of the requester, 5xx one of the responder. Beyond the
/// first digit they are information (rule 48).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct ResponseCode(u16);

impl ResponseCode {
    /// Success.
    pub const OK: Self = Self(200);
    /// Out of sequence: event order, uid order, modification number (rules 48, 58).
    pub const OUT_OF_SEQUENCE: Self = Self(450);
    /// Not allowed, such as changing the past.
    pub const NOT_ALLOWED: Self = Self(451);
    /// Invalid ID.
    pub const INVALID_ID: Self = Self(452);
    /// Not recognised: report name, signal name.
    pub const NOT_RECOGNIZED: Self = Self(453);
    /// Invalid data.
    pub const INVALID_DATA: Self = Self(454);
    /// Another failure to comply (rule 33).
    pub const COMPLIANCE_ERROR: Self = Self(459);
    /// Signal not supported (rules 48, 109).
    pub const SIGNAL_NOT_SUPPORTED: Self = Self(460);
    /// Report not supported.
    pub const REPORT_NOT_SUPPORTED: Self = Self(461);
    /// Target or market context does not match (rule 48).
    pub const TARGET_MISMATCH: Self = Self(462);
    /// Not registered or not authorised (rule 517).
    pub const NOT_REGISTERED: Self = Self(463);
    /// Another error of the deployment (rule 112).
    pub const DEPLOYMENT_ERROR: Self = Self(469);

    /// Takes a number below 1000.
    ///
    /// # Errors
    /// The number has more than three digits.
    pub fn new(code: u16) -> Result<Self, crate::value::ValueError> {
        if code < 1000 {
            Ok(Self(code))
        } else {
            Err(crate::value::ValueError::NotAResponseCode)
        }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }

    /// Whether the first digit is 2.
    #[must_use]
    pub fn is_success(self) -> bool {
        self.0 / 100 == 2
    }
}

impl TryFrom<u16> for ResponseCode {
    type Error = crate::value::ValueError;

    fn try_from(code: u16) -> Result<Self, Self::Error> {
        Self::new(code)
    }
}

impl From<ResponseCode> for u16 {
    fn from(code: ResponseCode) -> Self {
        code.0
    }
}

impl core::fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

impl crate::value::Value for ResponseCode {
    fn parse(
        text: &str,
        notes: &mut crate::value::Notes,
    ) -> Result<Self, crate::value::ValueError> {
        let digits = crate::value::unpadded(text, notes);
        let well_formed = digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit());
        let code = well_formed.then(|| digits.parse().ok()).flatten();
        code.map(Self)
            .ok_or(crate::value::ValueError::NotAResponseCode)
    }

    fn write(&self, out: &mut Vec<u8>) -> crate::value::Escaping {
        out.extend_from_slice(self.to_string().as_bytes());
        crate::value::Escaping::Needless
    }
}

impl EiResponse {
    /// Success, answering this request.
    #[must_use]
    pub fn ok(request_id: RequestId) -> Self {
        Self {
            response_code: ResponseCode::OK,
            response_description: Text::new("OK").ok(),
            request_id,
        }
    }

    /// This code with an explanation, answering this request. A description that no text can hold
    /// is left out.
    #[must_use]
    pub fn new(response_code: ResponseCode, description: &str, request_id: RequestId) -> Self {
        Self {
            response_code,
            response_description: Text::new(description).ok(),
            request_id,
        }
    }
}
