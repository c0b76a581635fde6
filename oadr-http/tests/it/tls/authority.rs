//! A CA that issues whatever a test wants, good and bad.

use std::path::Path;

use oadr_http::tls::{CertificateDer, Identity, PrivateKeyDer};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, SubjectPublicKeyInfo, date_time_ymd,
};

/// The year in which the tests play.
pub(crate) const NOW: i32 = 2030;

/// The beginning of a year, in seconds since 1970.
pub(crate) fn seconds(year: i32) -> u64 {
    date_time_ymd(year, 1, 1)
        .unix_timestamp()
        .try_into()
        .unwrap()
}

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) der: CertificateDer<'static>,
}

/// What a certificate is to say.
#[derive(Clone)]
pub(crate) struct Order {
    name: &'static str,
    hosts: Vec<String>,
    usages: Vec<ExtendedKeyUsagePurpose>,
    years: (i32, i32),
    is_rsa: bool,
    is_ca: bool,
}

impl Order {
    pub(crate) fn client(name: &'static str) -> Self {
        Self {
            name,
            hosts: Vec::new(),
            usages: vec![ExtendedKeyUsagePurpose::ClientAuth],
            years: (2000, 2100),
            is_rsa: false,
            is_ca: false,
        }
    }

    /// For `localhost` and 127.0.0.1.
    pub(crate) fn server() -> Self {
        Self::server_for(&["localhost", "127.0.0.1"])
    }

    pub(crate) fn server_for(hosts: &[&str]) -> Self {
        let mut order = Self::client("the server");
        order.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        order.usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        order
    }

    /// Valid from the beginning of a year to that of another.
    pub(crate) fn years(mut self, from: i32, to: i32) -> Self {
        self.years = (from, to);
        self
    }

    /// With the RSA key of 2,048 bits.
    pub(crate) fn rsa(mut self) -> Self {
        self.is_rsa = true;
        self
    }

    /// For servers and clients alike.
    pub(crate) fn for_all(mut self) -> Self {
        self.usages.clear();
        self
    }

    pub(crate) fn ca(mut self) -> Self {
        self.is_ca = true;
        self
    }

    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::new(self.hosts.clone()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, self.name);
        params.extended_key_usages = self.usages.clone();
        params.not_before = date_time_ymd(self.years.0, 1, 1);
        params.not_after = date_time_ymd(self.years.1, 1, 1);
        params.use_authority_key_identifier_extension = true;
        if self.is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }
}

/// A file of `tests/keys`.
pub(crate) fn key_file(name: &str) -> String {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys");
    std::fs::read_to_string(keys.join(name)).unwrap()
}

impl Authority {
    pub(crate) fn new(name: &'static str) -> Self {
        Self::of(&Order::client(name).for_all())
    }

    pub(crate) fn of(order: &Order) -> Self {
        let params = order.clone().ca().params();
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().clone();
        Self {
            issuer: Issuer::new(params, key),
            der,
        }
    }

    /// An authority below this one. What it issues is shown with its own certificate.
    pub(crate) fn below(&self, order: &Order) -> Self {
        let params = order.clone().ca().params();
        let key = KeyPair::generate().unwrap();
        let der = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Self {
            issuer: Issuer::new(params, key),
            der,
        }
    }

    pub(crate) fn issue(&self, order: &Order) -> Identity {
        let key = match order.is_rsa {
            true => KeyPair::from_pem(&key_file("rsa.pem")).unwrap(),
            false => KeyPair::generate().unwrap(),
        };
        let leaf = order.params().signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Identity::new(vec![leaf.der().clone()], key).unwrap()
    }

    /// The same, with the authority's own certificate after it.
    pub(crate) fn issue_chain(&self, order: &Order) -> Identity {
        let identity = self.issue(order);
        let chain = vec![identity.chain()[0].clone(), self.der.clone()];
        Identity::new(chain, identity.key().clone_key()).unwrap()
    }

    /// A certificate for the RSA key of 1,024 bits, with which [`Identity`] has no patience.
    pub(crate) fn issue_short(&self, order: &Order) -> CertificateDer<'static> {
        let key = SubjectPublicKeyInfo::from_pem(&key_file("rsa-1024-public.pem")).unwrap();
        let leaf = order.params().signed_by(&key, &self.issuer).unwrap();
        leaf.der().clone()
    }
}
