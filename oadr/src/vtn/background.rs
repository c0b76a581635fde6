//! What a VTN does by itself, and its XMPP session: they end with the VTN, also where nobody stopped it.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::host::Host;

/// Tasks and a session that hold the host.
#[derive(Debug)]
pub(super) struct Background {
    host: Arc<Host>,
    tasks: Vec<JoinHandle<()>>,
}

impl Background {
    /// Of a host, with its session if it has one.
    pub(super) fn of(host: &Arc<Host>, tasks: Vec<JoinHandle<()>>) -> Self {
        let host = Arc::clone(host);
        Self { host, tasks }
    }

    /// Ends all of it; who asked something over XMPP has his answer.
    pub(super) async fn end(mut self) {
        if let Some(xmpp) = self.host.xmpp() {
            xmpp.close().await;
        }
        for task in self.tasks.drain(..) {
            task.abort();
            let _ = task.await;
        }
    }
}

/// The session's handler holds the host, and the host the session: without this a VTN that is dropped
/// would stay logged in, and go on deciding beside the next one.
impl Drop for Background {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.host.hold_xmpp(None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Config, Vtn, XmppConfig};
    use crate::temp_dir::TempDir;

    #[tokio::test]
    async fn a_vtn_that_is_dropped_leaves_nothing_behind() {
        let folder = TempDir::new("dropped").unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, "sesame").unwrap();
        let mut xmpp = XmppConfig::new("vtn@localhost/openadr".parse().unwrap());
        xmpp.server = Some(("127.0.0.1".to_owned(), 1));
        xmpp.password_file = Some(password);
        xmpp.insecure_plain = true;
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            api: ([127, 0, 0, 1], 0).into(),
            data: folder.path().join("data"),
            xmpp: Some(xmpp),
            ..Config::default()
        };
        let running = Vtn::from_config(config).start().await.unwrap();
        let host = std::sync::Arc::downgrade(&running.host);
        drop(running);
        let gone = async {
            while host.strong_count() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let gone = tokio::time::timeout(Duration::from_secs(20), gone).await;
        assert!(gone.is_ok(), "{} hold it", host.strong_count());
    }
}
