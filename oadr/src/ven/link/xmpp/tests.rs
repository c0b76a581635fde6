use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

fn jid(text: &str) -> Jid {
    text.parse().unwrap()
}

#[test]
fn spec_5_2_the_vtn_is_its_accounts_whatever_the_session() {
    let found = Found {
        services: vec![
            (ServiceName::EiEvent, jid("event@vtn.example/one")),
            (ServiceName::EiOpt, jid("opt@vtn.example/two")),
        ],
        is_up: true,
    };
    for (from, is_vtn) in [
        ("event@vtn.example/one", true),
        ("opt@vtn.example/client", true),
        ("ven2@vtn.example/one", false),
        ("event@other.example/one", false),
    ] {
        assert_eq!(found.is_of(jid(from).account()), is_vtn, "{from}");
    }
    assert_eq!(
        found.service(ServiceName::EiOpt),
        Some(&jid("opt@vtn.example/two"))
    );
    assert_eq!(found.service(ServiceName::EiReport), None);
}

/// What was for it stood before all else that the VEN owed, for ever.
#[tokio::test(start_paused = true)]
async fn spec_5_3_a_service_that_discovery_does_not_list_is_not_waited_for() {
    let (tell, found) = watch::channel(Found {
        services: vec![(ServiceName::EiEvent, jid("vtn@vtn.example/one"))],
        is_up: false,
    });
    let ask = |service| where_is(found.clone(), service, MessageKind::CreateOpt);
    for service in [ServiceName::EiEvent, ServiceName::EiOpt] {
        assert_eq!(ask(service).await, Err(Failure::Unreachable), "{service}");
    }
    tell.send_modify(|found| found.is_up = true);
    assert_eq!(ask(ServiceName::EiOpt).await, Err(Failure::Refused));
    assert_eq!(
        ask(ServiceName::EiEvent).await,
        Ok(jid("vtn@vtn.example/one"))
    );
}

#[test]
fn rule_507_xmpp_has_no_service_for_polls() {
    let vtn = jid("vtn@vtn.example/oadr");
    let services = all_at(Some(&vtn));
    assert_eq!(services.len(), 4);
    assert!(
        services
            .iter()
            .all(|(name, _)| *name != ServiceName::OadrPoll)
    );
    assert!(all_at(None).is_empty());
}

/// The server's end of a connection.
struct Server {
    io: TcpStream,
    unread: String,
}

impl Server {
    /// Lets somebody in as `house@vtn.example/oadr`.
    async fn accept(listener: &TcpListener) -> Self {
        let (io, _) = listener.accept().await.unwrap();
        let unread = String::new();
        let mut server = Self { io, unread };
        server.until("'>").await;
        server
            .open("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>")
            .await;
        server.until("</auth>").await;
        server
            .say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
            .await;
        server.until("'>").await;
        server
            .open("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>")
            .await;
        let bound = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>house@vtn.example/oadr</jid></bind>";
        server.answer("result", bound).await;
        server.until("<presence/>").await;
        server
    }

    async fn open(&mut self, features: &str) {
        let header = "<?xml version='1.0'?><stream:stream from='vtn.example' id='s' version='1.0' \
                      xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
        self.say(&format!(
            "{header}<stream:features>{features}</stream:features>"
        ))
        .await;
    }

    async fn say(&mut self, text: &str) {
        self.io.write_all(text.as_bytes()).await.unwrap();
    }

    async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.unread.find(end) {
                let rest = self.unread.split_off(at + end.len());
                return std::mem::replace(&mut self.unread, rest);
            }
            let mut buffer = [0; 4096];
            let count = self.io.read(&mut buffer).await.unwrap();
            assert!(count > 0, "closed behind {:?}", self.unread);
            self.unread
                .push_str(str::from_utf8(&buffer[..count]).unwrap());
        }
    }

    /// Answers the next request; says whom it was for.
    async fn answer(&mut self, kind: &str, content: &str) -> String {
        let request = self.until("</iq>").await;
        let of = |name: &str| {
            let (_, rest) = request.split_once(&format!(" {name}='"))?;
            Some(rest.split_once('\'')?.0.to_owned())
        };
        let (id, to) = (of("id").unwrap(), of("to").unwrap_or_default());
        let from = match to.as_str() {
            "" => String::new(),
            to => format!(" from='{to}'"),
        };
        self.say(&format!("<iq type='{kind}' id='{id}'{from}>{content}</iq>"))
            .await;
        to
    }

    /// Answers the next request, which asks where the VTN is.
    async fn tell(&mut self, vtn: &str) {
        let item = format!("<item jid='{vtn}' node='http://openadr.org/OpenADR2/EiEvent'/>");
        let query = format!("<query xmlns='http://jabber.org/protocol/disco#items'>{item}</query>");
        assert_eq!(self.answer("result", &query).await, "vtn.example");
    }
}

fn line(account: &Account) -> XmppLink {
    XmppLink::start(
        "vtn.example",
        account,
        Login::Certificate,
        None,
        Reception::of_nothing(),
        watch::channel(LinkStatus::Polling).0,
        Arc::default(),
    )
}

/// What the VEN had to say went to where nobody was for as long as the session lasted.
#[tokio::test]
async fn spec_5_3_a_vtn_that_is_not_where_it_was_is_looked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let account = Account::new(jid("house@vtn.example/oadr")).server("127.0.0.1", port);
    let link = line(&account.insecure_plain(true));
    let message = Message::from(oadr_core::payload::RequestReregistration {
        ven_id: oadr_core::value::VenId::new("v").unwrap(),
    });
    let serve = async {
        let mut server = Server::accept(&listener).await;
        server.tell("vtn@vtn.example/one").await;
        let gone = "<error type='cancel'><service-unavailable \
                    xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
        assert_eq!(server.answer("error", gone).await, "vtn@vtn.example/one");
        server.tell("vtn@vtn.example/two").await;
        assert_eq!(server.answer("result", "").await, "vtn@vtn.example/two");
        server
    };
    let say = async {
        let sent = link.send(ServiceName::EiEvent, &message).await;
        assert_eq!(sent, Err(Failure::Unreachable));
        let mut found = link.found.clone();
        let second = jid("vtn@vtn.example/two");
        let is_second = |found: &Found| found.service(ServiceName::EiEvent) == Some(&second);
        found.wait_for(is_second).await.unwrap();
        link.send(ServiceName::EiEvent, &message).await
    };
    let both = async { tokio::join!(serve, say) };
    let (_server, sent) = timeout(Duration::from_secs(20), both).await.unwrap();
    assert_eq!(sent, Ok(None));
}

/// It stayed logged in when the host had panicked.
#[tokio::test(start_paused = true)]
async fn a_line_that_is_dropped_leaves_no_session() {
    let account = Account::new(jid("house@vtn.example/oadr")).server("127.0.0.1", 1);
    let link = line(&account);
    let mut session = link.endpoint.status();
    drop(link);
    let closed = session.wait_for(|status| *status == Status::Closed);
    assert!(timeout(Duration::from_secs(600), closed).await.is_ok());
}

#[test]
fn rule_517_a_ven_that_is_refused_drops_nothing() {
    for (condition, kind, meaning) in [
        ("forbidden", "auth", Failure::Unreachable),
        ("service-unavailable", "cancel", Failure::Unreachable),
        (
            "resource-constraint",
            "wait",
            Failure::Busy { retry_after: None },
        ),
        ("internal-server-error", "cancel", Failure::Broken),
        ("bad-request", "modify", Failure::Refused),
        ("unexpected", "wait", Failure::Busy { retry_after: None }),
        // RFC 6120 §8.3.3.12: the type says whether it passes.
        (
            "policy-violation",
            "wait",
            Failure::Busy { retry_after: None },
        ),
        ("policy-violation", "modify", Failure::Refused),
    ] {
        assert_eq!(refused(condition, kind), meaning, "{condition}");
    }
    let too_long = SendError::AnswerTooLong { limit: 1000 };
    assert_eq!(failure(&too_long), Failure::Refused);
    assert_eq!(failure(&SendError::Forbidden), Failure::Unreachable);
}
