//! A VEN in memory over XMPP: `cargo run -p oadr-xmpp --example xmpp_ven` says which arguments it wants. It
//! finds its VTN by discovery, takes part in every event, and prints what happens.

mod account;

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use account::{entropy, now};
use oadr_core::memory::VenHost;
use oadr_core::value::{OptType, TransportName};
use oadr_core::ven::{Context, Failure, OptPolicy, Outgoing, PushReply};
use oadr_core::{BareJid, Jid};
use oadr_xmpp::{Endpoint, Handler, Notice, Reply, Request, Role, ServiceJids, Status};
use tokio::sync::Notify;

struct Ven {
    host: Mutex<VenHost>,
    /// What is to be sent; the machine sends one message at a time.
    outgoing: Mutex<Option<Outgoing>>,
    changed: Notify,
    /// Where the VTN's services are, once they are found.
    services: Mutex<ServiceJids>,
}

impl Handler for Ven {
    /// Other sessions of the VTN's accounts may push, too (spec §5.2).
    fn admits(&self, from: &Jid) -> bool {
        let services = lock(&self.services);
        let mut accounts = services.0.iter().map(|(_, jid)| jid.account());
        accounts.any(|account: &BareJid| account == from.account())
    }

    async fn handle(&self, request: Request) -> Reply {
        let Ok(entropy) = entropy() else {
            return Reply::Failed;
        };
        println!("pushed {:?}", request.message.kind());
        let (reply, next) = self.with(|host| host.pushed(request.message, now(), entropy));
        self.send(next);
        match reply {
            PushReply::Message(message) => Reply::Message(message),
            PushReply::Empty => Reply::Empty,
        }
    }

    fn notice(&self, notice: Notice<'_>) {
        println!("{notice:?}");
    }
}

impl Ven {
    /// Does something with the host, then tells what came of it.
    fn with<T>(&self, work: impl FnOnce(&mut VenHost) -> T) -> T {
        let mut host = lock(&self.host);
        let outcome = work(&mut host);
        for (_, effect) in host.take_effects() {
            println!("{effect:?}");
        }
        outcome
    }

    fn send(&self, next: Option<Outgoing>) {
        if let Some(next) = next {
            *lock(&self.outgoing) = Some(next);
        }
        self.changed.notify_one();
    }

    /// Sends what is to be sent, and wakes the machine when time has come.
    async fn run(&self, endpoint: &Endpoint) -> Result<(), Box<dyn Error>> {
        let mut status = endpoint.status();
        status
            .wait_for(|status| matches!(status, Status::Up { .. }))
            .await?;
        let found = endpoint.discover(None).await?;
        println!("{found:?}");
        *lock(&self.services) = found;
        let entropy = entropy()?;
        self.send(self.with(|host| host.start(now(), entropy)));
        loop {
            let outgoing = lock(&self.outgoing).take();
            match outgoing {
                Some(outgoing) => self.exchange(endpoint, outgoing).await?,
                None => self.wait().await?,
            }
        }
    }

    async fn exchange(
        &self,
        endpoint: &Endpoint,
        outgoing: Outgoing,
    ) -> Result<(), Box<dyn Error>> {
        let Outgoing {
            exchange,
            service,
            message,
        } = outgoing;
        println!("send {:?}", message.kind());
        let to = {
            let services = lock(&self.services);
            let mut all = services.0.iter();
            let found = all
                .find(|(name, _)| *name == service)
                .or(services.0.first());
            found.map(|(_, jid)| jid.clone())
        };
        let to = to.ok_or("the VTN has no services")?;
        let sent = endpoint.send(&to, &message).await;
        let entropy = entropy()?;
        self.send(self.with(|host| match sent {
            Ok(answer) => {
                let reply = answer.reply.map(|reply| reply.message);
                host.replied(exchange, reply, now(), entropy)
            }
            Err(error) => {
                println!("{error}");
                host.failed(exchange, Failure::Unreachable, now(), entropy)
            }
        }));
        Ok(())
    }

    /// Until the next deadline, or until there is something to send.
    async fn wait(&self) -> Result<(), Box<dyn Error>> {
        let deadline = lock(&self.host).next_deadline();
        let left = deadline.map(|at| (at - now()).to_std().unwrap_or_default());
        tokio::select! {
            () = tokio::time::sleep(left.unwrap_or(Duration::from_secs(3600))) => {
                let entropy = entropy()?;
                self.send(self.with(|host| host.wake(now(), entropy)));
            }
            () = self.changed.notified() => {}
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = account::config(Role::Ven)?;
    let mut context = Context::new(config.jid.account().local().parse()?);
    context.transport = TransportName::Xmpp;
    context.transport_address = Some(config.jid.to_string().parse()?);
    context.opt = OptPolicy::Always(OptType::OptIn);
    let ven = Arc::new(Ven {
        host: Mutex::new(VenHost::new(context)),
        outgoing: Mutex::default(),
        changed: Notify::new(),
        services: Mutex::new(ServiceJids(Vec::new())),
    });
    let endpoint = Endpoint::start(config, Arc::clone(&ven));
    println!("stop it with Ctrl-C");
    tokio::select! {
        stop = tokio::signal::ctrl_c() => stop?,
        end = ven.run(&endpoint) => end?,
    }
    endpoint.close().await;
    Ok(())
}
