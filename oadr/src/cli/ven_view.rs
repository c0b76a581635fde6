//! VENs and groups as the commands show them.
//!
//! Knows nothing of where they come from.

use oadr_core::CertificateId;
use oadr_core::value::DateTime;
use serde::Deserialize;

use super::api_client::Answer;
use super::api_error::Error;
use super::dead_letters::Letter;
use super::event_view::{shown, time};
use super::table::{Table, printable, terminal_width};

/// A table of VENs.
pub(super) fn list(answer: &Answer) -> Result<String, Error> {
    let list: List = answer.read()?;
    if list.vens.is_empty() {
        return Ok("no VENs\n".to_owned());
    }
    let mut table = Table::new(["VEN", "ID", "STATUS", "GROUPS", "RESOURCES", "LAST SEEN"]);
    for ven in list.vens {
        let resources = all_resources(&ven);
        table.row([
            shown(ven.ven_name),
            shown(ven.ven_id),
            ven.status,
            ven.groups.join(", "),
            resources,
            time(ven.last_seen),
        ]);
    }
    Ok(table.render(terminal_width()))
}

/// A VEN with everything that is known of it.
pub(super) fn show(answer: &Answer) -> Result<String, Error> {
    let ven: VenView = answer.read()?;
    let width = terminal_width();
    let mut out = about(&ven).render(width);
    if !ven.reports.is_empty() {
        out.push('\n');
        let mut table = Table::new(["REPORT", "NAME", "DATA POINTS"]);
        for report in ven.reports {
            table.row([
                report.report_specifier_id,
                shown(report.report_name),
                report.data_points.to_string(),
            ]);
        }
        out.push_str(&table.render(width));
    }
    Ok(out)
}

/// A table of groups.
pub(super) fn list_groups(answer: &Answer) -> Result<String, Error> {
    let list: Groups = answer.read()?;
    if list.groups.is_empty() {
        return Ok("no groups\n".to_owned());
    }
    let mut table = Table::new(["GROUP", "VENS"]);
    for group in list.groups {
        let vens = group.vens.into_iter();
        let names: Vec<_> = vens.map(|ven| shown(ven.ven_name.or(ven.ven_id))).collect();
        table.row([group.group_id, names.join(", ")]);
    }
    Ok(table.render(terminal_width()))
}

/// That a VEN is enrolled, and what proves it.
pub(super) fn tell_enrolled(named: &str, answer: &Answer) -> Result<String, Error> {
    let ven: VenView = answer.read()?;
    let proof = tell_proof(&ven);
    Ok(format!("{}: enrolled{proof}\n", printable(named)))
}

/// What a VEN belongs to and has after a change.
pub(super) fn tell_membership(named: &str, answer: &Answer) -> Result<String, Error> {
    let ven: VenView = answer.read()?;
    let told = |ids: &[String]| match ids {
        [] => "none".to_owned(),
        ids => printable(&ids.join(", ")).into_owned(),
    };
    Ok(format!(
        "{}: groups {}; resources {}{}\n",
        printable(named),
        told(&ven.groups),
        told(&ven.resources),
        tell_proof(&ven)
    ))
}

/// `; certificates A9:…; JID …; signatures required`, as far as it is said.
fn tell_proof(ven: &VenView) -> String {
    let mut told = String::new();
    let fingerprints = ven.certificates.iter().map(|id| id.fingerprint());
    let fingerprints: Vec<_> = fingerprints.map(|text| text.to_string()).collect();
    match &fingerprints[..] {
        [] => {}
        [one] => told.push_str(&format!("; certificate {one}")),
        several => told.push_str(&format!("; certificates {}", several.join(", "))),
    }
    if let Some(jid) = &ven.jid {
        told.push_str(&format!("; JID {}", printable(jid)));
    }
    if let Some(policy) = &ven.signatures {
        told.push_str(&format!("; signatures {}", printable(policy)));
    }
    told
}

/// A VEN, as far as people are told; words are whatever the API calls things.
#[derive(Debug, Deserialize)]
struct VenView {
    ven_id: Option<String>,
    ven_name: Option<String>,
    status: String,
    known_by: Option<String>,
    groups: Vec<String>,
    resources: Vec<String>,
    learnt_resources: Vec<String>,
    reregistration_requested: bool,
    registration: Option<Registration>,
    #[serde(default)]
    push: Option<Push>,
    #[serde(default)]
    certificates: Vec<CertificateId>,
    #[serde(default)]
    signatures: Option<String>,
    #[serde(default)]
    jid: Option<String>,
    reports: Vec<Report>,
    last_seen: Option<DateTime>,
}

#[derive(Debug, Deserialize)]
struct Registration {
    registration_id: String,
    profile: String,
    transport: String,
    transport_address: Option<String>,
    pull: bool,
    report_only: bool,
    xml_signature: bool,
    since: DateTime,
    renewed: DateTime,
}

#[derive(Debug, Deserialize)]
struct Push {
    under_way: Option<UnderWay>,
    failures: u32,
    failing_since: Option<DateTime>,
    fault: Option<String>,
    detail: Option<String>,
    not_before: Option<DateTime>,
    polls_since: Option<DateTime>,
    dead_letters: Vec<Letter>,
}

#[derive(Debug, Deserialize)]
struct UnderWay {
    message: String,
    since: DateTime,
}

#[derive(Debug, Deserialize)]
struct Report {
    report_specifier_id: String,
    report_name: Option<String>,
    data_points: u64,
}

#[derive(Debug, Deserialize)]
struct List {
    vens: Vec<VenView>,
}

#[derive(Debug, Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    group_id: String,
    vens: Vec<Member>,
}

#[derive(Debug, Deserialize)]
struct Member {
    ven_id: Option<String>,
    ven_name: Option<String>,
}

/// What targets mean: those that an operator gave it and those that it made known.
fn all_resources(ven: &VenView) -> String {
    let learnt = ven.learnt_resources.iter();
    let learnt = learnt.filter(|id| !ven.resources.contains(id));
    let all: Vec<_> = ven.resources.iter().chain(learnt).cloned().collect();
    all.join(", ")
}

fn about(ven: &VenView) -> Table {
    let mut table = Table::default();
    let mut line = |name: &str, value: String| table.row([name.to_owned(), value]);
    line("ven", shown(ven.ven_name.as_ref()));
    line("id", shown(ven.ven_id.as_ref()));
    line("status", ven.status.clone());
    line("known by", shown(ven.known_by.as_ref()));
    line("groups", ven.groups.join(", "));
    line("resources", ven.resources.join(", "));
    line("made known by it", ven.learnt_resources.join(", "));
    line("last seen", time(ven.last_seen));
    for id in &ven.certificates {
        line("certificate", id.fingerprint().to_string());
        let whole = match id {
            CertificateId::Hash(hash) => hash.to_string(),
            CertificateId::Fingerprint(_) => "not seen yet".to_owned(),
        };
        line("its SHA-256", whole);
    }
    if let Some(jid) = &ven.jid {
        line("JID", jid.clone());
    }
    if let Some(policy) = &ven.signatures {
        line("signatures", policy.clone());
    }
    if ven.reregistration_requested {
        line("asked to register again", "yes".to_owned());
    }
    if let Some(registration) = &ven.registration {
        line("registration", registration.registration_id.clone());
        line("registered", time(Some(registration.since)));
        line("renewed", time(Some(registration.renewed)));
        line("profile", registration.profile.clone());
        line("transport", registration.transport.clone());
        if let Some(address) = &registration.transport_address {
            line("address", address.clone());
        }
        line(
            "mode",
            if registration.pull { "pull" } else { "push" }.to_owned(),
        );
        line(
            "signed",
            if registration.xml_signature {
                "yes"
            } else {
                "no"
            }
            .to_owned(),
        );
        if registration.report_only {
            line("reports only", "yes".to_owned());
        }
    }
    if let Some(push) = &ven.push {
        push.tell(&mut line);
    }
    table
}

impl Push {
    fn tell(&self, line: &mut impl FnMut(&str, String)) {
        if let Some(push) = &self.under_way {
            let since = time(Some(push.since));
            line("pushed now", format!("{}, since {since}", push.message));
        }
        if self.failures > 0 {
            let times = match self.failures {
                1 => "once".to_owned(),
                times => format!("{times} times in a row"),
            };
            line("pushes failed", times);
            if self.failing_since.is_some() {
                line("since", time(self.failing_since));
            }
            let why = format!(
                "{} ({})",
                shown(self.detail.as_ref()),
                shown(self.fault.as_ref())
            );
            line("because", why);
            line("next try", time(self.not_before));
        }
        if let Some(since) = self.polls_since {
            let since = time(Some(since));
            line(
                "polls although pushed to",
                format!("since {since}: pushes may not reach it"),
            );
        }
        for letter in &self.dead_letters {
            let told = format!("{}: {}", letter.what(), letter.why());
            line(&format!("dead letter {}", letter.id), told);
        }
    }
}
