//! Exchanges captured in a certification, replayed: the harness's messages to our VEN, the device's to
//! our VTN, and what ours answers compared with what was answered then.
//!
//! Knows nothing of whether the device passed: where the specification and the capture part, ours goes
//! with the specification, and `DIFFERENCES` says why.

use std::fs;
use std::path::Path;

use chrono::TimeDelta;
use conformance::peers;
use oadr_core::codec::{DecodeOptions, decode};
use oadr_core::payload::{Message, MessageKind, Report};
use oadr_core::value::DateTime;

use crate::play::{play_all, written};
use crate::said::said;
use crate::script::{Line, NOON, Party, Said, Script, Step, instant};
use crate::transport::Transport;

/// The device's metadata.
const OFFERS: u16 = 66;

/// A captured exchange.
struct Exchange {
    test: &'static str,
    /// Our registration dialogue before it, unless it is one itself.
    registered: bool,
    /// The messages, by the number of the file; lines are ours, where there is no capture of what our
    /// machines say as well.
    messages: &'static [Part],
    /// Which of our machines can play a part in it.
    ours: &'static [Party],
}

enum Part {
    Captured(u16),
    Written(&'static str),
}
use Part::{Captured as C, Written as W};

const BOTH: &[Party] = &[Party::Ven, Party::Vtn];

const QUERY: Part = W("VEN oadrQueryRegistration requestID=$query");
const ANSWER: Part = W("VTN oadrCreatedPartyRegistration 200 requestID=$query registrationID=-");

const EXCHANGES: &[Exchange] = &[
    Exchange {
        test: "N1_0010",
        registered: false,
        messages: &[C(298), C(299)],
        ours: &[Party::Vtn],
    },
    // The device asked for events last; in the order of ours, which rule 309 leaves open.
    Exchange {
        test: "N1_0020",
        registered: false,
        messages: &[
            QUERY,
            ANSWER,
            C(64),
            C(65),
            C(66),
            C(67),
            C(73),
            C(74),
            C(68),
            C(69),
            C(70),
            C(71),
        ],
        ours: BOTH,
    },
    Exchange {
        test: "N1_0025",
        registered: false,
        messages: &[
            QUERY,
            ANSWER,
            C(313),
            C(314),
            C(315),
            C(316),
            C(319),
            C(320),
            C(317),
            C(318),
        ],
        ours: &[Party::Vtn],
    },
    Exchange {
        test: "N1_0030",
        registered: true,
        messages: &[C(403), C(404)],
        ours: BOTH,
    },
    Exchange {
        test: "N1_0040",
        registered: true,
        messages: &[C(133), C(134), C(135)],
        ours: BOTH,
    },
    Exchange {
        test: "P1_2010",
        registered: true,
        messages: &[C(56), C(57)],
        ours: BOTH,
    },
    Exchange {
        test: "P1_2015",
        registered: true,
        messages: &[C(131), C(132)],
        ours: BOTH,
    },
    Exchange {
        test: "P1_2020",
        registered: true,
        messages: &[C(237), C(238), C(239), C(240)],
        ours: BOTH,
    },
    Exchange {
        test: "P1_2030",
        registered: true,
        messages: &[C(325), C(326), C(327), C(328)],
        ours: BOTH,
    },
    Exchange {
        test: "R1_3010",
        registered: true,
        messages: &[C(173), C(174), C(175), C(176)],
        ours: BOTH,
    },
    Exchange {
        test: "R1_3020",
        registered: true,
        messages: &[C(75), C(76), C(77), C(78), C(79), C(80), C(81), C(82)],
        ours: BOTH,
    },
    // The harness asks for reports on change, which are not on offer: our VTN does not (rule 340).
    Exchange {
        test: "R1_3025",
        registered: true,
        messages: &[C(17), C(18), C(19), C(20), W("12:02"), C(21), C(22)],
        ours: &[Party::Ven],
    },
    // The device sent three reports in two minutes; the harness takes one more or less.
    Exchange {
        test: "R1_3027",
        registered: true,
        messages: &[C(395), C(396), C(397), C(398), C(399), C(400)],
        ours: BOTH,
    },
    Exchange {
        test: "R1_3027, its third report",
        registered: true,
        messages: &[
            C(395),
            C(396),
            C(397),
            C(398),
            C(399),
            C(400),
            C(401),
            C(402),
        ],
        ours: &[Party::Vtn],
    },
    Exchange {
        test: "R1_3030",
        registered: true,
        messages: &[
            C(161),
            C(162),
            C(163),
            C(164),
            C(165),
            C(166),
            C(167),
            C(168),
            C(169),
            C(170),
            C(171),
            C(172),
        ],
        ours: BOTH,
    },
    // The device's data were under way when the cancellation came: it said so afterwards.
    Exchange {
        test: "R1_3040",
        registered: true,
        messages: &[C(141), C(142), C(144), C(145), C(143), C(146)],
        ours: BOTH,
    },
    Exchange {
        test: "R1_3050",
        registered: true,
        messages: &[C(104), C(105), C(106), C(107)],
        ours: BOTH,
    },
    Exchange {
        test: "R1_3060",
        registered: false,
        messages: &[
            QUERY,
            ANSWER,
            C(64),
            C(65),
            C(378),
            C(379),
            C(73),
            C(74),
            C(380),
            W("VTN oadrResponse 200"),
            W("VEN oadrPoll venID=$ven"),
            C(69),
            C(70),
            C(71),
            C(381),
            C(382),
        ],
        ours: BOTH,
    },
    Exchange {
        test: "R1_3150",
        registered: true,
        messages: &[C(244), C(245), C(246), C(247)],
        ours: BOTH,
    },
    Exchange {
        test: "R1_3160",
        registered: true,
        messages: &[
            C(286),
            C(287),
            W("12:02"),
            C(288),
            C(289),
            W("12:04"),
            C(290),
            C(291),
        ],
        ours: BOTH,
    },
];

/// Where ours differs from the capture: the file, the field, why.
const DIFFERENCES: &[(u16, &str, &str)] = &[
    (
        74,
        "requestID",
        "rule 40: ours says which oadrRequestEvent it answers",
    ),
    (
        320,
        "requestID",
        "rule 40: ours says which oadrRequestEvent it answers",
    ),
    (
        379,
        "granularity",
        "rule 340: ours asks for a pace that is on offer, which on change is not",
    ),
];

/// The captures are of a VEN that polled; what was said is the same where it is pushed to.
macro_rules! replayed {
    ($($name:ident $ours:ident $transport:ident;)*) => {$(
        #[test]
        fn $name() {
            replay(stringify!($name), Party::$ours, Transport::$transport);
        }
    )*};
}

replayed! {
    captured_exchanges_are_replayed_with_our_ven_as_the_device Ven HttpPull;
    captured_exchanges_are_replayed_with_our_ven_as_the_device_over_http_push Ven HttpPush;
    captured_exchanges_are_replayed_with_our_ven_as_the_device_over_xmpp Ven Xmpp;
    captured_exchanges_are_replayed_with_our_vtn_as_the_harness Vtn HttpPull;
    captured_exchanges_are_replayed_with_our_vtn_as_the_harness_over_http_push Vtn HttpPush;
    captured_exchanges_are_replayed_with_our_vtn_as_the_harness_over_xmpp Vtn Xmpp;
}

fn replay(name: &str, ours: Party, transport: Transport) {
    let Some(corpus) = peers::corpus_or_skip(name) else {
        return;
    };
    let corpus = corpus.join("certrun");
    let (_, offers) = captured(&corpus, OFFERS);
    let Message::RegisterReport(offers) = offers else {
        panic!("{OFFERS} is no oadrRegisterReport")
    };
    let mut objections = Vec::new();
    for exchange in EXCHANGES
        .iter()
        .filter(|exchange| exchange.ours.contains(&ours))
    {
        let played = play(&corpus, exchange, ours, transport, &offers.reports);
        objections.extend(
            played
                .err()
                .map(|error| format!("{}: {error}", transport.number(exchange.test))),
        );
    }
    assert!(objections.is_empty(), "{}", objections.join("\n\n"));
}

fn play(
    corpus: &Path,
    exchange: &Exchange,
    ours: Party,
    transport: Transport,
    offers: &[Report],
) -> Result<(), String> {
    let specifiers: Vec<_> = offers
        .iter()
        .map(|offer| offer.report_specifier_id.to_string())
        .collect();
    let registration = written("N1_0020").replace("STATUS,USAGE,HISTORY", &specifiers.join(","));
    let mut scripts = Vec::new();
    if exchange.registered {
        scripts.push(Script::parse(&registration)?);
    }
    scripts.push(script(corpus, exchange, ours)?);
    play_all(scripts, ours, transport, offers)
}

/// The exchange as a dialogue; polls and their like, which were not captured, are filled in.
fn script(corpus: &Path, exchange: &Exchange, ours: Party) -> Result<Script, String> {
    let mut script = Script::parse("")?;
    script.goes_on = true;
    let mut later = None;
    let mut asks = true;
    for part in exchange.messages {
        let line = match part {
            W(text) => Script::parse(text)?.steps,
            C(number) => {
                let (party, message) = captured(corpus, *number);
                let mut said = said(&message);
                if later.is_none() {
                    later =
                        asked_at(&message).map(|at| NOON.parse::<DateTime>().map(|noon| noon - at));
                }
                let shift = match later {
                    Some(Ok(shift)) => shift,
                    Some(Err(_)) | None => TimeDelta::zero(),
                };
                let told = is_told(party, &said, exchange.registered);
                name_ids(&mut said, shift);
                let is_ours = party == ours;
                if is_ours {
                    forget_details(party, &mut said);
                }
                let differences = DIFFERENCES
                    .iter()
                    .filter(|(file, ..)| is_ours && file == number);
                vec![Step::Says(Line {
                    party,
                    told,
                    said: Some(said),
                    differs: differences
                        .map(|(_, field, _)| (*field).to_owned())
                        .collect(),
                    text: format!("certrun {number}"),
                })]
            }
        };
        for step in line {
            let speaker = match &step {
                Step::Says(line) => Some(line.party),
                Step::At(_)
                | Step::Forgets
                | Step::Pushes(_)
                | Step::Quiet(_)
                | Step::Answers(_) => None,
            };
            if asks && speaker == Some(Party::Vtn) {
                let poll = Script::parse("VEN oadrPoll venID=$ven")?;
                script.steps.extend(poll.steps);
            } else if !asks && speaker != Some(Party::Vtn) {
                let response = Script::parse("VTN oadrResponse 200")?;
                script.steps.extend(response.steps);
            }
            asks = speaker != Some(Party::Ven);
            script.steps.push(step);
        }
    }
    if !asks {
        script
            .steps
            .extend(Script::parse("VTN oadrResponse 200")?.steps);
    }
    Ok(script)
}

/// A captured message, and who said it: the two wrote their prefixes differently.
fn captured(corpus: &Path, number: u16) -> (Party, Message) {
    let suffix = format!("-{number:03}.xml");
    let path = fs::read_dir(corpus)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().ends_with(&suffix));
    let octets = fs::read(path.unwrap_or_else(|| panic!("no {suffix}"))).unwrap();
    let is_device = String::from_utf8_lossy(&octets).contains("<p1:oadrPayload");
    let decoded = decode(&octets, &DecodeOptions::default()).unwrap();
    let party = if is_device { Party::Ven } else { Party::Vtn };
    (party, decoded.message)
}

/// When an exchange began. Of requests for reports the harness's IDs tell, in the time of Chicago.
fn asked_at(message: &Message) -> Option<DateTime> {
    if let Message::CreateOpt(opt) = message {
        return Some(opt.created);
    }
    let Message::CreateReport(ask) = message else {
        return None;
    };
    let id = ask.request_id.as_str().strip_prefix("ReportReqID")?;
    let (date, time) = (id.get(..6)?, id.get(7..13)?);
    let part = |text: &str, at: usize| text.get(at..at + 2).unwrap_or_default().to_owned();
    let local: DateTime = format!(
        "20{}-{}-{}T{}:{}:{}Z",
        part(date, 4),
        part(date, 0),
        part(date, 2),
        part(time, 0),
        part(time, 2),
        part(time, 4),
    )
    .parse()
    .ok()?;
    Some(local + TimeDelta::hours(6))
}

/// What only an operator or an application makes a party say.
fn is_told(party: Party, said: &Said, registered: bool) -> bool {
    use MessageKind as K;
    let rides = matches!(said.kind, K::RegisteredReport | K::UpdatedReport);
    match party {
        Party::Vtn if rides => !said.parts.is_empty(),
        Party::Vtn => matches!(
            said.kind,
            K::CreateReport | K::CancelReport | K::CancelPartyRegistration
        ),
        Party::Ven if said.kind == K::CancelPartyRegistration => registered,
        Party::Ven => matches!(said.kind, K::CreateOpt | K::CancelOpt),
    }
}

/// Names instead of IDs, so that what is echoed is seen to be; and the times of today.
fn name_ids(said: &mut Said, shift: TimeDelta) {
    let parts = said.parts.iter_mut().map(|(_, fields)| fields);
    for fields in core::iter::once(&mut said.fields).chain(parts) {
        for (field, value) in fields.iter_mut() {
            let name = |kind: &str, value: &str| match (kind, value) {
                (_, "") => "-".to_owned(),
                ("ven" | "reg" | "vtn", _) => format!("${kind}"),
                (_, _) => format!("${kind}-{value}"),
            };
            *value = match field.as_str() {
                "venID" | "targetVEN" => name("ven", value),
                "registrationID" => name("reg", value),
                "vtnID" => name("vtn", value),
                "requestID" | "distributeID" => name("request", value),
                "id" | "pending" | "cancels" | "answers" => {
                    let ids = value.split(',').map(|id| name("report", id));
                    ids.collect::<Vec<_>>().join(",")
                }
                "optID" => name("opt", value),
                "from" => value
                    .parse::<DateTime>()
                    .map_or_else(|_| value.clone(), |at| instant(at + shift)),
                _ => value.clone(),
            };
        }
    }
}

/// What depends on the time of day, and what receivers must not insist on.
fn forget_details(party: Party, said: &mut Said) {
    for field in ["events", "distributeID"] {
        said.fields.remove(field);
    }
    // An oadrResponse need not say to what it answers, nor a VTN to whom (spec 1.4, rule 508).
    if said.kind == MessageKind::Response {
        said.fields.remove("requestID");
    }
    if party == Party::Vtn && said.kind != MessageKind::CreatedPartyRegistration {
        said.fields.remove("venID");
    }
    for (part, fields) in &mut said.parts {
        if part == "report" {
            fields.remove("from");
            fields.remove("each");
        }
    }
}
