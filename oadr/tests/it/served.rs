//! A VTN and VENs in this process, and what operators send.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use oadr::{ven, vtn};
use oadr_core::value::{self, OptType};
use oadr_core::vtn::Admission;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::token;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Settings of a VTN for a test.
pub(crate) fn settings(data: &Path, admission: Admission) -> vtn::Config {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    vtn::Config {
        listen: any,
        api: any,
        data: data.to_owned(),
        poll_interval: value::Duration::seconds(1),
        admission,
        ..vtn::Config::default()
    }
}

pub(crate) async fn start(data: &Path, admission: Admission) -> vtn::Running {
    let vtn = vtn::start(settings(data, admission)).await.unwrap();
    token::learn(&vtn.api_url(), &vtn.api_token_file());
    vtn
}

/// A VEN, and what happens to it.
pub(crate) struct Ven {
    pub(crate) running: ven::Running,
    happenings: mpsc::UnboundedReceiver<Value>,
}

pub(crate) fn ven_config(vtn: &str, name: &str, data: &Path, opt: OptType) -> ven::Ven {
    ven::Ven::new(name, vtn, data).unwrap().opt(opt)
}

impl Ven {
    pub(crate) async fn start(config: ven::Ven) -> Self {
        let (tell, happenings) = mpsc::unbounded_channel();
        let config = config.on_happening(move |happening| {
            let _ = tell.send(happening.to_json());
            async {}
        });
        Self {
            running: config.start().await.unwrap(),
            happenings,
        }
    }

    /// The next happening so called; others before it are passed over.
    pub(crate) async fn next(&mut self, happening: &str) -> Value {
        let found = async {
            loop {
                let line = self.happenings.recv().await.expect("the VEN is at work");
                if line["happening"] == happening {
                    return line;
                }
            }
        };
        within(happening, found).await
    }

    /// The very next happening.
    pub(crate) async fn very_next(&mut self) -> Value {
        let next = self.happenings.recv();
        within("anything", next).await.expect("the VEN is at work")
    }

    /// Stops it; the answer is what happened that nobody looked at.
    pub(crate) async fn stop(mut self) -> Vec<Value> {
        self.running.stop().await;
        let mut rest = Vec::new();
        while let Ok(line) = self.happenings.try_recv() {
            rest.push(line);
        }
        rest
    }
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(done) => done,
        Err(_) => panic!("not within {PATIENCE:?}: {what}"),
    }
}

/// What the operator API answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    /// The body as it came.
    pub(crate) text: String,
}

/// Sends JSON to the operator API, with its token.
pub(crate) async fn call(api: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let body = body.map(|body| ("application/json", body.to_string()));
    send(api, method, path, body).await
}

/// Sends anything to the operator API, with its token.
pub(crate) async fn send(
    api: &str,
    method: Method,
    path: &str,
    body: Option<(&str, String)>,
) -> Answer {
    send_with(api, method, path, HeaderMap::new(), body).await
}

/// Sends anything to the operator API, with these headers and its token.
pub(crate) async fn send_with(
    api: &str,
    method: Method,
    path: &str,
    mut headers: HeaderMap,
    body: Option<(&str, String)>,
) -> Answer {
    if let Some(token) = token::of(api) {
        let token = format!("Bearer {token}").parse().unwrap();
        headers.insert(AUTHORIZATION, token);
    }
    exchange(api, method, path, headers, body).await
}

/// Asks the operator API for something with whatever authorization, or none.
pub(crate) async fn present(
    api: &str,
    method: Method,
    path: &str,
    authorization: Option<&str>,
) -> Answer {
    let authorization = authorization.map(|text| (AUTHORIZATION, text.parse().unwrap()));
    exchange(api, method, path, authorization.into_iter().collect(), None).await
}

async fn exchange(
    api: &str,
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: Option<(&str, String)>,
) -> Answer {
    let authority = api.strip_prefix("http://").unwrap();
    let stream = tokio::net::TcpStream::connect(authority).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, authority);
    if let Some((kind, _)) = &body {
        request = request.header(CONTENT_TYPE, *kind);
    }
    let octets = body.map_or_else(Bytes::new, |(_, text)| text.into());
    let mut request = request.body(Full::new(octets)).unwrap();
    request.headers_mut().extend(headers);
    let response = sender.send_request(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let octets = response.into_body().collect().await.unwrap().to_bytes();
    Answer {
        status,
        headers,
        body: serde_json::from_slice(&octets).unwrap_or_default(),
        text: String::from_utf8_lossy(&octets).into_owned(),
    }
}

/// Asks until the answer fits.
pub(crate) async fn until<F: Future<Output = Value>>(
    what: &str,
    mut ask: impl FnMut() -> F,
    fits: impl Fn(&Value) -> bool,
) -> Value {
    let found = async {
        loop {
            let answer = ask().await;
            if fits(&answer) {
                return answer;
            }
            // The VEN polls once a second; there is nothing else to wait on.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(what, found).await
}
