//! A VEN in a minute: it takes part in what is no test, and says what its pump is to do.

use std::error::Error;

use oadr::ven::{OptType, Running, StartError, Ven};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let pump = start("http://127.0.0.1:8080", "pump1").await?;
    tokio::signal::ctrl_c().await?;
    pump.stop().await;
    Ok(())
}

/// Starts the VEN; it registers, polls and answers by itself, and keeps what it knows in a folder.
pub async fn start(vtn: &str, folder: &str) -> Result<Running, StartError> {
    Ven::new("Pump1", vtn, folder)?
        .on_event(async |event| {
            println!("{} starts at {}", event.event_id(), event.start());
            match event.is_test() {
                true => OptType::OptOut,
                false => OptType::OptIn,
            }
        })
        .on_interval_started(async |now| println!("{} is {} now", now.signal_name, now.payload))
        .on_event_ended(async |over| println!("{} is over", over.event_id))
        .start()
        .await
}
