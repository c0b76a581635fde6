//! Service discovery (XEP-0030, spec §5.3): where a VTN's services are, and what we say of ourselves.
//!
//! Knows nothing of sessions beyond asking one question.

use oadr_core::Jid;
use oadr_core::value::ServiceName;

use crate::link::{Addressee, Link};
use crate::stanza::Child;
use crate::write::{self, Kind, StanzaError};
use crate::{Config, Role, SendError, ServiceJids};

const INFO: &str = "http://jabber.org/protocol/disco#info";
const ITEMS: &str = "http://jabber.org/protocol/disco#items";
const PING: &str = "urn:xmpp:ping";
/// The feature of whoever speaks OpenADR.
const FEATURE: &str = "http://openadr.org/openadr2";
/// The node of the services, in the spelling of the specification's text and in that of its examples.
const NODES: [&str; 2] = [
    "http://openadr.org/openadr2#services",
    "http://openadr.org/OpenADR2#services",
];
/// The node of a service begins with this; so does what peers compare it with, in some case.
const SERVICE: &str = "http://openadr.org/OpenADR2/";
/// The services that are had over XMPP: rule 507 has no polls.
const SERVICES: [ServiceName; 4] = [
    ServiceName::EiEvent,
    ServiceName::EiReport,
    ServiceName::EiOpt,
    ServiceName::EiRegisterParty,
];

/// Asks a domain for the services of its VTN, in both spellings if the first knows none.
pub(crate) async fn ask(link: &Link, domain: &str) -> Result<ServiceJids, SendError> {
    let mut outcome = Ok(ServiceJids(Vec::new()));
    for node in NODES {
        let query = format!("<query xmlns='{ITEMS}' node='{node}'/>");
        let domain = Addressee::Domain(domain.to_owned());
        outcome = match link.ask(domain, Kind::Get, query.as_bytes()).await {
            Ok(answer) => {
                let query = answer
                    .children
                    .iter()
                    .find(|child| child.is(ITEMS, "query"));
                let found = query.map(services).unwrap_or_default();
                if !found.is_empty() {
                    return Ok(ServiceJids(found));
                }
                outcome
            }
            Err(error @ SendError::Stanza { .. }) => Err(error),
            Err(error) => return Err(error),
        };
    }
    outcome
}

/// The services among the items of an answer; the first of each counts. Only sessions can be written to.
fn services(query: &Child) -> Vec<(ServiceName, Jid)> {
    let mut found: Vec<(ServiceName, Jid)> = Vec::new();
    for (node, jid) in query.pairs("item", "node", "jid") {
        let is_node = |service: &&ServiceName| {
            node.eq_ignore_ascii_case(&format!("{SERVICE}{}", service.as_str()))
        };
        if let Some(service) = SERVICES.iter().find(is_node)
            && let Ok(jid) = jid.parse()
            && !found.iter().any(|(known, _)| known == service)
        {
            found.push((*service, jid));
        }
    }
    found
}

/// What is said to a question of somebody who may ask.
pub(crate) fn answer(config: &Config, question: &Child) -> Result<Vec<u8>, StanzaError> {
    if question.is(PING, "ping") {
        return Ok(Vec::new());
    }
    let node = question.attribute("node");
    let mut out = String::new();
    if question.is(INFO, "query") {
        if node.is_some() {
            return Err(StanzaError::ITEM_NOT_FOUND);
        }
        out.push_str(&format!(
            "<query xmlns='{INFO}'><identity category='client' type='bot'/>"
        ));
        for feature in [FEATURE, INFO, ITEMS, PING] {
            out.push_str(&format!("<feature var='{feature}'/>"));
        }
    } else if question.is(ITEMS, "query") {
        let Some(node) = node else {
            return Ok(format!("<query xmlns='{ITEMS}'/>").into_bytes());
        };
        if config.role != Role::Vtn || !NODES.contains(&node.as_str()) {
            return Err(StanzaError::ITEM_NOT_FOUND);
        }
        out.push_str(&format!("<query xmlns='{ITEMS}' node='{node}'>"));
        let mut jid = Vec::new();
        write::escape(&mut jid, &config.jid.to_string());
        let jid = String::from_utf8_lossy(&jid);
        for service in SERVICES {
            let service = service.as_str();
            out.push_str(&format!("<item jid='{jid}' node='{SERVICE}{service}'/>"));
        }
    } else {
        return Err(StanzaError::SERVICE_UNAVAILABLE);
    }
    out.push_str("</query>");
    Ok(out.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Login;
    use crate::stanza::Stanza;

    fn child(text: &str) -> Child {
        let iq = format!("<iq type='get' id='1'>{text}</iq>");
        match Stanza::read(iq.as_bytes()) {
            Ok(Stanza::Iq(mut iq)) => iq.children.pop().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn config(role: Role) -> Config {
        let jid = "vtn@d.example/a&b".parse().unwrap();
        Config::new(jid, Login::Certificate, role)
    }

    #[test]
    fn spec_5_3_a_vtn_is_found_in_both_spellings() {
        for node in NODES {
            let question = child(&format!("<query xmlns='{ITEMS}' node='{node}'/>"));
            let answer = answer(&config(Role::Vtn), &question).unwrap();
            let answer = child(str::from_utf8(&answer).unwrap());
            assert_eq!(answer.attribute("node").as_deref(), Some(node));
            let found = services(&answer);
            assert_eq!(found.len(), 4);
            assert!(
                found
                    .iter()
                    .all(|(_, jid)| jid.to_string() == "vtn@d.example/a&b")
            );
            assert_eq!(
                super::answer(&config(Role::Ven), &question),
                Err(StanzaError::ITEM_NOT_FOUND)
            );
        }
    }

    #[test]
    fn spec_5_3_service_nodes_are_compared_without_case() {
        let answer = child(
            "<query xmlns='http://jabber.org/protocol/disco#items'>\
             <item jid='vtn@d/EiEvent' node='http://openadr.org/openadr2/eievent'/>\
             <item jid='vtn@d/Other' node='http://openadr.org/OpenADR2/EiEvent'/>\
             <item jid='vtn@d' node='http://openadr.org/OpenADR2/EiOpt'/>\
             <item jid='vtn@d/x' node='http://openadr.org/OpenADR2/EiFeedback'/>\
             <item jid='vtn@d/EiReport' node='HTTP://OPENADR.ORG/OPENADR2/EIREPORT'/></query>",
        );
        let found: Vec<_> = services(&answer)
            .into_iter()
            .map(|(service, jid)| (service, jid.to_string()))
            .collect();
        assert_eq!(
            found,
            [
                (ServiceName::EiEvent, "vtn@d/EiEvent".to_owned()),
                (ServiceName::EiReport, "vtn@d/EiReport".to_owned()),
            ]
        );
    }

    #[test]
    fn rule_515_pings_and_discovery_are_answered() {
        let config = config(Role::Ven);
        assert_eq!(
            answer(&config, &child("<ping xmlns='urn:xmpp:ping'/>")),
            Ok(Vec::new())
        );
        let info = answer(&config, &child(&format!("<query xmlns='{INFO}'/>"))).unwrap();
        assert!(
            str::from_utf8(&info)
                .unwrap()
                .contains("var='http://openadr.org/openadr2'")
        );
        for unknown in ["<query xmlns='jabber:iq:version'/>", "<ping xmlns='x'/>"] {
            assert_eq!(
                answer(&config, &child(unknown)),
                Err(StanzaError::SERVICE_UNAVAILABLE)
            );
        }
    }
}
