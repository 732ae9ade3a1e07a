//! What a node answers before it can serve: 503, and when to come back.
//!
//! The port is bound early, since the public URL may follow from it, and a lock on the database takes seconds to settle.
//! Requests of that time would wait in the kernel's queue, and nothing would tell them for how long.

use std::{io, net::TcpListener};

use actix_web::{App, HttpServer, dev::ServerHandle, web};
use rescind_api::Problem;
use rescind_session::NotReady;

/// Answers on a listener until it is ended.
pub(crate) struct Starting(ServerHandle);

impl Starting {
    /// Begins to answer on a copy of that listener.
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
