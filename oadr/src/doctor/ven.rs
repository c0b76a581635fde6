//! A VEN as the VTN's operator sees it: whether it is enrolled, what it shows, why it was refused.
//!
//! Knows nothing of how the operator API is asked.

use chrono::TimeDelta;
use oadr_core::value::DateTime;
use oadr_core::{BareJid, CertificateHash, CertificateId, SignaturePolicy};
use serde::Deserialize;

use super::finding::Finding;
use super::paper::{day, span};

/// A VEN that is silent for longer has probably stopped.
const SILENCE: TimeDelta = TimeDelta::minutes(15);

/// How many refusals are told.
const MOST: usize = 5;

/// What the operator API says.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// As it was asked for.
    pub(crate) name: String,
    /// `None`: nobody of that name is known.
    pub(crate) ven: Option<Ven>,
    pub(crate) refusals: Vec<Refusal>,
    /// Whether the VTN has a certificate of its own, and so speaks TLS.
    pub(crate) tls: bool,
}

/// `GET /api/v1/vens/{id}`, as far as it is of interest.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Ven {
    ven_id: Option<String>,
    ven_name: Option<String>,
    status: String,
    #[serde(default)]
    certificates: Vec<CertificateId>,
    #[serde(default)]
    signatures: Option<SignaturePolicy>,
    /// Its XMPP account.
    #[serde(default)]
    jid: Option<BareJid>,
    #[serde(default)]
    registration: Option<Registration>,
    #[serde(default)]
    last_seen: Option<DateTime>,
}

/// Its registration.
#[derive(Debug, Clone, Deserialize)]
struct Registration {
    /// Whether it polls. One that is pushed to says nothing for as long as there is nothing to say.
    pull: bool,
}

/// One of `GET /api/v1/refusals`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Refusal {
    at: DateTime,
    #[serde(default)]
    address: Option<String>,
    stage: String,
    code: String,
    reason: String,
    #[serde(default)]
    certificate: Option<CertificateHash>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    jid: Option<BareJid>,
    #[serde(default)]
    ven: Option<String>,
    /// How often, one after the other.
    #[serde(default)]
    times: u64,
}

impl Refusal {
    /// `at 2026-01-31 16:00 UTC from 192.0.2.7:1234, 3 times`
    fn when(&self) -> String {
        let jid = self.jid.as_ref().map(ToString::to_string);
        let from = self.address.clone().or(jid);
        let from = from.map_or_else(String::new, |from| format!(" from {from}"));
        let times = if self.times > 1 {
            format!(", {} times", self.times)
        } else {
            String::new()
        };
        format!("at {}{from}{times}", day(self.at))
    }
}

/// Says what is wrong with a VEN, seen from the VTN.
pub(crate) fn examine(record: &Record, now: DateTime) -> Vec<Finding> {
    let mut found = Vec::new();
    match &record.ven {
        Some(ven) => enrolment(record, ven, now, &mut found),
        None => found.push(unknown(record)),
    }
    let last_seen = record.ven.as_ref().and_then(|ven| ven.last_seen);
    let mut told = Vec::new();
    // The latest of each kind.
    for refusal in latest_first(record).filter(|refusal| concerns(refusal, record)) {
        if told.contains(&(&refusal.stage, &refusal.code)) || told.len() == MOST {
            continue;
        }
        told.push((&refusal.stage, &refusal.code));
        let mut finding = explain(refusal, record);
        if last_seen.is_some_and(|seen| refusal.at < seen) {
            finding.level = super::Level::Hint;
            finding.what.push_str("; it was heard since then");
        }
        found.push(finding);
    }
    if told.is_empty() && last_seen.is_none() {
        strangers(record, &mut found);
    }
    found
}

fn latest_first(record: &Record) -> impl Iterator<Item = &Refusal> {
    let mut refusals: Vec<_> = record.refusals.iter().collect();
    refusals.sort_by_key(|refusal| std::cmp::Reverse(refusal.at));
    refusals.into_iter()
}

fn enrolment(record: &Record, ven: &Ven, now: DateTime, found: &mut Vec<Finding>) {
    let name = &record.name;
    let id = ven.ven_id.as_deref().unwrap_or("no ID yet");
    match ven.status.as_str() {
        "registered" => found.push(Finding::ok(
            "registered",
            format!("{name} is registered ({id})"),
        )),
        "leaving" => found.push(Finding::problem(
            "leaving",
            format!("{name} was removed, and is told so at its next poll or by a push"),
            format!("To have it again: oadr vens enrol {name} --certificate FILE"),
        )),
        _ => found.push(Finding::ok(
            "enrolled",
            format!("{name} is enrolled ({id}), and not registered yet"),
        )),
    }
    if let Some(jid) = &ven.jid {
        found.push(Finding::ok("jid", format!("its XMPP account: {jid}")));
    }
    if record.tls && ven.certificates.is_empty() && ven.jid.is_none() {
        found.push(Finding::problem(
            "enrolled_without_certificate",
            format!("{name} is enrolled without a certificate, and this VTN speaks TLS: it cannot be recognised"),
            format!("oadr vens modify {name} --add-certificate FILE"),
        ));
    } else if !ven.certificates.is_empty() {
        let list = list(&ven.certificates);
        found.push(Finding::ok(
            "certificates",
            format!("its certificates: {list}"),
        ));
    }
    if let Some(policy) = ven.signatures {
        let words = match policy {
            SignaturePolicy::Off => "off",
            SignaturePolicy::Optional => "optional",
            SignaturePolicy::Required => "required",
        };
        found.push(Finding::ok(
            "signatures",
            format!("its signatures are {words}"),
        ));
    }
    let is_to_poll = ven.registration.as_ref().is_none_or(|it| it.pull);
    found.push(match ven.last_seen {
        None => Finding::problem(
            "never_seen",
            format!("{name} has never been heard"),
            "Where it is installed: oadr doctor vtn URL, with the options of its `oadr ven`; that says how far \
             it comes.",
        ),
        Some(seen) if now - seen > SILENCE && is_to_poll => Finding::problem(
            "silent",
            format!("{name} was last heard {} ago ({})", span(now - seen), day(seen)),
            "Where it is installed: does it run, and what does oadr doctor vtn URL say?",
        ),
        Some(seen) => Finding::ok("seen", format!("{name} was last heard {} ago", span(now - seen))),
    });
}

fn unknown(record: &Record) -> Finding {
    let name = &record.name;
    let shown = latest_first(record).find(|refusal| concerns(refusal, record));
    let shown = shown.and_then(|refusal| refusal.certificate);
    let (what, certificate) = match shown {
        Some(hash) => (
            format!(
                "; somebody with its name shows the certificate {} (SHA-256 {hash})",
                hash.fingerprint()
            ),
            format!(" --fingerprint {}", hash.fingerprint()),
        ),
        None if record.tls => (String::new(), " --certificate FILE".to_owned()),
        None => (String::new(), String::new()),
    };
    Finding::problem(
        "not_enrolled",
        format!("no VEN called {name} is known here{what}"),
        format!(
            "oadr vens enrol {name}{certificate} (compare the fingerprint with its owner first); or look for \
             another spelling: oadr vens list"
        ),
    )
}

/// Whether it was this VEN that was refused, as far as can be told.
fn concerns(refusal: &Refusal, record: &Record) -> bool {
    let ven = record.ven.as_ref();
    let names = [
        Some(record.name.as_str()),
        ven.and_then(|ven| ven.ven_name.as_deref()),
        ven.and_then(|ven| ven.ven_id.as_deref()),
    ];
    let named = |text: &str| names.iter().flatten().any(|name| *name == text);
    let held = refusal.certificate.is_some_and(|hash| {
        ven.is_some_and(|ven| ven.certificates.iter().any(|id| id.names(&hash)))
    });
    let called = refusal
        .subject
        .as_deref()
        .and_then(common_name)
        .is_some_and(named);
    let same_account = ven.and_then(|ven| ven.jid.as_ref());
    let same_account = refusal.jid.is_some() && refusal.jid.as_ref() == same_account;
    held || called || same_account || refusal.ven.as_deref().is_some_and(named)
}

/// The common name of `CN=house, O=Example`.
fn common_name(subject: &str) -> Option<&str> {
    let mut parts = subject.split(',');
    parts.find_map(|part| part.trim().strip_prefix("CN="))
}

fn explain(refusal: &Refusal, record: &Record) -> Finding {
    let name = &record.name;
    let at = refusal.when();
    let enrolled = record
        .ven
        .as_ref()
        .map(|ven| ven.certificates.as_slice())
        .unwrap_or_default();
    let other = refusal
        .certificate
        .filter(|hash| !enrolled.is_empty() && !enrolled.iter().any(|id| id.names(hash)));
    let reason = &refusal.reason;
    if let Some(hash) = other {
        return Finding::problem(
            "fingerprint_differs",
            format!(
                "{at} it showed the certificate {} (SHA-256 {hash}), and enrolled is {}: {reason}",
                hash.fingerprint(),
                list(enrolled)
            ),
            format!(
                "If its owner confirms the new one: oadr vens modify {name} --add-fingerprint {}",
                hash.fingerprint()
            ),
        );
    }
    let what = format!("refused {at}: {reason} ({})", refusal.code);
    match (refusal.stage.as_str(), refusal.code.as_str()) {
        (_, "unsigned") => Finding::problem(
            "unsigned",
            what,
            format!(
                "Have it sign (oadr ven --signatures required, with --tls-certificate), or do without: oadr \
                 vens modify {name} --signatures optional"
            ),
        ),
        ("signature", "too_old" | "too_new") => Finding::problem(
            "clock_skew",
            what,
            "The clocks differ: set both by NTP; or widen --signature-window of `oadr vtn`.",
        ),
        _ if is_dated(refusal) => Finding::problem(
            "certificate_expired",
            what,
            format!(
                "Make it another (oadr pki ven {name}), and add it: oadr vens modify {name} --add-certificate \
                 FILE. If the dates are right, a clock is wrong."
            ),
        ),
        ("signature", code) => Finding::problem("signature_refused", what, signature(code)),
        ("tls", "no_certificate") => Finding::problem(
            "client_certificate_missing",
            what,
            "It has to show its certificate: oadr ven --tls-certificate FILE --tls-key FILE",
        ),
        ("tls", _) => Finding::problem(
            "tls_refused",
            what,
            "Look at what it shows: oadr doctor cert FILE --ca CA-FILE; and where it is installed: oadr \
             doctor vtn URL",
        ),
        ("certificate", _) => Finding::problem(
            "certificate_refused",
            what,
            format!("oadr vens modify {name} --add-certificate FILE, if it is the right one"),
        ),
        ("account", _) => Finding::problem(
            "account_refused",
            what,
            match &refusal.jid {
                Some(jid) => format!("oadr vens modify {name} --jid {jid}, if that is its account"),
                None => format!("oadr vens modify {name} --jid JID"),
            },
        ),
        _ => Finding::problem("request_refused", what, "See the VTN's log at that time."),
    }
}

/// Whether a certificate was not valid at that time. TLS has one code for all that is wrong with one.
fn is_dated(refusal: &Refusal) -> bool {
    let said = |words: &str| refusal.reason.contains(words);
    refusal.code == "validity"
        || (refusal.code == "certificate" && (said("expired") || said("not valid before")))
}

/// What to do about a signature that is refused, by the code of the refusal.
fn signature(code: &str) -> &'static str {
    match code {
        "digest" => {
            "The message was changed after it was signed, by a proxy perhaps, or canonicalised in another \
             way: `oadr inspect` of the message says more."
        }
        "value" => "It was signed with another key than that of the certificate in it.",
        "other_signer" => {
            "It signs with another certificate than it shows in TLS: enrol that one too."
        }
        "replayed" => {
            "The same message came twice: something in between sends again what it has sent."
        }
        "before_start" => "It was signed before the VTN started; the next one passes.",
        "sha1" => {
            "It signs with SHA-1: have it use SHA-256, or start `oadr vtn` with --signature-sha1."
        }
        "algorithm" | "references" | "uri" | "target" | "structure" => {
            "It signs in a form that is not accepted: `oadr inspect` of the message says more."
        }
        _ => "`oadr inspect` of the message says more.",
    }
}

/// Others that were refused: one of them may be this VEN.
fn strangers(record: &Record, found: &mut Vec<Finding>) {
    let mut told = Vec::new();
    for refusal in latest_first(record) {
        if refusal.ven.is_some() || told.contains(&refusal.certificate) || told.len() == MOST {
            continue;
        }
        told.push(refusal.certificate);
        let whom = match (&refusal.subject, refusal.certificate) {
            (Some(subject), Some(hash)) => format!("{subject}, fingerprint {}", hash.fingerprint()),
            (Some(subject), None) => subject.clone(),
            (None, Some(hash)) => format!("fingerprint {}", hash.fingerprint()),
            (None, None) => refusal.jid.as_ref().map_or_else(
                || "somebody without a certificate".to_owned(),
                |jid| format!("the XMPP account {jid}"),
            ),
        };
        found.push(Finding::hint(
            "stranger_refused",
            format!("{whom} was refused {}: {}", refusal.when(), refusal.reason),
            format!("Is that {}? Then this is why.", record.name),
        ));
    }
}

fn list(certificates: &[CertificateId]) -> String {
    let texts: Vec<_> = certificates
        .iter()
        .map(|id| match id {
            CertificateId::Hash(hash) => format!("{} (SHA-256 {hash})", hash.fingerprint()),
            CertificateId::Fingerprint(fingerprint) => fingerprint.to_string(),
        })
        .collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENROLLED: [u8; 32] = [1; 32];
    const SHOWN: [u8; 32] = [2; 32];

    fn now() -> DateTime {
        "2026-01-31T16:00:00Z".parse().unwrap()
    }

    fn ven(last_seen: Option<TimeDelta>) -> Ven {
        Ven {
            ven_id: Some("ven-17".to_owned()),
            ven_name: Some("house".to_owned()),
            status: "registered".to_owned(),
            certificates: vec![CertificateId::Hash(CertificateHash(ENROLLED))],
            signatures: None,
            jid: None,
            registration: None,
            last_seen: last_seen.map(|ago| now() - ago),
        }
    }

    fn refusal(stage: &str, code: &str, certificate: [u8; 32]) -> Refusal {
        Refusal {
            at: now() - TimeDelta::minutes(1),
            address: Some("192.0.2.7:1234".to_owned()),
            times: 2,
            stage: stage.to_owned(),
            code: code.to_owned(),
            reason: "in words".to_owned(),
            certificate: Some(CertificateHash(certificate)),
            subject: Some("CN=house, O=Example".to_owned()),
            jid: None,
            ven: None,
        }
    }

    fn codes(ven: Option<Ven>, refusals: &[Refusal]) -> Vec<&'static str> {
        let record = Record {
            name: "house".to_owned(),
            ven,
            refusals: refusals.to_vec(),
            tls: true,
        };
        let found = examine(&record, now());
        let bad = found
            .iter()
            .filter(|found| found.level == super::super::Level::Problem);
        bad.map(|found| found.code).collect()
    }

    #[test]
    fn a_ven_that_works_has_no_problem() {
        assert!(codes(Some(ven(Some(TimeDelta::seconds(3)))), &[]).is_empty());
        let over = refusal("signature", "too_old", ENROLLED);
        assert!(codes(Some(ven(Some(TimeDelta::seconds(3)))), &[over]).is_empty());
    }

    #[test]
    fn one_that_is_unknown_silent_or_never_heard_is_told() {
        assert_eq!(codes(None, &[]), ["not_enrolled"]);
        assert_eq!(codes(Some(ven(None)), &[]), ["never_seen"]);
        assert_eq!(codes(Some(ven(Some(TimeDelta::hours(2)))), &[]), ["silent"]);
        let mut bare = ven(Some(TimeDelta::zero()));
        bare.certificates.clear();
        assert_eq!(codes(Some(bare), &[]), ["enrolled_without_certificate"]);
    }

    #[test]
    fn an_account_proves_it_too_and_who_is_pushed_to_may_be_silent() {
        let mut bare = ven(Some(TimeDelta::hours(2)));
        bare.certificates.clear();
        bare.jid = "house@xmpp.example".parse().ok();
        bare.registration = Some(Registration { pull: false });
        assert!(codes(Some(bare.clone()), &[]).is_empty());
        bare.registration = Some(Registration { pull: true });
        assert_eq!(codes(Some(bare), &[]), ["silent"]);
        let stranger = Refusal {
            jid: "barn@xmpp.example".parse().ok(),
            address: None,
            certificate: None,
            ven: Some("house".to_owned()),
            ..refusal("account", "unknown", SHOWN)
        };
        assert!(stranger.when().contains(" from barn@xmpp.example"));
        let seen = Some(TimeDelta::minutes(10));
        assert_eq!(codes(Some(ven(seen)), &[stranger]), ["account_refused"]);
    }

    #[test]
    fn each_refusal_has_its_name_and_advice() {
        let seen = Some(TimeDelta::minutes(10));
        for (stage, code, certificate, expected) in [
            ("certificate", "unknown", SHOWN, "fingerprint_differs"),
            ("signature", "unsigned", ENROLLED, "unsigned"),
            ("signature", "too_old", ENROLLED, "clock_skew"),
            ("signature", "digest", ENROLLED, "signature_refused"),
            ("signature", "validity", ENROLLED, "certificate_expired"),
            ("tls", "certificate", ENROLLED, "tls_refused"),
        ] {
            let refusal = refusal(stage, code, certificate);
            assert_eq!(
                codes(Some(ven(seen)), &[refusal]),
                [expected],
                "{stage} {code}"
            );
        }
    }

    #[test]
    fn both_fingerprints_are_shown() {
        let record = Record {
            name: "house".to_owned(),
            ven: Some(ven(None)),
            refusals: vec![refusal("certificate", "unknown", SHOWN)],
            tls: true,
        };
        let found = format!("{:?}", examine(&record, now()));
        assert!(found.contains("01:01:01:01:01:01:01:01:01:01"), "{found}");
        assert!(found.contains("02:02:02:02:02:02:02:02:02:02"), "{found}");
    }
}
