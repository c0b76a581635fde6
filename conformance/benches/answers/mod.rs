//! What VENs of benchmarks answer to events.
//!
//! Knows nothing of how events come.

use oadr_core::payload::{
    CreatedEvent, DistributeEvent, EiCreatedEvent, EiResponse, EventResponse, EventResponses,
    QualifiedEventId, ResponseCode,
};
use oadr_core::value::{OptType, RequestId, VenId};

/// Taking part in all of them.
pub(crate) fn opt_in(distributed: DistributeEvent, ven_id: VenId) -> CreatedEvent {
    let request_id = distributed.request_id;
    let events = distributed.events.into_iter();
    let responses = events.map(|event| EventResponse {
        response_code: ResponseCode::OK,
        response_description: None,
        request_id: request_id.clone(),
        qualified_event_id: QualifiedEventId {
            event_id: event.ei_event.descriptor.event_id,
            modification_number: event.ei_event.descriptor.modification_number,
        },
        opt_type: OptType::OptIn,
    });
    CreatedEvent {
        created: EiCreatedEvent {
            ei_response: EiResponse::ok(RequestId::default()),
            event_responses: Some(EventResponses {
                responses: responses.collect(),
            }),
            ven_id,
        },
    }
}
