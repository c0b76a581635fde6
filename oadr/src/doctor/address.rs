//! The URL of a VTN as somebody wrote it: where it leads, and what is odd about it.
//!
//! Knows nothing of what is there.

use std::fmt;
use std::net::IpAddr;

use hyper::Uri;

use super::finding::Finding;

/// What stands before the name of a service (rule 511).
pub(super) const ROOT: &str = "/OpenADR2/Simple/2.0b";

/// Where the VTN should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) tls: bool,
    /// IPv6 without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Host and port as a URL spells them.
    pub(super) authority: String,
    /// The path before [`ROOT`], without a slash at its end.
    pub(super) prefix: String,
    /// The path as it was written.
    pub(super) written: String,
}

impl Address {
    /// The host, if it is an IP address.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether it is on this machine.
    pub(super) fn is_local(&self) -> bool {
        let named = self.host.eq_ignore_ascii_case("localhost");
        self.ip().map_or(named, |ip| ip.is_loopback())
    }

    /// The URL with another path before [`ROOT`].
    pub(super) fn url_with(&self, prefix: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}{prefix}", self.authority)
    }

    /// Where the service that is asked is, below a path.
    pub(super) fn endpoint(prefix: &str) -> String {
        format!("{prefix}{ROOT}/EiRegisterParty")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url_with(&self.prefix))?;
        f.write_str(ROOT)
    }
}

/// Reads a URL, and repairs what has one meaning only. `None` where there is no telling.
pub(super) fn examine(text: &str) -> (Option<Address>, Vec<Finding>) {
    let mut found = Vec::new();
    let address = read(text.trim(), &mut found);
    if let Some(address) = &address
        && found.is_empty()
    {
        found.push(Finding::ok("url", format!("the VTN's URL is {address}")));
    }
    (address, found)
}

fn read(text: &str, found: &mut Vec<Finding>) -> Option<Address> {
    let mut wrong = |code, what: &str, advice: &str| {
        found.push(Finding::problem(code, what, advice));
        None
    };
    let Some((scheme, rest)) = text.split_once("://") else {
        return wrong(
            "url_scheme",
            "the URL does not begin with https:// or http://",
            "Write all of it, such as https://vtn.example:8443",
        );
    };
    let tls = if scheme.eq_ignore_ascii_case("https") {
        true
    } else if scheme.eq_ignore_ascii_case("http") {
        false
    } else {
        return wrong(
            "url_scheme",
            "the URL begins neither with https:// nor with http://",
            "OpenADR's simple HTTP transport knows these two.",
        );
    };
    if rest
        .split(['/', '?', '#'])
        .next()
        .is_some_and(|authority| authority.contains('@'))
    {
        return wrong(
            "url_credentials",
            "the URL has a user or a password in it, where logs would show them",
            "Leave them out of the URL and give --http-user and --http-password.",
        );
    }
    if rest.contains(['?', '#']) {
        return wrong(
            "url_query",
            "the URL has a query (?) or a fragment (#), which a VTN's has not",
            "Leave it out.",
        );
    }
    let uri: Option<Uri> = text.parse().ok();
    let Some((authority, uri)) = uri.as_ref().and_then(|uri| Some((uri.authority()?, uri))) else {
        return wrong(
            "url_malformed",
            "this is not a URL",
            "Write it like https://vtn.example:8443",
        );
    };
    let port = match authority.port_u16() {
        Some(port) if port > 0 => port,
        None if authority.as_str() == authority.host() => {
            if tls {
                443
            } else {
                80
            }
        }
        Some(_) | None => {
            return wrong(
                "url_port",
                "the URL's port is not a number from 1 to 65535",
                "Correct it.",
            );
        }
    };
    let host = authority
        .host()
        .trim_matches(['[', ']'])
        .to_ascii_lowercase();
    if host.is_empty() {
        return wrong(
            "url_malformed",
            "the URL names no host",
            "Write it like https://vtn.example:8443",
        );
    }
    let written = uri.path().trim_end_matches('/').to_owned();
    let mut address = Address {
        tls,
        host,
        port,
        authority: authority.as_str().to_ascii_lowercase(),
        prefix: String::new(),
        written: written.clone(),
    };
    address.prefix = prefix(&written, &address, found);
    Some(address)
}

/// The path before [`ROOT`].
fn prefix(path: &str, address: &Address, found: &mut Vec<Finding>) -> String {
    // Somebody may have copied the address of one service.
    let path = match path.rsplit_once('/') {
        Some((parent, _)) if parent.ends_with(ROOT) => parent,
        Some(_) | None => path,
    };
    let mut prefix = path;
    let mut times = 0;
    while let Some(shorter) = prefix.strip_suffix(ROOT) {
        prefix = shorter.trim_end_matches('/');
        times += 1;
    }
    if times > 1 {
        found.push(Finding::problem(
            "path_doubled",
            format!("the URL has {ROOT} {times} times"),
            format!(
                "Write {} (with {ROOT} once, or without it)",
                address.url_with(prefix)
            ),
        ));
        return prefix.to_owned();
    }
    if times == 1 {
        return prefix.to_owned();
    }
    let small = prefix.to_ascii_lowercase();
    if let Some(at) = small.find(&ROOT.to_ascii_lowercase()) {
        let before = prefix.get(..at).unwrap_or_default();
        found.push(Finding::problem(
            "path_spelling",
            format!(
                "the URL's path {path} is not {ROOT} exactly; capitals count, and nothing follows"
            ),
            format!("Write {}", address.url_with(before)),
        ));
        return before.to_owned();
    }
    for beginning in ["/openadr2/simple", "/openadr2/simple/2.0a", "/openadr2"] {
        if let Some(before) = small.strip_suffix(beginning) {
            let before = prefix.get(..before.len()).unwrap_or_default();
            found.push(Finding::problem(
                "path_spelling",
                format!(
                    "the URL's path {path} is only a part of {ROOT}, or that of another version"
                ),
                format!("Write {}", address.url_with(before)),
            ));
            return before.to_owned();
        }
    }
    prefix.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> (Option<String>, Vec<&'static str>) {
        let (address, found) = examine(text);
        let codes = found.iter().map(|found| found.code).collect();
        (address.map(|address| address.to_string()), codes)
    }

    #[test]
    fn rule_511_a_path_that_is_missing_doubled_or_misspelt_is_put_right() {
        let right = "https://vtn.example:8443/grid/OpenADR2/Simple/2.0b";
        for (text, code) in [
            (right, "url"),
            ("https://vtn.example:8443/grid/", "url"),
            (
                "https://VTN.example:8443/grid/OpenADR2/Simple/2.0b/OadrPoll",
                "url",
            ),
            (
                "https://vtn.example:8443/grid/OpenADR2/Simple/2.0b/OpenADR2/Simple/2.0b",
                "path_doubled",
            ),
            (
                "https://vtn.example:8443/grid/openadr2/simple/2.0b",
                "path_spelling",
            ),
            (
                "https://vtn.example:8443/grid/OpenADR2/Simple",
                "path_spelling",
            ),
            (
                "https://vtn.example:8443/grid/OpenADR2/Simple/2.0a",
                "path_spelling",
            ),
        ] {
            assert_eq!(codes(text), (Some(right.to_owned()), vec![code]), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_vtn_is_said() {
        for (text, code) in [
            ("vtn.example:8443", "url_scheme"),
            ("ftp://vtn.example", "url_scheme"),
            ("https://me:secret@vtn.example", "url_credentials"),
            ("https://vtn.example/?a=b", "url_query"),
            ("https://vtn.example:0/", "url_port"),
            ("https://vtn.example:99999/", "url_port"),
            ("https:///path", "url_malformed"),
        ] {
            assert_eq!(codes(text), (None, vec![code]), "{text}");
        }
        let (_, found) = examine("https://me:secret@vtn.example");
        assert!(!format!("{found:?}").contains("secret"));
    }
}
