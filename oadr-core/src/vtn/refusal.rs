//! How a refusal is said: the code, and the message type that answers the request (rule 517).
//!
//! Knows nothing of when to refuse.

use super::claim::ven_id_of;
use super::decide::Case;
use super::registration;
use crate::payload::{
    CanceledOpt, CanceledPartyRegistration, CanceledReport, CreatedOpt, CreatedReport,
    DistributeEvent, EiResponse, Message, PendingReports, RegisteredReport, Response, ResponseCode,
    UpdatedReport,
};
use crate::value::RequestId;

/// Why a message is not obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: ResponseCode,
    pub(super) why: &'static str,
}

impl Refusal {
    pub(super) const NOT_REGISTERED: Self =
        Self::new(ResponseCode::NOT_REGISTERED, "this VEN is not registered");
    pub(super) const NOT_ADMITTED: Self = Self::new(
        ResponseCode::NOT_REGISTERED,
        "this VEN may not register here",
    );
    pub(super) const WRONG_VEN_ID: Self =
        Self::new(ResponseCode::INVALID_ID, "the venID is not this VEN's");
    pub(super) const WRONG_REGISTRATION_ID: Self = Self::new(
        ResponseCode::INVALID_ID,
        "the registrationID is not this VEN's",
    );
    pub(super) const PROFILE_NOT_OFFERED: Self = Self::new(
        ResponseCode::DEPLOYMENT_ERROR,
        "this profile and transport are not on offer",
    );
    pub(super) const NO_PUSH: Self = Self::new(
        ResponseCode::DEPLOYMENT_ERROR,
        "this VTN does not push over HTTP: register with the pull model",
    );
    pub(super) const NO_ADDRESS: Self = Self::new(
        ResponseCode::INVALID_DATA,
        "an oadrTransportAddress is needed to be pushed to",
    );
    pub(super) const FOREIGN_ADDRESS: Self = Self::new(
        ResponseCode::INVALID_DATA,
        "the oadrTransportAddress is not of this VEN's XMPP account",
    );
    pub(super) const NO_ACCOUNT: Self = Self::new(
        ResponseCode::DEPLOYMENT_ERROR,
        "no XMPP account is known of this VEN: register over XMPP",
    );
    pub(super) const NO_CERTIFICATE: Self = Self::new(
        ResponseCode::DEPLOYMENT_ERROR,
        "no certificate is known of this VEN: over HTTP nothing would prove it",
    );
    pub(super) const NO_POLL: Self = Self::new(
        ResponseCode::COMPLIANCE_ERROR,
        "there is no oadrPoll over XMPP",
    );
    pub(super) const NOT_FOR_A_VTN: Self = Self::new(
        ResponseCode::COMPLIANCE_ERROR,
        "a VEN does not send this message",
    );
    pub(super) const NO_EVENT_RESPONSES: Self =
        Self::new(ResponseCode::COMPLIANCE_ERROR, "eventResponses are missing");
    pub(super) const UNKNOWN_EVENT: Self =
        Self::new(ResponseCode::INVALID_ID, "an eventID is not known");
    pub(super) const WRONG_MODIFICATION_NUMBER: Self = Self::new(
        ResponseCode::OUT_OF_SEQUENCE,
        "a modificationNumber is not the one last sent",
    );
    pub(super) const UNKNOWN_REPORT_REQUEST: Self =
        Self::new(ResponseCode::INVALID_ID, "a reportRequestID is not known");
    pub(super) const UNKNOWN_REPORT: Self = Self::new(
        ResponseCode::INVALID_ID,
        "this VTN offers no report but METADATA",
    );
    pub(super) const NEGATIVE_DURATION: Self =
        Self::new(ResponseCode::INVALID_DATA, "a duration is negative");
    pub(super) const REQUEST_OVER: Self =
        Self::new(ResponseCode::INVALID_DATA, "the reportInterval is over");
    pub(super) const TOO_MANY_REQUESTS: Self = Self::new(
        ResponseCode::DEPLOYMENT_ERROR,
        "too many requests for METADATA are open",
    );

    pub(super) const NO_OPT_ID: Self = Self::new(ResponseCode::INVALID_ID, "the optID is empty");
    pub(super) const UNKNOWN_OPT: Self =
        Self::new(ResponseCode::INVALID_ID, "the optID is not known");
    pub(super) const OPT_OF_EVENT: Self = Self::new(
        ResponseCode::NOT_ALLOWED,
        "the opt of an event cannot be cancelled",
    );
    pub(super) const OPT_OF_BOTH: Self = Self::new(
        ResponseCode::COMPLIANCE_ERROR,
        "with a qualifiedEventID neither vavailability nor marketContext is possible",
    );
    pub(super) const NO_PERIODS: Self = Self::new(
        ResponseCode::COMPLIANCE_ERROR,
        "neither a vavailability nor a qualifiedEventID is given",
    );
    pub(super) const NEGATIVE_PERIOD: Self =
        Self::new(ResponseCode::INVALID_DATA, "a duration is negative");
    pub(super) const SCHEDULE_OVER: Self =
        Self::new(ResponseCode::NOT_ALLOWED, "all periods are over");
    pub(super) const EVENT_OVER: Self =
        Self::new(ResponseCode::NOT_ALLOWED, "the event is cancelled or over");
    pub(super) const NO_ANSWER_WANTED: Self =
        Self::new(ResponseCode::NOT_ALLOWED, "the event is not to be answered");
    pub(super) const NOT_A_RESOURCE: Self = Self::new(
        ResponseCode::TARGET_MISMATCH,
        "only resources, and the VEN itself, can be opted in or out",
    );
    pub(super) const NOT_TARGETED: Self = Self::new(
        ResponseCode::TARGET_MISMATCH,
        "the event is not for all of these resources",
    );
    pub(super) const NO_DEVICE_CLASS: Self = Self::new(
        ResponseCode::COMPLIANCE_ERROR,
        "oadrDeviceClass has something else than endDeviceAsset",
    );
    pub(super) const TOO_MANY_OPTS: Self = Self::new(
        ResponseCode::DEPLOYMENT_ERROR,
        "there are too many opts: cancel some",
    );
    pub(super) const OPT_NOT_TAKEN: Self =
        Self::new(ResponseCode::DEPLOYMENT_ERROR, "the opt is not taken");

    const fn new(code: ResponseCode, why: &'static str) -> Self {
        Self { code, why }
    }

    pub(super) fn response(&self, request_id: RequestId) -> EiResponse {
        EiResponse::new(self.code, self.why, request_id)
    }
}

/// The answer that says so, in the type that fits the request.
pub(super) fn refuse(case: &Case<'_>, message: &Message, refusal: &Refusal) -> Message {
    let ven_id = ven_id_of(message).cloned();
    let ei_response = refusal.response(request_id_of(message));
    match message {
        Message::QueryRegistration(_) | Message::CreatePartyRegistration(_) => {
            registration::answer(case, ei_response, None).into()
        }
        Message::CancelPartyRegistration(m) => CanceledPartyRegistration {
            ei_response,
            registration_id: Some(m.registration_id.clone()),
            ven_id,
        }
        .into(),
        Message::RequestEvent(_) => DistributeEvent {
            ei_response: Some(ei_response),
            request_id: case.request_id(),
            vtn_id: case.context.vtn_id.clone(),
            events: Vec::new(),
        }
        .into(),
        Message::CreateOpt(m) => CreatedOpt {
            ei_response,
            opt_id: m.opt_id.clone(),
        }
        .into(),
        Message::CancelOpt(m) => CanceledOpt {
            ei_response,
            opt_id: Some(m.opt_id.clone()),
        }
        .into(),
        Message::RegisterReport(_) => RegisteredReport {
            ei_response,
            report_requests: Vec::new(),
            ven_id,
        }
        .into(),
        Message::CreateReport(_) => CreatedReport {
            ei_response,
            pending_reports: PendingReports::default(),
            ven_id,
        }
        .into(),
        Message::UpdateReport(_) => UpdatedReport {
            ei_response,
            cancel_report: None,
            ven_id,
        }
        .into(),
        Message::CancelReport(_) => CanceledReport {
            ei_response,
            pending_reports: PendingReports::default(),
            ven_id,
        }
        .into(),
        Message::CreatedPartyRegistration(_)
        | Message::CanceledPartyRegistration(_)
        | Message::RequestReregistration(_)
        | Message::Response(_)
        | Message::DistributeEvent(_)
        | Message::CreatedEvent(_)
        | Message::CreatedOpt(_)
        | Message::CanceledOpt(_)
        | Message::RegisteredReport(_)
        | Message::CreatedReport(_)
        | Message::UpdatedReport(_)
        | Message::CanceledReport(_)
        | Message::Poll(_) => Response {
            ei_response,
            ven_id,
        }
        .into(),
    }
}

/// The requestID to echo: that of a request, or that of an answer posted on its own.
fn request_id_of(message: &Message) -> RequestId {
    match message {
        Message::QueryRegistration(m) => m.request_id.clone(),
        Message::CreatePartyRegistration(m) => m.request_id.clone(),
        Message::CreatedPartyRegistration(m) => m.ei_response.request_id.clone(),
        Message::CancelPartyRegistration(m) => m.request_id.clone(),
        Message::CanceledPartyRegistration(m) => m.ei_response.request_id.clone(),
        Message::Response(m) => m.ei_response.request_id.clone(),
        Message::RequestEvent(m) => m.request.request_id.clone(),
        Message::DistributeEvent(m) => m.request_id.clone(),
        Message::CreatedEvent(m) => m.created.ei_response.request_id.clone(),
        Message::CreateOpt(m) => m.request_id.clone(),
        Message::CreatedOpt(m) => m.ei_response.request_id.clone(),
        Message::CancelOpt(m) => m.request_id.clone(),
        Message::CanceledOpt(m) => m.ei_response.request_id.clone(),
        Message::RegisterReport(m) => m.request_id.clone(),
        Message::RegisteredReport(m) => m.ei_response.request_id.clone(),
        Message::CreateReport(m) => m.request_id.clone(),
        Message::CreatedReport(m) => m.ei_response.request_id.clone(),
        Message::UpdateReport(m) => m.request_id.clone(),
        Message::UpdatedReport(m) => m.ei_response.request_id.clone(),
        Message::CancelReport(m) => m.request_id.clone(),
        Message::CanceledReport(m) => m.ei_response.request_id.clone(),
        Message::RequestReregistration(_) | Message::Poll(_) => RequestId::default(),
    }
}
