//! Another program's server, in the process of the test.

use std::net::TcpListener;

use actix_web::{App, HttpServer, dev::ServerHandle, web::ServiceConfig};
use rescind_api::Authenticated;

/// The session of a token that is accepted.
pub(crate) async fn mine(caller: Authenticated) -> String {
    caller.session_id().to_string()
}

/// Serves at that listener until it is stopped.
pub(crate) fn serve(
    listener: TcpListener,
    configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> ServerHandle {
    let running = HttpServer::new(move || App::new().configure(configure.clone()))
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
    let handle = running.handle();
    tokio::spawn(running);
    handle
}
