//! What the commands ask of the API, and what they make of its answers.

use clap::Parser;
use serde_json::json;

use oadr_core::CertificateHash;

use super::super::scripted_api::ScriptedApi;
use super::*;
use crate::temp_dir::TempDir;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    vens: VensArgs,
}

async fn answer(api: &ScriptedApi, line: &[&str]) -> Result<String, Error> {
    let line = [&["vens"], line, &["--api", &api.url]].concat();
    Line::try_parse_from(line).unwrap().vens.answer().await
}

const VEN: &str = r#"{"ven_id":"ven-1","ven_name":"house","status":"registered",
        "known_by":"operator","groups":["north","pilot"],"resources":["pump"],
        "learnt_resources":["meter","pump"],"reregistration_requested":true,
        "registration":{"registration_id":"reg-1","profile":"2.0b","transport":"simpleHttp",
          "transport_address":null,"pull":true,"report_only":false,"xml_signature":false,
          "since":"2026-01-01T00:00:00Z","renewed":"2026-01-02T00:00:00Z"},
        "reports":[{"report_specifier_id":"usage","report_name":"METADATA_TELEMETRY_USAGE",
          "data_points":3}],
        "last_seen":"2026-01-03T00:00:00.123Z"}"#;

const KNOWN: &str = r#"{"ven_id":null,"ven_name":"barn","status":"known",
        "known_by":"operator","groups":[],"resources":["boiler"],"learnt_resources":[],"reregistration_requested":false,
        "registration":null,"reports":[],"last_seen":null}"#;

#[tokio::test]
async fn vens_are_listed() {
    let list = format!("{{\"vens\":[{VEN},{KNOWN}]}}");
    let api = ScriptedApi::new([(200, &list), (200, &list), (200, r#"{"vens":[]}"#)]).await;
    let expected = "\
VEN    ID     STATUS      GROUPS        RESOURCES    LAST SEEN
house  ven-1  registered  north, pilot  pump, meter  2026-01-03T00:00:00Z
barn   -      known       -             boiler       -
";
    assert_eq!(answer(&api, &["list"]).await.unwrap(), expected);
    let json = answer(&api, &["--json", "list"]).await.unwrap();
    assert_eq!(json, format!("{list}\n"));
    assert_eq!(answer(&api, &["list"]).await.unwrap(), "no VENs\n");
    assert!(
        api.asked()
            .iter()
            .all(|asked| asked.line == "GET /api/v1/vens")
    );
}

#[tokio::test]
async fn how_pushes_to_a_ven_go_is_shown() {
    let push = r#","push":{"under_way":{"message":"oadrDistributeEvent","since":"2026-01-03T00:00:01Z"},
        "failures":3,"failing_since":"2026-01-02T00:00:00Z","fault":"unreachable",
        "detail":"cannot connect to ven.example","not_before":"2026-01-03T00:00:30Z",
        "polls_since":"2026-01-01T12:00:00Z","dead_letters":[{"id":7,"message":"oadrCreateReport",
        "event_ids":[],"since":"2026-01-01T00:00:00Z","last":"2026-01-02T00:00:00Z","attempts":9,
        "fault":"refused","detail":"the peer answered 404"}]}}"#;
    let ven = VEN.strip_suffix('}').unwrap().to_owned() + push;
    let api = ScriptedApi::new([(200, &*ven)]).await;
    let shown = answer(&api, &["show", "house"]).await.unwrap();
    let shown: Vec<_> = shown
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for line in [
        "pushed now oadrDistributeEvent, since 2026-01-03T00:00:01Z",
        "pushes failed 3 times in a row",
        "since 2026-01-02T00:00:00Z",
        "because cannot connect to ven.example (unreachable)",
        "next try 2026-01-03T00:00:30Z",
        "polls although pushed to since 2026-01-01T12:00:00Z: pushes may not reach it",
        "dead letter 7 oadrCreateReport: the peer answered 404 (refused)",
    ] {
        assert!(
            shown.iter().any(|shown| shown == line),
            "{line}: {shown:#?}"
        );
    }
}

#[tokio::test]
async fn a_ven_is_shown_with_its_registration_and_reports() {
    let api = ScriptedApi::new([(200, VEN), (200, KNOWN)]).await;
    let expected = "\
ven                      house
id                       ven-1
status                   registered
known by                 operator
groups                   north, pilot
resources                pump
made known by it         meter, pump
last seen                2026-01-03T00:00:00Z
asked to register again  yes
registration             reg-1
registered               2026-01-01T00:00:00Z
renewed                  2026-01-02T00:00:00Z
profile                  2.0b
transport                simpleHttp
mode                     pull
signed                   no

REPORT  NAME                      DATA POINTS
usage   METADATA_TELEMETRY_USAGE  3
";
    let shown = answer(&api, &["show", "my house"]).await.unwrap();
    assert_eq!(shown, expected);
    assert_eq!(api.asked()[0].line, "GET /api/v1/vens/my%20house");
    let known = answer(&api, &["show", "barn"]).await.unwrap();
    assert!(known.contains("\nstatus            known\n"), "{known}");
    assert!(!known.contains("registration"), "{known}");
}

#[tokio::test]
async fn the_opts_of_a_ven_are_shown() {
    let none = r#"{"in_force":[],"history":[],"next":null}"#;
    let api = ScriptedApi::new([(200, none)]).await;
    let told = answer(&api, &["opts", "my house"]).await.unwrap();
    assert_eq!(told, "no opts\n");
    assert_eq!(api.asked()[0].line, "GET /api/v1/vens/my%20house/opts");
}

#[tokio::test]
async fn a_ven_is_enrolled_with_groups_and_resources() {
    let api = ScriptedApi::new([(201, KNOWN), (201, KNOWN)]).await;
    let told = answer(&api, &["enrol", "barn"]).await.unwrap();
    assert_eq!(told, "barn: enrolled\n");
    let more = ["--id=v1", "--group=a", "--group=b", "--resource=boiler"];
    answer(&api, &[&["enrol", "barn"], &more[..]].concat())
        .await
        .unwrap();
    let [least, most] = <[_; 2]>::try_from(api.asked()).unwrap();
    assert_eq!(least.line, "POST /api/v1/vens");
    assert_eq!(least.body, json!({"ven_name": "barn"}));
    let expected = json!({
        "ven_name": "barn", "ven_id": "v1", "groups": ["a", "b"], "resources": ["boiler"],
    });
    assert_eq!(most.body, expected);
}

#[tokio::test]
async fn a_ven_gets_an_account_another_one_and_none() {
    let ven = r#"{"ven_id":null,"ven_name":"barn","status":"known","known_by":"operator","groups":[],
        "resources":[],"learnt_resources":[],"reregistration_requested":false,"registration":null,
        "jid":"barn@xmpp.example","reports":[],"last_seen":null}"#;
    let api = ScriptedApi::new([(201, ven), (200, ven), (200, KNOWN), (200, ven)]).await;
    let jid = ["--jid", "Barn@XMPP.example"];
    let told = answer(&api, &[&["enrol", "barn"], &jid[..]].concat()).await;
    assert_eq!(told.unwrap(), "barn: enrolled; JID barn@xmpp.example\n");
    let told = answer(&api, &[&["modify", "barn"], &jid[..]].concat()).await;
    assert!(told.unwrap().ends_with("; JID barn@xmpp.example\n"));
    answer(&api, &["modify", "barn", "--no-jid"]).await.unwrap();
    let shown = answer(&api, &["show", "barn"]).await.unwrap();
    assert!(
        shown.contains("JID               barn@xmpp.example\n"),
        "{shown}"
    );
    let bodies: Vec<_> = api.asked().into_iter().map(|asked| asked.body).collect();
    assert_eq!(
        bodies[..3],
        [
            json!({"ven_name": "barn", "jid": "barn@xmpp.example"}),
            json!({"jid": "barn@xmpp.example"}),
            json!({"jid": null}),
        ]
    );
    let both = [
        "vens",
        "modify",
        "barn",
        "--no-jid",
        "--jid=barn@xmpp.example",
    ];
    assert!(Line::try_parse_from(both).is_err());
    assert!(Line::try_parse_from(["vens", "enrol", "barn", "--jid=barn"]).is_err());
}

/// A folder with a certificate for each of these common names; empty is none.
fn certificates(names: &[&str]) -> (TempDir, Vec<(String, CertificateHash)>) {
    let folder = TempDir::new("vens").unwrap();
    let mut files = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        if !name.is_empty() {
            let names = &mut parameters.distinguished_name;
            names.push(rcgen::DnType::CommonName, *name);
        }
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let path = folder.path().join(format!("{place}.pem"));
        std::fs::write(&path, certificate.pem()).unwrap();
        let read = oadr_sign::Certificate::from_der(certificate.der()).unwrap();
        files.push((path.to_str().unwrap().to_owned(), read.hash()));
    }
    (folder, files)
}

#[tokio::test]
async fn a_ven_is_enrolled_with_all_its_certificates() {
    let (_folder, files) = certificates(&["house", "house of before"]);
    let [(new, new_hash), (old, old_hash)] = &files[..] else {
        panic!("{files:?}");
    };
    let told = old_hash.fingerprint();
    let proved = json!({"ven_id": null, "ven_name": "barn", "status": "known",
            "known_by": "operator", "groups": [], "resources": [], "learnt_resources": [],
            "reregistration_requested": false, "registration": null, "reports": [],
            "last_seen": null, "certificates": [new_hash, told], "signatures": "required"});
    let proved = proved.to_string();
    let api = ScriptedApi::new([(201, &proved), (200, &proved), (200, &proved)]).await;
    let fingerprint = told.to_string().replace(':', "").to_lowercase();
    let flags = [
        "--certificate",
        new,
        "--fingerprint",
        &fingerprint,
        "--signatures",
        "required",
    ];
    let answered = answer(&api, &[&["enrol", "barn"], &flags[..]].concat())
        .await
        .unwrap();
    let (first, second) = (new_hash.fingerprint(), told);
    let proof = format!("certificates {first}, {second}; signatures required");
    assert_eq!(answered, format!("barn: enrolled; {proof}\n"));
    let flags = [
        "--add-certificate",
        new,
        "--remove-certificate",
        old,
        "--signatures",
        "default",
    ];
    let answered = answer(&api, &[&["modify", "barn"], &flags[..]].concat())
        .await
        .unwrap();
    assert_eq!(
        answered,
        format!("barn: groups none; resources none; {proof}\n")
    );
    let shown = answer(&api, &["show", &fingerprint]).await.unwrap();
    for line in [
        format!("certificate        {first}"),
        format!("its SHA-256        {new_hash}"),
        format!("certificate        {second}"),
        "its SHA-256        not seen yet".to_owned(),
        "signatures         required".to_owned(),
    ] {
        let line: Vec<_> = line.split_whitespace().collect();
        let is_there = shown
            .lines()
            .any(|l| l.split_whitespace().eq(line.iter().copied()));
        assert!(is_there, "{line:?} in {shown}");
    }
    let [enrolled, modified, _] = <[_; 3]>::try_from(api.asked()).unwrap();
    let expected = json!({
        "ven_name": "barn", "certificates": [new_hash, told], "signatures": "required",
    });
    assert_eq!(enrolled.body, expected);
    let expected = json!({
        "add_certificates": [new_hash], "remove_certificates": [old_hash], "signatures": null,
    });
    assert_eq!(modified.body, expected);
}

#[tokio::test]
async fn without_a_name_each_certificate_enrols_the_ven_that_it_names() {
    let (_folder, files) = certificates(&["house", "plant", ""]);
    let file = |n: usize| files[n].0.as_str();
    let taken = r#"{"title":"In conflict","detail":"the VEN is already known"}"#;
    let api = ScriptedApi::new([(201, KNOWN), (201, KNOWN), (201, KNOWN), (409, taken)]).await;
    let both = [
        "enrol",
        "--certificate",
        file(0),
        "--certificate",
        file(1),
        "--group=g",
    ];
    let told = answer(&api, &both).await.unwrap();
    assert_eq!(told, "house: enrolled\nplant: enrolled\n");
    let expected = ["house", "plant"].into_iter().zip(&files).map(
        |(name, (_, hash))| json!({"ven_name": name, "certificates": [hash], "groups": ["g"]}),
    );
    let said: Vec<_> = api.asked().into_iter().map(|asked| asked.body).collect();
    assert_eq!(said, expected.collect::<Vec<_>>());
    let error = answer(&api, &both).await.unwrap_err().to_string();
    let expected =
        "plant: the VEN is already known (In conflict, HTTP 409); enrolled before that: house";
    assert_eq!(error, expected);
    // Nothing is asked of the API before all is read.
    let nobody = ["enrol", "--certificate", file(0), "--certificate", file(2)];
    let error = answer(&api, &nobody).await.unwrap_err();
    assert!(matches!(error, Error::NobodysCertificate { .. }), "{error}");
    assert!(error.to_string().contains("say NAME"), "{error}");
    assert_eq!(api.asked().len(), 2);
}

#[tokio::test]
async fn what_is_no_certificate_is_said() {
    let (folder, _) = certificates(&[]);
    let api = ScriptedApi::new([]).await;
    let file = folder.path().join("key.pem");
    std::fs::write(
        &file,
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    )
    .unwrap();
    for name in ["key.pem", "missing.pem"] {
        let path = folder.path().join(name);
        let path = path.to_str().unwrap();
        let error = answer(&api, &["enrol", "--certificate", path])
            .await
            .unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    for wrong in [
        &["enrol"][..],
        &["enrol", "--fingerprint", "A9:F8:93:E8:84:32:55:D1:4E:D6"],
        &["enrol", "house", "--fingerprint", "A9:F8:93"],
        &["enrol", "--id=v1", "--certificate", "house.pem"],
        &["enrol", "house", "--signatures", "default"],
    ] {
        let line = [&["vens"], wrong].concat();
        assert!(Line::try_parse_from(line).is_err(), "{wrong:?}");
    }
}

#[tokio::test]
async fn groups_and_resources_are_replaced_added_and_removed() {
    let api = ScriptedApi::new([(200, VEN), (200, KNOWN), (200, KNOWN)]).await;
    let change = ["--add-group=a", "--add-group=b", "--remove-group=c"];
    let told = answer(&api, &[&["modify", "my house"], &change[..]].concat()).await;
    assert_eq!(
        told.unwrap(),
        "my house: groups north, pilot; resources pump\n"
    );
    let replace = ["--group=a", "--resource=r", "--resource=s"];
    let told = answer(&api, &[&["modify", "barn"], &replace[..]].concat()).await;
    assert_eq!(told.unwrap(), "barn: groups none; resources boiler\n");
    let none = ["modify", "barn", "--no-groups", "--remove-resource=r"];
    answer(&api, &none).await.unwrap();
    let [added, replaced, emptied] = <[_; 3]>::try_from(api.asked()).unwrap();
    assert_eq!(added.line, "PATCH /api/v1/vens/my%20house");
    let expected = json!({"add_groups": ["a", "b"], "remove_groups": ["c"]});
    assert_eq!(added.body, expected);
    let expected = json!({"groups": ["a"], "resources": ["r", "s"]});
    assert_eq!(replaced.body, expected);
    let expected = json!({"groups": [], "remove_resources": ["r"]});
    assert_eq!(emptied.body, expected);

    let error = answer(&api, &["modify", "barn"]).await.unwrap_err();
    assert!(matches!(error, Error::NothingToChange), "{error}");
    for both in [
        ["--group=a", "--add-group=b"],
        ["--group=a", "--no-groups"],
        ["--no-resources", "--add-resource=b"],
        ["--resource=a", "--remove-resource=b"],
    ] {
        let line = [&["vens", "modify", "barn"], &both[..]].concat();
        assert!(Line::try_parse_from(line).is_err(), "{both:?}");
    }
}

#[tokio::test]
async fn groups_are_listed_with_their_vens() {
    let groups = r#"{"groups":[
            {"group_id":"north","vens":[{"ven_id":"v1","ven_name":"house"},
                                        {"ven_id":"v2","ven_name":null}]},
            {"group_id":"pilot","vens":[{"ven_id":null,"ven_name":"barn"}]}]}"#;
    let api = ScriptedApi::new([(200, groups), (200, r#"{"groups":[]}"#)]).await;
    let expected = "\
GROUP  VENS
north  house, v2
pilot  barn
";
    assert_eq!(answer(&api, &["groups"]).await.unwrap(), expected);
    assert_eq!(answer(&api, &["groups"]).await.unwrap(), "no groups\n");
    assert_eq!(api.asked()[0].line, "GET /api/v1/groups");
}

#[tokio::test]
async fn a_removal_is_done_or_to_be_told() {
    let api = ScriptedApi::new([(204, ""), (202, VEN), (204, "")]).await;
    let told = answer(&api, &["remove", "barn"]).await.unwrap();
    assert_eq!(told, "barn: removed\n");
    let told = answer(&api, &["remove", "house"]).await.unwrap();
    assert_eq!(
        told,
        "house: removed; it is told at its next poll or by a push\n"
    );
    assert_eq!(answer(&api, &["remove", "x", "--json"]).await.unwrap(), "");
    assert_eq!(api.asked()[0].line, "DELETE /api/v1/vens/barn");
}

#[tokio::test]
async fn a_ven_is_asked_to_register_again() {
    let problem = r#"{"title":"In conflict","detail":"is not registered"}"#;
    let api = ScriptedApi::new([(202, VEN), (409, problem)]).await;
    let told = answer(&api, &["reregister", "house"]).await.unwrap();
    assert_eq!(
        told,
        "house: asked to register again at its next poll or by a push\n"
    );
    assert_eq!(api.asked()[0].line, "POST /api/v1/vens/house/reregister");
    let error = answer(&api, &["reregister", "barn"]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "is not registered (In conflict, HTTP 409)"
    );
}
