//! The README's VTN that wants readings, at work with a VEN.

use oadr::payload::ResponseCode;
use oadr::vtn::{Happening, Vtn};
use oadr_core::vtn::Admission;

use crate::folder::Folder;
use crate::report_wire::{offer, status, update, usage};
use crate::served::{settings, within};
use crate::wire::{client, register, settle};

#[expect(
    dead_code,
    unreachable_pub,
    reason = "it is a program of its own, of which main is not called here"
)]
#[path = "../../examples/readings.rs"]
mod example;

#[test]
fn the_readme_shows_the_example_as_it_is() {
    let example = include_str!("../../examples/readings.rs");
    let readme = include_str!("../../../README.md");
    let (_, section) = readme.split_once("### Readings in a minute\n").unwrap();
    let (_, block) = section.split_once("```rust\n").unwrap();
    let (block, _) = block.split_once("```\n").unwrap();
    assert_eq!(block, example);
}

#[tokio::test]
async fn the_readmes_vtn_wants_power_and_gets_it() {
    let folder = Folder::new();
    let config = settings(folder.path(), Admission::Enrolled);
    let vtn = example::start(Vtn::from_config(config)).await.unwrap();
    let mut happenings = vtn.happenings();
    let client = client(&vtn.vtn_url());
    let ven_id = register(&client, "house").await;
    settle(&client, &ven_id).await;
    let offers = vec![usage(&[("p1", "pump")]), status("s", "pump")];
    let requested = offer(&client, &ven_id, offers).await;
    let [request] = &requested[..] else {
        panic!("{requested:?}")
    };
    assert_eq!(request.specifier.granularity.to_string(), "PT10S");
    assert_eq!(request.specifier.report_back.to_string(), "PT1M");
    let values = [("p1", 0, 1.0), ("p1", 10, 1.5)];
    let code = update(&client, &ven_id, &request.report_request_id, &values).await;
    assert_eq!(code, ResponseCode::OK);
    let told = within("the readings", async {
        loop {
            let happening = happenings.recv().await.unwrap();
            let updates = Happening::report_updates(&happening);
            if let [update] = &updates[..] {
                return update.values();
            }
        }
    });
    assert_eq!(told.await.len(), 2);
    vtn.stop().await;
}
