//! An operator API for tests: says what it is told to, and remembers what it was asked.
//!
//! Knows nothing of events or VENs.

use std::collections::VecDeque;
use std::future::IntoFuture as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request as it arrived.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

#[derive(Default)]
struct Script {
    answers: VecDeque<(StatusCode, String)>,
    asked: Vec<Asked>,
}

/// A listener on a port of its own; ends with the value.
pub(super) struct ScriptedApi {
    pub(super) url: String,
    script: Arc<Mutex<Script>>,
    server: JoinHandle<()>,
}

impl ScriptedApi {
    /// Gives these answers, one for each request.
    pub(super) async fn new<const N: usize>(answers: [(u16, &str); N]) -> Self {
        let answers = answers.map(|(status, body)| {
            let status = StatusCode::from_u16(status).unwrap();
            (status, body.to_owned())
        });
        let script = Arc::new(Mutex::new(Script {
            answers: answers.into(),
            asked: Vec::new(),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&script));
        let serving = axum::serve(listener, router).into_future();
        let server = tokio::spawn(async move { serving.await.unwrap() });
        Self {
            url,
            script,
            server,
        }
    }

    /// Every request since the last time.
    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.script.lock().unwrap().asked)
    }
}

impl Drop for ScriptedApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    State(script): State<Arc<Mutex<Script>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let mut script = script.lock().unwrap();
    script.asked.push(Asked {
        line: format!("{method} {uri}"),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    });
    let unexpected = || {
        (
            StatusCode::IM_A_TEAPOT,
            "nothing more was expected".to_owned(),
        )
    };
    script.answers.pop_front().unwrap_or_else(unexpected)
}
