//! Runs one connection: hyper's state machine, one timer and the shut-down signal, in one future.
//! Knows which phase may last how long; does not know what a request is.

use std::convert::Infallible;
use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::config::ServerConfig;
use super::gate::{Gate, Stage};
use super::link::{Link, Phase, Turn};
use super::stream::Stream;

/// How long a connection lingers for the peer to take the last reply.
const LINGER: Duration = Duration::from_secs(1);

/// Serves a connection until it ends, for whatever reason.
pub(super) async fn drive<S, V>(
    bytes: S,
    service: V,
    link: &Arc<Link>,
    config: &ServerConfig,
    gate: &Gate,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    V: Service<
            hyper::Request<Incoming>,
            Response = hyper::Response<Full<Bytes>>,
            Error = Infallible,
        >,
{
    let mut stream = Stream::new(bytes, Arc::clone(link));
    let is_used = tokio::select! {
        is_used = stream.is_used() => is_used,
        () = sleep(config.idle_timeout) => false,
        () = gate.closing() => false,
    };
    if !is_used {
        return;
    }
    let mut connection = pin!(
        http1::Builder::new()
            // Time is watched here, with one timer for all phases instead of one per request.
            .header_read_timeout(None)
            .max_header_size(config.max_header)
            // A peer may close its write side after the request and still read the reply; and a
            // request whose sender has gone is finished all the same.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut clock = Clock::start(config, link.turn());
    let mut timer = pin!(sleep_until(clock.since + config.idle_timeout));
    let mut changed = pin!(gate.changed());
    let mut stage = Stage::Open;
    let mut waker = None;

    poll_fn(|cx| {
        if is_new(&mut waker, cx) {
            // Both are polled only to be known to this task; what happened is read elsewhere.
            let _ = changed.as_mut().poll(cx);
            let _ = timer.as_mut().poll(cx);
        }
        loop {
            while stage != gate.stage() {
                changed.set(gate.changed());
                let _ = changed.as_mut().poll(cx);
                stage = gate.stage();
                match stage {
                    Stage::Open => {}
                    Stage::Draining => connection.as_mut().graceful_shutdown(),
                    Stage::Cut => return Poll::Ready(()),
                }
            }
            // Errors (the peer broke the connection, or never spoke HTTP) end a connection like
            // anything else; what a host should hear, the service has told it.
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            match clock.poll(timer.as_mut(), link.turn(), cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Overdue::Idle) => connection.as_mut().graceful_shutdown(),
                Poll::Ready(Overdue::Body) => link.expire_body(),
                Poll::Ready(Overdue::Lost) => return Poll::Ready(()),
            }
        }
    })
    .await;
}

/// Whether the waker is another one than at the last poll. It hardly ever is; only then do the
/// timer and the signal have to hear of it again.
fn is_new(known: &mut Option<Waker>, cx: &Context<'_>) -> bool {
    if known
        .as_ref()
        .is_some_and(|waker| waker.will_wake(cx.waker()))
    {
        return false;
    }
    *known = Some(cx.waker().clone());
    true
}

/// What is too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overdue {
    /// The next request: the connection may close in peace.
    Idle,
    /// The rest of a body: there is still somebody to tell.
    Body,
    /// A peer that neither sends nor takes what it should.
    Lost,
}

/// Watches the phases with a single timer. The timer is moved only when it would fire too late or
/// has fired too early: a busy connection touches it once per idle time-out, not once per request.
struct Clock<'a> {
    config: &'a ServerConfig,
    turn: Turn,
    since: Instant,
    /// The turn that was already found overdue, and did not end.
    warned: Option<Turn>,
}

impl<'a> Clock<'a> {
    fn start(config: &'a ServerConfig, turn: Turn) -> Self {
        Self {
            config,
            turn,
            since: Instant::now(),
            warned: None,
        }
    }

    fn poll(
        &mut self,
        mut timer: Pin<&mut Sleep>,
        turn: Turn,
        cx: &mut Context<'_>,
    ) -> Poll<Overdue> {
        if self.turn != turn {
            self.turn = turn;
            self.since = Instant::now();
        }
        let (limit, overdue) = match turn.phase() {
            Phase::Idle => (self.config.idle_timeout, Overdue::Idle),
            Phase::Header => (self.config.header_timeout, Overdue::Lost),
            Phase::Body => (self.config.body_timeout, Overdue::Body),
            Phase::Reply => (self.config.reply_timeout, Overdue::Lost),
            Phase::Lingering => (LINGER, Overdue::Lost),
            // The handler's time is the handler's matter.
            Phase::Handling => return Poll::Pending,
        };
        let deadline = self.since + limit;
        loop {
            if deadline < timer.deadline() {
                timer.as_mut().reset(deadline);
                let _ = timer.as_mut().poll(cx);
            }
            if !timer.is_elapsed() {
                return Poll::Pending;
            }
            if Instant::now() >= deadline {
                let again = self.warned == Some(turn);
                self.warned = Some(turn);
                return Poll::Ready(if again { Overdue::Lost } else { overdue });
            }
            timer.as_mut().reset(deadline);
            let _ = timer.as_mut().poll(cx);
        }
    }
}
