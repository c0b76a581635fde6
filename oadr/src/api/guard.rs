//! Keeps web pages out: the API has no tokens yet, and a browser on this machine can reach it.
//!
//! Knows nothing of who may do what.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::problem::Problem;

/// Lets through what a page of another site cannot have sent.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    if is_of_this_machine(request.headers()) {
        next.run(request).await
    } else {
        Problem::forbidden("this API is not for web pages of other sites").into_response()
    }
}

/// A page that resolves its own name to this machine gives itself away by its Host, any other page by
/// its Origin.
fn is_of_this_machine(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let Some(host) = text(header::HOST) else {
        // Not a browser.
        return !headers.contains_key(header::ORIGIN);
    };
    let is_known = name_of(host).is_some_and(|name| {
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
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
        is_of_this_machine(&headers)
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
}
