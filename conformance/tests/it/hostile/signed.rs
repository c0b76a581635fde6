//! A VTN over TLS that wants signatures, two VENs that it knows, and what forgers would like to have
//! done in the name of one of them.
//!
//! Knows nothing of how documents are forged.

use std::time::Duration;

use conformance::authority::{Authority, Issued, KeyKind, Order};
use conformance::folder::Folder;
use conformance::http::{Answer, Base};
use conformance::program::Vtn;
use conformance::wait;
use oadr_core::payload::{
    Availability, CancelPartyRegistration, CreateOpt, CreatePartyRegistration, CreatedEvent,
    EiCreatedEvent, EiResponse, EventResponse, EventResponses, Message, Poll, Properties,
    QualifiedEventId, RegisteredReport, ResponseCode, Target,
};
use oadr_core::value::{
    EventId, OptId, OptReason, OptType, ProfileName, RegistrationId, RequestId, Text,
    TransportName, VenId,
};
use serde_json::{Value, json};

use super::forge::Signer;
use crate::tls_ends::TlsEnd;
use crate::{operator, wire};

const REQUIRED: [&str; 2] = ["--signatures", "required"];

/// The event that both VENs have.
pub(super) const EVENT: &str = "Event1";

/// The VTN, and who knows it.
#[derive(Debug)]
pub(super) struct Court {
    pub(super) authority: Authority,
    own: Issued,
    data: Folder,
    options: Vec<&'static str>,
    pub(super) vtn: Vtn,
    /// In whose name it is to happen.
    pub(super) house: Ven,
    /// Enrolled just as well.
    pub(super) plant: Ven,
}

/// A VEN that says what the test says.
#[derive(Debug)]
pub(super) struct Ven {
    pub(super) name: &'static str,
    pub(super) signer: Signer,
    end: TlsEnd,
    registration: RegistrationId,
}

/// A message that would change something.
#[derive(Debug, Clone)]
pub(super) struct Deed {
    pub(super) path: &'static str,
    pub(super) message: Message,
}

impl Ven {
    fn new(name: &'static str, authority: &Authority, vtn: &Vtn) -> (Self, Issued) {
        let issued = authority.client(name).unwrap();
        let ven = Self {
            name,
            signer: Signer::of(&issued),
            end: TlsEnd::on(&issued, authority, vtn.endpoint.address),
            registration: RegistrationId::default(),
        };
        (ven, issued)
    }

    fn id(&self) -> VenId {
        VenId::new(self.name).unwrap()
    }
}

impl Court {
    pub(super) fn new() -> Self {
        Self::with(&[])
    }

    /// With more options of the VTN.
    pub(super) fn with(more: &[&'static str]) -> Self {
        let authority = Authority::new(KeyKind::P256).unwrap();
        let server = Order::server(&["localhost", "127.0.0.1"], KeyKind::P256);
        let own = authority.issue(&server).unwrap();
        let data = Folder::new("signed").unwrap();
        let options = [&REQUIRED[..], more].concat();
        let vtn = Vtn::start_secured(data.path(), &[&own], &authority, &options).unwrap();
        let (house, plant) = (
            enrolled("house", &authority, &vtn),
            enrolled("plant", &authority, &vtn),
        );
        let mut court = Self {
            authority,
            own,
            data,
            options,
            vtn,
            house,
            plant,
        };
        court.house.registration = court.register(&court.house);
        court.plant.registration = court.register(&court.plant);
        let event = operator::event(EVENT, &["house", "plant"], Duration::from_secs(3_600), &[1]);
        operator::create(&court.vtn, &event);
        for ven in [&court.house, &court.plant] {
            court.receive(ven);
        }
        court
    }

    /// A VEN that nobody enrolled, with a certificate that TLS believes.
    pub(super) fn stranger(&self) -> Ven {
        Ven::new("stranger", &self.authority, &self.vtn).0
    }

    /// Kills the VTN at once, and starts it anew.
    pub(super) fn kill(&mut self) {
        self.vtn.process.kill().unwrap();
        let (data, options) = (self.data.path(), &self.options);
        let vtn = Vtn::start_secured(data, &[&self.own], &self.authority, options);
        self.vtn = vtn.unwrap();
        for ven in [&self.house, &self.plant] {
            self.meet(ven);
        }
    }

    /// Has a VEN talk to the VTN that there is now.
    pub(super) fn meet(&self, ven: &Ven) {
        ven.end.redirect(self.vtn.endpoint.address);
    }

    /// Sends a document over the VEN's own TLS connection.
    pub(super) fn send(&self, over: &Ven, path: &str, document: &str) -> Answer {
        let base = Base {
            address: over.end.address(),
            ..self.vtn.endpoint.clone()
        };
        base.xml(path, document.as_bytes()).unwrap()
    }

    /// Says something as it should be said, and reads the code of the answer.
    pub(super) fn say(&self, ven: &Ven, deed: &Deed) -> String {
        let answer = self.send(ven, deed.path, &ven.signer.signed(&deed.message));
        code(&answer)
    }

    /// What forgers would like house to have done: it is called otherwise and only reports, does not take
    /// part, is not to be disturbed, and is gone.
    pub(super) fn deeds(&self) -> [Deed; 4] {
        let renamed = CreatePartyRegistration {
            registration_id: Some(self.house.registration.clone()),
            ven_id: Some(self.house.id()),
            report_only: true,
            ..registration("mallory")
        };
        let refused = EventResponse {
            response_code: ResponseCode::OK,
            response_description: None,
            request_id: RequestId::default(),
            qualified_event_id: QualifiedEventId {
                event_id: EventId::new(EVENT).unwrap(),
                modification_number: 0,
            },
            opt_type: OptType::OptOut,
        };
        let refused = CreatedEvent {
            created: EiCreatedEvent {
                ei_response: EiResponse::ok(RequestId::default()),
                event_responses: Some(EventResponses {
                    responses: vec![refused],
                }),
                ven_id: self.house.id(),
            },
        };
        let gone = CancelPartyRegistration {
            request_id: RequestId::new("leave").unwrap(),
            registration_id: self.house.registration.clone(),
            ven_id: Some(self.house.id()),
        };
        [
            Deed::new("/EiRegisterParty", renamed),
            Deed::new("/EiEvent", refused),
            self.away("Evil"),
            Deed::new("/EiRegisterParty", gone),
        ]
    }

    /// House is out for good.
    pub(super) fn away(&self, opt_id: &str) -> Deed {
        self.house.away(opt_id)
    }

    /// Has each deed forged, and sends it over house's own connection: without effect, and with these
    /// words in the log.
    pub(super) fn refuses(&self, code: &str, words: &str, forge: impl Fn(&Deed) -> String) {
        self.refuses_over(&self.house, code, words, forge);
    }

    /// The same over this VEN's connection.
    pub(super) fn refuses_over(
        &self,
        over: &Ven,
        code: &str,
        words: &str,
        forge: impl Fn(&Deed) -> String,
    ) {
        let deeds = self.deeds();
        let forged = deeds.iter().map(|deed| (deed.path, forge(deed)));
        self.refuses_documents(over, code, words, &forged.collect::<Vec<_>>());
    }

    /// Each of these documents gets 403 and nothing else, and changes nothing; the log and the list of
    /// refusals say why.
    pub(super) fn refuses_documents(
        &self,
        over: &Ven,
        code: &str,
        words: &str,
        documents: &[(&str, String)],
    ) {
        let before = (self.known(), self.refused(code));
        for (path, document) in documents {
            let answer = self.send(over, path, document);
            let said = String::from_utf8_lossy(&answer.body);
            let beginning: String = document.chars().take(4_000).collect();
            assert_eq!(
                (answer.status, &*said),
                (403, ""),
                "to {path}: {beginning}\n{}",
                self.vtn.process.failure("")
            );
        }
        assert_eq!(self.known(), before.0);
        let count = u64::try_from(documents.len()).unwrap();
        assert_eq!(
            self.refused(code),
            before.1 + count,
            "{:#}",
            self.refusals()
        );
        self.is_told(over, code, words);
    }

    /// All that forgers would like to change, as the operator sees it.
    pub(super) fn known(&self) -> String {
        self.shown_as_text(&[
            "/api/v1/vens",
            "/api/v1/vens/house",
            "/api/v1/vens/plant",
            "/api/v1/vens/house/opts",
            "/api/v1/vens/plant/opts",
            "/api/v1/events/Event1",
        ])
    }

    /// The same of house alone, so that others may be seen.
    pub(super) fn known_of_house(&self) -> String {
        self.shown_as_text(&[
            "/api/v1/vens/house",
            "/api/v1/vens/house/opts",
            "/api/v1/events/Event1",
        ])
    }

    /// Without the date of the certificate that the VEN last connected with: the connection tells it, and
    /// not what is said on it.
    fn shown_as_text(&self, paths: &[&str]) -> String {
        let shown = paths.iter().map(|path| {
            let mut shown = self.shown(path);
            let list = shown.get_mut("vens").and_then(Value::as_array_mut);
            for ven in list.into_iter().flatten() {
                ven["certificate_not_after"].take();
            }
            if let Some(date) = shown.get_mut("certificate_not_after") {
                date.take();
            }
            format!("{shown}\n")
        });
        shown.collect()
    }

    pub(super) fn shown(&self, path: &str) -> Value {
        self.vtn.call("GET", path, None, &[200]).unwrap()
    }

    /// The IDs of house's schedules that count.
    pub(super) fn in_force(&self) -> Vec<String> {
        let opts = self.shown("/api/v1/vens/house/opts");
        let in_force = opts["in_force"].as_array().unwrap().iter();
        let ids = in_force.map(|opt| opt["opt_id"].as_str().unwrap().to_owned());
        ids.collect()
    }

    pub(super) fn refusals(&self) -> Value {
        self.shown("/api/v1/refusals")["refusals"].take()
    }

    /// How many signatures were refused for this reason.
    pub(super) fn refused(&self, code: &str) -> u64 {
        let refusals = self.refusals();
        let of_code = refusals.as_array().unwrap().iter();
        let of_code = of_code.filter(|one| one["stage"] == "signature" && one["code"] == code);
        of_code.map(|one| one["times"].as_u64().unwrap()).sum()
    }

    /// The log has it in words, and so has the latest refusal.
    fn is_told(&self, over: &Ven, code: &str, words: &str) {
        let latest = &self.refusals()[0];
        assert_eq!(
            (&latest["code"], &latest["certificate"], &latest["ven"]),
            (
                &code.into(),
                &over.signer.certificate().hash().to_string().into(),
                &over.name.into()
            ),
            "{latest:#}"
        );
        let reason = latest["reason"].as_str().unwrap();
        assert!(reason.contains(words), "no {words} in {reason}");
        let what = format!("a line that says: {words}");
        let said = wait::until(&what, wait::PATIENCE, || {
            let said = self.vtn.process.failure("").to_string();
            let mut lines = said.lines();
            let line = lines
                .find(|line| line.contains("a signature was refused: ") && line.contains(words));
            line.map(str::to_owned)
        });
        let said = said
            .unwrap_or_else(|failure| panic!("{}", self.vtn.process.failure(&failure.to_string())));
        for part in [code, over.name] {
            assert!(said.contains(part), "no {part} in {said}");
        }
    }

    fn register(&self, ven: &Ven) -> RegistrationId {
        let create = Message::from(registration(ven.name));
        let answer = self.send(ven, "/EiRegisterParty", &ven.signer.signed(&create));
        assert_eq!(code(&answer), "200", "{}", self.vtn.process.failure(""));
        let id = wire::texts(&answer.body, "registrationID").concat();
        RegistrationId::new(&*id).unwrap()
    }

    /// Polls until the VEN has the event.
    fn receive(&self, ven: &Ven) {
        let poll = ven.poll();
        let has_it = wait::until("the event", wait::PATIENCE, || {
            let answer = self.send(ven, poll.path, &ven.signer.signed(&poll.message));
            match wire::message(&answer.body).as_str() {
                "oadrDistributeEvent" => return Some(()),
                "oadrRegisterReport" => {
                    let asked = wire::texts(&answer.body, "requestID").concat();
                    let registered = RegisteredReport {
                        ei_response: EiResponse::ok(RequestId::new(&*asked).unwrap()),
                        report_requests: Vec::new(),
                        ven_id: Some(ven.id()),
                    };
                    assert_eq!(self.say(ven, &Deed::new("/EiReport", registered)), "200");
                }
                _ => {}
            }
            None
        });
        has_it
            .unwrap_or_else(|failure| panic!("{}", self.vtn.process.failure(&failure.to_string())));
    }
}

impl Ven {
    /// It is out for good.
    pub(super) fn away(&self, opt_id: &str) -> Deed {
        let start = "2199-01-01T00:00:00Z".parse().unwrap();
        let out = CreateOpt {
            opt_id: OptId::new(opt_id).unwrap(),
            opt_type: OptType::OptOut,
            opt_reason: OptReason::Economic,
            market_context: None,
            ven_id: self.id(),
            availability: Some(Availability {
                available: vec![Properties::new(start, oadr_core::value::Duration::ZERO)],
            }),
            created: "2026-01-01T00:00:00Z".parse().unwrap(),
            request_id: RequestId::new("away").unwrap(),
            qualified_event_id: None,
            target: Target::default(),
            device_class: None,
        };
        Deed::new("/EiOpt", out)
    }

    pub(super) fn poll(&self) -> Deed {
        Deed::new("/OadrPoll", Poll { ven_id: self.id() })
    }
}

impl Deed {
    pub(super) fn new(path: &'static str, message: impl Into<Message>) -> Self {
        Self {
            path,
            message: message.into(),
        }
    }
}

pub(super) fn registration(name: &str) -> CreatePartyRegistration {
    CreatePartyRegistration {
        request_id: RequestId::new("register").unwrap(),
        registration_id: None,
        ven_id: None,
        profile_name: ProfileName::B,
        transport_name: TransportName::SimpleHttp,
        transport_address: None,
        report_only: false,
        xml_signature: true,
        ven_name: Text::new(name).ok(),
        http_pull_model: Some(true),
    }
}

/// The code of an answer, or its status if that is another than 200.
pub(super) fn code(answer: &Answer) -> String {
    if answer.status == 200 {
        wire::texts(&answer.body, "responseCode").concat()
    } else {
        answer.status.to_string()
    }
}

fn enrolled(name: &'static str, authority: &Authority, vtn: &Vtn) -> Ven {
    let (ven, issued) = Ven::new(name, authority, vtn);
    let new = json!({"ven_name": name, "ven_id": name, "certificates": [issued.hash()]});
    vtn.call("POST", "/api/v1/vens", Some(&new), &[201])
        .unwrap();
    ven
}
