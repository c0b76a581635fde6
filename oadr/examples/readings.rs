//! A VTN that wants to know: power every ten seconds, of whoever measures it.

use std::error::Error;

use oadr::value::Duration;
use oadr::vtn::{PointRequest, Running, Vtn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let vtn = start(Vtn::new("MyVTN")?).await?;
    tokio::signal::ctrl_c().await?;
    vtn.stop().await;
    Ok(())
}

/// Starts the VTN; readings are on the disk before anybody is told of them.
pub async fn start(vtn: Vtn) -> Result<Running, Box<dyn Error>> {
    let vtn = vtn
        .admit_anyone()
        .on_register_report(async |point| match point.measurement.as_deref() {
            Some("powerReal") => Ok(Some(
                PointRequest::every(Duration::seconds(10)).report_back(Duration::minutes(1)),
            )),
            _ => Ok(None),
        })
        .on_update_report(async |update| {
            for (time, value) in update.values() {
                println!("{} {time}: {value}", update.ven_id);
            }
            Ok(())
        })
        .start()
        .await?;
    Ok(vtn)
}
