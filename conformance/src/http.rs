//! A small blocking HTTP/1.1 client: one connection a request, bodies with a known length.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;

/// How long a server may take for one read or write.
const LIMIT: Duration = Duration::from_secs(20);

/// The root of an HTTP service: `http://127.0.0.1:port` and a path prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Where the service listens.
    pub address: SocketAddr,
    /// The path before every request's own, without a slash at its end.
    pub prefix: String,
    /// The token that every request presents, if the service wants one.
    pub token: Option<String>,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Base {
    /// Reads `http://IP:PORT[/prefix]`, or the same with `https`: that is where a service is, although
    /// nothing here talks TLS.
    ///
    /// # Errors
    ///
    /// When it is anything else.
    pub fn parse(url: &str) -> Result<Self, Failure> {
        let wrong = || Failure::new(format!("not of the form http://IP:PORT/prefix: {url}"));
        let rest = url.strip_prefix("http://");
        let rest = rest.or_else(|| url.strip_prefix("https://"));
        let rest = rest.ok_or_else(wrong)?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = match path.trim_end_matches('/') {
            "" => String::new(),
            path => format!("/{path}"),
        };
        Ok(Self {
            address: host.parse().map_err(|_| wrong())?,
            prefix,
            token: None,
        })
    }

    /// Sends JSON, or nothing, and reads JSON.
    ///
    /// # Errors
    ///
    /// When there is no answer, or one that is no JSON.
    pub fn json(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value), Failure> {
        let body = body.map(|value| ("application/json", value.to_string().into_bytes()));
        let answer = self.send(method, path, body)?;
        let value = if answer.body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&answer.body).map_err(|error| {
                let text = String::from_utf8_lossy(&answer.body);
                Failure::new(format!("{method} {path}: {error} in the answer {text}"))
            })?
        };
        Ok((answer.status, value))
    }

    /// Sends one OpenADR document.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub fn xml(&self, path: &str, document: &[u8]) -> Result<Answer, Failure> {
        self.send("POST", path, Some(("application/xml", document.to_vec())))
    }

    /// Asks for anything.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.send("GET", path, None)
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<Answer, Failure> {
        let what = format!("{method} http://{}{}{path}", self.address, self.prefix);
        let failed = |error: std::io::Error| Failure::io(&what, &error);
        let stream = TcpStream::connect_timeout(&self.address, LIMIT).map_err(failed)?;
        stream.set_read_timeout(Some(LIMIT)).map_err(failed)?;
        stream.set_write_timeout(Some(LIMIT)).map_err(failed)?;
        let mut request = format!(
            "{method} {}{path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.prefix, self.address
        );
        if let Some(token) = &self.token {
            request.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        let content = match &body {
            Some((kind, content)) => {
                request.push_str(&format!("content-type: {kind}\r\n"));
                content.as_slice()
            }
            None => &[],
        };
        request.push_str(&format!("content-length: {}\r\n\r\n", content.len()));
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(content);
        (&stream).write_all(&bytes).map_err(failed)?;
        let (head, body) = read_message(&mut BufReader::new(&stream)).map_err(failed)?;
        let mut words = head.first_line.split(' ');
        let status = words.nth(1).and_then(|word| word.parse().ok());
        let status =
            status.ok_or_else(|| Failure::new(format!("{what}: answered {}", head.first_line)))?;
        Ok(Answer {
            status,
            headers: head.headers,
            body,
        })
    }
}

impl Answer {
    /// The value of the header `name` (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The first line and the headers of a message, either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) first_line: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.first_line);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

/// Reads one message whose body has a Content-Length, or no body.
///
/// A connection closed before the first byte is `UnexpectedEof`. Interim answers (100) are read
/// over.
pub(crate) fn read_message(from: &mut impl BufRead) -> std::io::Result<(Head, Vec<u8>)> {
    loop {
        let head = read_head(from)?;
        if head.first_line.starts_with("HTTP/1.1 100") {
            continue;
        }
        if head.header("transfer-encoding").is_some() {
            let text = "transfer coding, which OpenADR forbids";
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, text));
        }
        let length = match head.header("content-length") {
            Some(text) => text.parse().map_err(|_| std::io::ErrorKind::InvalidData)?,
            None => 0,
        };
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        return Ok((head, body));
    }
}

fn read_head(from: &mut impl BufRead) -> std::io::Result<Head> {
    let first_line = read_line(from)?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(from)?;
        if line.is_empty() {
            return Ok(Head {
                first_line,
                headers,
            });
        }
        let (name, value) = line
            .split_once(':')
            .ok_or(std::io::ErrorKind::InvalidData)?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_line(from: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    // A peer that sends no line end within 64 kB is not one of ours.
    from.take(65_536).read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn urls_are_read_with_and_without_a_prefix() {
        let base = Base::parse("http://127.0.0.1:8080").unwrap();
        assert_eq!((base.address.port(), base.prefix.as_str()), (8080, ""));
        let base = Base::parse("http://127.0.0.1:8080/OpenADR2/Simple/2.0b/").unwrap();
        assert_eq!(base.prefix, "/OpenADR2/Simple/2.0b");
        let base = Base::parse("https://127.0.0.1:8443").unwrap();
        assert_eq!((base.address.port(), base.prefix.as_str()), (8443, ""));
        assert!(Base::parse("ftp://127.0.0.1:8080").is_err());
    }

    #[test]
    fn an_answer_has_status_headers_and_body() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let asked = read_message(&mut BufReader::new(&stream)).unwrap();
            (&stream)
                .write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 7\r\nX-A: b\r\n\r\n{\"a\":1}")
                .unwrap();
            asked
        });
        let base = Base {
            address,
            prefix: "/p".to_owned(),
            token: None,
        };
        let (status, value) = base
            .json("POST", "/events", Some(&serde_json::json!({"x": 1})))
            .unwrap();
        assert_eq!((status, &value["a"]), (201, &Value::from(1)));
        let (head, body) = server.join().unwrap();
        assert_eq!(head.first_line, "POST /p/events HTTP/1.1");
        assert_eq!(body, b"{\"x\":1}");
    }

    #[test]
    fn chunked_answers_are_refused() {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        assert!(read_message(&mut text.as_bytes()).is_err());
    }
}
