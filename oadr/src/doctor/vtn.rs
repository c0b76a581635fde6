//! A VTN as a VEN meets it, step by step: its URL, name and port, TLS, HTTP, clock, signature, and what
//! it says. Goes on as far as it makes sense.
//!
//! Knows nothing of how findings are shown.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::TimeDelta;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use oadr_core::SignaturePolicy;
use oadr_core::codec::encode;
use oadr_core::payload::{Message, QueryRegistration};
use oadr_core::value::{DateTime, RequestId};
use oadr_sign::{Policy, sign};

use super::address::{self, Address, ROOT};
use super::exchange::{self, Failure, Reply};
use super::finding::{Finding, Level};
use super::handshake::{self, Broken, Seen};
use super::own::{self, Files, Own};
use super::{clock as clocks, judge, name, port, reply, signature, status, tls};
use crate::{clock, entropy};

/// How long steps may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// To resolve the name, and to connect to one address.
    pub(crate) connect: Duration,
    /// For an answer.
    pub(crate) answer: Duration,
}

/// What is examined, and with what.
pub(crate) struct Visit {
    pub(crate) url: String,
    pub(crate) files: Files,
    pub(crate) signatures: SignaturePolicy,
    pub(crate) window: TimeDelta,
    /// User and password of HTTP Basic.
    pub(crate) basic: Option<(String, String)>,
    pub(crate) limits: Limits,
}

impl fmt::Debug for Visit {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// What the VTN is asked.
struct Question {
    document: Bytes,
    signed: bool,
}

/// Where a request goes, and with what.
struct Way<'v> {
    at: SocketAddr,
    address: &'v Address,
    own: &'v Own,
    authorization: Option<HeaderValue>,
    limits: Limits,
}

/// Examines a VTN.
pub(crate) async fn examine(visit: &Visit) -> Vec<Finding> {
    let now = clock::now();
    let (address, mut found) = address::examine(&visit.url);
    let own = own::examine(&visit.files, now, &mut found);
    let Some(address) = address else {
        return found;
    };
    plain(&address, visit, &mut found);
    let addresses = name::examine(&address, visit.limits, &mut found).await;
    let Some(at) = port::examine(&addresses, visit.limits, &mut found).await else {
        return found;
    };
    let way = Way {
        at,
        address: &address,
        own: &own,
        authorization: visit.basic.as_ref().and_then(basic),
        limits: visit.limits,
    };
    let mut session = None;
    if address.tls {
        session = tls::examine(at, &address, &own, now, visit.limits, &mut found).await;
        if session.is_none() {
            return found;
        }
    }
    let (stream, seen) = match session {
        Some(session) => (Some(session.stream), Some(session.seen)),
        None => (None, None),
    };
    let Some(question) = question(visit, &own, &mut found) else {
        return found;
    };
    let path = Address::endpoint(&address.prefix);
    let sent = match stream {
        Some(stream) => way.post_on(stream, &path, question.document.clone()).await,
        None => way.post_plain(&path, question.document.clone()).await,
    };
    let reply = match sent {
        Ok(reply) => reply,
        Err(failure) => {
            let why = way.unanswered(failure, seen.as_ref(), now).await;
            found.push(why);
            return found;
        }
    };
    if let Some(seen) = &seen {
        found.extend(shown(seen, &own));
    }
    way.answered(visit, &reply, seen.as_ref(), &question, &mut found)
        .await;
    found
}

/// What plain HTTP leaves out.
fn plain(address: &Address, visit: &Visit, found: &mut Vec<Finding>) {
    if address.tls {
        return;
    }
    if visit.files.certificate.is_some() && visit.signatures == SignaturePolicy::Off {
        found.push(Finding::hint(
            "certificate_unused",
            "a certificate was given, and the URL says http://, which shows none",
            "Write https:// if the VTN speaks TLS.",
        ));
    }
    if !address.is_local() {
        found.push(Finding::hint(
            "plain_http",
            "plain HTTP to another machine: everybody on the way can read and change what is said",
            "Use https:// with certificates (rule 67).",
        ));
    }
}

fn basic((user, password): &(String, String)) -> Option<HeaderValue> {
    let encoded = BASE64_STANDARD.encode(format!("{user}:{password}"));
    let mut value = HeaderValue::from_str(&format!("Basic {encoded}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The question: `oadrQueryRegistration`, which changes nothing.
fn question(visit: &Visit, own: &Own, found: &mut Vec<Finding>) -> Option<Question> {
    let request_id = RequestId::new("doctor").ok()?;
    let message = Message::from(QueryRegistration { request_id });
    let signed = match (visit.signatures, &own.signing) {
        (SignaturePolicy::Off, _) | (SignaturePolicy::Optional, None) => None,
        (SignaturePolicy::Optional | SignaturePolicy::Required, Some(key)) => Some(key),
        (SignaturePolicy::Required, None) => {
            found.push(Finding::problem(
                "signing_key_missing",
                "signatures are required, and there is no certificate with its key to sign with",
                "Give --tls-certificate (and --tls-key): its key signs, with plain HTTP too.",
            ));
            None
        }
    };
    let Some(key) = signed else {
        return Some(Question {
            document: encode(&message).into(),
            signed: false,
        });
    };
    let mut nonce = [0; 16];
    nonce.copy_from_slice(entropy::draw().ok()?.get(..16)?);
    match sign(&message, key, clock::now(), nonce) {
        Ok(document) => Some(Question {
            document: document.into(),
            signed: true,
        }),
        Err(error) => {
            found.push(Finding::problem(
                "signing_failed",
                format!("the question could not be signed: {error}"),
                "Try another key.",
            ));
            None
        }
    }
}

/// What became of our certificate.
fn shown(seen: &Seen, own: &Own) -> Option<Finding> {
    match (&seen.asked, &own.shown) {
        (Some(_), Some(_)) => Some(Finding::ok(
            "client_certificate",
            "the server took our certificate",
        )),
        (Some(_), None) => Some(Finding::hint(
            "client_certificate_optional",
            "the server asks for a certificate of ours, and goes on without one",
            "Give it with --tls-certificate: what follows may need it.",
        )),
        (None, _) => Some(Finding::hint(
            "client_certificate_not_asked",
            "the server does not ask for a certificate of ours, which OpenADR wants of every VTN",
            "It cannot know by TLS who we are. Behind a proxy, that is where certificates are to be asked \
             for.",
        )),
    }
}

impl Way<'_> {
    async fn post_on<S>(&self, stream: S, path: &str, document: Bytes) -> Result<Reply, Failure>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (authority, authorization) = (&self.address.authority, self.authorization.as_ref());
        exchange::post(
            stream,
            authority,
            path,
            document,
            authorization,
            self.limits,
        )
        .await
    }

    async fn post_plain(&self, path: &str, document: Bytes) -> Result<Reply, Failure> {
        let stream = port::again(self.at, self.limits).await;
        let stream = stream.map_err(|error| Failure::Broken(Broken::Closed(error)))?;
        self.post_on(stream, path, document).await
    }

    /// On a connection of its own, to the same server.
    async fn post_again(
        &self,
        seen: Option<&Seen>,
        path: &str,
        document: Bytes,
    ) -> Result<Reply, Failure> {
        let Some(seen) = seen else {
            return self.post_plain(path, document).await;
        };
        let Some(name) = judge::server_name(&self.address.host) else {
            return Err(Failure::NotHttp);
        };
        let shown = self.own.shown.clone();
        let (again, stream) = handshake::shake(self.at, name, shown, self.limits).await;
        // Only this one was judged.
        if again.chain != seen.chain || again.unproved.is_some() {
            return Err(Failure::NotHttp);
        }
        let stream = stream.map_err(Failure::Broken)?;
        self.post_on(stream, path, document).await
    }

    /// No reply: why?
    async fn unanswered(&self, failure: Failure, seen: Option<&Seen>, now: DateTime) -> Finding {
        let broken = match failure {
            Failure::NotHttp => {
                let tls = tls::instead_of_http(self.at, self.address, self.limits);
                let instead = if self.address.tls { None } else { tls.await };
                return instead.unwrap_or_else(|| {
                    Finding::problem(
                        "not_http",
                        format!("what listens at {} does not speak HTTP", self.at),
                        "Check the port.",
                    )
                });
            }
            Failure::Broken(broken) => broken,
        };
        if let (Some(seen), Broken::Alert(_) | Broken::Closed(_)) = (seen, &broken)
            && seen.asked.is_some()
        {
            return self.refused(seen, broken, now).await;
        }
        if matches!(broken, Broken::Silent) {
            return Finding::problem(
                "http_silent",
                format!(
                    "{} does not answer the request within {:?}",
                    self.at, self.limits.answer
                ),
                "The VTN hangs or is too busy (oadr health), or something in between keeps the request; try \
                 again with a longer --timeout.",
            );
        }
        if !self.address.tls
            && let Some(found) = tls::instead_of_http(self.at, self.address, self.limits).await
        {
            return found;
        }
        Finding::problem(
            "http_closed",
            format!("the connection was closed without an answer: {broken}"),
            "See the log of the VTN, or of the proxy in front of it.",
        )
    }

    /// In TLS 1.3 the alert may have been lost when the server closed: asks once more and only listens.
    async fn refused(&self, seen: &Seen, broken: Broken, now: DateTime) -> Finding {
        let mut broken = broken;
        if let (Broken::Closed(_), Some(name)) = (&broken, judge::server_name(&self.address.host)) {
            let shown = self.own.shown.clone();
            let (_, stream) = handshake::shake(self.at, name, shown, self.limits).await;
            let verdict = match stream {
                Ok(mut stream) => handshake::verdict(&mut stream, self.limits).await,
                Err(broken) => Some(broken),
            };
            broken = verdict.unwrap_or(broken);
        }
        tls::refused(seen, &broken, self.own, now)
    }

    /// A reply: what does it say?
    async fn answered(
        &self,
        visit: &Visit,
        reply: &Reply,
        seen: Option<&Seen>,
        question: &Question,
        found: &mut Vec<Finding>,
    ) {
        let status = reply.status;
        if status == StatusCode::BAD_REQUEST
            && !self.address.tls
            && let Some(instead) = tls::instead_of_http(self.at, self.address, self.limits).await
        {
            found.push(instead);
            return;
        }
        found.extend(status::between(reply));
        if let Some(refusal) = status::examine(reply, self.address, question.signed) {
            found.push(refusal);
            found.extend(clocks::examine(reply, visit.window));
            return;
        }
        if status == StatusCode::NOT_FOUND {
            found.push(self.search(reply, seen, &question.document).await);
            return;
        }
        found.extend(clocks::examine(reply, visit.window));
        let policy = Policy {
            window: visit.window,
            ..Policy::default()
        };
        let said = reply::examine(reply, self.address);
        if said.iter().all(|found| found.level != Level::Problem) {
            found.extend(signature::examine(
                &reply.body,
                seen,
                &self.address.host,
                &self.own.trust,
                visit.signatures,
                &policy,
                reply.received,
            ));
        }
        found.extend(said);
    }

    /// Tries the usual paths where the given one is wrong.
    async fn search(&self, reply: &Reply, seen: Option<&Seen>, document: &Bytes) -> Finding {
        let address = self.address;
        let tried = Address::endpoint(&address.prefix);
        let mut paths = vec![
            Address::endpoint(""),
            format!("{}{ROOT}{ROOT}/EiRegisterParty", address.prefix),
            format!("{}/EiRegisterParty", address.written),
            "/EiRegisterParty".to_owned(),
        ];
        paths.retain(|path| *path != tried);
        paths.dedup();
        for path in paths {
            let Ok(other) = self.post_again(seen, &path, document.clone()).await else {
                continue;
            };
            let is_vtn = other.status.is_success()
                && reply::examine(&other, address)
                    .iter()
                    .all(|found| found.level != Level::Problem);
            if !is_vtn {
                continue;
            }
            let what =
                format!("there is nothing at {tried} (HTTP 404), but a VTN answers at {path}");
            let advice = match path.strip_suffix(&format!("{ROOT}/EiRegisterParty")) {
                Some(prefix) => format!("Write {}", address.url_with(prefix)),
                None => format!(
                    "It leaves out {ROOT}, which rule 511 wants: have it put there, or a proxy that adds it."
                ),
            };
            return Finding::problem("path_wrong", what, advice);
        }
        let html = if status::is_html(reply) {
            ", and the page is a web server's"
        } else {
            ""
        };
        Finding::problem(
            "path_unknown",
            format!(
                "there is no VTN at {tried} (HTTP 404){html}, nor at the usual places beside it"
            ),
            format!(
                "Ask the VTN's operator for what stands before {ROOT} in its URL; capitals count."
            ),
        )
    }
}
