//! A Unix socket by which other processes of the same user ask a running VEN, and tell it what to do.
//!
//! Knows nothing of what can be asked. A request is a line of JSON, and so is its answer:
//! `{"ok": …}`, or `{"error": {"code": …, "detail": …}}`.

mod request;

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::running::Running;
use request::Desk;
pub(crate) use request::{CorrectedReading, Problem, Request};

/// What the socket is called in a VEN's data folder.
pub const CONTROL_SOCKET: &str = "control.sock";

/// A longer path does not fit into an address, on Linux and elsewhere.
const LONGEST_PATH: usize = 100;

/// The longest request, in bytes.
const LONGEST_REQUEST: u64 = 256 * 1024;

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: u64 = 64 * 1024 * 1024;

/// So many connections are served at a time; more wait.
const MOST_CONNECTIONS: usize = 16;

/// How long a connection may say nothing, or read nothing.
const IDLE: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Ok(Value),
    Error(Problem),
}

/// The open socket of a running VEN; dropped, it is closed and removed.
#[derive(Debug)]
#[must_use = "dropped, the socket is closed"]
pub struct Control {
    path: PathBuf,
    task: JoinHandle<()>,
}

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// It cannot be made.
    #[error("cannot make the control socket {}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Somebody answers there.
    #[error("the control socket {} is in use by another process", path.display())]
    InUse {
        /// Where.
        path: PathBuf,
    },
    /// There is a file, which is not removed.
    #[error("{} is there already, and is no socket", path.display())]
    NotASocket {
        /// Where.
        path: PathBuf,
    },
}

/// Why a running VEN has not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("no VEN runs there: {} is not answered ({source})", path.display())]
    Connect { path: PathBuf, source: io::Error },
    #[error("the VEN has not answered")]
    TimedOut,
    #[error("the VEN's answer was cut off: {0}")]
    Broken(#[from] io::Error),
    #[error("the VEN's answer is not understood")]
    NotUnderstood,
    #[error("{}", .0.detail)]
    Refused(Problem),
}

impl Control {
    /// Opens the socket of a VEN, for processes of this user (and root) only. What a process left
    /// there that was killed is replaced.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn open(path: impl AsRef<Path>, ven: &Running) -> Result<Self, ControlError> {
        let path = path.as_ref().to_owned();
        let failed = |source| ControlError::Io {
            path: path.clone(),
            source,
        };
        let address = Address::of(&path).map_err(failed)?;
        remove_stale(&path, &address).await?;
        let listener = UnixListener::bind(&address.path).map_err(failed)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(failed)?;
        let owner = fs::metadata(&path).map_err(failed)?.uid();
        let task = tokio::spawn(serve(listener, owner, Desk::of(ven)));
        tracing::debug!(?path, "the control socket is open");
        Ok(Self { path, task })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Before it is closed: until then nobody takes the path for a stale one.
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = ?self.path, %error, "the control socket cannot be removed");
        }
        self.task.abort();
    }
}

/// A path that fits into an address. A long one is reached by its folder, which is kept open.
struct Address {
    path: PathBuf,
    _folder: Option<File>,
}

impl Address {
    fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() <= LONGEST_PATH {
            return Ok(Self {
                path: path.to_owned(),
                _folder: None,
            });
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let folder = File::open(folder)?;
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&folder);
        let short = Path::new("/proc/self/fd").join(descriptor.to_string());
        Ok(Self {
            path: short.join(name),
            _folder: Some(folder),
        })
    }
}

/// Removes a socket that nobody listens at.
async fn remove_stale(path: &Path, address: &Address) -> Result<(), ControlError> {
    let failed = |source| ControlError::Io {
        path: path.to_owned(),
        source,
    };
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !found.file_type().is_socket() {
        let path = path.to_owned();
        return Err(ControlError::NotASocket { path });
    }
    match UnixStream::connect(&address.path).await {
        Ok(_) => {
            let path = path.to_owned();
            Err(ControlError::InUse { path })
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

async fn serve(listener: UnixListener, owner: u32, desk: Desk) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => match accepted {
                Ok((stream, _)) if is_of(&stream, owner) => {
                    connections.spawn(converse(stream, desk.clone()));
                }
                Ok(_) => tracing::warn!("somebody else's process has tried the control socket"),
                Err(error) => {
                    tracing::warn!(%error, "the control socket takes no connection");
                    // Mostly there is no descriptor left; one comes back with a connection that ends.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            },
        }
    }
}

/// Whether the other process is of the user that the socket belongs to, or root.
fn is_of(stream: &UnixStream, owner: u32) -> bool {
    let peer = stream.peer_cred();
    peer.is_ok_and(|peer| peer.uid() == owner || peer.uid() == 0)
}

async fn converse(stream: UnixStream, desk: Desk) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let line = match timeout(IDLE, read_line(&mut read, LONGEST_REQUEST)).await {
            Ok(Ok(Some(line))) => line,
            Ok(Ok(None) | Err(_)) | Err(_) => return,
        };
        let answer = match request(&line) {
            Ok(request) => desk.answer(request).await,
            Err(problem) => Err(problem),
        };
        let answer = answer.map_or_else(Answer::Error, Answer::Ok);
        let mut answer = json!(answer).to_string();
        answer.push('\n');
        match timeout(IDLE, write.write_all(answer.as_bytes())).await {
            Ok(Ok(())) if line.ends_with(b"\n") => {}
            Ok(Ok(()) | Err(_)) | Err(_) => return,
        }
    }
}

fn request(line: &[u8]) -> Result<Request, Problem> {
    if !line.ends_with(b"\n") && line.len() as u64 >= LONGEST_REQUEST {
        return Err(Problem::new("too_long", "the request is too long"));
    }
    serde_json::from_slice(line).map_err(|error| Problem::new("not_understood", error))
}

/// A line with its end, if it is not too long or the last one; `None` if nothing comes any more.
async fn read_line(
    read: &mut (impl AsyncBufRead + Unpin),
    longest: u64,
) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    read.take(longest).read_until(b'\n', &mut line).await?;
    Ok((!line.is_empty()).then_some(line))
}

/// Asks a running VEN.
///
/// # Errors
/// There is none, it refuses, or its answer is not understood.
pub(crate) async fn ask(
    path: &Path,
    request: &Request,
    limit: Duration,
) -> Result<Value, AskError> {
    let connect = async {
        let address = Address::of(path)?;
        UnixStream::connect(&address.path).await
    };
    let stream = connect.await.map_err(|source| AskError::Connect {
        path: path.to_owned(),
        source,
    })?;
    let asked = async {
        let (read, mut write) = stream.into_split();
        let mut line = serde_json::to_vec(request).map_err(|_| AskError::NotUnderstood)?;
        line.push(b'\n');
        write.write_all(&line).await?;
        let answer = read_line(&mut BufReader::new(read), LONGEST_ANSWER).await?;
        answer.ok_or_else(|| AskError::Broken(io::ErrorKind::UnexpectedEof.into()))
    };
    let answer = timeout(limit, asked).await;
    let answer = answer.map_err(|_| AskError::TimedOut)??;
    match serde_json::from_slice(&answer) {
        Ok(Answer::Ok(value)) => Ok(value),
        Ok(Answer::Error(problem)) => Err(AskError::Refused(problem)),
        Err(_) => Err(AskError::NotUnderstood),
    }
}

#[cfg(test)]
mod tests;
