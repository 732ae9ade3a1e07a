//! The blacklist in Redis, which any number of nodes share.
//!
//! **The problem** is not to keep entries but to notice that they are lost. Redis answers nil for a session that was
//! never revoked, and nil for one whose revocation was lost: after a restart, a `FLUSHALL`, a failover to a replica
//! that had missed the last writes. And two servers may claim at the same time to be the primary. So Redis also holds a
//! mark, read in the same command. It records for which log, **in which life of which server**, and up to which entry
//! the copy is complete. The database stores which life counts, and a node reads that for one lease at a time
//! ([`trust`]). `docs/amnesia.md` has the whole argument, with the interleavings that were considered and what is not
//! promised.
//!
//! **One check is one command**: `MGET mark token session`, all in one slot, over one connection that all checks share
//! ([`shared`]). The server is known beforehand: a connection identifies it when it is made ([`connections`]), and leads
//! to one process until it is closed.
//!
//! **Every change of the copy is a script** that identifies the server itself ([`scripts`]): Redis runs scripts one at
//! a time, so no flush, no failover and no other node can come between the check and the write. Each script returns the
//! life in which it ran.
//!
//! Rejected: the server's name in a script on every check, which is forty times the work of an `MGET` for Redis
//! (`docs/amnesia.md` has the figures); a mark with a random number instead of a name, which an old snapshot restores
//! with the entries; keyspace notifications, which get lost; `WAIT`, which reports that a replica has received a write,
//! but not that this replica will be the one that is promoted; an address as the proof of which server counts, since an
//! address can change back.

mod address;
mod connections;
mod error;
mod holders;
mod keys;
mod reader;
mod replicated;
mod scripts;
mod seat;
mod shared;
mod trust;

pub use error::RedisConnectError;
pub use reader::RedisReader;
pub use replicated::ReplicatedBlacklist;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use deadpool::managed::{Manager as _, Object, Pool, PoolError};
use deadpool_redis::redis::FromRedisValue;
use jiff::Timestamp;
use rescind_session::{
    Position, Revocation, Scope,
    life::{Life, LogPosition, Timing},
    ports::{Blacklist, ClaimOutcome, LifeRegister, RebuildClaim, RebuildStep, RevocationStatus, StoreError},
};
use rescind_token::{SessionId, TokenId};
use uuid::Uuid;

use crate::HighWater;

use address::Address;
use connections::{Connections, Identify, Question};
use error::Failure;
use keys::Keys;
use scripts::{CLAIM, COMPLETE, INSERT, PRUNE, RAISE};
use seat::{Request, Seat};
use shared::{Link, Shared};
use trust::Trusted;

/// How many entries one script writes or removes: about a millisecond, in which Redis serves no other client.
const AT_ONCE: usize = 500;

/// How much longer than necessary Redis keeps an entry. Redis measures the time by its own wall clock: only a step of
/// more than this can drop an entry early, and [`MARK_LASTS`] is shorter, so the mark is gone by then.
const SLACK: Duration = Duration::from_secs(60 * 60);

/// How long the mark stays without being renewed. Each node renews it twice a second.
const MARK_LASTS: Duration = Duration::from_secs(30 * 60);

/// How long a claim is valid after the last page: a node that fails while it fills delays the others by no more than
/// this.
const CLAIM_LASTS: Duration = Duration::from_secs(5);

/// The longest time for which an entry is kept, so that no sum in Redis overflows.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// How Redis is used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisSettings {
    /// The number of connections for changes of the copy, at least one. All checks share one more, and so the checks wait
    /// for none of them. Default 8.
    pub connections: usize,
    /// The longest that a command waits: for a free connection, for a new one, and for the reply. Default 500 ms.
    pub timeout: Duration,
    /// The prefix of all keys, in braces, which puts them into one slot of a cluster. Two programs that share a Redis
    /// but not a database need two; the nodes and commands of one database need the same. Default `rescind`.
    pub namespace: String,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            connections: 8,
            timeout: Duration::from_millis(500),
            namespace: keys::NAMESPACE.to_owned(),
        }
    }
}

rescind_session::__setters!(RedisSettings {
    connections: usize,
    timeout: Duration,
    namespace: String,
});

/// The blacklist in Redis, shared by every node. `Debug` never prints the URL: it may contain a password.
#[derive(derive_more::Debug)]
#[debug("RedisBlacklist({keys:?})")]
pub struct RedisBlacklist {
    pool: Pool<Connections>,
    /// The connection of the checks.
    shared: Shared,
    trust: Arc<Trusted>,
    keys: Keys,
    timeout: Duration,
    /// This node in the table of holders.
    seat: Seat,
}

impl RedisBlacklist {
    /// Connects to the Redis that a `REDIS_URL` names, and checks that it is reliable.
    ///
    /// | URL | what it names |
    /// | --- | --- |
    /// | `redis://host:port/db` | one server |
    /// | `redis+sentinel://host:port,host:port/master-name/db` | the primary of that name, by its sentinels |
    /// | `redis+cluster://host:port,host:port` | a cluster, by some of its nodes |
    ///
    /// Ports and `/db` may be left out. `user:password@` before the first host is for the servers, not for sentinels.
    /// `rediss` instead of `redis` is TLS, with the certificates that the machine trusts (or those in the file that
    /// `SSL_CERT_FILE` names). If no cryptography has been chosen for rustls in this process, TLS chooses AWS-LC for it.
    ///
    /// # Errors
    /// [`RedisConnectError`]: the URL cannot be read, Redis cannot be reached, it is a replica, or it may evict entries.
    pub async fn connect(url: &str, settings: &RedisSettings) -> Result<Self, RedisConnectError> {
        let blacklist = Self::unconnected(url, settings)?;
        blacklist.verify_server().await?;
        Ok(blacklist)
    }

    /// The same without a connection yet: for a node that has to start while Redis is away.
    ///
    /// # Errors
    /// [`RedisConnectError`]: the URL cannot be read.
    pub fn unconnected(url: &str, settings: &RedisSettings) -> Result<Self, RedisConnectError> {
        Self::at(Address::read(url)?, settings, Identify::ByScript)
    }

    fn at(address: Address, settings: &RedisSettings, identify: Identify) -> Result<Self, RedisConnectError> {
        let keys = Keys::under(&settings.namespace)?;
        let trust = Arc::new(Trusted::at(address.place(&settings.namespace)));
        let connections = Connections::to(address, &keys, Arc::clone(&trust), identify)?;
        let pool = Pool::builder(connections)
            .max_size(settings.connections.max(1))
            .build()
            .map_err(|error| RedisConnectError::Unusable(error.into()))?;
        Ok(Self {
            pool,
            shared: Shared::new(settings.timeout),
            trust,
            keys,
            timeout: settings.timeout,
            seat: Seat::new()?,
        })
    }

    /// Checks that Redis is reachable and reliable.
    ///
    /// # Errors
    /// [`RedisConnectError`]; [`may_pass`](RedisConnectError::may_pass) returns whether a retry may help.
    pub async fn verify_server(&self) -> Result<(), RedisConnectError> {
        // Making a connection includes all checks.
        match tokio::time::timeout(self.timeout, self.connection()).await {
            Ok(connection) => {
                drop(connection?);
                Ok(())
            }
            Err(_) => Err(Failure::TimedOut(self.timeout).into()),
        }
    }

    /// Stores the high-water mark of a database, and returns the highest stored position of its log and the highest
    /// instant. With `reset` the earlier values are deleted first.
    ///
    /// # Errors
    /// [`StoreError`] if Redis does not answer, or does not write.
    pub async fn raise_high_water(&self, known: HighWater, reset: bool) -> Result<HighWater, StoreError> {
        let newest = &self.keys.high_water;
        let keys = vec![format!("{newest}:{}", known.log.as_uuid()), newest.clone()];
        let instant = known.newest.map_or(0, Timestamp::as_millisecond);
        let arguments = [
            known.position.get().to_string(),
            instant.to_string(),
            u8::from(reset).to_string(),
        ];
        let question = Question::Script(&RAISE, keys, arguments.into());
        let ((position, newest), _) = self.ask::<(u64, i64)>(&question).await?;
        Ok(HighWater {
            position: Position::new(position),
            newest: Timestamp::from_millisecond(newest).ok().filter(|_| newest > 0),
            ..known
        })
    }

    /// Sends a command, within the time limit of a request.
    async fn ask<T: FromRedisValue>(&self, question: &Question<'_>) -> Result<(T, Object<Connections>), Failure> {
        tokio::time::timeout(self.timeout, self.query_without_timeout(question))
            .await
            .unwrap_or(Err(Failure::TimedOut(self.timeout)))
    }

    /// If the server was restarted, a pooled connection fails when it is used. Then all connections are replaced and
    /// the command is sent once more: every command here may be repeated.
    async fn query_without_timeout<T: FromRedisValue>(
        &self,
        question: &Question<'_>,
    ) -> Result<(T, Object<Connections>), Failure> {
        let mut connection = self.connection().await?;
        let failure = match connection.ask(question).await {
            Ok(answer) => return Ok((answer, connection)),
            Err(failure) => failure,
        };
        if failure.is_of_a_stale_connection() {
            self.trust.renew_connections_of(connection.made_as());
        }
        drop(connection);
        if !failure.is_lost_connection() {
            return Err(failure);
        }
        let mut connection = self.connection().await?;
        let answer = connection.ask(question).await?;
        Ok((answer, connection))
    }

    /// Sends the command of a check over the connection that all checks share.
    async fn ask_shared<T: FromRedisValue>(&self, question: &Question<'_>) -> Result<(T, Arc<Link>), Failure> {
        tokio::time::timeout(self.timeout, self.shared.ask(&self.pool, &self.trust, question))
            .await
            .unwrap_or(Err(Failure::TimedOut(self.timeout)))
    }

    async fn connection(&self) -> Result<Object<Connections>, Failure> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(failure) => failure,
            _ => Failure::NoConnection,
        })
    }

    /// Lets the database decide which Redis counts. Without a register this node is alone with its Redis, and trusts
    /// the one that it finds.
    pub fn set_register(&self, register: Arc<dyn LifeRegister>) {
        self.trust.set_register(register);
    }

    /// Asks the address over a new connection for its life, and the register whether that life counts.
    async fn try_renew(&self) -> Result<(), Failure> {
        let asked_at = self.trust.now();
        let renewal = async {
            let connection = self.pool.manager().create().await?;
            self.trust.found(asked_at, connection.life()).await
        };
        // No request waits for it, and if it takes longer than a lease it renews nothing.
        let longest = Timing::FORMAT.lease;
        tokio::time::timeout(longest, renewal)
            .await
            .unwrap_or(Err(Failure::TimedOut(longest)))
    }

    /// Writes a page, and returns whether the condition held.
    async fn write(&self, condition: Condition, page: &[Revocation]) -> Result<RebuildStep, Failure> {
        let (name, claim, from, to) = match condition {
            Condition::Fill(claim) => ("fill", claim, Position::START, LogPosition::START),
            Condition::Advance(claim, from, to) => ("advance", claim, from, to),
        };
        let (log, nonce) = claim_args(claim);
        let keys = [&self.keys.mark, &self.keys.claim, &self.keys.until]
            .into_iter()
            .cloned()
            .chain(page.iter().map(|revocation| self.keys.entry(revocation.scope)))
            .collect();
        let [position, entry] = place_in_words(to);
        let mut arguments = vec![
            log,
            nonce,
            millis(CLAIM_LASTS).to_string(),
            millis(MARK_LASTS).to_string(),
            name.to_owned(),
            from.get().to_string(),
            position,
            entry,
        ];
        for revocation in page {
            arguments.push(revocation.until.as_millisecond().to_string());
            arguments.push(entry_ttl(revocation).to_string());
        }
        let question = Question::Script(&INSERT, keys, arguments);
        let ((_, holds), _) = self.ask::<(String, bool)>(&question).await?;
        Ok(filling(holds))
    }

    /// The parts of a page, one after the other. Only the last part's end has an entry id.
    async fn advance_all(
        &self,
        claim: RebuildClaim,
        mut from: Position,
        to: LogPosition,
        mut revocations: &[Revocation],
    ) -> Result<RebuildStep, Failure> {
        loop {
            let (part, rest) = revocations.split_at(revocations.len().min(AT_ONCE));
            let end = match part.last() {
                Some(last) if !rest.is_empty() => LogPosition {
                    position: last.position,
                    entry: None,
                },
                _ => to,
            };
            // Even for an empty page the answer is whether the condition holds.
            let step = self.write(Condition::Advance(claim, from, end), part).await?;
            if rest.is_empty() || step == RebuildStep::ClaimLost {
                return Ok(step);
            }
            (from, revocations) = (end.position, rest);
        }
    }

    /// The parts of a page of a fill, three at a time: while Redis runs one, the next waits there, and between two of them
    /// it serves other clients. Each checks the claim, and the mark is set only after all of them, so their order does not
    /// matter.
    async fn fill_all(&self, claim: RebuildClaim, revocations: &[Revocation]) -> Result<RebuildStep, Failure> {
        if revocations.is_empty() {
            return self.write(Condition::Fill(claim), &[]).await;
        }
        let parts = Mutex::new(revocations.chunks(AT_ONCE));
        let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
        let one_by_one = || {
            Box::pin(async {
                while let Some(part) = next() {
                    if self.write(Condition::Fill(claim), part).await? == RebuildStep::ClaimLost {
                        return Ok(RebuildStep::ClaimLost);
                    }
                }
                Ok::<_, Failure>(RebuildStep::Accepted)
            })
        };
        for done in <[_; 3]>::from(tokio::join!(one_by_one(), one_by_one(), one_by_one())) {
            if done? == RebuildStep::ClaimLost {
                return Ok(RebuildStep::ClaimLost);
            }
        }
        Ok(RebuildStep::Accepted)
    }

    // ANCHOR: revocation_status
    async fn revocation_status(&self, token: TokenId, session: SessionId) -> Result<RevocationStatus, Failure> {
        let check = self.trust.check_begins();
        let scopes = [Scope::Token(token), Scope::Session(session)];
        let [token_key, session_key] = scopes.map(|scope| self.keys.entry(scope));
        let question = Question::Values(vec![self.keys.mark.clone(), token_key, session_key]);
        let ((mark, token_entry, session_entry), link) = self.ask_shared::<(Value, Value, Value)>(&question).await?;
        // An existing entry refuses, whatever its `until`.
        if session_entry.is_some() {
            return Ok(RevocationStatus::Revoked(Scope::Session(session)));
        }
        if token_entry.is_some() {
            return Ok(RevocationStatus::Revoked(Scope::Token(token)));
        }
        let life = link.life();
        let is_clear = self.trust.term().is_some_and(|term| {
            let of = format!("{} {} ", term.log.as_uuid(), term.life.as_str());
            mark.is_some_and(|mark| mark.starts_with(of.as_bytes()))
        }) && check.is_some_and(|check| self.trust.accepts(&check, life));
        if is_clear {
            return Ok(RevocationStatus::NotRevoked);
        }
        if self.trust.term().is_none_or(|term| term.life != *life) {
            link.give_up();
        }
        Ok(RevocationStatus::Incomplete)
    }
    // ANCHOR_END: revocation_status

    async fn claim_once(&self, claim: RebuildClaim) -> Result<Option<ClaimOutcome>, Failure> {
        let Some(term) = self.trust.term().filter(|term| term.log == claim.log) else {
            return Err(Failure::NotInForce);
        };
        self.trust.sync_begins(claim.nonce);
        let (log, nonce) = claim_args(claim);
        let arguments = vec![
            log,
            nonce,
            millis(CLAIM_LASTS).to_string(),
            millis(MARK_LASTS).to_string(),
            term.life.as_str().to_owned(),
        ];
        let keys = vec![self.keys.mark.clone(), self.keys.claim.clone()];
        let question = Question::Script(&CLAIM, keys, arguments);
        let ((role, _, policy, outcome, position, entry), _) = self
            .ask::<(String, String, String, String, u64, String)>(&question)
            .await?;
        if let Err(failure) = connections::relied_on(&role, &policy) {
            self.trust.lose();
            return Err(failure);
        }
        match outcome.as_str() {
            "complete" => {
                self.trust.goes_on(claim.nonce);
                Ok(Some(ClaimOutcome::CompleteTo(LogPosition {
                    position: Position::new(position),
                    entry: Uuid::parse_str(&entry).ok(),
                })))
            }
            "to be filled" => Ok(Some(ClaimOutcome::Granted)),
            "by another" => Ok(Some(ClaimOutcome::HeldByOther)),
            "another life" => Ok(None),
            "in use" => Err(Failure::InUse),
            _ => Err(Failure::Unreadable),
        }
    }
}

/// The value of a key. In the place of an entry any value refuses; a mark that is not text counts as missing.
type Value = Option<Vec<u8>>;

/// The condition for writing a page.
#[derive(Clone, Copy)]
enum Condition {
    /// The claim is still valid.
    Fill(RebuildClaim),
    /// The copy is complete up to that position; then it is complete up to the end of the page.
    Advance(RebuildClaim, Position, LogPosition),
}

/// A place as arguments for the scripts.
fn place_in_words(place: LogPosition) -> [String; 2] {
    let entry = place.entry.map_or_else(|| "-".to_owned(), |entry| entry.to_string());
    [place.position.get().to_string(), entry]
}

/// How long Redis keeps an entry, counted from when Redis receives it, which is never before `at`. So no clock of ours
/// is compared with Redis's.
fn entry_ttl(revocation: &Revocation) -> u64 {
    let needed = revocation.until.duration_since(revocation.at);
    let needed = Duration::try_from(needed).unwrap_or_default();
    millis(needed.min(LONGEST) + SLACK)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn claim_args(claim: RebuildClaim) -> (String, String) {
    (claim.log.as_uuid().to_string(), claim.nonce.to_string())
}

fn filling(stands: bool) -> RebuildStep {
    if stands {
        RebuildStep::Accepted
    } else {
        RebuildStep::ClaimLost
    }
}

#[async_trait]
impl Blacklist for RedisBlacklist {
    async fn insert(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        Ok(self.try_insert(revocations).await?)
    }

    async fn check(&self, token: TokenId, session: SessionId) -> Result<RevocationStatus, StoreError> {
        Ok(self.revocation_status(token, session).await?)
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let Some(term) = self.trust.term() else { return Ok(0) };
        let keys = vec![self.keys.mark.clone(), self.keys.until.clone()];
        let mut removed = 0;
        loop {
            let batch = (u64::from(limit) - removed).min(AT_ONCE as u64);
            let arguments = vec![
                now.as_millisecond().to_string(),
                batch.to_string(),
                term.log.as_uuid().to_string(),
                term.life.as_str().to_owned(),
            ];
            let question = Question::Script(&PRUNE, keys.clone(), arguments);
            let (went, _) = self.ask::<u64>(&question).await?;
            removed += went.min(batch);
            if went < batch || removed == u64::from(limit) {
                return Ok(removed);
            }
        }
    }

    async fn claim(&self, claim: RebuildClaim) -> Result<ClaimOutcome, StoreError> {
        if !self.trust.is_of(claim.log) {
            self.try_renew().await?;
        }
        match self.claim_once(claim).await? {
            Some(copied) => Ok(copied),
            // Another life answers than the last one that was found.
            None => {
                self.trust.renew_connections();
                self.try_renew().await?;
                Ok(self.claim_once(claim).await?.ok_or(Failure::NotInForce)?)
            }
        }
    }

    async fn fill(&self, claim: RebuildClaim, revocations: &[Revocation]) -> Result<RebuildStep, StoreError> {
        Ok(self.fill_all(claim, revocations).await?)
    }

    async fn advance(
        &self,
        claim: RebuildClaim,
        from: Position,
        to: LogPosition,
        revocations: &[Revocation],
    ) -> Result<RebuildStep, StoreError> {
        Ok(self.advance_all(claim, from, to, revocations).await?)
    }

    /// The copy is marked as of the log's start: the next sync reads all of it.
    async fn complete(&self, claim: RebuildClaim) -> Result<RebuildStep, StoreError> {
        self.complete_to(claim, LogPosition::START).await
    }

    async fn complete_to(&self, claim: RebuildClaim, to: LogPosition) -> Result<RebuildStep, StoreError> {
        let (log, nonce) = claim_args(claim);
        let keys = vec![self.keys.mark.clone(), self.keys.claim.clone()];
        let [position, entry] = place_in_words(to);
        let how = if self.trust.fills(claim.nonce) {
            "fill"
        } else {
            "advance"
        };
        let lasts = millis(MARK_LASTS).to_string();
        let arguments = vec![log, nonce, lasts, position, entry, how.to_owned()];
        let question = Question::Script(&COMPLETE, keys, arguments);
        let ((life, stands), _) = self.ask::<(String, bool)>(&question).await?;
        if stands {
            self.trust.sync_ended(claim.nonce, &Life::new(&life));
        }
        Ok(filling(stands))
    }

    /// The row says that this node reads directly: it has no lease that others wait for.
    async fn renew(&self) -> Result<(), StoreError> {
        self.try_renew().await?;
        if let Some(trust) = self.trust.term() {
            self.renew_row(&Request::direct(trust)).await?;
        }
        Ok(())
    }

    fn is_shared(&self) -> bool {
        true
    }
}
