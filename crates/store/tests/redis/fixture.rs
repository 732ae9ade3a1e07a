//! A revocation log that is only a list, nodes that fill a blacklist from it, and assertions about their answers.

use std::{
    future::Future,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use jiff::Timestamp;
use rescind_session::{
    EndReason, LogId, Position, Revocation, Scope,
    life::LogPosition,
    ports::{Blacklist, ClaimOutcome, RebuildClaim, RebuildStep, RevocationStatus, StoreError},
    token::{SessionId, TokenId, UserId},
};
use rescind_store::{RedisBlacklist, RedisSettings};
use rescind_testkit::RedisServer;
use uuid::Uuid;

/// Far more than any wait here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) fn uuid() -> Uuid {
    Uuid::from_u128(u128::from(number()))
}

pub(crate) fn new_token() -> TokenId {
    TokenId::from_uuid(uuid())
}

pub(crate) fn new_session() -> SessionId {
    SessionId::from_uuid(uuid())
}

/// The node's connections to that Redis.
pub(crate) async fn node(url: &str) -> RedisBlacklist {
    RedisBlacklist::connect(url, &settings()).await.unwrap()
}

pub(crate) fn settings() -> RedisSettings {
    RedisSettings::default()
        .timeout(Duration::from_secs(10))
        .namespace("test".to_owned())
}

pub(crate) fn revocation(session: SessionId) -> Revocation {
    let at: Timestamp = "2031-05-04T12:00:00Z".parse().unwrap();
    Revocation {
        position: Position::new(number()),
        scope: Scope::Session(session),
        user: UserId::from(uuid()),
        at,
        until: at + Duration::from_secs(15 * 60),
        cause: EndReason::Logout,
    }
}

/// The revocation log.
pub(crate) struct Log {
    id: LogId,
    pub(crate) entries: Vec<Revocation>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            id: LogId::from_uuid(uuid()),
            entries: Vec::new(),
        }
    }

    /// A claim with a new nonce.
    pub(crate) fn claim(&self) -> RebuildClaim {
        RebuildClaim {
            log: self.id,
            nonce: uuid(),
        }
    }

    /// Only the first step of a logout.
    pub(crate) fn append(&mut self) -> (SessionId, Revocation) {
        let session = new_session();
        let entry = revocation(session);
        self.entries.push(entry.clone());
        (session, entry)
    }

    /// An acknowledged logout.
    pub(crate) async fn log_out(&mut self, node: &RedisBlacklist) -> SessionId {
        let (session, entry) = self.append();
        node.insert(&[entry]).await.unwrap();
        session
    }

    /// Claims, fills and completes, as a node does with an incomplete copy.
    pub(crate) async fn rebuild(&self, node: &RedisBlacklist) {
        let claim = self.claim();
        assert_eq!(node.claim(claim).await.unwrap(), ClaimOutcome::Granted);
        for page in self.entries.chunks(3) {
            assert_eq!(node.fill(claim, page).await.unwrap(), RebuildStep::Accepted);
        }
        assert_eq!(node.complete(claim).await.unwrap(), RebuildStep::Accepted);
        self.assert_all_is_well(node).await;
    }

    /// Syncs a copy that is complete up to some entry, as each node does twice a second.
    pub(crate) async fn goes_on(&self, node: &RedisBlacklist) {
        let claim = self.claim();
        let copied = node.claim(claim).await.unwrap();
        let ClaimOutcome::CompleteTo(place) = copied else {
            panic!("{copied:?}");
        };
        assert_eq!(
            self.advance_from(node, claim, place).await.unwrap(),
            RebuildStep::Accepted
        );
    }

    pub(crate) async fn advance_from(
        &self,
        node: &RedisBlacklist,
        claim: RebuildClaim,
        mut from: LogPosition,
    ) -> Result<RebuildStep, StoreError> {
        let later: Vec<_> = self
            .entries
            .iter()
            .filter(|entry| entry.position > from.position)
            .cloned()
            .collect();
        for page in later.chunks(3) {
            let to = LogPosition {
                position: page[page.len() - 1].position,
                entry: None,
            };
            if node.advance(claim, from.position, to, page).await? == RebuildStep::ClaimLost {
                return Ok(RebuildStep::ClaimLost);
            }
            from = to;
        }
        node.complete_to(claim, from).await
    }

    /// Every revoked session is refused; another one is accepted.
    pub(crate) async fn assert_all_is_well(&self, node: &RedisBlacklist) {
        for entry in &self.entries {
            let standing = node.check(new_token(), session_of(entry)).await.unwrap();
            assert_eq!(standing, RevocationStatus::Revoked(entry.scope));
        }
        assert_eq!(says(node).await, RevocationStatus::NotRevoked);
    }

    /// No session is accepted, revoked or not. A failed check also accepts none.
    pub(crate) async fn assert_no_session_passes(&self, node: &RedisBlacklist) {
        for entry in &self.entries {
            if let Ok(standing) = node.check(new_token(), session_of(entry)).await {
                assert_ne!(standing, RevocationStatus::NotRevoked, "a revoked session was let in");
            }
        }
        if let Ok(standing) = node.check(new_token(), new_session()).await {
            assert_eq!(standing, RevocationStatus::Incomplete);
        }
    }
}

pub(crate) fn session_of(entry: &Revocation) -> SessionId {
    match entry.scope {
        Scope::Session(session) => session,
        Scope::Token(_) => panic!("these logs have sessions only"),
    }
}

/// The answer for a session that is not revoked.
pub(crate) async fn says(node: &RedisBlacklist) -> RevocationStatus {
    node.check(new_token(), new_session()).await.unwrap()
}

/// A server, a node, and a log of a few logouts that the node has filled in.
pub(crate) async fn whole() -> (RedisServer, RedisBlacklist, Log) {
    let server = RedisServer::start().await;
    let node = node(&server.url()).await;
    let mut log = Log::new();
    for _ in 0..8 {
        log.append();
    }
    log.rebuild(&node).await;
    (server, node, log)
}

/// Waits for a condition.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "never: {what}");
}

/// An error and its causes, as the log prints them.
pub(crate) fn in_full(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

/// Runs all of them concurrently and returns their outcomes.
pub(crate) async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = futures.map(Box::pin).collect();
    let mut outcomes = Vec::new();
    std::future::poll_fn(|context| {
        pending.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(outcome) => {
                outcomes.push(outcome);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pending.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    outcomes
}

/// Makes one server a replica of the other, and waits until it has all of its data.
pub(crate) async fn follow(replica: &RedisServer, primary: &RedisServer) {
    // By default the primary waits five seconds for more replicas.
    primary
        .command(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"])
        .await;
    let port = primary.port().to_string();
    replica.command(&["REPLICAOF", "127.0.0.1", &port]).await;
    until("the replica has caught up", || async {
        replica.info("master_link_status").await == "up"
    })
    .await;
}
