//! The README's VTN, at work with a VEN.

use hyper::Method;
use oadr::vtn::{Config, Vtn};
use oadr_core::value::OptType;
use oadr_core::vtn::Admission;

use crate::folder::Folder;
use crate::served::{Ven, call, settings, until, ven_config};
use crate::token;

#[expect(
    dead_code,
    unreachable_pub,
    reason = "it is a program of its own, of which main is not called here"
)]
#[path = "../../examples/vtn.rs"]
mod example;

#[test]
fn the_readme_shows_the_example_as_it_is() {
    let example = include_str!("../../examples/vtn.rs");
    let readme = include_str!("../../../README.md");
    let (_, section) = readme.split_once("### A VTN in a minute\n").unwrap();
    let (_, block) = section.split_once("```rust\n").unwrap();
    let (block, _) = block.split_once("```\n").unwrap();
    assert_eq!(block, example);
}

#[tokio::test]
async fn the_readmes_vtn_admits_one_ven_and_has_an_event_for_it() {
    let folder = Folder::new();
    let settings = |vtn_id: &str| Config {
        vtn_id: vtn_id.parse().ok(),
        ..settings(&folder.path().join("vtn"), Admission::Enrolled)
    };
    let vtn = example::start(Vtn::from_config(settings("MyVTN")))
        .await
        .unwrap();
    token::learn(&vtn.api_url(), &vtn.api_token_file());
    let data = |name: &str| folder.path().join(name);
    let url = vtn.vtn_url();
    let stranger = ven_config(&url, "ven124", &data("ven124"), OptType::OptIn);
    let stranger = Ven::start(stranger).await;
    let config = ven_config(&url, "ven123", &data("ven123"), OptType::OptOut);
    let mut ven = Ven::start(config).await;
    assert_eq!(ven.next("registered").await["ven_id"], "ven_id_123");
    assert_eq!(ven.next("event_received").await["event_id"], "first");
    let api = vtn.api_url();
    let show = || async {
        call(&api, Method::GET, "/api/v1/events/first", None)
            .await
            .body
    };
    let event = until("the answer", show, |event| {
        event["vens"][0]["delivery"] == "answered"
    });
    assert_eq!(event.await["vens"][0]["opt"], "optOut");
    ven.stop().await;
    let happened = stranger.stop().await;
    assert!(
        happened
            .iter()
            .all(|line| line["happening"] != "registered"),
        "{happened:?}"
    );
    vtn.stop().await;
    // The event is there already.
    let vtn = example::start(Vtn::from_config(settings("MyVTN")))
        .await
        .unwrap();
    vtn.stop().await;
}
