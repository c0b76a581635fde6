//! The VEN as a process: SQLite, the client and the loop between them.
//!
//! Knows nothing of the command line.

mod happening;
mod host;
mod on_event;
mod store;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::TimeDelta;
use oadr_core::value::{MarketContext, OptType, ResourceId, Text, TransportName, VenId, VtnId};
use oadr_core::ven::{Command, Context, MarketContexts, OptPolicy, Registration};
use oadr_http::{BaseUrl, Client, ClientConfig, Credentials};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::data_dir::{DataDir, DataDirError};
use crate::sqlite::StoreError;

pub use happening::Happening;
use host::Host;
pub use host::Teller;
pub use on_event::OnEvent;
use store::Store;

/// How a VEN runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The VTN's URL, with or without the path of OpenADR.
    pub vtn: BaseUrl,
    /// How the VEN introduces itself.
    pub name: Text,
    /// The folder for the data.
    pub data: PathBuf,
    /// The answer to events, if no command is asked or it does not answer.
    pub opt: OptType,
    /// The command that is asked about events.
    pub on_event: Option<OnEvent>,
    /// A pre-allocated ID.
    pub ven_id: Option<VenId>,
    /// The VTN's ID, if no other is to be accepted.
    pub vtn_id: Option<VtnId>,
    /// The resources that events may be for.
    pub resources: Vec<ResourceId>,
    /// The programmes that it takes part in; empty for all.
    pub market_contexts: Vec<MarketContext>,
    /// For HTTP Basic authentication (quirk Q13).
    pub credentials: Option<Credentials>,
}

/// Why a VEN does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The data folder.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no registration to cancel.
    #[error("the VEN is not registered")]
    NotRegistered,
}

/// How often a VEN polls whose VTN does not say.
const POLL_FREQUENCY: TimeDelta = TimeDelta::seconds(10);

/// A running VEN.
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    /// Stops: what was received is on the disk, what was committed has been told.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.task.await;
    }
}

/// Starts a VEN; it registers and polls by itself. `teller` is told what happens.
///
/// # Errors
/// See [`StartError`].
pub async fn start(config: Config, teller: Teller) -> Result<Running, StartError> {
    let (stop, stopping) = watch::channel(false);
    let (mut host, data) = open(config, teller, stopping).await?;
    host.tell_left_over().await?;
    let task = tokio::spawn(async move {
        host.run(None, |_| false).await;
        close(host, data).await;
    });
    Ok(Running { stop, task })
}

/// Cancels the registration of the VEN in a data folder. Ends when the VTN has confirmed it, or when
/// `stop` says so; the answer is whether it is cancelled.
///
/// # Errors
/// There is no registration, or see [`StartError`].
pub async fn cancel_registration(
    config: Config,
    teller: Teller,
    stop: watch::Receiver<bool>,
) -> Result<bool, StartError> {
    let (mut host, data) = open(config, teller, stop).await?;
    host.tell_left_over().await?;
    match host.at.state.registration() {
        Registration::Registered(_) | Registration::Leaving(_) => {}
        Registration::None | Registration::Wanted => return Err(StartError::NotRegistered),
    }
    let is_gone = |registration: &Registration| match registration {
        Registration::None | Registration::Wanted => true,
        Registration::Registered(_) | Registration::Leaving(_) => false,
    };
    host.run(Some(&Command::CancelRegistration), is_gone).await;
    let cancelled = is_gone(host.at.state.registration());
    close(host, data).await;
    Ok(cancelled)
}

async fn open(
    config: Config,
    teller: Teller,
    stopping: watch::Receiver<bool>,
) -> Result<(Host, DataDir), StartError> {
    let data = DataDir::open(&config.data)?;
    let store = Store::open(&data.file("ven.db"))?;
    let at = store.load().await?;
    let (vtn, name) = (&config.vtn, config.name.as_str());
    tracing::info!(%vtn, name, data = %config.data.display(), version = at.version.0, "the VEN is up");
    let mut client = ClientConfig::default();
    client.credentials = config.credentials;
    let context = Context {
        version: 1,
        ven_name: config.name,
        ven_id: config.ven_id,
        vtn_id: config.vtn_id,
        transport: TransportName::SimpleHttp,
        transport_address: None,
        report_only: false,
        xml_signature: false,
        reports: Vec::new(),
        resources: config.resources,
        signals: Vec::new(),
        market_contexts: if config.market_contexts.is_empty() {
            MarketContexts::Any
        } else {
            MarketContexts::Only(config.market_contexts)
        },
        opt: match config.on_event {
            Some(_) => OptPolicy::Ask,
            None => OptPolicy::Always(config.opt),
        },
        poll_frequency: POLL_FREQUENCY,
    };
    let host = Host {
        store,
        client: Arc::new(Client::new(config.vtn, client)),
        context,
        on_event: config.on_event,
        opt: config.opt,
        teller,
        at,
        stopping,
    };
    Ok((host, data))
}

/// Waits for the store's thread before the folder is given back.
async fn close(host: Host, data: DataDir) {
    let _ = tokio::task::spawn_blocking(move || drop(host)).await;
    drop(data);
}
