//! What comes back for a push, and what that comes to.
//!
//! Knows nothing of when something is pushed.

use super::claim::ven_id_of;
use super::decide::{Case, Sender, on_admitted};
use super::signature::{self, Forbidden};
use super::{PushFailure, PushFault, PushOutcome, Reply, Vtn};
use crate::machine::{Decision, Draft, Step};
use crate::payload::{Message, MessageKind, ResponseCode};
use crate::value::Text;
use crate::{Peer, Signature};

/// So much of what a VEN says of a refusal is kept.
const LONGEST_DETAIL: usize = 200;

/// The reply that counts, if there is one beside the acknowledgement.
pub(super) type Counts<'a> = Option<(&'a Message, Option<&'a Signature>)>;

/// What the outcome of a push comes to.
pub(super) fn judge<'a>(
    case: &Case<'_>,
    kind: MessageKind,
    outcome: &'a PushOutcome,
) -> Result<Counts<'a>, PushFailure> {
    let (message, signature) = match outcome {
        PushOutcome::Failed(failure) => return Err(failure.clone()),
        PushOutcome::Acknowledged => return Ok(None),
        PushOutcome::Replied {
            profile: _,
            message,
            signature,
        } => (&**message, signature.as_ref()),
    };
    let signature = signature::admit_reply(case.state(), case.context, case.env.now, signature)
        .map_err(|Forbidden| {
            failure(
                PushFault::Untrusted,
                "the reply is not signed as it has to be",
            )
        })?;
    let presented = ven_id_of(message).filter(|id| !id.is_empty());
    if presented.is_some_and(|id| case.state().ven_id() != Some(id)) {
        let why = "the reply has the venID of another VEN";
        return Err(failure(PushFault::Untrusted, why));
    }
    let code = message.ei_response().map(|response| response.response_code);
    match (message, kind) {
        // Its registration is what it is rid of.
        (Message::CanceledPartyRegistration(_), MessageKind::CancelPartyRegistration) => {}
        _ if code == Some(ResponseCode::NOT_REGISTERED) => {
            return Err(said(PushFault::NotRegistered, message));
        }
        (Message::Response(response), _) => {
            return match response.ei_response.response_code {
                code if code.is_success() => Ok(None),
                ResponseCode::INVALID_ID => Err(said(PushFault::NotRegistered, message)),
                _ => Err(said(PushFault::Refused, message)),
            };
        }
        (Message::RegisteredReport(_), MessageKind::RegisterReport)
        | (Message::CreatedReport(_), MessageKind::CreateReport)
        | (Message::CanceledReport(_), MessageKind::CancelReport)
        // It should come as a request of its own.
        | (Message::CreatedEvent(_), MessageKind::DistributeEvent) => {}
        _ => {
            let why = "the reply is none to what was pushed";
            return Err(failure(PushFault::Unreadable, why));
        }
    }
    Ok(Some((message, signature)))
}

/// A reply is treated like one that was posted, but that nobody waits for the answer to it.
pub(super) fn replied(
    case: &Case<'_>,
    message: &Message,
    signature: Option<&Signature>,
) -> Option<Decision<Vtn>> {
    let (ven_id, registration) = case.state().registered()?;
    let sender = Sender {
        ven_id,
        registration,
    };
    match on_admitted(case, sender, message, &[]) {
        Step::Decided(decision) => {
            let decision = signature::keep(case, &Peer::Unproven, signature, decision);
            let (draft, _) = Draft::resume(case.at, decision);
            Some(draft.decide(Reply::Empty))
        }
        // No reply is a question to the application.
        Step::Ask(_) => None,
    }
}

pub(super) fn failure(fault: PushFault, why: &str) -> PushFailure {
    PushFailure {
        fault,
        detail: Text::new(why).unwrap_or_default(),
        retry_after: None,
    }
}

/// As the VEN puts it.
fn said(fault: PushFault, message: &Message) -> PushFailure {
    let response = message.ei_response();
    let code = response.map_or(0, |response| response.response_code.get());
    let description = response.and_then(|response| response.response_description.as_ref());
    let description = description.map_or("", Text::as_str);
    let mut said = format!("{} {code}: {description}", message.kind());
    if let Some((end, _)) = said.char_indices().nth(LONGEST_DETAIL) {
        said.truncate(end);
    }
    failure(fault, said.trim_end_matches([':', ' ']))
}
