//! Currency codes: ISO 4217 as the schema lists it, which is the list of 2010.
//!
//! Knows nothing of exchange. Newer codes (BYN, MRU, UYW, VES, ZMW) are not in the schema.

use serde::{Deserialize, Serialize};

use crate::value::{Escaping, Notes, Value, ValueError, trim};

/// The codes of the schema, in alphabetical order.
const CODES: &[&[u8; 3]] = &[
    b"AED", b"AFN", b"ALL", b"AMD", b"ANG", b"AOA", b"ARS", b"AUD", b"AWG", b"AZN", b"BAM", b"BBD",
    b"BDT", b"BGN", b"BHD", b"BIF", b"BMD", b"BND", b"BOB", b"BOV", b"BRL", b"BSD", b"BTN", b"BWP",
    b"BYR", b"BZD", b"CAD", b"CDF", b"CHE", b"CHF", b"CHW", b"CLF", b"CLP", b"CNY", b"COP", b"COU",
    b"CRC", b"CUC", b"CUP", b"CVE", b"CZK", b"DJF", b"DKK", b"DOP", b"DZD", b"EEK", b"EGP", b"ERN",
    b"ETB", b"EUR", b"FJD", b"FKP", b"GBP", b"GEL", b"GHS", b"GIP", b"GMD", b"GNF", b"GTQ", b"GWP",
    b"GYD", b"HKD", b"HNL", b"HRK", b"HTG", b"HUF", b"IDR", b"ILS", b"INR", b"IQD", b"IRR", b"ISK",
    b"JMD", b"JOD", b"JPY", b"KES", b"KGS", b"KHR", b"KMF", b"KPW", b"KRW", b"KWD", b"KYD", b"KZT",
    b"LAK", b"LBP", b"LKR", b"LRD", b"LSL", b"LTL", b"LVL", b"LYD", b"MAD", b"MDL", b"MGA", b"MKD",
    b"MMK", b"MNT", b"MOP", b"MRO", b"MUR", b"MVR", b"MWK", b"MXN", b"MXV", b"MYR", b"MZN", b"NAD",
    b"NGN", b"NIO", b"NOK", b"NPR", b"NZD", b"OMR", b"PAB", b"PEN", b"PGK", b"PHP", b"PKR", b"PLN",
    b"PYG", b"QAR", b"RON", b"RSD", b"RUB", b"RWF", b"SAR", b"SBD", b"SCR", b"SDG", b"SEK", b"SGD",
    b"SHP", b"SLL", b"SOS", b"SRD", b"STD", b"SVC", b"SYP", b"SZL", b"THB", b"TJS", b"TMT", b"TND",
    b"TOP", b"TRY", b"TTD", b"TWD", b"TZS", b"UAH", b"UGX", b"USD", b"USN", b"USS", b"UYI", b"UYU",
    b"UZS", b"VEF", b"VND", b"VUV", b"WST", b"XAF", b"XAG", b"XAU", b"XBA", b"XBB", b"XBC", b"XBD",
    b"XCD", b"XDR", b"XFU", b"XOF", b"XPD", b"XPF", b"XPT", b"XTS", b"XXX", b"YER", b"ZAR", b"ZMK",
    b"ZWL",
];

/// A currency of the schema's list, such as `USD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CurrencyCode(&'static [u8; 3]);

impl CurrencyCode {
    /// Looks the code up.
    ///
    /// # Errors
    /// The schema does not list it.
    pub fn new(code: &str) -> Result<Self, ValueError> {
        let found = CODES.binary_search_by(|known| known.as_slice().cmp(code.as_bytes()));
        let known = found.ok().and_then(|at| CODES.get(at));
        known
            .map(|code| Self(code))
            .ok_or(ValueError::NotInEnumeration)
    }

    /// The three letters.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        std::str::from_utf8(self.0).unwrap_or_default()
    }

    /// Every code of the schema.
    pub fn all() -> impl Iterator<Item = Self> {
        CODES.iter().map(|code| Self(code))
    }
}

impl Default for CurrencyCode {
    /// `XXX`: no currency.
    fn default() -> Self {
        Self(b"XXX")
    }
}

impl TryFrom<String> for CurrencyCode {
    type Error = ValueError;

    fn try_from(code: String) -> Result<Self, ValueError> {
        Self::new(&code)
    }
}

impl From<CurrencyCode> for String {
    fn from(code: CurrencyCode) -> Self {
        code.as_str().to_owned()
    }
}

impl Value for CurrencyCode {
    fn parse(text: &str, _: &mut Notes) -> Result<Self, ValueError> {
        Self::new(trim(text))
    }

    fn write(&self, out: &mut Vec<u8>) -> Escaping {
        out.extend_from_slice(self.0);
        Escaping::Needless
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_code_is_found_and_no_other() {
        assert_eq!(CODES.len(), 181);
        assert!(CurrencyCode::all().all(|code| CurrencyCode::new(code.as_str()) == Ok(code)));
        assert_eq!(CurrencyCode::new("BYN"), Err(ValueError::NotInEnumeration));
        assert_eq!(CurrencyCode::new("usd"), Err(ValueError::NotInEnumeration));
    }
}
