//! Answers 503 with `Retry-After` before the node can serve.
//!
//! The port is bound early, since the public URL may follow from it, and the database lock takes seconds to settle. Without
//! an answer, requests of that time would wait in the kernel's queue for an unknown time.

use std::{io, net::TcpListener};

use actix_web::{App, HttpServer, dev::ServerHandle, web};
use rescind_api::Problem;
use rescind_session::NotReady;

/// A server that answers 503 until it is ended.
pub(crate) struct Starting(ServerHandle);

impl Starting {
    /// Begins to answer on a copy of the listener.
    pub(crate) fn on(listener: &TcpListener) -> io::Result<Self> {
        let app = || App::new().default_service(web::to(refuse));
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.listen(listener.try_clone()?)?.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self(handle))
    }

    pub(crate) async fn end(self) {
        self.0.stop(false).await;
    }
}

async fn refuse() -> Result<&'static str, Problem> {
    Err(NotReady::Lock.into())
}
