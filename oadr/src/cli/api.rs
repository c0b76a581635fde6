//! A client of the operator API.
//!
//! Knows nothing of what is asked; it sends and receives JSON.

use std::env;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::api::USER_HEADER;

/// The longest answer, in bytes.
const LIMIT: usize = 256 << 20;

/// Where the operator API is.
#[derive(Debug, Clone)]
pub(crate) struct ApiClient {
    authority: String,
    prefix: String,
}

/// Why a call had no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("{0:?} is not the URL of an operator API, such as http://127.0.0.1:8081")]
    Url(String),
    #[error(
        "cannot reach the VTN's operator API at {authority}: {source} (is `oadr vtn` running?)"
    )]
    Connect {
        authority: String,
        source: std::io::Error,
    },
    #[error("the operator API at {authority} broke off: {source}")]
    Broken {
        authority: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{}", problem(*status, detail, field.as_deref()))]
    Refused {
        status: StatusCode,
        detail: String,
        field: Option<String>,
    },
}

fn problem(status: StatusCode, detail: &str, field: Option<&str>) -> String {
    match field {
        Some(field) => format!("{field}: {detail}"),
        None if detail.is_empty() => format!("the operator API answered {status}"),
        None => detail.to_owned(),
    }
}

impl std::str::FromStr for ApiClient {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let bad = || ApiError::Url(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let authority = uri.authority().ok_or_else(bad)?;
        if uri.scheme_str().is_some_and(|scheme| scheme != "http") {
            return Err(bad());
        }
        Ok(Self {
            authority: authority.to_string(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl ApiClient {
    /// Calls the API; the path is what follows `/api/v1`.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ApiError> {
        let broken = |source: Box<dyn std::error::Error + Send + Sync>| ApiError::Broken {
            authority: self.authority.clone(),
            source,
        };
        let address = match self.authority.rsplit_once(':') {
            Some((_, port)) if port.bytes().all(|b| b.is_ascii_digit()) => self.authority.clone(),
            Some(_) | None => format!("{}:80", self.authority),
        };
        let stream = TcpStream::connect(address)
            .await
            .map_err(|source| ApiError::Connect {
                authority: self.authority.clone(),
                source,
            })?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(error.into()))?;
        let connection = tokio::spawn(connection);
        let octets = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.prefix))
            .header(HOST, &self.authority)
            .header(ACCEPT, "application/json");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(user) = user() {
            request = request.header(USER_HEADER, user);
        }
        let request = request
            .body(Full::new(octets))
            .map_err(|error| broken(error.into()))?;
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| broken(error.into()))?;
        let status = response.status();
        let octets = Limited::new(response.into_body(), LIMIT)
            .collect()
            .await
            .map_err(broken)?
            .to_bytes();
        connection.abort();
        let value: Value = if octets.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&octets).unwrap_or_default()
        };
        if status.is_success() {
            return Ok(value);
        }
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        Err(ApiError::Refused {
            status,
            detail: text("detail").unwrap_or_default(),
            field: text("field"),
        })
    }
}

/// On whose behalf this program calls.
fn user() -> Option<HeaderValue> {
    let user = env::var("USER").or_else(|_| env::var("LOGNAME")).ok()?;
    HeaderValue::from_str(&format!("cli:{user}")).ok()
}

/// A text as one segment of a path.
pub(crate) use crate::api::segment;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_may_have_a_path_before_the_api() {
        let client: ApiClient = "http://127.0.0.1:8081/vtn/".parse().unwrap();
        assert_eq!(client.prefix, "/vtn");
        let client: ApiClient = "localhost:8081".parse().unwrap();
        assert_eq!(client.authority, "localhost:8081");
        for bad in ["", "https://localhost:1", "/api", "http://"] {
            assert!(bad.parse::<ApiClient>().is_err(), "{bad}");
        }
    }
}
