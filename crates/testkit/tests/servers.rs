//! What can be done to a store, done to real ones.

use rescind_testkit::{PostgresServer, RedisServer, Tool, needs};

#[tokio::test]
async fn redis_comes_up_and_forgets_when_told() {
    let Some(_) = needs(Tool::Redis) else { return };
    let redis = RedisServer::start().await;
    redis.command(&["SET", "key", "value"]).await;
    assert_eq!(redis.command(&["GET", "key"]).await, "value");
    redis.flush_all().await;
    assert_eq!(redis.command(&["GET", "key"]).await, "");
}

#[tokio::test]
async fn postgres_killed_and_started_again_keeps_what_was_committed() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::start().await;
    postgres
        .sql("CREATE TABLE kept (n INT); INSERT INTO kept VALUES (1)")
        .await;
    postgres.kill_9();
    postgres.start_again().await;
    assert_eq!(postgres.sql("SELECT n FROM kept").await, "1");
}
