//! What is issued, judged by ourselves, by rustls's verifier and by OpenSSL where there is one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use chrono::{SubsecRound as _, TimeDelta};
use oadr_http::tls::Identity;
use oadr_sign::KeyKind;
use rcgen::PKCS_ECDSA_P384_SHA384;
use rustls_pki_types::{ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::*;
use crate::clock;
use crate::temp_dir::TempDir;

fn no_passphrase(path: &Path) -> Result<Passphrase, PkiError> {
    Err(PkiError::Locked(path.to_owned()))
}

fn authority(folder: &Path, key: NewKey) -> Authority {
    let common_name = "Test CA".parse().unwrap();
    let new = NewAuthority {
        common_name: &common_name,
        key,
        days: 3_650,
        passphrase: None,
    };
    Authority::create(folder, &new, clock::now()).unwrap().0
}

fn wanted(purpose: Purpose, name: &str, hosts: &[&str], key: NewKey) -> Wanted<'static> {
    Wanted {
        purpose,
        file: name.parse().unwrap(),
        common_name: name.parse().unwrap(),
        hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
        days: 825,
        subject: Subject::New(key, None),
        replace: false,
    }
}

fn read(path: &Path) -> Certificate {
    Certificate::from_pem(&fs::read(path).unwrap()).unwrap()
}

/// What OpenSSL says, if there is one.
fn openssl(arguments: &[&str]) -> Option<(bool, String)> {
    let done = match Command::new("openssl").args(arguments).output() {
        Ok(done) => done,
        Err(error) => {
            eprintln!("left out, there is no openssl: {error}");
            return None;
        }
    };
    let text = [done.stdout, done.stderr].concat();
    Some((
        done.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    ))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Whether rustls takes the certificate for this use.
fn webpki(folder: &Path, name: &str, usage: KeyUsage) -> bool {
    let ca = certificates(&folder.join(CA)).unwrap();
    let anchor = anchor_from_trusted_cert(&ca[0]).unwrap();
    let der = certificates(&folder.join(format!("{name}.pem"))).unwrap();
    let leaf = EndEntityCert::try_from(&der[0]).unwrap();
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[anchor],
        &der[1..],
        UnixTime::now(),
        usage,
        None,
        None,
    )
    .is_ok()
}

#[test]
fn rule_67_certificates_are_v3_and_for_clients_and_servers() {
    for key in [NewKey::Rsa, NewKey::P256] {
        let temp = TempDir::new("pki").unwrap();
        let folder = temp.path();
        let before = clock::now();
        let ca = authority(folder, key);
        let hosts = ["vtn.example.com", "192.0.2.7"];
        for wanted in [
            wanted(Purpose::Vtn, "vtn", &hosts, NewKey::P256),
            wanted(Purpose::Vtn, "vtn-rsa", &hosts, NewKey::Rsa),
            wanted(Purpose::Ven, "house", &["house"], NewKey::P256),
            wanted(Purpose::Ven, "plant", &[], NewKey::Rsa),
        ] {
            ca.issue(&wanted, clock::now()).unwrap();
        }
        let own = read(&folder.join(CA));
        assert!(own.is_ca() && own.version() == 3);
        let kind = match key {
            NewKey::Rsa => KeyKind::Rsa(3_072),
            NewKey::P256 => KeyKind::P256,
        };
        assert_eq!(*own.key_kind(), kind);
        for (name, kind) in [
            ("vtn", KeyKind::P256),
            ("vtn-rsa", KeyKind::Rsa(2_048)),
            ("house", KeyKind::P256),
            ("plant", KeyKind::Rsa(2_048)),
        ] {
            let path = folder.join(format!("{name}.pem"));
            let leaf = read(&path);
            assert_eq!(leaf.version(), 3);
            assert!(!leaf.is_ca());
            assert_eq!(*leaf.key_kind(), kind);
            assert_eq!(leaf.common_name(), Some(name));
            assert_eq!(leaf.issuer(), own.subject());
            // 128 bits.
            assert_eq!(leaf.serial().len(), 16 * 3 - 1, "{}", leaf.serial());
            assert!(leaf.is_valid_at(before - TimeDelta::minutes(59)));
            assert_eq!((leaf.not_after() - before.trunc_subsecs(0)).num_days(), 825);
            // Key and certificate belong together.
            let key_path = folder.join(format!("{name}-key.pem"));
            Identity::read(&path, &key_path, None).unwrap();
            assert!(webpki(folder, name, KeyUsage::client_auth()), "{name}");
            // A VEN that is pushed to is a server.
            assert!(webpki(folder, name, KeyUsage::server_auth()), "{name}");
        }
        let der = certificates(&folder.join("vtn.pem")).unwrap();
        let leaf = EndEntityCert::try_from(&der[0]).unwrap();
        for (name, theirs) in [
            ("vtn.example.com", true),
            ("192.0.2.7", true),
            ("house", false),
        ] {
            let name = ServerName::try_from(name).unwrap();
            assert_eq!(leaf.verify_is_valid_for_subject_name(&name).is_ok(), theirs);
        }
        let house = read(&folder.join("house.pem"));
        assert_eq!(house.dns_names(), ["house"]);
        let (list, unreadable) = list(folder).unwrap();
        let files: Vec<_> = list.iter().map(|one| one.file.as_str()).collect();
        assert_eq!(
            files,
            ["ca.pem", "vtn.pem", "vtn-rsa.pem", "house.pem", "plant.pem"]
        );
        assert_eq!(unreadable, 0);
        let entry = &list[3];
        assert_eq!(entry.hash, house.hash());
        assert_eq!(entry.serial, house.serial());
        assert_eq!((entry.key.as_str(), entry.purpose), ("P-256", Purpose::Ven));
    }
}

#[test]
fn openssl_takes_what_is_issued() {
    let temp = TempDir::new("pki").unwrap();
    let folder = temp.path();
    let ca = authority(folder, NewKey::Rsa);
    for wanted in [
        wanted(Purpose::Vtn, "vtn", &["localhost", "::1"], NewKey::P256),
        wanted(Purpose::Vtn, "vtn-rsa", &["localhost"], NewKey::Rsa),
        wanted(Purpose::Ven, "house", &["house"], NewKey::P256),
        wanted(Purpose::Ven, "plant", &["plant"], NewKey::Rsa),
    ] {
        ca.issue(&wanted, clock::now()).unwrap();
    }
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let ca_file = path(CA);
    for (name, purpose, good) in [
        ("vtn.pem", "sslserver", true),
        ("vtn.pem", "sslclient", true),
        ("vtn-rsa.pem", "sslserver", true),
        ("vtn-rsa.pem", "sslclient", true),
        ("house.pem", "sslclient", true),
        ("plant.pem", "sslclient", true),
        ("house.pem", "sslserver", true),
        ("plant.pem", "sslserver", true),
        ("plant.pem", "smimesign", false),
    ] {
        let file = path(name);
        let arguments = [
            "verify",
            "-x509_strict",
            "-purpose",
            purpose,
            "-CAfile",
            &ca_file,
        ];
        let Some((verified, text)) = openssl(&[&arguments[..], &[&file]].concat()) else {
            return;
        };
        assert_eq!(verified, good, "{name} as {purpose}: {text}");
    }
    let text = |name: &str| {
        openssl(&["x509", "-noout", "-text", "-in", &path(name)])
            .unwrap()
            .1
    };
    for (name, parts) in [
        (
            CA,
            &[
                "Version: 3 (0x2)",
                "CA:TRUE, pathlen:0",
                "Certificate Sign, CRL Sign",
                "Subject Key Identifier",
                "(3072 bit)",
            ][..],
        ),
        (
            "vtn-rsa.pem",
            &[
                "Version: 3 (0x2)",
                "X509v3 Basic Constraints: critical",
                "CA:FALSE",
                "X509v3 Key Usage: critical",
                "Digital Signature, Key Encipherment",
                "TLS Web Server Authentication, TLS Web Client Authentication",
                "Authority Key Identifier",
                "Subject Key Identifier",
                "DNS:localhost",
                "sha256WithRSAEncryption",
                "(2048 bit)",
            ],
        ),
        (
            "vtn.pem",
            &["DNS:localhost, IP Address:0:0:0:0:0:0:0:1", "prime256v1"],
        ),
        (
            "house.pem",
            &["CN = house", "DNS:house", "Digital Signature\n"],
        ),
    ] {
        let text = text(name);
        for part in parts {
            assert!(text.contains(part), "{part:?} in {text}");
        }
    }
    for name in ["ca-key.pem", "vtn-key.pem", "vtn-rsa-key.pem"] {
        let (good, text) = openssl(&["pkey", "-noout", "-check", "-in", &path(name)]).unwrap();
        assert!(good, "{name}: {text}");
    }
}

#[test]
fn openssl_opens_keys_with_their_passphrase_and_so_do_we() {
    let temp = TempDir::new("pki").unwrap();
    let folder = temp.path();
    let (own, leaf) = (
        Passphrase::new("of the CA").unwrap(),
        Passphrase::new("of a VEN").unwrap(),
    );
    let common_name = "Test CA".parse().unwrap();
    let new = NewAuthority {
        common_name: &common_name,
        key: NewKey::P256,
        days: 10,
        passphrase: Some(&own),
    };
    Authority::create(folder, &new, clock::now()).unwrap();
    let error = Authority::open(folder, no_passphrase, clock::now()).unwrap_err();
    assert!(matches!(error, PkiError::Locked(_)), "{error}");
    let wrong = |_: &Path| Ok(leaf.clone());
    let error = Authority::open(folder, wrong, clock::now()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("does not open with this passphrase"),
        "{error}"
    );
    let ca = Authority::open(folder, |_| Ok(own.clone()), clock::now()).unwrap();
    let house = Wanted {
        subject: Subject::New(NewKey::P256, Some(&leaf)),
        ..wanted(Purpose::Ven, "house", &[], NewKey::P256)
    };
    ca.issue(&house, clock::now()).unwrap();
    let (path, key) = (folder.join("house.pem"), folder.join("house-key.pem"));
    Identity::read(&path, &key, Some(b"of a VEN")).unwrap();
    Identity::read(&path, &key, Some(b"of the CA")).unwrap_err();
    let key = key.to_str().unwrap();
    for (passphrase, opens) in [("pass:of a VEN", true), ("pass:of the CA", false)] {
        let read = openssl(&["pkey", "-noout", "-in", key, "-passin", passphrase]);
        assert!(read.is_none_or(|(good, _)| good == opens));
    }
}

#[test]
fn nothing_is_overwritten_and_a_ca_never() {
    let temp = TempDir::new("pki").unwrap();
    let folder = temp.path();
    let ca = authority(folder, NewKey::P256);
    let house = wanted(Purpose::Ven, "house", &[], NewKey::P256);
    let first = ca.issue(&house, clock::now()).unwrap();
    let key = || fs::read_to_string(folder.join("house-key.pem")).unwrap();
    let first_key = key();
    let error = ca.issue(&house, clock::now()).unwrap_err();
    assert!(matches!(error, PkiError::Exists(_)), "{error}");
    // A key without a certificate is somebody's, too.
    fs::rename(folder.join("house.pem"), folder.join("elsewhere.pem")).unwrap();
    let error = ca.issue(&house, clock::now()).unwrap_err();
    assert!(matches!(error, PkiError::Exists(_)), "{error}");
    assert_eq!(key(), first_key);
    let again = Wanted {
        replace: true,
        ..house
    };
    let second = ca.issue(&again, clock::now()).unwrap();
    assert_ne!(second.hash, first.hash);
    assert_ne!(key(), first_key);
    assert_eq!(list(folder).unwrap().0.len(), 3);
    let mode = |name: &str| {
        let mode = fs::metadata(folder.join(name))
            .unwrap()
            .permissions()
            .mode();
        mode & 0o777
    };
    assert_eq!((mode("ca-key.pem"), mode("house-key.pem")), (0o600, 0o600));
    let common_name = "Other CA".parse().unwrap();
    let other = NewAuthority {
        common_name: &common_name,
        key: NewKey::P256,
        days: 1,
        passphrase: None,
    };
    let before = fs::read(folder.join(CA_KEY)).unwrap();
    let error = Authority::create(folder, &other, clock::now()).unwrap_err();
    assert!(matches!(error, PkiError::HasAuthority(_)), "{error}");
    assert_eq!(fs::read(folder.join(CA_KEY)).unwrap(), before);
    assert_eq!(
        names(folder),
        [
            "ca-key.pem",
            "ca.pem",
            "elsewhere.pem",
            "house-key.pem",
            "house.pem",
            "issued.jsonl"
        ]
    );
    let twice = [again.clone(), again];
    let error = vacant(folder, &twice).unwrap_err();
    assert!(matches!(error, PkiError::Twice(_)), "{error}");
}

#[test]
fn no_certificate_outlives_its_ca() {
    let temp = TempDir::new("pki").unwrap();
    let folder = temp.path();
    let common_name = "Short".parse().unwrap();
    let new = NewAuthority {
        common_name: &common_name,
        key: NewKey::P256,
        days: 2,
        passphrase: None,
    };
    let now = clock::now();
    let (ca, own) = Authority::create(folder, &new, now).unwrap();
    let house = wanted(Purpose::Ven, "house", &[], NewKey::P256);
    let issued = ca.issue(&house, now + TimeDelta::days(1)).unwrap();
    assert_eq!(issued.not_after, own.not_after);
    let later = now + TimeDelta::days(3);
    let error = Authority::open(folder, no_passphrase, later).unwrap_err();
    assert!(matches!(error, PkiError::Expired { .. }), "{error}");
}

#[test]
fn a_request_gets_what_it_is_granted() {
    let temp = TempDir::new("pki").unwrap();
    let folder = temp.path();
    authority(folder, NewKey::Rsa);
    let ca = Authority::open(folder, no_passphrase, clock::now()).unwrap();
    // It asks to be a CA, and for a name of its own.
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["vtn.example.com".to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let request = params.serialize_request(&key).unwrap();
    let request = Request::read(request.pem().unwrap().as_bytes()).unwrap();
    let granted = Wanted {
        common_name: "Barn 7".parse().unwrap(),
        hosts: Vec::new(),
        subject: Subject::Of(&request),
        ..wanted(Purpose::Ven, "barn", &[], NewKey::P256)
    };
    let issued = ca.issue(&granted, clock::now()).unwrap();
    assert!(issued.requested);
    let barn = read(&folder.join("barn.pem"));
    assert!(!barn.is_ca());
    assert_eq!(barn.common_name(), Some("Barn 7"));
    assert_eq!(*barn.key_kind(), KeyKind::P384);
    assert!(barn.dns_names().is_empty());
    assert!(webpki(folder, "barn", KeyUsage::client_auth()));
    assert!(webpki(folder, "barn", KeyUsage::server_auth()));
    assert!(!folder.join("barn-key.pem").exists());
}

#[test]
fn openssls_requests_are_signed() {
    let temp = TempDir::new("pki").unwrap();
    let folder = temp.path();
    let ca = authority(folder, NewKey::P256);
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    // ECDSA on P-256 with SHA-384: the signature's name does not tell the curve.
    for (name, kind, digest) in [
        (
            "curve",
            &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"][..],
            "-sha384",
        ),
        ("plain", &["-newkey", "rsa:2048"], "-sha256"),
    ] {
        let (key, file) = (path("device.key"), path("device.csr"));
        let more = [
            digest,
            "-nodes",
            "-batch",
            "-subj",
            "/O=Example/CN=device",
            "-addext",
            "subjectAltName=DNS:device.example.com,email:a@example.com",
            "-addext",
            "subjectKeyIdentifier=hash",
            "-keyout",
            &key,
            "-out",
            &file,
        ];
        let Some((good, text)) = openssl(&[&["req", "-new"], kind, &more].concat()) else {
            return;
        };
        assert!(good, "{text}");
        let request = Request::read(&fs::read(&file).unwrap()).unwrap();
        assert_eq!(request.common_name.as_ref().unwrap().as_str(), "device");
        assert_eq!((request.hosts.len(), request.left_out), (1, 1));
        let granted = Wanted {
            hosts: request.hosts.clone(),
            subject: Subject::Of(&request),
            ..wanted(Purpose::Ven, name, &[], NewKey::P256)
        };
        ca.issue(&granted, clock::now()).unwrap();
        Identity::read(&folder.join(format!("{name}.pem")), Path::new(&key), None).unwrap();
        assert!(webpki(folder, name, KeyUsage::client_auth()));
    }
    let file = path("short.csr");
    let arguments = [
        "req",
        "-new",
        "-newkey",
        "rsa:1024",
        "-nodes",
        "-batch",
        "-subj",
        "/CN=short",
    ];
    let (good, text) = openssl(
        &[
            &arguments[..],
            &["-keyout", &path("short.key"), "-out", &file],
        ]
        .concat(),
    )
    .unwrap();
    assert!(good, "{text}");
    let error = Request::read(&fs::read(&file).unwrap()).unwrap_err();
    assert_eq!(error, RequestError::TooShort(1_024));
}

#[test]
fn certificates_of_an_intermediate_ca_bring_it_along() {
    let temp = TempDir::new("pki").unwrap();
    let folder = temp.path();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate().unwrap();
    let root = params.self_signed(&root_key).unwrap();
    let root_issuer = Issuer::new(params.clone(), root_key);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Middle");
    let key = KeyPair::generate().unwrap();
    let middle = params.signed_by(&key, &root_issuer).unwrap();
    fs::write(folder.join(CA), format!("{}{}", middle.pem(), root.pem())).unwrap();
    fs::write(folder.join(CA_KEY), key.serialize_pem()).unwrap();

    let ca = Authority::open(folder, no_passphrase, clock::now()).unwrap();
    let house = wanted(Purpose::Ven, "house", &[], NewKey::P256);
    ca.issue(&house, clock::now()).unwrap();
    let chain = certificates(&folder.join("house.pem")).unwrap();
    assert_eq!(chain.len(), 2);
    let anchor = anchor_from_trusted_cert(root.der()).unwrap();
    let leaf = EndEntityCert::try_from(&chain[0]).unwrap();
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[anchor],
        &chain[1..],
        UnixTime::now(),
        KeyUsage::client_auth(),
        None,
        None,
    )
    .unwrap();
}

#[test]
fn what_is_no_ca_issues_nothing() {
    let temp = TempDir::new("pki").unwrap();
    let folder = temp.path();
    let open = || Authority::open(folder, no_passphrase, clock::now()).unwrap_err();
    assert!(matches!(open(), PkiError::NoAuthority(_)));
    let ca = authority(folder, NewKey::P256);
    let house = wanted(Purpose::Ven, "house", &[], NewKey::P256);
    ca.issue(&house, clock::now()).unwrap();
    let keep = fs::read(folder.join(CA)).unwrap();
    fs::copy(folder.join("house.pem"), folder.join(CA)).unwrap();
    assert!(matches!(open(), PkiError::NotAnAuthority(_)));
    fs::write(folder.join(CA), "nothing").unwrap();
    assert!(matches!(open(), PkiError::NoCertificate(_)));
    fs::write(folder.join(CA), keep).unwrap();
    fs::copy(folder.join("house-key.pem"), folder.join(CA_KEY)).unwrap();
    assert!(matches!(open(), PkiError::OtherKey(_)));
}
