//! Raw connections: what is sent is sent as it is, and what comes back is taken apart no further than
//! to statuses.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;

use conformance::wait;

use super::target::Target;

/// A connection to the VTN.
#[derive(Debug)]
pub(super) struct Wire(TcpStream);

impl Wire {
    pub(super) fn to(target: &Target) -> Self {
        let stream = TcpStream::connect(target.endpoint.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(wait::PATIENCE)).unwrap();
        stream.set_write_timeout(Some(wait::PATIENCE)).unwrap();
        Self(stream)
    }

    /// Sends all of it; `false` if the other side has had enough.
    pub(super) fn send(&mut self, octets: &[u8]) -> bool {
        match self.0.write_all(octets) {
            Ok(()) => true,
            Err(error) if is_end(error.kind()) => false,
            Err(error) => panic!("the VTN neither reads nor closes: {error}"),
        }
    }

    /// Says that nothing more will come.
    pub(super) fn half_close(&self) {
        // It may be closed already.
        let _ = self.0.shutdown(Shutdown::Write);
    }

    /// One reply; its body must not be longer than what comes with one read.
    pub(super) fn reply(&mut self) -> String {
        let mut octets = Vec::new();
        while !is_whole(&octets) {
            let mut buffer = [0; 4096];
            let count = self.0.read(&mut buffer).unwrap();
            assert_ne!(
                count,
                0,
                "closed after {}",
                String::from_utf8_lossy(&octets)
            );
            octets.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8(octets).unwrap()
    }

    /// Whether a reply comes, rather than the end.
    pub(super) fn try_reply(&mut self) -> bool {
        let mut first = [0; 1];
        matches!(self.0.peek(&mut first), Ok(1)) && statuses(&self.reply()) == [200]
    }

    /// Everything until the VTN closes the connection, which it must.
    pub(super) fn rest(mut self) -> String {
        let mut octets = Vec::new();
        match self.0.read_to_end(&mut octets) {
            Ok(_) => {}
            Err(error) if is_end(error.kind()) => {}
            Err(error) => panic!("not closed: {error}"),
        }
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// Sends what comes until the end or until the VTN closes, while everything that comes back is
    /// read, and returns that.
    pub(super) fn pour(mut self, octets: impl Iterator<Item = Vec<u8>> + Send) -> String {
        let reader = Self(self.0.try_clone().unwrap());
        thread::scope(|scope| {
            let replies = scope.spawn(|| reader.rest());
            for piece in octets {
                if !self.send(&piece) {
                    break;
                }
            }
            self.half_close();
            replies.join().unwrap()
        })
    }
}

fn is_end(kind: ErrorKind) -> bool {
    [
        ErrorKind::BrokenPipe,
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::NotConnected,
    ]
    .contains(&kind)
}

fn is_whole(octets: &[u8]) -> bool {
    let text = String::from_utf8_lossy(octets).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.unwrap().parse().unwrap()
}

/// The statuses of the replies in a text, in order.
pub(super) fn statuses(replies: &str) -> Vec<u16> {
    replies
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|reply| reply[..3].parse().unwrap())
        .collect()
}

/// Sends a request on a connection of its own; returns the status and the body of the reply.
pub(super) fn ask(target: &Target, request: Vec<u8>) -> (u16, String) {
    let replies = Wire::to(target).pour(std::iter::once(request));
    let [status] = statuses(&replies)[..] else {
        panic!("not one reply: {replies}");
    };
    let body = replies.split_once("\r\n\r\n").unwrap().1;
    (status, body.to_owned())
}

/// A POST of a document to a service.
pub(super) fn post(target: &Target, service: &str, document: &[u8]) -> Vec<u8> {
    request(
        &format!("POST {}/{service} HTTP/1.1", target.endpoint.prefix),
        "Content-Type: application/xml\r\n",
        document,
    )
}

/// Any request; each line of `headers` ends with CRLF.
pub(super) fn request(first_line: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("{first_line}\r\nHost: vtn\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}
