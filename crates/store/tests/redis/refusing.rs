//! Unreliable servers, at the start and later.

use rescind_session::ports::{Blacklist, RevocationStatus, StoreError};
use rescind_store::{RedisBlacklist, RedisConnectError, RedisSettings};
use rescind_testkit::{RedisServer, Tool, needs};

use super::{
    fixture::{PATIENCE, follow, in_full, node, settings, whole},
    holders::{Node, Sql},
};

async fn refused(url: &str) -> RedisConnectError {
    RedisBlacklist::connect(url, &settings()).await.unwrap_err()
}

#[tokio::test]
async fn a_redis_that_evicts_is_refused_naming_the_setting() {
    let Some(_) = needs(Tool::Redis) else { return };
    for policy in ["allkeys-lru", "volatile-ttl"] {
        let server = RedisServer::with(&["--maxmemory-policy", policy]).await;
        let error = refused(&server.url()).await;
        assert!(matches!(&error, RedisConnectError::Evicts { policy: found } if found == policy));
        assert!(!error.is_url_error() && !error.may_pass());
        let words = error.to_string();
        assert!(
            words.contains(policy) && words.contains("maxmemory-policy noeviction"),
            "{words}"
        );
    }
}

/// It is unknown what was evicted meanwhile, so the copy is rebuilt.
#[tokio::test]
async fn after_eviction_began_no_token_is_accepted_until_a_rebuild() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log) = whole().await;
    server
        .command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])
        .await;
    let error = node.claim(log.claim()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)));
    assert!(
        in_full(&error).contains("maxmemory-policy noeviction"),
        "{}",
        in_full(&error)
    );
    log.assert_no_session_passes(&node).await;
    let error = node
        .check(super::fixture::new_token(), super::fixture::new_session())
        .await
        .unwrap_err();
    assert!(
        in_full(&error).contains("maxmemory-policy noeviction"),
        "{}",
        in_full(&error)
    );

    server
        .command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])
        .await;
    log.assert_no_session_passes(&node).await;
    log.rebuild(&node).await;
}

/// A write that does not fit is not acknowledged, and no entry is lost for it.
#[tokio::test]
async fn a_redis_with_full_memory_acknowledges_no_insert() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log) = whole().await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let entry = super::fixture::revocation(super::fixture::new_session());
    assert!(matches!(node.insert(&[entry]).await, Err(StoreError::Unavailable(_))));
    log.assert_all_is_well(&node).await;
    server.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    log.goes_on(&node).await;
}

#[tokio::test]
async fn a_replica_is_refused() {
    let Some(_) = needs(Tool::Redis) else { return };
    let primary = RedisServer::start().await;
    let replica = RedisServer::start().await;
    follow(&replica, &primary).await;
    let error = refused(&replica.url()).await;
    assert!(matches!(error, RedisConnectError::Replica));
    assert!(error.to_string().contains("primary"), "{error}");
    assert!(error.is_url_error() && !error.may_pass());
}

#[tokio::test]
async fn a_password_is_accepted_and_never_printed() {
    let Some(_) = needs(Tool::Redis) else { return };
    let server = RedisServer::with(&["--requirepass", "right-horse"]).await;
    server
        .command(&[
            "ACL",
            "SETUSER",
            "rescind",
            "on",
            ">battery-staple",
            "~{test}:*",
            "+@all",
        ])
        .await;
    let at = server.url().split_once('@').unwrap().1.to_owned();
    for good in [":right-horse", "default:right-horse", "rescind:battery-staple"] {
        drop(node(&format!("redis://{good}@{at}/3")).await);
    }
    for bad in [":wrong-horse@", "rescind:wrong-horse@", ""] {
        let error = refused(&format!("redis://{bad}{at}")).await;
        let words = format!("{} {error:?}", in_full(&error));
        assert!(!words.contains("horse"), "{words}");
        assert!(!error.is_url_error());
        // Without any password the first command is refused, and its error could have another cause.
        assert!(bad.is_empty() || !error.may_pass(), "{words}");
    }
    let node = node(&format!("redis://rescind:battery-staple@{at}")).await;
    assert!(!format!("{node:?}").contains("staple"));
}

/// The minimum rights of a Redis user, as in the README.
#[tokio::test(flavor = "multi_thread")]
async fn the_acl_rights_in_the_readme_suffice() {
    let Some(_) = needs(Tool::Redis) else { return };
    let server = RedisServer::with(&["--requirepass", "right-horse"]).await;
    let readme = include_str!("../../README.md");
    let (_, rule) = readme.split_once("ACL SETUSER rescind on >password ").unwrap();
    let (rule, _) = rule.split_once('\n').unwrap();
    let rule = rule.replace("{rescind}", "{test}");
    let mut command = vec!["ACL", "SETUSER", "rescind", "on", ">password"];
    command.extend(rule.split(' '));
    server.command(&command).await;
    let at = server.url().split_once('@').unwrap().1.to_owned();
    let node = node(&format!("redis://rescind:password@{at}")).await;
    let mut log = super::fixture::Log::new();
    log.append();
    log.rebuild(&node).await;
    log.log_out(&node).await;
    log.assert_all_is_well(&node).await;
    assert_eq!(node.prune(log.entries[0].until, 10).await.unwrap(), 2);

    // Copies, their leases and what they hear of each other, in a Redis that holds nothing else.
    server.command(&["FLUSHALL"]).await;
    let (url, sql) = (format!("redis://rescind:password@{at}"), Sql::new());
    let first = Node::start(&url, &sql, PATIENCE).await;
    let second = Node::start(&url, &sql, PATIENCE).await;
    for _ in 0..3 {
        let entry = sql.commit();
        first.blacklist.insert(std::slice::from_ref(&entry)).await.unwrap();
        assert_eq!(
            second.status(&entry).await,
            Some(RevocationStatus::Revoked(entry.scope))
        );
    }
}

#[tokio::test]
async fn an_unreachable_redis_is_reported() {
    let settings = RedisSettings::default();
    for url in [
        "redis://127.0.0.1:1",
        "redis+sentinel://127.0.0.1:1/main",
        "redis+cluster://127.0.0.1:1",
    ] {
        let error = RedisBlacklist::connect(url, &settings).await.unwrap_err();
        assert!(matches!(error, RedisConnectError::Unusable(_)), "{url}: {error:?}");
        assert!(error.may_pass() && !error.is_url_error(), "{url}: {error:?}");
    }
}

#[test]
fn an_unreadable_url_is_an_error_that_does_not_quote_it() {
    for (url, says) in [
        ("secret", "must begin with"),
        ("http://secret", "must begin with"),
        ("redis+unix:///secret", "must begin with"),
        ("redis:secret", "must begin with"),
        ("redis://", "names no server"),
        ("redis://:secret@", "names no server"),
        ("redis://:secret@:6379", "names no server"),
        ("redis://:secret@host:port", "names no server"),
        ("redis+cluster://:secret@a,,b", "names no server"),
        ("redis://:sec/ret@host", "no number"),
        ("redis://:secret@host/secret", "no number"),
        ("redis://host/-1", "no number"),
        ("redis://host?password=secret", "no parameters"),
        ("rediss://:secret@host#insecure", "no parameters"),
        ("redis+cluster://:secret@host/1", "only one"),
        ("redis+sentinel://:secret@host", "names no primary"),
        ("redis+sentinel://:secret@host/name/secret", "no number"),
    ] {
        let error = RedisBlacklist::unconnected(url, &settings()).unwrap_err();
        assert!(error.is_url_error());
        let words = format!("{error} {error:?}");
        assert!(words.contains(says), "{url}: {words}");
        assert!(
            words.contains("REDIS_URL") && !words.contains("secret"),
            "{url}: {words}"
        );
    }
}
