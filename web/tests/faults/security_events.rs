//! Revocations are pushed to other services, as security events: each arrives, in order, also over failures.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_web::{HttpRequest, HttpResponse, dev::ServerHandle, http::StatusCode, web};
use rescind_api::{
    Introspection, IntrospectionSettings, ResourceServer, ResourceServerSettings, RevocationCheck, SetReceiver,
    session::token::{TokenParts, sha256},
};
use rescind_testkit::{ApiClient, Program, RedisServer, Tokens, Tool, needs, rounds};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    cluster::{Database, Node, PUBLIC_URL, Plan, until},
    other_server::{mine, serve},
    turns::{alone, turn},
};

const REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

/// What the receiver answers.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Status(u16, &'static str),
    Redirect,
    Never,
}

const ACCEPTED: Answer = Answer::Status(202, "");

/// A delivery, and whether it was accepted.
#[derive(Clone)]
struct Delivery {
    claims: Value,
    bearer: Option<String>,
    content_type: String,
    answer: Answer,
}

/// Another service's address for events, which answers what the test sets.
struct Inbox {
    url: String,
    answer: Arc<Mutex<Answer>>,
    deliveries: Arc<Mutex<Vec<Delivery>>>,
    handle: ServerHandle,
}

impl Inbox {
    fn open() -> Self {
        let (answer, deliveries) = (Arc::new(Mutex::new(ACCEPTED)), Arc::new(Mutex::new(Vec::new())));
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let (answers, kept) = (Arc::clone(&answer), Arc::clone(&deliveries));
        let elsewhere = url.replace("/events", "/elsewhere");
        let handle = serve(listener, move |cfg| {
            let (answers, kept, elsewhere) = (Arc::clone(&answers), Arc::clone(&kept), elsewhere.clone());
            cfg.default_service(web::to(move |request: HttpRequest, body: String| {
                let answer = *answers.lock().unwrap();
                assert_eq!(request.path(), "/events", "a redirect was followed");
                let header = |name| Some(request.headers().get(name)?.to_str().unwrap().to_owned());
                kept.lock().unwrap().push(Delivery {
                    claims: TokenParts::split_without_verifying(&body).unwrap().claims,
                    bearer: header("authorization"),
                    content_type: header("content-type").unwrap_or_default(),
                    answer,
                });
                let elsewhere = elsewhere.clone();
                async move {
                    match answer {
                        Answer::Status(status, body) => {
                            HttpResponse::build(StatusCode::from_u16(status).unwrap()).body(body)
                        }
                        Answer::Redirect => HttpResponse::TemporaryRedirect()
                            .insert_header(("location", elsewhere))
                            .finish(),
                        Answer::Never => std::future::pending().await,
                    }
                }
            }));
        });
        Self {
            url,
            answer,
            deliveries,
            handle,
        }
    }

    fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn deliveries(&self) -> Vec<Delivery> {
        self.deliveries.lock().unwrap().clone()
    }

    /// The sessions that it was told are revoked, in the order of arrival, repeats included.
    fn revoked(&self) -> Vec<String> {
        let accepted = self.deliveries();
        let accepted = accepted.iter().filter(|delivery| delivery.answer == ACCEPTED);
        accepted
            .filter(|delivery| !delivery.claims["events"][REVOKED].is_null())
            .map(|delivery| delivery.claims["sub_id"]["session"]["id"].as_str().unwrap().to_owned())
            .collect()
    }

    fn attempts(&self) -> usize {
        self.deliveries.lock().unwrap().len()
    }

    fn verifications(&self) -> usize {
        let deliveries = self.deliveries();
        let is_verification = |delivery: &&Delivery| !delivery.claims["events"][VERIFICATION].is_null();
        deliveries.iter().filter(is_verification).count()
    }

    async fn until_told_of(&self, sessions: &[String]) {
        until(async || {
            let revoked = self.revoked();
            sessions.iter().all(|session| revoked.contains(session))
        })
        .await;
    }
}

/// Without repeats.
fn distinct(mut arrived: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    arrived.retain(|session| seen.insert(session.clone()));
    arrived
}

async fn log_out(node: &Node, tokens: &Tokens) -> String {
    node.api.log_out(tokens.access()).await.expect_status(204);
    tokens.session_id.clone()
}

async fn log_out_new(node: &Node) -> String {
    log_out(node, &node.log_in().await).await
}

fn receivers(plan: Plan, url: &str) -> Plan {
    plan.env("RESCIND_EVENT_RECEIVERS", url)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_logout_is_told_in_order_and_silence_is_verified() {
    let _turn = turn().await;
    let inbox = Inbox::open();
    let plan = Plan::on(&Database::Sqlite);
    let earlier = {
        let [node] = plan.start().await;
        let earlier = log_out_new(&node).await;
        let _ = node.running.kill_9().await;
        earlier
    };
    let setting = format!("{} audience=shop bearer=a.secret~token==", inbox.url);
    let plan = receivers(plan, &setting);
    let [node] = plan.start().await;
    until(async || inbox.verifications() > 0).await;
    let mut ended = Vec::new();
    for _ in 0..5 {
        ended.push(log_out_new(&node).await);
    }
    let last = node.log_in().await;
    node.api.log_out_everywhere(last.access()).await.expect_status(204);
    ended.push(last.session_id.clone());
    inbox.until_told_of(&ended).await;
    assert_eq!(inbox.revoked(), ended, "once, in order");
    assert!(
        !inbox.revoked().contains(&earlier),
        "a new receiver begins at the end of the log"
    );
    until(async || inbox.verifications() > 1).await;

    for delivery in inbox.deliveries() {
        assert_eq!(delivery.claims["iss"], PUBLIC_URL);
        assert_eq!(delivery.claims["aud"], "shop");
        assert_eq!(delivery.bearer.as_deref(), Some("Bearer a.secret~token=="));
        assert_eq!(delivery.content_type, "application/secevent+jwt");
    }
    assert!(!node.running.logs().contains("a.secret"));
    inbox.handle.stop(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_skipped_while_the_receiver_fails() {
    let _turn = turn().await;
    let inbox = Inbox::open();
    let plan = receivers(Plan::on(&Database::Sqlite), &inbox.url);
    let [node] = plan.start().await;
    until(async || inbox.verifications() > 0).await;
    let mut ended = Vec::new();
    for failing in [
        Answer::Status(500, ""),
        Answer::Status(503, "{}"),
        Answer::Status(401, ""),
        Answer::Status(403, r#"{"err":"access_denied"}"#),
        Answer::Status(429, ""),
        Answer::Status(404, ""),
        Answer::Status(200, "<html>a proxy's page</html>"),
        Answer::Status(400, "bad request"),
        Answer::Status(400, r#"{"err":"authentication_failed"}"#),
        Answer::Redirect,
        Answer::Never,
    ] {
        inbox.answers(failing);
        let before = inbox.attempts();
        ended.push(log_out_new(&node).await);
        ended.push(log_out_new(&node).await);
        // It is tried again.
        until(async || inbox.attempts() >= before + 2).await;
        inbox.answers(ACCEPTED);
        inbox.until_told_of(&ended).await;
        assert_eq!(distinct(inbox.revoked()), ended);
    }
    assert_eq!(node.says("the receiver refuses a security event"), 0);
    inbox.handle.stop(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_receiver_refuses_is_logged_and_skipped() {
    let _turn = turn().await;
    let inbox = Inbox::open();
    let plan = receivers(Plan::on(&Database::Sqlite), &inbox.url);
    let [node] = plan.start().await;
    until(async || inbox.verifications() > 0).await;
    inbox.answers(Answer::Status(400, r#"{"err":"invalid_request","description":"no"}"#));
    let refused = log_out_new(&node).await;
    until(async || node.says("the receiver refuses a security event") == 1).await;
    assert_eq!(node.says("invalid_request"), 1);
    inbox.answers(ACCEPTED);
    let next = log_out_new(&node).await;
    inbox.until_told_of(std::slice::from_ref(&next)).await;
    assert_eq!(inbox.revoked(), [next]);
    assert!(!inbox.revoked().contains(&refused));
    inbox.handle.stop(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_in_order_over_kill_9_of_the_node() {
    let _turn = turn().await;
    let inbox = Inbox::open();
    let plan = receivers(Plan::on(&Database::Sqlite), &inbox.url);
    let [mut node] = plan.start().await;
    until(async || inbox.verifications() > 0).await;
    let mut ended = Vec::new();
    for round in 0..rounds(3, 20) {
        let tokens = node.log_in_times(12).await;
        for (nth, tokens) in tokens.iter().enumerate() {
            // At one point of the stream deliveries fail, so that some are left.
            if nth == round as usize % 12 {
                inbox.answers(Answer::Never);
            }
            ended.push(log_out(&node, tokens).await);
        }
        let program = node.running.kill_9().await;
        inbox.answers(ACCEPTED);
        node = Node::of(program).await;
        inbox.until_told_of(&ended).await;
        assert_eq!(distinct(inbox.revoked()), ended);
    }
    inbox.handle.stop(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_nodes_delivers_and_the_other_continues_when_it_dies() {
    if needs(Tool::Redis).is_none() {
        return;
    }
    let _turn = turn().await;
    let (inbox, redis) = (Inbox::open(), RedisServer::start().await);
    let plan = receivers(Plan::on(&Database::Sqlite).with_redis(&redis.url()), &inbox.url);
    let [first, second] = plan.start().await;
    until(async || inbox.verifications() > 0).await;
    let mut ended = Vec::new();
    for _ in 0..5 {
        ended.push(log_out_new(&first).await);
        ended.push(log_out_new(&second).await);
    }
    inbox.until_told_of(&ended).await;
    assert_eq!(inbox.revoked(), ended, "each once");
    let delivers = |node: &Node| node.says("this node delivers security events") > 0;
    assert!(delivers(&first) != delivers(&second));

    let (dies, lives) = if delivers(&first) {
        (first, second)
    } else {
        (second, first)
    };
    let _dead = dies.running.kill_9().await;
    for _ in 0..5 {
        ended.push(log_out_new(&lives).await);
    }
    inbox.until_told_of(&ended).await;
    assert_eq!(distinct(inbox.revoked()), ended);
    assert!(delivers(&lives));

    // One that stops in order leaves the receiver at once.
    let again = Node::of(plan.program()).await;
    let stopped = Instant::now();
    lives.running.terminate().await.unwrap();
    until(async || delivers(&again)).await;
    println!("taken over {:.1?} after SIGTERM", stopped.elapsed());
    ended.push(log_out_new(&again).await);
    inbox.until_told_of(&ended).await;
    inbox.handle.stop(false).await;
}

/// A service that checks revocations by events, at an address of its own.
struct Shop {
    api: ApiClient,
    url: String,
    handle: ServerHandle,
}

impl Shop {
    /// At that port.
    fn open(port: u16, issuer: &str) -> Self {
        Self::open_with(port, issuer, |receiver| receiver)
    }

    fn open_with(port: u16, keys_of: &str, change: impl FnOnce(SetReceiver) -> SetReceiver) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let url = format!("{base}/events");
        let receiver = change(SetReceiver::new(&url));
        let mut settings = ResourceServerSettings::new(PUBLIC_URL, "rescind-api");
        settings.jwks_url = format!("{keys_of}/.well-known/jwks.json");
        settings.timeout = Duration::from_secs(6);
        settings.between_fetches = Duration::from_millis(100);
        let server = ResourceServer::new(settings, RevocationCheck::SecurityEvents(receiver.clone())).unwrap();
        let handle = serve(listener, move |cfg| {
            cfg.app_data(web::Data::new(server.clone()))
                .route("/mine", web::get().to(mine))
                .route("/events", receiver.route(&server));
        });
        Self {
            api: ApiClient::new(&base),
            url,
            handle,
        }
    }

    async fn status(&self, tokens: &Tokens) -> u16 {
        self.api.get("/mine", Some(tokens.access())).await.status
    }

    /// Waits until it accepts tokens that are issued now, and returns some.
    async fn until_serving(&self, node: &Node) -> Tokens {
        let fresh = tokio::sync::Mutex::new(None);
        until(async || {
            let tokens = node.log_in().await;
            let accepted = self.status(&tokens).await == 200;
            *fresh.lock().await = Some(tokens);
            accepted
        })
        .await;
        fresh.into_inner().unwrap()
    }
}

/// A free port, for a service whose address the node must know first.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Logs out at the nodes in turn, and waits for the refusal at another service.
async fn measure_refusals<const N: usize>(plan: Plan) -> String {
    let port = free_port();
    let plan = receivers(plan, &format!("http://127.0.0.1:{port}/events"));
    let nodes: [Node; N] = plan.start().await;
    let shop = Shop::open(port, nodes[0].running.base_url());
    shop.until_serving(&nodes[0]).await;
    let mut took = Vec::new();
    for round in 0..rounds(20, 300) as usize {
        let node = &nodes[round % N];
        let tokens = node.log_in().await;
        assert_eq!(shop.status(&tokens).await, 200);
        log_out(node, &tokens).await;
        let answered = Instant::now();
        until(async || shop.status(&tokens).await == 401).await;
        took.push(answered.elapsed());
    }
    took.sort();
    let quantile = |percent: usize| took[(took.len() - 1) * percent / 100];
    assert!(quantile(95) < Duration::from_secs(10));
    shop.handle.stop(false).await;
    format!(
        "security events, {N} nodes: from an answered logout to 401 elsewhere, {} logouts: median {:.1?}, p95 {:.1?}, longest {:.1?}",
        took.len(),
        quantile(50),
        quantile(95),
        quantile(100),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_refuses_a_token_soon_after_its_logout() {
    let _turn = alone().await;
    println!("{}", measure_refusals::<1>(Plan::on(&Database::Sqlite)).await);
    if needs(Tool::Redis).is_some() {
        let redis = RedisServer::start().await;
        let plan = Plan::on(&Database::Sqlite).with_redis(&redis.url());
        println!("{}", measure_refusals::<2>(plan).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_restarted_accepts_no_token_that_was_revoked_meanwhile() {
    let _turn = turn().await;
    let port = free_port();
    let plan = receivers(Plan::on(&Database::Sqlite), &format!("http://127.0.0.1:{port}/events"));
    let [node] = plan.start().await;
    let shop = Shop::open(port, node.running.base_url());
    let (revoked, live) = (shop.until_serving(&node).await, shop.until_serving(&node).await);
    assert_eq!(shop.url, format!("http://127.0.0.1:{port}/events"));
    log_out(&node, &revoked).await;
    until(async || shop.status(&revoked).await == 401).await;
    shop.handle.stop(false).await;

    // Its memory is lost, and the event was acknowledged.
    let shop = Shop::open(port, node.running.base_url());
    until(async || {
        assert_ne!(shop.status(&revoked).await, 200);
        assert_ne!(
            shop.status(&live).await,
            200,
            "it cannot know that this one was not revoked"
        );
        shop.status(&live).await == 401
    })
    .await;
    let renewed = node.api.refresh(live.refresh()).await.tokens();
    assert_ne!(shop.status(&revoked).await, 200);
    let _ = (shop.until_serving(&node).await, renewed);
    shop.handle.stop(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn introspection_answers_about_tokens_from_before_the_first_event() {
    let _turn = turn().await;
    let port = free_port();
    let hash: String = sha256("a-secret").iter().map(|byte| format!("{byte:02x}")).collect();
    let plan = receivers(Plan::on(&Database::Sqlite), &format!("http://127.0.0.1:{port}/events"));
    let plan = plan.env("RESCIND_OAUTH_CLIENTS", &format!("shop:sha256:{hash}"));
    let [node] = plan.start().await;
    let (live, revoked) = (node.log_in().await, node.log_in().await);
    log_out(&node, &revoked).await;
    let mut settings = IntrospectionSettings::new(node.running.base_url(), "shop", "a-secret".to_owned().into());
    settings.timeout = Duration::from_secs(6);
    let asked = Arc::new(Introspection::new(settings).unwrap());
    let shop = Shop::open_with(port, node.running.base_url(), |receiver| receiver.otherwise(asked));
    assert_eq!(shop.status(&live).await, 200);
    assert_eq!(shop.status(&revoked).await, 401);
    log_out(&node, &live).await;
    assert_eq!(shop.status(&live).await, 401, "it is asked again");
    shop.handle.stop(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_the_whole_log_is_told_under_another_identity() {
    let _turn = turn().await;
    let inbox = Inbox::open();
    let plan = receivers(Plan::on(&Database::Sqlite), &inbox.url);
    let [node] = plan.start().await;
    until(async || inbox.verifications() > 0).await;
    let ended = log_out_new(&node).await;
    inbox.until_told_of(&[ended]).await;
    let open = node.log_in().await.session_id;
    let log = inbox.deliveries()[0].claims["rescind"]["log"].clone();
    let _ = node.running.kill_9().await;
    let restored = plan.program().arg("restored").arg("--yes").run_to_exit().await.unwrap();
    assert!(restored.status.success(), "{}", restored.stderr);
    let [_node] = plan.start().await;
    inbox.until_told_of(&[open]).await;
    let last = inbox.deliveries().pop().unwrap();
    assert!(last.claims["rescind"]["log"].is_string() && last.claims["rescind"]["log"] != log);
    inbox.handle.stop(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_stop_the_start_if_events_would_be_useless() {
    let program = || {
        let program = Program::new(env!("CARGO_BIN_EXE_rescind"));
        program.env("RESCIND_EVENT_RECEIVERS", "http://127.0.0.1:9/events")
    };
    for program in [
        program().env("RESCIND_ALGORITHM", "HS256"),
        program().env("RESCIND_POLICY", "client_delete"),
        program().env("RESCIND_POLICY", "short_lived"),
        program().env("RESCIND_EVENT_RECEIVERS", "http://shop.example/events"),
    ] {
        let ended = program.run_to_exit().await.unwrap();
        assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains("RESCIND_EVENT_RECEIVERS"), "{}", ended.stderr);
    }
}
