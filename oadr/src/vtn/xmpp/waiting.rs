//! What could not be pushed while there was no session.
//!
//! Knows nothing of what it is.

use std::sync::Arc;

use oadr_core::value::TransportName;
use oadr_core::vtn::{Command, State};
use tokio::task::JoinSet;

use crate::clock;
use crate::store::Audit;
use crate::vtn::host::{CommandFailure, Host};
use crate::vtn::registry::Slot;

/// How many VENs are told at the same time: enough to share commits.
const AT_ONCE: usize = 256;

/// Who had it tried again, in the audit.
const SESSION: &str = "the XMPP session";

/// Pushes at once what waits for the session: that there was none was not the VENs' fault.
pub(super) async fn push_what_waits(host: Arc<Host>) {
    let slots = host.registry.all().into_iter();
    let slots: Vec<_> = slots.filter(|slot| is(slot, is_over_xmpp)).collect();
    for some in slots.chunks(AT_ONCE) {
        let mut tasks = JoinSet::new();
        for slot in some {
            if is(slot, is_put_off) {
                tasks.spawn(try_again(Arc::clone(&host), Arc::clone(slot)));
            } else {
                host.pushes.look_at(slot.key);
            }
        }
        while tasks.join_next().await.is_some() {}
    }
}

fn is(slot: &Slot, what: impl Fn(&State) -> bool) -> bool {
    slot.current().is_some_and(|ven| what(&ven.state))
}

fn is_over_xmpp(state: &State) -> bool {
    let registration = state.registration();
    registration.is_some_and(|registration| registration.transport == TransportName::Xmpp)
}

/// Whether something failed and is not tried before some time.
fn is_put_off(state: &State) -> bool {
    state
        .push_status()
        .is_some_and(|status| status.failures > 0)
}

async fn try_again(host: Arc<Host>, slot: Arc<Slot>) {
    let ven = slot.current().and_then(|ven| ven.state.member().ven_id);
    let audit = Audit {
        at: clock::now(),
        who: SESSION.to_owned(),
        what: "retry_push",
        subject: ven.map(|ven| ven.to_string()).unwrap_or_default(),
        detail: None,
    };
    let command = Command::RetryPush { dead_letter: None };
    match host.command(Some(slot), &command, audit).await {
        // One that is gone, or that polls by now, waits for nothing.
        Ok(()) | Err(CommandFailure::Refused(_)) => {}
        Err(CommandFailure::Failed(error)) => {
            tracing::warn!(%error, "what waits for a VEN over XMPP is pushed later");
        }
    }
}
