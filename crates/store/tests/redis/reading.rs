//! A server that only reads the blacklist, as a Redis user that may do nothing else.

use std::time::Duration;

use jiff::Timestamp;
use rescind_session::{
    LogId, RevocationReader, VerifiedToken,
    ports::{Blacklist, RevocationStatus, StoreError},
    token::{AccessClaims, ClientId, ExtraClaims, SessionId, UserId},
};
use rescind_store::{RedisBlacklist, RedisConnectError, RedisReader};
use rescind_testkit::{RedisSentinels, RedisServer, Tool, needs};

use super::fixture::{Log, follow, in_full, new_session, new_token, node, session_of, settings, until, uuid, whole};

/// How long a mark lasts that was renewed just now.
const MARK_LASTS_MS: u64 = 30 * 60 * 1000;

/// Makes the user, who may read and nothing else. Returns the URL with that user.
async fn reading_user(server: &RedisServer) -> String {
    let rules = ["reader", "on", ">secret", "%R~{test}:*", "+@read", "+info", "+ping"];
    let created = server.command(&[["ACL", "SETUSER"].as_slice(), &rules].concat()).await;
    assert_eq!(created, "OK");
    server.url().replace("redis://", "redis://reader:secret@")
}

async fn reader_of(server: &RedisServer) -> RedisReader {
    RedisReader::connect(&reading_user(server).await, &settings())
        .await
        .unwrap()
}

fn claims(session: SessionId) -> AccessClaims {
    let now: Timestamp = "2031-05-04T12:00:00Z".parse().unwrap();
    AccessClaims {
        issuer: String::new(),
        audience: String::new(),
        subject: UserId::from(uuid()),
        client_id: ClientId::first_party(),
        issued_at: now,
        expires_at: now,
        token_id: new_token(),
        session_id: session,
        auth_time: None,
        extra: ExtraClaims::default(),
    }
}

async fn try_read(
    reader: &RedisReader,
    session: SessionId,
    log: Option<LogId>,
) -> Result<RevocationStatus, StoreError> {
    reader.status(&VerifiedToken::new("", &claims(session), log)).await
}

/// The answer for a session that is not revoked.
async fn says(reader: &RedisReader, log: &Log) -> RevocationStatus {
    try_read(reader, new_session(), Some(log.claim().log)).await.unwrap()
}

async fn assert_all_is_well(reader: &RedisReader, log: &Log) {
    for entry in &log.entries {
        let status = try_read(reader, session_of(entry), Some(log.claim().log))
            .await
            .unwrap();
        assert_eq!(status, RevocationStatus::Revoked(entry.scope));
    }
    assert_eq!(says(reader, log).await, RevocationStatus::NotRevoked);
}

async fn assert_none_is_accepted(reader: &RedisReader, log: &Log) {
    for session in log.entries.iter().map(session_of).chain([new_session()]) {
        if let Ok(status) = try_read(reader, session, Some(log.claim().log)).await {
            assert_ne!(status, RevocationStatus::NotRevoked);
        }
    }
}

async fn start() -> (RedisServer, RedisBlacklist, Log, RedisReader) {
    let (server, node, log) = whole().await;
    let reader = reader_of(&server).await;
    (server, node, log, reader)
}

#[tokio::test]
async fn a_user_who_may_only_read_sees_every_revocation_at_once() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, mut log, reader) = start().await;
    assert_all_is_well(&reader, &log).await;
    let session = new_session();
    assert_eq!(
        try_read(&reader, session, Some(log.claim().log)).await.unwrap(),
        RevocationStatus::NotRevoked
    );
    log.log_out(&node).await;
    assert_all_is_well(&reader, &log).await;
    let denied = server.command(&["ACL", "LOG"]).await;
    assert!(!denied.contains("mget") && !denied.contains("evalsha"), "{denied}");
}

#[tokio::test]
async fn a_copy_of_another_log_does_not_vouch_for_itself() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (_server, _node, log, reader) = start().await;
    for other in [Some(LogId::from_uuid(uuid())), None] {
        let status = try_read(&reader, new_session(), other).await.unwrap();
        assert_eq!(status, RevocationStatus::Incomplete);
        // What is revoked is refused all the same.
        let revoked = try_read(&reader, session_of(&log.entries[0]), other).await.unwrap();
        assert_eq!(revoked, RevocationStatus::Revoked(log.entries[0].scope));
    }
}

#[tokio::test]
async fn after_a_flush_none_is_accepted_until_nodes_have_refilled_it() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log, reader) = start().await;
    server.flush_all().await;
    assert_none_is_accepted(&reader, &log).await;
    assert_eq!(says(&reader, &log).await, RevocationStatus::Incomplete);
    log.rebuild(&node).await;
    assert_all_is_well(&reader, &log).await;
}

#[tokio::test]
async fn a_mark_that_no_node_has_renewed_lately_is_not_trusted() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log, reader) = start().await;
    let lasts = |millis: u64| {
        let (server, millis) = (&server, millis.to_string());
        async move { server.command(&["PEXPIRE", "{test}:mark", &millis]).await }
    };
    lasts(MARK_LASTS_MS - 31_000).await;
    assert_eq!(says(&reader, &log).await, RevocationStatus::Incomplete);
    log.goes_on(&node).await;
    assert_all_is_well(&reader, &log).await;
    // The clock of Redis was set back.
    lasts(MARK_LASTS_MS + 60_000).await;
    assert_eq!(says(&reader, &log).await, RevocationStatus::Incomplete);
    lasts(MARK_LASTS_MS - 31_000).await;
    let patient = reader.renewed_within(Duration::from_secs(600));
    assert_all_is_well(&patient, &log).await;
    server.command(&["PERSIST", "{test}:mark"]).await;
    assert_eq!(says(&patient, &log).await, RevocationStatus::Incomplete);
}

#[tokio::test]
async fn a_mark_of_another_life_is_not_trusted_and_the_server_identified_again() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (a, node, log, reader) = start().await;
    let b = RedisServer::start().await;
    follow(&b, &a).await;
    follow_back(&a, &b).await;
    // The same process, with the mark of its earlier life.
    log.rebuild(&node).await;
    until("the reader has identified the server again", || async {
        says(&reader, &log).await == RevocationStatus::NotRevoked
    })
    .await;
    assert_all_is_well(&reader, &log).await;

    let mark = a.command(&["GET", "{test}:mark"]).await;
    let foreign = mark.replacen('/', "/0", 1);
    a.command(&["SET", "{test}:mark", &foreign, "PX", &MARK_LASTS_MS.to_string()])
        .await;
    assert_none_is_accepted(&reader, &log).await;
}

/// B is promoted, A refilled from it, and promoted again.
async fn follow_back(a: &RedisServer, b: &RedisServer) {
    b.command(&["REPLICAOF", "NO", "ONE"]).await;
    b.command(&["DEL", "{test}:mark"]).await;
    follow(a, b).await;
    a.command(&["REPLICAOF", "NO", "ONE"]).await;
}

#[tokio::test]
async fn a_redis_that_is_silent_or_away_is_an_error_in_time() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, _node, log) = whole().await;
    let url = reading_user(&server).await;
    let hasty = settings().timeout(Duration::from_millis(200));
    let reader = RedisReader::unconnected(&url, &hasty).unwrap();
    until("it answers", || async {
        try_read(&reader, new_session(), Some(log.claim().log)).await.is_ok()
    })
    .await;
    server.pause();
    let answer = try_read(&reader, new_session(), Some(log.claim().log));
    let answer = tokio::time::timeout(Duration::from_secs(10), answer).await.unwrap();
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    server.resume();
    server.kill_9();
    let answer = try_read(&reader, new_session(), Some(log.claim().log)).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
}

#[tokio::test]
async fn a_reader_needs_a_primary_that_evicts_nothing_and_a_right_password() {
    let Some(_) = needs(Tool::Redis) else { return };
    let server = RedisServer::start().await;
    let url = reading_user(&server).await;
    let wrong = RedisReader::connect(&url.replace("secret", "wrong"), &settings()).await;
    assert!(in_full(&wrong.unwrap_err()).contains("password"));
    server
        .command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])
        .await;
    let evicts = RedisReader::connect(&url, &settings()).await;
    assert!(matches!(evicts, Err(RedisConnectError::Evicts { .. })), "{evicts:?}");
    server
        .command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])
        .await;
    let primary = RedisServer::start().await;
    follow(&server, &primary).await;
    let replica = RedisReader::connect(&url, &settings()).await;
    assert!(matches!(replica, Err(RedisConnectError::Replica)), "{replica:?}");
    let cluster = RedisReader::unconnected("redis+cluster://127.0.0.1", &settings());
    assert!(
        matches!(cluster, Err(RedisConnectError::ReaderOfCluster)),
        "{cluster:?}"
    );
}

#[tokio::test]
async fn a_reader_follows_its_sentinels_to_the_new_primary() {
    let Some(_) = needs(Tool::Redis) else { return };
    let group = RedisSentinels::start().await;
    for server in &group.servers {
        reading_user(server).await;
    }
    let url = group.url();
    let reader = url.replace("redis+sentinel://", "redis+sentinel://reader:secret@");
    let reader = RedisReader::connect(&reader, &settings()).await.unwrap();
    let node = node(&url).await;
    let mut log = Log::new();
    log.append();
    log.rebuild(&node).await;
    assert_all_is_well(&reader, &log).await;

    group.fail_over().await;
    until("a node has synced the new primary", || async {
        node.claim(log.claim()).await.is_ok()
    })
    .await;
    log.log_out(&node).await;
    let revoked = session_of(&log.entries[1]);
    until("the reader is at the new primary", || async {
        let status = try_read(&reader, revoked, Some(log.claim().log)).await;
        matches!(status, Ok(RevocationStatus::Revoked(_)))
    })
    .await;
}
