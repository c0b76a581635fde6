//! An operator that makes, changes and cancels events at random and remembers what it was told.
//!
//! What fails was perhaps carried out and perhaps not: it stays open until it is asked for again.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use conformance::failure::Failure;
use conformance::program::Vtn;
use conformance::seed::Draws;
use serde_json::{Value, json};

use crate::operator;

/// The most events that are neither cancelled nor over: every distribution lists all of them.
const MOST_LIVE: usize = 2;

/// The longest pause between two operations, so that VENs get to answer in between.
const PAUSE: Duration = Duration::from_millis(25);

/// What the operator was told, and the one thing it does not know.
#[derive(Debug)]
pub(crate) struct Operator {
    pub(crate) told: BTreeMap<String, State>,
    /// Operations that got no answer.
    pub(crate) cut: usize,
    open: Option<Operation>,
    created: usize,
    /// The names of the VENs that the events are for.
    vens: Vec<String>,
}

/// An event as it was told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    payload: u32,
    pub(crate) cancelled: bool,
    /// How often it was changed, its cancellation included.
    revision: u64,
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
    /// One whose events are for the VENs of these names.
    pub(crate) fn new(vens: Vec<String>) -> Self {
        Self {
            told: BTreeMap::new(),
            cut: 0,
            open: None,
            created: 0,
            vens,
        }
    }

    /// Draws one operation and carries it out; what fails stays open.
    pub(crate) fn work(&mut self, vtn: &Vtn, draws: &mut Draws) -> Result<(), Failure> {
        thread::sleep(draws.span(Duration::ZERO, PAUSE));
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
        match (draws.below(10), chosen) {
            // Mostly: the VTN keeps every event for each VEN until long after this test.
            (0..=7, Some(id)) => Operation::Modify { id, payload },
            (8, Some(id)) => Operation::Cancel { id },
            (_, Some(id)) if live.len() >= MOST_LIVE => Operation::Cancel { id },
            _ => {
                self.created += 1;
                let id = format!("Event{}", self.created);
                let start = Duration::from_secs(3600);
                let mut body = operator::event(&id, &[], start, &[payload, payload]);
                body["vens"] = json!(self.vens);
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
                        revision: 0,
                    },
                );
            }
            Operation::Modify { id, payload } => {
                let told = self.told.get_mut(&id).unwrap();
                *told = told.modified(payload);
            }
            Operation::Cancel { id } => {
                let told = self.told.get_mut(&id).unwrap();
                *told = told.cancelled();
            }
        }
        Ok(())
    }

    /// Asks again for what was open when the VTN died.
    pub(crate) fn settle(&mut self, vtn: &Vtn) {
        self.try_open(vtn).unwrap();
    }

    /// Compares what the VTN knows with what it told.
    pub(crate) fn check(&self, vtn: &Vtn, kill: usize) {
        let mut found = BTreeMap::new();
        for event in operator::events(vtn) {
            let id = event["event_id"].as_str().unwrap().to_owned();
            let payloads = operator::payloads(&event);
            let payload = payloads[0] as u32;
            assert!(
                payloads.iter().all(|other| *other == payloads[0]),
                "half written: {event}"
            );
            let state = State {
                payload,
                cancelled: event["status"] == "cancelled",
                revision: event["revision"].as_u64().unwrap(),
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
                states.push(told.modified(*payload));
            }
            Some(Operation::Cancel { id }) if id == event => states.push(told.cancelled()),
            Some(
                Operation::Create { .. } | Operation::Modify { .. } | Operation::Cancel { .. },
            )
            | None => {}
        }
        states
    }
}

impl State {
    /// The same event is no new version.
    fn modified(&self, payload: u32) -> Self {
        Self {
            payload,
            revision: self.revision + u64::from(payload != self.payload),
            ..self.clone()
        }
    }

    fn cancelled(&self) -> Self {
        Self {
            cancelled: true,
            revision: self.revision + u64::from(!self.cancelled),
            ..self.clone()
        }
    }
}
