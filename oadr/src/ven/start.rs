//! Starts a VEN: its folder, its database, its client, and the tasks that it lives in.
//!
//! Knows nothing of what they do.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use oadr_core::value::{DateTime, Text, TransportName};
use oadr_core::ven::{Command, Context, MarketContexts, OptPolicy, Registration};
use oadr_http::{BaseUrl, Client, ClientConfig, Credentials};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use super::builder::{StartError, Ven};
use super::host::Host;
use super::link::{Account, Link, Open, Place, Plan, VtnAddress};
use super::reporting::{Desk, Offered, Sampler, offers};
use super::running::Running;
use super::security::{Line, Secured};
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
    let ways = Ways::of(&ven)?;
    let (transport, address) = ways.told()?;
    let security = ven.security;
    // Files are read, and somebody may be asked for a passphrase.
    let secured = tokio::task::spawn_blocking(move || {
        let secured = security.secure(ways.line())?;
        let plan = ways.plan(&secured, ven.credentials)?;
        Ok::<_, StartError>((secured, plan))
    });
    let (secured, plan) = secured.await.map_err(|_| StartError::Interrupted)??;
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

    let opening = plan.open(secured.policy, secured.seal.clone());
    let open = opening.instrument(span.clone()).await?;
    let context = Context {
        ven_id: ven.ven_id,
        vtn_id: ven.vtn_id,
        transport,
        transport_address: address,
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
    let Open {
        link,
        pushes,
        connected,
        status: line,
        ration,
    } = open;
    let counting = tokio::spawn(ration.keep_telling().instrument(span.clone()));
    let host = Host {
        store: Arc::clone(&store),
        link: Arc::clone(&link),
        pushes,
        connected,
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
        counting,
    };
    let held = Held { link, store, data };
    let task = tokio::spawn(live(host, first, tasks, held).instrument(span));
    Ok(Running {
        orders,
        status,
        line,
        stop,
        offered,
        task,
    })
}

/// How a VEN and its VTN are to reach each other, once that was looked at.
#[expect(clippy::large_enum_variant, reason = "there is one of it for each VEN")]
enum Ways {
    Http {
        vtn: BaseUrl,
        listener: Option<Place>,
        /// Whether the listener has TLS.
        is_tls: bool,
    },
    Xmpp {
        domain: String,
        account: Account,
        is_plain: bool,
    },
}

impl Ways {
    /// # Errors
    /// What was said does not go together.
    fn of(ven: &Ven) -> Result<Self, StartError> {
        match (&ven.vtn, &ven.push, &ven.account) {
            (VtnAddress::Http(_), _, Some(_)) => Err(StartError::JidOverHttp),
            (VtnAddress::Http(vtn), place, None) => {
                let insecure = ven.insecure_plain_push;
                let is_tls = vtn.is_https() && !insecure;
                if let Some(place) = place {
                    place.check(is_tls, insecure)?;
                }
                Ok(Self::Http {
                    vtn: vtn.clone(),
                    listener: place.clone(),
                    is_tls,
                })
            }
            (VtnAddress::Xmpp(_), Some(_), _) => Err(StartError::ListenOverXmpp),
            (VtnAddress::Xmpp(_), None, _) if ven.credentials.is_some() => {
                Err(StartError::CredentialsOverXmpp)
            }
            (VtnAddress::Xmpp(_), None, None) => Err(StartError::NoJid),
            (VtnAddress::Xmpp(domain), None, Some(account)) => Ok(Self::Xmpp {
                domain: domain.clone(),
                is_plain: account.is_plain()?,
                account: account.clone(),
            }),
        }
    }

    /// What the VTN is told: the transport, and the address that pushes go to.
    ///
    /// # Errors
    /// The address cannot be told.
    fn told(&self) -> Result<(TransportName, Option<Text>), StartError> {
        let (transport, address) = match self {
            Self::Http { listener, .. } => (
                TransportName::SimpleHttp,
                listener.as_ref().map(|place| place.url.root()),
            ),
            Self::Xmpp { account, .. } => (TransportName::Xmpp, Some(account.jid().to_string())),
        };
        let text = address.map(|address| {
            Text::new(&address).map_err(|source| StartError::Address { address, source })
        });
        Ok((transport, text.transpose()?))
    }

    fn line(&self) -> Line<'_> {
        match self {
            Self::Http {
                vtn,
                listener,
                is_tls,
            } => Line::Http {
                vtn,
                listens: *is_tls && listener.is_some(),
            },
            Self::Xmpp {
                account, is_plain, ..
            } => Line::Xmpp {
                is_plain: *is_plain,
                shows_certificate: account.shows_certificate(),
            },
        }
    }

    /// # Errors
    /// The password cannot be read.
    fn plan(self, secured: &Secured, credentials: Option<Credentials>) -> Result<Plan, StartError> {
        Ok(match self {
            Self::Http { vtn, listener, .. } => {
                let mut config = ClientConfig::default();
                config.credentials = credentials;
                secured.equip(&mut config);
                let tls = secured.listener.clone();
                Plan::Http {
                    client: Client::new(vtn, config),
                    listener: listener.map(|place| (place, tls)),
                }
            }
            Self::Xmpp {
                domain, account, ..
            } => Plan::Xmpp {
                login: account.login()?,
                domain,
                account,
                tls: secured.tls.clone(),
            },
        })
    }
}

/// What runs beside the host.
struct Tasks {
    sampling: JoinHandle<()>,
    telling: JoinHandle<()>,
    /// Keeps certificates and keys like their files.
    keeping: JoinHandle<()>,
    /// Says how much was left out of the log.
    counting: JoinHandle<()>,
}

/// What is given back at the end.
struct Held {
    link: Arc<Link>,
    store: Arc<Store>,
    data: Option<DataDir>,
}

async fn live(mut host: Host, first: Option<Command>, tasks: Tasks, held: Held) {
    let Tasks {
        sampling,
        mut telling,
        keeping,
        counting,
    } = tasks;
    let Held { link, store, data } = held;
    host.run(first.as_ref()).await;
    keeping.abort();
    counting.abort();
    // Nothing is committed any more, which the sampler and the teller hear by this, and who pushes.
    drop(host);
    if let Some(link) = Arc::into_inner(link) {
        link.close().await;
    }
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
