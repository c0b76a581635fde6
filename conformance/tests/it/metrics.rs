//! The figures of a VTN at work, read by the client library of Prometheus.

use std::collections::BTreeSet;
use std::time::Duration;

use conformance::folder::Folder;
use conformance::http::Base;
use conformance::metrics::Samples;
use conformance::peers::Peers;
use conformance::program::Vtn;
use conformance::wait;

use crate::busy_ven::BusyVen;
use crate::operator;

const HOUR: Duration = Duration::from_secs(3600);

const STRANGER: &str = "<oadr:oadrPayload xmlns:oadr=\"http://openadr.org/oadr-2.0b/2012/07\" \
    xmlns:ei=\"http://docs.oasis-open.org/ns/energyinterop/201110\"><oadr:oadrSignedObject>\
    <oadr:oadrPoll ei:schemaVersion=\"2.0b\"><ei:venID>Stranger</ei:venID></oadr:oadrPoll>\
    </oadr:oadrSignedObject></oadr:oadrPayload>";

/// What `/metrics` says.
fn figures(peers: &Peers, api: &Base) -> Samples {
    let answer = api.get("/metrics").unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    Samples::read(peers, &answer.body).unwrap()
}

/// Which figures there are, whatever they are.
fn series(figures: &Samples) -> BTreeSet<String> {
    let all = figures.all().iter();
    all.map(|sample| format!("{} {:?}", sample.name, sample.labels))
        .collect()
}

#[test]
fn the_figures_of_a_vtn_at_work_are_what_happened() {
    let Some(peers) = Peers::or_skip("the_figures_of_a_vtn_at_work_are_what_happened") else {
        return;
    };
    let data = Folder::new("vtn").unwrap();
    let vtn = Vtn::start(data.path()).unwrap();
    let ven = BusyVen::start(&vtn.endpoint, "Busy1", "optIn", Duration::ZERO);
    operator::create(&vtn, &operator::event("Event1", &["Busy1"], HOUR, &[1]));
    operator::wait_for_answer(&vtn, "Event1", &ven.ven_id, "optIn");
    let ven_id = ven.ven_id.clone();
    ven.stop();

    // Everything that a stranger may do wrong.
    let poll = |document: &str| vtn.endpoint.xml("/OadrPoll", document.as_bytes()).unwrap();
    assert_eq!(poll(STRANGER).status, 200);
    assert_eq!(poll("<nothing/>").status, 406);
    assert_eq!(vtn.endpoint.get("/OadrPoll").unwrap().status, 501);
    let before = figures(&peers, &vtn.api);
    for number in 0..50 {
        let other = STRANGER.replace("Stranger", &format!("Stranger{number}"));
        assert_eq!(poll(&other).status, 200);
        assert_eq!(poll(&format!("<nothing{number}/>")).status, 406);
    }
    // The connection of the last reply is closed after it.
    let after = wait::until("all connections' end", wait::PATIENCE, || {
        let after = figures(&peers, &vtn.api);
        (after.get("oadr_connections", &[]) == Some(0.0)).then_some(after)
    })
    .unwrap();

    let figure = |name, labels: &[(&str, &str)]| {
        after
            .get(name, labels)
            .unwrap_or_else(|| panic!("there is no {name} {labels:?}: {after:?}"))
    };
    let stranger = [
        ("service", "OadrPoll"),
        ("message", "oadrPoll"),
        ("result", "463"),
    ];
    assert_eq!(figure("oadr_messages_total", &stranger), 51.0);
    let registration = [
        ("service", "EiRegisterParty"),
        ("message", "oadrCreatePartyRegistration"),
        ("result", "200"),
    ];
    assert_eq!(figure("oadr_messages_total", &registration), 1.0);
    assert!(
        figure(
            "oadr_message_duration_seconds_count",
            &[("service", "OadrPoll")]
        ) > 3.0
    );
    assert_eq!(
        figure("oadr_http_refusals_total", &[("status", "406")]),
        51.0
    );
    assert_eq!(
        figure("oadr_http_refusals_total", &[("status", "501")]),
        1.0
    );
    assert_eq!(
        figure("oadr_http_refusals_total", &[("status", "500")]),
        0.0
    );
    assert_eq!(figure("oadr_vens", &[("status", "registered")]), 1.0);
    assert_eq!(figure("oadr_vens", &[("status", "known")]), 0.0);
    assert_eq!(figure("oadr_events_open", &[]), 1.0);
    assert_eq!(figure("oadr_deliveries", &[("state", "settled")]), 1.0);
    assert_eq!(figure("oadr_deliveries", &[("state", "pending")]), 0.0);
    assert_eq!(
        figure("oadr_delivery_changes_total", &[("status", "answered")]),
        1.0
    );
    assert!(figure("oadr_commit_duration_seconds_count", &[]) >= 5.0);
    assert_eq!(
        figure("oadr_commit_duration_seconds_count", &[]),
        figure("oadr_commit_group_size_count", &[])
    );
    assert_eq!(
        figure("oadr_store_errors_total", &[("kind", "failed")]),
        0.0
    );
    assert!(figure("oadr_database_bytes", &[("file", "main")]) > 0.0);
    assert_eq!(
        figure("oadr_build_info", &[("version", env!("CARGO_PKG_VERSION"))]),
        1.0
    );

    // Whatever strangers say, there are no more series than before, and none is named by a peer.
    assert_eq!(series(&before), series(&after));
    for name in ["Stranger", "nothing", "Busy1", &ven_id, "Event1"] {
        assert!(!series(&after).iter().any(|s| s.contains(name)), "{name}");
    }
}

#[test]
fn a_delivery_that_waits_is_seen_with_its_age() {
    let Some(peers) = Peers::or_skip("a_delivery_that_waits_is_seen_with_its_age") else {
        return;
    };
    let data = Folder::new("vtn").unwrap();
    let vtn = Vtn::start(data.path()).unwrap();
    BusyVen::start(&vtn.endpoint, "Busy1", "optIn", Duration::ZERO).stop();
    operator::create(&vtn, &operator::event("Event1", &["Busy1"], HOUR, &[1]));
    let pending = [("state", "pending")];
    let aged = wait::until("a second's age", wait::PATIENCE, || {
        let figures = figures(&peers, &vtn.api);
        let age = figures.get("oadr_oldest_delivery_seconds", &pending);
        age.is_some_and(|age| age >= 1.0).then_some(figures)
    });
    assert_eq!(aged.unwrap().get("oadr_deliveries", &pending), Some(1.0));
    // The VEN does not poll any more: three seconds later it is not online.
    wait::until("its absence", wait::PATIENCE, || {
        let figures = figures(&peers, &vtn.api);
        (figures.get("oadr_vens_online", &[]) == Some(0.0)).then_some(())
    })
    .unwrap();
}
