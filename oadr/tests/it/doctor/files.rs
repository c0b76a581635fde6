//! `oadr doctor cert`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::authority::{Authority, client, ending, expired, not_yet_valid, server};
use super::{doctor, holds, text};

#[tokio::test]
async fn a_pair_that_is_well_and_its_fingerprints_in_all_forms() {
    let ca = Authority::new("our CA");
    let house = ca.issue("house", client("house"));
    let args = [
        "cert",
        text(&house.certificate),
        text(&house.key),
        "--ca",
        text(&ca.ca),
    ];
    let said = doctor(&args).await;
    said.only(&[]);
    let hash = house.hash().to_string();
    let plain = hash.replace(':', "").to_lowercase();
    let parts = [
        "for clients",
        "CN=house",
        "CN=our CA",
        "P-256",
        &hash,
        &plain,
        "SHA-1",
    ];
    let about = said.finding("ok", "certificate");
    holds(&about, &parts);
    holds(&about, &[&house.fingerprint().to_string()]);
    holds(&said.finding("ok", "key_matches"), &["CN=house"]);
    said.finding("ok", "chain");
}

#[tokio::test]
async fn certificates_that_are_ill_by_themselves() {
    let ca = Authority::new("our CA");
    for (params, level, code) in [
        (expired(client("house")), "problem", "certificate_expired"),
        (
            not_yet_valid(client("house")),
            "problem",
            "certificate_not_yet_valid",
        ),
        (ending(client("house")), "hint", "certificate_expires_soon"),
        (server(&[]), "problem", "no_subject_alt_name"),
    ] {
        let issued = ca.issue("one", params);
        let said = doctor(&["cert", text(&issued.certificate), "--ca", text(&ca.ca)]).await;
        said.finding(level, code);
        assert_eq!(said.success, level == "hint");
    }
}

#[tokio::test]
async fn another_ca_and_another_key() {
    let (ca, other) = (Authority::new("our CA"), Authority::new("another CA"));
    let (house, plant) = (
        ca.issue("house", client("house")),
        ca.issue("plant", client("plant")),
    );
    let said = doctor(&["cert", text(&house.certificate), "--ca", text(&other.ca)]).await;
    said.only(&["unknown_ca"]);
    holds(&said.problem("unknown_ca"), &["CN=our CA", "CN=another CA"]);
    let said = doctor(&["cert", text(&house.certificate), text(&plant.key)]).await;
    said.only(&["key_differs"]);
}

#[tokio::test]
async fn a_chain_in_the_wrong_order() {
    let root = Authority::new("our CA");
    let below = root.below("the CA below");
    let house = below.issue("house", client("house"));
    let [leaf, between] =
        [&house.certificate, &below.ca].map(|path| fs::read_to_string(path).unwrap());
    let file = root.folder.path().join("chain.pem");
    fs::write(&file, format!("{leaf}{between}")).unwrap();
    doctor(&["cert", text(&file), "--ca", text(&root.ca)])
        .await
        .only(&[]);
    fs::write(&file, format!("{between}{leaf}")).unwrap();
    let said = doctor(&["cert", text(&file)]).await;
    holds(&said.problem("chain_order"), &["in this order"]);
}

#[tokio::test]
async fn a_key_that_others_can_read() {
    let ca = Authority::new("our CA");
    let house = ca.issue("house", client("house"));
    fs::set_permissions(&house.key, fs::Permissions::from_mode(0o644)).unwrap();
    let said = doctor(&["cert", text(&house.key)]).await;
    said.only(&["key_readable"]);
    holds(&said.problem("key_readable"), &["0644", "chmod 600"]);
}

#[tokio::test]
async fn files_that_are_something_else() {
    let ca = Authority::new("our CA");
    let house = ca.issue("house", client("house"));
    let folder = ca.folder.path();
    let request = {
        let key = rcgen::KeyPair::generate().unwrap();
        client("house").serialize_request(&key).unwrap()
    };
    let broken = fs::read_to_string(&house.certificate)
        .unwrap()
        .replace("MII", "%%%");
    let pkcs12 = [0x30, 0x82, 1, 0, 2, 1, 3, 0x30, 0x82, 0, 0xF0, 6, 9];
    for (name, octets, code, advice) in [
        ("empty.pem", &b"\n"[..], "file_empty", "again"),
        ("text.pem", b"hello", "file_strange", "PEM"),
        ("utf16.pem", b"\xFF\xFE-\0-\0", "file_utf16", "iconv"),
        (
            "certificate.der",
            &house.der,
            "file_der",
            "openssl x509 -inform DER",
        ),
        (
            "key.der",
            house.key_der.secret_der(),
            "file_der",
            "openssl pkey -inform DER",
        ),
        (
            "request.pem",
            request.pem().unwrap().as_bytes(),
            "file_csr",
            "oadr pki sign",
        ),
        ("request.der", request.der(), "file_csr", "oadr pki sign"),
        ("house.p12", &pkcs12, "file_pkcs12", "openssl pkcs12"),
        ("broken.pem", broken.as_bytes(), "pem_broken", "again"),
        (
            "ssh.pem",
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
            "file_openssh",
            "oadr pki",
        ),
    ] {
        let path = folder.join(name);
        fs::write(&path, octets).unwrap();
        let said = doctor(&["cert", text(&path)]).await;
        said.only(&[code]);
        holds(&said.problem(code), &[advice, name]);
    }
    let missing = folder.join("missing.pem");
    doctor(&["cert", text(&missing)])
        .await
        .only(&["file_missing"]);
}
