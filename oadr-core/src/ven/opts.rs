//! The opts that a VEN has made, what the VTN said to them, and how they change.
//!
//! Knows nothing of rules, or of what is owed for them.

use serde::{Deserialize, Serialize};

use crate::opt::OptTerms;
use crate::payload::ResponseCode;
use crate::value::{DateTime, EventId, OptId, OptType};

/// So many opts that the VTN refused are remembered, so that one can see what became of them.
const REFUSED: usize = 16;

/// An opt to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptDraft {
    /// What to call it; `None` draws an ID. Several may have the same one: they are cancelled together
    /// (rule 204).
    pub opt_id: Option<OptId>,
    /// What it says.
    pub terms: OptTerms,
}

/// An opt of this VEN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opt {
    /// Names it; later ones have greater numbers.
    pub number: u64,
    /// What the VTN knows it by, together with others perhaps (rule 204).
    pub opt_id: OptId,
    /// What it says.
    pub terms: OptTerms,
    /// When it was made.
    pub created: DateTime,
    /// What the VTN says to it.
    pub standing: OptStanding,
}

/// How an opt stands with the VTN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptStanding {
    /// The VTN does not have it yet, as far as the VEN knows.
    Owed,
    /// The VTN has it.
    Accepted,
    /// The VTN refused it; it counts for nothing.
    Refused {
        /// Its code; `None` if the refusal was none of OpenADR's.
        response_code: Option<ResponseCode>,
    },
    /// It is cancelled, but the VTN does not know yet.
    Cancelling,
    /// The VTN has it and would not let it be cancelled.
    Kept {
        /// Its code; `None` if the refusal was none of OpenADR's.
        response_code: Option<ResponseCode>,
    },
}

/// All opts of a VEN.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Opts {
    /// The number that was given last.
    pub(super) last: u64,
    /// In the order in which they were made.
    pub(super) list: Vec<Opt>,
}

/// What can happen to opts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum OptChange {
    /// One was made.
    Created {
        /// It.
        opt: Box<Opt>,
    },
    /// They stand otherwise with the VTN now.
    Stands {
        /// Their numbers.
        numbers: Vec<u64>,
        /// How.
        standing: OptStanding,
    },
    /// They count no more: cancelled, replaced or over.
    Forgotten {
        /// Their numbers.
        numbers: Vec<u64>,
    },
}

impl OptStanding {
    /// Whether the opt counts, or will once the VTN has it.
    #[must_use]
    pub fn is_in_force(self) -> bool {
        match self {
            Self::Owed | Self::Accepted | Self::Kept { .. } => true,
            Self::Refused { .. } | Self::Cancelling => false,
        }
    }

    fn is_refused(self) -> bool {
        match self {
            Self::Refused { .. } => true,
            Self::Owed | Self::Accepted | Self::Cancelling | Self::Kept { .. } => false,
        }
    }
}

impl Opts {
    pub(super) fn is_empty(&self) -> bool {
        self.last == 0 && self.list.is_empty()
    }

    pub(super) fn get(&self, number: u64) -> Option<&Opt> {
        self.list.iter().find(|opt| opt.number == number)
    }

    /// Whether the VEN as a whole was opted in or out of an event (rule 206).
    pub(super) fn of_event(&self, event_id: &EventId) -> Option<OptType> {
        let mut latest = self.list.iter().rev();
        let whole = latest.find(|opt| {
            opt.terms.event_id() == Some(event_id)
                && opt.terms.is_of_all()
                && opt.standing.is_in_force()
        });
        whole.map(|opt| opt.terms.opt_type)
    }

    /// The event is known no more, and its opts neither.
    pub(super) fn forget_event(&mut self, event_id: &EventId) {
        self.list
            .retain(|opt| opt.terms.event_id() != Some(event_id));
    }

    pub(super) fn apply(&mut self, change: &OptChange) {
        match change {
            OptChange::Created { opt } => {
                self.last = self.last.max(opt.number);
                self.list.push((**opt).clone());
            }
            OptChange::Stands { numbers, standing } => {
                for opt in &mut self.list {
                    if numbers.contains(&opt.number) {
                        opt.standing = *standing;
                    }
                }
            }
            OptChange::Forgotten { numbers } => {
                self.list.retain(|opt| !numbers.contains(&opt.number));
            }
        }
        let refused = self.list.iter().filter(|opt| opt.standing.is_refused());
        let mut surplus = refused.count().saturating_sub(REFUSED);
        self.list.retain(|opt| {
            let goes = surplus > 0 && opt.standing.is_refused();
            surplus = surplus.saturating_sub(usize::from(goes));
            !goes
        });
    }
}
