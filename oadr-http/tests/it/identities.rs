//! Certificates and keys in the forms that people have them, and what is said to those who mixed them
//! up. The files are OpenSSL's: see `tests/keys/README.md`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use oadr_http::tls::{Identity, IdentityError, Roots, UnixTime, VerifyError, certificates};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/keys")
        .join(name)
}

fn read(certificate: &str, key: &str, passphrase: Option<&str>) -> Result<Identity, IdentityError> {
    let passphrase = passphrase.map(str::as_bytes);
    Identity::read(&file(certificate), &file(key), passphrase)
}

/// What is said, without the folder's name.
fn complaint(result: Result<Identity, IdentityError>) -> String {
    let folder = file("").display().to_string();
    result.unwrap_err().to_string().replace(&folder, "")
}

#[test]
fn a_key_is_read_in_every_form() {
    for key in ["ec.pem", "ec-sec1.pem", "ec-parameters.pem"] {
        let identity = read("ec-certificate.pem", key, None).unwrap();
        assert_eq!(identity.chain().len(), 1, "{key}");
        assert_eq!(format!("{identity:?}"), "Identity { .. }");
    }
    for key in ["ec-pbkdf2.pem", "ec-scrypt.pem"] {
        read("ec-certificate.pem", key, Some("secret")).unwrap();
    }
    for key in ["rsa.pem", "rsa-pkcs1.pem"] {
        read("rsa-certificate.pem", key, None).unwrap();
    }
}

#[test]
fn a_passphrase_is_asked_for_and_tried() {
    for key in ["ec-pbkdf2.pem", "ec-scrypt.pem"] {
        assert!(matches!(
            read("ec-certificate.pem", key, None),
            Err(IdentityError::PassphraseNeeded { .. })
        ));
        for wrong in ["Secret", "", "secret\n"] {
            assert!(matches!(
                read("ec-certificate.pem", key, Some(wrong)),
                Err(IdentityError::PassphraseWrong { .. })
            ));
        }
    }
    // A key that is open needs none.
    read("ec-certificate.pem", "ec.pem", Some("secret")).unwrap();
}

#[test]
fn an_old_cipher_is_refused_with_the_way_out() {
    for key in [
        "ec-sha1.pem",
        "ec-des3.pem",
        "ec-pbes1.pem",
        "ec-proc-type.pem",
    ] {
        let said = complaint(read("ec-certificate.pem", key, Some("secret")));
        let command = format!(
            "openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in {key} -out NEW.pem"
        );
        assert!(said.ends_with(&command), "{said}");
    }
}

#[test]
fn what_was_mixed_up_is_said() {
    for (certificate, key, said) in [
        (
            "ec.pem",
            "ec.pem",
            "ec.pem holds no certificate but a private key; give the certificate's file here, and \
             this one as the key's",
        ),
        (
            "ec-request.pem",
            "ec.pem",
            "ec-request.pem holds no certificate but a certificate request; give what the CA made of it",
        ),
        (
            "ec.p12",
            "ec.p12",
            "ec.p12 holds no certificate but PKCS#12; convert it with: openssl pkcs12 -in FILE \
             -aes256 -out NEW.pem",
        ),
        (
            "README.md",
            "ec.pem",
            "README.md holds no certificate but something that is neither PEM nor DER; a certificate \
             begins with -----BEGIN CERTIFICATE-----",
        ),
        (
            "ec-certificate.pem",
            "ec-certificate.pem",
            "ec-certificate.pem holds no private key but a certificate; give the key's file here",
        ),
        (
            "ec-certificate.pem",
            "rsa.pem",
            "the key in rsa.pem does not belong to the certificate in ec-certificate.pem",
        ),
        (
            "rsa-1024-certificate.pem",
            "rsa-1024.pem",
            "the key in rsa-1024.pem cannot be used: RSA keys need 2048 to 8192 bits, elliptic ones \
             the curve P-256, P-384 or P-521",
        ),
    ] {
        assert_eq!(complaint(read(certificate, key, None)), said);
    }
    let missing = complaint(read("none.pem", "ec.pem", None));
    assert!(missing.starts_with("cannot read none.pem: "), "{missing}");
}

#[test]
fn one_file_may_hold_it_all() {
    let folder = Folder::new();
    let of = |name: &str| std::fs::read_to_string(file(name)).unwrap();
    let (certificate, key) = (of("ec-certificate.pem"), of("ec.pem"));
    let other = of("rsa-certificate.pem");
    let put = |name: &str, octets: &[u8]| {
        let path = folder.0.join(name);
        std::fs::write(&path, octets).unwrap();
        path
    };
    let both = |path: PathBuf| Identity::read(&path, &path, None);

    let all = format!("Bag Attributes\n  a: b\n{certificate}{other}{key}");
    let identity = both(put("all", all.as_bytes())).unwrap();
    assert_eq!(identity.chain().len(), 2);
    assert_eq!(identity.duplicate().chain(), identity.chain());
    // As other systems write files.
    let foreign = format!("\u{feff}{certificate}{key}").replace('\n', "\r\n");
    both(put("foreign", foreign.as_bytes())).unwrap();
    let swapped = both(put(
        "swapped",
        format!("{other}{certificate}{key}").as_bytes(),
    ));
    assert!(matches!(
        swapped,
        Err(IdentityError::NotFirst { place: 2, .. })
    ));
    let keys = both(put("keys", format!("{certificate}{key}{key}").as_bytes()));
    assert!(matches!(
        keys,
        Err(IdentityError::SeveralKeys { count: 2, .. })
    ));
    let cut = put("cut", &certificate.as_bytes()[..200]);
    assert!(matches!(both(cut), Err(IdentityError::Damaged { .. })));
    let empty = both(put("empty", b"\n")).unwrap_err().to_string();
    assert!(
        empty.contains("holds no certificate but nothing"),
        "{empty}"
    );

    let der = put("der", &identity.chain()[0]);
    assert_eq!(certificates(&der).unwrap(), identity.chain()[..1]);
    let key = put("key", identity.key().secret_der());
    Identity::read(&der, &key, None).unwrap();
}

#[test]
fn spec_4_5_an_x_509_v1_certificate_is_recognised() {
    let root = certificates(&file("ec-certificate.pem")).unwrap();
    let leaf = certificates(&file("ec-v1.pem")).unwrap();
    // It is fit for use, and peers of another kind may take it.
    read("ec-v1.pem", "ec.pem", None).unwrap();
    let roots = Roots::new(root).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_900_000_000));
    assert_eq!(
        roots.verify_client(&leaf[0], &[], now),
        Err(VerifyError::OldVersion)
    );
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("oadr-identities-{}", std::process::id()));
        // One that was killed and had the same ID may have left its own.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
