//! `oadr pki` and `oadr inspect` on the command line.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::folder::Folder;
use crate::process::{Ended, run_in};

async fn pki(folder: &Path, args: &[&str]) -> Ended {
    run_in(folder, &[&["pki"], args].concat()).await
}

async fn json(folder: &Path, args: &[&str]) -> Value {
    let ended = pki(folder, &[args, &["--json"]].concat()).await;
    assert!(ended.status.success(), "{ended:?}");
    serde_json::from_str(&ended.out).unwrap()
}

#[tokio::test]
async fn one_command_makes_a_ca_a_vtn_and_its_vens() {
    let temp = Folder::new();
    let folder = temp.path();
    let made = pki(
        folder,
        &[
            "init",
            "--key",
            "p256",
            "--vtn",
            "localhost",
            "--ven",
            "house",
            "--ven",
            "plant",
        ],
    )
    .await;
    assert!(made.status.success(), "{made:?}");
    let list = json(folder, &["list"]).await;
    let list = list.as_array().unwrap();
    let text =
        |key: &str| -> Vec<&str> { list.iter().map(|one| one[key].as_str().unwrap()).collect() };
    assert_eq!(
        text("file"),
        ["ca.pem", "vtn.pem", "vtn-rsa.pem", "house.pem", "plant.pem"]
    );
    assert_eq!(text("purpose"), ["ca", "vtn", "vtn", "ven", "ven"]);
    assert_eq!(
        text("key"),
        ["P-256", "P-256", "RSA-2048", "P-256", "P-256"]
    );
    assert_eq!(
        list[1]["names"],
        serde_json::json!(["localhost", "127.0.0.1", "::1"])
    );
    assert!(list[3]["days_left"].as_i64().unwrap() >= 824, "{}", list[3]);
    for one in list {
        let file = one["file"].as_str().unwrap();
        let key = folder.join("pki").join(file.replace(".pem", "-key.pem"));
        let mode = fs::metadata(key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    // People are told the same.
    let shown = pki(folder, &["list"]).await.out;
    for fingerprint in text("fingerprint") {
        assert!(
            made.out.contains(fingerprint) && shown.contains(fingerprint),
            "{shown}"
        );
    }
    let told = json(folder, &["fingerprint", "pki/house.pem", "--sha1"]).await;
    assert_eq!(told[0]["fingerprint"], list[3]["fingerprint"]);
    assert_eq!(told[0]["hash"], list[3]["hash"]);
    assert_eq!(told[0]["fingerprint_plain"].as_str().unwrap().len(), 20);
    assert_eq!(told[0]["fingerprint_2_0a"].as_str().unwrap().len(), 29);
}

#[tokio::test]
async fn what_cannot_be_issued_is_told_and_changes_nothing() {
    let temp = Folder::new();
    let folder = temp.path();
    let alone = pki(folder, &["ven", "house"]).await;
    assert_eq!(alone.status.code(), Some(1));
    assert!(alone.err.contains("`oadr pki init` makes one"), "{alone:?}");
    for bad in [
        &["init", "--ven", "../house"][..],
        &["init", "--vtn", "not a host"],
        &["init", "--ca-days", "0"],
        &["sign", "some.csr", "--for", "ca"],
    ] {
        let ended = pki(folder, bad).await;
        assert_eq!(ended.status.code(), Some(2), "{bad:?}: {ended:?}");
    }
    let twice = pki(folder, &["init", "--ven", "house", "--ven", "house"]).await;
    assert_eq!(twice.status.code(), Some(1), "{twice:?}");
    assert!(
        !folder.join("pki").exists(),
        "nothing is begun that cannot be finished"
    );

    let passphrase = folder.join("passphrase");
    fs::write(&passphrase, "of the CA\n").unwrap();
    let locked = ["--ca-passphrase-file", "passphrase"];
    let made = pki(folder, &[&["init", "--key", "p256"], &locked[..]].concat()).await;
    assert!(made.status.success(), "{made:?}");
    let again = pki(folder, &["init"]).await;
    assert!(again.err.contains("has a CA already"), "{again:?}");
    let shut = pki(folder, &["ven", "house"]).await;
    assert!(shut.err.contains("--ca-passphrase-file"), "{shut:?}");
    let issued = pki(folder, &[&["ven", "house"], &locked[..]].concat()).await;
    assert!(issued.status.success(), "{issued:?}");
    let exists = pki(folder, &["ven", "house"]).await;
    assert!(exists.err.contains("nothing is overwritten"), "{exists:?}");
    let forced = pki(
        folder,
        &[&["ven", "house", "--force"], &locked[..]].concat(),
    )
    .await;
    assert!(forced.status.success(), "{forced:?}");
    for ended in [made, again, shut, issued, exists, forced] {
        assert!(!ended.out.contains("of the CA") && !ended.err.contains("of the CA"));
    }
}

#[tokio::test]
async fn inspect_ends_with_what_it_found() {
    let temp = Folder::new();
    let folder = temp.path();
    let poll = "<oadr:oadrPayload xmlns:oadr=\"http://openadr.org/oadr-2.0b/2012/07\" \
        xmlns:ei=\"http://docs.oasis-open.org/ns/energyinterop/201110\"><oadr:oadrSignedObject>\
        <oadr:oadrPoll ei:schemaVersion=\"2.0b\"><ei:venID>house</ei:venID></oadr:oadrPoll>\
        </oadr:oadrSignedObject></oadr:oadrPayload>";
    fs::write(folder.join("good.xml"), poll).unwrap();
    fs::write(folder.join("bad.xml"), poll.replace("ei:venID", "ei:venId")).unwrap();
    let http = format!("POST /OpenADR2/Simple/2.0b/OadrPoll HTTP/1.1\r\nHost: a\r\n\r\n{poll}");
    fs::write(folder.join("dump.http"), http).unwrap();
    for (file, code) in [
        ("good.xml", 0),
        ("dump.http", 0),
        ("bad.xml", 1),
        ("none.xml", 2),
    ] {
        let ended = run_in(folder, &["inspect", file]).await;
        assert_eq!(ended.status.code(), Some(code), "{file}: {ended:?}");
    }
    let ended = run_in(folder, &["inspect", "good.xml", "--json"]).await;
    let found: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(found["message"]["body"]["venID"], "house");
    assert_eq!(found["good"], true);
    let signer = ["inspect", "good.xml", "--signer", "good.xml"];
    let ended = run_in(folder, &signer).await;
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
}
