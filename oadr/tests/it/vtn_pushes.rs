//! Pushes to VENs over HTTP, well and badly taken.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use oadr::vtn;
use oadr_core::payload::{Message, MessageKind, ResponseCode};
use oadr_core::value::{EventStatus, ServiceName, VenId};
use oadr_core::vtn::{Admission, Effect};
use oadr_http::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::folder::Folder;
use crate::port;
use crate::push_ven::{Manner, PushVens, create_pushed, pushing};
use crate::served::{call, until, within};
use crate::token;
use crate::wire::{answer_event, client, poll, send};

async fn start(config: vtn::Config) -> vtn::Running {
    let vtn = vtn::start(config).await.unwrap();
    token::learn(&vtn.api_url(), &vtn.api_token_file());
    vtn
}

async fn register(client: &Client, name: &str, url: &str) -> VenId {
    let reply = send(
        client,
        ServiceName::EiRegisterParty,
        create_pushed(name, url),
    )
    .await;
    let Message::CreatedPartyRegistration(created) = reply else {
        panic!("{reply:?}")
    };
    assert!(
        created.ei_response.response_code.is_success(),
        "{created:?}"
    );
    created.ven_id.unwrap()
}

fn event(id: &str, level: u8) -> Value {
    json!({
        "event_id": id, "market_context": "http://example.com/dr", "dtstart": "2035-01-01T00:00:00Z",
        "signals": [{
            "signal_name": "SIMPLE", "signal_type": "level",
            "intervals": [{"duration": "PT1H", "payload": level}],
        }],
    })
}

async fn create_event(vtn: &vtn::Running, id: &str) {
    let path = "/api/v1/events";
    let answer = call(&vtn.api_url(), Method::POST, path, Some(&event(id, 1))).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
}

/// The eventIDs and modification numbers that were pushed.
fn events(message: &Message) -> Vec<(String, u32)> {
    let Message::DistributeEvent(distribute) = message else {
        panic!("{message:?}")
    };
    let events = distribute
        .events
        .iter()
        .map(|event| &event.ei_event.descriptor);
    let events = events.map(|event| (event.event_id.to_string(), event.modification_number));
    events.collect()
}

async fn show(vtn: &vtn::Running, ven: &str) -> Value {
    let path = format!("/api/v1/vens/{ven}");
    call(&vtn.api_url(), Method::GET, &path, None).await.body
}

async fn letters(vtn: &vtn::Running) -> Vec<Value> {
    let answer = call(&vtn.api_url(), Method::GET, "/api/v1/dead-letters", None).await;
    answer.body["dead_letters"].as_array().unwrap().clone()
}

/// Dead letters as `ven message fault`, once there are so many.
async fn told_letters(vtn: &vtn::Running, count: usize) -> Vec<String> {
    let found = until(
        "dead letters",
        || async { json!(letters(vtn).await) },
        |letters| letters.as_array().unwrap().len() >= count,
    )
    .await;
    let told = found.as_array().unwrap().iter().map(|letter| {
        let word = |name: &str| letter[name].as_str().unwrap().to_owned();
        format!("{} {} {}", word("ven_name"), word("message"), word("fault"))
    });
    let mut told: Vec<_> = told.collect();
    told.sort();
    told
}

#[tokio::test]
async fn a_pushed_event_is_answered_modified_and_cancelled_and_the_ven_removed() {
    for manner in [Manner::Well, Manner::NoContent] {
        let folder = Folder::new();
        let vtn = start(pushing(folder.path(), Admission::Open)).await;
        let mut vens = PushVens::new(manner).await;
        let client = client(&vtn.vtn_url());
        let ven_id = register(&client, "house", &vens.url("house/")).await;
        let pushed = vens.next().await;
        assert_eq!(pushed.path, "/house/OpenADR2/Simple/2.0b/EiReport");
        assert_eq!(pushed.message.kind(), MessageKind::RegisterReport);
        assert!(!pushed.head.contains("encoding"), "{}", pushed.head);

        create_event(&vtn, "Event1").await;
        let pushed = vens.next().await;
        assert_eq!(pushed.path, "/house/OpenADR2/Simple/2.0b/EiEvent");
        assert_eq!(events(&pushed.message), [("Event1".to_owned(), 0)]);
        answer_event(&client, &ven_id, "Event1").await;
        let path = "/api/v1/events/Event1";
        let api = vtn.api_url();
        let shown = call(&api, Method::GET, path, None).await.body;
        assert_eq!(shown["vens"][0]["delivery"], "answered", "{shown}");

        call(
            &api,
            Method::PATCH,
            path,
            Some(&json!({"vtn_comment": "more"})),
        )
        .await;
        assert_eq!(
            events(&vens.next().await.message),
            [("Event1".to_owned(), 1)]
        );
        call(&api, Method::DELETE, path, None).await;
        assert_eq!(
            events(&vens.next().await.message),
            [("Event1".to_owned(), 2)]
        );

        let again = "/api/v1/vens/house/reregister";
        call(&api, Method::POST, again, None).await;
        let pushed = vens.next_of(MessageKind::RequestReregistration).await;
        assert_eq!(pushed.path, "/house/OpenADR2/Simple/2.0b/EiRegisterParty");
        call(&api, Method::DELETE, "/api/v1/vens/house", None).await;
        vens.next_of(MessageKind::CancelPartyRegistration).await;
        let list = || async { call(&api, Method::GET, "/api/v1/vens", None).await.body };
        until("the VEN is gone", list, |list| list["vens"] == json!([])).await;
        assert_eq!(letters(&vtn).await, Vec::<Value>::new());
        let figures = call(&api, Method::GET, "/metrics", None).await.text;
        assert!(figures.contains("oadr_pushes_under_way 0"), "{figures}");
        assert!(figures.contains("oadr_pushes_total{outcome=\"acknowledged\"} "));
        vtn.stop().await;
    }
}

#[tokio::test]
async fn a_ven_that_is_not_meant_any_more_is_pushed_the_cancellation() {
    let folder = Folder::new();
    let vtn = start(pushing(folder.path(), Admission::Open)).await;
    let mut vens = PushVens::new(Manner::Well).await;
    let client = client(&vtn.vtn_url());
    let ven_id = register(&client, "house", &vens.url("")).await;
    vens.next_of(MessageKind::RegisterReport).await;
    let mut north = event("Event1", 1);
    north["targets"] = json!({"ven_id": [ven_id]});
    let api = vtn.api_url();
    let made = call(&api, Method::POST, "/api/v1/events", Some(&north)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(
        events(&vens.next().await.message),
        [("Event1".to_owned(), 0)]
    );
    answer_event(&client, &ven_id, "Event1").await;
    let south = json!({"targets": {"ven_id": ["another"]}});
    let changed = call(&api, Method::PATCH, "/api/v1/events/Event1", Some(&south)).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    let Message::DistributeEvent(list) = vens.next().await.message else {
        panic!("no oadrDistributeEvent")
    };
    let status = list.events[0].ei_event.descriptor.event_status;
    assert_eq!(status, EventStatus::Cancelled);
    vtn.stop().await;
}

#[tokio::test]
async fn who_cannot_be_pushed_to_for_want_of_tls_is_told_so() {
    let folder = Folder::new();
    let mut config = pushing(folder.path(), Admission::Open);
    config.push.as_mut().unwrap().plain_http = false;
    let vtn = start(config).await;
    let message = create_pushed("house", "https://house.example.com/");
    let reply = send(
        &client(&vtn.vtn_url()),
        ServiceName::EiRegisterParty,
        message,
    )
    .await;
    let response = reply.ei_response().unwrap();
    assert_eq!(response.response_code, ResponseCode::DEPLOYMENT_ERROR);
    vtn.stop().await;
}

#[tokio::test]
async fn what_cannot_be_pushed_is_given_up_and_the_operator_told_why() {
    let folder = Folder::new();
    let vtn = start(pushing(folder.path(), Admission::Open)).await;
    let mut happenings = vtn.happenings();
    let client = client(&vtn.vtn_url());
    let mut all = Vec::new();
    for (name, manner, fault) in [
        ("redirects", Manner::Status(302), "redirected"),
        ("unknown", Manner::Status(404), "refused"),
        ("broken", Manner::Status(500), "broken"),
        ("busy", Manner::Status(503), "busy"),
        ("garbage", Manner::Garbage, "unreadable"),
        ("nohttp", Manner::NoHttp, "unreadable"),
        ("closes", Manner::Closes, "unreachable"),
        ("silent", Manner::Silent, "timed_out"),
    ] {
        let vens = PushVens::new(manner).await;
        register(&client, name, &vens.url("")).await;
        all.push((vens, format!("{name} oadrRegisterReport {fault}")));
    }
    let gone = format!("http://{}", port::free());
    register(&client, "gone", &gone).await;
    let mut expected: Vec<_> = all.iter().map(|(_, told)| told.clone()).collect();
    expected.push("gone oadrRegisterReport unreachable".to_owned());
    expected.sort();
    assert_eq!(told_letters(&vtn, expected.len()).await, expected);

    let shown = show(&vtn, "broken").await;
    assert_eq!(shown["push"]["fault"], "broken", "{shown}");
    assert!(
        shown["push"]["detail"].as_str().unwrap().contains("500"),
        "{shown}"
    );
    let given_up = within("the operator is told", async {
        loop {
            let happening = happenings.recv().await.unwrap();
            if let Effect::PushGivenUp { kind, attempts, .. } = &happening.effect {
                return (*kind, *attempts);
            }
        }
    });
    let (kind, attempts) = given_up.await;
    assert!(
        kind == MessageKind::RegisterReport && attempts > 1,
        "{attempts}"
    );
    vtn.stop().await;
}

#[tokio::test]
async fn nobody_is_connected_to_outside_the_allow_list() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let local = format!("http://127.0.0.1:{port}");
    let cases = [
        ("literal", local, "127.0.0.1"),
        ("name", format!("http://localhost:{port}"), "localhost is"),
        (
            "private",
            "http://10.255.255.1:9".to_owned(),
            "10.255.255.1",
        ),
        (
            "mapped",
            format!("http://[::ffff:127.0.0.1]:{port}"),
            "127.0.0.1",
        ),
        ("words", "where I live".to_owned(), "cannot be used"),
        (
            "secret",
            format!("http://me:sesame@127.0.0.1:{port}"),
            "cannot be used",
        ),
    ];
    let folder = Folder::new();
    let mut config = pushing(folder.path(), Admission::Open);
    if let Some(push) = &mut config.push {
        push.networks.clear();
        // Trying again would not help.
        push.give_up_after = oadr_core::value::Duration::hours(24);
    }
    let vtn = start(config).await;
    let client = client(&vtn.vtn_url());
    for (name, url, _) in &cases {
        register(&client, name, url).await;
    }
    let told = told_letters(&vtn, cases.len()).await;
    for (name, _, detail) in &cases {
        let refused = format!("{name} oadrRegisterReport address_refused");
        assert!(told.contains(&refused), "{told:?}");
        let shown = show(&vtn, name).await;
        let said = shown["push"]["dead_letters"][0]["detail"].as_str().unwrap();
        assert!(said.contains(detail) && !said.contains("sesame"), "{said}");
    }
    vtn.stop().await;
    let nobody = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(nobody.is_err(), "{nobody:?}");
}

#[tokio::test]
async fn a_ven_that_comes_back_is_served_at_once_and_an_operator_may_try_again() {
    let folder = Folder::new();
    let vtn = start(pushing(folder.path(), Admission::Open)).await;
    let client = client(&vtn.vtn_url());
    let address = port::free();
    let ven_id = register(&client, "house", &format!("http://{address}")).await;
    told_letters(&vtn, 1).await;

    // An operator tries again, and is told if there is nothing.
    let api = vtn.api_url();
    for (path, status) in [
        (
            "/api/v1/vens/house/dead-letters/retry",
            StatusCode::ACCEPTED,
        ),
        (
            "/api/v1/vens/nobody/dead-letters/retry",
            StatusCode::NOT_FOUND,
        ),
        (
            "/api/v1/vens/house/dead-letters/999/retry",
            StatusCode::NOT_FOUND,
        ),
    ] {
        let answer = call(&api, Method::POST, path, None).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    told_letters(&vtn, 1).await;
    let id = letters(&vtn).await[0]["id"].as_u64().unwrap();
    let handle = vtn.handle();
    assert_eq!(handle.dead_letters().unwrap()[0].1.id, id);
    handle.retry_push(&ven_id, Some(id)).await.unwrap();
    assert_eq!(handle.dead_letters().unwrap(), []);
    let again = || async { json!(letters(&vtn).await) };
    until("dead again", again, |letters| letters[0]["id"].is_u64()).await;
    create_event(&vtn, "Event1").await;
    create_event(&vtn, "Event2").await;

    // It comes back and says anything.
    let mut vens = PushVens::at(address, |_| Manner::Well).await;
    assert!(vens.is_quiet());
    let request = oadr_core::payload::RequestEvent {
        request: oadr_core::payload::EiRequestEvent {
            request_id: oadr_core::value::RequestId::new("e").unwrap(),
            ven_id: ven_id.clone(),
            reply_limit: None,
        },
    };
    let reply = send(&client, ServiceName::EiEvent, request).await;
    let both = [("Event1".to_owned(), 0), ("Event2".to_owned(), 0)];
    assert_eq!(events(&reply), both);
    let pushed = vens.next_of(MessageKind::RegisterReport).await;
    assert_eq!(pushed.path, "/OpenADR2/Simple/2.0b/EiReport");
    let empty = || async { json!(letters(&vtn).await) };
    until("no dead letters", empty, |letters| *letters == json!([])).await;
    vtn.stop().await;
}

#[tokio::test]
async fn a_push_ven_that_polls_is_served_and_the_operator_warned() {
    let folder = Folder::new();
    let vtn = start(pushing(folder.path(), Admission::Open)).await;
    let mut happenings = vtn.happenings();
    let client = client(&vtn.vtn_url());
    let silent = PushVens::new(Manner::Silent).await;
    let ven_id = register(&client, "house", &silent.url("")).await;
    create_event(&vtn, "Event1").await;
    let found = within("the event by a poll", async {
        loop {
            let message = poll(&client, &ven_id).await;
            if message.kind() == MessageKind::DistributeEvent {
                return message;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(events(&found.await), [("Event1".to_owned(), 0)]);
    let warned = within("the operator is warned", async {
        loop {
            let happening = happenings.recv().await.unwrap();
            if let Effect::PolledThoughPushed { ven_id } = &happening.effect {
                return ven_id.clone();
            }
        }
    });
    assert_eq!(warned.await, ven_id);
    let shown = show(&vtn, "house").await;
    assert!(shown["push"]["polls_since"].is_string(), "{shown}");
    vtn.stop().await;
}

#[tokio::test]
async fn a_push_that_a_stop_cut_off_is_tried_again_after_the_next_start() {
    let folder = Folder::new();
    let config = || {
        let mut config = pushing(folder.path(), Admission::Open);
        if let Some(push) = &mut config.push {
            push.timeout = Duration::from_secs(3);
            push.give_up_after = oadr_core::value::Duration::hours(1);
        }
        config
    };
    let vtn = start(config()).await;
    let client = client(&vtn.vtn_url());
    let mut silent = PushVens::at(port::free(), |_| Manner::Silent).await;
    register(&client, "house", &silent.url("")).await;
    silent.next_of(MessageKind::RegisterReport).await;
    vtn.stop().await;
    let address = silent.leave().await;
    let vtn = start(config()).await;
    let mut vens = PushVens::at(address, |_| Manner::Well).await;
    vens.next_of(MessageKind::RegisterReport).await;
    vtn.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_vens_a_hundred_that_behave_badly_harm_no_other() {
    const VENS: usize = 1000;
    fn manner(ven: usize) -> Manner {
        match ven {
            0..20 => Manner::Status(500),
            20..40 => Manner::Status(404),
            40..60 => Manner::Garbage,
            60..80 => Manner::Closes,
            80..100 => Manner::Silent,
            _ => Manner::Well,
        }
    }
    fn number(path: &str) -> usize {
        path.split('/').nth(1).unwrap().parse().unwrap()
    }

    let folder = Folder::new();
    let mut config = pushing(folder.path(), Admission::Open);
    if let Some(push) = &mut config.push {
        push.timeout = Duration::from_secs(10);
    }
    let vtn = start(config).await;
    let mut vens = PushVens::with(|path| manner(number(path))).await;
    let mut registering = tokio::task::JoinSet::new();
    for first in 0..10 {
        let client = client(&vtn.vtn_url());
        let base = vens.url("");
        registering.spawn(async move {
            for ven in (first..VENS).step_by(10) {
                register(&client, &format!("ven-{ven:04}"), &format!("{base}{ven}")).await;
            }
        });
    }
    while let Some(done) = registering.join_next().await {
        done.unwrap();
    }
    let good = || (100..VENS).collect::<BTreeSet<_>>();
    let mut waiting = good();
    while !waiting.is_empty() {
        let pushed = vens.next_of(MessageKind::RegisterReport).await;
        waiting.remove(&number(&pushed.path));
    }
    let created = Instant::now();
    create_event(&vtn, "Event1").await;
    let mut waiting = good();
    let mut times = Vec::new();
    while !waiting.is_empty() {
        let pushed = vens.next_of(MessageKind::DistributeEvent).await;
        if waiting.remove(&number(&pushed.path)) {
            times.push(created.elapsed());
        }
    }
    let (middle, last) = (times[times.len() / 2], times[times.len() - 1]);
    eprintln!("900 pushed events: the middle one after {middle:?}, the last after {last:?}");

    let wanted: BTreeSet<String> = (0..100)
        .map(|ven| {
            let fault = match manner(ven) {
                Manner::Status(500) => "broken",
                Manner::Status(_) => "refused",
                Manner::Garbage => "unreadable",
                Manner::Closes => "unreachable",
                Manner::Silent => "timed_out",
                Manner::Well | Manner::NoContent | Manner::NoHttp => unreachable!("it is bad"),
            };
            format!("ven-{ven:04} oadrDistributeEvent {fault}")
        })
        .collect();
    let told = within("the dead letters of the event", async {
        loop {
            let told = told_letters(&vtn, 100).await;
            let told: BTreeSet<_> = told.into_iter().collect();
            if wanted.is_subset(&told) {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    assert!(
        told.await
            .iter()
            .all(|letter| letter < &"ven-0100".to_owned())
    );
    vtn.stop().await;
}
