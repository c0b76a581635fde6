//! Pushes over HTTP: to the address that a VEN gave, as far as it may be connected to.
//!
//! Knows nothing of when something is pushed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oadr_core::CertificateId;
use oadr_core::value::{Duration as Lasting, Text};
use oadr_core::vtn::{Push, PushFault, PushOutcome};
use oadr_http::tls::TlsClient;
use oadr_http::{BaseUrl, Client, ClientConfig, ClientError, Network, Reach, RequestTimeout};
use tokio::time::{Instant, timeout};

use super::failure::{self, failed};
use super::seal::VenSeal;
use crate::store::Key;
use crate::vtn::host::Host;
use crate::vtn::registry::Slot;

/// How a VTN pushes to VENs over HTTP.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PushConfig {
    /// The networks that VENs may give addresses in, beside the public addresses of the Internet.
    pub networks: Vec<Network>,
    /// No addresses but those in [`networks`](Self::networks).
    pub only_networks: bool,
    /// Push to `http` addresses, too: without encryption and without any proof of who answers.
    pub plain_http: bool,
    /// How long a VEN may take to answer.
    pub timeout: Duration,
    /// How long a message is tried before it becomes a dead letter.
    pub give_up_after: Lasting,
}

impl Default for PushConfig {
    /// Public `https` addresses, 10 s, a day.
    fn default() -> Self {
        Self {
            networks: Vec::new(),
            only_networks: false,
            plain_http: false,
            timeout: Duration::from_secs(10),
            give_up_after: Lasting::hours(24),
        }
    }
}

/// The most connections that are kept between pushes, and for how long.
const KEPT: usize = 2048;
const KEEP: Duration = Duration::from_secs(60);

/// The longest reply of a VEN, in bytes: what it replies to a push is short.
const LONGEST_REPLY: usize = 256 * 1024;

/// The clients of VENs, each with a connection that may serve once more.
#[derive(Debug)]
pub(in super::super) struct HttpPush {
    tls: Option<TlsClient>,
    reach: Reach,
    plain_http: bool,
    timeout: Duration,
    kept: Mutex<HashMap<Key, Kept>>,
}

#[derive(Debug)]
struct Kept {
    ven: VenClient,
    since: Instant,
}

/// A client, and what it was made of.
#[derive(Debug)]
struct VenClient {
    address: Text,
    peers: Vec<CertificateId>,
    client: Client,
}

impl HttpPush {
    /// With the VTN's own certificate, if it has one.
    pub(in super::super) fn new(config: PushConfig, tls: Option<TlsClient>) -> Self {
        Self {
            tls,
            reach: Reach {
                networks: config.networks,
                only_networks: config.only_networks,
            },
            plain_http: config.plain_http,
            timeout: config.timeout,
            kept: Mutex::default(),
        }
    }

    pub(super) async fn send(
        &self,
        host: &Arc<Host>,
        slot: &Slot,
        address: &Text,
        push: &Push,
    ) -> PushOutcome {
        let ven = match self.client(host, slot, address) {
            Ok(ven) => ven,
            Err(outcome) => return outcome,
        };
        let sending = ven.client.send(push.service, &push.message);
        let sent = timeout(self.timeout, sending).await;
        let after = self.timeout;
        match sent.unwrap_or(Err(ClientError::TimedOut { after })) {
            Ok(answer) => {
                self.keep(slot.key, ven);
                match answer.reply {
                    None => PushOutcome::Acknowledged,
                    Some(reply) => PushOutcome::Replied {
                        profile: reply.profile,
                        message: Box::new(reply.message),
                        signature: answer.signature,
                    },
                }
            }
            Err(error) => PushOutcome::Failed(failure::of(&error)),
        }
    }

    /// A client for this address: the one that was kept, if nothing has changed.
    fn client(
        &self,
        host: &Arc<Host>,
        slot: &Slot,
        address: &Text,
    ) -> Result<VenClient, PushOutcome> {
        let current = slot.current();
        let peers = current.map(|ven| ven.state.certificates().collect());
        let peers: Vec<_> = peers.unwrap_or_default();
        let kept = self.kept().remove(&slot.key);
        if let Some(Kept { ven, .. }) = kept
            && ven.address == *address
            && ven.peers == peers
        {
            return Ok(ven);
        }
        let base = BaseUrl::parse(address.as_str()).map_err(|error| failure::no_url(&error))?;
        if !base.is_https() && !self.plain_http {
            return Err(failed(
                PushFault::AddressRefused,
                "the VEN gave an http address, and only https is pushed to (but see --push-plain-http)",
            ));
        }
        let mut config = ClientConfig::default();
        config.decode.limits.bytes = LONGEST_REPLY;
        config.reuse_within = KEEP;
        // What is shorter is seen to above.
        config.request_timeout =
            RequestTimeout::new(self.timeout).unwrap_or(RequestTimeout::MINIMUM);
        config.tls.clone_from(&self.tls);
        config.peers.clone_from(&peers);
        config.reach = Some(self.reach.clone());
        config.accepts_compressed = false;
        config.seal = Some(Arc::new(VenSeal::new(host, slot.key)));
        Ok(VenClient {
            address: address.clone(),
            peers,
            client: Client::new(base, config),
        })
    }

    /// Keeps a connection for the next push, if there is room.
    fn keep(&self, key: Key, ven: VenClient) {
        let mut kept = self.kept();
        if kept.len() < KEPT {
            let since = Instant::now();
            kept.insert(key, Kept { ven, since });
        }
    }

    /// Closes connections that were kept for long enough.
    pub(super) fn sweep(&self) {
        self.kept().retain(|_, kept| kept.since.elapsed() < KEEP);
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Key, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
