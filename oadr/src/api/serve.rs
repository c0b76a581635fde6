//! Serves the operator API: hyper over its router, with bounds on connections, sizes and time.
//!
//! Knows nothing of what the API does.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use hyper::Request;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep};

use super::problem::Problem;
use super::unblocked::Unblocked;
use crate::log_ration::{LogRation, Subject};

/// What the clients of the API may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Connections open at the same time; more wait.
    connections: usize,
    /// The longest request header, in bytes.
    header: usize,
    /// From the end of one request to the end of the next one's header.
    header_time: Duration,
    /// From a header's end to the body's.
    body_time: Duration,
    /// How long a client may take none of a reply.
    reply_time: Duration,
    /// For what was accepted, once it is time to stop.
    stop_time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            // Each may send a body of 1 MiB.
            connections: 100,
            header: 16 * 1024,
            header_time: Duration::from_secs(30),
            body_time: Duration::from_secs(30),
            reply_time: Duration::from_secs(30),
            stop_time: Duration::from_secs(10),
        }
    }
}

/// How long accepting rests after the system refused a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves a listener until `stop` ends, then finishes what was accepted, and returns how many
/// connections had to be cut off.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    ration: &LogRation,
    stop: impl Future<Output = ()>,
) -> usize {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let (stopping, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &places) => match accepted {
                Ok((stream, address, place)) => {
                    let (router, stopped) = (router.clone(), stopped.clone());
                    connections.spawn(async move {
                        serve_one(stream, address, router, bounds, stopped).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    if ration.admits(Subject::Connection, Instant::now()) {
                        tracing::warn!(%error, "connection to the API not accepted");
                    }
                    // Without descriptors the next attempt fails as well.
                    sleep(PAUSE).await;
                }
            }
        }
    }
    drop(listener);
    drop(stopping);
    let finish = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(bounds.stop_time, finish).await;
    let cut = connections.len();
    connections.shutdown().await;
    cut
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await;
    let place = place.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, place))
}

async fn serve_one(
    stream: TcpStream,
    address: SocketAddr,
    router: Router,
    bounds: Bounds,
    mut stopped: watch::Receiver<()>,
) {
    // If the socket does not take the option it is broken, and reading will show that.
    let _ = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request: Request<Incoming>| {
        let request = prepare(request, address, bounds.body_time);
        let router = router.clone();
        async move { Ok::<_, Infallible>(contain(async { router.call(request).await }).await) }
    });
    let io = TokioIo::new(Unblocked::new(stream, bounds.reply_time));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.header_time)
            .max_header_size(bounds.header)
            .serve_connection(io, service)
    );
    // A connection ends however its client likes; there is nobody to tell.
    tokio::select! {
        _ = connection.as_mut() => return,
        // The other end is never written to, only dropped.
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

fn prepare(request: Request<Incoming>, address: SocketAddr, time: Duration) -> Request<Body> {
    let mut request = request.map(|body| {
        if body.is_end_stream() {
            Body::empty()
        } else {
            Body::new(Timely {
                body,
                end: Box::pin(sleep(time)),
            })
        }
    });
    request.extensions_mut().insert(ConnectInfo(address));
    request
}

/// The answer, or 500 if there is none because something panicked.
async fn contain(answer: impl Future<Output = Result<Response, Infallible>>) -> Response {
    let mut answer = pin!(answer);
    poll_fn(|cx| {
        // Unwind safe: after a panic the future is only dropped, and what it shares with others
        // does not panic with a lock held that is not recovered.
        match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Ok(response))) => Poll::Ready(response),
            Err(_) => Poll::Ready(Problem::failed(&"it panicked").into_response()),
        }
    })
    .await
}

/// A body that fails when it takes too long.
struct Timely {
    body: Incoming,
    end: Pin<Box<Sleep>>,
}

/// The body did not arrive in time.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the body did not arrive in time")]
pub(super) struct TooSlow;

impl hyper::body::Body for Timely {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(self.end.as_mut().poll(cx));
        Poll::Ready(Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
