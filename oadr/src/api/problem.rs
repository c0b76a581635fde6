//! What went wrong, as problem details (RFC 9457).
//!
//! Knows nothing of what was asked for.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use oadr_core::vtn::{CampaignError, CommandError};
use serde::Serialize;

use crate::sqlite::StoreError;
use crate::vtn::{CampaignFailure, CommandFailure, Failure};

/// A problem, as a response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    /// The member of the body, or the parameter, that is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip)]
    retry_after: Option<&'static str>,
}

impl Problem {
    fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            title,
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            retry_after: None,
        }
    }

    /// 400: not JSON at all, or an impossible parameter.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "urn:oadr:problem:malformed",
            "The request cannot be read",
            detail,
        )
    }

    /// 401: nothing else is said, not even whether there is something at the path.
    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "urn:oadr:problem:unauthorized",
            "The token is missing or wrong",
            "this API wants the token of the VTN's data folder, as Authorization: Bearer TOKEN",
        )
    }

    /// 403.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "urn:oadr:problem:forbidden",
            "Not allowed",
            detail,
        )
    }

    /// 404.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "urn:oadr:problem:not-found",
            "Not found",
            detail,
        )
    }

    /// 405.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "urn:oadr:problem:method-not-allowed",
            "Method not allowed",
            "the Allow header names the methods of this path",
        )
    }

    /// 409.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "urn:oadr:problem:conflict",
            "In conflict with what is there",
            detail,
        )
    }

    /// 408.
    pub(crate) fn too_slow() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "urn:oadr:problem:too-slow",
            "The body is too slow",
            "the body did not arrive in time",
        )
    }

    /// 413.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "urn:oadr:problem:too-large",
            "The body is too large",
            format!("a body has {limit} bytes at most"),
        )
    }

    /// 415.
    pub(crate) fn unsupported_media_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "urn:oadr:problem:unsupported-media-type",
            "The body is not JSON",
            "the Content-Type must be application/json",
        )
    }

    /// 422: a field has a value that it must not have.
    pub(crate) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let field = field.into();
        Self {
            field: (!field.is_empty()).then_some(field),
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "urn:oadr:problem:invalid",
                "A value is not allowed",
                detail,
            )
        }
    }

    /// 500, the cause only in the log.
    pub(crate) fn failed(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "the operator API failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "urn:oadr:problem:failed",
            "Something went wrong here",
            "the log says more",
        )
    }

    /// 503.
    fn busy() -> Self {
        Self {
            retry_after: Some("5"),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "urn:oadr:problem:busy",
                "Too busy",
                "too much is waiting to be written; try again in a few seconds",
            )
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (status, [(header::CONTENT_TYPE, kind)], body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(seconds) = self.retry_after {
            let seconds = HeaderValue::from_static(seconds);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::busy(),
            StoreError::Conflict => Self::conflict("somebody else was faster; look and try again"),
            error @ (StoreError::Open { .. }
            | StoreError::NewerSchema { .. }
            | StoreError::Closed
            | StoreError::Row { .. }
            | StoreError::UnknownFact
            | StoreError::Sqlite(_)
            | StoreError::Thread(_)) => Self::failed(&error),
        }
    }
}

impl From<CommandFailure> for Problem {
    fn from(failure: CommandFailure) -> Self {
        match failure {
            CommandFailure::Refused(CommandError::Unknown) => {
                Self::not_found("there is no such VEN")
            }
            CommandFailure::Refused(
                error @ (CommandError::UnknownReportRequest | CommandError::UnknownDeadLetter),
            ) => Self::not_found(error.to_string()),
            CommandFailure::Refused(error) => match blamed(error) {
                Some(field) => Self::invalid(field, error.to_string()),
                None => Self::conflict(error.to_string()),
            },
            CommandFailure::Failed(Failure::Busy | Failure::Contended | Failure::NoAnswer(_)) => {
                Self::busy()
            }
            CommandFailure::Failed(Failure::Store(error)) => error.into(),
            CommandFailure::Failed(error @ Failure::Entropy(_)) => Self::failed(&error),
        }
    }
}

/// The member of the body that a refusal is about, if it is about one.
fn blamed(error: CommandError) -> Option<&'static str> {
    match error {
        CommandError::ReportNotOffered => Some("report_specifier_id"),
        CommandError::PointNotOffered => Some("r_ids"),
        CommandError::PaceNotOffered => Some("granularity"),
        CommandError::AlreadyKnown
        | CommandError::CertificateTaken(_)
        | CommandError::Unknown
        | CommandError::NotRegistered
        | CommandError::Leaving
        | CommandError::UnknownReportRequest
        | CommandError::ReportRequestExists
        | CommandError::TooManyReports
        | _ => None,
    }
}

impl From<CampaignFailure> for Problem {
    fn from(failure: CampaignFailure) -> Self {
        match failure {
            CampaignFailure::Exists(_) => Self::conflict(failure.to_string()),
            CampaignFailure::Unknown(_) => Self::not_found(failure.to_string()),
            CampaignFailure::Campaign(error) => error.into(),
            CampaignFailure::Store(error) => error.into(),
        }
    }
}

impl From<CampaignError> for Problem {
    fn from(error: CampaignError) -> Self {
        match error {
            CampaignError::EmptyEventId => Self::invalid("event_id", "must not be empty"),
            CampaignError::Event(error) => {
                Self::invalid(error.field.to_string(), error.kind.to_string())
            }
            error @ (CampaignError::Ended | CampaignError::Cancelled | _) => {
                Self::conflict(error.to_string())
            }
        }
    }
}
