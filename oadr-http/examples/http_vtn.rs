//! A VTN in memory over HTTP: `cargo run -p oadr-http --example http_vtn [ADDRESS]`, on 127.0.0.1:8080 if
//! nothing is said. It prints what happens to its VENs.
//!
//! Any VEN may register and nothing proves who it is: keep it on loopback.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use oadr_core::memory::{VtnConfig, VtnHost};
use oadr_core::value::{DateTime, VtnId};
use oadr_core::vtn;
use oadr_http::{Handler, Notice, Reply, Request, ServerConfig, serve};

/// The host decides in microseconds, so that one lock around it is enough for an example.
struct Vtn(Mutex<VtnHost>);

impl Handler for Vtn {
    async fn handle(&self, request: Request) -> Reply {
        let Request {
            peer,
            profile,
            message,
            ..
        } = request;
        let Ok(entropy) = entropy() else {
            return Reply::Failed;
        };
        match self.with(|host| host.handle(peer, profile, message, now(), entropy)) {
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
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let host = VtnHost::new(VtnConfig::new(VtnId::new("VTN-example")?));
    let vtn = Arc::new(Vtn(Mutex::new(host)));

    let listener = tokio::net::TcpListener::bind(address).await?;
    println!(
        "http://{}/OpenADR2/Simple/2.0b; stop it with Ctrl-C",
        listener.local_addr()?
    );
    let serving = serve(listener, Arc::clone(&vtn), ServerConfig::default(), async {
        let _ = tokio::signal::ctrl_c().await;
    });
    // What time alone brings: events that end, answers that never come.
    let waking = async {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
            if let Ok(entropy) = entropy() {
                vtn.with(|host| host.wake(now(), entropy));
            }
        }
    };
    tokio::select! {
        drained = serving => println!("{drained:?}"),
        () = waking => {}
    }
    Ok(())
}

fn now() -> DateTime {
    SystemTime::now().into()
}

fn entropy() -> Result<[u8; 32], getrandom::Error> {
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy).map(|()| entropy)
}
