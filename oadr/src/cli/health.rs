//! `oadr health`: whether a VTN works, for containers and for people in a hurry.
//!
//! Knows nothing of what makes it work.

use clap::Args;
use hyper::Method;
use serde::Deserialize;

use super::api_client::{ApiArgs, Format};
use super::api_error::Error;
use super::table::{self, printable};

/// Ask a VTN whether it works
#[derive(Debug, Args)]
#[command(after_help = "\
The status is 0 if the VTN answers and its database does, and 1 if not.

Examples:
  oadr health
  oadr health --api http://127.0.0.1:8081 --json")]
pub(super) struct HealthArgs {
    #[command(flatten)]
    api: ApiArgs,
}

impl HealthArgs {
    /// Asks, and prints the answer.
    ///
    /// # Errors
    /// The API cannot be reached, or the VTN does not work.
    pub(super) async fn run(self) -> Result<(), Error> {
        let answer = self
            .api
            .client()?
            .call(Method::GET, "/health", None)
            .await?;
        match self.api.format() {
            Format::Json => table::print(&answer.into_text()),
            Format::Table => table::print(&told(&answer.read()?)),
        }
    }
}

/// The answer, as far as people are told.
#[derive(Debug, Deserialize)]
struct Health {
    #[serde(default)]
    xmpp: Option<Xmpp>,
}

#[derive(Debug, Deserialize)]
struct Xmpp {
    is_up: bool,
    #[serde(default)]
    why: Option<String>,
}

fn told(health: &Health) -> String {
    match &health.xmpp {
        Some(xmpp) if !xmpp.is_up => {
            let why = xmpp.why.as_deref().unwrap_or("it is being connected");
            format!("ok; no session with the XMPP server: {}\n", printable(why))
        }
        Some(_) | None => "ok\n".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_vtn_without_its_xmpp_session_works_and_says_so() {
        let told = |value| told(&serde_json::from_value(value).unwrap());
        assert_eq!(told(json!({"status": "ok"})), "ok\n");
        assert_eq!(told(json!({"xmpp": {"is_up": true}})), "ok\n");
        assert_eq!(
            told(json!({"xmpp": {"is_up": false, "why": "Connection refused"}})),
            "ok; no session with the XMPP server: Connection refused\n"
        );
    }
}
