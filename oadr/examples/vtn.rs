//! A VTN in a minute: it lets one VEN in, and has an event for it.

use std::error::Error;

use oadr::value::{Duration, SignalName, SignalType};
use oadr::vtn::{Event, Interval, RegistrationAnswer, Running, Vtn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let vtn = start(Vtn::new("MyVTN")?).await?;
    tokio::signal::ctrl_c().await?;
    vtn.stop().await;
    Ok(())
}

/// Starts the VTN; what it promises is on the disk, in the folder `oadr-vtn` if nothing else is said.
pub async fn start(vtn: Vtn) -> Result<Running, Box<dyn Error>> {
    let vtn = vtn
        .on_create_party_registration(async |ven| match ven.ven_name() {
            "ven123" => Ok(RegistrationAnswer::accept_as("ven_id_123", "reg_id_123")?),
            _ => Ok(RegistrationAnswer::Refuse),
        })
        .start()
        .await?;
    let event = Event::new(SignalName::Simple, SignalType::Level)
        .ven("ven_id_123")
        .event_id("first")
        .interval(Interval::lasting(Duration::minutes(10), 1.0))
        .on_answer(async |answer| {
            println!(
                "{} says {} to {}",
                answer.ven_id, answer.opt, answer.event_id
            );
            Ok(())
        });
    vtn.add_event(event).await?;
    Ok(vtn)
}
