//! The HTTP server with its deadlines and limits, and a shutdown that finishes the running requests.

use std::{
    fmt,
    io::{Write, stdout},
    net::SocketAddr,
    sync::Arc,
};

use actix_http::{HttpService, Request, Response, body::MessageBody};
use actix_server::Server;
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    dev::AppConfig,
    http::header::{HeaderName, HeaderValue},
};
use tokio::{net::TcpStream, sync::watch};

use crate::{
    clock,
    connections::{self, Timed},
    database,
    failure::{Failure, SERVER_FAILED},
    metrics::Metrics,
    node::Node,
    settings::Faults,
    signals::EndSignals,
};

/// How long running requests may take after a SIGTERM. None takes longer than the slowest password hash.
const SECONDS_TO_END: u64 = 10;
/// The name of the node, in each of its answers.
const NODE: HeaderName = HeaderName::from_static("x-rescind-node");

impl Node {
    /// Serves until SIGTERM, SIGINT or SIGHUP, and prints the address on standard output. `app` makes the application of a
    /// worker; its outermost middleware is [`Rescind::guard`](rescind_api::Rescind::guard), or one around that.
    ///
    /// # Errors
    /// [`Failure`]: the server failed, or the node cannot go on.
    pub async fn serve<F, I, S, B>(self, app: F) -> Result<(), Failure>
    where
        F: Fn() -> I + Send + Clone + 'static,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<actix_web::Error>,
        S::InitError: fmt::Debug,
        S::Response: Into<Response<B>>,
        S::Service: 'static,
        <S::Service as Service<Request>>::Future: 'static,
        B: MessageBody + 'static,
    {
        let metrics = self.metrics.map(Metrics::serve).transpose()?;
        let requests = self.requests;
        self.starting.end().await;
        let service = self.rescind.service().clone();
        let keys = Box::pin(self.follower.follow());
        let events = Box::pin(Arc::clone(&self.events).run());
        let server = async move {
            let node = self.settings.node.as_deref().map(HeaderValue::from_str).transpose();
            let node = node.map_err(|_| Faults::one("RESCIND_NODE", "must be able to stand in a header"))?;
            let most_connections = connections::most(self.settings.limits.max_connections).map_err(|possible| {
                let must = format!("must be at most {possible}: the limit on open files (`ulimit -Hn`) allows no more");
                Failure::from(Faults::one("RESCIND_MAX_CONNECTIONS", must))
            })?;
            let failed = |error| Failure::other(SERVER_FAILED, error);
            let (end, ends) = watch::channel(false);
            let workers = std::thread::available_parallelism()
                .map_or(1, usize::from)
                .min(most_connections);
            let server = Server::build()
                .workers(workers)
                .max_concurrent_connections(most_connections / workers)
                .shutdown_timeout(SECONDS_TO_END)
                .disable_signals()
                .listen("http", self.listener, move || {
                    let (ends, node, requests) = (ends.clone(), node.clone(), Arc::clone(&requests));
                    let refused = Arc::clone(&requests);
                    // Outermost: every answer is counted, and names its node.
                    let named = move |response: S::Response| {
                        let mut response = response.into();
                        requests.count(response.status());
                        if let Some(node) = &node {
                            response.headers_mut().insert(NODE, node.clone());
                        }
                        response
                    };
                    let app = app().into_factory().map(named);
                    let app = app.map_err(move |error| {
                        let response = error.into().error_response();
                        refused.count(response.status());
                        response
                    });
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
                (self.when_ending)();
            };
            let end = EndSignals::listen().map_err(failed)?.end(server.handle(), let_go);
            announce(self.bound)?;
            let mut server = std::pin::pin!(server);
            // Not in its own task: if that failed, no signal would end the program any more.
            let served = tokio::select! {
                served = &mut server => served,
                () = end => server.await,
            };
            served.map_err(failed)?;
            tracing::info!("all requests were answered; stopped");
            Ok(())
        };
        let ended = tokio::select! {
            ended = server => ended,
            failure = clock::watch(self.clock, service, self.store.clone()) => Err(failure),
            failure = self.mark.follow(&self.store) => Err(failure),
            never = keys => match never {},
            never = events => match never {},
        };
        if let Some(metrics) = metrics {
            metrics.stop(false).await;
        }
        self.events.release().await;
        self.maintenance.abort();
        if let Err(failure) = self.mark.raise(&self.store).await {
            tracing::error!(error = failure.with_causes(), "the high-water mark was not recorded");
        }
        database::close(&self.store).await;
        ended
    }
}

/// Prints the one line on standard output: the address, which a start with port 0 has to learn.
fn announce(bound: SocketAddr) -> Result<(), Failure> {
    let mut out = stdout().lock();
    writeln!(out, "Rescind listens on http://{bound}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::other("standard output cannot be written to", error))
}
