//! A VTN in memory over XMPP: `cargo run -p oadr-xmpp --example xmpp_vtn` says which arguments it wants. It
//! prints what happens to its VENs.
//!
//! Whoever the XMPP server lets write to it may register.

mod account;

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use account::{entropy, now};
use oadr_core::memory::{VtnConfig, VtnHost};
use oadr_core::payload::{Profile, Transport};
use oadr_core::value::{NonEmpty, ProfileName, TransportName, VtnId};
use oadr_core::vtn::{self, Push, PushAddress, PushFailure, PushFault, PushOutcome};
use oadr_core::{Jid, Peer};
use oadr_xmpp::{Endpoint, Handler, Notice, Reply, Request, Role, SendError};

/// The host decides in microseconds, so that one lock around it is enough for an example.
struct Vtn(Mutex<VtnHost>);

impl Handler for Vtn {
    fn admits(&self, _: &Jid) -> bool {
        true
    }

    async fn handle(&self, request: Request) -> Reply {
        let Request {
            from,
            profile,
            message,
            ..
        } = request;
        let Ok(entropy) = entropy() else {
            return Reply::Failed;
        };
        match self.with(|host| host.handle(Peer::Jid(from), profile, message, now(), entropy)) {
            vtn::Reply::Message(message) => Reply::Message(message),
            vtn::Reply::Empty | vtn::Reply::Push(_) => Reply::Empty,
            vtn::Reply::Forbidden => Reply::Forbidden,
        }
    }

    fn notice(&self, notice: Notice<'_>) {
        println!("{notice:?}");
    }
}

impl Vtn {
    /// Does something with the host, then tells what came of it.
    fn with<T>(&self, work: impl FnOnce(&mut VtnHost) -> T) -> T {
        let mut host = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = work(&mut host);
        for (_, _, effect) in host.take_effects() {
            println!("{effect:?}");
        }
        outcome
    }

    /// Pushes to a VEN until there is nothing more.
    async fn push(&self, endpoint: &Endpoint, ven: u64, push: Push) {
        let mut next = Some(push);
        while let Some(Push {
            id, to, message, ..
        }) = next
        {
            println!("push {:?}", message.kind());
            let outcome = match to {
                PushAddress::Xmpp(jid) => outcome(endpoint.send(&jid, &message).await),
                PushAddress::Http(_) => failed(PushFault::AddressRefused, "no HTTP here"),
            };
            let Ok(entropy) = entropy() else { return };
            next = self.with(|host| host.pushed(ven, id, outcome, now(), entropy));
        }
    }
}

fn outcome(sent: Result<oadr_xmpp::Answer, SendError>) -> PushOutcome {
    match sent {
        Ok(answer) => match answer.reply {
            Some(reply) => PushOutcome::Replied {
                profile: reply.profile,
                message: Box::new(reply.message),
                signature: answer.signature,
            },
            None => PushOutcome::Acknowledged,
        },
        Err(error) => {
            let fault = match &error {
                SendError::NotConnected => PushFault::Unreachable,
                SendError::Offline(_) => PushFault::Offline,
                SendError::TimedOut { .. } => PushFault::TimedOut,
                SendError::Forbidden => PushFault::Untrusted,
                SendError::Undecodable(_) | SendError::AnswerTooLong { .. } => {
                    PushFault::Unreadable
                }
                SendError::Stanza { .. } | _ => PushFault::Refused,
            };
            failed(fault, &error.to_string())
        }
    }
}

fn failed(fault: PushFault, detail: &str) -> PushOutcome {
    println!("{detail}");
    PushOutcome::Failed(PushFailure {
        fault,
        detail: detail.parse().unwrap_or_default(),
        retry_after: None,
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut config = VtnConfig::new(VtnId::new("VTN-example")?);
    config.profiles = NonEmpty::one(Profile {
        name: ProfileName::B,
        transports: NonEmpty::one(Transport {
            name: TransportName::Xmpp,
        }),
    });
    let vtn = Arc::new(Vtn(Mutex::new(VtnHost::new(config))));
    let endpoint = Endpoint::start(account::config(Role::Vtn)?, Arc::clone(&vtn));
    println!("stop it with Ctrl-C");
    // What time alone brings: pushes that are due, events that end, answers that never come.
    let waking = async {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
            let Ok(entropy) = entropy() else { break };
            for (ven, push) in vtn.with(|host| host.wake(now(), entropy)) {
                let (vtn, endpoint) = (Arc::clone(&vtn), endpoint.clone());
                tokio::spawn(async move { vtn.push(&endpoint, ven, push).await });
            }
        }
    };
    tokio::select! {
        stop = tokio::signal::ctrl_c() => stop?,
        () = waking => {}
    }
    endpoint.close().await;
    Ok(())
}
