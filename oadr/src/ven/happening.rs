//! What happens to a VEN, as one flat line of JSON each.
//!
//! Knows nothing of where the lines go.

use std::fmt;

use oadr_core::value::{DateTime, VenId};
use oadr_core::ven::Effect;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::json::Event;

/// Something that happened to a VEN, told at least once: its [ID](Self::id) names it for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Happening {
    /// The version of the VEN's state that it came with.
    pub version: u64,
    /// Its place among what came with that version.
    pub position: u32,
    /// When it happened.
    pub time: DateTime,
    /// The VEN, if it had an ID.
    pub ven_id: Option<VenId>,
    /// What it is.
    pub effect: Effect,
}

/// Names a happening of a VEN for good: what is told again, as after a crash, has the ID that it had.
///
/// Later happenings have greater IDs. A VEN without a data folder begins anew with every start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HappeningId {
    pub(super) version: u64,
    pub(super) position: u32,
}

impl fmt::Display for HappeningId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.version, self.position)
    }
}

impl Happening {
    /// By which its receiver knows one that it was told before.
    #[must_use]
    pub fn id(&self) -> HappeningId {
        HappeningId {
            version: self.version,
            position: self.position,
        }
    }

    /// The happening as one flat JSON object: `happening`, `time`, `id`, `ven_id` and what goes with
    /// it. Events that are received or modified come in full.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut line = Map::new();
        let effect = match serde_json::to_value(&self.effect) {
            Ok(Value::Object(effect)) => effect,
            Ok(_) | Err(_) => Map::new(),
        };
        line.insert(
            "happening".to_owned(),
            effect.get("happening").cloned().unwrap_or_default(),
        );
        line.insert("time".to_owned(), json!(self.time));
        line.insert("id".to_owned(), self.id().to_string().into());
        line.insert("ven_id".to_owned(), json!(self.ven_id));
        if let Effect::EventReceived { event, .. } | Effect::EventModified { event, .. } =
            &self.effect
            && let Ok(Value::Object(event)) = serde_json::to_value(Event::from(&**event))
        {
            line.extend(event);
        }
        line.extend(effect.into_iter().filter(|(name, _)| name != "event"));
        Value::Object(line)
    }
}
