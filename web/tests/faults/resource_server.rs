//! Another program accepts our tokens: by the published keys and a Redis user who may only read, without a database.

use std::{net::TcpListener, time::Duration};

use actix_web::{dev::ServerHandle, web};
use rescind_api::{ResourceServer, ResourceServerSettings, RevocationCheck};
use rescind_store::{RedisReader, RedisSettings};
use rescind_testkit::{ApiClient, RedisServer, Reply, Tokens, Tool, needs, rounds};

use crate::{
    cluster::{Database, Node, PUBLIC_URL, Plan, until},
    other_server::{mine, serve},
    turns::turn,
};

/// The issuer, its Redis, and a server with two routes: one checks revocations.
struct Scene {
    redis: RedisServer,
    issuer: Node,
    resource: ApiClient,
    handle: ServerHandle,
    /// Its directory has the issuer's database.
    _plan: Plan,
}

impl Scene {
    async fn open() -> Self {
        let redis = RedisServer::start().await;
        let rules = ["reader", "on", ">secret", "%R~{rescind}:*", "+@read", "+info", "+ping"];
        redis.command(&[["ACL", "SETUSER"].as_slice(), &rules].concat()).await;
        let plan = Plan::on(&Database::Sqlite).with_redis(&redis.url());
        let [issuer] = plan.start().await;

        let patience = RedisSettings::default().timeout(Duration::from_secs(2));
        let url = redis.url().replace("redis://", "redis://reader:secret@");
        let reader = RedisReader::connect(&url, &patience).await.unwrap();
        let mut settings = ResourceServerSettings::new(PUBLIC_URL, "rescind-api");
        settings.jwks_url = issuer.running.url("/.well-known/jwks.json");
        settings.timeout = Duration::from_secs(6);
        let server = ResourceServer::new(settings, RevocationCheck::By(std::sync::Arc::new(reader))).unwrap();
        server.fetch_keys().await.unwrap();

        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let resource = ApiClient::new(&format!("http://{}", listener.local_addr().unwrap()));
        let unchecked = server.with_check(RevocationCheck::NotChecked);
        let handle = serve(listener, move |cfg| {
            cfg.app_data(web::Data::new(server.clone()))
                .route("/checked", web::get().to(mine))
                .service(
                    web::resource("/unchecked")
                        .app_data(web::Data::new(unchecked.clone()))
                        .route(web::get().to(mine)),
                );
        });
        Self {
            redis,
            issuer,
            resource,
            handle,
            _plan: plan,
        }
    }

    async fn checked(&self, tokens: &Tokens) -> Reply {
        self.resource.get("/checked", Some(tokens.access())).await
    }

    /// Waits until it accepts this live token; a revoked one is refused meanwhile.
    async fn until_serving(&self, live: &Tokens, revoked: &Tokens) {
        until(async || {
            assert_ne!(self.checked(revoked).await.status, 200, "a revoked token was accepted");
            self.checked(live).await.status == 200
        })
        .await;
        self.checked(revoked).await.expect_problem(401, "token_revoked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_at_the_issuer_counts_at_the_next_request_elsewhere() {
    if needs(Tool::Redis).is_none() {
        return;
    }
    let _turn = turn().await;
    let scene = Scene::open().await;
    for _ in 0..rounds(20, 1_000) {
        let tokens = scene.issuer.log_in().await;
        let reply = scene.checked(&tokens).await.expect_status(200);
        assert_eq!(reply.text, tokens.session_id);
        scene.issuer.api.log_out(tokens.access()).await.expect_status(204);
        scene.checked(&tokens).await.expect_problem(401, "token_revoked");
        // That route says that it does not check.
        scene
            .resource
            .get("/unchecked", Some(tokens.access()))
            .await
            .expect_status(200);
    }
    scene.handle.stop(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_server_whose_redis_is_lost_or_away_accepts_no_token() {
    if needs(Tool::Redis).is_none() {
        return;
    }
    let _turn = turn().await;
    let scene = Scene::open().await;
    let (live, revoked) = (scene.issuer.log_in().await, scene.issuer.log_in().await);
    scene.issuer.api.log_out(revoked.access()).await.expect_status(204);
    scene.until_serving(&live, &revoked).await;

    // Flushed while no node runs: it is not refilled.
    scene.issuer.running.pause().unwrap();
    scene.redis.flush_all().await;
    for tokens in [&live, &revoked] {
        scene.checked(tokens).await.expect_problem(503, "store_unavailable");
    }
    scene.issuer.running.resume().unwrap();
    scene.until_serving(&live, &revoked).await;

    // Flushed again and again beside the node that refills it.
    for _ in 0..rounds(5, 50) {
        scene.redis.flush_all().await;
        scene.until_serving(&live, &revoked).await;
    }

    // Silent.
    scene.redis.pause();
    let answer = tokio::time::timeout(Duration::from_secs(30), scene.checked(&live)).await;
    answer.unwrap().expect_problem(503, "store_unavailable");
    scene.redis.resume();
    scene.until_serving(&live, &revoked).await;

    // Away.
    scene.redis.kill_9();
    for tokens in [&live, &revoked] {
        scene.checked(tokens).await.expect_problem(503, "store_unavailable");
    }
    scene.handle.stop(false).await;
}
