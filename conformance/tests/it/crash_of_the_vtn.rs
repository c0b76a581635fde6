//! `kill -9` of the VTN at random moments, while VENs poll and an operator works.
//!
//! What somebody was told must still be so: the operator's events after a 2xx, the VENs' answers
//! after an oadrResponse. What nobody was told may have happened or not, and is settled by asking
//! again.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use conformance::failure::Failure;
use conformance::folder::Folder;
use conformance::http::Base;
use conformance::peers::Peers;
use conformance::process::{self, Process};
use conformance::program::{self, Vtn};
use conformance::seed::Draws;
use conformance::tap::{Exchange, Tap};
use conformance::wait;
use serde_json::{Value, json};

use crate::busy_ven::BusyVen;
use crate::{operator, wire};

const KILLS: usize = 20;

/// The names of the VENs that are `oadr ven`, and what they answer.
const VENS: [(&str, &str, &str); 2] = [("Ven1", "in", "optIn"), ("Ven2", "out", "optOut")];

/// The names of those that never rest, so that the VTN dies in the middle of something.
const BUSY: [(&str, &str); 2] = [("Busy1", "optIn"), ("Busy2", "optOut")];

#[test]
fn kill_9_of_the_vtn_loses_nothing_that_was_acknowledged() {
    let name = "kill_9_of_the_vtn_loses_nothing_that_was_acknowledged";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let mut draws = Draws::announced(name);
    let data = Folder::new("vtn").unwrap();
    let mut vtn = Vtn::start(data.path()).unwrap();
    let tap = Tap::start(vtn.endpoint.address).unwrap();
    let folders: Vec<Folder> = VENS.iter().map(|_| Folder::new("ven").unwrap()).collect();
    let vens = start_vens(&tap.through(&vtn.url), &folders);
    let base = Base {
        address: tap.address(),
        ..vtn.endpoint.clone()
    };
    let busy = BUSY.map(|(name, opt)| BusyVen::start(&base, name, opt));
    let mut opts: Vec<(String, &str)> = vens
        .iter()
        .map(ven_id)
        .zip(VENS.map(|(_, _, opt)| opt))
        .collect();
    opts.extend(
        busy.iter()
            .map(|ven| ven.ven_id.clone())
            .zip(BUSY.map(|(_, opt)| opt)),
    );

    let mut operator = Operator::default();
    for kill in 0..KILLS {
        let moment = draws.span(Duration::ZERO, Duration::from_millis(700));
        let id = vtn.process.id();
        let killer = thread::spawn(move || {
            thread::sleep(moment);
            process::signal(id, "KILL")
        });
        // Works until the VTN is gone.
        while operator.work(&vtn, &mut draws).is_ok() {}
        killer.join().unwrap().unwrap();
        vtn.process.wait_exit(wait::PATIENCE).unwrap();

        let answers = Answers::read(&tap.exchanges());
        vtn = Vtn::start(data.path()).unwrap_or_else(|failure| panic!("kill {kill}: {failure}"));
        // The VENs are back at once: what they do meanwhile only adds answers.
        tap.redirect(vtn.endpoint.address);
        operator.check(&vtn, kill);
        answers.check(&vtn, &tap, kill);
        operator.settle(&vtn);
    }

    assert!(
        operator.told.len() > KILLS / 2,
        "the operator hardly worked: {operator:?}"
    );
    operator.check(&vtn, KILLS);
    for (id, state) in &operator.told {
        for (ven_id, opt) in &opts {
            if state.cancelled {
                wait_for_any_answer(&vtn, id, ven_id);
            } else {
                operator::wait_for_answer(&vtn, id, ven_id, opt);
            }
        }
    }
    let answered: usize = busy.into_iter().map(BusyVen::stop).sum();
    let exchanges = tap.exchanges();
    Answers::read(&exchanges).check(&vtn, &tap, KILLS);
    assert!(
        vens.iter().all(received_once),
        "{:#?}",
        vens[0].happenings()
    );
    assert_eq!(operator::vens(&vtn).len(), opts.len());
    assert_eq!(
        wire::requests(&exchanges, "oadrCreatePartyRegistration"),
        opts.len()
    );
    wire::require_valid(&peers, &exchanges);
    println!(
        "{KILLS} kills: {} events, {answered} answers of the busy, {} operations cut, \
         {} exchanges, {} without a reply",
        operator.told.len(),
        operator.cut,
        exchanges.len(),
        exchanges
            .iter()
            .filter(|exchange| exchange.reply.is_none())
            .count(),
    );
}

fn start_vens(url: &str, folders: &[Folder]) -> Vec<Process> {
    let vens = VENS.iter().zip(folders).map(|((name, opt, _), folder)| {
        program::ven(url, name, folder.path(), &["--opt", opt]).unwrap()
    });
    vens.collect()
}

fn ven_id(ven: &Process) -> String {
    ven.wait_for("registered").unwrap()["ven_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Whether no event came to this VEN as a new one twice.
fn received_once(ven: &Process) -> bool {
    let mut seen = BTreeSet::new();
    ven.happenings()
        .iter()
        .filter(|line| line["happening"] == "event_received")
        .all(|line| seen.insert(line["event_id"].to_string()))
}

/// What the operator was told, and the one thing it does not know.
#[derive(Debug, Default)]
struct Operator {
    told: BTreeMap<String, State>,
    open: Option<Operation>,
    created: usize,
    cut: usize,
}

#[derive(Debug, Clone, PartialEq)]
struct State {
    payload: u32,
    cancelled: bool,
}

#[derive(Debug, Clone)]
enum Operation {
    Create {
        id: String,
        body: Value,
        payload: u32,
    },
    Modify {
        id: String,
        payload: u32,
    },
    Cancel {
        id: String,
    },
}

impl Operator {
    /// Draws one operation and carries it out; what fails stays open.
    fn work(&mut self, vtn: &Vtn, draws: &mut Draws) -> Result<(), Failure> {
        let operation = self.draw(draws);
        self.open = Some(operation);
        self.try_open(vtn).inspect_err(|_| self.cut += 1)
    }

    fn draw(&mut self, draws: &mut Draws) -> Operation {
        let live: Vec<&String> = self
            .told
            .iter()
            .filter(|(_, state)| !state.cancelled)
            .map(|(id, _)| id)
            .collect();
        let payload = draws.below(4) as u32;
        let chosen = live
            .get(draws.below(live.len() as u64) as usize)
            .map(|id| (*id).clone());
        match (draws.below(4), chosen) {
            (0 | 1, Some(id)) => Operation::Modify { id, payload },
            (2, Some(id)) => Operation::Cancel { id },
            _ => {
                self.created += 1;
                let id = format!("Event{}", self.created);
                let start = Duration::from_secs(3600);
                let mut body = operator::event(&id, &[], start, &[payload, payload]);
                let busy = BUSY.map(|(name, _)| name);
                body["vens"] = json!([VENS.map(|(name, _, _)| name).as_slice(), &busy].concat());
                Operation::Create { id, body, payload }
            }
        }
    }

    /// Carries out the open operation, the first time or again.
    fn try_open(&mut self, vtn: &Vtn) -> Result<(), Failure> {
        let Some(operation) = self.open.clone() else {
            return Ok(());
        };
        let path = |id: &str| format!("/api/v1/events/{id}");
        let (status, answer) = match &operation {
            Operation::Create { body, .. } => vtn.api.json("POST", "/api/v1/events", Some(body))?,
            Operation::Modify { id, payload } => {
                let change = json!({"signals": operator::signals(&[*payload, *payload])});
                vtn.api.json("PATCH", &path(id), Some(&change))?
            }
            Operation::Cancel { id } => vtn.api.json("DELETE", &path(id), None)?,
        };
        assert!(
            (200..300).contains(&status),
            "{operation:?} answered {status} {answer}"
        );
        self.open = None;
        match operation {
            Operation::Create { id, payload, .. } => {
                self.told.insert(
                    id,
                    State {
                        payload,
                        cancelled: false,
                    },
                );
            }
            Operation::Modify { id, payload } => self.told.get_mut(&id).unwrap().payload = payload,
            Operation::Cancel { id } => self.told.get_mut(&id).unwrap().cancelled = true,
        }
        Ok(())
    }

    /// Asks again for what was open when the VTN died.
    fn settle(&mut self, vtn: &Vtn) {
        self.try_open(vtn).unwrap();
    }

    /// Compares what the VTN knows with what it told.
    fn check(&self, vtn: &Vtn, kill: usize) {
        let mut found = BTreeMap::new();
        for event in operator::events(vtn) {
            let id = event["event_id"].as_str().unwrap().to_owned();
            let shown = operator::show(vtn, &id);
            let payloads = operator::payloads(&shown);
            let payload = payloads[0] as u32;
            assert!(
                payloads.iter().all(|other| *other == payloads[0]),
                "half written: {shown}"
            );
            let state = State {
                payload,
                cancelled: shown["status"] == "cancelled",
            };
            assert_eq!(
                found.insert(id, state),
                None,
                "kill {kill}: an event exists twice"
            );
        }
        for (id, told) in &self.told {
            let state = found.remove(id);
            let state = state.unwrap_or_else(|| panic!("kill {kill}: {id} is missing"));
            let possible = self.possible(id, told);
            assert!(
                possible.contains(&state),
                "kill {kill}: {id} is {state:?}, not {possible:?}"
            );
        }
        let open = match &self.open {
            Some(Operation::Create { id, .. }) => found.remove(id).is_some(),
            Some(Operation::Modify { .. } | Operation::Cancel { .. }) | None => false,
        };
        assert!(
            found.is_empty(),
            "kill {kill}: nobody made {found:?} ({open})"
        );
    }

    /// The states an event may be in: as told, or as the open operation leaves it.
    fn possible(&self, event: &str, told: &State) -> Vec<State> {
        let mut states = vec![told.clone()];
        match &self.open {
            Some(Operation::Modify { id, payload }) if id == event => {
                states.push(State {
                    payload: *payload,
                    ..told.clone()
                });
            }
            Some(Operation::Cancel { id }) if id == event => {
                states.push(State {
                    cancelled: true,
                    ..told.clone()
                });
            }
            Some(
                Operation::Create { .. } | Operation::Modify { .. } | Operation::Cancel { .. },
            )
            | None => {}
        }
        states
    }
}

/// A cancelled event is answered by every VEN that has ever seen it; the answer to a cancellation
/// says whether the VEN can stop (rule 36), not what it thought of the event.
fn wait_for_any_answer(vtn: &Vtn, id: &str, ven_id: &str) {
    let what = format!("{ven_id}'s answer to the end of {id}");
    wait::until(&what, wait::PATIENCE, || {
        let answer = operator::answer(&operator::show(vtn, id), ven_id);
        answer
            .is_none_or(|answer| answer.delivery == "answered")
            .then_some(())
    })
    .unwrap_or_else(|failure| panic!("{failure}\n{:#}", operator::show(vtn, id)));
}

/// The answers that went over the wire, by event and VEN.
#[derive(Debug, Default)]
struct Answers(BTreeMap<(String, String), Given>);

#[derive(Debug, Default)]
struct Given {
    /// Every modificationNumber and optType that the VEN sent.
    sent: BTreeSet<(u64, String)>,
    /// The highest modificationNumber whose acknowledgement left the VTN.
    acknowledged: Option<u64>,
}

impl Answers {
    fn read(exchanges: &[Exchange]) -> Self {
        let mut answers = Self::default();
        for exchange in exchanges {
            if wire::message(&exchange.request) != "oadrCreatedEvent" {
                continue;
            }
            let acknowledged = exchange.reply.as_ref().is_some_and(|reply| {
                reply.status == 200 && wire::texts(&reply.body, "responseCode") == ["200"]
            });
            let texts = |element| wire::texts(&exchange.request, element);
            let (events, numbers, opts) = (
                texts("eventID"),
                texts("modificationNumber"),
                texts("optType"),
            );
            let ven_id = texts("venID").pop().unwrap();
            for ((event_id, number), opt) in events.into_iter().zip(numbers).zip(opts) {
                let number = number.parse().unwrap();
                let given = answers.0.entry((event_id, ven_id.clone())).or_default();
                given.sent.insert((number, opt));
                if acknowledged {
                    given.acknowledged = given.acknowledged.max(Some(number));
                }
            }
        }
        answers
    }

    /// An acknowledged answer is still there, or a later one of the same VEN has taken its place.
    fn check(&self, vtn: &Vtn, tap: &Tap, kill: usize) {
        let events: BTreeSet<&String> = self.0.keys().map(|(event_id, _)| event_id).collect();
        let shown: BTreeMap<&String, Value> = events
            .into_iter()
            .map(|id| (id, operator::show(vtn, id)))
            .collect();
        // Read last: the VENs have gone on since.
        let now = Self::read(&tap.exchanges());
        for (key, given) in &self.0 {
            let Some(acknowledged) = given.acknowledged else {
                continue;
            };
            let (event_id, ven_id) = key;
            let shown = &shown[event_id];
            let sent = &now.0[key].sent;
            // The number is that of the version last sent, the opt the last answer to any version.
            let holds = operator::answer(shown, ven_id).is_some_and(|answer| {
                let mut later = sent.iter().filter(|(number, _)| *number >= acknowledged);
                answer.modification_number >= Some(acknowledged)
                    && later.any(|(_, opt)| answer.opt.as_ref() == Some(opt))
            });
            assert!(
                holds,
                "kill {kill}: {ven_id} answered {event_id} {sent:?}, {acknowledged} acknowledged, \
                 but: {shown}"
            );
        }
    }
}
