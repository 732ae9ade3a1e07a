//! A database that lacks answered changes.

use std::fs;

use rescind_testkit::{PostgresServer, Program, RedisServer, Running, Tool, needs};

use crate::{ALICE, MARK, command, database, log_in, logged_out, mounted, program, refused, remove, settled, start};

/// It is refused, with the remedy, which works.
async fn assert_refused_until_restored(program: Program) {
    let refused = refused(program).await;
    let (data, said) = (refused.program.data_dir(), refused.stderr);
    for word in ["rescind restored", "older"] {
        assert!(said.contains(word), "{said}");
    }
    let restored = command(&data, &["restored", "--yes"]).await;
    assert!(restored.status.success(), "{}", restored.stderr);
    let running = start(refused.program).await;
    logged_out(&running).await;
    running.restart().await.unwrap();
}

#[tokio::test]
async fn a_database_whose_wal_was_deleted_after_kill_9_is_refused() {
    let (stopped, _) = settled().await;
    let running = start(stopped).await;
    logged_out(&running).await;
    let killed = running.kill_9().await;
    remove(&killed.data_dir(), &["rescind.db-wal", "rescind.db-shm"]);
    assert_refused_until_restored(killed).await;
}

#[tokio::test]
async fn a_database_whose_wal_lost_its_end_is_refused() {
    let (stopped, _) = settled().await;
    let running = start(stopped).await;
    for _ in 0..5 {
        logged_out(&running).await;
    }
    let killed = running.kill_9().await;
    let wal = fs::File::options()
        .write(true)
        .open(killed.data_dir().join("rescind.db-wal"))
        .unwrap();
    let length = wal.metadata().unwrap().len();
    wal.set_len(length * 97 / 100).unwrap();
    remove(&killed.data_dir(), &["rescind.db-shm"]);
    assert_refused_until_restored(killed).await;
}

#[tokio::test]
async fn an_older_copy_of_the_file_is_refused() {
    let (stopped, _) = settled().await;
    let data = stopped.data_dir();
    let backup = fs::read(database(&data)).unwrap();
    let running = start(stopped).await;
    logged_out(&running).await;
    let stopped = running.terminate().await.unwrap().program;
    fs::write(database(&data), backup).unwrap();
    assert_refused_until_restored(stopped).await;
}

/// Without its mark the same copy is accepted: a snapshot of both is not noticed. So the mark causes the refusal.
#[tokio::test]
async fn a_snapshot_that_takes_the_mark_back_too_is_not_noticed() {
    let (stopped, kept) = settled().await;
    let data = stopped.data_dir();
    let (backup, mark) = (fs::read(database(&data)).unwrap(), data.join("keys").join(MARK));
    let mark_then = fs::read(&mark).unwrap();
    let running = start(stopped).await;
    logged_out(&running).await;
    let stopped = running.terminate().await.unwrap().program;
    fs::write(database(&data), backup).unwrap();
    fs::write(&mark, mark_then).unwrap();
    let running = start(stopped).await;
    running.api_client().me(kept.access()).await.expect_status(200);
}

#[tokio::test]
async fn a_mark_that_cannot_be_read_stops_the_start_and_is_named() {
    let (stopped, _) = settled().await;
    fs::write(stopped.data_dir().join("keys").join(MARK), "{").unwrap();
    let said = refused(stopped).await.stderr;
    assert!(said.contains(MARK), "{said}");
}

/// Kept keys with a deleted or emptied database: no logged-out token is accepted.
#[tokio::test]
async fn a_deleted_or_emptied_database_revives_no_token() {
    for emptied in [false, true] {
        let running = start(program()).await;
        let ended = logged_out(&running).await;
        let stopped = running.terminate().await.unwrap().program;
        let data = stopped.data_dir();
        remove(&data, &["rescind.db", "rescind.db-wal", "rescind.db-shm"]);
        if emptied {
            fs::write(database(&data), "").unwrap();
        }
        let running = start(stopped).await;
        let reply = running.api_client().sessions(ended.access()).await;
        assert_eq!(reply.status, 401, "emptied: {emptied}: {reply:?}");
    }
}

#[tokio::test]
async fn with_a_read_only_key_directory_the_mark_is_in_the_data_directory() {
    let mount = r#"mount --bind "$RESCIND_KEYS" "$RESCIND_KEYS" && mount -o remount,bind,ro "$RESCIND_KEYS""#;
    let Some(read_only) = mounted(mount) else { return };
    let (stopped, _) = settled().await;
    let data = stopped.data_dir();
    let keys = data.join("keys");
    remove(&keys, &[MARK]);
    let read_only = read_only.env("RESCIND_KEYS", &keys).env("RESCIND_DATA_DIR", &data);
    let running = start(read_only).await;
    logged_out(&running).await;
    let killed = running.kill_9().await;
    assert!(data.join(MARK).exists() && !keys.join(MARK).exists());
    remove(&data, &["rescind.db-wal", "rescind.db-shm"]);
    let said = refused(killed).await.stderr;
    assert!(said.contains("rescind restored"), "{said}");
    // With the keys writable again, the mark in the data directory still counts.
    let writable = program().env("RESCIND_DATA_DIR", &data);
    let said = refused(writable).await.stderr;
    assert!(said.contains("rescind restored"), "{said}");
}

/// An empty database with the program's schema.
async fn migrated(postgres: &PostgresServer) -> String {
    let url = postgres.fresh_database().await;
    let up = program().env("DATABASE_URL", &url).arg("migrate").arg("up");
    let up = up.run_to_exit().await.unwrap();
    assert!(up.status.success(), "{}", up.stderr);
    url
}

/// It may be a promoted standby that lacks commits. Which ones is not known.
#[tokio::test]
async fn an_older_postgres_is_answered_like_a_restore() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::shared().await;
    let url = migrated(postgres).await;
    let running = start(program().env("DATABASE_URL", &url)).await;
    let live = log_in(&running.api_client()).await;
    let stopped = running.terminate().await.unwrap().program;
    let copy = postgres.copy_of(&url).await;
    let running = start(stopped).await;
    let ended = logged_out(&running).await;
    let stopped = running.terminate().await.unwrap().program;

    let data = stopped.data_dir();
    let on_copy = || program().env("RESCIND_DATA_DIR", &data).env("DATABASE_URL", &copy);
    let running = start(on_copy()).await;
    assert!(running.logs().contains("HAS LOST COMMITS"), "{}", running.logs());
    let api = running.api_client();
    for tokens in [&ended, &live] {
        assert_eq!(api.me(tokens.access()).await.status, 401);
        assert_ne!(api.refresh(tokens.refresh()).await.status, 200);
    }
    logged_out_soon(&running).await;
    // Once: the log has a new identity now.
    let running = start(running.terminate().await.unwrap().program).await;
    assert_eq!(
        running.logs().matches("HAS LOST COMMITS").count(),
        1,
        "of the first start"
    );
}

/// Redis has the mark, too: for nodes whose directories are not kept.
#[tokio::test]
async fn an_older_postgres_is_noticed_by_what_redis_remembers() {
    let (Some(_), Some(_)) = (needs(Tool::Redis), needs(Tool::Postgres)) else {
        return;
    };
    let (redis, postgres) = (RedisServer::start().await, PostgresServer::shared().await);
    let url = migrated(postgres).await;
    let running = start(program().env("DATABASE_URL", &url).env("REDIS_URL", redis.url())).await;
    let live = log_in(&running.api_client()).await;
    let stopped = running.terminate().await.unwrap().program;
    let copy = postgres.copy_of(&url).await;
    let running = start(stopped).await;
    logged_out(&running).await;
    let stopped = running.terminate().await.unwrap().program.env("DATABASE_URL", &copy);
    remove(&stopped.data_dir().join("keys"), &[MARK]);
    let running = start(stopped).await;
    assert!(running.logs().contains("HAS LOST COMMITS"), "{}", running.logs());
    assert_eq!(running.api_client().me(live.access()).await.status, 401);
}

#[tokio::test]
async fn a_postgres_that_loses_commits_under_a_running_node_is_answered_like_a_restore() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::shared().await;
    let url = migrated(postgres).await;
    let running = start(program().env("DATABASE_URL", &url)).await;
    let live = log_in(&running.api_client()).await;
    logged_out(&running).await;
    let mark = running.data_dir().join("keys").join(MARK);
    // Once a second.
    while !fs::read_to_string(&mark).unwrap_or_default().contains("[1,") {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    postgres
        .sql_in(
            &url,
            "DELETE FROM rescind_revocations; UPDATE rescind_log_head SET last_position = 0",
        )
        .await;
    while !running.logs().contains("HAS LOST COMMITS") {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    while running.api_client().me(live.access()).await.status != 401 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    logged_out_soon(&running).await;
}

/// Tokens are issued again once the issue floor has passed, some seconds later.
async fn logged_out_soon(running: &Running) {
    while running.api_client().log_in(ALICE.0, ALICE.1).await.status != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    logged_out(running).await;
}
