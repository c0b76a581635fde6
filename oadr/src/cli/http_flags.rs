//! The options that bound what VENs may cost a VTN, alike on the command line and in the file.
//!
//! Knows nothing of how the server keeps to them.

use std::error::Error;
use std::num::NonZeroU32;
use std::time;

use clap::Args;
use oadr_core::value::Duration;
use oadr_http::RequestRate;
use serde::Deserialize;

use crate::vtn::ServerConfig;

#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Deserialize)]
#[command(next_help_heading = "Bounds for VENs")]
#[serde(deny_unknown_fields, default)]
pub(super) struct HttpArgs {
    /// Connections open at the same time; more wait. Lowered to what the limit of open files
    /// allows. [default: 10000]
    #[arg(long, value_name = "COUNT")]
    max_connections: Option<NonZeroU32>,
    /// Connections of one peer, which is an address as long as there are no certificates; more are
    /// closed at once. [default: 1000]
    #[arg(long, value_name = "COUNT")]
    max_connections_per_peer: Option<u32>,
    /// Requests a second of one peer; more are answered 503 with Retry-After. 0: any number.
    /// [default: 500]
    #[arg(long, value_name = "COUNT")]
    requests_per_second: Option<u32>,
    /// Requests of one peer at once, after a rest. [default: 5000]
    #[arg(long, value_name = "COUNT")]
    request_burst: Option<NonZeroU32>,
    /// Bound this machine's addresses like those of any peer, although a proxy may stand for many.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOLEAN")]
    bound_loopback: Option<bool>,
    /// How long a request's header may take, as an ISO 8601 duration. [default: PT10S]
    #[arg(long, value_name = "DURATION")]
    header_timeout: Option<Duration>,
    /// How long a request's body may take. [default: PT1M]
    #[arg(long, value_name = "DURATION")]
    body_timeout: Option<Duration>,
    /// How long a VEN may take to read a reply. [default: PT1M]
    #[arg(long, value_name = "DURATION")]
    reply_timeout: Option<Duration>,
    /// How long a connection may be silent between two requests. [default: PT75S]
    #[arg(long, value_name = "DURATION")]
    idle_timeout: Option<Duration>,
}

impl HttpArgs {
    /// These, and where they say nothing, others.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            max_connections: self.max_connections.or(other.max_connections),
            max_connections_per_peer: self
                .max_connections_per_peer
                .or(other.max_connections_per_peer),
            requests_per_second: self.requests_per_second.or(other.requests_per_second),
            request_burst: self.request_burst.or(other.request_burst),
            bound_loopback: self.bound_loopback.or(other.bound_loopback),
            header_timeout: self.header_timeout.or(other.header_timeout),
            body_timeout: self.body_timeout.or(other.body_timeout),
            reply_timeout: self.reply_timeout.or(other.reply_timeout),
            idle_timeout: self.idle_timeout.or(other.idle_timeout),
        }
    }

    /// The server's settings, by default where these say nothing.
    ///
    /// # Errors
    /// A time-out is not a positive time of fixed length.
    pub(super) fn bounds(self) -> Result<ServerConfig, Box<dyn Error>> {
        let mut bounds = ServerConfig::default();
        if let Some(count) = self.max_connections {
            bounds.max_connections = count.get();
        }
        if let Some(count) = self.max_connections_per_peer {
            bounds.max_connections_per_peer = count;
        }
        bounds.request_rate = bounds.request_rate.and_then(|default| {
            let per_second = self.requests_per_second.map(NonZeroU32::new);
            Some(RequestRate {
                per_second: per_second.unwrap_or(Some(default.per_second))?,
                burst: self.request_burst.unwrap_or(default.burst),
            })
        });
        bounds.bound_loopback = self.bound_loopback.unwrap_or(bounds.bound_loopback);
        for (name, given, time) in [
            ("header", self.header_timeout, &mut bounds.header_timeout),
            ("body", self.body_timeout, &mut bounds.body_timeout),
            ("reply", self.reply_timeout, &mut bounds.reply_timeout),
            ("idle", self.idle_timeout, &mut bounds.idle_timeout),
        ] {
            if let Some(given) = given {
                *time = length(given).ok_or_else(|| {
                    format!("the {name} time-out {given} is not a positive time of fixed length")
                })?;
            }
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
    fn options_go_before_the_file_and_the_file_before_defaults() {
        let file = "idle_timeout = \"PT5S\"\nmax_connections_per_peer = 7\nbound_loopback = true\n";
        let file: HttpArgs = toml::from_str(file).unwrap();
        let words = ["--idle-timeout", "PT6S", "--request-burst", "9"];
        let bounds = line(&words).or(file).bounds().unwrap();
        assert_eq!(bounds.idle_timeout, time::Duration::from_secs(6));
        assert_eq!(bounds.max_connections_per_peer, 7);
        assert!(bounds.bound_loopback);
        let rate = bounds.request_rate.unwrap();
        assert_eq!((rate.per_second.get(), rate.burst.get()), (500, 9));
        assert_eq!(bounds.header_timeout, time::Duration::from_secs(10));
    }

    #[test]
    fn a_file_may_be_overruled_where_it_says_yes() {
        let file: HttpArgs = toml::from_str("bound_loopback = true").unwrap();
        let bounds = line(&["--bound-loopback", "false"]).or(file).bounds();
        assert!(!bounds.unwrap().bound_loopback);
        assert!(line(&["--bound-loopback"]).bounds().unwrap().bound_loopback);
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
