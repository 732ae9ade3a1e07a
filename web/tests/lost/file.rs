//! The database file under a running program, and its other names.

use std::fs;

use rescind_testkit::{Running, Tokens};

use crate::{database, log_in, logged_out, mounted, program, refused, settled, start};

/// No operation is confirmed and no token is accepted.
async fn assert_out_of_service(running: &Running, tokens: &Tokens) {
    let client = running.api_client();
    client.log_out(tokens.access()).await.expect_status(503);
    client.me(tokens.access()).await.expect_status(503);
    client.refresh(tokens.refresh()).await.expect_status(503);
    client.log_in("alice", crate::ALICE.1).await.expect_status(503);
    let ready = client.get("/health/ready", None).await.expect_status(503);
    assert_eq!(ready.body["reason"], "database", "{}", ready.body);
}

#[tokio::test]
async fn a_database_that_is_deleted_or_moved_away_is_503_at_once() {
    for policy in ["blacklist", "stored"] {
        let running = start(program().env("RESCIND_POLICY", policy)).await;
        let client = running.api_client();
        let tokens = log_in(&client).await;
        let file = database(&running.data_dir());
        for name in ["rescind.db", "rescind.db-wal"] {
            let (here, there) = (file.with_file_name(name), file.with_file_name("away"));
            fs::rename(&here, &there).unwrap();
            let reply = client.log_out(tokens.access()).await;
            assert_eq!(reply.status, 503, "{policy} {name}: {reply:?}");
            // A copy of it is another file.
            fs::copy(&there, &here).unwrap();
            client.me(tokens.access()).await.expect_status(503);
            let ready = client.get("/health/ready", None).await.expect_status(503);
            assert_eq!(ready.body["reason"], "database", "{}", ready.body);
            // Put back, it is the same file, without changes meanwhile.
            fs::rename(&there, &here).unwrap();
            running.ready().await.unwrap();
            client.me(tokens.access()).await.expect_status(200);
        }
        fs::remove_file(&file).unwrap();
        if policy == "blacklist" {
            assert_out_of_service(&running, &tokens).await;
        }
    }
}

#[tokio::test]
async fn a_second_node_through_a_hard_link_is_refused() {
    let (stopped, _) = settled().await;
    let first = start(stopped).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("linked.db");
    fs::hard_link(database(&first.data_dir()), &link).unwrap();
    let second = first
        .second_node()
        .env("DATABASE_URL", format!("sqlite:{}", link.display()));
    let said = refused(second).await.stderr;
    assert!(said.contains("another rescind is using the database"), "{said}");
    // The refused node has not released the first one's lock.
    let second = first
        .second_node()
        .env("DATABASE_URL", format!("sqlite:{}", link.display()));
    refused(second).await;
    logged_out(&first).await;
}

#[tokio::test]
async fn a_second_node_through_a_bind_mount_is_refused() {
    let Some(second) = mounted(r#"mount --bind "$FIRST" "$RESCIND_DATA_DIR/mounted.db""#) else {
        return;
    };
    let (stopped, _) = settled().await;
    let first = start(stopped).await;
    let target = second.data_dir().join("mounted.db");
    fs::write(&target, "").unwrap();
    let second = second
        .env("FIRST", database(&first.data_dir()))
        .env("DATABASE_URL", format!("sqlite:{}", target.display()));
    let said = refused(second).await.stderr;
    assert!(said.contains("another rescind is using the database"), "{said}");
}
