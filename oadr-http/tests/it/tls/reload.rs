//! Certificates, keys and CAs replaced while clients send, on connections old and new.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use oadr_core::CertificateId;
use oadr_http::tls::{Identity, TlsClientConfig, TlsError, TlsServerConfig};

use super::authority::{Authority, Order};
use super::{Caller, Secured, Usual, client_config, hash, server_config};
use crate::wire::within;

/// How often everything is replaced.
const RELOADS: usize = 40;
/// How many exchanges have to come between two replacements.
const BETWEEN: u32 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_replaced_under_load_without_a_failed_request() {
    let usual = Usual::new();
    let (first, second) = (&usual.authority, Authority::new("the next CA"));
    // Both sides believe both, so that any of these may be shown at any time.
    let believed = [first, &second];
    let servers: Vec<Identity> = believed
        .iter()
        .flat_map(|one| {
            [
                one.issue(&Order::server()),
                one.issue(&Order::server().rsa()),
            ]
        })
        .collect();
    let settings = |turn: usize| -> TlsServerConfig {
        // Turn by turn another certificate alone, or two of them, in another order.
        let count = 1 + turn % 2;
        let shown = servers.iter().cycle().skip(turn).take(count);
        let mut config = server_config(
            &usual.hand,
            shown.map(Identity::duplicate).collect(),
            &believed,
        );
        if turn.is_multiple_of(3) {
            config.client_roots.reverse();
        }
        config
    };
    let served = Secured::new(settings(0)).await;

    let (done, exchanges) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU32::new(0)),
    );
    let senders: Vec<_> = (0..6)
        .map(|number| {
            let issuer = believed[number % 2];
            let identity = issuer.issue(&Order::client("house"));
            let config = client_config(&usual.hand, Some(identity), &believed);
            let url = format!("https://{}", served.address);
            let mut caller = match number {
                // Two stay on their connection, two resume it for each message, two begin anew.
                0 | 1 => served.client(again(&config)),
                _ => Caller::keeping(&url, again(&config), Duration::ZERO),
            };
            let begins_anew = number > 3;
            let (done, exchanges) = (Arc::clone(&done), Arc::clone(&exchanges));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    caller.poll().await.unwrap();
                    exchanges.fetch_add(1, Ordering::Relaxed);
                    if begins_anew {
                        caller = Caller::new(&url, again(&config));
                    }
                }
            })
        })
        .collect();

    for turn in 1..=RELOADS {
        let goal = exchanges.load(Ordering::Relaxed).saturating_add(BETWEEN);
        within(async {
            while exchanges.load(Ordering::Relaxed) < goal {
                assert!(!senders.iter().any(|sender| sender.is_finished()));
                tokio::task::yield_now().await;
            }
        })
        .await;
        served.tls.reload(settings(turn)).unwrap();
    }
    done.store(true, Ordering::Relaxed);
    for sender in senders {
        within(sender).await.unwrap();
    }
    let connections: std::collections::BTreeSet<_> = served
        .handler
        .requests()
        .iter()
        .map(|request| request.address)
        .collect();
    let requests = served.handler.requests().len();
    assert_eq!(requests, exchanges.load(Ordering::Relaxed) as usize);
    // Two connections lasted, the others were for one message each.
    assert!(connections.len() > 2 && connections.len() < requests);
}

/// The same settings once more.
fn again(config: &TlsClientConfig) -> TlsClientConfig {
    let mut copy = TlsClientConfig::new(config.roots.clone());
    copy.identity = config.identity.as_ref().map(Identity::duplicate);
    copy.clock = config.clock.clone();
    copy
}

#[tokio::test]
async fn new_connections_see_what_is_new_and_old_ones_stay() {
    let usual = Usual::new();
    let (authority, other) = (&usual.authority, Authority::new("another CA"));
    let (old, new) = (
        authority.issue(&Order::server()),
        authority.issue(&Order::server()),
    );
    let (old_id, new_id) = (hash(&old), hash(&new));
    let served = Secured::new(server_config(&usual.hand, vec![old], &[authority])).await;
    let client = |issuer: &Authority, server| {
        let identity = issuer.issue(&Order::client("house"));
        let mut config = client_config(&usual.hand, Some(identity), &[authority]);
        config.servers = vec![CertificateId::Hash(server)];
        served.client(config)
    };
    let early = client(authority, old_id);
    early.poll().await.unwrap();
    // Another certificate, and another CA instead of the one before.
    let config = server_config(&usual.hand, vec![new.duplicate()], &[&other]);
    served.tls.reload(config).unwrap();
    early.poll().await.unwrap();
    client(&other, new_id).poll().await.unwrap();
    let refused = client(authority, new_id).refusal().await;
    assert!(refused.contains("does not believe the CA"), "{refused}");
    assert!(
        client(&other, old_id)
            .refusal()
            .await
            .contains("is expected")
    );
    // What cannot be replaced stays.
    let nothing = server_config(&usual.hand, Vec::new(), &[&other]);
    assert!(matches!(
        served.tls.reload(nothing),
        Err(TlsError::NoIdentity)
    ));
    client(&other, new_id).poll().await.unwrap();
    early.poll().await.unwrap();
    let requests = served.handler.requests();
    assert!(
        requests
            .iter()
            .filter(|request| request.address == requests[0].address)
            .count()
            == 3
    );
}
