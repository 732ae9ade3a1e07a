//! A resource server in another process' place: it verifies tokens by the published keys and asks the issuer about each.

use std::{net::TcpListener, sync::Arc, time::Duration};

use actix_web::{App, HttpServer, dev::ServerHandle, web};
use rescind_api::{
    Authenticated, Introspection, IntrospectionSettings, ResourceServer, ResourceServerSettings, RevocationCheck,
};
use rescind_testkit::ApiClient;
use tokio::time::Instant;

use crate::Issuer;

struct Resource {
    api: ApiClient,
    handle: ServerHandle,
}

async fn mine(caller: Authenticated) -> String {
    caller.session_id().to_string()
}

fn serve(issuer: &Issuer, cache: Duration) -> Resource {
    let url = issuer.running.base_url();
    let mut introspection = IntrospectionSettings::new(url, issuer.own.id, issuer.own.secret.clone().into());
    (introspection.cache, introspection.timeout) = (cache, Duration::from_secs(10));
    let reader = Arc::new(Introspection::new(introspection).unwrap());
    let mut settings = ResourceServerSettings::new(url, "rescind-api");
    settings.timeout = Duration::from_secs(20);
    let server = ResourceServer::new(settings, RevocationCheck::By(reader)).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let api = ApiClient::new(&format!("http://{}", listener.local_addr().unwrap()));
    let app = move || {
        App::new()
            .app_data(web::Data::new(server.clone()))
            .route("/mine", web::get().to(mine))
    };
    let running = HttpServer::new(app)
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
    let handle = running.handle();
    tokio::spawn(running);
    Resource { api, handle }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_at_the_issuer_counts_within_the_window_and_without_it_there_is_503() {
    let issuer = Issuer::start().await;
    for cache in [Duration::ZERO, Duration::from_secs(1)] {
        let resource = serve(&issuer, cache);
        let tokens = issuer.own.log_in(&issuer.api).await;
        let mine = resource.api.get("/mine", Some(tokens.access())).await;
        assert_eq!(mine.expect_status(200).text, tokens.session_id);
        issuer.api.log_out(tokens.access()).await.expect_status(204);
        let logged_out = Instant::now();
        loop {
            let began = Instant::now();
            let reply = resource.api.get("/mine", Some(tokens.access())).await;
            if reply.status != 200 {
                reply.expect_problem(401, "token_revoked");
                break;
            }
            assert!(began - logged_out < cache, "accepted after the window");
        }
        resource.handle.stop(false).await;
    }

    let resource = serve(&issuer, Duration::ZERO);
    let tokens = issuer.own.log_in(&issuer.api).await;
    resource
        .api
        .get("/mine", Some(tokens.access()))
        .await
        .expect_status(200);
    let _ = issuer.running.kill_9().await;
    resource
        .api
        .get("/mine", Some(tokens.access()))
        .await
        .expect_problem(503, "store_unavailable");
    resource.handle.stop(false).await;
}
