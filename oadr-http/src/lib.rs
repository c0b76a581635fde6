//! OpenADR 2.0b over simple HTTP: the server that a VTN needs and the client that a VEN needs, on
//! hyper, rustls and tokio.
//!
//! It knows the binding and nothing else: TLS, paths, headers, status codes, content codings, limits
//! and time-outs. Messages come out of `oadr-core`'s codec and go back into it; what they mean, who
//! may send them and what the answer is, the [`Handler`] decides. It does not log, store or retry
//! (but see [`Client::send`] for a connection that was closed between two exchanges).
//!
//! # The server
//!
//! [`serve`] runs a listener until it is told to stop; a [`Server`] can be cloned into many accept
//! loops, on one runtime or several: [`Server::accept`] for plain HTTP, [`Server::accept_tls`] for TLS;
//! [`Server::serve_stream`] takes any stream with the [`Peer`](oadr_core::Peer) that was proved on it. For
//! each request, in this order:
//!
//! | step | or else |
//! |---|---|
//! | the certificate that the peer showed has not expired since (rule 516) | 403, and the connection is closed |
//! | the peer has not sent too many requests | 503 with Retry-After |
//! | the method is POST | 501 |
//! | the path is `<prefix>/OpenADR2/Simple/2.0b/<service>`, compared after the normalisation of RFC 3986, case included; a query is ignored | 404 |
//! | there is one `Host` header (HTTP/1.1) | 400 |
//! | the Content-Type is `application/xml`, in any case, perhaps with `charset=utf-8` | 406 |
//! | there is no Content-Encoding | 415 |
//! | the body keeps to the limit (by its Content-Length before a byte is read, and while reading) and arrives in time | 413, 408 |
//! | there is room for a long body beside those of others | 503 with Retry-After |
//! | its signature, if the handler looks at it, is right | 403 |
//! | it decodes; the explanation names the element and the byte offset | 406 |
//! | its message belongs to the service of the path (`oadrResponse` belongs to all) | 404 |
//! | the handler has an answer; it does not panic | 403, 503 with Retry-After, 500 |
//!
//! Chunked requests are read, though no peer should send them. Compressed ones are not: the
//! specification lets only the VTN's replies be compressed, no known VEN sends them, and what is
//! never inflated cannot be a bomb. 415 with these words beats 406, which would blame the document.
//!
//! Replies are never chunked and always have a Content-Length. They are compressed where the sender
//! of the request accepts gzip or deflate (weights count), unless they are so short that it would
//! not help. An explanation is one line of `text/plain`.
//!
//! A request that is refused before its body was read costs its connection: the reply says
//! `Connection: close`, and what the peer still sends is thrown away for up to a second, so that
//! the reply is not lost to a reset.
//!
//! Connections are bounded in all and per peer, requests per peer ([`ServerConfig`] has the figures).
//! A peer is the identity that was proved, or else the address; half an IPv6 address, which is what
//! one gets. The addresses of this machine are not bounded, because a proxy there stands for many
//! peers, unless [`bound_loopback`](ServerConfig::bound_loopback) says so. Memory for the counting is
//! bounded by the number of connections.
//!
//! # Behind a proxy
//!
//! [`Server::accept_proxied`] serves a proxy that ends the TLS of many peers, and hands on the certificate
//! of each in a header of its requests. A [`ProxyTrust`] says from which addresses that is believed, and
//! whose certificates count; they are verified here too, once an hour each. Who has no such certificate
//! gets an empty 403 ([`ProxiedError`] has the words). The bounds per peer hold for certificates then.
//!
//! # The client
//!
//! [`Client::send`] posts a message to a service of a [`BaseUrl`] and returns the decoded reply, or
//! none if the peer acknowledged with an empty body. [`ClientError`] tells apart what a caller
//! treats differently. Where the URL begins with `https` it needs [`ClientConfig::tls`].
//!
//! # TLS
//!
//! [`tls::TlsServer`] and [`tls::TlsClient`] are rustls with aws-lc-rs: TLS 1.2 and 1.3, ECDHE with
//! AES-GCM or ChaCha20, RSA keys of 2,048 bits and more, and ECDSA (rules 67, 68). The two suites that rule 67
//! names are not among them: rustls has neither CBC nor RSA key transport. Whoever needs them puts a proxy
//! in front that has.
//!
//! A server always asks for a certificate, and whoever shows none that counts gets no further than the
//! handshake (rule 517): who issued it, its dates, its use and the length of its key are looked at, and
//! looked at again when a session is resumed. It may have several certificates, an RSA one and an elliptic
//! one: each client is shown what it can verify. Everything can be replaced while connections are open:
//! those go on, new ones see what is new, and sessions from before are not resumed. A connection whose
//! certificate expires serves nothing more, on either side (rule 516).
//!
//! Of every failure there are words for people: [`tls::HandshakeError`], [`tls::VerifyError`].

mod body;
mod client;
mod coding;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod path;
mod server;
mod status;
pub mod tls;
mod unsealed;

pub use client::{
    Answer, BaseUrl, Client, ClientConfig, ClientError, Credentials, CredentialsError, Reach,
    RequestTimeout, Seal, SealError, UrlError,
};
pub use path::{Prefix, PrefixError};
pub use server::{
    Drained, Forbidden, HandedError, Handler, Network, NetworkError, Notice, ProxiedError,
    ProxyTrust, ProxyTrustConfig, ProxyTrustError, Reply, Request, RequestRate, Server,
    ServerConfig, serve,
};
pub use status::{Culprit, Failure};
pub use unsealed::Unsealed;
