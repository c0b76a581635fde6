//! Requests for certificates (PKCS#10), as devices that keep their keys to themselves make them.
//!
//! Knows nothing of what is granted.

use std::net::IpAddr;

use rcgen::SubjectPublicKeyInfo;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION,
};
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo as KeyInfo;

use super::name::{CommonName, Host};

/// The least bits of an RSA key (rule 68).
const LEAST_RSA: usize = 2048;

/// What a request asks for, its signature verified: whoever made it has the key.
#[derive(Debug)]
pub(crate) struct Request {
    /// The subject's common name, if it has a usable one.
    pub(crate) common_name: Option<CommonName>,
    /// The DNS names and addresses that it wants.
    pub(crate) hosts: Vec<Host>,
    /// Names of other kinds, which nobody here looks at.
    pub(crate) left_out: usize,
    /// Whether the key is RSA.
    pub(super) rsa: bool,
    pub(super) key: SubjectPublicKeyInfo,
}

/// Why a request is not one to sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("is no certificate request (PKCS#10, in PEM or DER)")]
    NotARequest,
    #[error("is signed with another key than its own, or with a method that is not supported")]
    Signature,
    #[error("has an RSA key of {0} bits; OpenADR wants {LEAST_RSA} at least")]
    TooShort(usize),
    #[error("has a key that is neither RSA nor ECDSA on P-256 or P-384")]
    Key,
}

impl Request {
    /// Reads PEM or DER, and verifies the signature.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub(crate) fn read(octets: &[u8]) -> Result<Self, RequestError> {
        let pem = parse_x509_pem(octets).ok().map(|(_, pem)| pem);
        let der = pem.as_ref().map_or(octets, |pem| &pem.contents);
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|_| RequestError::NotARequest)?;
        if !rest.is_empty() {
            return Err(RequestError::NotARequest);
        }
        let info = &request.certification_request_info;
        let rsa = usable(&info.subject_pki)?;
        request
            .verify_signature()
            .map_err(|_| RequestError::Signature)?;
        // By the key's own kind: that of the signature does not tell the curve.
        let key =
            SubjectPublicKeyInfo::from_der(info.subject_pki.raw).map_err(|_| RequestError::Key)?;
        let common_name = info
            .subject
            .iter_common_name()
            .find_map(|name| name.as_str().ok()?.parse().ok());
        let mut names = Vec::new();
        for extension in request.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(asked) = extension {
                names.extend(&asked.general_names);
            }
        }
        let (mut hosts, mut left_out) = (Vec::new(), 0_usize);
        for name in names {
            match host(name) {
                Some(host) => hosts.push(host),
                None => left_out += 1,
            }
        }
        Ok(Self {
            common_name,
            hosts,
            left_out,
            rsa,
            key,
        })
    }
}

/// Whether a key may have a certificate (rule 68), and whether it is RSA.
fn usable(info: &KeyInfo<'_>) -> Result<bool, RequestError> {
    let algorithm = &info.algorithm;
    if algorithm.algorithm == OID_PKCS1_RSAENCRYPTION {
        let Ok(PublicKey::RSA(key)) = info.parsed() else {
            return Err(RequestError::Key);
        };
        let bits = key.key_size();
        if bits < LEAST_RSA {
            return Err(RequestError::TooShort(bits));
        }
        return Ok(true);
    }
    let curve = algorithm
        .parameters
        .as_ref()
        .and_then(|any| any.as_oid().ok());
    let known = curve.is_some_and(|curve| curve == OID_EC_P256 || curve == OID_NIST_EC_P384);
    if algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY && known {
        return Ok(false);
    }
    Err(RequestError::Key)
}

fn host(name: &GeneralName<'_>) -> Option<Host> {
    if let GeneralName::DNSName(name) = name {
        return name.parse().ok();
    }
    let GeneralName::IPAddress(octets) = name else {
        return None;
    };
    let four = <[u8; 4]>::try_from(*octets).map(IpAddr::from);
    let address = four.or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from));
    address.ok().map(Host::Address)
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
        PKCS_ED25519, PKCS_RSA_SHA256,
    };

    use super::*;

    fn made(key: &KeyPair, names: &[&str]) -> Vec<u8> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Example");
        params.distinguished_name.push(DnType::CommonName, "Pump 1");
        params.serialize_request(key).unwrap().der().to_vec()
    }

    #[test]
    fn a_request_says_who_and_proves_the_key() {
        for kind in [
            &PKCS_ECDSA_P256_SHA256,
            &PKCS_ECDSA_P384_SHA384,
            &PKCS_RSA_SHA256,
        ] {
            let key = KeyPair::generate_for(kind).unwrap();
            let request = Request::read(&made(&key, &["pump1.example.com", "192.0.2.7"])).unwrap();
            assert_eq!(request.common_name.unwrap().as_str(), "Pump 1");
            let hosts: Vec<_> = request.hosts.iter().map(Host::to_string).collect();
            assert_eq!(hosts, ["pump1.example.com", "192.0.2.7"]);
            assert_eq!(request.rsa, *kind == PKCS_RSA_SHA256);
        }
    }

    #[test]
    fn a_request_that_was_changed_is_refused() {
        let key = KeyPair::generate().unwrap();
        let mut der = made(&key, &[]);
        let at = der.windows(6).position(|six| six == b"Pump 1").unwrap();
        der[at] = b'B';
        assert_eq!(Request::read(&der).unwrap_err(), RequestError::Signature);
        der.push(0);
        assert_eq!(Request::read(&der).unwrap_err(), RequestError::NotARequest);
        for text in ["", "nothing", "-----BEGIN CERTIFICATE REQUEST-----\n"] {
            let error = Request::read(text.as_bytes()).unwrap_err();
            assert_eq!(error, RequestError::NotARequest);
        }
    }

    #[test]
    fn rule_68_other_keys_get_no_certificate() {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let error = Request::read(&made(&key, &[])).unwrap_err();
        assert_eq!(error, RequestError::Key);
    }
}
