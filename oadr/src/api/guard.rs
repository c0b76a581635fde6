//! Lets in who presents the token, and no web page of another site.
//!
//! Knows nothing of who may do what: the token opens everything.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::problem::Problem;
use super::token::Token;

/// What is told to anybody who can connect: whether the VTN works.
const OPEN: [&str; 1] = ["/api/v1/health"];

/// Who is let in.
#[derive(Debug)]
pub(crate) struct Gate {
    /// What has to be presented.
    pub(crate) token: Token,
    /// Whether the API is for other machines too, which know this one by whatever name.
    pub(crate) for_other_machines: bool,
}

/// Lets through what presents the token and what a page of another site cannot have sent.
pub(super) async fn guard(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    if !is_of_this_site(request.headers(), gate.for_other_machines) {
        return Problem::forbidden("this API is not for web pages of other sites").into_response();
    }
    if !OPEN.contains(&request.uri().path()) && !gate.token.is_in(request.headers()) {
        return Problem::unauthorized().into_response();
    }
    next.run(request).await
}

/// A page that resolves its own name to this machine gives itself away by its Host, any other page by
/// its Origin.
fn is_of_this_site(headers: &HeaderMap, by_any_name: bool) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let Some(host) = text(header::HOST) else {
        // Not a browser.
        return !headers.contains_key(header::ORIGIN);
    };
    let is_known = name_of(host).is_some_and(|name| {
        by_any_name || name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
    });
    let is_same = text(header::ORIGIN).is_none_or(|origin| origin == format!("http://{host}"));
    is_known && is_same
}

/// A Host without its port, and an IPv6 address without its brackets.
fn name_of(host: &str) -> Option<&str> {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map(|(name, _)| name);
    }
    host.split(':').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        is_of_this_site(&headers, false)
    }

    #[test]
    fn pages_of_other_sites_are_kept_out() {
        assert!(passes("127.0.0.1:8081", None));
        assert!(passes("localhost:8081", Some("http://localhost:8081")));
        assert!(passes("[::1]:8081", Some("http://[::1]:8081")));
        // A page elsewhere.
        assert!(!passes("127.0.0.1:8081", Some("https://example.com")));
        assert!(!passes("127.0.0.1:8081", Some("null")));
        assert!(!passes("127.0.0.1:8081", Some("http://127.0.0.1:9000")));
        // A page whose name leads here.
        assert!(!passes("example.com:8081", None));
        assert!(!passes("example.com:8081", Some("http://example.com:8081")));
        assert!(!passes("[::1", None));
    }

    #[test]
    fn where_other_machines_may_come_in_a_name_of_this_one_is_no_reason_against_it() {
        let passes = |origin: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "vtn.example:8081".parse().unwrap());
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            is_of_this_site(&headers, true)
        };
        assert!(passes("http://vtn.example:8081"));
        assert!(!passes("http://example.com"));
    }
}
