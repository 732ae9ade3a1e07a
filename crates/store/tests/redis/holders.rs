//! Nodes that answer from their own copies, and logouts that wait for them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use rescind_session::{
    LogId, Position, Revocation,
    life::{LogPosition, LogSnapshot, RENEW_EVERY, Register},
    ports::{Blacklist, ClaimOutcome, LifeRegister, RebuildClaim, RebuildStep, RevocationStatus, StoreError},
};
use rescind_store::{RedisBlacklist, ReplicatedBlacklist};
use rescind_testkit::{RedisServer, Tool, needs, rounds};
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep},
};

use super::fixture::{PATIENCE, new_session, new_token, revocation, session_of, settings, until, uuid};

/// The database: the log and the register.
pub(crate) struct Sql {
    id: LogId,
    entries: Mutex<Vec<Revocation>>,
    timeline: AtomicU32,
    register: Mutex<Register>,
}

impl Sql {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            id: LogId::from_uuid(uuid()),
            entries: Mutex::default(),
            timeline: AtomicU32::new(1),
            register: Mutex::new(Register {
                life: None,
                generation: 0,
            }),
        })
    }

    /// The first step of a logout.
    pub(crate) fn commit(&self) -> Revocation {
        let mut entries = self.entries.lock().unwrap();
        let mut entry = revocation(new_session());
        entry.position = Position::new(entries.len() as u64 + 1);
        entries.push(entry.clone());
        entry
    }

    /// Promotes a standby that lacks the last entries.
    fn fail_over(&self, lacks: usize) {
        let mut entries = self.entries.lock().unwrap();
        let left = entries.len() - lacks;
        entries.truncate(left);
        self.timeline.fetch_add(1, Ordering::SeqCst);
    }

    fn after(&self, position: Position) -> Vec<Revocation> {
        let entries = self.entries.lock().unwrap();
        entries
            .iter()
            .filter(|entry| entry.position > position)
            .cloned()
            .collect()
    }
}

#[async_trait]
impl LifeRegister for Sql {
    async fn life_in_force(&self) -> Result<(LogSnapshot, Register), StoreError> {
        let snapshot = LogSnapshot {
            log: self.id,
            timeline: self.timeline.load(Ordering::SeqCst),
            is_standby: false,
            head: Position::new(self.entries.lock().unwrap().len() as u64),
            found: None,
        };
        Ok((snapshot, self.register.lock().unwrap().clone()))
    }

    async fn set_life(&self, over: u64, next: &Register) -> Result<bool, StoreError> {
        let mut register = self.register.lock().unwrap();
        let is_set = register.generation == over;
        if is_set {
            *register = next.clone();
        }
        Ok(is_set)
    }
}

/// One sync, as each node makes it twice a second.
async fn sync(sql: &Sql, node: &dyn Blacklist) -> Result<(), StoreError> {
    let claim = RebuildClaim {
        log: sql.id,
        nonce: uuid(),
    };
    let (mut at, fills) = match node.claim(claim).await? {
        ClaimOutcome::CompleteTo(place) | ClaimOutcome::CopyBehind { copy: place, .. } => (place, false),
        ClaimOutcome::Granted => (LogPosition::START, true),
        _ => return Ok(()),
    };
    for page in sql.after(at.position).chunks(100) {
        let to = LogPosition {
            position: page[page.len() - 1].position,
            entry: None,
        };
        let step = match fills {
            true => node.fill(claim, page).await?,
            false => node.advance(claim, at.position, to, page).await?,
        };
        if step == RebuildStep::ClaimLost {
            return Ok(());
        }
        at = to;
    }
    let _ = node.complete_to(claim, at).await?;
    Ok(())
}

/// One sync of each node; whether all of them answer from their copies then.
async fn all_hold(sql: &Sql, nodes: [&Node; 2]) -> bool {
    let mut hold = true;
    for node in nodes {
        let _ = sync(sql, &*node.blacklist).await;
        hold &= node.blacklist.has_lease();
    }
    hold
}

/// A node with its maintenance.
pub(crate) struct Node {
    pub(crate) blacklist: Arc<ReplicatedBlacklist>,
    maintenance: [AbortHandle; 2],
}

impl Node {
    pub(crate) async fn start(url: &str, sql: &Arc<Sql>, timeout: Duration) -> Self {
        let redis = RedisBlacklist::connect(url, &settings().timeout(timeout))
            .await
            .unwrap();
        redis.set_register(sql.clone());
        let blacklist = ReplicatedBlacklist::new(Arc::new(redis), ReplicatedBlacklist::LEASE);
        let (renewed, synced, log) = (blacklist.clone(), blacklist.clone(), sql.clone());
        let renewing = tokio::spawn(async move {
            loop {
                let _ = renewed.renew().await;
                sleep(RENEW_EVERY).await;
            }
        });
        let syncing = tokio::spawn(async move {
            loop {
                let _ = sync(&log, &*synced).await;
                sleep(Duration::from_millis(200)).await;
            }
        });
        let node = Self {
            blacklist,
            maintenance: [renewing.abort_handle(), syncing.abort_handle()],
        };
        node.until_it_holds().await;
        node
    }

    async fn until_it_holds(&self) {
        until("the node answers from its copy", || async {
            self.blacklist.has_lease()
        })
        .await;
    }

    pub(crate) async fn status(&self, entry: &Revocation) -> Option<RevocationStatus> {
        self.blacklist.check(new_token(), session_of(entry)).await.ok()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.maintenance.iter().for_each(AbortHandle::abort);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answered_logout_is_refused_by_every_copy_without_a_round_trip() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, sql) = (RedisServer::start().await, Sql::new());
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Node::start(&server.url(), &sql, PATIENCE).await);
    }
    let (mut times, mut from_copies) = (Vec::new(), 0);
    for round in 0..rounds(100, 10_000) as usize {
        let entry = sql.commit();
        let begun = Instant::now();
        nodes[round % 3]
            .blacklist
            .insert(std::slice::from_ref(&entry))
            .await
            .unwrap();
        times.push(begun.elapsed());
        for node in &nodes {
            from_copies += u32::from(node.blacklist.has_lease());
            assert_eq!(node.status(&entry).await, Some(RevocationStatus::Revoked(entry.scope)));
        }
    }
    times.sort_unstable();
    eprintln!(
        "p50 {:?}, longest {:?}, {from_copies} from copies",
        times[times.len() / 2],
        times[times.len() - 1]
    );
    assert!(from_copies > 0);
    // A revoked session is refused, and another one accepted, without a command.
    until("checks without a command", || async {
        let calls = |stats: String| {
            stats
                .lines()
                .filter(|line| line.starts_with("cmdstat_mget"))
                .collect::<String>()
        };
        let before = calls(server.command(&["INFO", "commandstats"]).await);
        for _ in 0..20 {
            let status = nodes[0].blacklist.check(new_token(), new_session()).await.unwrap();
            assert_eq!(status, RevocationStatus::NotRevoked);
        }
        calls(server.command(&["INFO", "commandstats"]).await) == before
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logouts_at_several_nodes_at_once_are_refused_by_every_copy() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, sql) = (RedisServer::start().await, Sql::new());
    let first = Node::start(&server.url(), &sql, PATIENCE).await;
    let nodes = Arc::new([first, Node::start(&server.url(), &sql, PATIENCE).await]);
    let mut revoking = tokio::task::JoinSet::new();
    for person in 0..6 {
        let (nodes, sql) = (nodes.clone(), sql.clone());
        revoking.spawn(async move {
            for _ in 0..rounds(60, 1_000) {
                let entry = sql.commit();
                nodes[person % 2]
                    .blacklist
                    .insert(std::slice::from_ref(&entry))
                    .await
                    .unwrap();
                for node in &*nodes {
                    assert_eq!(node.status(&entry).await, Some(RevocationStatus::Revoked(entry.scope)));
                }
            }
        });
    }
    revoking.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_died_delays_a_logout_by_its_lease() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, sql) = (RedisServer::start().await, Sql::new());
    let first = Node::start(&server.url(), &sql, PATIENCE).await;
    // On a busy machine its lease may have ended before the logout begins.
    until("a logout waits for a lease", || {
        let (first, server, sql) = (&first, &server, &sql);
        async move {
            drop(Node::start(&server.url(), sql, PATIENCE).await);
            let begun = Instant::now();
            first.blacklist.insert(&[sql.commit()]).await.unwrap();
            assert!(begun.elapsed() < Duration::from_secs(10));
            begun.elapsed() > Duration::from_millis(100)
        }
    })
    .await;
    // Its row is still there: no clock of Redis removed it, and a later logout need not wait.
    let rows = server.command(&["HLEN", "{test}:holders"]).await;
    assert!(
        rows.parse::<u32>().unwrap() > 3,
        "the name, the head, and two rows: {rows}"
    );
}

/// A standby of the database takes over, and no node knows of its timeline yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_logout_right_after_a_failover_is_not_confirmed_by_what_the_copies_had_before() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, sql) = (RedisServer::start().await, Sql::new());
    let first = Node::start(&server.url(), &sql, PATIENCE).await;
    let second = Node::start(&server.url(), &sql, PATIENCE).await;
    for node in [&first, &second] {
        node.maintenance.iter().for_each(AbortHandle::abort);
    }
    let mut unconfirmed = 0;
    for _ in 0..3 {
        until("logouts are confirmed, and the copies answer", || async {
            for node in [&first, &second] {
                let _ = node.blacklist.renew().await;
            }
            let hold = all_hold(&sql, [&first, &second]).await;
            first.blacklist.insert(&[sql.commit()]).await.is_ok() && hold
        })
        .await;
        // In one call: the trust of the last renewal ends after a second.
        let five: Vec<_> = (0..5).map(|_| sql.commit()).collect();
        first.blacklist.insert(&five).await.unwrap();
        sql.fail_over(5);
        let entry = sql.commit();
        let answered = first.blacklist.insert(std::slice::from_ref(&entry)).await;
        unconfirmed += u32::from(answered.is_err());
        let status = second.status(&entry).await;
        assert!(
            answered.is_err() || status != Some(RevocationStatus::NotRevoked),
            "{status:?}"
        );
    }
    assert!(unconfirmed > 0, "the failover was known each time");
}

/// A standby takes over that lacks the last entries, and their positions are given again. What the copies were told of them
/// under the earlier timeline must not count for the later ones.
#[tokio::test(flavor = "multi_thread")]
async fn positions_that_a_promoted_standby_gives_again_confirm_no_logout() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, sql) = (RedisServer::start().await, Sql::new());
    let first = Node::start(&server.url(), &sql, PATIENCE).await;
    let second = Node::start(&server.url(), &sql, PATIENCE).await;
    // From here on the test makes each sync, so that none hides what a copy lacks.
    for node in [&first, &second] {
        node.maintenance[1].abort();
    }
    for _ in 0..5 {
        first.blacklist.insert(&[sql.commit()]).await.unwrap();
    }
    sql.fail_over(5);
    let (begun, mut from_copies) = (Instant::now(), 0);
    while from_copies < 5 {
        assert!(
            begun.elapsed() < PATIENCE,
            "{from_copies} logouts were confirmed while the copies answered"
        );
        sleep(Duration::from_millis(20)).await;
        let hold = all_hold(&sql, [&first, &second]).await;
        let table = server.command(&["HGET", "{test}:holders", "term"]).await;
        if !hold || !table.contains(" 2 ") {
            continue;
        }
        let entry = sql.commit();
        let answered = first.blacklist.insert(std::slice::from_ref(&entry)).await;
        let answers = second.blacklist.has_lease();
        let status = second.status(&entry).await;
        assert!(
            answered.is_err() || status != Some(RevocationStatus::NotRevoked),
            "{status:?}"
        );
        from_copies += u32::from(answered.is_ok() && answers);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_flush_a_logout_is_pending_until_no_earlier_lease_can_be_left() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, sql) = (RedisServer::start().await, Sql::new());
    let first = Node::start(&server.url(), &sql, Duration::from_millis(500)).await;
    let second = Node::start(&server.url(), &sql, Duration::from_millis(500)).await;
    for _ in 0..rounds(2, 20) {
        first.until_it_holds().await;
        second.until_it_holds().await;
        server.command(&["FLUSHALL"]).await;
        let entry = sql.commit();
        let begun = Instant::now();
        assert!(
            first.blacklist.insert(std::slice::from_ref(&entry)).await.is_err(),
            "nothing was waited for"
        );
        until("a repeat confirms it", || async {
            first.blacklist.insert(std::slice::from_ref(&entry)).await.is_ok()
        })
        .await;
        assert!(begun.elapsed() > Duration::from_secs(1), "{:?}", begun.elapsed());
        for node in [&first, &second] {
            assert_ne!(node.status(&entry).await, Some(RevocationStatus::NotRevoked));
        }
    }
}

/// A node that reads directly waits for holders as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_reads_directly_waits_for_the_copies_too() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, sql) = (RedisServer::start().await, Sql::new());
    let holder = Node::start(&server.url(), &sql, PATIENCE).await;
    let direct = RedisBlacklist::connect(&server.url(), &settings()).await.unwrap();
    direct.set_register(sql.clone());
    let direct = Arc::new(direct);
    until("it is trusted", || async {
        let _ = direct.renew().await;
        let _ = sync(&sql, &*direct).await;
        direct
            .check(new_token(), new_session())
            .await
            .is_ok_and(|status| status == RevocationStatus::NotRevoked)
    })
    .await;
    for _ in 0..rounds(20, 500) {
        let _ = direct.renew().await;
        let entry = sql.commit();
        direct.insert(std::slice::from_ref(&entry)).await.unwrap();
        assert_eq!(
            holder.status(&entry).await,
            Some(RevocationStatus::Revoked(entry.scope))
        );
    }
}

/// Of a later release, or written by hand: the node may have a lease.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_confirms_no_logout() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, sql) = (RedisServer::start().await, Sql::new());
    let node = Node::start(&server.url(), &sql, PATIENCE).await;
    node.blacklist.insert(&[sql.commit()]).await.unwrap();
    let row = [
        "HSET",
        "{test}:holders",
        "00000000-0000-0000-0000-000000000001",
        "seven",
    ];
    server.command(&row).await;
    assert!(node.blacklist.insert(&[sql.commit()]).await.is_err());
}

/// Its renewals are held up, and Redis still answers reads: each check asks Redis.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_lease_has_ended_reads_directly() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, sql) = (RedisServer::start().await, Sql::new());
    let node = Node::start(&server.url(), &sql, PATIENCE).await;
    let reads = async || {
        let stats = server.command(&["INFO", "commandstats"]).await;
        let mget = stats.lines().find(|line| line.starts_with("cmdstat_mget"));
        mget.map(str::to_owned)
    };
    until("a check without a lease asks Redis", || async {
        node.until_it_holds().await;
        // Shorter than the trust in Redis.
        server.command(&["CLIENT", "PAUSE", "600", "WRITE"]).await;
        until("the lease has ended", || async { !node.blacklist.has_lease() }).await;
        let before = reads().await;
        let status = node.blacklist.check(new_token(), new_session()).await;
        let asked = !node.blacklist.has_lease() && reads().await != before;
        server.command(&["CLIENT", "UNPAUSE"]).await;
        asked && status.is_ok_and(|status| status == RevocationStatus::NotRevoked)
    })
    .await;
}
