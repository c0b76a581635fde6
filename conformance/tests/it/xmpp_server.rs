//! Prosody as it is configured for OpenADR, seen by slixmpp: who gets in, and who reaches whom.

use std::time::{Duration, SystemTime};

use conformance::authority::{Authority, KeyKind, Order, Usage};
use conformance::peers::{Login, Peers};
use conformance::process::Mark;
use conformance::prosody::{self, DOMAIN, Prosody, VTN, VTN_ACCOUNT};
use serde_json::{Value, json};

use crate::xmpp_place::{NONSENSE, Place, ask, require_refused, send};

/// Sends a stanza from one VEN to the other; it must come back as forbidden, and nothing arrive.
fn require_forbidden(test: &str, stanza: &str) {
    let Some(place) = Place::new(test) else {
        return;
    };
    let mut vtn = place.online(VTN_ACCOUNT, "openadr");
    let other = place.online("ven2", "client");
    let mut ven = place.online("ven1", "client");

    let mark = ven.mark();
    send(&mut ven, stanza);
    let answer = ven
        .wait_after(mark, "stanza", |line| line["id"] == "between")
        .unwrap();
    assert_eq!(
        (&answer["type"], &answer["error_type"], &answer["condition"]),
        (&json!("error"), &json!("auth"), &json!("forbidden"))
    );
    // Stanzas pass the server in order: what the VTN says afterwards is the first that arrives.
    let jid = prosody::jid("ven2", "client");
    send(
        &mut vtn,
        &format!("<message id='after' to='{jid}'><body>after</body></message>"),
    );
    let own = |line: &Value| line["from"] == *jid;
    let first = other
        .wait_after(Mark::START, "stanza", |line| !own(line))
        .unwrap();
    assert_eq!(
        (&first["id"], &first["from"]),
        (&json!("after"), &json!(VTN))
    );
}

#[test]
fn rule_515_requests_between_vens_are_refused() {
    let to = prosody::jid("ven2", "client");
    require_forbidden(
        "rule_515_requests_between_vens_are_refused",
        &format!("<iq type='set' id='between' to='{to}'>{NONSENSE}</iq>"),
    );
}

#[test]
fn rule_515_messages_between_vens_are_refused() {
    require_forbidden(
        "rule_515_messages_between_vens_are_refused",
        &format!("<message id='between' to='ven2@{DOMAIN}'><body>psst</body></message>"),
    );
}

#[test]
fn rule_515_presence_between_vens_is_refused() {
    let to = prosody::jid("ven2", "client");
    require_forbidden(
        "rule_515_presence_between_vens_is_refused",
        &format!("<presence id='between' to='{to}'/>"),
    );
}

#[test]
fn rule_515_vens_cannot_subscribe_to_each_other() {
    require_forbidden(
        "rule_515_vens_cannot_subscribe_to_each_other",
        &format!("<presence id='between' type='subscribe' to='ven2@{DOMAIN}'/>"),
    );
}

#[test]
fn rule_515_vens_cannot_ask_about_each_other() {
    let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    require_forbidden(
        "rule_515_vens_cannot_ask_about_each_other",
        &format!("<iq type='get' id='between' to='ven2@{DOMAIN}'>{query}</iq>"),
    );
}

#[test]
fn rule_515_vtn_and_ven_reach_each_other() {
    let Some(place) = Place::new("rule_515_vtn_and_ven_reach_each_other") else {
        return;
    };
    let (mut vtn, mut ven) = (
        place.online(VTN_ACCOUNT, "openadr"),
        place.online("ven1", "client"),
    );
    let jid = prosody::jid("ven1", "client");
    let stanza = |to: &str| format!("<iq type='set' id='there' to='{to}'>{NONSENSE}</iq>");
    send(&mut vtn, &stanza(&jid));
    send(&mut ven, &stanza(VTN));
    for (client, from) in [(&vtn, jid.as_str()), (&ven, VTN)] {
        let arrived = client.wait_after(Mark::START, "stanza", |line| line["from"] == *from);
        assert_eq!(arrived.unwrap()["id"], "there");
    }
}

#[test]
fn rule_515_a_stanza_in_the_name_of_another_account_ends_the_session() {
    let test = "rule_515_a_stanza_in_the_name_of_another_account_ends_the_session";
    let Some(place) = Place::new(test) else {
        return;
    };
    let vtn = place.online(VTN_ACCOUNT, "openadr");
    let mut ven = place.online("ven1", "client");
    let forged = prosody::jid("ven2", "client");
    send(
        &mut ven,
        &format!("<iq type='set' id='forged' from='{forged}' to='{VTN}'>{NONSENSE}</iq>"),
    );
    assert_eq!(ven.wait_for("offline").unwrap()["why"], "invalid-from");
    let mut ven = place.online("ven1", "client");
    send(
        &mut ven,
        &format!("<iq type='set' id='own' to='{VTN}'>{NONSENSE}</iq>"),
    );
    let own = prosody::jid("ven1", "client");
    let other = |line: &Value| line["kind"] == "iq";
    let first = vtn.wait_after(Mark::START, "stanza", other).unwrap();
    assert_eq!((&first["id"], &first["from"]), (&json!("own"), &json!(own)));
}

#[test]
fn rule_515_an_account_is_the_common_name_of_a_certificate() {
    let Some(place) = Place::new("rule_515_an_account_is_the_common_name_of_a_certificate") else {
        return;
    };
    let own = place.authority.client("ven1").unwrap();
    let (mine, other) = (
        prosody::jid("ven1", "client"),
        prosody::jid("ven2", "client"),
    );

    // Whoever says nothing of an account gets its own, whatever it calls itself otherwise.
    let client = place.client(&other, Login::Certificate(&own));
    assert_eq!(client.wait_for("online").unwrap()["jid"], mine);
    for account in ["ven1", "ven1@xmpp.example.com"] {
        let client = place.client(&mine, Login::As(&own, account));
        assert_eq!(client.wait_for("online").unwrap()["jid"], mine);
    }
    for account in ["ven2", "ven2@xmpp.example.com", "ven1@example.com", "vtn"] {
        let client = place.client(&other, Login::As(&own, account));
        assert_eq!(require_refused(&client)["why"], "invalid-authzid");
    }
    for name in ["", "ven 1", "ven1@xmpp.example.com", "ven1/client"] {
        let own = place
            .authority
            .issue(&Order {
                common_name: name.to_owned(),
                ..Order::client("odd", KeyKind::P256)
            })
            .unwrap();
        place.refuse(&own, "ven1");
    }
}

#[test]
fn rule_515_no_password_gets_in_unless_configured() {
    let Some(place) = Place::new("rule_515_no_password_gets_in_unless_configured") else {
        return;
    };
    let jid = prosody::jid("ven1", "client");
    require_refused(&place.client(&jid, Login::Password("secret")));
    require_refused(&place.client(&jid, Login::Nothing));
}

#[test]
fn spec_5_6_passwords_get_in_where_they_are_configured() {
    let test = "spec_5_6_passwords_get_in_where_they_are_configured";
    let Some(peers) = Peers::or_skip(test) else {
        return;
    };
    let authority = Authority::new(KeyKind::P256).unwrap();
    let prosody = Prosody::with_passwords(&authority, &[("ven1", "secret")]).unwrap();
    let place = Place {
        prosody,
        authority,
        peers,
    };
    let jid = prosody::jid("ven1", "client");
    let client = place.client(&jid, Login::Password("secret"));
    assert_eq!(client.wait_for("online").unwrap()["jid"], jid);
    let other = prosody::jid("ven2", "client");
    for (jid, password) in [(&jid, "guessed"), (&other, "secret")] {
        let client = place.client(jid, Login::Password(password));
        assert_eq!(require_refused(&client)["why"], "not-authorized");
    }
    drop(place.online("ven3", "client"));
    let foreign = Authority::new(KeyKind::P256).unwrap();
    place.refuse(&foreign.client("ven3").unwrap(), "ven3");
}

#[test]
fn rule_516_no_certificate_gets_in_that_is_not_valid() {
    let Some(place) = Place::new("rule_516_no_certificate_gets_in_that_is_not_valid") else {
        return;
    };
    let foreign = Authority::new(KeyKind::P256).unwrap();
    place.refuse(&foreign.client("ven1").unwrap(), "ven1");
    let order = Order::client("ven1", KeyKind::P256);
    for order in [
        order.clone().expired(),
        order.clone().not_yet_valid(),
        order.usage(Usage::Server),
    ] {
        place.refuse(&place.authority.issue(&order).unwrap(), "ven1");
    }
    drop(place.online("ven1", "client"));
}

#[test]
fn rule_516_a_session_ends_with_its_certificate() {
    let test = "rule_516_a_session_ends_with_its_certificate";
    let change = |text: String| {
        text.replace(
            "authentication = \"openadr\"",
            "authentication = \"openadr\"\n    openadr_review = 1",
        )
    };
    let Some(place) = Place::changed(test, change) else {
        return;
    };
    // However slow the machine is, some certificate lasts until its owner is in.
    for seconds in [3, 6, 12, 24] {
        let own = place
            .authority
            .issue(&Order {
                not_after: SystemTime::now() + Duration::from_secs(seconds),
                ..Order::client("ven1", KeyKind::P256)
            })
            .unwrap();
        let jid = prosody::jid("ven1", "client");
        let client = place.client(&jid, Login::Certificate(&own));
        if client.wait_for("online").is_ok() {
            let offline = client.wait_for("offline").unwrap();
            assert_eq!(offline["why"], "not-authorized");
            return;
        }
    }
    panic!("nobody got in");
}

#[test]
fn spec_5_1_there_is_no_way_to_other_servers() {
    let Some(place) = Place::new("spec_5_1_there_is_no_way_to_other_servers") else {
        return;
    };
    let mut vtn = place.online(VTN_ACCOUNT, "openadr");
    let mut ven = place.online("ven1", "client");
    for to in ["example.org", "ven1@example.org/client"] {
        for client in [&mut vtn, &mut ven] {
            assert_eq!(ask(client, to, NONSENSE, "set")["condition"], "forbidden");
        }
    }
    let log = place.prosody.log();
    assert!(!log.contains("s2s"), "{log}");
}

#[test]
fn spec_5_3_the_server_answers_discovery_in_every_spelling() {
    let Some(place) = Place::new("spec_5_3_the_server_answers_discovery_in_every_spelling") else {
        return;
    };
    let mut ven = place.online("ven1", "client");
    let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let info = ask(&mut ven, DOMAIN, query, "get");
    let info = info["xml"].as_str().unwrap();
    assert!(
        info.contains("var=\"http://openadr.org/openadr2\""),
        "{info}"
    );

    for node in [
        "http://openadr.org/openadr2#services",
        "http://openadr.org/OpenADR2#services",
        "http://openadr.org/OPENADR2#Services",
    ] {
        let query =
            format!("<query xmlns='http://jabber.org/protocol/disco#items' node='{node}'/>");
        let items = ask(&mut ven, DOMAIN, &query, "get");
        let items = items["xml"].as_str().unwrap();
        assert!(items.contains(&format!("node=\"{node}\"")), "{items}");
        for service in ["EiRegisterParty", "EiEvent", "EiReport", "EiOpt"] {
            let node = format!("node=\"http://openadr.org/OpenADR2/{service}\"");
            assert!(items.contains(&node), "{items}");
        }
        assert_eq!(
            items.matches(&format!("jid=\"{VTN}\"")).count(),
            4,
            "{items}"
        );
    }
    let query = "<query xmlns='http://jabber.org/protocol/disco#items' node='urn:example:other'/>";
    let other = ask(&mut ven, DOMAIN, query, "get");
    assert_eq!(other["condition"], "item-not-found");
}

#[test]
fn spec_5_3_each_service_may_have_a_jid_of_its_own() {
    let test = "spec_5_3_each_service_may_have_a_jid_of_its_own";
    let change = |text: String| {
        text.replace(
            "openadr_vtn = \"vtn@xmpp.example.com/openadr\"",
            "openadr_vtn = { EiEvent = \"event@xmpp.example.com/a\"; \
             EiReport = \"report@xmpp.example.com/b\"; EiOpt = \"vtn@xmpp.example.com/c\"; \
             EiRegisterParty = \"vtn@xmpp.example.com/d\" }",
        )
    };
    let Some(place) = Place::changed(test, change) else {
        return;
    };
    let mut ven = place.online("ven1", "client");
    let query = "<query xmlns='http://jabber.org/protocol/disco#items' \
                 node='http://openadr.org/openadr2#services'/>";
    let items = ask(&mut ven, DOMAIN, query, "get");
    let items = items["xml"].as_str().unwrap();
    for jid in ["event", "report", "vtn"] {
        assert!(items.contains(&format!("{jid}@{DOMAIN}/")), "{items}");
    }
    let event = place.online("event", "a");
    send(
        &mut ven,
        &format!("<iq type='set' id='there' to='event@{DOMAIN}/a'>{NONSENSE}</iq>"),
    );
    event
        .wait_after(Mark::START, "stanza", |line| line["id"] == "there")
        .unwrap();
}

#[test]
fn spec_5_5_what_is_sent_to_nobody_is_unavailable() {
    let Some(place) = Place::new("spec_5_5_what_is_sent_to_nobody_is_unavailable") else {
        return;
    };
    let mut ven = place.online("ven1", "client");
    let answer = ask(&mut ven, VTN, NONSENSE, "set");
    assert_eq!(
        (&answer["condition"], &answer["error_type"]),
        (&json!("service-unavailable"), &json!("cancel"))
    );
}

#[test]
fn spec_5_5_a_stanza_without_end_ends_the_session() {
    let test = "spec_5_5_a_stanza_without_end_ends_the_session";
    let change = |text: String| text.replace("5 * 1024 * 1024", "100 * 1024");
    let Some(place) = Place::changed(test, change) else {
        return;
    };
    let vtn = place.online(VTN_ACCOUNT, "openadr");
    let mut ven = place.online("ven1", "client");
    for (id, size) in [("small", 90), ("large", 110)] {
        let text = "x".repeat(size * 1024);
        send(
            &mut ven,
            &format!("<message id='{id}' to='{VTN}'><body>{text}</body></message>"),
        );
    }
    assert_eq!(ven.wait_for("offline").unwrap()["why"], "policy-violation");
    let messages = |line: &Value| line["kind"] == "message";
    let first = vtn.wait_after(Mark::START, "stanza", messages).unwrap();
    assert_eq!(first["id"], "small");
    let all = vtn.happenings();
    assert_eq!(all.iter().filter(|line| messages(line)).count(), 1);
}

#[test]
fn spec_5_6_a_session_gives_way_to_another_with_its_jid() {
    let Some(place) = Place::new("spec_5_6_a_session_gives_way_to_another_with_its_jid") else {
        return;
    };
    let first = place.online("ven1", "client");
    let mut second = place.online("ven1", "client");
    assert_eq!(first.wait_for("offline").unwrap()["why"], "conflict");
    let ping = "<ping xmlns='urn:xmpp:ping'/>";
    assert_eq!(ask(&mut second, DOMAIN, ping, "get")["type"], "result");
}
