//! Documents captured from other implementations, judged by libxml2 and by our codec.
//!
//! Schema-valid documents must survive decode and encode; invalid ones are refused, or stand in
//! `TOLERATED` with the reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use conformance::peers::{self, Peers};
use conformance::schema::{Validator, Verdict};
use oadr_core::codec::{DecodeOptions, Decoded, DriftKind, Drifts, decode, encode};

/// Valid by the schema, which also declares these elements, but no message.
const FRAGMENTS: [&str; 8] = [
    "eprivenlib-currency-01.xml",
    "eprivenlib-currency-02.xml",
    "eprivenlib-currencyPerKW-01.xml",
    "eprivenlib-currencyPerKW-02.xml",
    "eprivenlib-currencyPerKW-03.xml",
    "eprivenlib-currencyPerKWh-01.xml",
    "eprivenlib-currencyPerKWh-02.xml",
    "eprivenlib-currencyPerKWh-03.xml",
];

/// Invalid by the schema and accepted all the same: the quirk, and how the decoder must note it.
const TOLERATED: [(&str, &str, DriftKind); 21] = [
    (
        "alliance-oadrCreateReport-01.xml",
        "Q22",
        DriftKind::BareValue,
    ),
    (
        "alliance-oadrCreateReport-02.xml",
        "Q22",
        DriftKind::BareValue,
    ),
    (
        "alliance-oadrCreateReport-03.xml",
        "Q22",
        DriftKind::BareValue,
    ),
    (
        "alliance-oadrRegisteredReport-02.xml",
        "Q22",
        DriftKind::BareValue,
    ),
    // Without requestID.
    ("avob-oadrCreatedOpt-01.xml", "Q14", DriftKind::Absent),
    ("avob-oadrCreatedReport-01.xml", "Q14", DriftKind::Absent),
    (
        "avob-oadrQueryRegistration-01.xml",
        "Q14",
        DriftKind::Absent,
    ),
    ("avob-oadrRegisterReport-01.xml", "Q14", DriftKind::Absent),
    ("avob-oadrRegisterReport-03.xml", "Q14", DriftKind::Absent),
    ("avob-oadrRegisterReport-04.xml", "Q14", DriftKind::Absent),
    ("avob-oadrRegisterReport-07.xml", "Q14", DriftKind::Absent),
    ("avob-oadrRegisteredReport-01.xml", "Q14", DriftKind::Absent),
    ("avob-oadrResponse-01.xml", "Q14", DriftKind::Absent),
    ("avob-oadrUpdatedReport-01.xml", "Q14", DriftKind::Absent),
    // With `schemaVersion` or `Id` unqualified.
    (
        "volttron-oadrCreatedReport-01.xml",
        "Q19",
        DriftKind::UnqualifiedAttribute,
    ),
    (
        "volttron-oadrPoll-01.xml",
        "Q19",
        DriftKind::UnqualifiedAttribute,
    ),
    (
        "volttron-oadrPoll-02.xml",
        "Q19",
        DriftKind::UnqualifiedAttribute,
    ),
    (
        "volttron-oadrPoll-03.xml",
        "Q19",
        DriftKind::UnqualifiedAttribute,
    ),
    (
        "volttron-oadrPoll-04.xml",
        "Q19",
        DriftKind::UnqualifiedAttribute,
    ),
    (
        "volttron-oadrPoll-05.xml",
        "Q19",
        DriftKind::UnqualifiedAttribute,
    ),
    (
        "volttron-oadrResponse-04.xml",
        "Q19",
        DriftKind::UnqualifiedAttribute,
    ),
];

#[test]
fn every_valid_document_survives_and_every_other_is_refused_or_listed() {
    let name = "every_valid_document_survives_and_every_other_is_refused_or_listed";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let Some(corpus) = peers::corpus_or_skip(name) else {
        return;
    };
    let validator = Validator::start(&peers).unwrap();
    let mut unseen: BTreeSet<&str> = listed().collect();
    let mut objections = Vec::new();
    let (mut survived, mut refused) = (0, 0);
    for (file, document) in documents(&corpus) {
        unseen.remove(file.as_str());
        let tolerated = TOLERATED.iter().find(|(name, _, _)| *name == file);
        let excepted = FRAGMENTS.contains(&file.as_str());
        let result = match (validator.validate(&document).unwrap(), tolerated) {
            (Verdict::Valid, None) if excepted => is_refused(&document),
            (Verdict::Valid, None) => survives(&validator, &document).map(|_| survived += 1),
            (Verdict::Valid, Some(_)) => Err("is valid: nothing to tolerate".to_owned()),
            (Verdict::Invalid(_), None) => is_refused(&document).map(|()| refused += 1),
            (Verdict::Invalid(_), Some((_, quirk, kind))) => survives(&validator, &document)
                .and_then(|drifts| {
                    let noted = drifts.kept().iter().any(|drift| drift.kind == *kind);
                    noted
                        .then_some(())
                        .ok_or(format!("{quirk} is bent in silence: {drifts:?}"))
                }),
        };
        if let Err(objection) = result {
            objections.push(format!("{file}: {objection}"));
        }
    }
    objections.extend(
        unseen
            .iter()
            .map(|file| format!("{file}: listed, but not in the corpus")),
    );
    assert!(
        objections.is_empty(),
        "{}\n{} objections",
        objections.join("\n"),
        objections.len()
    );
    assert!(
        survived > 400,
        "only {survived} documents: is the corpus complete?"
    );
    println!(
        "{survived} documents survived, {refused} were refused, {} listed",
        listed().count()
    );
}

fn listed() -> impl Iterator<Item = &'static str> {
    let tolerated = TOLERATED.iter().map(|(file, _, _)| *file);
    FRAGMENTS.into_iter().chain(tolerated)
}

/// Decodes, and what it decodes to encodes to a valid document of the same value.
fn survives(validator: &Validator, document: &[u8]) -> Result<Drifts, String> {
    let options = DecodeOptions::default();
    let Decoded {
        message, drifts, ..
    } = decode(document, &options).map_err(|error| format!("is refused: {error}"))?;
    let written = encode(&message);
    if let Verdict::Invalid(error) = validator.validate(&written).map_err(|e| e.to_string())? {
        let text = String::from_utf8_lossy(&written);
        return Err(format!(
            "is written as an invalid document: {error}\n{text}"
        ));
    }
    let again = decode(&written, &options)
        .map_err(|error| format!("is written as something that is refused: {error}"))?;
    if again.message != message {
        return Err(format!(
            "changes: {message:?} is read back as {:?}",
            again.message
        ));
    }
    if encode(&again.message) != written {
        return Err("is written in two ways".to_owned());
    }
    Ok(drifts)
}

fn is_refused(document: &[u8]) -> Result<(), String> {
    match decode(document, &DecodeOptions::default()) {
        Err(_) => Ok(()),
        Ok(decoded) => Err(format!("is accepted, with {:?}", decoded.drifts)),
    }
}

/// All documents by file name, which is unique in the corpus.
fn documents(corpus: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for folder in fs::read_dir(corpus)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if !folder.is_dir() {
            continue;
        }
        for file in fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            found.push((name, fs::read(&file).unwrap()));
        }
    }
    found.sort();
    found
}
