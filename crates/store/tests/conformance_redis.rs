//! The conformance suite on a real Redis: on a single server, on a cluster, where checks use other code, and
//! read from a copy. Each case
//! has a namespace of its own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use rescind_store::{RedisBlacklist, RedisSettings, ReplicatedBlacklist};
use rescind_testkit::{RedisServer, Tool, needs};
use tokio::sync::OnceCell;

async fn empty_at(url: &str) -> Arc<RedisBlacklist> {
    static CASES: AtomicU32 = AtomicU32::new(0);
    let settings = RedisSettings::default()
        // These cases do not test time limits.
        .timeout(Duration::from_secs(30))
        .namespace(format!("case{}", CASES.fetch_add(1, Ordering::Relaxed)));
    Arc::new(RedisBlacklist::connect(url, &settings).await.unwrap())
}

mod single {
    use super::*;

    async fn empty() -> Option<(Arc<RedisBlacklist>, ())> {
        static SERVER: OnceCell<RedisServer> = OnceCell::const_new();
        needs(Tool::Redis)?;
        let server = SERVER.get_or_init(RedisServer::start).await;
        Some((empty_at(&server.url()).await, ()))
    }

    rescind_conformance::blacklist_conformance!(empty);
}

mod replicated {
    use super::*;

    async fn empty() -> Option<(Arc<ReplicatedBlacklist>, ())> {
        static SERVER: OnceCell<RedisServer> = OnceCell::const_new();
        needs(Tool::Redis)?;
        let server = SERVER.get_or_init(RedisServer::start).await;
        let redis = empty_at(&server.url()).await;
        Some((ReplicatedBlacklist::new(redis, ReplicatedBlacklist::LEASE), ()))
    }

    rescind_conformance::blacklist_conformance!(empty);
}

mod cluster {
    use super::*;

    /// One node, which has all slots.
    async fn start() -> RedisServer {
        let server = RedisServer::with(&["--cluster-enabled", "yes"]).await;
        server.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
        while !server.command(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server
    }

    async fn empty() -> Option<(Arc<RedisBlacklist>, ())> {
        static SERVER: OnceCell<RedisServer> = OnceCell::const_new();
        needs(Tool::Redis)?;
        let server = SERVER.get_or_init(start).await;
        let url = server.url().replace("redis://", "redis+cluster://");
        Some((empty_at(&url).await, ()))
    }

    rescind_conformance::blacklist_conformance!(empty);
}
