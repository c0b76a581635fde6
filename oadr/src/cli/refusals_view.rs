//! The peers that a VTN refused lately, as the commands show them.
//!
//! Knows nothing of where they come from.

use oadr_core::CertificateHash;
use oadr_core::value::DateTime;
use serde::Deserialize;

use super::api_client::Answer;
use super::api_error::Error;
use super::event_view::{shown, time};
use super::table::Table;

#[derive(Debug, Deserialize)]
struct List {
    refusals: Vec<Refused>,
}

#[derive(Debug, Deserialize)]
struct Refused {
    at: DateTime,
    address: Option<String>,
    stage: String,
    code: String,
    reason: String,
    certificate: Option<CertificateHash>,
    subject: Option<String>,
    #[serde(default)]
    jid: Option<String>,
    ven: Option<String>,
    times: u64,
}

/// Each with its reason below it, which is too long for a column.
pub(super) fn list(answer: &Answer) -> Result<String, Error> {
    let list: List = answer.read()?;
    if list.refusals.is_empty() {
        return Ok("nobody was refused since the VTN started\n".to_owned());
    }
    let mut out = String::new();
    for refused in list.refusals {
        if !out.is_empty() {
            out.push('\n');
        }
        let mut table = Table::default();
        let times = match refused.times {
            0 | 1 => String::new(),
            times => format!(", {times} times"),
        };
        table.row([
            "WHEN".to_owned(),
            format!("{}{times}", time(Some(refused.at))),
        ]);
        table.row(["FROM".to_owned(), shown(refused.address.or(refused.jid))]);
        let why = format!("{} ({}, {})", refused.reason, refused.stage, refused.code);
        table.row(["WHY".to_owned(), why]);
        if let Some(ven) = refused.ven {
            table.row(["VEN".to_owned(), ven]);
        }
        if let Some(subject) = refused.subject {
            table.row(["SUBJECT".to_owned(), subject]);
        }
        if let Some(certificate) = refused.certificate {
            let fingerprint = certificate.fingerprint().to_string();
            table.row(["FINGERPRINT".to_owned(), fingerprint]);
        }
        // As wide as it is: a reason that is cut helps nobody.
        out.push_str(&table.render(None));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_with_its_whole_reason() {
        let reason = "no VEN has this certificate: ".repeat(10);
        let hash = CertificateHash([1; 32]);
        let text = serde_json::json!({"refusals": [{
            "at": "2026-01-01T00:00:00Z", "address": "192.0.2.1:5000", "stage": "certificate",
            "code": "unknown", "reason": reason, "certificate": hash, "subject": "CN=house",
            "ven": null, "times": 3,
        }, {
            "at": "2026-01-01T00:00:00Z", "address": null, "stage": "account", "code": "unknown",
            "reason": "", "certificate": null, "subject": null, "jid": "house@xmpp.example",
            "ven": null, "times": 1,
        }]});
        let answer = Answer {
            text: text.to_string(),
        };
        let shown = list(&answer).unwrap();
        for said in [
            &*reason,
            "(certificate, unknown)",
            ", 3 times",
            "CN=house",
            "192.0.2.1:5000",
            "house@xmpp.example",
            "01:01:01:01:01:01:01:01:01:01",
        ] {
            assert!(shown.contains(said), "{said}: {shown}");
        }
    }
}
