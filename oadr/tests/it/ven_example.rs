//! The README's VEN, at work with a VTN.

use chrono::{TimeDelta, Utc};
use oadr_core::vtn::Admission;
use serde_json::json;

use crate::folder::Folder;
use crate::life::{answered, create, event};
use crate::served::{start, within};

#[expect(
    dead_code,
    unreachable_pub,
    reason = "it is a program of its own, of which main is not called here"
)]
#[path = "../../examples/ven.rs"]
mod example;

#[test]
fn the_readme_shows_the_example_as_it_is() {
    let example = include_str!("../../examples/ven.rs");
    let readme = include_str!("../../../README.md");
    let (_, section) = readme.split_once("### A VEN in a minute\n").unwrap();
    let (_, block) = section.split_once("```rust\n").unwrap();
    let (block, _) = block.split_once("```\n").unwrap();
    assert_eq!(block, example);
}

#[tokio::test]
async fn the_readmes_ven_takes_part_in_what_is_no_test() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let data = folder.path().join("pump1");
    let (url, data) = (vtn.vtn_url(), data.to_str().unwrap());
    let pump = example::start(&url, data).await.unwrap();
    let registered = pump.until(|state| state.registered().is_some());
    within("registered", registered).await.unwrap();
    let api = vtn.api_url();
    let mut test = event("Test1", Utc::now() + TimeDelta::hours(1), 600);
    test["test_event"] = json!(true);
    create(&api, &test).await;
    // Long enough not to be over before it has come to the VEN.
    create(&api, &event("Event1", Utc::now(), 5)).await;
    assert_eq!(answered(&api, "Test1").await["opt"], "optOut");
    assert_eq!(answered(&api, "Event1").await["opt"], "optIn");
    let is_over = |known: &oadr_core::ven::KnownEvent| {
        known.event_id().as_str() == "Event1" && *known.run() == oadr_core::ven::Run::Over
    };
    let ended = pump.until(|state| state.events().any(is_over));
    within("the end of the event", ended).await.unwrap();
    pump.stop().await;
    vtn.stop().await;
}
