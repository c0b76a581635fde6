//! The options for pushes to VENs, alike on the command line and in the file.
//!
//! Knows nothing of how a push is tried.

use std::error::Error;

use clap::Args;
use oadr_core::value::Duration;

use crate::vtn::{Config, Network, PushConfig};

#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Pushes to VENs")]
pub(super) struct PushArgs {
    /// Let no VEN register for pushes over HTTP: all of them poll. So it is, too, without
    /// --tls-certificate, unless --push-plain-http is given
    #[arg(long)]
    no_push: bool,
    /// A network that VENs may give addresses in to be pushed to, such as 10.20.0.0/16; may be given
    /// several times. Without it only public addresses are connected to, whatever a name resolves to
    #[arg(long, value_name = "NETWORK")]
    push_allow: Vec<Network>,
    /// Push to no addresses but those of --push-allow, not even to public ones
    #[arg(long)]
    push_allow_only: bool,
    /// Push to http addresses, too: without encryption and without any proof of who answers
    #[arg(long)]
    push_plain_http: bool,
    /// How long a message is tried that cannot be pushed, as an ISO 8601 duration. Then it is a dead
    /// letter: see `oadr dead-letters`
    #[arg(long, value_name = "DURATION", default_value = "PT24H")]
    push_give_up_after: Duration,
}

impl PushArgs {
    /// Puts them into how the VTN runs.
    ///
    /// # Errors
    /// They do not go together.
    pub(super) fn apply(self, config: &mut Config) -> Result<(), Box<dyn Error>> {
        if self.push_allow_only && self.push_allow.is_empty() {
            return Err("push_allow_only without push_allow: nothing could be pushed to".into());
        }
        if self.no_push {
            if !self.push_allow.is_empty() || self.push_plain_http {
                return Err(
                    "no_push with push_allow or push_plain_http: is there to be pushed?".into(),
                );
            }
            config.push = None;
            return Ok(());
        }
        config.push = Some(PushConfig {
            networks: self.push_allow,
            only_networks: self.push_allow_only,
            plain_http: self.push_plain_http,
            give_up_after: self.push_give_up_after,
            ..PushConfig::default()
        });
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
        push: PushArgs,
    }

    fn applied(words: &[&str]) -> Result<Config, String> {
        let words = ["vtn"].iter().chain(words);
        let args = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        let mut config = Config::default();
        let applied = args.push.apply(&mut config);
        applied.map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn nothing_said_is_the_vtns_default() {
        let (said, default) = (applied(&[]).unwrap(), Config::default());
        assert_eq!(format!("{said:?}"), format!("{default:?}"));
        assert!(applied(&["--no-push"]).unwrap().push.is_none());
    }

    #[test]
    fn networks_are_added_or_are_all_there_is() {
        let some = ["--push-allow=10.0.0.0/8", "--push-allow=::1"];
        let push = applied(&some).unwrap().push.unwrap();
        let networks: Vec<_> = push.networks.iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["10.0.0.0/8", "::1"]);
        assert!(!push.only_networks && !push.plain_http);
        let only = [&some[..], &["--push-allow-only", "--push-plain-http"]].concat();
        let push = applied(&only).unwrap().push.unwrap();
        assert!(push.only_networks && push.plain_http);
        for more in ["--push-allow=10.0.0.0/8", "--push-plain-http"] {
            let both = applied(&["--no-push", more]).unwrap_err();
            assert!(both.starts_with("no_push with"), "{both}");
        }
        let nobody = applied(&["--push-allow-only"]).unwrap_err();
        assert!(nobody.contains("nothing could be pushed to"), "{nobody}");
    }
}
