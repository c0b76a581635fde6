//! What one connection is doing right now, as its three parts see it: the byte stream, the service
//! and the driver that watches the clock. Knows phases; knows neither time nor HTTP.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// A stretch of a connection's life with a time limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing of the next request is here.
    Idle,
    /// A header is arriving.
    Header,
    /// The header is complete, the body is not.
    Body,
    /// The handler has the request.
    Handling,
    /// A reply is on its way out.
    Reply,
    /// The reply is out, the write side closed; what the peer still sends is thrown away, because
    /// closing over unread bytes would reset the connection and could destroy the reply.
    Lingering,
}

impl Phase {
    const ALL: [Self; 6] = [
        Self::Idle,
        Self::Header,
        Self::Body,
        Self::Handling,
        Self::Reply,
        Self::Lingering,
    ];
}

/// The shared state of one connection. All parts run in the connection's own task, so the atomics
/// are never contended and their order needs no fences; they only make the sharing `Sync`.
#[derive(Debug)]
pub(super) struct Link {
    /// The phase in the low bits, above them a count of the changes.
    turn: AtomicU32,
    body_expired: AtomicBool,
    unread: AtomicBool,
}

/// A snapshot of a [`Link`]'s phase that differs from every snapshot of another stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn(u32);

impl Turn {
    pub(super) fn phase(self) -> Phase {
        let index = usize::try_from(self.0 & PHASE_BITS).unwrap_or_default();
        // The index is in range: only `Link::enter` writes it.
        Phase::ALL.get(index).copied().unwrap_or(Phase::Idle)
    }
}

const PHASE_BITS: u32 = 0b111;

impl Link {
    pub(super) fn new() -> Self {
        Self {
            turn: AtomicU32::new(Phase::Idle as u32),
            body_expired: AtomicBool::new(false),
            unread: AtomicBool::new(false),
        }
    }

    pub(super) fn turn(&self) -> Turn {
        Turn(self.turn.load(Ordering::Relaxed))
    }

    pub(super) fn phase(&self) -> Phase {
        self.turn().phase()
    }

    pub(super) fn enter(&self, phase: Phase) {
        let count = (self.turn.load(Ordering::Relaxed) & !PHASE_BITS).wrapping_add(PHASE_BITS + 1);
        self.turn.store(count | phase as u32, Ordering::Relaxed);
    }

    /// Tells the service that the body's time is over.
    pub(super) fn expire_body(&self) {
        self.body_expired.store(true, Ordering::Relaxed);
    }

    pub(super) fn body_expired(&self) -> bool {
        self.body_expired.load(Ordering::Relaxed)
    }

    /// Notes that a reply went out before its request was read whole: this connection lingers.
    pub(super) fn leave_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_survives_the_packing() {
        let link = Link::new();
        for phase in Phase::ALL {
            link.enter(phase);
            assert_eq!(link.phase(), phase);
        }
    }

    #[test]
    fn the_same_phase_again_is_another_turn() {
        let link = Link::new();
        let first = link.turn();
        link.enter(Phase::Idle);
        assert_ne!(link.turn(), first);
        assert_eq!(link.turn().phase(), first.phase());
    }
}
