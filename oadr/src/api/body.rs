//! Request bodies: JSON of a bounded size, and errors that name the member.
//!
//! Knows nothing of what is in them.

use std::error::Error;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::Problem;
use super::serve::TooSlow;

/// The longest body, in bytes.
pub(crate) const LIMIT: usize = 1 << 20;

/// A JSON body that is not looked into yet.
#[derive(Debug)]
pub(crate) struct Json(pub(crate) Value);

impl<S: Sync> FromRequest<S> for Json {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        if !kind.is_some_and(|kind| kind.to_str().is_ok_and(is_json)) {
            return Err(Problem::unsupported_media_type());
        }
        let octets = read(request.into_body()).await?;
        serde_json::from_slice(&octets)
            .map(Self)
            .map_err(|error| Problem::malformed(format!("not JSON: {error}")))
    }
}

async fn read(body: Body) -> Result<axum::body::Bytes, Problem> {
    axum::body::to_bytes(body, LIMIT).await.map_err(|error| {
        let cause = error.source();
        if cause.is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>()) {
            Problem::too_large(LIMIT)
        } else if cause.is_some_and(is_too_slow) {
            Problem::too_slow()
        } else {
            Problem::malformed("the body ended early")
        }
    })
}

/// Layers of bodies wrap an error once each.
fn is_too_slow(error: &(dyn Error + 'static)) -> bool {
    error.is::<TooSlow>() || error.source().is_some_and(is_too_slow)
}

/// `application/json` and its relatives, whatever parameters follow.
fn is_json(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim();
    ["application/json", "application/merge-patch+json"]
        .iter()
        .any(|json| essence.eq_ignore_ascii_case(json))
}

/// Reads a value as what it should be.
///
/// # Errors
/// 422, with the path of the member that is to blame.
pub(crate) fn read_as<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    read_member("", value)
}

/// Reads the member `name` of a body as what it should be.
///
/// # Errors
/// 422, with the path of the member that is to blame.
pub(crate) fn read_member<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let inner = if path == "." { String::new() } else { path };
        let detail = error.into_inner().to_string();
        // A member that is missing or unknown is to blame itself, not the object around it.
        let member = ["missing field `", "unknown field `"]
            .iter()
            .find_map(|start| detail.strip_prefix(start)?.split('`').next())
            .unwrap_or_default();
        let last = inner.rsplit('.').next().unwrap_or_default();
        let mut field = name.to_owned();
        let known = if last == member { "" } else { member };
        for part in [inner.as_str(), known] {
            if !field.is_empty() && !part.is_empty() && !part.starts_with('[') {
                field.push('.');
            }
            field.push_str(part);
        }
        Problem::invalid(field, detail)
    })
}
