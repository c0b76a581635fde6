//! The options for a proxy that ends the TLS of VENs, alike on the command line and in the file.
//!
//! Knows nothing of what such a proxy writes.

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::vtn::{Config, Network, Proxy};

#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Behind a proxy that ends TLS")]
pub(super) struct ProxyArgs {
    /// Where a proxy connects that ends the TLS of VENs and hands on the certificate of each in a header.
    /// Nobody else may: see --trusted-proxy
    #[arg(long, value_name = "ADDRESS")]
    proxy_listen: Option<SocketAddr>,
    /// The proxy's address, or a network such as 10.0.0.0/8; may be given several times. Whoever can
    /// connect from there can be any VEN [default: this machine]
    #[arg(long = "trusted-proxy", value_name = "NETWORK")]
    trusted_proxies: Vec<Network>,
    /// The header with the certificate, as nginx, HAProxy, Envoy or RFC 9440 writes it. The proxy must
    /// replace what comes from outside under this name
    #[arg(long, value_name = "NAME", default_value = Proxy::HEADER)]
    proxy_certificate_header: String,
    /// The file with the CAs that VENs' certificates behind the proxy are from; may be given several
    /// times. none: whoever issued them, that is for the proxy to check [default: --tls-client-ca]
    #[arg(long = "proxy-client-ca", value_name = "FILE")]
    proxy_client_cas: Vec<PathBuf>,
}

/// In the place of a file: there is none.
const NONE: &str = "none";

impl ProxyArgs {
    /// Puts them into how the VTN runs.
    ///
    /// # Errors
    /// They do not go together.
    pub(super) fn apply(self, config: &mut Config) -> Result<(), Box<dyn Error>> {
        let Some(listen) = self.proxy_listen else {
            for (name, is_empty) in [
                ("trusted_proxies", self.trusted_proxies.is_empty()),
                ("proxy_client_cas", self.proxy_client_cas.is_empty()),
            ] {
                if !is_empty {
                    return Err(format!("{name} without proxy_listen").into());
                }
            }
            return Ok(());
        };
        let mut proxy = Proxy::new(listen);
        if !self.trusted_proxies.is_empty() {
            proxy.networks = self.trusted_proxies;
        }
        proxy.header = self.proxy_certificate_header;
        let is_none = |file: &PathBuf| file == Path::new(NONE);
        proxy.client_cas = match &*self.proxy_client_cas {
            [only] if is_none(only) => None,
            files if files.iter().any(is_none) => {
                return Err("proxy_client_cas: none beside files".into());
            }
            _ => Some(self.proxy_client_cas),
        };
        config.proxy = Some(proxy);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        proxy: ProxyArgs,
    }

    fn applied(words: &[&str]) -> Result<Option<Proxy>, String> {
        let words = ["vtn"].iter().chain(words);
        let args = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        let mut config = Config::default();
        let applied = args.proxy.apply(&mut config);
        applied.map_err(|error| error.to_string())?;
        Ok(config.proxy)
    }

    #[test]
    fn nobody_is_believed_unless_it_is_said() {
        assert!(applied(&[]).unwrap().is_none());
        for (words, error) in [
            (
                ["--trusted-proxy", "10.0.0.1"],
                "trusted_proxies without proxy_listen",
            ),
            (
                ["--proxy-client-ca", "ca.pem"],
                "proxy_client_cas without proxy_listen",
            ),
        ] {
            assert_eq!(applied(&words).unwrap_err(), error);
        }
    }

    #[test]
    fn a_proxy_is_this_machine_unless_others_are_named() {
        let on = ["--proxy-listen", "127.0.0.1:8090"];
        let proxy = applied(&on).unwrap().unwrap();
        assert_eq!(proxy.networks, Network::LOOPBACK);
        assert_eq!(proxy.header, "X-SSL-Client-Cert");
        assert_eq!(proxy.client_cas, Some(Vec::new()));
        let more = ["--trusted-proxy=10.0.0.0/8", "--trusted-proxy=::1"];
        let proxy = applied(&[&on[..], &more].concat()).unwrap().unwrap();
        let networks: Vec<_> = proxy.networks.iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["10.0.0.0/8", "::1"]);
        let error = applied(&["--trusted-proxy", "proxy.example"]).unwrap_err();
        assert!(
            error.contains("\"proxy.example\" is no IP address"),
            "{error}"
        );
    }

    #[test]
    fn that_nobody_checks_who_issued_is_said_in_so_many_words() {
        let on = ["--proxy-listen=127.0.0.1:8090", "--proxy-client-ca=none"];
        assert_eq!(applied(&on).unwrap().unwrap().client_cas, None);
        let both = [&on[..], &["--proxy-client-ca=ca.pem"]].concat();
        assert_eq!(
            applied(&both).unwrap_err(),
            "proxy_client_cas: none beside files"
        );
    }
}
