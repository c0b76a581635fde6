//! Starts a VEN: its folder, its database, its client, and the tasks that it lives in.
//!
//! Knows nothing of what they do.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use oadr_core::value::DateTime;
use oadr_core::ven::{Command, Context, MarketContexts, OptPolicy, Registration};
use oadr_http::{Client, ClientConfig};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use super::builder::{StartError, Ven};
use super::host::Host;
use super::reporting::{Desk, Offered, Sampler, offers};
use super::running::Running;
use super::store::Store;
use super::teller;
use crate::data_dir::DataDir;
use crate::{clock, logging};

/// How often a VEN polls whose VTN does not say.
const POLL_FREQUENCY: TimeDelta = TimeDelta::seconds(10);

/// How long reports may be put off, in percent of the time between two.
const REPORT_JITTER: u32 = 10;

/// How many commands may wait; more have to wait for their turn to wait.
const ORDERS: usize = 16;

/// How long callbacks have at the end to hear what was committed.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// Starts a VEN, perhaps with a command that comes before everything else.
pub(super) async fn start(ven: Ven, first: Option<Command>) -> Result<Running, StartError> {
    let reports = offers(&ven.reports, clock::now());
    let reports =
        reports.map_err(|(specifier, source)| StartError::Report { specifier, source })?;
    let (security, vtn) = (ven.security, ven.vtn.clone());
    // Files are read, and somebody may be asked for a passphrase.
    let secured = tokio::task::spawn_blocking(move || security.secure(&vtn)).await;
    let secured = secured.map_err(|_| StartError::Interrupted)??;
    let data = ven.data.as_deref().map(DataDir::open).transpose()?;
    let store = Arc::new(match &data {
        Some(data) => Store::open(&data.file("ven.db"))?,
        None => Store::open(Path::new(":memory:"))?,
    });
    let at = store.load().await?;
    if first == Some(Command::CancelRegistration) {
        match at.state.registration() {
            Registration::Registered(_) | Registration::Leaving(_) => {}
            Registration::None | Registration::Wanted => return Err(StartError::NotRegistered),
        }
    }
    let (limit, most) = (ven.source_limit, ven.kept_samples);
    let offered = Offered::new(ven.reports, Arc::clone(&store), limit, most).await?;
    let offered = Arc::new(offered);
    let span = tracing::info_span!("ven", name = logging::cut(ven.name.as_str()));
    let (vtn, folder) = (&ven.vtn, &ven.data);
    span.in_scope(|| tracing::info!(%vtn, ?folder, version = at.version.0, "the VEN is up"));

    let mut client = ClientConfig::default();
    client.credentials = ven.credentials;
    secured.equip(&mut client);
    let signatures = secured.policy;
    let context = Context {
        ven_id: ven.ven_id,
        vtn_id: ven.vtn_id,
        xml_signature: secured.signs,
        reports,
        report_jitter: REPORT_JITTER,
        resources: ven.resources,
        market_contexts: if ven.market_contexts.is_empty() {
            MarketContexts::Any
        } else {
            MarketContexts::Only(ven.market_contexts)
        },
        opt: if ven.handlers.has_question() {
            OptPolicy::Ask
        } else {
            OptPolicy::Always(ven.opt)
        },
        poll_frequency: POLL_FREQUENCY,
        ..Context::new(ven.name)
    };
    let (stop, stopping) = watch::channel(false);
    let (orders, to_do) = mpsc::channel(ORDERS);
    let (publish, status) = watch::channel(Arc::new(at.state.clone()));
    let (more, to_tell) = watch::channel(());
    let (settle, settled) = watch::channel(DateTime::UNIX_EPOCH);
    let sampler = Sampler::new(
        Arc::clone(&offered),
        context.clone(),
        status.clone(),
        settle,
    );
    let sampling = tokio::spawn(sampler.run().instrument(span.clone()));
    let telling = teller::run(Arc::clone(&store), ven.handlers.clone(), to_tell);
    let telling = tokio::spawn(telling.instrument(span.clone()));
    let keeping = tokio::spawn(secured.keep().instrument(span.clone()));
    let host = Host {
        store: Arc::clone(&store),
        client: Arc::new(Client::new(ven.vtn, client)),
        signatures,
        context,
        desk: Desk {
            offered: Arc::clone(&offered),
            settled,
        },
        handlers: ven.handlers,
        opt: ven.opt,
        at,
        orders: to_do,
        status: publish,
        more,
        stopping,
    };
    let tasks = Tasks {
        sampling,
        telling,
        keeping,
    };
    let task = tokio::spawn(live(host, first, tasks, store, data).instrument(span));
    Ok(Running {
        orders,
        status,
        stop,
        offered,
        task,
    })
}

/// What runs beside the host.
struct Tasks {
    sampling: JoinHandle<()>,
    telling: JoinHandle<()>,
    /// Keeps certificates and keys like their files.
    keeping: JoinHandle<()>,
}

async fn live(
    mut host: Host,
    first: Option<Command>,
    tasks: Tasks,
    store: Arc<Store>,
    data: Option<DataDir>,
) {
    let Tasks {
        sampling,
        mut telling,
        keeping,
    } = tasks;
    host.run(first.as_ref()).await;
    keeping.abort();
    // Nothing is committed any more, which the sampler and the teller hear by this.
    drop(host);
    let _ = sampling.await;
    if tokio::time::timeout(LAST_CALLS, &mut telling)
        .await
        .is_err()
    {
        tracing::warn!("a callback takes too long; the next start calls it again");
        telling.abort();
        let _ = telling.await;
    }
    // The store's thread is waited for before the folder is given back.
    let _ = tokio::task::spawn_blocking(move || drop(store)).await;
    drop(data);
    tracing::info!("the VEN is down");
}
