//! A client whose peer says itself where it is: a VTN that pushes.

use std::time::Duration;

use oadr_http::{BaseUrl, Client, ClientConfig, ClientError, Reach};
use tokio::net::TcpListener;

use oadr_core::value::ServiceName;

use crate::documents::{POLL, message};
use crate::scripted::{Scripted, reply};
use crate::wire::within;

fn pushing(reach: Reach) -> ClientConfig {
    let mut config = ClientConfig::default();
    config.reach = Some(reach);
    config.accepts_compressed = false;
    config
}

fn local() -> Reach {
    Reach {
        networks: vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()],
        only_networks: true,
    }
}

#[tokio::test]
async fn spec_4_3_a_push_does_not_ask_for_compression() {
    let scripted = Scripted::with(pushing(local())).await;
    let server = async {
        let mut wire = scripted.accept().await;
        let request = wire.request().await;
        wire.send(reply("200 OK", "", "")).await;
        request
    };
    let (answer, request) = tokio::join!(scripted.poll(), server);
    assert!(answer.unwrap().reply.is_none());
    let mut names: Vec<_> = request.headers.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "content-type", "host"]);
}

#[tokio::test]
async fn nobody_is_connected_to_who_is_not_within_reach() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let elsewhere = Reach {
        networks: vec!["10.0.0.0/8".parse().unwrap()],
        only_networks: false,
    };
    for reach in [Reach::default(), elsewhere] {
        for host in [
            "127.0.0.1",
            "[::ffff:127.0.0.1]",
            "localhost",
            "LOCALHOST",
            // As a resolver reads them.
            "127.1",
            "2130706433",
            "0x7f.1",
            "0.0.0.0",
        ] {
            let url = format!("http://{host}:{port}/");
            let client = Client::new(BaseUrl::parse(&url).unwrap(), pushing(reach.clone()));
            let sent = within(client.send(ServiceName::EiEvent, &message(POLL))).await;
            assert!(
                matches!(&sent, Err(ClientError::NotAllowed { address, .. })
                    if address.to_canonical().is_loopback() || address.is_unspecified()),
                "{host}: {sent:?}"
            );
        }
    }
    let nobody = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(nobody.is_err(), "{nobody:?}");
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scripted = Scripted::with(pushing(local())).await;
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "307 Temporary Redirect",
    ] {
        let to = elsewhere.local_addr().unwrap();
        let headers = format!("Location: http://{to}/OpenADR2/Simple/2.0b/EiEvent\r\n");
        let told = scripted.told(reply(status, &headers, "")).await;
        assert!(
            matches!(&told, Err(ClientError::Status { status, .. }) if status.is_redirection()),
            "{told:?}"
        );
    }
    let nobody = tokio::time::timeout(Duration::ZERO, elsewhere.accept()).await;
    assert!(nobody.is_err(), "{nobody:?}");
}
