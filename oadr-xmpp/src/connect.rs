//! From a name to a stream on which an account is logged in: TCP, STARTTLS and SASL, on tokio-xmpp.
//!
//! Knows nothing of sessions and stanzas: the stream ends here, and begins anew on the same connection.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else a server says, it is not the answer"
)]

use std::borrow::Cow;
use std::io;
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use sasl::client::Mechanism;
use sasl::client::mechanisms::Scram;
use sasl::common::scram::{Sha1, Sha256};
use sasl::common::{ChannelBinding, Credentials};
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_xmpp::minidom::Element;
use tokio_xmpp::parsers::sasl::{DefinedCondition, Nonza, Response};
use tokio_xmpp::parsers::{ns, starttls, stream_features::StreamFeatures};
use tokio_xmpp::xmlstream::{
    ReadError, RecvFeaturesError, StreamHeader, Timeouts, XmlStream, XmppStreamElement,
    initiate_stream,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::bounded::Bounded;
use crate::reach::reach;
use crate::{Config, Login};

/// How often a server may have a password hashed: as often as RFC 7677 wants at least, and at most a hundred
/// times what servers take.
const ITERATIONS: RangeInclusive<u32> = 4096..=1_000_000;

/// A connection, whatever is between us and the server.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

/// A connection that is logged in.
pub(crate) struct Connected {
    pub(crate) connection: Box<dyn Connection>,
    /// For how long the server's certificate is still valid, if it showed one (rule 516).
    pub(crate) valid_for: Option<Duration>,
}

/// Why there is no stream.
#[derive(Debug)]
pub(crate) enum ConnectError {
    Io(io::Error),
    /// The server does not let the account in; in the words of SASL.
    Refused(String),
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

type Stream<Io> = XmlStream<BufReader<Bounded<Io>>, XmppStreamElement>;

/// Connects and logs in. What the server says next begins with the start tag of a new stream, once it has
/// got one.
pub(crate) async fn connect(config: &Config) -> Result<Connected, ConnectError> {
    let tcp = reach(config).await?;
    // Without it each exchange waits for an acknowledgement that the other side delays.
    tcp.set_nodelay(true)?;
    let domain = config.jid.account().domain();
    let (features, stream) = open(tcp, domain).await?;
    let Some(tls) = &config.tls else {
        return Ok(Connected {
            connection: log_in(stream, &features, config).await?,
            valid_for: None,
        });
    };
    if !features.can_starttls() {
        return Err(failed("the server offers no TLS").into());
    }
    let plain = start_tls(stream).await?;
    let name = ServerName::try_from(domain.to_owned())
        .map_err(|_| failed("the JID's domain is no name that a certificate could have"))?;
    let tls = TlsConnector::from(tls()).connect(name, plain).await?;
    let shown = tls.get_ref().1.peer_certificates().unwrap_or_default();
    let valid_for = shown.first().and_then(|first| valid_for(first));
    let (features, stream) = open(tls, domain).await?;
    Ok(Connected {
        connection: log_in(stream, &features, config).await?,
        valid_for,
    })
}

/// For how long a certificate, which is valid now, still is.
fn valid_for(certificate: &[u8]) -> Option<Duration> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let until = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(Duration::from_secs(until).saturating_sub(now))
}

async fn open<Io>(io: Io, domain: &str) -> Result<(StreamFeatures, Stream<Io>), io::Error>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let header = StreamHeader {
        to: Some(Cow::Borrowed(domain)),
        from: None,
        id: None,
    };
    let io = BufReader::new(Bounded::new(io));
    let opened = initiate_stream(io, ns::JABBER_CLIENT, header, Timeouts::default()).await?;
    opened.recv_features().await.map_err(|error| match error {
        RecvFeaturesError::Io(error) => error,
        RecvFeaturesError::StreamError(error) => {
            failed(&format!("the server said {}", error.0.condition))
        }
    })
}

/// Asks for TLS, and returns what it is to be spoken on.
async fn start_tls(mut stream: Stream<TcpStream>) -> io::Result<TcpStream> {
    let request = starttls::Nonza::Request(starttls::Request);
    stream.send(&XmppStreamElement::Starttls(request)).await?;
    match next(&mut stream).await? {
        XmppStreamElement::Starttls(starttls::Nonza::Proceed(_)) => {}
        _ => return Err(failed("the server refused TLS")),
    }
    let buffered = stream.into_inner();
    // Whoever speaks before TLS could have his words taken for the server's.
    if !buffered.buffer().is_empty() {
        return Err(failed("the server spoke between STARTTLS and TLS"));
    }
    Ok(buffered.into_inner().into_inner())
}

async fn log_in<Io>(
    mut stream: Stream<Io>,
    features: &StreamFeatures,
    config: &Config,
) -> Result<Box<dyn Connection>, ConnectError>
where
    Io: Connection + 'static,
{
    let offered = &features.sasl_mechanisms;
    match &config.login {
        Login::Certificate => {
            if !offered.contains("EXTERNAL") {
                return Err(not_offered("EXTERNAL"));
            }
            external(&mut stream, config).await?;
        }
        Login::Password(password) => {
            // A name may have the two characters that mean something in SCRAM.
            let name = config.jid.account().local();
            let credentials = Credentials::default()
                .with_username(name.replace('=', "=3D").replace(',', "=2C"))
                .with_password(password.as_str())
                .with_channel_binding(ChannelBinding::None);
            if offered.contains("SCRAM-SHA-256") {
                scram(&mut stream, Scram::<Sha256>::from_credentials(credentials)).await?;
            } else if offered.contains("SCRAM-SHA-1") {
                scram(&mut stream, Scram::<Sha1>::from_credentials(credentials)).await?;
            } else {
                return Err(not_offered("SCRAM"));
            }
        }
    }
    let mut connection = stream.into_inner();
    // The session reads what follows by itself, and bounds it.
    connection.get_mut().unbind();
    Ok(Box::new(connection))
}

/// With the certificate of TLS. First as whom the server takes it for (XEP-0178: `=`), and if it does not
/// know without being told, as this account.
async fn external<Io>(stream: &mut Stream<Io>, config: &Config) -> Result<(), ConnectError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let account = config.jid.account().to_string();
    let mut refused = None;
    for identity in ["=".to_owned(), BASE64_STANDARD.encode(&account)] {
        stream.send(&auth("EXTERNAL", &identity)).await?;
        match answer(stream).await? {
            Nonza::Success(_) => return Ok(()),
            Nonza::Failure(failure) => {
                // The first reason is the better one.
                refused.get_or_insert(failure.defined_condition);
            }
            _ => return Err(failed("the server answered EXTERNAL with what is no answer").into()),
        }
    }
    Err(refused.map_or_else(|| not_offered("EXTERNAL"), condition))
}

/// With the password, of which the server learns nothing but that we know it, and proves that it does.
async fn scram<Io, M: Mechanism>(
    stream: &mut Stream<Io>,
    mechanism: Result<M, sasl::client::MechanismError>,
) -> Result<(), ConnectError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |_| failed("the server does not speak SCRAM as it should");
    let mut mechanism = mechanism.map_err(broken)?;
    let initial = BASE64_STANDARD.encode(mechanism.initial());
    stream.send(&auth(mechanism.name(), &initial)).await?;
    let mut has_proved = false;
    // A challenge with the salt; perhaps one with the proof, which may come with the success, too.
    for _ in 0..3 {
        match answer(stream).await? {
            Nonza::Challenge(challenge) => {
                let data = if is_proof(&challenge.data) {
                    mechanism.success(&challenge.data).map_err(broken)?;
                    has_proved = true;
                    Vec::new()
                } else {
                    if !is_bearable(&challenge.data) {
                        let why = "the server wants the password hashed too often, or too seldom";
                        return Err(failed(why).into());
                    }
                    mechanism.response(&challenge.data).map_err(broken)?
                };
                let response = Nonza::Response(Response { data });
                stream.send(&XmppStreamElement::Sasl(response)).await?;
            }
            Nonza::Success(success) => {
                if !has_proved {
                    let proof = mechanism.success(&success.data);
                    proof.map_err(|_| {
                        failed("the server did not prove that it knows the password")
                    })?;
                }
                return Ok(());
            }
            Nonza::Failure(failure) => return Err(condition(failure.defined_condition)),
            Nonza::Abort(_) | Nonza::Auth(_) | Nonza::Response(_) => break,
        }
    }
    Err(failed("the server does not speak SCRAM as it should").into())
}

fn is_proof(challenge: &[u8]) -> bool {
    challenge.starts_with(b"v=")
}

/// Whether it is said once how often the password is to be hashed (RFC 5802: `i=`), and in bounds. Said
/// twice, it would be the last that counts.
fn is_bearable(challenge: &[u8]) -> bool {
    let text = std::str::from_utf8(challenge).unwrap_or_default();
    let mut counts = text.split(',').filter_map(|part| part.strip_prefix("i="));
    let (Some(count), None) = (counts.next(), counts.next()) else {
        return false;
    };
    count
        .parse()
        .is_ok_and(|count: u32| ITERATIONS.contains(&count))
}

/// tokio-xmpp has no name for EXTERNAL; what it sends is the same.
fn auth(mechanism: &str, data: &str) -> Element {
    Element::builder("auth", ns::SASL)
        .attr(
            tokio_xmpp::minidom::rxml::xml_ncname!("mechanism").to_owned(),
            mechanism,
        )
        .append(data)
        .build()
}

async fn answer<Io>(stream: &mut Stream<Io>) -> io::Result<Nonza>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    match next(stream).await? {
        XmppStreamElement::Sasl(nonza) => Ok(nonza),
        _ => Err(failed("the server said something else during the login")),
    }
}

async fn next<Io>(stream: &mut Stream<Io>) -> io::Result<XmppStreamElement>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        return match stream.next().await {
            Some(Ok(XmppStreamElement::StreamError(error))) => {
                Err(failed(&format!("the server said {}", error.0.condition)))
            }
            Some(Ok(element)) => Ok(element),
            // How long all of it may take is bounded already.
            Some(Err(ReadError::SoftTimeout)) => continue,
            Some(Err(ReadError::HardError(error))) => Err(error),
            Some(Err(ReadError::ParseError(_))) => {
                Err(failed("the server said what is not understood"))
            }
            Some(Err(ReadError::StreamFooterReceived)) | None => {
                Err(failed("the server closed the stream"))
            }
        };
    }
}

fn condition(condition: DefinedCondition) -> ConnectError {
    let name = match condition {
        DefinedCondition::Aborted => "aborted",
        DefinedCondition::AccountDisabled => "account-disabled",
        DefinedCondition::CredentialsExpired => "credentials-expired",
        DefinedCondition::EncryptionRequired => "encryption-required",
        DefinedCondition::IncorrectEncoding => "incorrect-encoding",
        DefinedCondition::InvalidAuthzid => "invalid-authzid",
        DefinedCondition::InvalidMechanism => "invalid-mechanism",
        DefinedCondition::MalformedRequest => "malformed-request",
        DefinedCondition::MechanismTooWeak => "mechanism-too-weak",
        DefinedCondition::NotAuthorized => "not-authorized",
        // The server's own trouble, which passes.
        DefinedCondition::TemporaryAuthFailure => {
            return ConnectError::Io(failed("the server said temporary-auth-failure"));
        }
    };
    ConnectError::Refused(name.to_owned())
}

fn not_offered(mechanism: &str) -> ConnectError {
    ConnectError::Refused(format!("the server does not offer {mechanism}"))
}

pub(crate) fn failed(why: &str) -> io::Error {
    io::Error::other(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last number counted for the hashing, and only the first one for us.
    #[test]
    fn rfc_7677_how_often_a_password_is_hashed_is_said_once_and_in_bounds() {
        for challenge in [
            "r=abc,s=c2FsdA==,i=4096",
            "r=abc,s=c2FsdA==,i=1000000",
            "r=i=1,s=c2FsdA==,i=10000,x=1",
        ] {
            assert!(is_bearable(challenge.as_bytes()), "{challenge}");
        }
        for challenge in [
            "r=abc,s=c2FsdA==",
            "r=abc,s=c2FsdA==,i=",
            "r=abc,s=c2FsdA==,i=1",
            "r=abc,s=c2FsdA==,i=4095",
            "r=abc,s=c2FsdA==,i=1000001",
            "r=abc,s=c2FsdA==,i=4096,i=4294967295",
            "r=abc,s=c2FsdA==,i=4096,i=4096",
            "i=4096,r=abc,s=c2FsdA==,i=5000",
        ] {
            assert!(!is_bearable(challenge.as_bytes()), "{challenge}");
        }
        assert!(!is_bearable(b"r=\xFF,s=c2FsdA==,i=4096"));
    }
}
