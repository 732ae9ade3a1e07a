//! Figures for the operator, in the text form of Prometheus, on a listener of their own (`RESCIND_METRICS_BIND`).
//!
//! They are read when they are asked for; only the requests are counted here. No name, id, address or token is among
//! them: labels have values from this program alone.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::{StatusCode, header},
    web,
};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use rescind_session::{ErrorChain, SessionService, memory::MemoryBlacklist};

use crate::failure::{Failure, SERVER_FAILED};

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// How many requests were answered, by the class of the status.
#[derive(Debug, Default)]
pub(crate) struct Requests([AtomicU64; 5]);

impl Requests {
    pub(crate) fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(count) = self.0.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A collector needs one, and many clients of the listener must not use up the files of the node.
const CONNECTIONS: usize = 16;

/// The listener and what it reads.
pub(crate) struct Metrics {
    pub(crate) listener: TcpListener,
    pub(crate) source: Source,
}

/// What the figures are read from.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) service: SessionService,
    pub(crate) requests: Arc<Requests>,
    /// The blacklist, if it is in this process.
    pub(crate) blacklist: Option<Arc<MemoryBlacklist>>,
}

pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|source| Failure::BindMetrics { address, source })
}

impl Metrics {
    /// Serves them until the handle stops it.
    pub(crate) fn serve(self) -> Result<ServerHandle, Failure> {
        let failed = |error| Failure::other(SERVER_FAILED, error);
        let address = self.listener.local_addr().map_err(failed)?;
        let source = web::Data::new(self.source);
        let app = move || {
            App::new()
                .app_data(source.clone())
                .route("/metrics", web::get().to(metrics))
        };
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "RESCIND_METRICS_BIND is not a loopback address: let only the collector of metrics reach it");
        }
        let server = HttpServer::new(app)
            .workers(1)
            .max_connections(CONNECTIONS)
            .disable_signals();
        let server = server.listen(self.listener).map_err(failed)?.run();
        tracing::info!(%address, "metrics are served");
        let handle = server.handle();
        tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(error = %ErrorChain(&error), "metrics are no longer served");
            }
        });
        Ok(handle)
    }
}

async fn metrics(source: web::Data<Source>) -> HttpResponse {
    let mut text = String::new();
    match encode(&mut text, &source.read().await) {
        Ok(()) => HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, CONTENT_TYPE))
            .body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

impl Source {
    async fn read(&self) -> Registry {
        let mut figures = Figures(Registry::with_prefix("rescind"));
        let counts = self.service.counts();
        let by_class = CLASSES.into_iter().zip(self.requests.0.iter());
        let by_class = by_class.map(|(class, count)| (class, count.load(Ordering::Relaxed)));
        figures.counters("requests", "Requests that were answered", "status", by_class);
        let logins = [("ok", counts.logins), ("refused", counts.refused_logins)];
        figures.counters("logins", "Logins", "outcome", logins);
        figures.counter("refreshes", "Refreshes that issued tokens", counts.refreshes);
        let help = "Revocations passed to the blacklist, repeated ones included";
        figures.counters("revocations", help, "reason", counts.revocations);
        let cache = self.service.token_cache();
        let help = "Access tokens looked up in the cache of verified ones";
        let outcomes = [("hit", cache.hits), ("miss", cache.misses)];
        figures.counters("token_cache_lookups", help, "outcome", outcomes);
        let help = "Access tokens in the cache of verified ones";
        figures.gauge("token_cache_entries", help, cache.entries);
        let help = "Passwords that are hashed or wait for it";
        figures.gauge("passwords_hashing", help, counts.hashing as u64);
        let reason = self.service.ready().await.err().map(|error| error.reason());
        figures.gauge("ready", "Whether this node can serve", u64::from(reason.is_none()));
        let not_ready = Family::<[(&str, &str); 1], Gauge>::default();
        if let Some(reason) = reason {
            not_ready.get_or_create(&[("reason", reason)]).set(1);
        }
        let help = "What this node lacks: database, blacklist, and so on";
        figures.0.register("not_ready", help, not_ready);
        if let Some(sync) = self.service.sync_status() {
            let age = Gauge::<f64, AtomicU64>::default();
            age.set(sync.age.as_secs_f64());
            let help = "Time since the end of the revocation log was reached";
            figures.0.register("sync_age_seconds", help, age);
            figures.gauge("sync_position", "Where the revocation log ended then", sync.to.get());
        }
        if let Some(rebuild) = self.service.rebuild_progress() {
            figures.gauge("rebuild_entries", "Entries of the running rebuild", rebuild.entries);
            if let Some(of) = rebuild.of_at_most {
                figures.gauge("rebuild_of_at_most", "Entries it will have at most", of);
            }
        }
        if let Some(count) = self.blacklist.as_ref().and_then(|blacklist| blacklist.count().ok()) {
            let help = "Entries of the blacklist in this process";
            figures.gauge("blacklist_entries", help, count as u64);
        }
        figures.0
    }
}

struct Figures(Registry);

impl Figures {
    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        self.0.register(name, help, gauge);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        let counter = Counter::<u64>::default();
        counter.inc_by(value);
        self.0.register(name, help, counter);
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (&'static str, u64)>,
    ) {
        let family = Family::<[(&str, &str); 1], Counter>::default();
        for (value, count) in values {
            family.get_or_create(&[(label, value)]).inc_by(count);
        }
        self.0.register(name, help, family);
    }
}
