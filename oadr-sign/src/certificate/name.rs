//! X.509 names as texts.
//!
//! Knows nothing of whose name it is.

use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// A name as `CN=house, O=Example`: parts of a pair with ` + ` between them, separators in values
/// escaped, so that no value passes for two.
pub(super) fn text(name: &X509Name<'_>) -> String {
    let mut text = String::new();
    for part in name.iter_rdn() {
        let mut separator = ", ";
        for attribute in part.iter() {
            if !text.is_empty() {
                text.push_str(separator);
            }
            separator = " + ";
            match oid2abbrev(attribute.attr_type(), oid_registry()) {
                Ok(abbreviation) => text.push_str(abbreviation),
                Err(_) => text.push_str(&attribute.attr_type().to_id_string()),
            }
            text.push('=');
            for character in printable(&value(attribute)).chars() {
                if matches!(character, ',' | '+' | '\\') {
                    text.push('\\');
                }
                text.push(character);
            }
        }
    }
    text
}

/// The common name; the first, if there are several.
pub(super) fn common_name(name: &X509Name<'_>) -> Option<String> {
    let common_name = name.iter_common_name().next()?;
    Some(printable(&value(common_name)))
}

/// A text that moves no cursor and starts no line.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

fn value(attribute: &AttributeTypeAndValue<'_>) -> String {
    match attribute.as_str() {
        Ok(text) => text.to_owned(),
        // BMPString and the like: rare, and no reason to refuse a certificate.
        Err(_) => String::from_utf8_lossy(attribute.as_slice()).into_owned(),
    }
}
