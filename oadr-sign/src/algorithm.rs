//! The algorithms by their identifiers: what is accepted, and nothing else (§6.1).
//!
//! Knows nothing of keys and documents.

use aws_lc_rs::digest::{self, Algorithm};

/// A hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    /// For peers that have no other.
    Sha1,
    /// That of OpenADR.
    Sha256,
    Sha384,
    Sha512,
}

/// What kind of key a method wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyFamily {
    Rsa,
    Ecdsa,
}

/// A canonicalisation: of XML 1.0, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Method {
    pub(crate) kind: Kind,
    pub(crate) comments: bool,
}

/// How namespaces and attributes of ancestors get into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Canonical XML 1.0: all that are in scope.
    Inclusive,
    /// Canonical XML 1.1: the same, but for what an `xml:` attribute becomes below.
    Inclusive11,
    /// Exclusive canonical XML 1.0: those that are used.
    Exclusive,
}

/// A signature method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SignatureMethod {
    pub(crate) family: KeyFamily,
    pub(crate) hash: Hash,
}

impl Hash {
    /// The hash of a digest method.
    pub(crate) fn of(identifier: &str) -> Option<Self> {
        Some(match identifier {
            "http://www.w3.org/2001/04/xmlenc#sha256" => Self::Sha256,
            "http://www.w3.org/2000/09/xmldsig#sha1" => Self::Sha1,
            "http://www.w3.org/2001/04/xmldsig-more#sha384" => Self::Sha384,
            "http://www.w3.org/2001/04/xmlenc#sha512" => Self::Sha512,
            _ => return None,
        })
    }

    pub(crate) fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

impl SignatureMethod {
    /// The method of an identifier. Those with a shared key (HMAC) are not among them.
    pub(crate) fn of(identifier: &str) -> Option<Self> {
        let (family, hash) = match identifier {
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" => (KeyFamily::Rsa, Hash::Sha256),
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" => {
                (KeyFamily::Ecdsa, Hash::Sha256)
            }
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1" => (KeyFamily::Rsa, Hash::Sha1),
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1" => (KeyFamily::Ecdsa, Hash::Sha1),
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384" => (KeyFamily::Rsa, Hash::Sha384),
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512" => (KeyFamily::Rsa, Hash::Sha512),
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384" => {
                (KeyFamily::Ecdsa, Hash::Sha384)
            }
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512" => {
                (KeyFamily::Ecdsa, Hash::Sha512)
            }
            _ => return None,
        };
        Some(Self { family, hash })
    }

    /// The identifier of the method that we sign with by a key of this family: SHA-256 with every key
    /// (§10.6.3).
    pub(crate) fn ours(family: KeyFamily) -> &'static str {
        match family {
            KeyFamily::Rsa => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            KeyFamily::Ecdsa => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        }
    }
}

impl Method {
    /// What applies where nothing is said.
    pub(crate) const DEFAULT: Self = Self::new(Kind::Inclusive, false);

    /// All of them, for whoever looks for the one that was used.
    pub(crate) const ALL: [Self; 6] = [
        Self::new(Kind::Inclusive, false),
        Self::new(Kind::Exclusive, false),
        Self::new(Kind::Inclusive11, false),
        Self::new(Kind::Inclusive, true),
        Self::new(Kind::Exclusive, true),
        Self::new(Kind::Inclusive11, true),
    ];

    const fn new(kind: Kind, comments: bool) -> Self {
        Self { kind, comments }
    }

    /// The canonicalisation of an identifier.
    pub(crate) fn of(identifier: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|method| method.identifier() == identifier)
    }

    /// Its identifier.
    pub(crate) fn identifier(self) -> &'static str {
        match (self.kind, self.comments) {
            (Kind::Inclusive, false) => "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
            (Kind::Inclusive, true) => {
                "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"
            }
            (Kind::Inclusive11, false) => "http://www.w3.org/2006/12/xml-c14n11",
            (Kind::Inclusive11, true) => "http://www.w3.org/2006/12/xml-c14n11#WithComments",
            (Kind::Exclusive, false) => "http://www.w3.org/2001/10/xml-exc-c14n#",
            (Kind::Exclusive, true) => "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        }
    }
}
