//! The real program on each pair of stores, by its settings alone; and refused starts.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

use std::{fs, path::Path};

use rescind_testkit::{ApiClient, Ended, PostgresServer, Program, RedisServer, Running, TcpRelay, Tokens, Tool, needs};

const ALICE: (&str, &str) = ("alice", "correct horse battery staple");

/// The program with a store timeout for a busy machine, and one issuer for all nodes.
fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_rescind"))
        .env("RESCIND_STORE_TIMEOUT", "10s")
        .env("RESCIND_PUBLIC_URL", "http://rescind.test")
        .env("RESCIND_DEMO", "public")
}

fn code(ended: &Ended) -> Option<i32> {
    ended.status.code()
}

/// Runs a command on the data of another program.
async fn command(data: &Path, database: Option<&str>, words: &[&str]) -> Ended {
    let program = program().env("RESCIND_DATA_DIR", data);
    let program = match database {
        Some(url) => program.env("DATABASE_URL", url),
        None => program,
    };
    words
        .iter()
        .fold(program, |program, word| program.arg(word))
        .run_to_exit()
        .await
        .unwrap()
}

/// An empty database with the program's schema, migrated by hand.
async fn migrated(postgres: &PostgresServer) -> String {
    let url = postgres.fresh_database().await;
    let up = program()
        .env("DATABASE_URL", &url)
        .arg("migrate")
        .arg("up")
        .run_to_exit()
        .await
        .unwrap();
    assert_eq!(code(&up), Some(0), "{}", up.stderr);
    assert!(
        up.stdout.contains("applied") && !up.stdout.contains("pending"),
        "{}",
        up.stdout
    );
    url
}

async fn log_in(client: &ApiClient) -> Tokens {
    client.log_in(ALICE.0, ALICE.1).await.expect_status(200).tokens()
}

async fn assert_dead(client: &ApiClient, tokens: &Tokens) {
    client.me(tokens.access()).await.expect_problem(401, "token_revoked");
    client
        .refresh(tokens.refresh())
        .await
        .expect_problem(401, "session_closed");
}

/// From the first login to the restart after the last logout.
async fn tell_the_story(program: Program) -> Running {
    let running = program.start().await.unwrap();
    running.ready().await.unwrap();
    let client = running.api_client();
    let (kept, leaving) = (log_in(&client).await, log_in(&client).await);
    client.me(leaving.access()).await.expect_status(200);
    let leaving = client.refresh(leaving.refresh()).await.expect_status(200).tokens();
    client.log_out(leaving.access()).await.expect_status(204);
    assert_dead(&client, &leaving).await;

    let running = running.restart().await.unwrap();
    running.ready().await.unwrap();
    let client = running.api_client();
    assert_dead(&client, &leaving).await;
    client.me(kept.access()).await.expect_status(200);
    client.refresh(kept.refresh()).await.expect_status(200);
    running
}

#[tokio::test]
async fn the_story_is_the_same_on_postgres_and_a_second_node_is_sent_to_redis() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let url = migrated(PostgresServer::shared().await).await;
    let running = tell_the_story(program().env("DATABASE_URL", &url)).await;

    let second = running.second_node().run_to_exit().await.unwrap();
    assert_eq!(code(&second), Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("REDIS_URL"), "{}", second.stderr);
    for words in [
        &["migrate", "up"][..],
        &["migrate", "fresh", "--yes"],
        &["restored", "--yes"],
    ] {
        let moved = command(&running.data_dir(), Some(&url), words).await;
        assert_eq!(
            code(&moved),
            Some(1),
            "{words:?} under a running program: {}",
            moved.stderr
        );
    }
    log_in(&running.api_client()).await;
}

#[tokio::test]
async fn the_story_is_the_same_on_redis_and_a_file_that_nodes_share() {
    let Some(_) = needs(Tool::Redis) else { return };
    let redis = RedisServer::start().await;
    let one = tell_the_story(program().env("REDIS_URL", redis.url())).await;
    let another = one.second_node().start().await.unwrap();
    another.ready().await.unwrap();
    assert_shared(&one, &another).await;
    // A node without Redis would not learn of the revocation.
    let loner = one.second_node().env("REDIS_URL", "").run_to_exit().await.unwrap();
    assert_eq!(code(&loner), Some(1), "{}", loner.stderr);
    assert!(loner.stderr.contains("REDIS_URL"), "{}", loner.stderr);
}

#[tokio::test]
async fn the_story_is_the_same_on_redis_and_postgres_that_nodes_share() {
    let (Some(_), Some(_)) = (needs(Tool::Redis), needs(Tool::Postgres)) else {
        return;
    };
    let redis = RedisServer::with(&["--requirepass", "s3cret"]).await;
    let url = migrated(PostgresServer::shared().await).await;
    let url = url.replace("rescind@", "rescind:pa55word@");
    let program = program()
        .env("DATABASE_URL", &url)
        .env("REDIS_URL", redis.url())
        .env("RESCIND_NODE", "a")
        .env("RUST_LOG", "trace");
    let one = tell_the_story(program).await;
    let another = one.second_node().env("RESCIND_NODE", "b").start().await.unwrap();
    another.ready().await.unwrap();
    assert_shared(&one, &another).await;
    for (node, name) in [(&one, "a"), (&another, "b")] {
        let ready = node.api_client().get("/health/ready", None).await.expect_status(200);
        assert_eq!(ready.header("x-rescind-node"), name);
        assert_eq!(ready.body["node"], name);
        let page = node.cookie_client().open("/").await.expect_status(200).text;
        assert!(page.contains("Sessions: Postgres; blacklist: Redis, shared by every node"));
        assert_eq!(ready.body["blacklist"]["whole"], true);
        assert!(ready.body["blacklist"]["age_ms"].is_u64() && ready.body["blacklist"]["position"].is_u64());
        for secret in ["s3cret", "pa55word"] {
            assert!(!node.logs().contains(secret), "the log holds the password {secret}");
        }
    }
}

/// A token revoked at one node is refused at the other, at once.
async fn assert_shared(one: &Running, another: &Running) {
    let (one, another) = (one.api_client(), another.api_client());
    for _ in 0..5 {
        let tokens = log_in(&one).await;
        another.me(tokens.access()).await.expect_status(200);
        one.log_out(tokens.access()).await.expect_status(204);
        assert_dead(&another, &tokens).await;
    }
}

#[tokio::test]
async fn a_node_waits_for_a_missing_redis_and_stays_unready_if_it_evicts() {
    let Some(_) = needs(Tool::Redis) else { return };
    let redis = RedisServer::with(&["--maxmemory-policy", "allkeys-lru"]).await;
    let url = redis.url();
    let refused = program().env("REDIS_URL", &url).run_to_exit().await.unwrap();
    assert_eq!(code(&refused), Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("noeviction"), "{}", refused.stderr);

    redis.kill_9();
    let waiting = program().env("REDIS_URL", &url).start().await.unwrap();
    let client = waiting.api_client();
    let tokens = log_in(&client).await;
    client
        .me(tokens.access())
        .await
        .expect_problem(503, "store_unavailable");
    assert_not_ready(&client, "blacklist").await;

    redis.start_again().await;
    let log = async |words: &str| {
        while !waiting.logs().contains(words) {
            assert_not_ready(&client, "blacklist").await;
        }
    };
    log("noeviction").await;
    client
        .me(tokens.access())
        .await
        .expect_problem(503, "store_unavailable");

    redis
        .command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])
        .await;
    waiting.ready().await.unwrap();
    client.me(tokens.access()).await.expect_status(200);
}

async fn assert_not_ready(client: &ApiClient, reason: &str) {
    let reply = client.get("/health/ready", None).await;
    let reply = reply.expect_problem(503, "store_unavailable");
    assert_eq!(reply.body["reason"], reason, "{}", reply.body);
    assert!(!reply.header("retry-after").is_empty());
}

#[tokio::test]
async fn readiness_names_the_store_that_is_silent_and_does_so_in_time() {
    let (Some(_), Some(_)) = (needs(Tool::Redis), needs(Tool::Postgres)) else {
        return;
    };
    let (redis, postgres) = (RedisServer::start().await, PostgresServer::start().await);
    let url = migrated(&postgres).await;
    let cable = TcpRelay::to(postgres.port()).await;
    let port = |port: u16| format!("127.0.0.1:{port}/");
    let running = program()
        .env("DATABASE_URL", url.replace(&port(postgres.port()), &port(cable.port())))
        .env("REDIS_URL", redis.url())
        .env("RESCIND_STORE_TIMEOUT", "1s")
        .start()
        .await
        .unwrap();
    running.ready().await.unwrap();
    let client = running.api_client();

    redis.pause();
    let asked = tokio::time::Instant::now();
    assert_not_ready(&client, "blacklist").await;
    // A second to answer, and the rest for a machine that is busy.
    assert!(asked.elapsed().as_secs() < 10, "{:?}", asked.elapsed());
    redis.resume();
    running.ready().await.unwrap();

    cable.freeze();
    let asked = tokio::time::Instant::now();
    assert_not_ready(&client, "database").await;
    assert!(asked.elapsed().as_secs() < 10, "{:?}", asked.elapsed());
    cable.restore().await;
    running.ready().await.unwrap();
}

/// A node without Redis that lost its lock must not answer; once it has the lock again, it must not rely on its old state.
#[tokio::test]
async fn a_node_that_regains_its_lock_refuses_what_was_revoked_meanwhile() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::shared().await;
    let url = migrated(postgres).await;
    let cable = TcpRelay::to(postgres.port()).await;
    let port = |port: u16| format!("127.0.0.1:{port}/");
    let cut_off = url.replace(&port(postgres.port()), &port(cable.port()));
    let first = program().env("DATABASE_URL", cut_off).start().await.unwrap();
    first.ready().await.unwrap();
    let client = first.api_client();
    let (kept, ended) = (log_in(&client).await, log_in(&client).await);

    cable.freeze();
    let lock = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'rescind lock' AND datname = current_database()";
    assert_eq!(postgres.sql_in(&url, lock).await, "t");
    let second = first.second_node().env("DATABASE_URL", &url).start().await.unwrap();
    second.ready().await.unwrap();
    client.me(kept.access()).await.expect_problem(503, "store_unavailable");
    second.api_client().log_out(ended.access()).await.expect_status(204);
    cable.restore().await;
    second.terminate().await.unwrap();

    loop {
        assert_ne!(
            client.me(ended.access()).await.status,
            200,
            "a token that was taken back"
        );
        if client.me(kept.access()).await.status == 200 {
            break;
        }
    }
    client.me(ended.access()).await.expect_problem(401, "token_revoked");
}

#[tokio::test]
async fn a_postgres_that_forgets_commits_or_is_not_there_stops_the_start() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::with(&["synchronous_commit=off"]).await;
    let refused = program()
        .env("DATABASE_URL", postgres.url())
        .run_to_exit()
        .await
        .unwrap();
    assert_eq!(code(&refused), Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("synchronous_commit"), "{}", refused.stderr);

    let url = postgres.url().replace("rescind@", "rescind:s3cret@");
    postgres.kill_9();
    let refused = program().env("DATABASE_URL", url).run_to_exit().await.unwrap();
    assert_eq!(code(&refused), Some(1), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("cannot be reached") && !refused.stderr.contains("s3cret"),
        "{}",
        refused.stderr
    );
}

#[tokio::test]
async fn other_policies_start_without_redis_but_logout_needs_it() {
    let nobody = TcpRelay::to(1).await;
    let url = format!("redis://:s3cret@127.0.0.1:{}", nobody.port());
    nobody.cut().await;
    let running = program()
        .env("REDIS_URL", url)
        .env("RESCIND_POLICY", "stored")
        .start()
        .await
        .unwrap();
    running.ready().await.unwrap();
    let client = running.api_client();
    let tokens = client.log_in(ALICE.0, ALICE.1).await.expect_status(200).tokens();
    // Another node may check the blacklist. Here the row is checked, and it is closed.
    client
        .log_out(tokens.access())
        .await
        .expect_problem(503, "revocation_pending");
    client.me(tokens.access()).await.expect_problem(401, "token_revoked");
    let logs = running.logs();
    assert!(
        logs.contains("Redis does not answer") && !logs.contains("s3cret"),
        "{logs}"
    );
}

#[tokio::test]
async fn restoring_the_file_ends_every_session_and_older_token() {
    let backup = tempfile::tempdir().unwrap();
    let (stopped, ended) = backed_up(program()).await;
    copy_database(&stopped.data_dir(), backup.path());
    let (stopped, later) = gone_on(stopped, &ended).await;
    copy_database(backup.path(), &stopped.data_dir());
    assert_everybody_is_out(stopped, None, [ended, later]).await;
}

#[tokio::test]
async fn restoring_postgres_ends_every_session_and_refills_redis() {
    let (Some(_), Some(_)) = (needs(Tool::Redis), needs(Tool::Postgres)) else {
        return;
    };
    let (redis, postgres) = (RedisServer::start().await, PostgresServer::shared().await);
    let url = migrated(postgres).await;
    let program = program().env("DATABASE_URL", &url).env("REDIS_URL", redis.url());
    let (stopped, ended) = backed_up(program).await;
    let copy = postgres.copy_of(&url).await;
    let (stopped, later) = gone_on(stopped, &ended).await;
    let stopped = stopped.env("DATABASE_URL", &copy);
    assert_everybody_is_out(stopped, Some(&copy), [ended, later]).await;
}

/// Replaces an unused database by another: the file and its log, which may hold changes that are not in the file yet.
fn copy_database(from: &Path, to: &Path) {
    for name in ["rescind.db", "rescind.db-wal", "rescind.db-shm"] {
        let _ = fs::remove_file(to.join(name));
    }
    fs::copy(from.join("rescind.db"), to.join("rescind.db")).unwrap();
    if from.join("rescind.db-wal").exists() {
        fs::copy(from.join("rescind.db-wal"), to.join("rescind.db-wal")).unwrap();
    }
}

/// A program that was stopped for a backup while one session was open.
async fn backed_up(program: Program) -> (Program, Tokens) {
    let running = program.start().await.unwrap();
    running.ready().await.unwrap();
    let tokens = log_in(&running.api_client()).await;
    (running.terminate().await.unwrap().program, tokens)
}

/// What happened after the backup: the open session was ended, and another one began.
async fn gone_on(program: Program, ended: &Tokens) -> (Program, Tokens) {
    let running = program.start().await.unwrap();
    running.ready().await.unwrap();
    let client = running.api_client();
    let later = log_in(&client).await;
    client.log_out(ended.access()).await.expect_status(204);
    (running.terminate().await.unwrap().program, later)
}

/// The backup was restored: in it the ended session is open, and the later one is missing.
async fn assert_everybody_is_out(program: Program, database: Option<&str>, tokens: [Tokens; 2]) {
    let data = program.data_dir();
    let unsure = command(&data, database, &["restored"]).await;
    assert_eq!(code(&unsure), Some(2), "{}", unsure.stderr);
    let restored = command(&data, database, &["restored", "--yes"]).await;
    assert_eq!(code(&restored), Some(0), "{}", restored.stderr);
    assert!(restored.stdout.contains("1 session was closed"), "{}", restored.stdout);

    let running = program.start().await.unwrap();
    running.ready().await.unwrap();
    let client = running.api_client();
    for tokens in &tokens {
        client.me(tokens.access()).await.expect_problem(401, "token_invalid");
        assert_eq!(client.refresh(tokens.refresh()).await.status, 401);
    }
    let tokens = log_in(&client).await;
    client.me(tokens.access()).await.expect_status(200);
    let sessions = client.sessions(tokens.access()).await.expect_status(200);
    assert_eq!(sessions.body.as_array().map(Vec::len), Some(1), "{}", sessions.body);
}
