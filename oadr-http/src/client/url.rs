//! The address of a VTN as an operator writes it, made into a host and the paths of its services.
//! Does not resolve names or connect.

use std::fmt;

use hyper::Uri;
use hyper::header::HeaderValue;
use oadr_core::value::ServiceName;

use crate::path::{Prefix, PrefixError, ROOT, named, normalise};

/// Where a VTN is, or a VEN that is pushed to: `http://host[:port][/prefix]` or the same with `https`, with or without `/OpenADR2/Simple/2.0b` (and a
/// service) at its end. Compares equal when it leads to the same place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: Scheme,
    /// As a resolver takes it: in lower case, IPv6 without brackets.
    host: String,
    port: u16,
    authority: String,
    host_header: HeaderValue,
    prefix: Prefix,
    endpoints: Endpoints,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// The paths of the services, in the form a request has them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Endpoints {
    event: Uri,
    report: Uri,
    register_party: Uri,
    opt: Uri,
    poll: Uri,
}

impl BaseUrl {
    /// Reads and normalises a URL.
    ///
    /// # Errors
    ///
    /// [`UrlError`] names what is wrong.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::NoScheme)?;
        let scheme = [Scheme::Http, Scheme::Https]
            .into_iter()
            .find(|known| scheme.eq_ignore_ascii_case(known.name()))
            .ok_or(UrlError::Scheme)?;
        if rest.contains(['?', '#']) {
            return Err(UrlError::QueryOrFragment);
        }
        if rest.split('/').next().is_none_or(str::is_empty) {
            return Err(UrlError::NoHost);
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Malformed)?;
        let authority = uri.authority().ok_or(UrlError::NoHost)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::Credentials);
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        if host.is_empty() {
            return Err(UrlError::NoHost);
        }
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            // `host:` and `host:99999` have no port that there is.
            None if authority.as_str().len() > authority.host().len() => {
                return Err(UrlError::Port);
            }
            None => scheme.port(),
        };
        if port == 0 {
            return Err(UrlError::Port);
        }
        let host = host.to_ascii_lowercase();
        let bracketed = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        let authority = if port == scheme.port() {
            bracketed
        } else {
            format!("{bracketed}:{port}")
        };
        let host_header = HeaderValue::from_str(&authority).map_err(|_| UrlError::Malformed)?;
        let prefix = prefix_of(uri.path())?;
        let endpoints = Endpoints::below(&prefix).ok_or(UrlError::Malformed)?;
        Ok(Self {
            scheme,
            host,
            port,
            authority,
            host_header,
            prefix,
            endpoints,
        })
    }

    /// Whether it begins with `https`: then a [`Client`](super::Client) talks TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// The host's name or address, in lower case; an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL without `/OpenADR2/Simple/2.0b`, as a VEN says where it is pushed to (spec §4.4).
    #[must_use]
    pub fn root(&self) -> String {
        format!("{}://{}{}", self.scheme.name(), self.authority, self.prefix)
    }

    /// The path before `/OpenADR2/Simple/2.0b`.
    #[must_use]
    pub fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// Host and port, as a URL spells them.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The value of the `Host` header.
    pub(crate) fn host_header(&self) -> HeaderValue {
        self.host_header.clone()
    }

    /// The path of a service (rule 511).
    pub(crate) fn endpoint(&self, service: ServiceName) -> Uri {
        match service {
            ServiceName::EiEvent => &self.endpoints.event,
            ServiceName::EiReport => &self.endpoints.report,
            ServiceName::EiRegisterParty => &self.endpoints.register_party,
            ServiceName::EiOpt => &self.endpoints.opt,
            ServiceName::OadrPoll => &self.endpoints.poll,
        }
        .clone()
    }
}

impl Endpoints {
    /// `None` if the prefix is no part of a URL, which [`Prefix`] should have seen to.
    fn below(prefix: &Prefix) -> Option<Self> {
        let uri =
            |service: ServiceName| format!("{prefix}{ROOT}/{}", service.as_str()).parse().ok();
        Some(Self {
            event: uri(ServiceName::EiEvent)?,
            report: uri(ServiceName::EiReport)?,
            register_party: uri(ServiceName::EiRegisterParty)?,
            opt: uri(ServiceName::EiOpt)?,
            poll: uri(ServiceName::OadrPoll)?,
        })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{ROOT}", self.root())
    }
}

impl std::str::FromStr for BaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

/// What stands before `/OpenADR2/Simple/2.0b`, whether or not the URL goes on that far.
fn prefix_of(path: &str) -> Result<Prefix, UrlError> {
    let normal = normalise(path);
    let path = normal.trim_end_matches('/');
    // Somebody may have copied the address of one service; the others are beside it.
    let path = match path.rsplit_once('/') {
        Some((parent, name)) if parent.ends_with(ROOT) && named(name).is_some() => parent,
        Some(_) | None => path,
    };
    Prefix::new(path.strip_suffix(ROOT).unwrap_or(path)).map_err(UrlError::Path)
}

/// Why a text is not the URL of a VTN, or of a VEN that is pushed to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Nothing like `http://` at the beginning.
    #[error("such a URL begins with http:// or https://")]
    NoScheme,
    /// Some other scheme.
    #[error("only http:// and https:// URLs are supported")]
    Scheme,
    /// No host between the scheme and the path.
    #[error("the URL names no host")]
    NoHost,
    /// A user or a password in the URL, where logs would show it.
    #[error("credentials do not belong into the URL; set them apart")]
    Credentials,
    /// A port that is no number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// A `?` or a `#`.
    #[error("such a URL has neither query nor fragment")]
    QueryOrFragment,
    /// A path that none can have.
    #[error("{0}")]
    Path(PrefixError),
    /// Anything else that is no URL.
    #[error("this is not a URL")]
    Malformed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_511_with_and_without_the_path_is_the_same() {
        let base = BaseUrl::parse("http://vtn.example:8080/grid").unwrap();
        assert_eq!(
            base.endpoint(ServiceName::OadrPoll),
            "/grid/OpenADR2/Simple/2.0b/OadrPoll"
        );
        assert_eq!(
            base.to_string(),
            "http://vtn.example:8080/grid/OpenADR2/Simple/2.0b"
        );
        for text in [
            "http://vtn.example:8080/grid/",
            "HTTP://VTN.Example:8080/grid/OpenADR2/Simple/2.0b",
            "http://vtn.example:8080/grid/OpenADR2/Simple/2.0b/",
            "http://vtn.example:8080/grid/OpenADR2/Simple/2%2E0b/EiEvent",
            "http://vtn.example:8080/./gri%64//",
            " http://vtn.example:8080/grid\n",
        ] {
            assert_eq!(BaseUrl::parse(text).as_ref(), Ok(&base), "{text}");
        }
    }

    #[test]
    fn the_root_needs_no_prefix() {
        for text in [
            "http://10.0.0.1",
            "http://10.0.0.1/",
            "http://10.0.0.1:80/OpenADR2/Simple/2.0b",
        ] {
            let base = BaseUrl::parse(text).unwrap();
            assert_eq!(
                base.endpoint(ServiceName::EiEvent),
                "/OpenADR2/Simple/2.0b/EiEvent",
                "{text}"
            );
            assert_eq!(base.authority(), "10.0.0.1", "{text}");
        }
    }

    #[test]
    fn https_has_a_port_of_its_own() {
        let base = BaseUrl::parse("HTTPS://VTN.example/grid").unwrap();
        assert!(base.is_https());
        assert_eq!((base.port(), base.authority()), (443, "vtn.example"));
        assert_eq!(
            base.to_string(),
            "https://vtn.example/grid/OpenADR2/Simple/2.0b"
        );
        for (text, authority) in [
            ("https://vtn.example:80", "vtn.example:80"),
            ("http://vtn.example:443", "vtn.example:443"),
        ] {
            assert_eq!(BaseUrl::parse(text).unwrap().authority(), authority);
        }
        let plain = BaseUrl::parse("http://vtn.example/grid").unwrap();
        assert!(!plain.is_https() && plain != base);
    }

    #[test]
    fn case_of_the_path_counts() {
        let base = BaseUrl::parse("http://h/openadr2/simple/2.0b").unwrap();
        let path = "/openadr2/simple/2.0b/OpenADR2/Simple/2.0b/EiOpt";
        assert_eq!(base.endpoint(ServiceName::EiOpt), path);
    }

    #[test]
    fn an_ipv6_address_keeps_its_brackets_only_in_headers() {
        let base = BaseUrl::parse("http://[::1]:8080").unwrap();
        assert_eq!((base.host(), base.port()), ("::1", 8080));
        assert_eq!(base.authority(), "[::1]:8080");
        assert_eq!(base.to_string(), "http://[::1]:8080/OpenADR2/Simple/2.0b");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, error) in [
            ("vtn.example:8080", UrlError::NoScheme),
            ("", UrlError::NoScheme),
            ("ftp://vtn.example", UrlError::Scheme),
            ("http://", UrlError::NoHost),
            ("http:///path", UrlError::NoHost),
            ("http://:8080/", UrlError::NoHost),
            ("http://me:secret@vtn.example/", UrlError::Credentials),
            ("http://vtn.example:0/", UrlError::Port),
            ("http://vtn.example:/", UrlError::Port),
            ("http://vtn.example:99999/", UrlError::Port),
            ("http://vtn.example/?a=b", UrlError::QueryOrFragment),
            ("http://vtn.example/#top", UrlError::QueryOrFragment),
            (
                "http://vtn.example/a//b",
                UrlError::Path(PrefixError::EmptySegment),
            ),
            ("http://vtn example/", UrlError::Malformed),
        ] {
            assert_eq!(BaseUrl::parse(text), Err(error), "{text}");
        }
    }
}
