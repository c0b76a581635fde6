//! Keeps a session: connects, and connects again when it breaks, with a back-off.
//!
//! Knows nothing of what goes over it.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::connect::{ConnectError, connect, failed};
use crate::link::{Link, random};
use crate::session::{Bound, Ended, Requests};
use crate::{Config, Handler, Notice, Status};

/// Why there is no session for now.
enum Down {
    Lost(io::Error),
    Refused(String),
    Replaced,
}

/// Until it is to end, or nobody holds it any more.
pub(crate) async fn keep<H: Handler>(
    link: Arc<Link>,
    requests: impl Requests,
    handler: Arc<H>,
    status: watch::Sender<Status>,
    closing: watch::Receiver<bool>,
) {
    let config = &link.config;
    let mut attempts = 0;
    loop {
        let begun = Instant::now();
        // A task of its own, which ends when it is not waited for: what a library makes of a server that is
        // none must not end all attempts.
        let mut binding = JoinSet::new();
        binding.spawn(bind(Arc::clone(&link)));
        let bound = tokio::select! {
            bound = binding.join_next() => bound,
            () = closed(&closing) => break,
        };
        let bound = match bound {
            Some(Ok(bound)) => bound,
            Some(Err(_)) | None => Err(Down::Lost(failed("connecting failed by a fault of ours"))),
        };
        let down = match bound {
            Ok(bound) => {
                let jid = &config.jid;
                handler.notice(Notice::Connected { jid });
                status.send_replace(Status::Up { jid: jid.clone() });
                let ended = bound.run(&link, &requests, closed(&closing)).await;
                if *closing.borrow() || closing.has_changed().is_err() {
                    break;
                }
                // Who lasts is no trouble; who is thrown out at once would be, without an end.
                if begun.elapsed() >= config.back_off.1 {
                    attempts = 0;
                }
                match ended {
                    Ended::Closed => break,
                    Ended::Lost(error) => Down::Lost(error),
                    Ended::Replaced => Down::Replaced,
                }
            }
            Err(down) => down,
        };
        let again_in = match &down {
            Down::Lost(_) => back_off(config, attempts),
            Down::Refused(_) | Down::Replaced => jittered(config.back_off.1),
        };
        attempts = attempts.saturating_add(1);
        let why = match &down {
            Down::Lost(error) => {
                handler.notice(Notice::Disconnected { error, again_in });
                error.to_string()
            }
            Down::Refused(why) => {
                handler.notice(Notice::LoginRefused { why, again_in });
                format!("the login was refused: {why}")
            }
            Down::Replaced => {
                handler.notice(Notice::Replaced { again_in });
                "another session has taken the JID".to_owned()
            }
        };
        status.send_replace(Status::Down { why: Some(why) });
        tokio::select! {
            () = tokio::time::sleep(again_in) => {}
            () = closed(&closing) => break,
        }
    }
    // What an earlier session asked, too.
    requests.finish().await;
    status.send_replace(Status::Closed);
}

/// Connects, logs in and binds, within the time that it may take.
async fn bind(link: Arc<Link>) -> Result<Bound, Down> {
    let config = &link.config;
    let bound = async {
        let connected = connect(config).await.map_err(|error| match error {
            ConnectError::Io(error) => Down::Lost(error),
            ConnectError::Refused(why) => Down::Refused(why),
        })?;
        Bound::new(connected, &link)
            .await
            .map_err(|ended| match ended {
                Ended::Lost(error) => Down::Lost(error),
                Ended::Replaced => Down::Replaced,
                Ended::Closed => Down::Lost(failed("the session ended")),
            })
    };
    let late = |_| {
        let error = io::Error::new(io::ErrorKind::TimedOut, "the server takes too long");
        Err(Down::Lost(error))
    };
    tokio::time::timeout(config.connect_timeout, bound)
        .await
        .unwrap_or_else(late)
}

/// When it is to end: somebody said so, or nobody is left who could.
fn closed(closing: &watch::Receiver<bool>) -> impl Future<Output = ()> + use<> {
    let mut closing = closing.clone();
    async move {
        let _ = closing.wait_for(|closing| *closing).await;
    }
}

/// Twice as long each time, up to the longest.
fn back_off(config: &Config, attempts: u32) -> Duration {
    let (first, longest) = config.back_off;
    let factor = 1_u32.checked_shl(attempts).unwrap_or(u32::MAX).max(1);
    jittered(first.saturating_mul(factor).min(longest))
}

/// Between half of it and all of it, so that those who lost the same server do not come back at once.
fn jittered(longest: Duration) -> Duration {
    let [part, ..] = random().to_be_bytes();
    let half = longest / 2;
    half.saturating_add(half * u32::from(part) / 255)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Login, Role};

    #[test]
    fn attempts_get_rarer_up_to_the_longest_back_off() {
        let jid = "ven1@d.example/client".parse().unwrap();
        let config = Config::new(jid, Login::Certificate, Role::Ven);
        for (attempts, longest) in [
            (0, 1),
            (1, 2),
            (5, 32),
            (6, 60),
            (31, 60),
            (32, 60),
            (u32::MAX, 60),
        ] {
            let longest = Duration::from_secs(longest);
            for _ in 0..32 {
                let back_off = back_off(&config, attempts);
                assert!(
                    back_off >= longest / 2 && back_off <= longest,
                    "{back_off:?}"
                );
            }
        }
    }
}
