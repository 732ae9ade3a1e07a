//! A node, and the order of its start.
//!
//! 1. The database is locked before it is opened: for this process alone, or shared with others on one Redis.
//! 2. The database is compared with the high-water mark before keys are made for it.
//! 3. The keys are compared with the database before a token is signed.
//! 4. The revocation log is synced to the blacklist before the port answers, or requests are refused until it is.
//!
//! So a node never accepts a token while it lacks revocations.

use std::{
    convert::Infallible,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use rescind_api::Rescind;
use rescind_session::{AnchoredClock, Config, ConfigError, Maintenance, SessionService, SystemRandom};
use rescind_store::{LockMode, SqlStore, Stores};
use tokio::task::JoinHandle;
use url::Url;

use crate::{
    blacklist,
    builder::NodeBuilder,
    database,
    events::Transmitter,
    failure::{Failure, SERVER_FAILED},
    high_water::{Guard, HighWaterMark},
    keys::{Follower, KeyCommands},
    metrics::{self, Metrics, Requests, Source},
    readiness::Readiness,
    settings::{Faults, Settings},
    starting::Starting,
};

/// A node that holds its database and its port. Requests are answered 503 until it [serves](Self::serve).
pub struct Node {
    pub(crate) settings: Settings,
    pub(crate) listener: TcpListener,
    pub(crate) bound: SocketAddr,
    pub(crate) starting: Starting,
    pub(crate) store: SqlStore,
    pub(crate) mark: Arc<HighWaterMark>,
    pub(crate) clock: Arc<AnchoredClock>,
    pub(crate) rescind: Rescind,
    pub(crate) maintenance: JoinHandle<Infallible>,
    pub(crate) events: Arc<Transmitter>,
    pub(crate) metrics: Option<Metrics>,
    pub(crate) requests: Arc<Requests>,
    pub(crate) keys: KeyCommands,
    pub(crate) follower: Follower,
    pub(crate) when_ending: Box<dyn FnOnce()>,
}

impl Node {
    /// Starts a node: locks the database, binds the port, and starts the background tasks.
    ///
    /// # Errors
    /// [`Failure`], before anything is served.
    pub async fn start(settings: Settings) -> Result<Self, Failure> {
        Self::builder(settings).start().await
    }

    /// A node around an application that has users of its own, or claims, or other things that no setting says.
    pub fn builder(settings: Settings) -> NodeBuilder {
        NodeBuilder::new(settings)
    }

    async fn build(builder: NodeBuilder) -> Result<Self, Failure> {
        let NodeBuilder {
            settings,
            users,
            claims,
            passwords,
            configure,
            configure_http,
            before_ready,
        } = builder;
        // The checks that leave no file behind come first.
        let blacklist = blacklist::chosen(&settings)?;
        blacklist::verify(&blacklist, &settings.tokens.policy).await?;
        let in_process = blacklist::in_process(&blacklist);
        let (redis, is_shared) = (blacklist.redis().cloned(), blacklist.lock_mode() == LockMode::Shared);
        let database_lock = database::claim(&settings.storage, blacklist.lock_mode()).await?;
        let store = database::open(&settings).await?;
        let mark = Arc::new(HighWaterMark::of_node(&settings, redis));
        let remembered = mark.compare(&store).await?.newest;
        let mut rng = SystemRandom::new()?;
        let (set, plan) = database::load_keys(&settings, &store, &mut rng, remembered).await?;
        mark.raise(&store).await?;
        let guard = Guard {
            database_lock: Arc::clone(&database_lock),
            mark: Arc::clone(&mark),
        };
        let store = store.guarded(Arc::new(guard));
        let stores = Stores::new(store.clone(), Arc::clone(&database_lock), blacklist);

        let (listener, bound) = listen(settings.listening.bind)?;
        let metrics = settings.listening.metrics.map(metrics::listen).transpose()?;
        // Answers 503 until this node serves.
        let starting = Starting::on(&listener).map_err(|error| Failure::other(SERVER_FAILED, error))?;
        let unfit = Faults::one("RESCIND_BIND", "must be an address that can stand in a URL");
        let public_url = settings.listening.public_url(bound).map_err(|_| unfit)?;
        warn_of_what_is_legal_and_risky(&settings);

        let clock = Arc::clone(stores.clock());
        let mut ports = stores.ports();
        ports.users = users.unwrap_or(ports.users);
        let config = configure(config(&settings, &public_url));
        let mut service = SessionService::new(config, plan.with(&set)?, ports, rng).map_err(|error| match error {
            ConfigError::StatusListWithSharedSecret => Faults::one(
                "RESCIND_STATUS_LIST",
                "must be off while a shared secret signs: nobody else can verify the lists",
            )
            .into(),
            other => Failure::from(other),
        })?;
        if let Some(claims) = claims {
            service = service.with_claims(claims);
        }
        if let Some(verifier) = passwords {
            service = service.with_password_verifier(verifier);
        }
        let events = Transmitter::new(&settings.events, store.clone(), service.clone(), !is_shared)?;
        stores.fill(&service).await?;

        let readiness = Readiness {
            store: store.clone(),
            clock: Arc::clone(&clock),
            service: service.clone(),
            before_ready,
            is_shared,
            session_max: settings.tokens.policy.session_max,
        };
        readiness.begin().await?;
        let maintenance = tokio::spawn({
            let service = service.clone();
            async move { service.run_maintenance(Maintenance::default()).await }
        });
        let requests = Arc::<Requests>::default();
        let metrics = metrics.map(|listener| Metrics {
            listener,
            source: Source {
                service: service.clone(),
                requests: Arc::clone(&requests),
                blacklist: in_process,
            },
        });
        let keys = KeyCommands::new(&settings, store.clone(), clock.clone())?;
        let follower = Follower {
            directory: keys.directory.clone(),
            store: store.clone(),
            service: service.clone(),
            tokens: settings.tokens.clone(),
            set,
            plan,
        };
        Ok(Self {
            rescind: Rescind::new(service, configure_http(api(&settings, public_url)))?,
            metrics,
            requests,
            keys,
            follower,
            settings,
            listener,
            bound,
            starting,
            store,
            mark,
            clock,
            maintenance,
            events: Arc::new(events),
            when_ending: Box::new(|| ()),
        })
    }

    /// The HTTP side of the service, for the application.
    pub fn rescind(&self) -> &Rescind {
        &self.rescind
    }

    /// The commands on its keys, for a page that offers them to an administrator.
    pub fn keys(&self) -> &KeyCommands {
        &self.keys
    }

    /// The address it listens on.
    pub fn bound(&self) -> SocketAddr {
        self.bound
    }

    /// Runs this when the program has to end, to close streams that would stay open.
    #[must_use]
    pub fn when_ending(mut self, run: impl FnOnce() + 'static) -> Self {
        self.when_ending = Box::new(run);
        self
    }
}

impl NodeBuilder {
    /// Starts the node: locks the database, binds the port, and starts the background tasks.
    ///
    /// # Errors
    /// [`Failure`], before anything is served.
    pub async fn start(self) -> Result<Node, Failure> {
        Node::build(self).await
    }
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    TcpListener::bind(address)
        .and_then(|listener| listener.local_addr().map(|bound| (listener, bound)))
        .map_err(|source| Failure::Bind { address, source })
}

pub(crate) fn config(settings: &Settings, public_url: &Url) -> Config {
    // Without the slash that a URL's type adds: issuers are compared letter by letter (RFC 8414, section 3.3).
    let issuer = public_url.origin().ascii_serialization();
    Config::new(issuer, settings.tokens.audience.clone())
        .policy(settings.tokens.policy.clone())
        .leeway(settings.tokens.leeway)
        .store_timeout(settings.limits.store_timeout)
        .sessions_per_user(settings.limits.sessions_per_user)
        .token_cache(settings.tokens.token_cache)
        .status_list(
            settings
                .tokens
                .status_list
                .then(|| format!("{}/oauth/status", public_url.origin().ascii_serialization())),
        )
}

fn api(settings: &Settings, public_url: Url) -> rescind_api::Settings {
    let usual = rescind_api::Settings::new(public_url);
    let prefix = settings.listening.cookie_prefix.clone();
    usual
        .clone()
        .cookie_prefix(prefix.unwrap_or(usual.cookie_prefix))
        .forward_auth_same_method(settings.listening.forward_auth_same_method)
        .trusted_proxies(settings.limits.trusted_proxies.clone())
        .jwks_max_age(settings.tokens.jwks_max_age)
        .login_limit(settings.limits.login_limit)
        .signup_limit(settings.limits.signup_limit)
        .oauth_clients(settings.oauth_clients.clone())
        .node(settings.node.clone())
}

fn warn_of_what_is_legal_and_risky(settings: &Settings) {
    if settings.listening.is_plain_beyond_this_machine() {
        tracing::warn!(
            "RESCIND_PUBLIC_URL is not https: passwords and tokens cross the network in the clear, and cookies are not Secure"
        );
    }
    for variable in settings.unknown_variables() {
        tracing::warn!(variable, "unknown setting; `rescind --help` lists them");
    }
}
