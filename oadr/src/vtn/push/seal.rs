//! Signatures of what is pushed to one VEN, and of what it replies.
//!
//! Knows nothing of what messages mean.

use std::sync::{Arc, Weak};

use hyper::body::Bytes;
use oadr_core::Peer;
use oadr_core::payload::Message;
use oadr_http::{Seal, SealError, Unsealed};

use crate::clock;
use crate::store::Key;
use crate::vtn::host::Host;
use crate::vtn::registry::Slot;

/// What one VEN's policy and certificates are now: they may change while a connection is kept.
#[derive(Debug)]
pub(super) struct VenSeal {
    host: Weak<Host>,
    key: Key,
}

/// The VEN, or the VTN, is gone.
#[derive(Debug, thiserror::Error)]
#[error("there is no such VEN any more")]
struct Gone;

impl VenSeal {
    pub(super) fn new(host: &Arc<Host>, key: Key) -> Self {
        let host = Arc::downgrade(host);
        Self { host, key }
    }

    fn ven(&self) -> Result<(Arc<Host>, Arc<Slot>), SealError> {
        let host = self.host.upgrade().ok_or_else(|| SealError::new(Gone))?;
        let slot = host.registry.slot(self.key);
        let slot = slot.ok_or_else(|| SealError::new(Gone))?;
        Ok((host, slot))
    }
}

impl Seal for VenSeal {
    fn seal(&self, message: &Message) -> Result<Vec<u8>, SealError> {
        let (host, ven) = self.ven()?;
        let trust = &host.trust;
        let sealed = trust
            .signatures
            .seal_push(&trust.peers, &ven, message, clock::now());
        sealed.map_err(SealError::new)
    }

    fn unseal(&self, server: &Peer, document: Bytes) -> Result<Unsealed, SealError> {
        let (host, ven) = self.ven()?;
        let trust = &host.trust;
        let unsealed =
            trust
                .signatures
                .unseal_reply(&trust.peers, &ven, server, document, clock::now());
        unsealed.map_err(SealError::new)
    }
}
