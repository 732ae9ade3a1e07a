//! Several Redis servers with failover: by sentinels, and as a cluster.

use std::time::Duration;

use tokio::time::timeout;

use crate::port::free_port;
use crate::redis_server::RedisServer;

/// Far more than a failover takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long one server may take to answer before another is asked.
const ONE_ANSWER: Duration = Duration::from_secs(1);
/// How long a server is silent before the others count it as failed.
const FAILED_AFTER_MS: &str = "1000";
/// The name under which the sentinels watch their primary.
const NAME: &str = "main";
const CLUSTER_SLOTS: usize = 16_384;
const CLUSTER_PRIMARIES: usize = 3;

/// A primary, its replica, and three sentinels of which two make a quorum. Dropping it ends them all.
#[derive(Debug)]
pub struct RedisSentinels {
    /// The two servers; the first is the primary at the start.
    pub servers: [RedisServer; 2],
    /// The three sentinels.
    pub sentinels: [RedisServer; 3],
}

impl RedisSentinels {
    /// Starts all five, and waits until each sentinel knows all others.
    ///
    /// # Panics
    /// If that does not happen.
    pub async fn start() -> Self {
        let primary = RedisServer::start().await;
        let (host, port) = ("127.0.0.1", primary.port().to_string());
        let replica = RedisServer::with(&["--repl-diskless-sync-delay", "0", "--replicaof", host, &port]).await;
        // The primary becomes a replica later.
        primary
            .command(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"])
            .await;
        until("the replica follows", async || {
            replica.info("master_link_status").await == "up"
        })
        .await;
        let sentinels = [
            Self::sentinel(&port).await,
            Self::sentinel(&port).await,
            Self::sentinel(&port).await,
        ];
        let group = Self {
            servers: [primary, replica],
            sentinels,
        };
        until("the sentinels know everybody", async || {
            let mut complete = true;
            for sentinel in &group.sentinels {
                let known = sentinel.command(&["SENTINEL", "MASTER", NAME]).await;
                let count = |field| field_after(&known, field).is_some_and(|count| count != "0");
                complete &= field_after(&known, "num-other-sentinels") == Some("2") && count("num-slaves");
            }
            complete
        })
        .await;
        group
    }

    async fn sentinel(port: &str) -> RedisServer {
        let sentinel = RedisServer::with(&["--sentinel"]).await;
        sentinel
            .command(&["SENTINEL", "MONITOR", NAME, "127.0.0.1", port, "2"])
            .await;
        for (setting, value) in [
            ("down-after-milliseconds", FAILED_AFTER_MS),
            ("failover-timeout", "5000"),
        ] {
            sentinel.command(&["SENTINEL", "SET", NAME, setting, value]).await;
        }
        sentinel
    }

    /// `redis+sentinel://…`, as `REDIS_URL` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts = self.sentinels.each_ref().map(|s| format!("127.0.0.1:{}", s.port()));
        format!("redis+sentinel://{}/{NAME}", hosts.join(","))
    }

    /// Which of [`servers`](Self::servers) the majority of the answering sentinels names.
    pub async fn primary(&self) -> usize {
        let mut votes = [0, 0];
        for sentinel in &self.sentinels {
            let question = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME];
            if let Ok(Ok(answer)) = timeout(ONE_ANSWER, sentinel.attempt(&question)).await {
                let is_first = answer.ends_with(&self.servers[0].port().to_string());
                votes[usize::from(!is_first)] += 1;
            }
        }
        usize::from(votes[1] > votes[0])
    }

    /// A planned failover: no server is down. Returns when the sentinels name the other server and it is a primary. The
    /// old one continues as a primary for some seconds.
    ///
    /// # Panics
    /// If that does not happen.
    pub async fn fail_over(&self) {
        let before = self.primary().await;
        let leaving = self.servers[before].port().to_string();
        // It is refused while an earlier failover is not settled, or the replica has not been seen lately; and one that
        // was begun may be given up. It is not requested again once this sentinel names the other server: that would
        // lead back.
        until("a sentinel names the other server", async || {
            let named = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME];
            let named = self.sentinels[0].attempt(&named).await;
            if named.as_ref().is_ok_and(|address| address.ends_with(&leaving)) {
                let _ = self.sentinels[0].attempt(&["SENTINEL", "FAILOVER", NAME]).await;
            }
            named.is_ok_and(|address| !address.ends_with(&leaving))
        })
        .await;
        self.await_primary(1 - before).await;
    }

    /// Waits until the sentinels name that server, and it is a primary.
    ///
    /// # Panics
    /// If that does not happen.
    pub async fn await_primary(&self, server: usize) {
        until("the other server is the primary", async || {
            self.primary().await == server && self.servers[server].info("role").await == "master"
        })
        .await;
    }
}

/// A cluster of three primaries, each with a replica. Dropping it ends them all.
#[derive(Debug)]
pub struct RedisCluster {
    /// The six servers; the first three are the primaries at the start.
    pub servers: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts all six and waits until the cluster is complete.
    ///
    /// # Panics
    /// If that does not happen.
    pub async fn start() -> Self {
        let mut servers = Vec::new();
        let mut meetings = Vec::new();
        for _ in 0..2 * CLUSTER_PRIMARIES {
            let bus = free_port().to_string();
            let arguments = [
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-node-timeout",
                FAILED_AFTER_MS,
                "--repl-diskless-sync-delay",
                "0",
            ];
            let server = RedisServer::with(&arguments).await;
            meetings.push((server.port().to_string(), bus));
            servers.push(server);
        }
        let cluster = Self { servers };
        for (port, bus) in &meetings[1..] {
            let meet = ["CLUSTER", "MEET", "127.0.0.1", port, bus];
            cluster.servers[0].command(&meet).await;
        }
        cluster.until_info("everybody has met", "cluster_known_nodes:6").await;
        for (index, server) in cluster.servers[..CLUSTER_PRIMARIES].iter().enumerate() {
            let bound = |index: usize| (CLUSTER_SLOTS * index).div_ceil(CLUSTER_PRIMARIES);
            let (first, last) = (bound(index).to_string(), (bound(index + 1) - 1).to_string());
            // Otherwise all of them begin at the same epoch, and take a while to resolve the conflict.
            let epoch = (index + 1).to_string();
            let _ = server.attempt(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await;
            server.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]).await;
        }
        cluster
            .until_info("all slots have an owner", "cluster_slots_ok:16384")
            .await;
        for (index, replica) in cluster.servers[CLUSTER_PRIMARIES..].iter().enumerate() {
            let primary = cluster.servers[index].command(&["CLUSTER", "MYID"]).await;
            replica.command(&["CLUSTER", "REPLICATE", &primary]).await;
        }
        for replica in &cluster.servers[CLUSTER_PRIMARIES..] {
            until("the replicas follow", async || {
                replica.info("role").await == "slave" && replica.info("master_link_status").await == "up"
            })
            .await;
        }
        cluster.until_info("the cluster is up", "cluster_state:ok").await;
        cluster
    }

    /// `redis+cluster://…`, as `REDIS_URL` takes it: all six.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.servers.iter().map(|s| format!("127.0.0.1:{}", s.port())).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// The slot of a key.
    pub async fn slot_of(&self, key: &str) -> usize {
        let slot = self.servers[0].command(&["CLUSTER", "KEYSLOT", key]).await;
        slot.parse().unwrap_or_else(|_| panic!("no slot: {slot}"))
    }

    /// The primary of a slot, as the server `asked` sees it; `None` if it does not answer.
    pub async fn owner(&self, slot: usize, asked: usize) -> Option<usize> {
        let question = self.servers[asked].attempt(&["CLUSTER", "NODES"]);
        let nodes = timeout(ONE_ANSWER, question).await.ok()?.ok()?;
        let has_it = |line: &&str| {
            line.split(' ').skip(8).any(|range| {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                matches!((first.parse(), last.parse()), (Ok(first), Ok(last)) if (first..=last).contains(&slot))
            })
        };
        let line = nodes.lines().find(has_it)?;
        let (_, port) = line.split(' ').nth(1)?.split_once(':')?;
        let port: u16 = port.split('@').next()?.parse().ok()?;
        self.servers.iter().position(|server| server.port() == port)
    }

    /// The server that follows this primary.
    ///
    /// # Panics
    /// If none does.
    pub async fn replica_of(&self, primary: usize) -> usize {
        let port = self.servers[primary].port().to_string();
        for (index, server) in self.servers.iter().enumerate() {
            if index != primary
                && let Ok(Ok(info)) = timeout(ONE_ANSWER, server.attempt(&["INFO", "replication"])).await
                && info.contains(&format!("master_port:{port}\r"))
            {
                return index;
            }
        }
        panic!("no replica of server {primary}");
    }

    /// Moves a slot with its keys to another primary, one key at a time, as an administrator does.
    ///
    /// # Panics
    /// If a server refuses a step.
    pub async fn migrate(&self, slot: usize, from: usize, to: usize) {
        let (source, target) = (&self.servers[from], &self.servers[to]);
        let (source_id, target_id) = (
            source.command(&["CLUSTER", "MYID"]).await,
            target.command(&["CLUSTER", "MYID"]).await,
        );
        let slot = &slot.to_string();
        let port = target.port().to_string();
        target
            .command(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &source_id])
            .await;
        source
            .command(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &target_id])
            .await;
        loop {
            let key = source.command(&["CLUSTER", "GETKEYSINSLOT", slot, "1"]).await;
            if key.is_empty() {
                break;
            }
            source
                .command(&["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"])
                .await;
        }
        for server in [target, source] {
            server.command(&["CLUSTER", "SETSLOT", slot, "NODE", &target_id]).await;
        }
    }

    async fn until_info(&self, what: &str, line: &str) {
        for server in &self.servers {
            until(what, async || server.command(&["CLUSTER", "INFO"]).await.contains(line)).await;
        }
    }
}

/// The line after the one with the name, in the answer of `SENTINEL MASTER`.
fn field_after<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.lines().skip_while(|line| *line != name).nth(1)
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(DEADLINE, waiting).await.is_ok(), "never: {what}");
}
