//! The lock on a Postgres database: advisory, of a session of its own.
//!
//! Postgres frees such a lock when the session ends: the server failed, an administrator ended the session, the network
//! was down for long. The client may notice late or never, and meanwhile another node has the lock. So holding it is a
//! belief, renewed by a heartbeat: a query, twice a second, whether this session has the lock.
//!
//! # Why two nodes never believe at once
//! A *beat* is a heartbeat that was answered well. Each node measures durations by its own counter of the time since
//! boot, which cannot be set and which continues while the machine sleeps.
//!
//! 1. A node believes until [`BELIEF`] (2 s) after its last beat **began**. The server answered after that, so at some
//!    moment since then the session had the lock: a node that gets a conflicting lock gets it after the beat began.
//! 2. A node that gets the lock does not count it before a beat that began [`PAUSE`] (3 s) after the lock was granted.
//!    By then 3 s have passed since the predecessor's last beat began, and the predecessor has stopped believing, even
//!    if it is cut off, stopped, or asleep. The second in between is for counters that run at different speeds: it
//!    allows for a third.
//! 3. A node that shares the lock need not wait if another sharer **has waited** and still holds it: no node was alone
//!    in the meantime. Those who have waited hold a second lock ([`SETTLED`]), on the same session.
//! 4. A node that lost the lock need not wait if it is back before [`BELIEF`] has passed since its own last beat began:
//!    another node that was granted the lock in between cannot have counted it (2), and does not have it any more.
//! 5. Each node that has waited draws a new [`Mark`] in the database before it counts the lock. A node that lost the
//!    lock, and is back later, need not wait either if it finds the mark that it read at its last beat: no other node
//!    has counted the lock since. So a server that was away is used again at once. A promoted standby may lack a mark,
//!    so its history is part of the mark.
//!
//! A slow beat on the same session proves as much as a quick one: the session never ended, so no other node had the
//! lock in between, and belief returns without a pause. Therefore a slow beat is awaited ([`GIVE_UP`]), and the session
//! that holds the lock is kept.
//!
//! **What is not promised.** A virtual machine that is stopped as a whole, with its counters, still believes until its
//! next beat, half a second after it continues. Two servers that both act as the primary grant two locks.
//!
//! **A pooler** that gives each transaction another session (PgBouncer with `pool_mode=transaction`) would keep the
//! lock after its holder is gone. So the claim checks for one before it takes the lock.

use std::{
    error::Error,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rescind_session::{MachineClock, SystemClock, supervise};
use sea_orm::sqlx::{
    self, AssertSqlSafe, ConnectOptions as _, Row as _,
    postgres::{PgConnectOptions, PgConnection, PgRow},
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{DatabaseLockError, LockMode};
use crate::sql::{ConnectError, read_postgres_url, refuse_pooler};

/// Between two heartbeats.
const BEAT: Duration = Duration::from_millis(500);
/// How long a beat is believed, from its beginning.
const BELIEF: Duration = Duration::from_secs(2);
/// How long a lock is held before it counts. Longer than [`BELIEF`].
const PAUSE: Duration = Duration::from_secs(3);
/// How long to wait for a reply before the session is given up. By then no node believes in it.
const GIVE_UP: Duration = Duration::from_secs(5);
/// How long a start waits for another node's lock: the server may still have the session of a process that was killed a
/// moment ago.
const PATIENCE: Duration = Duration::from_secs(2);
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// The two numbers of an advisory lock: the program ("RSCD"), and the purpose. Locks belong to one database, not to the
/// server.
const CLASS: i32 = 0x5253_4344;
/// Held by every node.
const DATABASE: i32 = 1;
/// Held by sharers that have waited.
const SETTLED: i32 = 2;

type Act = Box<dyn Fn() + Send + Sync>;

/// A lock that a task keeps. Dropping it ends the session.
pub(super) struct Kept {
    belief: Arc<Belief>,
    keeper: JoinHandle<()>,
}

impl Kept {
    pub(super) fn holds(&self) -> bool {
        self.belief.holds()
    }

    pub(super) async fn settled(&self) {
        // The sender lives as long as this.
        let _ = self.belief.settled.subscribe().wait_for(|settled| *settled).await;
    }

    pub(super) fn when_regained(&self, act: Act) {
        let _ = self.belief.when_regained.set(act);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.belief.end();
        self.keeper.abort();
    }
}

/// This node's belief, and since when.
#[derive(Default)]
struct Belief {
    clock: SystemClock,
    /// When the last beat began, in microseconds since boot; 0 for none that counts.
    began: AtomicU64,
    /// Whether a beat has counted, and none has failed since.
    settled: watch::Sender<bool>,
    when_regained: OnceLock<Act>,
}

impl Belief {
    fn holds(&self) -> bool {
        let began = Duration::from_micros(self.began.load(Ordering::SeqCst));
        !began.is_zero() && self.clock.since_boot().saturating_sub(began) <= BELIEF
    }

    fn renew(&self, began: Duration) {
        let micros = u64::try_from(began.as_micros()).unwrap_or(0);
        self.began.store(micros, Ordering::SeqCst);
        self.settled
            .send_if_modified(|settled| !std::mem::replace(settled, true));
    }

    fn end(&self) {
        self.began.store(0, Ordering::SeqCst);
        self.settled.send_replace(false);
    }
}

/// Takes the lock, and starts the task that keeps it. The lock does not count yet.
pub(super) async fn claim(url: &str, lock_mode: LockMode) -> Result<Kept, DatabaseLockError> {
    let keeper = Keeper {
        options: read_postgres_url(url)?.application_name("rescind lock"),
        lock_mode,
        belief: Arc::default(),
    };
    match timeout(GIVE_UP, refuse_pooler(&keeper.options)).await {
        Ok(Err(ConnectError::Unreachable(source))) => return Err(DatabaseLockError::Unreachable(source)),
        Ok(looked) => looked?,
        Err(_) => return Err(unreachable(LockError::Silent)),
    }
    let patience = tokio::time::Instant::now() + PATIENCE;
    let held = loop {
        match keeper.acquire(None).await.map_err(unreachable)? {
            Some(held) => break held,
            None if tokio::time::Instant::now() < patience => sleep(BETWEEN_TRIES).await,
            None => {
                return Err(DatabaseLockError::InUse {
                    asked: lock_mode,
                    lock: None,
                });
            }
        }
    };
    let (belief, keeper) = (Arc::clone(&keeper.belief), Arc::new(keeper));
    let mut held = Some(held);
    let keeping = supervise("lock", move || Arc::clone(&keeper).keep(held.take()));
    Ok(Kept {
        belief,
        keeper: tokio::spawn(async move {
            keeping.await;
        }),
    })
}

struct Keeper {
    options: PgConnectOptions,
    lock_mode: LockMode,
    belief: Arc<Belief>,
}

/// A session that was granted the lock.
struct Held {
    session: PgConnection,
    name: SessionName,
    /// When the grant was known here, as the time since boot.
    since: Duration,
    /// Whether another sharer had waited.
    joined: bool,
}

/// The last beat that counted.
struct LastBeat {
    began: Duration,
    mark: Mark,
}

/// The value that the last node that waited has drawn, in one database and one history of it. `None` before the schema
/// exists: then no node can have one.
type Mark = Option<String>;

const READ_MARK: &str = "SELECT concat_ws('/', (SELECT oid FROM pg_database WHERE datname = current_database()),
    substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), (SELECT holder FROM rescind_database_lock)) AS mark";
const DRAW_MARK: &str = "UPDATE rescind_database_lock SET holder = gen_random_uuid() RETURNING holder";

/// Identifies a session for another session of the same node. Process numbers are reused; together with the start time
/// they are unique.
struct SessionName {
    process: i32,
    born: String,
}

#[derive(Debug, thiserror::Error)]
enum LockError {
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    #[error("it did not answer in time")]
    Silent,
    #[error("the session does not hold its granted lock: there may be a pooler that changes sessions")]
    NotHeld,
    #[error("the server has become a standby")]
    Standby,
}

fn unreachable(error: LockError) -> DatabaseLockError {
    let source: Box<dyn Error + Send + Sync> = match error {
        // Without its details.
        LockError::Sql(sqlx::Error::Database(error)) => error.message().to_owned().into(),
        other => other.into(),
    };
    DatabaseLockError::Unreachable(source)
}

impl Keeper {
    /// Keeps the lock, and takes it again after each loss. `granted` is `None` if the task before this one failed.
    async fn keep(self: Arc<Self>, granted: Option<Held>) {
        let mut last = None;
        let mut held = match granted {
            Some(held) => held,
            None => {
                self.belief.end();
                let regained;
                (regained, last) = self.regain(None, None).await;
                regained
            }
        };
        loop {
            let error = self.believe(&mut held, &mut last).await;
            self.belief.end();
            tracing::error!(
                %error,
                "the lock on the database may be lost: this node cannot check revocations until it holds it again"
            );
            (held, last) = self.regain(Some(&held.name), last).await;
            tracing::info!("this node holds the lock on the database again");
        }
    }

    /// Renews the belief with each beat from which the lock counts, until a beat fails.
    async fn believe(&self, held: &mut Held, last: &mut Option<LastBeat>) -> LockError {
        let mut tick = beats();
        loop {
            tick.tick().await;
            let beat = match last {
                None => self.settle(held, None).await,
                Some(_) => self.beat_with_mark(held).await,
            };
            match beat {
                Ok(beat) => self.belief.renew(last.insert(beat).began),
                Err(error) => return error,
            }
        }
    }

    async fn regain(&self, lost: Option<&SessionName>, last: Option<LastBeat>) -> (Held, Option<LastBeat>) {
        let mut told = false;
        loop {
            let regained = async {
                match self.acquire(lost).await? {
                    Some(mut held) => {
                        let beat = self.settle(&mut held, last.as_ref()).await?;
                        Ok(Some((held, beat)))
                    }
                    None => Ok::<_, LockError>(None),
                }
            };
            match regained.await {
                Ok(Some((held, beat))) => {
                    if let Some(act) = self.belief.when_regained.get() {
                        act();
                    }
                    self.belief.renew(beat.began);
                    return (held, Some(beat));
                }
                Ok(None) if !told => {
                    told = true;
                    tracing::error!("another rescind has taken the database; this one waits until it is free");
                }
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "the lock on the database cannot be taken"),
            }
            sleep(BETWEEN_TRIES).await;
        }
    }

    /// Tries once to get the lock in a new session; `None` if another node has it. An earlier session of this node is
    /// ended first: the server may not have noticed yet that its client is gone.
    async fn acquire(&self, lost: Option<&SessionName>) -> Result<Option<Held>, LockError> {
        let mut session = timeout(GIVE_UP, self.options.connect())
            .await
            .map_err(|_| LockError::Silent)??;
        // If a client vanishes silently, the server must notice within seconds, not within its default of two hours.
        // And the mark must be on this server's disk before the lock counts, with any setting of the server; a
        // standby that lacks the mark is recognised by its history.
        let greeting = "SELECT set_config('default_transaction_read_only', 'off', false),
                set_config('synchronous_commit', 'local', false),
                set_config('tcp_keepalives_idle', '2', false),
                set_config('tcp_keepalives_interval', '1', false),
                set_config('tcp_keepalives_count', '3', false),
                pid, extract(epoch FROM backend_start)::text AS born
            FROM pg_stat_activity WHERE pid = pg_backend_pid()";
        let row = ask(&mut session, greeting.to_owned()).await?;
        let name = SessionName {
            process: row.try_get("pid")?,
            born: row.try_get("born")?,
        };
        if let Some(SessionName { process, born }) = lost {
            let end = format!(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                 WHERE pid = {process} AND extract(epoch FROM backend_start)::text = '{born}'"
            );
            ask(&mut session, end).await?;
        }
        let how = match self.lock_mode {
            LockMode::Exclusive => "pg_try_advisory_lock",
            LockMode::Shared => "pg_try_advisory_lock_shared",
        };
        let granted = ask(&mut session, format!("SELECT {how}({CLASS}, {DATABASE})")).await?;
        if !granted.try_get::<bool, _>(0)? {
            return Ok(None);
        }
        let since = self.belief.clock.since_boot();
        let joined = match self.lock_mode {
            LockMode::Exclusive => false,
            // Only now, because this session already excludes nodes that want to be alone.
            LockMode::Shared => {
                let others = format!("SELECT EXISTS ({})", locks(SETTLED, "pid <> pg_backend_pid()"));
                ask(&mut session, others).await?.try_get(0)?
            }
        };
        Ok(Some(Held {
            session,
            name,
            since,
            joined,
        }))
    }

    /// Waits until the lock counts, and returns the beat from which it does. `last` is the last beat of an earlier lock
    /// of this node.
    async fn settle(&self, held: &mut Held, last: Option<&LastBeat>) -> Result<LastBeat, LockError> {
        let is_back = match last {
            Some(last) if held.since.saturating_sub(last.began) <= BELIEF => true,
            Some(LastBeat { mark: Some(mark), .. }) => read_mark(held).await?.as_ref() == Some(mark),
            _ => false,
        };
        let pause = if held.joined || is_back { Duration::ZERO } else { PAUSE };
        let from = held.since.saturating_add(pause);
        let mut tick = beats();
        loop {
            tick.tick().await;
            let began = self.beat(held).await?;
            if began >= from {
                if !pause.is_zero() {
                    unless_no_schema(ask(&mut held.session, DRAW_MARK.to_owned()).await)?;
                }
                let mark = read_mark(held).await?;
                if self.lock_mode == LockMode::Shared {
                    let settled = format!("SELECT pg_advisory_lock_shared({CLASS}, {SETTLED})");
                    ask(&mut held.session, settled).await?;
                }
                return Ok(LastBeat { began, mark });
            }
        }
    }

    async fn beat_with_mark(&self, held: &mut Held) -> Result<LastBeat, LockError> {
        let began = self.beat(held).await?;
        // After the beat: until the session ends, only nodes that share the lock can draw one.
        let mark = read_mark(held).await?;
        Ok(LastBeat { began, mark })
    }

    /// One heartbeat. Returns when it began.
    async fn beat(&self, held: &mut Held) -> Result<Duration, LockError> {
        let mode = match self.lock_mode {
            LockMode::Exclusive => "ExclusiveLock",
            LockMode::Shared => "ShareLock",
        };
        let own = format!("pid = pg_backend_pid() AND mode = '{mode}'");
        let question = format!(
            "SELECT pg_is_in_recovery() AS is_standby, EXISTS ({}) AS holds",
            locks(DATABASE, &own)
        );
        let began = self.belief.clock.since_boot();
        let answer = ask(&mut held.session, question).await?;
        if answer.try_get("is_standby")? {
            return Err(LockError::Standby);
        }
        if !answer.try_get::<bool, _>("holds")? {
            return Err(LockError::NotHeld);
        }
        Ok(began)
    }
}

async fn read_mark(held: &mut Held) -> Result<Mark, LockError> {
    let row = unless_no_schema(ask(&mut held.session, READ_MARK.to_owned()).await)?;
    Ok(row.map(|row| row.try_get("mark")).transpose()?)
}

/// A lock is taken before the schema exists. Then two nodes that start both wait, which is safe.
fn unless_no_schema(answer: Result<PgRow, LockError>) -> Result<Option<PgRow>, LockError> {
    match answer {
        Ok(row) => Ok(Some(row)),
        Err(LockError::Sql(sqlx::Error::Database(error))) if error.code().as_deref() == Some("42P01") => Ok(None),
        Err(error) => Err(error),
    }
}

fn beats() -> tokio::time::Interval {
    let mut tick = interval(BEAT);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}

/// The granted locks of that purpose on this database. (`objsubid` 2: of two numbers.)
fn locks(purpose: i32, whose: &str) -> String {
    format!(
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2
            AND classid::bigint = {CLASS} AND objid::bigint = {purpose} AND {whose}
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
}

/// One query with one row. It contains no outside input. After an error the session is unusable.
async fn ask(session: &mut PgConnection, question: String) -> Result<PgRow, LockError> {
    let answer = sqlx::raw_sql(AssertSqlSafe(question));
    match timeout(GIVE_UP, answer.fetch_one(session)).await {
        Ok(row) => Ok(row?),
        Err(_) => Err(LockError::Silent),
    }
}
