//! The body of the fuzz target `http`: any bytes on a connection, the replies' bytes checked.
//!
//! Knows nothing of sockets; the VTN is the core's, in memory. Behind the feature `fuzzing`, and no
//! public API: anything here may change with any version.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use oadr_core::codec::{DecodeOptions, decode};
use oadr_core::memory::{VtnConfig, VtnHost};
use oadr_core::value::{DateTime, RegistrationId, ServiceName, VenId, VtnId};
use oadr_core::vtn::{Admission, RegistrationAnswer};
use oadr_core::{Peer, vtn};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::path::ROOT;
use crate::{Handler, Reply, Request, Server, ServerConfig};

/// What the pipe holds in either direction before it has to be read, in bytes.
const PIPE: usize = 16 * 1024;
/// What the server may say to what it was sent; 500 and 503 are not among it.
const STATUSES: &[&str] = &[
    "200", "400", "404", "406", "413", "414", "415", "431", "501", "505",
];

/// Sends the bytes, as they are or as the bodies of well-formed requests, and reads all replies.
///
/// The first byte says which of the two, and in pieces of which size they arrive. Bodies are parted by
/// NUL, and the first byte of each chooses its service.
///
/// # Panics
/// What the server wrote is no sequence of responses, one of them says that the server is at fault, or
/// a document in one of them is not to the letter of the schema.
pub fn http(bytes: &[u8]) {
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let sent = if first & 1 == 0 {
        rest.to_vec()
    } else {
        rest.split(|byte| *byte == 0).flat_map(request).collect()
    };
    let piece = match first >> 1 {
        0..64 => PIPE,
        small => usize::from(small) - 63,
    };
    let received = exchange(&sent, piece);
    let mut rest = received.as_slice();
    while !rest.is_empty() {
        rest = check_response(rest);
    }
}

fn request(body: &[u8]) -> Vec<u8> {
    let (service, body) = body.split_first().unwrap_or((&0, &[]));
    let at = usize::from(*service) % ServiceName::ALL.len();
    let path = ServiceName::ALL.get(at).map_or("", ServiceName::as_str);
    let head = format!(
        "POST {ROOT}/{path} HTTP/1.1\r\nhost: vtn\r\ncontent-type: application/xml\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Runs a connection to its end.
#[expect(clippy::expect_used, reason = "no fuzzing without a runtime")]
fn exchange(sent: &[u8], piece: usize) -> Vec<u8> {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime on this thread");
    }
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let (mut reading, mut writing) = tokio::io::split(ours);
    let server = Server::new(Vtn::new(), ServerConfig::default());
    let mut received = Vec::new();
    let connection = async {
        let send = async {
            for piece in sent.chunks(piece) {
                // A server that has heard enough may hang up.
                if writing.write_all(piece).await.is_err() {
                    break;
                }
            }
            let _ = writing.shutdown().await;
        };
        let (outcome, (), ()) = tokio::join!(
            reading.read_to_end(&mut received),
            send,
            server.serve_stream(theirs, Peer::Unproven, None)
        );
        outcome
    };
    // Nothing here waits for time: a server that waits for more after the end is a finding.
    let ended = RUNTIME.with(|runtime| {
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(5), connection).await })
    });
    assert!(
        matches!(ended, Ok(Ok(_))),
        "the connection outlived its peer"
    );
    received
}

/// Checks the first response and returns what follows it.
fn check_response(bytes: &[u8]) -> &[u8] {
    let text = String::from_utf8_lossy(bytes);
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    assert!(at.is_some(), "no header: {text}");
    let (head, rest) = bytes
        .split_at_checked(at.unwrap_or_default() + 4)
        .unwrap_or((bytes, &[]));
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap_or_default();
    assert!(head.starts_with("http/1."), "no response: {text}");
    // `Expect: 100-continue` is answered in two steps.
    if status == "100" {
        return rest;
    }
    assert!(STATUSES.contains(&status), "{text}");
    let field = |name: &str| {
        let mut lines = head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    let length = field("content-length").and_then(|length| length.parse::<usize>().ok());
    assert!(length.is_some(), "no length: {text}");
    // A reply to HEAD has the length of a body and no body.
    if status == "501" && (rest.is_empty() || rest.starts_with(b"HTTP/1.")) {
        return rest;
    }
    let split = rest.split_at_checked(length.unwrap_or_default());
    assert!(split.is_some(), "a body is cut short: {text}");
    let (body, rest) = split.unwrap_or((rest, &[]));
    if status == "200" && field("content-encoding").is_none() && !body.is_empty() {
        let decoded = decode(body, &DecodeOptions::default());
        assert!(
            decoded.is_ok_and(|decoded| decoded.drifts.is_empty()),
            "{text}"
        );
    }
    rest
}

/// A VTN that lets everyone in under the same IDs, on a clock of its own.
struct Vtn(Mutex<(VtnHost, u32)>);

impl Vtn {
    fn new() -> Self {
        let mut config = VtnConfig::new(VtnId::new("VTN").unwrap_or_default());
        config.admission = Admission::Ask;
        let mut host = VtnHost::new(config);
        host.on_registration(|_| RegistrationAnswer::Accept {
            ven_id: VenId::new("ven-1").ok(),
            registration_id: RegistrationId::new("reg-1").ok(),
        });
        Self(Mutex::new((host, 0)))
    }
}

impl Handler for Vtn {
    async fn handle(&self, request: Request) -> Reply {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (host, seconds) = &mut *guard;
        *seconds += 1;
        let now = DateTime::UNIX_EPOCH + Duration::from_secs(u64::from(*seconds));
        let mut entropy = [7; 32];
        entropy[..4].copy_from_slice(&seconds.to_be_bytes());
        // What would be pushed is lost, as it may be.
        host.wake(now, entropy.map(|byte| !byte));
        match host.handle(request.peer, request.profile, request.message, now, entropy) {
            vtn::Reply::Message(message) => Reply::Message(message),
            vtn::Reply::Empty | vtn::Reply::Push(_) => Reply::Empty,
            vtn::Reply::Forbidden => Reply::Forbidden,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_corpus_holds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/http");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert!(files.len() >= 10, "http has lost its corpus");
        for file in files {
            println!("{}", file.display());
            super::http(&std::fs::read(&file).unwrap());
        }
    }
}
