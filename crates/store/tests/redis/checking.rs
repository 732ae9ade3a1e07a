//! The cost of a check, its longest wait, and how long Redis keeps entries.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use rescind_session::{
    Revocation, Scope,
    ports::{Blacklist, ClaimOutcome, RevocationStatus, StoreError},
};
use rescind_store::{RedisBlacklist, RedisSettings};
use rescind_testkit::{RedisServer, TcpRelay, Tool, needs};
use tokio::time::Instant;

use super::fixture::{
    Log, PATIENCE, in_full, join_all, new_session, new_token, node, revocation, says, settings, until, whole,
};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Both scopes and the mark.
#[tokio::test]
async fn one_check_is_one_round_trip_and_one_command() {
    let Some(_) = needs(Tool::Redis) else { return };
    let server = RedisServer::start().await;
    let relay = TcpRelay::to(server.port()).await;
    let node = node(&server.url_through(relay.port())).await;
    let mut log = Log::new();
    log.append();
    log.rebuild(&node).await;

    server.command(&["CONFIG", "RESETSTAT"]).await;
    let before = relay.round_trips();
    for _ in 0..50 {
        assert_eq!(says(&node).await, RevocationStatus::NotRevoked);
        log.assert_all_is_well(&node).await;
    }
    assert_eq!(relay.round_trips() - before, 150);
    let mut commands = server.commands_processed().await;
    commands.retain(|command, _| !command.starts_with("config"));
    assert_eq!(commands, BTreeMap::from([("mget".to_owned(), 150)]));
}

#[tokio::test]
async fn all_keys_are_under_the_namespace_and_of_one_slot() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log) = whole().await;
    // With a further entry of the other scope, the table of nodes, and a running fill.
    let token = Revocation {
        scope: Scope::Token(new_token()),
        ..revocation(new_session())
    };
    node.insert(&[token]).await.unwrap();
    server.command(&["DEL", "{test}:mark"]).await;
    assert_eq!(node.claim(log.claim()).await.unwrap(), ClaimOutcome::Granted);
    let keys = server.command(&["KEYS", "*"]).await;
    assert_eq!(keys.lines().count(), log.entries.len() + 4, "{keys}");
    assert!(keys.lines().all(|key| key.starts_with("{test}:")), "{keys}");
}

/// Two programs on one Redis.
#[tokio::test]
async fn namespaces_do_not_mix() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log) = whole().await;
    let other = settings().namespace("other".to_owned());
    let other = RedisBlacklist::connect(&server.url(), &other).await.unwrap();
    assert_eq!(says(&other).await, RevocationStatus::Incomplete);
    Log::new().rebuild(&other).await;
    assert_eq!(
        other
            .check(new_token(), super::fixture::session_of(&log.entries[0]))
            .await
            .unwrap(),
        RevocationStatus::NotRevoked
    );
    log.assert_all_is_well(&node).await;
}

/// Redis counts from when it receives the entry, which is after `at`; an hour more is for its clock.
#[tokio::test]
async fn redis_keeps_an_entry_longer_than_needed_but_not_forever() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, _) = whole().await;
    let base = revocation(new_session());
    for (until, least) in [
        (base.at + Duration::from_secs(900), Duration::from_secs(900)),
        (base.at, Duration::ZERO),
        (base.at - HOUR * 24, Duration::ZERO),
        (Timestamp::UNIX_EPOCH - HOUR, Duration::ZERO),
        (Timestamp::MIN, Duration::ZERO),
        (Timestamp::MAX, HOUR * 24 * 366 * 100),
    ] {
        let session = new_session();
        let entry = Revocation {
            until,
            ..revocation(session)
        };
        node.insert(&[entry]).await.unwrap();
        let key = format!("{{test}}:sid:{}", session.as_uuid());
        let stays = time_left(&server, &key).await;
        assert!(stays > least + HOUR / 2, "until {until}: {stays:?}");
        assert!(stays <= least + HOUR, "until {until}: {stays:?}");
        assert!(
            time_left(&server, "{test}:until").await >= stays - Duration::from_secs(1),
            "the index outlives it"
        );
        assert_eq!(
            node.check(new_token(), session).await.unwrap(),
            RevocationStatus::Revoked(Scope::Session(session))
        );
    }
}

/// A second insert with an earlier `until` does not shorten the time.
#[tokio::test]
async fn the_longer_time_stays_with_the_later_until() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, _) = whole().await;
    let long = revocation(new_session());
    let Scope::Session(session) = long.scope else {
        panic!("a session")
    };
    let short = Revocation {
        until: long.at,
        ..long.clone()
    };
    node.insert(std::slice::from_ref(&long)).await.unwrap();
    node.insert(&[short]).await.unwrap();
    let key = format!("{{test}}:sid:{}", session.as_uuid());
    assert!(time_left(&server, &key).await > HOUR);
    assert_eq!(
        server.command(&["GET", &key]).await,
        long.until.as_millisecond().to_string()
    );
}

#[tokio::test]
async fn pruning_removes_every_key_of_an_entry() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, mut log) = whole().await;
    // More than one script removes.
    let page: Vec<_> = (0..1200).map(|_| revocation(new_session())).collect();
    node.insert(&page).await.unwrap();
    let now = page[0].until;
    assert_eq!(node.prune(now, 700).await.unwrap(), 700);
    assert_eq!(node.prune(now, 0).await.unwrap(), 0);
    assert_eq!(node.prune(now, u32::MAX).await.unwrap(), 508);
    let keys = server.command(&["KEYS", "*"]).await;
    let mut keys: Vec<_> = keys.lines().collect();
    keys.sort_unstable();
    assert_eq!(keys, ["{test}:holders", "{test}:mark"]);
    log.entries.clear();
    log.assert_all_is_well(&node).await;
}

async fn time_left(server: &RedisServer, key: &str) -> Duration {
    let millis: i64 = server.command(&["PTTL", key]).await.parse().unwrap();
    Duration::from_millis(millis.try_into().unwrap())
}

fn impatient() -> RedisSettings {
    settings().timeout(Duration::from_secs(1))
}

async fn assert_unavailable_in_time(node: &RedisBlacklist) {
    let began = Instant::now();
    let asked = (0..20).map(|_| node.check(new_token(), new_session()));
    for outcome in join_all(asked).await {
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    }
    assert!(
        matches!(
            node.insert(&[revocation(new_session())]).await,
            Err(StoreError::Unavailable(_))
        ),
        "an insert was acknowledged without a server"
    );
    assert!(began.elapsed() < PATIENCE / 4, "{:?}", began.elapsed());
}

/// Connections stay open without a reply: the hardest fault to notice.
#[tokio::test]
async fn a_paused_redis_is_unavailable_in_time_and_then_answers() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, patient, log) = whole().await;
    let node = RedisBlacklist::connect(&server.url(), &impatient()).await.unwrap();
    until("the copy is complete", || async {
        matches!(node.claim(log.claim()).await, Ok(ClaimOutcome::CompleteTo(_)))
    })
    .await;
    server.pause();
    assert_unavailable_in_time(&node).await;
    server.resume();
    until("it answers again", || async {
        node.check(new_token(), new_session()).await.is_ok()
    })
    .await;
    log.assert_all_is_well(&patient).await;
}

/// The other nodes keep their connections.
#[tokio::test]
async fn a_cut_off_node_fails_in_time_and_later_sees_what_it_missed() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, elsewhere, mut log) = whole().await;
    let relay = TcpRelay::to(server.port()).await;
    let url = server.url_through(relay.port());
    let node = RedisBlacklist::connect(&url, &impatient()).await.unwrap();
    log.goes_on(&node).await;
    for frozen in [true, false] {
        if frozen {
            relay.freeze();
        } else {
            relay.cut().await;
        }
        assert_unavailable_in_time(&node).await;
        let session = log.log_out(&elsewhere).await;
        relay.restore().await;
        until("it answers again", || async {
            let standing = node.check(new_token(), session).await;
            assert_ne!(standing.as_ref().ok(), Some(&RevocationStatus::NotRevoked));
            standing.is_ok()
        })
        .await;
        until("all is well", || async {
            let _ = node.claim(log.claim()).await;
            node.check(new_token(), new_session()).await.ok() == Some(RevocationStatus::NotRevoked)
        })
        .await;
    }
}

/// A cancelled caller leaves a command behind; its reply must not be taken for that of the next command.
#[tokio::test]
async fn the_reply_to_a_cancelled_command_is_discarded() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, _, log) = whole().await;
    let one = settings().connections(1);
    let node = RedisBlacklist::connect(&server.url(), &one).await.unwrap();
    log.goes_on(&node).await;
    let revoked = super::fixture::session_of(&log.entries[0]);
    for nth in 0..50 {
        let broken_off = tokio::time::timeout(Duration::from_micros(nth * 5), node.check(new_token(), new_session()));
        let _ = broken_off.await;
        assert_eq!(
            node.check(new_token(), revoked).await.unwrap(),
            RevocationStatus::Revoked(Scope::Session(revoked))
        );
    }
}

#[tokio::test]
async fn a_timeout_error_names_the_waiting_time() {
    let Some(_) = needs(Tool::Redis) else { return };
    let server = RedisServer::start().await;
    let node = RedisBlacklist::connect(&server.url(), &impatient()).await.unwrap();
    server.pause();
    let error = node.check(new_token(), new_session()).await.unwrap_err();
    let words = in_full(&error);
    assert!(words.contains("1000 ms"), "{words}");
}
