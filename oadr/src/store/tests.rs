//! What a caller may rely on.

use oadr_core::machine::{Decision, Env, Step};
use oadr_core::payload::{CreatePartyRegistration, Message, Profile, Transport};
use oadr_core::value::{
    Duration, EventId, NonEmpty, OptType, ProfileName, Text, TransportName, VtnId,
};
use oadr_core::vtn::{
    self, Admission, Audience, Claim, Command, Context, EventBody, Input, UnregisteredPoll,
};
use oadr_core::{CertificateHash, CertificateId, Peer};
use serde_json::json;

use super::*;
use crate::json::EventForm;
use crate::temp_dir::TempDir;

pub(super) fn env(draw: u8) -> Env {
    Env {
        now: time(1_800_000_000_000 + i64::from(draw) * 1_000),
        entropy: [draw; 32],
    }
}

pub(super) fn context() -> Context {
    Context {
        version: 1,
        http_push: false,
        push: oadr_core::vtn::PushTerms::default(),
        vtn_id: VtnId::new("VTN").unwrap(),
        profiles: NonEmpty::one(Profile {
            name: ProfileName::B,
            transports: NonEmpty::one(Transport {
                name: TransportName::SimpleHttp,
            }),
        }),
        poll_frequency: Duration::seconds(10),
        resend_after: chrono::TimeDelta::seconds(5),
        admission: Admission::Open,
        asks: oadr_core::vtn::Asks::default(),
        unregistered_poll: UnregisteredPoll::NotRegistered,
        opt_precedence: OptType::OptOut,
        campaigns: Vec::new(),
        report_policies: std::sync::Arc::default(),
        signatures: oadr_core::SignaturePolicy::Optional,
        signature_window: chrono::TimeDelta::seconds(60),
    }
}

fn enrol(name: &str, draw: u8) -> Decision<Vtn> {
    let command = Command::Enrol {
        ven_name: Text::new(name).unwrap(),
        ven_id: None,
        groups: Vec::new(),
        resources: Vec::new(),
        certificates: Vec::new(),
        signatures: None,
        jid: None,
    };
    vtn::command(&Loaded::absent(), &context(), env(draw), &command).unwrap()
}

fn registers(name: &str, draw: u8) -> Decision<Vtn> {
    let message = Message::from(CreatePartyRegistration {
        request_id: oadr_core::value::RequestId::new("r1").unwrap(),
        registration_id: None,
        ven_id: None,
        profile_name: ProfileName::B,
        transport_name: TransportName::SimpleHttp,
        transport_address: None,
        report_only: false,
        xml_signature: false,
        ven_name: Text::new(name).ok(),
        http_pull_model: Some(true),
    });
    let input = Input::Message {
        peer: Peer::Unproven,
        profile: oadr_core::Profile::B,
        message,
        signature: None,
    };
    match vtn::decide(&Loaded::absent(), &context(), env(draw), &input, &[]) {
        Step::Decided(decision) => decision,
        Step::Ask(question) => panic!("{question:?}"),
    }
}

async fn commit(
    store: &Store,
    key: Option<Key>,
    at: &Loaded<Vtn>,
    decision: &Decision<Vtn>,
) -> Result<(Key, Loaded<Vtn>), StoreError> {
    let next = decision.next(at);
    let commit = Commit::new(key, decision, &next, env(0).now, None)?;
    let (key, _) = store.commit(commit).await?;
    Ok((key, next))
}

async fn insert(store: &Store, decision: &Decision<Vtn>) -> Result<(Key, Loaded<Vtn>), StoreError> {
    commit(store, None, &Loaded::absent(), decision).await
}

async fn contents(store: &Store) -> Contents {
    store.contents(env(0).now).await.unwrap()
}

#[tokio::test]
async fn a_decision_lands_whole_and_survives() {
    let temp = TempDir::new("store").unwrap();
    let path = temp.path().join("vtn.db");
    let store = Store::open(&path).unwrap();
    let decision = registers("Pump1", 1);
    assert!(!decision.effects().is_empty());
    let (key, next) = insert(&store, &decision).await.unwrap();
    drop(store);

    let store = Store::open(&path).unwrap();
    let found = contents(&store).await;
    assert_eq!(found.partitions, [(key, next.clone())]);
    let mut claims: Vec<_> = found.claims.into_iter().map(|(claim, _)| claim).collect();
    let mut taken = decision.claims().take.clone();
    claims.sort();
    taken.sort();
    assert_eq!(claims, taken);
    let pending = store.outbox(1_000).await.unwrap();
    let effects: Vec<_> = pending.iter().map(|p| p.effect.clone()).collect();
    assert_eq!(effects, decision.effects());
    assert_eq!(store.load(key).await.unwrap(), Some(next));

    store
        .told(pending.iter().map(|p| p.id).collect())
        .await
        .unwrap();
    assert_eq!(store.outbox(1_000).await.unwrap(), []);
}

#[tokio::test]
async fn a_stale_decision_is_a_conflict_and_leaves_nothing() {
    let temp = TempDir::new("store").unwrap();
    let store = Store::open(&temp.path().join("vtn.db")).unwrap();
    let (key, at) = insert(&store, &registers("Pump1", 1)).await.unwrap();
    let ask = |draw| {
        let command = Command::RequestReregistration;
        vtn::command(&at, &context(), env(draw), &command).unwrap()
    };
    let (first, second) = (ask(2), ask(3));
    let (_, next) = commit(&store, Some(key), &at, &first).await.unwrap();
    let stale = commit(&store, Some(key), &at, &second).await;
    assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
    assert_eq!(store.load(key).await.unwrap(), Some(next));
    assert_eq!(store.outbox(1_000).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_claim_is_for_one_and_whoever_comes_second_leaves_nothing() {
    let temp = TempDir::new("store").unwrap();
    let store = Store::open(&temp.path().join("vtn.db")).unwrap();
    let (one, other) = (registers("Pump1", 1), registers("Pump1", 2));
    let (first, second) = tokio::join!(insert(&store, &one), insert(&store, &other));
    first.unwrap();
    assert!(matches!(second, Err(StoreError::Conflict)), "{second:?}");
    let found = contents(&store).await;
    assert_eq!(found.partitions.len(), 1);
    let pending = store.outbox(1_000).await.unwrap();
    assert_eq!(pending.len(), one.effects().len());
}

#[tokio::test]
async fn a_certificate_is_one_vens_however_it_was_named_and_is_free_when_it_is_removed() {
    let temp = TempDir::new("store").unwrap();
    let path = temp.path().join("vtn.db");
    let store = Store::open(&path).unwrap();
    let hash = CertificateHash([7; 32]);
    let named = [
        CertificateId::Hash(hash),
        CertificateId::Fingerprint(hash.fingerprint()),
    ];
    let enrol = |name: &str, certificate| {
        let command = Command::Enrol {
            ven_name: Text::new(name).unwrap(),
            ven_id: None,
            groups: Vec::new(),
            resources: Vec::new(),
            certificates: vec![certificate],
            signatures: None,
            jid: None,
        };
        vtn::command(&Loaded::absent(), &context(), env(1), &command).unwrap()
    };
    for (one, other) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let (key, at) = insert(&store, &enrol("Pump1", named[one])).await.unwrap();
        let second = insert(&store, &enrol("Pump2", named[other])).await;
        assert!(matches!(second, Err(StoreError::Conflict)), "{one} {other}");
        // What is on the disk is what is in memory.
        let again = Store::open(&path).unwrap();
        let kept = contents(&again).await;
        let mut claims: Vec<_> = kept.claims.into_iter().map(|(claim, _)| claim).collect();
        let mut held = at.state.claims();
        claims.sort();
        held.sort();
        assert_eq!(claims, held);
        assert!(held.iter().all(|claim| !matches!(claim, Claim::VenName(_))));
        let remove = vtn::command(&at, &context(), env(2), &Command::Remove).unwrap();
        commit(&store, Some(key), &at, &remove).await.unwrap();
        assert_eq!(contents(&store).await.claims, []);
    }
}

#[tokio::test]
async fn a_forgotten_partition_gives_its_claims_back() {
    let temp = TempDir::new("store").unwrap();
    let store = Store::open(&temp.path().join("vtn.db")).unwrap();
    let (key, at) = insert(&store, &enrol("Pump1", 1)).await.unwrap();
    store
        .seen(vec![(key, env(1).now), (Key(99), env(1).now)])
        .await
        .unwrap();
    assert_eq!(contents(&store).await.seen, [(key, env(1).now)]);
    let remove = vtn::command(&at, &context(), env(2), &Command::Remove).unwrap();
    commit(&store, Some(key), &at, &remove).await.unwrap();
    let found = contents(&store).await;
    assert_eq!(
        (found.partitions.len(), found.claims.len(), found.seen.len()),
        (0, 0, 0)
    );
    // A key is never given twice.
    let (again, _) = insert(&store, &enrol("Pump1", 3)).await.unwrap();
    assert!(again > key);
}

#[tokio::test]
async fn many_commits_at_once_all_land() {
    let temp = TempDir::new("store").unwrap();
    let store = Arc::new(Store::open(&temp.path().join("vtn.db")).unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..200_u8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            insert(&store, &enrol(&format!("Pump{n}"), n))
                .await
                .unwrap();
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let found = contents(&store).await;
    assert_eq!((found.partitions.len(), found.claims.len()), (200, 200));
}

#[test]
fn a_newer_schema_is_refused() {
    let temp = TempDir::new("store").unwrap();
    let path = temp.path().join("vtn.db");
    drop(Store::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let refused = Store::open(&path).unwrap_err();
    assert!(
        matches!(refused, StoreError::NewerSchema { found: 99, .. }),
        "{refused}"
    );
}

fn campaign(id: &str, draw: u8) -> Campaign {
    let form: EventForm = serde_json::from_value(json!({
        "market_context": "http://example.com/dr",
        "dtstart": "2027-01-15T09:00:00Z",
        "signals": [{
            "signal_name": "SIMPLE", "signal_type": "level",
            "intervals": [{"duration": "PT1H", "payload": 1}],
        }],
    }))
    .unwrap();
    let body = EventBody::new(form.into_draft(env(0).now).unwrap()).unwrap();
    let id = EventId::new(id).ok();
    Campaign::create(id, Audience::by_target(), body, env(draw)).unwrap()
}

fn audit(what: &'static str) -> Audit {
    Audit {
        at: env(0).now,
        who: "127.0.0.1".to_owned(),
        what,
        subject: "Event".to_owned(),
        detail: None,
    }
}

fn new(campaign: &Campaign) -> NewCampaign {
    NewCampaign {
        campaign: campaign.clone(),
        first_answer: Some(FirstAnswer {
            request: "request".to_owned(),
            response: "response".to_owned(),
        }),
        audit: audit("create"),
    }
}

#[tokio::test]
async fn campaigns_keep_their_place_and_only_the_latest_version_changes() {
    let temp = TempDir::new("store").unwrap();
    let path = temp.path().join("vtn.db");
    let store = Store::open(&path).unwrap();
    let (one, two) = (campaign("Event1", 1), campaign("Event2", 2));
    let first = store.create_campaign(new(&one)).await.unwrap();
    let second = store.create_campaign(new(&two)).await.unwrap();
    let again = store.create_campaign(new(&one)).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");

    let cancelled = one.cancel(env(3).now).unwrap();
    store
        .change_campaign(&one, cancelled.clone(), audit("cancel"))
        .await
        .unwrap();
    let stale = store
        .change_campaign(&one, cancelled.clone(), audit("cancel"))
        .await;
    assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");

    let listed = store.campaigns_before(None, 10).await.unwrap();
    assert_eq!(listed, [(second, two.clone()), (first, cancelled.clone())]);
    let page = store.campaigns_before(Some(second), 10).await.unwrap();
    assert_eq!(page, [(first, cancelled.clone())]);
    let found = contents(&store).await;
    assert_eq!(
        found.campaigns,
        [
            (first, Arc::new(cancelled.clone())),
            (second, Arc::new(two))
        ]
    );
    // Closed ones are not loaded, but still there.
    let late = cancelled.closes().unwrap();
    assert_eq!(store.contents(late).await.unwrap().campaigns.len(), 0);
    let kept = store.campaign(cancelled.event_id.clone()).await.unwrap();
    assert_eq!(kept, Some((first, cancelled.clone())));
    let answer = store
        .first_answer(cancelled.event_id.clone())
        .await
        .unwrap();
    assert_eq!(answer.unwrap().response, "response");
    drop(store);

    // Who did what: the two that were committed twice were refused once each.
    let lines: Vec<String> = Connection::open(&path)
        .unwrap()
        .prepare("SELECT what FROM audit ORDER BY id")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(lines, ["create", "create", "cancel"]);
}
