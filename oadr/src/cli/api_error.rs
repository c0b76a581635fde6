//! Why a command that talks to the operator API failed.
//!
//! Knows nothing of how it is shown; the messages are complete, causes included.

use std::io;
use std::path::PathBuf;

use super::api_client::ApiUrl;
use super::table::printable;
use crate::api::token::TokenError;
use oadr_sign::CertificateError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// Nobody listens there.
    #[error(
        "cannot reach the operator API at {url}: {cause}; is `oadr vtn` running there? --api or \
         OADR_API says where to look"
    )]
    Unreachable { url: ApiUrl, cause: io::Error },
    /// The connection did not live to the end of the answer.
    #[error("the connection to the operator API at {url} broke: {cause}")]
    Broken { url: ApiUrl, cause: hyper::Error },
    /// No answer in time.
    #[error("the operator API at {url} did not answer within {seconds} s")]
    TimedOut { url: ApiUrl, seconds: u64 },
    /// More than can be taken.
    #[error("the answer of the operator API at {url} is longer than {limit} bytes")]
    TooLong { url: ApiUrl, limit: usize },
    /// The request cannot be put into HTTP.
    #[error("cannot make a request of this: {0}")]
    Request(hyper::http::Error),
    /// No token was found, and the API wants one.
    #[error(
        "the operator API at {url} wants a token, which is in the VTN's data folder: name the folder with \
         --data or OADR_DATA, or the file with --token-file or OADR_TOKEN_FILE"
    )]
    NoToken { url: ApiUrl },
    /// The token that was found is another's.
    #[error("the operator API at {url} does not take the token of {origin}")]
    WrongToken { url: ApiUrl, origin: String },
    /// A token's file.
    #[error(transparent)]
    Token(TokenError),
    /// Not repeated: it may be half a token.
    #[error("OADR_TOKEN has no token in it")]
    BadTokenVariable,
    /// The API said no.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// Something else than the API answered.
    #[error("what answers at {url} is not the operator API: HTTP {status} and no JSON")]
    NotTheApi { url: ApiUrl, status: u16 },
    /// The API of another version, perhaps.
    #[error("the answer of the operator API is not as expected: {0}")]
    Unexpected(serde_json::Error),
    /// A file given with `--file`.
    #[error("cannot read {}: {cause}", path.display())]
    File { path: PathBuf, cause: io::Error },
    /// A file that should have a certificate in it.
    #[error("{}: {cause}", path.display())]
    Certificate {
        path: PathBuf,
        cause: CertificateError,
    },
    /// A VEN is called as its certificate is, and this one is called nothing.
    #[error(
        "{}: the subject has no common name that could be the VEN's ({}): say NAME",
        path.display(),
        printable(subject)
    )]
    NobodysCertificate { path: PathBuf, subject: String },
    /// One of several VENs was not enrolled.
    #[error("{}: {cause}{}", printable(ven), told_before(done))]
    NotEnrolled {
        ven: String,
        done: Vec<String>,
        cause: Box<Error>,
    },
    /// A file given with `--file` that has no JSON object in it.
    #[error("{} is not a JSON object: {cause}", path.display())]
    NotJson {
        path: PathBuf,
        cause: serde_json::Error,
    },
    /// `signals` in a file is not a list of objects.
    #[error("signals: {0}")]
    Signals(serde_json::Error),
    /// The request cannot be written as JSON.
    #[error("cannot write the request as JSON: {0}")]
    Encode(serde_json::Error),
    /// An event needs values.
    #[error(
        "an event needs values: give --interval DURATION=VALUE, or the whole event with --file"
    )]
    NoInterval,
    /// Only `SIMPLE` has one type.
    #[error("{name} has no type of its own: give --type as well")]
    NoSignalType { name: String },
    /// An event needs a programme.
    #[error("an event needs a programme: give --market-context URI")]
    NoMarketContext,
    /// `modify` without anything to modify.
    #[error("nothing to change: name what shall be different, or see --help")]
    NothingToChange,
    /// Signal flags for an event that has several signals.
    #[error("the event has several signals: say which with --signal, out of {names}")]
    SeveralSignals { names: String },
    /// Signal flags for a signal that is not there.
    #[error("the event has no signal {name}, only {names}; --file replaces the signals")]
    NoSuchSignal { name: String, names: String },
    /// The answer could not be shown.
    #[error("cannot write the answer: {0}")]
    Output(io::Error),
}

/// What was done before something failed.
fn told_before(done: &[String]) -> String {
    if done.is_empty() {
        return String::new();
    }
    let done = done.join(", ");
    format!("; enrolled before that: {}", printable(&done))
}

/// Problem details (RFC 9457), as far as people are told.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub(crate) struct Problem {
    title: String,
    #[serde(default)]
    detail: Option<String>,
    /// The member of the body, or the parameter, that is to blame.
    #[serde(default)]
    field: Option<String>,
    /// Of the response; problem details need not repeat it.
    #[serde(skip)]
    pub(crate) status: u16,
}

/// `signals[0].intervals[1].payload: is not a value of this signal (A value is not allowed, HTTP 422)`
impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "{}: ", printable(field))?;
        }
        let title = printable(&self.title);
        match &self.detail {
            Some(detail) => write!(f, "{} ({title}, HTTP {})", printable(detail), self.status),
            None => write!(f, "{title} (HTTP {})", self.status),
        }
    }
}
