//! Serving: the parts put together, in the order in which each can rely on the one before.
//!
//! The order is the point. The database is taken, for this process alone or beside others on one Redis, before it is
//! opened; it is compared with the high-water mark before keys are made for it; the keys are compared with it before a token
//! is signed; and the revocation log is carried over before the port answers, or requests are refused until it is: at no
//! moment does a program accept that does not know yet what was revoked.

use std::{
    io::{Write, stdout},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_http::HttpService;
use actix_server::Server;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    App,
    dev::AppConfig,
    middleware::{Condition, DefaultHeaders, from_fn},
    web,
};
use jiff::Timestamp;
use rand::{
    SeedableRng,
    rngs::{StdRng, SysRng},
};
use rescind_api::Rescind;
use rescind_session::{
    AnchoredClock, Clock, Config, DemoAccount, DemoAccounts, Password, Ports, SessionService, Upkeep,
    ports::SessionStore, supervise, token::RefreshKey,
};
use rescind_store::{SqlStore, SystemClock};
use tokio::{net::TcpStream, sync::watch};
use url::Url;

use crate::{
    blacklist::Chosen,
    clock, commands,
    connections::{self, Timed},
    database,
    demo::{self, Stage},
    failure::Failure,
    high_water::{Guard, HighWaterMark},
    inspector,
    keys::{KeyDirectory, KeysError, Ring},
    lab::{self, Sandboxes},
    learn,
    pages::{self, Site},
    settings::{Demo, Faults, Settings, Storage, unknown_variables},
    signals::EndSignals,
    starting::Starting,
    stores::Stores,
};

/// The accounts of the demo, whose password everybody may know.
pub(crate) const DEMO_ACCOUNTS: [&str; 2] = [VICTIM, "bob"];
/// Whoever is robbed.
pub(crate) const VICTIM: &str = "alice";
/// It stands on the login page of the demo.
pub(crate) const DEMO_PASSWORD: &str = "correct horse battery staple";

/// How long requests that are under way may take to end after a SIGTERM. None takes longer than the slowest password.
const SECONDS_TO_END: u64 = 10;
const BETWEEN_LOOKS_AT_THE_CLOCK: Duration = Duration::from_secs(1);
/// How often a start tries to see to a demo account, half a second apart: a disk that is busy is no reason not to start.
const TRIES_FOR_A_DEMO_ACCOUNT: usize = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// Serves until SIGTERM, SIGINT or SIGHUP.
///
/// # Errors
/// [`Failure`], before anything is served.
pub(crate) async fn run(settings: Settings) -> Result<(), Failure> {
    // First what leaves nothing behind if it is refused.
    let blacklist = Chosen::by(&settings)?;
    blacklist.look(&settings.tokens.policy).await?;
    let tenant = database::claim(&settings.storage, blacklist.tenancy()).await?;
    let store = database::open(&settings).await?;
    let mark = Arc::new(HighWaterMark::of_node(&settings, blacklist.redis()));
    let remembered = mark.compare(&store).await?.newest;
    let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(|error| Failure::Randomness(error.into()))?;
    let ring = keys(&settings.storage, &store, &mut rng, remembered).await?;
    mark.raise(&store).await?;
    let guard = Guard {
        tenant: Arc::clone(&tenant),
        mark: Arc::clone(&mark),
    };
    let store = store.guarded(Arc::new(guard));
    blacklist.register_in(&store);

    let (listener, bound) = listen(settings.listening.bind)?;
    // Until this one serves, it says so.
    let starting = Starting::on(&listener).map_err(|error| Failure::Runtime("the server failed", error))?;
    let public_url = settings.listening.public_url(bound).map_err(|_| {
        Failure::from(Faults::one(
            "RESCIND_BIND",
            "must be an address that can stand in a URL",
        ))
    })?;
    warn_of_what_is_legal_and_risky(&settings);

    let clock = Arc::new(AnchoredClock::new(Arc::new(SystemClock::new())));
    let ports = Ports {
        users: Arc::new(store.clone()),
        sessions: Arc::new(store.clone()),
        blacklist: blacklist.of_tenant(&tenant),
        clock: clock.clone(),
    };
    // Numbers for the demo's visitors, from generators of their own.
    let (demo_rng, lab_rng) = (rng.fork(), rng.fork());
    let service = SessionService::new(config(&settings, &public_url), ring.keys, ports, rng)?;
    blacklist.doubt_when_regained(&tenant, &service);
    tokio::join!(database::settled(&tenant), blacklist.trust()).0?;
    blacklist.fill(&service).await?;

    let watched = clock::watch(clock.clone(), service.clone(), store.clone());
    let ready = Arc::new(Readiness {
        session_max: settings.tokens.policy.session_max,
        store: store.clone(),
        clock,
        service: service.clone(),
        demo: settings.demo,
        tries: if blacklist.is_shared() {
            1
        } else {
            TRIES_FOR_A_DEMO_ACCOUNT
        },
    });
    let trying = Arc::clone(&ready);
    let keep_trying = supervise("readiness", move || Arc::clone(&trying).keep_trying());
    match ready.try_once().await {
        Ok(Ok(())) => {}
        Ok(Err(not_ready)) => {
            tracing::error!(error = %not_ready, "the time is not known; every request is answered 503 until it is");
            tokio::spawn(keep_trying);
        }
        // Ending sessions takes Redis, which may be away.
        Err(failure) if blacklist.is_shared() => {
            tracing::error!(error = failure.told(), "not ready yet");
            tokio::spawn(keep_trying);
        }
        Err(failure) => return Err(failure),
    }
    let upkeep = tokio::spawn({
        let service = service.clone();
        async move { service.keep_up(Upkeep::default()).await }
    });
    let stores = Arc::new(Stores::of(
        &settings.storage.database,
        blacklist.is_shared(),
        settings.nodes.name.clone(),
    ));
    let usual = rescind_api::Settings::new(public_url);
    let prefix = settings.listening.cookie_prefix.clone();
    let api = rescind_api::Settings {
        cookie_prefix: prefix.unwrap_or_else(|| usual.cookie_prefix.clone()),
        trusted_proxies: settings.limits.trusted_proxies.clone(),
        login_limit: settings.limits.login_limit,
        signup_limit: settings.limits.signup_limit,
        node: settings.nodes.name.clone(),
        ..usual
    };
    let demo = match settings.demo {
        Demo::On => {
            let stage = Stage::new(bound, &api, &settings.nodes.demo_peers, Arc::clone(&stores), demo_rng)
                .map_err(Failure::Thief)?;
            Some((stage, web::Data::new(Sandboxes::new(&api, lab_rng))))
        }
        Demo::Off => None,
    };
    starting.end().await;
    let ended = tokio::select! {
        ended = serve(listener, bound, service, api, settings, stores, demo) => ended,
        failure = watched => Err(failure),
        failure = mark.follow(&store) => Err(failure),
    };
    upkeep.abort();
    if let Err(failure) = mark.raise(&store).await {
        tracing::error!(
            error = failure.told(),
            "what the database knows was not recorded outside of it"
        );
    }
    database::close(&store).await;
    ended
}

async fn serve(
    listener: TcpListener,
    bound: SocketAddr,
    service: SessionService,
    api: rescind_api::Settings,
    settings: Settings,
    stores: Arc<Stores>,
    demo: Option<(web::Data<Stage>, web::Data<Sandboxes>)>,
) -> Result<(), Failure> {
    let rescind = Rescind::new(service, api);
    let site = Site::new(rescind.clone(), settings.demo, stores);
    let failed = |error| Failure::Runtime("the server failed", error);
    let ending = demo.as_ref().map(|(stage, _)| stage.clone());
    let node = settings.nodes.name;
    let most_connections = connections::most(settings.limits.max_connections).map_err(|possible| {
        let must = format!("must be at most {possible}: the limit on open files (`ulimit -Hn`) allows no more");
        Failure::from(Faults::one("RESCIND_MAX_CONNECTIONS", must))
    })?;
    let app = move || {
        App::new()
            .configure(|cfg| {
                if let Some((stage, sandboxes)) = &demo {
                    demo::configure(stage, cfg);
                    inspector::configure(cfg);
                    lab::configure(sandboxes, cfg);
                    learn::configure(cfg);
                }
            })
            .configure(|cfg| pages::configure(&site, cfg))
            .wrap(rescind.guard())
            // Outside of the guard too: a refusal is an entry of the log like any answer.
            .wrap(from_fn(demo::watched))
            // Outside of the guard, so that its refusals are drawn too.
            .wrap(from_fn(pages::errors_as_pages))
            // Outermost: whatever the answer, it says who gave it.
            .wrap(named(node.as_deref()))
    };
    let (end, ends) = watch::channel(false);
    let workers = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(most_connections);
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections(most_connections / workers)
        .shutdown_timeout(SECONDS_TO_END)
        .disable_signals()
        .listen("http", listener, move || {
            let ends = ends.clone();
            let app = app().into_factory().map_err(|error| error.error_response());
            let http = HttpService::build()
                .client_request_timeout(connections::HEAD)
                // Connections without a request end with the program.
                .graceful_shutdown_signal(move || {
                    let mut ends = ends.clone();
                    async move { drop(ends.wait_for(|end| *end).await) }
                })
                .h1(map_config(app, |()| AppConfig::default()));
            fn_service(|socket: TcpStream| async move {
                let peer = socket.peer_addr().ok();
                Ok((Timed::new(socket), peer))
            })
            .and_then(http)
        })
        .map_err(failed)?
        .run();
    let let_go = move || {
        end.send_replace(true);
        if let Some(stage) = ending {
            stage.end();
        }
    };
    let end = EndSignals::listen().map_err(failed)?.end(server.handle(), let_go);
    announce(bound)?;
    let mut server = std::pin::pin!(server);
    // Not in a task of its own: if that failed, no signal would end the program any more.
    let served = tokio::select! {
        served = &mut server => served,
        () = end => server.await,
    };
    served.map_err(failed)?;
    tracing::info!("every request was answered; goodbye");
    Ok(())
}

/// Says in every answer which node gave it, where it has a name.
fn named(node: Option<&str>) -> Condition<DefaultHeaders> {
    let header = ("X-Rescind-Node", node.unwrap_or_default());
    Condition::new(node.is_some(), DefaultHeaders::new().add(header))
}

/// The one line on standard output, for whoever started this with port 0.
fn announce(bound: SocketAddr) -> Result<(), Failure> {
    let mut out = stdout().lock();
    writeln!(out, "Rescind listens on http://{bound}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::Runtime("standard output cannot be written to", error))
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    TcpListener::bind(address)
        .and_then(|listener| listener.local_addr().map(|bound| (listener, bound)))
        .map_err(|source| Failure::Bind { address, source })
}

async fn keys(
    storage: &Storage,
    store: &SqlStore,
    rng: &mut StdRng,
    remembered: Option<Timestamp>,
) -> Result<Ring, Failure> {
    let directory = KeyDirectory::open(&storage.keys)?;
    let ring = if store.is_claimed().await? {
        // New keys would be refused, and would stay there.
        directory.load().map_err(|error| match error {
            KeysError::Missing { path } => Failure::ForeignKeys(path),
            other => other.into(),
        })?
    } else {
        directory.load_or_make(storage.algorithm, || RefreshKey::generate(rng))?
    };
    let active = ring.keys.ring.active();
    if let Some(asked) = storage.algorithm.filter(|asked| *asked != active.algorithm()) {
        let must = format!(
            "is {asked}, but the active key {} is for {}: run `rescind keys rotate` to make one for {asked}, or set \
             RESCIND_ALGORITHM={}",
            ring.active.display(),
            active.algorithm(),
            active.algorithm(),
        );
        return Err(Faults::one("RESCIND_ALGORITHM", must).into());
    }
    commands::claim(store, &ring, storage, remembered).await?;
    tracing::info!(directory = %storage.keys.display(), kid = active.kid(), algorithm = %active.algorithm(), "keys are ready");
    Ok(ring)
}

fn config(settings: &Settings, public_url: &Url) -> Config {
    Config {
        policy: settings.tokens.policy.clone(),
        leeway: settings.tokens.leeway,
        store_timeout: settings.limits.store_timeout,
        sessions_per_user: settings.limits.sessions_per_user,
        demo_accounts: match settings.demo {
            Demo::On => DemoAccounts::Allowed,
            Demo::Off => DemoAccounts::Refused,
        },
        // Without the slash that a URL's type adds: issuers are compared letter by letter (RFC 8414, section 3.3).
        ..Config::new(
            public_url.origin().ascii_serialization(),
            settings.tokens.audience.clone(),
        )
    }
}

fn warn_of_what_is_legal_and_risky(settings: &Settings) {
    if settings.listening.is_plain_beyond_this_machine() {
        tracing::warn!(
            "RESCIND_PUBLIC_URL is not https: passwords and tokens cross the network in the clear, and cookies are not Secure"
        );
    }
    for variable in unknown_variables() {
        tracing::warn!(
            variable,
            "this variable begins like a setting and is none; `rescind --help` lists them"
        );
    }
}

/// What is missing until requests can be answered: the time, and what needs it.
struct Readiness {
    store: SqlStore,
    clock: Arc<AnchoredClock>,
    service: SessionService,
    demo: Demo,
    /// How often at once, before it is left to later.
    tries: usize,
    session_max: Duration,
}

impl Readiness {
    /// Anchors the clock and sees to the demo accounts. The inner error says why the time is not known.
    async fn try_once(&self) -> Result<Result<(), NotReady>, Failure> {
        let anchored = match self.store.instants().await {
            Ok(instants) => {
                let anchored = self.clock.anchor(instants).map_err(NotReady::from);
                // Of a file nothing else can tell whether it lay untouched or the clock is wrong.
                if let (Some(newest), Ok(now)) = (instants.newest, self.clock.now())
                    && now.duration_since(newest).unsigned_abs() > self.session_max
                {
                    tracing::warn!(
                        %newest, %now,
                        "this machine's clock is more than RESCIND_SESSION_MAX ahead of the newest instant in the database. If the \
                         clock is wrong, stop the program and correct it: what has passed by it is removed within a minute"
                    );
                }
                anchored
            }
            Err(error) => Err(NotReady::from(error)),
        };
        if anchored.is_ok() {
            self.demo_accounts().await?;
        }
        Ok(anchored)
    }

    async fn keep_trying(self: Arc<Self>) {
        loop {
            tokio::time::sleep(BETWEEN_LOOKS_AT_THE_CLOCK).await;
            match self.try_once().await {
                Ok(Ok(())) => {
                    tracing::info!("the time is known; requests are answered");
                    return;
                }
                Ok(Err(error)) => tracing::error!(%error, "the time is still not known"),
                Err(failure) => tracing::error!(error = failure.told(), "not ready yet"),
            }
        }
    }

    async fn demo_accounts(&self) -> Result<(), Failure> {
        for name in DEMO_ACCOUNTS {
            let mut outcome = self.demo_account(name).await;
            for _ in 1..self.tries {
                if outcome.is_ok() {
                    break;
                }
                tokio::time::sleep(BETWEEN_TRIES).await;
                outcome = self.demo_account(name).await;
            }
            outcome.map_err(Failure::DemoAccounts)?;
        }
        Ok(())
    }

    /// Makes sure that a demo account is there; with the demo off, that nobody is logged in as it.
    async fn demo_account(&self, name: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        match self.demo {
            Demo::On => {
                let password = Password::new(DEMO_PASSWORD);
                if self.service.ensure_demo_account(name, &password).await? == DemoAccount::TakenByPerson {
                    tracing::warn!(name, "a person has the name of this demo account, and keeps it");
                }
            }
            Demo::Off => self.service.retire_demo_account(name).await?,
        }
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
enum NotReady {
    #[error(transparent)]
    Clock(#[from] rescind_session::ClockNotReady),
    #[error("the database cannot be asked for the time")]
    Store(#[from] rescind_session::ports::StoreError),
}
