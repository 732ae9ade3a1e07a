//! After a clean stop the database is complete in its file.

use std::fs;

use crate::{command, database, log_in, logged_out, program, start};

#[tokio::test]
async fn after_sigterm_a_copy_of_the_file_alone_is_a_complete_backup() {
    let running = start(program()).await;
    let (kept, ended) = (log_in(&running.api_client()).await, logged_out(&running).await);
    let stopped = running.terminate().await.unwrap().program;
    let data = stopped.data_dir();
    let wal = fs::metadata(data.join("rescind.db-wal")).map_or(0, |wal| wal.len());
    assert_eq!(wal, 0, "the write-ahead log still holds something");

    let elsewhere = program();
    fs::copy(database(&data), database(&elsewhere.data_dir())).unwrap();
    let running = start(elsewhere.env("RESCIND_KEYS", data.join("keys"))).await;
    let client = running.api_client();
    client.me(kept.access()).await.expect_status(200);
    client.me(ended.access()).await.expect_problem(401, "token_revoked");
}

#[tokio::test]
async fn after_a_command_the_file_is_complete_too() {
    let stopped = start(program()).await.terminate().await.unwrap().program;
    let data = stopped.data_dir();
    for words in [
        &["restored", "--yes"][..],
        &["keys", "rotate"],
        &["migrate", "up"],
        &["migrate", "fresh", "--yes"],
    ] {
        let ended = command(&data, words).await;
        assert!(ended.status.success(), "{words:?}: {}", ended.stderr);
        let wal = fs::metadata(data.join("rescind.db-wal")).map_or(0, |wal| wal.len());
        assert_eq!(wal, 0, "{words:?} left something in the write-ahead log");
    }
}
