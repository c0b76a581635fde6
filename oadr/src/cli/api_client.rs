//! A client of the operator API: one request per connection, plain HTTP/1.1.
//!
//! Knows nothing of events or VENs; answers are JSON, errors are problem details.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::pin::pin;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;

use super::api_error::{Error, Problem};
use super::api_token::{self, Presented, TokenArgs};
use crate::api::USER_HEADER;

/// The longest answer, in bytes: a full page of events with every detail fits.
const LONGEST_ANSWER: usize = 256 << 20;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the API keeps everything.
const ROOT: &str = "/api/v1";

/// Where the API is, and how its answers are shown.
#[derive(Debug, Clone, Args)]
pub(crate) struct ApiArgs {
    /// Where the operator API of the VTN is
    #[arg(
        long,
        env = "OADR_API",
        global = true,
        value_name = "URL",
        display_order = 1000,
        default_value = "http://127.0.0.1:8081"
    )]
    api: ApiClient,

    #[command(flatten)]
    token: TokenArgs,

    /// Print the API's JSON as it is
    #[arg(long, global = true, display_order = 1003)]
    json: bool,
}

/// How answers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// As the API wrote it.
    Json,
}

impl ApiArgs {
    /// The API, with the token that is found for it.
    ///
    /// # Errors
    /// What was named has no token.
    pub(crate) fn client(&self) -> Result<ApiClient, Error> {
        let variable = |name: &str| std::env::var_os(name);
        Ok(ApiClient {
            token: self.token.find(variable, self.api.url.is_local())?,
            ..self.api.clone()
        })
    }

    /// How answers are shown.
    pub(crate) fn format(&self) -> Format {
        if self.json {
            Format::Json
        } else {
            Format::Table
        }
    }
}

/// The URL of an operator API, without `/api/v1`: `http://host[:port][/prefix]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiUrl {
    host: String,
    port: u16,
    authority: String,
    /// Without a slash at its end.
    prefix: String,
}

/// Why a text is not the URL of an operator API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiUrlError {
    #[error("is not a URL such as http://127.0.0.1:8081")]
    NotAUrl,
    #[error("the operator API is plain HTTP: the URL begins with http://")]
    NotHttp,
    #[error("has a user, a query or a port that does not belong there")]
    TooMuch,
}

impl FromStr for ApiUrl {
    type Err = ApiUrlError;

    fn from_str(text: &str) -> Result<Self, ApiUrlError> {
        let uri: Uri = text.trim().parse().map_err(|_| ApiUrlError::NotAUrl)?;
        match uri.scheme_str() {
            Some("http") => {}
            Some(_) => return Err(ApiUrlError::NotHttp),
            None => return Err(ApiUrlError::NotAUrl),
        }
        let authority = uri.authority().ok_or(ApiUrlError::NotAUrl)?;
        let host = authority.host();
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str() == host => 80,
            None => return Err(ApiUrlError::TooMuch),
        };
        if authority.as_str().contains('@') || uri.query().is_some() || text.contains('#') {
            return Err(ApiUrlError::TooMuch);
        }
        let prefix = uri.path().trim_end_matches('/');
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            authority: authority.to_string(),
            prefix: prefix.strip_suffix(ROOT).unwrap_or(prefix).to_owned(),
        })
    }
}

impl ApiUrl {
    /// Whether it is on this machine.
    fn is_local(&self) -> bool {
        let address: Option<IpAddr> = self.host.parse().ok();
        address.map_or(self.host.eq_ignore_ascii_case("localhost"), |address| {
            address.is_loopback()
        })
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.prefix)
    }
}

/// Calls the API, on behalf of the user of this process.
#[derive(Debug, Clone)]
pub(crate) struct ApiClient {
    url: ApiUrl,
    user: Option<header::HeaderValue>,
    token: Option<Presented>,
    patience: Duration,
}

/// What the API answered, as it was written; empty if there was nothing to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) text: String,
}

impl Answer {
    /// The answer as what it should be.
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.text).map_err(Error::Unexpected)
    }

    /// The answer as it was written, on lines of its own.
    pub(crate) fn into_text(self) -> String {
        let mut text = self.text;
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }
}

impl FromStr for ApiClient {
    type Err = ApiUrlError;

    fn from_str(url: &str) -> Result<Self, ApiUrlError> {
        let names = ["USER", "LOGNAME", "USERNAME"];
        let user = names.iter().find_map(|name| std::env::var(name).ok());
        Ok(Self {
            url: url.parse()?,
            user: user.and_then(|user| format!("cli:{user}").parse().ok()),
            token: None,
            patience: PATIENCE,
        })
    }
}

impl ApiClient {
    /// The client with the token in a file.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn with_token(mut self, path: &Path) -> Result<Self, Error> {
        self.token = Some(api_token::read(path)?);
        Ok(self)
    }

    /// Sends a request; `path` goes on after `/api/v1`, its segments encoded with [`segment`](crate::api::segment).
    ///
    /// # Errors
    /// Nobody there, no answer in time, or a refusal.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Error> {
        let request = self.request(method, path, body)?;
        let exchange = tokio::time::timeout(self.patience, self.exchange(request));
        let (status, octets) = exchange.await.map_err(|_| Error::TimedOut {
            url: self.url.clone(),
            seconds: self.patience.as_secs(),
        })??;
        self.judge(status, &octets)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, Error> {
        let path = format!("{}{ROOT}{path}", self.url.prefix);
        let path = PathAndQuery::from_maybe_shared(path).map_err(|e| Error::Request(e.into()))?;
        let mut request = Request::builder()
            .method(method)
            .uri(Uri::from(path))
            .header(header::HOST, &self.url.authority)
            .header(header::ACCEPT, "application/json, application/problem+json")
            .header(header::CONNECTION, "close");
        if let Some(user) = &self.user {
            request = request.header(USER_HEADER, user);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, &token.header);
        }
        let octets = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                body.to_string().into()
            }
            None => Bytes::new(),
        };
        request.body(Full::new(octets)).map_err(Error::Request)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Error> {
        let broken = |cause| Error::Broken {
            url: self.url.clone(),
            cause,
        };
        let stream = TcpStream::connect((self.url.host.as_str(), self.url.port))
            .await
            .map_err(|cause| self.unreachable(cause))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let answer = async move {
            let response = sender.send_request(request).await.map_err(broken)?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LONGEST_ANSWER).collect().await;
            body.map(|body| (head.status, body.to_bytes()))
                .map_err(|error| self.unreadable(error))
        };
        let (mut answer, connection) = (pin!(answer), pin!(connection));
        tokio::select! {
            answer = &mut answer => answer,
            // Its own errors reach the answer.
            _ = connection => answer.await,
        }
    }

    fn unreachable(&self, cause: io::Error) -> Error {
        Error::Unreachable {
            url: self.url.clone(),
            cause,
        }
    }

    fn unreadable(&self, error: Box<dyn std::error::Error + Send + Sync>) -> Error {
        let url = self.url.clone();
        match error.downcast::<hyper::Error>() {
            Ok(cause) => Error::Broken { url, cause: *cause },
            Err(error) if error.is::<LengthLimitError>() => Error::TooLong {
                url,
                limit: LONGEST_ANSWER,
            },
            Err(error) => self.unreachable(io::Error::other(error)),
        }
    }

    fn judge(&self, status: StatusCode, octets: &[u8]) -> Result<Answer, Error> {
        let foreign = || Error::NotTheApi {
            url: self.url.clone(),
            status: status.as_u16(),
        };
        if status == StatusCode::UNAUTHORIZED {
            let url = self.url.clone();
            return Err(match &self.token {
                None => Error::NoToken { url },
                Some(token) => Error::WrongToken {
                    url,
                    origin: token.origin.clone(),
                },
            });
        }
        let text = str::from_utf8(octets).map_err(|_| foreign())?;
        if !status.is_success() {
            let mut problem: Problem = serde_json::from_str(text).map_err(|_| foreign())?;
            problem.status = status.as_u16();
            return Err(Error::Refused(Box::new(problem)));
        }
        if status != StatusCode::NO_CONTENT {
            serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|_| foreign())?;
        }
        Ok(Answer {
            text: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::super::scripted_api::ScriptedApi;
    use super::*;
    use crate::api::segment;
    use crate::temp_dir::TempDir;

    fn client(url: &str) -> ApiClient {
        ApiClient {
            user: Some("cli:eve".parse().unwrap()),
            ..url.parse().unwrap()
        }
    }

    async fn get(url: &str) -> Result<Answer, Error> {
        client(url).call(Method::GET, "/events", None).await
    }

    #[tokio::test]
    async fn a_request_says_who_and_what_and_the_answer_comes_into_text() {
        let api = ScriptedApi::new([(201, "{ \"z\":1,\n\"a\":2.50 }")]).await;
        let body = serde_json::json!({"ven_name": "house"});
        let url = format!("{}/behind/a/proxy/", api.url);
        let path = format!("/vens/{}", segment("é/x y?"));
        let answer = client(&url)
            .call(Method::POST, &path, Some(&body))
            .await
            .unwrap();
        assert_eq!(answer.into_text(), "{ \"z\":1,\n\"a\":2.50 }\n");
        let [asked] = <[_; 1]>::try_from(api.asked()).unwrap();
        let line = "POST /behind/a/proxy/api/v1/vens/%C3%A9%2Fx%20y%3F";
        assert_eq!(asked.line, line);
        assert_eq!(asked.body, body);
        assert_eq!(asked.headers["x-oadr-user"], "cli:eve");
        assert_eq!(asked.headers["content-type"], "application/json");
        assert_eq!(
            asked.headers["host"],
            api.url.strip_prefix("http://").unwrap()
        );
    }

    #[tokio::test]
    async fn problem_details_name_the_field() {
        let problem = r#"{"type":"urn:x","title":"A value is not allowed","status":422,
            "detail":"is not a value of this signal","field":"signals[0].intervals[1].payload"}"#;
        let api = ScriptedApi::new([(422, problem), (503, r#"{"title":"Too busy"}"#)]).await;
        let error = get(&api.url).await.unwrap_err().to_string();
        let expected = "signals[0].intervals[1].payload: is not a value of this signal \
                        (A value is not allowed, HTTP 422)";
        assert_eq!(error, expected);
        let error = get(&api.url).await.unwrap_err().to_string();
        assert_eq!(error, "Too busy (HTTP 503)");
    }

    #[tokio::test]
    async fn a_token_is_presented_and_a_missing_or_wrong_one_is_told() {
        let refusal = r#"{"title":"The token is missing or wrong"}"#;
        let api = ScriptedApi::new([(401, ""), (200, "{}"), (401, refusal)]).await;
        let error = get(&api.url).await.unwrap_err();
        assert!(matches!(error, Error::NoToken { .. }), "{error}");
        let temp = TempDir::new("token").unwrap();
        let file = temp.path().join("file");
        std::fs::write(&file, "0123456789abcdef\n").unwrap();
        let client = client(&api.url).with_token(&file).unwrap();
        client.call(Method::GET, "/events", None).await.unwrap();
        let [without, with] = <[_; 2]>::try_from(api.asked()).unwrap();
        assert!(!without.headers.contains_key("authorization"));
        assert_eq!(with.headers["authorization"], "Bearer 0123456789abcdef");
        let error = client.call(Method::GET, "/events", None).await.unwrap_err();
        let (error, debug) = (error.to_string(), format!("{client:?}"));
        assert!(error.ends_with(file.to_str().unwrap()), "{error}");
        assert!(!debug.contains("0123456789abcdef"), "{debug}");
    }

    #[tokio::test]
    async fn something_else_than_the_api_is_recognised() {
        let html = "<html>welcome</html>";
        let api = ScriptedApi::new([(200, html), (404, html), (302, ""), (200, "")]).await;
        for status in [200, 404, 302, 200] {
            let error = get(&api.url).await.unwrap_err();
            assert!(
                matches!(error, Error::NotTheApi { status: s, .. } if s == status),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn nobody_there_is_said_with_the_url() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = get(&url).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        let expected = format!("cannot reach the operator API at {url}: ");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }

    #[tokio::test]
    async fn an_api_that_never_answers_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = client(&format!("http://{}", listener.local_addr().unwrap()));
        client.patience = Duration::from_millis(50);
        let error = client.call(Method::GET, "/events", None).await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_no_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 16];
            stream.read_exact(&mut request).await.unwrap();
            let half = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"events\":";
            stream.write_all(half).await.unwrap();
        };
        let (answer, ()) = tokio::join!(get(&url), server);
        let error = answer.unwrap_err();
        assert!(matches!(error, Error::Broken { .. }), "{error:?}");
    }

    #[test]
    fn urls_are_read_with_or_without_the_path() {
        for (text, shown) in [
            ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
            ("http://vtn.example/", "http://vtn.example"),
            ("http://[::1]:81/x/api/v1/", "http://[::1]:81/x"),
        ] {
            assert_eq!(text.parse::<ApiUrl>().unwrap().to_string(), shown);
        }
        let url: ApiUrl = "http://[::1]".parse().unwrap();
        assert_eq!((url.host.as_str(), url.port), ("::1", 80));
        assert!(url.is_local());
        for (text, is_local) in [
            ("http://127.0.0.9:1", true),
            ("http://LocalHost", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(
                text.parse::<ApiUrl>().unwrap().is_local(),
                is_local,
                "{text}"
            );
        }
        for (text, error) in [
            ("localhost:8081", ApiUrlError::NotAUrl),
            ("/api", ApiUrlError::NotAUrl),
            ("https://vtn.example", ApiUrlError::NotHttp),
            ("http://me@vtn.example", ApiUrlError::TooMuch),
            ("http://vtn.example/?a=b", ApiUrlError::TooMuch),
        ] {
            assert_eq!(text.parse::<ApiUrl>(), Err(error), "{text}");
        }
    }
}
