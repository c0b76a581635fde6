//! The API's server against slow, silent, long and stuck clients, and when it stops.

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::api::body::Json;

/// Long enough that no test run is that slow, for what a test does not wait for.
const LONG: Duration = Duration::from_secs(600);
/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(50);

struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<usize>,
    /// Lets a request to `/held` go on.
    hold: Arc<Semaphore>,
}

async fn within<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(20);
    let outcome = tokio::time::timeout(limit, future).await;
    outcome.expect("it should have happened")
}

/// A server on which nothing times out, but for what the test changes.
async fn served(change: impl FnOnce(&mut Bounds)) -> Served {
    let mut bounds = Bounds {
        header_time: LONG,
        body_time: LONG,
        reply_time: LONG,
        stop_time: LONG,
        ..Bounds::default()
    };
    change(&mut bounds);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let hold = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&hold);
    let router = Router::new()
        .route(
            "/",
            get(async |ConnectInfo(from): ConnectInfo<SocketAddr>| from.ip().to_string()),
        )
        .route("/body", post(async |_: Json| "read"))
        .route("/panic", get(async || -> &str { panic!("on purpose") }))
        .route("/long", get(async || "x".repeat(20_000_000)))
        .route(
            "/held",
            get(async move || {
                let _ = held.acquire().await;
                "done"
            }),
        );
    let task = tokio::spawn(async move {
        let stop = async { stopped.await.unwrap_or(()) };
        serve(listener, router, bounds, &LogRation::default(), stop).await
    });
    Served {
        address,
        stop,
        task,
        hold,
    }
}

async fn connect(served: &Served) -> TcpStream {
    TcpStream::connect(served.address).await.unwrap()
}

/// What comes until the connection ends.
async fn rest(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    // A reset is an end as well.
    let _ = within(stream.read_to_end(&mut all)).await;
    String::from_utf8(all).unwrap()
}

async fn ask(served: &Served, request: &str) -> String {
    let mut stream = connect(served).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(stream).await
}

fn get_once(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

const POST: &str = "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n";

#[tokio::test]
async fn a_request_is_answered_and_knows_where_it_comes_from() {
    let served = served(|_| {}).await;
    let reply = ask(&served, &get_once("/")).await;
    assert!(reply.ends_with("\r\n\r\n127.0.0.1"), "{reply}");
}

#[tokio::test]
async fn slow_headers_and_silent_connections_are_closed() {
    let served = served(|bounds| bounds.header_time = SHORT).await;
    assert_eq!(ask(&served, "GET / HTTP/1.1\r\nHost: l").await, "");
    assert_eq!(ask(&served, "").await, "");
    // Also after a request.
    let kept = get_once("/").replace("Connection: close\r\n", "");
    let reply = ask(&served, &kept).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
}

#[tokio::test]
async fn a_slow_body_is_408_and_costs_the_connection() {
    let served = served(|bounds| bounds.body_time = SHORT).await;
    let reply = ask(&served, &format!("{POST}{{\"slow\"")).await;
    assert!(reply.starts_with("HTTP/1.1 408"), "{reply}");
    assert!(reply.contains("urn:oadr:problem:too-slow"), "{reply}");
}

#[tokio::test]
async fn a_client_that_takes_no_reply_is_cut_off() {
    let served = served(|bounds| {
        bounds.reply_time = SHORT;
        bounds.connections = 1;
    })
    .await;
    let mut stuck = connect(&served).await;
    stuck.write_all(get_once("/long").as_bytes()).await.unwrap();
    // There is one place only.
    let reply = ask(&served, &get_once("/")).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    drop(stuck);
}

#[tokio::test]
async fn a_header_that_is_too_long_is_431() {
    let served = served(|_| {}).await;
    let long = get_once(&format!("/{}", "x".repeat(20_000)));
    let reply = ask(&served, &long).await;
    assert!(reply.starts_with("HTTP/1.1 431"), "{reply}");
}

#[tokio::test]
async fn a_panic_is_500_and_the_connection_goes_on() {
    let served = served(|_| {}).await;
    let kept = get_once("/panic").replace("Connection: close\r\n", "");
    let replies = ask(&served, &(kept + &get_once("/"))).await;
    assert!(replies.starts_with("HTTP/1.1 500"), "{replies}");
    assert!(replies.ends_with("\r\n\r\n127.0.0.1"), "{replies}");
}

#[tokio::test]
async fn stopping_finishes_what_was_accepted_and_closes_what_is_idle() {
    let served = served(|_| {}).await;
    let idle = connect(&served).await;
    let mut busy = connect(&served).await;
    busy.write_all(get_once("/held").as_bytes()).await.unwrap();
    // Both are accepted by then, for this one is.
    ask(&served, &get_once("/")).await;
    served.stop.send(()).unwrap();
    assert_eq!(rest(idle).await, "");
    served.hold.add_permits(1);
    let reply = rest(busy).await;
    assert!(reply.ends_with("\r\n\r\ndone"), "{reply}");
    assert_eq!(within(served.task).await.unwrap(), 0);
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let served = served(|bounds| bounds.stop_time = SHORT).await;
    let mut busy = connect(&served).await;
    busy.write_all(get_once("/held").as_bytes()).await.unwrap();
    ask(&served, &get_once("/")).await;
    served.stop.send(()).unwrap();
    assert_eq!(within(served.task).await.unwrap(), 1);
    assert_eq!(rest(busy).await, "");
}
