//! The options that bound what VENs may cost a VTN, alike on the command line and in the file.
//!
//! Knows nothing of how the server keeps to them.

use std::error::Error;
use std::num::NonZeroU32;
use std::time;

use clap::builder::RangedI64ValueParser;
use clap::{Args, value_parser};
use oadr_core::value::Duration;
use oadr_http::RequestRate;

use crate::vtn::ServerConfig;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Bounds for VENs")]
pub(super) struct HttpArgs {
    /// Connections open at the same time; more wait. Lowered to what the limit of open files allows
    #[arg(long, value_name = "COUNT", default_value = "10000", value_parser = at_least_one())]
    max_connections: u32,
    /// Connections of one peer, which is a certificate, or an address without TLS; more are closed at
    /// once
    #[arg(long, value_name = "COUNT", default_value = "1000")]
    max_connections_per_peer: u32,
    /// Requests a second of one peer; more are answered 503 with Retry-After. 0: any number
    #[arg(long, value_name = "COUNT", default_value = "500")]
    requests_per_second: u32,
    /// Requests of one peer at once, after a rest
    #[arg(long, value_name = "COUNT", default_value = "5000", value_parser = at_least_one())]
    request_burst: u32,
    /// Bound this machine's addresses like those of any peer, although a proxy may stand for many
    #[arg(long)]
    bound_loopback: bool,
    /// How long a request's header may take, as an ISO 8601 duration
    #[arg(long, value_name = "DURATION", default_value = "PT10S")]
    header_timeout: Duration,
    /// How long a request's body may take
    #[arg(long, value_name = "DURATION", default_value = "PT1M")]
    body_timeout: Duration,
    /// How long a VEN may take to read a reply
    #[arg(long, value_name = "DURATION", default_value = "PT1M")]
    reply_timeout: Duration,
    /// How long a connection may be silent between two requests
    #[arg(long, value_name = "DURATION", default_value = "PT75S")]
    idle_timeout: Duration,
}

fn at_least_one() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(1..)
}

impl HttpArgs {
    /// The server's settings.
    ///
    /// # Errors
    /// A time-out is not a positive time of fixed length.
    pub(super) fn bounds(self) -> Result<ServerConfig, Box<dyn Error>> {
        let mut bounds = ServerConfig::default();
        bounds.max_connections = self.max_connections;
        bounds.max_connections_per_peer = self.max_connections_per_peer;
        let per_second = NonZeroU32::new(self.requests_per_second);
        bounds.request_rate = per_second.map(|per_second| RequestRate {
            per_second,
            burst: NonZeroU32::new(self.request_burst).unwrap_or(per_second),
        });
        bounds.bound_loopback = self.bound_loopback;
        for (name, given, time) in [
            ("header", self.header_timeout, &mut bounds.header_timeout),
            ("body", self.body_timeout, &mut bounds.body_timeout),
            ("reply", self.reply_timeout, &mut bounds.reply_timeout),
            ("idle", self.idle_timeout, &mut bounds.idle_timeout),
        ] {
            *time = length(given).ok_or_else(|| {
                format!("the {name} time-out {given} is not a positive time of fixed length")
            })?;
        }
        Ok(bounds)
    }
}

fn length(duration: Duration) -> Option<time::Duration> {
    let length = duration.to_time_delta()?.to_std().ok()?;
    (!length.is_zero()).then_some(length)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        http: HttpArgs,
    }

    fn line(words: &[&str]) -> HttpArgs {
        let words = ["vtn"].iter().chain(words);
        Line::try_parse_from(words).unwrap().http
    }

    #[test]
    fn nothing_said_is_the_servers_default() {
        let (said, default) = (line(&[]).bounds().unwrap(), ServerConfig::default());
        assert_eq!(format!("{said:?}"), format!("{default:?}"));
    }

    #[test]
    fn no_rate_is_any_number() {
        let bounds = line(&["--requests-per-second", "0"]).bounds().unwrap();
        assert_eq!(bounds.request_rate, None);
    }

    #[test]
    fn a_time_out_has_a_length() {
        for bad in ["PT0S", "P1M", "-PT1S"] {
            let words = [format!("--body-timeout={bad}")];
            let error = line(&[&words[0]]).bounds().unwrap_err().to_string();
            assert!(
                error.contains(&format!("the body time-out {bad}")),
                "{error}"
            );
        }
    }
}
