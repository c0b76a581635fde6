//! The other end of a connection, byte by byte: what a peer sees that uses no HTTP library.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Waits for something that must happen, but not for ever if it does not.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("it should have happened")
}

/// A connection and what was read from it and not looked at.
pub(crate) struct Wire {
    stream: TcpStream,
    ahead: Vec<u8>,
}

/// A request or a response.
#[derive(Debug)]
pub(crate) struct Head {
    /// The first line.
    pub(crate) line: String,
    /// The headers, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, exactly as long as the Content-Length says.
    pub(crate) body: Vec<u8>,
}

impl Head {
    pub(crate) fn status(&self) -> u16 {
        self.line.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .headers
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, v)| v.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is there twice");
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Wire {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self::over(within(TcpStream::connect(address)).await.unwrap())
    }

    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            ahead: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, octets: impl AsRef<[u8]>) {
        within(self.stream.write_all(octets.as_ref()))
            .await
            .unwrap();
    }

    /// Sends as much as the other side takes, even if it does not take it all.
    pub(crate) async fn push(&mut self, octets: &[u8]) {
        let _ = within(self.stream.write_all(octets)).await;
    }

    /// Says that nothing more will be sent.
    pub(crate) async fn half_close(&mut self) {
        within(self.stream.shutdown()).await.unwrap();
    }

    /// Closes with a reset instead of a farewell.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }

    /// The next response, checked for what every response must have (rule 53).
    pub(crate) async fn response(&mut self) -> Head {
        let response = self.response_to("POST").await;
        assert!(
            response.header("transfer-encoding").is_none(),
            "chunked: {response:?}"
        );
        response
    }

    /// The next response to a request with this method: one to HEAD has no body.
    pub(crate) async fn response_to(&mut self, method: &str) -> Head {
        let mut response = self.head().await;
        if response.status() == 100 {
            return response;
        }
        let length = response
            .header("content-length")
            .expect("a Content-Length")
            .parse()
            .unwrap();
        if method != "HEAD" {
            response.body = self.take(length).await;
        }
        response
    }

    /// The next request, as a server reads it.
    pub(crate) async fn request(&mut self) -> Head {
        let mut request = self.head().await;
        let length = request
            .header("content-length")
            .expect("a Content-Length")
            .parse()
            .unwrap();
        request.body = self.take(length).await;
        request
    }

    /// Waits for the end of the connection and returns what came before it.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.ahead);
        // A reset is an end as well.
        let _ = within(self.stream.read_to_end(&mut rest)).await;
        rest
    }

    /// Waits for the end of the connection, before which nothing may come.
    pub(crate) async fn closed(self) {
        assert_eq!(String::from_utf8_lossy(&self.rest().await), "");
    }

    async fn head(&mut self) -> Head {
        let end = loop {
            if let Some(end) = self
                .ahead
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                break end;
            }
            self.read_more().await;
        };
        let head: Vec<u8> = self.ahead.drain(..end + 4).collect();
        let text = String::from_utf8(head).unwrap();
        let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
        let line = lines.next().unwrap().to_owned();
        let headers = lines
            .map(|line| line.split_once(": ").expect("a header"))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Head {
            line,
            headers,
            body: Vec::new(),
        }
    }

    async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.ahead.len() < length {
            self.read_more().await;
        }
        self.ahead.drain(..length).collect()
    }

    async fn read_more(&mut self) {
        let count = within(self.stream.read_buf(&mut self.ahead)).await.unwrap();
        let sofar = String::from_utf8_lossy(&self.ahead);
        assert_ne!(count, 0, "the connection ended early, after {sofar:?}");
    }
}

/// A POST of a document to a path, with the headers that belong to it.
pub(crate) fn post(path: &str, document: &str) -> String {
    post_with(path, "", document)
}

/// The same with more headers, each ending in CRLF.
pub(crate) fn post_with(path: &str, headers: &str, document: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: vtn\r\nContent-Type: application/xml\r\n{headers}Content-Length: {}\r\n\r\n{document}",
        document.len()
    )
}

/// Where polls go.
pub(crate) const OADR_POLL: &str = "/OpenADR2/Simple/2.0b/OadrPoll";
