//! A public key, parsed once, and the signatures that it verifies.
//!
//! Knows nothing of XML.

use std::sync::OnceLock;

use aws_lc_rs::digest::{Digest, SHA256, SHA384};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters,
};
use x509_parser::public_key::PublicKey as Subject;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::KeyKind;
use crate::algorithm::{Hash, KeyFamily};

/// A key that verifies signatures: RSA with 2,048 to 8,192 bits, P-256 or P-384 (rule 68).
pub(crate) enum PublicKey {
    Rsa(Box<Rsa>),
    P256(ParsedPublicKey),
    P384(ParsedPublicKey),
}

/// The library binds an RSA key to its hash. That of OpenADR is ready; the others are made when a peer
/// is the first to use them.
pub(crate) struct Rsa {
    sha256: ParsedPublicKey,
    others: [OnceLock<Option<ParsedPublicKey>>; 3],
}

impl PublicKey {
    /// What kind of key it is, and the key, if it is one that signs here.
    pub(crate) fn of(info: &SubjectPublicKeyInfo<'_>) -> (KeyKind, Option<Self>) {
        const EC: &str = "1.2.840.10045.2.1";
        let octets = info.subject_public_key.data.as_ref();
        if let Ok(Subject::RSA(rsa)) = info.parsed() {
            let modulus = rsa.modulus.iter().skip_while(|byte| **byte == 0);
            let bytes = modulus.clone().count();
            let zeros = modulus.clone().next().map_or(0, |b| b.leading_zeros());
            let bits = (bytes.saturating_mul(8)).saturating_sub(zeros as usize);
            return (KeyKind::Rsa(bits), Rsa::parse(bits, octets).map(Self::Rsa));
        }
        let algorithm = info.algorithm.algorithm.to_id_string();
        let curve = info.algorithm.parameters.as_ref();
        let curve = curve.and_then(|any| Some(any.as_oid().ok()?.to_id_string()));
        let parse = |algorithm| ParsedPublicKey::new(algorithm, octets).ok();
        match (algorithm.as_str(), curve.as_deref()) {
            (EC, Some("1.2.840.10045.3.1.7")) => (
                KeyKind::P256,
                parse(&ECDSA_P256_SHA256_FIXED).map(Self::P256),
            ),
            (EC, Some("1.3.132.0.34")) => (
                KeyKind::P384,
                parse(&ECDSA_P384_SHA384_FIXED).map(Self::P384),
            ),
            (_, None) => (KeyKind::Other(algorithm), None),
            (_, Some(curve)) => (KeyKind::Other(format!("{algorithm}, {curve}")), None),
        }
    }

    /// What may verify with it.
    pub(crate) fn family(&self) -> KeyFamily {
        match self {
            Self::Rsa(_) => KeyFamily::Rsa,
            Self::P256(_) | Self::P384(_) => KeyFamily::Ecdsa,
        }
    }

    /// Whether this is a signature of what has this digest. Those of ECDSA are r and s, one after the
    /// other.
    pub(crate) fn verifies(&self, hash: Hash, digest: &Digest, signature: &[u8]) -> bool {
        match self {
            Self::Rsa(rsa) => rsa
                .of(hash)
                .is_some_and(|key| key.verify_digest_sig(digest, signature).is_ok()),
            Self::P256(key) => to_width(digest, &SHA256)
                .is_some_and(|digest| key.verify_digest_sig(&digest, signature).is_ok()),
            Self::P384(key) => to_width(digest, &SHA384)
                .is_some_and(|digest| key.verify_digest_sig(&digest, signature).is_ok()),
        }
    }

    /// The bytes of r and of s in a signature of ECDSA.
    pub(crate) fn half(&self) -> usize {
        match self {
            Self::Rsa(_) => 0,
            Self::P256(_) => SHA256.output_len(),
            Self::P384(_) => SHA384.output_len(),
        }
    }

    /// The key as octets: RSAPublicKey in DER, or an uncompressed point.
    pub(crate) fn octets(&self) -> &[u8] {
        match self {
            Self::Rsa(rsa) => rsa.sha256.as_ref(),
            Self::P256(key) | Self::P384(key) => key.as_ref(),
        }
    }
}

impl Rsa {
    fn parse(bits: usize, octets: &[u8]) -> Option<Box<Self>> {
        if !(2_048..=8_192).contains(&bits) {
            return None;
        }
        let sha256 = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, octets).ok()?;
        Some(Box::new(Self {
            sha256,
            others: Default::default(),
        }))
    }

    fn of(&self, hash: Hash) -> Option<&ParsedPublicKey> {
        let [sha1, sha384, sha512] = &self.others;
        let (place, parameters): (_, &'static RsaParameters) = match hash {
            Hash::Sha256 => return Some(&self.sha256),
            Hash::Sha1 => (sha1, &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
            Hash::Sha384 => (sha384, &RSA_PKCS1_2048_8192_SHA384),
            Hash::Sha512 => (sha512, &RSA_PKCS1_2048_8192_SHA512),
        };
        place
            .get_or_init(|| ParsedPublicKey::new(parameters, self.sha256.as_ref()).ok())
            .as_ref()
    }
}

/// The same digest as the number that ECDSA takes it for, in so many bytes: zeros in front of one that is
/// too short, the end of one that is too long cut off (FIPS 186-5, 6.4.1, for orders of whole bytes). So a
/// curve and a hash of different lengths go together, as XML signatures have it.
pub(crate) fn to_width(
    digest: &Digest,
    width: &'static aws_lc_rs::digest::Algorithm,
) -> Option<Digest> {
    let octets = digest.as_ref();
    let mut number = [0; 64];
    let number = number.get_mut(..width.output_len())?;
    let zeros = number.len().saturating_sub(octets.len());
    for (to, from) in number.iter_mut().skip(zeros).zip(octets) {
        *to = *from;
    }
    Digest::import_less_safe(number, width).ok()
}
